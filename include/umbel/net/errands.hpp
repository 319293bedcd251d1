// errands.hpp: what is on its way between strands, and owns what it carries: events, pursuits of a call.
// It knows no engine and no connection.
#pragma once

#include <umbel/engine/event.hpp>
#include <umbel/net/operation.hpp>

#include <mutex>
#include <utility>
#include <variant>

namespace umbel::net {

inline void drop(engine::call& one) noexcept { one.kind->drop(one); }

struct parcel;

/// Which events are under way with calls in them: they may stand in the queue of a context that lives on when that of a handler has gone.
/// Threading: any.
class parcel_register {
public:
    /// The calls of all parcels: an executor is going away. Nothing is entered or moved meanwhile.
    engine::call_list take_back() noexcept;

private:
    friend parcel;
    std::mutex mutex_;
    parcel* first_ = nullptr;
};

/// An event on its way; calls that never arrive, because the executor goes away, are destroyed with it.
struct parcel {
    engine::event what;

    explicit parcel(engine::event&& given) noexcept : what{std::move(given)} {}
    parcel(engine::event&& given, parcel_register& entered) noexcept : what{std::move(given)} {
        if (calls()) enter(&entered);
    }
    parcel(parcel&& other) noexcept : what{std::move(other.what)} {
        parcel_register* const entered = other.register_;
        other.leave();
        enter(entered);
    }
    ~parcel() {
        leave();
        engine::call_list* const all = calls();
        while (engine::call* const one = all ? all->pop() : nullptr) drop(*one);
    }

private:
    friend parcel_register;

    engine::call_list* calls() noexcept {
        return engine::calls_of(what);
    }
    void enter(parcel_register* entered) noexcept {
        register_ = entered;
        if (!register_) return;
        std::lock_guard const guard{register_->mutex_};
        next_ = std::exchange(register_->first_, this);
        before_ = nullptr;
        if (next_) next_->before_ = this;
    }
    void leave() noexcept {
        if (!register_) return;
        std::lock_guard const guard{register_->mutex_};
        (before_ ? before_->next_ : register_->first_) = next_;
        if (next_) next_->before_ = before_;
        register_ = nullptr;
    }

    parcel_register* register_ = nullptr;
    parcel* before_ = nullptr;
    parcel* next_ = nullptr;
};

inline engine::call_list parcel_register::take_back() noexcept {
    engine::call_list all;
    while (parcel* const one = first_) {
        first_ = one->next_;
        one->register_ = nullptr;
        all.splice(std::move(*one->calls()));
    }
    return all;
}

/// A share of a token, on its way between strands.
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
