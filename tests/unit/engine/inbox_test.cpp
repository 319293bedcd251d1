// Tests of engine::inbox: order, bound, and one wake-up for many.
#include <umbel/engine/inbox.hpp>

#include <catch2/catch_test_macros.hpp>

#include <array>
#include <atomic>
#include <deque>
#include <thread>
#include <vector>

using umbel::engine::call;
using umbel::engine::call_list;
using umbel::engine::inbox;

TEST_CASE("only the first push into an empty inbox asks for a wake-up", "[inbox]") {
    std::array<call, 3> calls;
    inbox box{8};
    CHECK((box.push(calls[0]) == inbox::pushed::first));
    CHECK((box.push(calls[1]) == inbox::pushed::more));
    CHECK(box.size() == 2);
    static_cast<void>(box.take());
    CHECK(box.size() == 0);
    CHECK((box.push(calls[2]) == inbox::pushed::first));
    static_cast<void>(box.take());
}

TEST_CASE("what is taken comes in the order of pushing", "[inbox]") {
    std::array<call, 5> calls;
    inbox box{8};
    for (call& call : calls) box.push(call);
    call_list all = box.take();
    for (call& call : calls) CHECK(all.pop() == &call);
    CHECK(all.empty());
    CHECK(box.take().empty());
}

TEST_CASE("past the bound nothing is pushed, until something is taken", "[inbox]") {
    std::array<call, 4> calls;
    inbox box{3};
    for (std::size_t i = 0; i < 3; ++i) box.push(calls[i]);
    CHECK((box.push(calls[3]) == inbox::pushed::full));
    CHECK(box.size() == 3);
    call_list all = box.take();
    while (all.pop()) {
    }
    CHECK((box.push(calls[3]) == inbox::pushed::first));
    static_cast<void>(box.take());
}

TEST_CASE("a push behind others is refused where there are none, and past the bound", "[inbox]") {
    std::array<call, 4> calls;
    inbox box{3};
    CHECK_FALSE(box.push_behind(calls[0]));
    CHECK(box.size() == 0);
    CHECK((box.push(calls[0]) == inbox::pushed::first));
    CHECK(box.push_behind(calls[1]));
    CHECK(box.push_behind(calls[2]));
    CHECK_FALSE(box.push_behind(calls[3]));
    CHECK(box.size() == 3);
    call_list all = box.take();
    for (std::size_t i = 0; i < 3; ++i) CHECK(all.pop() == &calls[i]);
    CHECK(all.empty());
    CHECK_FALSE(box.push_behind(calls[3]));
}

TEST_CASE(
    "many producers and one consumer: everything arrives once, each producer's in order, and nobody sleeps "
    "through a push",
    "[inbox][threads]") {
    constexpr std::size_t producers = 3;
    constexpr std::size_t each = 20'000;
    std::vector<std::deque<call>> calls(producers);
    inbox box{producers * each};
    std::atomic<int> wakes{0};
    std::vector<std::thread> threads;
    for (std::size_t who = 0; who < producers; ++who) {
        calls[who].resize(each);
        for (std::size_t i = 0; i < each; ++i) {
            calls[who][i].slot = umbel::cluster::slot{static_cast<std::uint16_t>(who)};
            calls[who][i].queue_position = i;
        }
    }
    for (std::size_t who = 0; who < producers; ++who) {
        threads.emplace_back([&, who] {
            for (call& call : calls[who])
                if (box.push(call) == inbox::pushed::first) wakes.fetch_add(1, std::memory_order_release);
        });
    }
    std::array<std::uint64_t, producers> next{};
    std::size_t taken = 0;
    bool in_order = true;
    while (taken < producers * each) {
        if (wakes.exchange(0, std::memory_order_acquire) == 0) {
            std::this_thread::yield();
            continue;
        }
        call_list all = box.take();
        while (call* const call = all.pop()) {
            in_order = in_order && next[call->slot.slot().value()]++ == call->queue_position;
            ++taken;
        }
    }
    for (std::thread& thread : threads) thread.join();
    CHECK(in_order);
    CHECK(taken == producers * each);
}
