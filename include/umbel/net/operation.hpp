// operation.hpp: a command that waits to be awaited: an Asio asynchronous operation that owns its encoded bytes.
// It knows how to begin and whom to tell; what happens in between is the driver's business.
#pragma once

#include <umbel/net/anchors.hpp>

#include <asio/async_result.hpp>

#include <coroutine>
#include <optional>
#include <type_traits>
#include <utility>

namespace umbel {

template <class Value>
class operation;

namespace net {

/// A call on its way to an executor; destroyed with whatever carries it there.
struct carried_call {
    pooled_call* one;
    explicit carried_call(pooled_call& what) noexcept : one{&what} {}
    carried_call(carried_call&& other) noexcept : one{std::exchange(other.one, nullptr)} {}
    ~carried_call() {
        if (one) one->kind->drop(*one);
    }
    pooled_call& arrive() noexcept { return *std::exchange(one, nullptr); }
};

/// Completes a call from an executor that is not the connection's.
struct late_completion : carried_call {
    using carried_call::carried_call;
    void operator()() {
        pooled_call& mine = arrive();
        mine.kind->complete(mine);
    }
};

/// Answers a call on the control strand.
struct control_errand : carried_call {
    using carried_call::carried_call;
    void operator()(driver& here) {
        pooled_call& mine = arrive();
        if (!here.closed()) return mine.on_control(here, mine);
        mine.kind->reject(mine, error{errc::cancelled, delivery::not_sent, "the client is closed"});
        here.complete_later(mine);
    }
};

/// What stands in a cancellation slot: asks for the cancellation of one call, whoever owns it by then.
class canceller {
public:
    explicit canceller(shared_token& token) noexcept : token_{&token} {}
    canceller(canceller const&) = delete;
    canceller& operator=(canceller const&) = delete;
    ~canceller() { token_->release(); }
    void operator()(asio::cancellation_type type) {
        if (type == asio::cancellation_type::none) return;
        auto const home = token_->home.lock();
        if (!home) return;
        home->request_cancel(*token_);
        for (shared_token* const part : token_->parts) home->request_cancel(*part);
    }

private:
    shared_token* token_;
};

/// Begins a call with its handler. The result comes later, never from in here.
template <class Value, class Handler>
void launch(pooled_call* owned, Handler&& handler) {
    using kept = std::decay_t<Handler>;
    struct unlaunched {
        pooled_call* one;
        ~unlaunched() {
            if (!one) return;
            result_slot<Value>::clear(*one);
            pool::give_back(one);
        }
    } pending{owned};
    pooled_call& one = *owned;
    driver* const home = home_of(one);
    if (!home || one.detour == detour::settled) [[unlikely]] {
        if (!one.has_result) result_slot<Value>::reject(one, error{errc::cancelled, delivery::not_sent, "the client is gone"});
        auto const deliver = [&](auto const& executor) {
            auto const immediate = asio::get_associated_immediate_executor(handler, executor);
            handler_slot<kept, Value>::put(one, std::forward<Handler>(handler), home ? home->context() : nullptr);
            pending.one = nullptr;
            one.inline_here = false;  // Who completes it is the immediate executor's choice.
            asio::dispatch(immediate, late_completion{one});
        };
        if (home) return deliver(asio::get_associated_executor(handler, home->executor()));
        return deliver(asio::get_associated_executor(handler, asio::system_executor{}));
    }
    auto slot = asio::get_associated_cancellation_slot(handler);
    if (slot.is_connected()) [[unlikely]] {
        auto* const token = new shared_token;
        token->home = home->shared_from_this();
        token->target = &one;
        one.token = token;
        slot.template emplace<canceller>(*token);
    }
    handler_slot<kept, Value>::put(one, std::forward<Handler>(handler), home->context());
    pending.one = nullptr;
    if (one.detour == detour::none) [[likely]] return home->start(one);
    if (one.detour == detour::group) return one.group->start(*home);
    if (one.ends_client) home->refuse_new();
    home->on_control(control_errand{one});
}

}  // namespace net

/// A command ready to go: move-only, an asynchronous operation with the completion signature void(result<Value>).
///
/// Calling the client's function has encoded the command already, so no argument needs to live any longer. Nothing is sent until the
/// operation is awaited or given a completion token; one that is dropped sends nothing. In asio::awaitable<> it is awaited as it is
/// (std::move it when it has a name); any other C++20 coroutine may await it, too.
/// Threading: begin it on any thread. It completes on the handler's associated executor, by default the client's, never from
/// inside the initiating call. Cancellation: Asio cancellation slots are honoured with every type; the error tells the delivery.
/// Lifetime: it may outlive the client, and completes with errc::cancelled then; a handler without an executor of its own runs on a thread of
/// Asio's system executor in that case. Beginning it must not race with the destruction of the client.
template <class Value>
class [[nodiscard]] operation {
public:
    using value_type = Value;

    /// Takes over a call that is encoded and routed, or has its result already.
    explicit operation(net::pooled_call& ready) noexcept : call_{&ready} {}
    operation(operation&& other) noexcept : call_{std::exchange(other.call_, nullptr)} {}
    operation& operator=(operation&& other) noexcept {
        std::swap(call_, other.call_);
        return *this;
    }
    ~operation() {
        if (!call_) return;
        net::result_slot<Value>::clear(*call_);
        net::pool::give_back(call_);
    }

    /// Begins the operation with any completion token.
    /// Precondition: it has not been begun before.
    template <asio::completion_token_for<void(result<Value>)> Token>
    auto operator()(Token&& token) && {
        UMBEL_ASSERT(call_ != nullptr);
        return asio::async_initiate<Token, void(result<Value>)>(begin{}, token, std::move(*this));
    }

    class awaiter;
    /// For coroutines that know nothing of Asio: resumed on the client's executor.
    auto operator co_await() && noexcept { return awaiter{std::move(*this)}; }

private:
    struct begin {
        template <class Handler>
        void operator()(Handler&& handler, operation self) const {
            if constexpr (std::is_same_v<Handler, std::decay_t<Handler>>) {
                net::launch<Value>(std::exchange(self.call_, nullptr), std::move(handler));
            } else {  // A handler that its owner keeps.
                std::decay_t<Handler> copy(std::forward<Handler>(handler));
                net::launch<Value>(std::exchange(self.call_, nullptr), std::move(copy));
            }
        }
    };

    net::pooled_call* call_;
};

/// Awaits an operation in a coroutine of any type. When the frame is destroyed meanwhile, the result is dropped.
/// Threading: destroy a suspended frame only where it would be resumed.
template <class Value>
class operation<Value>::awaiter {
public:
    explicit awaiter(operation&& what) noexcept : what_{std::move(what)} {}
    awaiter(awaiter const&) = delete;
    awaiter& operator=(awaiter const&) = delete;
    ~awaiter() {
        if (link_) link_->self = nullptr;
    }

    bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<> waiting) {
        waiting_ = waiting;
        begin{}(resumer{*this}, std::move(what_));
    }
    result<Value> await_resume() { return std::move(*value_); }

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
        void operator()(result<Value> value) {
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
    std::optional<result<Value>> value_;
};

}  // namespace umbel
