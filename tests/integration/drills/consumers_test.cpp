// Consumers of groups while primaries die, slots move and consumers die: each entry is given at least once,
// and nothing is acknowledged that was not given.
#include "integration/support/stream_users.hpp"

using namespace umbel;
using namespace umbel::test;

namespace {

/// The load beside is thin: the streams are the drill.
drill_plan thin(bool elections) {
    return {.slots = 1, .callers = 2, .per_second = short_or_long(600.0, 6000.0), .elections = elections};
}

}  // namespace

TEST_CASE("a primary is killed while consumers read, and die", "[drill]") {
    for (int round = 0; round < short_or_long(1, 4); ++round) {
        drill d{"consumers, kill -9", thin(true)};
        stream_users users{d, "orders", {}};
        REQUIRE(users.all_go_on(50));
        auto const disturbed = steady_now();
        d.disturb([&] { d.servers.kill(d[0].primary.name); });
        REQUIRE(d.serves(0, d[0].replica));
        REQUIRE(users.all_go_on(short_or_long(50u, 2000u)));
        users.may_lose(0, disturbed - std::chrono::nanoseconds{1s}.count(), steady_now());
        d.forgive(0);
        d.servers.restart(d[0].primary.name);
        REQUIRE(users.all_go_on(50));
        auto const found = users.reckon("consumers, kill -9");
        INFO(found.to_string());
        CHECK(found.clean());
        CHECK(users.surprises() == "");
        CHECK(users.deaths() > 0);
        CHECK(d.reckon().clean());
    }
}

TEST_CASE("slots move while consumers read, and die", "[drill]") {
    drill d{"consumers, resharding", thin(false)};
    stream_users users{d, "orders", {}};
    REQUIRE(users.all_go_on(50));
    d.disturb([&] {
        for (int round = 0; round < short_or_long(2, 40); ++round) {
            auto from = d[0].primary;
            auto to = d[1].primary;
            if (round % 2 != 0) std::swap(from, to);
            d.servers.move_slot(users.slot(0), from, to);
            REQUIRE(users.all_go_on(50));
        }
    });
    auto const found = users.reckon("consumers, resharding");
    INFO(found.to_string());
    CHECK(found.clean());
    CHECK(found.unknown == 0);
    CHECK(users.surprises() == "");
    CHECK(users.deaths() > 0);
    CHECK(d.reckon().clean());
}

namespace {

/// Nobody claims, and nobody begins again: what a consumer loses, it must ask for itself.
stream_users_plan const on_their_own{.producers = 1, .die = false, .claim_idle = 0ms};

/// Ends connections with replies on their way, until so many entries of each stream were in them.
void lose_replies(stream_users& users) {
    REQUIRE(users.all_go_on(20));
    for (std::size_t at = 0; at < 3; ++at) {
        int lost = 0;
        REQUIRE(eventually(
            [&] {
                lost += users.lose_reply(at) ? 1 : 0;
                REQUIRE(users.all_go_on(5));
                return lost >= short_or_long(3, 100);
            },
            300s));
    }
}

}  // namespace

TEST_CASE("replies are lost on their way to consumers, and nobody claims what was in them", "[drill]") {
    drill d{"consumers, lost replies", thin(false)};
    stream_users users{d, "orders", on_their_own};
    d.disturb([&] { lose_replies(users); });
    auto const found = users.reckon("consumers, lost replies");
    INFO(found.to_string());
    CHECK(found.clean());
    CHECK(users.surprises() == "");
    CHECK(users.deaths() == 0);
    CHECK(d.reckon().clean());
}

// Negative controls: a checker that finds these clean finds nothing.
TEST_CASE("consumers that forget what a lost reply may have had never see it, and are convicted", "[drill]") {
    drill d{"negative: forgotten", thin(false)};
    stream_users_plan forgetful = on_their_own;
    forgetful.forget_lost = true;
    stream_users users{d, "orders", forgetful};
    d.disturb([&] { lose_replies(users); });
    auto const found = users.reckon("negative: forgotten", 1s);
    INFO(found.to_string());
    CHECK(found[stream_guilt::unseen] > 0);
    CHECK(found[stream_guilt::vanished] == 0);
}

TEST_CASE("consumers that acknowledge before they hand out lose what they die with, and are convicted",
          "[drill]") {
    drill d{"negative: acknowledged first", thin(false)};
    stream_users users{d, "orders", {.acknowledge_first = true}};
    REQUIRE(eventually([&] { return users.thrown_away() > 5; }));
    auto const found = users.reckon("negative: acknowledged first");
    INFO(found.to_string());
    CHECK(found[stream_guilt::swallowed] > 0);
    CHECK(found[stream_guilt::vanished] == 0);
}
