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

TEST_CASE("a provider is a function of a completion, or of a question besides, or none", "[credentials]") {
    std::string heard;
    credential_provider const asked = [&](credential_question what, credential_completion const&) {
        heard = what.node;
    };
    asked({"10.0.0.1:6379"}, [](result<credentials>) {});
    CHECK(heard == "10.0.0.1:6379");
    CHECK(static_cast<bool>(asked));
    CHECK_FALSE(static_cast<bool>(credential_provider{}));
    CHECK_FALSE(static_cast<bool>(credential_provider{nullptr}));
    CHECK_FALSE(static_cast<bool>(credential_provider{std::function<void(credential_completion)>{}}));
    static_assert(!answers_for_credentials<int>);
    static_assert(answers_for_credentials<void (*)(credential_completion)>);
}
