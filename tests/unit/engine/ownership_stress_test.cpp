// Threads at full speed over a few objects that belong to none of them: everything is served once, in each
// producer's order, by one owner at a time. What the objects hold is not atomic, so that the thread sanitizer
// sees an owner that comes too early.
#include <umbel/engine/ownership.hpp>

#include <catch2/catch_test_macros.hpp>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <thread>
#include <vector>

using umbel::engine::ownership;

namespace {

constexpr std::size_t producers = 4;
constexpr std::size_t objects = 3;
constexpr std::uint32_t each = 20'000;

struct item {
    item* next = nullptr;
    std::uint32_t producer = 0, number = 0;
};

/// Newest first; taken whole. True from push(): it was empty.
class stack {
public:
    bool push(item& one) noexcept {
        item* head = head_.load(std::memory_order_relaxed);
        do one.next = head;
        while (
            !head_.compare_exchange_weak(head, &one, std::memory_order_release, std::memory_order_relaxed));
        return head == nullptr;
    }
    item* take() noexcept {
        item* newest = head_.exchange(nullptr, std::memory_order_acquire);
        item* oldest = nullptr;
        while (newest) {
            item* const older = newest->next;
            newest->next = oldest;
            oldest = newest;
            newest = older;
        }
        return oldest;
    }

private:
    std::atomic<item*> head_{nullptr};
};

struct object {
    ownership owner;
    stack inbox;
    // What only the owner touches.
    std::array<std::uint32_t, producers> expected{};
    std::uint64_t wrong = 0, served = 0, rounds = 0, depth = 0;

    void serve(item const& one) {
        if (++depth != 1 || !owner.owned_here()) ++wrong;
        if (expected[one.producer]++ != one.number) ++wrong;
        ++served;
        --depth;
    }
    void empty_inbox() {
        ++rounds;
        for (item* one = inbox.take(); one;) {
            item const* const now = one;
            one = one->next;
            serve(*now);
        }
    }
    void leave(item& one) {
        if (inbox.push(one) && owner.bring()) {
            do empty_inbox();
            while (!owner.release());
        }
    }
    void serve_or_leave(item& one) {
        if (!owner.try_acquire()) return leave(one);
        empty_inbox();
        serve(one);
        while (!owner.release()) empty_inbox();
    }
};

}  // namespace

TEST_CASE("many producers, few objects, no owner for good: each item is served once, in its producer's order",
          "[ownership][threads]") {
    auto const all = std::make_unique<std::array<object, objects>>();
    std::atomic<std::size_t> ready{0};
    std::vector<std::thread> threads;
    std::vector<std::deque<item>> items(producers);
    for (std::uint32_t who = 0; who != producers; ++who) {
        items[who].resize(objects * each);
        threads.emplace_back([&, who] {
            ++ready;
            while (ready.load() != producers) std::this_thread::yield();
            for (std::uint32_t number = 0; number != each; ++number) {
                for (std::uint32_t at = 0; at != objects; ++at) {
                    // Not all in the same order, so that they meet everywhere.
                    auto const which = static_cast<std::uint32_t>((at + who) % objects);
                    item& one = items[who][number * objects + which];
                    one.producer = who;
                    one.number = number;
                    if ((number + who) % 3 == 0) {
                        (*all)[which].leave(one);
                    } else {
                        (*all)[which].serve_or_leave(one);
                    }
                }
            }
        });
    }
    for (auto& thread : threads) thread.join();
    for (object& one : *all) {
        CHECK_FALSE(one.owner.is_owned());
        CHECK(one.inbox.take() == nullptr);
        CHECK(one.wrong == 0);
        CHECK(one.served == producers * each);
        CHECK(one.rounds <= 2 * producers * each);
        for (std::uint32_t const next : one.expected) CHECK(next == each);
    }
}
