// Nodes that come, change their role or their identity, and go; and the numbers they have meanwhile.
#include <umbel/engine/membership.hpp>

#include "support/script.hpp"
#include "unit/engine/control_plane.hpp"

using namespace umbel;
using namespace umbel::test;

TEST_CASE("another server at a known address has the topology asked for", "[topology]") {
    script_options options;
    options.engine.plan.extent = handshake::full;
    options.boots = false;
    script s{options};
    std::string const greeting = wire("CLIENT SETINFO LIB-NAME umbel") +
                                 wire("CLIENT SETINFO LIB-VER " UMBEL_VERSION) + wire("CLUSTER MYID");
    CHECK(s.next().bytes == greeting);
    s.receive(a, "+OK\r\n+OK\r\n" + bulk("id-10.0.0.1:6379"));
    CHECK(s.next() == sent{a, "CLUSTER SLOTS"});
    s.receive(a, usual_layout());
    s.pass(1s);
    s.start("GET bar");
    CHECK(s.next().bytes == greeting);
    s.receive(b, "+OK\r\n+OK\r\n" + bulk("id-of-somebody-else"));
    CHECK(s.next() == sent{b, "GET bar"});
    CHECK(s.core().counters().refreshes == 2);
    CHECK(s.next() == sent{a, "CLUSTER SLOTS"});
}

TEST_CASE("a role change makes the replica link anew", "[topology]") {
    script s;
    auto get = s.start("GET foo", {.flags = cluster::command_flags::read_only, .reads = read_from::replica});
    std::string const replica = s.next().to;
    s.receive(replica, "+OK\r\n");
    s.next();
    s.receive(replica, "$1\r\n1\r\n");
    CHECK(get.value() == "1");
    s.pass(1s);
    s.happens(engine::refresh_wanted{});
    s.next();
    std::string const node = replica.substr(0, replica.find('/'));
    std::string const other = node == d ? e : d;
    s.receive(a, cluster_slots({{0, 5460, {b}}, {5461, 10922, {c}}, {10923, 16383, {node, a, other}}}));
    CHECK_FALSE(s.connected(replica));
}

TEST_CASE("an address that stands for a primary and its replica is that of the primary", "[topology]") {
    for (bool const primary_first : {true, false}) {
        script_options options;
        options.boots = false;
        options.engine.source = topology_source::nodes;
        script s{options};
        CHECK(s.next() == sent{a, "CLUSTER NODES"});
        std::string const leads = "p 10.0.0.1:6379@16379 myself,master - 0 0 1 connected 0-16383\n";
        std::string const follows = "r 10.0.0.1:6379@16379 slave p 0 0 1 connected\n";
        s.receive(a, bulk(primary_first ? leads + follows : follows + leads));
        CHECK(s.core().nodes()[s.number(a)].role == cluster::node_role::primary);
        CHECK(s.core().nodes()[s.number(a)].id == "p");
        // The connection that is made anew without being asked for is the primary's.
        s.cut(a);
        s.pass(1s);
        CHECK(s.connected(a));
        auto incr = s.start("INCR foo");
        sent found = s.next();
        while (found.bytes == wire("CLUSTER NODES")) found = s.next();
        CHECK(found == sent{a, "INCR foo"});
        s.receive(a, bulk(leads + follows) + ":1\r\n");
        CHECK(incr.value() == "1");
    }
}

TEST_CASE("numbers of nodes that are gone are used again, but not before they have rested", "[topology]") {
    script_options options;
    options.engine.nodes_max = 8;
    script s{options};
    for (unsigned round = 0; round < 40; ++round) {
        std::string const named = "10.0.1.1:" + std::to_string(7000 + round);
        auto get = s.start("GET foo", {.timeout = 5s});
        s.next();
        s.receive(a, "-MOVED 12182 " + named + "\r\n");
        std::uint16_t const number = s.number(named);
        REQUIRE(number != engine::link_id::no_node);
        s.receive(named, "$1\r\n1\r\n");
        CHECK(get.value() == "1");
        std::uint32_t const generation = s.core().nodes()[number].link(engine::link_mode::primary).generation;
        // The cluster knows nothing of it: the refresh puts the slot back, and a later one closes the
        // connection.
        s.pass(150ms);
        for (sent seen = s.next(); !(seen == nothing); seen = s.next())
            if (seen.bytes == wire("CLUSTER SLOTS")) s.receive(seen.to, usual_layout());
        CHECK(s.owner(12182) == a);
        CHECK(s.connected(named));
        s.pass(31s);
        s.happens(engine::refresh_wanted{});
        s.next();
        s.receive(a, usual_layout());
        CHECK_FALSE(s.connected(named));
        s.pass(29s);
        CHECK(s.number(named) == number);
        s.pass(12s);
        CHECK(s.number(named) == engine::link_id::no_node);
        CHECK(s.core().nodes()[number].link(engine::link_mode::primary).generation >= generation);
    }
    CHECK(s.core().nodes().size() <= 8);
}

TEST_CASE("an arena that is full of addresses nobody answers at leaves room again", "[topology]") {
    script_options options;
    options.engine.nodes_max = 8;
    script s{options};
    s.connects_by_itself(false);
    for (unsigned round = 0; round < 20; ++round) {
        auto get = s.start("GET foo", {.timeout = 1s});
        while (!(s.next() == nothing)) {
        }
        std::string const named = "10.0.1.1:" + std::to_string(7000 + round);
        s.receive(a, "-MOVED 12182 " + named + "\r\n");
        REQUIRE(s.dials(named));
        s.refuse(named);
        s.pass(150ms);
        for (sent seen = s.next(); !(seen == nothing); seen = s.next())
            s.receive(seen.to, seen.bytes == wire("CLUSTER SLOTS") ? usual_layout() : "$1\r\n1\r\n");
        s.pass(60s);
        REQUIRE(get.done());
    }
}

TEST_CASE("a seed that was never asked keeps its number while a refresh may come to it", "[topology]") {
    script_options options;
    options.boots = false;
    options.engine.seeds.clear();
    for (std::uint16_t port = 1; port <= 9; ++port) options.engine.seeds.push_back({"10.0.9.9", port});
    options.engine.refresh_timeout = 20s;
    script s{options};
    s.pass(70s);
    for (std::uint16_t number = 0; number < s.core().nodes().size(); ++number)
        CHECK(s.core().nodes()[number].address.port != 0);
}

namespace {

/// A cluster that announces 172.17.0.x:6379 and is reached at 10.0.0.x:6379.
script_options behind_nat() {
    script_options options;
    for (auto const& [announced, reached] :
         {std::pair{"172.17.0.1:6379", a}, std::pair{"172.17.0.2:6379", b}, std::pair{"172.17.0.3:6379", c}})
        REQUIRE(options.engine.addresses.add(announced, reached));
    options.engine.addresses.ask(
        [](void*, std::string_view announced) {
            return announced == "172.17.0.4:6379" ? std::string{d} : std::string{};
        },
        nullptr);
    options.boots = false;
    return options;
}
std::string announced_layout() {
    return cluster_slots({{0, 5460, {"172.17.0.2:6379"}},
                          {5461, 10922, {"172.17.0.3:6379"}},
                          {10923, 16383, {"172.17.0.1:6379", "172.17.0.4:6379"}}});
}

}  // namespace

TEST_CASE("addresses that a topology announces are mapped, by the table and by the function", "[topology]") {
    script s{behind_nat()};
    CHECK(s.next() == sent{a, "CLUSTER SLOTS"});
    s.receive(a, announced_layout());
    CHECK(s.owner(12182) == a);
    CHECK(s.owner(5061) == b);
    CHECK(s.owner(9995) == c);
    auto get = s.start("GET foo", {.flags = cluster::command_flags::read_only, .reads = read_from::replica});
    CHECK(s.next() == sent{d_reads, "READONLY"});
    s.receive(d_reads, "+OK\r\n");
    CHECK(s.next() == sent{d_reads, "GET foo"});
    // The seed is the node that the cluster announces as another: one connection serves both.
    auto set = s.start("SET foo 1");
    CHECK(s.next() == sent{a, "SET foo 1"});
    CHECK(s.connection(a) == 1);
    CHECK_FALSE(get.done());
    CHECK_FALSE(set.done());
}

TEST_CASE("the node that MOVED or ASK names is mapped the same way, also where it has no host",
          "[topology]") {
    script s{behind_nat()};
    s.next();
    s.receive(a, announced_layout());
    auto moved = s.start("GET foo");
    CHECK(s.next() == sent{a, "GET foo"});
    s.receive(a, "-MOVED 12182 172.17.0.2:6379\r\n");
    CHECK(s.next() == sent{b, "GET foo"});
    s.receive(b, "$1\r\n1\r\n");
    CHECK(moved.value() == "1");
    CHECK(s.owner(12182) == b);
    auto asked = s.start("GET qux");
    CHECK(s.next() == sent{c, "GET qux"});
    s.receive(c, "-ASK 9995 172.17.0.4:6379\r\n");
    CHECK(s.next() == sent{d, "ASKING", "GET qux"});
    s.receive(d, "+OK\r\n$1\r\n2\r\n");
    CHECK(asked.value() == "2");
    auto unnamed = s.start("GET qux");
    CHECK(s.next() == sent{c, "GET qux"});
    s.receive(c, "-MOVED 9995 :6380\r\n");
    CHECK(s.next() == sent{"10.0.0.3:6380", "GET qux"});
    CHECK_FALSE(unnamed.done());
}

// ---- Membership alone ---------------------------------------------------------------------------

namespace {

struct two_nodes : control_plane {
    engine::membership members{shared, health, links};
    cluster::topology topology;
    std::vector<std::uint16_t> numbers;

    two_nodes() {
        for (char const* const host : {"10.0.0.1", "10.0.0.2"}) {
            topology.nodes.emplace_back().address = {host, 6379};
            numbers.push_back(add(host));
        }
        cluster::shard& all = topology.shards.emplace_back();
        all.ranges.push_back({cluster::slot{0}, cluster::slot{16383}});
        all.primary = 0;
    }
};

}  // namespace

TEST_CASE("nodes that the topology does not name are closed, unless a newer redirect names them",
          "[members]") {
    two_nodes all;
    std::uint16_t const gone = all.add("10.0.0.8"), redirected_to = all.add("10.0.0.9");
    for (std::uint16_t const number : {gone, redirected_to}) all.open(number);
    cluster::slot_patches patches;
    patches.note(cluster::slot{1}, all.numbers[0], redirected_to, false);
    all.members.apply(all.topology, all.numbers, patches, all.begin);
    CHECK(all.node(all.numbers[0]).member);
    CHECK_FALSE(all.node(gone).member);
    CHECK(all.node(gone).link(engine::link_mode::primary).state == engine::link_state::closing);
    CHECK(all.node(redirected_to).link(engine::link_mode::primary).state == engine::link_state::up);
}

TEST_CASE("an attempt to open a link that nothing is routed to any more is called off", "[members]") {
    two_nodes all;
    for (std::uint16_t const number : all.numbers)
        all.links.open({number, engine::link_mode::primary}, all.begin);
    all.topology.nodes[1].role = cluster::node_role::replica;
    all.members.apply(all.topology, all.numbers, {}, all.begin);
    CHECK(all.node(all.numbers[0]).link(engine::link_mode::primary).state == engine::link_state::opening);
    CHECK(all.node(all.numbers[1]).link(engine::link_mode::primary).state == engine::link_state::closing);
}

TEST_CASE("a stranger is closed when an unchanged topology has left it out for long", "[members]") {
    two_nodes all;
    std::uint16_t const stranger = all.add("10.0.0.9");
    all.open(stranger);
    all.members.confirm(all.topology, all.numbers, all.begin + 1s);
    CHECK(is_up(all.node(stranger).link(engine::link_mode::primary)));
    all.members.confirm(all.topology, all.numbers, all.begin + engine::node_table::rest);
    CHECK_FALSE(is_up(all.node(stranger).link(engine::link_mode::primary)));
}
