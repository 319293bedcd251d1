// remedy.hpp: what a call can do about a node that lacks what the call names, a script or a function: it goes
// to the same node once more, in other words or behind a command that brings what was missing. Which words
// these are the maker of the call knows.
#pragma once

#include <umbel/engine/call.hpp>

#include <cstring>

namespace umbel::engine {

/// Stands in front of the bytes of a call that has one (call::has_remedy).
struct remedy {
    /// Prepares the call for its next attempt; false where it cannot. `first`, if it is set, goes out before
    /// it, and recycles itself.
    bool (*apply)(call&, void const* subject, call*& first) noexcept = nullptr;
    void const* subject = nullptr;
    link_id tried{};  ///< Where it was applied last: on one connection it helps once, or never.
};

/// The room that a remedy takes in front of a call's bytes.
inline constexpr std::size_t remedy_bytes = sizeof(remedy);

/// Puts a remedy where a call's bytes will begin. Returns where they do.
inline char* put_remedy(char* at, remedy const& which) noexcept {
    std::memcpy(at, &which, sizeof which);
    return at + remedy_bytes;
}

/// Applies the call's remedy on a connection; false where it has none that would help.
inline bool apply_remedy(call& call, link_id where, umbel::engine::call*& first) noexcept {
    if (!call.has_remedy) return false;
    remedy which;
    // The call owns its bytes, whoever reads them.
    char* const at = const_cast<char*>(call.bytes) - remedy_bytes;
    std::memcpy(&which, at, sizeof which);
    if (which.tried == where) return false;
    which.tried = where;
    std::memcpy(at, &which, sizeof which);
    return which.apply(call, which.subject, first);
}

}  // namespace umbel::engine
