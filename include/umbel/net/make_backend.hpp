// make_backend.hpp: makes the backend of a client of real servers: sockets, timers and the runtime over them.
#pragma once

#include <umbel/net/driver.hpp>
#include <umbel/net/shutdown.hpp>

#include <asio/steady_timer.hpp>
#include <asio/strand.hpp>

#include <memory>
#include <utility>
#include <vector>

namespace umbel::net {

/// Has the driver abandoned when the context of `executor` goes away.
inline void watch_context(asio::any_io_executor const& executor, std::shared_ptr<driver> const& client) {
    // Asio ends services newest first. These two exist before the shutdown service, so the driver hears of
    // the end before Asio destroys what waits on timers and strands.
    asio::steady_timer const timer{executor};
    auto const strand = asio::make_strand(executor);
    asio::use_service<shutdown_service>(asio::query(executor, asio::execution::context)).watch(client);
}

/// Makes the backend of a client, which begins to connect. Precondition: at least one executor.
/// Errors: bad options come as new_backend::wrong; throws std::bad_alloc, and what the executors throw.
inline async::new_backend make_backend(std::vector<asio::any_io_executor> executors, options const& chosen,
                                       cluster::policy const& policy, std::shared_ptr<observer> watching) {
    UMBEL_ASSERT(!executors.empty());
    async::pool::fill_reserve();
    result<settings> settled = settings_of(chosen, policy, std::move(watching));
    auto const made = std::make_shared<driver>(executors, settled ? std::move(*settled) : settings{});
    for (auto const& executor : executors) watch_context(executor, made);
    if (!settled) return {made, settled.error()};
    made->start_up();
    return {made, std::nullopt};
}

}  // namespace umbel::net
