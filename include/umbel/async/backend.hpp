// backend.hpp: what operations need of a client, as an interface. net::driver implements it over sockets,
// testing::sim_backend over virtual time. It knows calls and snapshots; it does not know how they come about.
#pragma once

#include <umbel/async/asio.hpp>
#include <umbel/async/completion.hpp>
#include <umbel/async/contexts.hpp>
#include <umbel/async/hedge_budget.hpp>
#include <umbel/engine/observer.hpp>
#include <umbel/engine/snapshot.hpp>
#include <umbel/options.hpp>

#include UMBEL_ASIO_HEADER(any_io_executor.hpp)

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace umbel::async {

struct new_backend;

/// One client as its operations see it.
/// Lifetime: shared by the client and by pending Asio operations; ends when the client has gone and these
/// have run.
class backend : public std::enable_shared_from_this<backend> {
public:
    backend(backend const&) = delete;
    backend& operator=(backend const&) = delete;

    // ---- Any thread -----------------------------------------------------------------------------

    /// Begins a call. It completes later, never inside this function.
    virtual void start(engine::call& call) = 0;
    /// The link that the call would take now; none before the first topology, or if no node may serve it.
    virtual engine::link_id choose(engine::call const& call) const = 0;
    /// As start(), by the link that choose() returned.
    virtual void start_at(engine::call& call, engine::link_id to) = 0;
    /// As start(), of a call that needs a lease.
    virtual void start_leased(engine::call& call) = 0;
    /// As start(), of a call on the lease `lease`, which its caller holds.
    virtual void start_on_lease(engine::call& call, engine::link_id lease) = 0;
    /// Asks the owner of the token's call to fail it with errc::cancelled.
    virtual void request_cancel(shared_token& token) = 0;
    /// Refuses every command that begins from now on.
    virtual void refuse_new() noexcept = 0;
    /// Runs the call's `on_control` in a turn of the control plane.
    virtual void answer(pooled_call& call) = 0;
    /// Completes a call whose result is stored, in a turn of its own.
    virtual void complete_later(engine::call& call) = 0;
    /// The client's clock.
    virtual engine::instant now() const noexcept = 0;
    /// True when one server holds all slots.
    virtual bool standalone() const noexcept = 0;
    /// A timer that is cancelled when it is destroyed.
    class wait {
    public:
        virtual ~wait() = default;
    };
    /// Calls `then` after `span`, on the client's executor. The timer stands in `kept` before it can ring,
    /// because whoever it wakes, perhaps on another thread and before this returns, may destroy it there.
    /// Errors: throws std::bad_alloc; then `kept` may have a timer that never rings.
    virtual void call_after(std::unique_ptr<wait>& kept, engine::duration span,
                            std::function<void()> then) = 0;
    /// What a layer above keeps with the client.
    class attachment {
    public:
        virtual ~attachment() = default;
        /// Somebody asks for the cancellation of a call that this may keep waiting.
        virtual void cancel_wanted(shared_token& token) = 0;
        /// A command that the command table does not have has failed. Threading: any.
        virtual void failed(pooled_call const& call, error const& why) noexcept = 0;
    };
    /// Null until there is something. Lifetime: the backend's.
    attachment* attached() const noexcept { return attached_.load(std::memory_order_acquire); }
    /// Keeps this, unless there is something already. Returns what is kept.
    attachment& attach(std::unique_ptr<attachment> made) noexcept {
        attachment* kept = nullptr;
        if (!attached_.compare_exchange_strong(kept, made.get(), std::memory_order_acq_rel)) return *kept;
        return *made.release();
    }
    /// Makes a backend of the same servers whose connections are in another database.
    using database_maker = std::function<new_backend(std::uint32_t database)>;
    /// Has in_database() do this. Lifetime: kept until an executor goes away.
    void make_databases_by(database_maker maker) noexcept { database_maker_ = std::move(maker); }
    /// Precondition: no executor of the client has gone. Throws std::bad_alloc.
    inline new_backend in_database(std::uint32_t database) const;
    /// Asks for a refresh of the topology in the background.
    virtual void want_refresh() = 0;
    /// Has every connection say who the client is anew: by these, or, where this is null, by those that the
    /// provider gives now, or by the present ones. Throws std::bad_alloc.
    virtual void reauthenticate(std::shared_ptr<credentials const> fresh) = 0;
    /// The client has gone: every pending call fails with errc::cancelled.
    virtual void shut_down() = 0;

    /// Empty after an executor has gone.
    async::contexts const& contexts() const noexcept { return contexts_; }
    asio::any_io_executor const& get_executor() const noexcept { return executor_; }
    hedge_budget& hedges() noexcept { return hedges_; }
    /// Notes the handle by which operations find this backend: that of its client, and then one that it may
    /// share with other backends.
    void note_handle(client_handle& handle) noexcept { (handle_ ? shared_handle_ : handle_) = &handle; }

    // ---- The control plane's owner --------------------------------------------------------------

    /// A caller gives back the lease that it has held.
    virtual void take_back(engine::lease_token& lease) = 0;
    /// Completes `call` as soon as a topology is known.
    virtual void await_topology(engine::call& call) = 0;
    /// Completes `call` when no command is under way any more, or at its deadline, and closes everything
    /// then.
    virtual void close_when_idle(pooled_call& call) = 0;
    /// Fails every command that waits to be sent, for a topology, a connection or another attempt.
    virtual void give_up_waits(std::string why) = 0;
    virtual std::vector<node_snapshot> nodes() const = 0;
    virtual cluster::topology topology() const = 0;
    /// Every shard, with the node that leads it by the slot table.
    virtual std::vector<engine::led_shard> leaders() const = 0;
    virtual umbel::statistics statistics() const = 0;

protected:
    backend(asio::any_io_executor executor, async::contexts all, std::uint32_t hedge_percent) noexcept
        : executor_{std::move(executor)}, contexts_{std::move(all)}, hedges_{hedge_percent} {}
    ~backend() { delete attached(); }

    /// An executor is going away: operations that begin later find that the client has gone. `last` takes its
    /// place.
    void leave_executors(asio::any_io_executor last) noexcept {
        for (client_handle* const handle : {handle_, shared_handle_}) {
            async::backend* self = this;
            if (handle) handle->backend.compare_exchange_strong(self, nullptr, std::memory_order_acq_rel);
        }
        executor_ = std::move(last);
        contexts_ = {};
        database_maker_ = nullptr;
    }

private:
    client_handle* handle_ = nullptr;  ///< May belong to another client by now, as the next one.
    client_handle* shared_handle_ = nullptr;
    asio::any_io_executor executor_;
    async::contexts contexts_;
    hedge_budget hedges_;
    std::atomic<attachment*> attached_{nullptr};
    database_maker database_maker_;
};

/// A backend that has begun to connect, and the reason if it never will.
struct new_backend {
    std::shared_ptr<backend> owned;
    std::optional<error> wrong;
};

inline new_backend backend::in_database(std::uint32_t database) const {
    UMBEL_ASSERT(database_maker_ != nullptr);
    return database_maker_(database);
}

}  // namespace umbel::async
