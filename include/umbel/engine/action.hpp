// action.hpp: what the engine asks the driver to do. Values; nothing here does anything.
#pragma once

#include <umbel/cluster/endpoint.hpp>
#include <umbel/engine/breaker.hpp>
#include <umbel/engine/call.hpp>
#include <umbel/engine/handshake.hpp>
#include <umbel/engine/notice.hpp>

#include <memory>
#include <string>
#include <variant>

namespace umbel::engine {

/// Connect this link and greet. The driver resolves the host anew each time.
struct open_link {
    link_id link;
    std::uint32_t generation = 0;
    cluster::endpoint where;
    handshake_plan plan;
    attempt_kind kind = attempt_kind::usual;
    bool waits = false;        ///< Not before connect_now: many others are being opened.
    bool to_sentinel = false;  ///< The node is a sentinel: it may be spoken to with other TLS, or none.
};

/// Connect this link, which was to wait for its turn.
struct connect_now {
    link_id link;
    std::uint32_t generation = 0;
};

/// Close this link when nothing is in flight on it, and report link_closed. Of a lease: its commands that
/// block are given up for the reason `why`; where that is errc::connection_lost, the node is dead, and the
/// link is lost.
struct close_link {
    link_id link;
    std::uint32_t generation = 0;
    errc why = errc::read_only;
    bool holds_back = false;  ///< Commands that are not written yet are not sent, but routed anew.
};

/// Have the credential provider asked; credentials_told answers.
struct ask_credentials {
    std::uint32_t question = 0;
    std::string node{};  ///< Whose connection waits; empty: none does.
};

/// What a link has waited for that was opened without credentials. None: the attempt has failed, and why.
struct credentials_given {
    link_id link;
    std::uint32_t generation = 0;
    std::shared_ptr<credentials const> identity{};
    std::string why{};
};

/// The server has been told to end a wait on this lease: the next command that blocks may go out.
struct wait_told {
    link_id link;
    std::uint32_t generation = 0;
};

using action = std::variant<open_link, close_link, topology_changed, refresh_ended, node_connected,
                            node_connect_failed, node_disconnected, call_redirected, call_retried, wait_told,
                            ask_credentials, credentials_given, node_reauthenticated, credentials_failed,
                            connect_now, maintenance_announced>;

}  // namespace umbel::engine
