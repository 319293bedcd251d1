// try_alloc.hpp: steps that nothing but a lack of memory can break.
// It knows no handler and no executor.
#pragma once

#include <umbel/config.hpp>

#include <string>
#include <string_view>
#include <utility>

namespace umbel::engine {

/// Runs `step`, which may throw only std::bad_alloc; false when it did. No handler of a user's may run in it.
template <class Step>
bool try_alloc(Step&& step) noexcept {
    UMBEL_TRY {
        std::forward<Step>(step)();
        return true;
    }
    UMBEL_CATCH(...) {
        return false;
    }
}

/// A copy of a text; empty where there is no memory for it.
inline std::string text_of(std::string_view of) noexcept {
    std::string text;
    static_cast<void>(try_alloc([&] { text.assign(of); }));
    return text;
}

}  // namespace umbel::engine
