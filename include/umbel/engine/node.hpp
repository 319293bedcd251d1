// node.hpp: the nodes a client knows, by number, and how their connections fare. It knows no topology rules.
#pragma once

#include <umbel/cluster/endpoint.hpp>
#include <umbel/cluster/topology.hpp>
#include <umbel/engine/breaker.hpp>
#include <umbel/engine/call.hpp>
#include <umbel/engine/instant.hpp>
#include <umbel/engine/link_state.hpp>
#include <umbel/engine/retry_budget.hpp>

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

namespace umbel::engine {

/// The engine's side of one connection.
struct link_status {
    using state = link_state;
    state now_is = state::idle;
    std::uint32_t generation = 0;  ///< Counts the attempts to connect; an event of an older one is ignored.
    unsigned failures = 0;         ///< In a row; decides the back-off.
    instant retry_at{0};
    instant up_since{0};
    errc last_failure{};
    std::string last_message;
};

/// One node.
struct node {
    cluster::endpoint where;
    std::string name;  ///< "host:port".
    std::string id;    ///< As the cluster names it; empty while unknown.
    std::string zone;
    cluster::node_role role = cluster::node_role::primary;
    cluster::node_health health = cluster::node_health::online;
    bool in_use = false;  ///< The number is taken.
    bool member = false;  ///< Part of the present topology.
    bool named = false;   ///< No member, but a member's redirect led here, and no topology has been learned since.
    instant left_at{0};   ///< When it stopped being a member, or was last named without being one.
    instant doubted_until{0};  ///< It has been silent while commands waited.
    instant shunned_until{0};  ///< It cannot serve at present: it said LOADING or MASTERDOWN.
    circuit_breaker breaker;   ///< Over both links.
    refusal_gate gate;         ///< For commands that it has refused because it cannot serve.
    std::array<link_status, 2> links{};

    /// The link that serves the node's role.
    link_mode role_mode() const noexcept { return role == cluster::node_role::primary ? link_mode::primary : link_mode::replica; }
    /// When that link is to be opened without anybody asking for it; `never` where it is not.
    instant reopen_at() const noexcept {
        link_status const& one = links[static_cast<std::size_t>(role_mode())];
        if (!member || breaker.now_is() == circuit_breaker::state::half_open) return never;
        if (one.now_is == link_status::state::down) return one.retry_at;
        // The node has changed its role since it failed: as long as reads leave it for others, nobody would see that it is well again.
        bool const shut_out = one.now_is == link_status::state::idle && breaker.now_is() == circuit_breaker::state::open;
        return shut_out ? std::max(breaker.retry_at(), one.retry_at) : never;
    }
    /// The link whose failure says what is wrong with the node: the one asked for where it has failed, else the other.
    link_status const& troubled(link_mode mode) const noexcept {
        link_status const& own = link(mode);
        return own.failures != 0 ? own : links[1 - static_cast<std::size_t>(mode)];
    }
    link_status& link(link_mode mode) noexcept { return links[static_cast<std::size_t>(mode)]; }
    link_status const& link(link_mode mode) const noexcept { return links[static_cast<std::size_t>(mode)]; }
};

/// A bounded arena of nodes with stable numbers.
class node_table {
public:
    /// How long a number rests before it names another node: whoever read it from the slot table is done long since.
    static constexpr duration rest = std::chrono::seconds{30};

    explicit node_table(std::uint16_t nodes_max) : nodes_max_{nodes_max} {}

    node& operator[](std::uint16_t number) noexcept { return *nodes_[number]; }
    node const& operator[](std::uint16_t number) const noexcept { return *nodes_[number]; }
    std::uint16_t size() const noexcept { return static_cast<std::uint16_t>(nodes_.size()); }

    std::uint16_t find(cluster::endpoint const& where) const noexcept {
        auto const at = numbers_.find(where);
        return at == numbers_.end() ? link_id::no_node : at->second;
    }

    /// The number of the node at `where`, new if need be; no_node when the arena is full.
    std::uint16_t obtain(cluster::endpoint const& where, instant now) {
        if (std::uint16_t const known = find(where); known != link_id::no_node) {
            nodes_[known]->left_at = std::max(nodes_[known]->left_at, now);
            return known;
        }
        std::uint16_t number = link_id::no_node;
        if (!free_.empty()) {
            number = free_.back();
            free_.pop_back();
        } else if (nodes_.size() < nodes_max_) {
            number = static_cast<std::uint16_t>(nodes_.size());
            nodes_.push_back(std::make_unique<node>());
        } else {
            return link_id::no_node;
        }
        node& made = *nodes_[number];
        made.where = where;
        made.name = where.to_string();
        made.in_use = true;
        made.left_at = now;
        numbers_.emplace(where, number);
        return number;
    }

    /// Gives up numbers of nodes that left long ago and whose connections are closed.
    void sweep(instant now) {
        for (std::uint16_t number = 0; number < size(); ++number) {
            node& one = *nodes_[number];
            if (!one.in_use || one.member || now - one.left_at < rest) continue;
            bool const closed = one.links[0].now_is == link_status::state::idle && one.links[1].now_is == link_status::state::idle;
            if (!closed) continue;
            numbers_.erase(one.where);
            std::array<std::uint32_t, 2> const generations{one.links[0].generation, one.links[1].generation};
            one = node{};
            for (std::size_t mode = 0; mode < 2; ++mode) one.links[mode].generation = generations[mode];
            free_.push_back(number);
        }
    }

private:
    std::uint16_t nodes_max_;
    std::vector<std::unique_ptr<node>> nodes_;
    std::vector<std::uint16_t> free_;
    std::unordered_map<cluster::endpoint, std::uint16_t> numbers_;
};

}  // namespace umbel::engine
