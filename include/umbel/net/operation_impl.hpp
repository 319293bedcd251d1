// operation_impl.hpp: behind the boundary of operation.hpp: how an operation is cancelled, and how one begins
// that is not simply sent.
#pragma once

#include <umbel/net/managed.hpp>
#include <umbel/net/operation.hpp>

#include <new>

namespace umbel::net {

UMBEL_BOUNDARY void canceller::operator()(asio::cancellation_type type) {
    if (type == asio::cancellation_type::none) return;
    auto const home = token_->home.lock();
    if (!home) return;
    // A wish for which there is no memory is seen when the call changes hands.
    static_cast<void>(managed([&] { home->request_cancel(*token_); }));
    for (shared_token* const part : token_->parts)
        static_cast<void>(managed([&] { home->request_cancel(*part); }));
}

UMBEL_BOUNDARY shared_token* give_token(pooled_call& one, home& where) noexcept {
    auto* const token = new (std::nothrow) shared_token;
    if (!token) return nullptr;
    token->home = where.weak_from_this();
    token->target = &one;
    one.token = token;
    return token;
}

UMBEL_BOUNDARY bool listen(pooled_call& one, home& where, asio::cancellation_slot slot) noexcept {
    return listen<asio::cancellation_slot>(one, where, slot);
}

UMBEL_BOUNDARY asio::any_io_executor default_executor(pooled_call const& one) noexcept {
    home const* const where = home_of(one);
    return where ? where->executor() : orphans_executor();
}

UMBEL_BOUNDARY void start_detour(home& where, pooled_call& one) {
    if (one.detour == detour::group) return one.group->start(where);
    if (one.ends_client) where.refuse_new();
    where.answer(one);
}

/// As settle_elsewhere(), for a handler that is kept. Errors: throws what the executor throws; the call is
/// dropped then. Out of line: a handler that runs wherever the client completes it has nothing to do with
/// this.
UMBEL_NEVER_INLINE inline void settle_kept(pooled_call& one, asio::any_io_executor const& executor,
                                           loops const* client, void* work) {
    try {
        settle_elsewhere(one, executor, client, work);
    } catch (...) {
        one.kind->drop(one);
        throw;
    }
}
/// Notes where a kept handler runs. Errors: those of settle_kept().
UMBEL_ALWAYS_INLINE void note_executor(pooled_call& one, asio::any_io_executor const& executor,
                                       loops const& client, void* work) {
    if (!runs_anywhere(executor, client.only())) return settle_kept(one, executor, &client, work);
    one.runs = engine::runs::anywhere;
}

/// As launch_settled(), for a handler that is kept.
UMBEL_NEVER_INLINE inline void launch_kept_settled(pooled_call& one, home* where,
                                                   asio::any_io_executor const& executor, void* work) {
    if (!one.has_result)
        one.kind->reject(one, error{errc::cancelled, delivery::not_sent, "the client is gone"});
    settle_kept(one, executor, where ? &where->loops() : nullptr, work);
    one.runs = engine::runs::elsewhere;  // Who completes it is the immediate executor's choice.
    complete_soon_on(executor, one);
}

UMBEL_BOUNDARY void launch_kept(pooled_call& one, asio::any_io_executor const& executor,
                                asio::cancellation_slot slot, void* work) {
    home* const where = home_of(one);
    if (!where || one.detour == detour::settled) [[unlikely]]
        return launch_kept_settled(one, where, executor, work);
    if (slot.is_connected() && !listen(one, *where, slot)) [[unlikely]] {
        one.kind->reject(one, error{errc::no_memory, delivery::not_sent});
        return launch_kept_settled(one, where, executor, work);
    }
    note_executor(one, executor, where->loops(), work);
    if (one.detour == detour::none) [[likely]]
        return where->start(one);
    start_detour(*where, one);
}

}  // namespace umbel::net
