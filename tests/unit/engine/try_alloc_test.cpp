#include <umbel/engine/try_alloc.hpp>

#include <catch2/catch_test_macros.hpp>

#include <new>

using namespace umbel::engine;

TEST_CASE("a step that finds no memory says so by its result", "[try_alloc]") {
    int steps = 0;
    CHECK(try_alloc([&] { ++steps; }));
    CHECK_FALSE(try_alloc([&] {
        ++steps;
        throw std::bad_alloc{};
    }));
    CHECK(steps == 2);
}

TEST_CASE("a copied text is the text", "[try_alloc]") { CHECK(text_of("why") == "why"); }
