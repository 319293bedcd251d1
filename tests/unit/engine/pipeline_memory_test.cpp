// Tests of engine::pipeline: memory runs out for one reply; its command is told so, and the others never
// notice.
#include <umbel/engine/pipeline.hpp>

#include "support/address_limit.hpp"
#include "support/pipeline_hands.hpp"

#include <cstddef>
#include <new>
#include <string>

using namespace umbel;
using namespace umbel::test;

TEST_CASE(
    "without memory for a reply its command ends with no_memory, executed, and the next ones get theirs",
    "[pipeline][memory]") {
    constexpr std::size_t size = std::size_t{64} << 20;
    hands h;
    auto large = h.start("GET large");
    auto count = h.start("INCR n");
    h.written();
    std::string const part(100'000, 'p');
    address_limit limit{std::size_t{8} << 20};
    if (!limit.holds()) SKIP("the addresses of this process cannot be limited");
    CHECK(h.receive("$" + std::to_string(size) + "\r\n") == drained);
    std::size_t left = size;
    bool threw = false;
    while (left != 0) {
        try {
            auto const room = h.pipe.space();
            std::size_t const piece = std::min({room.size(), part.size(), left});
            std::copy_n(part.data(), piece, room.data());
            h.pipe.arrived(piece);
            left -= piece;
        } catch (std::bad_alloc const&) {
            REQUIRE_FALSE(std::exchange(threw, true));
            REQUIRE(h.pipe.fail_arriving_no_memory());
            h.collect();
            CHECK(outcome(large) == failed{errc::no_memory, delivery::executed});
            CHECK(large.why().message() == "memory has run out for the reply");
            CHECK(large.why().node() == "10.0.0.1:6379");
        }
        REQUIRE(h.settle() == drained);
    }
    CHECK(threw);
    limit.lift();
    CHECK(h.receive("\r\n:7\r\n") == drained);
    CHECK(count.value() == "7");
    CHECK(h.pipe.counters().late == 1);
    CHECK(h.pipe.idle());
}

TEST_CASE("a reply can be given up at every byte of it", "[pipeline][memory]") {
    std::string const whole = "*3\r\n$5\r\nhello\r\n*2\r\n:1\r\n+a\r\n_\r\n";
    for (std::size_t cut = 0; cut != whole.size(); ++cut) {
        INFO("after " << cut);
        hands h;
        auto first = h.start("LRANGE k 0 9");
        auto second = h.start("INCR n");
        h.written();
        CHECK(h.receive(whole.substr(0, cut)) == drained);
        REQUIRE(h.pipe.fail_arriving_no_memory());
        h.collect();
        CHECK(outcome(first) == failed{errc::no_memory, delivery::executed});
        CHECK_FALSE(
            h.pipe.fail_arriving_no_memory());  // What has been given up is passed over without memory.
        CHECK(h.receive(whole.substr(cut) + ":7\r\n") == drained);
        CHECK(second.value() == "7");
    }
}

TEST_CASE("a reply that nobody awaits, or whose command is being written still, cannot be given up",
          "[pipeline][memory]") {
    hands h;
    CHECK_FALSE(h.pipe.fail_arriving_no_memory());
    auto get = h.start("GET foo");
    CHECK_FALSE(h.pipe.fail_arriving_no_memory());
    SECTION("half written") {
        h.written(5);
        CHECK_FALSE(h.pipe.fail_arriving_no_memory());
        h.written();
    }
    SECTION("a push frame is arriving") {
        h.written();
        CHECK(h.receive(">2\r\n+invalidate\r\n") == drained);
        CHECK_FALSE(h.pipe.fail_arriving_no_memory());
        CHECK(h.receive("*1\r\n+k\r\n") == drained);
    }
    CHECK(h.receive("$1\r\nv\r\n") == drained);
    CHECK(get.value() == "v");
}

TEST_CASE("an asking command whose first reply is given up may or may not have run", "[pipeline][memory]") {
    hands h;
    scripted_call& asks = h.calls.emplace_back("GET foo", call_options{});
    asks.form.asking = true;
    h.pipe.accept(asks, h.now);
    auto after = h.start("PING");
    h.written();
    h.receive("+O");
    REQUIRE(h.pipe.fail_arriving_no_memory());
    h.collect();
    CHECK(outcome(started{asks}) == failed{errc::no_memory, delivery::unknown});
    CHECK(h.receive("K\r\n$3\r\nbar\r\n+PONG\r\n") == drained);
    CHECK(after.value() == "PONG");
}
