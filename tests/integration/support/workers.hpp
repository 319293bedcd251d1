// workers.hpp: users of a client that never rest while a cluster is disturbed, and keep books: what was
// acknowledged, what is unknown, what was wrong. They know nothing of the disturbance.
#pragma once

#include "session.hpp"

#include <algorithm>
#include <mutex>
#include <set>
#include <string>
#include <vector>

namespace umbel::test {

/// Increments some counters, one user for each, without pause.
///
/// Between two acknowledged values only commands of unknown outcome may have added more: a higher value means
/// that one ran twice. A lower one means that a failover lost what had been acknowledged, which the cluster
/// allows and which is counted.
class incrementers {
public:
    struct tally {
        std::string key;
        std::int64_t last = 0;  ///< The latest acknowledged value.
        std::int64_t acknowledged = 0;
        std::int64_t unknown = 0;
        std::int64_t unexplained =
            0;  ///< Unknown outcomes that no value has shown to have run; each may run yet.
        std::int64_t refused = 0;  ///< Failures that say the command has not run.
        std::int64_t lost = 0;
        std::int64_t too_many = 0;
    };

    incrementers(session& s, std::vector<std::string> const& keys, std::chrono::nanoseconds deadline)
        : session_{s}, db_{s.db().with(deadline)}, tallies_(keys.size()), running_{keys.size()} {
        for (std::size_t at = 0; at < keys.size(); ++at) tallies_[at].key = keys[at];
        session_.on_its_thread([this] {
            for (tally& one : tallies_) step(one);
        });
    }
    incrementers(incrementers const&) = delete;
    ~incrementers() { stop(); }

    /// Lets every user finish; the books are closed then.
    void stop() {
        stopping_ = true;
        if (!eventually([&] { return running_ == 0; }, 60s)) std::abort();
    }
    /// Precondition: stopped.
    std::vector<tally> const& books() const noexcept { return tallies_; }
    std::set<errc> faults() {
        std::lock_guard const guard{mutex_};
        return faults_;
    }

    std::int64_t acknowledged(std::size_t at) {
        std::lock_guard const guard{mutex_};
        return tallies_[at].acknowledged;
    }
    /// True as soon as every user has had `count` more acknowledgements.
    bool all_go_on(std::int64_t count) {
        std::vector<std::int64_t> goals;
        for (std::size_t at = 0; at < tallies_.size(); ++at) goals.push_back(acknowledged(at) + count);
        return eventually(
            [&] {
                for (std::size_t at = 0; at < goals.size(); ++at)
                    if (acknowledged(at) < goals[at]) return false;
                return true;
            },
            60s);
    }

private:
    void step(tally& one) {
        if (stopping_) {
            --running_;
            return;
        }
        db_.incr(one.key)([this, &one](umbel::result<std::int64_t> const& told) {
            note(one, told);
            step(one);
        });
    }
    void note(tally& one, umbel::result<std::int64_t> const& told) {
        std::lock_guard const guard{mutex_};
        if (!told) {
            faults_.insert(told.error().code());
            bool const perhaps = told.error().may_have_executed();
            one.unknown += perhaps ? 1 : 0;
            one.unexplained += perhaps ? 1 : 0;
            one.refused += perhaps ? 0 : 1;
            return;
        }
        ++one.acknowledged;
        std::int64_t const more = *told - one.last - 1;
        if (more > one.unexplained) ++one.too_many;
        one.unexplained -= std::clamp<std::int64_t>(more, 0, one.unexplained);
        one.lost += std::max<std::int64_t>(0, -more);
        one.last = *told;
    }

    session& session_;
    umbel::scoped_client db_;
    std::mutex mutex_;
    std::vector<tally> tallies_;
    std::set<errc> faults_;
    std::atomic<bool> stopping_{false};
    std::atomic<std::size_t> running_;
};

/// Holds the books against what the servers say at the end.
/// Precondition: stopped, and no failover since the latest acknowledgement.
inline void check_books(session& s, incrementers& users) {
    for (auto const& one : users.books()) {
        CAPTURE(one.key, one.acknowledged, one.unknown, one.refused, one.lost, one.last, one.unexplained);
        auto const value = s(s.db().get<std::int64_t>(one.key));
        REQUIRE(value.has_value());
        REQUIRE(value->has_value());
        CHECK(one.too_many == 0);
        CHECK(**value >= one.last);
        CHECK(**value <= one.last + one.unexplained);
        CHECK(**value <= one.acknowledged + one.unknown);
        CHECK(**value >= one.acknowledged - one.lost);
    }
}

/// Says unique words and wants exactly these back: PING, and SET then GET of a key that nobody else writes.
class talkers {
public:
    talkers(session& s, unsigned users, unsigned rounds, std::chrono::nanoseconds deadline)
        : session_{s}, db_{s.db().with(deadline)}, users_(users), running_{users} {
        for (unsigned at = 0; at < users; ++at)
            users_[at] = {real_cluster::key_in(static_cast<std::uint16_t>(at * 509)) + ":talker", {}, rounds};
        session_.on_its_thread([this] {
            for (user& one : users_) say(one);
        });
    }
    talkers(talkers const&) = delete;
    ~talkers() {
        if (!eventually([&] { return running_ == 0; }, 120s)) std::abort();
    }
    bool done() const noexcept { return running_ == 0; }
    std::uint64_t answered() const noexcept { return answered_; }
    std::uint64_t failed() const noexcept { return failed_; }
    /// Answers that belong to somebody else.
    std::uint64_t crossed() const noexcept { return crossed_; }
    /// Values from before an acknowledged SET: only a failover may bring them back.
    std::uint64_t stale() const noexcept { return stale_; }

private:
    struct user {
        std::string key;
        std::string word;
        unsigned left = 0;
    };

    void say(user& one) {
        if (one.left-- == 0) {
            --running_;
            return;
        }
        one.word = one.key + "#" + std::to_string(one.left);
        db_.ping(one.word)([this, &one](umbel::result<std::string> const& told) {
            judge(told ? &*told : nullptr, one.word);
            write(one);
        });
    }
    void write(user& one) {
        db_.set(one.key, one.word)([this, &one](umbel::result<umbel::set_outcome> const& told) {
            if (!told) {
                ++failed_;
                return say(one);
            }
            read(one);
        });
    }
    void read(user& one) {
        db_.get(one.key)([this, &one](umbel::result<std::optional<std::string>> const& told) {
            bool const own = told && (!told->has_value() || (**told).starts_with(one.key + "#"));
            if (own && *told != one.word)
                ++stale_;
            else
                judge(told ? &**told : nullptr, one.word);
            say(one);
        });
    }
    void judge(std::string const* told, std::string const& word) {
        if (!told)
            ++failed_;
        else if (*told != word)
            ++crossed_;
        else
            ++answered_;
    }

    session& session_;
    umbel::scoped_client db_;
    std::vector<user> users_;
    std::atomic<unsigned> running_;
    std::atomic<std::uint64_t> answered_{0};
    std::atomic<std::uint64_t> failed_{0};
    std::atomic<std::uint64_t> crossed_{0};
    std::atomic<std::uint64_t> stale_{0};
};

}  // namespace umbel::test
