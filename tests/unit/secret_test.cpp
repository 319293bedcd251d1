#include <umbel/secret.hpp>

#include <catch2/catch_test_macros.hpp>

#include <cstring>
#include <memory>
#include <ostream>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

using namespace umbel;

namespace {

/// Memory that a vector gives back; kept, so that a test may look at what was left there.
char kept[4096];
std::size_t kept_bytes = 0;

/// As wiping_allocator, but the memory is this file's.
template <class Value>
struct watched_allocator : wiping_allocator<Value> {
    using value_type = Value;
    watched_allocator() noexcept = default;
    template <class Other>
    watched_allocator(watched_allocator<Other> const&) noexcept {}
    void deallocate(Value* memory, std::size_t count) noexcept {
        wipe(static_cast<void*>(memory), count * sizeof(Value));
        kept_bytes = count * sizeof(Value);
        std::memcpy(kept, memory, kept_bytes);
        std::allocator<Value>{}.deallocate(memory, count);
    }
};

template <class Type>
concept printable = requires(std::ostream& out, Type const& value) { out << value; };
static_assert(!printable<secret>);
static_assert(std::is_nothrow_move_constructible_v<secret> &&
              std::is_nothrow_default_constructible_v<secret>);
static_assert(!std::is_convertible_v<secret, std::string_view>);

}  // namespace

TEST_CASE("a secret is made of any text, and copied and moved as a text", "[secret]") {
    std::string const text = "open sesame";
    secret const first{text};
    secret second = "open sesame";
    CHECK(first == second);
    CHECK(first.view() == text);
    secret third = std::move(second);
    CHECK(third == first);
    CHECK(second.empty());
    second = third;
    CHECK(second == third);
    second = std::string_view{"other"};
    CHECK_FALSE(second == third);
    CHECK(second.size() == 5);
    CHECK(secret{}.empty());
    CHECK_FALSE(secret{"open sesamE"} == first);
}

TEST_CASE("no byte of a secret stands in the object itself", "[secret]") {
    secret const hidden{"ab"};
    std::string_view const object{reinterpret_cast<char const*>(&hidden), sizeof hidden};
    CHECK(object.find("ab") == std::string_view::npos);
}

TEST_CASE("memory is overwritten before it is given back, also when a text grows", "[secret]") {
    std::vector<char, watched_allocator<char>> bytes;
    std::string_view const text = "open sesame";
    bytes.assign(text.begin(), text.end());
    kept_bytes = 0;
    bytes.reserve(100);
    REQUIRE(kept_bytes >= text.size());
    CHECK(std::string(kept, kept_bytes) == std::string(kept_bytes, '\0'));
    kept_bytes = 0;
    bytes = {};
    bytes.shrink_to_fit();
    if (kept_bytes != 0) CHECK(std::string(kept, kept_bytes) == std::string(kept_bytes, '\0'));
}

TEST_CASE("a text is wiped with all the memory that it has", "[secret]") {
    std::string text = "a password that is longer than a short string";
    text.resize(10);
    char const* const at = text.data();
    wipe(text);
    CHECK(text.empty());
    CHECK(text.data() == at);
    CHECK(std::string_view{at, 45}.find_first_not_of('\0') == std::string_view::npos);
}

TEST_CASE("what a server repeats is shown without the secret", "[secret]") {
    CHECK(without("ERR unknown command 'AUTH', with args: 'ada' 'sesame' 'sesame'", secret{"sesame"}) ==
          "ERR unknown command 'AUTH', with args: 'ada' '***' '***'");
    CHECK(without("ERR", secret{}) == "ERR");
    CHECK(without("", secret{"x"}).empty());
    CHECK(without("xx", secret{"xxx"}) == "xx");
}
