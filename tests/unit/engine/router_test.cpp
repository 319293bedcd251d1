#include <umbel/engine/router.hpp>

#include <catch2/catch_test_macros.hpp>

#include <array>
#include <set>

using namespace umbel;
using namespace umbel::engine;
using cluster::slot;
using cluster::slot_range;
using namespace std::chrono_literals;

namespace {

constexpr std::array<std::uint16_t, 2> replicas{4, 5};
constexpr std::array<std::uint16_t, 3> everybody{3, 4, 5};
constexpr std::array whole{slot_range{slot{0}, slot{16383}}};
constexpr std::array half{slot_range{slot{0}, slot{8191}}};

void serve(router& routes, std::uint16_t primary, std::span<std::uint16_t const> with,
           std::span<slot_range const> ranges) {
    std::array const shards{cluster::shard_assignment{primary, with, ranges}};
    routes.table().publish(shards);
    routes.learned(known_as::cluster);
}

struct asking : call {
    explicit asking(cluster::slot_target target, umbel::read_from from = umbel::read_from::primary,
                    cluster::command_flags facts = cluster::command_flags::read_only) {
        slot = target;
        reads = from;
        flags = facts;
    }
    explicit asking(std::uint16_t number, umbel::read_from from = umbel::read_from::primary,
                    cluster::command_flags facts = cluster::command_flags::read_only)
        : asking{cluster::slot_target{cluster::slot{number}}, from, facts} {}
};

}  // namespace

TEST_CASE("a command with a key goes to the primary of its slot", "[router]") {
    router routes{16};
    CHECK_FALSE(routes.route(asking{100}, 0));
    serve(routes, 3, replicas, half);
    CHECK(routes.route(asking{100}, 0) == link_id{3, link_mode::primary});
    CHECK_FALSE(routes.route(asking{8192}, 0));
    CHECK(routes.version() == 1);
    CHECK(routes.known() == known_as::cluster);
}

TEST_CASE("writes go to the primary whatever the reads prefer", "[router]") {
    router routes{16};
    serve(routes, 3, replicas, whole);
    for (auto const reads : {read_from::replica, read_from::prefer_replica, read_from::any})
        for (std::uint32_t turn = 0; turn < 6; ++turn)
            CHECK(routes.route(asking{1, reads, cluster::command_flags::none}, turn) ==
                  link_id{3, link_mode::primary});
}

TEST_CASE("reads take replicas in turn, on links of their own", "[router]") {
    router routes{16};
    serve(routes, 3, replicas, whole);
    for (auto const reads : {read_from::replica, read_from::prefer_replica}) {
        std::set<std::uint16_t> seen;
        for (std::uint32_t turn = 0; turn < 2; ++turn) {
            link_id const to = routes.route(asking{1, reads}, turn);
            CHECK(to.mode == link_mode::replica);
            seen.insert(to.node);
        }
        CHECK(seen == std::set<std::uint16_t>{4, 5});
    }
    unsigned primaries = 0;
    for (std::uint32_t turn = 0; turn < 30; ++turn) {
        link_id const to = routes.route(asking{1, read_from::any}, turn);
        CHECK((to.mode == link_mode::primary) == (to.node == 3));
        if (to.node == 3) ++primaries;
    }
    CHECK(primaries == 10);
}

TEST_CASE("a node that has just failed is avoided where there is another", "[router]") {
    router routes{16};
    serve(routes, 3, replicas, whole);
    for (std::uint32_t turn = 0; turn < 10; ++turn) {
        CHECK(routes.route(asking{1, read_from::replica}, turn, 4) == link_id{5, link_mode::replica});
        CHECK(routes.route(asking{1, read_from::prefer_replica}, turn, 5) == link_id{4, link_mode::replica});
        CHECK(routes.route(asking{1, read_from::any}, turn, 4).node != 4);
    }
    serve(routes, 3, std::span{replicas}.first(1), whole);
    CHECK(routes.route(asking{1, read_from::replica}, 0, 4) == link_id{4, link_mode::replica});
    CHECK(routes.route(asking{1, read_from::prefer_replica}, 0, 4) == link_id{3, link_mode::primary});
}

TEST_CASE("a node that is not well is left alone by reads while another can serve", "[router]") {
    router routes{16};
    serve(routes, 3, replicas, whole);
    routes.health_of(4).unhealthy = true;
    for (std::uint32_t turn = 0; turn < 6; ++turn) {
        CHECK(routes.route(asking{1, read_from::replica}, turn) == link_id{5, link_mode::replica});
        CHECK(routes.route(asking{1, read_from::prefer_replica}, turn) == link_id{5, link_mode::replica});
        CHECK(routes.route(asking{1, read_from::any}, turn).node != 4);
    }
    // With the other one failed as well, reads that may go to the primary do; others try all the same, not
    // first who has just failed.
    routes.health_of(5).unhealthy = true;
    for (std::uint32_t turn = 0; turn < 6; ++turn) {
        CHECK(routes.route(asking{1, read_from::prefer_replica}, turn) == link_id{3, link_mode::primary});
        CHECK(routes.route(asking{1, read_from::any}, turn) == link_id{3, link_mode::primary});
        CHECK(routes.route(asking{1, read_from::replica}, turn, 4) == link_id{5, link_mode::replica});
    }
    routes.health_of(5).unhealthy = false;
    routes.health_of(3).unhealthy = true;
    for (std::uint32_t turn = 0; turn < 6; ++turn) {
        CHECK(routes.route(asking{1, read_from::any}, turn) == link_id{5, link_mode::replica});
        CHECK(routes.route(asking{1, read_from::primary}, turn) == link_id{3, link_mode::primary});
        CHECK(routes.route(asking{1, read_from::any, cluster::command_flags::none}, turn) ==
              link_id{3, link_mode::primary});
    }
}

namespace {

/// How many of a thousand reads in a rhythm of three commands go to each node.
std::array<unsigned, 16> spread(router const& routes, read_from reads,
                                std::uint16_t avoid = link_id::no_node) {
    std::array<unsigned, 16> seen{};
    for (std::uint32_t turn = 0; turn < 3000; turn += 3) {
        link_id const to = routes.route(asking{1, reads}, turn, avoid);
        CHECK((to.mode == link_mode::primary) == (to.node == 3));
        ++seen[to.node];
    }
    return seen;
}

}  // namespace

TEST_CASE("reads by latency take everybody in turn until something is measured", "[router]") {
    router routes{16};
    serve(routes, 3, replicas, whole);
    CHECK_FALSE(routes.meter_of(4).on());
    auto const seen = spread(routes, read_from::lowest_latency);
    CHECK(routes.meter_of(4).on());
    for (std::uint16_t const node : everybody) {
        CHECK(seen[node] > 250);
        CHECK(seen[node] < 420);
    }
}

TEST_CASE("reads by latency go to the quickest, and to the others now and then", "[router]") {
    router routes{16};
    serve(routes, 3, replicas, whole);
    for (auto const& [node, took] : {std::pair{3, 900us}, std::pair{4, 300us}, std::pair{5, 500us}})
        routes.meter_of(static_cast<std::uint16_t>(node)).note(took);
    auto const seen = spread(routes, read_from::lowest_latency);
    CHECK(seen[4] > 950);
    CHECK(seen[3] > 0);
    CHECK(seen[5] > 0);
    routes.health_of(4).unhealthy = true;
    CHECK(spread(routes, read_from::lowest_latency)[4] == 0);
    CHECK(spread(routes, read_from::lowest_latency)[5] > 950);
    routes.health_of(4).unhealthy = false;
    CHECK(spread(routes, read_from::lowest_latency, 4)[4] == 0);
    // One that is not measured is given a chance beside the others.
    routes.health_of(5).latency_ns = 0;
    auto const with_new = spread(routes, read_from::lowest_latency);
    CHECK(with_new[5] > 80);
    CHECK(with_new[5] < 250);
    CHECK(with_new[4] > 700);
    // The primary may be the quickest.
    routes.health_of(3).latency_ns = 1;
    routes.health_of(5).latency_ns = 500'000;
    CHECK(spread(routes, read_from::lowest_latency)[3] > 950);
    // When nobody is well it is the primary that is asked.
    for (std::uint16_t const node : everybody) routes.health_of(node).unhealthy = true;
    CHECK(spread(routes, read_from::lowest_latency)[3] == 1000);
    CHECK(routes.route(asking{1, read_from::lowest_latency, cluster::command_flags::none}, 7) ==
          link_id{3, link_mode::primary});
}

TEST_CASE("reads in the same zone take its replicas, else any replica, else the primary", "[router]") {
    router routes{16};
    serve(routes, 3, replicas, whole);
    routes.health_of(5).same_zone = true;
    routes.health_of(3).same_zone = true;
    CHECK(spread(routes, read_from::same_zone)[5] == 1000);
    CHECK(spread(routes, read_from::same_zone, 5)[4] == 1000);
    routes.health_of(4).same_zone = true;
    CHECK(spread(routes, read_from::same_zone)[4] > 400);
    routes.health_of(4).same_zone = false;
    routes.health_of(5).unhealthy = true;
    CHECK(spread(routes, read_from::same_zone)[4] == 1000);
    routes.health_of(4).unhealthy = true;
    CHECK(spread(routes, read_from::same_zone)[3] == 1000);
}

TEST_CASE("without replicas only those reads have a route that may go to the primary", "[router]") {
    router routes{16};
    serve(routes, 3, {}, whole);
    CHECK_FALSE(routes.route(asking{1, read_from::replica}, 0));
    CHECK(routes.route(asking{1, read_from::prefer_replica}, 0) == link_id{3, link_mode::primary});
    CHECK(routes.route(asking{1, read_from::any}, 0) == link_id{3, link_mode::primary});
    CHECK(routes.route(asking{1, read_from::lowest_latency}, 0) == link_id{3, link_mode::primary});
    CHECK(routes.route(asking{1, read_from::same_zone}, 0) == link_id{3, link_mode::primary});
}

TEST_CASE("commands without a key are spread, and find the one shard there is", "[router]") {
    router routes{16};
    CHECK_FALSE(routes.route(asking{cluster::slot_target::any()}, 0));
    std::array const first{slot_range{slot{0}, slot{8191}}};
    std::array const second{slot_range{slot{8192}, slot{16383}}};
    std::array const shards{cluster::shard_assignment{1, {}, first},
                            cluster::shard_assignment{2, {}, second}};
    routes.table().publish(shards);
    routes.learned(known_as::cluster);
    unsigned to_first = 0;
    for (std::uint32_t turn = 0; turn < 100; ++turn)
        to_first += routes.route(asking{cluster::slot_target::any()}, turn).node == 1 ? 1u : 0u;
    CHECK(to_first > 40);
    CHECK(to_first < 60);
    std::array const single{slot_range{slot{16383}, slot{16383}}};
    serve(routes, 3, {}, single);
    for (std::uint32_t turn = 0; turn < 20; ++turn)
        CHECK(routes.route(asking{cluster::slot_target::any()}, turn) == link_id{3, link_mode::primary});
}

TEST_CASE("keys in several slots have a route only on a server without cluster mode", "[router]") {
    router routes{16};
    serve(routes, 3, {}, whole);
    CHECK_FALSE(routes.route(asking{cluster::slot_target::several()}, 0));
    routes.learned(known_as::standalone);
    CHECK(routes.route(asking{cluster::slot_target::several()}, 0) == link_id{3, link_mode::primary});
}
