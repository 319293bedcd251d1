// Commands of a module on virtual time, which clients learn by COMMAND INFO while random faults befall a
// model cluster and nodes refuse to tell: each is answered once and none is executed twice, order within a
// slot is kept, and in the end each is known, was asked for once, and goes where its key stands. Clients that
// do not learn are convicted, and so are users who begin a later command first.
#include "simulation/faults.hpp"
#include "support/number_from.hpp"
#include "unit/testing/service/under_faults.hpp"

#include <umbel/testing/service/stage.hpp>

#include <catch2/catch_test_macros.hpp>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using namespace umbel::testing;
using namespace std::chrono_literals;
using umbel::test::hurried;
using umbel::test::number_from;
using umbel::test::retry_watcher;
using umbel::test::slots_of_tags;
using umbel::test::tag_of;

namespace {

enum class manner { sound, unlearned, swapped };

struct push_record {
    std::string token;  ///< What it appends; nobody else does.
    int answers = 0;
    bool good = false;
    bool may_have_run = false;
};
/// Commands that were begun one behind the other, on one key.
struct burst_record {
    std::vector<push_record> pushes;
    umbel::engine::instant begun{};
};

/// What one seed has shown.
struct verdict {
    std::vector<std::string> faults;
    std::size_t pushes = 0;
    std::size_t good = 0;
    std::size_t inversions = 0;  ///< Where something was sent again.
    std::size_t questions = 0;
    std::size_t refusals = 0;  ///< Nodes that refused to tell for a while.
};

class run_of_learning {
public:
    run_of_learning(std::uint64_t seed, manner how)
        : how_{how},
          here_{{.primaries = 3, .replicas_each = 1}, seed, servers(seed), wires(seed)},
          watcher_{std::make_shared<retry_watcher>(here_.time())},
          plan_{here_.time(), here_.cluster(), slots_of_tags(tags)} {
        plan_.refuses = seed % 4 == 0;
        here_.cluster().book().watch([this](execution const& what) { executed(what); });
    }

    verdict judge() {
        renew();
        for (int user = 0; user < 4; ++user) later();
        plan_.schedule(4 + static_cast<unsigned>(here_.time().pick(6)), troubled);
        for (std::size_t count = here_.time().pick(5); count != 0; --count) forbid_later();
        here_.run_for(troubled);
        stopped_ = true;
        plan_.stop();
        if (!here_.run_while_not([this] { return open_ == 0; }, 60s)) complain("calls never completed");
        if (!here_.run_while_not([this] { return here_.cluster().settled(); }, 20s))
            complain("the model cluster did not come together again: " + here_.cluster().unsettled());
        here_.run_for(3s);
        for (auto const& burst : bursts_) judge(*burst);
        judge_new_client();
        // What a node has refused to tell is asked for again after a minute.
        here_.run_for(62s);
        for (umbel::client const& known : clients_) judge_calm(known, "an old client");
        found_.questions = questions();
        return std::move(found_);
    }

private:
    static constexpr int tags = 4;
    static constexpr umbel::engine::duration troubled = 2500ms;

    static model_options servers(std::uint64_t seed) {
        model_options made;
        made.knows_hello = seed % 7 != 0;
        made.replication_lag_max = 20ms;
        return made;
    }
    static network_options wires(std::uint64_t seed) {
        network_options made;
        made.split_percent = 40;
        made.cut_percent = seed % 3 == 0 ? 30 : 0;
        made.late_percent = seed % 2 == 0 ? 50 : 0;
        return made;
    }
    void complain(std::string what) { found_.faults.push_back(std::move(what)); }
    timeline& time() noexcept { return here_.time(); }
    std::size_t questions() {
        std::size_t all = 0;
        for (auto const& node : here_.cluster().nodes()) all += node->counted("command");
        return all;
    }
    void executed(execution const& what) {
        if (what.words[0] != "MODEL.PUSH" || !what.as_primary) return;
        if (executions_[what.words[3]]++ == 0) order_[what.words[3]] = ++executed_;
    }
    umbel::client fresh_client() {
        umbel::options chosen = hurried();
        chosen.learn_commands = how_ != manner::unlearned;
        std::vector<std::string> addresses;
        for (node_number at = 0; at < 6; ++at) addresses.push_back(here_.cluster().where(at).to_string());
        chosen.seeds = umbel::seed_list{addresses};
        return here_.client(chosen, {}, watcher_);
    }
    /// From time to time a client begins that has learned nothing yet.
    void renew() {
        clients_.push_back(fresh_client());
        time().in(time().between(200ms, 900ms), [this] {
            if (!stopped_) renew();
        });
    }
    /// Some nodes, or all, refuse to tell for a while.
    void forbid_later() {
        time().in(time().between(0ms, troubled), [this] {
            if (stopped_) return;
            ++found_.refusals;
            for (auto const& node : here_.cluster().nodes()) node->forbids_info = time().chance(60);
            time().in(time().between(20ms, 700ms), [this] {
                for (auto const& node : here_.cluster().nodes()) node->forbids_info = false;
            });
        });
    }

    // ---- Users ----------------------------------------------------------------------------------

    void later() {
        time().in(time().between(0ms, 40ms), [this] {
            if (!stopped_) send();
        });
    }
    std::string any_word() { return "word" + std::to_string(time().pick(50)); }
    static std::string key(std::size_t tag) { return tag_of(static_cast<int>(tag)) + "list"; }

    void send() {
        bursts_.push_back(std::make_unique<burst_record>());
        burst_record& record = *bursts_.back();
        record.begun = time().now();
        record.pushes.resize(1 + time().pick(5));
        auto const client = clients_.back().with(time().between(30ms, 3000ms));
        std::string const list = key(time().pick(tags));
        open_ += record.pushes.size();
        auto const left = std::make_shared<std::size_t>(record.pushes.size());
        for (push_record& push : record.pushes) push.token = "#" + std::to_string(++number_);
        for (std::size_t at = 0; at < record.pushes.size(); ++at) {
            std::size_t const nth = how_ == manner::swapped ? record.pushes.size() - 1 - at : at;
            push_record& push = record.pushes[nth];
            client.command<std::int64_t>("MODEL.PUSH", any_word(), list, push.token)(
                [this, &push, left](umbel::result<std::int64_t> const& answer) {
                    --open_;
                    ++push.answers;
                    push.good = answer.has_value();
                    push.may_have_run = answer || answer.error().may_have_executed();
                    if (answer && *answer <= 0) complain(push.token + " got somebody else's reply");
                    if (--*left == 0) later();
                });
        }
        // What reads is between them, and is judged when all is calm.
        client.command<std::int64_t>("MODEL.LENGTH", any_word(), list)([](auto const&) {});
        client.command<std::int64_t>("MODEL.EXISTS", key(0), key(1),
                                     key(2))([this](umbel::result<std::int64_t> const& answer) {
            if (answer && (*answer < 0 || *answer > 3)) complain("a sum of another's");
        });
    }

    // ---- The judge ------------------------------------------------------------------------------

    void judge(burst_record const& burst) {
        for (std::size_t at = 0; at < burst.pushes.size(); ++at) {
            push_record const& earlier = burst.pushes[at];
            int const times = count_of(earlier);
            ++found_.pushes;
            found_.good += earlier.good ? 1u : 0u;
            if (earlier.answers != 1) complain(earlier.token + " was not answered once");
            if (times > 1) complain(earlier.token + " was executed twice");
            if (earlier.good && times == 0) complain(earlier.token + " has a good answer, and never ran");
            if (!earlier.may_have_run && times != 0) complain(earlier.token + " ran, and was told otherwise");
            if (!earlier.good) continue;
            for (std::size_t next = at + 1; next < burst.pushes.size(); ++next) {
                push_record const& after = burst.pushes[next];
                if (count_of(after) == 0 || order_.at(after.token) > order_.at(earlier.token)) continue;
                ++found_.inversions;
                if (!sent_again_since(burst.begun))
                    complain(after.token + " has passed " + earlier.token + ", and nothing was sent again");
            }
        }
    }
    int count_of(push_record const& push) const {
        auto const found = executions_.find(push.token);
        return found == executions_.end() ? 0 : found->second;
    }
    bool sent_again_since(umbel::engine::instant when) const {
        return !watcher_->again.empty() && watcher_->again.back() >= when;
    }
    /// Many call commands at one time that their client does not know.
    void judge_new_client() {
        umbel::client const begun = fresh_client();
        std::size_t const before = questions();
        judge_calm(begun, "a new client");
        std::size_t const asked = questions() - before;
        if (how_ != manner::unlearned && asked != 3)
            complain("a new client has asked " + std::to_string(asked) + " times for three commands");
    }
    void judge_calm(umbel::client const& known, std::string const& who) {
        std::size_t good = 0, sum = 0, told = 0;
        std::size_t const before = watcher_->again.size();
        constexpr std::size_t rounds = 3;
        auto const client = known.with(4s);
        for (std::size_t round = 0; round < rounds; ++round)
            for (std::size_t tag = 0; tag < tags; ++tag) {
                client.command<std::int64_t>("MODEL.PUSH", any_word(), key(tag),
                                             "#" + std::to_string(++number_))(
                    [&](auto const& answer) { ++told, good += answer ? 1u : 0u; });
                client.command<std::int64_t>("MODEL.LENGTH", any_word(), key(tag))(
                    [&](auto const& answer) { ++told, good += answer ? 1u : 0u; });
            }
        constexpr std::size_t calls = rounds * tags * 2;
        if (!here_.run_while_not([&] { return told == calls; }, 10s))
            return complain(who + " has calls that never completed");
        if (good != calls)
            complain("of " + who + "'s calls only " + std::to_string(good) + " were well when all was calm");
        client.command<std::int64_t>("MODEL.EXISTS", key(0), key(1), key(2),
                                     key(3))([&](umbel::result<std::int64_t> const& answer) {
            ++told, sum = answer ? static_cast<std::size_t>(*answer) : 0;
        });
        here_.run_while_not([&] { return told == calls + 1; }, 10s);
        if (sum != tags) complain("what " + who + " splits makes " + std::to_string(sum));
        if (watcher_->again.size() != before)
            complain(who + " does not know where keys stand: it was redirected");
    }

    manner const how_;
    std::vector<std::unique_ptr<burst_record>> bursts_;
    stage here_;
    std::shared_ptr<retry_watcher> watcher_;
    std::vector<umbel::client> clients_;
    simulation::fault_plan plan_;
    std::map<std::string, int> executions_;
    std::map<std::string, std::uint64_t> order_;
    std::uint64_t executed_ = 0;
    std::uint64_t number_ = 0;
    std::size_t open_ = 0;
    bool stopped_ = false;
    verdict found_;
};

/// UMBEL_SEEDS asks for more seeds, UMBEL_FIRST_SEED for others.
verdict judge_all(manner how, std::uint64_t count) {
    verdict all;
    std::uint64_t const first = number_from("UMBEL_FIRST_SEED", 1);
    for (std::uint64_t seed = first; seed < first + count && all.faults.size() < 10; ++seed) {
        verdict const told = run_of_learning{seed, how}.judge();
        for (std::string const& text : told.faults)
            all.faults.push_back("seed " + std::to_string(seed) + ": " + text);
        all.pushes += told.pushes, all.good += told.good, all.inversions += told.inversions;
        all.questions += told.questions, all.refusals += told.refusals;
    }
    std::printf(
        "learning: %llu seeds: %zu pushes, %zu good, %zu passed one sent again, %zu questions, "
        "%zu times nodes refused to tell\n",
        static_cast<unsigned long long>(count), all.pushes, all.good, all.inversions, all.questions,
        all.refusals);
    return all;
}
std::string shown(std::vector<std::string> const& faults) {
    std::string text;
    for (std::string const& fault : faults) text += fault + "\n";
    return text;
}
bool convicted(verdict const& told, std::string_view words) {
    for (std::string const& fault : told.faults)
        if (fault.find(words) != fault.npos) return true;
    return false;
}

}  // namespace

TEST_CASE("what clients learn under faults they learn once, and order and delivery are kept", "[learning]") {
    verdict const told = judge_all(manner::sound, number_from("UMBEL_SEEDS", 12));
    CHECK(shown(told.faults) == "");
    CHECK(told.good > told.pushes / 2);
    CHECK(told.good < told.pushes);
    CHECK(told.refusals > 0);
}

TEST_CASE("clients that learn nothing are redirected, and are convicted", "[learning]") {
    CHECK(convicted(judge_all(manner::unlearned, 2), "does not know where keys stand"));
}

TEST_CASE("users who begin a later command first are convicted", "[learning]") {
    CHECK(convicted(judge_all(manner::swapped, 3), "has passed"));
}
