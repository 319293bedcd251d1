// tls.hpp: TLS for clients, by OpenSSL: the one header of umbel that needs it. A source file that makes the
// options of a client includes it; those that only send commands need not. Link with OpenSSL: in CMake the
// target umbel::tls, without it -lssl -lcrypto.
#pragma once

#include <umbel/net/tls_encryption.hpp>
#include <umbel/options.hpp>

#include <memory>
#include <utility>

namespace umbel {

/// Has the connections of a client speak TLS: `options.tls = umbel::tls();`. Every node is verified, by its
/// certificate and the name or address at which it is reached, before anything is sent to it; tls_options
/// says whom to trust, and can ask for less. Files are read here, and again by reload() of what is returned:
/// connections that are made later use what is in them then. Both block while they read, and throw
/// std::bad_alloc where memory runs out.
///
/// A node that cannot be verified, that speaks no TLS, or that does not accept the client's certificate,
/// fails commands with errc::tls_failed, whose message says why; it is tried again at the pace of
/// options::reconnect_delay. Where a name has several addresses, the next one is tried where TLS fails with
/// one, or is not answered for its share of options::connect_timeout. A server of TLS 1.3 looks at the
/// client's certificate when the connection counts as made: no other address is tried where it refuses that.
/// One object may serve several clients.
/// Errors: what is wrong with the options is told by check(), and by each command of a client that was given
/// them: bad_argument, naming the option. Lifetime: clients keep it. Threading: the object may be used from
/// any thread.
inline std::shared_ptr<net::tls_encryption> tls(tls_options chosen = {}) {
    return std::make_shared<net::tls_encryption>(std::move(chosen));
}

}  // namespace umbel
