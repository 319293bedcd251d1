// settings.hpp: the settings of a client over Asio: the engine's, and what sockets and observers need
// besides.
#pragma once

#include <umbel/engine/observer.hpp>
#include <umbel/engine/settings.hpp>
#include <umbel/net/secure_transport.hpp>
#include <umbel/net/transport.hpp>

#include <algorithm>
#include <chrono>
#include <functional>
#include <limits>
#include <memory>
#include <random>
#include <utility>

namespace umbel::net {

/// Options as the driver keeps them. Owns its texts.
struct settings : engine::settings {
    bool one_thread_per_context = false;
    std::shared_ptr<umbel::observer> observer;
    silence_limits shared;  ///< Of connections that commands share.
    silence_limits leased;
    /// Makes the transport of one connection: a secure_transport where options::tls is set, or what stands
    /// for it at sentinels.
    std::function<std::shared_ptr<transport>(asio::any_io_executor const&, transport_owner&, std::uint32_t,
                                             engine::open_link const&)>
        make_transport;
};

/// The same for another database, with chances of its own.
inline settings in_database(settings chosen, std::uint32_t database) {
    chosen.engine.plan.database = database;
    chosen.engine.seed += (std::uint64_t{database} + 1) * 0x9e3779b97f4a7c15ull;
    chosen.pipeline.seed = chosen.engine.seed + 1;
    return chosen;
}

/// Where no PING probes a connection, as a lease, the kernel does. A connection with a user timeout ends at
/// that time, however many probes that are: so there is time for all of them. Rule: tcp(7), TCP_KEEPIDLE,
/// TCP_KEEPINTVL, TCP_KEEPCNT and TCP_USER_TIMEOUT.
inline silence_limits probed_by_kernel(options const& near, silence_limits limits) noexcept {
    using std::chrono::milliseconds;
    using std::chrono::seconds;
    if (near.keepalive_after.count() == 0) return limits;
    seconds const most{32767};  // So much the kernel takes of each.
    limits.keepalive_after = std::min(std::chrono::ceil<seconds>(near.keepalive_after), most);
    limits.keepalive_interval = std::min(std::chrono::ceil<seconds>(near.keepalive_interval), most);
    limits.keepalive_probes = static_cast<int>(near.keepalive_probes);
    milliseconds const all = limits.keepalive_after + limits.keepalive_interval * limits.keepalive_probes;
    limits.user_timeout = std::clamp(all, limits.user_timeout, milliseconds{std::numeric_limits<int>::max()});
    return limits;
}

/// How connections to sentinels are encrypted; null: they are not.
inline std::shared_ptr<encryption> sentinel_encryption(options const& given) {
    if (given.sentinel_plain) return nullptr;
    return given.sentinel_tls ? given.sentinel_tls : given.tls;
}

/// Checks the options and makes settings of them.
/// Errors: bad_argument, naming the option.
inline result<settings> settings_of(options const& asked, cluster::policy const& policy,
                                    std::shared_ptr<observer> watching) {
    result<options> const told = engine::with_urls(asked);
    if (!told) return tl::unexpected<error>{told.error()};
    options const& given = *told;
    std::uint64_t const seed = (std::uint64_t{std::random_device{}()} << 32) ^ std::random_device{}();
    result<engine::settings> good = engine::settings_of(given, policy, seed, watching != nullptr);
    if (!good) return tl::unexpected<error>{good.error()};
    settings settings;
    static_cast<engine::settings&>(settings) = std::move(*good);
    settings.one_thread_per_context = given.one_thread_per_context;
    settings.observer = std::move(watching);
    options const near = engine::within_reach(given);
    auto const usual = near.probe_after + near.probe_timeout;
    // The kernel takes an int.
    settings.shared.user_timeout = std::min(near.user_timeout.count() != 0 ? near.user_timeout : usual,
                                            std::chrono::milliseconds{std::numeric_limits<int>::max()});
    settings.leased = probed_by_kernel(near, settings.shared);
    bool const by_ping = settings.link.probe_after != engine::duration{0};
    if (near.keepalive_shared || !by_ping) settings.shared = settings.leased;
    settings.make_transport = [shared = settings.shared, leased = settings.leased,
                               patience = near.connect_timeout, book = std::make_shared<address_book>(),
                               usual = given.tls, of_sentinels = sentinel_encryption(given)](
                                  asio::any_io_executor const& executor, transport_owner& owner,
                                  std::uint32_t epoch,
                                  engine::open_link const& opening) -> std::shared_ptr<transport> {
        auto lookup =
            std::make_shared<name_lookup>(executor, std::make_unique<system_resolver>(executor), book);
        auto const& security = opening.to_sentinel ? of_sentinels : usual;
        bool const silent = engine::is_leased(opening.link.mode) || opening.plan.subscribes;
        silence_limits const& limits = silent ? leased : shared;
        if (security)
            return std::make_shared<secure_transport>(executor, owner, epoch, limits, patience,
                                                      std::move(lookup), security);
        return std::make_shared<stream_transport>(executor, owner, epoch, limits, patience,
                                                  std::move(lookup));
    };
    return settings;
}

}  // namespace umbel::net
