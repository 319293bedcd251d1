// home_impl.hpp: behind the boundary of home.hpp: how the home of a client is made.
#pragma once

#include <umbel/net/driver.hpp>
#include <umbel/net/shutdown.hpp>

#include <utility>

namespace umbel::net {

UMBEL_BOUNDARY new_home make_home(std::vector<asio::any_io_executor> executors, options const& chosen, cluster::policy const& policy,
                                  std::shared_ptr<observer> watching) {
    UMBEL_ASSERT(!executors.empty());
    pool::fill_reserve();
    result<settings> settled = settle(chosen, policy, std::move(watching));
    auto& context = asio::query(executors.front(), asio::execution::context);
    auto const made = std::make_shared<driver>(std::move(executors), settled ? std::move(*settled) : settings{});
    asio::use_service<shutdown_service>(context).watch(made);
    if (!settled) return {made, settled.error()};
    made->start_up();
    return {made, std::nullopt};
}

}  // namespace umbel::net
