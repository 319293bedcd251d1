// completion_target.hpp: where the handler of a call runs, what keeps that place busy until it does, and how
// a settled call gets there. It knows calls by their kind only, neither results nor handlers.
//
// A handler has an executor; a client runs on one execution context or on several. When a command begins,
// choose() decides three things and notes them in the call: the affinity of its completion, the work guard
// that the completion needs, and, for a client on several contexts, the context on whose connections it
// travels.
//
// | executor of the handler          | client on | affinity   | work guard   | the handler is called     |
// |----------------------------------|-----------|------------|--------------|---------------------------|
// | none                             | any       | anywhere   | none         | by whoever settles        |
// | the client's own io_context      | one       | anywhere   | none         | by whoever settles        |
// | the io_context of the caller     | several   | on_context | none (a)     | by whoever settles        |
// | another on the client's context, | one       | elsewhere  | none         | there: at once if it runs |
// | such as a strand                 |           |            |              | here, else by dispatch    |
// | another io_context               | any       | elsewhere  | io_context   | there, many by a message  |
// | anything else                    | any       | elsewhere  | the executor | there, by dispatch        |
//
// (a) No guard is needed while a connection of that context has the call, because the connection keeps its
// context busy; the same holds for the first two rows. When the call leaves the connection, because the call
// is parked or another context settles it, leave_context() gives it a work guard of its own, in the call, and
// makes its affinity `elsewhere`.
//
// A call that is settled before it begins (bad arguments, a client that has gone) takes complete() or
// complete_later() with the handler's immediate executor.
#pragma once

#include <umbel/async/asio.hpp>
#include <umbel/async/call_pool.hpp>
#include <umbel/async/contexts.hpp>

#include UMBEL_ASIO_HEADER(any_io_executor.hpp)
#include UMBEL_ASIO_HEADER(associated_executor.hpp)
#include UMBEL_ASIO_HEADER(associated_immediate_executor.hpp)
#include UMBEL_ASIO_HEADER(dispatch.hpp)
#include UMBEL_ASIO_HEADER(io_context.hpp)
#include UMBEL_ASIO_HEADER(prefer.hpp)
#include UMBEL_ASIO_HEADER(query.hpp)

#include <concepts>
#include <new>
#include <type_traits>
#include <utility>

namespace umbel::async {

// ---- Executors ----------------------------------------------------------------------------------

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

/// True when the handler has no associated immediate executor. False when this Asio cannot tell.
template <class Handler>
concept without_immediate_executor = requires {
    typename asio::associated_immediate_executor<
        Handler, asio::any_io_executor>::asio_associated_immediate_executor_is_unspecialised;
};

/// True when an executor can say whether this thread runs it.
template <class Executor>
concept knows_its_thread = requires(Executor const& executor) {
    { executor.running_in_this_thread() } -> std::convertible_to<bool>;
};

/// True when an executor can name its execution context.
template <class Executor>
concept knows_its_context =
    requires(Executor const& executor) { &asio::query(executor, asio::execution::context); };

// ---- Calls on their way -------------------------------------------------------------------------

/// A call on its way to an executor. The call is dropped if the executor destroys this uncalled.
struct posted_completion {
    pooled_call* call;
    explicit posted_completion(pooled_call& pending) noexcept : call{&pending} {}
    posted_completion(posted_completion&& other) noexcept : call{std::exchange(other.call, nullptr)} {}
    ~posted_completion() {
        if (call) call->kind->drop(*call);
    }
    void operator()() {
        pooled_call& arrived = *std::exchange(call, nullptr);
        arrived.kind->complete(arrived);
    }
};

// ---- The target ---------------------------------------------------------------------------------

/// Where the handlers with one type of executor complete.
/// Threading: choose() on the thread that begins the command, the rest by whoever owns the call.
template <class Executor>
struct completion_target {
    /// Keeps the executor's context busy while it lives.
    using work_guard = std::decay_t<decltype(asio::prefer(std::declval<Executor const&>(),
                                                          asio::execution::outstanding_work.tracked))>;

    static constexpr bool is_io_context = std::is_same_v<Executor, asio::io_context::executor_type>;

    static work_guard hold_work(Executor const& executor) {
        return asio::prefer(executor, asio::execution::outstanding_work.tracked);
    }
    /// True when a handler with this executor may be called by this thread right now.
    static bool runs_here(Executor const& executor) noexcept {
        if constexpr (knows_its_thread<Executor>) return executor.running_in_this_thread();
        return false;
    }
    /// True when a handler with this executor may run on any thread of the context.
    static bool runs_anywhere_on(Executor const& executor, asio::execution_context const* context) noexcept {
        if constexpr (is_io_context) return &executor.context() == context;
        return false;
    }
    /// True when the executor belongs to the context.
    static bool belongs_to(Executor const& executor, asio::execution_context const* context) noexcept {
        if constexpr (knows_its_context<Executor>)
            return &asio::query(executor, asio::execution::context) == context;
        return false;
    }

    /// Decides affinity and context of a call that begins, and constructs its work guard at `guard` if it
    /// needs one. `client` is null when the client has gone. Errors: throws what the executor throws; the
    /// call is as before then.
    static void choose(pooled_call& call, Executor const& executor, contexts const* client, void* guard) {
        asio::execution_context const* const only = client ? client->only() : nullptr;
        bool const anywhere = runs_anywhere_on(executor, only);
        call.affinity = anywhere ? affinity::anywhere : affinity::elsewhere;
        if constexpr (knows_its_context<Executor>) {
            if (client && client->several() &&
                call.owner->code->choose_context(
                    call, *client, &asio::query(executor, asio::execution::context), is_io_context))
                [[unlikely]]
                return;
        }
        if (anywhere || belongs_to(executor, only)) return;
        ::new (guard) work_guard(hold_work(executor));
        call.work = is_io_context ? work_guard_kind::io_context : work_guard_kind::executor;
    }
    /// Ends the work guard that the call has. Precondition: it has one.
    static void release_work(pooled_call& call, void* guard) noexcept {
        if (call.work == work_guard_kind::left_context)
            call.owner->code->release_left_context(call);
        else
            std::launder(static_cast<work_guard*>(guard))->~work_guard();
        call.work = work_guard_kind::none;
    }

    /// Completes a settled call on the executor, at once if it runs here. Errors: throws what the executor
    /// throws; the call is dropped then.
    static void complete(Executor const& executor, pooled_call& call) {
        asio::dispatch(executor, posted_completion{call});
    }
    /// Returns false if the handler of a settled call may be called here; otherwise the call is on its way to
    /// the executor. `guard` is where its work guard stands, if it has one. Errors: as complete().
    static bool post_if_elsewhere(pooled_call& call, Executor& executor, void* guard) {
        if (call.affinity != affinity::elsewhere || runs_here(executor)) return false;
        call.affinity = affinity::anywhere;
        post(call, executor, guard);
        return true;
    }

private:
    /// Lifetime: once the handler has run, the executor's context may end. So the executor is moved out of
    /// the call, and what keeps its context busy ends last.
    static void post(pooled_call& call, Executor& executor, [[maybe_unused]] void* guard) {
        if constexpr (is_io_context) {
            call.owner->code->post_to(executor, call, guard);
        } else {
            if (belongs_to(executor, call.owner->code->context_of_turn())) return complete(executor, call);
            [[maybe_unused]] auto const work = hold_work(executor);
            Executor const target = std::move(executor);
            complete(target, call);
        }
    }
};

/// Handlers without an executor complete wherever the client settles their calls.
template <>
struct completion_target<client_executor> {
    using work_guard = client_executor;

    static void choose(pooled_call& call, client_executor, contexts const* client, void*) noexcept {
        call.affinity = affinity::anywhere;
        if (client && client->several()) [[unlikely]]
            call.owner->code->choose_context(call, *client, nullptr, false);
    }
    static void release_work(pooled_call& call, void*) noexcept {
        if (call.work == work_guard_kind::left_context) call.owner->code->release_left_context(call);
        call.work = work_guard_kind::none;
    }
    static bool post_if_elsewhere(pooled_call&, client_executor, void*) noexcept { return false; }
};

/// The executor that most handlers have. Its functions stand behind the boundary, for Asio's part of them
/// costs a compiler more than all else about a command.
template <>
struct completion_target<asio::any_io_executor> {
    using executor = asio::any_io_executor;
    using work_guard = asio::any_io_executor;

    static void choose(pooled_call& call, executor const& target, contexts const* client, void* guard) {
        call.owner->code->choose_target(call, target, client, guard);
    }
    static void release_work(pooled_call& call, void* guard) noexcept {
        call.owner->code->release_work(call, guard);
    }
    static void complete(executor const& target, pooled_call& call) {
        call.owner->code->complete(target, call);
    }
    /// As complete(), but never inside this function: what an executor does for a handler without an
    /// immediate executor.
    static void complete_later(executor const& target, pooled_call& call) {
        call.owner->code->complete_later(target, call);
    }
    static bool post_if_elsewhere(pooled_call& call, executor& target, void* guard) {
        return call.owner->code->post_if_elsewhere(call, target, guard);
    }
};

}  // namespace umbel::async
