// Tests of resp/chunk.hpp: owners and pins are counted apart, and the budget is charged for pins only.
#include <umbel/resp/chunk.hpp>

#include <catch2/catch_test_macros.hpp>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstring>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

using namespace umbel::resp;

TEST_CASE("a chunk is charged once, whole, while any value pins it", "[chunk]") {
    auto const budget = std::make_shared<pin_budget>(1000);
    chunk_ref const owner{chunk::create(600, budget)};
    CHECK(budget->pinned() == 0);
    CHECK_FALSE(owner->pinned());
    pin first = pin::of(owner.get());
    REQUIRE(first);
    CHECK(budget->pinned() == 600);
    CHECK(owner->pinned());
    pin second = pin::of(owner.get());
    pin third = second;
    CHECK(budget->pinned() == 600);
    first = {};
    second = std::move(third);
    CHECK(budget->pinned() == 600);
    second = {};
    CHECK(budget->pinned() == 0);
    CHECK_FALSE(owner->pinned());
}

TEST_CASE("a chunk beyond the budget is not pinned, one within still is", "[chunk]") {
    auto const budget = std::make_shared<pin_budget>(1000);
    chunk_ref const large{chunk::create(600, budget)}, larger{chunk::create(601, budget)},
        small{chunk::create(400, budget)};
    pin const held = pin::of(large.get());
    CHECK_FALSE(pin::of(larger.get()));
    CHECK_FALSE(larger->pinned());
    pin const other = pin::of(small.get());
    CHECK(other);
    CHECK(budget->pinned() == 1000);
    CHECK_FALSE(pin::of(nullptr));
    CHECK_FALSE(pin_budget{10}.try_charge(11));
    CHECK(pin_budget{UINT64_MAX}.try_charge(UINT64_MAX));
}

TEST_CASE("a pin keeps bytes and budget when the owner is gone", "[chunk]") {
    auto budget = std::make_shared<pin_budget>(1000);
    std::weak_ptr<pin_budget> const watched = budget;
    pin held;
    {
        chunk_ref const owner{chunk::create(100, std::move(budget))};
        std::memcpy(owner->data(), "still here", 11);
        held = pin::of(owner.get());
    }
    REQUIRE_FALSE(watched.expired());
    CHECK(watched.lock()->pinned() == 100);
    CHECK((std::strcmp(held.get()->data(), "still here") == 0));
    held = {};
    CHECK(watched.expired());
}

TEST_CASE("a pin can be given up and taken back without counting", "[chunk]") {
    auto const budget = std::make_shared<pin_budget>(1000);
    chunk_ref const owner{chunk::create(100, budget)};
    pin held = pin::of(owner.get());
    chunk* const raw = held.detach();
    CHECK_FALSE(held);
    CHECK(owner->pinned());
    held = pin::adopt(raw);
    held = {};
    CHECK_FALSE(owner->pinned());
}

TEST_CASE("a chunk of its own is charged to nobody", "[chunk]") {
    pin const held = pin::alone(50);
    REQUIRE(held);
    CHECK(held.get()->capacity() == 50);
    CHECK(held.get()->pinned());
}

TEST_CASE("pins released on other threads leave the budget empty and the chunk reusable", "[chunk]") {
    auto const budget = std::make_shared<pin_budget>(1 << 20);
    chunk_ref const owner{chunk::create(64, budget)};
    std::atomic<bool> go{false};
    // Many places, so that neither thread waits for the other at each pin: on a busy machine that is a time
    // slice each.
    std::array<std::atomic<pin*>, 256> handed{};
    constexpr std::size_t all = 20'000;
    std::thread other{[&] {
        while (!go.load()) std::this_thread::yield();
        for (std::size_t at = 0; at != all;) {
            if (pin* const held = handed[at % handed.size()].exchange(nullptr)) {
                pin const copy = *held;
                delete held;
                ++at;
            } else {
                std::this_thread::yield();
            }
        }
    }};
    go = true;
    for (std::size_t at = 0; at != all; ++at) {
        auto fresh = std::make_unique<pin>(pin::of(owner.get()));
        REQUIRE(*fresh);
        pin* expected = nullptr;
        while (!handed[at % handed.size()].compare_exchange_weak(expected, fresh.get())) {
            expected = nullptr;
            std::this_thread::yield();
        }
        static_cast<void>(fresh.release());
    }
    other.join();
    CHECK_FALSE(owner->pinned());
    CHECK(budget->pinned() == 0);
}
