#include <umbel/credentials.hpp>

#include <catch2/catch_test_macros.hpp>

#include <chrono>
#include <string>
#include <utility>

using namespace umbel;
using namespace std::chrono_literals;

TEST_CASE("credentials are made of any texts, with or without a time", "[credentials]") {
    credentials const plain{"ada", std::string{"lovelace"}};
    CHECK(plain.username.view() == "ada");
    CHECK(plain.password.view() == "lovelace");
    CHECK_FALSE(plain.valid_for);
    credentials const token{"", "t0ken", 15min};
    CHECK(token.username.empty());
    CHECK(token.valid_for == 15min);
}

TEST_CASE("a completion takes credentials or an error", "[credentials]") {
    std::string told;
    credential_completion const done = [&](result<credentials> answer) {
        told = answer ? std::string{answer->password.view()} : std::string{answer.error().message()};
    };
    credential_provider const provider = [](credential_completion const& answer) {
        answer(credentials{"ada", "lovelace"});
    };
    provider(done);
    CHECK(told == "lovelace");
    done(fail(errc::no_credentials, delivery::not_sent, "sealed"));
    CHECK(told == "sealed");
}
