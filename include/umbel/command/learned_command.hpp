// learned_command.hpp: what a server has told of a command that the table does not have: a row of its own,
// and where its keys stand where no form of the table says it. It knows neither replies (command_info.hpp
// reads them) nor who keeps it.
#pragma once

#include <umbel/command/command_table.hpp>
#include <umbel/command/key_positions.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace umbel::command {

/// One key specification. Units/shape: indices as the server counts them, the command's name being 0.
/// Rule: Redis documentation, "Command key specifications".
struct key_specification {
    std::string keyword{};   ///< The keys begin behind it; empty: they begin at `begin`.
    std::int32_t begin = 0;  ///< Of the keyword: where to look from; below zero: from the end, backwards.
    bool counted = false;    ///< A number of keys stands at `number_at` behind the beginning.
    std::int32_t number_at = 0;
    std::int32_t first = 0;  ///< Counted: where the keys begin, behind the beginning.
    std::int32_t last = 0;   ///< Else: the last key behind the beginning; below zero: from the end.
    std::int32_t limit = 0;  ///< With `last` -1: the keys are the first of so many shares of the rest.
    std::int32_t step = 1;
    bool no_key = false;      ///< It is hashed and redirected like a key, and is none.
    bool incomplete = false;  ///< There may be more keys than it finds.
    friend bool operator==(key_specification const&, key_specification const&) = default;
};

/// What a server has told of a command, or of one subcommand.
/// Lifetime: never moved, because its row names itself. Threading: immutable once it is made known.
struct learned_command : command_traits {
    static constexpr std::size_t specifications_max = 16;
    static constexpr std::size_t subcommands_max = 512;

    std::string own_name;                             ///< Behind command_traits::name.
    std::vector<key_specification> specifications{};  ///< Only for key_search::specified.
    std::vector<std::unique_ptr<learned_command>> subcommands{};

    explicit learned_command(std::string_view its_name)
        : command_traits{.name = {}, .arity = -1, .flags = command_flag::none, .keys = {}},
          own_name{its_name} {
        name = own_name;
    }
    learned_command(learned_command const&) = delete;
    learned_command& operator=(learned_command const&) = delete;

    /// True where both say the same.
    friend bool operator==(learned_command const& left, learned_command const& right) noexcept {
        command_traits const& row = left;
        return row == right && left.specifications == right.specifications &&
               std::equal(left.subcommands.begin(), left.subcommands.end(), right.subcommands.begin(),
                          right.subcommands.end(),
                          [](auto const& one, auto const& other) { return *one == *other; });
    }

    /// The row of what `argv` calls: this, or that of a subcommand; null where the server knows none of the
    /// name. Precondition: argv calls this command.
    command_traits const* row(argv_view argv) const noexcept {
        if (subcommands.empty() || argv.size() < 2) return this;
        for (auto const& sub : subcommands) {
            std::string_view const text = sub->own_name;
            if (equal_ignoring_case(text.substr(text.find('|') + 1), argv[1])) return sub.get();
        }
        return nullptr;
    }
};

namespace detail {

/// Where the keys of one specification begin, in argv; nothing where it finds none.
constexpr std::optional<std::size_t> specified_begin(key_specification const& spec, argv_view argv) noexcept {
    auto const size = static_cast<std::int64_t>(argv.size());
    if (spec.keyword.empty()) {
        if (spec.begin < 1 || spec.begin >= size) return std::nullopt;
        return static_cast<std::size_t>(spec.begin);
    }
    std::int64_t const from = spec.begin > 0 ? spec.begin : size + spec.begin;
    std::int64_t const way = spec.begin > 0 ? 1 : -1;
    // Rule: getKeysUsingKeySpecs of the servers: the last word in either direction is not looked at.
    std::int64_t const end = spec.begin > 0 ? size - 1 : 1;
    for (std::int64_t at = from; at >= 1 && at < size && at != end; at += way)
        if (equal_ignoring_case(argv[static_cast<std::size_t>(at)], spec.keyword))
            return static_cast<std::size_t>(at) + 1;
    return std::nullopt;
}

/// The keys of one specification; none where the arguments do not reach so far: the server says it better.
/// Errors: bad_argument for a number of keys that is none, or that the arguments do not have.
inline result<key_range> specified_range(command_traits const& traits, key_specification const& spec,
                                         argv_view argv) {
    std::optional<std::size_t> const begin = specified_begin(spec, argv);
    if (!begin) return key_range{};
    auto const size = static_cast<std::int64_t>(argv.size());
    auto first = static_cast<std::int64_t>(*begin);
    std::int64_t last = 0;
    if (spec.counted) {
        std::int64_t const at = first + spec.number_at;
        if (at < 1 || at >= size) return key_range{};
        auto const where = static_cast<std::size_t>(at);
        std::optional<std::size_t> const count = read_key_count(argv[where]);
        if (!count) return bad_key_count(argv, traits, where, "is not a number above zero");
        if (*count == 0) return key_range{};
        first += spec.first;
        last = first + (static_cast<std::int64_t>(*count) - 1) * spec.step;
        if (last >= size)
            return bad_key_count(argv, traits, where, "is larger than the number of arguments behind it");
    } else if (spec.last >= 0) {
        last = first + spec.last;
    } else {
        last = spec.limit > 1 ? first + (size - first) / spec.limit + spec.last : size + spec.last;
    }
    if (first < 1 || last < first || last >= size) return key_range{};
    return range_of(static_cast<std::size_t>(first), static_cast<std::size_t>((last - first) / spec.step + 1),
                    static_cast<std::size_t>(spec.step));
}

/// The keys that all specifications find; where none of them are keys, what is hashed like keys.
/// Errors: bad_argument, also where they stand in more places than two.
inline result<key_positions> find_specified(learned_command const& learned, argv_view argv) {
    for (bool const no_keys : {false, true}) {
        key_positions found{.traits = &learned, .channels = no_keys};
        std::size_t places = 0;
        for (key_specification const& spec : learned.specifications) {
            if (spec.no_key != no_keys) continue;
            result<key_range> const range = specified_range(learned, spec, argv);
            if (!range) return tl::unexpected<error>{range.error()};
            if (range->count == 0) continue;
            if (places == found.ranges.size())
                return fail(errc::bad_argument, delivery::not_sent,
                            blame(argv, &learned) +
                                " has keys in more places than can be followed: mark them by umbel::key");
            found.ranges[places++] = *range;
        }
        if (places != 0) return found;
    }
    return key_positions{.traits = &learned};
}

}  // namespace detail
}  // namespace umbel::command
