// Where calls go that were refused or routed to replicas: rows of the table of cluster semantics, byte for
// byte. Redirects have a file of their own.
#include <umbel/engine/dispatcher.hpp>

#include "support/script.hpp"
#include "unit/engine/control_plane.hpp"

#include <map>
#include <optional>
#include <string>
#include <utility>

using namespace umbel;
using namespace umbel::test;

// ---- Refusals that pass -------------------------------------------------------------------------

TEST_CASE("TRYAGAIN waits a jittered moment and is routed anew from the table", "[calls]") {
    script s;
    auto get = s.start("MGET foo");
    CHECK(s.next() == sent{a, "MGET foo"});
    s.receive(a, "-TRYAGAIN Multiple keys request during rehashing of slot\r\n");
    CHECK(s.next() == nothing);
    s.pass(20ms);
    CHECK(s.next() == sent{a, "MGET foo"});
    s.receive(a, "*1\r\n$3\r\nbar\r\n");
    CHECK(get.value() == "bar");
    CHECK(s.core().counters().refreshes == 1);
}

TEST_CASE("CLUSTERDOWN is tried again until the deadline, with refreshes that never come in flocks",
          "[calls]") {
    script s;
    s.pass(1s);
    auto get = s.start("GET foo", {.flags = cluster::command_flags::none, .timeout = 1s});
    unsigned tries = 0;
    unsigned queries = 0;
    for (int step = 0; step < 2000 && !get.done(); ++step) {
        for (sent seen = s.next(); !(seen == nothing); seen = s.next()) {
            if (seen.bytes == wire("CLUSTER SLOTS")) {
                ++queries;
                s.receive(seen.to, usual_layout());
            } else {
                ++tries;
                s.receive(seen.to, "-CLUSTERDOWN The cluster is down\r\n");
            }
        }
        s.pass(1ms);
    }
    CHECK(outcome(get) == failed{errc::deadline_exceeded, delivery::not_executed});
    CHECK(get.why().message().find("CLUSTERDOWN") != std::string_view::npos);
    CHECK(tries > 8);
    CHECK(tries < 60);
    CHECK(queries >= 2);
    CHECK(queries <= 11);
}

TEST_CASE("what has met CLUSTERDOWN waits for its time, or for a new topology if that comes first",
          "[calls]") {
    script_options options;
    options.engine.judging.retry_delay = options.engine.judging.retry_delay_max = 10s;
    script s{options};
    s.pass(1s);
    auto get = s.start("GET foo", {.flags = cluster::command_flags::none, .timeout = 60s});
    CHECK(s.next() == sent{a, "GET foo"});
    s.receive(a, "-CLUSTERDOWN The cluster is down\r\n");
    std::string const after = cluster_slots({{0, 5460, {b}}, {5461, 10922, {c}}, {10923, 16383, {d, e}}});
    bool moved = false;
    for (int step = 0; step < 1000 && !get.done(); ++step) {
        for (sent seen = s.next(); !(seen == nothing); seen = s.next()) {
            if (seen.bytes == wire("CLUSTER SLOTS")) {
                s.receive(seen.to, step < 300 ? usual_layout() : after);
            } else {
                CHECK(seen == sent{d, "GET foo"});
                CHECK(step >= 300);
                moved = true;
                s.receive(seen.to, "$1\r\nx\r\n");
            }
        }
        s.pass(1ms);
    }
    CHECK(moved);
    CHECK(get.value() == "x");
}

TEST_CASE("LOADING on a primary is waited for", "[calls]") {
    script s;
    auto set = s.start("SET foo 1");
    s.next();
    s.receive(a, "-LOADING Redis is loading the dataset in memory\r\n");
    CHECK(s.next() == nothing);
    s.pass(20ms);
    CHECK(s.next() == sent{a, "SET foo 1"});
    s.receive(a, "+OK\r\n");
    CHECK(set.value() == "OK");
}

TEST_CASE("a replica read that meets LOADING or MASTERDOWN goes to another node now", "[calls]") {
    for (std::string const line : {"-LOADING Redis is loading the dataset in memory\r\n",
                                   "-MASTERDOWN Link with MASTER is down\r\n"}) {
        script s;
        auto get =
            s.start("GET foo", {.flags = cluster::command_flags::read_only, .reads = read_from::replica});
        sent const first = s.next();
        std::string const tried = first.to;
        REQUIRE((tried == d_reads || tried == e_reads));
        CHECK(first.bytes == wire("READONLY"));
        s.receive(tried, "+OK\r\n");
        CHECK(s.next() == sent{tried, "GET foo"});
        s.receive(tried, line);
        char const* const other = tried == d_reads ? e_reads : d_reads;
        CHECK(s.next() == sent{other, "READONLY"});
        s.receive(other, "+OK\r\n");
        CHECK(s.next() == sent{other, "GET foo"});
        s.receive(other, "$3\r\nbar\r\n");
        CHECK(get.value() == "bar");
    }
}

TEST_CASE("READONLY after a failover is refreshed and routed anew, for it proves that nothing was executed",
          "[calls]") {
    script s;
    s.pass(1s);
    auto set = s.start("SET foo 1");
    s.next();
    s.receive(a, "-READONLY You can't write against a read only replica.\r\n");
    CHECK(s.next() == sent{a, "CLUSTER SLOTS"});
    s.receive(a, cluster_slots({{0, 5460, {b}}, {5461, 10922, {c}}, {10923, 16383, {d, a, e}}}));
    CHECK(s.next() == sent{d, "SET foo 1"});
    s.receive(d, "+OK\r\n");
    CHECK(set.value() == "OK");
}

TEST_CASE("reads meant for the primary never travel on a connection that has sent READONLY", "[calls]") {
    script s;
    auto from_replica =
        s.start("GET foo", {.flags = cluster::command_flags::read_only, .reads = read_from::replica});
    std::string const replica = s.next().to;
    s.receive(replica, "+OK\r\n");
    CHECK(s.next() == sent{replica, "GET foo"});
    std::string const node = replica.substr(0, replica.find('/'));
    // The failover makes this replica the primary: a link of its own is made.
    auto get = s.start("GET foo", reading);
    CHECK(s.next() == sent{a, "GET foo"});
    s.receive(a, "-MOVED 12182 " + node + "\r\n");
    CHECK(s.next() == sent{node, "GET foo"});
    s.receive(node, "$3\r\nnew\r\n");
    CHECK(get.value() == "new");
    s.receive(replica, "$3\r\nold\r\n");
    CHECK(from_replica.value() == "old");
}

TEST_CASE(
    "through failover and failback with a stale table each replica link says READONLY once, and none serves "
    "a primary read",
    "[calls]") {
    script s;
    std::map<std::string, int> greeted;
    // A replica read, wherever it goes; a new replica link says READONLY, and only its first read does.
    auto const reads_copy = [&](std::string const& value) {
        auto get =
            s.start("GET foo", {.flags = cluster::command_flags::read_only, .reads = read_from::replica});
        sent seen = s.next();
        while (seen.bytes == wire("CLUSTER SLOTS")) seen = s.next();
        CHECK(seen.to.ends_with("/replica"));
        if (seen == sent{seen.to, "READONLY"}) {
            ++greeted[seen.to];
            s.receive(seen.to, "+OK\r\n");
            seen = s.next();
        }
        CHECK(seen == sent{seen.to, "GET foo"});
        s.receive(seen.to, "+" + value + "\r\n");
        CHECK(get.value() == value);
        return seen.to;
    };
    auto const reads_primary = [&](std::string const& from, std::string const& value) {
        auto get = s.start("GET foo", reading);
        CHECK(s.next() == sent{from, "GET foo"});
        s.receive(from, "+" + value + "\r\n");
        CHECK(get.value() == value);
    };
    for (int i = 0; i < 6; ++i) reads_copy("v1");
    CHECK(greeted == std::map<std::string, int>{{d_reads, 1}, {e_reads, 1}});
    reads_primary(a, "v1");
    // To and fro: the old primary says MOVED on its primary link, which has never sent READONLY; the table
    // hears of nothing else.
    std::string owner = a, other = d;
    for (int turn = 0; turn < 4; ++turn) {
        auto get = s.start("GET foo", reading);
        CHECK(s.next() == sent{owner, "GET foo"});
        s.receive(owner, "-MOVED 12182 " + other + "\r\n");
        CHECK(s.next() == sent{other, "GET foo"});
        s.receive(other, "+v2\r\n");
        CHECK(get.value() == "v2");
        std::swap(owner, other);
        reads_primary(owner, "v2");
        for (int i = 0; i < 4; ++i) CHECK(reads_copy("v2") != owner + "/replica");
    }
    CHECK(greeted.size() == 3);  // The first primary as well, since it is a replica.
    CHECK(greeted[e_reads] == 1);
    for (auto const& [link, times] : greeted) {
        INFO(link);
        CHECK(times == static_cast<int>(s.connection(link)));
    }
}

TEST_CASE("an error that proves nothing reaches the caller with the server's line", "[calls]") {
    script s;
    auto incr = s.start("INCR foo");
    s.next();
    s.receive(a, "-ERR something that no list has\r\n");
    CHECK(outcome(incr) == failed{errc::server_error, delivery::unknown});
    CHECK(incr.why().message() == "ERR something that no list has");
    CHECK(incr.why().node() == a);
    CHECK(incr.why().trail().empty());
}

TEST_CASE("an error that proves a refusal is not sent again, and says that nothing was executed", "[calls]") {
    script s;
    auto incr = s.start("INCR foo");
    s.next();
    s.receive(a, "-ERR value is not an integer or out of range\r\n");
    CHECK(outcome(incr) == failed{errc::server_error, delivery::not_executed});
    auto script_of_it = s.start("EVAL script 1 foo", {.flags = cluster::command_flags::scripted});
    s.next();
    s.receive(a, "-ERR value is not an integer or out of range\r\n");
    CHECK(outcome(script_of_it) == failed{errc::server_error, delivery::unknown});
}

// ---- A policy of one's own ----------------------------------------------------------------------

namespace {

struct retries_at_once {
    constexpr cluster::verdict operator()(cluster::attempt const&) const noexcept {
        return cluster::verdict::retry_after({});
    }
};
struct refreshes_at_once {
    constexpr cluster::verdict operator()(cluster::attempt const&) const noexcept {
        return cluster::verdict::after_refresh({});
    }
};
struct follows_all {
    constexpr cluster::verdict operator()(cluster::attempt const&) const noexcept {
        return cluster::verdict::follow();
    }
};

template <class Policy>
void judge_without_a_pause(Policy policy, std::string const& refusal) {
    script s{script_options{}.judged_by(policy)};
    auto get = s.start("GET foo", {.timeout = 1s});
    unsigned tries = 0;
    for (int step = 0; step < 2000 && !get.done(); ++step) {
        for (sent seen = s.next(); !(seen == nothing); seen = s.next()) {
            bool const query = seen.bytes == wire("CLUSTER SLOTS");
            if (!query) ++tries;
            s.receive(seen.to, query ? usual_layout() : refusal);
        }
        s.pass(1ms);
    }
    CHECK(get.code() == errc::deadline_exceeded);
    CHECK(tries > 1);
    CHECK(tries < 300);
}

}  // namespace

TEST_CASE("a policy that never waits does not make the client spin", "[calls]") {
    judge_without_a_pause(retries_at_once{}, "-TRYAGAIN not now\r\n");
    judge_without_a_pause(refreshes_at_once{}, "-TRYAGAIN not now\r\n");
    judge_without_a_pause(follows_all{}, "-TRYAGAIN not now\r\n");
}

TEST_CASE("a policy may answer a slot without owner as it likes", "[calls]") {
    auto const try_it = [](auto policy) {
        script_options options;
        options.judged_by(policy);
        options.boots = false;
        script s{options};
        s.next();
        s.receive(a, cluster_slots({{0, 5460, {b}}}));
        auto get = s.start("GET foo", {.timeout = 200ms});
        for (int step = 0; step < 400 && !get.done(); ++step) {
            for (sent seen = s.next(); !(seen == nothing); seen = s.next())
                s.receive(seen.to, cluster_slots({{0, 5460, {b}}}));
            s.pass(1ms);
        }
        CHECK(get.code() == errc::deadline_exceeded);
    };
    try_it(retries_at_once{});
    try_it(refreshes_at_once{});
    try_it(follows_all{});
}

// ---- What is known of delivery stays known ------------------------------------------------------

TEST_CASE("what may have run once stays unknown, whatever becomes of the repetition", "[calls]") {
    script_options options;
    options.repeating(retry_unknown::idempotent);
    script s{std::move(options)};
    s.pass(1s);
    auto set = s.start("SET foo 1", idempotent);
    CHECK(s.next() == sent{a, "SET foo 1"});
    s.cut(a);
    SECTION("refused by the server") {
        s.pass(50ms);
        sent again = s.next();
        while (again.bytes != wire("SET foo 1") && !(again == nothing)) again = s.next();
        REQUIRE(again.to == a);
        s.receive(a, "-OOM command not allowed when used memory > 'maxmemory'.\r\n");
        CHECK(outcome(set) == failed{errc::out_of_memory, delivery::unknown});
    }
    SECTION("cancelled while it waits in the engine") {
        s.cancel(set);
        CHECK(outcome(set) == failed{errc::cancelled, delivery::unknown});
    }
    SECTION("cancelled while it is queued again, unsent") {
        s.connects_by_itself(false);
        s.pass(200ms);
        s.cancel(set);
        CHECK(outcome(set) == failed{errc::cancelled, delivery::unknown});
    }
    SECTION("refused for want of room") {
        s.connects_by_itself(false);
        s.pass(200ms);
        s.core().close(s.now());
        s.pass(5s);
        CHECK(set.delivered() == delivery::unknown);
    }
}

// ---- The dispatcher alone -----------------------------------------------------------------------

namespace {

/// A call that counts how it ended.
struct counted_call : engine::call {
    std::optional<error> failure;

    counted_call() {
        static constexpr engine::call_kind counting{
            .decode = [](engine::call&, resp::view const&) noexcept {},
            .fail = [](engine::call& failed,
                       error&& why) noexcept { static_cast<counted_call&>(failed).failure = std::move(why); },
            .complete = [](engine::call&) {},
            .drop = [](engine::call&) noexcept {}};
        kind = &counting;
        slot = cluster::slot{1};
    }
};

void route(control_plane& plane, engine::call& call) {
    engine::call_list parked;
    parked.push(call);
    plane.calls.route(parked, plane.begin);
}

}  // namespace

TEST_CASE("before the first topology calls wait; closing fails them", "[dispatcher]") {
    control_plane plane;
    counted_call call;
    route(plane, call);
    CHECK(plane.calls.waiting() == 1);
    CHECK(plane.calls.wants_topology());
    plane.calls.close();
    CHECK(plane.calls.waiting() == 0);
    CHECK(plane.calls.finished().pop() == &call);
    REQUIRE(call.failure);
    CHECK(call.failure->code() == errc::cancelled);
    CHECK(call.failure->delivery() == delivery::not_sent);
}

TEST_CASE("a routed call opens its link and leaves for it", "[dispatcher]") {
    control_plane plane;
    std::uint16_t const owner = plane.add("10.0.0.1");
    engine::retry_state moved;
    moved.from = {owner, engine::link_mode::primary};
    moved.slot = 1;
    plane.topology.learn_moved(moved, owner, plane.begin);
    plane.shared.routes.learned(engine::known_as::cluster);
    counted_call call;
    route(plane, call);
    CHECK(plane.calls.outgoing().pop() == &call);
    CHECK(call.link == engine::link_id{owner, engine::link_mode::primary});
    REQUIRE(plane.shared.actions.size() == 1);
    CHECK(std::get<engine::open_link>(plane.shared.actions.front()).link == call.link);
}

TEST_CASE("a waiting call that is cancelled fails, and the others wait on", "[dispatcher]") {
    control_plane plane;
    counted_call first, second;
    route(plane, first);
    route(plane, second);
    plane.calls.cancel(first);
    CHECK(plane.calls.waiting() == 1);
    CHECK(plane.calls.finished().pop() == &first);
    CHECK(first.failure->code() == errc::cancelled);
    plane.calls.fail_waiting(error{errc::wrong_password, delivery::not_sent, "WRONGPASS"});
    CHECK(second.failure->code() == errc::wrong_password);
}
