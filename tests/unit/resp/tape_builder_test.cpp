// Tests of resp/tape_builder.hpp: what stands on the tape while aggregates open and close, and what is left
// of them where values are dropped.
#include <umbel/resp/tape_builder.hpp>

#include <catch2/catch_test_macros.hpp>

#include <cstdint>
#include <vector>

using namespace umbel::resp;

namespace {

node number(std::uint64_t value) { return node::scalar(type::integer, value); }

/// A builder that has room for whatever a test adds.
tape_builder started(limits const& bounds = {}) {
    tape_builder built{bounds};
    built.start();
    built.make_room();
    return built;
}

std::vector<node> nodes_of(tape_builder const& built) { return {built.nodes().begin(), built.nodes().end()}; }

constexpr node aggregate(type kind, std::uint32_t span, std::uint64_t count, std::uint8_t flags = 0) {
    return {kind, flags, 0, span, count << 32};
}

}  // namespace

TEST_CASE("a value outside of an aggregate is the reply", "[tape_builder]") {
    auto built = started();
    built.add<true>(number(7));
    CHECK(built.complete_value<true>());
    CHECK(built.is_finished());
    CHECK(*built.root() == number(7));
}

TEST_CASE("an aggregate is closed with its last element, and the one around it goes on", "[tape_builder]") {
    auto built = started();
    built.open(type::array, 2, false);
    built.open(type::set, 1, false);
    built.add<true>(number(1));
    CHECK_FALSE(built.complete_value<true>());
    CHECK(built.in_aggregate());
    built.add<true>(number(2));
    CHECK(built.complete_value<true>());
    CHECK_FALSE(built.in_aggregate());
    CHECK(nodes_of(built) ==
          std::vector{aggregate(type::array, 4, 2), aggregate(type::set, 2, 1), number(1), number(2)});
}

TEST_CASE("a streamed aggregate has as many elements as came before its end", "[tape_builder]") {
    auto built = started();
    built.open(type::map, nesting::unbounded, true);
    CHECK(built.in_streamed());
    built.add<true>(number(1));
    CHECK_FALSE(built.complete_value<true>());
    CHECK_FALSE(built.close_streamed<true>());
    built.add<true>(number(2));
    CHECK_FALSE(built.complete_value<true>());
    CHECK(built.close_streamed<true>());
    CHECK(built.complete_value<true>());
    CHECK(*built.root() == aggregate(type::map, 3, 2, node::streamed));
}

TEST_CASE("an attribute is no value: the reply stands behind it", "[tape_builder]") {
    auto built = started();
    built.open(type::attribute, 2, false);
    built.add<true>(number(1));
    CHECK_FALSE(built.complete_value<true>());
    built.add<true>(number(2));
    CHECK_FALSE(built.complete_value<true>());
    CHECK(built.is_behind_attribute());
    built.add<true>(number(3));
    CHECK(built.complete_value<true>());
    CHECK_FALSE(built.is_behind_attribute());
    CHECK(*built.root() == number(3));
    CHECK(built.nodes().size() == 4);

    auto empty = started();
    empty.add_empty_attribute<true>();
    CHECK(empty.is_behind_attribute());
    empty.add<true>(number(4));
    CHECK(empty.complete_value<true>());
    CHECK(*empty.root() == number(4));
}

TEST_CASE("values that are dropped count against the bound, and only open aggregates stay",
          "[tape_builder]") {
    auto built = started({.depth_max = 2, .elements_max = 5});
    built.open(type::array, 3, false);
    built.open(type::array, 1, false);
    CHECK(built.is_at_depth_max());
    CHECK(built.elements_left() == 2);
    built.add<false>(number(1));
    CHECK_FALSE(built.complete_value<false>());
    CHECK(built.count() == 3);
    CHECK(built.nodes().size() == 1);
    CHECK_FALSE(built.is_at_depth_max());
    built.add<false>(number(2));
    CHECK_FALSE(built.complete_value<false>());
    built.add<false>(number(3));
    CHECK(built.is_at_elements_max());
    CHECK(built.complete_value<false>());
    CHECK(built.nodes().empty());
}

TEST_CASE("values are released in the midst of a reply, which goes on as one that is dropped",
          "[tape_builder]") {
    auto built = started();
    built.open(type::array, 2, false);
    built.add<true>(number(1));
    CHECK_FALSE(built.complete_value<true>());
    built.open(type::push, 2, false);
    built.add<true>(number(2));
    CHECK_FALSE(built.complete_value<true>());
    built.release_values();
    CHECK(built.count() == 4);
    CHECK(built.nodes().size() == 2);
    CHECK(built.in_aggregate());
    built.add<false>(number(3));
    CHECK(built.complete_value<false>());
    CHECK(built.nodes().empty());
    CHECK(built.count() == 5);
}

TEST_CASE("a push frame shows itself before it is whole, attributes in front of it or not",
          "[tape_builder]") {
    auto built = started();
    CHECK_FALSE(built.in_push());
    built.add_empty_attribute<true>();
    CHECK_FALSE(built.in_push());
    built.open(type::push, 1, false);
    CHECK(built.in_push());
}
