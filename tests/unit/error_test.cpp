// Tests of error.hpp: code, delivery and details of an error, and what copies of it share.
#include <umbel/error.hpp>

#include <catch2/catch_test_macros.hpp>

#include <set>
#include <string>
#include <utility>

using umbel::delivery;
using umbel::errc;
using umbel::error;
using umbel::origin;

namespace {

constexpr auto last = errc::no_protocol;

template <class Visit>
void for_each_code(Visit visit) {
    for (int number = 0; number <= static_cast<int>(last); ++number) visit(static_cast<errc>(number));
}

}  // namespace

TEST_CASE("every code has a name of its own and somebody at fault", "[error]") {
    std::set<std::string_view> names;
    for_each_code([&](errc code) {
        CHECK(umbel::name_of(code) != "unnamed");
        names.insert(umbel::name_of(code));
    });
    CHECK(names.size() == static_cast<std::size_t>(last) + 1);
    STATIC_CHECK(umbel::origin_of(errc::needs_lease) == origin::caller);
    STATIC_CHECK(umbel::origin_of(errc::overloaded) == origin::limit);
    STATIC_CHECK(umbel::origin_of(errc::cancelled) == origin::limit);
    STATIC_CHECK(umbel::origin_of(errc::connection_lost) == origin::transport);
    STATIC_CHECK(umbel::origin_of(errc::unexpected_type) == origin::protocol);
    STATIC_CHECK(umbel::origin_of(errc::moved) == origin::cluster);
    STATIC_CHECK(umbel::origin_of(errc::wrong_type) == origin::server);
}

TEST_CASE("an error without details says its code, no node and no slot", "[error]") {
    error const plain{errc::overloaded, delivery::not_sent};
    CHECK(plain == errc::overloaded);
    CHECK(plain.message() == "overloaded");
    CHECK(plain.node().empty());
    CHECK(plain.slot() == -1);
    CHECK(plain.trail().empty());
    CHECK(plain.to_string() == "overloaded (not_sent)");
    CHECK(sizeof(error) == 16);
}

TEST_CASE("details are shown, and live as long as any copy", "[error]") {
    error copy{errc::cancelled, delivery::unknown};
    {
        error const full{errc::moved, delivery::not_executed,
                         umbel::error_details{"MOVED 3999 10.0.0.8:6379",
                                              "10.0.0.7:6379",
                                              3999,
                                              {umbel::hop{"10.0.0.6:6379", errc::ask, {}}}}};
        copy = full;
        CHECK(full.message().data() == copy.message().data());
    }
    CHECK(copy.to_string() == "moved (not_executed) at 10.0.0.7:6379: MOVED 3999 10.0.0.8:6379");
    CHECK(copy.slot() == 3999);
    REQUIRE(copy.trail().size() == 1);
    CHECK(copy.trail()[0].reason == errc::ask);
    error const moved{std::move(copy)};
    CHECK(moved.slot() == 3999);
    CHECK(copy.slot() == -1);  // NOLINT: moved from, and still an error.
}

TEST_CASE("only what was not sent or not executed has certainly not run", "[error]") {
    CHECK_FALSE(error(errc::moved, delivery::not_sent).may_have_executed());
    CHECK_FALSE(error(errc::moved, delivery::not_executed).may_have_executed());
    CHECK(error(errc::unexpected_type, delivery::executed).may_have_executed());
    CHECK(error(errc::connection_lost, delivery::unknown).may_have_executed());
}

TEST_CASE("another delivery or a node is put on a copy, and a node that is known stays", "[error]") {
    error const first{errc::server_error, delivery::unknown, "ERR no"};
    error const sure = first.with(delivery::not_executed);
    CHECK(sure.delivery() == delivery::not_executed);
    CHECK(sure.message() == "ERR no");
    CHECK(first.delivery() == delivery::unknown);
    error const placed = first.from("a:1");
    CHECK(placed.node() == "a:1");
    CHECK(placed.message() == "ERR no");
    CHECK(first.node().empty());
    CHECK(placed.from("b:2").node() == "a:1");
}

TEST_CASE("a result holds what fail() builds", "[error]") {
    umbel::result<int> const bare = umbel::fail(errc::no_memory, delivery::not_sent);
    REQUIRE_FALSE(bare);
    CHECK(bare.error() == errc::no_memory);
    umbel::result<int> const told = umbel::fail(errc::bad_argument, delivery::not_sent, "why");
    CHECK(told.error().message() == "why");
    umbel::result<std::string> const handed_on = umbel::fail(told.error());
    CHECK(handed_on.error() == errc::bad_argument);
    CHECK(handed_on.error().message() == "why");
}
