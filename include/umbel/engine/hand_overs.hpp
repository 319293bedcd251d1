// hand_overs.hpp: nodes whose connections will end: others are made before, take the commands that come, and
// the old ones close when their own are answered. It reads no push, and moves no call.
#pragma once

#include <umbel/engine/maintenance_notice.hpp>
#include <umbel/engine/topology_tracker.hpp>

#include <algorithm>
#include <cstdint>
#include <vector>

namespace umbel::engine {

/// Hands the commands of nodes over from the connections that they have to new ones.
///
/// A node gets a second number. Under that number it has connections of its own, to the address that was
/// announced or to the same name, looked up again; when these serve, the routes take the second number, and
/// the first one leaves: its waits are given up and go on elsewhere, what is in flight is answered, then its
/// connections close. So no command is sent twice for it, and none waits. Where the new connections do not
/// come to be in time the old ones stay until they end, as without a notice.
class hand_overs {
public:
    /// Between two of one node: what a server announces without end costs few connections, and few numbers of
    /// nodes, each of which rests for a while afterwards.
    static constexpr duration pause = std::chrono::seconds{5};

    hand_overs(control_state& shared, node_supervisor& links, topology_tracker& topology) noexcept
        : shared_{shared}, links_{links}, topology_{topology} {}

    /// The server behind `by` has said that its connections will end. Says nothing new where the node is
    /// handed over already, or was for this very notice.
    void begin(link_id by, maintenance_notice const& notice, instant now);
    /// Makes connections that are due, and lets them take over; true when commands are routed otherwise now.
    bool advance(instant now);
    instant next_due() const noexcept;
    std::size_t under_way() const noexcept { return all_.size(); }

private:
    struct hand_over {
        std::uint16_t from = link_id::no_node;
        std::uint16_t to = link_id::no_node;  ///< None before it begins.
        cluster::endpoint where;
        bool detours = false;
        instant begins_at{0};
        instant until{0};
        std::vector<link_id> wanted{};  ///< The links that are to be up.
        bool replaced = false;          ///< The second number has taken over.
    };
    enum class state : std::uint8_t { waits, serves, failed };

    bool is_under_way(std::uint16_t number) const noexcept {
        return std::any_of(all_.begin(), all_.end(), [number](hand_over const& known) {
            return known.from == number || (known.to == number && !known.replaced);
        });
    }
    link_status const& status_of(link_id id) const noexcept {
        return shared_.nodes[id.node].link(id.mode, id.context);
    }
    /// True when a link of the second number is to be opened, now or at a time to come.
    static bool is_closed(link_status const& link) noexcept {
        return link.state == link_state::idle || link.state == link_state::down;
    }
    void connect(hand_over& next, instant now);
    bool take_step(hand_over& next, instant now, bool& changed);
    void take_over(hand_over& next, instant now);
    bool retire(hand_over const& next, instant now);
    state look_at(hand_over const& next, instant now) const noexcept;

    control_state& shared_;
    node_supervisor& links_;
    topology_tracker& topology_;
    std::vector<hand_over> all_;  ///< At most one of a node.
};

inline void hand_overs::begin(link_id by, maintenance_notice const& notice, instant now) {
    node& peer = shared_.nodes[by.node];
    bool const known = now < peer.moving_until && notice.number <= peer.moving;
    if (!peer.member || known || is_under_way(by.node)) return;
    hand_over made{.from = by.node, .where = peer.address};
    if (!notice.endpoint.empty()) {
        result<cluster::endpoint> const read =
            cluster::endpoint::parse(notice.endpoint, std::max<std::uint16_t>(peer.address.port, 1));
        if (!read || read->is_unix()) return;
        made.where = shared_.options.addresses(*read);
        made.detours = made.where != peer.address;
    }
    duration const within = std::min(notice.within, shared_.options.maintenance_window_max);
    // A name may stand for the old address yet: half of the time is left to whoever changes it.
    made.begins_at = after(now, notice.endpoint.empty() ? within / 2 : duration{0});
    made.begins_at = std::max(made.begins_at, peer.moves_again_at);
    made.until = after(std::max(now, peer.moves_again_at), std::max(within, shared_.options.connect_timeout));
    peer.moving = notice.number;
    peer.moving_until = made.until;
    all_.push_back(std::move(made));
}

inline bool hand_overs::advance(instant now) {
    bool changed = false;
    for (std::size_t at = 0; at < all_.size() && !shared_.closed;) {
        if (take_step(all_[at], now, changed))
            ++at;
        else
            all_.erase(all_.begin() + static_cast<std::ptrdiff_t>(at));
    }
    return changed;
}

/// Returns false when it is over.
inline bool hand_overs::take_step(hand_over& next, instant now, bool& changed) {
    if (next.replaced) return retire(next, now);
    std::uint16_t const found = shared_.nodes.find(shared_.nodes[next.from].address);
    bool const stands = found == next.to || (found == next.from && shared_.nodes[next.from].member);
    if (stands && now < next.begins_at) return true;
    if (stands) connect(next, now);
    switch (stands && next.to != link_id::no_node ? look_at(next, now) : state::failed) {
        case state::waits: return true;
        case state::serves:
            take_over(next, now);
            changed = true;
            return retire(next, now);
        case state::failed: break;
    }
    if (next.to != link_id::no_node && found != next.to) links_.shut_all(next.to);
    return false;
}

/// The second number takes what comes. The waits of the first one end before its connection does by which the
/// server is told so.
inline void hand_overs::take_over(hand_over& next, instant now) {
    node& before = shared_.nodes[next.from];
    before.replaced = true;
    topology_.succeed(next.from, next.to, now);
    ++shared_.counters.hand_overs;
    shared_.nodes[next.to].moves_again_at = after(now, pause);
    next.replaced = true;
    next.until = after(now, 2 * shared_.options.unblock_timeout);
    links_.shut_all(next.from, link_mode::replica);
    for (unsigned context = 1; context < before.contexts(); ++context)
        links_.shut({next.from, link_mode::primary, static_cast<std::uint8_t>(context)});
    links_.shut_leases(next.from, errc::read_only);
}

/// Returns false when the first number has nothing left to wait for.
inline bool hand_overs::retire(hand_over const& next, instant now) {
    node& before = shared_.nodes[next.from];
    if (now < next.until && !before.leases.all_closed()) return true;
    before.replaced = false;
    links_.shut_all(next.from);
    return false;
}

/// Opens what is to be up.
inline void hand_overs::connect(hand_over& next, instant now) {
    if (next.to == link_id::no_node) {
        next.to = shared_.nodes.obtain_successor(next.from, now);
        if (next.to == link_id::no_node) return;
        node& peer = shared_.nodes[next.to];
        node const& before = shared_.nodes[next.from];
        peer.moving = before.moving;
        peer.moving_until = before.moving_until;
        if (next.detours) {
            peer.detour = next.where;
            peer.detour_until = next.until;
        }
        for (link_mode const mode : {link_mode::primary, link_mode::replica})
            for (unsigned context = 0; context < before.contexts(); ++context) {
                auto const number = static_cast<std::uint8_t>(context);
                link_state const used = before.link(mode, number).state;
                if (used == link_state::up || used == link_state::opening)
                    next.wanted.push_back({next.to, mode, number});
            }
    }
    for (link_id const id : next.wanted)
        if (is_closed(status_of(id)) && status_of(id).retry_at <= now) links_.open(id, now);
}

inline hand_overs::state hand_overs::look_at(hand_over const& next, instant now) const noexcept {
    auto const up = [this](link_id id) { return is_up(status_of(id)); };
    if (std::all_of(next.wanted.begin(), next.wanted.end(), up)) return state::serves;
    if (now < next.until) return state::waits;
    return std::any_of(next.wanted.begin(), next.wanted.end(), up) ? state::serves : state::failed;
}

inline instant hand_overs::next_due() const noexcept {
    instant due = never;
    for (hand_over const& next : all_) {
        due = std::min(due, next.to == link_id::no_node ? next.begins_at : next.until);
        if (next.to == link_id::no_node || next.replaced) continue;
        for (link_id const id : next.wanted)
            if (is_closed(status_of(id))) due = std::min(due, status_of(id).retry_at);
    }
    return due;
}

}  // namespace umbel::engine
