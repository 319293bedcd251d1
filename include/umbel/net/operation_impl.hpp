// operation_impl.hpp: behind the boundary of operation.hpp: how an operation is cancelled, and how one begins that is not simply sent.
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
    for (shared_token* const part : token_->parts) static_cast<void>(managed([&] { home->request_cancel(*part); }));
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

UMBEL_BOUNDARY void start_detour(home& where, pooled_call& one) {
    if (one.detour == detour::group) return one.group->start(where);
    if (one.ends_client) where.refuse_new();
    where.answer(one);
}

}  // namespace umbel::net
