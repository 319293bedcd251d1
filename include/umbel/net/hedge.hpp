// hedge.hpp: one read that two nodes may be asked for: the second after a delay, and the first answer wins.
// It knows the type of the answer; the race is run behind the boundary.
#pragma once

#include <umbel/net/completion.hpp>

#include <memory>
#include <utility>

namespace umbel::net {

/// What a race must be told of the type of its answer.
struct hedge_kind {
    engine::call_kind part;
    /// Moves the answer of a part into the operation's call.
    void (*take)(pooled_call& whole, pooled_call& part) noexcept;
    /// False: the server had no chance to answer, and the other part has one yet.
    bool (*answered)(pooled_call& part) noexcept;
    void (*recycle)(pooled_call& part) noexcept;
};

/// Two calls with the same encoded read, for the operation `whole`. Errors: throws std::bad_alloc; the calls are the caller's then.
/// Threading: the calls settle on any strand; whoever settles the race completes the operation, there.
UMBEL_BOUNDARY std::unique_ptr<call_group> make_hedge(pooled_call& whole, pooled_call& first, pooled_call& second, engine::duration delay,
                                                      hedge_kind const& kind);
/// How the parts of a race end.
UMBEL_BOUNDARY void complete_hedged(engine::call& part);
UMBEL_BOUNDARY void drop_hedged(engine::call& part) noexcept;

template <class Value>
struct hedged {
    using results = result_slot<Value>;

    static void take(pooled_call& whole, pooled_call& part) noexcept {
        try {
            results::put(whole, [&] { return std::move(results::get(part)); });
        } catch (...) {
            results::reject(whole, error{errc::no_memory, delivery::executed});
        }
    }
    static bool answered(pooled_call& part) noexcept {
        auto const& told = results::get(part);
        return told || told.error().delivery() == delivery::executed;
    }
    static void recycle(pooled_call& part) noexcept {
        results::clear(part);
        pool::give_back(&part);
    }
    static constexpr hedge_kind kind{.part = {.decode = &results::decode, .reject = &results::reject, .complete = &complete_hedged, .drop = &drop_hedged},
                                     .take = &take,
                                     .answered = &answered,
                                     .recycle = &recycle};
};

}  // namespace umbel::net
