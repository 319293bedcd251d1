// stream_loss.hpp: what a connection tells of a stream that was not opened, or has ended: which error, and in
// what words. It knows no session.
#pragma once

#include <umbel/async/asio.hpp>
#include <umbel/error.hpp>
#include <umbel/net/transport.hpp>

#include <string>

namespace umbel::net {

struct stream_loss {
    errc why{};
    std::string words;
};

/// Of a stream that could not be opened. `resolved`: its host has an address.
inline stream_loss loss_before_open(transport const& from, async::error_code problem,
                                    bool resolved) noexcept {
    if (from.refused_by_tls()) return {errc::tls_failed, from.words_of(problem)};
    return {resolved ? errc::connect_failed : errc::resolve_failed, from.words_of(problem)};
}

/// Of a stream that has ended. `greeting`: its server had not replied yet. One of TLS 1.3 looks at the
/// client's certificate then.
inline stream_loss loss_of_open(transport const& from, async::error_code problem, bool greeting) noexcept {
    bool const refused = greeting && from.refused_by_tls();
    return {refused ? errc::tls_failed : errc::connection_lost, from.words_of(problem)};
}

}  // namespace umbel::net
