// Tests of client/consumer_ack.hpp, and of what is out with a caller (consumer_progress.hpp,
// consumer_state.hpp): acknowledgements with their bytes, and what keeps next() waiting for them.
#include "group_server.hpp"

#include <asio/bind_cancellation_slot.hpp>
#include <asio/bind_executor.hpp>
#include <asio/cancellation_signal.hpp>

#include <atomic>
#include <optional>
#include <string>
#include <thread>
#include <utility>

using namespace group_server;
using at_home::delivery_of;
using namespace std::chrono_literals;

TEST_CASE("too many entries that are not acknowledged keep next() waiting", "[consumer]") {
    small_group g;
    g.says.fresh = {read({entry("1-1", "a"), entry("1-2", "b")}), read({entry("1-3", "c")})};
    auto const worker = g.consumer(10, 2);
    auto const page = g.next(worker);
    CHECK(ids(page) == texts{"1-1", "1-2"});
    std::size_t const asked = g.asked().size();
    CHECK(code_of(g.next(worker)) == "overloaded");
    CHECK(g.asked().size() == asked);
    std::optional<umbel::result<umbel::consumer_page<>>> told;
    auto const begin = [&] { worker.next()([&](auto given) { told.emplace(std::move(given)); }); };
    SECTION("until some are acknowledged") {
        umbel::consumer const patient{*g.here.db,
                                      {.stream = "s", .group = "g", .name = "me", .unacknowledged_max = 1}};
        g.says.fresh = {read({entry("2-1", "x")}), read({entry("2-2", "y")})};
        CHECK(ids(g.next(patient)) == texts{"2-1"});
        patient.next()([&](auto given) { told.emplace(std::move(given)); });
        at_home::settle(g.here.io);
        CHECK_FALSE(told);
        CHECK(g.here.wait(patient.ack("2-1")) == 1);
        REQUIRE(g.here.until([&] { return told.has_value(); }));
        CHECK(ids(*told) == texts{"2-2"});
    }
    SECTION("or left pending") {
        worker.leave("1-1");
        worker.leave("nobody's");
        CHECK(worker.unacknowledged() == 1);
        begin();
        REQUIRE(g.here.until([&] { return told.has_value(); }));
        CHECK(ids(*told) == texts{"1-3"});
        CHECK(g.asked().back() == "XREADGROUP GROUP g me COUNT 1 STREAMS s >");
    }
    SECTION("or all are to come again") {
        worker.redeliver();
        g.says.pending = {read({entry("1-1", "a"), entry("1-2", "b")})};
        CHECK(ids(g.next(worker)) == texts{"1-1", "1-2"});
        worker.leave(*page);
        CHECK(worker.unacknowledged() == 0);
    }
}

TEST_CASE("what is taken back during a read leaves out what that read gives", "[consumer]") {
    small_group g;
    g.says.fresh = {read({entry("1-1", "a")}), answer::hold(read({entry("1-2", "b")}))};
    auto const worker = g.consumer();
    REQUIRE(g.next(worker));
    std::optional<umbel::result<umbel::consumer_page<>>> told;
    worker.next()([&](auto page) { told.emplace(std::move(page)); });
    REQUIRE(g.here.until([&] { return g.count(fresh_read) == 2; }));
    worker.redeliver();
    g.here.server.release();
    REQUIRE(g.here.until([&] { return told.has_value(); }));
    CHECK(ids(*told) == texts{"1-2"});
    g.says.pending = {read({entry("1-1", "a"), entry("1-2", "b")})};
    CHECK(ids(g.next(worker)) == texts{"1-1"});
    CHECK(g.here.wait(worker.ack(**told)) == 1);
}

TEST_CASE("deleted entries are told, and acknowledged by themselves", "[consumer]") {
    small_group g;
    g.says.pending = {read({deleted("1-1"), entry("1-2", "b"), deleted("1-3")})};
    g.says.claims = {claim("0-0", {entry("0-1", "c")}, {"0-2"})};
    g.says.acks = {":1\r\n", answer::cut(), ":2\r\n"};
    auto const worker = g.consumer();
    auto page = g.next(worker);
    CHECK(ids(page) == texts{"1-2"});
    CHECK(page->deleted == texts{"1-1", "1-3"});
    CHECK(worker.unacknowledged() == 1);
    CHECK(g.here.wait(worker.ack(*page)) == 1);
    page = g.next(worker);
    CHECK(g.count("XACK s g 1-1 1-3") == 2);
    CHECK(ids(page) == texts{"0-1"});
    CHECK(page->deleted == texts{"0-2"});
}

TEST_CASE("an acknowledgement whose reply is lost is sent again", "[consumer]") {
    small_group g;
    g.says.fresh = {read({entry("1-1", "a"), entry("1-2", "b")})};
    g.says.acks = {answer::cut(), ":1\r\n"};
    auto const worker = g.consumer();
    auto const page = g.next(worker);
    CHECK(g.here.wait(worker.ack(*page)) == 1);
    CHECK(g.count("XACK s g 1-1 1-2") == 2);
    CHECK(worker.unacknowledged() == 0);
}

TEST_CASE("an acknowledgement that fails leaves its entries out", "[consumer]") {
    small_group g;
    g.says.fresh = {read({entry("1-1", "a")})};
    auto const worker = g.consumer();
    REQUIRE(g.next(worker));
    SECTION("by an error") {
        g.says.acks = {"-WRONGTYPE no stream\r\n"};
        CHECK(code_of(g.here.wait(worker.ack("1-1"))) == "wrong_type");
    }
    SECTION("by its deadline") {
        g.says.fresh = {read({entry("1-1", "a")})};
        umbel::consumer const hasty{g.here.db->with(1s), {.stream = "s", .group = "g", .name = "me"}};
        REQUIRE(g.next(hasty));
        for (int at = 0; at < 200; ++at) g.says.acks.push_back("-MISCONF errors writing to disk\r\n");
        CHECK(code_of(g.here.wait(hasty.ack("1-1"))) == "deadline_exceeded");
        CHECK(hasty.unacknowledged() == 1);
        g.says.acks.clear();
    }
    SECTION("by cancellation") {
        g.says.acks = {answer::hold(":1\r\n")};
        asio::cancellation_signal signal;
        std::string told;
        worker.ack("1-1")(asio::bind_cancellation_slot(signal.slot(), [&](auto n) { told = code_of(n); }));
        REQUIRE(g.here.until([&] { return g.here.server.count("XACK") == 1; }));
        signal.emit(asio::cancellation_type::terminal);
        REQUIRE(g.here.until([&] { return !told.empty(); }));
        CHECK(told == "cancelled");
        g.here.server.release();
    }
    CHECK(worker.unacknowledged() == 1);
    CHECK(g.here.wait(worker.ack("1-1")) == 1);
    CHECK(worker.unacknowledged() == 0);
}

TEST_CASE("what was not given out is not acknowledged", "[consumer]") {
    small_group g;
    g.says.fresh = {read({entry("1-1", "a")})};
    auto const worker = g.consumer();
    REQUIRE(g.next(worker));
    for (auto const& told : {g.here.wait(worker.ack("9-9")), g.here.wait(worker.ack(texts{"1-1", "9-9"})),
                             g.here.wait(worker.ack(texts{}))}) {
        CHECK(code_of(told) == "bad_argument");
        CHECK(delivery_of(told) == "not_sent");
    }
    CHECK(g.here.server.count("XACK") == 0);
    CHECK(g.here.wait(worker.ack("1-1")) == 1);
    CHECK(code_of(g.here.wait(worker.ack("1-1"))) == "bad_argument");
}

TEST_CASE("of a page, what is out no more is passed over", "[consumer]") {
    small_group g;
    g.says.fresh = {read({entry("1-1", "a"), entry("1-2", "b"), entry("1-3", "c")})};
    auto const worker = g.consumer();
    auto const page = g.next(worker);
    REQUIRE(page);
    CHECK(g.here.wait(worker.ack("1-1")) == 1);
    worker.leave("1-2");
    CHECK(g.here.wait(worker.ack(*page)) == 1);
    CHECK(g.count("XACK s g 1-3") == 1);
    CHECK(worker.unacknowledged() == 0);
    CHECK(g.here.wait(worker.ack(*page)) == 0);
    CHECK(g.here.server.count("XACK") == 2);
}

TEST_CASE("an acknowledgement that may have been executed says so, whatever it meets later", "[consumer]") {
    small_group g;
    g.says.fresh = {read({entry("1-1", "a")})};
    g.says.acks = {answer::cut()};
    for (int at = 0; at < 200; ++at) g.says.acks.push_back("-MISCONF errors writing to disk\r\n");
    auto const worker = g.consumer();
    REQUIRE(g.next(worker));
    SECTION("at its deadline") {
        g.says.fresh = {read({entry("1-1", "a")})};
        umbel::consumer const hasty{g.here.db->with(1s), {.stream = "s", .group = "g", .name = "me"}};
        REQUIRE(g.next(hasty));
        auto const told = g.here.wait(hasty.ack("1-1"));
        CHECK(code_of(told) == "deadline_exceeded");
        CHECK(delivery_of(told) == "unknown");
    }
    SECTION("cancelled between two attempts") {
        asio::cancellation_signal signal;
        std::optional<umbel::result<std::int64_t>> told;
        worker.ack("1-1")(
            asio::bind_cancellation_slot(signal.slot(), [&](auto n) { told.emplace(std::move(n)); }));
        REQUIRE(g.here.until([&] { return g.here.server.count("XACK") >= 4; }));
        at_home::settle(g.here.io);
        signal.emit(asio::cancellation_type::terminal);
        REQUIRE(g.here.until([&] { return told.has_value(); }));
        CHECK(delivery_of(*told) == "unknown");
    }
    SECTION("or refused") {
        g.says.acks = {answer::cut(), "-NOPERM this user has no permissions\r\n"};
        auto const told = g.here.wait(worker.ack("1-1"));
        CHECK(code_of(told) == "no_permission");
        CHECK(delivery_of(told) != "not_sent");
        CHECK(delivery_of(told) != "not_executed");
    }
}

TEST_CASE("many acknowledgements go a thousand to a command", "[consumer]") {
    small_group g;
    texts entries, all;
    for (int at = 1; at <= 2500; ++at) {
        all.push_back(std::to_string(at) + "-0");
        entries.push_back(entry(all.back(), "v"));
    }
    g.says.fresh = {read(entries)};
    auto const worker = g.consumer(5000, 5000);
    auto const page = g.next(worker);
    REQUIRE(page);
    g.says.acks = {":1000\r\n", "-NOPERM this user has no permissions\r\n"};
    auto const told = g.here.wait(worker.ack(*page));
    CHECK(code_of(told) == "no_permission");
    CHECK(told.error().may_have_executed());  // The first thousand were.
    CHECK(worker.unacknowledged() == 2500);   // It may be done again.
    CHECK(g.here.wait(worker.ack(*page)) == 2500);
    CHECK(g.here.server.count("XACK") == 5);
    CHECK(worker.unacknowledged() == 0);
}

TEST_CASE("acknowledgements and pages that begin while their client ends on another thread end with it",
          "[consumer]") {
    for (int round = 0; round < 20; ++round) {
        small_group g;
        texts all;
        for (int nth = 0; nth < 100; ++nth) all.push_back(entry("1-" + std::to_string(nth), "a"));
        g.says.fresh = {read(all)};
        auto const worker = g.consumer(100, 100);
        auto const page = g.next(worker);
        REQUIRE(page);
        std::atomic<int> begun{0}, ended{0};
        std::atomic<bool> running{false};
        std::thread other{[&] {
            running.store(true);
            for (int nth = 0; nth < 100; ++nth) {
                ++begun;
                worker.ack("1-" + std::to_string(nth))(
                    asio::bind_executor(g.here.io, [&ended](auto const&) { ++ended; }));
                ++begun;
                worker.next()(asio::bind_executor(g.here.io, [&ended](auto const&) { ++ended; }));
                worker.leave("1-" + std::to_string(nth));
            }
        }};
        while (!running.load()) std::this_thread::yield();
        for (int turns = 0; turns < round; ++turns) {
            if (g.here.io.stopped()) g.here.io.restart();
            g.here.io.poll_one();
        }
        g.here.db.reset();
        other.join();
        CHECK(g.here.until([&] { return ended == begun; }));
        CHECK(begun == 200);
        CHECK(code_of(g.here.wait(worker.ack("1-0"))) == "cancelled");
    }
}
