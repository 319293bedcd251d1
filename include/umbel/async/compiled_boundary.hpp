// compiled_boundary.hpp: behind boundary.hpp: the one table of the functions that operations need.
#pragma once

#include <umbel/async/batch_run_impl.hpp>
#include <umbel/async/boundary.hpp>
#include <umbel/async/call_pool_impl.hpp>
#include <umbel/async/client_handle_impl.hpp>
#include <umbel/async/completion_target_impl.hpp>
#include <umbel/async/hedge_impl.hpp>
#include <umbel/async/held_lease.hpp>
#include <umbel/async/operation_impl.hpp>

namespace umbel::async {

inline constexpr boundary compiled_boundary{
    .make_call = &pool::make,
    .recycle_slow = &pool::recycle_slow,
    .release_handle = &client_handles::release,
    .note_failure =
        [](pooled_call const& call, error const& why) noexcept {
            backend const* const where = backend_of(call);
            if (auto* const kept = where ? where->attached() : nullptr) kept->failed(call, why);
        },
    .choose_target = &any_target::choose,
    .release_work = &any_target::release_work,
    .complete = &any_target::complete,
    .complete_later = &any_target::complete_later,
    .post_if_elsewhere = &any_target::post_if_elsewhere,
    .choose_context = &choose_context,
    .post_to = &post_to,
    .context_of_turn = &context_of_turn,
    .release_left_context = &release_left_context,
    .default_executor = &default_executor,
    .launch = &launch_kept,
    .start_by_lease = &start_by_lease,
    .put_on_lease = &put_on_lease,
    .release_lease =
        [](held_lease& lease, bool changes) noexcept {
            if (changes) lease.changed.store(true, std::memory_order_relaxed);
            lease.release();
        },
    .make_hedge = &hedge::make,
    .complete_hedged = &hedge::complete,
    .drop_hedged = &hedge::drop,
    .make_batch =
        [](pooled_call& whole, batch_list&& list, batch_origin const& origin, batch_manner&& manner,
           batch_end end) {
            return std::unique_ptr<call_group>{
                new batch_run{whole, std::move(list), origin, std::move(manner), end}};
        },
    .fail_batch = [](pooled_call& whole, error const& why) noexcept { whole.group->fail_all(why); },
    .complete_part = &batch_run::complete,
    .drop_part = &batch_run::drop,
    .return_part = &batch_run::note_return,
    .hold_part = &batch_run::hold,
};

}  // namespace umbel::async
