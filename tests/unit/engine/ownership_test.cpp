// Tests of engine::ownership: its rules one by one, then every run of a few threads under the C++ memory
// model, with controls that must fail.
#include <umbel/engine/ownership.hpp>

#include "support/address_limit.hpp"
#include "view_machine.hpp"

#include <catch2/catch_test_macros.hpp>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <thread>
#include <vector>

using umbel::engine::basic_ownership;
using umbel::engine::ownership;
using umbel::test::view_atomic;
using umbel::test::view_machine;

// ---- Rule by rule ----------------------------------------------------------------------

TEST_CASE("whoever comes first owns, until it lets go", "[ownership]") {
    ownership under_test;
    CHECK_FALSE(under_test.is_owned());
    CHECK(under_test.try_acquire(1));
    CHECK(under_test.is_owned());
    CHECK_FALSE(under_test.try_acquire(2));
    CHECK(under_test.release(1));
    CHECK(under_test.try_acquire(2));
    CHECK(under_test.release(2));
}

TEST_CASE("who brings work to an object that nobody owns runs the turn", "[ownership]") {
    ownership under_test;
    CHECK(under_test.bring(8, 1));
    CHECK_FALSE(under_test.release(1));
    CHECK(under_test.take_notes() == 8);
    CHECK(under_test.release(1));
}

TEST_CASE("an owner to whom work was brought goes round once more, however much was brought", "[ownership]") {
    ownership under_test;
    REQUIRE(under_test.try_acquire(1));
    CHECK_FALSE(under_test.bring(ownership::any_work, 2));
    CHECK_FALSE(under_test.bring(ownership::any_work, 3));
    CHECK_FALSE(under_test.try_acquire(3));
    CHECK_FALSE(under_test.release(1));
    CHECK(under_test.owned_here(1));
    CHECK(under_test.release(1));
    CHECK_FALSE(under_test.is_owned());
}

TEST_CASE("notes of several kinds are found together, and stay where an owner lets go for later",
          "[ownership]") {
    ownership under_test;
    REQUIRE(under_test.try_acquire(1));
    CHECK_FALSE(under_test.bring(4, 2));
    CHECK_FALSE(under_test.bring(8, 3));
    CHECK(under_test.release_for_later(32, 64, 1));
    CHECK_FALSE(under_test.is_owned());
    CHECK(under_test.bring(16, 2));
    CHECK_FALSE(under_test.release(2));
    CHECK(under_test.take_notes() == (4 | 8 | 16 | 32));
    CHECK(under_test.release(2));
}

TEST_CASE("an owner does not let go for a posted handler that has come in vain already", "[ownership]") {
    ownership under_test;
    REQUIRE(under_test.try_acquire(1));
    // It posts a handler, and before it lets go that has come, found the object owned, and gone.
    CHECK_FALSE(under_test.bring(64, 2));
    CHECK_FALSE(under_test.bring(4, 3));
    CHECK_FALSE(under_test.release_for_later(0, 64, 1));
    CHECK(under_test.owned_here(1));
    CHECK(under_test.take_notes() == (64 | 4));
    CHECK(under_test.release_for_later(4, 64, 1));
    CHECK(under_test.try_acquire(2));
    CHECK_FALSE(under_test.release(2));
    CHECK(under_test.take_notes() == 4);
}

TEST_CASE("a vain attempt to take leaves no word: the owner does not go round for it", "[ownership]") {
    ownership under_test;
    REQUIRE(under_test.try_acquire(1));
    CHECK_FALSE(under_test.try_acquire(2));
    CHECK(under_test.release(1));
}

TEST_CASE("a thread knows whether it owns, in whatever depth, and of how many objects", "[ownership]") {
    ownership outer, inner;
    REQUIRE(outer.try_acquire());
    REQUIRE(inner.bring());
    CHECK(outer.owned_here());
    CHECK(inner.owned_here());
    bool elsewhere = true;
    std::thread{[&] { elsewhere = outer.owned_here() || inner.owned_here(); }}.join();
    CHECK_FALSE(elsewhere);
    CHECK_FALSE(inner.release());
    CHECK(inner.owned_here());
    CHECK(inner.release());
    CHECK_FALSE(inner.owned_here());
    CHECK(outer.owned_here());
    std::thread{[&] { static_cast<void>(outer.bring()); }}.join();
    CHECK_FALSE(outer.release());
    CHECK(outer.owned_here());
    CHECK(outer.release());
    CHECK_FALSE(outer.owned_here());
}

TEST_CASE("every thread has a mark of its own, and it stays the same", "[ownership]") {
    std::uintptr_t const mine = umbel::engine::thread_mark();
    std::uintptr_t other = 0;
    std::thread{[&] { other = umbel::engine::thread_mark(); }}.join();
    CHECK(mine != 0);
    CHECK(mine != other);
    CHECK(mine == umbel::engine::thread_mark());
}

// ---- Every run ----------------------------------------------------------------------

namespace {

/// What a few threads do with one object: an inbox as a set of items, what was served, and the object itself,
/// which one thread at a time may touch.
template <class Protocol>
struct world {
    Protocol owner;
    view_atomic<std::uint32_t> inbox{0};
    view_atomic<std::uint32_t> served{0};
    static constexpr std::size_t inbox_at = 2, served_at = 3, object_at = 4;

    static void touch() {
        view_machine::current().perform({view_machine::operation::touch, object_at, 0, 0, {}, {}});
    }
    static void fail() {
        view_machine::current().perform({view_machine::operation::fail, object_at, 0, 0, {}, {}});
    }

    void serve(std::uint32_t items) {
        touch();
        if (items != 0 && (served.fetch_or(items, std::memory_order_relaxed) & items) != 0)
            fail();  // Served twice.
    }
    void rounds(std::uintptr_t me) {
        do serve(inbox.exchange(0, std::memory_order_acquire));
        while (!owner.release(me));
    }
    /// A producer that leaves its work to whoever owns.
    void leaves(std::uint32_t item, std::uintptr_t me) {
        inbox.fetch_or(item, std::memory_order_release);
        if (owner.bring(ownership::any_work, me)) rounds(me);
    }
    /// As net::inbox is used: only who finds it empty brings.
    void leaves_if_first(std::uint32_t item, std::uintptr_t me) {
        if (inbox.fetch_or(item, std::memory_order_release) != 0) return;
        if (owner.bring(ownership::any_work, me)) rounds(me);
    }
    /// A producer that serves its work itself where it can.
    void serves(std::uint32_t item, std::uintptr_t me) {
        if (!owner.try_acquire(me)) return leaves(item, me);
        // What was left before goes before.
        serve(inbox.exchange(0, std::memory_order_acquire));
        serve(item);
        while (!owner.release(me)) serve(inbox.exchange(0, std::memory_order_acquire));
    }
};

template <class Protocol>
view_machine::outcome explore(std::vector<void (*)(world<Protocol>&)> const& threads,
                              std::uint32_t all_items) {
    if (!umbel::test::memory_is_plain)
        SKIP("one thread in the machine's hands; a sanitizer makes it minutes");
    view_machine::current().number_from(0);
    auto* const it = new world<Protocol>;
    std::vector<view_machine::body> bodies;
    for (auto const thread : threads) bodies.emplace_back([it, thread] { thread(*it); });
    auto const found = view_machine::current().explore(std::move(bodies), {}, [&](auto const& latest) {
        return latest[0] == 0 && latest[1] == 0 && latest[it->inbox_at] == 0 &&
               latest[it->served_at] == all_items;
    });
    delete it;
    return found;
}

using real = basic_ownership<view_atomic>;

/// The same protocol with one thing left out.
enum class flaw {
    none,
    never_looks_again,
    looks_then_lets_go,
    loads_in_bring,
    stores_in_round,
    relaxed_release,
    relaxed_acquire
};

template <flaw What>
struct flawed {
    view_atomic<std::uint32_t> state{0};
    view_atomic<std::uintptr_t> unused{0};

    bool try_acquire(std::uintptr_t) {
        if (state.load(std::memory_order_relaxed) != 0) return false;
        std::uint32_t expected = 0;
        constexpr auto order =
            What == flaw::relaxed_acquire ? std::memory_order_relaxed : std::memory_order_acquire;
        return state.compare_exchange_strong(expected, 1, order, std::memory_order_relaxed);
    }
    bool bring(std::uint32_t, std::uintptr_t me) {
        if (try_acquire(me)) return true;
        if constexpr (What == flaw::loads_in_bring) {
            if (state.load(std::memory_order_acquire) == 2) return false;
        }
        return state.exchange(2, std::memory_order_acq_rel) == 0;
    }
    bool release(std::uintptr_t) {
        if constexpr (What == flaw::never_looks_again) {
            state.exchange(0, std::memory_order_acq_rel);
            return true;
        }
        if constexpr (What == flaw::looks_then_lets_go) {
            if (state.load(std::memory_order_acquire) == 1) {
                state.store(0, std::memory_order_release);
                return true;
            }
        } else {
            std::uint32_t expected = 1;
            constexpr auto order =
                What == flaw::relaxed_release ? std::memory_order_relaxed : std::memory_order_release;
            if (state.compare_exchange_strong(expected, 0, order, std::memory_order_relaxed)) return true;
        }
        if constexpr (What == flaw::stores_in_round) {
            state.store(1, std::memory_order_relaxed);
        } else {
            state.exchange(1, std::memory_order_acquire);
        }
        return false;
    }
};

/// Three threads, one item each.
template <class Protocol>
view_machine::outcome three_leave() {
    return explore<Protocol>(
        {[](world<Protocol>& it) { it.leaves(1, 1); }, [](world<Protocol>& it) { it.leaves(2, 2); },
         [](world<Protocol>& it) { it.leaves(4, 3); }},
        7);
}

void check_good(view_machine::outcome const& found) {
    INFO(found.states << " states, " << found.ends << " ends");
    CHECK(found.bad_ends == 0);
    CHECK(found.races == 0);
    CHECK(found.failures == 0);
    CHECK(found.ends > 0);
}

}  // namespace

TEST_CASE("model check: one owner at a time, and everything that is brought is served once",
          "[ownership][model]") {
    check_good(three_leave<real>());
}

TEST_CASE("model check: those who serve themselves and those who leave their work get along",
          "[ownership][model]") {
    check_good(
        explore<real>({[](world<real>& it) { it.serves(1, 1); }, [](world<real>& it) { it.leaves(2, 2); },
                       [](world<real>& it) { it.serves(4, 3); }},
                      7));
}

TEST_CASE("model check: it is enough that who finds the inbox empty brings", "[ownership][model]") {
    check_good(explore<real>(
        {[](world<real>& it) { it.leaves_if_first(1, 1); }, [](world<real>& it) { it.leaves_if_first(2, 2); },
         [](world<real>& it) { it.leaves_if_first(4, 3); }},
        7));
}

TEST_CASE("model check: two threads come again and again", "[ownership][model]") {
    check_good(explore<real>({[](world<real>& it) {
                                  it.leaves(1, 1);
                                  it.serves(2, 1);
                              },
                              [](world<real>& it) {
                                  it.serves(4, 2);
                                  it.leaves(8, 2);
                              }},
                             15));
}

TEST_CASE("model check: a handler of the turn knows that its thread owns, and nobody else does",
          "[ownership][model]") {
    static constexpr auto asks = [](world<real>& it, std::uint32_t item, std::uintptr_t me) {
        if (it.owner.owned_here(me)) it.fail();
        it.inbox.fetch_or(item, std::memory_order_release);
        if (!it.owner.bring(ownership::any_work, me)) {
            if (it.owner.owned_here(me)) it.fail();
            return;
        }
        do {
            it.serve(it.inbox.exchange(0, std::memory_order_acquire));
            if (!it.owner.owned_here(me)) it.fail();
        } while (!it.owner.release(me));
        if (it.owner.owned_here(me)) it.fail();
    };
    check_good(
        explore<real>({[](world<real>& it) { asks(it, 1, 1); }, [](world<real>& it) { asks(it, 2, 2); }}, 3));
}

TEST_CASE("model check: who finds the object owned is done after a load, a vain attempt and an exchange",
          "[ownership][model]") {
    static constexpr auto come = [](world<real>& it, std::uint32_t item, std::uintptr_t me) {
        it.inbox.fetch_or(item, std::memory_order_release);
        std::size_t const before = view_machine::current().operations();
        if (it.owner.bring(ownership::any_work, me)) return it.rounds(me);
        if (view_machine::current().operations() - before > 3) it.fail();
    };
    check_good(
        explore<real>({[](world<real>& it) { come(it, 1, 1); }, [](world<real>& it) { come(it, 2, 2); },
                       [](world<real>& it) { come(it, 4, 3); }},
                      7));
}

namespace {

template <class Protocol>
struct later : world<Protocol> {
    struct next_place {
        next_place() { view_machine::current().number_from(posted_at); }
    } behind_the_object;
    view_atomic<std::uint32_t> posted{0};
    static constexpr std::size_t posted_at = 5;
    static constexpr std::uint32_t calls = 4, turn = 8;

    void leaves_for_later(std::uint32_t item, std::uintptr_t me) {
        this->inbox.fetch_or(item, std::memory_order_release);
        if (!this->owner.bring(calls, me)) return;
        posted.fetch_or(1, std::memory_order_release);
        if (this->owner.release_for_later(calls, turn, me)) return;
        posted.fetch_or(2, std::memory_order_release);
        if (this->owner.release_for_later(calls, turn, me)) return;
        // The third that it posts comes after everything that happens here.
        posted.fetch_or(4, std::memory_order_release);
        if (!this->owner.release_for_later(calls, turn, me)) this->fail();
    }
    void handler(std::uint32_t which, std::uintptr_t me) {
        if ((posted.load(std::memory_order_acquire) & which) == 0) return;  // It is still on its way.
        posted.fetch_or(which << 4, std::memory_order_relaxed);
        if (this->owner.try_acquire(me) || this->owner.bring(turn, me)) this->rounds(me);
    }
};

/// An owner that lets go for a handler which it has posted, that handler, the one that it posts where the
/// first has come in vain, and somebody else.
template <class Protocol>
view_machine::outcome lets_go_for_later() {
    view_machine::current().number_from(0);
    auto* const it = new later<Protocol>;
    auto const found = view_machine::current().explore(
        {[it] { it->leaves_for_later(1, 1); }, [it] { it->handler(1, 2); }, [it] { it->handler(2, 3); },
         [it] { it->leaves(2, 4); }},
        {}, [](auto const& latest) {
            std::uint64_t const posted = latest[later<Protocol>::posted_at];
            bool const one_is_coming =
                (posted & 4) != 0 || (posted & 1) > (posted >> 4 & 1) || (posted & 2) > (posted >> 4 & 2);
            return (latest[0] & 1) == 0 && (one_is_coming || (latest[later<Protocol>::inbox_at] == 0 &&
                                                              latest[later<Protocol>::served_at] == 3));
        });
    delete it;
    return found;
}

/// As the real one, but for the question whether the posted handler has come.
struct asks_nothing : basic_ownership<view_atomic> {
    bool release_for_later(std::uint32_t unserved, std::uint32_t, std::uintptr_t me) {
        return basic_ownership<view_atomic>::release_for_later(unserved, 0, me);
    }
};

}  // namespace

TEST_CASE(
    "model check: what an owner leaves for a handler that it has posted is served, or a handler is on its "
    "way",
    "[ownership][model]") {
    check_good(lets_go_for_later<real>());
}

TEST_CASE("model check, control: who does not ask whether the posted handler has come loses work",
          "[ownership][model]") {
    CHECK(lets_go_for_later<asks_nothing>().bad_ends > 0);
}

TEST_CASE("model check, control: an owner that does not look again loses work", "[ownership][model]") {
    check_good(three_leave<flawed<flaw::none>>());
    auto const found = three_leave<flawed<flaw::never_looks_again>>();
    CHECK(found.bad_ends > 0);
}

TEST_CASE("model check, control: to look and to let go in two steps loses work", "[ownership][model]") {
    auto const found = three_leave<flawed<flaw::looks_then_lets_go>>();
    CHECK(found.bad_ends > 0);
}

TEST_CASE("model check, control: a producer that only reads that somebody has left word loses work",
          "[ownership][model]") {
    auto const found = three_leave<flawed<flaw::loads_in_bring>>();
    CHECK(found.bad_ends > 0);
}

TEST_CASE("model check, control: an owner that stores where it must exchange loses work",
          "[ownership][model]") {
    auto const found = three_leave<flawed<flaw::stores_in_round>>();
    CHECK(found.bad_ends > 0);
}

TEST_CASE(
    "model check, control: with relaxed operations the object is touched before the last owner is seen to be "
    "done",
    "[ownership][model]") {
    auto const released = three_leave<flawed<flaw::relaxed_release>>();
    CHECK(released.races > 0);
    auto const acquired = three_leave<flawed<flaw::relaxed_acquire>>();
    CHECK(acquired.races > 0);
}

// The machine itself: what it must find, and what it must not.
TEST_CASE(
    "model check, control: the machine knows store buffering, and that of two exchanges one sees the other",
    "[ownership][model]") {
    view_machine::current().number_from(0);
    static view_atomic<std::uint32_t> x{0}, y{0}, a{0}, b{0};
    auto const both_missed = [](auto const& latest) { return !(latest[2] == 1 && latest[3] == 1); };
    std::vector<view_machine::body> const stores{[] {
                                                     x.store(1, std::memory_order_release);
                                                     if (y.load(std::memory_order_acquire) == 0)
                                                         a.store(1, std::memory_order_relaxed);
                                                 },
                                                 [] {
                                                     y.store(1, std::memory_order_release);
                                                     if (x.load(std::memory_order_acquire) == 0)
                                                         b.store(1, std::memory_order_relaxed);
                                                 }};
    CHECK(view_machine::current().explore(stores, {}, both_missed).bad_ends > 0);
    std::vector<view_machine::body> const exchanges{[] {
                                                        x.exchange(1, std::memory_order_acq_rel);
                                                        if (y.fetch_or(0, std::memory_order_acq_rel) == 0)
                                                            a.store(1, std::memory_order_relaxed);
                                                    },
                                                    [] {
                                                        y.exchange(1, std::memory_order_acq_rel);
                                                        if (x.fetch_or(0, std::memory_order_acq_rel) == 0)
                                                            b.store(1, std::memory_order_relaxed);
                                                    }};
    CHECK(view_machine::current().explore(exchanges, {}, both_missed).good());
}
