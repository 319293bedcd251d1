// How the engine finds a replication group without cluster mode, and follows its primary: byte for byte.
#include <umbel/engine/group_search.hpp>

#include "support/script.hpp"

using namespace umbel;
using namespace umbel::test;

namespace {

std::string const no_clusters = "-ERR This instance has cluster support disabled\r\n";
std::string const a_replica_link = std::string{a} + "/replica";
std::string const b_replica_link = std::string{b} + "/replica";

script_options of_group(umbel::handshake extent = umbel::handshake::minimal) {
    script_options options;
    options.boots = false;
    options.engine.source = topology_source::automatic;
    options.engine.plan.extent = extent;
    return options;
}
call_options reads_from_replicas(engine::duration timeout = 5s) {
    return {.flags = cluster::command_flags::read_only, .reads = read_from::replica, .timeout = timeout};
}
std::string leads(std::initializer_list<char const*> replicas = {}) {
    std::string told = "*3\r\n" + bulk("master") + ":42\r\n*" + std::to_string(replicas.size()) + "\r\n";
    for (char const* const replica : replicas) {
        auto const address = *cluster::endpoint::parse(replica, 6379);
        told += "*3\r\n" + bulk(address.host) + bulk(std::to_string(address.port)) + bulk("42");
    }
    return told;
}
std::string follows(char const* primary) {
    auto const address = *cluster::endpoint::parse(primary, 6379);
    return "*5\r\n" + bulk("slave") + bulk(address.host) + ":" + std::to_string(address.port) + "\r\n" +
           bulk("connected") + ":42\r\n";
}
/// The first question of a refresh, and its answer.
void finds_no_cluster(script& s, char const* node) {
    REQUIRE(s.next() == sent{node, "CLUSTER SHARDS", "CLUSTER NODES"});
    s.receive(node, no_clusters + no_clusters);
    REQUIRE(s.next() == sent{node, "ROLE"});
}
/// A group of `a`, which leads, and `b`.
void learns(script& s) {
    finds_no_cluster(s, a);
    s.receive(a, leads({b}));
    REQUIRE(s.owner(0) == a);
}

}  // namespace

TEST_CASE("a primary without cluster mode names its replicas, and they serve reads", "[group]") {
    script s{of_group()};
    learns(s);
    auto write = s.start("SET foo 1");
    CHECK(s.next() == sent{a, "SET foo 1"});
    auto read = s.start("GET foo", reads_from_replicas());
    // In minimal style nothing is said that a stand-alone server only refuses.
    CHECK(s.next() == sent{b_replica_link, "GET foo"});
    s.receive(a, "+OK\r\n");
    s.receive(b_replica_link, "$1\r\n1\r\n");
    CHECK(write.value() == "OK");
    CHECK(read.value() == "1");
}

TEST_CASE("a replica among the seeds leads to its primary, whose word counts", "[group]") {
    script s{of_group()};
    auto write = s.start("SET foo 1");
    finds_no_cluster(s, a);
    s.receive(a, follows(b));
    CHECK(s.next() == sent{b, "ROLE"});
    CHECK(s.core().routes().known() == engine::known_as::nothing);
    SECTION("it leads") { s.receive(b, leads({a})); }
    SECTION("it follows another one itself") {
        s.receive(b, follows(c));
        CHECK(s.next() == sent{c, "ROLE"});
        s.receive(c, leads({b}));
    }
    std::string const leader = s.owner(0);
    CHECK(s.next() == sent{leader, "SET foo 1"});
    s.receive(leader, "+OK\r\n");
    CHECK(write.value() == "OK");
}

TEST_CASE("two replicas that name each other lead nowhere, and the commands say why", "[group]") {
    script s{of_group()};
    auto write = s.start("SET foo 1", {.timeout = 300ms});
    auto read = s.start("GET foo", reads_from_replicas(300ms));
    finds_no_cluster(s, a);
    s.receive(a, follows(b));
    CHECK(s.next() == sent{b, "ROLE"});
    s.receive(b, follows(a));
    // They can be read from by who wants to read from replicas.
    CHECK(s.next().to == a_replica_link);
    s.receive(a_replica_link, "$1\r\n1\r\n");
    CHECK(read.value() == "1");
    s.pass(400ms);
    CHECK(outcome(write) == failed{errc::deadline_exceeded, delivery::not_sent});
    CHECK(write.why().message().ends_with("only replicas are known, and their primary does not answer"));
}

TEST_CASE("a demoted primary that refuses writes is asked again, and its new primary is found", "[group]") {
    script s{of_group()};
    learns(s);
    auto write = s.start("SET foo 1");
    CHECK(s.next() == sent{a, "SET foo 1"});
    s.pass(1s);
    s.receive(a, "-READONLY You can't write against a read only replica.\r\n");
    finds_no_cluster(s, a);
    s.receive(a, follows(b));
    CHECK(s.next() == sent{b, "ROLE"});
    s.receive(b, leads({a}));
    CHECK(s.owner(0) == b);
    CHECK(s.next() == sent{b, "SET foo 1"});
    s.receive(b, "+OK\r\n");
    CHECK(write.value() == "OK");
}

TEST_CASE("a REDIRECT moves everything at once", "[group]") {
    script s{of_group()};
    learns(s);
    auto first = s.start("SET foo 1");
    auto second = s.start("SET bar 2");
    s.next();
    s.next();
    s.receive(a, "-REDIRECT 10.0.0.2:6379\r\n");
    CHECK(s.next() == sent{b, "SET foo 1"});
    CHECK(s.owner(0) == b);
    CHECK(s.owner(16383) == b);
    // What comes later goes there at once.
    auto third = s.start("SET qux 3");
    s.pass(1ms);
    CHECK(s.next() == sent{b, "SET qux 3"});
    s.receive(a, "-REDIRECT 10.0.0.2:6379\r\n");
    CHECK(s.next() == sent{b, "SET bar 2"});
    s.receive(b, "+OK\r\n+OK\r\n+OK\r\n");
    CHECK(first.value() == "OK");
    CHECK(second.value() == "OK");
    CHECK(third.value() == "OK");
}

TEST_CASE("a REDIRECT in a cluster teaches nothing", "[group]") {
    script s;
    auto set = s.start("SET foo 1");
    s.next();
    s.receive(a, "-REDIRECT 10.0.0.2:6379\r\n");
    CHECK(s.next() == sent{b, "SET foo 1"});
    CHECK(s.owner(12182) == a);
    CHECK(s.owner(0) == b);
    s.receive(b, "+OK\r\n");
    CHECK(set.value() == "OK");
}

TEST_CASE("a server that tells no role is served as it is", "[group]") {
    for (std::string const& line :
         {std::string{"-ERR unknown command 'ROLE'\r\n"},
          std::string{"-NOPERM User app has no permissions to run the 'role' command\r\n"},
          std::string{"+OK\r\n"}}) {
        script s{of_group()};
        finds_no_cluster(s, a);
        s.receive(a, line);
        CHECK(s.owner(0) == a);
    }
}

namespace {

bool is_member(script& s, char const* node) {
    std::uint16_t const number = s.number(node);
    return number != engine::link_id::no_node && s.core().nodes()[number].member;
}

}  // namespace

TEST_CASE("a primary that only its replica names, and that tells no role, ends no group", "[group]") {
    script s{of_group()};
    learns(s);
    s.pass(1s);
    s.happens(engine::refresh_wanted{});
    REQUIRE(s.next() == sent{a, "CLUSTER SHARDS", "CLUSTER NODES"});
    // It is silent at first, so the other one is asked, and names it.
    s.pass(300ms);
    finds_no_cluster(s, b);
    s.receive(b, follows(a));
    REQUIRE(s.next() == sent{a, "ROLE"});
    SECTION("it stays silent") { s.pass(1100ms); }
    SECTION("a script keeps it busy") {
        std::string const busy = "-BUSY Redis is busy running a script.\r\n";
        s.receive(a, busy + busy + busy);
    }
    SECTION("its connection ends") { s.cut(a); }
    CHECK(s.owner(0) == a);
    CHECK(is_member(s, b));
    while (!(s.next() == nothing)) continue;
    auto read = s.start("GET foo", reads_from_replicas());
    CHECK(s.next() == sent{b_replica_link, "GET foo"});
    s.receive(b_replica_link, "$1\r\n1\r\n");
    CHECK(read.value() == "1");
}

TEST_CASE("a server that leads a group of its own is not followed while the known group may answer",
          "[group]") {
    script s{of_group()};
    learns(s);
    // The other one takes over, without replicas so far.
    s.pass(1s);
    s.happens(engine::refresh_wanted{});
    REQUIRE(s.next() == sent{a, "CLUSTER SHARDS", "CLUSTER NODES"});
    s.receive(a, no_clusters + no_clusters);
    REQUIRE(s.next() == sent{a, "ROLE"});
    s.receive(a, follows(b));
    REQUIRE(s.next() == sent{b, "ROLE"});
    s.receive(b, leads());
    REQUIRE(s.owner(0) == b);
    // It is busy for a moment, and the first one, which is a seed, has come back as its own primary.
    s.pass(1s);
    s.happens(engine::refresh_wanted{});
    REQUIRE(s.next() == sent{b, "CLUSTER SHARDS", "CLUSTER NODES"});
    s.pass(300ms);
    finds_no_cluster(s, a);
    s.receive(a, leads());
    CHECK(s.owner(0) == b);
    SECTION("it answers then") {
        s.receive(b, no_clusters + no_clusters);
        REQUIRE(s.next() == sent{b, "ROLE"});
        s.receive(b, leads());
        CHECK(s.owner(0) == b);
    }
    SECTION("it never does: the other server is taken for its heir") {
        for (int step = 0; step < 200 && s.owner(0) == b; ++step) {
            s.pass(50ms);
            for (sent seen = s.next(); !(seen == nothing); seen = s.next()) {
                if (seen.to != a) continue;
                bool const role = seen.bytes == wire("ROLE");
                s.receive(a, role ? leads() : no_clusters + no_clusters);
            }
        }
        CHECK(s.owner(0) == a);
    }
}

TEST_CASE("a replica serves reads where nothing else is known and its primary is dead", "[group]") {
    script s{of_group()};
    finds_no_cluster(s, a);
    s.connects_by_itself(false);
    s.receive(a, follows(b));
    REQUIRE(s.dials(b));
    SECTION("it refuses connections") { s.refuse(b); }
    SECTION("it is silent") { s.pass(1100ms); }
    s.connects_by_itself(true);
    CHECK(is_member(s, a));
    CHECK_FALSE(is_member(s, b));
    auto read = s.start("GET foo", reads_from_replicas());
    CHECK(s.next() == sent{a_replica_link, "GET foo"});
    s.receive(a_replica_link, "$1\r\n1\r\n");
    CHECK(read.value() == "1");
}

TEST_CASE("a sentinel is no server of data, and the error says so", "[group]") {
    script s{of_group()};
    auto get = s.start("GET foo", {.timeout = 100ms});
    finds_no_cluster(s, a);
    s.receive(a, "*2\r\n" + bulk("sentinel") + "*1\r\n" + bulk("mymaster"));
    s.pass(200ms);
    CHECK(get.why().message().find("it is a sentinel") != std::string_view::npos);
}

TEST_CASE("a node that has led is not taken for the primary when it comes back as a replica", "[group]") {
    script_options options = of_group(umbel::handshake::full);
    options.engine.plan.protocol = protocol::automatic;
    std::string const library = "+OK\r\n+OK\r\n";
    std::string const replica_greets = "%1\r\n" + bulk("role") + bulk("replica") + library + "+OK\r\n";
    std::string const primary_greets = "%1\r\n" + bulk("role") + bulk("master") + library + "+OK\r\n";
    script s{options};
    sent const hello = s.next();
    CHECK(hello.bytes.ends_with(wire("CLIENT CAPA redirect") + wire("CLUSTER MYID")));
    s.receive(a, primary_greets + no_clusters);
    learns(s);
    s.pass(2s);
    s.cut(a);
    s.pass(100ms);
    auto read = s.start("GET foo");
    // By its own word it is a replica: the read does not reach it. The other node is silent for now.
    s.receive(a, replica_greets);
    CHECK_FALSE(s.connected(a));
    for (int step = 0; step < 2000 && !s.connected(a_replica_link); ++step) s.pass(1ms);
    for (sent seen = s.next(); !(seen == nothing); seen = s.next())
        CHECK(seen.bytes.find("GET") == seen.bytes.npos);
    // Its role is asked for by a connection of replicas.
    s.receive(a_replica_link, replica_greets + no_clusters);
    CHECK(s.next() == sent{a_replica_link, "CLUSTER SHARDS", "CLUSTER NODES"});
    s.receive(a_replica_link, no_clusters + no_clusters);
    CHECK(s.next() == sent{a_replica_link, "ROLE"});
    s.receive(a_replica_link, follows(b));
    REQUIRE(s.connected(b));
    s.receive(b, primary_greets);
    CHECK(s.next() == sent{b, "ROLE"});
    s.receive(b, leads({a}));
    CHECK(s.owner(0) == b);
    CHECK(s.next() == sent{b, "GET foo"});
    s.receive(b, "$1\r\n1\r\n");
    CHECK(read.value() == "1");
}
