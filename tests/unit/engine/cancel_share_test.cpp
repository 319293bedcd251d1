// cancel_share_test: a share is one counted reference to a token, given back once.
#include <umbel/engine/cancel_share.hpp>

#include <catch2/catch_test_macros.hpp>

#include <optional>
#include <utility>

using namespace umbel::engine;

namespace {

struct counting_token : cancel_token {
    int given_back = 0;
    counting_token() noexcept {
        give_back = [](cancel_token& token) noexcept { ++static_cast<counting_token&>(token).given_back; };
    }
};

}  // namespace

TEST_CASE("a share gives its reference back once, wherever it has been moved", "[cancel_share]") {
    counting_token token;
    {
        cancel_share first{token};
        cancel_share second{std::move(first)};
        CHECK(&second.token() == &token);
        CHECK(token.given_back == 0);
    }
    CHECK(token.given_back == 1);
}

TEST_CASE("a share tells who owns the call, and finds the call for the owner", "[cancel_share]") {
    counting_token token;
    call owned;
    token.target = &owned;
    token.owner = cancel_token::engine;
    cancel_share const share{token};
    CHECK(share.owner() == cancel_token::engine);
    CHECK(&share.target() == &owned);
}
