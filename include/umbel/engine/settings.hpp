// settings.hpp: the user's options, checked and copied, in the form that engine, pipelines and links want.
// The one place where that is done. It knows no socket and no random device: a seed is given to it.
#pragma once

#include <umbel/cluster/url.hpp>
#include <umbel/engine/engine_options.hpp>
#include <umbel/engine/link_options.hpp>
#include <umbel/engine/pipeline_options.hpp>
#include <umbel/options.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <string>

namespace umbel::engine {

/// Options as the runtime keeps them. Owns its texts.
struct settings {
    engine_options engine;
    pipeline_options pipeline;
    link_options link;
    std::size_t pinned_bytes_max = 0;
    umbel::read_from read_from = umbel::read_from::primary;
    std::chrono::nanoseconds deadline{};
    std::uint32_t hedge_percent_max = 0;
};

/// The same options with every time short enough to be doubled or added to another one. (A deadline is added
/// to a moment only.)
inline options within_reach(options given) {
    using field = options::milliseconds options::*;
    constexpr field all[]{
        &options::connect_timeout,  &options::reconnect_delay, &options::reconnect_delay_max,
        &options::retry_delay,      &options::retry_delay_max, &options::refresh_timeout,
        &options::refresh_interval, &options::probe_after,     &options::refresh_interval_min,
        &options::probe_timeout,    &options::slow_after,      &options::doubt_after};
    constexpr auto longest =
        std::chrono::duration_cast<options::milliseconds>(std::chrono::nanoseconds::max() / 4);
    for (field const member : all) given.*member = std::min(given.*member, longest);
    return given;
}

namespace checking {

inline tl::unexpected<error> bad(std::string_view what) noexcept {
    return fail(errc::bad_argument, delivery::not_sent, what);
}

/// The first thing that is wrong with `given`, if any.
inline result<void> check(options const& given) {
    using std::chrono::milliseconds;
    if (given.seeds.empty()) return bad("options.seeds: at least one address is needed");
    if (given.deadline <= milliseconds{0})
        return bad("options.deadline must be positive, or umbel::no_deadline");
    if (given.connect_timeout <= milliseconds{0}) return bad("options.connect_timeout must be positive");
    if (given.reconnect_delay <= milliseconds{0} || given.reconnect_delay_max < given.reconnect_delay)
        return bad("options.reconnect_delay must be positive and not above reconnect_delay_max");
    if (given.retry_delay <= milliseconds{0} || given.retry_delay_max < given.retry_delay)
        return bad("options.retry_delay must be positive and not above retry_delay_max");
    if (given.refresh_timeout <= milliseconds{0}) return bad("options.refresh_timeout must be positive");
    if (given.refresh_retry_delay <= milliseconds{0} ||
        given.refresh_retry_delay_max < given.refresh_retry_delay)
        return bad("options.refresh_retry_delay must be positive and not above refresh_retry_delay_max");
    if (given.refresh_interval_min < milliseconds{0}) return bad("options.refresh_interval_min is negative");
    if (given.refresh_interval < milliseconds{0}) return bad("options.refresh_interval is negative");
    if (given.probe_after < milliseconds{0} || given.probe_timeout < milliseconds{0})
        return bad("options.probe_after or probe_timeout is negative");
    if (given.slow_after < milliseconds{0}) return bad("options.slow_after is negative");
    if (given.hedge_percent_max > 100) return bad("options.hedge_percent_max is above 100");
    if (given.in_flight_max == 0) return bad("options.in_flight_max must not be 0");
    if (given.waiting_max == 0) return bad("options.waiting_max must not be 0");
    if (given.nodes_max == 0 || given.nodes_max > 16384)
        return bad("options.nodes_max must be between 1 and 16384");
    if (given.reply_depth_max == 0 || given.reply_depth_max > 1024)
        return bad("options.reply_depth_max must be between 1 and 1024");
    if (given.argument_bytes_max < (std::uint64_t{1} << 20))
        return bad("options.argument_bytes_max must be at least 1 MiB, as proto-max-bulk-len must");
    if (given.reply_bytes_max < 64) return bad("options.reply_bytes_max must be at least 64");
    auto const has_break = [](std::string_view text) {
        return text.find_first_of(" \r\n") != std::string_view::npos;
    };
    if (has_break(given.client_name)) return bad("options.client_name holds a space or a line break");
    return {};
}

/// Adds an address or a URL. Credentials and database of a URL hold for every node.
inline result<void> add_seed(engine_options& into, std::string_view text) {
    if (cluster::is_url(text)) {
        auto told = cluster::read_url(text);
        if (!told) return tl::unexpected<error>{told.error()};
        if (!told->password.empty()) into.plan.password = told->password;
        if (!told->username.empty()) into.plan.username = told->username;
        if (told->database) into.plan.database = *told->database;
        into.seeds.push_back(std::move(told->where));
        return {};
    }
    auto where = cluster::endpoint::parse(text, 6379);
    if (!where)
        return fail(errc::bad_argument, delivery::not_sent,
                    "options.seeds: " + std::string{where.error().message()});
    into.seeds.push_back(std::move(*where));
    return {};
}

}  // namespace checking

/// Checks and copies what the user gave. All chance comes from `seed`. `observed`: somebody wants to know
/// what only observers are told. Errors: bad_argument, naming the option.
inline result<settings> settings_of(options const& asked, cluster::policy const& policy, std::uint64_t seed,
                               bool observed) {
    if (auto good = checking::check(asked); !good) return tl::unexpected<error>{good.error()};
    options const given = within_reach(asked);
    settings made;
    handshake_plan& plan = made.engine.plan;
    plan.username = given.username;
    plan.password = given.password;
    plan.database = given.database;
    for (std::string const& seed_text : given.seeds) {
        if (auto good = checking::add_seed(made.engine, seed_text); !good)
            return tl::unexpected<error>{good.error()};
    }
    for (address_pair const& pair : given.address_map) {
        if (auto good = made.engine.addresses.add(pair.announced, pair.reached); !good)
            return checking::bad("options.address_map: " + std::string{good.error().message()});
    }
    for (node_zone const& zone : given.zones) {
        auto where = cluster::endpoint::parse(zone.node, 6379);
        if (!where) return checking::bad("options.zones: " + std::string{where.error().message()});
        made.engine.zones.emplace_back(std::move(*where), zone.zone);
    }
    if (plan.database != 0 && given.deployment == umbel::deployment::cluster)
        return checking::bad("options.database: a cluster has database 0 only");
    if (!plan.username.empty() && plan.password.empty())
        return checking::bad("options.username without a password");
    plan.protocol = given.protocol;
    plan.extent = given.handshake;
    plan.client_name = given.client_name;
    made.engine.source = given.topology_source;
    made.engine.deployment = given.deployment;
    made.engine.judging = {policy, given.redirects_max, given.retry_delay, given.retry_delay_max,
                           given.retry_unknown};
    made.engine.budget.percent = given.retry_budget_percent;
    made.engine.budget.floor_per_second = given.retry_budget_floor;
    made.engine.refreshing.interval_min = given.refresh_interval_min;
    made.engine.refreshing.interval =
        given.handshake == umbel::handshake::minimal ? duration{0} : duration{given.refresh_interval};
    made.engine.refreshing.delay = given.refresh_retry_delay;
    made.engine.refreshing.delay_max = given.refresh_retry_delay_max;
    made.engine.refresh_timeout = given.refresh_timeout;
    made.engine.reconnect_delay = given.reconnect_delay;
    made.engine.reconnect_delay_max = given.reconnect_delay_max;
    made.engine.addresses.ask(given.address_function, given.address_context);
    made.engine.zone = given.availability_zone;
    made.engine.breaker_failures = given.breaker_failures;
    made.engine.waiting_max = given.waiting_max;
    made.engine.nodes_max = given.nodes_max;
    made.engine.observed = observed;
    made.engine.seed = seed;
    made.pipeline.judging = made.engine.judging;
    made.pipeline.in_flight_max = given.in_flight_max;
    made.pipeline.queued_bytes_max = given.queued_bytes_max;
    made.pipeline.reply.depth_max = given.reply_depth_max;
    made.pipeline.reply.reply_bytes_max = given.reply_bytes_max;
    made.pipeline.seed = seed + 1;
    made.pipeline.latency_histograms = given.latency_histograms;
    if (observed) made.pipeline.slow_after = given.slow_after;
    made.link.connect_timeout = given.connect_timeout;
    made.link.probe_after =
        given.handshake == umbel::handshake::minimal ? duration{0} : duration{given.probe_after};
    made.link.probe_timeout = given.probe_timeout;
    made.link.doubt_after = given.doubt_after;
    made.pinned_bytes_max = given.pinned_bytes_max;
    made.read_from = given.read_from;
    made.deadline = saturated(given.deadline);
    made.hedge_percent_max = given.hedge_percent_max;
    return made;
}

}  // namespace umbel::engine
