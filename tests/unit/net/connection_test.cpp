// Tests of net::connection over a transport made of two strings: what it writes, reads, reports and resumes,
// turn by turn.
#include <support/paper_connection.hpp>

#include <stdexcept>
#include <string>
#include <vector>

using namespace paper;

TEST_CASE("a call on a connection that was never opened goes back to the driver", "[connection]") {
    bench here;
    noted_call& one = here.call(get);
    here.link.submit(one);
    here.turn();
    CHECK(here.owner.heard == std::vector<std::string>{"parked"});
}

TEST_CASE("calls wait for the connection, go out in one write, and are answered in order", "[connection]") {
    bench here;
    paper_transport& wire = here.open();
    CHECK(wire.target == "10.0.0.7:7000");
    noted_call& first = here.call(get);
    noted_call& second = here.call(incr);
    here.link.submit(first);
    here.link.submit(second);
    here.turn();
    CHECK(wire.written.empty());
    wire.owner.on_connected(wire, {}, true);
    CHECK(here.owner.heard == std::vector<std::string>{"opened"});
    CHECK(wire.written == std::string{get} + std::string{incr});
    CHECK(here.link.in_flight() == 2);
    wire.arrive("$1\r\nv\r\n:7\r\n");
    CHECK(first.told == "v");
    CHECK(second.told == "7");
    CHECK(first.completions == 1);
    CHECK(here.link.in_flight() == 0);
}

TEST_CASE("calls begun inside a completion join the write at the end of the turn", "[connection]") {
    bench here;
    paper_transport& wire = here.connect();
    noted_call& first = here.call(get);
    noted_call& second = here.call(incr);
    noted_call& third = here.call(get);
    first.then = [&] {
        here.link.submit(second);
        here.link.submit(third);
        CHECK(wire.written == get);
    };
    here.link.submit(first);
    here.turn();
    wire.arrive("$-1\r\n");
    CHECK(wire.written == std::string{get} + std::string{incr} + std::string{get});
}

TEST_CASE("a write that the kernel takes piece by piece goes on whenever it is writable", "[connection]") {
    bench here;
    paper_transport& wire = here.connect();
    wire.accepts = 0;
    noted_call& one = here.call(get);
    noted_call& two = here.call(incr);
    here.link.submit(one);
    here.link.submit(two);
    here.turn();
    for (std::size_t i = 0; i < get.size() + incr.size(); ++i) {
        CHECK(wire.written.size() == i);
        CHECK(wire.waits == static_cast<int>(i) + 1);
        wire.take_more(1);
    }
    CHECK(wire.written == std::string{get} + std::string{incr});
}

TEST_CASE("replies that arrive byte by byte settle when their last byte is there", "[connection]") {
    bench here;
    paper_transport& wire = here.connect();
    noted_call& one = here.call(get);
    here.link.submit(one);
    here.turn();
    for (char const letter : std::string_view{"$5\r\nhello\r"}) {
        wire.arrive({&letter, 1});
        CHECK(one.completions == 0);
    }
    wire.arrive("\n");
    CHECK(one.told == "hello");
}

TEST_CASE("a refused connection is reported before its calls, which were not sent", "[connection]") {
    bench here;
    paper_transport& wire = here.open();
    noted_call& one = here.call(incr);
    here.link.submit(one);
    here.turn();
    wire.owner.on_connected(wire, asio::error::connection_refused, true);
    CHECK(here.owner.heard == std::vector<std::string>{"lost connect_failed", "diverted connect_failed"});
    CHECK(wire.closed);
    noted_call& unresolved = here.call(incr);
    paper_transport& second = here.open();
    here.link.submit(unresolved);
    here.turn();
    second.owner.on_connected(second, asio::error::host_not_found, false);
    CHECK(here.owner.heard[2] == "lost resolve_failed");
}

TEST_CASE("a node with which no TLS can be agreed upon is told apart, also while it is greeted",
          "[connection]") {
    bench here;
    paper_transport& refused = here.open(umbel::protocol::resp3);
    refused.refuses = "certificate has expired";
    refused.owner.on_connected(refused, asio::error::connection_aborted, true);
    CHECK(here.owner.heard.back() == "lost tls_failed");
    CHECK(here.owner.words == "certificate has expired");
    // A server of TLS 1.3 looks at the client's certificate when the client already greets it.
    paper_transport& late = here.open(umbel::protocol::resp3);
    late.refuses = "the server requires a client certificate";
    late.owner.on_connected(late, {}, true);
    CHECK(late.written.find("HELLO") != std::string::npos);
    late.owner.on_read(late, asio::error::connection_aborted, 0);
    CHECK(here.owner.heard.back() == "lost tls_failed");
    CHECK(here.owner.words == "the server requires a client certificate");
    // Later it is a loss as any other.
    paper_transport& open = here.connect();
    open.refuses = "certificate has expired";
    open.owner.on_read(open, asio::error::connection_aborted, 0);
    CHECK(here.owner.heard.back() == "lost connection_lost");
}

TEST_CASE("a lost connection tells a write unknown and asks for a read again", "[connection]") {
    bench here;
    paper_transport& wire = here.connect();
    noted_call& read = here.call(get, umbel::cluster::command_flags::read_only);
    noted_call& written = here.call(incr);
    here.link.submit(read);
    here.link.submit(written);
    here.turn();
    wire.owner.on_read(wire, asio::error::eof, 0);
    CHECK(here.owner.heard ==
          std::vector<std::string>{"opened", "lost connection_lost", "diverted connection_lost"});
    CHECK(written.told == "connection_lost unknown");
    CHECK(written.completions == 1);
    CHECK(read.completions == 0);
    // What the node has not got yet of the write must not come later.
    CHECK(wire.aborted);
}

TEST_CASE("a connection that ends with nothing unanswered is closed, not aborted", "[connection]") {
    bench here;
    paper_transport& wire = here.connect();
    noted_call& one = here.call(get);
    here.link.submit(one);
    here.turn();
    wire.arrive("$1\r\nv\r\n");
    wire.owner.on_read(wire, asio::error::eof, 0);
    CHECK(wire.closed);
    CHECK_FALSE(wire.aborted);
}

TEST_CASE("a command of which the kernel has not got all was not sent", "[connection]") {
    bench here;
    paper_transport& wire = here.connect();
    wire.accepts = get.size() + 3;
    noted_call& whole = here.call(get);
    noted_call& half = here.call(incr);
    here.link.submit(whole);
    here.link.submit(half);
    here.turn();
    wire.owner.on_writable(wire, asio::error::broken_pipe);
    CHECK(whole.told == "connection_lost unknown");
    CHECK(here.owner.heard.back() == "diverted connection_lost");
}

TEST_CASE("what an old transport still has to say is not heard", "[connection]") {
    bench here;
    paper_transport& old = here.connect();
    old.owner.on_read(old, asio::error::eof, 0);
    paper_transport& wire = here.connect();
    old.owner.on_read(old, asio::error::eof, 0);
    old.owner.on_writable(old, asio::error::eof);
    old.owner.on_connected(old, asio::error::eof, true);
    noted_call& one = here.call(get);
    here.link.submit(one);
    here.turn();
    wire.arrive("$1\r\nv\r\n");
    CHECK(one.told == "v");
    CHECK(here.owner.heard == std::vector<std::string>{"opened", "lost connection_lost", "opened"});
}

TEST_CASE("junk closes the connection with a protocol error", "[connection]") {
    bench here;
    paper_transport& wire = here.connect();
    noted_call& one = here.call(incr);
    here.link.submit(one);
    here.turn();
    wire.arrive("HTTP/1.1 400\r\n");
    CHECK(here.owner.heard == std::vector<std::string>{"opened", "lost protocol_error"});
    CHECK(one.told == "protocol_error unknown");
    CHECK(wire.aborted);
}

TEST_CASE("after a handler that throws the others complete in a turn of their own, and reading goes on",
          "[connection]") {
    bench here;
    paper_transport& wire = here.connect();
    std::deque<noted_call>& all = here.calls;
    for (int i = 0; i < 100; ++i) here.call(get);
    noted_call& inside = here.call(incr);
    all[40].then = [&] {
        here.link.submit(inside);
        throw std::runtime_error{"a handler's own"};
    };
    for (std::size_t i = 0; i < 100; ++i) here.link.submit(all[i]);
    here.turn();
    std::string replies;
    for (int i = 0; i < 100; ++i) replies += "$1\r\nv\r\n";
    CHECK_THROWS_AS(wire.arrive(replies), std::runtime_error);
    CHECK(all[40].completions == 1);
    here.turn();
    for (std::size_t i = 0; i < 100; ++i) CHECK(all[i].completions == 1);
    CHECK(wire.written.ends_with(incr));
    wire.arrive(":1\r\n");
    CHECK(inside.told == "1");
}

TEST_CASE("a call that is tied to a connection which has ended does not travel on the next one",
          "[connection]") {
    bench here{{}, umbel::engine::leased_link(0)};
    paper_transport& old = here.connect();
    noted_call& pop = here.call(incr);
    pop.form.tied = 1;
    noted_call& other = here.call(get);
    old.owner.on_read(old, asio::error::eof, 0);
    // Whoever hands these over has not heard of the loss yet, and opens the connection again before the turn
    // comes that takes them.
    here.link.submit(other);
    here.link.submit(pop);
    paper_transport& wire = here.connect();
    here.turn();
    CHECK(wire.written == get);
    wire.arrive("$1\r\nv\r\n");
    CHECK(other.told == "v");
    CHECK(here.owner.heard ==
          std::vector<std::string>{"opened", "lost connection_lost", "opened", "diverted connection_lost"});
}

TEST_CASE("a drained connection serves what is in flight and closes then", "[connection]") {
    bench here;
    paper_transport& wire = here.connect();
    noted_call& one = here.call(get);
    here.link.submit(one);
    here.turn();
    here.link.order(umbel::engine::close_link{here.link.id(), here.generation});
    here.turn();
    CHECK_FALSE(wire.closed);
    wire.arrive("$1\r\nv\r\n");
    CHECK(one.told == "v");
    CHECK(wire.closed);
    CHECK_FALSE(wire.aborted);
    CHECK(here.owner.heard == std::vector<std::string>{"opened", "closed"});
}

TEST_CASE(
    "shut completes what is queued, written and in the inbox, and what comes later, once, and reports no "
    "loss",
    "[connection]") {
    bench here;
    paper_transport& wire = here.connect();
    noted_call& written = here.call(get);
    here.link.submit(written);
    here.turn();
    noted_call& inbox = here.call(incr);
    here.link.submit(inbox);
    here.link.order(umbel::engine::shut_link{});
    here.turn();
    CHECK(written.told == "cancelled unknown");
    CHECK(inbox.told == "cancelled not_sent");
    CHECK(written.completions + inbox.completions == 2);
    // The user's close is graceful: what was written may still run, as its delivery says.
    CHECK(wire.closed);
    CHECK_FALSE(wire.aborted);
    CHECK(here.owner.heard == std::vector<std::string>{"opened"});
    noted_call& late = here.call(get);
    here.link.submit(late);
    here.turn();
    CHECK(late.told == "cancelled not_sent");
    CHECK(late.completions == 1);
    CHECK(here.owner.heard == std::vector<std::string>{"opened"});
}

TEST_CASE("past the inbox's bound a call is not taken", "[connection]") {
    umbel::engine::pipeline_options narrow;
    narrow.in_flight_max = 2;
    bench here{narrow};
    here.connect();
    CHECK(here.link.submit(here.call(get)));
    CHECK(here.link.submit(here.call(get)));
    CHECK_FALSE(here.link.submit(here.call(get)));
    here.turn();
    CHECK(here.link.in_flight() == 2);
}
