#include <umbel/engine/overload.hpp>

#include <catch2/catch_test_macros.hpp>

#include <string_view>

using namespace umbel::engine;

TEST_CASE("an overload names the option, its bound and what is bounded", "[overload]") {
    CHECK(std::string_view{overload_message::commands(7)} ==
          "options.in_flight_max is reached: 7 commands are queued or in flight on this connection");
    CHECK(std::string_view{overload_message::bytes(8)} ==
          "options.queued_bytes_max is reached: 8 bytes of commands are queued on this connection");
    CHECK(std::string_view{overload_message::waiting(9)} ==
          "options.waiting_max is reached: 9 commands wait for a topology, a connection or a retry");
}
