// held_lease.hpp: a lease that a caller holds, shared by its holder and by the commands on it, and given back
// when the last of them is done with it. It knows no command.
#pragma once

#include <umbel/async/backend.hpp>
#include <umbel/engine/lease_token.hpp>

#include <atomic>
#include <cstdint>
#include <memory>

namespace umbel::async {

/// One reference each for the holder and for every command on the lease that is not recycled yet. So nothing
/// is under way when the lease is given back, and a command that is begun late finds no other holder's
/// connection. Threading: references from any thread.
struct held_lease : engine::lease_token {
    std::atomic<std::uint32_t> references{1};
    std::weak_ptr<async::backend> backend;
    bool lent = false;    ///< The control plane has lent it.
    pooled_call message;  ///< Carries it back to the control plane.

    held_lease() = default;
    held_lease(held_lease const&) = delete;
    held_lease& operator=(held_lease const&) = delete;

    void add_reference() noexcept { references.fetch_add(1, std::memory_order_relaxed); }
    void release() noexcept {
        if (references.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
        auto const there = backend.lock();
        if (!lent || !there) return delete this;
        give_back(*there);
    }

protected:
    virtual ~held_lease() = default;

private:
    static held_lease& of(engine::call& message) noexcept {
        return *static_cast<held_lease*>(static_cast<pooled_call&>(message).lease);
    }
    /// The control plane has taken the lease back, or there is none any more.
    static void done(engine::call& message) { delete &of(message); }
    static void dropped(engine::call& message) noexcept { delete &of(message); }
    void give_back(async::backend& to) noexcept {
        static constexpr engine::call_kind kind{.decode = [](engine::call&, resp::view const&) noexcept {},
                                                .fail = [](engine::call&, error&&) noexcept {},
                                                .complete = &held_lease::done,
                                                .drop = &held_lease::dropped};
        message.kind = &kind;
        message.lease = this;
        message.on_control = [](async::backend& there, pooled_call& call) {
            there.take_back(of(call));
            delete &of(call);
        };
        to.answer(message);
    }
};

/// Behind boundary::start_by_lease.
inline void start_by_lease(backend& backend, pooled_call& call) {
    if (call.launch == launch_kind::on_lease) return backend.start_on_lease(call, call.lease->link);
    if (call.lease) call.lease->backend = backend.weak_from_this();
    backend.start_leased(call);
}
/// Behind boundary::put_on_lease.
inline void put_on_lease(held_lease& lease, pooled_call& call) noexcept {
    lease.add_reference();
    call.lease = &lease;
    call.bound = true;
    call.ending = errc{};
    call.launch = launch_kind::on_lease;
}

}  // namespace umbel::async
