// executor.hpp: where a handler runs: what is asked of its executor, and how a settled call is carried there.
// It knows calls by their kind only, neither results nor handlers. What is asked of the one type-erased
// executor that most handlers have stands behind the boundary, for Asio's part of it costs a compiler more
// than all else about a command.
#pragma once

#include <umbel/async/call_pool.hpp>
#include <umbel/async/contexts.hpp>

#include <asio/any_io_executor.hpp>
#include <asio/associated_executor.hpp>
#include <asio/associated_immediate_executor.hpp>
#include <asio/dispatch.hpp>
#include <asio/io_context.hpp>

#include <concepts>
#include <new>
#include <type_traits>
#include <utility>

namespace umbel::async {

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
    } else if constexpr (requires {
                             { executor.running_in_this_thread() } -> std::convertible_to<bool>;
                         }) {
        return executor.running_in_this_thread();
    } else {
        return false;
    }
}
UMBEL_BOUNDARY bool runs_here(asio::any_io_executor const& executor) noexcept;

/// Keeps a foreign executor busy while an operation that will complete there is under way. The client's own
/// context is kept busy by the connection.
template <class Executor>
auto keep_busy(Executor const& executor) {
    return asio::prefer(executor, asio::execution::outstanding_work.tracked);
}
inline client_executor keep_busy(client_executor) noexcept { return {}; }
UMBEL_BOUNDARY asio::any_io_executor keep_busy(asio::any_io_executor const& executor);

/// True when a handler with this executor may run wherever the client runs: on any thread of the client's one
/// context.
template <class Executor>
bool runs_anywhere(Executor const& executor, asio::execution_context const* context) noexcept {
    if constexpr (std::is_same_v<Executor, client_executor>) {
        return true;
    } else if constexpr (std::is_same_v<Executor, asio::io_context::executor_type>) {
        return &executor.context() == context;
    } else {
        return false;
    }
}
UMBEL_BOUNDARY bool runs_anywhere(asio::any_io_executor const& executor,
                                  asio::execution_context const* context) noexcept;

/// True when the executor's context is the client's, which its connections keep busy.
template <class Executor>
bool belongs_to(Executor const& executor, asio::execution_context const* context) noexcept {
    if constexpr (std::is_same_v<Executor, client_executor>) {
        return true;
    } else if constexpr (requires { &asio::query(executor, asio::execution::context); }) {
        return &asio::query(executor, asio::execution::context) == context;
    } else {
        return false;
    }
}
UMBEL_BOUNDARY bool belongs_to(asio::any_io_executor const& executor,
                               asio::execution_context const* context) noexcept;

// ---- Carrying a call ----------------------------------------------------------------------------

/// A call on its way to an executor; destroyed with whatever carries it there.
struct posted_completion {
    pooled_call* call;
    explicit posted_completion(pooled_call& what) noexcept : call{&what} {}
    posted_completion(posted_completion&& other) noexcept : call{std::exchange(other.call, nullptr)} {}
    ~posted_completion() {
        if (call) call->kind->drop(*call);
    }
    pooled_call& arrive() noexcept { return *std::exchange(call, nullptr); }
};

/// Completes a call from an executor that is not the connection's.
struct late_completion : posted_completion {
    using posted_completion::posted_completion;
    void operator()() {
        pooled_call& mine = arrive();
        mine.kind->complete(mine);
    }
};

/// Completes a settled call on `executor`, here if that is where it runs. Errors: throws what the executor
/// throws; the call is dropped then.
template <class Executor>
void complete_on(Executor const& executor, pooled_call& call) {
    asio::dispatch(executor, late_completion{call});
}
UMBEL_BOUNDARY void complete_on(asio::any_io_executor const& executor, pooled_call& call);
/// As complete_on(), but never from in here: what an executor does for a handler that has said nothing of
/// immediate completion.
UMBEL_BOUNDARY void complete_soon_on(asio::any_io_executor const& executor, pooled_call& call);

/// The context that the present turn of this thread keeps busy, if any.
UMBEL_BOUNDARY asio::execution_context const* context_of_turn() noexcept;

/// Sends a settled call to another executor; to an io_context together with others, where the present turn
/// gathers them. Lifetime: when the handler has run, the executor's context may end at once. So the executor
/// is taken away, and its work ends after it.
template <class Executor>
void post_completion(Executor& executor, pooled_call& call) {
    if (belongs_to(executor, context_of_turn())) return complete_on(executor, call);
    [[maybe_unused]] auto const work = keep_busy(executor);
    Executor const where = std::move(executor);
    complete_on(where, call);
}
UMBEL_BOUNDARY void post_completion(asio::io_context::executor_type& executor, pooled_call& call);
UMBEL_BOUNDARY void post_completion(asio::any_io_executor& executor, pooled_call& call);

/// False when a settled call may complete right here; otherwise it is on its way to its executor.
template <class Executor>
bool post_if_elsewhere(pooled_call& call, Executor& executor) {
    if constexpr (std::is_same_v<Executor, client_executor>) {
        return false;
    } else {
        if (call.affinity != engine::affinity::elsewhere || runs_here(executor)) return false;
        call.affinity = engine::affinity::anywhere;
        post_completion(executor, call);
        return true;
    }
}

// ---- Before it is sent --------------------------------------------------------------------------

/// Keeps an executor busy that is not the client's, by what is made at `work`.
template <class Executor>
void hold_work(pooled_call& call, Executor const& executor, asio::execution_context const* context, void* work) {
    if (belongs_to(executor, context)) return;
    ::new (work) decltype(keep_busy(executor))(keep_busy(executor));
    call.work = work_guard_kind::any;
}
UMBEL_BOUNDARY void hold_work(pooled_call& call, asio::any_io_executor const& executor,
                           asio::execution_context const* context, void* work);

/// A call leaves the loop that its handler runs on: from now on it keeps that busy itself.
UMBEL_BOUNDARY void leave_context(pooled_call& call, asio::io_context& context_index) noexcept;
/// Ends what leave_context() has made.
UMBEL_BOUNDARY void end_absence(pooled_call& call) noexcept;

/// Ends what hold_work() has made, or leave_context().
template <class Work>
void dismiss(pooled_call& call, Work* work) noexcept {
    if (call.work == work_guard_kind::away) return end_absence(call);
    std::launder(work)->~Work();
}
UMBEL_BOUNDARY void dismiss(pooled_call& call, asio::any_io_executor* work) noexcept;

/// Gives a call the loop on whose connections it shall travel: that of who begins it. `context` is that of
/// its handler, if any, which may run anywhere on it where it is `plain`. True when it runs right there, so
/// that nothing else need be kept busy. Precondition: the client has several loops.
UMBEL_BOUNDARY bool choose_context(pooled_call& call, contexts const& client, asio::execution_context const* context,
                              bool plain) noexcept;

/// Notes where a handler with this executor runs, and on which loop its call travels; keeps the executor
/// busy, by what is made at `work`, where nothing else does. `client` is null when the client has gone.
/// Errors: throws what the executor throws.
template <class Executor>
void settle_in(pooled_call& call, Executor const& executor, contexts const* client, void* work) {
    asio::execution_context const* const only = client ? client->only() : nullptr;
    bool const anywhere = runs_anywhere(executor, only);
    call.affinity = anywhere ? engine::affinity::anywhere : engine::affinity::elsewhere;
    if (client && client->several()) [[unlikely]] {
        if constexpr (std::is_same_v<Executor, client_executor>) {
            choose_context(call, *client, nullptr, false);
        } else if constexpr (requires { &asio::query(executor, asio::execution::context); }) {
            bool const plain = std::is_same_v<Executor, asio::io_context::executor_type>;
            if (choose_context(call, *client, &asio::query(executor, asio::execution::context), plain)) return;
        }
    }
    if (!anywhere) hold_work(call, executor, only, work);
}
UMBEL_BOUNDARY void settle_in(pooled_call& call, asio::any_io_executor const& executor, contexts const* client,
                              void* work);
/// The same for a handler that does not run wherever the client does.
UMBEL_BOUNDARY void settle_elsewhere(pooled_call& call, asio::any_io_executor const& executor,
                                     contexts const* client, void* work);

/// The executor of a handler without one of its own, when the client has gone.
UMBEL_BOUNDARY asio::any_io_executor orphans_executor() noexcept;

/// True when a handler has nothing to say of where an operation completes that is done as soon as it is
/// begun. Where Asio does not tell, it counts as having something to say.
template <class Handler>
concept without_immediate_executor = requires {
    typename asio::associated_immediate_executor<
        Handler, asio::any_io_executor>::asio_associated_immediate_executor_is_unspecialised;
};

}  // namespace umbel::async

#if !defined(UMBEL_SEPARATE_COMPILATION)
#include <umbel/async/executor_impl.hpp>
#endif
