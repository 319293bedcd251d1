// Tests of command/to_argument.hpp: how types of users, truth values, enumerations, durations and structs are
// sent, and what cannot be.
#include <umbel/command/to_argument.hpp>

#include <umbel/command/hashes.hpp>
#include <umbel/command/word_list.hpp>

#include "recorder.hpp"
#include "shown.hpp"

#include <catch2/catch_test_macros.hpp>

#include <array>
#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

using namespace std::chrono_literals;
using umbel::command::argument;
using umbel::command::sendable;
using umbel::command::word;
using umbel::command::word_list;
using umbel::test::shown;

namespace {

enum class color : std::uint8_t { red = 1, green = 200 };
enum class signed_color : std::int8_t { below = -3 };
enum class named_color { red };
enum plain_color { plain_red = 7 };

struct user_id {
    std::int64_t number = 0;
};
struct tag {
    std::string text;
};
struct point {
    int x = 0;
    int y = 0;
};
struct unsent {};
struct returns_nothing_sendable {};

struct user {
    std::string name;
    color likes = color::red;
    bool active = false;
    std::optional<std::string> mail;
    std::optional<point> home;
    static constexpr auto umbel_fields =
        std::tuple{umbel::field("name", &user::name), umbel::field("likes", &user::likes),
                   umbel::field("active", &user::active), umbel::field("mail", &user::mail),
                   umbel::field("home", &user::home)};
};
struct only_optional {
    std::optional<int> number;
    static constexpr auto umbel_fields = std::tuple{umbel::field("number", &only_optional::number)};
};
struct has_unsent {
    unsent value;
    static constexpr auto umbel_fields = std::tuple{umbel::field("value", &has_unsent::value)};
};

}  // namespace

template <>
struct umbel::to_argument<user_id> {
    static std::int64_t from(user_id const& id) { return id.number; }
};
template <>
struct umbel::to_argument<tag> {
    static std::string_view from(tag const& value) { return value.text; }
};
template <>
struct umbel::to_argument<point> {
    static std::string from(point const& at) {
        return std::to_string(at.x) + "," + std::to_string(at.y) + " and text that stands nowhere else";
    }
};
template <>
struct umbel::to_argument<named_color> {
    static std::string_view from(named_color) { return "red"; }
};
template <>
struct umbel::to_argument<returns_nothing_sendable> {
    static void* from(returns_nothing_sendable const&) { return nullptr; }
};

namespace {

constexpr umbel::test::recorder<umbel::command::hash_commands> db;

template <class... Any>
std::string any(Any const&... values) {
    word_list list;
    (list.add_any(values), ...);
    return shown(list);
}
std::string text_of(argument const& value) { return std::string{value.text()}; }

}  // namespace

TEST_CASE("truth values are 0 and 1, enumerations their number unless somebody says otherwise",
          "[argument]") {
    CHECK(text_of(true) == "1");
    CHECK(text_of(false) == "0");
    CHECK(text_of(color::green) == "200");
    CHECK(text_of(signed_color::below) == "-3");
    CHECK(text_of(plain_red) == "7");
    CHECK(text_of(named_color::red) == "red");
    CHECK(any(std::vector<bool>{true, false}) == "1 0");
    STATIC_CHECK_FALSE(word<void*>);
    STATIC_CHECK_FALSE(word<char>);
}

TEST_CASE("types of users are sent as what to_argument says: a number, a view, or a text of its own",
          "[argument]") {
    tag const lasting{"text"};
    CHECK(text_of(user_id{5}) == "5");
    CHECK(text_of(lasting) == "text");
    CHECK(argument{lasting}.text().data() == lasting.text.data());
    CHECK(text_of(point{1, 2}) == "1,2 and text that stands nowhere else");
    CHECK(db.hset("k", user_id{1}, point{3, 4}).words == "HSET k 1 3,4 and text that stands nowhere else");
    CHECK(db.hset("k", "a", point{1, 2}, "b", point{3, 4}).argv[5] ==
          "3,4 and text that stands nowhere else");
    CHECK(db.hdel("k", point{1, 2}, point{3, 4}).argv[2] == "1,2 and text that stands nowhere else");
    std::vector<point> const points(100, point{5, 6});
    auto const sent = db.hdel("k", points);
    CHECK(sent.argv.size() == 102);
    CHECK(sent.argv.back() == "5,6 and text that stands nowhere else");
    CHECK(db.hset("k", std::map<std::string, point>{{"a", {7, 8}}}).argv.back() ==
          "7,8 and text that stands nowhere else");
}

TEST_CASE("what can be sent is decided when it is compiled", "[argument]") {
    STATIC_CHECK((word<user_id> && word<tag> && word<point> && word<color> && word<bool>));
    STATIC_CHECK_FALSE((word<unsent> || word<returns_nothing_sendable> || word<std::optional<int>>));
    STATIC_CHECK((sendable<std::optional<point>> && sendable<std::vector<point>> &&
                  sendable<std::map<std::string, color>> && sendable<user>));
    STATIC_CHECK_FALSE((sendable<unsent> || sendable<std::vector<unsent>> ||
                        sendable<std::optional<unsent>> || sendable<has_unsent>));
}

TEST_CASE("a duration is sent in a unit that is said, and never by itself", "[argument]") {
    STATIC_CHECK_FALSE((word<std::chrono::seconds> || word<std::chrono::milliseconds> ||
                        word<std::chrono::system_clock::time_point>));
    STATIC_CHECK_FALSE((sendable<std::chrono::seconds> || sendable<std::vector<std::chrono::seconds>>));
    CHECK(text_of(umbel::in_seconds(2min)) == "120");
    CHECK(text_of(umbel::in_milliseconds(2s)) == "2000");
    CHECK(text_of(umbel::in_milliseconds(-2ms)) == "-2");
    CHECK(text_of(umbel::in_seconds(std::chrono::sys_seconds{90s})) == "90");
    CHECK(text_of(umbel::in_milliseconds(std::chrono::sys_seconds{90s})) == "90000");
}

TEST_CASE("a range adds each element, an optional its value or nothing, a struct its fields", "[argument]") {
    std::optional<int> const none;
    std::vector<std::string> const texts{"a", "b"};
    CHECK(any("x", std::optional{5}, none, std::optional<std::string>{"y"}) == "x 5 y");
    CHECK(any(texts, std::vector<std::string>{}, std::array{1, 2}) == "a b 1 2");
    CHECK(any(std::vector{umbel::key{"k"}, umbel::key{"l"}}) == "@k @l");
    CHECK(any(std::map<std::string, color>{{"f", color::red}}) == "f 1");
    CHECK(any(std::optional{point{1, 2}}) == "1,2 and text that stands nowhere else");
    CHECK(any(only_optional{5}) == "number 5");
}

TEST_CASE("a struct is written as a hash, without the members that are empty", "[argument]") {
    user ada{"ada", color::green, true, std::nullopt, std::nullopt};
    CHECK(db.hset("k", ada).words == "HSET k name ada likes 200 active 1");
    ada.mail = "a@b";
    ada.home = point{1, 2};
    CHECK(db.hset("k", ada).words ==
          "HSET k name ada likes 200 active 1 mail a@b home 1,2 and text that stands nowhere else");
    CHECK(db.hset("k", only_optional{}).refusal == "a struct without any field to send");
    CHECK(umbel::test::against_table(db.hset("k", ada)) == "");
}

TEST_CASE("a float is spelled as a float", "[argument]") {
    CHECK(text_of(0.1F) == "0.1");
    CHECK(text_of(0.1) == "0.1");
    CHECK(text_of(1.5L) == "1.5");
}
