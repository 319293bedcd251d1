// errands.hpp: what is on its way between strands, and owns what it carries: events, pursuits of a call.
// It knows no engine and no connection.
#pragma once

#include <umbel/engine/event.hpp>
#include <umbel/net/operation.hpp>

#include <utility>
#include <variant>

namespace umbel::net {

inline void drop(engine::call& one) noexcept { one.kind->drop(one); }

/// An event on its way; calls that never arrive, because the executor goes away, are destroyed with it.
struct parcel {
    engine::event what;

    explicit parcel(engine::event&& given) noexcept : what{std::move(given)} {}
    parcel(parcel&&) noexcept = default;
    ~parcel() {
        auto* const diverted = std::get_if<engine::calls_diverted>(&what);
        auto* const stranded = std::get_if<engine::calls_stranded>(&what);
        engine::call_list* const calls = diverted ? &diverted->calls : stranded ? &stranded->calls : nullptr;
        while (engine::call* const one = calls ? calls->pop() : nullptr) drop(*one);
    }
};

/// A share of a token, on its way between strands.
struct pursuit {
    shared_token* token;

    explicit pursuit(shared_token& whose) noexcept : token{&whose} {}
    pursuit(pursuit&& other) noexcept : token{std::exchange(other.token, nullptr)} {}
    ~pursuit() {
        if (token) token->release();
    }
    std::uint32_t owner() const noexcept { return token->owner.load(std::memory_order_seq_cst); }
};

}  // namespace umbel::net
