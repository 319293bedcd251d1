#include <umbel/engine/query.hpp>

#include "support/script_values.hpp"
#include "unit/cluster/read_reply.hpp"

#include <catch2/catch_test_macros.hpp>

#include <vector>

using namespace umbel;
using namespace umbel::engine;
using namespace std::chrono_literals;
using umbel::test::bulk;
using umbel::test::cluster_slots;
using umbel::test::read_reply;

namespace {

std::string const nodes_text = bulk(
    "id-10.0.0.1:6379 10.0.0.1:6379@16379 myself,master - 0 0 7 connected 0-8191\n"
    "id-10.0.0.2:6379 10.0.0.2:6379@16379 master - 0 0 9 connected 8192-16383\n");
std::string const slots_text =
    cluster_slots({{0, 8191, {"10.0.0.1:6379"}}, {8192, 16383, {"10.0.0.2:6379"}}});

/// A query with a driver that only counts.
struct asked {
    std::vector<call*> settled;
    query asking{
        {this, [](void* self, call& which) { static_cast<asked*>(self)->settled.push_back(&which); }}};
    void start(topology_source source, bool with_epochs) {
        asking.start(5, "10.0.0.1", source, with_epochs, 1s);
    }
    /// Returns whether the query is complete.
    static bool answer(asked& self, call& which, std::string const& bytes) {
        read_reply const reply{bytes};
        which.kind->decode(which, reply);
        which.kind->complete(which);
        return self.asking.settled();
    }
};

std::string bytes_of(call const& call) { return {call.bytes, call.size}; }

}  // namespace

TEST_CASE("each source has its command, and only maps without epochs ask for them", "[query]") {
    asked a;
    a.start(topology_source::slots, false);
    CHECK(bytes_of(a.asking.map_call()) == "*2\r\n$7\r\nCLUSTER\r\n$5\r\nSLOTS\r\n");
    CHECK(a.asking.epochs_call() == nullptr);
    asked b;
    b.start(topology_source::shards, true);
    CHECK(bytes_of(b.asking.map_call()) == "*2\r\n$7\r\nCLUSTER\r\n$6\r\nSHARDS\r\n");
    REQUIRE(b.asking.epochs_call());
    CHECK(bytes_of(*b.asking.epochs_call()) == "*2\r\n$7\r\nCLUSTER\r\n$5\r\nNODES\r\n");
    asked c;
    c.start(topology_source::nodes, true);
    CHECK(bytes_of(c.asking.map_call()) == "*2\r\n$7\r\nCLUSTER\r\n$5\r\nNODES\r\n");
    CHECK(c.asking.epochs_call() == nullptr);
    CHECK(c.asking.map_call().is_internal());
    CHECK(c.asking.map_call().timeout == 1s);
    CHECK(c.asking.asked() == 5);
}

TEST_CASE("the map gets the config epochs that only CLUSTER NODES tells, in either order", "[query]") {
    for (bool const map_first : {true, false}) {
        asked a;
        a.start(topology_source::slots, true);
        CHECK(a.asking.running());
        bool const half = map_first ? asked::answer(a, a.asking.map_call(), slots_text)
                                    : asked::answer(a, *a.asking.epochs_call(), nodes_text);
        CHECK_FALSE(half);
        CHECK(a.asking.running());
        bool const whole = map_first ? asked::answer(a, *a.asking.epochs_call(), nodes_text)
                                     : asked::answer(a, a.asking.map_call(), slots_text);
        CHECK(whole);
        CHECK_FALSE(a.asking.running());
        auto const told = a.asking.take();
        REQUIRE(told);
        CHECK(told->told_by == cluster::source::slots);
        CHECK(told->shards[0].config_epoch == 7);
        CHECK(told->shards[1].config_epoch == 9);
    }
}

TEST_CASE("one good answer is enough", "[query]") {
    asked a;
    a.start(topology_source::shards, true);
    asked::answer(a, a.asking.map_call(), "-ERR unknown subcommand 'SHARDS'. Try CLUSTER HELP.\r\n");
    asked::answer(a, *a.asking.epochs_call(), nodes_text);
    CHECK(a.asking.map_refused());
    auto const told = a.asking.take();
    REQUIRE(told);
    CHECK(told->told_by == cluster::source::nodes);
    a.start(topology_source::slots, true);
    asked::answer(a, a.asking.map_call(), slots_text);
    asked::answer(a, *a.asking.epochs_call(), "-NOPERM x\r\n");
    CHECK_FALSE(a.asking.map_refused());
    auto const map = a.asking.take();
    REQUIRE(map);
    CHECK(map->shards[0].config_epoch == 0);
}

TEST_CASE("a command that the node refuses is followed by the next one that it has not refused", "[query]") {
    std::string const denied = "-NOPERM User app has no permissions to run the 'cluster|shards' command\r\n";
    asked a;
    a.start(topology_source::shards, true);
    asked::answer(a, a.asking.map_call(), denied);
    asked::answer(a, *a.asking.epochs_call(), denied);
    CHECK(a.asking.map_refused());
    CHECK(a.asking.epochs_refused());
    CHECK(a.asking.denied());
    CHECK_FALSE(a.asking.take());
    REQUIRE(a.asking.ask_otherwise(1s));
    CHECK(a.asking.running());
    CHECK(bytes_of(a.asking.map_call()) == "*2\r\n$7\r\nCLUSTER\r\n$5\r\nSLOTS\r\n");
    CHECK(a.asking.epochs_call() == nullptr);
    SECTION("it may call that") {
        CHECK(asked::answer(a, a.asking.map_call(), slots_text));
        CHECK(a.asking.take());
    }
    SECTION("nor that, and CLUSTER NODES was refused before") {
        CHECK(asked::answer(a, a.asking.map_call(), denied));
        CHECK(a.asking.map_refused());
        CHECK_FALSE(a.asking.ask_otherwise(1s));
        CHECK(a.asking.tried_all());
        CHECK(a.asking.denied());
    }
}

TEST_CASE("CLUSTER NODES is the last to be tried, and an old answer to it is not lost", "[query]") {
    std::string const unknown =
        "-ERR Unknown subcommand or wrong number of arguments for 'shards'. Try CLUSTER HELP.\r\n";
    asked a;
    a.start(topology_source::slots, false);
    asked::answer(a, a.asking.map_call(), unknown);
    REQUIRE(a.asking.ask_otherwise(1s));
    CHECK(bytes_of(a.asking.map_call()) == "*2\r\n$7\r\nCLUSTER\r\n$5\r\nNODES\r\n");
    asked::answer(a, a.asking.map_call(), nodes_text);
    CHECK(a.asking.take());
    CHECK(a.asking.self_id() == "id-10.0.0.1:6379");
    CHECK_FALSE(a.asking.denied());
    CHECK_FALSE(a.asking.next_source());
    CHECK_FALSE(a.asking.tried_all());
}

TEST_CASE("what an error means is said by its code", "[query]") {
    std::pair<char const*, errc> const lines[] = {
        {"-ERR Unknown subcommand or wrong number of arguments for 'shards'. Try CLUSTER HELP.\r\n",
         errc::unexpected_type},
        {"-ERR unknown command 'CLUSTER', with args beginning with: 'SHARDS' \r\n", errc::unexpected_type},
        {"-ERR This instance has cluster support disabled\r\n", errc::bad_argument},
        {"-NOAUTH Authentication required.\r\n", errc::no_auth},
        {"-LOADING Redis is loading the dataset in memory\r\n", errc::loading},
        {"-ERR whatever\r\n", errc::server_error}};
    for (auto const& [line, code] : lines) {
        asked a;
        a.start(topology_source::shards, false);
        CHECK(asked::answer(a, a.asking.map_call(), line));
        auto const told = a.asking.take();
        REQUIRE_FALSE(told);
        CHECK(told.error() == code);
        CHECK(told.error().delivery() == delivery::not_executed);
    }
}

TEST_CASE("an answer of the wrong shape is an error, not a crash", "[query]") {
    for (auto const source : {topology_source::shards, topology_source::slots, topology_source::nodes}) {
        for (std::string const reply :
             {"+OK\r\n", ":1\r\n", "$-1\r\n", "*1\r\n:1\r\n", "*1\r\n*1\r\n:1\r\n", "%1\r\n+a\r\n+b\r\n"}) {
            asked a;
            a.start(source, false);
            asked::answer(a, a.asking.map_call(), reply);
            CHECK_FALSE(a.asking.take());
        }
    }
}

TEST_CASE("a query that was never answered says why, and can be used again", "[query]") {
    asked a;
    a.start(topology_source::slots, false);
    call& map = a.asking.map_call();
    map.kind->fail(map, error{errc::connect_failed, delivery::not_sent, "Connection refused"});
    map.kind->complete(map);
    CHECK(a.asking.settled());
    CHECK(a.settled.size() == 1);
    CHECK(a.asking.take().error() == errc::connect_failed);
    a.start(topology_source::slots, false);
    CHECK(a.asking.running());
    asked::answer(a, a.asking.map_call(), slots_text);
    CHECK(a.asking.take().has_value());
}

TEST_CASE("a null host in the answer is the host that was asked", "[query]") {
    asked a;
    a.start(topology_source::slots, false);
    asked::answer(a, a.asking.map_call(), "*1\r\n*3\r\n:0\r\n:16383\r\n*3\r\n$-1\r\n:7000\r\n$2\r\nid\r\n");
    auto const told = a.asking.take();
    REQUIRE(told);
    CHECK(told->nodes[0].address == cluster::endpoint{"10.0.0.1", 7000});
}
