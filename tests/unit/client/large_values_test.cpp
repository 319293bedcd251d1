// Tests of how much memory large values cost: what is read as umbel::bytes stands once, what is borrowed is
// never copied. By default with 64 MiB, with UMBEL_LONG set with 512 MiB, the largest value that a server
// takes.
#include "at_home.hpp"

#include "support/address_limit.hpp"
#include "support/large_responder.hpp"
#include "support/peak_memory.hpp"

#include <umbel/client.hpp>

#include <catch2/catch_test_macros.hpp>

#include <cstddef>
#include <cstdlib>
#include <string>

using namespace umbel::test;
using namespace std::chrono_literals;

namespace {

constexpr std::size_t allowed_beside = std::size_t{2} << 20;

std::size_t value_bytes() { return std::size_t{std::getenv("UMBEL_LONG") ? 512u : 64u} << 20; }

constexpr bool counts_memory = memory_is_plain;

/// A connected client of a server that is another process.
struct far_home {
    large_responder server;
    asio::io_context io{1};
    std::string const seed = server.address();
    umbel::client db{io.get_executor(), chosen(seed)};

    static umbel::options chosen(std::string const& seed) {
        umbel::options made = at_home::plain(seed);
        made.deadline = 60s;
        return made;
    }
    far_home() {
        auto const got = at_home::wait(io, db.get<umbel::bytes>(large_responder::key(100'000)));
        REQUIRE(got);
    }
};

}  // namespace

TEST_CASE("a large value read as umbel::bytes stands in memory once", "[client][memory]") {
    far_home here;
    std::size_t const size = value_bytes();
    bool const counted = forget_peak() && counts_memory;
    std::size_t const before = resident_bytes();
    auto const got = at_home::wait(here.io, here.db.get<umbel::bytes>(large_responder::key(size)));
    std::size_t const peak = peak_bytes();
    REQUIRE(got);
    REQUIRE(*got);
    REQUIRE((*got)->size() == size);
    CHECK((*got)->view()[size - 1] == large_responder::byte_at(size - 1));
    CHECK((*got)->view()[size / 2 + 3] == large_responder::byte_at(3));
    INFO("resident before " << before << ", at most " << peak << ", value " << size);
    if (counted) CHECK(peak <= before + size + allowed_beside);
}

TEST_CASE("a large value that is borrowed is written from where it stands", "[client][memory]") {
    far_home here;
    std::string const value(value_bytes(), 'v');
    bool const counted = forget_peak() && counts_memory;
    std::size_t const before = resident_bytes();
    auto const done = at_home::wait(here.io, here.db.set("k", umbel::borrow(value)));
    std::size_t const peak = peak_bytes();
    REQUIRE(done);
    CHECK(*done == umbel::set_outcome::written);
    INFO("resident before " << before << ", at most " << peak << ", value " << value.size());
    if (counted) CHECK(peak <= before + allowed_beside);
}

TEST_CASE("what a node announces and does not send costs next to nothing, and the deadline ends it",
          "[client][memory]") {
    at_home::backend here{[](scripted::words const& said) -> std::optional<scripted::answer> {
        if (said[0] != "GET") return std::nullopt;
        return scripted::answer{said[1] == "blob" ? "$536870912\r\n0123456789"
                                                  : "*16000000\r\n$5\r\nhello\r\n$53687091\r\n"};
    }};
    for (std::string const key : {"blob", "array"}) {
        REQUIRE(at_home::shown(here.wait(here.db->ready())) == "ok");
        std::size_t const before = resident_bytes();
        bool const counted = forget_peak() && counts_memory;
        auto const got = here.wait(here.db->with(100ms).get<umbel::reply>(key));
        INFO(key << ": resident before " << before << ", at most " << peak_bytes());
        INFO((got ? "value" : std::string{got.error().message()}));
        CHECK(at_home::code_of(got) == "deadline_exceeded");
        if (counted) CHECK(peak_bytes() <= before + allowed_beside);
        here.server.cut();
    }
}

TEST_CASE("when memory runs out in the middle of a value, its command alone ends with no_memory",
          "[client][memory]") {
    far_home here;
    std::size_t const size = std::size_t{64} << 20;
    address_limit limit{std::size_t{16} << 20};
    if (!limit.holds()) SKIP("the addresses of this process cannot be limited");
    std::string before, behind;
    auto const told = [](std::string& into) {
        return [&into](umbel::result<std::optional<umbel::bytes>> got) {
            into = got && *got ? std::to_string((*got)->size()) : at_home::code_of(got);
        };
    };
    here.db.get<umbel::bytes>(large_responder::key(1000))(told(before));
    umbel::result<std::optional<umbel::bytes>> large = std::nullopt;
    bool over = false;
    here.db.get<umbel::bytes>(large_responder::key(size))([&](auto got) {
        large = std::move(got);
        over = true;
    });
    here.db.get<umbel::bytes>(large_responder::key(2000))(told(behind));
    REQUIRE(at_home::until(here.io, [&] { return over && !behind.empty(); }));
    CHECK(before == "1000");
    CHECK(behind == "2000");
    CHECK(at_home::code_of(large) == "no_memory");
    CHECK(at_home::delivery_of(large) == "executed");
    limit.lift();
    auto const counted = at_home::wait(here.io, here.db.statistics());
    REQUIRE(counted);
    CHECK(counted->disconnects == 0);
    CHECK(counted->connects == 1);
}
