#include <umbel/engine/credential_keeper.hpp>

#include <catch2/catch_test_macros.hpp>

#include <chrono>
#include <memory>
#include <string>

using namespace umbel;
using namespace umbel::engine;
using namespace std::chrono_literals;

namespace {

using shared = credential_keeper::shared;

shared token(std::string const& text, std::optional<std::chrono::nanoseconds> valid_for = {}) {
    return std::make_shared<credentials const>("app", text, valid_for);
}

/// A keeper that asks somebody, with the hands that the control plane would have.
struct asking {
    instant now{1000s};
    random_source random{7};
    credential_keeper keeper{nullptr, true, 2s};

    /// A connection is opened. Returns the number of the question that must be asked for it; 0: none.
    std::uint32_t open(std::uint16_t node, handshake_plan& plan, std::uint32_t generation = 1) {
        return keeper.identify(plan, {{node, link_mode::primary}, generation}, now) ? keeper.ask(now) : 0;
    }
    /// What a connection that is opened now says; null: it waits.
    shared said(std::uint16_t node = 1) {
        handshake_plan plan;
        open(node, plan);
        CHECK(plan.awaits_identity == (plan.identity == nullptr));
        return plan.identity;
    }
    std::optional<credential_keeper::effect> answer(std::uint32_t question, shared given) {
        return keeper.take({question, std::move(given), std::nullopt}, now, random);
    }
    std::optional<credential_keeper::effect> fails(std::uint32_t question, char const* why) {
        return keeper.take({question, nullptr, error{errc::no_credentials, delivery::not_sent, why}}, now,
                           random);
    }
};

}  // namespace

TEST_CASE("without anybody to ask every connection says what the client was given", "[credentials]") {
    shared const fixed = token("word");
    credential_keeper keeper{fixed, false, 2s};
    handshake_plan plan;
    CHECK_FALSE(keeper.identify(plan, {{1, link_mode::primary}, 1}, instant{1000s}));
    CHECK(plan.identity == fixed);
    CHECK_FALSE(plan.awaits_identity);
    CHECK(keeper.any());
    CHECK(keeper.next_due() == never);
    keeper.distrust(keeper.version());
    CHECK_FALSE(keeper.identify(plan, {{1, link_mode::primary}, 2}, instant{1001s}));
    CHECK(plan.identity == fixed);
}

TEST_CASE("a client without a password says nothing", "[credentials]") {
    credential_keeper keeper{nullptr, false, 2s};
    handshake_plan plan;
    CHECK_FALSE(keeper.identify(plan, {{1, link_mode::primary}, 1}, instant{1000s}));
    CHECK(plan.identity == nullptr);
    CHECK_FALSE(plan.awaits_identity);
    CHECK_FALSE(keeper.any());
}

TEST_CASE("connections that are opened together wait for one answer", "[credentials]") {
    asking a;
    handshake_plan first, second;
    CHECK(a.open(1, first) == 1);
    CHECK(a.open(2, second) == 0);
    CHECK(first.awaits_identity);
    CHECK(second.awaits_identity);
    auto const brought = a.answer(1, token("one", 1h));
    REQUIRE(brought);
    CHECK(brought->give->password.view() == "one");
    CHECK(brought->why.empty());
    auto const waiting = a.keeper.take_waiting();
    REQUIRE(waiting.size() == 2);
    CHECK(waiting[0].link.node == 1);
    CHECK(waiting[1].link.node == 2);
    CHECK(a.keeper.take_waiting().empty());
    CHECK(a.keeper.version() == 1);
}

TEST_CASE("a connection that is opened again waits once", "[credentials]") {
    asking a;
    handshake_plan plan;
    a.open(1, plan, 1);
    a.open(1, plan, 2);
    auto const waiting = a.keeper.take_waiting();
    REQUIRE(waiting.size() == 1);
    CHECK(waiting[0].generation == 2);
}

TEST_CASE("a token serves until three quarters of its time are over, and is asked for anew by then",
          "[credentials]") {
    asking a;
    CHECK(a.said() == nullptr);
    shared const one = token("one", 100s);
    a.answer(1, one);
    CHECK(a.said() == one);
    instant const due = a.keeper.next_due();
    CHECK(due >= a.now + 70s);
    CHECK(due <= a.now + 80s);
    a.now += 69s;
    CHECK(a.said() == one);
    CHECK_FALSE(a.keeper.is_due(a.now));
    a.now = due;
    CHECK(a.keeper.is_due(a.now));
    CHECK(a.keeper.ask(a.now) == 2);
    CHECK_FALSE(a.keeper.is_due(a.now));
    auto const brought = a.answer(2, token("two", 100s));
    REQUIRE(brought);
    // The token before expires, so connections that serve must say the new one.
    CHECK(a.keeper.required() == 2);
    CHECK(a.said()->password.view() == "two");
}

TEST_CASE("an answer without a time serves what is opened within the patience, and no longer",
          "[credentials]") {
    asking a;
    CHECK(a.said() == nullptr);
    a.answer(1, token("one"));
    a.now += 1900ms;
    CHECK(a.said()->password.view() == "one");
    a.now += 200ms;
    CHECK(a.said() == nullptr);
    a.answer(2, token("two"));
    CHECK(a.keeper.required() == 1);  // Connections that serve are left alone.
    CHECK(a.keeper.next_due() == never);
}

TEST_CASE("where no answer comes somebody is asked again, and a late answer counts", "[credentials]") {
    asking a;
    handshake_plan plan;
    CHECK(a.open(1, plan) == 1);
    a.now += 1999ms;
    CHECK(a.open(2, plan) == 0);
    a.now += 2ms;
    CHECK(a.open(3, plan) == 2);
    CHECK(a.answer(1, token("late", 1h))->give != nullptr);
    CHECK(a.said()->password.view() == "late");
    CHECK(a.answer(2, token("two", 1h))->give->password.view() == "two");
    CHECK_FALSE(a.answer(1, token("again", 1h)));
    CHECK(a.said()->password.view() == "two");
}

TEST_CASE("what cannot be used is an error that says why", "[credentials]") {
    asking a;
    handshake_plan plan;
    std::uint32_t const number = a.open(1, plan);
    std::optional<credential_keeper::effect> brought;
    SECTION("an error") {
        brought = a.fails(number, "the vault is sealed");
        CHECK(brought->why == "the credential provider: the vault is sealed");
    }
    SECTION("an empty password") { brought = a.answer(number, token("")); }
    SECTION("a password too long") { brought = a.answer(number, token(std::string(65537, 'x'))); }
    SECTION("what has expired") { brought = a.answer(number, token("old", 0s)); }
    SECTION("what has expired long ago") { brought = a.answer(number, token("old", -1h)); }
    REQUIRE(brought);
    CHECK(brought->give == nullptr);
    CHECK_FALSE(brought->why.empty());
    CHECK(a.keeper.next_due() == never);
    CHECK(a.open(1, plan, 2) == number + 1);  // The next attempt asks again.
}

TEST_CASE("a token is used to its end where no new one is to be had", "[credentials]") {
    asking a;
    a.said();
    a.answer(1, token("one", 100s));
    a.now = a.keeper.next_due();
    a.keeper.ask(a.now);
    CHECK(a.fails(2, "down")->give->password.view() == "one");
    instant const again = a.keeper.next_due();
    CHECK(again > a.now);
    CHECK(again <= a.now + 2s);
    a.now += 40s;
    handshake_plan plan;
    CHECK(a.open(1, plan) == 3);
    CHECK(a.fails(3, "down")->give == nullptr);
}

TEST_CASE("what a server does not take is asked for anew", "[credentials]") {
    asking a;
    a.said();
    a.answer(1, token("one", 1h));
    CHECK(a.said() != nullptr);
    a.keeper.distrust(7);  // Older or other credentials.
    CHECK(a.said() != nullptr);
    a.keeper.distrust(1);
    CHECK(a.said() == nullptr);
}

TEST_CASE("a rotation is for connections that serve, and never satisfied by an older question",
          "[credentials]") {
    asking a;
    a.said();
    a.answer(1, token("one"));
    a.now += 1s;
    a.keeper.renew(a.now);
    CHECK(a.keeper.is_due(a.now));
    CHECK(a.keeper.ask(a.now) == 2);
    a.keeper.renew(a.now);
    CHECK_FALSE(a.keeper.is_due(a.now));  // Question 2 is under way: it may be answered by what was before.
    a.answer(2, token("two"));
    CHECK(a.keeper.required() == 2);
    a.now += credential_keeper::pause_min;
    CHECK(a.keeper.is_due(a.now));
    CHECK(a.keeper.ask(a.now) == 3);
    a.answer(3, token("three"));
    CHECK(a.keeper.required() == 3);
    CHECK(a.keeper.next_due() == never);
}

TEST_CASE("a rotation is not forgotten behind the late answer to a question that was given up",
          "[credentials]") {
    asking a;
    a.said();
    a.now += 3s;
    handshake_plan plan;
    CHECK(a.open(1, plan) == 2);
    a.keeper.renew(a.now);
    a.answer(1, token("late"));
    CHECK(a.keeper.required() == 1);
    SECTION("where the question under way is answered") {
        a.answer(2, token("two"));
        a.now += 1s;
    }
    SECTION("where it is not") { a.now += 3s; }
    CHECK(a.keeper.is_due(a.now));
    CHECK(a.keeper.ask(a.now) == 3);
    a.answer(3, token("three"));
    CHECK(a.keeper.required() == a.keeper.version());
    CHECK(a.keeper.next_due() == never);
}

TEST_CASE("what is pushed stands before the answer to a question that was asked earlier", "[credentials]") {
    asking a;
    handshake_plan plan;
    std::uint32_t const number = a.open(1, plan);
    CHECK(a.answer(0, token("pushed"))->ends_wait);
    CHECK_FALSE(a.answer(number, token("asked before")));
    CHECK(a.said()->password.view() == "pushed");
    CHECK_FALSE(a.fails(number, "down"));
    a.now += 3s;
    CHECK(a.open(1, plan, 2) == number + 1);
    CHECK(a.answer(number + 1, token("two"))->give->password.view() == "two");
}

TEST_CASE("an unusable push changes nothing, and does not end the wait for an answer", "[credentials]") {
    asking a;
    handshake_plan plan;
    std::uint32_t const number = a.open(1, plan);
    auto const brought = a.answer(0, token(""));
    REQUIRE(brought);
    CHECK(brought->why == "client::reauthenticate() was given an empty password");
    CHECK_FALSE(brought->ends_wait);
    CHECK(a.keeper.version() == 0);
    CHECK(a.open(2, plan) == 0);  // The question is under way as before.
    CHECK(a.answer(number, token("one"))->ends_wait);
    CHECK(a.keeper.take_waiting().size() == 2);
}

TEST_CASE("a failed question that was given up does not end the wait for the next one", "[credentials]") {
    asking a;
    a.said();
    a.now += 3s;
    handshake_plan plan;
    CHECK(a.open(1, plan) == 2);
    CHECK_FALSE(a.fails(1, "down")->ends_wait);
    CHECK(a.fails(2, "down")->ends_wait);
}

TEST_CASE("rotations ask no more often than the pause allows, however many are wanted", "[credentials]") {
    asking a;
    unsigned asked = 0;
    instant const end = a.now + 1s;
    for (; a.now < end; a.now += 1ms) {
        a.keeper.renew(a.now);
        if (!a.keeper.is_due(a.now)) continue;
        std::uint32_t const number = a.keeper.ask(a.now);
        ++asked;
        if (asked % 2 != 0)
            a.fails(number, "down");
        else
            a.answer(number, token("two"));
    }
    CHECK(asked == 10);
}

TEST_CASE("a rotation that nobody answers is asked for again", "[credentials]") {
    asking a;
    a.said();
    a.answer(1, token("one"));
    a.now += 1s;
    a.keeper.renew(a.now);
    a.keeper.ask(a.now);
    a.keeper.renew(a.now);
    CHECK_FALSE(a.keeper.is_due(a.now));
    a.now += 3s;
    CHECK(a.keeper.next_due() <= a.now);
    CHECK(a.keeper.is_due(a.now));
    a.keeper.ask(a.now);
    a.fails(3, "down");
    CHECK(a.keeper.next_due() != never);
}

TEST_CASE("without anybody to ask a rotation says the present credentials again", "[credentials]") {
    credential_keeper keeper{token("word"), false, 2s};
    CHECK(keeper.required() == 1);
    keeper.renew(instant{1000s});
    CHECK(keeper.required() == 2);
    CHECK(keeper.version() == 2);
    random_source random{1};
    auto const brought = keeper.take({0, token("new"), std::nullopt}, instant{1001s}, random);
    CHECK(brought->give->password.view() == "new");
    CHECK(keeper.required() == 3);
    handshake_plan plan;
    CHECK_FALSE(keeper.identify(plan, {{1, link_mode::primary}, 1}, instant{9000s}));
    CHECK(plan.identity->password.view() == "new");
}
