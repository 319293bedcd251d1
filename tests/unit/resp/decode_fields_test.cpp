// Tests of resp/decode_fields.hpp: structs from hashes by the names of their fields.
#include <umbel/resp/decode.hpp>
#include <umbel/resp/parser.hpp>

#include <catch2/catch_test_macros.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

using umbel::errc;
using umbel::resp::parser;
using umbel::resp::view;

namespace {

enum class color : std::uint8_t { red, green };

struct user {
    std::string name;
    int age = 0;
    bool active = false;
    color likes = color::red;
    std::optional<std::string> mail;
    friend bool operator==(user const&, user const&) = default;
    static constexpr auto umbel_fields =
        std::tuple{umbel::field("name", &user::name), umbel::field("age", &user::age),
                   umbel::field("active", &user::active), umbel::field("likes", &user::likes),
                   umbel::field("mail", &user::mail)};
};

/// A struct of somebody else's.
struct foreign {
    int number = 0;
    friend bool operator==(foreign const&, foreign const&) = default;
};
struct undecodable {
    char const* text = nullptr;
    static constexpr auto umbel_fields = std::tuple{umbel::field("text", &undecodable::text)};
};
struct undescribed {
    int number = 0;
};
struct something_else {
    static constexpr int umbel_fields = 5;
};

template <class T>
umbel::result<T> decode(std::string text) {
    parser reading;
    REQUIRE(reading.parse({text.data(), text.size()}) == parser::status::complete);
    return umbel::decode<T>(view{reading.root(), text.data()});
}

std::string const all =
    "$4\r\nname\r\n$3\r\nada\r\n$3\r\nage\r\n$2\r\n36\r\n$6\r\nactive\r\n$1\r\n1\r\n$5\r\nlikes\r\n$"
    "1\r\n1\r\n";
user const ada{"ada", 36, true, color::green, std::nullopt};

}  // namespace

template <>
inline constexpr auto umbel::fields_of<foreign> = std::tuple{umbel::field("n", &foreign::number)};

TEST_CASE("a struct is decoded from a map, a flat array and an array of pairs", "[decode]") {
    CHECK(decode<user>("*8\r\n" + all) == ada);
    CHECK(decode<user>("%4\r\n" + all) == ada);
    CHECK(decode<foreign>("*1\r\n*2\r\n$1\r\nn\r\n:5\r\n") == foreign{5});
    CHECK(decode<std::vector<foreign>>("*2\r\n%1\r\n+n\r\n:1\r\n*2\r\n+n\r\n:2\r\n") ==
          std::vector<foreign>{{1}, {2}});
}

TEST_CASE("fields stand in any order, and what the struct does not name is passed over", "[decode]") {
    CHECK(decode<user>("*12\r\n$1\r\nx\r\n*1\r\n:1\r\n" + all + "$4\r\nmail\r\n$3\r\na@b\r\n") ==
          user{"ada", 36, true, color::green, "a@b"});
    CHECK(decode<user>("*12\r\n$4\r\nmail\r\n$-1\r\n+age\r\n:1\r\n" + all) == ada);  // The last one counts.
}

TEST_CASE("a missing hash is nullopt, and a missing field an error that names it", "[decode]") {
    CHECK(decode<std::optional<user>>("*0\r\n").value() == std::optional<user>{});
    CHECK(decode<std::optional<user>>("%0\r\n").value() == std::optional<user>{});
    CHECK(decode<std::optional<user>>("*8\r\n" + all).value() == std::optional{ada});
    auto const missing = decode<user>("*2\r\n$4\r\nname\r\n$3\r\nada\r\n");
    CHECK(missing.error() == errc::unexpected_type);
    CHECK(missing.error().message() == "expected a field \"age\", got array of 2 without it");
    CHECK(decode<user>("%0\r\n").error().message() == "expected a field \"name\", got map of 0 without it");
}

TEST_CASE("a field of the wrong type is an error that names it and says what came", "[decode]") {
    auto const wrong = decode<user>("*8\r\n$3\r\nage\r\n$1\r\nx\r\n" + all.substr(0, all.size() - 18) + "");
    REQUIRE_FALSE(wrong);
    CHECK(wrong.error() == errc::unexpected_type);
    CHECK(wrong.error().message() == "field \"age\": expected an integer in range, got bulk string");
    CHECK(decode<foreign>("*2\r\n+n\r\n-ERR no\r\n").error() == errc::server_error);
    CHECK(decode<foreign>("*2\r\n+n\r\n-ERR no\r\n").error().message() == "field \"n\": ERR no");
}

TEST_CASE("what is no hash is no struct", "[decode]") {
    CHECK(decode<foreign>("*3\r\n+n\r\n:1\r\n:2\r\n").error().message() == "expected a map, got array of 3");
    CHECK(decode<foreign>("$1\r\nn\r\n").error().message() == "expected a map, got bulk string");
    CHECK(decode<foreign>("_\r\n").error().message() == "expected a map, got null");
    CHECK(decode<foreign>("*2\r\n*0\r\n:1\r\n").error() == errc::unexpected_type);
    CHECK(decode<foreign>("-ERR no\r\n").error() == errc::server_error);
}

TEST_CASE("a struct is decodable when it says its fields and each of them is", "[decode]") {
    STATIC_CHECK((umbel::described<user> && umbel::described<foreign> && umbel::described<undecodable>));
    STATIC_CHECK((umbel::decodable<user> && umbel::decodable<foreign>));
    STATIC_CHECK_FALSE((umbel::described<undescribed> || umbel::described<something_else> ||
                        umbel::described<int> || umbel::described<std::string>));
    STATIC_CHECK_FALSE((umbel::decodable<undecodable> || umbel::decodable<undescribed>));
}
