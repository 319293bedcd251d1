// The history checker must acquit what can be true and convict what cannot: a checker that is blind would let
// every drill pass.
#include "support/history.hpp"

#include <catch2/catch_test_macros.hpp>

#include <string>
#include <vector>

using namespace umbel::test;
using umbel::delivery;

namespace {

/// One counter and one list, written by steps: each step takes ten units of time.
struct book {
    history kept;
    std::uint32_t counter = kept.key("{a}:n", history::kind::incr);
    std::uint32_t list = kept.key("{a}:l", history::kind::push);
    history::instant now = 0;

    std::size_t begin(std::uint32_t key, std::uint32_t caller = 0) {
        return kept.begin(caller, key, now += 10);
    }
    void answer(std::size_t number, std::int64_t value) { kept.acknowledge(number, value, now += 10); }
    void fail(std::size_t number, delivery delivered) { kept.fail(number, delivered, now += 10); }
    /// Begins and acknowledges.
    std::size_t ran(std::uint32_t key, std::int64_t value, std::uint32_t caller = 0) {
        std::size_t const number = begin(key, caller);
        answer(number, value);
        return number;
    }
    std::size_t failed(std::uint32_t key, delivery delivered) {
        std::size_t const number = begin(key);
        fail(number, delivered);
        return number;
    }
    std::string token(std::size_t number) const { return kept.token(number); }
    sentence judged(std::int64_t value, std::vector<std::string> tokens = {}) {
        kept.ends_as(counter, value);
        kept.ends_as(list, std::move(tokens));
        return kept.check();
    }
};

void acquitted(sentence const& found) {
    INFO(found.to_string());
    CHECK(found.clean());
    CHECK(found.texts.empty());
}
/// Convicted of this and of nothing else.
void convicted(sentence const& found, guilt of) {
    INFO(found.to_string());
    CHECK_FALSE(found.clean());
    for (guilt const what : all_guilt) {
        INFO(name_of(what));
        CHECK((found[what] != 0) == (what == of));
    }
    CHECK_FALSE(found.texts.empty());
}

}  // namespace

TEST_CASE("a history without writes and one of plain writes are clean", "[history]") {
    acquitted(book{}.judged(0));
    book b;
    for (int i = 1; i <= 3; ++i) b.ran(b.counter, i);
    std::vector<std::string> tokens;
    for (int i = 1; i <= 3; ++i) tokens.push_back(b.token(b.ran(b.list, i)));
    auto const found = b.judged(3, tokens);
    acquitted(found);
    CHECK(found.acknowledged == 6);
    CHECK(tokens[0] == "{a}:l#3");
}

TEST_CASE("a counter may be anywhere between acknowledged and acknowledged plus unknown, and nowhere else",
          "[history]") {
    auto const told = [](std::int64_t value) {
        book b;
        b.ran(b.counter, 1);
        b.failed(b.counter, delivery::unknown);
        b.failed(b.counter, delivery::executed);
        b.failed(b.counter, delivery::not_sent);
        b.failed(b.counter, delivery::not_executed);
        return b.judged(value);
    };
    convicted(told(0), guilt::lost);
    for (int value = 1; value <= 3; ++value) acquitted(told(value));
    convicted(told(4), guilt::doubled);
    CHECK(told(1).refused == 2);
    CHECK(told(1).unknown == 2);
}

TEST_CASE("an answer that no order of the commands explains is found, also when the end looks right",
          "[history]") {
    SECTION("an increment that ran twice, made up for by one that was lost") {
        book b;
        b.ran(b.counter, 1);
        b.ran(b.counter, 3);
        b.kept.may_lose(b.counter, b.now + 1, b.now + 100);
        b.ran(b.counter, 4);
        convicted(b.judged(3), guilt::doubled);
    }
    SECTION("the very first one ran twice, and a failover hides it") {
        book b;
        b.ran(b.counter, 2);
        b.kept.may_lose(b.counter, b.now + 1, b.now + 100);
        b.ran(b.counter, 3);
        convicted(b.judged(2), guilt::doubled);
    }
    SECTION("after a window of losses the count goes on from where it was, and may not jump") {
        book b;
        for (int i = 1; i <= 5; ++i) b.ran(b.counter, i);
        b.kept.may_lose(b.counter, 0, b.now + 5);
        b.now += 10;
        b.ran(b.counter, 2);
        b.ran(b.counter, 4);
        convicted(b.judged(4), guilt::doubled);
    }
    SECTION("a value that falls without a failover") {
        book b;
        b.ran(b.counter, 1);
        b.ran(b.counter, 2);
        b.ran(b.counter, 2, 1);
        auto const found = b.judged(3);
        CHECK(found[guilt::lost] != 0);
        CHECK(found[guilt::crossed] == 1);
    }
    SECTION("two commands side by side with one answer") {
        book b;
        auto const one = b.begin(b.counter);
        auto const two = b.begin(b.counter, 1);
        b.answer(one, 1);
        b.answer(two, 1);
        convicted(b.judged(2), guilt::crossed);
    }
    SECTION("side by side in the other order is well") {
        book b;
        auto const one = b.begin(b.counter);
        auto const two = b.begin(b.counter, 1);
        b.answer(one, 2);
        b.answer(two, 1);
        acquitted(b.judged(2));
    }
    SECTION("the answer of another kind of command") {
        book b;
        b.ran(b.counter, 0);
        CHECK(b.judged(1)[guilt::crossed] == 1);
    }
}

TEST_CASE("an unknown increment may run late, but only once", "[history]") {
    book b;
    b.ran(b.counter, 1);
    b.failed(b.counter, delivery::unknown);
    b.ran(b.counter, 2);
    b.ran(b.counter, 4);
    acquitted(b.judged(4));
    b.ran(b.counter, 6);
    auto const found = b.judged(6);
    CHECK(found[guilt::doubled] != 0);
}

TEST_CASE("what a failover may lose is forgiven inside its window and nowhere else", "[history]") {
    for (bool const inside : {true, false}) {
        book b;
        std::vector<std::string> tokens;
        for (int i = 1; i <= 3; ++i) {
            b.ran(b.counter, i);
            tokens.push_back(b.token(b.ran(b.list, i)));
        }
        auto const from = inside ? b.now - 35 : b.now + 1;
        for (auto const key : {b.counter, b.list}) b.kept.may_lose(key, from, b.now + 5);
        b.now += 20;
        tokens.pop_back();
        b.ran(b.counter, 3);
        tokens.push_back(b.token(b.ran(b.list, 3)));
        auto const found = b.judged(3, tokens);
        INFO(found.to_string());
        if (inside) {
            CHECK(found.clean());
            CHECK(found.forgiven == 2);
        } else {
            CHECK(found[guilt::lost] != 0);
            CHECK(found.forgiven == 0);
        }
    }
}

TEST_CASE("what a failover has lost need not have seen what the copy that stayed was told before",
          "[history]") {
    for (bool const forgiven : {true, false}) {
        book b;
        for (int i = 1; i <= 5; ++i) b.ran(b.counter, i);
        auto const from = b.now + 1;
        b.ran(b.counter, 2);
        if (forgiven) b.kept.may_lose(b.counter, from, b.now);
        b.now += 20;
        b.ran(b.counter, 6);
        auto const found = b.judged(6);
        INFO(found.to_string());
        CHECK(found.clean() == forgiven);
        if (!forgiven) CHECK(found[guilt::lost] != 0);
    }
}

TEST_CASE("a list tells what was lost, doubled, crossed and denied", "[history]") {
    book b;
    auto const first = b.token(b.ran(b.list, 1));
    auto const second = b.token(b.ran(b.list, 2));
    SECTION("whole") { acquitted(b.judged(0, {first, second})); }
    SECTION("lost") { convicted(b.judged(0, {first}), guilt::lost); }
    SECTION("doubled") { convicted(b.judged(0, {first, second, second}), guilt::doubled); }
    SECTION("crossed answers") {
        auto const third = b.token(b.ran(b.list, 4));
        auto const fourth = b.token(b.ran(b.list, 3));
        convicted(b.judged(0, {first, second, third, fourth}), guilt::crossed);
    }
    SECTION("somebody else's token") { convicted(b.judged(0, {first, second, "{b}:l#1"}), guilt::crossed); }
    SECTION("a token that nobody has sent") {
        convicted(b.judged(0, {first, second, "{a}:l#77"}), guilt::crossed);
    }
    SECTION("a token of another kind of operation") {
        b.ran(b.counter, 1);
        convicted(b.judged(1, {first, second, "{a}:l#2"}), guilt::crossed);
    }
    SECTION("denied: not sent") {
        auto const token = b.token(b.failed(b.list, delivery::not_sent));
        convicted(b.judged(0, {first, second, token}), guilt::denied_effect);
    }
    SECTION("denied: not executed") {
        auto const token = b.token(b.failed(b.list, delivery::not_executed));
        convicted(b.judged(0, {first, second, token}), guilt::denied_effect);
    }
    SECTION("unknown may be there or not, but not twice") {
        auto const token = b.token(b.failed(b.list, delivery::unknown));
        acquitted(b.judged(0, {first, second}));
        acquitted(b.judged(0, {first, second, token}));
        convicted(b.judged(0, {first, second, token, token}), guilt::doubled);
    }
}

TEST_CASE("a list tells the order: what was settled before another began stands before it", "[history]") {
    book b;
    auto const first = b.begin(b.list);
    b.answer(first, 2);
    auto const second = b.begin(b.list);
    b.answer(second, 1);
    convicted(b.judged(0, {b.token(second), b.token(first)}), guilt::misordered);

    book side_by_side;
    auto const one = side_by_side.begin(side_by_side.list);
    auto const two = side_by_side.begin(side_by_side.list);
    side_by_side.answer(one, 2);
    side_by_side.answer(two, 1);
    std::vector<std::string> const swapped{side_by_side.token(two), side_by_side.token(one)};
    acquitted(side_by_side.judged(0, swapped));
    // One caller who met neither redirect nor retry may expect more.
    side_by_side.kept.expect_order_of_beginning();
    convicted(side_by_side.judged(0, swapped), guilt::misordered);

    book two_callers;
    two_callers.kept.expect_order_of_beginning();
    auto const mine = two_callers.begin(two_callers.list, 1);
    auto const yours = two_callers.begin(two_callers.list, 2);
    two_callers.answer(mine, 2);
    two_callers.answer(yours, 1);
    acquitted(two_callers.judged(0, {two_callers.token(yours), two_callers.token(mine)}));

    book late;
    auto const perhaps = late.failed(late.list, delivery::unknown);
    auto const sure = late.ran(late.list, 1);
    acquitted(late.judged(0, {late.token(sure), late.token(perhaps)}));
}

TEST_CASE("a command that is never settled, or twice, and a read of a stranger's value are found",
          "[history]") {
    book hung;
    hung.begin(hung.counter);
    convicted(hung.judged(0), guilt::hung);
    book twice;
    auto const number = twice.ran(twice.counter, 1);
    twice.answer(number, 1);
    convicted(twice.judged(1), guilt::crossed);
    book reads;
    reads.kept.read("{a}:r", "{a}:r#5");
    acquitted(reads.judged(0));
    reads.kept.read("{a}:r", "{b}:r#5");
    reads.kept.read("{a}:r", "{a}:r2#5");
    auto const found = reads.judged(0);
    convicted(found, guilt::crossed);
    CHECK(found[guilt::crossed] == 2);
    CHECK(found.to_string().find("a read of {a}:r got {b}:r#5") != std::string::npos);
}

TEST_CASE("of two appends in one transaction the one must not stand without the other", "[history]") {
    struct pairs : book {
        std::uint32_t left = kept.key("{a}:left", history::kind::push);
        std::uint32_t right = kept.key("{a}:right", history::kind::push);
        std::vector<std::string> in_left, in_right;

        pairs() {
            kept.go_together(left, right);
            for (std::int64_t length = 1; length <= 3; ++length) {
                std::size_t const first = begin(left), second = begin(right);
                answer(first, length);
                answer(second, length);
                in_left.push_back(token(first));
                in_right.push_back(token(second));
            }
        }
        sentence judged_pairs() {
            kept.may_lose(left, 0, 1000);
            kept.may_lose(right, 0, 1000);
            kept.ends_as(left, in_left);
            kept.ends_as(right, in_right);
            return judged(0);
        }
    };
    acquitted(pairs{}.judged_pairs());
    pairs both_lost;
    both_lost.in_left.pop_back();
    both_lost.in_right.pop_back();
    CHECK(both_lost.judged_pairs().clean());
    pairs half;
    half.in_right.pop_back();
    convicted(half.judged_pairs(), guilt::halved);
    pairs seen;
    seen.kept.saw_together(seen.left, 3, 3);
    acquitted(seen.judged_pairs());
    seen.kept.saw_together(seen.left, 3, 2);
    convicted(seen.judged_pairs(), guilt::halved);
}
