// other_replies.hpp: replies that settle no plain call: late ones, which are passed over, and those whose
// call takes their elements one by one, as they arrive. It judges no call.
#pragma once

#include <umbel/engine/call_deadlines.hpp>
#include <umbel/engine/call_outcomes.hpp>
#include <umbel/engine/in_flight_queue.hpp>
#include <umbel/engine/reply_stream.hpp>

#include <algorithm>
#include <cstdint>

namespace umbel::engine {

/// Works on the parts of one pipeline. Lifetime: borrows them. Precondition of all: something stands at the
/// front of the queue.
class other_replies {
public:
    using progress = settle_progress;
    /// Elements between two looks at other things.
    static constexpr unsigned at_once = 64;

    other_replies(in_flight_queue& queue, call_deadlines& deadlines, call_outcomes& outcomes,
                  reply_stream& stream, pipeline_counters& counters) noexcept
        : queue_{queue}, deadlines_{deadlines}, outcomes_{outcomes}, stream_{stream}, counters_{counters} {}
    other_replies(other_replies const&) = delete;
    other_replies& operator=(other_replies const&) = delete;

    /// Skips one reply of the tombstone at the front. `more`: an entry or a reply is out of the way.
    UMBEL_NEVER_INLINE progress skip() {
        unsigned const replies = queue_[queue_.head()].replies();
        if (replies == 0) {
            queue_.pop();
            return progress::more;
        }
        bool skipped = false;
        progress const done = stream_.skip(skipped, counters_);
        if (skipped) {
            ++counters_.late;
            queue_[queue_.head()] = in_flight_queue::entry::tombstone(replies - 1);
        }
        return done;
    }

    /// Hands elements to the call at the front, and completes it when it has had the last one, or wants no
    /// more; what is left of its reply is skipped then. What the call does with an element may end any call,
    /// also this one. True in `whole`: the reply is no aggregate, or `as_one` has had it read as one; it is
    /// `out`, and settles the call. Precondition: call.form.elements.
    UMBEL_NEVER_INLINE progress hand_on(call& call, bool as_one, resp::view& out, bool& whole) {
        in_flight_queue::position const place = queue_.head();
        for (unsigned looked = 0; looked < at_once; ++looked) {
            bool const ahead = call.replies_due != 1;  // The +OK of ASKING.
            step const come = ahead || as_one ? read_whole(out) : read_element(out);
            switch (come) {
                case step::waiting: return progress::drained;
                case step::broken: return stream_.reader_broken();
                case step::end: return complete(call, false), progress::more;
                case step::element: {
                    bool const wants_more = call.kind->element(call, out);
                    if (queue_.head() != place || queue_[place].is_tombstone()) return progress::more;
                    if (!wants_more) return complete(call, true), progress::more;
                    break;
                }
                case step::whole:
                    if (out.kind() == resp::type::push) {
                        stream_.take_push(out, counters_);
                    } else if (ahead) {
                        --call.replies_due;
                    } else {
                        whole = true;
                        return progress::more;
                    }
            }
        }
        return progress::more;
    }
    /// The latest deadline of the calls before `end` that take elements, but for the call whose elements have
    /// begun to come; zero where there is none.
    UMBEL_NEVER_INLINE instant excuse(in_flight_queue::position end) const noexcept {
        instant latest{0};
        for (in_flight_queue::position at = queue_.head() + (in_elements() ? 1 : 0); at < end; ++at)
            if (in_flight_queue::entry const entry = queue_[at]; !entry.is_tombstone() && !entry.is_plain())
                latest = std::max(latest, entry.awaited_call()->deadline);
        return latest;
    }
    /// True when elements of a reply have come, so that its command has run.
    bool in_elements() const noexcept { return stream_.reader().in_elements(); }

private:
    enum class step : std::uint8_t { waiting, broken, element, end, whole };

    step read_whole(resp::view& out) {
        switch (stream_.reader().next(out)) {
            case resp::reader::status::ready: return step::whole;
            case resp::reader::status::push:
            case resp::reader::status::need_more: return step::waiting;
            case resp::reader::status::fault: break;
        }
        return step::broken;
    }
    step read_element(resp::view& out) {
        switch (stream_.reader().next_element(out)) {
            case resp::reader::element::ready: return step::element;
            case resp::reader::element::end: return step::end;
            case resp::reader::element::none: return step::whole;
            case resp::reader::element::need_more: return step::waiting;
            case resp::reader::element::fault: break;
        }
        return step::broken;
    }
    /// Its time is no latency: it is that of whoever took the elements, too.
    void complete(call& call, bool rest_to_come) {
        static constexpr resp::node nothing = resp::node::scalar(resp::type::null, 0);
        if (rest_to_come)
            queue_[queue_.head()] = in_flight_queue::entry::tombstone(1);
        else
            queue_.pop();
        deadlines_.forget(call);
        call.owned_by(cancel_token::nobody);
        call.at = call::stage::done;
        ++counters_.replies;
        outcomes_.complete(call, resp::view{&nothing, nullptr});
    }

    in_flight_queue& queue_;
    call_deadlines& deadlines_;
    call_outcomes& outcomes_;
    reply_stream& stream_;
    pipeline_counters& counters_;
};

}  // namespace umbel::engine
