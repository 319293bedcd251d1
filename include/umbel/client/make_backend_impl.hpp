// make_backend_impl.hpp: behind make_backend.hpp: a client of real servers.
#pragma once

#include <umbel/client/make_backend.hpp>
#include <umbel/net/make_backend.hpp>

#include <utility>

namespace umbel::calling {

template <class>
async::new_backend make_backend(std::vector<asio::any_io_executor> executors, options const& chosen,
                                cluster::policy const& policy, std::shared_ptr<observer> watching) {
    return net::make_backend(executors, chosen, policy, std::move(watching));
}

}  // namespace umbel::calling
