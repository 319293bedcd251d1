// Tests of client/learning_batch.hpp, and of what else is made of several commands or goes where its caller
// has chosen: what becomes of commands there that nothing is known of, against two scripted nodes that share
// the slots.
#include "scripted_modules.hpp"

#include <umbel/client/each_client.hpp>
#include <umbel/client/lease.hpp>
#include <umbel/client/node_client.hpp>

#include <asio/bind_cancellation_slot.hpp>
#include <asio/cancellation_signal.hpp>

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

using at_home::code_of;
using at_home::contradictions;
using at_home::delivery_of;
using at_home::described;
using at_home::modules;
using at_home::shown;
using namespace std::chrono_literals;
using scripted::words;
using text = std::optional<std::string>;
using umbel::cmd;

namespace {

std::string split_by_keys() {
    return described("x.mget", {"readonly"}, 1, -1, {"request_policy:multi_shard"});
}
/// Has the nodes queue what stands between MULTI and EXEC.
void take_transactions(modules& here, std::string exec) {
    auto const queueing = [](scripted::server::script says, std::string line) {
        return [says = std::move(says), line = std::move(line),
                open = false](words const& said) mutable -> std::optional<scripted::answer> {
            if (said[0] == "MULTI") open = true;
            if (said[0] == "MULTI") return scripted::ok;
            if (said[0] == "EXEC") open = false;
            if (said[0] == "EXEC") return scripted::answer{line};
            return open ? scripted::answer{"+QUEUED\r\n"} : says(said);
        };
    };
    here.low_says = queueing(here.low_says, exec);
    here.high_says = queueing(here.high_says, exec);
}

}  // namespace

TEST_CASE("the first command of a module in a batch is learned before the batch begins, and split",
          "[learning]") {
    modules here{split_by_keys()};
    here.low_line = "*1\r\n$1\r\nL\r\n";
    here.high_line = "*1\r\n$1\r\nH\r\n";
    using all = std::vector<text>;
    SECTION("in a batch that is written down") {
        auto const [n, many] =
            here.wait(here.db->batch(cmd.incr("n"), cmd.command<all>("x.mget", "foo", "bar")));
        CHECK(shown(n) == "1");
        CHECK(many == all{"H", "L"});
    }
    SECTION("in one that was filled, with a window, an order and progress") {
        umbel::batch filled;
        std::size_t progress = 0;
        filled.window(1).in_strict_order().on_progress(
            [&](std::size_t done, std::size_t) { progress = done; });
        auto const n = filled.add(cmd.incr("n"));
        auto const first = filled.add(cmd.command<all>("x.mget", "foo", "bar"));
        auto const second = filled.add(cmd.command<all>("X.MGET", "bar", "foo"));
        auto told = here.wait(here.db->batch(std::move(filled)));
        CHECK(shown(told[n]) == "1");
        CHECK(told[first] == all{"H", "L"});
        CHECK(told[second] == all{"L", "H"});
        CHECK(progress > 0);
    }
    SECTION("with a prefix") {
        auto const [many] =
            here.wait(here.db->prefixed("app:").batch(cmd.command<all>("x.mget", "{foo}", "{bar}")));
        CHECK(many == all{"H", "L"});
        CHECK(here.said(here.high) == std::vector<words>{{"x.mget", "app:{foo}"}});
    }
    CHECK(here.questions() == 1);
}

TEST_CASE("a batch learns several names, one after the other, and those that no server knows are guessed",
          "[learning]") {
    modules here;
    auto const [first, second, third] = here.wait(here.db->batch(cmd.command<std::string>("x.one", "foo"),
                                                                 cmd.command<std::string>("x.two", "bar"),
                                                                 cmd.command<std::string>("x.one", "bar")));
    CHECK(shown(first) == "high");
    CHECK(shown(second) == "low");
    CHECK(shown(third) == "low");
    CHECK(here.questions() == 2);
    static_cast<void>(here.wait(here.db->batch(cmd.command<std::string>("x.two", "foo"))));
    CHECK(here.questions() == 2);
}

TEST_CASE("a batch that waits to learn was not sent where it is cancelled, or the client goes",
          "[learning]") {
    modules here{split_by_keys()};
    here.holds = true;
    std::string told;
    auto const note = [&](auto values) {
        auto const& [n, many] = values;
        told = code_of(n) + " " + delivery_of(n) + ", " + code_of(many) + " " + delivery_of(many);
    };
    asio::cancellation_signal signal;
    here.db->batch(cmd.incr("n"), cmd.command<std::vector<text>>("x.mget", "foo", "bar"))(
        asio::bind_cancellation_slot(signal.slot(), note));
    REQUIRE(at_home::until(here.io, [&] { return here.questions() == 1; }));
    SECTION("cancelled") { signal.emit(asio::cancellation_type::terminal); }
    SECTION("without its client") { here.db.reset(); }
    REQUIRE(at_home::until(here.io, [&] { return !told.empty(); }));
    CHECK(told == "cancelled not_sent, cancelled not_sent");
    CHECK(here.low.count("INCR") + here.high.count("INCR") == 0);
    here.low.release();
    here.high.release();
}

TEST_CASE("a batch that waits, or that was never begun, is dropped with its executors", "[learning]") {
    modules here{split_by_keys()};
    here.holds = true;
    auto io = std::make_unique<asio::io_context>(1);
    auto const never = std::make_shared<int>(1);
    umbel::options chosen = at_home::plain(here.seed);
    chosen.deployment = umbel::deployment::cluster;
    at_home::learning(chosen);
    umbel::client other{io->get_executor(), chosen};
    {
        auto const dropped = other.batch(cmd.command<std::vector<text>>("x.mget", "foo", "bar"));
    }
    other.batch(cmd.command<std::vector<text>>("x.mget", "foo", "bar"))([never](auto) { ++*never; });
    auto const asked = [&] {
        if (here.io.stopped()) here.io.restart();
        here.io.poll();
        return here.questions() == 1;
    };
    CHECK(at_home::until(*io, asked));
    CHECK(never.use_count() == 2);
    io.reset();
    CHECK(never.use_count() == 1);
    CHECK(*never == 1);
    here.low.release();
    here.high.release();
}

TEST_CASE("a cancellation reaches the commands of a batch that has learned", "[learning]") {
    modules here{split_by_keys()};
    auto const usual = here.high_says;
    here.low_says = here.high_says = [&](words const& said) -> std::optional<scripted::answer> {
        if (said[0] == "x.mget") return scripted::answer::hold("*1\r\n$1\r\nH\r\n");
        return usual(said);
    };
    auto both = here.db->batch(cmd.command<std::vector<text>>("x.mget", "foo", "bar"));
    auto const sent = [&] { return here.high.count("x.mget") == 1 && here.low.count("x.mget") == 1; };
    auto const told = [](auto const& values) {
        auto const& [many] = values;
        return code_of(many) + " " + delivery_of(many);
    };
    CHECK(at_home::cancelled_once(here, std::move(both), sent, told) == "cancelled unknown");
}

TEST_CASE("bad options fail a batch whose commands would have to be learned", "[learning]") {
    modules here{split_by_keys()};
    auto const [many] =
        here.wait(here.db->with(0ms).batch(cmd.command<std::vector<text>>("x.mget", "foo", "bar")));
    CHECK(code_of(many) == "deadline_exceeded");
    CHECK(here.questions() == 0);
}

TEST_CASE("the first command of a module in a transaction is learned before the transaction is made",
          "[learning]") {
    modules here{described("x.do", {"write"}, 2, 2)};
    take_transactions(here, "*2\r\n$1\r\nv\r\n:1\r\n");
    SECTION("and its key is that of the transaction") {
        auto const done = here.wait(
            here.db->transaction(cmd.command<std::string>("x.do", "foo", "bar"), cmd.incr("{bar}n")));
        REQUIRE(done);
        CHECK(shown(std::get<0>(*done)) == "v");
        CHECK(shown(std::get<1>(*done)) == "1");
        CHECK(here.low.count("MULTI") == 1);
        CHECK(here.high.count("MULTI") == 0);
    }
    SECTION("with a prefix") {
        auto const done = here.wait(here.db->prefixed("{bar}").transaction(
            cmd.command<std::string>("x.do", "foo", "foo"), cmd.incr("n")));
        REQUIRE(done);
        CHECK(here.said(here.low) == std::vector<words>{{"x.do", "foo", "{bar}foo"}});
    }
    SECTION("and what spans slots is refused before anything is sent") {
        CHECK(code_of(here.wait(here.db->transaction(cmd.command<std::string>("x.do", "foo", "bar"),
                                                     cmd.incr("{foo}n")))) == "cross_slot");
        CHECK(here.low.count("MULTI") + here.high.count("MULTI") == 0);
    }
    CHECK(here.questions() == 1);
}

TEST_CASE("what goes where its caller has chosen is not asked about, and lands there", "[learning]") {
    modules here{described("x.do", {"write"}, 2, 2)};
    REQUIRE(shown(here.wait(here.db->ready())) == "ok");
    auto const low = here.db->on(here.low.address());
    CHECK(shown(here.wait(low.command<std::string>("x.do", "foo", "bar"))) == "low");
    CHECK(here.wait(here.db->on_each_primary().command<std::string>("x.do", "foo", "bar"))->size() == 2);
    auto mine = here.wait(here.db->lease("bar"));
    REQUIRE(mine);
    CHECK(shown(here.wait(mine->command<std::string>("x.do", "foo", "foo"))) == "low");
    take_transactions(here, "*1\r\n$1\r\nv\r\n");
    CHECK(here.wait(mine->transaction(cmd.command<std::string>("x.do", "foo", "foo"))));
    CHECK(here.questions() == 0);
}

TEST_CASE("where nobody asks, a prefix needs marked keys: a guess would make it another key", "[learning]") {
    modules here{described("x.do", {"write"}, 2, 2)};
    auto const app = here.db->prefixed("{bar}");
    auto const low = app.on(here.low.address());
    auto const refused = here.wait(low.command<std::string>("x.do", "foo", "a"));
    REQUIRE(code_of(refused) == "bad_argument");
    CHECK(refused.error().message().find("umbel::key") != std::string::npos);
    auto mine = here.wait(app.lease("a"));
    REQUIRE(mine);
    CHECK(code_of(here.wait(mine->command<std::string>("x.do", "foo", "a"))) == "bad_argument");
    take_transactions(here, "*1\r\n$1\r\nv\r\n");
    auto const together = here.wait(mine->transaction(cmd.command<std::string>("x.do", "foo", "a")));
    REQUIRE(code_of(together) == "bad_argument");
    CHECK(together.error().message().find("call it on the client first") != std::string::npos);
    CHECK(here.low.count("MULTI") == 0);
    CHECK(here.wait(mine->transaction(cmd.command<std::string>("x.do"))));
    CHECK(shown(here.wait(low.command<std::string>("x.do", "foo", umbel::key("a")))) == "low");
    CHECK(shown(here.wait(mine->command<std::string>("x.do", "foo", umbel::key("a")))) == "low");
    CHECK(here.said(here.low).back() == words{"x.do", "foo", "{bar}a"});
    CHECK(here.questions() == 0);
    // Once it is known, by the client, it goes unmarked.
    CHECK(shown(here.wait(app.command<std::string>("x.do", "foo", "a"))) == "low");
    CHECK(shown(here.wait(low.command<std::string>("x.do", "foo", "a"))) == "low");
    CHECK(shown(here.wait(mine->command<std::string>("x.do", "foo", "a"))) == "low");
    CHECK(here.said(here.low).back() == words{"x.do", "foo", "{bar}a"});
    CHECK(here.wait(mine->transaction(cmd.command<std::string>("x.do", "foo", "b"))));
    CHECK(here.said(here.low).back() == words{"x.do", "foo", "{bar}b"});
}

TEST_CASE("a transaction, too, forgets what a server does not know any more, or finds elsewhere",
          "[learning]") {
    for (std::string const& refusal : contradictions()) {
        CAPTURE(refusal);
        modules here{described("x.do", {"write"}, 1, 1)};
        take_transactions(here, "*2\r\n:1\r\n$1\r\nv\r\n");
        auto const call = [&] {
            return here.wait(
                here.db->transaction(cmd.incr("{foo}n"), cmd.command<std::string>("x.do", "foo", "{foo}")));
        };
        CHECK(call());
        here.info = described("x.do", {"write"}, 2, 2);
        auto const usual = here.high_says;
        here.high_says = [&](words const& said) -> std::optional<scripted::answer> {
            auto const answer = usual(said);
            if (said[0] == "x.do") return scripted::answer{refusal};
            if (said[0] == "EXEC")
                return scripted::answer{"-EXECABORT Transaction discarded because of previous errors.\r\n"};
            return answer;
        };
        CHECK(code_of(call()) == "exec_aborted");
        CHECK(here.questions() == 1);
        here.high_says = usual;
        CHECK(call());
        CHECK(here.questions() == 2);
    }
}

TEST_CASE("what concerns a whole cluster goes to the connection alone on a lease, as by on()", "[lease]") {
    modules here;
    using scripted::answer;
    auto const says = [](words const& said) -> std::optional<answer> {
        if (said[0] == "DBSIZE") return answer{":3\r\n"};
        if (said[0] == "KEYS") return answer{"*1\r\n$1\r\nk\r\n"};
        if (said[0] == "FLUSHALL" || said[0] == "READONLY") return scripted::ok;
        if (said[0] == "SCAN") return answer{"*2\r\n$1\r\n0\r\n*0\r\n"};
        if (said[0] == "MGET") return answer{"-CROSSSLOT Keys in request don't hash to the same slot\r\n"};
        return std::nullopt;
    };
    here.low_says = here.high_says = says;
    auto mine = here.wait(here.db->lease("bar"));
    REQUIRE(mine);
    auto const ask = [&](auto const& there) {
        CHECK(shown(here.wait(there.dbsize())) == "3");
        CHECK(shown(here.wait(there.template command<std::int64_t>("DBSIZE"))) == "3");
        CHECK(here.wait(there.keys("*"))->size() == 1);
        CHECK(here.wait(there.template command<std::vector<std::string>>("KEYS", "*"))->size() == 1);
        CHECK(shown(here.wait(there.flushall())) == "ok");
        CHECK(here.wait(there.template command<umbel::reply>("SCAN", "0")));
    };
    ask(*mine);
    CHECK(here.high.count("DBSIZE") + here.high.count("KEYS") + here.high.count("FLUSHALL") == 0);
    CHECK(here.low.count("DBSIZE") == 2);
    ask(here.db->on(here.low.address()));
    CHECK(here.high.count("DBSIZE") + here.high.count("KEYS") + here.high.count("FLUSHALL") == 0);
    CHECK(here.low.count("DBSIZE") == 4);
    // Nor is anything split there.
    CHECK(code_of(here.wait(mine->command<std::vector<text>>("MGET", "foo", "bar"))) == "cross_slot_reply");
    CHECK(here.high.count("MGET") == 0);
    take_transactions(here, "*1\r\n:3\r\n");
    auto const counted = here.wait(mine->transaction(cmd.command<std::int64_t>("DBSIZE")));
    REQUIRE(counted);
    REQUIRE(*counted);
    CHECK(shown(std::get<0>(**counted)) == "3");
    // The client itself still asks all of them.
    CHECK(shown(here.wait(here.db->dbsize())) == "6");
}
