#include <umbel/resp/keys_within.hpp>

#include <catch2/catch_test_macros.hpp>

#include <optional>
#include <string>
#include <tuple>
#include <vector>

using umbel::resp::holds_keys;
using umbel::resp::strip_keys;

namespace {

struct named {
    std::string key;
    void strip_keys(std::size_t prefix_bytes) noexcept { umbel::resp::strip_key(key, prefix_bytes); }
};

}  // namespace

TEST_CASE("values that name keys are known, wherever they stand", "[keys_within]") {
    STATIC_CHECK(holds_keys<named>);
    STATIC_CHECK(holds_keys<std::optional<named>>);
    STATIC_CHECK(holds_keys<std::vector<std::optional<named>>>);
    STATIC_CHECK(holds_keys<std::tuple<umbel::result<int>, umbel::result<named>>>);
    STATIC_CHECK_FALSE(holds_keys<std::string>);
    STATIC_CHECK_FALSE(holds_keys<std::tuple<umbel::result<int>>>);
}

TEST_CASE("the prefix is taken from keys, and from nothing else", "[keys_within]") {
    std::tuple<std::string, umbel::result<std::optional<named>>, std::vector<named>, std::optional<named>>
        all{"app:text", named{"app:a"}, {{"app:b"}, {"app"}}, std::nullopt};
    strip_keys(all, 4);
    CHECK(std::get<0>(all) == "app:text");
    CHECK((*std::get<1>(all))->key == "a");
    CHECK(std::get<2>(all)[0].key == "b");
    CHECK(std::get<2>(all)[1].key == "app");  // Too short to have had the prefix.
    CHECK_FALSE(std::get<3>(all).has_value());
}
