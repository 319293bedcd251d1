// errands.hpp: what is on its way between strands, and owns what it carries: calls to complete, events, pursuits of a call.
// It knows no engine and no connection.
#pragma once

#include <umbel/engine/event.hpp>
#include <umbel/net/operation.hpp>

#include <asio/any_io_executor.hpp>
#include <asio/post.hpp>

#include <memory>
#include <utility>
#include <variant>

namespace umbel::net {

inline void drop(engine::call& one) noexcept { one.kind->drop(one); }

/// Calls to be completed from a strand; a handler that throws does not keep the others from theirs.
struct completions {
    std::shared_ptr<void> keep;
    asio::any_io_executor strand;
    engine::call_list all;

    completions(std::shared_ptr<void> who, asio::any_io_executor where, engine::call_list&& calls) noexcept
        : keep{std::move(who)}, strand{std::move(where)}, all{std::move(calls)} {}
    completions(completions&&) noexcept = default;
    ~completions() {
        while (engine::call* const one = all.pop()) drop(*one);
    }
    void operator()() {
        struct remainder {
            completions& self;
            bool thrown = true;
            ~remainder() {
                if (thrown && !self.all.empty()) asio::post(self.strand, completions{self.keep, self.strand, std::move(self.all)});
            }
        } rest{*this};
        while (engine::call* const one = all.pop()) one->kind->complete(*one);
        rest.thrown = false;
    }
};

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
