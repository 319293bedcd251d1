// pipeline_rare.hpp: the part of the pipeline that an ordinary command never comes to. Included by
// pipeline.hpp.
#pragma once

#include <umbel/engine/overload.hpp>
#include <umbel/engine/pipeline.hpp>

namespace umbel::engine {

UMBEL_NEVER_INLINE inline void pipeline::accept_any(call& call, instant now) noexcept {
    close_fast_append();
    std::size_t const bytes = call.wire_size();
    bool const oversized = bytes > options_.queued_bytes_max;
    // One that is larger than the bound takes nothing from its neighbours.
    bool const room = oversized ? oversized_bytes_ == 0
                                : queued_bytes_ - oversized_bytes_ + bytes <= options_.queued_bytes_max;
    if (!room || queue_.size() >= options_.in_flight_max || call.owned_by(cancel_token::of(link_)) ||
        !queue_.make_room())
        return refuse(call, room);
    enter(call, call.asking ? 2 : 1);
    queued_bytes_ += bytes;
    ++counters_.commands;
    if (oversized) {
        oversized_bytes_ = bytes;
        oversized_at_ = call.position;
    }
    bool const next = staged_ == call.position && !outbox_.backlog() && outbox_.begin();
    if (next && outbox_.takes(call)) {
        outbox_.stage(call);
        ++staged_;
    }
    watch(call, now);
    if (outbox_.staging() && staged_ == queue_.tail()) open_fast_append();
}

inline void pipeline::open_fast_append() noexcept {
    if (queued_bytes_ >= options_.queued_bytes_max) return;
    std::size_t const places = std::min<std::size_t>(queue_.capacity(), options_.in_flight_max);
    outbox_.lend(fast_append_, options_.queued_bytes_max - queued_bytes_, queue_.head() + places);
}

UMBEL_NEVER_INLINE inline void pipeline::let_go(call& call) noexcept {
    if (call.wheel_back) wheel_.remove(call);
    call.owned_by(cancel_token::nobody);
}

/// Tells a call why it does not come in; `room` says that its bytes would have found some.
UMBEL_NEVER_INLINE inline void pipeline::refuse(call& call, bool room) noexcept {
    bool const cancelled = call.cancel_wanted();
    call.owned_by(cancel_token::nobody);
    call.at = call::stage::done;
    auto const because = [&](errc why, std::string_view message) {
        call.kind->fail(call, make_error(call, why, call.known(delivery::not_sent), message, node_));
    };
    if (cancelled) {
        because(errc::cancelled, "cancelled before it was sent");
    } else if (!room) {
        because(errc::overloaded, overload_message::bytes(options_.queued_bytes_max));
    } else if (queue_.size() >= options_.in_flight_max) {
        because(errc::overloaded, overload_message::commands(options_.in_flight_max));
    } else {
        because(errc::no_memory, "no memory for the connection's queue");
    }
    finished_.push(call);
}

UMBEL_NEVER_INLINE inline void pipeline::abandon(call& call, errc why) noexcept {
    close_fast_append();
    bool const queued = !awaits_reply(call);
    if (queued) {
        queued_bytes_ -= call.wire_size();
        if (call.position == oversized_at_) oversized_bytes_ = 0;
        if (call.position < staged_) unstage();
        queue_[call.position] = in_flight_queue::entry::tombstone(0);
    } else {
        queue_[call.position] = in_flight_queue::entry::tombstone(call.replies_due);
        if (outbox_.holds(call) && !outbox_.adopt(call)) fault_ = "out of memory";
        if (why == errc::deadline_exceeded) ++silent_;
    }
    leave(call);
    call.kind->fail(call, make_error(call, why, call.known(queued ? delivery::not_sent : delivery::unknown),
                                     name_of(why), node_));
    finished_.push(call);
}

inline void pipeline::lose(errc why, std::string_view message, instant now, bool by_peer) noexcept {
    close_fast_append();
    std::uint64_t const kernel = outbox_.kernel_bytes();
    in_flight_queue::position const first = queue_.head();
    for (; !queue_.empty(); queue_.pop()) {
        in_flight_queue::entry const next = queue_[queue_.head()];
        if (next.is_tombstone()) continue;
        call& call = *next.owner();
        bool const sent = awaits_reply(call) && call.stream_end <= kernel;
        bool const begun = awaits_reply(call) && call.stream_end < kernel + call.wire_size();
        // The one that was being answered, or the one that was being sent; those between have done nothing.
        if (by_peer && begun && (call.position == first || !sent) && call.connections_closed < UINT8_MAX)
            ++call.connections_closed;
        leave(call);
        failure const seen{.code = why,
                           .delivered = sent ? delivery::unknown : delivery::not_sent,
                           .message = message,
                           .node = node_,
                           .from_replica = link_.mode == link_mode::replica};
        route_fault(call, seen, now);
    }
    written_ = staged_ = queue_.head();
    queued_bytes_ = oversized_bytes_ = 0;
    ordered_until_ = instant{0};
    cursor_ = queue_.head();
    outbox_.reset();
    reader_.reset();
    fault_.clear();
    silent_ = 0;
    ++losses_;
}

inline void pipeline::surrender(call_list& out) noexcept {
    close_fast_append();
    for (; !queue_.empty(); queue_.pop()) {
        in_flight_queue::entry const next = queue_[queue_.head()];
        if (next.is_tombstone()) continue;
        leave(*next.owner());
        out.push(*next.owner());
    }
    outbox_.reset();
    written_ = staged_ = cursor_ = queue_.head();
    queued_bytes_ = oversized_bytes_ = 0;
}

UMBEL_NEVER_INLINE inline void pipeline::unstage() noexcept {
    outbox_.unstage();
    staged_ = written_;
}

UMBEL_NEVER_INLINE inline pipeline::progress pipeline::bury(unsigned replies) {
    if (replies == 0) {
        queue_.pop();
        return progress::more;
    }
    resp::view push;
    switch (reader_.skip(push)) {
        case resp::reader::status::ready: break;
        case resp::reader::status::push: ++counters_.pushes; return progress::more;
        case resp::reader::status::need_more: return progress::drained;
        case resp::reader::status::fault: return broken(std::string{reader_.fault().message()});
    }
    ++counters_.late;
    queue_[queue_.head()] = in_flight_queue::entry::tombstone(replies - 1);
    return progress::more;
}

UMBEL_NEVER_INLINE inline bool pipeline::give_up_reply() noexcept {
    if (queue_.head() == written_ || queue_[queue_.head()].is_tombstone() || reader_.in_push()) return false;
    call& call = *queue_[queue_.head()].owner();
    if (outbox_.backlog() && outbox_.holds(call)) return false;
    // What is too large for the memory there is is no error line: the command has run, unless this is the
    // reply to its ASKING.
    delivery const known = call.replies_due == 1 ? delivery::executed : delivery::unknown;
    queue_[call.position] = in_flight_queue::entry::tombstone(call.replies_due);
    leave(call);
    call.kind->fail(call, make_error(call, errc::no_memory, call.known(known),
                                     "memory has run out for the reply", node_));
    finished_.push(call);
    return true;
}

UMBEL_NEVER_INLINE inline pipeline::progress pipeline::settle_unasked() {
    while (!reader_.at_boundary()) {
        resp::view unasked;
        switch (reader_.next(unasked)) {
            case resp::reader::status::ready:
                if (unasked.kind() == resp::type::push) {
                    ++counters_.pushes;
                    continue;
                }
                if (!unasked.is_error()) return broken("a reply came that no command asked for");
                return broken(std::string{unasked.text()});
            case resp::reader::status::push:
            case resp::reader::status::need_more: return progress::drained;
            case resp::reader::status::fault: return broken(std::string{reader_.fault().message()});
        }
    }
    return progress::drained;
}

UMBEL_NEVER_INLINE inline pipeline::progress pipeline::interrupted(call& call, resp::view const& reply,
                                                                   instant now) {
    if (!reply.is_error()) return broken("a reply came before its command was sent");
    std::string why{reply.text()};
    queue_.pop();
    leave(call);
    faulted(call, reply, now);
    return broken(std::move(why));
}

UMBEL_NEVER_INLINE inline void pipeline::faulted(call& call, resp::view const& reply, instant now) noexcept {
    cluster::parsed_error const read = cluster::parse_error(reply.text(), call.flags);
    failure const seen{.code = read.code,
                       .delivered = read.delivered,
                       .message = reply.text(),
                       .node = node_,
                       .host = read.host,
                       .port = read.names_node() ? read.port : std::uint16_t{0},
                       .slot = read.slot,
                       .from_replica = link_.mode == link_mode::replica,
                       .inner = read.inner};
    route_fault(call, seen, now);
}

UMBEL_NEVER_INLINE inline void pipeline::route_fault(call& call, failure const& seen, instant now) noexcept {
    if (!judge(call, seen, options_.judging, now, random_)) {
        finished_.push(call);
        return;
    }
    ++(seen.redirects() ? counters_.redirects : counters_.retries);
    returned_.push(call);
}

namespace naming {

/// The first word of an encoded command.
inline std::string_view first_word(std::string_view bytes) noexcept {
    std::size_t const length_at = bytes.find('$');
    std::size_t const line_end =
        bytes.find('\n', length_at == std::string_view::npos ? bytes.size() : length_at);
    if (line_end == std::string_view::npos) return {};
    std::string_view const rest = bytes.substr(line_end + 1);
    return rest.substr(0, rest.find('\r'));
}

}  // namespace naming

UMBEL_NEVER_INLINE inline void pipeline::time(call const& call, instant now) noexcept {
    if (call.internal) return;
    duration const took = now - call.accepted;
    if (latency_)
        (has(call.flags, cluster::command_flags::read_only) ? latency_->reads : latency_->writes).note(took);
    if (options_.slow_after <= duration{0} || took < options_.slow_after || slow_.size() >= slow_max) return;
    try {
        slow_.push_back(
            {node_, std::string{naming::first_word({call.bytes, call.size})}, call.slot.number(), took});
    } catch (...) {
        // Told or not: the command has its reply.
    }
}

}  // namespace umbel::engine
