// completion_impl.hpp: behind the boundary of completion.hpp: the end of a token, and the last step to a
// handler.
#pragma once

#include <umbel/net/completion.hpp>

namespace umbel::net {

UMBEL_BOUNDARY void shared_token::release() noexcept {
    if (references.fetch_sub(1, std::memory_order_acq_rel) == 1) delete this;
}

UMBEL_BOUNDARY void release_token(pooled_call& one) noexcept {
    auto* const token = static_cast<shared_token*>(one.token);
    one.token = nullptr;
    token->release();
}

UMBEL_BOUNDARY bool leaves(pooled_call& one, asio::any_io_executor& executor, asio::cancellation_slot slot) {
    return leaves<asio::any_io_executor, asio::cancellation_slot>(one, executor, slot);
}

}  // namespace umbel::net
