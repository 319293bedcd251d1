// make_backend.hpp: makes the backend of a client of real servers: sockets, timers and the runtime over them.
#pragma once

#include <umbel/async/asio.hpp>
#include <umbel/net/driver.hpp>
#include <umbel/net/shutdown.hpp>

#include UMBEL_ASIO_HEADER(steady_timer.hpp)
#include UMBEL_ASIO_HEADER(strand.hpp)

#include <cstdint>
#include <memory>
#include <optional>
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

/// Makes a backend of these settings, which begins to connect, unless it is told what is wrong with them.
inline async::new_backend start_backend(std::vector<asio::any_io_executor> const& executors, settings chosen,
                                        std::optional<error> const& wrong) {
    auto const made = std::make_shared<driver>(executors, std::move(chosen));
    for (auto const& executor : executors) watch_context(executor, made);
    made->make_databases_by([self = made.get(), wrong](std::uint32_t database) {
        return start_backend(self->contexts().executors(), in_database(self->net_settings(), database),
                             wrong);
    });
    if (!wrong) made->start_up();
    return {made, wrong};
}

/// Makes the backend of a client, which begins to connect. Precondition: at least one executor.
/// Errors: bad options come as new_backend::wrong; throws std::bad_alloc, and what the executors throw.
inline async::new_backend make_backend(std::vector<asio::any_io_executor> const& executors,
                                       options const& chosen, cluster::policy const& policy,
                                       std::shared_ptr<observer> watching) {
    UMBEL_ASSERT(!executors.empty());
    async::pool::fill_reserve();
    result<settings> settled = settings_of(chosen, policy, std::move(watching));
    if (!settled) return start_backend(executors, settings{}, settled.error());
    return start_backend(executors, std::move(*settled), std::nullopt);
}

}  // namespace umbel::net
