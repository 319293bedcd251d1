// How the engine finds the topology, lives by it and asks anew: byte for byte.
#include <umbel/engine/topology_tracker.hpp>

#include "support/script.hpp"
#include "unit/engine/control_plane.hpp"

using namespace umbel;
using namespace umbel::test;

namespace {

script_options bare() {
    script_options options;
    options.boots = false;
    return options;
}
std::string const disabled = "-ERR This instance has cluster support disabled\r\n";
std::string const unknown_shards =
    "-ERR Unknown subcommand or wrong number of arguments for 'shards'. Try CLUSTER HELP.\r\n";
std::string const nodes_text = bulk(
    "aaaa 10.0.0.1:6379@16379 myself,master - 0 0 1 connected 0-8191\n"
    "bbbb 10.0.0.2:6379@16379 master - 0 0 2 connected 8192-16383\n");

}  // namespace

// ---- The first topology -------------------------------------------------------------------------

TEST_CASE("plain wire sends exactly the one topology command that was chosen", "[topology]") {
    std::pair<topology_source, char const*> const choices[] = {{topology_source::slots, "CLUSTER SLOTS"},
                                                               {topology_source::shards, "CLUSTER SHARDS"},
                                                               {topology_source::nodes, "CLUSTER NODES"}};
    for (auto const& [source, command] : choices) {
        script_options options = bare();
        options.engine.source = source;
        script s{options};
        CHECK(s.next() == sent{a, command});
        CHECK(s.next() == nothing);
        s.pass(200ms);
        CHECK(s.next() == nothing);
    }
}

TEST_CASE("by default the slot map is asked for together with the config epochs", "[topology]") {
    script_options options = bare();
    options.engine.source = topology_source::automatic;
    script s{options};
    CHECK(s.next() == sent{a, "CLUSTER SHARDS", "CLUSTER NODES"});
    auto get = s.start("GET foo");
    s.receive(a, unknown_shards);
    CHECK_FALSE(get.done());
    // An old server: CLUSTER NODES tells enough, and the next refresh asks in the old way.
    s.receive(a, nodes_text);
    CHECK(s.owner(12182) == b);
    CHECK(s.next() == sent{b, "GET foo"});
    s.pass(1s);
    s.happens(engine::refresh_wanted{});
    CHECK(s.next().bytes == wire("CLUSTER SLOTS") + wire("CLUSTER NODES"));
}

TEST_CASE("where CLUSTER NODES is refused as well, an old server is asked for CLUSTER SLOTS", "[topology]") {
    script_options options = bare();
    options.engine.source = topology_source::automatic;
    script s{options};
    auto get = s.start("GET foo");
    CHECK(s.next() == sent{a, "CLUSTER SHARDS", "CLUSTER NODES"});
    s.receive(a,
              unknown_shards + "-NOPERM this user has no permissions to run the 'cluster|nodes' command\r\n");
    CHECK(s.next() == sent{a, "CLUSTER SLOTS"});
    s.receive(a, usual_layout());
    CHECK(s.next() == sent{a, "GET foo"});
    s.receive(a, "$3\r\nbar\r\n");
    CHECK(get.value() == "bar");
}

TEST_CASE("a server without cluster mode is served as a whole", "[topology]") {
    script_options options = bare();
    options.engine.source = topology_source::automatic;
    script s{options};
    auto get = s.start("GET foo");
    s.next();
    s.receive(a, disabled + disabled);
    CHECK(s.next() == sent{a, "ROLE"});
    s.receive(a, "*3\r\n$6\r\nmaster\r\n:0\r\n*0\r\n");
    CHECK(s.core().routes().known() == engine::known_as::standalone);
    CHECK(s.owner(0) == a);
    CHECK(s.next() == sent{a, "GET foo"});
    s.receive(a, "$3\r\nbar\r\n");
    CHECK(get.value() == "bar");
}

TEST_CASE("a server without cluster mode is a clear error for a cluster client", "[topology]") {
    script_options options = bare();
    options.engine.deployment = deployment::cluster;
    script s{options};
    auto get = s.start("GET foo", {.timeout = 5s});
    CHECK(s.next() == sent{a, "CLUSTER SLOTS"});
    s.receive(a, disabled);
    CHECK(outcome(get) == failed{errc::bad_argument, delivery::not_sent});
    CHECK(get.why().message().find("without cluster mode") != std::string_view::npos);
    auto later = s.start("GET foo", {.timeout = 5s});
    s.pass(100ms);
    CHECK(s.next() == sent{a, "CLUSTER SLOTS"});
    s.receive(a, disabled);
    CHECK(later.code() == errc::bad_argument);
}

TEST_CASE("a stand-alone deployment takes any answer for a sign of life", "[topology]") {
    for (std::string const& line : {disabled, std::string{"-ERR unknown command 'CLUSTER'\r\n"}}) {
        script_options options = bare();
        options.engine.deployment = deployment::standalone;
        script s{options};
        s.next();
        s.receive(a, line);
        CHECK(s.core().routes().known() == engine::known_as::standalone);
    }
}

TEST_CASE("a wrong password fails fast, before anything was sent", "[topology]") {
    script_options options = bare();
    options.engine.plan.identity = std::make_shared<umbel::credentials const>("", "wrong");
    script s{options};
    auto set = s.start("SET foo 1", {.timeout = 5s});
    CHECK(s.next() == sent{a, "AUTH wrong"});
    s.receive(a, "-WRONGPASS invalid username-password pair or user is disabled.\r\n");
    CHECK(outcome(set) == failed{errc::wrong_password, delivery::not_sent});
    CHECK(set.why().message() == "WRONGPASS invalid username-password pair or user is disabled.");
    CHECK(set.why().node() == "10.0.0.1:6379");
}

TEST_CASE("a missing password fails fast where the topology command is the first to meet it", "[topology]") {
    script s{bare()};
    auto set = s.start("SET foo 1", {.timeout = 5s});
    CHECK(s.next() == sent{a, "CLUSTER SLOTS"});
    s.receive(a, "-NOAUTH Authentication required.\r\n");
    CHECK(outcome(set) == failed{errc::no_auth, delivery::not_sent});
    CHECK(set.why().node() == "10.0.0.1:6379");
}

TEST_CASE("a refused HELLO is spoken to in RESP2, and nobody notices", "[topology]") {
    script_options options = bare();
    options.engine.plan.protocol = protocol::automatic;
    options.engine.plan.extent = handshake::full;
    options.engine.deployment = deployment::standalone;
    script s{options};
    CHECK(s.next() ==
          sent{a, "HELLO 3", "CLIENT SETINFO LIB-NAME umbel", "CLIENT SETINFO LIB-VER " UMBEL_VERSION});
    s.receive(a,
              "-ERR unknown command `HELLO`, with args beginning with: `3`, \r\n-ERR unknown "
              "subcommand\r\n-ERR unknown subcommand\r\n");
    CHECK(s.next() == sent{a, "CLIENT SETINFO LIB-NAME umbel", "CLIENT SETINFO LIB-VER " UMBEL_VERSION});
    CHECK(s.next() == nothing);
    s.receive(a, "-ERR unknown subcommand\r\n-ERR unknown subcommand\r\n");
    CHECK(s.next() == sent{a, "CLUSTER SLOTS"});
}

TEST_CASE("all seeds down is a clear error at the deadline; all seeds back is noticed by itself",
          "[topology]") {
    script_options options = bare();
    options.engine.seeds = {{"10.0.0.1", 6379}, {"10.0.0.2", 6379}};
    options.connects_by_itself = false;
    script s{options};
    auto get = s.start("GET foo", {.timeout = 500ms});
    auto patient = s.start("GET foo", {.timeout = 5s});
    for (int step = 0; step < 600; ++step) {
        for (auto const* seed : {a, b})
            if (s.dials(seed)) s.refuse(seed);
        s.pass(1ms);
    }
    CHECK(outcome(get) == failed{errc::no_reachable_node, delivery::not_sent});
    CHECK(get.why().message().find("Connection refused") != std::string_view::npos);
    CHECK_FALSE(patient.done());
    CHECK(s.dialled() < 60);
    s.connects_by_itself(true);
    s.pass(1100ms);
    sent query = s.next();
    CHECK(query.bytes == wire("CLUSTER SLOTS"));
    s.receive(query.to, usual_layout());
    while (query.bytes == wire("CLUSTER SLOTS")) query = s.next();
    CHECK(query == sent{a, "GET foo"});
    s.receive(a, "$3\r\nbar\r\n");
    CHECK(patient.value() == "bar");
}

TEST_CASE("a cluster that goes away as a whole and comes back is found again", "[topology]") {
    script s;
    s.connects_by_itself(false);
    s.cut(a);
    auto get = s.start("GET foo", {.timeout = 30s});
    for (int step = 0; step < 2000; ++step) {
        for (auto const* node : {a, b, c, d, e})
            if (s.dials(node)) s.refuse(node);
        s.pass(1ms);
    }
    s.connects_by_itself(true);
    for (int step = 0; step < 3000 && !get.done(); ++step) {
        for (sent seen = s.next(); !(seen == nothing); seen = s.next())
            if (s.connected(seen.to))
                s.receive(seen.to, seen.bytes == wire("CLUSTER SLOTS") ? usual_layout() : "$3\r\nbar\r\n");
        if (s.dials(a)) s.connect(a);
        s.pass(1ms);
    }
    CHECK(get.value() == "bar");
}

// ---- Asking -------------------------------------------------------------------------------------

TEST_CASE("a silent seed is not waited for: the next one is asked beside it", "[topology]") {
    script_options options = bare();
    options.engine.seeds = {{"10.0.0.1", 6379}, {"10.0.0.2", 6379}};
    script s{options};
    std::string const first = s.next().to;
    s.pass(249ms);
    CHECK(s.next() == nothing);
    s.pass(1ms);
    sent const second = s.next();
    CHECK(second.bytes == wire("CLUSTER SLOTS"));
    CHECK(second.to != first);
    s.receive(second.to, usual_layout());
    CHECK(s.owner(12182) == a);
}

TEST_CASE("more silent seeds than queries do not make the client spin", "[topology]") {
    script_options options = bare();
    options.engine.seeds.clear();
    for (std::uint16_t port = 1; port <= 12; ++port) options.engine.seeds.push_back({"10.0.9.9", port});
    options.engine.refresh_timeout = 10s;
    script s{options};
    auto get = s.start("GET foo", {.timeout = 60s});
    s.pass(9s);
    CHECK(s.core().counters().topology_queries == 4);
    CHECK(s.ticks() < 50);
    s.pass(3s);
    CHECK(s.core().counters().topology_queries > 4);
    CHECK(s.ticks() < 200);
    CHECK_FALSE(get.done());
}

TEST_CASE("a storm of MOVED costs one refresh at once, at most two, and no new connection", "[topology]") {
    script s;
    s.pass(1s);
    s.start("GET bar");
    s.receive(b, "$1\r\n1\r\n");
    unsigned const dialled = s.dialled();
    std::vector<started> gets;
    std::string moved;
    for (int at = 0; at < 10000; ++at) {
        gets.push_back(s.start("GET foo"));
        moved += "-MOVED 12182 10.0.0.2:6379\r\n";
    }
    while (!(s.next() == nothing)) {
    }
    s.receive(a, moved);
    std::size_t commands = 0;
    std::string const layout = cluster_slots(
        {{0, 5460, {b}}, {5461, 10922, {c}}, {10923, 12181, {a}}, {12182, 12182, {b}}, {12183, 16383, {a}}});
    for (int step = 0; step < 100; ++step) {
        for (sent seen = s.next(); !(seen == nothing); seen = s.next()) {
            if (seen.bytes == wire("CLUSTER SLOTS"))
                s.receive(seen.to, layout);
            else
                commands += seen.bytes.size() / wire("GET foo").size();
        }
        s.pass(1ms);
    }
    CHECK(commands == 10000);
    CHECK(s.core().counters().refreshes <= 3);  // One of them was the first of all.
    CHECK(s.core().counters().topology_queries <= 3);
    CHECK(s.dialled() == dialled);
    std::string replies;
    for (int at = 0; at < 10000; ++at) replies += ":" + std::to_string(at) + "\r\n";
    s.receive(b, replies);
    for (std::size_t at = 0; at < gets.size(); ++at) REQUIRE(gets[at].value() == std::to_string(at));
}

TEST_CASE("a view of another cluster is not believed", "[topology]") {
    script s;
    s.pass(1s);
    s.happens(engine::refresh_wanted{});
    CHECK(s.next() == sent{a, "CLUSTER SLOTS"});
    s.receive(a, cluster_slots({{0, 16383, {"10.7.7.7:6379"}}}));
    CHECK(s.owner(12182) == a);
    CHECK(s.next().bytes == wire("CLUSTER SLOTS"));  // Another candidate is asked.
}

TEST_CASE("a redirect into another cluster does not make it believed, now or later", "[topology]") {
    script s;
    s.pass(1s);
    // Into a stranger's, and to a member that is one later on.
    std::string const stranger = "10.7.7.7:6379";
    auto first = s.start("GET foo");
    CHECK(s.next() == sent{a, "GET foo"});
    s.receive(a, "-MOVED 12182 10.7.7.7:6379\r\n");
    auto second = s.start("GET bar");
    s.receive(b, "-ASK 5061 10.0.0.3:6379\r\n");
    std::string const theirs = cluster_slots({{0, 16383, {stranger}}});
    for (int round = 0; round < 40; ++round) {
        s.happens(engine::refresh_wanted{});
        for (int step = 0; step < 100; ++step) {
            for (sent seen = s.next(); !(seen == nothing); seen = s.next()) {
                if (seen.bytes != wire("CLUSTER SLOTS"))
                    s.receive(seen.to,
                              seen.bytes.starts_with(wire("ASKING")) ? "+OK\r\n$1\r\n1\r\n" : "$1\r\n1\r\n");
                else
                    s.receive(seen.to,
                              seen.to == stranger || (round > 20 && seen.to == c) ? theirs : usual_layout());
            }
            s.pass(10ms);
        }
        CHECK(s.owner(12182) == a);
        CHECK(s.owner(5061) == b);
    }
    CHECK(first.done());
    CHECK(second.done());
}

TEST_CASE("whom a redirect has named is asked, and believed when every node of the topology has left",
          "[topology]") {
    script s{bare()};
    CHECK(s.next() == sent{a, "CLUSTER SLOTS"});
    s.receive(a, cluster_slots({{0, 16383, {a}}}));
    auto get = s.start("GET foo", {.timeout = 30s});
    CHECK(s.next() == sent{a, "GET foo"});
    s.receive(a, "-MOVED 12182 10.0.0.2:6379\r\n");
    s.cut(a);
    CHECK(s.next() == sent{b, "GET foo"});
    s.receive(b, "$3\r\nbar\r\n");
    CHECK(get.value() == "bar");
    CHECK(s.owner(0) == a);
    for (int step = 0; step < 5000 && s.owner(0) == a; ++step) {
        if (s.dials(a)) s.refuse(a);
        for (sent seen = s.next(); !(seen == nothing); seen = s.next()) {
            if (seen.to == a) continue;  // On its way when the connection was lost.
            CHECK(seen == sent{b, "CLUSTER SLOTS"});
            s.receive(b, cluster_slots({{0, 16383, {b}}}));
        }
        s.pass(1ms);
    }
    CHECK(s.owner(0) == b);
    CHECK(s.owner(16383) == b);
}

TEST_CASE("a view with holes counts only when nobody has a fuller one", "[topology]") {
    script_options options = bare();
    options.engine.seeds = {{"10.0.0.1", 6379}, {"10.0.0.2", 6379}};
    script s{options};
    std::string const first = s.next().to;
    s.receive(first, cluster_slots({{0, 5460, {b}}}));
    CHECK(s.owner(5061).empty());
    sent const second = s.next();
    CHECK(second.to != first);
    SECTION("the other is fuller") {
        s.receive(second.to, usual_layout());
        CHECK(s.owner(12182) == a);
    }
    SECTION("the other fails") {
        s.receive(second.to, "-LOADING Redis is loading the dataset in memory\r\n");
        CHECK(s.owner(5061) == b);
        CHECK(s.owner(12182).empty());
    }
}

TEST_CASE("a slot without owner joins one refresh, then the caller is told", "[topology]") {
    script s{bare()};
    s.next();
    std::string const holes = cluster_slots({{0, 5460, {b}}, {5461, 10922, {c}}});
    s.receive(a, holes);
    s.pass(1s);
    auto get = s.start("GET foo", {.timeout = 5s});
    CHECK_FALSE(get.done());
    for (int step = 0; step < 1000 && !get.done(); ++step) {
        for (sent seen = s.next(); !(seen == nothing); seen = s.next())
            if (s.connected(seen.to)) s.receive(seen.to, holes);
        s.pass(1ms);
    }
    CHECK(outcome(get) == failed{errc::slot_uncovered, delivery::not_sent});
    CHECK(get.why().slot() == 12182);
    CHECK(s.core().counters().refreshes == 2);
}

TEST_CASE("a command without a key is served although some slots have no owner", "[topology]") {
    script s{bare()};
    s.next();
    s.receive(a, cluster_slots({{0, 100, {b}}}));
    for (int at = 0; at < 20; ++at) {
        auto ping = s.start("PING");
        CHECK(s.next() == sent{b, "PING"});
        s.receive(b, "+PONG\r\n");
        CHECK(ping.value() == "PONG");
    }
}

TEST_CASE("a replica that counted as failed is found again soon, though everybody else is served",
          "[topology]") {
    script_options options = bare();
    options.engine.source = topology_source::nodes;
    options.engine.refreshing.interval = 60s;
    script s{options};
    auto const told = [](std::string_view flags) {
        return bulk(
            "aaaa 10.0.0.1:6379@16379 myself,master - 0 0 1 connected 0-16383\n"
            "dddd 10.0.0.4:6379@16379 " +
            std::string{flags} + " aaaa 0 0 1 connected\n");
    };
    CHECK(s.next() == sent{a, "CLUSTER NODES"});
    s.receive(a, told("slave,fail"));
    auto const near =
        call_options{.flags = cluster::command_flags::read_only, .reads = read_from::prefer_replica};
    auto first = s.start("GET foo", near);
    CHECK(s.next() == sent{a, "GET foo"});
    s.receive(a, "$-1\r\n");
    CHECK(first.value() == "(nil)");
    for (auto const& [span, flags] : {std::pair{1100ms, "slave,fail"}, std::pair{2100ms, "slave"}}) {
        CHECK(s.next() == nothing);
        s.pass(span);
        CHECK(s.next() == sent{a, "CLUSTER NODES"});
        s.receive(a, told(flags));
    }
    auto second = s.start("GET foo", near);
    CHECK(s.next() == sent{d_reads, "READONLY"});
    s.receive(d_reads, "+OK\r\n");
    CHECK(s.next() == sent{d_reads, "GET foo"});
    s.receive(d_reads, "$1\r\nx\r\n");
    CHECK(second.value() == "x");
    s.pass(50s);
    CHECK(s.next() == nothing);
}

// ---- The tracker alone --------------------------------------------------------------------------

TEST_CASE("a refresh asks the map and the epochs of its first candidate on one link", "[tracker]") {
    control_plane plane;
    CHECK_FALSE(plane.topology.advance(plane.begin).ended);
    CHECK(plane.topology.questions().empty());
    plane.topology.want(plane.begin);
    plane.topology.advance(plane.begin);
    unsigned asked = 0;
    while (engine::call* const question = plane.topology.questions().pop()) {
        ++asked;
        CHECK(question->link == engine::link_id{plane.shared.nodes.find({"10.0.0.1", 6379})});
    }
    CHECK(asked == 2);
    CHECK(plane.shared.counters.refreshes == 1);
}

TEST_CASE("a refresh without candidates fails, and the next one waits for its delay", "[tracker]") {
    engine::engine_options options = control_plane::usual();
    options.seeds.clear();
    control_plane plane{std::move(options)};
    plane.topology.want(plane.begin);
    engine::refresh_result const result = plane.topology.advance(plane.begin);
    CHECK(result.ended);
    CHECK_FALSE(result.changed);
    CHECK(result.hopeless == nullptr);
    CHECK(plane.topology.next_due() > plane.begin);
}

TEST_CASE("a MOVED changes the slot that it names, and nothing where it names none", "[tracker]") {
    control_plane plane;
    std::uint16_t const from = plane.add("10.0.0.1"), to = plane.add("10.0.0.2");
    engine::retry_state moved;
    moved.from = {from, engine::link_mode::primary};
    plane.topology.learn_moved(moved, to, plane.begin);
    moved.slot = 7;
    plane.topology.learn_moved(moved, to, plane.begin);
    CHECK(plane.shared.routes.table().primary_of(cluster::slot{7}) == to);
    CHECK(plane.shared.routes.table().primary_of(cluster::slot{8}) == cluster::no_node);
}
