// Tests of commands that the table does not have: a client asks what they are, once, and routes, splits and
// joins them from then on; against two scripted nodes that share the slots.
#include "scripted_modules.hpp"

#include <catch2/generators/catch_generators.hpp>

#include <asio/bind_cancellation_slot.hpp>
#include <asio/cancellation_signal.hpp>

#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using at_home::code_of;
using at_home::contradictions;
using at_home::delivery_of;
using at_home::described;
using at_home::learning;
using at_home::modules;
using at_home::shown;
using namespace std::chrono_literals;
using scripted::words;
using text = std::optional<std::string>;
using umbel::cmd;

TEST_CASE("an unknown command waits until a server has said where its key stands, and is asked for once",
          "[learning]") {
    modules here{described("x.do", {"write"}, 2, 2)};
    CHECK(shown(here.wait(here.db->command<std::string>("x.do", "foo", "bar"))) == "low");
    CHECK(shown(here.wait(here.db->command<std::string>("X.DO", "bar", "foo"))) == "high");
    CHECK(shown(here.wait(here.db->command<std::string>("x.do", "bar", "foo"))) == "high");
    CHECK(here.said(here.low) == std::vector<words>{{"x.do", "foo", "bar"}});
    CHECK(here.questions() == 1);
    for (words const& said : here.low.seen())
        if (said[0] == "COMMAND") CHECK(said == words{"COMMAND", "INFO", "x.do"});
    std::vector<std::string> const argv{"x.do", "bar", "foo"};
    auto const raw = here.wait(here.db->execute(argv));
    REQUIRE(raw);
    CHECK(raw->text() == "high");
    auto const traced = here.wait(here.db->with(umbel::trail).command<std::string>("x.do", "bar", "foo"));
    REQUIRE(traced);
    CHECK(traced->value == "high");
}

TEST_CASE("the first call may be of any form", "[learning]") {
    SECTION("traced") {
        modules here{described("x.do", {"write"}, 2, 2)};
        auto const traced = here.wait(here.db->with(umbel::trail).command<std::string>("x.do", "foo", "bar"));
        REQUIRE(traced);
        CHECK(traced->value == "low");
    }
    SECTION("hedged") {
        modules here{described("x.do", {"readonly"}, 2, 2)};
        auto const hedging = here.db->with(umbel::read_from::any, umbel::hedge_after{10s});
        CHECK(shown(here.wait(hedging.command<std::string>("x.do", "foo", "bar"))) == "low");
        CHECK(here.questions() == 1);
    }
    SECTION("with marked keys, which are obeyed") {
        modules here{described("x.do", {"write"}, 2, 2)};
        CHECK(shown(here.wait(here.db->command<std::string>("x.do", umbel::key("foo"), "bar"))) == "high");
        CHECK(here.questions() == 1);
    }
    SECTION("with a prefix") {
        modules here{described("x.do", {"write"}, 2, 2)};
        auto const app = here.db->prefixed("{bar}");
        CHECK(shown(here.wait(app.command<std::string>("x.do", "foo", "foo"))) == "low");
        CHECK(here.said(here.low) == std::vector<words>{{"x.do", "foo", "{bar}foo"}});
    }
    SECTION("large") {
        modules here{described("x.do", {"write"}, 2, 2)};
        std::string const large(100'000, 'x');
        CHECK(shown(here.wait(here.db->command<std::string>("x.do", large, "bar"))) == "low");
        CHECK(here.said(here.low) == std::vector<words>{{"x.do", large, "bar"}});
    }
}

TEST_CASE("a command that is learned to read goes to replicas, and one that writes does not", "[learning]") {
    for (bool const reads : {true, false}) {
        modules here{described("x.get", {reads ? "readonly" : "write"}, 1, 1)};
        here.slots = "*1\r\n*4\r\n:0\r\n:16383\r\n*2\r\n" + scripted::bulk("127.0.0.1") +
                     scripted::integer(here.high.port()) + "*2\r\n" + scripted::bulk("127.0.0.1") +
                     scripted::integer(here.low.port());
        auto const near = here.db->with(umbel::read_from::replica);
        CHECK(shown(here.wait(near.command<std::string>("x.get", "foo"))) == (reads ? "low" : "high"));
        CHECK(shown(here.wait(near.command<std::string>("x.get", umbel::key("foo")))) ==
              (reads ? "low" : "high"));
        CHECK(here.questions() == 1);
    }
}

TEST_CASE("a learned command is split and joined as its tips say, alone and in a batch", "[learning]") {
    modules here{described("x.mget", {"readonly"}, 1, -2, {"request_policy:multi_shard"})};
    here.low_line = "*1\r\n$1\r\nL\r\n";
    here.high_line = "*2\r\n$1\r\nH\r\n$1\r\nI\r\n";
    auto const many = here.wait(here.db->command<std::vector<text>>("x.mget", "foo", "bar", "{foo}2", "$"));
    REQUIRE(many);
    CHECK(*many == std::vector<text>{"H", "L", "I"});
    CHECK(here.said(here.high) == std::vector<words>{{"x.mget", "foo", "{foo}2", "$"}});
    CHECK(here.said(here.low) == std::vector<words>{{"x.mget", "bar", "$"}});
    auto const [again, other] = here.wait(
        here.db->batch(cmd.command<std::vector<text>>("x.mget", "{foo}2", "bar", "foo", "$"), cmd.incr("n")));
    CHECK(again == std::vector<text>{"H", "L", "I"});
    CHECK(shown(other) == "1");
    CHECK(here.questions() == 1);
}

TEST_CASE("a learned command without keys goes to all whom it concerns", "[learning]") {
    modules here{
        described("x.count", {"readonly"}, 0, 0, {"request_policy:all_shards", "response_policy:agg_sum"})};
    here.low_line = ":3\r\n";
    here.high_line = ":4\r\n";
    CHECK(shown(here.wait(here.db->command<std::int64_t>("x.count"))) == "7");
    CHECK(shown(here.wait(here.db->command<std::int64_t>("x.count"))) == "7");
    CHECK(here.questions() == 1);
    auto const [divided] = here.wait(here.db->batch(cmd.command<std::int64_t>("x.count")));
    CHECK(code_of(divided) == "bad_argument");
}

TEST_CASE("a learned command that blocks needs a lease", "[learning]") {
    modules here{described("x.wait", {"write", "blocking"}, 1, 1)};
    auto const told = here.wait(here.db->command<std::string>("x.wait", "foo"));
    REQUIRE(code_of(told) == "needs_lease");
    CHECK(told.error().message().find("x.wait") == 0);
    CHECK(code_of(here.wait(here.db->command<std::string>("x.wait", "foo"))) == "needs_lease");
    CHECK(here.said(here.low).size() + here.said(here.high).size() == 0);
}

TEST_CASE("who calls a name that is being asked for waits for the same answer", "[learning]") {
    modules here{described("x.do", {"write"}, 2, 2)};
    here.holds = true;
    std::size_t good = 0;
    constexpr std::size_t calls = 50;
    for (std::size_t nth = 0; nth < calls; ++nth)
        here.db->command<std::string>("x.do", "foo",
                                      "bar")([&](auto told) { good += shown(told) == "low" ? 1 : 0; });
    REQUIRE(at_home::until(here.io, [&] { return here.questions() == 1; }));
    at_home::settle(here.io);
    CHECK(here.said(here.low).empty());
    here.low.release();
    here.high.release();
    CHECK(at_home::until(here.io, [&] { return good == calls; }));
    CHECK(here.questions() == 1);
}

TEST_CASE("where no server knows it, may say it, or says nonsense, the guess holds, and nobody asks again",
          "[learning]") {
    for (std::string const& info :
         {std::string{"*1\r\n*-1\r\n"}, std::string{"*1\r\n$-1\r\n"}, std::string{"*0\r\n"},
          std::string{"-NOPERM User app has no permissions to run the 'command|info' command\r\n"},
          std::string{"-ERR unknown command 'COMMAND'\r\n"}, std::string{"+OK\r\n"},
          described("other", {"readonly"}, 1, 1)}) {
        CAPTURE(info);
        modules here{info};
        for (int round = 0; round < 3; ++round) {
            CHECK(shown(here.wait(here.db->command<std::string>("x.do", "foo", "bar"))) == "high");
            CHECK(shown(here.wait(here.db->command<std::string>("x.do", "bar", "foo"))) == "low");
        }
        CHECK(shown(here.wait(here.db->command<std::string>("x.do", "foo", umbel::key("bar")))) == "low");
        CHECK(code_of(here.wait(here.db->command<std::string>("x.do", umbel::key("foo"),
                                                              umbel::key("bar")))) == "cross_slot");
        CHECK(shown(here.wait(here.db->prefixed("{bar}").command<std::string>("x.do", "foo"))) == "low");
        CHECK(here.said(here.low).back() == words{"x.do", "{bar}foo"});
        CHECK(here.questions() == 1);
    }
}

TEST_CASE("a client that sends nothing of its own accord does not ask, nor one that was told not to",
          "[learning]") {
    void (*const chosen[])(umbel::options&) = {[](umbel::options&) {},
                                               [](umbel::options& made) {
                                                   made.handshake = umbel::handshake::full;
                                                   made.learn_commands = false;
                                               }};
    for (auto const change : chosen) {
        modules here{described("x.do", {"write"}, 2, 2), change};
        CHECK(shown(here.wait(here.db->command<std::string>("x.do", "foo", "bar"))) == "high");
        CHECK(here.questions() == 0);
    }
}

TEST_CASE("a server that does not say it in time is not waited for any longer", "[learning]") {
    modules here{described("x.do", {"write"}, 2, 2), [](umbel::options& chosen) {
                     learning(chosen);
                     // Else a node that holds everything back counts as dead, and the other one is asked.
                     chosen.probe_after = 0ms;
                 }};
    here.holds = true;
    // Both nodes hold what follows on the connection, too, until they are released.
    std::string told;
    here.db->command<std::string>("x.do", "foo", "bar")([&](auto value) { told = shown(value); });
    REQUIRE(at_home::until(here.io, [&] { return here.questions() == 1; }));
    bool const asked_high = here.high.count("COMMAND") == 1;
    if (asked_high)
        CHECK(at_home::until(here.io, [&] { return here.high.count("x.do") == 1; }));
    else
        CHECK(at_home::until(here.io, [&] { return told == "high"; }));
    here.low.release();
    here.high.release();
    CHECK(at_home::until(here.io, [&] { return told == "high"; }));
}

TEST_CASE("a call with little time waits for half of it", "[learning]") {
    modules here{described("x.do", {"write"}, 2, 2)};
    here.holds = true;
    std::string told;
    here.db->with(300ms).command<std::string>("x.do", "foo", "bar")([&](auto value) { told = shown(value); });
    // By the guess, or too late on a busy machine: it ends by itself.
    CHECK(at_home::until(here.io, [&] { return !told.empty(); }));
    CHECK((told == "high" || told == "deadline_exceeded"));
    here.low.release();
    here.high.release();
    CHECK(shown(here.wait(here.db->command<std::string>("x.do", "foo", "bar"))) != "server_error");
}

TEST_CASE("who is cancelled while it waits was not sent, and the others go on", "[learning]") {
    modules here{described("x.do", {"write"}, 2, 2)};
    here.holds = true;
    asio::cancellation_signal first;
    asio::cancellation_signal second;
    std::vector<std::string> told;
    auto const note = [&](auto value) {
        told.push_back(value ? *value : code_of(value) + " " + delivery_of(value));
    };
    here.db->command<std::string>("x.do", "foo", "bar")(asio::bind_cancellation_slot(first.slot(), note));
    here.db->command<std::string>("x.do", "foo", "bar")(asio::bind_cancellation_slot(second.slot(), note));
    here.db->command<std::string>("x.do", "foo", "bar")(note);
    REQUIRE(at_home::until(here.io, [&] { return here.questions() == 1; }));
    first.emit(asio::cancellation_type::terminal);
    CHECK(at_home::until(here.io, [&] { return told.size() == 1; }));
    CHECK(told == std::vector<std::string>{"cancelled not_sent"});
    here.low.release();
    here.high.release();
    CHECK(at_home::until(here.io, [&] { return told.size() == 3; }));
    CHECK(told == std::vector<std::string>{"cancelled not_sent", "low", "low"});
}

TEST_CASE("a cancellation reaches what was sent after the wait, split or not", "[learning]") {
    bool const split = GENERATE(false, true);
    modules here{split ? described("x.del", {"write"}, 1, -1,
                                   {"request_policy:multi_shard", "response_policy:agg_sum"})
                       : described("x.del", {"write"}, 1, 1)};
    auto const usual = here.high_says;
    here.high_says = here.low_says = [&](words const& said) -> std::optional<scripted::answer> {
        if (said[0] == "x.del") return scripted::answer::hold(":1\r\n");
        return usual(said);
    };
    auto const sent = [&] {
        return here.high.count("x.del") == 1 && here.low.count("x.del") == (split ? 1u : 0u);
    };
    auto const told = [](auto const& value) { return code_of(value) + " " + delivery_of(value); };
    auto both = here.db->command<std::int64_t>("x.del", "foo", "bar");
    CHECK(at_home::cancelled_once(here, std::move(both), sent, told) == "cancelled unknown");
}

TEST_CASE("who waits when the client goes is cancelled, and who is never run is dropped", "[learning]") {
    modules here{described("x.do", {"write"}, 2, 2)};
    here.holds = true;
    std::vector<std::string> told;
    for (int nth = 0; nth < 3; ++nth)
        here.db->command<std::string>("x.do", "foo",
                                      "bar")([&](auto value) { told.push_back(code_of(value)); });
    REQUIRE(at_home::until(here.io, [&] { return here.questions() == 1; }));
    auto late = here.db->command<std::string>("x.do", "foo", "bar");
    {
        auto const dropped = here.db->command<std::string>("x.do", "foo", "bar");
    }
    here.db.reset();
    CHECK(at_home::until(here.io, [&] { return told.size() == 3; }));
    CHECK(told == std::vector<std::string>{"cancelled", "cancelled", "cancelled"});
    CHECK(code_of(here.wait(std::move(late))) == "cancelled");

    auto io = std::make_unique<asio::io_context>(1);
    auto never = std::make_shared<int>(1);
    umbel::options chosen = at_home::plain(here.seed);
    learning(chosen);
    umbel::client other{io->get_executor(), chosen};
    other.command<std::string>("x.do", "foo", "bar")([never](auto) { ++*never; });
    CHECK(never.use_count() == 2);
    io.reset();
    CHECK(never.use_count() == 1);
    CHECK(*never == 1);
}

TEST_CASE("who waits keeps its context busy, and completes there", "[learning]") {
    modules here{described("x.do", {"write"}, 2, 2)};
    here.holds = true;
    asio::io_context first{1};
    asio::io_context second{1};
    umbel::options chosen = at_home::plain(here.seed);
    chosen.deployment = umbel::deployment::cluster;
    learning(chosen);
    umbel::client db{std::vector<asio::any_io_executor>{first.get_executor(), second.get_executor()}, chosen};
    auto const run = [&] {
        for (asio::io_context* const io : {&here.io, &first, &second}) {
            if (io != &second && io->stopped()) io->restart();
            io->poll();
        }
    };
    std::vector<std::string> told;
    db.command<std::string>("x.do", "foo", "bar")(
        asio::bind_executor(first, [&](auto value) { told.push_back("first " + shown(value)); }));
    auto const give_up = std::chrono::steady_clock::now() + 30s;
    while (here.questions() == 0 && std::chrono::steady_clock::now() < give_up) run();
    REQUIRE(here.questions() == 1);
    if (second.stopped()) second.restart();
    db.command<std::string>("x.do", "foo", "bar")(asio::bind_executor(second, [&](auto value) {
        CHECK(second.get_executor().running_in_this_thread());
        told.push_back("second " + shown(value));
    }));
    for (int round = 0; round < 100; ++round) run();
    CHECK_FALSE(second.stopped());
    here.low.release();
    here.high.release();
    while (told.size() < 2 && std::chrono::steady_clock::now() < give_up) run();
    CHECK(std::set<std::string>{told.begin(), told.end()} ==
          std::set<std::string>{"first low", "second low"});
    CHECK(here.questions() == 1);
}

TEST_CASE("so many names are asked for and no more", "[learning]") {
    modules here;
    std::size_t good = 0;
    for (int nth = 0; nth < 600; ++nth)
        here.db->command<std::string>("x." + std::to_string(nth),
                                      "foo")([&](auto told) { good += shown(told) == "high" ? 1 : 0; });
    CHECK(at_home::until(here.io, [&] { return good == 600; }));
    CHECK(here.questions() == 512);
    CHECK(shown(here.wait(here.db->command<std::string>("x." + std::string(64, 'y'), "foo"))) == "high");
    CHECK(here.questions() == 512);
}

TEST_CASE("a container of the table is asked for when it is called with a subcommand that the table lacks",
          "[learning]") {
    using scripted::bulk;
    using scripted::integer;
    std::string const sub = "*6\r\n" + bulk("object|x.y") + integer(-3) + at_home::bulks({"readonly"}) +
                            integer(2) + integer(2) + integer(1);
    modules here{"*1\r\n*10\r\n" + bulk("object") + integer(-2) + "*0\r\n" + integer(0) + integer(0) +
                 integer(0) + "*0\r\n*0\r\n*0\r\n*1\r\n" + sub};
    here.low_says = [&](words const& said) {
        return said[0] == "OBJECT" ? scripted::answer{here.low_line} : here.says(said, here.low_line);
    };
    here.high_says = [&](words const& said) {
        return said[0] == "OBJECT" ? scripted::answer{here.high_line} : here.says(said, here.high_line);
    };
    CHECK(shown(here.wait(here.db->command<std::string>("OBJECT", "X.Y", "foo"))) == "high");
    CHECK(shown(here.wait(here.db->command<std::string>("OBJECT", "x.y", "bar"))) == "low");
    CHECK(shown(here.wait(here.db->command<std::string>("OBJECT", "ENCODING", "bar"))) == "low");
    // Of a subcommand that the server does not know either, the guess is that its name is the key.
    static_cast<void>(here.wait(here.db->command<std::string>("OBJECT", "x.z", "foo")));
    CHECK(here.questions() == 1);
}

TEST_CASE("what a server does not know any more, or finds elsewhere, is forgotten and asked for again",
          "[learning]") {
    for (std::string const& refusal : contradictions()) {
        CAPTURE(refusal);
        modules here{described("x.do", {"write"}, 1, 1)};
        CHECK(shown(here.wait(here.db->command<std::string>("x.do", "foo", "bar"))) == "high");
        // The module has been replaced: its key is the second argument now.
        here.info = described("x.do", {"write"}, 2, 2);
        here.high_line = refusal;
        auto const refused = here.wait(here.db->command<std::string>("x.do", "foo", "bar"));
        REQUIRE_FALSE(refused);
        CHECK(here.questions() == 1);
        CHECK(shown(here.wait(here.db->command<std::string>("x.do", "foo", "bar"))) == "low");
        CHECK(here.questions() == 2);
        // In a batch, too; but a node that knows it no better is not asked about again and again.
        here.low_line = refusal;
        for (int nth = 0; nth < 5; ++nth) {
            auto const [told] = here.wait(here.db->batch(cmd.command<std::string>("x.do", "foo", "bar")));
            CHECK_FALSE(told);
        }
        CHECK(here.questions() <= 3);
    }
}

TEST_CASE("other errors of a command are no reason to forget it", "[learning]") {
    modules here{described("x.do", {"write"}, 1, 1)};
    here.high_line = "-ERR x.do: bad input\r\n";
    for (int nth = 0; nth < 3; ++nth)
        CHECK(shown(here.wait(here.db->command<std::string>("x.do", "foo"))) == "server_error");
    CHECK(here.questions() == 1);
}
