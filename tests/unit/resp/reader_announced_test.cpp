// Tests of resp::reader: what is announced is no memory yet. At most 64 KiB stand ahead of what has arrived,
// and where memory runs out in the middle of a reply, the reply can be passed over.
#include <umbel/resp/decode.hpp>
#include <umbel/resp/reader.hpp>
#include <umbel/resp/reply.hpp>

#include "feeding.hpp"
#include "support/address_limit.hpp"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <list>
#include <memory>
#include <new>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#if defined(__linux__)
#include <sys/mman.h>
#include <unistd.h>
#endif

using feeding::bulk;
using feeding::receive;
using feeding::repeated;
using umbel::bytes;
using umbel::resp::chunk;
using umbel::resp::page_store;
using umbel::resp::pin_budget;
using umbel::resp::reader;
using umbel::resp::view;
using umbel::test::address_limit;
using status = umbel::resp::reader::status;

namespace {

constexpr std::size_t mebi = std::size_t{1} << 20;
constexpr std::size_t ordinary_max = 64 * 1024;

/// Receives `left` in random pieces of what space() offers; returns how often the bytes that were there
/// moved.
std::size_t receive_all(reader& into, std::string_view left, std::mt19937& random, std::size_t ahead_max) {
    std::size_t moves = 0;
    view out;
    char const* before = nullptr;
    while (!left.empty()) {
        auto const room = into.space();
        if (room.data() != before) ++moves;
        CHECK(room.size() <= ahead_max);
        std::size_t const count = 1 + random() % std::min(room.size(), left.size());
        std::memcpy(room.data(), left.data(), count);
        into.commit(count);
        before = room.data() + count;
        left.remove_prefix(count);
        if (!left.empty()) REQUIRE(into.next(out) == status::need_more);
    }
    return moves;
}

}  // namespace

TEST_CASE(
    "space never stands more than 64 KiB ahead of what has arrived, and the value is received into its final "
    "place",
    "[reader]") {
    if (!feeding::reserves_addresses()) SKIP("addresses cannot be reserved here");
    page_store::shared().clear();
    std::mt19937 random{7};
    std::string value(3 * mebi + 17, ' ');
    for (char& character : value) character = static_cast<char>('a' + random() % 26);
    auto const budget = std::make_shared<pin_budget>(16 * mebi);
    reader under_test{budget};
    view out;
    REQUIRE(receive(under_test, "$" + std::to_string(value.size()) + "\r\n").empty());
    REQUIRE(under_test.next(out) == status::need_more);
    CHECK(receive_all(under_test, value + "\r\n", random, chunk::ahead_bytes_max) == 1);
    REQUIRE(under_test.next(out) == status::ready);
    auto const kept = umbel::decode<bytes>(out);
    REQUIRE(kept);
    CHECK((kept->data() == out.text().data()));
    CHECK(*kept == value);
    CHECK(budget->pinned() >= value.size());
    CHECK(budget->pinned() <= value.size() + 64);
}

TEST_CASE("what is known to wait may be read at once: space is as long as that, and at most 64 KiB longer",
          "[reader]") {
    if (!feeding::reserves_addresses()) SKIP("addresses cannot be reserved here");
    page_store::shared().clear();
    reader under_test;
    view out;
    receive(under_test, "$10000000\r\n");
    REQUIRE(under_test.next(out) == status::need_more);
    CHECK_FALSE(under_test.in_large());
    std::size_t left = 10'000'002;
    char const* before = nullptr;
    for (std::size_t const waiting :
         {std::size_t{0}, std::size_t{100'000}, std::size_t{3'000'000}, SIZE_MAX}) {
        auto const room = under_test.space(waiting);
        CHECK(room.size() >= std::min(waiting, left));
        if (waiting < left) CHECK(room.size() <= waiting + chunk::ahead_bytes_max);
        if (before) CHECK((room.data() == before));
        std::size_t const count = std::min({room.size(), std::max<std::size_t>(waiting, 20'000), left});
        std::memset(room.data(), 'x', count);
        if (count == left) std::memcpy(room.data() + count - 2, "\r\n", 2);
        under_test.commit(count);
        left -= count;
        before = room.data() + count;
        REQUIRE(under_test.next(out) == (left == 0 ? status::ready : status::need_more));
    }
    CHECK(out.size() == 10'000'000);
    CHECK_FALSE(under_test.in_large());
}

TEST_CASE("an array that grows stands at most 64 KiB ahead of what has arrived", "[reader]") {
    if (!feeding::reserves_addresses()) SKIP("addresses cannot be reserved here");
    page_store::shared().clear();
    std::mt19937 random{11};
    std::string const text = "*40000\r\n" + repeated(bulk(std::string(100, 'v')), 40'000);
    reader under_test;
    view out;
    CHECK(receive_all(under_test, text, random, ordinary_max) <= 40'000);
    REQUIRE(under_test.next(out) == status::ready);
    CHECK(out.size() == 40'000);
    CHECK(out.child(39'999).text() == std::string(100, 'v'));
}

#if defined(__linux__)
TEST_CASE("a thousand connections to which 512 MiB each were announced take little memory", "[reader]") {
    if (!feeding::reserves_addresses()) SKIP("addresses cannot be reserved here");
    page_store::shared().clear();
    auto const resident_before = umbel::test::resident_bytes();
    std::list<reader> all;
    for (int at = 0; at != 1000; ++at) {
        reader& one = all.emplace_back();
        view out;
        receive(one, "$536870912\r\n0123456789");
        REQUIRE(one.next(out) == status::need_more);
        receive(one, "0123456789");
        REQUIRE(one.next(out) == status::need_more);
    }
    // A chunk of 16 KiB each, and as much ahead of the 20 bytes.
    if (umbel::test::memory_is_plain) CHECK(umbel::test::resident_bytes() < resident_before + 64 * mebi);
}
#endif

TEST_CASE("where addresses are limited a value is received by doubling, and is whole", "[reader]") {
    page_store::shared().clear();
    std::mt19937 random{3};
    std::string value(5 * mebi + 3, ' ');
    for (char& character : value) character = static_cast<char>('a' + random() % 26);
    address_limit limit{64 * mebi};
    if (!limit.holds()) SKIP("the addresses of this process cannot be limited");
    auto const budget = std::make_shared<pin_budget>(16 * mebi);
    reader under_test{budget};
    view out;
    for (int round = 0; round != 3; ++round) {
        REQUIRE(receive(under_test, "$" + std::to_string(value.size()) + "\r\n").empty());
        REQUIRE(under_test.next(out) == status::need_more);
        CHECK(receive_all(under_test, value + "\r\n", random, value.size()) <= 10);
        REQUIRE(under_test.next(out) == status::ready);
        auto const kept = umbel::decode<bytes>(out);
        REQUIRE(kept);
        CHECK((kept->data() == out.text().data()));
        CHECK(*kept == value);
        // Others follow while it is held.
        receive(under_test, bulk("next"));
        REQUIRE(under_test.next(out) == status::ready);
        CHECK(out.text() == "next");
    }
}

TEST_CASE(
    "when memory runs out in the middle of a reply, the reply can be passed over, and the next one is read",
    "[reader]") {
    page_store::shared().clear();
    std::string const part(mebi, 'p');
    std::vector<std::string> const all{"$67108864\r\n", "*1\r\n*4\r\n:1\r\n:2\r\n:3\r\n$67108864\r\n",
                                       "|1\r\n+a\r\n:1\r\n*1\r\n=67108864\r\ntxt:"};
    for (std::string const& begun : all) {
        INFO(begun);
        reader under_test;
        view out;
        address_limit limit{8 * mebi};
        if (!limit.holds()) SKIP("the addresses of this process cannot be limited");
        std::size_t left = 67108864 - (begun.ends_with("txt:") ? 4 : 0);
        receive(under_test, begun);
        auto const feed = [&] {
            for (std::size_t now = std::min(left, part.size()); now != 0;) {
                std::size_t const rest = receive(under_test, std::string_view{part}.substr(0, now)).size();
                left -= now - rest;
                now = rest;
            }
        };
        CHECK_THROWS_AS(
            [&] {
                while (left != 0) {
                    REQUIRE(under_test.next(out) == status::need_more);
                    feed();
                }
            }(),
            std::bad_alloc);
        CHECK(left < 67108864 - mebi);
        while (left != 0) {
            REQUIRE(under_test.skip(out) == status::need_more);
            feed();
        }
        limit.lift();
        receive(under_test, "\r\n+next\r\n");
        REQUIRE(under_test.skip(out) == status::ready);
        REQUIRE(under_test.next(out) == status::ready);
        CHECK(out.text() == "next");
    }
}

TEST_CASE("a reply that is given up in the middle wants no tape for what it passes over", "[reader]") {
    // 64 values fill the first tape; the aggregates they stand in are kept, whatever had stood between them.
    std::string const whole = "|1\r\n+k\r\n*1\r\n:0\r\n*3\r\n" + std::string{"*30\r\n"} +
                              repeated(":1\r\n", 30) + "*40\r\n" + repeated("*1\r\n$2\r\nab\r\n", 40) +
                              "%2\r\n+a\r\n*2\r\n:1\r\n:2\r\n$?\r\n;3\r\nabc\r\n;0\r\n#t\r\n" + "+next\r\n";
    for (std::size_t cut = 1; cut + 8 < whole.size(); ++cut) {
        INFO("after " << cut);
        reader under_test;
        view out;
        receive(under_test, std::string_view{whole}.substr(0, cut));
        REQUIRE(under_test.next(out) == status::need_more);
        REQUIRE(under_test.skip(out) == status::need_more);
        receive(under_test, std::string_view{whole}.substr(cut));
        REQUIRE(under_test.skip(out) == status::ready);
        REQUIRE(under_test.next(out) == status::ready);
        CHECK(out.text() == "next");
        CHECK(under_test.at_boundary());
    }
}
