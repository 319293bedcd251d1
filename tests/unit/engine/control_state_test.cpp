#include <umbel/engine/control_state.hpp>

#include "unit/engine/control_plane.hpp"

#include <catch2/catch_test_macros.hpp>

#include <new>
#include <variant>

using namespace umbel;
using namespace umbel::engine;
using umbel::test::control_plane;

TEST_CASE("a notice is made only where an observer listens", "[control]") {
    control_plane silent;
    unsigned made = 0;
    silent.shared.observe([&] { return ++made, node_connected{"a"}; });
    CHECK(made == 0);
    CHECK(silent.shared.actions.empty());
    engine_options options = control_plane::usual();
    options.observed = true;
    control_plane observed{std::move(options)};
    observed.shared.observe([&] { return ++made, node_connected{"a"}; });
    REQUIRE(observed.shared.actions.size() == 1);
    CHECK(std::get<node_connected>(observed.shared.actions.front()).node == "a");
}

TEST_CASE("a notice that finds no memory is lost, and nothing else is", "[control]") {
    engine_options options = control_plane::usual();
    options.observed = true;
    control_plane plane{std::move(options)};
    plane.shared.observe([]() -> node_connected { throw std::bad_alloc{}; });
    CHECK(plane.shared.actions.empty());
}

TEST_CASE("a policy hears through the judge whether the client closes", "[control]") {
    control_plane plane;
    client_facts const* const facts = plane.shared.options.judging.client;
    REQUIRE(facts);
    CHECK_FALSE(facts->closing.load());
    plane.shared.routes.begin_closing();
    CHECK(facts->closing.load());
}

TEST_CASE("a policy hears through the judge whether the client has credentials", "[control]") {
    CHECK_FALSE(control_plane{}.shared.routes.facts().has_credentials.load());
    engine_options options = control_plane::usual();
    SECTION("its own") { options.plan.identity = std::make_shared<credentials const>("", "word"); }
    SECTION("of a provider") { options.asks_credentials = true; }
    CHECK(control_plane{std::move(options)}.shared.routes.facts().has_credentials.load());
}
