// What a client makes of replies that are malformed, cut, unasked for or absurd: the connection ends, its
// commands hear why with the right delivery, and a new connection serves.
#include "at_home.hpp"

#include <cstddef>
#include <utility>
#include <vector>

using at_home::backend;
using at_home::code_of;
using at_home::delivery_of;
using at_home::shown;
using scripted::words;

namespace {

/// A home whose server answers BAD with the given bytes, and a PING behind it not at all.
struct hostile {
    std::string bytes;
    backend here{[this](words const& said) -> std::optional<scripted::answer> {
        if (said[0] == "GET" && said[1] == "bad") return scripted::answer{bytes};
        return std::nullopt;
    }};
    explicit hostile(std::string said) : bytes{std::move(said)} {}
};

std::string repeated(std::string_view what, std::size_t times) {
    std::string all;
    all.reserve(what.size() * times);
    for (std::size_t i = 0; i < times; ++i) all += what;
    return all;
}

}  // namespace

TEST_CASE("bytes that are not RESP, or exceed a bound, end the connection with a protocol error",
          "[hostile]") {
    std::vector<std::pair<std::string, std::string>> const all{
        {"no type byte", "hello\r\n"},
        {"an HTTP server", "HTTP/1.1 400 Bad Request\r\n\r\n"},
        {"letters in an integer", ":12a\r\n"},
        {"a bare line feed", "+OK\n\r\n"},
        {"a bulk string that runs on", "$3\r\nfooXX+OK\r\n"},
        {"a length beyond the bound", "$999999999999\r\n"},
        {"a length below minus one", "$-2\r\n"},
        {"a count beyond the bound", "*2147483647\r\n"},
        {"a length of too many digits", "$99999999999999999999999\r\n"},
        {"a million nested arrays", repeated("*1\r\n", 1'000'000)},
        {"null bytes", std::string(64, '\0')},
    };
    for (auto const& [name, bytes] : all) {
        INFO(name);
        hostile under_test{bytes};
        backend& here = under_test.here;
        REQUIRE(shown(here.wait(here.db->ready())) == "ok");
        std::string behind;
        here.db->get("bad")([&](auto value) { behind = code_of(value) + " " + delivery_of(value); });
        auto const second = here.wait(here.db->incr("n"));
        CHECK(behind == "protocol_error unknown");
        CHECK(code_of(second) == "protocol_error");
        CHECK(delivery_of(second) == "unknown");
        CHECK(shown(here.wait(here.db->get("fresh"))) == "nil");
        CHECK(here.server.accepted() == 2);
    }
}

TEST_CASE("junk after a reply ends the connection, not the command", "[hostile]") {
    hostile under_test{"$1\r\nv\r\n+OK\r\n"};
    backend& here = under_test.here;
    CHECK(shown(here.wait(here.db->get("bad"))) == "v");
    CHECK(here.until([&] { return here.server.accepted() == 2; }));
    CHECK(shown(here.wait(here.db->incr("n"))) == "1");
}

TEST_CASE("unsolicited data on a silent connection ends it, and a new one serves", "[hostile]") {
    backend here;
    CHECK(shown(here.wait(here.db->incr("n"))) == "1");
    here.server.push("+surprise\r\n");
    CHECK(here.until([&] { return here.server.accepted() == 2; }));
    CHECK(shown(here.wait(here.db->incr("n"))) == "2");
}

TEST_CASE("a push frame between replies belongs to nobody", "[hostile]") {
    hostile under_test{">2\r\n+invalidate\r\n*1\r\n$1\r\nk\r\n$1\r\nv\r\n"};
    backend& here = under_test.here;
    CHECK(shown(here.wait(here.db->get("bad"))) == "v");
    here.server.push(">1\r\n+hello\r\n");
    CHECK(shown(here.wait(here.db->incr("n"))) == "1");
    CHECK(here.server.accepted() == 1);
}

TEST_CASE("a reply of the wrong type fails its own command only", "[hostile]") {
    hostile under_test{"*2\r\n:1\r\n*1\r\n$-1\r\n"};
    backend& here = under_test.here;
    auto const told = here.wait(here.db->get("bad"));
    CHECK(code_of(told) == "unexpected_type");
    CHECK(delivery_of(told) == "executed");
    CHECK(shown(here.wait(here.db->incr("n"))) == "1");
    CHECK(here.server.accepted() == 1);
}

TEST_CASE("a reply cut anywhere: a read is asked again, a write is not, and says unknown", "[hostile]") {
    for (std::size_t after = 0; after < 11; ++after) {
        INFO(after);
        bool cutting = true;
        backend here{[&](words const& said) -> std::optional<scripted::answer> {
            if (said[0] == "GET")
                return std::exchange(cutting, false) ? scripted::answer::cut("$5\r\nhello\r\n", after)
                                                     : scripted::answer{"$5\r\nhello\r\n"};
            if (said[0] == "INCR") return scripted::answer::cut(":123456789\r\n", after);
            return std::nullopt;
        }};
        CHECK(shown(here.wait(here.db->get("k"))) == "hello");
        CHECK(here.server.count("GET") == 2);
        auto const told = here.wait(here.db->incr("n"));
        CHECK(code_of(told) == "connection_lost");
        CHECK(delivery_of(told) == "unknown");
        at_home::settle(here.io);
        CHECK(here.server.count("INCR") == 1);
    }
}

TEST_CASE("a reply may arrive byte by byte, and a large one in one piece", "[hostile]") {
    backend here{[](words const& said) -> std::optional<scripted::answer> {
        if (said[0] == "GET" && said[1] == "slow") return "";
        if (said[0] == "GET") return scripted::bulk(std::string(20 << 20, 'x'));
        return std::nullopt;
    }};
    std::string told;
    here.db->get("slow")([&](auto value) { told = shown(value); });
    CHECK(here.until([&] { return here.server.count("GET") == 1; }));
    for (char const character : std::string{"$7\r\nby byte\r\n"}) {
        CHECK(told.empty());
        here.server.push(std::string(1, character));
        at_home::settle(here.io);
    }
    CHECK(told == "by byte");
    auto const large = here.wait(here.db->get("large"));
    REQUIRE((large && *large));
    CHECK(**large == std::string(20 << 20, 'x'));
}

TEST_CASE("a topology that is junk is not believed, and asked for again", "[hostile]") {
    int asked = 0;
    backend here{[&](words const& said) -> std::optional<scripted::answer> {
                     if (said[0] != "CLUSTER") return std::nullopt;
                     ++asked;
                     if (asked == 1) return "*1\r\n*3\r\n:0\r\n:99999\r\n*2\r\n$1\r\nx\r\n:1\r\n";
                     if (asked == 2) return "*-7\r\n";
                     if (asked == 3) return "$5\r\nhello\r\n";
                     return "-ERR This instance has cluster support disabled\r\n";
                 },
                 [](std::string const& seed) {
                     umbel::options made = at_home::plain(seed);
                     made.deployment = umbel::deployment::automatic;
                     return made;
                 }};
    CHECK(shown(here.wait(here.db->incr("n"))) == "1");
    CHECK(asked == 4);
}
