// Tests of client/optimistic.hpp, against a scripted node that tells when a watched key has changed.
#include "two_nodes.hpp"

#include <umbel/client/optimistic.hpp>

#include <asio/bind_executor.hpp>
#include <asio/co_spawn.hpp>

#include <array>
#include <exception>
#include <tuple>

using at_home::code_of;
using at_home::delivery_of;
using at_home::two_nodes;
using scripted::words;
using umbel::cmd;
using umbel::error;
using umbel::lease;
using umbel::planned;
using umbel::result;

namespace {

using count = std::int64_t;
using done = result<std::optional<std::tuple<result<count>>>>;

asio::awaitable<result<planned<count>>> add_one(lease const& held) {
    auto reading = held.get<count>("foo");
    auto have = co_await std::move(reading);
    if (!have) co_return umbel::fail(have.error());
    co_return umbel::plan(cmd.incrby("foo", have->value_or(0) + 1));
}

/// A node that aborts so many transactions, and refuses so many WATCHes.
struct watching : two_nodes {
    int aborts = 0;
    std::string refusal{};
    std::optional<scripted::answer> last{};  ///< Instead of EXEC's reply.

    watching() {
        high_says = [this](words const& said) -> std::optional<scripted::answer> {
            std::string const& name = said[0];
            if (name == "WATCH") return refusal.empty() ? scripted::ok : std::exchange(refusal, {});
            if (name == "UNWATCH" || name == "MULTI") return scripted::ok;
            if (name == "GET") return "$1\r\n4\r\n";
            if (name == "INCRBY") return "+QUEUED\r\n";
            if (name == "EXISTS") return ":1\r\n";
            if (name != "EXEC") return std::nullopt;
            if (last) return last;
            return aborts-- > 0 ? "*-1\r\n" : "*1\r\n:9\r\n";
        };
    }
    template <class Decide>
    done run(Decide decide, umbel::optimistic_options const& options = {}) {
        std::optional<done> told;
        asio::co_spawn(io, umbel::optimistic(*db, std::array<std::string, 1>{"foo"}, decide, options),
                       [&](std::exception_ptr thrown, done value) {
                           CHECK_FALSE(thrown);
                           told.emplace(std::move(value));
                       });
        REQUIRE(at_home::until(io, [&] { return told.has_value(); }));
        return std::move(*told);
    }
};

}  // namespace

TEST_CASE("what was decided on watched keys is written at once", "[optimistic]") {
    watching here;
    auto const told = here.run(&add_one);
    REQUIRE(told);
    REQUIRE(*told);
    CHECK(std::get<0>(**told).value() == 9);
    auto const seen = here.high.seen();
    CHECK(std::find(seen.begin(), seen.end(), words{"WATCH", "foo"}) != seen.end());
    CHECK(std::find(seen.begin(), seen.end(), words{"INCRBY", "foo", "5"}) != seen.end());
    CHECK(here.high.count("UNWATCH") == 1);
}

TEST_CASE("it begins anew while others write, and as often as is allowed", "[optimistic]") {
    SECTION("at last it succeeds") {
        watching here;
        here.aborts = 3;
        auto const told = here.run(&add_one);
        REQUIRE(told);
        CHECK(told->has_value());
        CHECK(here.high.count("WATCH") == 4);
        CHECK(here.high.count("GET") == 4);
    }
    SECTION("the attempts are used up: nothing was executed") {
        watching here;
        here.aborts = 100;
        auto const told = here.run(&add_one, {.attempts_max = 5});
        REQUIRE(told);
        CHECK_FALSE(told->has_value());
        CHECK(here.high.count("EXEC") == 5);
    }
}

TEST_CASE("whoever decides may refuse, and nothing is sent", "[optimistic]") {
    watching here;
    auto const told = here.run([](lease const&) -> asio::awaitable<result<planned<count>>> {
        co_return umbel::fail(umbel::errc::bad_argument, umbel::delivery::not_sent, "too little is left");
    });
    CHECK(code_of(told) == "bad_argument");
    CHECK(told.error().message() == "too little is left");
    CHECK(here.high.count("MULTI") == 0);
    CHECK(here.high.count("UNWATCH") == 1);
}

TEST_CASE("a node that no longer serves the key is left for another lease", "[optimistic]") {
    watching here;
    here.refusal = at_home::fault("MOVED", 12182, here.high);
    auto const told = here.run(&add_one);
    REQUIRE(told);
    CHECK(told->has_value());
    CHECK(here.high.count("WATCH") == 2);
}

TEST_CASE("a transaction whose EXEC has left is never repeated", "[optimistic]") {
    watching here;
    here.last = scripted::answer::cut();
    auto const told = here.run(&add_one);
    CHECK(code_of(told) == "connection_lost");
    CHECK(delivery_of(told) == "unknown");
    CHECK(here.high.count("EXEC") == 1);
}

TEST_CASE("without keys there is nothing to watch", "[optimistic]") {
    watching here;
    std::optional<done> told;
    asio::co_spawn(here.io, umbel::optimistic(*here.db, std::vector<std::string>{}, &add_one),
                   [&](std::exception_ptr, done value) { told.emplace(std::move(value)); });
    REQUIRE(at_home::until(here.io, [&] { return told.has_value(); }));
    CHECK(code_of(*told) == "bad_argument");
}
