// sentinel_votes.hpp: several sentinels say who leads a replication group: whom to ask first whether that is
// so. Pure functions. It knows neither how sentinels are asked nor what the servers say themselves.
#pragma once

#include <umbel/cluster/endpoint.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace umbel::cluster {

/// What one sentinel says of a replication group.
struct sentinel_view {
    endpoint primary;
    std::uint64_t config_epoch = 0;
    std::vector<endpoint> replicas;
    std::vector<endpoint> sentinels;  ///< The others that it knows.
    std::string id;                   ///< Its own; empty where it does not tell it.
};

/// A server that sentinels name as the primary.
struct nominee {
    endpoint address;
    std::uint64_t config_epoch = 0;  ///< The highest that a sentinel tells of it.
    std::size_t votes = 0;           ///< Sentinels that name it.
    bool known = false;  ///< More than half of those that answer name it as the primary or a replica.
};

/// How many sentinels there are, as those tell that have answered.
inline std::size_t electorate(std::span<sentinel_view const> views) noexcept {
    std::size_t all = views.size();
    for (sentinel_view const& view : views) all = std::max(all, view.sentinels.size() + 1);
    return all;
}

/// Those that are named as the primary, the most credible first: who is known to most sentinels, then who has
/// the higher config epoch, then who has more votes. A failover raises the epoch, and only the sentinel that
/// has led it knows that at first; so an epoch counts for more than votes. But every sentinel knows the
/// replica that takes over: a sentinel that names another server, with whatever epoch, is outvoted, see
/// drop_unlikely().
/// Rule: Redis Sentinel documentation, "Configuration epochs" and "Configuration propagation".
inline std::vector<nominee> nominees_of(std::span<sentinel_view const> views) {
    std::vector<nominee> all;
    for (sentinel_view const& view : views) {
        auto const same = [&view](nominee const& other) { return other.address == view.primary; };
        auto found = std::find_if(all.begin(), all.end(), same);
        if (found == all.end()) found = all.insert(found, nominee{view.primary});
        ++found->votes;
        found->config_epoch = std::max(found->config_epoch, view.config_epoch);
    }
    for (nominee& named : all) {
        auto const knows = [&named](sentinel_view const& view) {
            return view.primary == named.address || std::find(view.replicas.begin(), view.replicas.end(),
                                                              named.address) != view.replicas.end();
        };
        named.known =
            2 * static_cast<std::size_t>(std::count_if(views.begin(), views.end(), knows)) > views.size();
    }
    std::stable_sort(all.begin(), all.end(), [](nominee const& left, nominee const& right) {
        if (left.known != right.known) return left.known;
        if (left.config_epoch != right.config_epoch) return left.config_epoch > right.config_epoch;
        return left.votes > right.votes;
    });
    return all;
}

/// Leaves those that may lead, after a primary of this config epoch was believed. Who has a lower epoch has
/// led before it, and sentinels that were cut off still say so: most of all `sentinels` must name it, as
/// where all of them were set up anew. Who is not known to most of those that have answered may be anybody.
inline void drop_unlikely(std::vector<nominee>& named, std::uint64_t believed_epoch, std::size_t sentinels) {
    std::erase_if(named, [=](nominee const& one) {
        return !one.known || (one.config_epoch < believed_epoch && 2 * one.votes <= sentinels);
    });
}

/// What sentinels have said, in words: "10.0.0.1:6379 (2 of 3 sentinels, config epoch 4)".
inline std::string told_by(std::span<nominee const> named, std::size_t sentinels) {
    std::string text;
    for (nominee const& one : named) {
        if (!text.empty()) text.append(", ");
        text.append(one.address.to_string()).append(" (").append(std::to_string(one.votes));
        text.append(" of ").append(std::to_string(sentinels)).append(" sentinels, config epoch ");
        text.append(std::to_string(one.config_epoch)).append(")");
    }
    return text;
}

}  // namespace umbel::cluster
