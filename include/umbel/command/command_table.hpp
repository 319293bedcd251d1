// command_table.hpp: finds what is known of a command, and decides by its arguments whether it may be
// repeated or shared. It knows no slot and no error: where the keys stand is read by keys_of.hpp.
#pragma once

#include <umbel/command/command_table_data.hpp>
#include <umbel/resp/letter_case.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <span>
#include <string_view>

namespace umbel::command {

/// Arguments as they will be sent, the command's name first.
using argv_view = std::span<std::string_view const>;

using resp::equal_ignoring_case;

/// All rows, sorted by name; a container's subcommands follow it.
constexpr std::span<command_traits const> all_commands() noexcept { return detail::rows; }

/// Finds a command by its name, and a subcommand where the command has some; elsewhere the second name is
/// ignored. Returns nullptr when the table has no such command or subcommand. An empty subcommand finds the
/// container itself. Lifetime: the row is static. Threading: any. Cost: one probe of a hash index, two for a
/// subcommand; no allocation.
constexpr command_traits const* find_command(std::string_view name,
                                             std::string_view subcommand_or_empty) noexcept;

/// Finds the command that `argv` calls, or nullptr; also nullptr for an empty argv.
constexpr command_traits const* find_command(argv_view argv) noexcept;

/// True when `argv` changes connection state or the number of replies, or blocks: it may not travel on a
/// shared connection. Looks at the arguments where they decide (XREAD … BLOCK). An unknown command is taken
/// to be shareable, an unknown subcommand of CLIENT is not: most of those change the connection.
constexpr bool needs_lease(argv_view argv) noexcept;
/// The same with the row already found. Precondition: `traits` is what find_command(argv) returned.
constexpr bool needs_lease(command_traits const& traits, argv_view argv) noexcept;

/// True when `argv` may run twice in place of once: the same state and the same reply, with nobody else
/// writing in between. An expiry may count from the second run. Conservative: false for an unknown command
/// and for what nobody has proven.
constexpr bool is_idempotent(argv_view argv) noexcept;
/// The same with the row already found. Precondition: `traits` is what find_command(argv) returned.
constexpr bool is_idempotent(command_traits const& traits, argv_view argv) noexcept;

// -------------------------------------------------------------------------------------------------

namespace detail {

using resp::letters::load, resp::letters::load_short, resp::letters::lower;

/// Mixes length and both ends of a name in lower case; what is between 16 bytes of ends is left to the
/// comparison that follows.
constexpr std::uint64_t hash_of(std::string_view name) noexcept {
    std::size_t const size = name.size();
    std::uint64_t const head = size < 8 ? load_short(name.data(), size) : load<8>(name.data());
    std::uint64_t const tail = size < 8 ? 0 : load<8>(name.data() + size - 8);
    std::uint64_t const mixed =
        (lower(head) + size) * 0x9E3779B97F4A7C15U ^ lower(tail) * 0xC2B2AE3D27D4EB4FU;
    return mixed ^ mixed >> 32;
}

constexpr std::uint64_t hash_of(std::string_view name, std::string_view subcommand) noexcept {
    return subcommand.empty() ? hash_of(name) : hash_of(name) * 31 + hash_of(subcommand);
}

/// True when `row` is "name", or "name|subcommand" where one is given.
constexpr bool is_named(std::string_view row, std::string_view name, std::string_view subcommand) noexcept {
    if (subcommand.empty()) return equal_ignoring_case(row, name);
    return row.size() == name.size() + 1 + subcommand.size() && row[name.size()] == '|' &&
           equal_ignoring_case(row.substr(0, name.size()), name) &&
           equal_ignoring_case(row.substr(name.size() + 1), subcommand);
}

inline constexpr std::size_t row_count = std::size(rows);
inline constexpr std::size_t index_size = 2048;
static_assert(row_count * 2 < index_size,
              "The index is kept less than half full, so that a probe ends soon.");

/// An open-addressed hash index. A place holds the row's number plus one, or zero when it is free;
/// subcommands carry a mark beside it, lest a command named "object|encoding" be found.
using command_index = std::array<std::uint16_t, index_size>;
inline constexpr std::uint16_t subcommand_mark = 0x8000;

constexpr command_index make_index() noexcept {
    command_index index{};
    for (std::size_t row = 0; row < row_count; ++row) {
        std::string_view const name = rows[row].name;
        std::size_t const bar = name.find('|');
        bool const is_subcommand = bar != name.npos;
        std::string_view const subcommand = is_subcommand ? name.substr(bar + 1) : std::string_view{};
        std::size_t place = hash_of(name.substr(0, bar), subcommand) % index_size;
        while (index[place] != 0) place = (place + 1) % index_size;
        index[place] = static_cast<std::uint16_t>((row + 1) | (is_subcommand ? subcommand_mark : 0U));
    }
    return index;
}

inline constexpr command_index index_of_rows = make_index();

/// Finds a row's number, or row_count. Numbers rather than pointers: g++ 12 under its undefined-behaviour
/// sanitizer takes the comparison of an address with nullptr for no constant expression.
constexpr std::size_t find_row(std::string_view name, std::string_view subcommand) noexcept {
    unsigned const mark = subcommand.empty() ? 0U : subcommand_mark;
    std::size_t place = hash_of(name, subcommand) % index_size;
    for (; index_of_rows[place] != 0; place = (place + 1) % index_size) {
        std::size_t const row = (index_of_rows[place] ^ mark) - 1U;
        if (row < row_count && is_named(rows[row].name, name, subcommand)) return row;
    }
    return row_count;
}

constexpr command_traits const* row_or_null(std::size_t row) noexcept {
    return row < row_count ? &rows[row] : nullptr;
}

/// True when an argument from `first` on is `option`.
constexpr bool has_option(argv_view argv, std::size_t first, std::string_view option) noexcept {
    for (std::size_t i = first; i < argv.size(); ++i)
        if (equal_ignoring_case(argv[i], option)) return true;
    return false;
}

/// Where the options of COPY and RESTORE begin, behind what the arity counts; FUNCTION LOAD has its code
/// last.
constexpr std::size_t first_option(command_traits const& traits) noexcept {
    return traits.keys.search == key_search::none ? 2 : static_cast<std::size_t>(-traits.arity);
}

/// True when XREAD or XREADGROUP is told to block. Keys and identifiers stand behind STREAMS and are not
/// looked at.
constexpr bool blocks(argv_view argv) noexcept {
    for (std::size_t i = 1; i < argv.size(); ++i) {
        if (equal_ignoring_case(argv[i], "block")) return true;
        if (equal_ignoring_case(argv[i], "streams")) return false;
        if (equal_ignoring_case(argv[i], "count")) i += 1;
        if (equal_ignoring_case(argv[i], "group")) i += 2;
    }
    return false;
}

/// True for SET with nothing but an expiry. NX, XX, GET and IFEQ look at what is there, which the first run
/// changed or which may have expired since; KEEPTTL would make a key everlasting that expired in between.
constexpr bool sets_plainly(argv_view argv) noexcept {
    if (argv.size() == 3) return true;
    if (argv.size() != 5) return false;
    for (std::string_view const option : {"ex", "px", "exat", "pxat"})
        if (equal_ignoring_case(argv[3], option)) return true;
    return false;
}

/// True when the destination equals none of the arguments behind it, of which the sources are some.
constexpr bool stores_apart(key_spec const& keys, argv_view argv) noexcept {
    std::size_t const destination = keys.destination != 0 ? keys.destination : keys.first;
    for (std::size_t i = destination + 1; i < argv.size(); ++i)
        if (argv[i] == argv[destination]) return false;
    return true;
}

}  // namespace detail

constexpr command_traits const* find_command(std::string_view name,
                                             std::string_view subcommand_or_empty) noexcept {
    std::size_t const row = detail::find_row(name, {});
    bool const is_container = row < detail::row_count && detail::rows[row].is_container();
    return detail::row_or_null(
        is_container && !subcommand_or_empty.empty() ? detail::find_row(name, subcommand_or_empty) : row);
}

constexpr command_traits const* find_command(argv_view argv) noexcept {
    if (argv.empty()) return nullptr;
    std::string_view const second = argv.size() > 1 ? argv[1] : std::string_view{};
    command_traits const* const found = find_command(argv[0], second);
    bool const is_nameless = found != nullptr && found->is_container() && argv.size() > 1;
    return is_nameless ? nullptr : found;
}

constexpr bool needs_lease(command_traits const& traits, argv_view argv) noexcept {
    switch (traits.shares) {
        case sharing::shared: return false;
        case sharing::leased: return true;
        case sharing::unless_block: return detail::blocks(argv);
    }
    return true;
}

constexpr bool needs_lease(argv_view argv) noexcept {
    if (command_traits const* const traits = find_command(argv)) return needs_lease(*traits, argv);
    return !argv.empty() && equal_ignoring_case(argv[0], "client");
}

constexpr bool is_idempotent(command_traits const& traits, argv_view argv) noexcept {
    if (!traits.takes(argv.size())) return false;
    switch (traits.repeated) {
        case repetition::changes: return false;
        case repetition::harmless: return true;
        case repetition::set_options: return detail::sets_plainly(argv);
        case repetition::getex_options:
            return argv.size() == 2 || (argv.size() == 3 && equal_ignoring_case(argv[2], "persist"));
        case repetition::with_replace:
            return detail::has_option(argv, detail::first_option(traits), "replace");
        case repetition::without_store:
            return !detail::has_option(argv, 2, "store") && !detail::has_option(argv, 2, "storedist");
        case repetition::destination_apart: return detail::stores_apart(traits.keys, argv);
    }
    return false;
}

constexpr bool is_idempotent(argv_view argv) noexcept {
    command_traits const* const traits = find_command(argv);
    return traits != nullptr && is_idempotent(*traits, argv);
}

}  // namespace umbel::command
