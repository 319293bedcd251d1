// Tests of the choice between deployments: members on paper, which answer their checks or do not, and virtual
// time.
#include <umbel/engine/member_choice.hpp>

#include <catch2/catch_test_macros.hpp>

#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

using namespace umbel::engine;
using namespace std::chrono_literals;

namespace {

enum class says { well, failed, nothing };

/// Members called a, b, c … and what their choice does. Each check is answered at once, or not at all.
struct paper_members {
    static choice_options usual() {
        choice_options made;
        made.check_interval = 1s;
        made.check_timeout = 500ms;
        made.check_pause = 200ms;
        made.failures_max = 3;
        made.failure_window = 10s;
        made.successes_min = 2;
        made.grace = 30s;
        made.grace_max = 300s;
        return made;
    }
    explicit paper_members(std::vector<std::uint32_t> const& weights, choice_options const& how = usual())
        : answers(weights.size(), says::well), checks(weights.size(), 0), choice{how, weights, now} {}

    /// Lets time pass, step by step as it is due.
    void run(duration span) {
        instant const end = after(now, span);
        for (;;) {
            choice.advance(now);
            carry_out();
            instant const due = std::max(choice.next_due(), now + 1ms);
            if (due > end) break;
            now = due;
        }
        now = end;
        choice.advance(now);
        carry_out();
    }
    /// Lets time pass until this holds. Fails after an hour.
    void run_until(std::function<bool()> const& holds) {
        for (instant const end = after(now, 1h); !holds(); run(10ms)) REQUIRE(now < end);
    }
    void carry_out() {
        while (!choice.actions().empty())
            for (choice_action const& action : std::exchange(choice.actions(), {})) {
                if (auto const* const check = std::get_if<check_member>(&action)) {
                    ++checks[check->member];
                    late.push_back(*check);
                    says const answer = answers[check->member];
                    if (answer != says::nothing) choice.check_ended(*check, answer == says::well, now);
                } else if (auto const* const moved = std::get_if<switch_member>(&action)) {
                    switches.push_back(named(moved->from) + named(moved->to) + " " + name(moved->why));
                    switched_at.push_back(now);
                } else {
                    ++changes;
                }
            }
    }
    std::string active() const { return named(choice.active()); }
    static std::string named(std::size_t which) { return {static_cast<char>('a' + which)}; }
    static std::string name(switch_reason why) {
        switch (why) {
            case switch_reason::member_down: return "down";
            case switch_reason::fail_back: return "back";
            case switch_reason::recovered: return "recovered";
            case switch_reason::by_hand: return "hand";
        }
        return "";
    }

    instant now{1s};
    std::vector<says> answers;
    std::vector<int> checks;
    std::vector<check_member> late;  ///< Every check that was begun.
    std::vector<std::string> switches;
    std::vector<instant> switched_at;
    int changes = 0;
    member_choice choice;
};

using strings = std::vector<std::string>;

}  // namespace

TEST_CASE("the heaviest member serves from the start, and of equals the first", "[member_choice]") {
    CHECK(paper_members{{1, 3, 2}}.active() == "b");
    CHECK(paper_members{{2, 2, 2}}.active() == "a");
    CHECK(paper_members{{1}}.active() == "a");
}

TEST_CASE("members that are well are checked once an interval, and nobody is switched", "[member_choice]") {
    paper_members m{{2, 1}};
    m.run(10s);
    CHECK(m.checks == std::vector<int>{11, 11});
    CHECK(m.switches.empty());
    CHECK(m.choice.health(0) == member_health::up);
    CHECK(m.choice.health(1) == member_health::up);
}

TEST_CASE("one failure is no reason to switch, and three in a row are", "[member_choice]") {
    paper_members m{{2, 1}};
    m.run(2s);
    m.answers[0] = says::failed;
    m.run(1100ms);
    CHECK(m.choice.failures(0, m.now) == 1);
    CHECK(m.active() == "a");
    m.run(400ms);
    CHECK(m.switches == strings{"ab down"});
    CHECK(m.choice.breaker(0) == circuit_breaker::state::open);
}

TEST_CASE("a member that says nothing is down as soon as its checks are overdue", "[member_choice]") {
    paper_members m{{2, 1}};
    m.run(5s);
    m.answers[0] = says::nothing;
    m.run(1s);
    CHECK(m.switches.empty());
    m.run(3 * 500ms + 2 * 200ms);
    CHECK(m.switches == strings{"ab down"});
}

TEST_CASE("the answer to a check that was given up says nothing", "[member_choice]") {
    paper_members m{{2, 1}};
    m.run(5s);
    m.answers[0] = says::nothing;
    m.run(3s);
    REQUIRE(m.active() == "b");
    for (check_member const& old : m.late)
        if (old.number + 1 < m.late.size()) m.choice.check_ended(old, true, m.now);
    CHECK(m.choice.health(0) == member_health::down);
    CHECK(m.choice.breaker(0) == circuit_breaker::state::open);
}

TEST_CASE("failures that are far apart never add up", "[member_choice]") {
    choice_options how = paper_members::usual();
    how.failure_window = 4s;
    paper_members m{{2, 1}, how};
    for (int i = 0; i < 20; ++i) {
        m.run(3s);
        m.answers[0] = says::failed;
        m.run_until([&] { return m.choice.failures(0, m.now) == 1; });
        m.answers[0] = says::well;
        m.run(2s);
    }
    CHECK(m.checks[0] > 100);
    CHECK(m.switches.empty());
    CHECK(m.choice.health(0) == member_health::up);
}

TEST_CASE("what commands met counts once between two checks, and brings the next check on",
          "[member_choice]") {
    paper_members m{{2, 1}};
    m.run(2500ms);
    m.answers[0] = says::failed;
    int const before = m.checks[0];
    for (int i = 0; i < 1000; ++i) m.choice.command_failed(0, m.now);
    CHECK(m.choice.failures(0, m.now) == 1);
    m.run(1ms);
    CHECK(m.checks[0] == before + 1);
    CHECK(m.choice.failures(0, m.now) == 2);
    CHECK(m.active() == "a");
    m.run(300ms);
    CHECK(m.switches == strings{"ab down"});
}

TEST_CASE("a lost connection alone is no failure, however often it comes", "[member_choice]") {
    paper_members m{{2, 1}};
    m.run(2s);
    int const before = m.checks[0];
    for (int i = 0; i < 1000; ++i) {
        m.choice.suspect(0, m.now);
        m.run(10ms);
    }
    CHECK(m.choice.failures(0, m.now) == 0);
    CHECK(m.switches.empty());
    // 10 s at the pace of one check a pause.
    CHECK(m.checks[0] - before <= 51);
}

TEST_CASE("the next heaviest takes over, and not one that has never answered", "[member_choice]") {
    paper_members m{{4, 3, 2, 1}};
    m.answers[1] = says::failed;
    m.answers[2] = says::nothing;
    m.run(300ms);
    m.answers[0] = says::failed;
    m.choice.command_failed(0, m.now);
    m.run(3s);
    CHECK(m.active() == "d");
    CHECK(m.switches == strings{"ad down"});
}

TEST_CASE("a heavier member comes back when it has been well for its grace time", "[member_choice]") {
    paper_members m{{2, 1}};
    m.run(2s);
    m.answers[0] = says::failed;
    m.run(2s);
    REQUIRE(m.active() == "b");
    m.answers[0] = says::well;
    instant const well_from = m.now;
    m.run(29s);
    CHECK(m.choice.health(0) == member_health::up);
    CHECK(m.active() == "b");
    m.run(3s);
    CHECK(m.switches == strings{"ab down", "ba back"});
    CHECK(m.switched_at.back() - well_from >= 30s);
}

TEST_CASE("one failure during the grace time has it begin anew", "[member_choice]") {
    paper_members m{{2, 1}};
    m.run(2s);
    m.answers[0] = says::failed;
    m.run(2s);
    m.answers[0] = says::well;
    m.run(28s);
    m.answers[0] = says::failed;
    m.run(1s);
    m.answers[0] = says::well;
    m.run(29s);
    CHECK(m.active() == "b");
    m.run(3s);
    CHECK(m.active() == "a");
}

TEST_CASE("a member is up again only after several checks in a row", "[member_choice]") {
    choice_options how = paper_members::usual();
    how.successes_min = 3;
    paper_members m{{1}, how};
    m.answers[0] = says::failed;
    m.run(2s);
    REQUIRE(m.choice.all_down());
    for (int i = 0; i < 5; ++i) {
        m.answers[0] = says::well;
        m.run_until([&] { return m.choice.breaker(0) == circuit_breaker::state::half_open; });
        m.answers[0] = says::failed;
        m.run(300ms);
        CHECK(m.choice.breaker(0) == circuit_breaker::state::open);
    }
    m.answers[0] = says::well;
    m.run(1500ms);
    CHECK(m.choice.breaker(0) == circuit_breaker::state::closed);
}

TEST_CASE("a member that flaps comes back ever later, and each time serves no more than it lasts",
          "[member_choice]") {
    paper_members m{{2, 1}};
    m.run(2s);
    for (int i = 0; i < 400; ++i) {  // Five seconds ill, then well until it serves again for a second.
        m.answers[0] = says::failed;
        m.run(5s);
        m.answers[0] = says::well;
        m.run(40s);
    }
    // 18,000 s at 45 s a round were 400 pairs of switches without hysteresis.
    CHECK(m.switches.size() < 20);
    CHECK(m.choice.grace_of(0) <= 300s);
    // Once it stays well it comes back, and is forgiven when it has lasted.
    m.run(400s);
    CHECK(m.active() == "a");
    m.run(400s);
    m.answers[0] = says::failed;
    m.run(5s);
    CHECK(m.choice.grace_of(0) == 30s);
}

TEST_CASE("a heavier member that is up and down at random never makes the choice leave one that is well",
          "[member_choice]") {
    paper_members m{{2, 1}};
    m.run(2s);
    m.answers[0] = says::failed;
    m.run(3s);
    std::uint32_t dice = 12345;
    for (int i = 0; i < 1000; ++i) {
        dice = dice * 1664525u + 1013904223u;
        m.answers[0] = (dice >> 16) % 5 == 0 ? says::failed : says::well;
        m.run(1s);
    }
    CHECK(m.switches == strings{"ab down"});
}

TEST_CASE("a switch by hand sticks, whatever the weights", "[member_choice]") {
    paper_members m{{2, 1}};
    m.run(2s);
    REQUIRE(m.choice.choose(1, m.now));
    m.carry_out();
    m.run(1000s);
    CHECK(m.switches == strings{"ab hand"});
    CHECK(m.choice.by_hand() == 1);
    m.choice.release(m.now);
    m.run(1s);
    CHECK(m.switches == strings{"ab hand", "ba back"});
}

TEST_CASE("a member chosen by hand is left when it is down, and comes back after its grace time",
          "[member_choice]") {
    paper_members m{{2, 1, 1}};
    m.run(2s);
    REQUIRE(m.choice.choose(2, m.now));
    m.carry_out();
    m.answers[2] = says::failed;
    m.run(3s);
    CHECK(m.switches == strings{"ac hand", "ca down"});
    m.answers[2] = says::well;
    m.run(28s);
    CHECK(m.active() == "a");
    m.run(5s);
    CHECK(m.active() == "c");
}

TEST_CASE("nobody can choose a member by hand that is down", "[member_choice]") {
    paper_members m{{2, 1}};
    m.answers[1] = says::failed;
    m.run(3s);
    CHECK_FALSE(m.choice.choose(1, m.now));
    CHECK(m.choice.by_hand() == std::nullopt);
    CHECK(m.active() == "a");
}

TEST_CASE("without fail-back only the hand brings a heavier member back", "[member_choice]") {
    choice_options how = paper_members::usual();
    how.fails_back = false;
    paper_members m{{2, 1}, how};
    m.run(2s);
    m.answers[0] = says::failed;
    m.run(3s);
    m.answers[0] = says::well;
    m.run(1000s);
    CHECK(m.active() == "b");
    CHECK(m.choice.choose(0, m.now));
    CHECK(m.active() == "a");
}

TEST_CASE("members of one weight take over from each other, and none comes back by itself",
          "[member_choice]") {
    paper_members m{{1, 1}};
    m.run(2s);
    m.answers[0] = says::failed;
    m.run(3s);
    m.answers[0] = says::well;
    m.run(1000s);
    CHECK(m.switches == strings{"ab down"});
    m.answers[1] = says::failed;
    m.run(3s);
    CHECK(m.switches == strings{"ab down", "ba down"});
}

TEST_CASE("while all are down the latest one stays, and the first that is up again serves at once",
          "[member_choice]") {
    paper_members m{{3, 2, 1}};
    m.run(2s);
    m.answers = {says::failed, says::failed, says::failed};
    m.run(10s);
    CHECK(m.choice.all_down());
    std::size_t const switches = m.switches.size();
    m.run(100s);
    CHECK(m.switches.size() == switches);
    m.answers[2] = says::well;
    m.run(2s);
    CHECK_FALSE(m.choice.all_down());
    CHECK(m.active() == "c");
    // The heavier ones wait for their grace time as ever.
    m.answers = {says::well, says::well, says::well};
    m.run(25s);
    CHECK(m.active() == "c");
    m.run(10s);
    CHECK(m.active() == "a");
}

TEST_CASE("the one that was active when all went down goes on when it is the first that is up",
          "[member_choice]") {
    paper_members m{{2, 1}};
    m.run(2s);
    m.answers = {says::nothing, says::failed};
    m.run(5s);
    REQUIRE(m.choice.all_down());
    std::string const last = m.active();
    std::size_t const switches = m.switches.size();
    m.answers[last == "a" ? 0 : 1] = says::well;
    m.run(5s);
    CHECK(m.active() == last);
    CHECK(m.switches.size() == switches);
}

TEST_CASE("a member that has never answered is left when another one is up", "[member_choice]") {
    paper_members m{{2, 1}};
    m.answers[0] = says::nothing;
    m.run(5s);
    CHECK(m.switches == strings{"ab down"});
    CHECK(m.choice.health(0) == member_health::down);
}

TEST_CASE("nothing the choice keeps grows, whatever happens", "[member_choice]") {
    paper_members m{{2, 1}};
    for (int i = 0; i < 10'000; ++i) {
        m.answers = {i % 3 == 0 ? says::failed : says::well, i % 7 == 0 ? says::nothing : says::well};
        m.choice.command_failed(static_cast<std::size_t>(i % 2), m.now);
        m.run(100ms);
        REQUIRE(m.choice.failures(0, m.now) <= 3);
        REQUIRE(m.choice.actions().empty());
    }
}
