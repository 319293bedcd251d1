// Tests of values that are read into the caller's memory.
#include <umbel/client/sync_client.hpp>

#include "at_home.hpp"

#include <asio/bind_cancellation_slot.hpp>
#include <asio/bind_executor.hpp>
#include <asio/cancellation_signal.hpp>

#include <array>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

using at_home::code_of;
using at_home::delivery_of;
using namespace std::chrono_literals;
using scripted::words;

namespace {

using told_size = umbel::result<umbel::received_bytes>;

/// Memory that shows what was written.
struct page {
    std::vector<char> bytes;
    explicit page(std::size_t size) : bytes(size, '.') {}
    std::span<char> span() { return bytes; }
    std::string text() const { return {bytes.begin(), bytes.end()}; }
};

}  // namespace

TEST_CASE("a value is written to the front of the memory, and its size is told", "[get_into]") {
    at_home::backend here;
    REQUIRE(here.wait(here.db->set("k", "value")));
    page memory{8};
    told_size const told = here.wait(here.db->get_into("k", memory.span()));
    REQUIRE((told && *told));
    CHECK(**told == 5);
    CHECK(memory.text() == "value...");
    SECTION("of bytes") {
        std::array<std::byte, 5> exact{};
        CHECK(here.wait(here.db->get_into("k", exact)).value() == 5u);
        CHECK(exact[4] == std::byte{'e'});
    }
    SECTION("with a prefix, a deadline and a hedge") {
        page other{5};
        CHECK(here.wait(here.db->prefixed("k").with(2s).get_into("", other.span())).value() == 5u);
        CHECK(
            here.wait(
                    here.db->with(umbel::read_from::any, umbel::hedge_after{1ms}).get_into("k", other.span()))
                .value() == 5u);
        CHECK(other.text() == "value");
    }
}

TEST_CASE("a value that is empty, or is not there", "[get_into]") {
    at_home::backend here;
    REQUIRE(here.wait(here.db->set("empty", "")));
    page memory{3};
    CHECK(here.wait(here.db->get_into("empty", memory.span())).value() == 0u);
    CHECK(here.wait(here.db->get_into("empty", std::span<char>{})).value() == 0u);
    told_size const none = here.wait(here.db->get_into("none", memory.span()));
    REQUIRE(none);
    CHECK_FALSE(none->has_value());
    CHECK(memory.text() == "...");
}

TEST_CASE("a value that is larger than the memory is not written, and the error says its size",
          "[get_into]") {
    at_home::backend here;
    std::string const large(200'000, 'x');
    REQUIRE(here.wait(here.db->set("k", large)));
    page memory{199'999};
    told_size const told = here.wait(here.db->get_into("k", memory.span()));
    CHECK(code_of(told) == "bad_argument");
    CHECK(delivery_of(told) == "executed");
    CHECK(told.error().message() == "the value has 200000 bytes, the memory for it has 199999");
    CHECK((memory.text() == std::string(199'999, '.')));
    page enough{200'000};
    CHECK(here.wait(here.db->get_into("k", enough.span())).value() == 200'000u);
    CHECK((enough.text() == large));
}

TEST_CASE("what is no text, and what the server refuses, is an error", "[get_into]") {
    at_home::backend here{[](words const& said) -> std::optional<scripted::answer> {
        if (said[0] != "GET") return std::nullopt;
        if (said[1] == "list") return scripted::answer{"-WRONGTYPE no\r\n"};
        return scripted::answer{"*1\r\n$1\r\nx\r\n"};
    }};
    page memory{3};
    CHECK(code_of(here.wait(here.db->get_into("list", memory.span()))) == "wrong_type");
    CHECK(code_of(here.wait(here.db->get_into("array", memory.span()))) == "unexpected_type");
    CHECK(memory.text() == "...");
}

TEST_CASE("nothing is written once the operation has completed", "[get_into]") {
    at_home::backend here{[](words const& said) -> std::optional<scripted::answer> {
        if (said[0] == "GET") return scripted::answer::hold("$5\r\nvalue\r\n");
        return std::nullopt;
    }};
    page memory{8};
    std::optional<told_size> told;
    SECTION("by cancellation") {
        asio::cancellation_signal stop;
        here.db->get_into("k", memory.span())(asio::bind_cancellation_slot(
            stop.slot(),
            asio::bind_executor(here.io, [&](told_size value) { told.emplace(std::move(value)); })));
        REQUIRE(here.until([&] { return here.server.count("GET") == 1; }));
        stop.emit(asio::cancellation_type::terminal);
        REQUIRE(here.until([&] { return told.has_value(); }));
        CHECK(code_of(*told) == "cancelled");
    }
    SECTION("by its deadline") {
        told.emplace(here.wait(here.db->with(30ms).get_into("k", memory.span())));
        CHECK(code_of(*told) == "deadline_exceeded");
    }
    here.server.release();
    CHECK(here.wait(here.db->ping()));
    CHECK(memory.text() == "........");
}

TEST_CASE("a client that waits reads into memory, too", "[get_into][sync_client]") {
    scripted::server server;
    umbel::sync_client db{at_home::plain(server.address())};
    REQUIRE(db.set("k", "value"));
    page memory{5};
    CHECK(db.get_into("k", memory.span()).value() == 5u);
    CHECK(memory.text() == "value");
}
