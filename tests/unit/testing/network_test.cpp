// What becomes of bytes that are under way when their connection ends: closed, aborted, or cut off for a
// while.
#include <umbel/testing/network.hpp>

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <array>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

using namespace umbel::testing;

namespace {

/// A server that keeps whatever it is sent, with the time of its arrival.
struct sink final : listener {
    explicit sink(timeline& on) : time{on} {}
    answer knocked() override { return answer::accepts; }
    void accepted(std::shared_ptr<stream> const& from) override { held = from; }
    void arrived(std::shared_ptr<stream> const& from) override {
        if (asleep) return;
        if (!from->unread().empty()) latest = time.now();
        said += std::exchange(from->unread(), {});
        heard_end = from->ended();
    }
    bool unreachable() const override { return cut; }

    timeline& time;
    std::shared_ptr<stream> held;
    std::string said;
    instant latest{0};
    bool heard_end = false;
    bool cut = false;
    bool asleep = false;
};

struct nobody_cares final : stream_owner {
    void stream_connected(std::uint32_t, connect_outcome) override {}
    void stream_readable(std::uint32_t) override {}
    void stream_writable(std::uint32_t) override {}
};

/// One client's stream to one server.
struct wire {
    explicit wire(network_options options, std::uint64_t seed = 1)
        : time{seed}, net{time, options}, server{time} {
        net.listen({"10.0.0.1", 6379}, server);
        stream = net.connect({"10.0.0.1", 6379}, owner, 1);
        time.run_for(10ms);
    }
    void write(std::string_view text) {
        std::array<umbel::engine::write_piece, 1> const pieces{{{text.data(), text.size()}}};
        stream::outcome how{};
        REQUIRE(stream->write_some(pieces, how) == text.size());
    }
    /// Nothing passes for so long; what was under way may go on then.
    void cut_for(duration span) {
        server.cut = true;
        time.run_for(span);
        server.cut = false;
        net.resume(server);
    }

    timeline time;
    network net;
    sink server;
    nobody_cares owner;
    std::shared_ptr<umbel::testing::stream> stream;
};

}  // namespace

TEST_CASE("what was written arrives although the client has closed", "[network]") {
    wire w{{}};
    w.write("SET a 1");
    w.stream->close();
    w.time.run_for(10ms);
    CHECK(w.server.said == "SET a 1");
    CHECK(w.server.heard_end);
    CHECK(w.net.late_bytes() == 7);
}

TEST_CASE(
    "bytes of a closed connection may arrive up to late_max later, and the server hears of its end behind "
    "them",
    "[network]") {
    duration longest{0};
    for (std::uint64_t seed = 1; seed <= 40; ++seed) {
        wire w{{.late_percent = 100, .late_max = 300ms}, seed};
        w.write("SET a 1");
        w.stream->close();
        instant const closed = w.time.now();
        CHECK(w.time.run_while_not([&] { return w.server.heard_end; }, 302ms));
        CHECK(w.server.said == "SET a 1");
        longest = std::max(longest, w.server.latest - closed);
    }
    CHECK(longest > 250ms);
    CHECK(longest < 302ms);
}

TEST_CASE("what has not arrived when the client aborts never arrives, and the server hears of the end",
          "[network]") {
    wire w{{.late_percent = 100}};
    w.write("SET a 1");
    w.stream->abort();
    w.time.run_for(10ms);
    CHECK(w.server.said.empty());
    CHECK(w.server.heard_end);
    CHECK(w.net.late_bytes() == 0);
}

TEST_CASE("what has arrived when the client aborts is the server's", "[network]") {
    wire w{{}};
    w.server.asleep = true;
    w.write("SET a 1");
    w.time.run_for(10ms);
    w.stream->abort();
    w.time.run_for(10ms);
    w.server.asleep = false;
    w.server.arrived(w.server.held);
    CHECK(w.server.said == "SET a 1");
    CHECK(w.net.late_bytes() == 0);
}

TEST_CASE(
    "a client that closes while the way is cut is heard when it is free again; one that aborts is not heard "
    "at all",
    "[network]") {
    for (bool const aborts : {false, true}) {
        wire w{{.late_percent = 100}};
        w.server.cut = true;
        w.write("SET a 1");
        w.time.run_for(100ms);
        aborts ? w.stream->abort() : w.stream->close();
        w.cut_for(100ms);
        w.time.run_for(2s);
        CHECK(w.server.said == (aborts ? "" : "SET a 1"));
        CHECK(w.server.heard_end == !aborts);
    }
}

TEST_CASE("without resets that drop, an abort is a close", "[network]") {
    wire w{{.late_percent = 100, .resets_drop = false}};
    w.write("SET a 1");
    w.stream->abort();
    w.time.run_for(1s);
    CHECK(w.server.said == "SET a 1");
    CHECK(w.net.late_bytes() == 7);
}

TEST_CASE("behind a silence a connection that is still open may have to wait, too, and loses nothing",
          "[network]") {
    duration longest{0};
    for (std::uint64_t seed = 1; seed <= 40; ++seed) {
        wire w{{.late_percent = 50, .late_max = 300ms}, seed};
        w.server.cut = true;
        w.write("SET a 1");
        w.cut_for(50ms);
        instant const free = w.time.now();
        w.write("SET a 2");
        w.time.run_for(1s);
        CHECK(w.server.said == "SET a 1SET a 2");
        longest = std::max(longest, w.server.latest - free);
    }
    CHECK(longest > 200ms);
}
