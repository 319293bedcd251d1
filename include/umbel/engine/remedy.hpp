// remedy.hpp: what a call can do about a node that lacks what the call names, a script or a function: it goes
// to the same node once more, in other words or behind a command that brings what was missing. Which words
// these are the maker of the call knows; what a connection has brought already is remedies.hpp's part.
#pragma once

#include <umbel/engine/call.hpp>

#include <cstdint>
#include <cstring>

namespace umbel::engine {

/// Names one connection among all that a link has had.
struct connection_number {
    link_id link{};
    std::uint32_t losses = 0;  ///< How many of the link's connections have ended before.

    friend constexpr bool operator==(connection_number, connection_number) noexcept = default;
};

/// Stands in front of the bytes of a call that has one (call::has_remedy).
struct remedy {
    /// Prepares the call for its next attempt; false where it cannot. Where it brings something it sets
    /// `first`: that goes out before the call, and recycles itself.
    bool (*apply)(call&, void const* subject, call*& first) noexcept = nullptr;
    void const* subject = nullptr;
    connection_number tried{};  ///< Where it was applied last: on one connection it helps once, or never.
};

/// The room that a remedy takes in front of a call's bytes.
inline constexpr std::size_t remedy_bytes = sizeof(remedy);

/// Puts a remedy where a call's bytes will begin. Returns where they do.
inline char* put_remedy(char* at, remedy const& which) noexcept {
    std::memcpy(at, &which, sizeof which);
    return at + remedy_bytes;
}
/// The remedy of a call. Precondition: the call has one.
inline remedy remedy_of(call const& call) noexcept {
    UMBEL_ASSERT(call.has_remedy);
    remedy which;
    std::memcpy(&which, call.bytes - remedy_bytes, sizeof which);
    return which;
}
/// Notes where it was tried. Precondition: the call has one.
inline void note_tried(call& call, connection_number where) noexcept {
    remedy which = remedy_of(call);
    which.tried = where;
    // The call owns its bytes, whoever reads them.
    put_remedy(const_cast<char*>(call.bytes) - remedy_bytes, which);
}

}  // namespace umbel::engine
