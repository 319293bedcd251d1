// maintenance_notice.hpp: what the pushes of a managed server say of maintenance to come, under way or over.
// It reads one push frame; what follows from it is not decided here.
#pragma once

#include <umbel/cluster/topology.hpp>
#include <umbel/engine/instant.hpp>
#include <umbel/engine/notice.hpp>
#include <umbel/resp/view.hpp>

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

namespace umbel::engine {

/// Slots that have moved from one node to another. The addresses are as the server writes them.
struct moved_slots {
    std::string from;
    std::string to;
    std::vector<cluster::slot_range> ranges;
};

/// One notice. Rule: Redis Enterprise and Redis Cloud, CLIENT MAINT_NOTIFICATIONS; as the clients of Redis
/// read it (redis-py, go-redis, jedis, lettuce):
///
///     MOVING       number  seconds  "host:port" | null     this connection ends then; go there
///     MIGRATING    number  seconds  …                      the data behind this connection moves
///     MIGRATED     number  …
///     FAILING_OVER number  seconds  …                      another copy takes over behind this connection
///     FAILED_OVER  number  …
///     SMIGRATING   number  "1,5-9"                         slots of this node move to another one
///     SMIGRATED    number  [["host:port", "host:port", "1,5-9"], …]         from, to, which
///
/// Elements beyond these are passed over. Numbers grow with each maintenance; several connections tell one.
struct maintenance_notice {
    maintenance_kind what = maintenance_kind::moving;
    std::int64_t number = 0;
    duration within{};               ///< The time that it names; zero: none.
    std::string endpoint{};          ///< Of MOVING: where to go; empty: the same name, looked up again.
    std::vector<moved_slots> moved;  ///< Of SMIGRATED; those that can be read, within the bounds.
};

namespace notices {

/// Bounds of one notice: times are cut to so much, and what is beyond the others is left out. A refresh of
/// the topology tells it.
inline constexpr std::int64_t seconds_max = 24 * 3600;
inline constexpr std::size_t moves_max = 128;
inline constexpr std::size_t ranges_max = 1024;
inline constexpr std::size_t address_bytes_max = cluster::host_bytes_max + 8;

struct name {
    std::string_view text;
    maintenance_kind what;
    bool timed;  ///< A time follows the number.
};
inline constexpr name names[]{{"MOVING", maintenance_kind::moving, true},
                              {"MIGRATING", maintenance_kind::migrating, true},
                              {"MIGRATED", maintenance_kind::migrated, false},
                              {"FAILING_OVER", maintenance_kind::failing_over, true},
                              {"FAILED_OVER", maintenance_kind::failed_over, false},
                              {"SMIGRATING", maintenance_kind::slots_migrating, false},
                              {"SMIGRATED", maintenance_kind::slots_migrated, false}};

/// Which notice a push frame is, if any.
inline name const* find(resp::view const& push) noexcept {
    if (push.children_count() == 0) return nullptr;
    std::string_view const said = push.child(0).text();
    auto const known = std::find_if(std::begin(names), std::end(names),
                                    [said](name const& other) { return other.text == said; });
    return known == std::end(names) ? nullptr : known;
}

/// Reads a slot, and nothing besides.
inline bool read_slot(std::string_view text, std::uint16_t& slot) noexcept {
    auto const [end, wrong] = std::from_chars(text.data(), text.data() + text.size(), slot);
    return wrong == std::errc{} && end == text.data() + text.size() && slot < cluster::slot_count;
}
/// Reads "1,5-9". Empty where any part is no slot.
inline std::vector<cluster::slot_range> read_ranges(std::string_view text) {
    std::vector<cluster::slot_range> all;
    for (bool more = true; more && all.size() < ranges_max;) {
        std::size_t const comma = text.find(',');
        std::string_view const part = text.substr(0, comma);
        std::size_t const dash = part.find('-');
        std::uint16_t first = 0, last = 0;
        if (!read_slot(part.substr(0, dash), first)) return {};
        if (!read_slot(dash == part.npos ? part : part.substr(dash + 1), last) || last < first) return {};
        all.push_back({cluster::slot{first}, cluster::slot{last}});
        more = comma != text.npos;
        if (more) text.remove_prefix(comma + 1);
    }
    return all;
}
inline std::vector<moved_slots> read_moves(resp::view const& list) {
    std::vector<moved_slots> all;
    for (resp::view const move : list.children()) {
        if (all.size() == moves_max) break;
        if (move.children_count() < 3) continue;
        std::string_view const from = move.child(0).text(), to = move.child(1).text();
        if (std::max(from.size(), to.size()) > address_bytes_max) continue;
        moved_slots made{std::string{from}, std::string{to}, read_ranges(move.child(2).text())};
        if (!made.from.empty() && !made.to.empty() && !made.ranges.empty()) all.push_back(std::move(made));
    }
    return all;
}

/// Reads a push that find() has named; nothing where it has not the form of such a notice. Throws
/// std::bad_alloc.
inline std::optional<maintenance_notice> read(resp::view const& push, name const& known) {
    std::size_t const count = push.children_count();
    if (count < (known.timed ? 3u : 2u)) return std::nullopt;
    std::optional<std::int64_t> const number = push.child(1).integer();
    if (!number || *number < 0) return std::nullopt;
    maintenance_notice made;
    made.what = known.what;
    made.number = *number;
    if (known.timed) {
        std::optional<std::int64_t> const seconds = push.child(2).integer();
        if (!seconds || *seconds < 0) return std::nullopt;
        made.within = std::chrono::seconds{std::min(*seconds, seconds_max)};
    }
    if (known.what == maintenance_kind::moving && count > 3) {
        resp::view const where = push.child(3);
        if (!where.is_null() && (where.text().empty() || where.is_error())) return std::nullopt;
        if (where.text().size() > address_bytes_max) return std::nullopt;
        made.endpoint.assign(where.text());
    }
    if (known.what == maintenance_kind::slots_migrated && count > 2 && push.child(2).is_aggregate())
        made.moved = read_moves(push.child(2));
    return made;
}

}  // namespace notices

}  // namespace umbel::engine
