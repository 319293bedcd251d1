// lease.hpp: a connection that a caller holds: what its server remembers between two commands stays, and
// nobody else's command comes between. It knows no pool.
#pragma once

#include <umbel/client/lease_state.hpp>
#include <umbel/client/scoped_client.hpp>
#include <umbel/client/submitter.hpp>
#include <umbel/client/transaction.hpp>
#include <umbel/command/lease_specs.hpp>

#include <array>
#include <concepts>
#include <cstdint>
#include <string_view>
#include <utility>

namespace umbel {

/// What lease::watch() gives: the keys are watched.
struct watched {
    /// For the library: the reply has come.
    static result<watched> of_reply(async::pooled_call& call, resp::view const& reply) noexcept {
        result<ok> const read = from_reply<ok>::from(reply);
        if (!read) return tl::unexpected<error>{read.error()};
        if (call.lease) call.lease->watches_answered.fetch_add(1, std::memory_order_relaxed);
        return watched{};
    }
};

/// What lease::unwatch() gives: no key is watched any more.
struct unwatched {
    /// For the library: the reply has come. Inside MULTI it is no OK, and nothing is undone.
    static result<unwatched> of_reply(async::pooled_call& call, resp::view const& reply) noexcept {
        result<ok> const read = from_reply<ok>::from(reply);
        if (!read) return tl::unexpected<error>{read.error()};
        if (call.lease)
            call.lease->watches_undone.store(call.lease->watches_answered.load(std::memory_order_relaxed),
                                             std::memory_order_relaxed);
        return unwatched{};
    }
};

/// What WAITAOF tells: whose append-only files have what this connection has written.
struct persisted {
    std::int64_t here = 0;  ///< 1: the primary's own file.
    std::int64_t replicas = 0;
    friend bool operator==(persisted const&, persisted const&) = default;
};

}  // namespace umbel

template <>
inline constexpr bool umbel::empty_is_missing<umbel::persisted> = false;

template <>
struct umbel::from_reply<umbel::persisted> {
    template <class View = resp::view>
    static result<later<View, persisted>> from(View const& reply) {
        using parts = later<View, std::pair<std::int64_t, std::int64_t>>;
        result<parts> const read = from_reply<parts>::from(reply);
        if (!read) return tl::unexpected<error>{read.error()};
        return persisted{read->first, read->second};
    }
};

namespace umbel {

/// A connection that nobody else uses, to the node that served the key when the lease was made: `auto lease =
/// co_await db.lease("{cart:7}")`. Commands on it go out in the order in which they are begun, and are
/// answered in that order; one that blocks holds up those behind it.
///
/// Everything goes to this connection and nowhere else, as by client::on(): DBSIZE, KEYS, SCAN, FLUSHALL,
/// SCRIPT FLUSH and their kind concern its node alone, also in a transaction, and nothing is split by slot.
///
/// It follows nobody: a MOVED, or the loss of the connection, is the error of the command that meets it. When
/// the connection has ended, every later command fails with connection_lost (not_sent) and alive() is false;
/// no other connection takes its place, because what the server remembered is gone: make another lease then.
/// A command that needs a lease is taken here by its words, too: `lease.command<std::string>("CLIENT",
/// "NO-EVICT", "ON")`. What alters the number of replies, or takes the connection's credentials, is refused
/// with needs_lease even here: SUBSCRIBE and its kind, MONITOR, CLIENT REPLY, HELLO, RESET, QUIT. So is what
/// blocks, of which the typed functions alone know for how long: blpop(), xread_block(), wait() and so on.
///
/// When the lease is destroyed and the last command on it has ended, its connection goes back to the pool. If
/// a command has changed it (SELECT, CLIENT NO-EVICT, MULTI by its word, WATCH without unwatch(), …), or was
/// given up before its reply came, it is closed instead: no command undoes everything, and RESET takes the
/// credentials, too.
/// A transaction on a lease is nullopt where a watched key has changed: `co_await mine->watch("k"); …; auto
/// done = co_await mine->transaction(umbel::cmd.set("k", next)); co_await mine->unwatch();`. Errors of each
/// command: those of every command, listed at umbel::client, but for what following and repeating would mend:
/// moved, ask, connection_lost and the like are told at once. Cancellation: of commands that block as of
/// blocking_list_commands. A command that blocks goes out when the one before it that blocks has ended, and
/// those behind it with it; until then it is not_sent. Threading: as umbel::client. Lifetime: it may outlive
/// its client; its commands complete with cancelled then. Precondition of all but assignment and destruction:
/// it was not moved from.
class lease : public one_slot_commands<lease>,
              public blocking_commands<lease>,
              public transaction_commands<lease>,
              public calling::submitter<lease> {
private:
    template <class Reply>
    auto blocking(command::command_spec const& name, command::word_list& list, block_time time) const {
        list.refuse_if(!time.good(),
                       "a wait must be positive; umbel::wait_forever asks for one without an end");
        return submit(command::blocking_invocation<Reply>{name, list.words(), cluster::command_flags::none,
                                                          time, list.refusal()});
    }

public:
    lease(lease&& other) noexcept : state_{std::exchange(other.state_, nullptr)} {}
    lease& operator=(lease&& other) noexcept {
        std::swap(state_, other.state_);
        return *this;
    }
    ~lease() {
        if (state_) state_->site.owner->code->release_lease(*state_, false);
    }

    /// False once the connection has ended. It may end at any moment, so a command may fail all the same.
    bool alive() const noexcept { return !state_->lost.load(std::memory_order_acquire); }

    /// WATCH: a transaction on this lease is not executed if one of the keys has changed by then. Until
    /// unwatch() has succeeded, the connection does not go back to the pool. The keys lie in the slot of the
    /// lease. Since 2.2.0. Complexity: O(keys).
    template <command::key_range_of_texts Keys>
    operation<watched> watch(Keys const& keys) const {
        command::word_list list;
        list.add_keys(keys);
        if (!list.refusal()) state_->watches.fetch_add(1, std::memory_order_relaxed);
        return calling::submit<watched>(
            site(), command::invocation<watched>{command::specs::watch, list.words(),
                                                 cluster::command_flags::none, list.refusal()});
    }
    template <std::convertible_to<std::string_view>... Keys>
        requires(sizeof...(Keys) >= 1)
    operation<watched> watch(Keys const&... keys) const {
        return watch(std::array<std::string_view, sizeof...(Keys)>{std::string_view{keys}...});
    }
    /// UNWATCH: no key is watched any more; to be called after a transaction, too. Since 2.2.0.
    operation<unwatched> unwatch() const {
        return calling::submit<unwatched>(
            site(),
            command::invocation<unwatched>{command::specs::unwatch, {}, cluster::command_flags::none});
    }

    /// HIMPORT PREPARE: gives a list of fields a name, by which himport_set() writes hashes of these fields.
    /// It holds for this connection, which does not go back to the pool. A list of that name is replaced.
    /// Errors: server_error where a field comes twice. Since 8.10.0 (no Valkey).
    /// Complexity: O(fields * log(fields)).
    template <command::word_range Fields>
    operation<ok> himport_prepare(std::string_view fieldset, Fields const& fields) const {
        command::word_list list{fieldset};
        list.add_each(fields);
        if (!list.refusal()) state_->changed.store(true, std::memory_order_relaxed);
        return submit_import<ok>(command::specs::himport_prepare, list);
    }
    /// HIMPORT SET: writes a hash in place of whatever the key holds: the fields that have that name, with
    /// these values, in their order. The key lies in a slot of the lease's node. Errors: server_error where
    /// no fields have that name here, or another number of them. Since 8.10.0 (no Valkey). Complexity:
    /// O(fields).
    template <command::word_range Values>
    operation<ok> himport_set(std::string_view name, std::string_view fieldset, Values const& values) const {
        command::word_list list{umbel::key{name}, fieldset};
        return submit_import<ok>(command::specs::himport_set, list.add_each(values));
    }
    template <command::word... Values>
        requires(sizeof...(Values) >= 1)
    operation<ok> himport_set(std::string_view name, std::string_view fieldset,
                              Values const&... values) const {
        command::word_list const list{umbel::key{name}, fieldset, values...};
        return submit_import<ok>(command::specs::himport_set, list);
    }
    /// HIMPORT DISCARD: true when fields had that name; the hashes stay. Since 8.10.0 (no Valkey).
    operation<bool> himport_discard(std::string_view fieldset) const {
        return submit_import<bool>(command::specs::himport_discard, command::word_list{fieldset});
    }
    /// HIMPORT DISCARDALL: how many lists of fields had a name. Since 8.10.0 (no Valkey).
    operation<std::int64_t> himport_discardall() const {
        return submit_import<std::int64_t>(command::specs::himport_discardall, command::word_list{});
    }

    /// WAIT: how many replicas have acknowledged what was written on this lease; it answers when so many
    /// have, or the time is over. Since 3.0.0. Complexity: O(1).
    auto wait(std::uint64_t replicas, block_time time) const {
        command::word_list list{replicas, time.milliseconds()};
        return blocking<std::int64_t>(command::specs::wait, list, time);
    }
    /// WAITAOF: whose append-only files have what was written on this lease: as many replicas' as this, and
    /// the primary's own if `here`. Errors: server_error where the server keeps no such file and `here` is
    /// asked for. Since 7.2.0. Complexity: O(1).
    auto waitaof(bool here, std::uint64_t replicas, block_time time) const {
        command::word_list list{here ? 1 : 0, replicas, time.milliseconds()};
        return blocking<persisted>(command::specs::waitaof, list, time);
    }

    /// Keys may be watched here: the value of a transaction is optional.
    static constexpr bool may_watch = true;
    calling::site const& site() const noexcept { return state_->site; }
    /// For the library: takes over the reference of the call that has got it.
    static lease of_call(async::pooled_call& call) noexcept {
        auto* const held = static_cast<calling::lease_state*>(std::exchange(call.lease, nullptr));
        held->lent = true;
        return lease{*held};
    }

private:
    template <class Reply>
    operation<Reply> submit_import(command::command_spec const& name, command::word_list const& list) const {
        return submit(
            command::invocation<Reply>{name, list.words(), cluster::command_flags::none, list.refusal()});
    }
    explicit lease(calling::lease_state& held) noexcept : state_{&held} {}
    calling::lease_state* state_;
};

}  // namespace umbel
