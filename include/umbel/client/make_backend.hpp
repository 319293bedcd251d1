// make_backend.hpp: the backend of a client of real servers, named only: see open_site.hpp.
#pragma once

#include <umbel/async/asio.hpp>
#include <umbel/async/backend.hpp>
#include <umbel/client/open_site.hpp>
#include <umbel/cluster/policy.hpp>
#include <umbel/engine/observer.hpp>
#include <umbel/options.hpp>

#include UMBEL_ASIO_HEADER(any_io_executor.hpp)

#include <memory>
#include <vector>

namespace umbel::calling {

/// Makes the backend of a client, which begins to connect. Precondition: at least one executor.
/// Errors: bad options come as new_backend::wrong; throws std::bad_alloc, and what the executors throw.
template <class = include_umbel_src_hpp_in_one_source_file>
UMBEL_NEVER_INLINE async::new_backend make_backend(std::vector<asio::any_io_executor> executors,
                                                   options const& chosen, cluster::policy const& policy,
                                                   std::shared_ptr<observer> watching);

}  // namespace umbel::calling
