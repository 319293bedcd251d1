// Tests of calls that complete where their replies are read: whatever their handlers do, everybody completes
// once and in the order of the replies.
#include <support/paper_connection.hpp>

#include <new>
#include <stdexcept>
#include <string>
#include <vector>

using namespace paper;

namespace {

/// Calls that note their turn.
struct queue {
    bench here;
    paper_transport& wire = here.connect();
    std::vector<std::size_t> order;

    noted_call& add(bool at_once = true) {
        noted_call& one = here.call(incr);
        if (at_once) one.answer_at_once();
        one.then = [this, mine = here.calls.size() - 1] { order.push_back(mine); };
        here.link.submit(one);
        return one;
    }
    std::vector<std::size_t> up_to(std::size_t count) const {
        std::vector<std::size_t> all(count);
        for (std::size_t i = 0; i != count; ++i) all[i] = i;
        return all;
    }
    static std::string replies(std::size_t from, std::size_t to) {
        std::string all;
        for (; from != to; ++from) all += ":" + std::to_string(from) + "\r\n";
        return all;
    }
};

}  // namespace

TEST_CASE("calls complete in the order of their replies, at once or by list, with errors between them",
          "[answering]") {
    for (std::size_t every = 1; every != 9; ++every) {
        queue on;
        for (std::size_t i = 0; i != 50; ++i) on.add(i % every == 0);
        on.here.turn();
        std::string wire;
        for (std::size_t i = 0; i != 50; ++i)
            wire += i % 11 == 5 ? "-ERR of call " + std::to_string(i) + "\r\n" : queue::replies(i, i + 1);
        on.wire.arrive(wire);
        CHECK(on.order == on.up_to(50));
        for (std::size_t i = 0; i != 50; ++i) {
            CHECK(on.here.calls[i].completions == 1);
            CHECK(on.here.calls[i].told == (i % 11 == 5 ? "server_error unknown" : std::to_string(i)));
        }
    }
}

TEST_CASE("what a handler begins is sent with the next write, and its reply is not mistaken for another",
          "[answering]") {
    queue on;
    noted_call& first = on.add();
    noted_call& second = on.add();
    noted_call* third = nullptr;
    first.then = [&] {
        third = &on.add();
        CHECK(on.wire.written == std::string{incr} + std::string{incr});
    };
    on.here.turn();
    on.wire.arrive(queue::replies(0, 2));
    CHECK(on.wire.written == std::string{incr} + std::string{incr} + std::string{incr});
    CHECK(second.told == "1");
    REQUIRE(third);
    CHECK(third->completions == 0);
    on.wire.arrive(queue::replies(2, 3));
    CHECK(third->told == "2");
}

TEST_CASE(
    "a handler that throws, be it for want of memory, ends neither the connection nor the others' calls",
    "[answering]") {
    for (bool const memory : {false, true}) {
        queue on;
        for (int i = 0; i != 30; ++i) on.add();
        on.here.calls[10].then = [&] {
            on.order.push_back(10);
            if (memory) throw std::bad_alloc{};
            throw std::runtime_error{"a handler's own"};
        };
        on.here.turn();
        if (memory)
            CHECK_THROWS_AS(on.wire.arrive(queue::replies(0, 30)), std::bad_alloc);
        else
            CHECK_THROWS_AS(on.wire.arrive(queue::replies(0, 30)), std::runtime_error);
        CHECK(on.order == on.up_to(11));
        on.here.turn();
        CHECK(on.order == on.up_to(30));
        CHECK(on.here.owner.heard == std::vector<std::string>{"opened"});
        on.add();
        on.here.turn();
        on.wire.arrive(queue::replies(30, 31));
        CHECK(on.here.calls[30].told == "30");
    }
}

TEST_CASE(
    "a handler that runs the executor itself sees the loss of its connection, and what was read of it is "
    "over",
    "[answering]") {
    queue on;
    for (int i = 0; i != 20; ++i) on.add();
    paper_transport* fresh = nullptr;
    noted_call* later = nullptr;
    on.here.calls[4].then = [&] {
        on.order.push_back(4);
        on.wire.owner.on_read(on.wire, asio::error::eof, 0);
        fresh = &on.here.connect();
        later = &on.add();
    };
    on.here.turn();
    on.wire.arrive(queue::replies(0, 20));
    // Those behind it are lost, though their replies had arrived: nobody knows whose they were any more.
    for (std::size_t i = 5; i != 20; ++i) {
        CHECK(on.here.calls[i].completions == 1);
        CHECK(on.here.calls[i].told == "connection_lost unknown");
    }
    CHECK(on.order == on.up_to(20));
    on.here.turn();
    REQUIRE(fresh);
    CHECK(fresh->written == incr);
    fresh->arrive(queue::replies(20, 21));
    CHECK(later->told == "20");
    CHECK(later->completions == 1);
}

TEST_CASE("a handler may shut its connection: the others end, once", "[answering]") {
    queue on;
    for (int i = 0; i != 20; ++i) on.add();
    on.here.calls[4].then = [&] {
        on.order.push_back(4);
        on.here.link.order(umbel::engine::shut_link{});
    };
    on.here.turn();
    on.wire.arrive(queue::replies(0, 20));
    on.here.turn();
    CHECK(on.order == on.up_to(20));
    for (std::size_t i = 5; i != 20; ++i) CHECK(on.here.calls[i].told == "cancelled unknown");
}

TEST_CASE("seven results wait for their handlers at a time, be they values or errors", "[answering]") {
    for (bool const errors : {false, true}) {
        queue on;
        std::string replies;
        for (int i = 0; i != 60; ++i) {
            on.add(errors);
            replies += errors ? "-ERR no\r\n" : ":1\r\n";
        }
        std::size_t at_first = 0;
        on.here.calls[0].then = [&] {
            for (noted_call const& one : on.here.calls) at_first += one.told.empty() ? 0 : 1;
        };
        on.here.turn();
        on.wire.arrive(replies);
        CHECK(at_first == 7);
        for (noted_call const& one : on.here.calls) CHECK(one.completions == 1);
    }
}

TEST_CASE("what is on the list when a handler loses its connection was settled before, and completes as such",
          "[answering]") {
    queue on;
    for (int i = 0; i != 6; ++i) on.add(i != 4);
    on.here.calls[2].then = [&] {
        on.order.push_back(2);
        on.wire.owner.on_read(on.wire, asio::error::eof, 0);
        on.here.connect();
    };
    on.here.turn();
    on.wire.arrive(queue::replies(0, 6));
    on.here.turn();
    CHECK(on.order == on.up_to(6));
    CHECK(on.here.calls[2].told == "2");
    for (std::size_t i = 3; i != 6; ++i) CHECK(on.here.calls[i].told == "connection_lost unknown");
    CHECK(on.here.owner.heard == std::vector<std::string>{"opened", "lost connection_lost", "opened"});
}
