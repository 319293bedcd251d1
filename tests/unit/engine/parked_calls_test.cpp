#include <umbel/engine/parked_calls.hpp>

#include <catch2/catch_test_macros.hpp>

#include <cstddef>
#include <vector>

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

TEST_CASE("so many are served in a turn, in order, and the gate opens when all have been", "[parked_calls]") {
    parked_calls parked;
    std::vector<call> calls(2 * parked_calls::turn_max + 3);
    std::size_t const asked = parked_calls::turn_max + 1;
    for (std::size_t nth = 0; nth < calls.size(); ++nth) {
        calls[nth].question = nth == asked;
        if (nth == asked)
            parked.enqueue(calls[nth]);
        else
            REQUIRE(parked.park(calls[nth], 1'000'000));
    }
    std::vector<call*> seen;
    auto const turn = [&] {
        parked.serve(
            [&](call& refused, bool question) {
                CHECK(question == (&refused == &calls[asked]));
                if (&refused != &calls[1]) return false;
                return seen.push_back(&refused), true;
            },
            [&](call& question) { seen.push_back(&question); },
            [&](call_list&& handed) {
                while (call* const next = handed.pop()) seen.push_back(next);
            });
    };
    turn();
    CHECK(seen.size() == parked_calls::turn_max);
    CHECK(parked.has_left());
    CHECK_FALSE(parked.empty());
    CHECK_FALSE(parked.is_open());
    turn();
    CHECK(seen.size() == 2 * parked_calls::turn_max);
    CHECK_FALSE(parked.is_open());
    turn();
    CHECK_FALSE(parked.has_left());
    CHECK(parked.empty());
    CHECK(parked.is_open());
    // What is refused ends at once; all others keep their order.
    REQUIRE(seen.size() == calls.size());
    CHECK(seen[0] == &calls[1]);
    CHECK(seen[1] == &calls[0]);
    for (std::size_t nth = 2; nth < calls.size(); ++nth) CHECK(seen[nth] == &calls[nth]);
}

TEST_CASE("what is left is taken with everything else, oldest first", "[parked_calls]") {
    parked_calls parked;
    std::vector<call> calls(parked_calls::turn_max + 2);
    for (call& each : calls) parked.enqueue(each);
    unsigned served = 0;
    auto const none = [](call&, bool) { return false; };
    parked.serve(
        none, [](call&) {},
        [&](call_list&& handed) {
            while (handed.pop()) ++served;
        });
    CHECK(served == parked_calls::turn_max);
    call last;
    parked.enqueue(last);
    call_list rest = parked.take();
    CHECK(rest.pop() == &calls[parked_calls::turn_max]);
    CHECK(rest.pop() == &calls[parked_calls::turn_max + 1]);
    CHECK(rest.pop() == &last);
    CHECK(rest.empty());
    CHECK(parked.empty());
}
