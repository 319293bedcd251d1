// boundary.hpp: what operations need of the code behind them, as a table of functions. Whoever makes a client
// fills in the table, and each operation finds the table with its client. So a source file that only sends
// commands neither compiles that code nor asks the linker for it, in whatever shared object it stands.
// It knows the signatures only.
#pragma once

#include <umbel/async/asio.hpp>
#include <umbel/engine/call.hpp>

#include UMBEL_ASIO_HEADER(any_io_executor.hpp)
#include UMBEL_ASIO_HEADER(cancellation_signal.hpp)
#include UMBEL_ASIO_HEADER(io_context.hpp)

#include <chrono>
#include <cstdint>
#include <memory>

namespace umbel::async {

class backend;
class batch_list;
class call_group;
class contexts;
struct batch_end;
struct batch_manner;
struct batch_origin;
struct batch_part;
struct client_handle;
struct hedge_kind;
struct held_lease;
struct pooled_call;

/// The functions between what each source file compiles and what is compiled with the client.
/// Lifetime: one constant table, as long as the code that it points to.
struct boundary {
    using executor = asio::any_io_executor;

    // ---- call_pool.hpp --------------------------------------------------------------------------

    /// A call where this thread's list has none. Errors: throws std::bad_alloc.
    pooled_call* (*make_call)();
    /// recycle() where the call is out of the ordinary, or the list is full.
    void (*recycle_slow)(pooled_call& call) noexcept;

    // ---- client_handle.hpp ----------------------------------------------------------------------

    void (*release_handle)(client_handle& handle, std::uint32_t generation) noexcept;
    /// Tells the client that a command which the command table does not have has failed.
    void (*note_failure)(pooled_call const& call, error const& why) noexcept;

    // ---- completion_target.hpp ------------------------------------------------------------------

    void (*choose_target)(pooled_call& call, executor const& target, contexts const* client, void* guard);
    void (*release_work)(pooled_call& call, void* guard) noexcept;
    void (*complete)(executor const& target, pooled_call& call);
    void (*complete_later)(executor const& target, pooled_call& call);
    bool (*post_if_elsewhere)(pooled_call& call, executor& target, void* guard);
    bool (*choose_context)(pooled_call& call, contexts const& client, asio::execution_context const* own,
                           bool is_io_context) noexcept;
    /// Sends a settled call to an io_context.
    void (*post_to)(asio::io_context::executor_type where, pooled_call& call, void* guard);
    asio::execution_context const* (*context_of_turn)() noexcept;
    void (*release_left_context)(pooled_call& call) noexcept;

    // ---- operation.hpp --------------------------------------------------------------------------

    executor (*default_executor)(pooled_call const& call) noexcept;
    void (*launch)(pooled_call& call, executor const& target, asio::cancellation_slot slot, void* guard);

    // ---- held_lease.hpp -------------------------------------------------------------------------

    /// Begins a call that needs a lease, or one on a lease that is held.
    void (*start_by_lease)(backend& backend, pooled_call& call);
    /// Counts one more command on a lease that is held.
    void (*put_on_lease)(held_lease& lease, pooled_call& call) noexcept;
    /// The holder, or a command, is done with a lease.
    void (*release_lease)(held_lease& lease, bool changes) noexcept;

    // ---- hedge.hpp ------------------------------------------------------------------------------

    /// Errors: throws std::bad_alloc; the calls are the caller's then.
    std::unique_ptr<call_group> (*make_hedge)(pooled_call& whole, pooled_call& first, pooled_call& second,
                                              std::chrono::nanoseconds delay, hedge_kind const& kind);
    void (*complete_hedged)(engine::call& part);
    void (*drop_hedged)(engine::call& part) noexcept;

    // ---- batch_run.hpp --------------------------------------------------------------------------

    /// Errors: throws std::bad_alloc; the list is the caller's then.
    std::unique_ptr<call_group> (*make_batch)(pooled_call& whole, batch_list&& list,
                                              batch_origin const& origin, batch_manner&& manner,
                                              batch_end end);
    void (*fail_batch)(pooled_call& whole, error const& why) noexcept;
    void (*complete_part)(engine::call& part);
    void (*drop_part)(engine::call& part) noexcept;
    void (*return_part)(engine::call& part) noexcept;
    bool (*hold_part)(engine::call& part) noexcept;
};

}  // namespace umbel::async
