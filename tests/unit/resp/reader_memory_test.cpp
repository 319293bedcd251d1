// Tests of resp::reader: where bytes are received, what is pinned, and how little memory an announcement
// costs.
#include <umbel/resp/decode.hpp>
#include <umbel/resp/reader.hpp>
#include <umbel/resp/reply.hpp>

#include "feeding.hpp"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#if defined(__linux__)
#include <sys/mman.h>
#include <unistd.h>
#endif

using feeding::bulk;
using feeding::receive;
using feeding::repeated;
using umbel::bytes;
using umbel::resp::pin_budget;
using umbel::resp::reader;
using umbel::resp::view;
using status = umbel::resp::reader::status;

TEST_CASE("a value of 64 MiB is received into its final place and pinned there", "[reader]") {
    if (!feeding::reserves_addresses()) SKIP("addresses cannot be reserved here");
    constexpr std::size_t size = 64 * 1024 * 1024;
    auto const budget = std::make_shared<pin_budget>(std::uint64_t{1} << 30);
    bytes kept;
    {
        reader under_test{budget};
        view out;
        std::string const front = "$67108864\r\n" + std::string(5000, 'f');
        REQUIRE(receive(under_test, front).empty());
        REQUIRE(under_test.next(out) == status::need_more);
        char* const rest = under_test.space().data();
        for (std::size_t left = size - 5000; left != 0;) {
            auto const room = under_test.space();
            std::size_t const piece = std::min({left, room.size(), std::size_t{60'000}});
            std::memset(room.data(), 'r', piece);
            under_test.commit(piece);
            left -= piece;
            REQUIRE(under_test.next(out) == status::need_more);
        }
        receive(under_test, "\r\n");
        REQUIRE(under_test.next(out) == status::ready);
        CHECK((out.text().data() + 5000 == rest));
        kept = *umbel::decode<bytes>(out);
        CHECK((kept.data() == out.text().data()));
        CHECK(budget->pinned() >= size);
        CHECK(budget->pinned() <= size + 100);
    }
    CHECK(kept.size() == size);
    CHECK(kept.view().substr(0, 5000) == std::string(5000, 'f'));
    CHECK(kept.view().find_first_not_of('r', 5000) == std::string_view::npos);
    kept = bytes{};
    CHECK(budget->pinned() == 0);
}

#if defined(__linux__)
TEST_CASE("an announced length costs address space and no memory", "[reader]") {
    if (!feeding::reserves_addresses()) SKIP("addresses cannot be reserved here");
    for (std::string const& announced :
         {std::string{"$536870912\r\n"}, std::string{"*2\r\n$1\r\na\r\n$536000000\r\n"},
          std::string{"=400000000\r\n"}}) {
        reader under_test;
        view out;
        receive(under_test, announced);
        REQUIRE(under_test.next(out) == status::need_more);
        auto const room = under_test.space();
        CHECK(room.size() <= 64 * 1024);
        auto const page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
        std::uintptr_t const first = (reinterpret_cast<std::uintptr_t>(room.data()) + page - 1) / page * page;
        std::size_t const pages = 390'000'000 / page;
        std::vector<unsigned char> resident(pages);
        REQUIRE(mincore(reinterpret_cast<void*>(first), pages * page, resident.data()) == 0);
        auto const touched = std::count_if(resident.begin(), resident.end(),
                                           [](unsigned char flag) { return (flag & 1) != 0; });
        CHECK(static_cast<std::size_t>(touched) * page <= 64 * 1024);
    }
}
#endif

TEST_CASE("announced elements cost nothing", "[reader]") {
    for (std::string_view const announced : {"*16000000\r\n", "%8000000\r\n", "~16000000\r\n*16000000\r\n",
                                             ">9999999\r\n", "*?\r\n", "$?\r\n;0"}) {
        reader under_test;
        view out;
        receive(under_test, announced);
        CHECK(under_test.next(out) == status::need_more);
        CHECK(under_test.space().size() <= 64 * 1024);
    }
}

TEST_CASE("the same memory is used again and again when nobody pins it", "[reader]") {
    reader under_test;
    view out;
    std::string const text = repeated(bulk(std::string(100, 'v')), 20) + "*50\r\n" + repeated(":1\r\n", 50);
    char* const first = under_test.space().data();
    for (int round = 0; round != 1000; ++round) {
        CHECK((under_test.space().data() == first));
        receive(under_test, text);
        for (int reply = 0; reply != 21; ++reply) REQUIRE(under_test.next(out) == status::ready);
    }
}

TEST_CASE("after a value larger than a chunk the ordinary chunk is used again", "[reader]") {
    reader under_test;
    view out;
    char* ordinary = nullptr;
    for (int round = 0; round != 5; ++round) {
        std::string const large = bulk(std::string(300'000, 'v'));
        std::string_view left = large;
        while (under_test.next(out) == status::need_more) left = receive(under_test, left);
        CHECK(out.size() == 300'000);
        auto const room = under_test.space();
        CHECK(room.size() == 64 * 1024);
        if (round == 0) ordinary = room.data();
        CHECK((room.data() == ordinary));
    }
}

TEST_CASE("chunks grow while receives fill them, up to their bound", "[reader]") {
    reader under_test;
    view out;
    std::string const text = repeated(bulk(std::string(16, 'v')), 20'000);
    std::string_view left = text;
    std::size_t largest = 0;
    while (!left.empty()) {
        while (under_test.next(out) == status::ready) {
        }
        largest = std::max(largest, under_test.space().size());
        left = receive(under_test, left);
    }
    CHECK(largest > 60 * 1024);
    CHECK(largest <= 64 * 1024);
}

TEST_CASE("an array larger than any chunk is moved a bounded number of times", "[reader]") {
    reader under_test;
    view out;
    std::string const text = "*30000\r\n" + repeated(bulk(std::string(100, 'v')), 30'000);
    std::string_view left = text;
    std::size_t moves = 0;
    char* before = nullptr;
    while (under_test.next(out) == status::need_more) {
        auto const room = under_test.space();
        if (room.data() != before) ++moves;
        std::size_t const count = std::min({room.size(), left.size(), std::size_t{4096}});
        std::memcpy(room.data(), left.data(), count);
        under_test.commit(count);
        left.remove_prefix(count);
        before = room.data() + count;
    }
    CHECK(out.size() == 30'000);
    CHECK(moves <= 12);
}

TEST_CASE("pinned values stay what they were while the reader goes on and when it is gone", "[reader]") {
    auto const budget = std::make_shared<pin_budget>(1 << 20);
    std::vector<std::pair<bytes, std::string>> kept;
    {
        reader under_test{budget};
        view out;
        for (int round = 0; round != 40; ++round) {
            std::string const value(3000 + static_cast<std::size_t>(round),
                                    static_cast<char>('a' + round % 26));
            std::string const text = bulk(value);
            std::string_view left = text;
            while (under_test.next(out) == status::need_more)
                left = receive(under_test, left.substr(0, 700)).size() != 0
                           ? left
                           : left.substr(std::min<std::size_t>(700, left.size()));
            auto const decoded = umbel::decode<bytes>(out);
            REQUIRE(decoded);
            CHECK((decoded->data() == out.text().data()));
            kept.emplace_back(*decoded, value);
            CHECK(budget->pinned() <= budget->limit());
        }
        CHECK(budget->pinned() > 40 * 3000);
    }
    for (auto const& [value, expected] : kept) CHECK(value == expected);
    std::thread{[gone = std::move(kept)] { static_cast<void>(gone); }}.join();
    CHECK(budget->pinned() == 0);
}

TEST_CASE("above the budget values are copied out and the reader keeps its chunk", "[reader]") {
    auto const budget = std::make_shared<pin_budget>(20 * 1024);
    reader under_test{budget};
    view out;
    std::vector<bytes> kept;
    for (int round = 0; round != 20; ++round) {
        std::string const text = bulk(std::string(10'000, static_cast<char>('a' + round)));
        std::string_view left = text;
        while (under_test.next(out) == status::need_more) left = receive(under_test, left);
        kept.push_back(*umbel::decode<bytes>(out));
        CHECK(budget->pinned() <= 20 * 1024);
    }
    for (int round = 0; round != 20; ++round)
        CHECK(kept[static_cast<std::size_t>(round)] == std::string(10'000, static_cast<char>('a' + round)));
}

TEST_CASE("a large value that fills its chunk is pinned above the budget too: a copy would take as much",
          "[reader]") {
    auto const budget = std::make_shared<pin_budget>(20 * 1024);
    reader under_test{budget};
    view out;
    std::string const value(1 << 20, 'v');
    std::string const text = bulk(value);
    std::string_view left = text;
    while (under_test.next(out) == status::need_more) left = receive(under_test, left);
    auto kept = umbel::decode<bytes>(out);
    REQUIRE(kept);
    CHECK((kept->data() == out.text().data()));
    CHECK(budget->pinned() >= value.size());
    // Others are copied out meanwhile.
    receive(under_test, bulk(std::string(10'000, 's')));
    REQUIRE(under_test.next(out) == status::ready);
    auto const small = umbel::decode<bytes>(out);
    CHECK((small->data() != out.text().data()));
    CHECK(*kept == value);
    kept = bytes{};
    CHECK(budget->pinned() == 0);
}

TEST_CASE("a new connection starts clean, and pinned bytes survive it", "[reader]") {
    auto const budget = std::make_shared<pin_budget>(1 << 20);
    reader under_test{budget};
    view out;
    receive(under_test, bulk(std::string(4000, 'k')) + "*5\r\n:1\r\n");
    REQUIRE(under_test.next(out) == status::ready);
    bytes const kept = *umbel::decode<bytes>(out);
    REQUIRE(under_test.next(out) == status::need_more);
    under_test.reset();
    CHECK(under_test.at_boundary());
    receive(under_test, bulk(std::string(4000, 'n')));
    REQUIRE(under_test.next(out) == status::ready);
    CHECK(out.text() == std::string(4000, 'n'));
    CHECK(kept == std::string(4000, 'k'));
    receive(under_test, "$5\r\nab");
    CHECK(under_test.skip(out) == status::need_more);
    under_test.reset();
    receive(under_test, "+OK\r\n");
    CHECK(under_test.next(out) == status::ready);
}
