#include <umbel/engine/node.hpp>

#include <catch2/catch_test_macros.hpp>

using namespace umbel::engine;
using namespace std::chrono_literals;
using state = umbel::engine::link_state;

namespace {

constexpr instant begin{1000s};

}  // namespace

TEST_CASE("an address has one number, found again by it", "[node]") {
    node_table all{4};
    std::uint16_t const first = all.obtain({"10.0.0.1", 6379}, begin);
    CHECK(all.obtain({"10.0.0.2", 6379}, begin) != first);
    CHECK(all.obtain({"10.0.0.1", 6379}, begin) == first);
    CHECK(all.find({"10.0.0.1", 6379}) == first);
    CHECK(all.find({"10.0.0.1", 6380}) == link_id::no_node);
    CHECK(all[first].name == "10.0.0.1:6379");
    CHECK(all.size() == 2);
}

TEST_CASE("the arena is bounded", "[node]") {
    node_table all{2};
    all.obtain({"a", 1}, begin);
    all.obtain({"b", 1}, begin);
    CHECK(all.obtain({"c", 1}, begin) == link_id::no_node);
    CHECK(all.obtain({"b", 1}, begin) != link_id::no_node);
    CHECK(all.size() == 2);
}

TEST_CASE("a number is used again only after it has rested, with its generations going on", "[node]") {
    node_table all{1};
    std::uint16_t const number = all.obtain({"a", 1}, begin);
    all[number].link(link_mode::primary).generation = 7;
    all[number].link(link_mode::replica).generation = 3;
    all[number].id = "old";
    all.sweep(begin + 29s);
    CHECK(all.obtain({"b", 1}, begin + 29s) == link_id::no_node);
    all.sweep(begin + 30s);
    CHECK(all.find({"a", 1}) == link_id::no_node);
    CHECK(all.obtain({"b", 1}, begin + 30s) == number);
    CHECK(all[number].name == "b:1");
    CHECK(all[number].id.empty());
    CHECK(all[number].link(link_mode::primary).generation == 7);
    CHECK(all[number].link(link_mode::replica).generation == 3);
}

TEST_CASE("members, nodes with a connection and nodes named of late keep their numbers", "[node]") {
    node_table all{1};
    std::uint16_t const number = all.obtain({"a", 1}, begin);
    SECTION("a member") {
        all[number].member = true;
        all.sweep(begin + 1h);
    }
    SECTION("a connection") {
        for (state const one : {state::opening, state::up, state::down, state::closing}) {
            all[number].link(link_mode::replica).state = one;
            all.sweep(begin + 1h);
        }
    }
    SECTION("named of late") {
        all.obtain({"a", 1}, begin + 1h);
        all.sweep(begin + 1h);
    }
    CHECK(all.find({"a", 1}) == number);
}
