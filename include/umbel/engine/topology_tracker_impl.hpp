// topology_tracker_impl.hpp: what the table learns unasked: redirects, notices, and nodes that get another
// number. Included by topology_tracker.hpp.
#pragma once

#include <umbel/engine/topology_tracker.hpp>

#include <cstdint>
#include <vector>

namespace umbel::engine {

inline void topology_tracker::learn_moved(retry_state const& moved, std::uint16_t owner, instant now) {
    redirected_by_ = moved.from.node;
    if (moved.slot < 0) return learn_redirect(moved.from.node, owner, now);
    if (moved.slot >= cluster::slot_count) return;
    cluster::slot const slot{static_cast<std::uint16_t>(moved.slot)};
    std::uint16_t const before = shared_.routes.table().primary_of(slot);
    switch (shared_.routes.table().on_moved(slot, moved.from.node, owner)) {
        case cluster::moved_effect::ignored: break;
        case cluster::moved_effect::slot_patched: patches_.note(slot, before, owner, false); break;
        case cluster::moved_effect::shard_moved: patches_.note(slot, before, owner, true); break;
    }
}

/// The primary of a replication group says that it is a replica of `leader` by now.
inline void topology_tracker::learn_redirect(std::uint16_t from, std::uint16_t leader, instant now) {
    std::uint16_t const led_so_far = shared_.routes.table().primary_of(cluster::slot{0});
    if (!shared_.in_group || from != led_so_far || from == leader) return;
    publish({cluster::led_by(topology_, shared_.nodes[leader].address), patches_.now(), from}, now);
}

inline void topology_tracker::learn_migrated(cluster::slot slot, std::uint16_t from, std::uint16_t to) {
    if (shared_.routes.table().primary_of(slot) != from) return;
    if (shared_.routes.table().learn_moved(slot, from, to)) patches_.note(slot, from, to, false);
}

inline void topology_tracker::succeed(std::uint16_t from, std::uint16_t to, instant now) {
    shared_.nodes.succeed(to);
    patches_.rename(from, to);
    std::vector<std::uint16_t> numbers;
    numbers.reserve(topology_.nodes.size());
    for (cluster::node_info const& info : topology_.nodes)
        numbers.push_back(shared_.nodes.find(info.address));
    shared_.routes.table().publish(cluster::patched_assignments{topology_, numbers, patches_, 0}.all());
    members_.apply(topology_, numbers, patches_, now);
    shared_.routes.learned(shared_.routes.known());
}

}  // namespace umbel::engine
