// multi_client.hpp: one client over several deployments that hold the same data, as far as their replication
// goes: what users hold. Which of them serves is decided in engine/member_choice.hpp.
#pragma once

#include <umbel/async/asio.hpp>
#include <umbel/client/multi_core.hpp>

#include UMBEL_ASIO_HEADER(any_io_executor.hpp)

#include <chrono>
#include <concepts>
#include <memory>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

namespace umbel {

namespace calling {

/// Submits the commands of a multi_client: single ones to whichever member is active when they begin, with
/// the leave to go on by another; all others to the member that is active when they are called.
template <class Self>
class multi_submitter {
public:
    template <decodable Value>
    operation<Value> submit(command::invocation<Value> const& command) const {
        return calling::submit<Value>(self().site(), command);
    }
    template <decodable Value>
    operation<Value> submit(command::key_invocation<Value> const& command) const {
        return calling::submit<Value>(self().site(), command);
    }
    template <decodable Value>
    operation<Value> submit(command::loaded_invocation<Value> const& command) const {
        site const& from = self().site();
        return operation<Value>{from.code->make_loaded(from, command.name, command.words, command.refusal,
                                                       command.named, kind_of<Value>)};
    }
    template <decodable Value>
    operation<Value> submit(command::blocking_invocation<Value> const& command) const {
        return here().submit(command);
    }
    template <decodable Value>
    operation<Value> submit(command::server_invocation<Value> const& command) const {
        return here().submit(command);
    }
    template <decodable Value>
    operation<Value> submit(std::span<std::string_view const> words,
                            std::span<bool const> marked_keys) const {
        return here().template submit<Value>(words, marked_keys);
    }

    /// As of umbel::client, on the member that is active now: all of it stays there.
    template <class... Commands>
    auto batch(Commands&&... commands) const {
        return here().batch(std::forward<Commands>(commands)...);
    }
    template <class... Commands>
    auto transaction(Commands&&... commands) const {
        return here().transaction(std::forward<Commands>(commands)...);
    }
    template <class Value, class Function>
    auto for_each(bare_command<Value> command, Function function) const {
        return here().for_each(std::move(command), std::move(function));
    }
    template <class Value = std::string, class... Options>
    auto scan_hash(std::string_view name, Options const&... options) const {
        return here().template scan_hash<Value>(name, options...);
    }
    template <class... Options>
    auto scan_hash_fields(std::string_view name, Options const&... options) const {
        return here().scan_hash_fields(name, options...);
    }
    template <class Value = std::string, class... Options>
    auto scan_set(std::string_view name, Options const&... options) const {
        return here().template scan_set<Value>(name, options...);
    }
    template <class Value = std::string, class... Options>
    auto scan_sorted_set(std::string_view name, Options const&... options) const {
        return here().template scan_sorted_set<Value>(name, options...);
    }
    template <class Client = node_client, class Where>
    Client on(Where const& where) const {
        return here().template on<Client>(where);
    }
    template <class Client = each_client>
    Client on_each_primary() const {
        return here().template on_each_primary<Client>();
    }
    template <class Client = each_client>
    Client on_each_node() const {
        return here().template on_each_node<Client>();
    }
    template <class Scan = key_scan, class Options = key_scan_options>
    Scan scan(Options const& options = Options{}) const {
        return here().template scan<Scan>(options);
    }
    template <class Lease = umbel::lease>
    operation<Lease> lease(std::string_view key) const {
        return here().template lease<Lease>(key);
    }

private:
    Self const& self() const noexcept { return static_cast<Self const&>(*this); }
    scoped_client here() const noexcept { return pinned(self().site()); }
};

/// Every typed command of a multi_client.
template <class Self>
class multi_commands : public any_slot_commands<Self>,
                       public blocking_commands<Self>,
                       public into_memory_commands<Self>,
                       public multi_submitter<Self> {};

}  // namespace calling

/// A multi_client with other options for the commands called through it; made by multi_client::with(). Its
/// commands, too, go to the member that is active when they begin. Lifetime: a value; operations from one
/// that has outlived its client complete with errc::cancelled, but on(), scan(), lease(), batch() and their
/// like must not be called then while the client is being destroyed.
class UMBEL_SWITCHED scoped_multi_client : public calling::multi_commands<scoped_multi_client> {
public:
    explicit scoped_multi_client(scoped_client under) noexcept : under_{std::move(under)} {}

    calling::site const& site() const noexcept { return under_.site(); }

    /// As scoped_client::with(), but for umbel::trail.
    template <class... Options>
    scoped_multi_client with(Options... chosen) const noexcept {
        return scoped_multi_client{under_.with(chosen...)};
    }
    /// As scoped_client::prefixed().
    scoped_multi_client prefixed(std::string_view prefix) const noexcept {
        return scoped_multi_client{under_.prefixed(prefix)};
    }

private:
    scoped_client under_;
};

/// A client of several deployments, the members: a cluster here, another one or a stand-alone server there.
/// Commands go to one of them, the active one: the heaviest that is up. When it is down they go to the next,
/// and when it is well again, after a grace time, back:
///
///     umbel::multi_client db{io.get_executor(),
///                            {.members = {{"east", {.seeds = {"10.0.0.7:6379"}}, 2},
///                                         {"west", {.seeds = {"10.9.0.7:6379"}}, 1}}}};
///     co_await db.set("user:1", "ada");
///
/// It connects to all members at once and checks their health (see multi_options). What it decides it tells
/// a multi_observer, and members() shows it.
///
/// **The data.** Nothing is copied from one member to another: that is the business of the deployments
/// (active-active replication, or a replica that is promoted). What was acknowledged here may not be there
/// yet after a switch, or ever, and what is written there may be overwritten when replication catches up. So
/// after a switch a read may tell something older than an earlier one.
///
/// **What a switch means for commands.** A command runs on one member. One that is under way on the member
/// that is left ends there, with its reply or its error. It goes on by the new member, with the rest of its
/// deadline and without its caller noticing, where its error proves that it was not executed, or it only
/// reads; so nothing that writes and whose outcome is unknown ever reaches a second member. The errors that
/// say so are those of transport and cluster: the member could not serve. What waits at the member that is
/// left, for a connection or another attempt, ends at the switch and goes on likewise; what has left for it
/// and has no answer waits until its connection ends or its deadline comes. The trail of an error or a value
/// lists the nodes of both.
///
/// Batches, transactions, commands of several slots (mget), commands by their words (execute(), command()),
/// those that block and those without a key that concern all nodes do not go on by another member: each stays
/// with the one where it began, and its error tells its delivery. All of them but mget() and its like, and
/// on(), on_each_primary(), for_each(), lease() and all scans besides, whose cursors mean nothing elsewhere,
/// belong to the member that was active when the function was called. To hold several of these together, or a
/// recipe that takes a client (locks, consumers, optimistic()), take active().
///
/// Errors: those of umbel::client, of the member that served last. While every member is down the message of
/// a command that fails names all of them and what each met; when it comes says multi_options::fail_at_once.
/// Cancellation: as of umbel::client, wherever the command is.
/// Threading: as umbel::client; switch_to() and members() from any thread. No command takes a lock.
/// Lifetime: as umbel::client, of all members.
class UMBEL_SWITCHED multi_client : public calling::multi_commands<multi_client> {
public:
    /// Begins to connect to all members at once. The heaviest is active until checks show that it is down.
    multi_client(asio::any_io_executor executor, multi_options const& chosen,
                 cluster::policy const& policy = {}, std::shared_ptr<multi_observer> watching = nullptr)
        : multi_client{std::vector<asio::any_io_executor>{std::move(executor)}, chosen, policy,
                       std::move(watching)} {}
    /// The same over several execution contexts, as of umbel::client.
    multi_client(std::vector<asio::any_io_executor> executors, multi_options const& chosen,
                 cluster::policy const& policy = {}, std::shared_ptr<multi_observer> watching = nullptr)
        : multi_client{[&executors](options const& member, cluster::policy const& judging,
                                    std::shared_ptr<observer> telling) {
                           return client{executors, member, judging, std::move(telling)};
                       },
                       chosen, policy, std::move(watching)} {}
    /// A multi_client whose members' clients are made elsewhere: by umbel/testing/service/stage.hpp, for
    /// example. Precondition: all of them run on the same executors, in the same order, and `make` hands on
    /// what it is given.
    multi_client(calling::member_maker const& make, multi_options const& chosen,
                 cluster::policy const& policy = {}, std::shared_ptr<multi_observer> watching = nullptr)
        : core_{calling::make_members<>(make, chosen, policy, std::move(watching))} {}

    multi_client(multi_client&&) noexcept = default;
    multi_client& operator=(multi_client&& other) noexcept {
        std::swap(core_, other.core_);
        return *this;
    }
    ~multi_client() {
        if (core_) core_->shut_down();
    }

    calling::site const& site() const noexcept { return core_->shared_site(); }

    /// As client::with(), but for umbel::trail.
    template <class... Options>
    scoped_multi_client with(Options... chosen) const noexcept {
        return scoped_multi_client{scoped_client{site()}.with(chosen...)};
    }
    /// As client::prefixed().
    scoped_multi_client prefixed(std::string_view prefix) const noexcept {
        return scoped_multi_client{scoped_client{site()}.prefixed(prefix)};
    }

    /// The client of the member that is active now, to be held for what must stay with one member. It is an
    /// umbel::client of its own: its commands never go on by another member. While its member is not active,
    /// they are not sent again by themselves but where a redirect says so: each fails with what it met.
    /// Lifetime: the multi_client's.
    client const& active() const noexcept { return core_->active(); }
    /// The client of a member, by its name; null where there is none. As active() otherwise.
    client const* member(std::string_view name) const noexcept { return core_->find(name); }

    /// Every member at one moment, in the order of the options. Errors: throws std::bad_alloc.
    std::vector<member_snapshot> members() const { return core_->snapshot(); }
    /// Has commands go to this member from now on, whatever its weight. It stays so: where it goes down, the
    /// heaviest that is up takes over, and it comes back after its grace time. Errors: bad_argument where no
    /// member has this name; no_reachable_node, with what its latest check met, where it is down; cancelled
    /// where the client is closed. Nothing has changed then. Throws std::bad_alloc.
    result<void> switch_to(std::string_view name) { return core_->choose(name); }
    /// Takes switch_to() back: the heaviest member serves again, after its grace time.
    void choose_by_weight() { core_->release(); }

    /// Waits until the active member knows its topology. As client::ready(); it goes on by another member as
    /// a command does.
    template <std::same_as<ok> Ready = ok>
    operation<Ready> ready() const {
        return calling::make_local<Ready>(
            site(), [](async::backend& backend, async::pooled_call& call) { backend.await_topology(call); });
    }
    /// Lets commands under way finish, each until its member's deadline, then closes every connection to
    /// every member; none is checked or chosen any more. Commands called afterwards complete with
    /// errc::cancelled. Errors: bad_argument (the options were bad), no_memory. Cancellation: not heard,
    /// since the deadlines of the members bound it.
    operation<ok> close() const { return core_->close(); }

private:
    std::shared_ptr<calling::multi_core> core_;
};

}  // namespace umbel
