// completion_target_impl.hpp: behind the boundary of completion_target.hpp: what is asked of any_io_executor.
#pragma once

#include <umbel/async/asio.hpp>
#include <umbel/async/completion_target.hpp>
#include <umbel/async/contexts_impl.hpp>
#include <umbel/async/orphan_executor.hpp>
#include <umbel/async/turn.hpp>

#include UMBEL_ASIO_HEADER(io_context.hpp)
#include UMBEL_ASIO_HEADER(strand.hpp)
#include UMBEL_ASIO_HEADER(system_executor.hpp)

#include <cstddef>
#include <memory>
#include <new>
#include <utility>

namespace umbel::async {

/// The executor of a handler without one of its own, when the client has gone.
inline asio::any_io_executor orphans_executor() noexcept { return orphan_executor{}; }

/// The context that the present turn of this thread keeps busy, if any.
inline asio::execution_context const* context_of_turn() noexcept { return current_turn.context; }

// ---- Contexts -----------------------------------------------------------------------------------

static_assert(sizeof(io_work_guard) <= sizeof(pooled_call::left_context_space) &&
              alignof(io_work_guard) <= alignof(void*));

/// Gives the call a work guard on the context that it leaves, and makes its affinity `elsewhere`.
/// Precondition: call.affinity == affinity::on_context.
inline void leave_context(pooled_call& call, asio::io_context& context) noexcept {
    UMBEL_ASSERT(call.affinity == affinity::on_context);
    ::new (static_cast<void*>(call.left_context_space))
        io_work_guard{asio::require(context.get_executor(), asio::execution::outstanding_work.tracked)};
    call.work = work_guard_kind::left_context;
    call.affinity = affinity::elsewhere;
}
/// Ends the work guard of leave_context(). Precondition: call.work == work_guard_kind::left_context.
inline void release_left_context(pooled_call& call) noexcept {
    UMBEL_ASSERT(call.work == work_guard_kind::left_context);
    std::launder(reinterpret_cast<io_work_guard*>(call.left_context_space))->~io_work_guard();
}

/// Picks the context for a new call: the one this thread runs, else the handler's, else a fixed one per
/// caller, so that commands from one place stay in order. `own` is the index of the handler's context, or
/// none.
inline std::uint8_t context_of_caller(contexts const& client, asio::execution_context const* context,
                                      unsigned own) noexcept {
    static thread_local char const thread_mark = 0;
    // In a turn the context is known without asking.
    if (own != contexts::none && current_turn.context == context) return static_cast<std::uint8_t>(own);
    unsigned const of_turn = current_turn.context ? client.index_of(current_turn.context) : contexts::none;
    unsigned const running = of_turn != contexts::none ? of_turn : client.running_here(own);
    if (running != contexts::none) return static_cast<std::uint8_t>(running);
    if (own != contexts::none) return static_cast<std::uint8_t>(own);
    // All threads share the context of a future's handler, so the thread tells callers apart.
    bool const shared =
        !context || context == &asio::query(asio::system_executor{}, asio::execution::context);
    return client.any_of(shared ? static_cast<void const*>(&thread_mark) : context);
}

/// Chooses the context on whose connections the call travels: that of its caller. `own` is the context of the
/// handler, if any; `is_io_context` says that the handler may run anywhere on it. Returns true, with affinity
/// on_context, when the call travels on the handler's own context, which then needs no work guard.
/// Precondition: the client has several contexts.
inline bool choose_context(pooled_call& call, contexts const& client, asio::execution_context const* own,
                           bool is_io_context) noexcept {
    unsigned const index = client.index_of(own);
    call.link.context = context_of_caller(client, own, index);
    // A group, or a question to the control plane, is completed by whoever does the last part of it.
    bool const stays = call.link.context == index && is_io_context && client.io_of(call.link.context) &&
                       call.launch == launch_kind::direct;
    if (stays) call.affinity = affinity::on_context;
    return stays;
}

// ---- any_io_executor ----------------------------------------------------------------------------

/// Behind completion_target<asio::any_io_executor>. It looks for an io_context inside, which needs no type
/// erasure.
struct any_target {
    using executor = asio::any_io_executor;
    using work_guard = asio::any_io_executor;

    static work_guard hold_work(executor const& target);
    static bool runs_here(executor const& target) noexcept;
    static bool runs_anywhere_on(executor const& target, asio::execution_context const* context) noexcept;
    static bool belongs_to(executor const& target, asio::execution_context const* context) noexcept;
    static void choose(pooled_call& call, executor const& target, contexts const* client, void* guard);
    /// Chooses for the commonest case: an executor of `context`. Returns false in any other, and then nothing
    /// has happened.
    static bool choose_anywhere(pooled_call& call, executor const& target,
                                asio::execution_context const* context) noexcept;
    static void release_work(pooled_call& call, void* guard) noexcept;
    static void complete(executor const& target, pooled_call& call);
    static void complete_later(executor const& target, pooled_call& call);
    static bool post_if_elsewhere(pooled_call& call, executor& target, void* guard);

private:
    static void choose_elsewhere(pooled_call& call, executor const& target, contexts const* client,
                                 void* guard);
    static void post(pooled_call& call, executor& target, void* guard);
};

inline asio::any_io_executor any_target::hold_work(executor const& target) {
    return asio::prefer(target, asio::execution::outstanding_work.tracked);
}

inline bool any_target::runs_here(executor const& target) noexcept {
    if (auto const* const io = target.target<asio::io_context::executor_type>())
        return io->running_in_this_thread();
    if (auto const* const strand = target.target<asio::strand<asio::io_context::executor_type>>())
        return strand->running_in_this_thread();
    if (auto const* const strand = target.target<asio::strand<asio::any_io_executor>>())
        return strand->running_in_this_thread();
    return false;
}

inline bool any_target::runs_anywhere_on(executor const& target,
                                         asio::execution_context const* context) noexcept {
    auto const* const io = target.target<asio::io_context::executor_type>();
    return io && &io->context() == context;
}

inline bool any_target::belongs_to(executor const& target, asio::execution_context const* context) noexcept {
    return &asio::query(target, asio::execution::context) == context;
}

static_assert(sizeof(io_work_guard) <= sizeof(asio::any_io_executor) &&
              alignof(io_work_guard) <= alignof(asio::any_io_executor));

inline void any_target::choose(pooled_call& call, executor const& target, contexts const* client,
                               void* guard) {
    if (!choose_anywhere(call, target, client ? client->only() : nullptr))
        choose_elsewhere(call, target, client, guard);
}
inline bool any_target::choose_anywhere(pooled_call& call, executor const& target,
                                        asio::execution_context const* context) noexcept {
    if (!runs_anywhere_on(target, context)) return false;
    call.affinity = affinity::anywhere;
    return true;
}
/// Out of line: most handlers run wherever the client settles their calls.
UMBEL_NEVER_INLINE inline void any_target::choose_elsewhere(pooled_call& call, executor const& target,
                                                            contexts const* client, void* guard) {
    call.affinity = affinity::elsewhere;
    auto const* const io = target.target<asio::io_context::executor_type>();
    asio::execution_context const* const own =
        io ? &io->context() : &asio::query(target, asio::execution::context);
    if (client && client->several() && choose_context(call, *client, own, io != nullptr)) return;
    if (own == (client ? client->only() : nullptr)) return;
    if (io) {
        ::new (guard) io_work_guard{asio::require(*io, asio::execution::outstanding_work.tracked)};
        call.work = work_guard_kind::io_context;
    } else {
        ::new (guard) work_guard(hold_work(target));
        call.work = work_guard_kind::executor;
    }
}

inline void any_target::release_work(pooled_call& call, void* guard) noexcept {
    switch (call.work) {
        case work_guard_kind::none: break;
        case work_guard_kind::executor:
            std::launder(static_cast<work_guard*>(guard))->~any_io_executor();
            break;
        case work_guard_kind::io_context:
            std::launder(static_cast<io_work_guard*>(guard))->~io_work_guard();
            break;
        case work_guard_kind::left_context: release_left_context(call); break;
    }
    call.work = work_guard_kind::none;
}

/// Gathers a settled call for another io_context, where the present turn does so.
inline bool gather(asio::io_context::executor_type const& target, pooled_call& call) noexcept {
    return current_turn.leaving && current_turn.leaving->add(target, call);
}

inline void any_target::complete(executor const& target, pooled_call& call) {
    asio::dispatch(target, posted_completion{call});
}

inline void any_target::complete_later(executor const& target, pooled_call& call) {
    posted_completion posted{call};  // First of all, so that the call is dropped whatever throws.
    asio::dispatch(asio::require(target, asio::execution::blocking.never), std::move(posted));
}

inline bool any_target::post_if_elsewhere(pooled_call& call, executor& target, void* guard) {
    if (call.affinity != affinity::elsewhere || runs_here(target)) return false;
    call.affinity = affinity::anywhere;
    post(call, target, guard);
    return true;
}

/// Memory for Asio within the call that it carries: behind the result, where the encoded bytes stood. Asio
/// gives it back before the completion runs.
template <class Type>
class memory_of_call {
public:
    using value_type = Type;

    explicit memory_of_call(pooled_call& call) noexcept : call_{&call} {}
    template <class Other>
    memory_of_call(memory_of_call<Other> const& other) noexcept : call_{other.call_} {}

    Type* allocate(std::size_t count) {
        if (fits(count)) return reinterpret_cast<Type*>(call_->inline_space + pooled_call::result_bytes);
        return std::allocator<Type>{}.allocate(count);
    }
    void deallocate(Type* memory, std::size_t count) noexcept {
        if (!fits(count)) std::allocator<Type>{}.deallocate(memory, count);
    }
    friend bool operator==(memory_of_call, memory_of_call) noexcept = default;

private:
    template <class>
    friend class memory_of_call;

    static bool fits(std::size_t count) noexcept {
        return alignof(Type) <= alignof(std::max_align_t) &&
               count <= (pooled_call::inline_bytes - pooled_call::result_bytes) / sizeof(Type);
    }

    pooled_call* call_;
};

/// A call on its way to an io_context, in memory of its own.
struct posted_in_call : posted_completion {
    using allocator_type = memory_of_call<std::byte>;
    using posted_completion::posted_completion;
    allocator_type get_allocator() const noexcept { return allocator_type{*call}; }
};

/// To an io_context: together with others, where the present turn gathers them, and without type erasure.
/// Lifetime: the context's thread may complete the call and end the context before this returns; so the work
/// guard of the call is taken out of it, or another one is made.
inline void post_to(asio::io_context::executor_type where, pooled_call& call, void* guard) {
    if (gather(where, call)) return;
    if (&where.context() == current_turn.context) return asio::dispatch(where, posted_in_call{call});
    if (call.work != work_guard_kind::io_context) {
        io_work_guard const work{asio::require(where, asio::execution::outstanding_work.tracked)};
        return asio::dispatch(where, posted_in_call{call});
    }
    auto& kept = *std::launder(static_cast<io_work_guard*>(guard));
    io_work_guard const work{std::move(kept)};
    kept.~io_work_guard();
    call.work = work_guard_kind::none;
    asio::dispatch(where, posted_in_call{call});
}

/// Lifetime: as the other target's.
inline void any_target::post(pooled_call& call, executor& where, void* guard) {
    if (auto const* const io = where.target<asio::io_context::executor_type>())
        return post_to(*io, call, guard);
    if (belongs_to(where, current_turn.context)) return complete(where, call);
    executor const work = hold_work(where);
    executor const target = std::move(where);
    complete(target, call);
}

}  // namespace umbel::async
