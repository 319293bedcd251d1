// Batches on virtual time, while random faults befall a model cluster: each command is answered once, none is
// executed twice, and the order within a slot is what client/batch.hpp promises. Users who do not have their
// commands held back are convicted.
#include "simulation/faults.hpp"
#include "support/number_from.hpp"
#include "unit/testing/service/under_faults.hpp"

#include <umbel/testing/service/stage.hpp>

#include <asio/bind_cancellation_slot.hpp>
#include <asio/cancellation_signal.hpp>

#include <catch2/catch_test_macros.hpp>

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

using namespace umbel::testing;
using namespace std::chrono_literals;
using umbel::cmd;
using umbel::test::hurried;
using umbel::test::retry_watcher;
using umbel::test::slots_of_tags;
using umbel::test::tag_of;

namespace {

/// How users have their commands sent: by batches, or one by one in the same order.
enum class manner { strict, ordered, singly };

struct command_record {
    std::uint16_t slot = 0;
    std::string token;  ///< What it writes; nobody else does.
    umbel::result<umbel::reply> answer = umbel::fail(umbel::errc::bad_argument, umbel::delivery::executed);
    int answers = 0;

    bool untouched() const {
        return !answer && answer.error() == umbel::errc::bad_argument &&
               answer.error().delivery() == umbel::delivery::executed;
    }
};
struct batch_record {
    std::vector<command_record> commands;
    asio::cancellation_signal signal;
    umbel::engine::instant begun{};
    int completions = 0;
};

/// What one seed has shown.
struct verdict {
    std::vector<std::string> faults;
    std::size_t commands = 0;
    std::size_t good = 0;
    std::size_t refused_or_lost = 0;
    std::size_t inversions = 0;
};

struct run_of_batches {
    run_of_batches(std::uint64_t seed, manner how)
        : seed_{seed},
          how_{how},
          here_{{.primaries = 3, .replicas_each = 1}, seed},
          watcher_{std::make_shared<retry_watcher>(here_.time())},
          db_{here_.client(hurried(), {}, watcher_)},
          plan_{here_.time(), here_.cluster(), slots_of_tags(tags)} {
        plan_.refuses = true;
        here_.cluster().book().watch([this](execution const& what) { executed(what); });
    }

    verdict judge() {
        for (int user = 0; user < 3; ++user) later();
        plan_.schedule(8, 2s);
        here_.run_for(2s);
        stopped_ = true;
        plan_.stop();
        bool const ended = here_.run_while_not([this] { return open_ == 0; }, 60s);
        if (!ended) complain("batches never completed");
        for (auto const& batch : batches_) judge(*batch);
        return std::move(found_);
    }

private:
    static constexpr int tags = 6;

    void complain(std::string what) {
        found_.faults.push_back("seed " + std::to_string(seed_) + ": " + std::move(what));
    }
    void executed(execution const& what) {
        if (!what.write || !what.as_primary) return;
        for (std::string const& word : what.words)
            if (word.starts_with('#')) {
                if (executions_[word]++ == 0) order_[word] = ++executed_;
                return;
            }
    }

    void later() {
        timeline& time = here_.time();
        time.in(time.between(0ms, 40ms), [this] {
            if (!stopped_) send();
        });
    }
    void send() {
        timeline& time = here_.time();
        batches_.push_back(std::make_unique<batch_record>());
        batch_record& record = *batches_.back();
        record.begun = time.now();
        record.commands.resize(1 + time.pick(30));
        std::size_t const few = 1 + time.pick(tags);
        umbel::batch filled;
        std::vector<umbel::operation<umbel::reply>> single;
        auto const client = db_.with(time.between(30ms, 3000ms));
        for (command_record& command : record.commands) {
            std::string const prefix = tag_of(static_cast<int>(time.pick(few)));
            command.slot = umbel::cluster::slot_of(prefix).value();
            command.token = "#" + std::to_string(++number_);
            std::vector<std::string> words;
            switch (time.pick(4)) {
                case 0: words = {"MSET", prefix + "x", command.token, prefix + "y", command.token}; break;
                case 1: words = {"SET", prefix + "text", command.token}; break;
                case 2:
                    words = {"RPUSH", prefix + "list" + std::to_string(time.pick(3)), command.token};
                    break;
                case 3: words = {"APPEND", prefix + "append", command.token}; break;
            }
            if (how_ == manner::singly)
                single.push_back(client.execute(words));
            else
                filled.add(cmd.execute(words), command.answer);
        }
        ++open_;
        if (how_ == manner::singly) return send_singly(record, std::move(single));
        filled.window(time.chance(50) ? 1 + time.pick(8) : 100);
        if (how_ == manner::strict) filled.in_strict_order();
        client.batch(std::move(filled))(asio::bind_cancellation_slot(
            record.signal.slot(), [this, &record](umbel::answers) { completed(record); }));
        if (time.chance(10))
            time.in(time.between(0ms, 20ms),
                    [&record] { record.signal.emit(asio::cancellation_type::terminal); });
    }
    void send_singly(batch_record& record, std::vector<umbel::operation<umbel::reply>> single) {
        auto const left = std::make_shared<std::size_t>(single.size());
        for (std::size_t i = 0; i < single.size(); ++i)
            std::move(single[i])([this, &record, i, left](umbel::result<umbel::reply> answer) {
                record.commands[i].answer = std::move(answer);
                if (--*left == 0) completed(record);
            });
    }
    void completed(batch_record& record) {
        --open_;
        if (++record.completions != 1) complain("a batch completed twice");
        later();
    }

    void judge(batch_record const& batch) {
        if (batch.completions != 1) return;
        found_.commands += batch.commands.size();
        for (std::size_t i = 0; i < batch.commands.size(); ++i) {
            command_record const& earlier = batch.commands[i];
            int const times = count_of(earlier);
            if (earlier.untouched()) complain("a command has no result: " + earlier.token);
            if (times > 1) complain("a command was executed twice: " + earlier.token);
            (earlier.answer ? found_.good : found_.refused_or_lost) += 1;
            if (earlier.answer && times == 0)
                complain("a good answer without an execution: " + earlier.token);
            if (!earlier.answer && !earlier.answer.error().may_have_executed() && times != 0)
                complain("executed, and told otherwise: " + earlier.token);
            if (!earlier.answer) continue;
            for (std::size_t k = i + 1; k < batch.commands.size(); ++k) {
                command_record const& after = batch.commands[k];
                if (after.slot != earlier.slot || count_of(after) == 0) continue;
                if (order_.at(after.token) > order_.at(earlier.token)) continue;
                ++found_.inversions;
                if (how_ == manner::strict)
                    complain(after.token + " was executed before " + earlier.token);
                else if (!sent_again_since(batch.begun))
                    complain("order was not kept, and nothing was sent again: " + earlier.token);
            }
        }
    }
    int count_of(command_record const& command) const {
        auto const found = executions_.find(command.token);
        return found == executions_.end() ? 0 : found->second;
    }
    bool sent_again_since(umbel::engine::instant when) const {
        for (umbel::engine::instant const moment : watcher_->again)
            if (moment >= when) return true;
        return false;
    }

    std::uint64_t const seed_;
    manner const how_;
    std::vector<std::unique_ptr<batch_record>> batches_;
    stage here_;
    std::shared_ptr<retry_watcher> watcher_;
    umbel::client db_;
    simulation::fault_plan plan_;
    std::map<std::string, int> executions_;
    std::map<std::string, std::uint64_t> order_;
    std::uint64_t executed_ = 0;
    std::uint64_t number_ = 0;
    std::size_t open_ = 0;
    bool stopped_ = false;
    verdict found_;
};

/// UMBEL_SEEDS asks for more.
std::uint64_t seeds() { return umbel::test::number_from("UMBEL_SEEDS", 30); }

verdict judge_all(manner how) {
    verdict all;
    for (std::uint64_t seed = 1; seed <= seeds(); ++seed) {
        verdict const told = run_of_batches{seed, how}.judge();
        all.faults.insert(all.faults.end(), told.faults.begin(), told.faults.end());
        all.commands += told.commands;
        all.good += told.good;
        all.refused_or_lost += told.refused_or_lost;
        all.inversions += told.inversions;
    }
    return all;
}
std::string first_of(std::vector<std::string> const& faults) { return faults.empty() ? "" : faults.front(); }

}  // namespace

TEST_CASE("in strict order no command of a slot passes another, whatever befalls the cluster", "[batch]") {
    verdict const told = judge_all(manner::strict);
    CHECK(first_of(told.faults) == "");
    CHECK(told.inversions == 0);
    CHECK(told.good > told.commands / 2);
    CHECK(told.refused_or_lost > 0);
}

TEST_CASE("without strict order commands pass another only where it was sent again", "[batch]") {
    verdict const told = judge_all(manner::ordered);
    CHECK(first_of(told.faults) == "");
    CHECK(told.good > told.commands / 2);
    // The judge of order sees what there is to see: those that had left together with a refused one.
    CHECK(told.inversions > 0);
    // Who begins the same commands one by one, without a batch that holds back, has more of them.
    verdict const singly = judge_all(manner::singly);
    CHECK(singly.inversions > 2 * told.inversions);
}
