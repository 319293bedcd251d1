// settings.hpp: the user's options, checked and copied, in the form that engine, pipelines and links want.
// The one place where that is done. It knows no socket and no random device: a seed is given to it.
#pragma once

#include <umbel/cluster/url.hpp>
#include <umbel/encryption.hpp>
#include <umbel/engine/engine_options.hpp>
#include <umbel/engine/link_options.hpp>
#include <umbel/engine/options_check.hpp>
#include <umbel/engine/pipeline_options.hpp>
#include <umbel/engine/url_options.hpp>
#include <umbel/options.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace umbel::engine {

/// Options as the runtime keeps them. Owns its texts.
struct settings {
    engine_options engine;
    credential_provider provider{};
    pipeline_options pipeline;
    link_options link;
    std::size_t pinned_bytes_max = 0;
    umbel::read_from read_from = umbel::read_from::primary;
    std::chrono::nanoseconds deadline{};
    std::uint32_t hedge_percent_max = 0;
    std::chrono::nanoseconds lease_slack{};

    /// For one connection. A lease is silent by nature: it is not probed, its silence raises no doubt, and
    /// its replies tell nothing of the node's speed.
    link_options link_for(link_id id, latency_meter meter) const noexcept {
        link_options made = link;
        made.meter = is_leased(id.mode) ? latency_meter{} : meter;
        if (is_leased(id.mode)) made.probe_after = made.doubt_after = duration{0};
        return made;
    }
    /// The same of its pipeline; `seed` tells it from the others.
    pipeline_options pipeline_for(link_id id, std::uint64_t seed, client_facts const& client) const noexcept {
        pipeline_options made = pipeline;
        made.seed += seed;
        made.judging.client = &client;
        if (!is_leased(id.mode)) return made;
        made.latency_histograms = false, made.slow_after = duration{0};
        made.slow_start = 0;
        return made;
    }
};

/// The same options with every time short enough to be doubled or added to another one. (A deadline is added
/// to a moment only.)
inline options within_reach(options source) {
    using field = options::milliseconds options::*;
    constexpr field all[]{&options::connect_timeout,
                          &options::reconnect_delay,
                          &options::reconnect_delay_max,
                          &options::retry_delay,
                          &options::retry_delay_max,
                          &options::refresh_timeout,
                          &options::refresh_interval,
                          &options::probe_after,
                          &options::refresh_interval_min,
                          &options::probe_timeout,
                          &options::slow_after,
                          &options::doubt_after,
                          &options::lease_idle,
                          &options::lease_slack,
                          &options::unblock_timeout,
                          &options::keepalive_after,
                          &options::keepalive_interval,
                          &options::large_reply_timeout,
                          &options::user_timeout,
                          &options::refresh_retry_delay,
                          &options::refresh_retry_delay_max,
                          &options::maintenance_timeout,
                          &options::maintenance_window_max};
    constexpr auto longest =
        std::chrono::duration_cast<options::milliseconds>(std::chrono::nanoseconds::max() / 4);
    for (field const member : all) source.*member = std::min(source.*member, longest);
    return source;
}

namespace checking {

/// What the URL of a seed says of TLS is what options::tls says. An address alone says nothing.
inline result<void> agree_on_tls(bool wanted, bool spoken) {
    if (wanted == spoken) return {};
    return wanted
               ? bad("options.seeds: rediss:// asks for TLS: include <umbel/tls.hpp> and set options.tls = "
                     "umbel::tls()")
               : bad("options.tls is set, and the URL of a seed is redis://, which is without TLS: write "
                     "rediss://, or no scheme");
}

/// True when TLS is spoken to the seeds.
inline bool secures_seeds(options const& source) noexcept {
    if (source.sentinel_primary.empty()) return source.tls != nullptr;
    return !source.sentinel_plain && (source.sentinel_tls || source.tls);
}

/// Adds an address, or those of a URL that with_urls() has left. `tls`: the seeds speak it.
inline result<void> add_seed(engine_options& into, std::string_view text, bool tls) {
    bool const sentinels = !into.sentinels.primary_name.empty();
    if (cluster::is_url(text)) {
        auto url = cluster::read_url(text);
        if (!url) return tl::unexpected<error>{url.error()};
        if (auto good = agree_on_tls(url->tls, tls); !good) return good;
        if (url->sentinel != sentinels)
            return bad(
                "options.seeds: this URL names a server, and options.sentinel_primary or another URL says "
                "that "
                "the seeds are sentinels: write redis-sentinel://host#name");
        for (cluster::endpoint& address : url->addresses) into.seeds.push_back(std::move(address));
        return {};
    }
    // A URL whose scheme is missing or mistyped may hold a password: it is neither repeated nor taken for a
    // path.
    if (text.find_first_of("?@") != std::string_view::npos)
        return bad(
            "options.seeds: an @ or a ? without a scheme; users and parameters need a URL: "
            "redis://user:password@host?name=value or unix:///path?name=value");
    auto address = cluster::endpoint::parse(text, sentinels ? 26379 : 6379);
    if (!address)
        return fail(errc::bad_argument, delivery::not_sent,
                    "options.seeds: " + std::string{address.error().message()});
    into.seeds.push_back(std::move(*address));
    return {};
}

/// Who the client is, and what the user's own set-up commands are.
inline result<void> copy_identity(options const& source, settings& target) {
    bool const named = !source.username.empty();
    bool const proven = !source.password.empty();
    if (source.credential_provider && (named || proven))
        return bad("options.credential_provider beside a username or a password");
    // Rule: "redis://x@host" has a password for redis-cli and lettuce, a username for redis-rs and redis-py.
    if (named && !proven)
        return bad(
            "options.username without a password; in a URL a password alone is written "
            "redis://:password@host");
    if (proven)
        target.engine.plan.identity = std::make_shared<credentials const>(source.username, source.password);
    target.provider = source.credential_provider;
    target.engine.asks_credentials = static_cast<bool>(source.credential_provider);
    target.engine.connect_timeout = source.connect_timeout;
    result<std::vector<setup_words>> own = read_setup_commands(source.setup_commands);
    if (!own) return tl::unexpected<error>{own.error()};
    if (!own->empty())
        target.engine.plan.setup = std::make_shared<std::vector<setup_words> const>(std::move(*own));
    return {};
}

/// Takes over the seeds, and whether TLS is spoken to them.
/// Errors: bad_argument for a seed that cannot be read or speaks no TLS, and for what is wrong with
/// options::tls.
inline result<void> copy_seeds(options const& source, engine_options& into) {
    into.tls = source.tls != nullptr;
    bool const tls = secures_seeds(source);
    for (std::string const& seed : source.seeds)
        if (auto good = add_seed(into, seed, tls); !good) return good;
    for (cluster::endpoint const& seed : into.seeds)
        if (tls && seed.is_unix())
            return bad("options.tls: " + seed.to_string() + " is a Unix socket, which speaks no TLS");
    if (source.sentinel_tls)
        if (auto good = source.sentinel_tls->check(); !good) return good;
    return source.tls ? source.tls->check() : result<void>{};
}

/// Who the client is to sentinels. Its own name it tells them, too.
/// Errors: bad_argument for what sentinels have to do with where there are none.
inline result<void> copy_sentinels(options const& source, engine_options& into) {
    bool const named = !source.sentinel_username.empty(), proven = !source.sentinel_password.empty();
    if (source.sentinel_primary.empty()) {
        if (named || proven || source.sentinel_tls || source.sentinel_plain)
            return bad("options.sentinel_…: without options.sentinel_primary the seeds are no sentinels");
        return {};
    }
    if (named && !proven) return bad("options.sentinel_username without options.sentinel_password");
    if (source.deployment == umbel::deployment::cluster ||
        source.topology_source != umbel::topology_source::automatic)
        return bad("options.sentinel_primary beside a deployment or a topology_source that is for clusters");
    into.sentinels.primary_name = source.sentinel_primary;
    handshake_plan& plan = into.sentinels.plan;
    plan.protocol = source.protocol;
    plan.extent = source.handshake;
    plan.client_name = source.client_name;
    if (proven)
        plan.identity =
            std::make_shared<credentials const>(source.sentinel_username, source.sentinel_password);
    return {};
}

inline void copy_link(options const& source, settings& target) noexcept {
    target.link.connect_timeout = source.connect_timeout;
    target.link.probe_after =
        source.handshake == umbel::handshake::minimal ? duration{0} : duration{source.probe_after};
    target.link.probe_timeout = source.probe_timeout;
    target.link.doubt_after = source.doubt_after;
    target.link.large_reply_timeout = source.large_reply_timeout;
}

inline void copy_maintenance(options const& source, settings& target) noexcept {
    handshake_plan& plan = target.engine.plan;
    bool const full = plan.extent == umbel::handshake::full && plan.protocol != protocol::resp2;
    plan.ask_notices = source.maintenance_notices == maintenance_notices::on ||
                       (source.maintenance_notices == maintenance_notices::automatic && full);
    // A certificate is for the name that the user knows.
    plan.same_name = target.engine.tls;
    target.pipeline.maintenance = {plan.ask_notices, source.maintenance_timeout, saturated(source.deadline),
                                   source.maintenance_window_max};
    target.engine.maintenance_window_max = source.maintenance_window_max;
}

inline void copy_leases(options const& source, settings& target) noexcept {
    target.engine.leases_max = source.leases_max;
    target.engine.leases_waiting_max = source.leases_waiting_max;
    target.engine.lease_idle = source.lease_idle;
    target.engine.unblock_timeout = source.unblock_timeout;
    target.link.unblock_timeout = source.unblock_timeout;
    target.lease_slack = source.lease_slack;
}

}  // namespace checking

/// Checks and copies what the user gave. All chance comes from `seed`. `observed`: an observer listens.
/// Errors: bad_argument, naming the option.
inline result<settings> settings_of(options const& asked, cluster::policy const& policy, std::uint64_t seed,
                                    bool observed) {
    result<options> const told = with_urls(asked);
    if (!told) return tl::unexpected<error>{told.error()};
    if (auto good = checking::check(*told); !good) return tl::unexpected<error>{good.error()};
    options const source = within_reach(*told);
    settings target;
    handshake_plan& plan = target.engine.plan;
    plan.database = source.database;
    if (auto good = checking::copy_sentinels(source, target.engine); !good)
        return tl::unexpected<error>{good.error()};
    if (auto good = checking::copy_seeds(source, target.engine); !good)
        return tl::unexpected<error>{good.error()};
    for (address_pair const& pair : source.address_map) {
        if (auto good = target.engine.addresses.add(pair.announced, pair.reached); !good)
            return checking::bad("options.address_map: " + std::string{good.error().message()});
    }
    for (node_zone const& zone : source.zones) {
        auto address = cluster::endpoint::parse(zone.node, 6379);
        if (!address) return checking::bad("options.zones: " + std::string{address.error().message()});
        target.engine.zones.emplace_back(std::move(*address), zone.zone);
    }
    if (auto good = checking::copy_identity(source, target); !good)
        return tl::unexpected<error>{good.error()};
    plan.protocol = source.protocol;
    plan.extent = source.handshake;
    plan.client_name = source.client_name;
    target.engine.source = source.topology_source;
    target.engine.deployment = source.deployment;
    target.engine.judging = {policy, source.redirects_max, source.retry_delay, source.retry_delay_max,
                             source.retry_unknown};
    target.engine.budget.percent = source.retry_budget_percent;
    target.engine.budget.floor_per_second = source.retry_budget_floor;
    target.engine.refreshing.interval_min = source.refresh_interval_min;
    target.engine.refreshing.interval =
        source.handshake == umbel::handshake::minimal ? duration{0} : duration{source.refresh_interval};
    target.engine.refreshing.delay = source.refresh_retry_delay;
    target.engine.refreshing.delay_max = source.refresh_retry_delay_max;
    target.engine.refresh_timeout = source.refresh_timeout;
    target.engine.reconnect_delay = source.reconnect_delay;
    target.engine.reconnect_delay_max = source.reconnect_delay_max;
    target.engine.addresses.ask(source.address_function, source.address_context);
    target.engine.zone = source.availability_zone;
    target.engine.breaker_failures = source.breaker_failures;
    target.engine.waiting_max = source.waiting_max;
    target.engine.nodes_max = source.nodes_max;
    target.engine.connects_max = source.connects_max;
    target.engine.slow_start = target.pipeline.slow_start = source.slow_start;
    target.engine.observed = observed;
    target.engine.seed = seed;
    target.pipeline.judging = target.engine.judging;
    target.pipeline.in_flight_max = source.in_flight_max;
    target.pipeline.queued_bytes_max = source.queued_bytes_max;
    target.pipeline.reply.depth_max = source.reply_depth_max;
    target.pipeline.reply.reply_bytes_max = source.reply_bytes_max;
    target.pipeline.seed = seed + 1;
    target.pipeline.latency_histograms = source.latency_histograms;
    if (observed) target.pipeline.slow_after = source.slow_after;
    checking::copy_link(source, target);
    checking::copy_leases(source, target);
    checking::copy_maintenance(source, target);
    target.pinned_bytes_max = source.pinned_bytes_max;
    target.read_from = source.read_from;
    target.deadline = saturated(source.deadline);
    target.hedge_percent_max = source.hedge_percent_max;
    return target;
}

}  // namespace umbel::engine
