#include <umbel/engine/send_queue.hpp>

#include <catch2/catch_test_macros.hpp>

#include <memory>
#include <span>
#include <string>
#include <vector>

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

namespace {

/// Twelve calls, of which two may be in flight at first.
struct slow_sender : sender {
    std::vector<std::unique_ptr<text_call>> calls;

    explicit slow_sender(std::size_t first = 2)
        : sender{{.calls_max = 100, .bytes_max = 1000, .slow_start = first}} {
        send.start_slowly(queue);
        for (char letter = 'a'; letter <= 'l'; ++letter) {
            calls.push_back(std::make_unique<text_call>(std::string{letter}));
            append(*calls.back());
        }
    }
    std::string write() {
        std::string all = send.wants_write(queue) ? gather() : "";
        send.wrote(all.size());
        return all;
    }
};

}  // namespace

TEST_CASE("a server that has just come back gets few calls at first, and one more with each reply",
          "[send_queue]") {
    slow_sender one;
    CHECK(one.write() == "ab");
    CHECK_FALSE(one.send.wants_write(one.queue));
    one.queue.pop();
    CHECK(one.send.wants_write(one.queue));
    CHECK(one.write() == "cd");
    CHECK(one.write() == "");
    for (int i = 0; i < 3; ++i) one.queue.pop();
    CHECK(one.write() == "efghij");
}

TEST_CASE("without slow start all calls leave in one write: a negative control", "[send_queue]") {
    slow_sender one{0};
    CHECK(one.write() == "abcdefghijkl");
}

TEST_CASE("slow start ends, and calls pass by fast append again", "[send_queue]") {
    slow_sender one;
    text_call next{"x"};
    CHECK_FALSE(one.append_fast(next));
    std::size_t answered = 0;
    std::vector<std::unique_ptr<text_call>> more;
    for (int round = 0; round < 40; ++round) {
        while (!one.queue.empty() && one.queue.head() != one.send.written()) one.queue.pop(), ++answered;
        for (int i = 0; i < 8; ++i) {
            more.push_back(std::make_unique<text_call>("m"));
            one.append(*more.back());
        }
        one.write();
    }
    CHECK(answered > 2 * slow_start::growth);
    one.append(*more.emplace_back(std::make_unique<text_call>("m")));
    CHECK(one.append_fast(next));
}

TEST_CASE("calls that end while slow start holds them back let others pass, and count as no reply",
          "[send_queue]") {
    slow_sender one;
    CHECK(one.write() == "ab");
    one.send.close_fast_append(one.queue);
    for (std::size_t const gone : {2u, 3u, 4u}) {
        one.send.withdraw(*one.calls[gone]);
        one.queue[one.calls[gone]->queue_position] = in_flight_queue::entry::tombstone(0);
    }
    one.queue.pop();
    one.queue.pop();
    // Four places from the head on: three of them are empty.
    CHECK(one.write() == "f");
    CHECK(one.queue.size() == 7);
    CHECK(one.write() == "ghi");
}

TEST_CASE("a connection that is made anew during slow start sends nothing more of what waits",
          "[send_queue]") {
    slow_sender one;
    CHECK(one.write() == "ab");
    one.send.close_fast_append(one.queue);
    one.send.hold_back(one.queue);
    one.queue.pop();
    one.queue.pop();
    CHECK_FALSE(one.send.wants_write(one.queue));
    CHECK(one.queue.head() == one.send.barrier());
    // The next connection is slow, too, where it is told so.
    while (!one.queue.empty()) one.queue.pop();
    one.send.reset(one.queue.head());
    for (auto const& call : one.calls) one.append(*call);
    CHECK(one.write() == "abcdefghijkl");
}
