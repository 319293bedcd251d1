#include <umbel/engine/parked_calls.hpp>

#include <catch2/catch_test_macros.hpp>

using namespace umbel::engine;

TEST_CASE("a parked call shuts the gate until it has been handed over", "[parked_calls]") {
    parked_calls parked;
    call first;
    CHECK(parked.is_open());
    CHECK(parked.park(first, 10));
    CHECK_FALSE(parked.is_open());
    call_list taken = parked.take();
    CHECK(taken.pop() == &first);
    CHECK_FALSE(parked.is_open());
    parked.settled({.gate = 1});
    CHECK(parked.is_open());
}

TEST_CASE("parked calls are bounded, and a refused one shuts no gate", "[parked_calls]") {
    parked_calls parked;
    call first, second;
    CHECK(parked.park(first, 1));
    CHECK_FALSE(parked.park(second, 1));
    call_list taken = parked.take();
    CHECK(taken.pop() == &first);
    CHECK(taken.empty());
    parked.settled({.gate = 1});
    CHECK(parked.is_open());
}

TEST_CASE("a question takes its place in the order, and shuts no gate", "[parked_calls]") {
    parked_calls parked;
    call command, question;
    parked.enqueue(question);
    CHECK(parked.is_open());
    CHECK(parked.park(command, 10));
    call_list taken = parked.take();
    CHECK(taken.pop() == &question);
    CHECK(taken.pop() == &command);
    parked.settled({.gate = 1});
    CHECK(parked.is_open());
}

TEST_CASE("the gate is held until release, and shut for ever by close", "[parked_calls]") {
    parked_calls parked;
    parked.hold();
    CHECK_FALSE(parked.is_open());
    parked.release();
    CHECK(parked.is_open());
    parked.close();
    parked.hold();
    parked.release();
    CHECK_FALSE(parked.is_open());
}

TEST_CASE("a call for a named node takes its place in the order, and shuts no gate", "[parked_calls]") {
    parked_calls parked;
    call named;
    named.slot = umbel::cluster::slot_target::named_node();
    CHECK_FALSE(parked_calls::shuts_gate(named));
    CHECK(parked.park(named, 1));
    CHECK(parked.is_open());
    call_list taken = parked.take();
    CHECK(taken.pop() == &named);
}

TEST_CASE("calls for named nodes have a bound of their own", "[parked_calls]") {
    parked_calls parked;
    call named, other, plain;
    named.slot = other.slot = umbel::cluster::slot_target::named_node();
    CHECK(parked.park(named, 1));
    CHECK_FALSE(parked.park(other, 1));
    CHECK(parked.park(plain, 1));
    parked_calls::tally taken;
    call_list all = parked.take();
    while (call* const call = all.pop()) taken.add(*call);
    CHECK(taken.gate == 1);
    CHECK(taken.pinned == 1);
    parked.settled(taken);
    CHECK(parked.is_open());
    CHECK(parked.park(other, 1));
}

TEST_CASE("calls that need a lease have a bound of their own, and take no place of others",
          "[parked_calls]") {
    parked_calls parked;
    call first, second, named;
    first.leased = second.leased = true;
    named.slot = umbel::cluster::slot_target::named_node();
    CHECK(parked.park(first, 1));
    CHECK(parked.is_open());
    CHECK_FALSE(parked.park(second, 1));
    parked_calls::tally taken;
    call_list all = parked.take();
    while (call* const call = all.pop()) taken.add(*call);
    CHECK(taken.leased == 1);
    CHECK(taken.pinned == 0);
    parked.settled(taken);
    CHECK(parked.park(named, 1));
    CHECK(parked.park(second, 1));
}
