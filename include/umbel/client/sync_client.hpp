// sync_client.hpp: a client for tools and tests without coroutines: each command waits for its result. It has
// a thread of its own and knows no command; it is not part of <umbel.hpp>.
#pragma once

#include <umbel/async/asio.hpp>
#include <umbel/client/client.hpp>

#include UMBEL_ASIO_HEADER(executor_work_guard.hpp)
#include UMBEL_ASIO_HEADER(io_context.hpp)

#include <concepts>
#include <condition_variable>
#include <csignal>
#include <cstdint>
#include <memory>
#include <mutex>
#include <new>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

namespace umbel {

class sync_node_client;
class sync_each_client;
class sync_key_scan;

namespace calling {

/// Where a thread waits for one operation. Lifetime: its handler may come after the waiting has begun, and is
/// always there before it ends.
template <class Value>
class waiting_place {
public:
    /// The handler of the operation. Where it is destroyed uncalled, the waiting ends without a value.
    class handler {
    public:
        explicit handler(waiting_place& place) noexcept : place_{&place} {}
        handler(handler&& other) noexcept : place_{std::exchange(other.place_, nullptr)} {}
        handler& operator=(handler&&) = delete;
        ~handler() {
            if (place_) place_->end();
        }
        void operator()(async::outcome_of<Value> value) {
            place_->value_.emplace(std::move(value));
            std::exchange(place_, nullptr)->end();
        }

    private:
        waiting_place* place_;
    };

    async::outcome_of<Value> wait() {
        std::unique_lock lock{mutex_};
        ended_.wait(lock, [this] { return has_ended_; });
        if (!value_)
            return async::failed_outcome<Value>(
                error{errc::cancelled, delivery::unknown, "the client is gone"});
        return std::move(*value_);
    }

private:
    /// Tells while it holds the lock: whoever waits may leave with the lock, and this place with it.
    void end() noexcept {
        std::lock_guard const lock{mutex_};
        has_ended_ = true;
        ended_.notify_one();
    }

    std::mutex mutex_;
    std::condition_variable ended_;
    bool has_ended_ = false;
    std::optional<async::outcome_of<Value>> value_;
};

/// Begins the operation that `make()` gives, and waits for its result on this thread. Errors: those of the
/// operation; no_memory where there is none for the operation itself.
template <class Make>
auto wait_for(Make&& make) {
    using value = typename decltype(make())::value_type;
    waiting_place<value> place;
    UMBEL_TRY { make()(typename waiting_place<value>::handler{place}); }
    UMBEL_CATCH(std::bad_alloc const&) {
        return async::failed_outcome<value>(error{errc::no_memory, delivery::not_sent});
    }
    return place.wait();
}

/// An io_context, and the thread that runs it until the end.
class own_thread {
public:
    /// Errors: throws std::bad_alloc, and std::system_error where the system gives no thread.
    own_thread() : busy_{io_.get_executor()} {
        // The signals of the process stay with the threads of the program.
        sigset_t all, before;
        ::sigfillset(&all);
        ::pthread_sigmask(SIG_SETMASK, &all, &before);
        struct restore {
            sigset_t const& mask;
            ~restore() { ::pthread_sigmask(SIG_SETMASK, &mask, nullptr); }
        } const afterwards{before};
        thread_ = std::thread{[this] { run(); }};
    }
    own_thread(own_thread const&) = delete;
    own_thread& operator=(own_thread const&) = delete;
    /// Waits until nothing is left to do.
    ~own_thread() {
        busy_.reset();
        thread_.join();
    }
    asio::any_io_executor executor() noexcept { return io_.get_executor(); }
    /// The one that the caller runs on; null on threads of the program. Lifetime: to be compared only.
    static own_thread const* current() noexcept { return current_; }

private:
    void run() noexcept {
        current_ = this;
        for (;;) {
            // What Asio throws where it finds no memory concerns one handler; the others go on.
            UMBEL_TRY {
                io_.run();
                return;
            }
            UMBEL_CATCH(...) {
            }
        }
    }

    inline static thread_local own_thread const* current_ = nullptr;

    asio::io_context io_{1};
    asio::executor_work_guard<asio::io_context::executor_type> busy_;
    std::thread thread_;
};

/// Submits the commands of `Self`, as submitter does, and waits for each.
template <class Self, template <class> class Result = std::type_identity_t>
class waiting_submitter {
public:
    template <class Command>
    auto submit(Command const& command) const {
        return wait([&] { return under().submit(command); });
    }
    template <decodable Value>
    result<Result<Value>> submit(std::span<std::string_view const> words,
                                 std::span<bool const> marked_keys) const {
        return wait([&] { return under().template submit<Value>(words, marked_keys); });
    }
    /// For commands of several slots, which are not submitted. Precondition: the thread of the client, on
    /// which its observer runs, would wait for itself for ever.
    template <class Make>
    auto wait(Make&& make) const {
        UMBEL_ASSERT(static_cast<Self const&>(*this).thread() != own_thread::current());
        return wait_for(std::forward<Make>(make));
    }

private:
    auto const& under() const noexcept { return static_cast<Self const&>(*this).async(); }
};

/// What a waiting client is made of: the client underneath, and the thread on which nobody may wait for it.
template <class Under>
class waiting_over {
public:
    using under_type = Under;
    waiting_over(Under under, own_thread const* thread) noexcept
        : under_{std::move(under)}, thread_{thread} {}
    Under const& async() const noexcept { return under_; }
    own_thread const* thread() const noexcept { return thread_; }

private:
    Under under_;
    own_thread const* thread_;
};

/// One node, each node, all keys: the waiting form of whole_cluster_commands. The classes that these
/// functions return are complete where <umbel/client/sync_nodes.hpp> is included.
template <class Self>
class waiting_whole_cluster {
public:
    /// As client::on(): a node by its name or its snapshot, or umbel::primary_of(key).
    template <class Client = sync_node_client, class Where>
    Client on(Where const& where) const {
        using under = typename Client::under_type;
        return Client{self().async().template on<under>(where), self().thread()};
    }
    /// As client::on_each_primary() and client::on_each_node().
    template <class Client = sync_each_client>
    Client on_each_primary() const {
        using under = typename Client::under_type;
        return Client{self().async().template on_each_primary<under>(), self().thread()};
    }
    template <class Client = sync_each_client>
    Client on_each_node() const {
        using under = typename Client::under_type;
        return Client{self().async().template on_each_node<under>(), self().thread()};
    }
    /// As client::scan(): `auto scan = db.scan({.match = "user:*"}); while (auto page = scan.next()) …`.
    template <class Scan = sync_key_scan, class Options = key_scan_options>
    Scan scan(Options const& options = Options{}) const {
        using under = typename Scan::under_type;
        return Scan{self().async().template scan<under>(options), self().thread()};
    }

private:
    Self const& self() const noexcept { return static_cast<Self const&>(*this); }
};

}  // namespace calling

/// A sync_client whose values come with the way their commands took; made by sync_client::with().
class traced_sync_client : public one_slot_commands<traced_sync_client>,
                           public calling::waiting_submitter<traced_sync_client, traced>,
                           public calling::waiting_over<traced_client> {
public:
    using waiting_over::waiting_over;
};

/// A sync_client with other options for the commands called through it; made by sync_client::with().
/// Lifetime: as scoped_client.
class scoped_sync_client : public commands<scoped_sync_client>,
                           public calling::waiting_submitter<scoped_sync_client>,
                           public calling::waiting_whole_cluster<scoped_sync_client>,
                           public calling::waiting_over<scoped_client> {
public:
    using calling::waiting_whole_cluster<scoped_sync_client>::on;
    using calling::waiting_whole_cluster<scoped_sync_client>::on_each_primary;
    using calling::waiting_whole_cluster<scoped_sync_client>::on_each_node;
    using calling::waiting_whole_cluster<scoped_sync_client>::scan;

    using waiting_over::waiting_over;
    calling::site const& site() const noexcept { return async().site(); }

    /// As scoped_client::with().
    template <class... Options>
    auto with(Options... chosen) const noexcept {
        return made(async().with(chosen...), thread());
    }
    /// As scoped_client::prefixed().
    scoped_sync_client prefixed(std::string_view prefix) const noexcept {
        return made(async().prefixed(prefix), thread());
    }

    static scoped_sync_client made(scoped_client under, calling::own_thread const* thread) noexcept {
        return {std::move(under), thread};
    }
    static traced_sync_client made(traced_client under, calling::own_thread const* thread) noexcept {
        return {std::move(under), thread};
    }
};

/// A client for tools and tests: `umbel::sync_client db{{.seeds = {"10.0.0.7:6379"}}}; auto name =
/// db.get("user:1");` gives a result<std::optional<std::string>> when the answer is there. It has the
/// commands of umbel::client; on(), on_each_primary(), on_each_node() and scan() need
/// <umbel/client/sync_nodes.hpp>. A lease is for coroutines and callbacks only: async().lease(key).
///
/// It has a thread of its own, on which a client and its connections live. So these are looked after while
/// the program does something else: a connection that dies is opened anew before the next command, a refresh
/// ends, a server that asks is answered; a client that ran in its caller's calls only would find half of its
/// connections closed after each pause. The price is two changes of thread a command: for throughput take
/// umbel::client.
/// Errors: those of umbel::client, as values. No command throws. The constructor may: std::bad_alloc, and
/// std::system_error where the system gives no thread.
/// Cancellation: none; every command has a deadline, in options or by with().
/// Threading: any number of threads may call commands at once, each waits for its own; constructed, moved and
/// destroyed by one thread, while nobody waits. An observer runs on the client's own thread: Precondition: it
/// calls no command of the client. Signals of the process are not taken by that thread.
class UMBEL_SWITCHED sync_client : public commands<sync_client>,
                                   public calling::waiting_submitter<sync_client>,
                                   public calling::waiting_whole_cluster<sync_client> {
public:
    using calling::waiting_whole_cluster<sync_client>::on;
    using calling::waiting_whole_cluster<sync_client>::on_each_primary;
    using calling::waiting_whole_cluster<sync_client>::on_each_node;
    using calling::waiting_whole_cluster<sync_client>::scan;

    explicit sync_client(options const& chosen, cluster::policy const& policy = {},
                         std::shared_ptr<observer> watching = nullptr)
        : thread_{std::make_shared<calling::own_thread>()},
          client_{thread_->executor(), chosen, policy, std::move(watching)} {}
    sync_client(sync_client&&) noexcept = default;
    sync_client& operator=(sync_client&& other) noexcept {
        std::swap(thread_, other.thread_);
        std::swap(client_, other.client_);
        return *this;
    }

    /// The same client, reading from elsewhere, with another deadline, with hedged reads or with trails: as
    /// client::with(), for example `db.with(umbel::read_from::replica, 50ms).get("k")`.
    template <class... Options>
    auto with(Options... chosen) const noexcept {
        return scoped_sync_client::made(client_.with(chosen...), thread());
    }
    /// The same client, with a prefix in front of every key: as client::prefixed().
    scoped_sync_client prefixed(std::string_view prefix) const noexcept {
        return scoped_sync_client::made(client_.prefixed(prefix), thread());
    }

    calling::site const& site() const noexcept { return client_.site(); }

    /// Each as the operation of the same name at umbel::client, awaited.
    result<ok> ready() const {
        return wait([this] { return client_.ready(); });
    }
    result<ok> close() const {
        return wait([this] { return client_.close(); });
    }
    result<std::vector<node_snapshot>> nodes() const {
        return wait([this] { return client_.nodes(); });
    }
    result<cluster::topology> topology() const {
        return wait([this] { return client_.topology(); });
    }
    result<umbel::statistics> statistics() const {
        return wait([this] { return client_.statistics(); });
    }
    void refresh() const { client_.refresh(); }
    /// As client::reauthenticate(): in the background, by new credentials of the provider's, or by these.
    void reauthenticate() const { client_.reauthenticate(); }
    template <std::same_as<credentials> Credentials = credentials>
    void reauthenticate(Credentials fresh) const {
        client_.reauthenticate(std::move(fresh));
    }
    /// A client of the same servers in this numbered database, as client::database(); it has the same thread.
    /// Lifetime: it may outlive this one.
    [[nodiscard]] sync_client database(std::uint32_t number) const {
        return sync_client{thread_, client_.database(number)};
    }

    /// The client underneath. What begins on it completes on the thread of this sync_client.
    client const& async() const noexcept {
        UMBEL_ASSERT(thread_ && thread() != calling::own_thread::current());
        return client_;
    }
    calling::own_thread const* thread() const noexcept { return thread_.get(); }

private:
    sync_client(std::shared_ptr<calling::own_thread> thread, client under) noexcept
        : thread_{std::move(thread)}, client_{std::move(under)} {}

    std::shared_ptr<calling::own_thread> thread_;  ///< Outlives the clients that it runs.
    client client_;
};

}  // namespace umbel
