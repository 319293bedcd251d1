// home_impl.hpp: behind the boundary of home.hpp: how the home of a client is made.
#pragma once

#include <umbel/net/driver.hpp>
#include <umbel/net/shutdown.hpp>

#include <asio/steady_timer.hpp>
#include <asio/strand.hpp>

#include <memory>
#include <utility>
#include <vector>

namespace umbel::net {

/// Tells `whose` when the context of `executor` goes away.
inline void watch_context(asio::any_io_executor const& executor, std::shared_ptr<driver> const& whose) {
    // Services end newest first: with these there already, the driver hears of the end before Asio destroys
    // what waits on timers and strands.
    asio::steady_timer const timer{executor};
    auto const strand = asio::make_strand(executor);
    asio::use_service<shutdown_service>(asio::query(executor, asio::execution::context)).watch(whose);
}

UMBEL_BOUNDARY new_home make_home(std::vector<asio::any_io_executor> executors, options const& chosen,
                                  cluster::policy const& policy, std::shared_ptr<observer> watching) {
    UMBEL_ASSERT(!executors.empty());
    pool::fill_reserve();
    result<settings> settled = settle(chosen, policy, std::move(watching));
    auto const made = std::make_shared<driver>(executors, settled ? std::move(*settled) : settings{});
    for (auto const& one : executors) watch_context(one, made);
    if (!settled) return {made, settled.error()};
    made->start_up();
    return {made, std::nullopt};
}

}  // namespace umbel::net
