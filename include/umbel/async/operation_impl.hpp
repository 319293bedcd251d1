// operation_impl.hpp: behind the boundary of operation.hpp: how a call begins whose handler is in it.
#pragma once

#include <umbel/async/completion_target_impl.hpp>
#include <umbel/async/operation.hpp>

namespace umbel::async {

/// Where a call would complete that has a handler without an executor of its own: the client's, or Asio's
/// system executor when it has gone.
inline asio::any_io_executor default_executor(pooled_call const& call) noexcept {
    backend const* const backend = backend_of(call);
    return backend ? backend->get_executor() : orphans_executor();
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
    any_target::choose(call, executor, client, guard);
    unless_chosen.call = nullptr;
}

/// As launch_settled(), for a handler that is kept.
UMBEL_NEVER_INLINE inline void launch_kept_settled(pooled_call& call, backend* backend,
                                                   asio::any_io_executor const& executor, void* work) {
    if (!call.has_result)
        call.kind->fail(call, error{errc::cancelled, delivery::not_sent, "the client is gone"});
    choose_target(call, executor, backend ? &backend->contexts() : nullptr, work);
    call.affinity = affinity::elsewhere;  // The immediate executor decides where it completes.
    any_target::complete_later(executor, call);
}

/// As launch_kept(), in every case.
UMBEL_NEVER_INLINE inline void launch_kept_any(pooled_call& call, asio::any_io_executor const& executor,
                                               asio::cancellation_slot slot, void* work) {
    backend* const backend = backend_of(call);
    if (!backend || call.launch == launch_kind::ready) [[unlikely]]
        return launch_kept_settled(call, backend, executor, work);
    if (slot.is_connected() && !listen(call, *backend, slot)) [[unlikely]] {
        call.kind->fail(call, error{errc::no_memory, delivery::not_sent});
        return launch_kept_settled(call, backend, executor, work);
    }
    choose_target(call, executor, &backend->contexts(), work);
    if (call.launch == launch_kind::direct) [[likely]]
        return backend->start(call);
    start_indirect(*backend, call);
}
/// Begins a call with its handler in it, whose executor and cancellation slot these are; `work` is where the
/// executor's work would stand. Most calls are sent at once, cannot be cancelled, and complete wherever the
/// client's contexts run.
inline void launch_kept(pooled_call& call, asio::any_io_executor const& executor,
                        asio::cancellation_slot slot, void* work) {
    backend* const backend = backend_of(call);
    if (backend && call.launch == launch_kind::direct && !slot.is_connected() &&
        any_target::choose_anywhere(call, executor, backend->contexts().only())) [[likely]]
        return backend->start(call);
    launch_kept_any(call, executor, slot, work);
}

}  // namespace umbel::async
