// connection_orders_test: what is left for the owner of a connection comes out once, and in the one sequence
// that makes sense.
#include <umbel/net/connection_orders.hpp>

#include <catch2/catch_test_macros.hpp>

using namespace umbel;
using net::connection_orders;

TEST_CASE("orders wait until they are taken, and are taken once", "[connection_orders]") {
    connection_orders orders;
    CHECK(orders.empty());
    orders.enqueue(
        engine::open_link{.link = {3, engine::link_mode::primary}, .generation = 7, .where = {}, .plan = {}});
    orders.enqueue(engine::connect_now{.link = {3, engine::link_mode::primary}, .generation = 7});
    orders.enqueue(engine::credentials_given{.link = {3, engine::link_mode::primary}, .generation = 7});
    orders.enqueue(engine::close_link{.link = {3, engine::link_mode::primary}, .generation = 7});
    orders.enqueue(engine::shut_link{});
    CHECK_FALSE(orders.empty());
    connection_orders::batch const left = orders.take();
    REQUIRE(left.opening.has_value());
    CHECK(left.opening->generation == 7);
    REQUIRE(left.turn.has_value());
    CHECK(left.turn->generation == 7);
    REQUIRE(left.given.has_value());
    CHECK(left.given->generation == 7);
    REQUIRE(left.closing.has_value());
    CHECK(left.shutting);
    CHECK(orders.empty());
    CHECK_FALSE(orders.take().opening.has_value());
}

TEST_CASE("a cancellation that is left keeps its token until it is taken", "[connection_orders]") {
    static int given_back;
    given_back = 0;
    engine::cancel_token token;
    token.give_back = [](engine::cancel_token&) noexcept { ++given_back; };
    {
        connection_orders orders;
        orders.enqueue(engine::cancel_share{token});
        CHECK(given_back == 0);
        CHECK(orders.take().cancels.size() == 1);
        CHECK(given_back == 1);
        orders.enqueue(engine::cancel_share{token});
    }
    CHECK(given_back == 2);
}
