// options_check.hpp: the ranges of the options. It copies nothing, and reads no address and no URL.
#pragma once

#include <umbel/engine/call.hpp>
#include <umbel/error.hpp>
#include <umbel/options.hpp>

#include <chrono>
#include <cstdint>
#include <string_view>

namespace umbel::engine::checking {

inline tl::unexpected<error> bad(std::string_view message) noexcept {
    return fail(errc::bad_argument, delivery::not_sent, message);
}

/// The first thing that is wrong with `given`, if any.
inline result<void> check(options const& source) {
    using std::chrono::milliseconds;
    if (source.seeds.empty()) return bad("options.seeds: at least one address is needed");
    if (source.deadline <= milliseconds{0})
        return bad("options.deadline must be positive, or umbel::no_deadline");
    if (source.connect_timeout <= milliseconds{0}) return bad("options.connect_timeout must be positive");
    if (source.reconnect_delay <= milliseconds{0} || source.reconnect_delay_max < source.reconnect_delay)
        return bad("options.reconnect_delay must be positive and not above reconnect_delay_max");
    if (source.retry_delay <= milliseconds{0} || source.retry_delay_max < source.retry_delay)
        return bad("options.retry_delay must be positive and not above retry_delay_max");
    if (source.refresh_timeout <= milliseconds{0}) return bad("options.refresh_timeout must be positive");
    if (source.refresh_retry_delay <= milliseconds{0} ||
        source.refresh_retry_delay_max < source.refresh_retry_delay)
        return bad("options.refresh_retry_delay must be positive and not above refresh_retry_delay_max");
    if (source.refresh_interval_min < milliseconds{0}) return bad("options.refresh_interval_min is negative");
    if (source.refresh_interval < milliseconds{0}) return bad("options.refresh_interval is negative");
    if (source.probe_after < milliseconds{0} || source.probe_timeout < milliseconds{0})
        return bad("options.probe_after or probe_timeout is negative");
    if (source.maintenance_timeout < milliseconds{0} || source.maintenance_window_max < milliseconds{0})
        return bad("options.maintenance_timeout or maintenance_window_max is negative");
    if (source.maintenance_notices == umbel::maintenance_notices::on &&
        (source.protocol == protocol::resp2 ||
         (source.protocol == protocol::automatic && source.handshake == umbel::handshake::minimal)))
        return bad("options.maintenance_notices: on needs RESP3 (protocol resp3, or a full handshake)");
    if (source.large_reply_timeout < milliseconds{0}) return bad("options.large_reply_timeout is negative");
    if (source.slow_after < milliseconds{0}) return bad("options.slow_after is negative");
    if (source.hedge_percent_max > 100) return bad("options.hedge_percent_max is above 100");
    if (source.in_flight_max == 0) return bad("options.in_flight_max must not be 0");
    if (source.waiting_max == 0) return bad("options.waiting_max must not be 0");
    if (source.leases_max == 0 || source.leases_max > leases_limit)
        return bad("options.leases_max must be between 1 and 254");
    if (source.leases_waiting_max == 0) return bad("options.leases_waiting_max must not be 0");
    if (source.lease_idle < milliseconds{0} || source.lease_slack < milliseconds{0})
        return bad("options.lease_idle or lease_slack is negative");
    if (source.unblock_timeout <= milliseconds{0}) return bad("options.unblock_timeout must be positive");
    if (source.keepalive_after < milliseconds{0} || source.keepalive_interval <= milliseconds{0})
        return bad("options.keepalive_after is negative, or keepalive_interval not positive");
    if (source.user_timeout < milliseconds{0}) return bad("options.user_timeout is negative");
    if (source.keepalive_probes == 0 || source.keepalive_probes > 127)
        return bad("options.keepalive_probes must be between 1 and 127");
    if (source.connects_max == 0) return bad("options.connects_max must not be 0");
    if (source.nodes_max == 0 || source.nodes_max > 16384)
        return bad("options.nodes_max must be between 1 and 16384");
    if (source.reply_depth_max == 0 || source.reply_depth_max > 1024)
        return bad("options.reply_depth_max must be between 1 and 1024");
    if (source.argument_bytes_max < (std::uint64_t{1} << 20))
        return bad("options.argument_bytes_max must be at least 1 MiB, as proto-max-bulk-len must");
    if (source.reply_bytes_max < 64) return bad("options.reply_bytes_max must be at least 64");
    // Rule: CLIENT SETNAME, and validateClientName() of redis-server and valkey-server.
    for (char const letter : source.client_name)
        if (letter < '!' || letter > '~')
            return bad("options.client_name may hold only visible ASCII characters, and no space");
    return {};
}

}  // namespace umbel::engine::checking
