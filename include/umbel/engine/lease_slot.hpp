// lease_slot.hpp: the leases of one node, as the control plane sees them, and the call by which a server is
// told that a wait was given up. Values and states; who gets which lease is decided in lease_pool.hpp.
#pragma once

#include <umbel/engine/lease_token.hpp>
#include <umbel/engine/link_status.hpp>
#include <umbel/engine/query_port.hpp>

#include <charconv>
#include <cstdint>
#include <iterator>
#include <memory>
#include <string>
#include <vector>

namespace umbel::engine {

/// CLIENT UNBLOCK for one lease, sent on another connection to its node, and on no later one: the id means
/// the lease to this process of the server only. Threading: prepared and read by the
/// engine's owner; `answered` is written by the connection's, with the call's hand-over between.
struct unblock_call : call {
    link_id lease{};
    std::uint32_t generation = 0;
    query_port port{};
    bool answered = false;
    std::string text;

    /// Rule: CLIENT UNBLOCK command: the wait ends as if its time were over.
    void prepare(link_id which, std::uint32_t its_generation, std::int64_t client_id, query_port to,
                 duration within) {
        char number[24];
        auto const end = std::to_chars(std::begin(number), std::end(number), client_id).ptr;
        auto const digits = static_cast<std::size_t>(end - number);
        text = "*3\r\n$6\r\nCLIENT\r\n$7\r\nUNBLOCK\r\n$" + std::to_string(digits) + "\r\n";
        text.append(number, digits).append("\r\n");
        lease = which;
        generation = its_generation;
        port = to;
        answered = false;
        kind = &kind_of_all;
        bytes = text.data();
        size = static_cast<std::uint32_t>(text.size());
        issued_by = issuer::engine;
        form.tied = 1;
        bound = true;
        timeout = within;
        accepted = not_begun;
        at = stage::fresh;
        link = {which.node, link_mode::primary, 0};
    }
    /// The call itself where it is one of these; null for any other.
    static unblock_call* from(call& settled) noexcept {
        return settled.kind == &kind_of_all ? static_cast<unblock_call*>(&settled) : nullptr;
    }

private:
    static void decode(call& base, resp::view const&) noexcept {
        static_cast<unblock_call&>(base).answered = true;
    }
    static void complete(call& base) {
        query_port const to = static_cast<unblock_call&>(base).port;
        to.settled(to.to, base);
    }
    static constexpr call_kind kind_of_all{.decode = &unblock_call::decode,
                                           .fail = [](call&, error&&) noexcept {},
                                           .complete = &unblock_call::complete,
                                           .drop = [](call&) noexcept {},
                                           .takes_errors = true};
};

/// One lease of a node.
struct lease_slot {
    enum class use : std::uint8_t {
        free,
        lent,     ///< To one call, until it tells that it is idle.
        held,     ///< By a caller, until it is given back.
        leaving,  ///< To be closed; lent to nobody until it has ended. Its holder may still have it.
    };

    link_status status{};
    use is = use::free;
    std::uint8_t context = 0;
    bool unblocking = false;  ///< The server is being told that a wait was given up.
    bool tells = false;       ///< Its session is to hear that it has been told; there was no memory for that.
    errc leaves_for{};        ///< Why it is leaving, see close_link.
    std::int64_t client_id = 0;  ///< Of the process of the server that it has reached.
    /// Generation of the node's shared connection that was up before this one was begun; 0: none was. While
    /// it is up, both have reached one process; had it been on its way only, this one might be a dead one's.
    std::uint32_t beside = 0;
    instant idle_since{0};
    lease_token* holder = nullptr;
    call_list withheld;  ///< Calls that were given up, with their results, until the server has been told.
    std::unique_ptr<unblock_call> unblock;

    bool is_idle() const noexcept { return is_up(status) && is == use::free && !unblocking; }
    /// Its node has left the cluster, and it ends when its wait has.
    bool moves() const noexcept { return status.state == link_state::closing && is != use::leaving; }
    /// Nothing keeps it from being opened.
    bool is_closed() const noexcept {
        return (status.state == link_state::idle || status.state == link_state::down) && is == use::free &&
               !unblocking;
    }
};

/// The leases of one node, and the calls that wait for one.
struct node_leases {
    std::vector<lease_slot> slots;
    call* first = nullptr;  ///< Of the calls that wait, the oldest.
    call* last = nullptr;
    std::uint32_t waiting = 0;
    instant retry_at{0};  ///< No lease is opened before, because the latest attempt has failed.

    bool any(link_state state) const noexcept {
        for (lease_slot const& slot : slots)
            if (slot.status.state == state) return true;
        return false;
    }
    bool all_closed() const noexcept {
        for (lease_slot const& slot : slots)
            if (!slot.is_closed() || slot.holder) return false;
        return waiting == 0;
    }
};

}  // namespace umbel::engine
