// write_out.hpp: how a session writes what its link has gathered, by its port. It knows no turn.
#pragma once

#include <umbel/config.hpp>
#include <umbel/engine/link.hpp>
#include <umbel/engine/session_port.hpp>
#include <umbel/engine/stream_state.hpp>

#include <cstddef>

namespace umbel::engine {

/// How a round of writing has ended.
enum class written : std::uint8_t {
    all,        ///< As much as there is, or as the stream takes: the port tells when it takes more.
    no_memory,  ///< The stream is full, and nobody could be asked to tell when it takes more.
    failed,     ///< The stream is broken.
};

/// Writes until nothing is left or the stream takes no more.
template <class Port>
UMBEL_ALWAYS_INLINE written write_out(Port& port, link& link, stream_state& stream) {
    while (stream.is_open() && !stream.write_blocked && link.wants_write()) {
        auto const pieces = link.gather();
        if (pieces.empty()) break;
        write_outcome how{};
        std::size_t const count = port.write_stream(pieces, how);
        switch (how) {
            case write_outcome::wrote: link.wrote(count); break;
            case write_outcome::interrupted: break;
            case write_outcome::blocked:
                stream.write_blocked = true;
                return port.await_writable() ? written::all : written::no_memory;
            case write_outcome::failed: return written::failed;
        }
    }
    return written::all;
}

}  // namespace umbel::engine
