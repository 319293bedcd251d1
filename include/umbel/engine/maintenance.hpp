// maintenance.hpp: what the control plane makes of the notices that servers push: who is told, whether the
// topology is asked for, which slots have moved, which node is handed over. It reads no push.
#pragma once

#include <umbel/engine/event.hpp>
#include <umbel/engine/hand_overs.hpp>

#include <algorithm>
#include <cstdint>

namespace umbel::engine {

/// Follows notices of maintenance.
class maintenance {
public:
    /// Slots of one notice that the table learns at once; a refresh brings the others.
    static constexpr unsigned slots_max = 2048;

    maintenance(control_state& shared, node_supervisor& links, topology_tracker& topology) noexcept
        : shared_{shared}, topology_{topology}, hand_overs_{shared, links, topology} {}

    void on(maintenance_told const& told, instant now);
    /// Returns true when commands are routed otherwise now.
    bool advance(instant now) { return hand_overs_.advance(now); }
    instant next_due() const noexcept { return hand_overs_.next_due(); }
    hand_overs const& under_way() const noexcept { return hand_overs_; }

private:
    void learn(maintenance_notice const& notice);
    std::uint16_t find(std::string const& address) const;

    control_state& shared_;
    topology_tracker& topology_;
    hand_overs hand_overs_;
    std::int64_t learned_ = -1;  ///< The highest number of a notice that the table has learned from.
};

inline void maintenance::on(maintenance_told const& told, instant now) {
    node const& peer = shared_.nodes[told.link.node];
    maintenance_notice const& notice = told.notice;
    if (peer.link(told.link.mode, told.link.context).generation != told.generation) return;
    shared_.observe([&] {
        return maintenance_announced{peer.name,     notice.what,     notice.number,
                                     notice.within, notice.endpoint, kind_of(told.link.mode)};
    });
    switch (notice.what) {
        case maintenance_kind::moving: return hand_overs_.begin(told.link, notice, now);
        case maintenance_kind::slots_migrated: learn(notice); return topology_.want(now);
        case maintenance_kind::failed_over: return topology_.want(now);
        case maintenance_kind::migrating:
        case maintenance_kind::migrated:
        case maintenance_kind::failing_over:
        case maintenance_kind::slots_migrating: return;
    }
}

/// Lets the table learn what has moved between known members, as from a MOVED of the old owner: an entry that
/// is not that node's any more stays as it is. A notice that is told twice, or comes late, teaches nothing;
/// should one be wrong all the same, a MOVED or the refresh that follows corrects it.
inline void maintenance::learn(maintenance_notice const& notice) {
    if (notice.number <= learned_ || shared_.routes.known() != known_as::cluster) return;
    learned_ = notice.number;
    unsigned left = slots_max;
    for (moved_slots const& move : notice.moved) {
        std::uint16_t const from = find(move.from), to = find(move.to);
        if (from == link_id::no_node || to == link_id::no_node || from == to) continue;
        if (shared_.nodes[to].role != cluster::node_role::primary) continue;
        for (cluster::slot_range const range : move.ranges)
            for (unsigned at = range.first.value(); at <= range.last.value() && left != 0; ++at, --left)
                topology_.learn_migrated(cluster::slot{static_cast<std::uint16_t>(at)}, from, to);
    }
}

/// The member at an address that a server has written; no_node where there is none.
inline std::uint16_t maintenance::find(std::string const& address) const {
    result<cluster::endpoint> read = cluster::endpoint::parse(address, 6379);
    if (!read) return link_id::no_node;
    std::uint16_t const number = shared_.nodes.find(shared_.options.addresses(std::move(*read)));
    return number != link_id::no_node && shared_.nodes[number].member ? number : link_id::no_node;
}

}  // namespace umbel::engine
