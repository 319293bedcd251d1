#include <umbel/seed_list.hpp>

#include <catch2/catch_test_macros.hpp>

#include <array>
#include <string>
#include <string_view>
#include <vector>

using umbel::seed_list;

namespace {

std::vector<std::string> texts_of(seed_list const& seeds) { return {seeds.begin(), seeds.end()}; }

}  // namespace

TEST_CASE("seeds are made of texts, of several in braces, or of any range of texts", "[seeds]") {
    std::vector<std::string> const two{"10.0.0.7:6379", "[::1]:7000"};
    CHECK(texts_of(seed_list{"10.0.0.7:6379", std::string_view{"[::1]:7000"}}) == two);
    CHECK(texts_of(seed_list{two}) == two);
    CHECK(texts_of(seed_list{std::array<std::string_view, 2>{two[0], two[1]}}) == two);
    CHECK(seed_list{}.empty());
    CHECK(seed_list{"h"}.size() == 1);
}

TEST_CASE("seeds are copied, moved and assigned as a list of texts", "[seeds]") {
    seed_list first{"redis://:a password that is long@h", "b"};
    seed_list const copied = first;
    seed_list moved = std::move(first);
    CHECK(texts_of(moved) == texts_of(copied));
    seed_list assigned{"c"};
    assigned = copied;
    CHECK(texts_of(assigned) == texts_of(copied));
    assigned = std::move(moved);
    CHECK(assigned[1] == "b");
    assigned = {"d"};
    CHECK(texts_of(assigned) == std::vector<std::string>{"d"});
}
