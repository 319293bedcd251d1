// consumer.hpp: a consumer of a group that reads a stream, page by page: what users hold. How a page comes
// about stands in consumer_step.hpp.
#pragma once

#include <umbel/client/consumer_ack.hpp>
#include <umbel/client/consumer_step.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace umbel {

/// A consumer of a group, over XREADGROUP: it is given the entries of a stream until it has acknowledged
/// them.
///
///     umbel::consumer worker{db, {.stream = "orders", .group = "billing", .name = "host-7"}};
///     while (auto page = co_await worker.next()) {       // result<consumer_page<>>
///         for (auto const& [id, fields] : *page) co_await handle(fields);
///         for (auto const& [id, why] : page->unreadable) {       // none of the type `Fields`
///             report(id, why);
///             co_await worker.ack(id);
///         }
///         co_await worker.ack(*page);
///     }
///
/// `Fields`: any map, a vector of pairs, or a struct of yours: `umbel::consumer<order> worker{…}`.
///
/// **Promise: at least once.** An entry of the stream is given to some consumer of the group until it is
/// acknowledged, although connections are lost, nodes fail over, slots move and consumers die meanwhile; and
/// nothing is acknowledged that was not given out. It may be given more than once, so handling it twice must
/// do no harm. Replication is asynchronous: an entry that a failover loses is gone, and an acknowledgement
/// that it loses is forgotten. A stream that is trimmed loses entries, too.
///
/// **What is out** was given, and neither acknowledged nor left. It stays with its caller as long as the
/// consumer lives, for however long, and next() does not give it again: who cannot handle it must say so by
/// leave() or redeliver(). Once the consumer has ended, it is given to the next of its name, or to others
/// after consumer_options::claim_idle.
///
/// How: what pends for the consumer at the server comes first, as after a restart. Then, in turn, entries
/// that have been pending for too long for anybody (XAUTOCLAIM), and fresh ones, for which the server waits
/// on a lease. Where the reply of a read is lost, the server may have delivered entries that nobody has seen:
/// they are read from the list of what pends, before anything else. A group that is not there, because it
/// never was or because a replica took over that lacks it, is made (consumer_options::create, after).
///
/// **Back-pressure**: no more than consumer_options::unacknowledged_max entries are out at one time. Where so
/// many are, next() waits for ack() or leave(), and then fails with overloaded.
///
/// Consumers of one group have different names: two at one time under one name take each other's pending
/// entries for their own. A consumer that ends leaves behind what it has not acknowledged, for its next start
/// or for the claims of others; XGROUP DELCONSUMER would lose that.
/// Lifetime: it may outlive the client, and its operations the consumer. Threading: one next() at a time; all
/// else from any thread, also meanwhile. Moved and destroyed by one thread at a time.
/// Rule: Redis Streams, "Consumer groups"; XREADGROUP command; XAUTOCLAIM command.
template <decodable Fields = stream_fields>
class consumer {
public:
    using page = consumer_page<Fields>;

    /// `db`: an umbel::client or what its with() and prefixed() give. Nothing is sent before the first
    /// next(). Errors: throws std::bad_alloc; all others come with the pages.
    template <class Db>
    consumer(Db const& db, consumer_options const& options)
        : state_{calling::begin_consumer(db.site(), options)} {}

    /// The next page; empty where consumer_options::wait is over. Faults that pass are waited out (a node
    /// that is not there, fails over, loads, or has no room): where a command has failed of one, fault()
    /// tells.
    ///
    /// Errors: bad_argument for options that are wrong, and for a next() begun while another is under way.
    /// deadline_exceeded where consumer_options::wait is over and the latest command has failed. overloaded
    /// where too much is out. protocol_error for a reply that exceeds a bound of options: the entries are
    /// read again by the next next(), so a caller that goes on pauses; the mend is a larger bound, or a
    /// consumer with a smaller consumer_options::count. It may be the reply to another's command on that
    /// connection. wrong_type, no_permission and other errors of the server; unexpected_type, no_memory;
    /// cancelled, also when the client is closed. After any error next() goes on where the consumer stood:
    /// nothing is lost.
    ///
    /// Cancellation: what the server delivers meanwhile is the page, or comes with the next next(). Seen at
    /// once while the server waits for entries, else within half a second.
    ///
    /// Units/shape: a page has entries of one source, in the order of their ids. Each next() that waits has
    /// one of its node's leases (options::leases_max).
    operation<page> next() const { return operation<page>{calling::next_page<Fields>(state_)}; }

    /// XACK of the entries of a page that are out: how many of them were pending. Not of those that are
    /// unreadable: these are acknowledged by their ids. Where none is out, nothing is sent.
    /// Errors: bad_argument for ids, not of a page, that are not out with the caller; deadline_exceeded and
    /// cancelled; errors of the server, as next(). After any of them all of the ids are out still, and may be
    /// acknowledged again; its delivery is unknown where any of them may be acknowledged already. What may
    /// have been executed is sent again until the deadline of a command: the value is too small then.
    /// Cancellation: as of every command.
    operation<std::int64_t> ack(page const& done) const {
        return operation<std::int64_t>{calling::acknowledge(state_, ids_of(done), true)};
    }
    /// The same of one entry.
    operation<std::int64_t> ack(std::string_view id) const {
        return operation<std::int64_t>{calling::acknowledge(state_, {std::string{id}}, false)};
    }
    /// The same of many, in one command up to 1000 of them.
    template <command::key_range_of_texts Ids>
    operation<std::int64_t> ack(Ids const& ids) const {
        std::vector<std::string> all;
        for (auto&& id : ids) all.emplace_back(std::string_view{id});
        return operation<std::int64_t>{calling::acknowledge(state_, std::move(all), false)};
    }

    /// Leaves entries pending: they are out no more, make room, and come again once they have been pending
    /// for consumer_options::claim_idle, to whichever consumer claims first; or to this one when it reads
    /// what pends for it, as it does after a restart. Ids that are not out do nothing. Errors: throws
    /// std::bad_alloc.
    void leave(page const& undone) const { state_->retire(ids_of(undone)); }
    /// The same of one entry.
    void leave(std::string_view id) const { state_->retire(std::array<std::string_view, 1>{id}); }

    /// Takes back everything that is out: it is given again, from the beginning, by the next next(). For a
    /// caller that has lost pages. The page that a next() under way gives is out afterwards.
    void redeliver() const { state_->give_all_again(); }

    /// How many entries are out.
    std::size_t unacknowledged() const {
        std::lock_guard const guard{state_->mutex};
        return state_->progress.out_count();
    }
    /// What the latest command of the next() that is under way has failed with. Nothing while all is well;
    /// nor while no seed answers, a command still goes on by itself (a failover, a lease that others have),
    /// or there is no room.
    std::optional<error> fault() const {
        std::lock_guard const guard{state_->mutex};
        return state_->fault;
    }

private:
    static std::vector<std::string> ids_of(page const& whole) {
        std::vector<std::string> ids;
        ids.reserve(whole.entries.size());
        for (auto const& entry : whole.entries) ids.push_back(entry.id);
        return ids;
    }

    std::shared_ptr<calling::consumer_state> state_;
};

}  // namespace umbel
