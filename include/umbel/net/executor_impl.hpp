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
    if (auto const* plain = executor.target<asio::io_context::executor_type>()) return plain->running_in_this_thread();
    if (auto const* typed = executor.target<asio::strand<asio::io_context::executor_type>>()) return typed->running_in_this_thread();
    if (auto const* any = executor.target<asio::strand<asio::any_io_executor>>()) return any->running_in_this_thread();
    return false;
}

UMBEL_BOUNDARY bool runs_anywhere(asio::any_io_executor const& executor, asio::execution_context const* context) noexcept {
    auto const* plain = executor.target<asio::io_context::executor_type>();
    return plain && &plain->context() == context;
}

UMBEL_BOUNDARY bool belongs_to(asio::any_io_executor const& executor, asio::execution_context const* context) noexcept {
    return &asio::query(executor, asio::execution::context) == context;
}

UMBEL_BOUNDARY asio::any_io_executor keep_busy(asio::any_io_executor const& executor) {
    return asio::prefer(executor, asio::execution::outstanding_work.tracked);
}

UMBEL_BOUNDARY void complete_on(asio::any_io_executor const& executor, pooled_call& one) { asio::dispatch(executor, late_completion{one}); }

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

static_assert(sizeof(plain_work) <= sizeof(asio::any_io_executor) && alignof(plain_work) <= alignof(asio::any_io_executor));

UMBEL_BOUNDARY void employ(pooled_call& one, asio::any_io_executor const& executor, asio::execution_context const* context, void* work) {
    auto const* const plain = executor.target<asio::io_context::executor_type>();
    if (!plain) return employ<asio::any_io_executor>(one, executor, context, work);
    if (&plain->context() == context) return;
    ::new (work) plain_work{asio::require(*plain, asio::execution::outstanding_work.tracked)};
    one.work = work_kept::plain;
}

/// Out of line: most calls have no work of their own.
UMBEL_NEVER_INLINE inline void end_work(pooled_call const& one, asio::any_io_executor* work) noexcept {
    if (one.work != work_kept::plain) return std::launder(work)->~any_io_executor();
    std::launder(reinterpret_cast<plain_work*>(work))->~plain_work();
}
UMBEL_BOUNDARY void dismiss(pooled_call& one, asio::any_io_executor* work) noexcept { end_work(one, work); }

UMBEL_BOUNDARY asio::any_io_executor orphans_executor() noexcept { return asio::system_executor{}; }

}  // namespace umbel::net
