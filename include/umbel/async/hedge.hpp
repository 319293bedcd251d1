// hedge.hpp: a hedged read: a second node is asked after a delay, and the first answer wins. It knows the
// type of the answer; hedge_impl.hpp runs the race.
#pragma once

#include <umbel/async/completion.hpp>

#include <memory>
#include <utility>

namespace umbel::async {

/// What a race needs to know of the type of its answer.
struct hedge_kind {
    engine::call_kind part;
    /// Moves the result of a part into the call of the operation. An error gets at least the delivery
    /// `known`, which is that of the other part.
    void (*take)(pooled_call& whole, pooled_call& part, delivery known) noexcept;
    /// False if this failure says nothing about the read (for example, connection lost), so that the other
    /// attempt may still win.
    bool (*answered)(pooled_call& part) noexcept;
    delivery (*delivery_of)(pooled_call& part) noexcept;
    void (*recycle)(pooled_call& part) noexcept;
};

/// What the parts of a race do when they settle.
inline void complete_hedged(engine::call& part) {
    static_cast<pooled_call&>(part).owner->code->complete_hedged(part);
}
inline void drop_hedged(engine::call& part) noexcept {
    static_cast<pooled_call&>(part).owner->code->drop_hedged(part);
}

template <class Value>
struct hedged {
    using results = result_slot<Value>;

    static void take(pooled_call& whole, pooled_call& part, delivery known) noexcept {
        UMBEL_TRY {
            auto& told = results::get(part);
            if (!told && told.error().delivery() < known)
                return results::fail(whole, told.error().with(known));
            results::put(whole, [&] { return std::move(told); });
        }
        UMBEL_CATCH(...) {
            results::fail(whole, error{errc::no_memory, delivery::executed});
        }
    }
    static bool answered(pooled_call& part) noexcept {
        auto const& told = results::get(part);
        if (told) return true;
        errc const code = told.error().code();
        return code == errc::unexpected_type ||
               (origin_of(code) == origin::server && code != errc::busy_script);
    }
    static delivery delivery_of(pooled_call& part) noexcept {
        auto const& told = results::get(part);
        return told ? delivery::executed : told.error().delivery();
    }
    static void recycle(pooled_call& part) noexcept {
        results::clear(part);
        pool::recycle(&part);
    }
    static constexpr hedge_kind kind{.part = {.decode = &results::decode,
                                              .fail = &results::fail,
                                              .complete = &complete_hedged,
                                              .drop = &drop_hedged},
                                     .take = &take,
                                     .answered = &answered,
                                     .delivery_of = &delivery_of,
                                     .recycle = &recycle};
};

}  // namespace umbel::async
