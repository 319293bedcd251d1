// executor_impl.hpp: behind the boundary of executor.hpp: what is asked of any_io_executor.
#pragma once

#include <umbel/async/executor.hpp>
#include <umbel/async/turn.hpp>

#include <asio/io_context.hpp>
#include <asio/strand.hpp>
#include <asio/system_executor.hpp>

#include <new>
#include <utility>

namespace umbel::async {

UMBEL_BOUNDARY bool runs_here(asio::any_io_executor const& executor) noexcept {
    if (auto const* plain = executor.target<asio::io_context::executor_type>())
        return plain->running_in_this_thread();
    if (auto const* typed = executor.target<asio::strand<asio::io_context::executor_type>>())
        return typed->running_in_this_thread();
    if (auto const* any = executor.target<asio::strand<asio::any_io_executor>>())
        return any->running_in_this_thread();
    return false;
}

UMBEL_BOUNDARY bool runs_anywhere(asio::any_io_executor const& executor,
                                  asio::execution_context const* context) noexcept {
    auto const* plain = executor.target<asio::io_context::executor_type>();
    return plain && &plain->context() == context;
}

UMBEL_BOUNDARY bool belongs_to(asio::any_io_executor const& executor,
                               asio::execution_context const* context) noexcept {
    return &asio::query(executor, asio::execution::context) == context;
}

UMBEL_BOUNDARY asio::any_io_executor keep_busy(asio::any_io_executor const& executor) {
    return asio::prefer(executor, asio::execution::outstanding_work.tracked);
}

UMBEL_BOUNDARY void complete_on(asio::any_io_executor const& executor, pooled_call& call) {
    asio::dispatch(executor, late_completion{call});
}

UMBEL_BOUNDARY void complete_soon_on(asio::any_io_executor const& executor, pooled_call& call) {
    late_completion carried{call};  // First of all, so that it is dropped whatever throws.
    asio::dispatch(asio::require(executor, asio::execution::blocking.never), std::move(carried));
}

UMBEL_BOUNDARY asio::execution_context const* context_of_turn() noexcept { return current_turn.context; }

UMBEL_BOUNDARY void post_completion(asio::io_context::executor_type& executor, pooled_call& call) {
    if (current_turn.leaving && current_turn.leaving->add(executor, call)) return;
    complete_on(executor, call);
}

UMBEL_BOUNDARY void post_completion(asio::any_io_executor& executor, pooled_call& call) {
    if (auto* const plain = executor.target<asio::io_context::executor_type>()) return post_completion(*plain, call);
    post_completion<asio::any_io_executor>(executor, call);
}

static_assert(sizeof(plain_work) <= sizeof(asio::any_io_executor) &&
              alignof(plain_work) <= alignof(asio::any_io_executor));
static_assert(sizeof(plain_work) <= sizeof(pooled_call::away_space) && alignof(plain_work) <= alignof(void*));

UMBEL_BOUNDARY void hold_work(pooled_call& call, asio::any_io_executor const& executor,
                           asio::execution_context const* context, void* work) {
    auto const* const plain = executor.target<asio::io_context::executor_type>();
    if (!plain) return hold_work<asio::any_io_executor>(call, executor, context, work);
    if (&plain->context() == context) return;
    ::new (work) plain_work{asio::require(*plain, asio::execution::outstanding_work.tracked)};
    call.work = work_guard_kind::plain;
}

UMBEL_BOUNDARY void leave_context(pooled_call& call, asio::io_context& context_index) noexcept {
    ::new (static_cast<void*>(call.away_space))
        plain_work{asio::require(context_index.get_executor(), asio::execution::outstanding_work.tracked)};
    call.work = work_guard_kind::away;
    call.affinity = engine::affinity::elsewhere;
}
UMBEL_BOUNDARY void end_absence(pooled_call& call) noexcept {
    std::launder(reinterpret_cast<plain_work*>(call.away_space))->~plain_work();
}

/// Out of line: most calls have no work of their own.
UMBEL_NEVER_INLINE inline void end_work(pooled_call& call, asio::any_io_executor* work) noexcept {
    switch (call.work) {
        case work_guard_kind::none: return;
        case work_guard_kind::any: return std::launder(work)->~any_io_executor();
        case work_guard_kind::plain: return std::launder(reinterpret_cast<plain_work*>(work))->~plain_work();
        case work_guard_kind::away: return end_absence(call);
    }
}
UMBEL_BOUNDARY void dismiss(pooled_call& call, asio::any_io_executor* work) noexcept { end_work(call, work); }

/// The loop of who begins a call: that which this thread runs; where it runs none, that of the handler's
/// context, or else always the same one, so that what is begun at one place keeps its order.
inline std::uint8_t context_of_caller(contexts const& client, asio::execution_context const* context,
                                     unsigned own) noexcept {
    static thread_local char const mark = 0;
    // In a turn it is known without asking.
    if (own != contexts::none && current_turn.context == context) return static_cast<std::uint8_t>(own);
    unsigned const in_turn = current_turn.context ? client.index_of(current_turn.context) : contexts::none;
    unsigned const running = in_turn != contexts::none ? in_turn : client.running_here(own);
    if (running != contexts::none) return static_cast<std::uint8_t>(running);
    if (own != contexts::none) return static_cast<std::uint8_t>(own);
    // A future's context is the same for all threads.
    bool const shared =
        !context || context == &asio::query(asio::system_executor{}, asio::execution::context);
    return client.any_of(shared ? static_cast<void const*>(&mark) : context);
}

UMBEL_BOUNDARY bool choose_context(pooled_call& call, contexts const& client, asio::execution_context const* context,
                              bool plain) noexcept {
    unsigned const own = client.index_of(context);
    call.link.context = context_of_caller(client, context, own);
    // What stands for several calls, or waits for the control strand, is completed by whoever has done the
    // last of it.
    bool const stays =
        call.link.context == own && plain && client.io_of(call.link.context) && call.launch == launch_kind::direct;
    if (stays) call.affinity = engine::affinity::on_context;
    return stays;
}

UMBEL_BOUNDARY void settle_in(pooled_call& call, asio::any_io_executor const& executor, contexts const* client,
                              void* work) {
    if (!runs_anywhere(executor, client ? client->only() : nullptr))
        return settle_elsewhere(call, executor, client, work);
    call.affinity = engine::affinity::anywhere;
}
UMBEL_BOUNDARY void settle_elsewhere(pooled_call& call, asio::any_io_executor const& executor,
                                     contexts const* client, void* work) {
    call.affinity = engine::affinity::elsewhere;
    if (client && client->several()) {
        auto const* const plain = executor.target<asio::io_context::executor_type>();
        if (choose_context(call, *client,
                      plain ? &plain->context() : &asio::query(executor, asio::execution::context),
                      plain != nullptr))
            return;
    }
    hold_work(call, executor, client ? client->only() : nullptr, work);
}

UMBEL_BOUNDARY asio::any_io_executor orphans_executor() noexcept { return asio::system_executor{}; }

}  // namespace umbel::async
