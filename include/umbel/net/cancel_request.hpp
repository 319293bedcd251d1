// cancel_request.hpp: a cancellation on its way to whoever owns the call.
// It knows no engine and no connection.
#pragma once

#include <umbel/async/operation.hpp>

#include <utility>

namespace umbel::net {

inline void drop(engine::call& call) noexcept { call.kind->drop(call); }

/// A share of a token, on its way.
struct cancel_request {
    async::shared_token* token;

    explicit cancel_request(async::shared_token& whose) noexcept : token{&whose} {}
    cancel_request(cancel_request&& other) noexcept : token{std::exchange(other.token, nullptr)} {}
    ~cancel_request() {
        if (token) token->release();
    }
    std::uint32_t owner() const noexcept { return token->owner.load(std::memory_order_seq_cst); }
    engine::call& target() const noexcept { return *token->target; }
};

}  // namespace umbel::net
