#include <umbel/net/descriptors.hpp>

#include "support/descriptor_limit.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace umbel::net;
namespace asio = umbel::asio;

namespace {

asio::error_code of_system(int number) { return {number, asio::error::get_system_category()}; }

}  // namespace

TEST_CASE("the lack of descriptors is told by its name, and whose they are", "[descriptors]") {
    CHECK(text_of_transport(of_system(EMFILE)) ==
          of_system(EMFILE).message() +
              " (EMFILE: this process has no file descriptor left; RLIMIT_NOFILE is their number)");
    CHECK(text_of_transport(of_system(ENFILE)) ==
          of_system(ENFILE).message() + " (ENFILE: the system has no file descriptor left)");
    CHECK(text_of_transport(of_system(ECONNREFUSED)) == of_system(ECONNREFUSED).message());
    // The same number of another kind means something else.
    asio::error_code const other{EMFILE, asio::error::get_misc_category()};
    CHECK(text_of_transport(other) == other.message());
}

TEST_CASE("a name that was not resolved for want of descriptors says so", "[descriptors]") {
    asio::error_code const unknown = asio::error::host_not_found;
    CHECK(reason_beneath(unknown) == unknown);
    umbel::test::descriptor_limit const limit;
    CHECK(reason_beneath(unknown) == asio::error::no_descriptors);
    // Nothing is wrong with what has been resolved.
    CHECK_FALSE(reason_beneath({}));
}
