// completion.hpp: how a settled call becomes the completion of an Asio operation, exactly once. It knows
// result types and handlers; it knows no connection and no protocol.
#pragma once

#include <umbel/async/asio.hpp>
#include <umbel/async/block_pool.hpp>
#include <umbel/async/call_pool.hpp>
#include <umbel/async/completion_target.hpp>
#include <umbel/resp/decode.hpp>
#include <umbel/resp/keys_within.hpp>

#include UMBEL_ASIO_HEADER(associated_cancellation_slot.hpp)

#include <algorithm>
#include <concepts>
#include <memory>
#include <new>
#include <type_traits>
#include <utility>
#include <vector>

namespace umbel::async {

// ---- Cancellation -------------------------------------------------------------------------------

/// The cancel token of one call, shared by the call and the handler in the cancellation slot.
struct shared_token : engine::cancel_token {
    std::atomic<std::uint32_t> references{2};
    std::weak_ptr<async::backend> backend;  ///< Weak: a cancellation slot may outlive the executors.
    std::vector<shared_token*> parts;       ///< Tokens of a group's calls, filled before the first begins.
    std::atomic<bool> parts_listed{true};   ///< False while they are filled in on another thread.
    std::atomic<shared_token*> later{nullptr};  ///< The first, or next, of the parts that came afterwards.

    shared_token() noexcept {
        give_back = [](cancel_token& token) noexcept { static_cast<shared_token&>(token).release(); };
    }
    shared_token(shared_token const&) = delete;
    shared_token& operator=(shared_token const&) = delete;
    void release() noexcept {
        if (references.fetch_sub(1, std::memory_order_acq_rel) == 1) delete this;
    }

private:
    ~shared_token() {
        for (shared_token* const part : parts) part->release();
        if (shared_token* const next = later.load(std::memory_order_relaxed)) next->release();
    }
};

inline void release_token(pooled_call& call) noexcept {
    auto* const token = static_cast<shared_token*>(call.token);
    call.token = nullptr;
    token->release();
}

// ---- Results ------------------------------------------------------------------------------------

template <class Value>
inline constexpr bool is_traced = false;
template <class Value>
inline constexpr bool is_traced<traced<Value>> = true;

/// What an operation for a Value completes with: its result. An operation that is joined from others may have
/// another outcome: then this has a static fail(pooled_call&, error&&), which stores it, a static
/// failed(error const&), which tells it, and no reply is decoded.
template <class Value>
struct outcome {
    using type = result<Value>;
};
template <class Value>
using outcome_of = typename outcome<Value>::type;
template <class Value>
concept joined = requires(pooled_call& call, error why) { outcome<Value>::fail(call, std::move(why)); };

/// What an operation for a Value completes with that has failed as a whole.
template <class Value>
outcome_of<Value> failed_outcome(error const& why) noexcept {
    if constexpr (joined<Value>) {
        return outcome<Value>::failed(why);
    } else {
        return outcome_of<Value>{tl::unexpect, why};
    }
}

/// A value that is made from the call whose reply has come, not from the reply.
template <class Value>
concept made_of_call = requires(pooled_call& call) {
    { Value::of_call(call) } noexcept -> std::same_as<Value>;
};
/// A value that is made of the reply with what its call was given.
template <class Value>
concept made_of_reply_and_call = requires(pooled_call& call, resp::view const& reply) {
    { Value::of_reply(call, reply) } noexcept -> std::same_as<result<Value>>;
};

/// A value that takes the elements of its reply one by one, before the reply, which is a null then, or the
/// whole where it is no aggregate; and whose errors tell what it had taken.
template <class Value>
concept made_of_elements = requires(pooled_call& call, resp::view const& element, error&& why) {
    { Value::take_element(call, element) } noexcept -> std::same_as<bool>;
    { Value::explained(call, std::move(why)) } noexcept -> std::same_as<error>;
};

/// The result of a call: inside the call if it fits, else in a box that is made when the operation is made,
/// so that a reply never has to allocate it.
template <class Value>
struct result_slot {
    using stored = outcome_of<Value>;
    static constexpr bool boxed = sizeof(stored) > pooled_call::result_bytes ||
                                  alignof(stored) > alignof(std::max_align_t);

    /// Makes the box if one is needed. Errors: throws std::bad_alloc.
    static void prepare(pooled_call& call) {
        static_assert(alignof(stored) <= block_pool::alignment);
        if constexpr (boxed) call.box = block_pool::take(sizeof(stored));
    }
    static void* place(pooled_call& call) noexcept {
        if constexpr (boxed) {
            return call.box;
        } else {
            return call.result_space;
        }
    }
    static stored& get(pooled_call& call) noexcept {
        return *std::launder(static_cast<stored*>(place(call)));
    }
    /// Stores what `make()` returns, in place.
    template <class Make>
    static void put(pooled_call& call, Make&& make) {
        UMBEL_ASSERT(!call.has_result);
        ::new (place(call)) stored(make());
        call.has_result = true;
    }
    /// Destroys the result and frees the box.
    static void clear(pooled_call& call) noexcept;
    /// Recycles a call that has no handler.
    UMBEL_NEVER_INLINE static void discard(pooled_call& call) noexcept;

    static void decode(engine::call& base, resp::view const& reply) noexcept;
    static void fail(engine::call& base, error&& why) noexcept;
    /// Behind call_kind::element; null where the reply comes as one.
    static constexpr auto element = [] {
        using taking = bool (*)(engine::call&, resp::view const&) noexcept;
        if constexpr (made_of_elements<Value>)
            return taking{[](engine::call& base, resp::view const& part) noexcept {
                return Value::take_element(static_cast<pooled_call&>(base), part);
            }};
        else
            return taking{nullptr};
    }();
    /// Decodes a reply.
    static stored value_of(pooled_call& call, resp::view const& reply) noexcept;
    /// Stores an error before the call begins; the operation completes with it when it is begun.
    static void fail_unbegun(pooled_call& call, error&& why) noexcept {
        fail(call, std::move(why));
        call.launch = launch_kind::ready;
    }
};

/// Takes the prefix of a call's keys from those in its value.
template <class Value>
void strip_prefix(pooled_call const& call, Value& value) noexcept {
    if (has(call.flags, cluster::command_flags::prefixed)) resp::strip_keys(value, call.prefix_bytes);
}

/// Decodes a reply, and adds the trail of its call.
template <class Value>
result<Value> traced_value(pooled_call& call, resp::view const& reply) {
    auto told = from_reply<decltype(Value::value)>::from(reply);
    if (!told) return tl::unexpected<error>{std::move(told.error())};
    if constexpr (resp::holds_keys<decltype(Value::value)>) strip_prefix(call, *told);
    return Value{std::move(*told), call.retry ? std::move(call.retry->hops) : std::vector<hop>{}};
}

template <class Value>
inline void result_slot<Value>::clear(pooled_call& call) noexcept {
    if (call.has_result) {
        get(call).~stored();
        call.has_result = false;
    }
    if constexpr (boxed) block_pool::give_back(place(call), sizeof(stored));
}

template <class Value>
void result_slot<Value>::discard(pooled_call& call) noexcept {
    if (call.token) release_token(call);
    clear(call);
    pool::recycle(&call);
}

template <class Value>
inline outcome_of<Value> result_slot<Value>::value_of([[maybe_unused]] pooled_call& call,
                                                      [[maybe_unused]] resp::view const& reply) noexcept {
    UMBEL_TRY {
        if constexpr (is_traced<Value>) {
            return traced_value<Value>(call, reply);
        } else if constexpr (made_of_call<Value>) {
            return Value::of_call(call);
        } else if constexpr (made_of_reply_and_call<Value>) {
            return Value::of_reply(call, reply);
        } else if constexpr (decodable<Value> && resp::holds_keys<Value>) {
            stored told = from_reply<Value>::from(reply);
            if (told) strip_prefix(call, *told);
            return told;
        } else if constexpr (decodable<Value>) {
            return from_reply<Value>::from(reply);
        } else {
            // Values of this type come from the client itself, never from a server.
            return stored{tl::unexpect, error{errc::unexpected_type, delivery::executed}};
        }
    }
    UMBEL_CATCH(std::bad_alloc const&) {
        return stored{tl::unexpect, error{errc::no_memory, delivery::executed}};
    }
    UMBEL_CATCH(...) {
        return stored{tl::unexpect,
                      error{errc::unexpected_type, delivery::executed, "from_reply threw an exception"}};
    }
}

template <class Value>
void result_slot<Value>::decode(engine::call& base, resp::view const& reply) noexcept {
    auto& call = static_cast<pooled_call&>(base);
    if constexpr (joined<Value>) {
        UMBEL_ASSERT(!joined<Value>);  // A joined operation has no reply of its own.
    } else {
        put(call, [&] { return value_of(call, reply); });
    }
}

template <class Value>
inline void result_slot<Value>::fail(engine::call& base, error&& why) noexcept {
    // Built in place: g++ 12 warns that a moved expected may be uninitialised.
    auto& call = static_cast<pooled_call&>(base);
    if (has(call.flags, cluster::command_flags::foreign)) call.owner->code->note_failure(call, why);
    if (moves_on(call, why)) return;
    if constexpr (joined<Value>) {
        outcome<Value>::fail(call, std::move(why));
    } else {
        if constexpr (made_of_elements<Value>) why = Value::explained(call, std::move(why));
        ::new (place(call)) stored{tl::unexpect, std::move(why)};
        call.has_result = true;
    }
}

// ---- Handlers -----------------------------------------------------------------------------------

/// Returns false if the handler of a settled call may be called here; nobody can cancel the call any more
/// then. Otherwise the call is on its way to its executor.
template <class Executor, class Slot>
bool post_unless_final(pooled_call& call, Executor& executor, void* guard, Slot slot) {
    if (completion_target<Executor>::post_if_elsewhere(call, executor, guard)) return true;
    call.affinity = affinity::anywhere;
    if (call.token) {
        release_token(call);
        slot.clear();
    }
    return false;
}

/// The handler of a call, and the work guard behind it.
template <class Handler, class Value>
struct handler_slot {
    using executor_type = executor_of<Handler>;
    using target = completion_target<executor_type>;
    using work_type = typename target::work_guard;
    using results = result_slot<Value>;

    static constexpr std::size_t work_at =
        (sizeof(Handler) + alignof(work_type) - 1) / alignof(work_type) * alignof(work_type);
    static constexpr bool boxed = work_at + sizeof(work_type) > pooled_call::handler_bytes ||
                                  std::max(alignof(Handler), alignof(work_type)) > alignof(std::max_align_t);
    struct box {
        alignas(Handler) alignas(work_type) std::byte space[work_at + sizeof(work_type)];
    };

    /// Moves the handler in and chooses its completion target. `client` is null if the client has gone.
    /// Errors: throws std::bad_alloc if the handler needs a box, and what its executor throws.
    template <class Given>
    static void put(pooled_call& call, Given&& handler, contexts const* client) {
        executor_type const executor = asio::get_associated_executor(handler, client_executor{});
        if constexpr (boxed) ::new (static_cast<void*>(call.handler_space)) box* {new box};
        struct placing {
            pooled_call* call;
            ~placing() {
                if (call) vacate(*call);
            }
        } unfinished{&call};
        target::choose(call, executor, client, work_of(call));
        keep(call, std::forward<Given>(handler));
        unfinished.call = nullptr;
    }
    /// Moves the handler in. Precondition: it fits, or put() has made the box.
    template <class Given>
    static void keep(pooled_call& call, Given&& handler) {
        ::new (static_cast<void*>(space_of(call))) Handler(std::forward<Given>(handler));
        static constexpr engine::call_kind kind{.decode = &results::decode,
                                                .fail = &results::fail,
                                                .complete = &handler_slot::complete,
                                                .drop = &handler_slot::drop,
                                                .answer = &handler_slot::answer,
                                                .element = results::element};
        call.kind = &kind;
    }

    static std::byte* space_of(pooled_call& call) noexcept {
        if constexpr (boxed) {
            return (*std::launder(reinterpret_cast<box**>(call.handler_space)))->space;
        } else {
            return call.handler_space;
        }
    }
    static void* work_of(pooled_call& call) noexcept { return space_of(call) + work_at; }
    static Handler& get(pooled_call& call) noexcept {
        return *std::launder(reinterpret_cast<Handler*>(space_of(call)));
    }
    static void clear(pooled_call& call) noexcept {
        get(call).~Handler();
        vacate(call);
    }
    /// Releases the work guard and frees the box. Precondition: the handler is destroyed.
    static void vacate(pooled_call& call) noexcept {
        if (call.work != work_guard_kind::none) [[unlikely]]
            target::release_work(call, work_of(call));
        if constexpr (boxed) delete std::launder(reinterpret_cast<box*>(space_of(call)));
    }

    /// Recycles a settled call at the end of a scope.
    struct settled {
        pooled_call& call;
        ~settled();
    };

    /// Calls the handler, here or on its executor. Handler and result are used in place; the call is recycled
    /// afterwards.
    static void complete(engine::call& base);
    /// decode() and complete() in one, with no result stored in between. False if the handler may not be
    /// called here; nothing has happened then.
    static bool answer(engine::call& base, resp::view const& reply);
    /// Completes a call whose handler has an executor of its own, or a cancellation slot. The whole call is
    /// posted, so that this code does not depend on the command.
    UMBEL_NEVER_INLINE static void complete_elsewhere(pooled_call& call);
    /// Destroys the handler without calling it.
    static void drop(engine::call& base) noexcept;
};

template <class Handler, class Value>
inline void handler_slot<Handler, Value>::complete(engine::call& base) {
    auto& call = static_cast<pooled_call&>(base);
    if (call.affinity == affinity::elsewhere || call.token) [[unlikely]]
        return complete_elsewhere(call);
    settled const finally{call};
    std::move(get(call))(std::move(results::get(call)));
}

template <class Handler, class Value>
inline bool handler_slot<Handler, Value>::answer(engine::call& base, resp::view const& reply) {
    auto& call = static_cast<pooled_call&>(base);
    if (joined<Value> || call.affinity == affinity::elsewhere || call.token) [[unlikely]]
        return false;
    // As settled, for a call without a stored result and without a work guard.
    struct answered {
        pooled_call& call;
        ~answered() {
            get(call).~Handler();
            if constexpr (boxed) vacate(call);
            if constexpr (results::boxed) results::clear(call);
            pool::recycle(&call);
        }
    } const finally{call};
    if constexpr (!joined<Value>) std::move(get(call))(results::value_of(call, reply));
    return true;
}

template <class Handler, class Value>
void handler_slot<Handler, Value>::complete_elsewhere(pooled_call& call) {
    executor_type executor = asio::get_associated_executor(get(call), client_executor{});
    auto const slot = asio::get_associated_cancellation_slot(get(call));
    if (post_unless_final(call, executor, work_of(call), slot)) return;
    complete(call);
}

template <class Handler, class Value>
inline void handler_slot<Handler, Value>::drop(engine::call& base) noexcept {
    auto& call = static_cast<pooled_call&>(base);
    // The handler may own a coroutine that owns anything. So it is destroyed last, after the call has been
    // recycled.
    [[maybe_unused]] Handler const handler{std::move(get(call))};
    settled const finally{call};
    if (call.token) release_token(call);
}

template <class Handler, class Value>
inline handler_slot<Handler, Value>::settled::~settled() {
    clear(call);
    results::clear(call);
    pool::recycle(&call);
}

}  // namespace umbel::async
