// node.hpp: the nodes a client knows, by number, and how their connections fare. It knows no topology rules.
#pragma once

#include <umbel/cluster/endpoint.hpp>
#include <umbel/cluster/topology.hpp>
#include <umbel/engine/breaker.hpp>
#include <umbel/engine/call.hpp>
#include <umbel/engine/instant.hpp>
#include <umbel/engine/lease_slot.hpp>
#include <umbel/engine/retry_budget.hpp>

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

namespace umbel::engine {

/// One node.
struct node {
    cluster::endpoint address;
    std::string name;          ///< "host:port".
    std::string id;            ///< As the cluster names it; empty while unknown.
    std::uint64_t server = 0;  ///< The same for both numbers of a node that is handed over, and no other.
    std::string zone;
    server_mode runs_as = server_mode::unknown;
    cluster::node_role role = cluster::node_role::primary;
    cluster::node_health health = cluster::node_health::online;
    bool in_use = false;    ///< The number is taken.
    bool sentinel = false;  ///< It is a sentinel: no data, no member, and other credentials.
    bool tells = false;     ///< A sentinel whose news are wanted: its other link is to stay open.
    bool member = false;    ///< Part of the present topology.
    bool named =
        false;  ///< No member, but a member's redirect led here, and no topology has been learned since.
    cluster::endpoint detour;  ///< Where it is reached instead of its address, until then:
    instant detour_until{0};
    bool replaced = false;      ///< It is handed over: its waits are ended before its connections are.
    bool is_successor = false;  ///< A member's second number, which has not taken over yet.
    std::int64_t moving = -1;   ///< The number of the latest notice that its connections end, until then:
    instant moving_until{0};
    instant moves_again_at{0};       ///< It has been handed over a moment ago: not again before.
    instant left_at{0};              ///< When it stopped being a member, or was last named without being one.
    instant doubted_until{0};        ///< It has been silent while commands waited.
    instant avoided_until{0};        ///< It cannot serve at present: it said LOADING or MASTERDOWN.
    circuit_breaker breaker;         ///< Over all links.
    instant failed_at{-1};           ///< When the breaker last counted a failure.
    refusal_gate gate;               ///< For commands that it has refused because it cannot serve.
    std::vector<link_status> links;  ///< Two of each context, by mode.
    node_leases leases;

    explicit node(unsigned contexts) : links(std::size_t{contexts} * 2) {}
    node(std::vector<link_status>&& known, node_leases&& lent) noexcept
        : links{std::move(known)}, leases{std::move(lent)} {}

    unsigned contexts() const noexcept { return static_cast<unsigned>(links.size() / 2); }
    link_status& link(link_mode mode, std::uint8_t context = 0) noexcept {
        if (is_leased(mode)) return leases.slots[lease_number(mode)].status;
        return links[place_of(mode, context)];
    }
    link_status const& link(link_mode mode, std::uint8_t context = 0) const noexcept {
        if (is_leased(mode)) return leases.slots[lease_number(mode)].status;
        return links[place_of(mode, context)];
    }
    /// True when `will` holds for a link of this mode.
    template <class Will>
    bool any_link(link_mode mode, Will will) const noexcept {
        for (std::size_t at = static_cast<std::size_t>(mode); at < links.size(); at += 2)
            if (will(links[at])) return true;
        return false;
    }

    /// Where a connection to it goes.
    cluster::endpoint const& reached_at(instant now) const noexcept {
        return now < detour_until ? detour : address;
    }
    bool any_up() const noexcept { return std::any_of(links.begin(), links.end(), is_up); }
    /// The kind of link that serves the node's role.
    link_mode role_mode() const noexcept {
        return role == cluster::node_role::primary ? link_mode::primary : link_mode::replica;
    }
    /// The kind of link by which the engine's questions go. A node that was the primary of a replication
    /// group refuses the connection of one; as a replica it answers.
    link_mode question_mode() const noexcept {
        link_status const& usual = link(link_mode::primary);
        bool const demoted =
            usual.state != link_state::up && usual.failures != 0 && usual.last_failure == errc::read_only;
        return demoted ? link_mode::replica : link_mode::primary;
    }
    /// When the link of a context that serves the node's role is to be opened without a command that asks for
    /// it; `never` where it is not. While the breaker is open only context 0 reconnects. It probes for all
    /// contexts: the engine runs there, so no other context can block the probe.
    instant reopen_at(std::uint8_t context) const noexcept {
        link_status const& state_of_link = link(role_mode(), context);
        bool const kept = member || (tells && context == 0);
        if (!kept || breaker.now_is() == circuit_breaker::state::half_open ||
            (context != 0 && breaker.refuses()))
            return never;
        if (state_of_link.state == link_state::down) return state_of_link.retry_at;
        // The node has changed its role since it failed. While reads avoid it, no command would notice its
        // recovery.
        bool const shut_out =
            state_of_link.state == link_state::idle && breaker.now_is() == circuit_breaker::state::open;
        return shut_out ? std::max(breaker.retry_at(), state_of_link.retry_at) : never;
    }
    /// The earliest reopen_at() of all contexts.
    instant reopen_at() const noexcept {
        instant first = never;
        for (unsigned context = 0; (member || tells) && context < contexts(); ++context)
            first = std::min(first, reopen_at(static_cast<std::uint8_t>(context)));
        return first;
    }
    /// The link whose failure says what is wrong with the node: this one where it has failed, else another
    /// one that has.
    link_status const& troubled(link_mode mode, std::uint8_t context = 0) const noexcept {
        link_status const& own = link(mode, context);
        if (own.failures != 0) return own;
        auto const other = std::find_if(links.begin(), links.end(),
                                        [](link_status const& link) { return link.failures != 0; });
        return other == links.end() ? own : *other;
    }

private:
    static std::size_t place_of(link_mode mode, std::uint8_t context) noexcept {
        return std::size_t{context} * 2 + static_cast<std::size_t>(mode);
    }
};

/// A bounded arena of nodes with stable numbers.
class node_table {
public:
    /// How long a number rests before it names another node: whoever read it from the slot table is done long
    /// since.
    static constexpr duration rest = std::chrono::seconds{30};

    explicit node_table(std::uint16_t nodes_max, unsigned contexts = 1)
        : nodes_max_{nodes_max}, contexts_{contexts} {}

    node& operator[](std::uint16_t number) noexcept { return *nodes_[number]; }
    node const& operator[](std::uint16_t number) const noexcept { return *nodes_[number]; }
    std::uint16_t size() const noexcept { return static_cast<std::uint16_t>(nodes_.size()); }

    std::uint16_t find(cluster::endpoint const& address) const noexcept {
        auto const at = numbers_.find(address);
        return at == numbers_.end() ? link_id::no_node : at->second;
    }

    /// The number of the node at `where`, new if need be; no_node when the arena is full.
    std::uint16_t obtain(cluster::endpoint const& address, instant now) {
        if (std::uint16_t const known = find(address); known != link_id::no_node) {
            nodes_[known]->left_at = std::max(nodes_[known]->left_at, now);
            return known;
        }
        std::uint16_t const number = take_number(address, now);
        if (number != link_id::no_node) numbers_.emplace(address, number);
        return number;
    }
    /// A second number for a node, by which nothing finds it before succeed(); no_node when the arena is
    /// full.
    std::uint16_t obtain_successor(std::uint16_t of, instant now) {
        node const& before = *nodes_[of];
        std::uint16_t const number = take_number(before.address, now);
        if (number == link_id::no_node) return number;
        nodes_[number]->zone = before.zone;
        nodes_[number]->runs_as = before.runs_as;
        nodes_[number]->role = before.role;
        nodes_[number]->server = before.server;
        nodes_[number]->is_successor = true;
        return number;
    }
    /// The node is found by its second number from now on.
    void succeed(std::uint16_t successor) {
        numbers_[nodes_[successor]->address] = successor;
        nodes_[successor]->is_successor = false;
    }

    /// Gives up numbers of nodes that left long ago and whose connections are closed.
    void sweep(instant now) {
        for (std::uint16_t number = 0; number < size(); ++number) {
            node& record = *nodes_[number];
            if (!record.in_use || record.member || now - record.left_at < rest) continue;
            auto const idle = [](link_status const& link) { return link.state == link_state::idle; };
            if (!std::all_of(record.links.begin(), record.links.end(), idle)) continue;
            if (!record.leases.all_closed()) continue;
            if (find(record.address) == number) numbers_.erase(record.address);
            for (link_status& link : record.links) forget(link);
            for (lease_slot& lease : record.leases.slots) forget(lease.status);
            record = node{std::move(record.links), std::move(record.leases)};
            record.leases.retry_at = {};
            free_.push_back(number);
        }
    }

private:
    std::uint16_t take_number(cluster::endpoint const& address, instant now) {
        std::uint16_t number = link_id::no_node;
        if (!free_.empty()) {
            number = free_.back();
            free_.pop_back();
        } else if (nodes_.size() < nodes_max_) {
            number = static_cast<std::uint16_t>(nodes_.size());
            nodes_.push_back(std::make_unique<node>(contexts_));
        } else {
            return number;
        }
        node& record = *nodes_[number];
        record.address = address;
        record.name = address.to_string();
        record.in_use = true;
        record.server = ++servers_;
        record.left_at = now;
        return number;
    }
    /// The links stay, each with its count of attempts: an event of an older one must still be told from
    /// those to come.
    static void forget(link_status& link) {
        std::uint32_t const generation = link.generation;
        link = {};
        link.generation = generation;
    }

    std::uint16_t nodes_max_;
    unsigned contexts_;
    std::uint64_t servers_ = 0;  ///< That had a number so far.
    std::vector<std::unique_ptr<node>> nodes_;
    std::vector<std::uint16_t> free_;
    std::unordered_map<cluster::endpoint, std::uint16_t> numbers_;
};

}  // namespace umbel::engine
