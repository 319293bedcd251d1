// client.hpp: the client of one cluster, or of one stand-alone server: what users hold, and the typed commands on it.
// It joins a command's reply type to an untyped call; it knows no protocol detail.
#pragma once

#include <umbel/client_calls.hpp>
#include <umbel/client_groups.hpp>
#include <umbel/command/keys.hpp>
#include <umbel/command/strings.hpp>
#include <umbel/options.hpp>

#include <asio/any_io_executor.hpp>

#include <concepts>
#include <memory>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

namespace umbel {

/// Every typed command, once, for whatever can submit one.
template <class Self>
class commands : public command::string_commands<Self>, public command::key_commands<Self>, public multi_key_commands<Self> {
public:
    using command::key_commands<Self>::del;
    using command::key_commands<Self>::unlink;
    using command::key_commands<Self>::exists;
    using command::key_commands<Self>::touch;
    using multi_key_commands<Self>::del;
    using multi_key_commands<Self>::unlink;
    using multi_key_commands<Self>::exists;
    using multi_key_commands<Self>::touch;

    /// Any command by its words, typed: `command<std::int64_t>("INCRBY", umbel::key("n"), 5)`. Arguments are texts, numbers, or keys
    /// marked by umbel::key; without a mark the command table finds the keys.
    /// Errors: bad_argument (an empty name, keys that cannot be found), cross_slot, needs_lease.
    template <class Value, std::convertible_to<umbel::command::argument>... Arguments>
    operation<Value> command(std::string_view name, Arguments const&... arguments) const {
        umbel::command::argument const all[]{umbel::command::argument{name}, umbel::command::argument{arguments}...};
        constexpr std::size_t count = sizeof...(Arguments) + 1;
        std::string_view words[count];
        bool keys[count];
        bool any_key = false;
        for (std::size_t i = 0; i < count; ++i) {
            words[i] = all[i].text();
            keys[i] = all[i].is_key();
            any_key = any_key || keys[i];
        }
        return calling::make<Value>(self().site(), std::span<std::string_view const>{words}, any_key ? std::span<bool const>{keys} : std::span<bool const>{});
    }

    /// Any command at run time; its keys are found by the table of all commands of Redis 7 and Valkey 8. A command that the table does not have
    /// (a module's) is taken to have its first argument as key. A command without a key goes to one node, another one each time: in a cluster
    /// SCAN, DBSIZE, FLUSHALL and their like concern that node only.
    /// Errors: bad_argument (empty argv, missing arguments), cross_slot, needs_lease; all before anything is sent.
    operation<reply> execute(std::span<std::string_view const> argv) const { return calling::make<reply>(self().site(), argv, {}); }
    operation<reply> execute(std::span<std::string const> argv) const {
        std::vector<std::string_view> const words(argv.begin(), argv.end());
        return execute(words);
    }

private:
    Self const& self() const noexcept { return static_cast<Self const&>(*this); }
};

/// A client with other options for the commands called through it; made by client::with().
/// Lifetime: a value; operations from one that has outlived its client complete with errc::cancelled.
class scoped_client : public commands<scoped_client> {
public:
    explicit scoped_client(calling::site where) noexcept : where_{std::move(where)} {}

    template <class Value>
    operation<Value> submit(umbel::command::invocation<Value> const& what) const {
        return calling::make<Value>(where_, what);
    }
    calling::site const& site() const noexcept { return where_; }

    /// The same, reading from elsewhere.
    scoped_client with(umbel::read_from reads) const noexcept {
        scoped_client other{*this};
        other.where_.options.reads = reads;
        return other;
    }
    /// The same, with another deadline for each command; zero means none.
    scoped_client with(std::chrono::nanoseconds deadline) const noexcept {
        scoped_client other{*this};
        other.where_.options.deadline = deadline;
        return other;
    }

private:
    calling::site where_;
};

/// A client of a Redis or Valkey Cluster, or of one stand-alone server.
///
/// It connects by itself, finds the topology from any one node, follows redirects, and recovers from failures. Every command function
/// encodes at once and returns an operation to be awaited.
/// Threading: a handle that any thread may use, unless options::single_threaded says otherwise; moved and destroyed by one thread at a time.
/// Lifetime: the executors' contexts must outlive it. When it is destroyed, pending operations complete with errc::cancelled.
class client : public commands<client> {
public:
    /// Begins to connect at once. Bad options make every command fail with errc::bad_argument, whose message names the option.
    client(asio::any_io_executor executor, options const& chosen, cluster::policy const& policy = {},
           std::shared_ptr<observer> watching = nullptr)
        : client{std::vector<asio::any_io_executor>{std::move(executor)}, chosen, policy, std::move(watching)} {}

    /// The same over several executors: connections are spread over them.
    /// Precondition: at least one executor.
    client(std::vector<asio::any_io_executor> executors, options const& chosen, cluster::policy const& policy = {},
           std::shared_ptr<observer> watching = nullptr) {
        net::new_home made = net::make_home(std::move(executors), chosen, policy, std::move(watching));
        home_ = std::move(made.where);
        where_.wrong = std::move(made.wrong);
        where_.owner = &net::anchor_registry::moor(*home_);
        where_.generation = where_.owner->generation.load(std::memory_order_acquire);
        where_.options = {chosen.read_from, chosen.deadline};
    }

    client(client&& other) noexcept = default;
    client& operator=(client&& other) noexcept {
        std::swap(home_, other.home_);
        std::swap(where_, other.where_);
        return *this;
    }
    ~client() {
        if (!home_) return;
        net::anchor_registry::leave(*where_.owner, where_.generation);
        home_->shut_down();
    }

    template <class Value>
    operation<Value> submit(umbel::command::invocation<Value> const& what) const {
        return calling::make<Value>(where_, what);
    }
    calling::site const& site() const noexcept { return where_; }

    /// The same client, reading from elsewhere: `db.with(umbel::read_from::replica).get("k")`.
    scoped_client with(umbel::read_from reads) const noexcept { return scoped_client{where_}.with(reads); }
    /// The same client, with another deadline for each command; zero means none.
    scoped_client with(std::chrono::nanoseconds deadline) const noexcept { return scoped_client{where_}.with(deadline); }

    /// Waits until the first topology is known. Not needed before a command: those wait by themselves.
    /// Errors: no_reachable_node at the deadline; wrong_password and the like as soon as every seed has refused.
    operation<ok> ready() const {
        return calling::make_local<ok>(where_, [](net::home& where, net::pooled_call& one) { where.await_topology(one); });
    }

    /// Lets commands under way finish (until the options' deadline), then closes every connection. Commands called afterwards
    /// complete with errc::cancelled.
    operation<ok> close() const {
        return calling::make_local<ok>(where_, [](net::home& where, net::pooled_call& one) { where.close_when_idle(one); }, true);
    }

    /// The nodes the client knows, at one moment.
    operation<std::vector<node_snapshot>> nodes() const {
        return calling::make_told<std::vector<node_snapshot>>(where_, [](net::home& where) { return where.nodes(); });
    }
    /// The topology the client lives by, at one moment.
    operation<cluster::topology> topology() const {
        return calling::make_told<cluster::topology>(where_, [](net::home& where) { return where.topology(); });
    }
    /// What the client counted since it began.
    operation<umbel::statistics> statistics() const {
        return calling::make_told<umbel::statistics>(where_, [](net::home& where) { return where.statistics(); });
    }
    /// Asks for a refresh of the topology in the background; throttled, joined by whoever else wants one.
    void refresh() const {
        if (!where_.wrong) home_->want_refresh();
    }

private:
    std::shared_ptr<net::home> home_;
    calling::site where_;
};

}  // namespace umbel

#if !defined(UMBEL_SEPARATE_COMPILATION)
#include <umbel/src.hpp>
#endif
