// errands.hpp: a cancellation on its way to whoever owns the call.
// It knows no engine and no connection.
#pragma once

#include <umbel/net/operation.hpp>

#include <utility>

namespace umbel::net {

inline void drop(engine::call& one) noexcept { one.kind->drop(one); }

/// A share of a token, on its way.
struct pursuit {
    shared_token* token;

    explicit pursuit(shared_token& whose) noexcept : token{&whose} {}
    pursuit(pursuit&& other) noexcept : token{std::exchange(other.token, nullptr)} {}
    ~pursuit() {
        if (token) token->release();
    }
    std::uint32_t owner() const noexcept { return token->owner.load(std::memory_order_seq_cst); }
    engine::call& target() const noexcept { return *token->target; }
};

}  // namespace umbel::net
