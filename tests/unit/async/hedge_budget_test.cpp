// Tests of async::hedge_budget: what second questions may cost.
#include <umbel/async/hedge_budget.hpp>

#include <catch2/catch_test_macros.hpp>

using umbel::async::hedge_budget;

namespace {

int drawn(hedge_budget& budget, int most) {
    int count = 0;
    while (count < most && budget.draw()) ++count;
    return count;
}

}  // namespace

TEST_CASE("after a quiet time ten second questions are free, and then ten reads earn one", "[hedge_budget]") {
    hedge_budget budget{10};
    CHECK(drawn(budget, 1000) == 10);
    for (int i = 0; i < 9; ++i) budget.earn();
    CHECK_FALSE(budget.draw());
    budget.earn();
    CHECK(drawn(budget, 1000) == 1);
    for (int i = 0; i < 250; ++i) budget.earn();
    CHECK(drawn(budget, 1000) == 10);
}

TEST_CASE("a budget of nothing gives nothing, and one of everything an equal number", "[hedge_budget]") {
    hedge_budget none{0};
    for (int i = 0; i < 1000; ++i) none.earn();
    CHECK_FALSE(none.draw());
    hedge_budget all{100};
    CHECK(drawn(all, 1000) == 10);
    for (int i = 0; i < 7; ++i) all.earn();
    CHECK(drawn(all, 1000) == 7);
}
