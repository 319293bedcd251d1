// client.hpp: the client of one cluster, or of one stand-alone server: what users hold.
// The typed commands on it are declared in command/ and joined to their replies in submitter.hpp.
#pragma once

#include <umbel/async/asio.hpp>
#include <umbel/client/cmd.hpp>
#include <umbel/client/make_backend.hpp>
#include <umbel/client/open_site.hpp>
#include <umbel/client/options_from_url.hpp>
#include <umbel/client/scoped_client.hpp>

#include UMBEL_ASIO_HEADER(any_io_executor.hpp)

#include <concepts>
#include <memory>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

namespace umbel {

/// A client of a Redis or Valkey Cluster, or of one stand-alone server.
///
/// It connects by itself, finds the topology from any one node, follows redirects, and recovers from
/// failures. Every command function encodes at once and returns an operation to be awaited. Threading: a
/// handle that any thread may use; moved and destroyed by one thread at a time. A handler must not wait, by
/// running its executor, for a command that it has begun itself: what a handler asks is sent when it has
/// returned. Each context of the client must be run, or kept busy, for as long as commands are begun on it.
/// Lifetime: when it is destroyed, pending operations complete with errc::cancelled. When the context of one
/// of its executors is destroyed, they are destroyed uncalled, wherever they are, and those that begin later
/// complete with errc::cancelled.
///
/// **Errors of every command.** Each comes as a value, with its delivery, once. Only the call that makes
/// something may throw: std::bad_alloc when there is no memory for an operation, a scan, a batch, a lock, a
/// consumer, or for the name that on() keeps; and what a to_argument of yours throws.
/// - Of the caller, nothing was sent: bad_argument (an argument longer than options.argument_bytes_max, bad
///   options of the client), cross_slot, needs_lease.
/// - Of limits: overloaded (not sent), deadline_exceeded, no_memory, cancelled.
/// - Of the transport: resolve_failed, connect_failed, tls_failed (options::tls), no_credentials,
///   connection_lost, no_reachable_node.
/// - Of the protocol: protocol_error, unexpected_type (the reply is none of the requested type).
/// - Of the cluster, when the policy, the deadline or a bound ends the attempts: slot_uncovered,
///   too_many_redirects, moved, ask, try_again, cluster_down, master_down, loading, read_only.
/// - Of the server: wrong_type, no_auth, wrong_password, no_permission, no_script, busy_script, no_replicas,
///   out_of_memory, misconfigured, cross_slot_reply, no_protocol, and server_error for every other line.
///
/// **Cancellation of every command.** Each type of asio::cancellation_type ends a command with cancelled. One
/// that was not sent is never sent. One that was sent may run on the server all the same: its delivery is
/// unknown, its reply is skipped when it comes, and the connection and all other commands go on.
class UMBEL_SWITCHED client : public commands<client>, public calling::submitter<client> {
public:
    /// Begins to connect at once. Bad options make every command fail with errc::bad_argument, whose message
    /// names the option.
    client(asio::any_io_executor executor, options const& chosen, cluster::policy const& policy = {},
           std::shared_ptr<observer> watching = nullptr)
        : client{std::vector<asio::any_io_executor>{std::move(executor)}, chosen, policy,
                 std::move(watching)} {}

    /// The same over several execution contexts. Each has connections of its own to every node that is asked
    /// from it: what a coroutine asks comes back on its own context, without crossing over to another one.
    /// (What waits, for a topology, by a redirect or between two attempts, is looked after on the first
    /// executor's; so run all of them for as long as commands are under way.) What is begun on a foreign
    /// context or thread takes the connections of one of these, always the same. For fewer connections give
    /// fewer executors: any thread may use the client all the same. Executors of one context share its
    /// connections, which are spread over them. Units/shape: up to one connection for each node, context and
    /// kind (see node_snapshot), of the first 64 contexts. Lifetime: where they belong to several contexts,
    /// these end together, in any order, before or after the client. Precondition: at least one executor; and
    /// when a context of theirs is destroyed, none of the others is running at that moment, nor does any
    /// thread use the client: stop all of them first.
    client(std::vector<asio::any_io_executor> executors, options const& chosen,
           cluster::policy const& policy = {}, std::shared_ptr<observer> watching = nullptr)
        : client{calling::make_backend<>(std::move(executors), chosen, policy, std::move(watching)), chosen} {
    }

    /// A client whose calls live in a backend that was made elsewhere: how umbel/testing/service/stage.hpp
    /// puts one onto virtual time. Precondition: there is a backend, also where `made.wrong` says why it will
    /// never connect.
    client(async::new_backend made, options const& chosen) {
        UMBEL_ASSERT(made.owned != nullptr);
        site_ = calling::open_site<>(made, chosen);
        backend_ = std::move(made.owned);
    }

    client(client&& other) noexcept = default;
    client& operator=(client&& other) noexcept {
        std::swap(backend_, other.backend_);
        std::swap(site_, other.site_);
        return *this;
    }
    ~client() {
        if (!backend_) return;
        site_.owner->code->release_handle(*site_.owner, site_.generation);
        backend_->shut_down();
    }

    calling::site const& site() const noexcept { return site_; }

    /// A client of the same servers, with the same options, in this numbered database: `umbel::client const
    /// sessions = db.database(3);`. It is a client of its own: connections, topology and bounds are its own,
    /// so that no command and no redirect can come into another database; the observer is told of both. So
    /// make it once and keep it: it begins to connect here. It lives and is closed by itself. A cluster has
    /// other databases than 0 from Valkey 9 on (see options::database). Errors: its commands say what is
    /// wrong, as those of a client that is constructed; throws what the constructor throws. Precondition: no
    /// context of this client has been destroyed.
    [[nodiscard]] client database(std::uint32_t number) const {
        return client{backend_->in_database(number), *this};
    }

    /// The same client, reading from elsewhere: `db.with(umbel::read_from::replica).get("k")`.
    scoped_client with(umbel::read_from reads) const noexcept { return scoped_client{site_}.with(reads); }
    /// The same client, with another deadline for each command: `db.with(50ms).get("k")`, `db.with(due -
    /// clock::now()).get("k")`. Errors: a deadline that is zero or less has passed: every command fails at
    /// once with deadline_exceeded (not_sent).
    template <class Rep, class Period>
    scoped_client with(std::chrono::duration<Rep, Period> deadline) const noexcept {
        return scoped_client{site_}.with(deadline);
    }
    /// The same client, whose commands wait for as long as it takes: `db.with(umbel::no_deadline).get("k")`.
    scoped_client with(no_deadline_t without) const noexcept { return scoped_client{site_}.with(without); }
    /// The same client, asking a second node where a read takes long: `db.with(umbel::read_from::any,
    /// umbel::hedge_after{3ms}).get("k")`.
    scoped_client with(hedge_after second) const noexcept { return scoped_client{site_}.with(second); }
    /// The same client, with the way of each command in its value: `db.with(umbel::trail).get("k")` gives a
    /// result of umbel::traced.
    traced_client with(trail_t how) const noexcept { return scoped_client{site_}.with(how); }
    /// The same client, with a prefix in front of every key: `auto app = db.prefixed("app:"); co_await
    /// app.get("user:1")` reads "app:user:1". Of typed commands every argument that is a key gets it, also
    /// those of scripts (KEYS) and the second ones (RENAME, SORT … STORE); of execute() and command() those
    /// that are marked, else those that the command table or a server knows, and the first argument of a
    /// command that it does not know; where a server says that there may be more keys than it tells of, they
    /// must be marked (bad_argument). Keys that typed replies name (LMPOP, XREAD …) come without it; the raw
    /// replies of execute() and command() are as the server sends them. A hash tag in the prefix is that of
    /// every key, so that all of them share a slot. Two prefixes add up:
    /// `db.prefixed("app:").prefixed("eu:")`. scan() gives the keys with this prefix only, without it.
    /// Commands of a batch or a transaction get it, too. No keys, so left as they are: patterns (of KEYS, and
    /// of SORT BY and GET: write the prefix into them), channels, and commands without a key, which concern
    /// the whole database (FLUSHALL, DBSIZE, RANDOMKEY, whose answer has the prefix if the key has it).
    /// Errors: bad_argument of every command where all prefixes are longer than 63 bytes together.
    /// Cost: no allocation; the prefix is written with the key.
    scoped_client prefixed(std::string_view prefix) const noexcept {
        return scoped_client{site_}.prefixed(prefix);
    }
    /// Several of these at once; umbel::trail is the last.
    template <class First, class... More>
        requires(sizeof...(More) >= 1)
    auto with(First first, More... more) const noexcept {
        return with(first).with(more...);
    }

    /// A connection that nobody else uses, to the node that serves the key, held until the umbel::lease is
    /// destroyed. Needs <umbel/client/lease.hpp>. Errors: as of every command; of these overloaded when too
    /// many wait for a lease already, and deadline_exceeded when none became free in time
    /// (options::leases_max). Cancellation: nothing is held.
    template <class Lease = umbel::lease>
    operation<Lease> lease(std::string_view key) const {
        return calling::make_lease<Lease>(site_, key);
    }

    /// Waits until the first topology is known. Not needed before a command: those wait by themselves.
    /// Errors: no_reachable_node at the deadline, or what a node answered that could not tell a topology
    /// (cluster_down where it has no slots); wrong_password, no_permission, tls_failed and the like as soon
    /// as every seed has refused; bad_argument, cancelled, no_memory. Cancellation: the client goes on
    /// connecting.
    template <std::same_as<ok> Ready = ok>
    operation<Ready> ready() const {
        return calling::make_local<Ready>(
            site_, [](async::backend& backend, async::pooled_call& call) { backend.await_topology(call); });
    }

    /// Lets commands under way finish (until the options' deadline), then closes every connection. Commands
    /// called afterwards complete with errc::cancelled. Errors: bad_argument (the client's options were bad),
    /// no_memory. Cancellation: the client closes all the same, and takes no more commands.
    template <std::same_as<ok> Closed = ok>
    operation<Closed> close() const {
        return calling::make_local<Closed>(
            site_, [](async::backend& backend, async::pooled_call& call) { backend.close_when_idle(call); },
            true);
    }

    /// The nodes the client knows, at one moment. Errors: bad_argument, cancelled (the client has gone),
    /// no_memory. Cancellation: nothing has happened.
    template <std::same_as<node_snapshot> Snapshot = node_snapshot>
    operation<std::vector<Snapshot>> nodes() const {
        return calling::make_told<std::vector<Snapshot>>(
            site_, [](async::backend& backend) { return backend.nodes(); });
    }
    /// The topology the client lives by, at one moment. Errors and Cancellation: as nodes().
    template <std::same_as<cluster::topology> Topology = cluster::topology>
    operation<Topology> topology() const {
        return calling::make_told<Topology>(site_,
                                            [](async::backend& backend) { return backend.topology(); });
    }
    /// What the client counted since it began. Errors and Cancellation: as nodes().
    template <std::same_as<umbel::statistics> Statistics = umbel::statistics>
    operation<Statistics> statistics() const {
        return calling::make_told<Statistics>(site_,
                                              [](async::backend& backend) { return backend.statistics(); });
    }
    /// Says who the client is anew on every connection that serves, in the background and between two
    /// commands: none is lost, and no reply is mixed up. The credentials are asked for at
    /// options::credential_provider; without one the present ones are said again. A connection whose server
    /// refuses them takes no more commands, and is closed when it has answered those that it has. Connections
    /// that callers or commands have for themselves are not lent again. observer::reauthenticated() tells of
    /// each. Errors: throws std::bad_alloc.
    void reauthenticate() const {
        if (!site_.wrong) backend_->reauthenticate(nullptr);
    }
    /// The same by these credentials, which every new connection says from now on: for passwords that change,
    /// and for those who are told of new tokens. Where there is a provider, they hold as if it had given
    /// them. Errors: an empty password changes nothing, and observer::credentials_failed() tells of it;
    /// throws std::bad_alloc.
    template <std::same_as<credentials> Credentials = credentials>
    void reauthenticate(Credentials fresh) const {
        if (!site_.wrong) backend_->reauthenticate(std::make_shared<Credentials const>(std::move(fresh)));
    }
    /// Asks for a refresh of the topology in the background; throttled, joined by whoever else wants one.
    void refresh() const {
        if (!site_.wrong) backend_->want_refresh();
    }

private:
    client(async::new_backend made, client const& like)
        : backend_{std::move(made.owned)},
          site_{calling::open_site_like<>({backend_, made.wrong}, like.site_)} {}

    std::shared_ptr<async::backend> backend_;
    calling::site site_;
};

}  // namespace umbel
