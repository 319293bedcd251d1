// operation_impl.hpp: behind the boundary of operation.hpp: how an operation is cancelled, and how one begins
// that is not simply sent.
#pragma once

#include <umbel/async/operation.hpp>
#include <umbel/async/try_alloc.hpp>

#include <new>

namespace umbel::async {

UMBEL_BOUNDARY void canceller::operator()(asio::cancellation_type type) {
    if (type == asio::cancellation_type::none) return;
    auto const backend = token_->backend.lock();
    if (!backend) return;
    // A wish for which there is no memory is seen when the call changes hands.
    static_cast<void>(try_alloc([&] { backend->request_cancel(*token_); }));
    for (shared_token* const part : token_->parts)
        static_cast<void>(try_alloc([&] { backend->request_cancel(*part); }));
}

UMBEL_BOUNDARY shared_token* give_token(pooled_call& call, backend& where) noexcept {
    auto* const token = new (std::nothrow) shared_token;
    if (!token) return nullptr;
    token->backend = where.weak_from_this();
    token->target = &call;
    call.token = token;
    return token;
}

UMBEL_BOUNDARY bool listen(pooled_call& call, backend& where, asio::cancellation_slot slot) noexcept {
    return listen<asio::cancellation_slot>(call, where, slot);
}

UMBEL_BOUNDARY asio::any_io_executor default_executor(pooled_call const& call) noexcept {
    backend const* const where = backend_of(call);
    return where ? where->executor() : orphans_executor();
}

UMBEL_BOUNDARY void start_indirect(backend& where, pooled_call& call) {
    if (call.launch == launch_kind::group) return call.group->start(where);
    if (call.ends_client) where.refuse_new();
    where.answer(call);
}

/// Chooses where a kept handler completes. Errors: throws what the executor throws; the call is dropped then.
UMBEL_ALWAYS_INLINE void choose_target(pooled_call& call, asio::any_io_executor const& executor,
                                       contexts const* client, void* guard) {
    struct dropping {
        pooled_call* call;
        ~dropping() {
            if (call) call->kind->drop(*call);
        }
    } unless_chosen{&call};
    completion_target<asio::any_io_executor>::choose(call, executor, client, guard);
    unless_chosen.call = nullptr;
}

/// As launch_settled(), for a handler that is kept.
UMBEL_NEVER_INLINE inline void launch_kept_settled(pooled_call& call, backend* where,
                                                   asio::any_io_executor const& executor, void* work) {
    if (!call.has_result)
        call.kind->fail(call, error{errc::cancelled, delivery::not_sent, "the client is gone"});
    choose_target(call, executor, where ? &where->contexts() : nullptr, work);
    call.affinity = affinity::elsewhere;  // Who completes it is the immediate executor's choice.
    completion_target<asio::any_io_executor>::complete_later(executor, call);
}

UMBEL_BOUNDARY void launch_kept(pooled_call& call, asio::any_io_executor const& executor,
                                asio::cancellation_slot slot, void* work) {
    backend* const where = backend_of(call);
    if (!where || call.launch == launch_kind::ready) [[unlikely]]
        return launch_kept_settled(call, where, executor, work);
    if (slot.is_connected() && !listen(call, *where, slot)) [[unlikely]] {
        call.kind->fail(call, error{errc::no_memory, delivery::not_sent});
        return launch_kept_settled(call, where, executor, work);
    }
    choose_target(call, executor, &where->contexts(), work);
    if (call.launch == launch_kind::direct) [[likely]]
        return where->start(call);
    start_indirect(*where, call);
}

}  // namespace umbel::async
