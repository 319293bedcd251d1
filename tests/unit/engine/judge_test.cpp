#include <umbel/engine/judge.hpp>
#include <umbel/engine/led_shards.hpp>

#include "support/script_values.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace umbel;
using namespace umbel::engine;
using namespace std::chrono_literals;
using umbel::test::failed;
using umbel::test::outcome;
using umbel::test::scripted_call;
using umbel::test::started;

namespace {

judge_options const usual{cluster::policy{}, 3, 5ms, 100ms};

failure moved(std::string_view from = "10.0.0.1:6379") {
    return {.code = errc::moved,
            .delivered = delivery::not_executed,
            .message = "MOVED 12182 10.0.0.2:6379",
            .node = from,
            .host = "10.0.0.2",
            .port = 6379,
            .slot = 12182};
}

/// A call that is judged; completes it when it is finished.
struct bench {
    scripted_call one;
    random_source random{1};
    instant now{1000s};
    explicit bench(umbel::test::call_options const& options = {}) : one{"GET foo", options} {
        one.accepted = now;
    }
    bool judge(failure const& seen, judge_options const& options = usual) {
        bool const goes_on = umbel::engine::judge(one, seen, options, now, random);
        if (!goes_on) one.kind->complete(one);
        return goes_on;
    }
};

}  // namespace

TEST_CASE("a call that goes on has its retry written down", "[judge]") {
    bench b;
    b.one.link = {7, link_mode::primary};
    b.now += 3ms;
    REQUIRE(b.judge(moved()));
    CHECK(b.one.redirects == 1);
    CHECK(b.one.retries == 0);
    retry_state const& retry = *b.one.retry;
    CHECK(retry.verdict.next == cluster::verdict::step::follow);
    CHECK(retry.host == "10.0.0.2");
    CHECK(retry.port == 6379);
    CHECK(retry.slot == 12182);
    CHECK(retry.fault == errc::moved);
    CHECK(retry.from == link_id{7, link_mode::primary});
    CHECK(retry.left_at == b.now);
    REQUIRE(retry.hops.size() == 1);
    CHECK(retry.hops[0].spent == 3ms);
    b.now += 4ms;
    REQUIRE(b.judge({.code = errc::try_again,
                     .delivered = delivery::not_executed,
                     .message = "TRYAGAIN x",
                     .node = "10.0.0.2:6379"}));
    CHECK(b.one.redirects == 0);
    CHECK(b.one.retries == 1);
    REQUIRE(retry.hops.size() == 2);
    CHECK(retry.hops[1].node == "10.0.0.2:6379");
    CHECK(retry.hops[1].reason == errc::try_again);
    CHECK(retry.hops[1].spent == 4ms);
}

TEST_CASE("a pause between redirects ends no loop: they are counted on", "[judge]") {
    bench b;
    judge_options const patient{cluster::policy{}, 7, 5ms, 100ms};
    for (int hop = 0; hop < 7; ++hop) {
        REQUIRE(b.judge(moved(), patient));
        CHECK(b.one.redirects == hop + 1);
    }
    CHECK(b.one.retries == 2);
    CHECK(b.one.retry->verdict.next == cluster::verdict::step::retry);
    REQUIRE_FALSE(b.judge(moved(), patient));
    CHECK(outcome(started{b.one}) == failed{errc::too_many_redirects, delivery::not_executed});
}

TEST_CASE("redirects beyond the bound are called what they are, with the trail", "[judge]") {
    bench b;
    for (int hop = 0; hop < 3; ++hop) REQUIRE(b.judge(moved()));
    REQUIRE_FALSE(b.judge(moved()));
    started const get{b.one};
    CHECK(outcome(get) == failed{errc::too_many_redirects, delivery::not_executed});
    CHECK(get.why().trail().size() == 3);
    CHECK(get.why().message() == "MOVED 12182 10.0.0.2:6379");
}

TEST_CASE("a wait between redirects begins their count anew: a slot may be half moved for long", "[judge]") {
    bench b;
    for (int turn = 0; turn < 100; ++turn) {
        REQUIRE(b.judge(moved()));
        REQUIRE(b.judge({.code = errc::try_again,
                         .delivered = delivery::not_executed,
                         .message = "TRYAGAIN x",
                         .node = "n:1"}));
        CHECK(b.one.redirects == 0);
    }
    CHECK(b.one.retries == 100);
    for (int hop = 0; hop < 3; ++hop) REQUIRE(b.judge(moved()));
    REQUIRE_FALSE(b.judge(moved()));
    CHECK(outcome(started{b.one}) == failed{errc::too_many_redirects, delivery::not_executed});
}

TEST_CASE("a surfaced redirect names the node that the server named, others the node they came from",
          "[judge]") {
    judge_options const surface{cluster::surface_redirects{}, 3, 5ms, 100ms};
    bench first;
    REQUIRE_FALSE(first.judge(moved(), surface));
    CHECK(outcome(started{first.one}) == failed{errc::moved, delivery::not_executed});
    CHECK(started{first.one}.why().node() == "10.0.0.2:6379");
    CHECK(started{first.one}.why().slot() == 12182);
    bench second;
    failure v6 = moved();
    v6.host = "2001:db8::7";
    REQUIRE_FALSE(second.judge(v6, surface));
    CHECK(started{second.one}.why().node() == "[2001:db8::7]:6379");
    bench third;
    failure nobody = moved();
    nobody.host = {};
    REQUIRE_FALSE(third.judge(nobody, surface));
    CHECK(started{third.one}.why().node() == "10.0.0.1:6379");
    bench fourth;
    REQUIRE_FALSE(fourth.judge(
        {.code = errc::wrong_type, .delivered = delivery::unknown, .message = "WRONGTYPE x", .node = "n:1"},
        surface));
    CHECK(started{fourth.one}.why().node() == "n:1");
    CHECK(started{fourth.one}.why().slot() == 12182);
}

TEST_CASE("a discarded transaction is judged by the error inside, and told by its own name", "[judge]") {
    auto const aborted = [](errc inner, std::string_view host = {}) {
        return failure{.code = errc::exec_aborted,
                       .delivered = delivery::not_executed,
                       .message = "EXECABORT x",
                       .node = "10.0.0.1:6379",
                       .host = host,
                       .port = 6379,
                       .slot = 12182,
                       .inner = inner};
    };
    bench follows;
    REQUIRE(follows.judge(aborted(errc::moved, "10.0.0.2")));
    CHECK(follows.one.retry->verdict.next == cluster::verdict::step::follow);
    CHECK(follows.one.retry->host == "10.0.0.2");
    CHECK(follows.one.retry->hops[0].reason == errc::moved);
    CHECK(follows.one.retry->fault == errc::moved);
    CHECK(follows.one.retry->reported == errc::exec_aborted);
    CHECK(follows.one.redirects == 1);
    bench asks;
    REQUIRE(asks.judge(aborted(errc::ask, "10.0.0.2")));
    CHECK(asks.one.retry->verdict.next == cluster::verdict::step::ask);
    bench waits;
    REQUIRE(waits.judge(aborted(errc::read_only)));
    CHECK(waits.one.retry->verdict.next == cluster::verdict::step::refresh);
    bench told;
    REQUIRE_FALSE(told.judge(aborted(errc::no_replicas)));
    CHECK(outcome(started{told.one}) == failed{errc::exec_aborted, delivery::not_executed});
    bench surfaced;
    REQUIRE_FALSE(
        surfaced.judge(aborted(errc::moved, "10.0.0.2"), {cluster::surface_redirects{}, 3, 5ms, 100ms}));
    CHECK(outcome(started{surfaced.one}) == failed{errc::exec_aborted, delivery::not_executed});
    CHECK(started{surfaced.one}.why().node() == "10.0.0.2:6379");
}

TEST_CASE("a trail is bounded: it keeps the first stations and the latest", "[judge]") {
    bench b;
    b.one.timeout = 0s;
    for (int hop = 0; hop < 1000; ++hop)
        REQUIRE(b.judge({.code = errc::cluster_down,
                         .delivered = delivery::not_executed,
                         .message = "x",
                         .node = "n:" + std::to_string(hop)}));
    CHECK(b.one.retries == 1000);
    REQUIRE(b.one.retry->hops.size() == 64);
    CHECK(b.one.retry->hops.front().node == "n:0");
    CHECK(b.one.retry->hops.back().node == "n:999");
}

TEST_CASE("the count of retries stops at its largest value", "[judge]") {
    bench b;
    b.one.retries = 0xffff;
    REQUIRE(b.judge(
        {.code = errc::cluster_down, .delivered = delivery::not_executed, .message = "x", .node = "n:1"}));
    CHECK(b.one.retries == 0xffff);
}

TEST_CASE("once a call may have run, no later attempt takes that back", "[judge]") {
    bench b{umbel::test::reading};
    REQUIRE(b.judge(
        {.code = errc::connection_lost, .delivered = delivery::unknown, .message = "gone", .node = "n:1"}));
    REQUIRE(b.judge({.code = errc::connect_failed,
                     .delivered = delivery::not_sent,
                     .message = "refused",
                     .node = "n:1"}));
    CHECK(b.one.retry->delivery == delivery::unknown);
    REQUIRE_FALSE(b.judge({.code = errc::no_permission,
                           .delivered = delivery::not_executed,
                           .message = "NOPERM x",
                           .node = "n:1"}));
    CHECK(outcome(started{b.one}) == failed{errc::no_permission, delivery::unknown});
}

TEST_CASE("the engine's own calls are never judged", "[judge]") {
    bench b;
    b.one.issued_by = umbel::engine::issuer::engine;
    REQUIRE_FALSE(b.judge(moved()));
    CHECK(started{b.one}.code() == errc::moved);
}

namespace {

struct remembers {
    cluster::attempt* where;
    cluster::verdict operator()(cluster::attempt const& seen) const noexcept {
        *where = seen;
        return cluster::verdict::fail();
    }
};

}  // namespace

TEST_CASE("a policy is told everything it may base its verdict on", "[judge]") {
    cluster::attempt seen;
    judge_options const options{remembers{&seen}, 3, 5ms, 100ms, retry_unknown::always};
    bench b{{.flags = cluster::command_flags::scripted, .reads = read_from::replica}};
    b.one.deadline = b.now + 1s;
    b.one.retries = 2;
    b.one.redirects = 1;
    b.now += 100ms;
    b.judge({.code = errc::loading,
             .delivered = delivery::not_executed,
             .message = "LOADING x",
             .node = "n:1",
             .from_replica = true},
            options);
    CHECK(seen.fault == errc::loading);
    CHECK(seen.delivery == delivery::not_executed);
    CHECK(seen.flags == cluster::command_flags::scripted);
    CHECK(seen.from_replica);
    CHECK(seen.replica_only);
    CHECK(seen.unknown == retry_unknown::always);
    CHECK(seen.redirects == 1);
    CHECK(seen.retries == 2);
    CHECK(seen.redirects_max == 3);
    CHECK(seen.spent == 100ms);
    CHECK(seen.left == 900ms);
    CHECK(seen.delay >= 10ms);
    CHECK(seen.delay <= 20ms);
    bench without;
    without.judge(moved(), options);
    CHECK(seen.left == never);
    CHECK_FALSE(seen.again);
    bench twice;
    REQUIRE(twice.judge(
        {.code = errc::cluster_down, .delivered = delivery::not_executed, .message = "x", .node = "n:1"}));
    twice.judge(
        {.code = errc::cluster_down, .delivered = delivery::not_executed, .message = "x", .node = "n:1"},
        options);
    CHECK(seen.again);
}

TEST_CASE("a call that is meant for one node is redirected nowhere", "[judge]") {
    auto const goes_on = [](destination meant, failure const& seen) {
        bench b;
        b.one.slot = cluster::slot_target::named_node();
        b.one.retry = std::make_unique<retry_state>();
        b.one.retry->meant_for = std::move(meant);
        return b.judge(seen);
    };
    led_shard shard;
    destination const one_node{.node = "a:1"}, of_slot{.node = {}, .slot = 3},
        followed{.node = "a:1", .shard = &shard};
    failure const demoted{.code = errc::read_only, .delivered = delivery::not_executed};
    failure const refused{.code = errc::connect_failed, .delivered = delivery::not_sent};
    failure dead = refused;
    dead.node_open = true;
    for (destination const& meant : {one_node, of_slot, followed}) {
        CHECK_FALSE(goes_on(meant, moved()));
        CHECK(goes_on(meant, refused));
        destination once = meant;
        once.once = true;
        CHECK_FALSE(goes_on(once, refused));
    }
    CHECK_FALSE(goes_on(one_node, demoted));
    CHECK_FALSE(goes_on(of_slot, demoted));
    CHECK(goes_on(followed, demoted));
    CHECK_FALSE(goes_on(one_node, dead));
    CHECK(goes_on(of_slot, dead));
    CHECK(goes_on(followed, dead));
}
