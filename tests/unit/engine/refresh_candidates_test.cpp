#include <umbel/engine/refresh_candidates.hpp>

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <string>
#include <vector>

using namespace umbel;
using namespace umbel::engine;
using namespace std::chrono_literals;

namespace {

constexpr instant begin{1000s};

struct cluster_of_six {
    node_table nodes{16};
    random_source random{1};
    std::vector<cluster::endpoint> seeds{{"seed", 6379}};

    cluster_of_six() {
        for (int at = 0; at < 6; ++at)
            nodes[nodes.obtain({"10.0.0." + std::to_string(at), 6379}, begin)].member = true;
        for (std::uint16_t number = 0; number < 3; ++number)
            nodes[number].link(link_mode::primary).state = link_state::up;
    }
    std::vector<std::uint16_t> order(std::uint16_t redirecting = link_id::no_node) {
        return refresh_candidates(nodes, seeds, redirecting, random, begin);
    }
};

bool holds_exactly(std::vector<std::uint16_t> part, std::vector<std::uint16_t> const& expected) {
    std::sort(part.begin(), part.end());
    return part == expected;
}

}  // namespace

TEST_CASE("connected members are asked first, then other members, then the seeds", "[candidates]") {
    cluster_of_six all;
    auto const order = all.order();
    REQUIRE(order.size() == 7);
    CHECK(holds_exactly({order.begin(), order.begin() + 3}, {0, 1, 2}));
    CHECK(holds_exactly({order.begin() + 3, order.begin() + 6}, {3, 4, 5}));
    CHECK(order.back() == all.nodes.find({"seed", 6379}));
}

TEST_CASE("the node that has just redirected a command is asked before all others, once", "[candidates]") {
    cluster_of_six all;
    auto const order = all.order(2);
    CHECK(order.front() == 2);
    CHECK(std::count(order.begin(), order.end(), 2) == 1);
}

TEST_CASE("a doubted node counts as not connected", "[candidates]") {
    cluster_of_six all;
    all.nodes[0].doubted_until = begin + 1s;
    auto const order = all.order(0);
    CHECK(holds_exactly({order.begin(), order.begin() + 2}, {1, 2}));
}

TEST_CASE("a node that only a redirect has named is asked before the seeds", "[candidates]") {
    cluster_of_six all;
    std::uint16_t const named = all.nodes.obtain({"10.0.0.9", 6379}, begin);
    all.nodes[named].named = true;
    auto const order = all.order();
    CHECK(order[6] == named);
    CHECK(order.size() == 8);
}

TEST_CASE("a seed that is a member is asked once", "[candidates]") {
    cluster_of_six all;
    all.seeds = {{"10.0.0.0", 6379}};
    CHECK(all.order().size() == 6);
}
