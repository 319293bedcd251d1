// Deadlines and delays as users give them: what has passed fails at once, what is too long is long, and
// "none" has a name.
#include "at_home.hpp"

#include <string>
#include <vector>

using at_home::backend;
using at_home::code_of;
using at_home::delivery_of;
using at_home::shown;
using namespace std::chrono_literals;

namespace {

/// What every kind of command says through `db`.
template <class Client>
std::vector<std::string> codes_of_all(backend& here, Client const& db) {
    std::vector<std::string> const keys{"a", "b"};
    std::vector<std::pair<std::string, std::string>> const pairs{{"a", "1"}};
    std::vector<std::string> told;
    auto const note = [&](auto const& result) {
        told.push_back(code_of(result));
        if (!result) CHECK(delivery_of(result) == "not_sent");
    };
    note(here.wait(db.get("k")));
    note(here.wait(db.set("k", "v")));
    note(here.wait(db.set("k", "v", {.expire = 5s})));
    note(here.wait(db.mget(keys)));
    note(here.wait(db.mset(pairs)));
    note(here.wait(db.template command<std::string>("PING")));
    note(here.wait(db.ping()));
    return told;
}

std::vector<std::string> all(std::string const& code) { return std::vector<std::string>(7, code); }

}  // namespace

TEST_CASE("a deadline that is zero or less has passed: every command fails at once and is not sent",
          "[deadline]") {
    backend here;
    REQUIRE(shown(here.wait(here.db->ready())) == "ok");
    std::size_t const sent = here.server.seen().size();
    CHECK(codes_of_all(here, here.db->with(-1ns)) == all("deadline_exceeded"));
    CHECK(codes_of_all(here, here.db->with(0s)) == all("deadline_exceeded"));
    CHECK(codes_of_all(here, here.db->with(-1h)) == all("deadline_exceeded"));
    CHECK(codes_of_all(here, here.db->with(std::chrono::duration<double>{-0.25})) ==
          all("deadline_exceeded"));
    CHECK(codes_of_all(here, here.db->with(std::chrono::hours::min())) == all("deadline_exceeded"));
    CHECK(codes_of_all(here, here.db->with(umbel::read_from::any, -1ms)) == all("deadline_exceeded"));
    auto const traced = here.wait(here.db->with(-1ms, umbel::trail).get("k"));
    CHECK(code_of(traced) == "deadline_exceeded");
    auto const now = std::chrono::steady_clock::now();
    auto const late = here.wait(here.db->with(now - 1ms - now).get("k"));
    REQUIRE(code_of(late) == "deadline_exceeded");
    CHECK(late.error().message().find("umbel::no_deadline") != std::string_view::npos);
    at_home::settle(here.io);
    CHECK(here.server.seen().size() == sent);
}

TEST_CASE("a later choice mends an earlier one, but not the client's own options", "[deadline]") {
    backend here;
    CHECK(shown(here.wait(here.db->with(-1ms).with(5s).get("k"))) == "nil");
    CHECK(shown(here.wait(here.db->with(-1ms).with(umbel::no_deadline).get("k"))) == "nil");
    CHECK(code_of(here.wait(here.db->with(-1ms).with(umbel::read_from::any).get("k"))) ==
          "deadline_exceeded");
    CHECK(code_of(here.wait(here.db->with(umbel::hedge_after{-1ms}, 5s).get("k"))) == "bad_argument");
    CHECK(shown(here.wait(here.db->with(umbel::hedge_after{-1ms})
                              .with(umbel::read_from::any, umbel::hedge_after{5s})
                              .get("k"))) == "nil");
    umbel::options chosen = at_home::plain(here.seed);
    chosen.deadline = 0ms;
    umbel::client const bad{here.io.get_executor(), chosen};
    auto const told = at_home::wait(here.io, bad.with(5s).get("k"));
    REQUIRE(code_of(told) == "bad_argument");
    CHECK(told.error().message() == "options.deadline must be positive, or umbel::no_deadline");
}

TEST_CASE("no_deadline is no deadline, for a client and for a call", "[deadline]") {
    backend here{{}, [](std::string const& seed) {
                     umbel::options chosen = at_home::plain(seed);
                     chosen.deadline = umbel::no_deadline;
                     return chosen;
                 }};
    for (auto const& db : {here.db->with(umbel::read_from::primary), here.db->with(umbel::no_deadline),
                           here.db->with(1s).with(umbel::no_deadline)}) {
        auto asked = db.get("k");
        REQUIRE(asked.unbegun());
        CHECK((umbel::engine::after(1s, asked.unbegun()->timeout) == umbel::engine::never));
        CHECK(shown(here.wait(std::move(asked))) == "nil");
    }
    CHECK(shown(here.wait(here.db->close())) == "ok");
}

TEST_CASE("a deadline that does not fit its unit is long, not negative", "[deadline]") {
    backend here;
    CHECK(shown(here.wait(here.db->with(std::chrono::milliseconds::max()).get("k"))) == "nil");
    CHECK(shown(here.wait(here.db->with(std::chrono::hours::max()).get("k"))) == "nil");
    CHECK(shown(here.wait(here.db->with(std::chrono::duration<double>{1e30}).get("k"))) == "nil");
    CHECK(shown(here.wait(here.db->with(umbel::read_from::any, umbel::hedge_after{std::chrono::hours::max()})
                              .get("k"))) == "nil");
    umbel::options chosen = at_home::plain(here.seed);
    chosen.deadline = std::chrono::milliseconds::max();
    chosen.connect_timeout = std::chrono::milliseconds::max();
    umbel::client const patient{here.io.get_executor(), chosen};
    CHECK(shown(at_home::wait(here.io, patient.get("k"))) == "nil");
}

TEST_CASE("a hedge that would come before its command is refused by name", "[deadline]") {
    backend here;
    for (auto const delay : {0ms, -1ms, std::chrono::milliseconds::min()}) {
        auto const told = here.wait(here.db->with(umbel::read_from::any, umbel::hedge_after{delay}).get("k"));
        REQUIRE(code_of(told) == "bad_argument");
        CHECK(told.error().message().find("hedge_after") != std::string_view::npos);
    }
    at_home::settle(here.io);
    CHECK(here.server.count("GET") == 0);
}
