// consumer_progress.hpp: what a consumer of a group has given to its caller, what of that is acknowledged,
// and what it reads next: values and the rules between them. It sends nothing and knows no reply.
//
// The server keeps a list of what pends for a consumer: what was delivered to it, and is not acknowledged.
// Two reads add to that list, XREADGROUP of ">" and XAUTOCLAIM. Where the reply to one of them is lost, the
// list has entries that nobody here knows of. So the consumer owes a read of its own list (XREADGROUP of ids,
// from the beginning) from the moment when such a read leaves, until either its reply was handed on, to the
// only time that it was sent, or it is certain that the server has not executed it. What is out with the
// caller already is left out of that list.
//
// A server may execute a read after its loss was noticed: it still waits there for entries, or its bytes come
// late. So the list is read again until the time of the lost read has passed.
//
// Rule: XREADGROUP command, "The pending entries list"; XAUTOCLAIM command.
#pragma once

#include <umbel/engine/instant.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>

namespace umbel::calling {

/// What a consumer does next.
enum class consumer_action : std::uint8_t {
    make_group,      ///< XGROUP CREATE: the server has said that it has none.
    forget_deleted,  ///< XACK of entries that pend, and are deleted from the stream.
    read_pending,    ///< XREADGROUP of ids: what pends for the consumer already.
    claim,           ///< XAUTOCLAIM: what pends for anybody for too long.
    read_fresh,      ///< XREADGROUP of ">": what nobody has got yet.
    wait_for_room,   ///< Too much is out with the caller.
};

/// One thing that a consumer does.
struct consumer_move {
    consumer_action action = consumer_action::read_pending;
    std::uint64_t count = 0;  ///< The most entries to read.
    engine::duration wait{};  ///< How long the server may wait for one; zero: it does not wait.
};

/// What a read has brought, for accept(). Making it may run out of memory, accepting it may not.
struct consumer_news {
    std::map<std::string, bool, std::less<>> given;  ///< Ids that go out to the caller; false for each.
    std::set<std::string, std::less<>> deleted;      ///< Ids that pend, and have no entry any more.
    std::string position;  ///< Where the next read goes on: an id, or the cursor of claims.
    bool last = false;     ///< There is nothing behind.
    bool full = false;     ///< As many as were asked for.
    /// The read was sent again after it may have been executed: what the earlier time took, is not here.
    bool repeated = false;
};

/// Threading: one at a time.
class consumer_progress {
public:
    using instant = engine::instant;
    using duration = engine::duration;

    /// For so long a server waits at most for entries: whatever else is due comes no later than that, and a
    /// read whose connection was lost takes no entries for longer.
    static constexpr duration block_max = std::chrono::seconds{5};
    /// How late the bytes of a connection that was given up may come to a server.
    static constexpr duration late_max = std::chrono::seconds{5};
    /// Between two reads of the own list while a lost read may still add to it.
    static constexpr duration recheck_pause = std::chrono::seconds{1};

    struct limits {
        std::uint64_t count = 64;                 ///< The most entries of one read.
        std::uint64_t unacknowledged_max = 1024;  ///< The most entries that are out with the caller.
        duration claim_idle{};                    ///< Zero: nothing is claimed.
    };

    explicit consumer_progress(limits chosen) noexcept : limits_{chosen} {}

    // ---- What comes next ------------------------------------------------------------------------

    /// What to do now: a read is under way from here on, until one of the functions below ends it. A read of
    /// fresh entries waits until `until` at most. Precondition: now < until; no read is under way.
    consumer_move next(instant now, instant until) noexcept {
        consumer_move const move = choose(now, until);
        reading_ = move.action >= consumer_action::read_pending && move.action <= consumer_action::read_fresh;
        if (takes_entries(move)) owe();
        return move;
    }
    /// After which id the own list is read.
    std::string_view pending_after() const noexcept { return place_of(pending_after_, "0"); }
    /// Where claiming goes on.
    std::string_view claim_cursor() const noexcept { return place_of(claim_cursor_, "0-0"); }
    std::set<std::string, std::less<>> const& deleted() const noexcept { return deleted_; }

    // ---- What becomes of it ---------------------------------------------------------------------

    /// Its reply is not known, or was an error.
    void lost(consumer_move const& move, bool may_have_run, instant now) noexcept {
        flows_ = false;
        if (takes_entries(move)) owe_after(move, may_have_run, now);
        end_read();
    }
    /// Nobody waits for its reply any more. What it takes comes by the list that is owed. Does nothing where
    /// no read is under way.
    void abandoned() noexcept { end_read(); }
    /// Its reply was handed on.
    void accept(consumer_move const& move, consumer_news&& news, instant now) noexcept {
        knew_group_ = true;
        // What is given now, its caller has not lost yet.
        bool const again = std::exchange(again_, false);
        if (again) forget_given();
        if (takes_entries(move)) owe_after(move, news.repeated, now);
        deleted_.merge(news.deleted);
        for (auto const& [id, retired] : news.given) give_again(id);
        out_count_ += news.given.size() - count_known(news.given);
        out_.merge(news.given);
        switch (move.action) {
            case consumer_action::read_pending: accept_pending(std::move(news), now); break;
            case consumer_action::claim: accept_claimed(std::move(news), now); break;
            case consumer_action::read_fresh: flows_ = news.full; break;
            case consumer_action::make_group:
            case consumer_action::forget_deleted:
            case consumer_action::wait_for_room: break;
        }
        if (again) owe();
        end_read();
    }
    /// XACK of deleted() has succeeded.
    void forgot_deleted() noexcept { deleted_.clear(); }
    /// The server has no such group. Gives whether it had before.
    bool miss_group() noexcept {
        lacks_group_ = true;
        return knew_group_;
    }
    void made_group() noexcept { lacks_group_ = false, knew_group_ = true; }
    /// The group was there: once made anew, it begins where nothing is passed over.
    bool knew_group() const noexcept { return knew_group_; }

    // ---- What is out with the caller ------------------------------------------------------------

    bool has_room() const noexcept { return out_count_ < limits_.unacknowledged_max; }
    std::size_t out_count() const noexcept { return out_count_; }
    /// The caller has it, and has not acknowledged it.
    bool is_out(std::string_view id) const noexcept {
        auto const at = out_.find(id);
        return at != out_.end() && !at->second;
    }
    /// A list that was read at the server earlier may still have it, but it is no news.
    bool is_known(std::string_view id) const noexcept { return out_.find(id) != out_.end(); }
    /// The caller is done with it, or leaves it pending. Does nothing for what is not out. While a read is
    /// under way the id is kept: the reply may have it, from the time before.
    void retire(std::string_view id) noexcept {
        auto const at = out_.find(id);
        if (at == out_.end() || at->second) return;
        --out_count_;
        at->second = true;
        if (!reading_) out_.erase(at);
        retired_ = retired_ || reading_;
    }
    /// Nothing is out any more; what pends is read from the beginning. While a read is under way, what that
    /// brings is out afterwards.
    void give_all_again() noexcept {
        if (reading_) return static_cast<void>(again_ = true);
        forget_given();
        owe();
    }

private:
    consumer_move choose(instant now, instant until) noexcept {
        if (lacks_group_) return {consumer_action::make_group, 0, {}};
        if (!deleted_.empty()) return {consumer_action::forget_deleted, 0, {}};
        if (!has_room()) return {consumer_action::wait_for_room, 0, {}};
        std::uint64_t const count = std::min(limits_.count, limits_.unacknowledged_max - out_count_);
        if (now >= recheck_at_) {
            recheck_at_ = engine::never;
            owe();
        }
        if (owes_) return {consumer_action::read_pending, count, {}};
        if (now >= claim_at_) claims_ = true;
        if (claims_) return {consumer_action::claim, count, {}};
        if (flows_) return {consumer_action::read_fresh, count, {}};
        duration const wait = std::min({block_max, until - now, recheck_at_ - now, claim_at_ - now});
        return {consumer_action::read_fresh, count, std::max<duration>(wait, std::chrono::milliseconds{1})};
    }
    static std::string_view place_of(std::string const& id, std::string_view beginning) noexcept {
        return id.empty() ? beginning : std::string_view{id};
    }
    static bool takes_entries(consumer_move const& move) noexcept {
        return move.action == consumer_action::claim || move.action == consumer_action::read_fresh;
    }
    void owe() noexcept {
        owes_ = true;
        pending_after_.clear();
    }
    /// A read that takes entries has ended. An execution of it whose reply is not known may have taken some.
    void owe_after(consumer_move const& move, bool unseen, instant now) noexcept {
        owes_ = unseen;
        if (unseen) late_until_ = std::max(late_until_, now + move.wait + late_max);
    }
    void forget_given() noexcept {
        out_.clear();
        out_count_ = 0;
    }
    void end_read() noexcept {
        reading_ = false;
        if (std::exchange(again_, false)) return give_all_again();
        if (!std::exchange(retired_, false)) return;
        for (auto at = out_.begin(); at != out_.end();) at = at->second ? out_.erase(at) : std::next(at);
    }
    /// An entry that the caller is done with comes anew: the group was lost, and begins again.
    void give_again(std::string_view id) noexcept {
        auto const at = out_.find(id);
        if (at == out_.end() || !at->second) return;
        at->second = false;
        ++out_count_;
    }
    std::size_t count_known(std::map<std::string, bool, std::less<>> const& ids) const noexcept {
        std::size_t known = 0;
        for (auto const& [id, retired] : ids) known += is_known(id) ? 1u : 0u;
        return known;
    }
    void accept_pending(consumer_news&& news, instant now) noexcept {
        if (!news.last) return static_cast<void>(pending_after_ = std::move(news.position));
        owes_ = false;
        pending_after_.clear();
        recheck_at_ = now < late_until_ ? now + recheck_pause : engine::never;
    }
    void accept_claimed(consumer_news&& news, instant now) noexcept {
        claim_cursor_ = std::move(news.position);
        if (!news.last) return;
        claims_ = false;
        claim_cursor_.clear();
        claim_at_ = engine::after(now, limits_.claim_idle);
    }

    limits limits_;
    std::map<std::string, bool, std::less<>> out_;  ///< True: retired while a read was under way.
    std::size_t out_count_ = 0;                     ///< Of these, not retired.
    std::set<std::string, std::less<>> deleted_;
    std::string pending_after_;  ///< Empty: from the beginning.
    std::string claim_cursor_;   ///< Empty: from the beginning.
    instant claim_at_ = limits_.claim_idle > duration{0} ? instant::min() : engine::never;
    instant recheck_at_ = engine::never;
    instant late_until_ = instant::min();  ///< Until then a lost read may take entries.
    bool owes_ = true;  ///< The own list must be read: what an earlier process had, comes first.
    bool claims_ = false;
    bool flows_ = false;    ///< The latest read was full, so there is more.
    bool reading_ = false;  ///< A read is under way.
    bool retired_ = false;  ///< out_ has ids that are retired.
    bool again_ = false;    ///< give_all_again() was called while a read was under way.
    bool lacks_group_ = false;
    bool knew_group_ = false;
};

}  // namespace umbel::calling
