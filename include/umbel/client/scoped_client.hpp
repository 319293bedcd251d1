// scoped_client.hpp: the typed commands for whatever can submit them, and a client with other options for
// some of its commands. It joins a command's reply type to an untyped call; it knows no protocol detail.
#pragma once

#include <umbel/client/batch.hpp>
#include <umbel/client/element_scan_commands.hpp>
#include <umbel/client/for_each_commands.hpp>
#include <umbel/client/get_into.hpp>
#include <umbel/client/make_operation.hpp>
#include <umbel/client/multi_key.hpp>
#include <umbel/client/submitter.hpp>
#include <umbel/client/transaction.hpp>
#include <umbel/client/whole_cluster.hpp>
#include <umbel/command/arrays.hpp>
#include <umbel/command/bitmaps.hpp>
#include <umbel/command/blocking_lists.hpp>
#include <umbel/command/blocking_sorted_sets.hpp>
#include <umbel/command/blocking_streams.hpp>
#include <umbel/command/geo.hpp>
#include <umbel/command/hashes.hpp>
#include <umbel/command/hyperloglogs.hpp>
#include <umbel/command/key_contents.hpp>
#include <umbel/command/keys.hpp>
#include <umbel/command/lists.hpp>
#include <umbel/command/publish.hpp>
#include <umbel/command/scripting.hpp>
#include <umbel/command/server.hpp>
#include <umbel/command/server_admin.hpp>
#include <umbel/command/sets.hpp>
#include <umbel/command/sorted_set_algebra.hpp>
#include <umbel/command/sorted_set_ranges.hpp>
#include <umbel/command/sorted_sets.hpp>
#include <umbel/command/sorting.hpp>
#include <umbel/command/stream_groups.hpp>
#include <umbel/command/streams.hpp>
#include <umbel/command/strings.hpp>
#include <umbel/command/vector_sets.hpp>
#include <umbel/options.hpp>

#include <chrono>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace umbel {

class lease;

/// Every command of one slot, once, for whatever can submit one.
template <class Self>
class one_slot_commands : public command::array_commands<Self>,
                          public command::bitmap_commands<Self>,
                          public command::geo_commands<Self>,
                          public command::hash_commands<Self>,
                          public command::hyperloglog_commands<Self>,
                          public command::key_commands<Self>,
                          public command::key_content_commands<Self>,
                          public command::list_commands<Self>,
                          public command::publish_commands<Self>,
                          public command::scripting_commands<Self>,
                          public command::server_admin_commands<Self>,
                          public command::server_commands<Self>,
                          public command::set_commands<Self>,
                          public command::sort_commands<Self>,
                          public command::sorted_set_algebra_commands<Self>,
                          public command::sorted_set_commands<Self>,
                          public command::sorted_set_range_commands<Self>,
                          public command::stream_commands<Self>,
                          public command::stream_group_commands<Self>,
                          public command::string_commands<Self>,
                          public command::vector_set_commands<Self> {
public:
    /// Any command by its words, typed: `command<std::int64_t>("INCRBY", umbel::key("n"), 5)`. Arguments are
    /// words (texts, numbers, bools as 0 or 1, enumerations, types of yours with a umbel::to_argument, keys
    /// marked by umbel::key), ranges of words or of pairs, structs that say their fields, and std::optional,
    /// which adds nothing when it is empty; nor does an empty range. Durations say their unit:
    /// umbel::in_seconds(30s). Without a marked key the command table finds the keys. `Value` is anything
    /// that from_reply knows. Errors: those of every command (see client); of these at once bad_argument (an
    /// empty name, too few arguments, keys that cannot be found), cross_slot, needs_lease.
    template <decodable Value, umbel::command::sendable... Arguments>
    auto command(std::string_view name, Arguments const&... arguments) const {
        auto const& self = umbel::command::self_of(*this);
        if constexpr ((umbel::command::word<Arguments> && ...)) {
            // One expression: what to_argument makes of the arguments lives until its end.
            using all = umbel::command::argument const[sizeof...(Arguments) + 1];
            return calling::submit_words<Value>(
                self, all{umbel::command::argument{name}, umbel::command::argument{arguments}...});
        } else {
            umbel::command::word_list list{name};
            (list.add_any(arguments), ...);
            return calling::submit_words<Value>(self, list);
        }
    }

    // clang-format off: the compiler shows this line to whoever calls it.
    template <decodable Value, class... Arguments>
        requires(!(umbel::command::sendable<Arguments> && ...))
    void command(std::string_view, Arguments const&...) const = delete;  // needs to_argument<T>, in_seconds()
    // clang-format on

    /// Any command at run time; its keys are found by the table of all commands of Redis and Valkey. A
    /// command without a key goes to all nodes that it concerns, as its command tips say, and their replies
    /// are joined: DBSIZE is a sum, FLUSHALL has succeeded everywhere, KEYS are those of all shards; what
    /// concerns no node in particular goes to another one each time. In a cluster SCAN is refused: scan()
    /// sees all keys. Through on() the command goes to that node as it is.
    ///
    /// A command that the table does not have, a module's, the client asks a server for, once, by COMMAND
    /// INFO: where its keys stand, whether it reads (then replicas may serve it) or blocks (then it needs a
    /// lease), and what its tips say, by which it is split and joined. The first call of a name waits for the
    /// answer, with all others of that name meanwhile: for five seconds at most, and for at most half of
    /// its deadline; commands that are called later and known already do not wait behind it, even those of
    /// the same key. So do batches and transactions, as a whole, before they are sent. What goes where its
    /// caller has chosen, on a lease, by on() or by on_each_node(), does not wait: it goes there whatever it
    /// is; but with a prefix its keys must be marked then, for a guess would make it another key, and in a
    /// transaction on a lease it must have been learned before (bad_argument). Where no server says it (no
    /// such command, no permission, options::learn_commands is false), its first argument is taken for its
    /// only key, and it goes to primaries; an unknown name is asked for again after a minute, at most 512
    /// names are. What a server has said holds until a node answers that it does not know the command, or
    /// that its keys lie in several slots: that call fails, and the next one asks anew, after a second at the
    /// earliest, then after two, and so on up to a minute. So it is with subcommands that the table does not
    /// have, which come with their command; of one that the server does not know either the name of the
    /// subcommand is the first argument. Where a server says that there may be more keys than it tells of,
    /// those that are known route it, it is not split, and with a prefix (prefixed()) it is refused unless
    /// its keys are marked by umbel::key.
    ///
    /// MGET, MSET, DEL, UNLINK, EXISTS and TOUCH of keys in several slots, and what servers say of modules'
    /// commands that is like them (request_policy multi_shard), are split, in a cluster: one command a slot,
    /// side by side, and one reply as one server would have given it. So each slot's part is atomic, and all
    /// together are not: others may see some keys written and others not yet. In a batch likewise; not in a
    /// transaction. What does all or nothing (MSETNX, RENAME …) is refused.
    ///
    /// Errors: bad_argument (empty argv, missing arguments, SCAN in a cluster), cross_slot, needs_lease; all
    /// before anything is sent. Where one node or part fails, the whole does, with the delivery unknown when
    /// another may have executed it; the message counts the parts. Rule: Redis documentation, "Command tips",
    /// "Command key specifications".
    auto execute(std::span<std::string_view const> argv) const {
        return umbel::command::self_of(*this).template submit<reply>(argv, {});
    }
    auto execute(std::span<std::string const> argv) const {
        std::vector<later<Self, std::string_view>> words;
        UMBEL_TRY { words.assign(argv.begin(), argv.end()); }
        UMBEL_CATCH(std::bad_alloc const&) {
            return calling::submit_refused<reply>(umbel::command::self_of(*this),
                                                  {"no memory for the arguments", errc::no_memory});
        }
        return execute(words);
    }
};

/// Every command that blocks, once, for whatever can submit one.
template <class Self>
class blocking_commands : public command::blocking_list_commands<Self>,
                          public command::blocking_sorted_set_commands<Self>,
                          public command::blocking_stream_commands<Self> {};

/// The commands of one slot and those of keys in any slots; of the names that both have, all overloads.
template <class Self>
class any_slot_commands : public one_slot_commands<Self>, public multi_key_commands<Self> {
public:
    using command::key_commands<Self>::del;
    using command::key_commands<Self>::unlink;
    using command::key_commands<Self>::exists;
    using command::key_commands<Self>::touch;
    using multi_key_commands<Self>::del;
    using multi_key_commands<Self>::unlink;
    using multi_key_commands<Self>::exists;
    using multi_key_commands<Self>::touch;
};

/// Every typed command, once, for whatever can submit one and has a site where its parts begin.
template <class Self>
class commands : public any_slot_commands<Self>,
                 public blocking_commands<Self>,
                 public into_memory_commands<Self>,
                 public for_each_commands<Self>,
                 public batch_commands<Self>,
                 public transaction_commands<Self>,
                 public element_scan_commands<Self>,
                 public whole_cluster_commands<Self> {};

/// A client whose values come with the way their commands took: `(*co_await
/// db.with(umbel::trail).get("k")).trail`; made by client::with(). It has the commands of one slot. Lifetime:
/// as scoped_client.
class traced_client : public one_slot_commands<traced_client>,
                      public calling::submitter<traced_client, traced> {
public:
    explicit traced_client(calling::site site) noexcept : site_{std::move(site)} {}

    calling::site const& site() const noexcept { return site_; }

private:
    calling::site site_;
};

/// A client with other options for the commands called through it; made by client::with().
/// Lifetime: a value; operations from one that has outlived its client complete with errc::cancelled.
class scoped_client : public commands<scoped_client>, public calling::submitter<scoped_client> {
public:
    explicit scoped_client(calling::site site) noexcept : site_{std::move(site)} {}

    calling::site const& site() const noexcept { return site_; }

    /// The same, reading from elsewhere.
    scoped_client with(umbel::read_from reads) const noexcept {
        scoped_client other{*this};
        other.site_.options.reads = reads;
        return other;
    }
    /// The same, with another deadline for each command, counted from the moment when the command begins.
    /// Errors: one that is zero or less has passed: every command fails at once with deadline_exceeded
    /// (not_sent).
    template <class Rep, class Period>
    scoped_client with(std::chrono::duration<Rep, Period> deadline) const noexcept {
        scoped_client other{*this};
        other.site_.options.give_deadline(saturated(deadline));
        other.site_.check();
        return other;
    }
    /// The same, without a deadline.
    scoped_client with(no_deadline_t) const noexcept { return with(std::chrono::nanoseconds{no_deadline}); }
    /// The same, asking a second node where a read takes longer than that. Commands that write, those of
    /// several slots (mget and its like), and scripts and functions that are brought to the nodes (run_ro)
    /// are not hedged; eval_ro and fcall_ro are. Errors: bad_argument for a read under
    /// read_from::primary, which one node only may serve, and for every command where the delay is not
    /// positive.
    scoped_client with(hedge_after second) const noexcept {
        scoped_client other{*this};
        bool const good = second.delay > std::chrono::nanoseconds{0};
        other.site_.options.hedge = good ? second.delay : std::chrono::nanoseconds{-1};
        other.site_.check();
        return other;
    }
    /// The same, with this in front of every key: see client::prefixed(). A prefix that there is already
    /// stays in front of it.
    scoped_client prefixed(std::string_view prefix) const noexcept {
        scoped_client other{*this};
        other.site_.add_prefix(prefix);
        return other;
    }
    /// The same, with the trail in every value.
    traced_client with(trail_t) const noexcept { return traced_client{site_}; }
    /// All of these at once.
    template <class First, class... More>
        requires(sizeof...(More) >= 1)
    auto with(First first, More... more) const noexcept {
        return with(first).with(more...);
    }
    /// As client::lease().
    template <class Lease = umbel::lease>
    operation<Lease> lease(std::string_view key) const {
        return calling::make_lease<Lease>(site_, key);
    }

private:
    calling::site site_;
};

}  // namespace umbel
