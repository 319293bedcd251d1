// A node whose connections will end: others are made before, take what comes, and the old ones close when
// their own is answered; byte for byte.
#include <umbel/engine/hand_overs.hpp>

#include "support/notices.hpp"
#include "support/script.hpp"

#include <string>
#include <vector>

using namespace umbel;
using namespace umbel::test;
namespace says = umbel::test::notices;

namespace {

constexpr char const* f = "10.0.0.9:7000";         // Where `a` moves to.
constexpr char const* a_again = "10.0.0.1:6379+";  // `a` itself, once more.

script_options listening_script() {
    script_options chosen;
    chosen.pipeline.maintenance = {.listens = true, .timeout = 10s, .usual_timeout = 5s, .window_max = 60s};
    chosen.engine.observed = true;
    return chosen;
}

}  // namespace

TEST_CASE("MOVING: a new connection takes what comes, the old one answers its own and closes",
          "[maintenance]") {
    std::string const notice = says::moving(1, 10, f);
    for (std::size_t split = 0; split < notice.size(); ++split) {
        script s{listening_script()};
        auto first = s.start("INCR foo");
        CHECK(s.next() == sent{a, "INCR foo"});
        s.connects_by_itself(false);
        s.receive(a, notice.substr(0, split));
        s.receive(a, notice.substr(split));
        REQUIRE(s.dials(f));
        auto meanwhile = s.start("INCR foo");  // Not before the new connection serves.
        CHECK(s.next() == sent{a, "INCR foo"});
        s.connect(f);
        auto later = s.start("INCR foo");
        CHECK(s.next() == sent{f, "INCR foo"});
        CHECK(s.connected(a));
        s.receive(a, ":1\r\n");
        CHECK(s.connected(a));
        s.receive(a, ":2\r\n");
        CHECK_FALSE(s.connected(a));
        CHECK(s.parted(a) == engine::parting::close);
        s.receive(f, ":3\r\n");
        CHECK(first.value() == "1");
        CHECK(meanwhile.value() == "2");
        CHECK(later.value() == "3");
        CHECK(s.next() == nothing);
        CHECK(s.core().counters().hand_overs == 1);
        CHECK(s.core().counters().retried == 0);
        CHECK(s.owner(12182) == a);  // The cluster still calls it so.
    }
}

TEST_CASE("MOVING without an address: the same name again, after half of the time", "[maintenance]") {
    script s{listening_script()};
    s.connects_by_itself(false);
    s.receive(a, says::moving(1, 10, ""));
    s.pass(4999ms);
    CHECK(s.dialling().empty());
    s.pass(1ms);
    REQUIRE(s.dials(a_again));
    s.connect(a_again);
    auto get = s.start("GET foo");
    CHECK(s.next() == sent{a_again, "GET foo"});
    CHECK_FALSE(s.connected(a));
    s.receive(a_again, "$1\r\nx\r\n");
    CHECK(get.value() == "x");
}

TEST_CASE("after its time the name counts again", "[maintenance]") {
    script s{listening_script()};
    s.receive(a, says::moving(1, 10, f));
    REQUIRE(s.connected(f));
    s.pass(9s);
    s.connects_by_itself(false);
    s.cut(f);
    s.pass(100ms);
    CHECK(s.dials(f));
    for (int i = 0; i < 100; ++i) {
        if (s.dials(f)) s.refuse(f);
        s.pass(50ms);
    }
    CHECK_FALSE(s.dials(f));
    CHECK(s.dials(a));
}

TEST_CASE("where the new address serves nobody, the old connection stays until it ends", "[maintenance]") {
    script s{listening_script()};
    s.connects_by_itself(false);
    s.receive(a, says::moving(1, 3, f));
    for (int i = 0; i < 200 && s.core().handing_over() != 0; ++i) {
        if (s.dials(f)) s.refuse(f);
        s.pass(50ms);
    }
    CHECK(s.core().handing_over() == 0);
    auto get = s.start("GET foo");
    CHECK(s.next() == sent{a, "GET foo"});
    s.receive(a, "$1\r\nx\r\n");
    CHECK(get.value() == "x");
    CHECK(s.core().counters().hand_overs == 0);
}

TEST_CASE("a connection that ends before the new one serves loses nothing that was not sent",
          "[maintenance]") {
    script s{listening_script()};
    s.connects_by_itself(false);
    s.receive(a, says::moving(1, 3, f));
    s.cut(a);
    auto get = s.start("GET foo", {.timeout = 5s});
    REQUIRE(s.dials(f));
    s.connect(f);
    for (int i = 0; i < 20 && !get.done(); ++i) {
        for (sent next = s.next(); !(next == nothing); next = s.next())
            if (next.bytes == wire("GET foo")) s.receive(next.to, "$1\r\nx\r\n");
        s.pass(5ms);
    }
    CHECK(get.value() == "x");
}

TEST_CASE("one maintenance is told by several connections, and begins once", "[maintenance]") {
    script_options chosen = listening_script();
    chosen.engine.contexts = 2;
    script s{chosen};
    std::string const a1 = std::string{a} + "#1", f1 = std::string{f} + "#1";
    s.start("GET foo", {.context = 1});
    CHECK(s.next() == sent{a1, "GET foo"});
    s.receive(a1, "$1\r\nx\r\n");
    s.connects_by_itself(false);
    s.receive(a, says::moving(7, 10, f));
    s.receive(a1, says::moving(7, 10, f));
    CHECK(s.dialling().size() == 2);
    s.connect(f);
    auto early = s.start("GET foo", {.context = 1});
    CHECK(s.next() == sent{a1, "GET foo"});  // All of them, or none.
    s.receive(a1, "$1\r\nx\r\n");
    CHECK(early.value() == "x");
    s.connect(f1);
    auto get = s.start("GET foo", {.context = 1});
    CHECK(s.next() == sent{f1, "GET foo"});
    s.receive(f1, "$1\r\nx\r\n");
    CHECK(get.value() == "x");
    // The new connections lead to the same server, which says it again, to each of them.
    s.receive(f, says::moving(7, 10, f));
    s.receive(f1, says::moving(6, 10, f));
    CHECK(s.core().handing_over() == 0);
    CHECK(s.core().counters().hand_overs == 1);
    s.receive(f, says::moving(8, 10, ""));
    CHECK(s.core().handing_over() == 1);
}

TEST_CASE("replicas are handed over, too", "[maintenance]") {
    script s{listening_script()};
    auto read = s.start("GET foo", {.flags = cluster::command_flags::read_only, .reads = read_from::replica});
    std::string const replica = s.next().to;
    s.receive(replica, "+OK\r\n");
    s.next();
    s.receive(replica, "$1\r\nx\r\n");
    CHECK(read.value() == "x");
    s.receive(replica, says::moving(1, 10, f));
    std::string const reads = std::string{f} + "/replica";
    CHECK(s.next() == sent{reads, "READONLY"});
    CHECK(s.connected(replica));
    s.receive(reads, "+OK\r\n");
    CHECK_FALSE(s.connected(replica));
    CHECK(s.core().counters().hand_overs == 1);
}

TEST_CASE("a stand-alone server is handed over, and a later refresh leaves it so", "[maintenance]") {
    script_options chosen = listening_script();
    chosen.engine.deployment = deployment::standalone;
    chosen.boots = false;
    script s{chosen};
    CHECK(s.next() == sent{a, "CLUSTER SLOTS"});
    s.receive(a, "-ERR This instance has cluster support disabled\r\n");
    s.pass(1s);
    s.receive(a, says::moving(1, 10, f));
    auto get = s.start("GET foo");
    CHECK(s.next() == sent{f, "GET foo"});
    s.receive(f, "$1\r\nx\r\n");
    CHECK(get.value() == "x");
    s.happens(engine::refresh_wanted{});
    CHECK(s.next() == sent{f, "CLUSTER SLOTS"});
    s.receive(f, "-ERR This instance has cluster support disabled\r\n");
    s.start("GET bar");
    CHECK(s.next() == sent{f, "GET bar"});
    s.receive(f, "$1\r\ny\r\n");
}

TEST_CASE("the primary of a replication group is handed over to no replica", "[maintenance]") {
    script_options chosen = listening_script();
    chosen.engine.source = topology_source::automatic;
    chosen.engine.plan.extent = umbel::handshake::full;
    chosen.boots = false;
    script s{chosen};
    std::string const disabled = "-ERR This instance has cluster support disabled\r\n";
    std::string const welcome = "+OK\r\n+OK\r\n+OK\r\n";  // CLIENT SETINFO twice, CLIENT CAPA.
    std::string const leads =
        "*3\r\n" + bulk("master") + ":1\r\n*1\r\n*3\r\n" + bulk("10.0.0.2") + bulk("6379") + bulk("1");
    std::string const follows =
        "*5\r\n" + bulk("slave") + bulk("10.0.0.2") + ":6379\r\n" + bulk("connected") + ":1\r\n";
    s.receive(a, welcome + disabled);
    s.receive(a, disabled + disabled);
    s.receive(a, leads);
    REQUIRE(s.owner(0) == a);
    s.receive(a, says::moving(1, 30, f));
    REQUIRE(s.connected(f));
    CHECK(s.plan(f).of_primary);
    s.receive(f, welcome + follows);  // The name stands for a replica yet.
    CHECK_FALSE(s.connected(f));
    CHECK(s.core().counters().hand_overs == 0);
    s.pass(1s);
    REQUIRE(s.connected(f));
    s.receive(f, welcome + leads);
    CHECK(s.core().counters().hand_overs == 1);
    while (!(s.next() == nothing)) {
    }
    auto get = s.start("GET foo");
    CHECK(s.next() == sent{f, "GET foo"});
    s.receive(f, "$1\r\nx\r\n");
    CHECK(get.value() == "x");
}

TEST_CASE("a refresh that tells what was known leaves a hand-over as it is", "[maintenance]") {
    script s{listening_script()};
    s.receive(a, says::moving(1, 10, f));
    s.pass(1s);
    s.happens(engine::refresh_wanted{});
    sent const asked = s.next();
    s.receive(asked.to, usual_layout());
    s.start("GET foo");
    CHECK(s.next() == sent{f, "GET foo"});
    s.receive(f, "$1\r\nx\r\n");
    CHECK(s.core().counters().hand_overs == 1);
}

TEST_CASE("addresses that cannot be read, and endless notices, do nothing", "[maintenance]") {
    script s{listening_script()};
    for (char const* const where :
         {"/tmp/socket", "unix:/tmp/socket", "a b:1", ":70000", "host:0", "http://x"})
        s.receive(a, says::moving(1, 10, where));
    CHECK(s.core().handing_over() == 0);
    CHECK(s.dialled() == 1);
    for (int i = 2; i < 200; ++i) s.receive(a, says::moving(i, 86400, ""));
    CHECK(s.core().handing_over() == 1);
    // One that is never over costs few connections, and few numbers of nodes.
    std::size_t const nodes = s.core().nodes().size();
    for (int i = 200; i < 1200; ++i) {
        s.pass(100ms);
        for (char const* const node : {a, a_again, f, "10.0.0.9:7000+"})
            if (s.connected(node)) s.receive(node, says::moving(i, 0, i % 2 ? f : ""));
        while (!(s.next() == nothing)) {
        }
    }
    CHECK(s.core().counters().hand_overs > 5);
    CHECK(s.core().counters().hand_overs <= 20);
    CHECK(s.core().nodes().size() <= nodes + 10);
    auto get = s.start("GET foo", {.timeout = 1s});
    for (int i = 0; i < 20 && !get.done(); ++i) {
        for (sent next = s.next(); !(next == nothing); next = s.next())
            if (next.bytes == wire("GET foo")) s.receive(next.to, "$1\r\nx\r\n");
        s.pass(50ms);
    }
    CHECK(get.value() == "x");
}
