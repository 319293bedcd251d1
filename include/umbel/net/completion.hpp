// completion.hpp: how a settled call becomes the completion of an Asio operation, on the right executor, exactly once.
// It knows result types and handlers; it knows no connection and no protocol.
#pragma once

#include <umbel/net/call_pool.hpp>
#include <umbel/resp/decode.hpp>

#include <asio/any_io_executor.hpp>
#include <asio/associated_allocator.hpp>
#include <asio/associated_cancellation_slot.hpp>
#include <asio/associated_executor.hpp>
#include <asio/associated_immediate_executor.hpp>
#include <asio/dispatch.hpp>
#include <asio/io_context.hpp>
#include <asio/post.hpp>
#include <asio/strand.hpp>
#include <asio/system_executor.hpp>

#include <memory>
#include <new>
#include <optional>
#include <type_traits>
#include <utility>
#include <vector>

namespace umbel::net {

// ---- Results ---------------------------------------------------------------------------------------------------------------

/// The result of a call, inside the call where it fits, otherwise in a box that is made together with the call.
template <class Value>
struct result_slot {
    using stored = result<Value>;
    static constexpr bool boxed = sizeof(stored) > pooled_call::result_bytes || alignof(stored) > alignof(std::max_align_t);

    /// Errors: throws std::bad_alloc where a box is needed.
    static void prepare(pooled_call& one) {
        if constexpr (boxed) ::new (static_cast<void*>(one.result_space)) void*{::operator new(sizeof(stored), std::align_val_t{alignof(stored)})};
    }
    static void* place(pooled_call& one) noexcept {
        if constexpr (boxed) {
            return *std::launder(reinterpret_cast<void**>(one.result_space));
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
    static void clear(pooled_call& one) noexcept {
        if (one.has_result) get(one).~stored();
        one.has_result = false;
        if constexpr (boxed) ::operator delete(place(one), std::align_val_t{alignof(stored)});
    }

    static void decode(engine::call& base, resp::view const& reply) noexcept {
        auto& one = static_cast<pooled_call&>(base);
        try {
            if constexpr (decodable<Value>) {
                put(one, [&] { return from_reply<Value>::from(reply); });
            } else {
                // Told by the client itself, never by a server.
                reject(one, error{errc::unexpected_type, delivery::executed});
            }
        } catch (...) {
            reject(one, error{errc::no_memory, delivery::executed});
        }
    }
    static void reject(engine::call& base, error&& why) noexcept {
        // Built in place: g++ 12 warns of a moved expected as perhaps uninitialised.
        auto& one = static_cast<pooled_call&>(base);
        UMBEL_ASSERT(!one.has_result);
        ::new (place(one)) stored{tl::unexpect, std::move(why)};
        one.has_result = true;
    }
    /// Stores an error that needs no journey.
    static void settle(pooled_call& one, error&& why) noexcept {
        reject(one, std::move(why));
        one.detour = detour::settled;
    }
};

// ---- Executors -------------------------------------------------------------------------------------------------------------

/// Stands for "no executor associated": such a handler runs wherever the client runs.
struct client_executor {
    /// What Asio asks of every executor; runs in place.
    template <class Function>
    void execute(Function&& work) const {
        std::forward<Function>(work)();
    }
    friend bool operator==(client_executor, client_executor) noexcept { return true; }
};

template <class Handler>
using executor_of = typename asio::associated_executor<Handler, client_executor>::type;

/// True when a handler with this executor may be called right here.
template <class Executor>
bool runs_here(Executor const& executor) noexcept {
    if constexpr (std::is_same_v<Executor, client_executor>) {
        return true;
    } else if constexpr (requires { { executor.running_in_this_thread() } -> std::convertible_to<bool>; }) {
        return executor.running_in_this_thread();
    } else if constexpr (requires { executor.template target<asio::io_context::executor_type>(); }) {
        if (auto const* plain = executor.template target<asio::io_context::executor_type>()) return plain->running_in_this_thread();
        if (auto const* typed = executor.template target<asio::strand<asio::io_context::executor_type>>())
            return typed->running_in_this_thread();
        if (auto const* any = executor.template target<asio::strand<asio::any_io_executor>>()) return any->running_in_this_thread();
        return false;
    } else {
        return false;
    }
}

/// Keeps a foreign executor busy while an operation that will complete there is under way. The client's own context is kept busy
/// by the connection.
template <class Executor>
auto keep_busy(Executor const& executor) {
    return asio::prefer(executor, asio::execution::outstanding_work.tracked);
}
inline client_executor keep_busy(client_executor) noexcept { return {}; }

template <class Executor>
bool belongs_to(Executor const& executor, asio::execution_context const* context) noexcept {
    if constexpr (std::is_same_v<Executor, client_executor>) {
        return true;
    } else if constexpr (std::is_same_v<Executor, asio::io_context::executor_type>) {
        return &executor.context() == context;
    } else if constexpr (requires { executor.template target<asio::io_context::executor_type>(); }) {
        auto const* plain = executor.template target<asio::io_context::executor_type>();
        return plain && &plain->context() == context;
    } else {
        return false;
    }
}

// ---- Cancellation -----------------------------------------------------------------------------------------------------------

/// The token of one cancellable call, shared by the call and the cancellation slot's handler.
struct shared_token : engine::cancel_token {
    std::atomic<std::uint32_t> references{2};
    std::shared_ptr<driver> home;
    std::vector<shared_token*> parts;  ///< For an operation of several calls; filled before the first of them begins.

    void release() noexcept {
        if (references.fetch_sub(1, std::memory_order_acq_rel) == 1) delete this;
    }

private:
    ~shared_token() {
        for (shared_token* const part : parts) part->release();
    }
};

inline void release_token(pooled_call& one) noexcept {
    auto* const token = static_cast<shared_token*>(one.token);
    one.token = nullptr;
    token->release();
}

// ---- Handlers --------------------------------------------------------------------------------------------------------------

/// A handler and its result, on their way to an executor.
template <class Handler, class Value>
struct delivery_of {
    Handler handler;
    result<Value> value;
    bool cancellable = false;

    using allocator_type = asio::associated_allocator_t<Handler>;
    allocator_type get_allocator() const noexcept { return asio::get_associated_allocator(handler); }
    void operator()() {
        if (cancellable) asio::get_associated_cancellation_slot(handler).clear();
        std::move(handler)(std::move(value));
    }
};

/// A handler inside a call.
template <class Handler, class Value>
struct handler_slot {
    using executor_type = executor_of<Handler>;
    using work_type = decltype(keep_busy(std::declval<executor_type const&>()));

    struct stored {
        Handler handler;
        std::optional<work_type> work;
    };
    static constexpr bool boxed = sizeof(stored) > pooled_call::handler_bytes || alignof(stored) > alignof(std::max_align_t);
    using results = result_slot<Value>;

    static void put(pooled_call& one, Handler&& handler, asio::execution_context const* client_context) {
        executor_type const executor = asio::get_associated_executor(handler, client_executor{});
        std::optional<work_type> work;
        if (!belongs_to(executor, client_context)) work.emplace(keep_busy(executor));
        if constexpr (boxed) {
            ::new (static_cast<void*>(one.handler_space)) stored* {new stored{std::move(handler), std::move(work)}};
        } else {
            ::new (static_cast<void*>(one.handler_space)) stored{std::move(handler), std::move(work)};
        }
        one.has_handler = true;
        static constexpr engine::call_kind kind{
            .decode = &results::decode, .reject = &results::reject, .complete = &handler_slot::complete, .drop = &handler_slot::drop};
        one.kind = &kind;
    }

    static stored& get(pooled_call& one) noexcept {
        if constexpr (boxed) {
            return **std::launder(reinterpret_cast<stored**>(one.handler_space));
        } else {
            return *std::launder(reinterpret_cast<stored*>(one.handler_space));
        }
    }
    static void clear(pooled_call& one) noexcept {
        one.has_handler = false;
        if constexpr (boxed) {
            delete &get(one);
        } else {
            get(one).~stored();
        }
    }

    /// Gives handler and result away and the call back to its pool, then calls the handler: here if its executor says so.
    static void complete(engine::call& base) {
        auto& one = static_cast<pooled_call&>(base);
        stored& kept = get(one);
        Handler handler{std::move(kept.handler)};
        std::optional<work_type> const work{std::move(kept.work)};
        result<Value> value{std::move(results::get(one))};
        clear(one);
        results::clear(one);
        bool const cancellable = one.token != nullptr;
        if (cancellable) [[unlikely]] release_token(one);
        pool::give_back(&one);
        executor_type const executor = asio::get_associated_executor(handler, client_executor{});
        if (runs_here(executor)) [[likely]] {
            if (cancellable) [[unlikely]] asio::get_associated_cancellation_slot(handler).clear();
            std::move(handler)(std::move(value));
        } else if constexpr (!std::is_same_v<executor_type, client_executor>) {
            asio::dispatch(executor, delivery_of<Handler, Value>{std::move(handler), std::move(value), cancellable});
        }
    }

    static void drop(engine::call& base) noexcept {
        auto& one = static_cast<pooled_call&>(base);
        // The handler may own a coroutine that owns anything at all: it goes last, when the call is whole again.
        stored& kept = get(one);
        Handler const handler{std::move(kept.handler)};
        clear(one);
        results::clear(one);
        if (one.token) release_token(one);
        pool::give_back(&one);
    }

};

}  // namespace umbel::net
