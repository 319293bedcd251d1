// drill.hpp: a whole cluster under load, a disturbance, and the reckoning: what the history says, how long
// writes stood still, what the healthy shards noticed. Figures are printed and decide nothing; only the
// history and plain conditions do.
#pragma once

#include "load.hpp"
#include "prober.hpp"

#include <cstdarg>
#include <map>
#include <memory>
#include <mutex>

namespace umbel::test {

/// The long form of the drills: more rounds, and 20,000 commands a second.
inline bool long_drills() {
    char const* const told = std::getenv("UMBEL_DRILLS");
    return told && *told && std::string_view{told} != "0";
}
/// One of two numbers, for the short and for the long form.
template <class Number>
Number short_or_long(Number brief, Number extended) {
    return long_drills() ? extended : brief;
}

#if defined(__GNUC__)
__attribute__((format(printf, 1, 2)))
#endif
inline void
figure(char const* format, ...) {
    std::va_list values;
    va_start(values, format);
    std::fputs("drill: ", stdout);
    std::vprintf(format, values);
    std::fputs("\n", stdout);
    std::fflush(stdout);
    va_end(values);
}

/// A key's final state as the servers tell it, without the help of a client: whoever owns the key answers,
/// the others redirect.
inline void read_final_state(real_cluster const& servers, history& book) {
    std::vector<wire> all;
    for (auto const& node : servers.nodes()) all.push_back(servers.talk(node));
    for (std::uint32_t key = 0; key < book.keys(); ++key) {
        bool const counter = book.kind_of(key) == history::kind::incr;
        std::vector<std::string> words{counter ? "GET" : "LRANGE", book.name(key)};
        if (!counter) words.insert(words.end(), {"0", "-1"});
        bool answered = false;
        for (wire& one : all) {
            wire_value const told = one.ask(words);
            if (told.is_error()) continue;
            answered = true;
            if (counter) {
                book.ends_as(key, told.null ? 0 : told.number());
                break;
            }
            std::vector<std::string> tokens;
            for (wire_value const& item : told.items) tokens.push_back(item.text);
            book.ends_as(key, std::move(tokens));
            break;
        }
        if (!answered) throw std::runtime_error{"drill: nobody tells what " + book.name(key) + " is"};
    }
}

/// One shard as it is at the start of a drill.
struct shard {
    real_cluster::node primary;
    real_cluster::node replica;
    std::vector<std::uint16_t> slots;  ///< Some of its slots: those that are written.
};

/// Counts what the client does to get its commands served.
class detours : public umbel::observer {
public:
    void redirected(umbel::engine::call_redirected const& what) override {
        count("redirected by " + std::string{umbel::name_of(what.why)});
    }
    void retried(umbel::engine::call_retried const& what) override {
        count("retried after " + std::string{umbel::name_of(what.why)});
    }
    std::string to_string() {
        std::lock_guard const guard{mutex_};
        std::string text;
        for (auto const& [what, times] : counts_)
            text.append(text.empty() ? "" : ", ").append(std::to_string(times)).append(" ").append(what);
        return text.empty() ? "no detours" : text;
    }

private:
    void count(std::string const& what) {
        std::lock_guard const guard{mutex_};
        ++counts_[what];
    }

    std::mutex mutex_;
    std::map<std::string, std::uint64_t> counts_;
};

/// While it lives no node takes another one for dead, however slow the machine: for disturbances that leave
/// the servers alone.
class no_elections {
public:
    no_elections(real_cluster const& servers, bool wanted) : servers_{servers}, wanted_{wanted} {
        if (wanted_) set("60000");
    }
    no_elections(no_elections const&) = delete;
    ~no_elections() {
        try {
            if (wanted_) set("2000");
        } catch (std::exception const& problem) {
            std::fprintf(stderr, "drill: the node timeout stays: %s\n", problem.what());
        }
    }

private:
    void set(std::string const& milliseconds) const {
        for (auto const& node : servers_.nodes())
            servers_.talk(node).must({"CONFIG", "SET", "cluster-node-timeout", milliseconds});
    }

    real_cluster const& servers_;
    bool wanted_;
};

struct drill_plan {
    unsigned slots = 2;                         ///< Written in each shard.
    unsigned callers = short_or_long(6u, 20u);  ///< In each shard.
    double per_second = short_or_long(1500.0, 20000.0);
    std::chrono::nanoseconds deadline = 50s;
    std::string seed = {};            ///< The bystander's own address where it is empty.
    real_cluster* servers = nullptr;  ///< The shared cluster where it is null.
    unsigned contexts = 1;            ///< The client runs on so many, each with a thread of its own.
    bool elections = true;            ///< Whether silence may cost a primary its role.
    bool transactions = false;        ///< Half of the commands go in transactions.
    umbel::options options{};
    umbel::cluster::policy policy{};
};

class drill {
public:
    explicit drill(std::string title, drill_plan plan = {})
        : servers{plan.servers ? *plan.servers : real_cluster::shared()},
          title_{std::move(title)},
          shards_{shards_of(servers, plan.slots)},
          calm_{servers, !plan.elections},
          seed_{plan.seed.empty() ? shards_.back().replica.address() : plan.seed},
          s{options_of(plan), plan.policy, ways_, plan.contexts},
          users{s,
                {.name = title_,
                 .groups = slots_of(shards_),
                 .callers = plan.callers,
                 .per_second = plan.per_second,
                 .deadline = plan.deadline,
                 .transactions = plan.transactions}},
          begun_{steady_now()} {
        // Connections are made and the pace is reached before anything is disturbed; in the long form for
        // long enough to compare with.
        if (!users.all_go_on(short_or_long(200u, 10000u)))
            throw std::runtime_error{"drill: the load does not start"};
    }

    shard const& operator[](std::size_t at) const { return shards_.at(at); }
    /// Does what ends the quiet; the first disturbance parts before from during, the latest counts for
    /// recovery.
    template <class Action>
    void disturb(Action action) {
        if (disturbed_ == 0) disturbed_ = steady_now();
        action();
        effective_ = steady_now();
    }

    /// Any node that belongs neither to shard 0 nor to shard 1.
    real_cluster::node bystander() const { return shards_.back().replica; }
    /// True as soon as the cluster says that the node serves the shard.
    bool serves(std::size_t at, real_cluster::node const& wanted, std::chrono::seconds limit = 40s) const {
        bool const does = eventually(
            [&] { return servers.owns(wanted, shards_[at].slots.back(), bystander().name); }, limit);
        if (does) heard_[at] = steady_now();
        return does;
    }
    /// Writes acknowledged from a little before the disturbance until now may be lost with a failover of this
    /// shard: replication is asynchronous. The little is generous, since nothing is to depend on the
    /// machine's mood.
    void forgive(std::size_t at) {
        forgiven_.push_back({at, disturbed_ - std::chrono::nanoseconds{1s}.count(), steady_now()});
    }

    /// Stops the load, mends the cluster and holds the history against what the servers say.
    sentence reckon() {
        users.stop();
        stopped_ = steady_now();
        servers.heal();
        for (auto const& [at, from, until] : forgiven_) users.may_lose(at, from, until);
        read_final_state(servers, users.book());
        sentence found = users.book().check();
        auto const seconds = static_cast<double>(stopped_ - begun_) / 1e9;
        figure("%s: %.0f commands/s for %.1f s: %s", title_.c_str(),
               static_cast<double>(all_acknowledged()) / seconds, seconds, found.to_string().c_str());
        figure("%s: %s", title_.c_str(), ways_->to_string().c_str());
        if (disturbed_ != 0) tell_latencies();
        for (auto const& [at, ordered, probed] : handovers_)
            figure("%s: shard %zu: a prober wrote after %.0f ms, the client's longest silence was %.1f ms",
                   title_.c_str(), at, static_cast<double>(probed - ordered) / 1e6,
                   users.longest_silence(at, ordered, std::min(probed + 1'000'000'000, stopped_)));
        return found;
    }
    /// How the client's writes came back compared to those of someone who speaks to the new primary directly.
    void tell_recovery(std::size_t at, history::instant probed) const {
        auto const written = users.first_acknowledged(at, effective_);
        // A client can know no sooner than the nodes that it can ask.
        auto const heard = heard_.find(at);
        figure(
            "%s: shard %zu: a prober wrote after %.0f ms, another node knew after %.0f ms, the client wrote "
            "after %.0f ms (longest silence %.0f ms)",
            title_.c_str(), at, static_cast<double>(probed - effective_) / 1e6,
            heard == heard_.end() ? 0.0 : static_cast<double>(heard->second - effective_) / 1e6,
            static_cast<double>(written - effective_) / 1e6, users.longest_silence(at, disturbed_, stopped_));
    }
    /// Notes a handover that was over before a pause could be noticed; reckon() tells how long the client had
    /// no answer around it.
    void note_handover(std::size_t at, history::instant ordered, history::instant probed) {
        handovers_.push_back({at, ordered, probed});
    }
    /// The faults that a group met, but for those expected; empty when there were no others.
    std::string surprises(std::size_t at, std::initializer_list<errc> expected) const {
        std::string text;
        for (auto const& [code, seen] : users.faults(at))
            if (std::find(expected.begin(), expected.end(), code) == expected.end())
                text += std::to_string(seen.count) + "x " + seen.first + "\n";
        return text;
    }

    real_cluster& servers;

private:
    static std::vector<shard> shards_of(real_cluster& cluster, unsigned slots) {
        cluster.heal();
        std::vector<shard> found;
        for (auto const& range : cluster.talk("n1").must({"CLUSTER", "SLOTS"}).items) {
            shard group{cluster.by_port(range.items[2].items[1].number()),
                        cluster.by_port(range.items[3].items[1].number()),
                        {}};
            auto const same = [&](shard const& other) { return other.primary.port == group.primary.port; };
            bool const known = std::any_of(found.begin(), found.end(), same);
            if (known || range.items[1].number() - range.items[0].number() < 100) continue;
            for (unsigned i = 0; i < slots; ++i)
                group.slots.push_back(static_cast<std::uint16_t>(range.items[0].number() + 10 + i));
            found.push_back(std::move(group));
        }
        if (found.size() != 3) throw std::runtime_error{"drill: not three shards"};
        // What other drills have written would have to be replicated and moved with the rest. A replica that
        // has only just been given its dataset may be a second behind: whoever failed over to it now would
        // find the old keys again.
        for (shard const& shard : found) {
            wire primary = cluster.talk(shard.primary);
            primary.must({"FLUSHALL"});
            if (primary.must({"WAIT", "1", "20000"}).number() < 1)
                throw std::runtime_error{"drill: a replica does not follow"};
        }
        return found;
    }
    static std::vector<std::vector<std::uint16_t>> slots_of(std::vector<shard> const& all) {
        std::vector<std::vector<std::uint16_t>> slots;
        for (shard const& shard : all) slots.push_back(shard.slots);
        return slots;
    }
    umbel::options options_of(drill_plan const& plan) const {
        umbel::options chosen = plan.options;
        chosen.seeds = {seed_};
        return chosen;
    }
    std::uint64_t all_acknowledged() const {
        std::uint64_t sum = 0;
        for (std::size_t at = 0; at < shards_.size(); ++at) sum += users.acknowledged(at);
        return sum;
    }
    void tell_latencies() const {
        for (std::size_t at = 0; at < shards_.size(); ++at)
            figure("%s: shard %zu: p99 %.2f ms before, %.2f ms during", title_.c_str(), at,
                   users.percentile(at, 0.99, begun_, disturbed_),
                   users.percentile(at, 0.99, disturbed_, stopped_));
    }

    struct window {
        std::size_t at;
        history::instant from;
        history::instant until;
    };

    std::string title_;
    std::vector<shard> shards_;
    no_elections calm_;
    std::string seed_;
    std::shared_ptr<detours> ways_ = std::make_shared<detours>();
    history::instant disturbed_ = 0;  ///< Just before the first disturbance.
    history::instant effective_ = 0;  ///< Just after the latest.
    history::instant stopped_ = 0;
    std::vector<window> forgiven_;
    std::vector<window> handovers_;
    mutable std::map<std::size_t, history::instant>
        heard_;  ///< When another node was first seen to know of a shard's new primary.

public:
    session s;
    load users;

private:
    history::instant begun_;
};

/// The judgement of a drill that was to cost no caller anything: nothing lost, refused, unknown or
/// unexpected.
inline void check_nothing_was_noticed(drill& d) {
    auto const found = d.reckon();
    INFO(found.to_string());
    CHECK(found.clean());
    CHECK(found.refused == 0);
    CHECK(found.unknown == 0);
    CHECK(found.forgiven == 0);
    for (std::size_t at : {0u, 1u, 2u}) CHECK(d.surprises(at, {}) == "");
}

}  // namespace umbel::test
