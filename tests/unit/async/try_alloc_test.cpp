// try_alloc_test: a step without memory is told by its result, and a handler that is destroyed uncalled by
// its owner's function.
#include <umbel/async/try_alloc.hpp>

#include <catch2/catch_test_macros.hpp>

#include <memory>
#include <new>
#include <utility>

using namespace umbel::async;

namespace {

struct owner {
    int called = 0;
    int dropped = 0;
    void call(int) { ++called; }
    void drop() noexcept { ++dropped; }
};
using handler = drop_aware_handler<owner, &owner::call, &owner::drop>;

}  // namespace

TEST_CASE("a step that finds no memory is tried again as often as was asked for", "[try_alloc]") {
    int tries = 0;
    auto const fails = [&] {
        ++tries;
        throw std::bad_alloc{};
    };
    CHECK_FALSE(try_alloc(fails));
    CHECK(tries == 1);
    CHECK_FALSE(retry_alloc(fails));
    CHECK(tries == 3);
    CHECK(retry_alloc([&] {
        if (++tries == 4) throw std::bad_alloc{};
    }));
    CHECK(tries == 5);
}

TEST_CASE("a handler that is destroyed uncalled tells its owner, once", "[try_alloc]") {
    owner whose;
    handler_memory memory;
    auto const keep = std::make_shared<int>(0);
    {
        handler first{whose, memory, keep};
        handler second{std::move(first)};
    }
    CHECK(whose.dropped == 1);
    {
        handler third{whose, memory, keep};
        third(1);
    }
    CHECK(whose.called == 1);
    CHECK(whose.dropped == 1);
}

TEST_CASE("a handler that could not be begun is told by the step's result alone", "[try_alloc]") {
    owner whose;
    handler_memory memory;
    CHECK_FALSE(try_alloc([&] {
        handler const lost{whose, memory, std::make_shared<int>(0)};
        throw std::bad_alloc{};
    }));
    CHECK(whose.dropped == 0);
}

TEST_CASE("the memory of a handler serves one at a time; the heap serves the others", "[try_alloc]") {
    handler_memory memory;
    void* const first = memory.allocate(100);
    void* const second = memory.allocate(100);
    CHECK(first != second);
    memory.deallocate(first);
    void* const third = memory.allocate(handler_memory::size);
    CHECK(third == first);
    void* const large = memory.allocate(handler_memory::size + 1);
    CHECK(large != first);
    for (void* const place : {second, third, large}) memory.deallocate(place);
}
