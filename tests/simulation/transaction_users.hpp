// transaction_users.hpp: simulated users that send transactions, and their judge: each runs as a whole or not
// at all, never twice, and what one reads is one moment. It breaks nothing.
#pragma once

#include "checker.hpp"

#include <map>
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
    bool torn = false;     ///< As a control: the commands go out singly, MULTI and EXEC are left out.
    bool repeats = false;  ///< The user wants everything repeated: a transaction may run twice.
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
            if (one.left != one.right)
                fail(token,
                     "ran by halves: " + std::to_string(one.left) + " and " + std::to_string(one.right));
            if (one.left > 1 && !options_.repeats) fail(token, "ran " + std::to_string(one.left) + " times");
            if (one.acknowledged && one.left == 0) fail(token, "was acknowledged and never ran");
            if (one.denied && one.left + one.right != 0)
                fail(token, "ran and is said not to be executed: " + one.told);
        }
        for (std::size_t pair = 0; pair < options_.pairs && options_.users != 0; ++pair) check_store(pair);
    }
    std::uint64_t acknowledged() const noexcept { return acknowledged_; }

private:
    struct record {
        unsigned left = 0;
        unsigned right = 0;
        unsigned completions = 0;
        bool acknowledged = false;
        bool denied = false;  ///< The error says that nothing was executed.
        std::string told{};
    };
    using commands = std::vector<std::vector<std::string>>;

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
        sent_[token];
        commands both;
        for (bool const left : {true, false})
            both.push_back(reads ? std::vector<std::string>{"LRANGE", key(pair, left), "0", "-1"}
                                 : std::vector<std::string>{"RPUSH", key(pair, left), token});
        time_.note([&] { return "transaction " + token + " begins on " + key(pair, true); });
        auto const done = [this, token, reads, goes_on,
                           must_succeed](umbel::result<umbel::reply> const& answer) {
            ended(token, reads, must_succeed, answer);
            if (goes_on) later();
        };
        sim_call_options const wanted{.deadline = deadline, .context = static_cast<unsigned>(number_)};
        if (options_.torn) return send_torn(both, done, wanted);
        auto const call = db_.transaction(both, done, wanted);
        if (!must_succeed && time_.chance(options_.cancel_percent))
            time_.in(time_.between(0us, 3ms), [this, call] { db_.cancel(call); });
    }
    /// Each command by itself; the last one answers for the whole.
    void send_torn(commands const& both, sim_client::callback done, sim_call_options const& wanted) {
        for (auto const& command : both) {
            std::vector<std::string_view> const words(command.begin(), command.end());
            bool const last = &command == &both.back();
            db_.call(
                std::span<std::string_view const>{words},
                [done = last ? done : sim_client::callback{}](umbel::result<umbel::reply> answer) {
                    if (done) done(std::move(answer));
                },
                wanted);
        }
    }

    void ended(std::string const& token, bool reads, bool must_succeed,
               umbel::result<umbel::reply> const& answer) {
        record& one = sent_.at(token);
        ++one.completions;
        if (!answer) {
            one.denied = !answer.error().may_have_executed();
            one.told = answer.error().to_string();
            time_.note([&] { return "transaction " + token + " failed: " + one.told; });
            if (must_succeed) fail(token, "failed in a healthy cluster: " + one.told);
            return;
        }
        one.acknowledged = !reads;
        ++acknowledged_;
        if (options_.torn) return;
        if (!answer->is_aggregate() || answer->children_count() != 2)
            return fail(token, "got somebody else's reply: " + answer->to_string().substr(0, 80));
        if (!reads) {
            if (!(*answer)[0].integer() || (*answer)[0].integer() != (*answer)[1].integer())
                if (!may_differ(token)) fail(token, "saw lists of different lengths: " + answer->to_string());
            return;
        }
        if (!umbel::resp::same_value((*answer)[0], (*answer)[1]) && !may_differ(token))
            fail(token, "read two lists that are not the same: " + answer->to_string().substr(0, 200));
    }
    /// The lists of a pair may differ once the cluster itself has lost a write to one of them.
    bool may_differ(std::string const&) const {
        for (std::size_t pair = 0; pair < options_.pairs; ++pair)
            for (bool const left : {true, false})
                if (cluster_.book().may_be_lost(key(pair, left))) return true;
        return false;
    }

    void executed(execution const& what) {
        if (what.words[0] != "RPUSH" || what.words[1].find("tx-") == std::string::npos) return;
        auto const found = sent_.find(what.words[2]);
        if (found == sent_.end()) return judge_.fail("a transaction that nobody has sent: " + what.words[2]);
        ++(what.words[1].ends_with("left") ? found->second.left : found->second.right);
    }
    void check_store(std::size_t pair) {
        if (may_differ({})) return;
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
    std::uint64_t number_ = 0;
    std::uint64_t acknowledged_ = 0;
    bool stopped_ = false;
};

}  // namespace simulation
