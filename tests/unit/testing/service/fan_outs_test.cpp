// Commands for all primaries on virtual time, while random faults befall a model cluster: one that is called
// done has run on every primary that led slots throughout and that the client knew. Users who keep a list of
// primaries of their own are convicted.
#include "simulation/faults.hpp"
#include "support/number_from.hpp"
#include "unit/testing/service/under_faults.hpp"

#include <umbel/client/each_client.hpp>
#include <umbel/client/node_client.hpp>
#include <umbel/testing/service/stage.hpp>

#include <catch2/catch_test_macros.hpp>

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

using namespace umbel::testing;
using namespace std::chrono_literals;
using umbel::test::hurried;
using umbel::test::slots_of_tags;
using umbel::test::tag_of;

namespace {

/// How users reach all primaries: by on_each_primary(), or by a list of their own.
enum class manner { spread, listed };

struct fan_out_record {
    std::string token;
    std::map<std::uint16_t, node_number> led;  ///< By slot: who leads it since before the command, and the
                                               ///< client has had an answer from there.
    std::set<node_number> ran_on;
    bool done = false;  ///< Called done: no node gave an error.
    int completions = 0;
};

struct verdict {
    std::vector<std::string> faults;
    std::size_t all = 0;
    std::size_t done = 0;
};

class run_of_fan_outs {
public:
    run_of_fan_outs(std::uint64_t seed, manner how)
        : seed_{seed},
          how_{how},
          here_{{.primaries = 3, .replicas_each = 1}, seed},
          db_{here_.client(hurried())},
          plan_{here_.time(), here_.cluster(), slots_of_tags(tags)} {
        here_.cluster().book().watch([this](execution const& what) { executed(what); });
    }

    verdict judge() {
        for (int tag = 0; tag < tags; ++tag) write_later(tag);
        for (int user = 0; user < 2; ++user) later();
        look();
        plan_.schedule(10, 3s);
        here_.run_for(3s);
        stopped_ = true;
        plan_.stop();
        if (!here_.run_while_not([this] { return open_ == 0; }, 60s)) complain("a command never completed");
        for (auto const& record : records_) judge(*record);
        return std::move(found_);
    }

private:
    static constexpr int tags = 8;

    void complain(std::string what) {
        found_.faults.push_back("seed " + std::to_string(seed_) + ": " + std::move(what));
    }

    void executed(execution const& what) {
        if (what.foreign || what.words.size() < 2) return;
        std::string const& last = what.words.back();
        if (auto const at = writers_.find(last); at != writers_.end() && what.as_primary)
            at->second = what.node;
        for (auto const& record : records_)
            if (record->token == last) record->ran_on.insert(what.node);
    }

    /// Writes to each slot all the time, by which the client knows who leads it.
    void write_later(int which) {
        here_.time().in(here_.time().between(0ms, 30ms), [this, which] {
            if (stopped_) return;
            std::string const token = "w" + std::to_string(++number_);
            writers_[token] = nobody;
            std::uint16_t const slot = umbel::cluster::slot_of(tag_of(which)).value();
            db_.with(500ms).set(tag_of(which), token)([this, which, slot, token](auto answer) {
                node_number const by = writers_[token];
                writers_.erase(token);
                if (answer && by != nobody && here_.cluster().truth(slot) == by) known_[slot] = by;
                write_later(which);
            });
        });
    }
    /// Notes who leads no more, often enough that nobody leaves and comes back unseen.
    void look() {
        auto const forget = [this](auto& led) {
            for (auto at = led.begin(); at != led.end();)
                at = here_.cluster().truth(at->first) == at->second ? std::next(at) : led.erase(at);
        };
        forget(known_);
        for (auto const& record : records_)
            if (record->completions == 0) forget(record->led);
        if (!stopped_ || open_ != 0) here_.time().in(1ms, [this] { look(); });
    }

    void later() {
        here_.time().in(here_.time().between(0ms, 40ms), [this] {
            if (!stopped_) send();
        });
    }
    void send() {
        records_.push_back(std::make_unique<fan_out_record>());
        fan_out_record& record = *records_.back();
        record.token = "f" + std::to_string(++number_);
        record.led = known_;
        ++open_;
        auto const client = db_.with(here_.time().between(100ms, 2000ms));
        if (how_ == manner::listed) return send_listed(record);
        client.on_each_primary().command<umbel::reply>("ECHO", record.token)([this, &record](auto answer) {
            bool good = answer.has_value();
            for (std::size_t at = 0; good && at < answer->size(); ++at)
                good = (*answer)[at].answer.has_value();
            completed(record, good);
        });
    }
    void send_listed(fan_out_record& record) {
        auto const send = [this, &record](umbel::result<umbel::cluster::topology> const& told) {
            auto const left = std::make_shared<std::pair<std::size_t, bool>>(1, told.has_value());
            auto const ended = [this, &record, left](bool good) {
                left->second = left->second && good;
                if (--left->first == 0) completed(record, left->second);
            };
            for (std::size_t at = 0; told && at < told->shards.size(); ++at) {
                auto const& shard = told->shards[at];
                if (shard.ranges.empty() || shard.primary == shard.none) continue;
                ++left->first;
                db_.on(told->nodes[shard.primary].address.to_string())
                    .command<umbel::reply>("ECHO",
                                           record.token)([ended](auto answer) { ended(answer.has_value()); });
            }
            ended(true);
        };
        if (listed_) return send(*listed_);
        db_.topology()([this, send](umbel::result<umbel::cluster::topology> told) {
            if (told) listed_ = told;
            send(told);
        });
    }
    void completed(fan_out_record& record, bool good) {
        --open_;
        record.done = good;
        if (++record.completions != 1) complain("a command completed twice");
        later();
    }

    void judge(fan_out_record const& record) {
        ++found_.all;
        if (!record.done) return;
        ++found_.done;
        for (auto const& [slot, leader] : record.led)
            if (!record.ran_on.contains(leader))
                return complain(record.token + " is called done and has not run on node " +
                                std::to_string(leader) + ", which leads slot " + std::to_string(slot));
    }

    std::uint64_t const seed_;
    manner const how_;
    std::vector<std::unique_ptr<fan_out_record>> records_;
    stage here_;
    umbel::client db_;
    simulation::fault_plan plan_;
    std::map<std::uint16_t, node_number> known_;
    std::map<std::string, node_number> writers_;  ///< By token: who has executed it last.
    std::optional<umbel::result<umbel::cluster::topology>> listed_;
    std::uint64_t number_ = 0;
    std::size_t open_ = 0;
    bool stopped_ = false;
    verdict found_;
};

/// UMBEL_SEEDS asks for more.
std::uint64_t seeds() { return umbel::test::number_from("UMBEL_SEEDS", 12); }

verdict judge_all(manner how) {
    verdict all;
    for (std::uint64_t seed = 1; seed <= seeds(); ++seed) {
        verdict told = run_of_fan_outs{seed, how}.judge();
        all.faults.insert(all.faults.end(), told.faults.begin(), told.faults.end());
        all.all += told.all;
        all.done += told.done;
    }
    return all;
}

}  // namespace

TEST_CASE("what is called done on all primaries has run on each, whatever befalls the cluster", "[each]") {
    verdict const told = judge_all(manner::spread);
    CHECK((told.faults.empty() ? "" : told.faults.front()) == std::string{});
    CHECK(told.done > told.all / 2);
    CHECK(told.done < told.all);
}

TEST_CASE("who sends to primaries by a list of their own leaves some out", "[each]") {
    CHECK_FALSE(judge_all(manner::listed).faults.empty());
}
