// settings.hpp: the settings of a client over Asio: the engine's, and what sockets and observers need
// besides.
#pragma once

#include <umbel/engine/observer.hpp>
#include <umbel/engine/settings.hpp>
#include <umbel/net/transport.hpp>

#include <algorithm>
#include <chrono>
#include <functional>
#include <limits>
#include <memory>
#include <random>

namespace umbel::net {

/// Options as the driver keeps them. Owns its texts.
struct settings : engine::settings {
    bool one_thread_per_context = false;
    std::shared_ptr<umbel::observer> observer;
    std::chrono::milliseconds user_timeout{};
    /// Makes the transport of one connection; TLS puts its own here.
    std::function<std::shared_ptr<transport>(asio::any_io_executor const&, transport_owner&, std::uint32_t)>
        make_transport;
};

/// Checks the options and makes settings of them.
/// Errors: bad_argument, naming the option.
inline result<settings> settings_of(options const& given, cluster::policy const& policy,
                                    std::shared_ptr<observer> watching) {
    std::uint64_t const seed = (std::uint64_t{std::random_device{}()} << 32) ^ std::random_device{}();
    result<engine::settings> good = engine::settings_of(given, policy, seed, watching != nullptr);
    if (!good) return tl::unexpected<error>{good.error()};
    settings settings;
    static_cast<engine::settings&>(settings) = std::move(*good);
    settings.one_thread_per_context = given.one_thread_per_context;
    settings.observer = std::move(watching);
    options const near = engine::within_reach(given);
    // The kernel takes an int.
    settings.user_timeout = std::min(near.probe_after + near.probe_timeout,
                                     std::chrono::milliseconds{std::numeric_limits<int>::max()});
    settings.make_transport = [silence = settings.user_timeout, patience = near.connect_timeout](
                                  asio::any_io_executor const& strand, transport_owner& owner,
                                  std::uint32_t epoch) {
        return std::make_shared<stream_transport>(strand, owner, epoch, silence, patience);
    };
    return settings;
}

}  // namespace umbel::net
