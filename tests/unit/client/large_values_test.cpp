// Tests of how much memory large values cost: what is read as umbel::bytes stands once, what is borrowed is never copied.
// By default with 64 MiB, with UMBEL_LONG set with 512 MiB, the largest value that a server takes.
#include "at_home.hpp"

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

// Sanitizers keep memory of their own for each byte.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool counts_memory = false;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
constexpr bool counts_memory = false;
#else
constexpr bool counts_memory = true;
#endif
#else
constexpr bool counts_memory = true;
#endif

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
