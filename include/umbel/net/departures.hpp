// departures.hpp: settled calls whose handlers run on another executor, gathered while a connection is served: many go by one message.
// It knows calls by their kind only.
#pragma once

#include <umbel/engine/call.hpp>
#include <umbel/net/managed.hpp>

#include <asio/any_io_executor.hpp>
#include <asio/post.hpp>

#include <array>
#include <utility>

namespace umbel::net {

/// Calls on their way to one executor, in a chain. Those that never arrive, because the executor goes away, are dropped.
class carried_calls {
public:
    /// Where there is no memory for a message, the handlers of these calls are destroyed without being called.
    static void send(asio::any_io_executor const& where, engine::call* const first) noexcept {
        if (managed_twice([&] { asio::post(where, carried_calls{where, first}); })) return;
        drop(first);
    }

    carried_calls(carried_calls&& other) noexcept : where_{std::move(other.where_)}, first_{std::exchange(other.first_, nullptr)} {}
    ~carried_calls() {
        if (first_ && !within_managed) drop(first_);
    }

    /// Completes them in their order. When a handler throws, the others follow in a message of their own.
    void operator()() {
        struct round {
            asio::any_io_executor where;
            engine::call* next;
            ~round() {
                if (next) send(where, next);
            }
        } mine{std::move(where_), std::exchange(first_, nullptr)};
        while (engine::call* const one = mine.next) {
            mine.next = std::exchange(one->next, nullptr);
            if (mine.next) engine::fetch(*mine.next);  // Another thread's cache has it.
            one->kind->complete(*one);
        }
    }

private:
    carried_calls(asio::any_io_executor const& where, engine::call* first) noexcept : where_{where}, first_{first} {}
    static void drop(engine::call* next) noexcept {
        while (engine::call* const one = next) {
            next = std::exchange(one->next, nullptr);
            one->kind->drop(*one);
        }
    }

    asio::any_io_executor where_;
    engine::call* first_;
};

/// Gathers the calls of one turn by executor, and sends them away in their order.
class departures {
public:
    /// Executors told apart at a time.
    static constexpr unsigned places_max = 8;
    /// Calls that go at once: the other thread is to have something to do while this one goes on.
    static constexpr unsigned together_max = 64;

    void add(asio::any_io_executor const& where, engine::call& one) noexcept {
        place& here = place_for(where);
        here.calls.push(one);
        if (++here.count == together_max) send(here);
    }
    /// The end of the turn.
    void send_all() noexcept {
        while (used_ != 0) {
            place& last = places_[--used_];
            send(last);
            last.where = nullptr;
        }
        recent_ = 0;
    }

private:
    struct place {
        asio::any_io_executor where;
        engine::call_list calls;
        unsigned count = 0;
    };

    place& place_for(asio::any_io_executor const& where) noexcept {
        if (recent_ < used_ && places_[recent_].where == where) return places_[recent_];
        for (recent_ = 0; recent_ != used_; ++recent_)
            if (places_[recent_].where == where) return places_[recent_];
        if (used_ == places_max) {
            send_all();
            recent_ = 0;
        }
        places_[used_].where = where;
        return places_[used_++];
    }
    static void send(place& here) noexcept {
        here.count = 0;
        if (engine::call* const first = std::exchange(here.calls, {}).front()) carried_calls::send(here.where, first);
    }

    std::array<place, places_max> places_{};
    unsigned used_ = 0;
    unsigned recent_ = 0;
};

}  // namespace umbel::net
