// silence.hpp: what the silence of one connection means: no connection in time, a node that must be doubted,
// a PING that is due or unanswered. It knows no pipeline and sends nothing.
#pragma once

#include <umbel/engine/link_options.hpp>

#include <algorithm>
#include <cstdint>
#include <utility>

namespace umbel::engine {

/// When a connection was last heard, and since when it has kept somebody waiting. Time in which this thread
/// did not run is the client's own, and counts for no silence: what has come meanwhile was not looked at.
class silence {
public:
    explicit silence(link_options const& options) noexcept : options_{options} {}

    /// What the connection is at.
    struct view {
        bool opening;              ///< On its way, the handshake included.
        bool ready;                ///< Serves.
        bool idle;                 ///< No command waits.
        bool many_timeouts;        ///< Deadlines have passed since the last byte came, too many of them.
        instant relaxed_until{0};  ///< Maintenance is announced: before, silence means nothing.
    };
    /// What silence says.
    enum class sign : std::uint8_t {
        none,
        not_connected,  ///< No connection within the connect timeout.
        late,           ///< Nothing has come while many deadlines passed.
        unanswered,     ///< A PING was not answered.
        ping_due,
    };

    // ---- What happens ---------------------------------------------------------------------------

    /// A connection attempt has begun.
    void begin(instant now) noexcept {
        begun_at_ = now;
        connect_deadline_ = after(now, options_.connect_timeout);
        pinged_ = moved_ = noticed_ = false;
    }
    /// It is connected, or serves.
    void note_progress(instant now) noexcept {
        heard_ = now;
        noticed_ = false;
    }
    /// Bytes have come.
    void hear(instant now) noexcept {
        note_progress(now);
        pinged_ = false;
    }
    /// A write that was stuck has gone on: a large command on its way is a sign of life, for the PING stands
    /// behind it, and so does every reply.
    void note_write(bool went_on) noexcept { moved_ = went_on || moved_; }
    /// The first command waits.
    void wait_from(instant now) noexcept { busy_since_ = now; }
    /// A PING goes out.
    void ping(instant now) noexcept {
        pinged_ = true;
        pinged_at_ = now;
    }

    // ---- Time -----------------------------------------------------------------------------------

    /// When look() should be called next.
    instant next_due(view const& at) const noexcept {
        instant due = never;
        if (at.opening) due = connect_deadline_;
        if (at.ready && options_.probe_after > duration{0})
            due = std::min(due, pinged_ ? std::max(answer_due(), at.relaxed_until)
                                        : after(heard_, options_.probe_after));
        if (can_doubt(at))
            due = std::min(due, std::max(after(quiet_since(at), options_.doubt_after), at.relaxed_until));
        if (at.ready && at.many_timeouts) due = std::min(due, std::max(patient_until(), at.relaxed_until));
        return due;
    }
    /// look() comes later than it was due, by `span`: this thread did not run. What has happened since,
    /// before look(), counts from when it happened: no moment comes to lie in the future.
    void did_not_run(duration span, instant now) noexcept {
        if (span <= duration{0}) return;
        for (instant* const moment : {&begun_at_, &heard_, &busy_since_, &doubted_at_, &pinged_at_})
            *moment = std::min(after(*moment, span), now);
        connect_deadline_ = std::min(after(connect_deadline_, span), after(now, options_.connect_timeout));
    }
    /// Lets time pass. `excuse()` tells until when the server may be silent because it makes large replies
    /// that were asked for here; zero: it makes none. It is asked once, when a silence is noticed: what is
    /// asked for later is no excuse, for a dead node would be asked for it, too.
    template <class Excuse>
    sign look(view const& at, instant now, Excuse&& excuse) noexcept {
        if (std::exchange(moved_, false)) note_progress(now);
        bool const relaxed = now < at.relaxed_until;
        bool const doubted = !relaxed && can_doubt(at) && now - quiet_since(at) >= options_.doubt_after;
        if (doubted) {
            doubted_ = true;
            doubted_at_ = now;
        }
        if (at.opening && now >= connect_deadline_) return sign::not_connected;
        if (!at.ready) return sign::none;
        bool const probes = options_.probe_after > duration{0};
        bool const late = !relaxed && at.many_timeouts && now >= patient_until();
        bool const unanswered = !relaxed && probes && pinged_ && now >= answer_due();
        bool const silent = probes && !pinged_ && now - heard_ >= options_.probe_after;
        if (!noticed_ && (doubted || late || unanswered || silent)) {
            noticed_ = true;
            excuse_ = excuse();
        }
        if ((late || unanswered) && now >= excused_until()) return late ? sign::late : sign::unanswered;
        return silent ? sign::ping_due : sign::none;
    }
    /// After look(): true, once, when commands wait, or a connection is being opened, and the node has been
    /// silent for a while.
    bool take_doubt() noexcept { return std::exchange(doubted_, false); }

private:
    /// Whether silence means something now: commands wait; or a connection attempt meets silence, which is
    /// doubted once even if nobody waits.
    bool can_doubt(view const& at) const noexcept {
        if (options_.doubt_after <= duration{0}) return false;
        return at.opening ? !at.idle || doubted_at_ < begun_at_ : at.ready && !at.idle;
    }
    instant quiet_since(view const& at) const noexcept {
        return at.opening && at.idle ? std::max(begun_at_, doubted_at_)
                                     : std::max({heard_, begun_at_, busy_since_, doubted_at_});
    }
    /// Silence counts from the later of the due time and the actual PING: this process may itself have been
    /// stopped and sent it late.
    instant answer_due() const noexcept {
        instant const asked = std::max(after(heard_, options_.probe_after), pinged_at_);
        return std::max(after(asked, options_.probe_timeout), excused_until());
    }
    /// Until when a node that answers nothing is believed to be merely busy.
    instant patient_until() const noexcept {
        duration const patience =
            options_.probe_after > duration{0} ? options_.probe_after : duration{std::chrono::seconds{1}};
        return std::max(after(std::max(heard_, busy_since_), patience), excused_until());
    }
    instant excused_until() const noexcept {
        return noticed_ ? std::min(after(heard_, options_.large_reply_timeout), excuse_) : instant{0};
    }

    link_options const& options_;
    instant connect_deadline_ = never;
    instant begun_at_{0};  ///< When the present connection attempt, or the latest, began.
    instant heard_{0};
    instant busy_since_{0};
    instant doubted_at_{0};
    instant pinged_at_{0};
    instant excuse_{0};  ///< Of the present silence, once that is noticed.
    bool noticed_ = false;
    bool pinged_ = false;
    bool moved_ = false;  ///< A write that was stuck has gone on since look().
    bool doubted_ = false;
};

}  // namespace umbel::engine
