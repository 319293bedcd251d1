// completion_impl.hpp: behind the boundary of completion.hpp: the end of a token, and the last step to a
// handler.
#pragma once

#include <umbel/async/completion.hpp>

namespace umbel::async {

UMBEL_BOUNDARY void shared_token::release() noexcept {
    if (references.fetch_sub(1, std::memory_order_acq_rel) == 1) delete this;
}

UMBEL_BOUNDARY void release_token(pooled_call& call) noexcept {
    auto* const token = static_cast<shared_token*>(call.token);
    call.token = nullptr;
    token->release();
}

UMBEL_BOUNDARY bool post_unless_final(pooled_call& call, asio::any_io_executor& executor,
                                      asio::cancellation_slot slot) {
    return post_unless_final<asio::any_io_executor, asio::cancellation_slot>(call, executor, slot);
}

}  // namespace umbel::async
