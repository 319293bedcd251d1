// Whole scenarios, each played with one thing going wrong at every step and at every byte: each call
// completes exactly once, nothing crosses, nothing runs that was said not to have run, and nothing runs twice
// that must not.
#include "support/every_step.hpp"

using namespace umbel;
using namespace umbel::test;

TEST_CASE("neighbours on three nodes survive whatever goes wrong at any step", "[every_step]") {
    scenario play;
    play.calls = {{"GET foo", "v:foo", reading}, {"SET foo 1", "OK:1"},
                  {"GET k1", "v:k1", reading},   {"SET bar 2", "OK:2"},
                  {"GET qux", "v:qux", reading}, {"SETX bar 3", "OK:3", idempotent}};
    CHECK(play_every_step(play) > 500);
}

TEST_CASE("an idempotent write that the user has repeated survives whatever goes wrong at any step",
          "[every_step]") {
    scenario play;
    play.options.repeating(retry_unknown::idempotent);
    play.calls = {{"SETX bar 3", "OK:3", idempotent}, {"SET bar 2", "OK:2"}, {"GET bar", "v:bar", reading}};
    CHECK(play_every_step(play) > 200);
}

TEST_CASE("MOVED survives whatever goes wrong at any step", "[every_step]") {
    scenario play;
    play.calls = {{"SET foo 1", "OK:1"}, {"GET foo", "v:foo", reading}};
    play.rules = {{a, "SET foo 1", "-MOVED 12182 10.0.0.2:6379\r\n"},
                  {a, "GET foo", "-MOVED 12182 10.0.0.2:6379\r\n"}};
    CHECK(play_every_step(play) > 300);
}

TEST_CASE("ASK survives whatever goes wrong at any step, and the table learns nothing", "[every_step]") {
    scenario play;
    play.calls = {{"SET foo 1", "OK:1"}, {"GET bar", "v:bar", reading}, {"GET foo", "v:foo", reading}};
    play.rules = {{a, "SET foo 1", "-ASK 12182 10.0.0.2:6379\r\n"},
                  {a, "GET foo", "-ASK 12182 10.0.0.2:6379\r\n"}};
    play.afterwards = [](script& s) { CHECK(s.owner(12182) == a); };
    CHECK(play_every_step(play) > 300);
}

TEST_CASE("refusals that pass survive whatever goes wrong at any step", "[every_step]") {
    scenario play;
    play.calls = {{"SET foo 1", "OK:1"}, {"SET foo 2", "OK:2"}, {"SET bar 3", "OK:3"}};
    play.rules = {{a, "SET foo 1", "-TRYAGAIN Multiple keys request during rehashing of slot\r\n"},
                  {a, "SET foo 2", "-CLUSTERDOWN The cluster is down\r\n"},
                  {b, "SET bar 3", "-READONLY You can't write against a read only replica.\r\n"}};
    CHECK(play_every_step(play) > 300);
}

TEST_CASE("replica reads survive whatever goes wrong at any step", "[every_step]") {
    call_options const from_replica{.flags = cluster::command_flags::read_only,
                                    .reads = read_from::prefer_replica};
    scenario play;
    play.calls = {
        {"GET foo", "v:foo", from_replica}, {"GET k1", "v:k1", from_replica}, {"GET key", "v:key", reading}};
    play.rules = {{d_reads, "GET foo", "-LOADING Redis is loading the dataset in memory\r\n"},
                  {e_reads, "GET foo", "-MASTERDOWN Link with MASTER is down\r\n"}};
    CHECK(play_every_step(play) > 200);
}

TEST_CASE("the search for the first topology survives whatever goes wrong at any step", "[every_step]") {
    scenario play;
    play.options.boots = false;
    play.options.engine.plan.identity = std::make_shared<umbel::credentials const>("", "secret");
    play.options.engine.seeds = {{"10.0.0.1", 6379}, {"10.0.0.2", 6379}};
    play.calls = {{"GET foo", "v:foo", reading}, {"SET bar 1", "OK:1"}};
    CHECK(play_every_step(play) > 300);
}

TEST_CASE("a borrowed argument is the lender's again as soon as its call has completed", "[every_step]") {
    scenario play;
    play.calls = {{"SET foo", "OK:1", {.lent = "a value that stands in the memory of the caller"}},
                  {"GET foo", "v:foo", reading}};
    CHECK(play_every_step(play) > 200);
}

TEST_CASE("large commands and large replies survive whatever goes wrong at any byte", "[every_step]") {
    std::string const large(9000, 'x');
    std::string const lent(70000, 'y');
    scenario play;
    play.stride = 997;
    play.calls = {{"SET foo " + large, "OK:1"},
                  {"GET foo", std::string(100000, 'z'), reading},
                  {"SET k1", "OK:2", {.lent = lent}},
                  {"GET k1", "v", reading}};
    CHECK(play_every_step(play) > 300);
}

TEST_CASE("streamed and nested replies are skipped whole when nobody waits for them any more",
          "[every_step]") {
    scenario play;
    play.calls = {{"GET foo", "v:foo", reading}, {"GET k1", "v:k1", reading}, {"GET key", "v:key", reading}};
    play.rules = {{a, "GET foo", ">2\r\n+invalidate\r\n*1\r\n+foo\r\n$?\r\n;3\r\nv:f\r\n;2\r\noo\r\n;0\r\n"},
                  {a, "GET k1", "|1\r\n+ttl\r\n:3600\r\n*1\r\n*1\r\n$4\r\nv:k1\r\n"}};
    CHECK(play_every_step(play) > 200);
}

TEST_CASE("transactions survive whatever goes wrong at any step and at any byte", "[every_step]") {
    call_options const whole{.transaction = true};
    call_options reads = reading;
    reads.transaction = true;
    scenario play;
    play.calls = {{"SET foo 1 ; INCR foo", "OK 2", whole},
                  {"GET foo", "v:foo", reading},
                  {"GET k1 ; LLEN k1", "v:k1 7", reads}};
    SECTION("undisturbed") {}
    SECTION("a command is redirected, so EXEC is aborted, and all of it moves") {
        play.rules = {{a, "INCR foo", "-MOVED 12182 10.0.0.2:6379\r\n"}};
    }
    SECTION("EXEC is redirected itself") {
        play.rules = {{a, "SET foo 1 ; INCR foo", "-ASK 12182 10.0.0.2:6379\r\n"}};
    }
    SECTION("EXEC is refused for a while") {
        play.rules = {{a, "SET foo 1 ; INCR foo",
                       "-EXECABORT Transaction discarded because of: CLUSTERDOWN The cluster is down\r\n"}};
    }
    CHECK(play_every_step(play) > 300);
}
