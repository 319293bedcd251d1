// Tests of umbel::bytes: inside, pinned or copied, and shared by copies.
#include <umbel/resp/bytes.hpp>

#include <catch2/catch_test_macros.hpp>

#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_set>
#include <utility>

using umbel::bytes;
using umbel::resp::chunk;
using umbel::resp::chunk_ref;
using umbel::resp::pin;
using umbel::resp::pin_budget;

TEST_CASE("up to 24 bytes stand inside, more are copied once and shared", "[bytes]") {
    for (std::size_t size = 0; size != 60; ++size) {
        std::string const text(size, 'b');
        bytes const value{text};
        CHECK(value.view() == text);
        CHECK((value.source() == nullptr) == (size <= bytes::inside_max));
        bytes const shared = value;
        CHECK(shared == value);
        CHECK((shared.data() == value.data()) == (size > bytes::inside_max));
    }
}

TEST_CASE("pinned bytes stand where they were received", "[bytes]") {
    auto const budget = std::make_shared<pin_budget>(1000);
    chunk_ref owner{chunk::create(200, budget)};
    std::memset(owner->data(), 'p', 200);
    std::string_view const text{owner->data() + 10, 100};
    bytes value{text, pin::of(owner.get())};
    CHECK((value.data() == text.data()));
    CHECK(budget->pinned() == 200);
    bytes copy = value;
    value = bytes{};
    owner = {};
    CHECK(copy.view() == std::string(100, 'p'));
    bytes const moved = std::move(copy);
    CHECK(moved.size() == 100);
    CHECK(budget->pinned() == 200);
}

TEST_CASE("short bytes hold no pin", "[bytes]") {
    auto const budget = std::make_shared<pin_budget>(1000);
    chunk_ref const owner{chunk::create(200, budget)};
    std::memcpy(owner->data(), "short", 5);
    bytes const value{{owner->data(), 5}, pin::of(owner.get())};
    CHECK(value == "short");
    CHECK(budget->pinned() == 0);
    CHECK_FALSE(owner->pinned());
}

TEST_CASE("bytes swap, assign to themselves and move whatever they hold", "[bytes]") {
    std::string const text(100, 'l');
    bytes inside{"short"}, outside{text};
    swap(inside, outside);
    CHECK(inside == text);
    CHECK(outside == "short");
    bytes& alias = inside;
    inside = alias;
    CHECK(inside == text);
    inside = std::move(alias);
    CHECK(inside == text);
    outside = std::move(inside);
    CHECK(outside == text);
    inside = outside;
    CHECK(inside == outside);
}

TEST_CASE("bytes compare with texts and serve as keys", "[bytes]") {
    bytes const value{"b"};
    CHECK(value == "b");
    CHECK("b" == value);
    CHECK(value < bytes{"c"});
    CHECK(value > std::string_view{"a"});
    CHECK(bytes{}.empty());
    CHECK(bytes{} == "");
    std::unordered_set<bytes> const keys{bytes{"a"}, bytes{std::string(100, 'k')}};
    CHECK(keys.contains(bytes{std::string(100, 'k')}));
    CHECK(std::string{keys.find(bytes{"a"})->str()} == "a");
}
