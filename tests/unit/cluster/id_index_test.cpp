#include <umbel/cluster/id_index.hpp>

#include <catch2/catch_test_macros.hpp>

#include <cstdint>
#include <string>
#include <vector>

using umbel::cluster::detail::id_index;

TEST_CASE("an id is found under its number, and nothing else is", "[id_index]") {
    id_index index;
    CHECK(index.empty());
    CHECK(index.find("a") == id_index::none);
    index.add("a", 7);
    index.add("", 8);
    CHECK_FALSE(index.empty());
    CHECK(index.find("a") == 7);
    CHECK(index.find("") == 8);
    CHECK(index.find("b") == id_index::none);
    CHECK(index.find("aa") == id_index::none);
}

TEST_CASE("an id that is there keeps its number", "[id_index]") {
    id_index index;
    index.add("a", 7);
    index.add("a", 9);
    CHECK(index.find("a") == 7);
}

TEST_CASE("ids of any length that differ in one byte are different, with room made before or not",
          "[id_index]") {
    for (std::size_t const reserved : {0u, 10u, 5000u}) {
        std::vector<std::string> ids;
        for (std::size_t length = 1; length < 60; ++length) {
            for (std::size_t at = 0; at < length; ++at) {
                ids.emplace_back(length, 'a');
                ids.back()[at] = 'b';
            }
        }
        id_index index;
        index.reserve(reserved);
        for (std::uint32_t i = 0; i < ids.size(); ++i) index.add(ids[i], i);
        for (std::uint32_t i = 0; i < ids.size(); ++i) REQUIRE(index.find(ids[i]) == i);
        REQUIRE(index.find(std::string(30, 'a')) == id_index::none);
    }
}
