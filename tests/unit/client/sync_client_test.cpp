// Tests of the client that waits: against a scripted server on another thread.
#include <umbel/client/sync_client.hpp>

#include "at_home.hpp"

#include <catch2/catch_test_macros.hpp>

#include <map>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

using at_home::code_of;
using at_home::delivery_of;
using at_home::plain;
using at_home::shown;
using namespace std::chrono_literals;
using found = std::optional<std::string>;

namespace {

/// Waits for something that another thread does.
template <class Done>
bool eventually(Done&& done) {
    for (int tries = 0; tries < 3000; ++tries) {
        if (done()) return true;
        std::this_thread::sleep_for(10ms);
    }
    return false;
}

}  // namespace

TEST_CASE("commands give their results, without a coroutine in sight", "[sync_client]") {
    scripted::server server;
    umbel::sync_client db{plain(server.address())};
    CHECK(shown(db.set("user:1", "ada")) == "written");
    auto name = db.get("user:1");
    REQUIRE(name);
    CHECK(*name == "ada");
    CHECK(shown(db.get("nobody")) == "nil");
    CHECK(shown(db.incr("hits")) == "1");
    CHECK(db.get<int>("hits").value() == 1);
    CHECK(shown(db.command<std::int64_t>("INCR", umbel::key{"hits"})) == "2");
    std::vector<std::string> const argv{"GET", "hits"};
    auto const raw = db.execute(argv);
    REQUIRE(raw);
    CHECK(raw->text() == "2");
    CHECK(code_of(db.hget("user:1", "name")) == "server_error");
}

TEST_CASE("commands of several keys wait, too", "[sync_client]") {
    scripted::server server;
    umbel::sync_client db{plain(server.address())};
    CHECK(shown(db.mset(std::map<std::string, std::string>{{"a", "1"}, {"b", "2"}})) == "ok");
    CHECK(db.mget("a", "b", "c") == std::vector<found>{"1", "2", std::nullopt});
    std::vector<std::string> const keys{"a", "c"};
    CHECK(shown(db.del(keys)) == "1");
    CHECK(code_of(db.mget(std::vector<std::string>{})) == "bad_argument");
}

TEST_CASE("a transaction waits, too", "[sync_client]") {
    scripted::server server{[](scripted::words const& said) -> std::optional<scripted::answer> {
        if (said[0] == "CLUSTER") return std::nullopt;
        if (said[0] == "MULTI") return scripted::answer{scripted::ok};
        if (said[0] == "EXEC") return scripted::answer{"*2\r\n+OK\r\n:7\r\n"};
        return scripted::answer{"+QUEUED\r\n"};
    }};
    umbel::sync_client db{plain(server.address())};
    auto const done = db.transaction(umbel::cmd.set("{u}a", "1"), umbel::cmd.incr("{u}b"));
    REQUIRE(done);
    CHECK(shown(std::get<1>(*done)) == "7");
    CHECK(code_of(db.with(1s).transaction(umbel::cmd.get("{u}a"), umbel::cmd.get("{v}a"))) == "none");
}

TEST_CASE("what is wrong comes as a value", "[sync_client]") {
    SECTION("nobody listens") {
        umbel::options chosen = plain("127.0.0.1:1");
        chosen.deadline = 200ms;
        umbel::sync_client db{chosen};
        CHECK_FALSE(db.get("key"));
    }
    SECTION("bad options") {
        umbel::sync_client db{umbel::options{.seeds = {}}};
        CHECK(code_of(db.get("key")) == "bad_argument");
        CHECK(code_of(db.mget("a", "b")) == "bad_argument");
        CHECK(code_of(db.ready()) == "bad_argument");
    }
    SECTION("a command that needs a connection of its own") {
        scripted::server server;
        umbel::sync_client db{plain(server.address())};
        CHECK(code_of(db.command<umbel::reply>("SUBSCRIBE", "news")) == "needs_lease");
    }
    SECTION("the deadline passes") {
        scripted::server server{[](scripted::words const& said) -> std::optional<scripted::answer> {
            if (said[0] == "GET") return scripted::answer::hold(scripted::missing);
            return std::nullopt;
        }};
        umbel::sync_client db{plain(server.address())};
        REQUIRE(db.ready());
        auto const late = db.with(30ms).get("key");
        CHECK(code_of(late) == "deadline_exceeded");
        CHECK(delivery_of(late) == "unknown");
        CHECK(code_of(db.with(umbel::read_from::any, 30ms).get("key")) == "deadline_exceeded");
    }
    SECTION("the client is closed") {
        scripted::server server;
        umbel::sync_client db{plain(server.address())};
        CHECK(db.close());
        CHECK(code_of(db.get("key")) == "cancelled");
    }
}

TEST_CASE("options of one command, and its trail", "[sync_client]") {
    scripted::server server;
    umbel::sync_client db{plain(server.address())};
    CHECK(shown(db.with(umbel::no_deadline).set("a", "1")) == "written");
    auto const traced = db.with(2s, umbel::trail).get("a");
    REQUIRE(traced);
    CHECK(traced->value == "1");
    CHECK(traced->trail.empty());
    CHECK(db.with(2s).mget("a", "b") == std::vector<found>{"1", std::nullopt});
}

TEST_CASE("connections are looked after between two commands", "[sync_client]") {
    scripted::server server;
    umbel::sync_client db{plain(server.address())};
    REQUIRE(shown(db.set("a", "1")) == "written");
    std::size_t const before = server.accepted();
    server.cut();
    CHECK(eventually([&] { return server.accepted() > before; }));
    CHECK(shown(db.get("a")) == "1");
}

TEST_CASE("several threads use one client, each waits for its own", "[sync_client]") {
    scripted::server server;
    umbel::sync_client db{plain(server.address())};
    std::vector<std::thread> users;
    std::vector<int> right(4);
    for (int user = 0; user < 4; ++user)
        users.emplace_back([&, user] {
            std::string const mine = "key:" + std::to_string(user);
            for (int round = 0; round < 200; ++round) {
                std::string const value = std::to_string(round);
                bool const good = db.set(mine, value) && shown(db.get(mine)) == value;
                right[static_cast<std::size_t>(user)] += good;
            }
        });
    for (auto& user : users) user.join();
    CHECK(right == std::vector<int>(4, 200));
}

TEST_CASE("a client is moved, and tells of its cluster", "[sync_client]") {
    scripted::server server;
    umbel::sync_client first{plain(server.address())};
    umbel::sync_client db{std::move(first)};
    CHECK(db.ready());
    auto const nodes = db.nodes();
    REQUIRE(nodes);
    CHECK(nodes->size() == 1);
    CHECK(db.topology());
    auto const counted = db.statistics();
    CHECK(counted);
    db.refresh();
    umbel::sync_client other{plain(server.address())};
    other = std::move(db);
    CHECK(shown(other.get("a")) == "nil");
}

TEST_CASE("a client of another database waits, too, on the same thread, and outlives the first one",
          "[sync_client]") {
    scripted::server server{[](scripted::words const& said) -> std::optional<scripted::answer> {
        if (said[0] == "SELECT") return scripted::ok;
        return std::nullopt;
    }};
    std::optional<umbel::sync_client> db{std::in_place, plain(server.address())};
    CHECK(shown(db->set("a", "1")) == "written");
    umbel::sync_client const third = db->database(3);
    CHECK(shown(third.get("a")) == "1");
    CHECK(server.count("SELECT") == 1);
    CHECK(third.thread() == db->thread());
    db.reset();
    CHECK(shown(third.get("a")) == "1");
}

TEST_CASE("connections say who they are anew, by other credentials or by the same", "[sync_client]") {
    scripted::server server{[](scripted::words const& said) -> std::optional<scripted::answer> {
        if (said[0] == "AUTH") return scripted::ok;
        return std::nullopt;
    }};
    umbel::options chosen = plain(server.address());
    chosen.password = umbel::secret{"one"};
    umbel::sync_client db{chosen};
    CHECK(shown(db.set("a", "1")) == "written");
    CHECK(server.count("AUTH") == 1);
    db.reauthenticate();
    CHECK(eventually([&] { return server.count("AUTH") == 2; }));
    db.reauthenticate({"", "two"});
    CHECK(eventually([&] { return server.count("AUTH") == 3; }));
    CHECK(shown(db.get("a")) == "1");
}

TEST_CASE("no memory for an operation is an error of its command", "[sync_client]") {
    auto const told =
        umbel::calling::wait_for([]() -> umbel::operation<umbel::ok> { throw std::bad_alloc{}; });
    CHECK(code_of(told) == "no_memory");
    CHECK(delivery_of(told) == "not_sent");
}

TEST_CASE("a handler that is destroyed uncalled ends the waiting", "[sync_client]") {
    umbel::calling::waiting_place<umbel::ok> place;
    {
        umbel::calling::waiting_place<umbel::ok>::handler const dropped{place};
    }
    auto const told = place.wait();
    CHECK(code_of(told) == "cancelled");
    CHECK(delivery_of(told) == "unknown");
}
