// complete_all.hpp: how a list of settled calls is completed, whatever their handlers do.
// It knows calls by their kind only.
#pragma once

#include <umbel/engine/call.hpp>

#include <utility>

namespace umbel::net {

/// Completes calls in their order. When a handler throws, `keep` is given the others.
template <class Keep>
UMBEL_ALWAYS_INLINE void complete_all(engine::call_list&& all, Keep keep) {
    struct round {
        engine::call_list left;
        Keep& keep;
        round(round const&) = delete;
        round& operator=(round const&) = delete;
        round(engine::call_list&& those, Keep& where) noexcept : left{std::move(those)}, keep{where} {}
        ~round() {
            if (!left.empty()) keep(std::move(left));
        }
    } mine{std::move(all), keep};
    while (engine::call* const one = mine.left.pop()) one->kind->complete(*one);
}

}  // namespace umbel::net
