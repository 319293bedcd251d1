// lock.hpp: a lock that one process at a time holds, by a key that expires: what users hold. It is not part
// of <umbel.hpp>.
#pragma once

#include <umbel/async/asio.hpp>
#include <umbel/client/lock_keeper.hpp>

#include UMBEL_ASIO_HEADER(awaitable.hpp)
#include UMBEL_ASIO_HEADER(this_coro.hpp)

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace umbel {

/// A lock that is held. It extends itself, and tells when it is lost.
///
///     auto taken = co_await umbel::lock::acquire(db, "job", {.lease = 10s, .wait = 1min});
///     if (taken && *taken) {
///         co_await (work((*taken)->fencing()) || (*taken)->lost());
///         co_await (*taken)->release();
///     }
///
/// The key `name` holds a random token and expires after the lease. While the lock is held it is extended
/// every third of that. The lock counts as lost when the server says that the key is another's, and at the
/// latest 95 % of a lease after the last extension that was confirmed was sent, by this process's own clock;
/// so before anybody else can get it, unless the process itself was stopped in between.
///
/// **What it does not promise.** Replication is asynchronous: a primary that fails before its replica has the
/// key takes the lock with it, and another may get it while this one still believes in its own. The same
/// failover may take the counter of fencing numbers back. So a lock of this kind saves work that need not be
/// done twice; where two at once would do harm, have the guarded resource itself refuse a fencing number
/// below the highest it has seen.
/// Rule: Redis documentation, "Distributed Locks with Redis".
///
/// Lifetime: destroyed while held, it is released in the background. It may outlive the client; it is lost
/// then, and not released. Threading: any thread may ask; moved and destroyed by one thread at a time.
class lock {
public:
    /// Takes the lock, waiting for others as long as `options.wait` says; nullopt when they have not let go
    /// by then. `db`: an umbel::client or what its with() and prefixed() give.
    ///
    /// Besides `name` it keeps a counter beside it, `{name}:fence`, or `name:fence` where the name has a hash
    /// tag, which does not expire. Errors: those of every command; bad_argument for options out of range, and
    /// for a name beside which no counter lies in the same slot (a name with a brace and no tag, and a name
    /// without a tag behind a prefix). An attempt that may have been executed is released in the background.
    /// Throws std::bad_alloc, at the call or where it is awaited, where there is no memory to go on; nothing
    /// is held then, but the key may stand until it expires. Cancellation: nothing is held; what may have
    /// been taken is released in the background.
    template <class Db>
    static asio::awaitable<result<std::optional<lock>>> acquire(Db const& db, std::string_view name,
                                                                lock_options chosen = {}) {
        return take(std::make_shared<calling::lock_keeper>(scoped_client{db.site()}, name, chosen));
    }

    lock(lock&&) noexcept = default;
    lock& operator=(lock&& other) noexcept {
        std::swap(keeper_, other.keeper_);
        return *this;
    }
    ~lock() {
        if (keeper_) keeper_->let_go();
    }

    /// A number that is greater for every later holder.
    std::uint64_t fencing() const noexcept { return keeper_->fencing(); }
    /// False once it is lost or released.
    bool held() const noexcept { return keeper_->held(); }
    /// Completes when the lock is lost or released, at once if it is already. Errors: throws
    /// std::bad_alloc where there is no memory to wait. Cancellation: stops waiting.
    asio::awaitable<void> lost() const { return wait(keeper_->ending()); }
    /// Gives the lock back: deletes the key if it is still this lock's own. Gives false where it was lost
    /// before. Errors: those of every command; the key expires by itself then. Cancellation: as of every
    /// command; the lock is no longer extended.
    operation<bool> release() {
        keeper_->stop();
        return keeper_->giving_back();
    }

private:
    explicit lock(std::shared_ptr<calling::lock_keeper> keeper) noexcept : keeper_{std::move(keeper)} {}

    static asio::awaitable<result<std::optional<lock>>> take(std::shared_ptr<calling::lock_keeper> keeper) {
        if (auto wrong = keeper->wrong()) co_return tl::unexpected<error>{std::move(*wrong)};
        calling::pause patience{*keeper, keeper->options().wait};
        for (;;) {
            std::uint64_t const attempt = keeper->begin_attempt();
            auto const told = co_await keeper->asking();
            if (!told) {
                told.error().may_have_executed() ? keeper->let_go() : keeper->stop();
                co_return tl::unexpected<error>{told.error()};
            }
            if (*told > 0) {
                if (keeper->began(attempt, static_cast<std::uint64_t>(*told)))
                    co_return std::optional<lock>{lock{std::move(keeper)}};
                keeper->let_go();
                co_return fail(errc::deadline_exceeded, delivery::executed,
                               "the lease had passed when the answer came");
            }
            if (patience.is_over()) co_return std::optional<lock>{};
            calling::pause delay{*keeper, keeper->next_delay(*told)};
            if (!co_await delay.wait()) {
                keeper->stop();
                co_return fail(errc::cancelled, delivery::not_sent);
            }
        }
    }
    static asio::awaitable<void> wait(std::shared_ptr<calling::wait_list<bool>> ending) {
        static_cast<void>(co_await calling::wait_list<bool>::wait(std::move(ending)));
    }

    std::shared_ptr<calling::lock_keeper> keeper_;
};

}  // namespace umbel
