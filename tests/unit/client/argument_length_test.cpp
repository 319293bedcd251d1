// Arguments longer than the server takes: it would close the connection, so they are refused before anything
// is sent.
#include "at_home.hpp"

#include <array>
#include <memory>
#include <string>
#include <utility>
#include <vector>

using at_home::backend;
using at_home::code_of;
using at_home::delivery_of;
using at_home::shown;

namespace {

constexpr std::size_t mebibyte = std::size_t{1} << 20;

umbel::options of_one_mebibyte(std::string const& seed) {
    umbel::options made = at_home::plain(seed);
    made.argument_bytes_max = mebibyte;
    return made;
}

template <class Value>
void check_refused(umbel::result<Value> const& told) {
    REQUIRE(code_of(told) == "bad_argument");
    CHECK(delivery_of(told) == "not_sent");
    CHECK(told.error().message() ==
          "an argument of 1048577 bytes is longer than options.argument_bytes_max (1048576), which goes with "
          "the "
          "server's proto-max-bulk-len");
}

}  // namespace

TEST_CASE(
    "an argument above the bound is refused by the option's name, in every form of command, and nothing is "
    "sent",
    "[client][bad]") {
    backend here{{}, &of_one_mebibyte};
    REQUIRE(shown(here.wait(here.db->ready())) == "ok");
    std::size_t const sent = here.server.seen().size();
    std::string const value(mebibyte + 1, 'v');
    check_refused(here.wait(here.db->set("k", value)));
    check_refused(here.wait(here.db->set("k", umbel::borrow(value))));
    check_refused(here.wait(here.db->set_and_get("k", value)));
    check_refused(here.wait(here.db->get(value)));
    check_refused(here.wait(here.db->command<std::int64_t>("APPEND", umbel::key("k"), value)));
    check_refused(here.wait(here.db->execute(std::array<std::string, 3>{"SET", "k", value})));
    check_refused(here.wait(here.db->mget("k", value)));
    check_refused(
        here.wait(here.db->mset(std::vector<std::pair<std::string, std::string>>{{"a", "1"}, {"b", value}})));
    check_refused(here.wait(here.db->with(umbel::read_from::any).set("k", value)));
    at_home::settle(here.io);
    CHECK(here.server.seen().size() == sent);
    CHECK(shown(here.wait(here.db->get("k"))) == "nil");
    CHECK(here.server.accepted() == 1);
}

TEST_CASE("an argument as long as the bound is sent", "[client]") {
    backend here{{}, &of_one_mebibyte};
    std::string const value(mebibyte, 'v');
    CHECK(shown(here.wait(here.db->set("k", value))) == "written");
    CHECK(shown(here.wait(here.db->set("l", umbel::borrow(value)))) == "written");
    CHECK(shown(here.wait(here.db->get("l"))) == value);
}

TEST_CASE("the bound is that of the server's proto-max-bulk-len, and not below what that may be",
          "[client][bad]") {
    backend here;
    std::size_t const size = 512 * mebibyte + 1;
    std::unique_ptr<char[]> const never_touched{new char[size]};
    auto const told =
        here.wait(here.db->set("k", umbel::borrow(std::string_view{never_touched.get(), size})));
    REQUIRE(code_of(told) == "bad_argument");
    CHECK(told.error().message().find("options.argument_bytes_max (536870912)") != std::string_view::npos);
    umbel::options chosen = at_home::plain(here.seed);
    chosen.argument_bytes_max = mebibyte - 1;
    umbel::client const bad{here.io.get_executor(), chosen};
    auto const refused = at_home::wait(here.io, bad.get("k"));
    REQUIRE(code_of(refused) == "bad_argument");
    CHECK(refused.error().message().find("argument_bytes_max") != std::string_view::npos);
}
