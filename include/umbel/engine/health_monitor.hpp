// health_monitor.hpp: which nodes reads should avoid at present, and which stand in the client's zone. It
// tells the router, and opens and closes nothing.
#pragma once

#include <umbel/engine/control_state.hpp>

#include <algorithm>
#include <string>
#include <string_view>

namespace umbel::engine {

/// Publishes the health of nodes to the router.
class health_monitor {
public:
    explicit health_monitor(control_state& shared) noexcept : shared_{shared} {}

    /// Tells the router how a node fares now.
    void publish(std::uint16_t number, instant now) noexcept {
        node const& node = shared_.nodes[number];
        // A link that is being opened again is still down until it serves.
        auto const is_down = [](link_status const& link) {
            return link.state == link_state::down ||
                   (link.state == link_state::opening && link.failures != 0);
        };
        bool const down = node.any_link(node.role_mode(), is_down) && !node.any_link(node.role_mode(), is_up);
        instant const until = std::max(node.doubted_until, node.avoided_until);
        node_health& health = shared_.routes.health_of(number);
        health.unhealthy.store(down || node.breaker.refuses() || until > now, std::memory_order_relaxed);
        health.same_zone.store(!shared_.options.zone.empty() && zone_of(node) == shared_.options.zone,
                               std::memory_order_relaxed);
        if (until > now) due_at_ = std::min(due_at_, until);
    }

    /// Reads avoid a node that cannot serve at present (LOADING, MASTERDOWN), until it has had time to
    /// recover.
    void avoid(std::uint16_t number, instant now) noexcept {
        shared_.nodes[number].avoided_until = after(now, shared_.options.judging.retry_delay_max);
        publish(number, now);
    }
    /// Reads avoid a node that has been silent while commands waited for it.
    void doubt(std::uint16_t number, instant now) noexcept {
        shared_.nodes[number].doubted_until = after(now, shared_.options.refresh_timeout);
        publish(number, now);
    }
    /// Records the zone that a server or a topology tells. An empty text takes nothing back.
    void set_zone(std::uint16_t number, std::string const& zone, instant now) {
        if (number == link_id::no_node) return;
        if (!zone.empty()) shared_.nodes[number].zone = zone;
        publish(number, now);
    }

    /// When a node need no longer be avoided.
    instant next_due() const noexcept { return due_at_; }
    /// Publishes all nodes again once the time for which one was avoided is over.
    void advance(instant now) noexcept {
        if (due_at_ > now) return;
        due_at_ = never;
        for (std::uint16_t number = 0; number < shared_.nodes.size(); ++number) publish(number, now);
    }

private:
    /// The availability zone of a node: its server's word counts, else the user's.
    std::string_view zone_of(node const& node) const noexcept {
        if (!node.zone.empty()) return node.zone;
        auto const& zones = shared_.options.zones;
        auto const found = std::find_if(zones.begin(), zones.end(),
                                        [&](auto const& entry) { return entry.first == node.address; });
        return found == zones.end() ? std::string_view{} : std::string_view{found->second};
    }

    control_state& shared_;
    instant due_at_ = never;
};

}  // namespace umbel::engine
