// command_info.hpp: reads what a server answers to COMMAND INFO, in RESP2 and RESP3, into a row like those
// of the command table. It trusts nothing: what it cannot read it leaves out, and then nothing is learned.
#pragma once

#include <umbel/command/learned_command.hpp>
#include <umbel/resp/view.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>

namespace umbel::command {

/// What the reply to `COMMAND INFO name` says of the command. Null where the server does not know it, or
/// says something that is no description of a command of this name.
/// A key specification that the server marks as unknown is passed over. Where it has none to tell, although
/// there are keys, the first argument is taken for the only one. In both cases, and where a specification is
/// marked as incomplete, the row has command_flag::untold_keys.
/// Errors: throws std::bad_alloc. Rule: Redis documentation, "COMMAND", "COMMAND INFO".
std::unique_ptr<learned_command> read_command_info(resp::view reply, std::string_view name);

// -------------------------------------------------------------------------------------------------

namespace detail {

/// The element at `nth`, or nothing. For replies of any shape.
inline std::optional<resp::view> element(resp::view whole, std::size_t nth) noexcept {
    if (nth >= whole.children_count()) return std::nullopt;
    for (resp::view const each : whole.children())
        if (nth-- == 0) return each;
    return std::nullopt;  // Attributes stood among the elements.
}
/// What stands beside a name in a map, or in the array that RESP2 sends for one.
inline std::optional<resp::view> beside(resp::view map, std::string_view name) noexcept {
    if (map.children_count() % 2 != 0) return std::nullopt;
    for (auto at = map.children().begin(); at != map.children().end(); ++at) {
        bool const found = (*at).is_text() && (*at).text() == name;
        if (++at == map.children().end()) break;
        if (found) return *at;
    }
    return std::nullopt;
}
/// A number in bounds that no argument needs to pass, so that sums of them do not overflow.
inline std::optional<std::int32_t> small(std::optional<resp::view> const& value) noexcept {
    constexpr std::int64_t most = 1'000'000;
    std::optional<std::int64_t> const number = value ? value->integer() : std::nullopt;
    if (!number || *number > most || *number < -most) return std::nullopt;
    return static_cast<std::int32_t>(*number);
}

/// Rule: Redis documentation, "COMMAND", "Flags". Without skip_monitor, by which the table knows scripts.
inline command_flag flag_named(std::string_view name) noexcept {
    static constexpr std::pair<std::string_view, command_flag> flags[]{
        {"write", command_flag::write},           {"readonly", command_flag::read_only},
        {"denyoom", command_flag::deny_oom},      {"admin", command_flag::admin},
        {"pubsub", command_flag::pubsub},         {"noscript", command_flag::no_script},
        {"blocking", command_flag::blocking},     {"loading", command_flag::loading},
        {"stale", command_flag::stale},           {"fast", command_flag::fast},
        {"no_auth", command_flag::no_auth},       {"no_mandatory_keys", command_flag::no_mandatory_keys},
        {"no_multi", command_flag::no_multi},     {"movablekeys", command_flag::movable_keys},
        {"allow_busy", command_flag::allow_busy}, {"module", command_flag::module}};
    for (auto const& [known, flag] : flags)
        if (known == name) return flag;
    return command_flag::none;
}

/// Rule: Redis documentation, "Command tips". A policy of a name that nobody knew is special.
inline void read_tip(learned_command& made, std::string_view tip) noexcept {
    static constexpr std::string_view request = "request_policy:";
    static constexpr std::string_view response = "response_policy:";
    static constexpr std::pair<std::string_view, request_policy> requests[]{
        {"all_nodes", request_policy::all_nodes},
        {"all_shards", request_policy::all_shards},
        {"multi_shard", request_policy::multi_shard}};
    static constexpr std::pair<std::string_view, response_policy> responses[]{
        {"one_succeeded", response_policy::one_succeeded},
        {"all_succeeded", response_policy::all_succeeded},
        {"agg_logical_and", response_policy::agg_logical_and},
        {"agg_logical_or", response_policy::agg_logical_or},
        {"agg_min", response_policy::agg_min},
        {"agg_max", response_policy::agg_max},
        {"agg_sum", response_policy::agg_sum}};
    if (tip.starts_with(request)) {
        made.request = request_policy::special;
        for (auto const& [name, policy] : requests)
            if (tip.substr(request.size()) == name) made.request = policy;
    } else if (tip.starts_with(response)) {
        made.response = response_policy::special;
        for (auto const& [name, policy] : responses)
            if (tip.substr(response.size()) == name) made.response = policy;
    }
}

/// Where the keys of a specification begin. False where it does not say so, or cannot.
inline bool read_begin(key_specification& made, resp::view spec) {
    std::optional<resp::view> const search = beside(spec, "begin_search");
    std::optional<resp::view> const type = search ? beside(*search, "type") : std::nullopt;
    std::optional<resp::view> const how = search ? beside(*search, "spec") : std::nullopt;
    if (!type || !how || !type->is_text()) return false;
    constexpr std::size_t keyword_max = 64;
    bool const by_keyword = type->text() == "keyword";
    if (!by_keyword && type->text() != "index") return false;
    if (by_keyword) {
        std::optional<resp::view> const keyword = beside(*how, "keyword");
        if (!keyword || !keyword->is_text() || keyword->text().empty() ||
            keyword->text().size() > keyword_max)
            return false;
        made.keyword = keyword->text();
    }
    std::optional<std::int32_t> const begin = small(beside(*how, by_keyword ? "startfrom" : "index"));
    if (!begin || *begin == 0 || (!by_keyword && *begin < 0)) return false;
    made.begin = *begin;
    return true;
}
/// Which words from there on are keys. False where it does not say so, or cannot.
inline bool read_find(key_specification& made, resp::view spec) noexcept {
    std::optional<resp::view> const find = beside(spec, "find_keys");
    std::optional<resp::view> const type = find ? beside(*find, "type") : std::nullopt;
    std::optional<resp::view> const how = find ? beside(*find, "spec") : std::nullopt;
    if (!type || !how || !type->is_text()) return false;
    made.counted = type->text() == "keynum";
    if (!made.counted && type->text() != "range") return false;
    std::optional<std::int32_t> const step = small(beside(*how, "keystep"));
    if (!step || *step < 1) return false;
    made.step = *step;
    if (made.counted) {
        std::optional<std::int32_t> const number_at = small(beside(*how, "keynumidx"));
        std::optional<std::int32_t> const first = small(beside(*how, "firstkey"));
        made.number_at = number_at.value_or(-1);
        made.first = first.value_or(-1);
        return number_at && first && *number_at >= 0 && *first >= 0;
    }
    std::optional<std::int32_t> const last = small(beside(*how, "lastkey"));
    std::optional<std::int32_t> const limit = small(beside(*how, "limit"));
    made.last = last.value_or(0);
    made.limit = limit.value_or(0);
    // Rule: Redis documentation, "Command key specifications", limit: it counts where lastkey is -1.
    return last && made.limit >= 0 && (made.limit <= 1 || made.last == -1);
}
inline std::optional<key_specification> read_specification(resp::view spec) {
    key_specification made;
    if (!read_begin(made, spec) || !read_find(made, spec)) return std::nullopt;
    if (std::optional<resp::view> const flags = beside(spec, "flags"))
        for (resp::view const flag : flags->children()) {
            if (!flag.is_text()) continue;
            made.no_key = made.no_key || equal_ignoring_case(flag.text(), "not_key");
            made.incomplete = made.incomplete || equal_ignoring_case(flag.text(), "incomplete");
        }
    return made;
}

/// A range as the table has it; nothing where its numbers do not fit.
inline std::optional<key_spec> table_range(std::int64_t first, std::int64_t last,
                                           std::int64_t step) noexcept {
    constexpr std::int64_t most = std::numeric_limits<std::int8_t>::max();
    if (first < 1 || first > most || last < -most || last > most || step < 1 || step > most)
        return std::nullopt;
    return key_spec{.search = key_search::range,
                    .first = static_cast<std::uint8_t>(first),
                    .last = static_cast<std::int8_t>(last),
                    .step = static_cast<std::uint8_t>(step)};
}
/// The specifications in a form of the table, which can be split, too; nothing where it has none for them.
inline std::optional<key_spec> table_form(std::vector<key_specification> const& all) noexcept {
    for (key_specification const& spec : all)
        if (spec.no_key || !spec.keyword.empty() || spec.limit > 1) return std::nullopt;
    auto const fits = [](key_specification const& spec) {
        return spec.counted && spec.number_at == 0 && spec.first == 1 && spec.begin < 100 && spec.step < 100;
    };
    if (all.size() == 1 && !all[0].counted)
        return table_range(all[0].begin, all[0].last < 0 ? all[0].last : all[0].begin + all[0].last,
                           all[0].step);
    if (all.size() == 1 && fits(all[0]))
        return key_spec{.search = key_search::counted,
                        .first = static_cast<std::uint8_t>(all[0].begin),
                        .step = static_cast<std::uint8_t>(all[0].step)};
    if (all.size() == 2 && !all[0].counted && all[0].last == 0 && all[0].begin < 100 && fits(all[1]))
        return key_spec{.search = key_search::counted,
                        .first = static_cast<std::uint8_t>(all[1].begin),
                        .step = static_cast<std::uint8_t>(all[1].step),
                        .destination = static_cast<std::uint8_t>(all[0].begin)};
    return std::nullopt;
}

/// True when the table's form holds for whatever the arity lets pass: it reads a single place, unlike a
/// range, without looking whether the arguments reach so far. No server promises that of a module's command.
constexpr bool fits_arity(key_spec form, int arity) noexcept {
    bool const is_range = form.search == key_search::range && form.first != form.last;
    return is_range || std::max(int{form.first}, int{form.destination}) < (arity < 0 ? -arity : arity);
}
/// Takes the table's form where it is safe and no key may be missing, and else the specifications.
inline void take_form(learned_command& made, std::optional<key_spec> form) noexcept {
    bool const good = form && fits_arity(*form, made.arity) && !made.has(command_flag::untold_keys);
    made.keys = good ? *form : key_spec{.search = key_search::specified};
    if (good) made.specifications.clear();
}

/// Reads the specifications. False where there may be keys that they do not tell of.
inline bool read_specifications(learned_command& made, resp::view info) {
    bool all_told = true;
    bool moves = false;
    if (std::optional<resp::view> const all = element(info, 8)) {
        for (resp::view const each : all->children()) {
            std::optional<key_specification> spec = read_specification(each);
            bool const room = made.specifications.size() < learned_command::specifications_max;
            all_told = all_told && spec && room && !spec->incomplete;
            moves = moves || (spec && (spec->counted || !spec->keyword.empty()));
            if (spec && room) made.specifications.push_back(std::move(*spec));
        }
    }
    // Rule: populateCommandMovableKeys of the servers: where no specification moves, a function of the
    // module's own looks for the keys.
    return all_told && (moves || !made.movable_keys());
}

/// Reads where the keys stand: from the specifications, and where there are none (before Redis 7) from the
/// numbers of the first key, the last one and the step.
inline void read_keys(learned_command& made, resp::view info) {
    if (!read_specifications(made, info)) made.flags = made.flags | command_flag::untold_keys;
    if (!made.specifications.empty()) return take_form(made, table_form(made.specifications));
    std::optional<std::int32_t> const first = small(element(info, 3));
    std::optional<std::int32_t> const last = small(element(info, 4));
    std::optional<std::int32_t> const step = small(element(info, 5));
    std::optional<key_spec> range = first && last && step ? table_range(*first, *last, *step) : std::nullopt;
    // A last key in front of the first one says nothing.
    if (range && *last >= 0 && *last < *first) range.reset();
    if (!range && first && *first != 0) made.flags = made.flags | command_flag::untold_keys;
    if (!range && !made.has(command_flag::untold_keys)) return;
    key_specification& told = made.specifications.emplace_back();
    told.begin = range ? *first : 1;
    if (range) {
        told.last = *last < 0 ? *last : *last - *first;
        told.step = *step;
    }
    take_form(made, range);
}

/// One description; null where it is none. `container`: in front of a subcommand's name.
inline std::unique_ptr<learned_command> read_description(resp::view info, std::string_view container) {
    std::optional<resp::view> const name = element(info, 0);
    std::optional<std::int32_t> const arity = small(element(info, 1));
    std::optional<resp::view> const flags = element(info, 2);
    if (!name || !name->is_text() || name->text().empty() || name->text().size() > 128 || !arity || !flags ||
        info.children_count() < 6)
        return nullptr;
    std::string lower{name->text()};
    for (char& letter : lower)
        if (letter >= 'A' && letter <= 'Z') letter = static_cast<char>(letter + ('a' - 'A'));
    if (!container.empty() && (!lower.starts_with(container) || lower.size() < container.size() + 2 ||
                               lower[container.size()] != '|'))
        return nullptr;
    auto made = std::make_unique<learned_command>(lower);
    made->flags = command_flag::learned;
    // A command that takes more words than the table can say: the server counts them.
    if (*arity != 0 && *arity >= -127 && *arity <= 127) made->arity = static_cast<std::int8_t>(*arity);
    for (resp::view const flag : flags->children())
        if (flag.is_text()) made->flags = made->flags | flag_named(flag.text());
    // What says both of itself is not sent to replicas, nor twice.
    if (made->write() && made->read_only())
        made->flags = static_cast<command_flag>(static_cast<std::uint32_t>(made->flags) &
                                                ~static_cast<std::uint32_t>(command_flag::read_only));
    if (made->read_only()) made->repeated = repetition::harmless;
    if (made->blocking()) made->shares = sharing::leased;
    if (std::optional<resp::view> const tips = element(info, 7))
        for (resp::view const tip : tips->children())
            if (tip.is_text()) read_tip(*made, tip.text());
    read_keys(*made, info);
    return made;
}

}  // namespace detail

inline std::unique_ptr<learned_command> read_command_info(resp::view reply, std::string_view name) {
    std::optional<resp::view> const info = detail::element(reply, 0);
    if (!info || !info->is_aggregate()) return nullptr;
    std::unique_ptr<learned_command> made = detail::read_description(*info, {});
    if (!made || !equal_ignoring_case(made->own_name, name)) return nullptr;
    if (std::optional<resp::view> const all = detail::element(*info, 9)) {
        for (resp::view const each : all->children()) {
            if (made->subcommands.size() == learned_command::subcommands_max) break;
            if (auto sub = detail::read_description(each, made->own_name))
                made->subcommands.push_back(std::move(sub));
        }
    }
    return made;
}

}  // namespace umbel::command
