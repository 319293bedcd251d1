// executor_impl.hpp: behind the boundary of executor.hpp: what is asked of any_io_executor.
#pragma once

#include <umbel/net/executor.hpp>
#include <umbel/net/turn.hpp>

#include <asio/io_context.hpp>
#include <asio/strand.hpp>
#include <asio/system_executor.hpp>

#include <new>
#include <utility>

namespace umbel::net {

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

UMBEL_BOUNDARY void complete_on(asio::any_io_executor const& executor, pooled_call& one) {
    asio::dispatch(executor, late_completion{one});
}

UMBEL_BOUNDARY void complete_soon_on(asio::any_io_executor const& executor, pooled_call& one) {
    late_completion carried{one};  // First of all, so that it is dropped whatever throws.
    asio::dispatch(asio::require(executor, asio::execution::blocking.never), std::move(carried));
}

UMBEL_BOUNDARY asio::execution_context const* context_of_turn() noexcept { return current_turn.context; }

UMBEL_BOUNDARY void depart(asio::io_context::executor_type& executor, pooled_call& one) {
    if (current_turn.leaving && current_turn.leaving->add(executor, one)) return;
    complete_on(executor, one);
}

UMBEL_BOUNDARY void depart(asio::any_io_executor& executor, pooled_call& one) {
    if (auto* const plain = executor.target<asio::io_context::executor_type>()) return depart(*plain, one);
    depart<asio::any_io_executor>(executor, one);
}

static_assert(sizeof(plain_work) <= sizeof(asio::any_io_executor) &&
              alignof(plain_work) <= alignof(asio::any_io_executor));
static_assert(sizeof(plain_work) <= sizeof(pooled_call::away_space) && alignof(plain_work) <= alignof(void*));

UMBEL_BOUNDARY void employ(pooled_call& one, asio::any_io_executor const& executor,
                           asio::execution_context const* context, void* work) {
    auto const* const plain = executor.target<asio::io_context::executor_type>();
    if (!plain) return employ<asio::any_io_executor>(one, executor, context, work);
    if (&plain->context() == context) return;
    ::new (work) plain_work{asio::require(*plain, asio::execution::outstanding_work.tracked)};
    one.work = work_kept::plain;
}

UMBEL_BOUNDARY void leave_loop(pooled_call& one, asio::io_context& loop) noexcept {
    ::new (static_cast<void*>(one.away_space))
        plain_work{asio::require(loop.get_executor(), asio::execution::outstanding_work.tracked)};
    one.work = work_kept::away;
    one.runs = engine::runs::elsewhere;
}
UMBEL_BOUNDARY void end_absence(pooled_call& one) noexcept {
    std::launder(reinterpret_cast<plain_work*>(one.away_space))->~plain_work();
}

/// Out of line: most calls have no work of their own.
UMBEL_NEVER_INLINE inline void end_work(pooled_call& one, asio::any_io_executor* work) noexcept {
    switch (one.work) {
        case work_kept::none: return;
        case work_kept::any: return std::launder(work)->~any_io_executor();
        case work_kept::plain: return std::launder(reinterpret_cast<plain_work*>(work))->~plain_work();
        case work_kept::away: return end_absence(one);
    }
}
UMBEL_BOUNDARY void dismiss(pooled_call& one, asio::any_io_executor* work) noexcept { end_work(one, work); }

/// The loop of who begins a call: that which this thread runs; where it runs none, that of the handler's
/// context, or else always the same one, so that what is begun at one place keeps its order.
inline std::uint8_t loop_of_beginner(loops const& client, asio::execution_context const* context,
                                     unsigned own) noexcept {
    static thread_local char const mark = 0;
    // In a turn it is known without asking.
    if (own != loops::none && current_turn.context == context) return static_cast<std::uint8_t>(own);
    unsigned const in_turn = current_turn.context ? client.loop_of(current_turn.context) : loops::none;
    unsigned const running = in_turn != loops::none ? in_turn : client.running_here(own);
    if (running != loops::none) return static_cast<std::uint8_t>(running);
    if (own != loops::none) return static_cast<std::uint8_t>(own);
    // A future's context is the same for all threads.
    bool const shared =
        !context || context == &asio::query(asio::system_executor{}, asio::execution::context);
    return client.any_of(shared ? static_cast<void const*>(&mark) : context);
}

UMBEL_BOUNDARY bool take_loop(pooled_call& one, loops const& client, asio::execution_context const* context,
                              bool plain) noexcept {
    unsigned const own = client.loop_of(context);
    one.link.loop = loop_of_beginner(client, context, own);
    // What stands for several calls, or waits for the control strand, is completed by whoever has done the
    // last of it.
    bool const stays =
        one.link.loop == own && plain && client.io_of(one.link.loop) && one.detour == detour::none;
    if (stays) one.runs = engine::runs::on_loop;
    return stays;
}

UMBEL_BOUNDARY void settle_in(pooled_call& one, asio::any_io_executor const& executor, loops const* client,
                              void* work) {
    if (!runs_anywhere(executor, client ? client->only() : nullptr))
        return settle_elsewhere(one, executor, client, work);
    one.runs = engine::runs::anywhere;
}
UMBEL_BOUNDARY void settle_elsewhere(pooled_call& one, asio::any_io_executor const& executor,
                                     loops const* client, void* work) {
    one.runs = engine::runs::elsewhere;
    if (client && client->several()) {
        auto const* const plain = executor.target<asio::io_context::executor_type>();
        if (take_loop(one, *client,
                      plain ? &plain->context() : &asio::query(executor, asio::execution::context),
                      plain != nullptr))
            return;
    }
    employ(one, executor, client ? client->only() : nullptr, work);
}

UMBEL_BOUNDARY asio::any_io_executor orphans_executor() noexcept { return asio::system_executor{}; }

}  // namespace umbel::net
