// home.hpp: the executors' side of a client as its operations see it. The driver stands behind it, and with
// it everything that is compiled once where a program asks for that. It knows calls, and what a client tells
// of itself; how it comes about it does not know.
#pragma once

#include <umbel/cluster/policy.hpp>
#include <umbel/net/completion.hpp>
#include <umbel/net/hedge_budget.hpp>
#include <umbel/net/loops.hpp>
#include <umbel/net/observer.hpp>
#include <umbel/net/snapshot.hpp>
#include <umbel/options.hpp>

#include <asio/any_io_executor.hpp>

#include <functional>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

namespace umbel::net {

/// Where the calls of one client live.
/// Lifetime: shared by the client handle and by pending Asio operations; ends when the client is gone and
/// these have run.
class home : public std::enable_shared_from_this<home> {
public:
    home(home const&) = delete;
    home& operator=(home const&) = delete;

    // ---- Any thread -----------------------------------------------------------------------------

    /// Sends a call on its way. It completes later, never in here.
    virtual void start(engine::call& one) = 0;
    /// The link a call would take now; none before the first topology, or where no node may serve it.
    virtual engine::link_id choose(engine::call const& one) const = 0;
    /// As start(), by a link that choose() told.
    virtual void start_at(engine::call& one, engine::link_id to) = 0;
    /// Asks whoever owns the call behind `token` to give it up.
    virtual void request_cancel(shared_token& token) = 0;
    /// Lets no command through that begins from now on.
    virtual void refuse_new() noexcept = 0;
    /// Runs the call's `on_control` in a turn of the control plane.
    virtual void answer(pooled_call& one) = 0;
    /// Completes a call whose result is stored, in a turn of its own.
    virtual void complete_later(engine::call& one) = 0;
    /// True when one server holds all slots.
    virtual bool standalone() const noexcept = 0;
    /// A wait that is called off when it is destroyed.
    class wait {
    public:
        virtual ~wait() = default;
    };
    /// Calls `then` after a while, on the client's executor. Errors: throws std::bad_alloc.
    virtual std::unique_ptr<wait> call_after(engine::duration span, std::function<void()> then) = 0;
    /// Asks for a refresh of the topology in the background.
    virtual void want_refresh() = 0;
    /// The client is gone: everything pending completes with errc::cancelled.
    virtual void shut_down() = 0;

    /// None when an executor has gone.
    net::loops const& loops() const noexcept { return loops_; }
    asio::any_io_executor const& executor() const noexcept { return executor_; }
    hedge_budget& hedges() noexcept { return hedges_; }
    /// Notes by which anchor operations find this home.
    void moored_at(anchor& where) noexcept { anchor_ = &where; }

    // ---- The control plane's owner --------------------------------------------------------------

    /// Completes `one` as soon as a topology is known.
    virtual void await_topology(engine::call& one) = 0;
    /// Completes `one` when no command is under way any more, or at its deadline, and closes everything then.
    virtual void close_when_idle(pooled_call& one) = 0;
    virtual std::vector<node_snapshot> nodes() const = 0;
    virtual cluster::topology topology() const = 0;
    virtual umbel::statistics statistics() const = 0;

protected:
    home(asio::any_io_executor executor, net::loops all, std::uint32_t hedge_percent) noexcept
        : executor_{std::move(executor)}, loops_{std::move(all)}, hedges_{hedge_percent} {}
    ~home() = default;

    /// An executor is going away: operations that begin later find no client here.
    void leave_executors() noexcept {
        net::home* self = this;
        if (anchor_) anchor_->home.compare_exchange_strong(self, nullptr, std::memory_order_acq_rel);
        executor_ = orphans_executor();
        loops_ = {};
    }

private:
    anchor* anchor_ = nullptr;  ///< By now perhaps another client's.
    asio::any_io_executor executor_;
    net::loops loops_;
    hedge_budget hedges_;
};

/// A home that has begun to connect, or the reason why it never will.
struct new_home {
    std::shared_ptr<home> where;
    std::optional<error> wrong;
};

/// Makes the home of a client. Precondition: at least one executor.
UMBEL_BOUNDARY new_home make_home(std::vector<asio::any_io_executor> executors, options const& chosen,
                                  cluster::policy const& policy, std::shared_ptr<observer> watching);

}  // namespace umbel::net
