// operation.hpp: a command that waits to be awaited: an Asio asynchronous operation that owns its encoded
// bytes. It knows how to begin and whom to tell; what happens in between is the backend's business.
#pragma once

#include <umbel/async/asio.hpp>
#include <umbel/async/client_handle.hpp>
#include <umbel/async/try_alloc.hpp>

#include UMBEL_ASIO_HEADER(any_io_executor.hpp)
#include UMBEL_ASIO_HEADER(async_result.hpp)
#include UMBEL_ASIO_HEADER(this_coro.hpp)

#include <coroutine>
#include <optional>
#include <type_traits>
#include <utility>

namespace umbel::async {

template <class Value>
class operation;

/// A call that is not begun yet, with its result slot; given back unless it is released.
template <class Value>
class unlaunched {
public:
    explicit unlaunched(pooled_call& call) noexcept : call_{&call} {}
    unlaunched(unlaunched const&) = delete;
    unlaunched& operator=(unlaunched const&) = delete;
    ~unlaunched() {
        if (call_) result_slot<Value>::discard(*call_);
    }
    void release() noexcept { call_ = nullptr; }

private:
    pooled_call* call_;
};

/// Begins a call that has its result already, or can only have one error: what launch() does when the client
/// is gone or has refused it.
template <class Value, class Handler>
UMBEL_NEVER_INLINE void launch_settled(pooled_call& call, backend* backend, Handler&& handler) {
    using kept_handler = std::decay_t<Handler>;
    unlaunched<Value> pending{call};
    if (!call.has_result)
        result_slot<Value>::fail(call, error{errc::cancelled, delivery::not_sent, "the client is gone"});
    auto const executor = asio::get_associated_executor(handler, call.owner->code->default_executor(call));
    auto const keep = [&] {
        handler_slot<kept_handler, Value>::put(call, std::move(handler),
                                               backend ? &backend->contexts() : nullptr);
        pending.release();
        call.affinity = affinity::elsewhere;  // Who completes it is the immediate executor's choice.
    };
    if constexpr (without_immediate_executor<kept_handler> &&
                  std::is_same_v<decltype(executor), asio::any_io_executor const>) {
        keep();
        completion_target<asio::any_io_executor>::complete_later(executor, call);
    } else {
        auto const immediate = asio::get_associated_immediate_executor(handler, executor);
        keep();
        completion_target<std::decay_t<decltype(immediate)>>::complete(immediate, call);
    }
}

/// What stands in a cancellation slot: asks for the cancellation of one call, whoever owns it by then.
class canceller {
public:
    explicit canceller(shared_token& token) noexcept : token_{&token} {}
    canceller(canceller const&) = delete;
    canceller& operator=(canceller const&) = delete;
    ~canceller() { token_->release(); }
    void operator()(asio::cancellation_type type) {
        if (type == asio::cancellation_type::none) return;
        auto const backend = token_->backend.lock();
        if (!backend) return;
        // A wish for which there is no memory is seen when the call changes hands.
        static_cast<void>(try_alloc([&] { backend->request_cancel(*token_); }));
        if (!token_->parts_listed.load()) return;
        for (shared_token* const part : token_->parts)
            static_cast<void>(try_alloc([&] { backend->request_cancel(*part); }));
        for (shared_token* part = token_->later.load(); part; part = part->later.load()) {
            // A call that goes on by another client has a token of that one.
            auto const there = part->backend.lock();
            if (there) static_cast<void>(try_alloc([&] { there->request_cancel(*part); }));
        }
    }

private:
    shared_token* token_;
};

/// Gives a call the token that a canceller needs; null when there is no memory for that.
inline shared_token* give_token(pooled_call& call, backend& backend) noexcept {
    auto* const token = new (std::nothrow) shared_token;
    if (!token) return nullptr;
    token->backend = backend.weak_from_this();
    token->target = &call;
    call.token = token;
    return token;
}

/// Connects a call to the cancellation slot of its handler; false when there is no memory for that.
template <class Slot>
UMBEL_NEVER_INLINE bool listen(pooled_call& call, backend& backend, Slot slot) noexcept {
    shared_token* const token = give_token(call, backend);
    if (!token) return false;
    UMBEL_TRY {
        slot.template emplace<canceller>(*token);
        return true;
    }
    UMBEL_CATCH(...) {
        token->release();
        return false;
    }
}

/// Begins a call that is not simply sent.
inline void start_indirect(backend& backend, pooled_call& call) {
    if (call.launch == launch_kind::group) return call.group->start(backend);
    if (call.launch == launch_kind::remedied) return backend.start(call);
    if (call.launch == launch_kind::leased || call.launch == launch_kind::on_lease)
        return call.owner->code->start_by_lease(backend, call);
    if (call.ends_client) backend.refuse_new();
    backend.answer(call);
}

/// True for the handlers of asio::awaitable and most others: they fit, and have nothing of their own but the
/// move and the call.
template <class Handler, class Value>
concept ordinary_handler =
    std::is_same_v<executor_of<Handler>, asio::any_io_executor> && without_immediate_executor<Handler> &&
    std::is_same_v<asio::associated_cancellation_slot_t<Handler>, asio::cancellation_slot> &&
    std::is_nothrow_move_constructible_v<Handler> && !handler_slot<Handler, Value>::boxed;

/// Begins a call with its handler. The result comes later, never from in here. Inline: it is one call.
template <class Value, class Handler>
    requires ordinary_handler<Handler, Value>
UMBEL_ALWAYS_INLINE void launch(pooled_call& call, Handler&& handler) {
    using slot = handler_slot<Handler, Value>;
    slot::keep(call, std::move(handler));
    auto const& kept = slot::get(call);
    call.owner->code->launch(call, asio::get_associated_executor(kept),
                             asio::get_associated_cancellation_slot(kept), slot::work_of(call));
}

template <class Value, class Handler>
void launch(pooled_call& call, Handler&& handler) {
    backend* const where = backend_of(call);
    if (!where || call.launch == launch_kind::ready) [[unlikely]]
        return launch_settled<Value>(call, where, std::move(handler));
    unlaunched<Value> pending{call};
    if (auto const slot = asio::get_associated_cancellation_slot(handler);
        slot.is_connected() && !listen(call, *where, slot)) [[unlikely]] {
        result_slot<Value>::fail(call, error{errc::no_memory, delivery::not_sent});
        pending.release();
        return launch_settled<Value>(call, where, std::move(handler));
    }
    handler_slot<Handler, Value>::put(call, std::move(handler), &where->contexts());
    pending.release();
    if (call.launch == launch_kind::direct) [[likely]]
        return where->start(call);
    start_indirect(*where, call);
}

/// A command ready to go: move-only, an asynchronous operation with the completion signature
/// void(result<Value>), or that of outcome<Value>.
///
/// Calling the client's function has encoded the command already, so no argument needs to live any longer.
/// Nothing is sent until the operation is awaited or given a completion token; one that is dropped sends
/// nothing. In asio::awaitable<> it is awaited as it is (std::move it when it has a name); any other C++20
/// coroutine may await it, too. Threading: begin it on any thread. It completes on the handler's associated
/// executor, by default the client's, never from inside the initiating call. Cancellation: Asio cancellation
/// slots are honoured with every type; the error tells the delivery. Lifetime: it may outlive the client, and
/// completes with errc::cancelled then; a handler without an executor of its own runs on a thread of Asio's
/// system executor in that case. Beginning it must not race with the destruction of the client.
template <class Value>
class [[nodiscard]] operation {
public:
    using value_type = Value;
    using executor_type = asio::any_io_executor;

    /// Takes over a call that is encoded and routed, or has its result already.
    explicit operation(pooled_call& ready) noexcept : call_{&ready} {}
    operation(operation&& other) noexcept : call_{std::exchange(other.call_, nullptr)} {}
    operation& operator=(operation&& other) noexcept {
        std::swap(call_, other.call_);
        return *this;
    }
    ~operation() {
        if (call_) result_slot<Value>::discard(*call_);
    }

    /// Begins the operation with any completion token.
    /// Precondition: it has not been begun before.
    template <asio::completion_token_for<void(outcome_of<Value>)> Token>
    auto operator()(Token&& token) && {
        UMBEL_ASSERT(call_ != nullptr);
        return asio::async_initiate<Token, void(outcome_of<Value>)>(begin{call_}, token, std::move(*this));
    }

    /// The client's executor, where a handler without one of its own is run. Precondition: it has not been
    /// begun.
    executor_type get_executor() const noexcept {
        UMBEL_ASSERT(call_ != nullptr);
        return call_->owner->code->default_executor(*call_);
    }

    /// Its call, unless the result is there already or it stands for several; null then. For those who build
    /// operations from operations.
    pooled_call* unbegun() const noexcept {
        return call_ && call_->launch == launch_kind::direct ? call_ : nullptr;
    }
    /// Gives its call away.
    void release() noexcept { call_ = nullptr; }

    class awaiter;
    /// For coroutines that know nothing of Asio: resumed on the client's executor.
    auto operator co_await() && noexcept { return awaiter{std::move(*this)}; }

    // An operation that has a name is moved where it is begun: it has one owner. Without these lines a
    // compiler has pages to say of that; the conversion is what a co_await in asio::awaitable<> would try.
    template <class Token>
    void operator()(Token&&) const& = UMBEL_DELETED("std::move(operation)(token)");
    auto operator co_await() const& = UMBEL_DELETED("co_await std::move(operation)");
    operator asio::this_coro::executor_t() const& = UMBEL_DELETED("co_await std::move(operation)");

private:
    /// What Asio calls to begin the operation, which comes with it as an argument. It has an executor for
    /// tokens that need a timer, as asio::cancel_after does.
    struct begin {
        using executor_type = asio::any_io_executor;
        pooled_call* call;
        executor_type get_executor() const noexcept { return call->owner->code->default_executor(*call); }

        template <class Handler>
        void operator()(Handler&& handler, operation&& self) const {
            if constexpr (std::is_same_v<Handler, std::decay_t<Handler>>) {
                launch<Value>(*std::exchange(self.call_, nullptr), std::move(handler));
            } else {  // A handler that its owner keeps.
                std::decay_t<Handler> copy(std::forward<Handler>(handler));
                launch<Value>(*std::exchange(self.call_, nullptr), std::move(copy));
            }
        }
    };

    pooled_call* call_;
};

/// Awaits an operation in a coroutine of any type. When the frame is destroyed meanwhile, the result is
/// dropped. Threading: destroy a suspended frame only where it would be resumed.
template <class Value>
class operation<Value>::awaiter {
public:
    explicit awaiter(operation&& operation) noexcept : what_{std::move(operation)} {}
    awaiter(awaiter const&) = delete;
    awaiter& operator=(awaiter const&) = delete;
    ~awaiter() {
        if (link_) link_->self = nullptr;
    }

    bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<> waiting) {
        waiting_ = waiting;
        begin{what_.call_}(resumer{*this}, std::move(what_));
    }
    outcome_of<Value> await_resume() { return std::move(*value_); }

private:
    /// The handler: wherever it is moved to, awaiter and handler know each other.
    struct resumer {
        awaiter* self;
        explicit resumer(awaiter& whose) noexcept : self{&whose} { whose.link_ = this; }
        resumer(resumer&& other) noexcept : self{std::exchange(other.self, nullptr)} {
            if (self) self->link_ = this;
        }
        ~resumer() {
            if (self) self->link_ = nullptr;
        }
        void operator()(outcome_of<Value> value) {
            awaiter* const mine = std::exchange(self, nullptr);
            if (!mine) return;
            mine->link_ = nullptr;
            mine->value_.emplace(std::move(value));
            mine->waiting_.resume();
        }
    };

    operation what_;
    resumer* link_ = nullptr;
    std::coroutine_handle<> waiting_;
    std::optional<outcome_of<Value>> value_;
};

}  // namespace umbel::async

namespace umbel {
using async::operation;
}  // namespace umbel
