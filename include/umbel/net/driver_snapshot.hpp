// driver_snapshot.hpp: what a driver tells of itself. Included by driver.hpp.
#pragma once

#include <umbel/net/driver.hpp>
#include <umbel/net/snapshot_of.hpp>

namespace umbel::net {

inline std::vector<node_snapshot> driver::nodes() const {
    return nodes_of(engine_, [this](engine::link_id id) { return connection_of(id); });
}

inline umbel::statistics driver::statistics() const {
    umbel::statistics made = statistics_of(engine_, connections_);
    made.pinned_bytes = budget_->pinned();
    return made;
}

}  // namespace umbel::net
