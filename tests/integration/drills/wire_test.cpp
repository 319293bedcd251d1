// What networks do to bytes, under load and through a proxy: pieces, delay, silence, late replies, cuts in
// mid-reply, junk. Whatever is answered is the right answer, and what is not answered is told as what it is.
#include "integration/support/spoiled.hpp"

using namespace umbel;
using namespace umbel::test;

namespace {

void check(spoiled& here, std::initializer_list<errc> expected) {
    auto const found = here.d.reckon();
    INFO(found.to_string());
    CHECK(found.clean());
    CHECK(found.forgiven == 0);
    for (std::size_t at : {0u, 1u, 2u}) CHECK(here.d.surprises(at, expected) == "");
}
std::uint64_t many() { return short_or_long(400u, 20000u); }

}  // namespace

TEST_CASE("in pieces of a few bytes and late, every answer is right and the order is kept", "[drill]") {
    spoiled here{"pieces and delay", {.callers = short_or_long(12u, 24u)}};
    for (std::size_t const piece : {1u, 2u, 7u}) here.endure({.piece = piece}, many() / 2);
    here.endure({.delay = 3ms}, many() / 2);
    here.endure({.piece = 30, .delay = 500us}, many() / 2);
    here.proxies.behave_everywhere({});
    here.d.users.stop();
    // Nothing was redirected or repeated, so commands begun one after the other ran one after the other.
    CHECK(here.d.s.counted().retried == 0);
    here.d.users.book().expect_order_of_beginning();
    check(here, {});
}

TEST_CASE("replies come when nobody waits for them any more: they are for nobody", "[drill]") {
    spoiled here{"late replies", impatient()};
    deliver_late(here, short_or_long(4, 60));
    CHECK(here.d.s.counted().late_replies > 40);
    check(here, {errc::deadline_exceeded});
}

TEST_CASE("connections are cut in mid-reply again and again", "[drill]") {
    spoiled here{"cut in mid-reply", persistent()};
    cut_in_mid_reply(here, many());
    check(here, {errc::connection_lost, errc::connect_failed, errc::deadline_exceeded});
}

TEST_CASE("junk between the replies ends the connection and crosses nothing", "[drill]") {
    spoiled here{"junk", {.callers = short_or_long(12u, 24u), .deadline = 10s}};
    std::array<std::string, 4> const junk{"hello\r\n", "$-7\r\n", std::string(3, '\0'), "*99999999999\r\n"};
    for (int round = 0; round < short_or_long(8, 100); ++round) {
        auto const& one = here.d[static_cast<std::size_t>(round) % 3].primary;
        here.d.disturb([&] {
            auto const disconnects = here.d.s.counted().disconnects;
            here.proxies.behave(one, {.junk = junk[static_cast<std::size_t>(round) % junk.size()]});
            REQUIRE(eventually([&] { return here.d.s.counted().disconnects > disconnects; }));
            here.proxies.behave(one, {});
        });
        REQUIRE(here.d.users.all_go_on(50));
    }
    check(here, {errc::protocol_error, errc::connection_lost, errc::connect_failed, errc::deadline_exceeded});
}

TEST_CASE("a node falls silent for its clients while the cluster finds it well", "[drill]") {
    spoiled here{"silence",
                 {.deadline = 250ms,
                  .options = {.connect_timeout = std::chrono::milliseconds{300},
                              .probe_after = std::chrono::milliseconds{200},
                              .probe_timeout = std::chrono::milliseconds{300}}}};
    for (int round = 0; round < short_or_long(2, 20); ++round) {
        auto const failed = here.d.users.failed(0);
        auto const disconnects = here.d.s.counted().disconnects;
        here.d.disturb([&] {
            here.proxies.behave(here.d[0].primary, {.hold_requests = true, .hold_replies = round % 2 == 0});
            // Its own probe tells the client that the connection is dead.
            REQUIRE(eventually([&] {
                return here.d.users.failed(0) > failed + 20 && here.d.s.counted().disconnects > disconnects;
            }));
            REQUIRE(here.d.users.goes_on(1, 100));
            here.proxies.behave(here.d[0].primary, {});
        });
        REQUIRE(here.d.users.all_go_on(100));
    }
    check(here, {errc::deadline_exceeded, errc::connection_lost, errc::connect_failed});
}
