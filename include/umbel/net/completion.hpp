// completion.hpp: how a settled call becomes the completion of an Asio operation, on the right executor,
// exactly once. It knows result types and handlers; it knows no connection and no protocol.
#pragma once

#include <umbel/net/call_pool.hpp>
#include <umbel/net/executor.hpp>
#include <umbel/resp/decode.hpp>

#include <asio/associated_cancellation_slot.hpp>

#include <algorithm>
#include <memory>
#include <new>
#include <type_traits>
#include <utility>
#include <vector>

namespace umbel::net {

// ---- Cancellation -------------------------------------------------------------------------------

/// The token of one cancellable call, shared by the call and the cancellation slot's handler.
struct shared_token : engine::cancel_token {
    std::atomic<std::uint32_t> references{2};
    std::weak_ptr<net::home>
        home;  ///< A cancellation slot may outlive the executors, which the driver must not.
    std::vector<shared_token*>
        parts;  ///< For an operation of several calls; filled before the first of them begins.

    UMBEL_BOUNDARY void release() noexcept;

private:
    ~shared_token() {
        for (shared_token* const part : parts) part->release();
    }
};

UMBEL_BOUNDARY void release_token(pooled_call& one) noexcept;

// ---- Results ------------------------------------------------------------------------------------

template <class Value>
inline constexpr bool is_traced = false;
template <class Value>
inline constexpr bool is_traced<traced<Value>> = true;

/// The result of a call, inside the call where it fits, otherwise in a box that is made together with the
/// call.
template <class Value>
struct result_slot {
    using stored = result<Value>;
    static constexpr bool boxed = sizeof(stored) > pooled_call::result_bytes ||
                                  alignof(stored) > alignof(std::max_align_t);

    /// Errors: throws std::bad_alloc where a box is needed.
    static void prepare(pooled_call& one) {
        if constexpr (boxed) one.box = ::operator new(sizeof(stored), std::align_val_t{alignof(stored)});
    }
    static void* place(pooled_call& one) noexcept {
        if constexpr (boxed) {
            return one.box;
        } else {
            return one.result_space;
        }
    }
    static stored& get(pooled_call& one) noexcept { return *std::launder(static_cast<stored*>(place(one))); }
    /// Stores what `make()` returns, in place.
    template <class Make>
    static void put(pooled_call& one, Make&& make) {
        UMBEL_ASSERT(!one.has_result);
        ::new (place(one)) stored(make());
        one.has_result = true;
    }
    /// Destroys what is stored and gives the box back.
    static void clear(pooled_call& one) noexcept;
    /// Gives back a call without a handler.
    UMBEL_NEVER_INLINE static void discard(pooled_call& one) noexcept;

    static void decode(engine::call& base, resp::view const& reply) noexcept;
    static void reject(engine::call& base, error&& why) noexcept;
    /// What a reply means to the caller.
    static stored value_of(pooled_call& one, resp::view const& reply) noexcept;
    /// Stores an error that needs no journey.
    static void settle(pooled_call& one, error&& why) noexcept {
        reject(one, std::move(why));
        one.detour = detour::settled;
    }
};

/// The value of a reply, with the way of its call.
template <class Value>
result<Value> traced_value(pooled_call& one, resp::view const& reply) {
    auto told = from_reply<decltype(Value::value)>::from(reply);
    if (!told) return tl::unexpected<error>{std::move(told.error())};
    return Value{std::move(*told), one.way ? std::move(one.way->hops) : std::vector<hop>{}};
}

template <class Value>
UMBEL_BOUNDARY void result_slot<Value>::clear(pooled_call& one) noexcept {
    if (one.has_result) get(one).~stored();
    one.has_result = false;
    if constexpr (boxed) ::operator delete(place(one), std::align_val_t{alignof(stored)});
}

template <class Value>
void result_slot<Value>::discard(pooled_call& one) noexcept {
    if (one.token) release_token(one);
    clear(one);
    pool::give_back(&one);
}

template <class Value>
UMBEL_BOUNDARY result<Value> result_slot<Value>::value_of([[maybe_unused]] pooled_call& one,
                                                          [[maybe_unused]] resp::view const& reply) noexcept {
    try {
        if constexpr (is_traced<Value>) {
            return traced_value<Value>(one, reply);
        } else if constexpr (decodable<Value>) {
            return from_reply<Value>::from(reply);
        } else {
            // Told by the client itself, never by a server.
            return stored{tl::unexpect, error{errc::unexpected_type, delivery::executed}};
        }
    } catch (std::bad_alloc const&) {
        return stored{tl::unexpect, error{errc::no_memory, delivery::executed}};
    } catch (...) {
        return stored{tl::unexpect,
                      error{errc::unexpected_type, delivery::executed, "from_reply threw an exception"}};
    }
}

template <class Value>
void result_slot<Value>::decode(engine::call& base, resp::view const& reply) noexcept {
    auto& one = static_cast<pooled_call&>(base);
    put(one, [&] { return value_of(one, reply); });
}

template <class Value>
UMBEL_BOUNDARY void result_slot<Value>::reject(engine::call& base, error&& why) noexcept {
    // Built in place: g++ 12 warns of a moved expected as perhaps uninitialised.
    auto& one = static_cast<pooled_call&>(base);
    UMBEL_ASSERT(!one.has_result);
    ::new (place(one)) stored{tl::unexpect, std::move(why)};
    one.has_result = true;
}

// ---- Handlers -----------------------------------------------------------------------------------

/// False when a settled call may complete right here, where nobody can cancel it any more; otherwise it is on
/// its way to its executor.
template <class Executor, class Slot>
bool leaves(pooled_call& one, Executor& executor, Slot slot) {
    if (moves_on(one, executor)) return true;
    one.runs = engine::runs::anywhere;
    if (one.token) {
        release_token(one);
        slot.clear();
    }
    return false;
}
UMBEL_BOUNDARY bool leaves(pooled_call& one, asio::any_io_executor& executor, asio::cancellation_slot slot);

/// A handler inside a call, and the work that keeps a foreign executor busy meanwhile.
template <class Handler, class Value>
struct handler_slot {
    using executor_type = executor_of<Handler>;
    using work_type = decltype(keep_busy(std::declval<executor_type const&>()));
    using results = result_slot<Value>;

    static constexpr std::size_t work_at =
        (sizeof(Handler) + alignof(work_type) - 1) / alignof(work_type) * alignof(work_type);
    static constexpr bool boxed = work_at + sizeof(work_type) > pooled_call::handler_bytes ||
                                  std::max(alignof(Handler), alignof(work_type)) > alignof(std::max_align_t);
    struct box {
        alignas(Handler) alignas(work_type) std::byte space[work_at + sizeof(work_type)];
    };

    /// Moves the handler in and notes where it runs. `client` is null when the client has gone.
    /// Errors: throws std::bad_alloc for a handler that does not fit, and what its executor throws.
    template <class Given>
    static void put(pooled_call& one, Given&& handler, loops const* client) {
        executor_type const executor = asio::get_associated_executor(handler, client_executor{});
        if constexpr (boxed) ::new (static_cast<void*>(one.handler_space)) box* {new box};
        struct placing {
            pooled_call* one;
            ~placing() {
                if (one) vacate(*one);
            }
        } unfinished{&one};
        settle_in(one, executor, client, work_of(one));
        keep(one, std::forward<Given>(handler));
        unfinished.one = nullptr;
    }
    /// Moves the handler in. Precondition: it fits, or put() has made a box.
    template <class Given>
    static void keep(pooled_call& one, Given&& handler) {
        ::new (static_cast<void*>(space_of(one))) Handler(std::forward<Given>(handler));
        static constexpr engine::call_kind kind{.decode = &results::decode,
                                                .reject = &results::reject,
                                                .complete = &handler_slot::complete,
                                                .drop = &handler_slot::drop,
                                                .answer = &handler_slot::answer};
        one.kind = &kind;
    }

    static std::byte* space_of(pooled_call& one) noexcept {
        if constexpr (boxed) {
            return (*std::launder(reinterpret_cast<box**>(one.handler_space)))->space;
        } else {
            return one.handler_space;
        }
    }
    static void* work_of(pooled_call& one) noexcept { return space_of(one) + work_at; }
    static Handler& get(pooled_call& one) noexcept {
        return *std::launder(reinterpret_cast<Handler*>(space_of(one)));
    }
    static void clear(pooled_call& one) noexcept {
        get(one).~Handler();
        vacate(one);
    }
    /// Ends what surrounds a handler.
    static void vacate(pooled_call& one) noexcept {
        if (one.work != work_kept::none) [[unlikely]]
            dismiss(one, static_cast<work_type*>(work_of(one)));
        if constexpr (boxed) delete std::launder(reinterpret_cast<box*>(space_of(one)));
        one.work = work_kept::none;
    }

    /// Gives a settled call back to its pool, whatever happens.
    struct settled {
        pooled_call& one;
        ~settled();
    };

    /// Calls the handler, here if its executor says so. Handler and result are used where they stand: the
    /// call goes back afterwards.
    static void complete(engine::call& base);
    /// Calls the handler with what the reply means, if the executor says so: as decode() and complete(), with
    /// nothing stored in between.
    static bool answer(engine::call& base, resp::view const& reply);
    /// Completes a call with an executor of its own, or one that could have been cancelled. The whole call
    /// goes to the executor, so that no command needs code of its own for that.
    UMBEL_NEVER_INLINE static void complete_elsewhere(pooled_call& one);
    /// Destroys the handler without calling it.
    static void drop(engine::call& base) noexcept;
};

template <class Handler, class Value>
UMBEL_BOUNDARY void handler_slot<Handler, Value>::complete(engine::call& base) {
    auto& one = static_cast<pooled_call&>(base);
    if (one.runs == engine::runs::elsewhere || one.token) [[unlikely]]
        return complete_elsewhere(one);
    settled const finally{one};
    std::move(get(one))(std::move(results::get(one)));
}

template <class Handler, class Value>
UMBEL_BOUNDARY bool handler_slot<Handler, Value>::answer(engine::call& base, resp::view const& reply) {
    auto& one = static_cast<pooled_call&>(base);
    if (one.runs == engine::runs::elsewhere || one.token) [[unlikely]]
        return false;
    // As settled, for a call that has no result of its own and keeps no executor busy.
    struct answered {
        pooled_call& one;
        ~answered() {
            get(one).~Handler();
            if constexpr (boxed) vacate(one);
            if constexpr (results::boxed) results::clear(one);
            pool::give_back(&one);
        }
    } const finally{one};
    std::move(get(one))(results::value_of(one, reply));
    return true;
}

template <class Handler, class Value>
void handler_slot<Handler, Value>::complete_elsewhere(pooled_call& one) {
    executor_type executor = asio::get_associated_executor(get(one), client_executor{});
    if (leaves(one, executor, asio::get_associated_cancellation_slot(get(one)))) return;
    complete(one);
}

template <class Handler, class Value>
UMBEL_BOUNDARY void handler_slot<Handler, Value>::drop(engine::call& base) noexcept {
    auto& one = static_cast<pooled_call&>(base);
    // The handler may own a coroutine that owns anything at all: it goes last, when the call is whole again.
    [[maybe_unused]] Handler const handler{std::move(get(one))};
    settled const finally{one};
    if (one.token) release_token(one);
}

template <class Handler, class Value>
UMBEL_BOUNDARY handler_slot<Handler, Value>::settled::~settled() {
    clear(one);
    results::clear(one);
    pool::give_back(&one);
}

}  // namespace umbel::net

#if !defined(UMBEL_SEPARATE_COMPILATION)
#include <umbel/net/completion_impl.hpp>
#endif
