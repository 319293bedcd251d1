// make_backend.hpp: makes the backend of a client: sockets, timers and the runtime over them. It is light,
// for every source file that constructs a client includes it; what it makes stands behind the boundary.
#pragma once

#include <umbel/async/backend.hpp>
#include <umbel/cluster/policy.hpp>
#include <umbel/engine/observer.hpp>
#include <umbel/options.hpp>

#include <asio/any_io_executor.hpp>

#include <memory>
#include <vector>

namespace umbel::net {

/// Makes the backend of a client, which begins to connect. Precondition: at least one executor.
/// Errors: bad options come as new_backend::wrong; throws std::bad_alloc, and what the executors throw.
UMBEL_BOUNDARY async::new_backend make_backend(std::vector<asio::any_io_executor> executors,
                                               options const& chosen, cluster::policy const& policy,
                                               std::shared_ptr<observer> watching);

}  // namespace umbel::net
