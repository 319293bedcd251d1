// What a caller is told about delivery: late replies and cuts at every byte; and the checks themselves, shown
// faulty clients.
#include "scenario.hpp"
#include "scene.hpp"

#include <catch2/catch_test_macros.hpp>

#include <string>

using namespace simulation;

namespace {

/// Repeats whatever was lost, also what may have been executed: what no client may do by itself.
struct repeats_everything {
    umbel::cluster::verdict operator()(umbel::cluster::attempt const& seen) const noexcept {
        if (seen.fault == errc::connection_lost) return umbel::cluster::verdict::after_refresh(seen.delay);
        return umbel::cluster::follow_redirects{}(seen);
    }
};

/// Runs seeds with a changed plan until one is caught; returns what the checks said.
template <class Change>
std::string first_catch(Change change, std::string_view wanted) {
    for (std::uint64_t seed = 1; seed <= 300; ++seed) {
        plan drawn = draw(seed);
        if (drawn.allowed.surfaced || drawn.allowed.repeats) continue;
        change(drawn);
        for (std::string const& text : scenario{seed, drawn}.run().failures)
            if (text.find(wanted) != std::string::npos) return text;
    }
    return {};
}

}  // namespace

TEST_CASE("an INCR whose reply comes after its deadline is not sent again", "[simulation]") {
    // Jedis issue 3187: a command repeated after a timeout was executed twice.
    scene on{{}, {1, 0}};
    on.ready();
    REQUIRE(on.ask({"INCR", "n"}).good());
    on.cluster.freeze(0);
    answer const& late = on.call({"INCR", "n"}, {.deadline = 50ms});
    on.time.run_for(200ms);
    REQUIRE(late.done());
    CHECK(late.told->error() == errc::deadline_exceeded);
    CHECK(late.told->error().delivery() == delivery::unknown);
    on.cluster.unfreeze(0);
    CHECK(on.ask({"ECHO", "mine"}).text() == "\"mine\"");
    CHECK(on.ask({"INCR", "n"}).text() == "(integer) 3");
    CHECK(on.cluster[0].counted("incr") == 3);
}

TEST_CASE("a cut at any byte of request or reply leaves the counter between acknowledged and unknown",
          "[simulation]") {
    // "*2\r\n$4\r\nINCR\r\n$1\r\nn\r\n" is 25 bytes long, ":1\r\n" four.
    for (int upstream = 0; upstream < 2; ++upstream) {
        for (std::uint64_t at = 0; at < (upstream == 1 ? 52u : 9u); ++at) {
            scene on{{}, {1, 0}, at + 1};
            on.ready();
            auto const streams = on.cluster.net().streams_to(on.cluster[0]);
            REQUIRE_FALSE(streams.empty());
            for (auto const& stream : streams) {
                if (upstream == 1)
                    stream->cut_upstream_at(stream->upstream_bytes() + at);
                else
                    stream->cut_downstream_at(stream->downstream_bytes() + at);
            }
            unsigned acknowledged = 0, unknown = 0, without_effect = 0;
            for (int i = 0; i < 3; ++i) {
                answer const& one = on.ask({"INCR", "n"}, {.deadline = 2s});
                if (one.good())
                    ++acknowledged;
                else if (one.told->error().may_have_executed())
                    ++unknown;
                else
                    ++without_effect;
            }
            auto const value = std::stoul(on.cluster[0].store.contains("n") ? on.cluster[0].store.at("n").text
                                                                            : std::string{"0"});
            INFO((upstream == 1 ? "upstream" : "downstream") << ", byte " << at);
            CHECK(acknowledged <= value);
            CHECK(value <= acknowledged + unknown);
            CHECK(unknown <= 1);
            CHECK(without_effect == 0);
        }
    }
}

namespace {

/// Cuts every reply of one INCR; says what the caller was told and how often it ran.
std::pair<std::string, std::uint64_t> incr_without_reply(umbel::retry_unknown chosen) {
    scene on{{.retry_unknown = chosen}, {1, 0}};
    on.ready();
    for (auto const& one : on.cluster.net().streams_to(on.cluster[0]))
        one->cut_downstream_at(one->downstream_bytes());
    answer const& one = on.ask({"INCR", "n"}, {.deadline = 2s});
    return {one.good() ? one.text() : std::string{name_of(one.told->error().code())},
            on.cluster[0].counted("incr")};
}

}  // namespace

TEST_CASE("an INCR whose reply is lost runs once, unless the user wants it sent again", "[simulation]") {
    CHECK(incr_without_reply(umbel::retry_unknown::never) ==
          std::pair{std::string{"connection_lost"}, std::uint64_t{1}});
    CHECK(incr_without_reply(umbel::retry_unknown::reads) ==
          std::pair{std::string{"connection_lost"}, std::uint64_t{1}});
    CHECK(incr_without_reply(umbel::retry_unknown::idempotent) ==
          std::pair{std::string{"connection_lost"}, std::uint64_t{1}});
    CHECK(incr_without_reply(umbel::retry_unknown::always) ==
          std::pair{std::string{"(integer) 2"}, std::uint64_t{2}});
}

TEST_CASE("a client that repeats what may have been executed is caught by the checks and by the history",
          "[simulation][control]") {
    auto const repeats = [](plan& drawn) {
        drawn.policy = repeats_everything{};
        drawn.wires.cut_percent = 50;
    };
    CHECK(first_catch(repeats, "was executed 2 times") != "");
    CHECK(first_catch(repeats, "history: doubled") != "");
}

TEST_CASE("a client that forgets the place of cancelled calls is caught by the checks and by the history",
          "[simulation][control]") {
    auto const forgets = [](plan& drawn) {
        drawn.forget_tombstones = true;
        drawn.users.cancel_percent = 30;
    };
    CHECK(first_catch(forgets, "somebody else's reply") != "");
    CHECK(first_catch(forgets, "history: crossed") != "");
}

TEST_CASE("a client that repeats more than its budget allows is caught", "[simulation][control]") {
    auto const repeats = [](plan& drawn) {
        drawn.client.retry_budget_percent = 100;
        drawn.client.retry_unknown = umbel::retry_unknown::idempotent;
        drawn.wires.cut_percent = 85;  // So that more runs twice than never runs.
        drawn.allowed.empty_budget = true;
    };
    CHECK(first_catch(repeats, "the budget allows") != "");
}

TEST_CASE("an acknowledged write that is gone is found by the history where no failover excuses it",
          "[simulation][control]") {
    CHECK(first_catch([](plan& drawn) { drawn.forgive_losses = false; }, "history: lost") != "");
}

TEST_CASE("transactions that are repeated, or sent in pieces, are caught", "[simulation][control]") {
    auto const repeats = [](plan& drawn) {
        drawn.policy = repeats_everything{};
        drawn.wires.cut_percent = 50;
        drawn.transactions = {.users = 4};
    };
    CHECK(first_catch(repeats, "ran 2 times") != "");
    auto const torn = [](plan& drawn) {
        drawn.wires.cut_percent = 50;
        drawn.transactions = {.users = 4, .torn = true};
    };
    CHECK(first_catch(torn, "ran by halves") != "");
    CHECK(first_catch(torn, "saw lists of different lengths") != "");
    CHECK(first_catch(torn, "read two lists that are not the same") != "");
}

TEST_CASE("a client that does not bring a script to a node that has forgotten it is caught",
          "[simulation][control]") {
    auto const bare = [](plan& drawn) {
        drawn.users.script_percent = 100;
        drawn.users.bare_scripts = true;
        drawn.servers.scripts = {counting_script()};
    };
    CHECK(first_catch(bare, "no_script") != "");
}

TEST_CASE("a transaction that is sent again although MULTI was refused is caught", "[simulation][control]") {
    auto const forbidden = [](plan& drawn) {
        drawn.wires.cut_percent = 50;
        drawn.wires.window_bytes = 4000;
        drawn.forbids = 6;
        drawn.transactions = {.users = 4, .large_percent = 60, .halves = true};
    };
    auto const repeats = [&](plan& drawn) {
        forbidden(drawn);
        drawn.policy = repeats_everything{};
    };
    CHECK(first_catch(repeats, "ran 2 times") != "");
    auto const denied = [&](plan& drawn) {
        forbidden(drawn);
        drawn.transactions.halves = false;
    };
    CHECK(first_catch(denied, "ran outside of a transaction") != "");
    CHECK(first_catch(denied, "ran by halves") != "");
}
