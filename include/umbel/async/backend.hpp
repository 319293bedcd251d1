// backend.hpp: the executors' side of a client as its operations see it. The driver stands behind it, and
// with it everything that is compiled once where a program asks for that. It knows calls, and what a client
// tells of itself; how it comes about it does not know.
#pragma once

#include <umbel/async/completion.hpp>
#include <umbel/async/contexts.hpp>
#include <umbel/async/hedge_budget.hpp>
#include <umbel/engine/observer.hpp>
#include <umbel/engine/snapshot.hpp>
#include <umbel/options.hpp>

#include <asio/any_io_executor.hpp>

#include <functional>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

namespace umbel::async {

/// Where the calls of one client live.
/// Lifetime: shared by the client handle and by pending Asio operations; ends when the client is gone and
/// these have run.
class backend : public std::enable_shared_from_this<backend> {
public:
    backend(backend const&) = delete;
    backend& operator=(backend const&) = delete;

    // ---- Any thread -----------------------------------------------------------------------------

    /// Sends a call on its way. It completes later, never in here.
    virtual void start(engine::call& call) = 0;
    /// The link a call would take now; none before the first topology, or where no node may serve it.
    virtual engine::link_id choose(engine::call const& call) const = 0;
    /// As start(), by a link that choose() told.
    virtual void start_at(engine::call& call, engine::link_id to) = 0;
    /// Asks whoever owns the call behind `token` to give it up.
    virtual void request_cancel(shared_token& token) = 0;
    /// Lets no command through that begins from now on.
    virtual void refuse_new() noexcept = 0;
    /// Runs the call's `on_control` in a turn of the control plane.
    virtual void answer(pooled_call& call) = 0;
    /// Completes a call whose result is stored, in a turn of its own.
    virtual void complete_later(engine::call& call) = 0;
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
    async::contexts const& contexts() const noexcept { return contexts_; }
    asio::any_io_executor const& executor() const noexcept { return executor_; }
    hedge_budget& hedges() noexcept { return hedges_; }
    /// Notes by which anchor operations find this home.
    void note_handle(client_handle& where) noexcept { handle_ = &where; }

    // ---- The control plane's owner --------------------------------------------------------------

    /// Completes `one` as soon as a topology is known.
    virtual void await_topology(engine::call& call) = 0;
    /// Completes `one` when no command is under way any more, or at its deadline, and closes everything then.
    virtual void close_when_idle(pooled_call& call) = 0;
    virtual std::vector<node_snapshot> nodes() const = 0;
    virtual cluster::topology topology() const = 0;
    virtual umbel::statistics statistics() const = 0;

protected:
    backend(asio::any_io_executor executor, async::contexts all, std::uint32_t hedge_percent) noexcept
        : executor_{std::move(executor)}, contexts_{std::move(all)}, hedges_{hedge_percent} {}
    ~backend() = default;

    /// An executor is going away: operations that begin later find no client here. `last` takes its place.
    void leave_executors(asio::any_io_executor last) noexcept {
        async::backend* self = this;
        if (handle_) handle_->backend.compare_exchange_strong(self, nullptr, std::memory_order_acq_rel);
        executor_ = std::move(last);
        contexts_ = {};
    }

private:
    client_handle* handle_ = nullptr;  ///< By now perhaps another client's.
    asio::any_io_executor executor_;
    async::contexts contexts_;
    hedge_budget hedges_;
};

/// A home that has begun to connect, or the reason why it never will.
struct new_backend {
    std::shared_ptr<backend> where;
    std::optional<error> wrong;
};

}  // namespace umbel::async
