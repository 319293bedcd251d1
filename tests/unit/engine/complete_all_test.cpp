#include <umbel/engine/complete_all.hpp>

#include <catch2/catch_test_macros.hpp>

#include <stdexcept>
#include <vector>

using namespace umbel::engine;

TEST_CASE("calls complete in their order", "[complete_all]") {
    call first, second;
    call_list all;
    all.push(first);
    all.push(second);
    std::vector<call*> completed;
    complete_all(std::move(all), [&](call& call) { completed.push_back(&call); }, [](call_list&&) {});
    CHECK(completed == std::vector<call*>{&first, &second});
}

TEST_CASE("a handler that throws keeps the others waiting, before those that were added meanwhile",
          "[complete_all]") {
    call first, second, added;
    call_list all;
    all.push(first);
    all.push(second);
    auto const complete = [&](call&) {
        all.push(added);
        throw std::runtime_error{"a handler"};
    };
    CHECK_THROWS_AS(complete_list(all, complete), std::runtime_error);
    CHECK(all.pop() == &second);
    CHECK(all.pop() == &added);
    CHECK(all.empty());
}
