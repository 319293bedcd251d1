// managed.hpp: what becomes of a step, or of an Asio handler, where there is no memory to go on.
// It knows neither connections nor calls.
#pragma once

#include <umbel/engine/try_alloc.hpp>

#include <asio/error_code.hpp>

#include <memory>
#include <string>
#include <utility>

namespace umbel::net {

/// True while a step of managed() runs on this thread.
inline constinit thread_local bool within_managed = false;

/// Does a step that nothing but a lack of memory can break; false when that has happened. No handler of a user's may run in it.
template <class Step>
bool managed(Step&& step) noexcept {
    struct scope {
        bool const before = std::exchange(within_managed, true);
        ~scope() { within_managed = before; }
    } const inside;
    try {
        std::forward<Step>(step)();
        return true;
    } catch (...) {
        return false;
    }
}
/// As managed(), with a second attempt.
template <class Step>
bool managed_twice(Step&& step) noexcept {
    return managed(step) || managed(step);
}

/// What an error says; empty where there is no memory for it.
inline std::string text_of(asio::error_code problem) noexcept {
    std::string text;
    static_cast<void>(managed([&] { text = problem.message(); }));
    return text;
}

/// An Asio handler of `Owner` that is told, too, when it is destroyed without having been called: Asio does so where it has no memory to call it.
/// `Call` and `Lose` are member functions. An operation that could not even be begun is told by the result of managed(), and by that alone.
template <class Owner, auto Call, auto Lose>
class handler_of {
public:
    handler_of(Owner& whose, std::shared_ptr<void> keeper, std::shared_ptr<void> other = {}) noexcept
        : keep_{std::move(keeper)}, also_{std::move(other)}, owner_{&whose} {}
    handler_of(handler_of&& other) noexcept
        : keep_{std::move(other.keep_)}, also_{std::move(other.also_)}, owner_{std::exchange(other.owner_, nullptr)} {}
    ~handler_of() {
        if (owner_ && !within_managed) (owner_->*Lose)();
    }
    template <class... Told>
    void operator()(Told&&... told) {
        (std::exchange(owner_, nullptr)->*Call)(std::forward<Told>(told)...);
    }

private:
    std::shared_ptr<void> keep_;
    std::shared_ptr<void> also_;
    Owner* owner_;
};

}  // namespace umbel::net
