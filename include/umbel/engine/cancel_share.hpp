// cancel_share.hpp: a cancellation on its way to whoever owns the call.
// It knows no connection and no thread.
#pragma once

#include <umbel/engine/call.hpp>

#include <atomic>
#include <cstdint>
#include <utility>

namespace umbel::engine {

/// One reference to a cancel token, given back at the end.
/// Lifetime: keeps the token alive; the call behind it may be gone, which only the call's owner can tell.
class cancel_share {
public:
    /// Takes over a reference that the caller has counted. Precondition: token.give_back is set.
    explicit cancel_share(cancel_token& token) noexcept : token_{&token} {
        UMBEL_ASSERT(token.give_back != nullptr);
    }
    cancel_share(cancel_share&& other) noexcept : token_{std::exchange(other.token_, nullptr)} {}
    cancel_share& operator=(cancel_share&&) = delete;
    ~cancel_share() {
        if (token_) token_->give_back(*token_);
    }

    cancel_token& token() const noexcept { return *token_; }
    /// Who owns the call at this moment: cancel_token::nobody, ::engine, or a link.
    std::uint32_t owner() const noexcept { return token_->owner.load(std::memory_order_seq_cst); }
    /// Precondition: asked by the owner.
    call& target() const noexcept { return *token_->target; }

private:
    cancel_token* token_;
};

}  // namespace umbel::engine
