// pipeline_impl.hpp: the part of the pipeline that an ordinary command never comes to. Included by
// pipeline.hpp.
#pragma once

#include <umbel/engine/overload.hpp>
#include <umbel/engine/pipeline.hpp>
#include <umbel/engine/transaction_replies_impl.hpp>

namespace umbel::engine {

UMBEL_NEVER_INLINE inline void pipeline::accept_any(call& call, instant now, bool bounded) noexcept {
    close_fast_append();
    endings_.waits().note(call);
    if (call.form.slowly) call.form.slowly = 0, start_slowly();
    // A few of the engine's own calls come beside the bounds; what another one lacks is `bounded` as that.
    bool const own = call.is_internal() && !bounded, room = own || send_.has_room(call.wire_size());
    std::size_t const most = std::size_t{options_.in_flight_max} + (own ? options_.own_calls_max : 0);
    if (!room || queue_.size() >= most || call.owned_by(cancel_token::of(link())) || !queue_.make_room())
        return counters_.unaccepted += 1, fail_unaccepted(call, room, queue_.size(), options_, outcomes_);
    if (call.form.transaction) call.retry->transaction.begin(call.form.asking);
    enter(call, call.form.has_several_replies() ? 2 : 1);
    if (call.form.blocks) endings_.waits().entered(call);
    if (call.form.elements) [[unlikely]]
        queue_[call.queue_position] = in_flight_queue::entry::in_elements(call);
    ++counters_.commands;
    send_.append(call, call.wire_size());
    deadlines_.watch(call, now);
    send_.open_fast_append(queue_);
}

UMBEL_NEVER_INLINE inline void pipeline::unwatch(call& call) noexcept {
    deadlines_.forget(call);
    call.owned_by(cancel_token::nobody);
}

inline void pipeline::lose(errc why, std::string_view message, instant now, bool by_peer) noexcept {
    close_fast_append();
    in_flight_queue::position const first = queue_.head();
    bool const gives_elements = others_.in_elements();
    for (; !queue_.empty(); queue_.pop()) {
        in_flight_queue::entry const next = queue_[queue_.head()];
        if (next.is_tombstone()) continue;
        call& call = *next.awaited_call();
        bool const sent = send_.is_sent(call);
        // The command that was being answered may be the reason, or the one that was being sent; those
        // between have done nothing yet.
        bool const begun = send_.is_begun(call);
        bool const suspect = begun && (call.queue_position == first || !sent);
        if (by_peer && suspect && call.connections_closed < UINT8_MAX) ++call.connections_closed;
        delivery known = sent ? delivery::unknown : delivery::not_sent;
        if (call.form.transaction && begun && !sent) known = call.retry->transaction.lost();
        remove(call);
        // Elements that were given cannot be given again.
        bool const given = gives_elements && call.queue_position == first;
        if (given || blocked_waits::is_final(call)) {
            outcomes_.fail(call, given ? why : call.ending, given ? delivery::executed : known, message);
            continue;
        }
        outcomes_.lose(call, {.code = why, .delivered = known, .message = message}, now, counters_);
    }
    remedies_.reset();
    send_.reset(queue_.head());
    deadlines_.reset(queue_.head());
    stream_.reset();
    endings_.reset();
    ++losses_;
}

inline void pipeline::take_all(call_list& out) noexcept {
    close_fast_append();
    for (; !queue_.empty(); queue_.pop()) {
        in_flight_queue::entry const next = queue_[queue_.head()];
        if (next.is_tombstone()) continue;
        remove(*next.awaited_call());
        out.push(*next.awaited_call());
    }
    send_.reset(queue_.head());
    deadlines_.reset(queue_.head());
}

UMBEL_NEVER_INLINE inline pipeline::progress pipeline::settle_elements(call& call, instant now) {
    resp::view reply;
    bool const sending = send_.is_sending(call);
    bool whole = false;
    progress const come = others_.hand_on(call, sending, reply, whole);
    if (!whole) return come;
    if (sending) return interrupted(call, reply, now);
    queue_.pop();
    remove(call);
    ++counters_.replies;
    if (reply.is_error() && !call.kind->takes_errors)
        settle_error(call, reply, now);
    else
        outcomes_.complete(call, reply);
    return progress::more;
}

UMBEL_NEVER_INLINE inline bool pipeline::is_last(call& call, resp::view const& reply, instant now) noexcept {
    if (call.form.blocks && call.replies() == 1) {
        endings_.waits().left(call);
        if (!call.is_given_up()) return true;
        queue_.pop();
        remove(call);
        ++counters_.replies;
        return endings_.waits().settle(call, reply, now, outcomes_, counters_), false;
    }
    if (call.is_internal())
        return static_cast<probe_call const&>(call).may_be_answered_by(reply) || stream_.lost_count();
    // The +OK of ASKING; were it an error, the command's own reply will tell.
    if (!call.form.transaction) return --call.replies_due, false;
    transaction_replies& replies = call.retry->transaction;
    if (replies.due() != 1) return replies.take(reply, call.flags), false;
    // What is wrong with an error is told where errors are.
    if (reply.is_error() || send_.is_sending(call) || !replies.disproves(reply)) return true;
    queue_.pop();
    remove(call);
    ++counters_.replies;
    outcomes_.fail_or_return(call, reply, now, counters_);
    return false;
}

UMBEL_NEVER_INLINE inline void pipeline::settle_error(call& call, resp::view const& reply,
                                                      instant now) noexcept {
    auto const accept = [&](umbel::engine::call& next) { accept_any(next, now, true); };
    if (call.has_remedy && call_outcomes::lacks_what_is_named(call, reply) &&
        remedies_.apply(call, {link(), losses_}, now, outcomes_, accept))
        return;
    outcomes_.fail_or_return(call, reply, now, counters_);
}

UMBEL_NEVER_INLINE inline bool pipeline::fail_arriving_no_memory() noexcept {
    if (queue_.head() == send_.written() || queue_[queue_.head()].is_tombstone() || stream_.in_push())
        return false;
    call& call = *queue_[queue_.head()].awaited_call();
    if (send_.is_sending(call)) return false;
    // A reply too large for the memory that is left is no error line: the command has run, unless this is a
    // reply before its own.
    delivery const known = call.replies() == 1 ? delivery::executed : delivery::unknown;
    if (call.form.blocks) endings_.waits().left(call);
    queue_[call.queue_position] = in_flight_queue::entry::tombstone(call.replies());
    call.ending = errc::no_memory;
    remove(call);
    outcomes_.fail(call, errc::no_memory, known, "memory has run out for the reply");
    return true;
}

UMBEL_NEVER_INLINE inline pipeline::progress pipeline::interrupted(call& call, resp::view const& reply,
                                                                   instant now) {
    if (!reply.is_error()) return stream_.broken("a reply came before its command was sent");
    std::string why{reply.text()};
    queue_.pop();
    remove(call);
    outcomes_.fail_or_return(call, reply, now, counters_);
    return stream_.broken(std::move(why));
}

}  // namespace umbel::engine
