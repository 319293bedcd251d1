// Tests of resp/from_reply.hpp: which types a reply may be decoded into: what somebody may write by mistake
// is refused by a concept with a name.
#include <umbel/resp/decode.hpp>

#include <catch2/catch_test_macros.hpp>

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

using umbel::decodable;
using umbel::result;

namespace {

/// The smallest type that is decodable.
struct user {};

struct without_from_reply {};
struct returns_itself {};
struct returns_an_optional {};
struct returns_another {};
struct takes_text {};
struct is_no_static {};

}  // namespace

template <>
struct umbel::from_reply<user> {
    static result<user> from(resp::view const&) { return user{}; }
};
template <>
struct umbel::from_reply<returns_itself> {
    static returns_itself from(resp::view const&) { return {}; }
};
template <>
struct umbel::from_reply<returns_an_optional> {
    static std::optional<returns_an_optional> from(resp::view const&) { return std::nullopt; }
};
template <>
struct umbel::from_reply<returns_another> {
    static result<std::string> from(resp::view const&) { return std::string{}; }
};
template <>
struct umbel::from_reply<takes_text> {
    static result<takes_text> from(std::string const&) { return takes_text{}; }
};
template <>
struct umbel::from_reply<is_no_static> {
    result<is_no_static> from(resp::view const&) const { return is_no_static{}; }
};

TEST_CASE("a type is decodable when its from_reply returns exactly its result", "[decode]") {
    STATIC_CHECK((decodable<user> && decodable<std::optional<user>> && decodable<std::vector<user>> &&
                  decodable<result<user>>));
    STATIC_CHECK_FALSE(
        (decodable<returns_itself> || decodable<returns_an_optional> || decodable<returns_another>));
    STATIC_CHECK(
        (umbel::has_from_reply<returns_itself> && !umbel::from_reply_returns_result<returns_itself>));
}

TEST_CASE("a type without a static from_reply of a view is not decodable, nor is anything made of it",
          "[decode]") {
    STATIC_CHECK_FALSE((umbel::has_from_reply<without_from_reply> || umbel::has_from_reply<takes_text> ||
                        umbel::has_from_reply<is_no_static>));
    STATIC_CHECK_FALSE((decodable<without_from_reply> || decodable<takes_text> || decodable<is_no_static>));
    STATIC_CHECK_FALSE(
        (decodable<std::optional<without_from_reply>> || decodable<std::vector<without_from_reply>>));
}

TEST_CASE("what owns nothing, and what is no object, is not decodable", "[decode]") {
    STATIC_CHECK_FALSE((decodable<std::string_view> || decodable<char const*> || decodable<int*> ||
                        decodable<std::unique_ptr<int>>));
    STATIC_CHECK_FALSE((decodable<void> || decodable<std::string&> || decodable<std::string const>));
}
