// Whom the engine asks for a topology, and what it believes when redirects, strangers or refusals stand
// against it: byte for byte.
#include <umbel/engine/topology_tracker.hpp>

#include "support/script_commands.hpp"

using namespace umbel;
using namespace umbel::test;

namespace {

script_options bare() {
    script_options options;
    options.boots = false;
    return options;
}
script_options automatic() {
    script_options options = bare();
    options.engine.source = topology_source::automatic;
    return options;
}
/// As automatic(), with the usual greeting, in which a server names itself.
script_options greeting() {
    script_options options = bare();
    options.engine.plan.extent = handshake::full;
    return options;
}
std::string greets_as(std::string const& id) { return "+OK\r\n+OK\r\n" + bulk(id); }
std::string refuses(std::string const& what) {
    return "-NOPERM User app has no permissions to run the 'cluster|" + what + "' command\r\n";
}
std::string const unknown = "-ERR unknown command 'CLUSTER', with args beginning with: 'SHARDS' \r\n";

/// The next question for the topology, whatever else is written; `nothing` when there is none within `span`.
sent next_question(script& s, engine::duration span = 1s) {
    for (engine::instant const until = s.now() + span; s.now() < until; s.pass(1ms))
        for (sent seen = s.next(); !(seen == nothing); seen = s.next())
            if (seen.bytes == wire("CLUSTER SLOTS")) return seen;
    return nothing;
}

}  // namespace

// ---- After a MOVED ------------------------------------------------------------------------------

TEST_CASE("after a MOVED the node that sent it is asked first, and another only when it is silent",
          "[believing]") {
    for (char const* const sender : {a, b, c}) {
        script s;
        std::string const key = sender == std::string{a} ? "foo" : sender == std::string{b} ? "bar" : "qux";
        std::string const slot = sender == std::string{a}   ? "12182"
                                 : sender == std::string{b} ? "5061"
                                                            : "9995";
        for (char const* const other : {"GET foo", "GET bar", "GET qux"}) {
            s.start(other);
            s.receive(s.next().to, "$1\r\n1\r\n");
        }
        s.pass(1s);
        auto get = s.start("GET " + key);
        s.next();
        s.receive(sender, "-MOVED " + slot + " 10.0.0.5:6379\r\n");
        CHECK(next_question(s, 1ms).to == sender);
        s.pass(249ms);
        CHECK(next_question(s, 1ms) == nothing);
        CHECK(next_question(s, 10ms).to != sender);
        if (s.connected(e)) s.receive(e, "$1\r\n1\r\n");
        CHECK(get.done());
    }
}

TEST_CASE("an answer that was asked for before a MOVED does not take its slot back, and a later one may",
          "[believing]") {
    script s;
    s.pass(1s);
    s.happens(engine::refresh_wanted{});
    CHECK(s.next() == sent{a, "CLUSTER SLOTS"});
    auto get = s.start("GET foo");
    CHECK(s.next() == sent{a, "GET foo"});
    s.receive(a, usual_layout().substr(0, 10));
    // The reply to the question is still on its way when another node's MOVED comes.
    auto other = s.start("GET bar");
    CHECK(s.next() == sent{b, "GET bar"});
    s.receive(b, "-MOVED 5061 10.0.0.3:6379\r\n");
    CHECK(s.next() == sent{c, "GET bar"});
    CHECK(s.owner(5061) == c);
    s.receive(a, usual_layout().substr(10) + "$1\r\nx\r\n");
    CHECK(get.done());
    CHECK(s.owner(5061) == c);
    CHECK(s.owner(5060) == b);
    // It is asked again by itself: the sender of the MOVED first.
    CHECK(next_question(s) == sent{b, "CLUSTER SLOTS"});
    SECTION("the cluster confirms it") {
        s.receive(b, cluster_slots({{0, 5060, {b}}, {5061, 10922, {c}}, {10923, 16383, {a, d, e}}}));
        CHECK(s.owner(5061) == c);
    }
    SECTION("the cluster knows otherwise") {
        s.receive(b, usual_layout());
        CHECK(s.owner(5061) == b);
    }
    CHECK(next_question(s, 3s) == nothing);
    s.receive(c, "$1\r\nx\r\n");
    CHECK(other.done());
}

TEST_CASE("a MOVED to a node that no topology names yet survives an older answer, and so does its connection",
          "[believing]") {
    std::string const fresh = "10.0.0.9:6379";
    script s;
    s.pass(1s);
    s.happens(engine::refresh_wanted{});
    CHECK(s.next() == sent{a, "CLUSTER SLOTS"});
    auto get = s.start("GET bar");
    CHECK(s.next() == sent{b, "GET bar"});
    s.receive(b, "-MOVED 5061 10.0.0.9:6379\r\n");
    CHECK(s.next() == sent{fresh, "GET bar"});
    // Another view than the present one, older than the redirect.
    s.receive(a, cluster_slots({{0, 5460, {b}}, {5461, 10922, {c}}, {10923, 16383, {a, d}}}));
    CHECK(s.owner(5061) == fresh);
    CHECK(s.connected(fresh));
    s.receive(fresh, "$1\r\nx\r\n");
    CHECK(get.value() == "x");
    // It is no member for that: a cluster of its own is a stranger's still.
    CHECK(next_question(s) == sent{b, "CLUSTER SLOTS"});
    s.receive(b, cluster_slots({{0, 16383, {fresh}}}));
    CHECK(s.owner(12182) == a);
}

TEST_CASE("a failover that a MOVED has told is not taken back by an answer from before", "[believing]") {
    script s;
    s.pass(1s);
    s.happens(engine::refresh_wanted{});
    CHECK(s.next() == sent{a, "CLUSTER SLOTS"});
    s.start("GET bar");
    CHECK(s.next() == sent{b, "GET bar"});
    s.start("GET foo");
    CHECK(s.next() == sent{a, "GET foo"});
    // From a replica's own connection, which has a queue of its own.
    s.start("GET foo", {.flags = cluster::command_flags::read_only, .reads = read_from::replica});
    sent const greeted = s.next();
    s.receive(greeted.to, "+OK\r\n");
    CHECK(s.next().bytes == wire("GET foo"));
    bool const from_d = greeted.to == d_reads;
    s.receive(greeted.to, "-MOVED 12182 " + std::string{from_d ? e : d} + "\r\n");
    CHECK(s.owner(16000) == (from_d ? e : d));
    s.receive(a, usual_layout());
    CHECK(s.owner(12182) == (from_d ? e : d));
    CHECK(s.owner(16000) == (from_d ? e : d));
}

// ---- Members and strangers ----------------------------------------------------------------------

TEST_CASE("a member that says who it is, is believed though it tells of new nodes only", "[believing]") {
    std::string const new_nodes =
        cluster_slots({{0, 8191, {"10.0.1.1:6379"}}, {8192, 16383, {"10.0.1.2:6379"}}});
    struct {
        std::string says;
        bool believed;
    } const servers[] = {{"id-10.0.0.1:6379", true}, {"id-of-another-server", false}, {"", false}};
    for (auto const& server : servers) {
        INFO("MYID \"" << server.says << '"');
        script s{greeting()};
        CHECK(s.next() == sent{a, "CLIENT SETINFO LIB-NAME umbel", "CLIENT SETINFO LIB-VER " UMBEL_VERSION,
                               "CLUSTER MYID"});
        s.receive(a,
                  server.says.empty() ? "+OK\r\n+OK\r\n-ERR unknown subcommand\r\n" : greets_as(server.says));
        CHECK(s.next() == sent{a, "CLUSTER SLOTS"});
        s.receive(a, cluster_slots({{0, 16383, {a}}}));
        CHECK(s.owner(12182) == a);
        s.pass(1s);
        s.happens(engine::refresh_wanted{});
        CHECK(s.next() == sent{a, "CLUSTER SLOTS"});
        s.receive(a, new_nodes);
        CHECK(s.owner(12182) == (server.believed ? "10.0.1.2:6379" : a));
        CHECK(s.core().counters().topology_queries == 2);
    }
}

TEST_CASE("CLUSTER NODES tells who answers as well as CLUSTER MYID does", "[believing]") {
    for (bool const same : {true, false}) {
        script s{automatic()};
        CHECK(s.next() == sent{a, "CLUSTER SHARDS", "CLUSTER NODES"});
        std::string const self = "id-10.0.0.1:6379 10.0.0.1:6379@1 myself,master - 0 0 1 connected";
        s.receive(a, unknown + bulk(self + " 0-16383\n"));
        CHECK(s.owner(12182) == a);
        s.pass(1s);
        s.happens(engine::refresh_wanted{});
        CHECK(s.next() == sent{a, "CLUSTER SLOTS", "CLUSTER NODES"});
        std::string const others = "id-10.0.1.1:6379 10.0.1.1:6379@1 master - 0 0 2 connected 0-16383\n";
        std::string const stranger = "id-stranger 10.0.0.1:6379@1 myself,master - 0 0 1 connected\n";
        s.receive(a, cluster_slots({{0, 16383, {"10.0.1.1:6379"}}}) +
                         bulk((same ? self + "\n" : stranger) + others));
        CHECK(s.owner(12182) == (same ? "10.0.1.1:6379" : a));
    }
}

TEST_CASE("a server without cluster mode at a member's address does not end the cluster", "[believing]") {
    script s;
    s.pass(1s);
    s.happens(engine::refresh_wanted{});
    CHECK(s.next() == sent{a, "CLUSTER SLOTS"});
    s.receive(a, "-ERR This instance has cluster support disabled\r\n");
    CHECK(s.core().routes().known() == engine::known_as::cluster);
    sent const other = next_question(s);
    REQUIRE(other.bytes == wire("CLUSTER SLOTS"));
    s.receive(other.to, usual_layout());
    CHECK(s.owner(12182) == a);
    CHECK(s.owner(5061) == b);
}

// ---- Refusals -----------------------------------------------------------------------------------

TEST_CASE("a command that this user may not call is followed by the next one, on the same connection",
          "[believing]") {
    script s{automatic()};
    auto get = s.start("GET foo");
    CHECK(s.next() == sent{a, "CLUSTER SHARDS", "CLUSTER NODES"});
    s.receive(a, refuses("shards") + refuses("nodes"));
    CHECK(s.next() == sent{a, "CLUSTER SLOTS"});
    s.receive(a, usual_layout());
    CHECK(s.next() == sent{a, "GET foo"});
    s.receive(a, "$1\r\nx\r\n");
    CHECK(get.value() == "x");
    // What is refused is not asked again.
    s.pass(1s);
    s.happens(engine::refresh_wanted{});
    CHECK(s.next() == sent{a, "CLUSTER SLOTS"});
    s.receive(a, refuses("slots"));
    CHECK(s.next() == sent{a, "CLUSTER NODES"});
    s.receive(a, bulk("id-10.0.0.1:6379 10.0.0.1:6379@1 myself,master - 0 0 1 connected 0-16383\n"));
    CHECK(s.owner(5061) == a);
}

TEST_CASE("a server that lets this user ask nothing about clusters is served as one that stands alone",
          "[believing]") {
    for (bool const denied : {true, false}) {
        script s{automatic()};
        auto get = s.start("GET foo");
        CHECK(s.next() == sent{a, "CLUSTER SHARDS", "CLUSTER NODES"});
        s.receive(a, denied ? refuses("shards") + refuses("nodes") : unknown + unknown);
        CHECK(s.next() == sent{a, "CLUSTER SLOTS"});
        s.receive(a, denied ? refuses("slots") : unknown);
        CHECK(s.next() == sent{a, "ROLE"});
        s.receive(a, denied ? "-NOPERM User app has no permissions to run the 'role' command\r\n"
                            : "-ERR unknown command 'ROLE'\r\n");
        CHECK(s.core().routes().known() == engine::known_as::standalone);
        CHECK(s.next() == sent{a, "GET foo"});
        s.receive(a, "$1\r\nx\r\n");
        CHECK(get.value() == "x");
    }
}

TEST_CASE(
    "a server that says it runs in cluster mode, but tells this user nothing of it, is named in the error",
    "[believing]") {
    script_options options = automatic();
    options.engine.plan.protocol = protocol::resp3;
    script s{options};
    auto get = s.start("GET foo", {.timeout = 5s});
    CHECK(s.next() == sent{a, "HELLO 3"});
    s.receive(a, "%1\r\n$4\r\nmode\r\n$7\r\ncluster\r\n");
    CHECK(s.next() == sent{a, "CLUSTER SHARDS", "CLUSTER NODES"});
    s.receive(a, refuses("shards") + refuses("nodes"));
    CHECK(s.next() == sent{a, "CLUSTER SLOTS"});
    s.receive(a, refuses("slots"));
    CHECK(outcome(get) == failed{errc::no_permission, delivery::not_sent});
    CHECK(get.why().message().find("none of CLUSTER SHARDS, SLOTS and NODES") != std::string_view::npos);
}

TEST_CASE("a server that is known as a cluster's does not stand alone because it refuses to tell",
          "[believing]") {
    script s{automatic()};
    CHECK(s.next() == sent{a, "CLUSTER SHARDS", "CLUSTER NODES"});
    s.receive(a, unknown + bulk("id-1 10.0.0.1:6379@1 myself,master - 0 0 1 connected 0-16383\n"));
    for (int round = 0; round < 5; ++round) {
        s.pass(1500ms);
        s.happens(engine::refresh_wanted{});
        for (sent seen = s.next(); !(seen == nothing); seen = s.next())
            for (std::size_t at = seen.bytes.find("CLUSTER"); at != std::string::npos;
                 at = seen.bytes.find("CLUSTER", at + 1))
                s.receive(a, refuses("slots"));
    }
    CHECK(s.core().routes().known() == engine::known_as::cluster);
    CHECK(s.owner(12182) == a);
}

TEST_CASE("a silent node is doubted only where somebody else can be asked", "[believing]") {
    script_options options = bare();
    options.link.doubt_after = 150ms;
    SECTION("one server") {
        script s{options};
        CHECK(s.next() == sent{a, "CLUSTER SLOTS"});
        s.receive(a, cluster_slots({{0, 16383, {a}}}));
        s.start("GET foo", {.timeout = 1s});
        CHECK(s.next() == sent{a, "GET foo"});
        s.pass(900ms);
        CHECK(s.next() == nothing);
    }
    SECTION("a cluster") {
        script s{options};
        CHECK(s.next() == sent{a, "CLUSTER SLOTS"});
        s.receive(a, usual_layout());
        s.start("GET bar");
        CHECK(s.next() == sent{b, "GET bar"});
        s.receive(b, "$1\r\nx\r\n");
        s.pass(1s);
        s.start("GET foo", {.timeout = 1s});
        CHECK(s.next() == sent{a, "GET foo"});
        s.pass(149ms);
        CHECK(s.next() == nothing);
        s.pass(1ms);
        CHECK(s.next() == sent{b, "CLUSTER SLOTS"});
    }
}
