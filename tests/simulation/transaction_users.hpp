// transaction_users.hpp: simulated users that send transactions, and their judge: each runs as a whole or not
// at all, never twice, and what one reads is one moment. It breaks nothing.
#pragma once

#include "checker.hpp"

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace simulation {

/// How they behave.
struct transaction_options {
    unsigned users = 0;
    std::size_t pairs = 3;
    duration think_max = 40ms;
    unsigned cancel_percent = 5;
    duration deadline_max = 2000ms;
    unsigned large_percent = 0;  ///< They are sent in parts, as they hold a large value.
    bool torn = false;           ///< As a control: the commands go out singly, MULTI and EXEC are left out.
    bool repeats = false;        ///< The user wants everything repeated: a transaction may run twice.
    bool halves = false;         ///< Servers refuse MULTI: what is said to be unknown may have run by halves.
};

/// Users that append the same token to two lists of one slot, or read both, in one transaction.
class transaction_users {
public:
    transaction_users(timeline& time, model_cluster& cluster, sim_client& db, checker& judge,
                      transaction_options const& options)
        : time_{time}, cluster_{cluster}, db_{db}, judge_{judge}, options_{options} {
        judge.also_tell([this](execution const& what) { executed(what); });
    }

    void start() {
        for (unsigned i = 0; i < options_.users; ++i) later();
    }
    void stop() noexcept { stopped_ = true; }

    /// One transaction of each kind on every pair, which must succeed.
    void all_kinds(duration deadline) {
        if (options_.users == 0) return;
        for (std::size_t pair = 0; pair < options_.pairs; ++pair)
            for (bool const reads : {false, true}) issue(pair, reads, deadline, false, true);
    }

    /// Nothing was done by halves, and everything is said.
    void conclude() {
        for (auto const& [token, one] : sent_) {
            if (one.completions != 1) fail(token, "completed " + std::to_string(one.completions) + " times");
            // Of attempts that were repeated any but the last may have run by halves, too.
            if (one.left != one.right && !(options_.halves && (one.doubtful || options_.repeats)))
                fail(token,
                     "ran by halves: " + std::to_string(one.left) + " and " + std::to_string(one.right));
            unsigned const most = std::max(one.left, one.right);
            if (most > 1 && !options_.repeats) fail(token, "ran " + std::to_string(most) + " times");
            if (one.acknowledged && one.left == 0) fail(token, "was acknowledged and never ran");
            if (one.denied && one.left + one.right != 0)
                fail(token, "ran and is said not to be executed: " + one.told);
        }
        for (std::size_t pair = 0; pair < options_.pairs && options_.users != 0; ++pair) check_store(pair);
    }
    std::uint64_t acknowledged() const noexcept { return acknowledged_; }

private:
    struct record {
        std::size_t pair = 0;
        unsigned left = 0;
        unsigned right = 0;
        unsigned completions = 0;
        bool acknowledged = false;
        bool denied = false;    ///< The error says that nothing was executed.
        bool doubtful = false;  ///< The error says that something may have been executed.
        std::string told{};
    };
    using commands = std::vector<std::vector<std::string>>;
    /// A transaction, as whoever waits for its answer knows it.
    struct question {
        std::string token;
        bool reads;
        bool must_succeed;
    };

    static std::string key(std::size_t pair, bool left) {
        return "{a:" + std::to_string(pair) + "}" + (left ? "tx-left" : "tx-right");
    }
    void fail(std::string const& token, std::string const& what) {
        judge_.fail("transaction " + token + " " + what);
    }

    void later() {
        time_.in(time_.between(0ms, options_.think_max), [this] {
            if (stopped_) return;
            duration const deadline = time_.between(20ms, options_.deadline_max);
            issue(time_.pick(options_.pairs), time_.chance(30), deadline, true, false);
        });
    }
    void issue(std::size_t pair, bool reads, duration deadline, bool goes_on, bool must_succeed) {
        std::string const token = "t" + std::to_string(++number_);
        sent_[token].pair = pair;
        commands both;
        for (bool const left : {true, false})
            both.push_back(reads ? std::vector<std::string>{"LRANGE", key(pair, left), "0", "-1"}
                                 : std::vector<std::string>{"RPUSH", key(pair, left), token});
        time_.note([&] { return "transaction " + token + " begins on " + key(pair, true); });
        auto const next = [this, goes_on] {
            if (goes_on) later();
        };
        sim_call_options const wanted{.deadline = deadline, .context = static_cast<unsigned>(number_)};
        if (options_.torn) return send_torn(both, {token, reads, must_succeed}, next, wanted);
        // What is large stands between the two, so that the first has left when the rest has not.
        if (!reads && !must_succeed && time_.chance(options_.large_percent))
            both.insert(both.begin() + 1, {"SET", "{a:" + std::to_string(pair) + "}tx-large",
                                           std::string(200 + time_.pick(4000), 'x')});
        auto const call = db_.transaction(
            both,
            [this, asked = question{token, reads, must_succeed}, size = both.size(),
             next](umbel::result<umbel::reply> const& answer) {
                ended(asked, size, answer);
                next();
            },
            wanted);
        if (!must_succeed && time_.chance(options_.cancel_percent))
            time_.in(time_.between(0us, 3ms), [this, call] { db_.cancel(call); });
    }
    /// Each command by itself; what they answer is judged as if it had been one.
    void send_torn(commands const& both, question const& asked, std::function<void()> const& next,
                   sim_call_options const& wanted) {
        using answers = std::vector<umbel::result<umbel::reply>>;
        auto const told = std::make_shared<answers>();
        for (auto const& command : both) {
            std::vector<std::string_view> const words(command.begin(), command.end());
            db_.call(
                std::span<std::string_view const>{words},
                [this, told, asked, next](umbel::result<umbel::reply> answer) {
                    told->push_back(std::move(answer));
                    if (told->size() != 2) return;
                    record& one = sent_.at(asked.token);
                    ++one.completions;
                    if (told->front() && told->back())
                        compare(asked, told->front().value(), told->back().value());
                    else
                        failed(asked, (told->front() ? told->back() : told->front()).error());
                    next();
                },
                wanted);
        }
    }

    void ended(question const& asked, std::size_t size, umbel::result<umbel::reply> const& answer) {
        ++sent_.at(asked.token).completions;
        if (!answer) return failed(asked, answer.error());
        if (!answer->is_aggregate() || answer->children_count() != size)
            return fail(asked.token, "got somebody else's reply: " + answer->to_string().substr(0, 80));
        compare(asked, (*answer)[0], (*answer)[size - 1]);
    }
    void failed(question const& asked, umbel::error const& why) {
        record& one = sent_.at(asked.token);
        one.denied = !why.may_have_executed();
        one.doubtful = !one.denied;
        one.told = why.to_string();
        time_.note([&] { return "transaction " + asked.token + " failed: " + one.told; });
        if (asked.must_succeed) fail(asked.token, "failed in a healthy cluster: " + one.told);
    }
    /// What the two commands have answered: the length of each list, or what is in it.
    void compare(question const& asked, umbel::resp::view const& left, umbel::resp::view const& right) {
        record& one = sent_.at(asked.token);
        one.acknowledged = !asked.reads;
        ++acknowledged_;
        if (may_differ(one.pair)) return;
        if (!asked.reads && (!left.integer() || left.integer() != right.integer()))
            fail(asked.token, "saw lists of different lengths");
        if (asked.reads && !umbel::resp::same_value(left, right))
            fail(asked.token, "read two lists that are not the same");
    }
    /// The lists of a pair may differ once the cluster itself has lost a write to one of them, or has run a
    /// transaction by halves.
    bool may_differ(std::size_t pair) const {
        return halved_.contains(pair) || cluster_.book().may_be_lost(key(pair, true)) ||
               cluster_.book().may_be_lost(key(pair, false));
    }

    void executed(execution const& what) {
        if (what.words[0] != "RPUSH" || what.words[1].find("tx-") == std::string::npos) return;
        auto const found = sent_.find(what.words[2]);
        if (found == sent_.end()) return judge_.fail("a transaction that nobody has sent: " + what.words[2]);
        ++(what.words[1].ends_with("left") ? found->second.left : found->second.right);
        if (what.queued || options_.torn) return;
        halved_.insert(found->second.pair);
        if (!options_.halves) fail(what.words[2], "ran outside of a transaction");
    }
    void check_store(std::size_t pair) {
        if (may_differ(pair)) return;
        node_number const owner = cluster_.truth(umbel::cluster::slot_of(key(pair, true)).value());
        if (owner == nobody) return;
        auto const& store = cluster_[owner].store;
        auto const left = store.find(key(pair, true)), right = store.find(key(pair, false));
        bool const same = left == store.end() || right == store.end()
                              ? left == right
                              : left->second.items == right->second.items;
        if (!same) judge_.fail("the lists " + key(pair, true) + " and its pair are not the same in the end");
    }

    timeline& time_;
    model_cluster& cluster_;
    sim_client& db_;
    checker& judge_;
    transaction_options options_;
    std::map<std::string, record> sent_;
    std::set<std::size_t> halved_;  ///< Pairs of which a command ran by itself, as MULTI was refused.
    std::uint64_t number_ = 0;
    std::uint64_t acknowledged_ = 0;
    bool stopped_ = false;
};

}  // namespace simulation
