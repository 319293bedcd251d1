// How the engine finds a replication group by its sentinels, and follows it: byte for byte.
#include <umbel/engine/sentinel_search.hpp>

#include "support/script.hpp"

using namespace umbel;
using namespace umbel::test;

namespace {

char const* const s1 = "10.1.0.1:26379";
char const* const s2 = "10.1.0.2:26379";
char const* const s3 = "10.1.0.3:26379";
std::string news_link_of(char const* sentinel) { return std::string{sentinel} + "/replica"; }

std::string listed_servers(std::vector<std::string> const& addresses, std::string const& epoch = "0") {
    std::string bytes = "*" + std::to_string(addresses.size()) + "\r\n";
    for (std::string const& text : addresses) {
        auto const address = *cluster::endpoint::parse(text, 1);
        bytes += "*6\r\n" + bulk("ip") + bulk(address.host) + bulk("port") +
                 bulk(std::to_string(address.port)) + bulk("config-epoch") + bulk(epoch);
    }
    return bytes;
}
/// What the sentinel `self` says.
std::string view_of(char const* self, char const* primary, unsigned epoch,
                    std::vector<std::string> const& replicas) {
    std::vector<std::string> others;
    for (char const* const other : {s1, s2, s3})
        if (other != self) others.push_back(other);
    return listed_servers({primary}, std::to_string(epoch)).substr(4) + listed_servers(replicas) +
           listed_servers(others) + bulk(self);
}
std::string const knows_nothing =
    "-ERR No such master with that name\r\n-ERR No such master with that name\r\n"
    "-ERR No such master with that name\r\n" +
    bulk("x");
std::string primary_says(std::vector<std::string> const& replicas = {}) {
    std::string told = "*3\r\n" + bulk("master") + ":42\r\n*" + std::to_string(replicas.size()) + "\r\n";
    for (std::string const& replica : replicas) {
        auto const address = *cluster::endpoint::parse(replica, 1);
        told += "*3\r\n" + bulk(address.host) + bulk(std::to_string(address.port)) + bulk("42");
    }
    return told;
}
std::string replica_says(char const* primary) {
    auto const address = *cluster::endpoint::parse(primary, 1);
    return "*5\r\n" + bulk("slave") + bulk(address.host) + ":" + std::to_string(address.port) + "\r\n" +
           bulk("connected") + ":42\r\n";
}

script_options by_sentinels(std::vector<char const*> const& sentinels = {s1, s2, s3}) {
    script_options options;
    options.boots = false;
    options.engine.source = topology_source::automatic;
    options.engine.sentinels.primary_name = "mymaster";
    options.engine.sentinels.plan.protocol = protocol::resp2;
    options.engine.sentinels.plan.extent = umbel::handshake::minimal;
    options.engine.seeds.clear();
    for (char const* const sentinel : sentinels)
        options.engine.seeds.push_back(*cluster::endpoint::parse(sentinel, 1));
    return options;
}
sent asks_sentinel(char const* sentinel) {
    return {sentinel, "SENTINEL MASTER mymaster", "SENTINEL REPLICAS mymaster", "SENTINEL SENTINELS mymaster",
            "SENTINEL MYID"};
}
/// Takes the questions to all sentinels, in whatever order they come.
void asks_all_sentinels(script& s, std::size_t count = 3) {
    for (std::size_t at = 0; at < count; ++at) {
        sent const seen = s.next();
        INFO(seen.to);
        REQUIRE(seen == asks_sentinel(seen.to == s1 ? s1 : seen.to == s2 ? s2 : s3));
    }
}
/// A group of `a`, which leads, `b` and `c`.
void finds_group(script& s) {
    asks_all_sentinels(s);
    s.receive(s1, view_of(s1, a, 3, {b, c}));
    s.receive(s2, view_of(s2, a, 3, {b, c}));
    REQUIRE(s.next() == sent{a, "ROLE"});
    s.receive(a, primary_says({b, c}));
    REQUIRE(s.owner(0) == a);
    // Those that answer tell of what changes, also the one that is late.
    s.receive(s3, view_of(s3, a, 3, {b, c}));
    for (int sentinel = 0; sentinel < 3; ++sentinel) {
        sent const subscription = s.next();
        REQUIRE(subscription == sent{subscription.to, "SUBSCRIBE +switch-master"});
        s.receive(subscription.to, "*3\r\n" + bulk("subscribe") + bulk("+switch-master") + ":1\r\n");
    }
    REQUIRE(
        (s.connected(news_link_of(s1)) && s.connected(news_link_of(s2)) && s.connected(news_link_of(s3))));
}
void sentinels_say(script& s, std::vector<std::string> const& views) {
    char const* const all[]{s1, s2, s3};
    for (std::size_t at = 0; at < views.size(); ++at)
        if (!views[at].empty()) s.receive(all[at], views[at]);
}

}  // namespace

TEST_CASE("sentinels name the primary, it confirms that, and the client is one of that group",
          "[sentinels]") {
    script s{by_sentinels()};
    auto write = s.start("SET foo 1");
    finds_group(s);
    CHECK(s.next() == sent{a, "SET foo 1"});
    s.receive(a, "+OK\r\n");
    CHECK(write.value() == "OK");
    auto read = s.start("GET foo", {.flags = cluster::command_flags::read_only, .reads = read_from::replica});
    sent const asked = s.next();
    CHECK((asked.to == std::string{b} + "/replica" || asked.to == std::string{c} + "/replica"));
    s.receive(asked.to, "$1\r\n1\r\n");
    CHECK(read.value() == "1");
}

TEST_CASE("a majority of sentinels is enough, and the others may be dead", "[sentinels]") {
    script s{by_sentinels()};
    asks_all_sentinels(s);
    s.receive(s3, view_of(s3, a, 3, {b}));
    CHECK(s.next() == nothing);
    s.receive(s1, view_of(s1, a, 3, {b}));
    CHECK(s.next() == sent{a, "ROLE"});
}

TEST_CASE("one sentinel of three is enough where the others do not answer", "[sentinels]") {
    script_options options = by_sentinels();
    options.connects_by_itself = false;
    script s{options};
    s.connect(s1);
    s.refuse(s2);
    CHECK(s.next() == asks_sentinel(s1));
    s.receive(s1, view_of(s1, a, 3, {b}));
    CHECK_FALSE(s.dials(a));
    s.refuse(s3);
    CHECK(s.dials(a));
}

TEST_CASE("the sentinel that has led the failover is right before the others have heard of it",
          "[sentinels]") {
    script s{by_sentinels()};
    asks_all_sentinels(s);
    sentinels_say(s, {view_of(s1, a, 3, {b, c}), view_of(s2, b, 4, {a, c})});
    CHECK(s.next() == sent{b, "ROLE"});
    s.receive(b, primary_says({c}));
    CHECK(s.owner(0) == b);
}

TEST_CASE("who lies is outvoted, and who names a demoted or dead server is not believed", "[sentinels]") {
    script s{by_sentinels()};
    SECTION("a server that nobody else knows, of a high epoch") {
        asks_all_sentinels(s);
        sentinels_say(s, {view_of(s1, d, 999, {}), view_of(s2, a, 3, {b}), view_of(s3, a, 3, {b})});
        CHECK(s.next() == sent{a, "ROLE"});
        s.receive(a, primary_says({b}));
    }
    SECTION("a replica as the primary: it says itself whom it follows") {
        asks_all_sentinels(s);
        sentinels_say(s, {view_of(s1, b, 999, {a}), view_of(s2, a, 3, {b})});
        CHECK(s.next() == sent{b, "ROLE"});
        s.receive(b, replica_says(a));
        CHECK(s.next() == sent{a, "ROLE"});
        s.receive(a, primary_says({b}));
    }
    SECTION("a dead server") {
        s.connects_by_itself(true);
        asks_all_sentinels(s);
        s.connects_by_itself(false);
        sentinels_say(s, {view_of(s1, b, 4, {a}), view_of(s2, a, 3, {b})});
        REQUIRE(s.dials(b));
        s.connects_by_itself(true);
        s.refuse(b);
        CHECK(s.next() == sent{a, "ROLE"});
        s.receive(a, primary_says({b}));
    }
    SECTION("itself") {
        asks_all_sentinels(s);
        sentinels_say(s, {view_of(s1, s1, 999, {}), view_of(s2, a, 3, {b}), view_of(s3, a, 3, {b})});
        CHECK(s.next() == sent{a, "ROLE"});
        s.receive(a, primary_says({b}));
    }
    SECTION("one that knows nothing") {
        asks_all_sentinels(s);
        sentinels_say(s, {knows_nothing, view_of(s2, a, 3, {b}), view_of(s3, a, 3, {b})});
        CHECK(s.next() == sent{a, "ROLE"});
        s.receive(a, primary_says({b}));
    }
    CHECK(s.owner(0) == a);
}

TEST_CASE("one sentinel under two addresses has one vote", "[sentinels]") {
    script s{by_sentinels()};
    asks_all_sentinels(s);
    // The first two are the same process, cut off with an old primary.
    s.receive(s1, view_of(s1, b, 3, {a}));
    s.receive(s2, view_of(s1, b, 3, {a}));
    CHECK(s.next() == nothing);
    s.receive(s3, view_of(s3, a, 4, {b}));
    CHECK(s.next() == sent{a, "ROLE"});
}

TEST_CASE("+switch-master has the sentinels asked at once", "[sentinels]") {
    script s{by_sentinels()};
    finds_group(s);
    s.pass(1s);
    CHECK(s.next() == nothing);
    s.receive(news_link_of(s2), "*3\r\n" + bulk("message") + bulk("+switch-master") +
                                    bulk("mymaster 10.0.0.1 6379 10.0.0.2 6379"));
    asks_all_sentinels(s);
    sentinels_say(s, {view_of(s1, b, 4, {a, c}), view_of(s2, b, 4, {a, c}), view_of(s3, a, 3, {b, c})});
    CHECK(s.next() == sent{b, "ROLE"});
    s.receive(b, primary_says({c}));
    CHECK(s.owner(0) == b);
    // And the next one will be heard of, too.
    s.pass(1s);
    CHECK((s.connected(news_link_of(s1)) || s.connected(news_link_of(s2)) || s.connected(news_link_of(s3))));
}

TEST_CASE("a sentinel that is connected is waited for: it may be the only one that has heard of a failover",
          "[sentinels]") {
    script s{by_sentinels()};
    finds_group(s);
    s.pass(1s);
    s.happens(engine::refresh_wanted{});
    asks_all_sentinels(s);
    sentinels_say(s, {view_of(s1, a, 3, {b, c}), view_of(s2, a, 3, {b, c})});
    CHECK(s.next() == nothing);
    sentinels_say(s, {"", "", view_of(s3, b, 4, {a, c})});
    CHECK(s.next() == sent{b, "ROLE"});
    s.receive(b, primary_says({c}));
    CHECK(s.owner(0) == b);
}

TEST_CASE("a sentinel that answers late, and has newer news, has all of them asked again", "[sentinels]") {
    script s{by_sentinels()};
    asks_all_sentinels(s);
    sentinels_say(s, {view_of(s1, a, 3, {b, c}), view_of(s2, a, 3, {b, c})});
    CHECK(s.next() == sent{a, "ROLE"});
    s.receive(a, primary_says({b, c}));
    CHECK(s.owner(0) == a);
    for (int news = 0; news < 2; ++news) CHECK(s.next().bytes == wire("SUBSCRIBE +switch-master"));
    sentinels_say(s, {"", "", view_of(s3, b, 4, {a, c})});
    CHECK(s.next() == sent{news_link_of(s3), "SUBSCRIBE +switch-master"});
    s.pass(200ms);
    asks_all_sentinels(s);
}

TEST_CASE("sentinels that were cut off with the old primary do not bring it back", "[sentinels]") {
    script s{by_sentinels()};
    finds_group(s);
    s.pass(1s);
    s.happens(engine::refresh_wanted{});
    asks_all_sentinels(s);
    sentinels_say(s, {view_of(s1, b, 4, {a, c}), view_of(s2, b, 4, {a, c}), view_of(s3, a, 3, {b, c})});
    CHECK(s.next() == sent{b, "ROLE"});
    s.receive(b, primary_says({c}));
    CHECK(s.owner(0) == b);
    s.pass(1s);
    s.happens(engine::refresh_wanted{});
    asks_all_sentinels(s);
    // Only one answers, and it has not heard of the failover.
    s.receive(s3, view_of(s3, a, 3, {b, c}));
    s.cut(s1);
    s.cut(s2);
    for (sent seen = s.next(); !(seen == nothing); seen = s.next()) CHECK(seen.to != a);
    CHECK(s.owner(0) == b);
}

TEST_CASE("a name that no sentinel knows is a clear error at once", "[sentinels]") {
    script s{by_sentinels()};
    auto get = s.start("GET foo", {.timeout = 5s});
    asks_all_sentinels(s);
    sentinels_say(s, {knows_nothing, knows_nothing});
    CHECK_FALSE(get.done());
    sentinels_say(s, {"", "", knows_nothing});
    CHECK(outcome(get) == failed{errc::bad_argument, delivery::not_sent});
    CHECK(get.why().message() ==
          "ERR No such master with that name (options.sentinel_primary is \"mymaster\")");
    CHECK(get.why().node().ends_with(":26379"));
}

TEST_CASE("where nobody confirms what sentinels say, the error tells what they have said", "[sentinels]") {
    script s{by_sentinels()};
    auto get = s.start("GET foo", {.timeout = 100ms});
    asks_all_sentinels(s);
    sentinels_say(s, {view_of(s1, a, 3, {b}), view_of(s2, a, 3, {b}), knows_nothing});
    CHECK(s.next() == sent{a, "ROLE"});
    s.connects_by_itself(false);
    s.cut(a);
    s.pass(200ms);
    CHECK(get.code() == errc::no_reachable_node);
    std::string const why{get.why().message()};
    CAPTURE(why);
    CHECK(why.find("10.0.0.1:6379 (2 of 3 sentinels, config epoch 3)") != std::string::npos);
    CHECK(why.find("10.1.0.3:26379: bad_argument, ERR No such master") != std::string::npos);
}

TEST_CASE("sentinels have credentials of their own, and never hear those of the servers", "[sentinels]") {
    script_options options = by_sentinels({s1});
    options.engine.plan.identity = std::make_shared<credentials const>("app", "for-servers");
    options.engine.sentinels.plan.identity = std::make_shared<credentials const>("", "for-sentinels");
    script s{options};
    CHECK(s.next() == sent{s1, "AUTH for-sentinels"});
    s.receive(s1, "+OK\r\n");
    CHECK(s.next() == asks_sentinel(s1));
    s.receive(s1, view_of(s1, a, 3, {b}));
    CHECK(s.next() == sent{a, "AUTH app for-servers"});
    s.receive(a, "+OK\r\n");
    CHECK(s.next() == sent{a, "ROLE"});
    s.receive(a, primary_says({b}));
    sent const subscription = s.next();
    CHECK(subscription == sent{news_link_of(s1), "AUTH for-sentinels", "SUBSCRIBE +switch-master"});
    // Others are said to servers only.
    engine::credentials_told told;
    told.given = std::make_shared<credentials const>("app", "another");
    s.happens(std::move(told));
    for (sent seen = s.next(); !(seen == nothing); seen = s.next()) CHECK(seen.to == a);
}

TEST_CASE("sentinels that the others know are asked, too", "[sentinels]") {
    script s{by_sentinels({s1})};
    asks_all_sentinels(s, 1);
    s.receive(s1, view_of(s1, a, 3, {b}));
    CHECK(s.next() == sent{a, "ROLE"});
    s.receive(a, primary_says({b}));
    CHECK(s.next() == sent{news_link_of(s1), "SUBSCRIBE +switch-master"});
    s.pass(1s);
    s.happens(engine::refresh_wanted{});
    asks_all_sentinels(s);
}

TEST_CASE("a sentinel that answers alone is asked again, although nobody names it", "[sentinels]") {
    script s{by_sentinels({s1})};
    asks_all_sentinels(s, 1);
    s.receive(s1, view_of(s1, a, 3, {b}));
    CHECK(s.next() == sent{a, "ROLE"});
    s.receive(a, primary_says({b}));
    CHECK(s.next() == sent{news_link_of(s1), "SUBSCRIBE +switch-master"});
    s.pass(1s);
    s.happens(engine::refresh_wanted{});
    asks_all_sentinels(s);
    s.receive(s2, view_of(s2, a, 3, {b}));
    s.cut(s1);
    s.cut(s3);
    CHECK(s.next() == sent{a, "ROLE"});
    s.receive(a, primary_says({b}));
    s.pass(1s);
    while (!(s.next() == nothing)) {
    }
    s.happens(engine::refresh_wanted{});
    bool asked = false;
    for (sent seen = s.next(); !(seen == nothing); seen = s.next()) asked |= seen == asks_sentinel(s2);
    CHECK(asked);
}

TEST_CASE("a sentinel that nobody names any more is let go", "[sentinels]") {
    script s{by_sentinels({s1, s2})};
    asks_all_sentinels(s, 2);
    sentinels_say(s, {view_of(s1, a, 3, {b}), view_of(s2, a, 3, {b})});
    CHECK(s.next() == sent{a, "ROLE"});
    s.receive(a, primary_says({b}));
    auto const subscribes = [&s] {
        for (sent seen = s.next(); !(seen == nothing); seen = s.next())
            if (seen.bytes == wire("SUBSCRIBE +switch-master"))
                s.receive(seen.to, "*3\r\n" + bulk("subscribe") + bulk("+switch-master") + ":1\r\n");
    };
    auto const is_asked_again = [&] {
        subscribes();
        s.pass(1s);
        s.happens(engine::refresh_wanted{});
        asks_all_sentinels(s);
    };
    is_asked_again();
    sentinels_say(s, {view_of(s1, a, 3, {b}), view_of(s2, a, 3, {b}), view_of(s3, a, 3, {b})});
    CHECK(s.next() == sent{a, "ROLE"});
    s.receive(a, primary_says({b}));
    subscribes();
    CHECK((s.connected(s3) && s.connected(news_link_of(s3))));
    is_asked_again();
    CHECK(s.connected(news_link_of(s3)));
    auto const without_third = [](char const* self, char const* other) {
        return listed_servers({a}, "3").substr(4) + listed_servers({b}) + listed_servers({other}) +
               bulk(self);
    };
    sentinels_say(s, {without_third(s1, s2), without_third(s2, s1), knows_nothing});
    CHECK(s.next() == sent{a, "ROLE"});
    s.receive(a, primary_says({b}));
    CHECK_FALSE((s.connected(s3) || s.connected(news_link_of(s3))));
    CHECK((s.connected(s1) && s.connected(news_link_of(s1))));
    s.pass(60s);
    CHECK_FALSE((s.connected(s3) || s.connected(news_link_of(s3))));
}

TEST_CASE("who is not let in by sentinels is told of the option", "[sentinels]") {
    script s{by_sentinels({s1})};
    auto get = s.start("GET foo", {.timeout = 5s});
    asks_all_sentinels(s, 1);
    std::string const refusal = "-NOAUTH Authentication required.\r\n";
    s.receive(s1, refusal + refusal + refusal + refusal);
    CHECK(outcome(get) == failed{errc::no_auth, delivery::not_sent});
    CHECK(get.why().message() == "NOAUTH Authentication required. (options.sentinel_password)");
}
