// complete_all.hpp: how a list of settled calls is completed, whatever their handlers do.
// It knows calls by their kind only.
#pragma once

#include <umbel/engine/call.hpp>

#include <utility>

namespace umbel::engine {

/// Completes calls in their order by `complete(call&)`. When a handler throws, `keep` is given the others.
template <class Complete, class Keep>
UMBEL_ALWAYS_INLINE void complete_all(call_list&& all, Complete complete, Keep keep) {
    struct round {
        call_list left;
        Keep& keep;
        round(round const&) = delete;
        round& operator=(round const&) = delete;
        round(call_list&& calls, Keep& keeper) noexcept : left{std::move(calls)}, keep{keeper} {}
        ~round() {
            if (!left.empty()) keep(std::move(left));
        }
    } mine{std::move(all), keep};
    while (call* const call = mine.left.pop()) complete(*call);
}

/// Completes the calls that stand in `list` now. When a handler throws, the others stay in it, before those
/// that were added meanwhile.
template <class Complete>
UMBEL_ALWAYS_INLINE void complete_list(call_list& list, Complete complete) {
    complete_all(std::move(list), complete, [&list](call_list&& rest) {
        rest.splice(std::move(list));
        list = std::move(rest);
    });
}

}  // namespace umbel::engine
