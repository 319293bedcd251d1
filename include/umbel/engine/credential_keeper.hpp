// credential_keeper.hpp: which credentials a client has at present, until when they may be said, when
// somebody must be asked for others, and which connections wait for that. It asks nobody and opens no
// connection.
#pragma once

#include <umbel/credentials.hpp>
#include <umbel/engine/backoff.hpp>
#include <umbel/engine/call.hpp>
#include <umbel/engine/event.hpp>
#include <umbel/engine/handshake.hpp>
#include <umbel/engine/instant.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace umbel::engine {

/// The credentials of one client. Without anybody to ask they are those that it was given, or none.
///
/// Where somebody is asked, one question is under way at a time. An answer with a time serves every
/// connection that is opened before about three quarters of that time are over; an answer without one serves
/// those that are opened within the patience that a question has. Credentials are numbered: a connection
/// remembers the number of those that it has said, and numbers below required() are to be replaced.
class credential_keeper {
public:
    using shared = std::shared_ptr<credentials const>;
    /// The longest user name, and the longest password or token.
    static constexpr std::size_t text_bytes_max = std::size_t{64} << 10;
    /// Two questions that no connection waits for are at least this far apart.
    static constexpr duration pause_min = std::chrono::milliseconds{100};
    static constexpr duration pause_max = std::chrono::seconds{30};

    /// A connection that waits for credentials.
    struct opening {
        link_id link;
        std::uint32_t generation = 0;
    };
    /// What an answer has brought.
    struct effect {
        shared give{};          ///< For the connections that wait; null: they fail.
        std::string why{};      ///< Why the answer cannot be used; empty: it can.
        bool ends_wait = true;  ///< The connections that wait are to be told.
    };

    credential_keeper(shared fixed, bool asks, duration patience)
        : current_{std::move(fixed)}, asks_{asks}, patience_{patience} {
        if (current_) version_ = 1, fresh_until_ = usable_until_ = never;
        required_ = any() ? 1 : 0;
    }

    /// Says in the plan of a connection that is opened now who it is, or that it waits for that. True:
    /// somebody must be asked now, by the number that ask() tells.
    bool identify(handshake_plan& plan, opening whose, instant now) {
        plan.identity = nullptr;
        if (now < fresh_until_ || !asks_) return plan.identity = current_, false;
        plan.awaits_identity = true;
        remember(whose);
        return !awaits(now);
    }
    /// A question is asked. Returns its number.
    std::uint32_t ask(instant now) noexcept {
        awaiting_ = true;
        asked_at_ = now;
        return ++asked_;
    }
    /// Connections that serve are to say who they are anew: with what a later question than any so far
    /// brings, see is_due(), or, where nobody can be asked, with what there is.
    void renew(instant now) noexcept {
        if (!asks_) return void(required_ = ++version_);
        wanted_ = asked_ + 1;
        ask_at_ = std::min(ask_at_, now);
    }
    /// An answer, or what nobody has asked for; nothing where a later question has been answered, or other
    /// credentials were pushed after the question.
    std::optional<effect> take(credentials_told&& told, instant now, random_source& random) {
        bool const pushed = told.question == 0;
        if (!pushed && told.question <= answered_) return std::nullopt;
        std::string why = problem_of(told);
        if (pushed && !why.empty()) return effect{nullptr, std::move(why), false};
        answered_ = pushed ? asked_ : told.question;
        if (answered_ == asked_) awaiting_ = false;
        if (!why.empty()) {
            duration const pause = backoff(pause_min * 10, pause_max, failures_++, random);
            if (wanted_ != 0 || ask_at_ != never) ask_at_ = after(now, pause);
            bool const usable = now < usable_until_;
            return effect{usable ? current_ : nullptr, std::move(why), usable || !awaiting_};
        }
        failures_ = 0;
        bool const expiring = current_ && current_->valid_for;
        current_ = std::move(told.given);
        ++version_;
        set_times(!pushed, now, random);
        if (wanted_ != 0 || expiring || pushed) required_ = version_;
        if (pushed || told.question >= wanted_) wanted_ = 0;
        if (wanted_ != 0) ask_at_ = now;
        return effect{current_, {}, true};
    }
    /// A server does not take them: the next connection asks for others.
    void distrust(std::uint32_t version) noexcept {
        if (asks_ && version == version_) fresh_until_ = usable_until_ = instant{0};
    }

    /// The connections that waited.
    std::vector<opening> take_waiting() noexcept { return std::exchange(waiting_, {}); }

    /// True when somebody is to be asked although no connection waits: the present ones expire, or others are
    /// wanted.
    bool is_due(instant now) const noexcept { return now >= next_due(); }
    instant next_due() const noexcept {
        if (ask_at_ == never) return never;
        duration const pause = awaiting_ ? std::max(patience_, pause_min) : pause_min;
        return asked_ == 0 ? ask_at_ : std::max(ask_at_, after(asked_at_, pause));
    }

    /// Null where there are none.
    shared const& current() const noexcept { return current_; }
    std::uint32_t version() const noexcept { return version_; }
    std::uint32_t required() const noexcept { return required_; }
    /// True when a new connection says who it is.
    bool any() const noexcept { return asks_ || current_; }

private:
    /// A question that has had no answer for too long is given up.
    bool awaits(instant now) const noexcept { return awaiting_ && now < after(asked_at_, patience_); }

    void remember(opening whose) {
        for (opening& other : waiting_)
            if (other.link == whose.link) return void(other = whose);
        waiting_.push_back(whose);
    }

    /// What is wrong with an answer; empty: nothing.
    static std::string problem_of(credentials_told const& told) {
        std::string const giver =
            told.question == 0 ? "client::reauthenticate() was given " : "the credential provider gave ";
        if (told.why) return "the credential provider: " + std::string{told.why->message()};
        if (told.given->password.empty()) return giver + "an empty password";
        if (told.given->password.size() > text_bytes_max || told.given->username.size() > text_bytes_max)
            return giver + "a name or a password of more than 64 KiB";
        if (told.given->valid_for && *told.given->valid_for <= duration{0})
            return giver + "credentials that have expired";
        return {};
    }

    /// New ones are asked for when between 70 and 80 percent of their time are over, so that many clients do
    /// not ask together.
    void set_times(bool asked_for, instant now, random_source& random) noexcept {
        ask_at_ = never;
        fresh_until_ = asks_ ? after(now, patience_) : never;
        usable_until_ = asked_for ? fresh_until_ : never;
        if (!current_->valid_for) return;
        duration const whole = *current_->valid_for;
        duration const tenth = whole / 10;
        auto const jitter = random.below(static_cast<std::uint64_t>(tenth.count()) + 1);
        usable_until_ = after(now, whole);
        fresh_until_ = after(now, tenth * 7 + duration{static_cast<std::int64_t>(jitter)});
        if (asks_) ask_at_ = std::max(fresh_until_, after(now, pause_min));
    }

    shared current_;
    bool const asks_;
    duration const patience_;
    std::uint32_t version_ = 0;
    std::uint32_t required_ = 0;
    instant fresh_until_{0};   ///< So long they serve connections that are opened.
    instant usable_until_{0};  ///< Until then a server takes them.
    instant ask_at_ = never;   ///< When others are asked for although no connection waits.
    std::uint32_t asked_ = 0;
    std::uint32_t answered_ = 0;
    instant asked_at_{0};
    bool awaiting_ = false;
    std::uint32_t wanted_ = 0;  ///< Connections that serve want the answer to this question; 0: to none.
    unsigned failures_ = 0;     ///< In a row.
    std::vector<opening> waiting_;
};

}  // namespace umbel::engine
