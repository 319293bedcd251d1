#include <umbel/engine/send_queue.hpp>

#include <catch2/catch_test_macros.hpp>

#include <span>
#include <string>

using namespace umbel::engine;

namespace {

struct text_call : call {
    std::string text;
    explicit text_call(std::string command) : text{std::move(command)} {
        bytes = text.data();
        size = static_cast<std::uint32_t>(text.size());
    }
};

struct sender {
    in_flight_queue queue;
    send_queue send;

    explicit sender(send_bounds bounds = {}) : send{bounds} {}
    void append(call& call) {
        REQUIRE(queue.make_room());
        send.close_fast_append(queue);
        REQUIRE(send.has_room(call.wire_size()));
        call.queue_position = queue.tail();
        queue.push(in_flight_queue::entry::of(call));
        send.append(call, call.wire_size());
        send.open_fast_append(queue);
    }
    bool append_fast(call& call) {
        if (!send.admits_fast(call, queue)) return false;
        call.queue_position = queue.tail();
        queue.push(in_flight_queue::entry::of(call));
        send.append_fast(call);
        return true;
    }
    std::string gather() {
        send.close_fast_append(queue);
        std::string all;
        for (write_piece const& piece : send.gather(queue)) all.append(piece.data, piece.size);
        return all;
    }
};

}  // namespace

TEST_CASE("calls leave in one write, those that passed by fast append among them", "[send_queue]") {
    sender one;
    text_call first{"GET a\r\n"}, second{"GET b\r\n"};
    CHECK_FALSE(one.append_fast(second));
    one.append(first);
    CHECK(one.append_fast(second));
    CHECK(one.send.close_fast_append(one.queue) == 1);
    CHECK(one.send.close_fast_append(one.queue) == 0);
    CHECK(one.send.wants_write(one.queue));
    CHECK(one.gather() == "GET a\r\nGET b\r\n");
    CHECK(one.send.is_written(second));
    one.send.wrote(14);
    CHECK_FALSE(one.send.wants_write(one.queue));
}

TEST_CASE("how far a call has come is known byte by byte", "[send_queue]") {
    sender one;
    text_call first{"GET a\r\n"}, second{"GET b\r\n"};
    one.append(first);
    one.append(second);
    CHECK_FALSE(one.send.is_written(first));
    one.gather();
    CHECK_FALSE(one.send.is_begun(first));
    one.send.wrote(8);
    CHECK(one.send.is_sent(first));
    CHECK(one.send.is_begun(second));
    CHECK(one.send.is_sending(second));
    CHECK_FALSE(one.send.is_sent(second));
    CHECK(one.send.wrote(6));
    CHECK(one.send.is_sent(second));
}

TEST_CASE("a staged call that is withdrawn leaves its neighbours their bytes", "[send_queue]") {
    sender one;
    text_call first{"GET a\r\n"}, second{"GET b\r\n"}, third{"GET c\r\n"};
    for (text_call* const call : {&first, &second, &third}) one.append(*call);
    one.send.close_fast_append(one.queue);
    one.send.withdraw(second);
    one.queue[second.queue_position] = in_flight_queue::entry::tombstone(0);
    CHECK(one.gather() == "GET a\r\nGET c\r\n");
}

TEST_CASE("a tombstone that awaits no reply leaves the front of the queue with the next write",
          "[send_queue]") {
    sender one;
    text_call first{"GET a\r\n"}, second{"GET b\r\n"};
    one.append(first);
    one.append(second);
    one.send.close_fast_append(one.queue);
    one.send.withdraw(first);
    one.queue[first.queue_position] = in_flight_queue::entry::tombstone(0);
    CHECK(one.gather() == "GET b\r\n");
    CHECK(one.queue.size() == 1);
}

TEST_CASE("bytes that wait are bounded; one command larger than the bound takes no room from others",
          "[send_queue]") {
    sender one{{.calls_max = 100, .bytes_max = 20}};
    text_call small{std::string(15, 's')}, large{std::string(50, 'l')};
    one.append(small);
    CHECK_FALSE(one.send.has_room(10));
    CHECK(one.send.has_room(50));
    one.append(large);
    CHECK_FALSE(one.send.has_room(50));
    CHECK(one.send.has_room(5));
    CHECK(one.gather() == small.text + large.text);
    CHECK(one.send.has_room(20));
}
