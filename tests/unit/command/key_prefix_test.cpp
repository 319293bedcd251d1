#include <umbel/command/key_prefix.hpp>

#include <umbel/command/encode.hpp>

#include <catch2/catch_test_macros.hpp>

#include <string>
#include <string_view>
#include <vector>

using umbel::command::key_prefix;

TEST_CASE("a prefix grows to its bound and not beyond", "[key_prefix]") {
    key_prefix prefix;
    CHECK(prefix.empty());
    CHECK(prefix.append("app:"));
    CHECK(prefix.append(""));
    CHECK(prefix.append("eu:"));
    CHECK(prefix.text() == "app:eu:");
    CHECK(prefix.append(std::string(key_prefix::bytes_max - 7, 'x')));
    CHECK(prefix.size() == key_prefix::bytes_max);
    key_prefix const before = prefix;
    CHECK_FALSE(prefix.append("y"));
    CHECK(prefix.text() == before.text());
}

TEST_CASE("keys are encoded behind their prefix, and hashed with it", "[key_prefix][encode]") {
    static constexpr umbel::command::command_spec rename{"RENAME", umbel::cluster::command_flags::none};
    key_prefix prefix;
    REQUIRE(prefix.append("{t}:"));
    std::vector<char> room(256);
    umbel::command::argument const words[] = {umbel::key{"from"}, umbel::key{""}, std::string_view{"value"}};
    auto const made =
        umbel::command::encode(room.data(), rename, words, [](std::size_t, std::string_view) {}, prefix);
    std::string_view const wire{room.data(), static_cast<std::size_t>(made.end - room.data())};
    CHECK(wire == "*4\r\n$6\r\nRENAME\r\n$8\r\n{t}:from\r\n$4\r\n{t}:\r\n$5\r\nvalue\r\n");
    CHECK(made.slot.slot() == umbel::cluster::slot_of("t"));
    CHECK(made.first_key == "{t}:from");
}
