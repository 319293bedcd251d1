// Tests of client/consumer.hpp, and of what stands behind it (consumer_step.hpp, consumer_state.hpp,
// async/call_sequence.hpp): bytes, errors, lost replies and cancellation, against one scripted server; and
// the end of a stage.
#include "group_server.hpp"

#include <umbel/testing/service/stage.hpp>

#include <asio/bind_cancellation_slot.hpp>
#include <asio/cancellation_signal.hpp>

#include <catch2/generators/catch_generators.hpp>

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>

using namespace group_server;
using at_home::delivery_of;
using namespace std::chrono_literals;

TEST_CASE("pages are what pends, what is claimed, and what is fresh, with these bytes", "[consumer]") {
    small_group g;
    g.says.pending = {read({entry("1-1", "a"), entry("1-2", "b")})};
    g.says.claims = {claim("0-5", {entry("0-3", "c")}), claim("0-0", {})};
    g.says.fresh = {read({entry("2-1", "d")})};
    auto const worker = g.consumer();
    auto page = g.next(worker);
    CHECK(ids(page) == texts{"1-1", "1-2"});
    CHECK(source(page) == "pending");
    CHECK(page->entries[1].fields == umbel::stream_fields{{"f", "b"}});
    CHECK(worker.unacknowledged() == 2);
    CHECK(g.here.wait(worker.ack(*page)) == 2);
    CHECK(worker.unacknowledged() == 0);
    page = g.next(worker);
    CHECK(ids(page) == texts{"0-3"});
    CHECK(source(page) == "claimed");
    page = g.next(worker);
    CHECK(ids(page) == texts{"2-1"});
    CHECK(source(page) == "fresh");
    CHECK(g.here.wait(worker.ack("2-1")) == 1);
    CHECK(g.here.wait(worker.ack(texts{"0-3"})) == 1);
    CHECK(g.asked() == texts{list_read, "XACK s g 1-1 1-2", "XREADGROUP GROUP g me COUNT 10 STREAMS s 1-2",
                             "XAUTOCLAIM s g me 60000 0-0 COUNT 10", "XAUTOCLAIM s g me 60000 0-5 COUNT 10",
                             fresh_read, "XACK s g 2-1", "XACK s g 0-3"});
}

TEST_CASE("where a page was full the next read does not wait at the server", "[consumer]") {
    small_group g;
    g.says.fresh = {read({entry("1-1", "a")}), read({entry("1-2", "b")}), nothing, read({entry("1-3", "c")})};
    auto const worker = g.consumer(1);
    CHECK(ids(g.next(worker)) == texts{"1-1"});
    CHECK(ids(g.next(worker)) == texts{"1-2"});
    CHECK(ids(g.next(worker)) == texts{"1-3"});
    CHECK(g.count("XREADGROUP GROUP g me COUNT 1 STREAMS s >") == 2);
    CHECK(g.count("XREADGROUP GROUP g me COUNT 1 BLOCK 5000 STREAMS s >") == 2);
}

TEST_CASE("next() gives an empty page when its time is over", "[consumer]") {
    small_group g;
    g.says.waits = false;
    REQUIRE(g.here.wait(g.here.db->ready()));
    auto const worker = g.consumer(10, 100, 5ms);
    auto const page = g.next(worker);
    REQUIRE(page);
    CHECK(page->empty());
    CHECK(g.here.wait(worker.ack(*page)) == 0);
    CHECK(g.here.server.count("XACK") == 0);
}

TEST_CASE("a group that is missing is made, and its being there is success", "[consumer]") {
    bool const raced = GENERATE(false, true);
    small_group g;
    g.says.pending = {no_group};
    if (raced) g.says.makes = {"-BUSYGROUP Consumer Group name already exists\r\n"};
    g.says.fresh = {read({entry("1-1", "a")}), no_group, read({entry("1-1", "a")})};
    umbel::consumer const worker{*g.here.db, {.stream = "s", .group = "g", .name = "me", .after = "$"}};
    CHECK(ids(g.next(worker)) == texts{"1-1"});
    CHECK(g.count("XGROUP CREATE s g $ MKSTREAM") == 1);
    // A replica has taken over that lacks it: no entry is passed over.
    CHECK(ids(g.next(worker)) == texts{"1-1"});
    CHECK(g.count("XGROUP CREATE s g 0 MKSTREAM") == 1);
    CHECK(worker.unacknowledged() == 1);
}

TEST_CASE("a stream that is deleted while the server waits is made anew", "[consumer]") {
    small_group g;
    g.says.fresh = {"-UNBLOCKED the stream key no longer exists\r\n", read({entry("1-1", "a")})};
    g.says.pending = {read({}), read({})};
    auto const worker = g.consumer();
    CHECK(ids(g.next(worker)) == texts{"1-1"});
    CHECK(g.count("XGROUP CREATE s g 0 MKSTREAM") == 1);
}

TEST_CASE("without create, a group that is missing is an error", "[consumer]") {
    small_group g;
    g.says.pending = {no_group};
    umbel::consumer const worker{*g.here.db, {.stream = "s", .group = "g", .name = "me", .create = false}};
    auto const told = g.next(worker);
    CHECK(code_of(told) == "server_error");
    CHECK(g.here.server.count("XGROUP") == 0);
}

TEST_CASE("a group that cannot be made is an error, and next() goes on afterwards", "[consumer]") {
    small_group g;
    g.says.pending = {no_group, no_group};
    g.says.makes = {"-NOPERM this user has no permissions\r\n"};
    g.says.fresh = {read({entry("1-1", "a")})};
    auto const worker = g.consumer();
    CHECK(code_of(g.next(worker)) == "no_permission");
    CHECK(ids(g.next(worker)) == texts{"1-1"});
}

TEST_CASE("what a lost reply has delivered is read from what pends", "[consumer]") {
    // The reply to a read that waits, to one that does not, and to a claim: nothing of it comes, or half.
    std::size_t const bytes = GENERATE(0u, 30u);
    int const which = GENERATE(0, 1, 2);
    small_group g;
    std::string const lost = read({entry("1-1", "a"), entry("1-2", "b")});
    if (which == 0) g.says.fresh = {answer::cut(lost, bytes)};
    if (which == 1) g.says.fresh = {read({entry("1-0", "x")}), answer::cut(lost, bytes)};
    if (which == 2)
        g.says.claims = {answer::cut(claim("0-0", {entry("1-1", "a"), entry("1-2", "b")}), bytes)};
    g.says.pending = {read({}), read({entry("1-0", "x"), entry("1-1", "a"), entry("1-2", "b")})};
    auto const worker = g.consumer(which == 1 ? 1 : 10);
    texts expected{"1-1", "1-2"};
    if (which == 1) CHECK(ids(g.next(worker)) == texts{"1-0"});
    if (which != 1) expected.insert(expected.begin(), "1-0");
    auto const page = g.next(worker);
    CHECK(ids(page) == expected);
    CHECK(source(page) == "pending");
    CHECK_FALSE(worker.fault());
}

TEST_CASE("what a read took that was sent again is read from what pends", "[consumer]") {
    // The reply to a read that waits, to one that does not, and to a claim.
    int const which = GENERATE(0, 1, 2);
    small_group g{.says = {}, .chosen = [](std::string const& seed) {
                      umbel::options made = at_home::plain(seed);
                      made.retry_unknown = umbel::retry_unknown::always;
                      return made;
                  }};
    std::string const second = read({entry("1-3", "c")});
    if (which == 0) g.says.fresh = {answer::cut(), second};
    if (which == 1) g.says.fresh = {read({entry("1-0", "x")}), answer::cut(), second};
    if (which == 2) g.says.claims = {answer::cut(), claim("0-0", {entry("1-3", "c")})};
    g.says.pending = {read({}), read({entry("1-1", "a"), entry("1-2", "b"), entry("1-3", "c")})};
    auto const worker = g.consumer(which == 1 ? 1 : 10);
    if (which == 1) CHECK(ids(g.next(worker)) == texts{"1-0"});
    auto page = g.next(worker);
    CHECK(ids(page) == texts{"1-3"});
    CHECK(source(page) == (which == 2 ? "claimed" : "fresh"));
    page = g.next(worker);
    CHECK(ids(page) == texts{"1-1", "1-2"});
    CHECK(source(page) == "pending");
}

TEST_CASE("after a lost reply the server does not wait for long, for the sake of a late read", "[consumer]") {
    small_group g;
    g.says.fresh = {answer::cut()};
    auto const worker = g.consumer();
    asio::cancellation_signal signal;
    std::string told;
    worker.next()(asio::bind_cancellation_slot(signal.slot(), [&](auto page) { told = code_of(page); }));
    auto const waits = [&] {
        texts lines = g.asked();
        std::erase_if(lines, [](std::string const& line) { return line.find(" BLOCK ") == line.npos; });
        return lines;
    };
    REQUIRE(g.here.until([&] { return waits().size() >= 2; }));
    CHECK(waits()[0] == fresh_read);
    std::string const second = waits()[1];
    CHECK(std::stoi(second.substr(second.find(" BLOCK ") + 7)) <= 1000);
    signal.emit(asio::cancellation_type::terminal);
    CHECK(g.here.until([&] { return !told.empty(); }));
}

TEST_CASE("while the server waits, next() is cancelled, and the next one reads what pends", "[consumer]") {
    small_group g;
    auto const worker = g.consumer();
    asio::cancellation_signal signal;
    std::string told, second;
    worker.next()(asio::bind_cancellation_slot(signal.slot(), [&](auto page) { told = code_of(page); }));
    REQUIRE(g.here.until([&] { return g.count(fresh_read) == 1; }));
    worker.next()([&](auto page) { second = code_of(page); });
    CHECK(g.here.until([&] { return !second.empty(); }));
    CHECK(second == "bad_argument");
    CHECK(told.empty());
    g.says.pending = {read({entry("1-1", "a")})};
    signal.emit(asio::cancellation_type::terminal);
    CHECK(g.here.until([&] { return !told.empty(); }));
    CHECK(told == "cancelled");
    CHECK(ids(g.next(worker)) == texts{"1-1"});
    CHECK(g.count(list_read) == 2);
}

TEST_CASE("next() is cancelled at every command, and loses nothing", "[consumer]") {
    for (int at = 0; at < 5; ++at) {
        small_group g;
        std::deque<answer>* const held[]{&g.says.pending, &g.says.makes, &g.says.claims, &g.says.fresh,
                                         &g.says.pending};
        std::string const names[]{"XREADGROUP", "XGROUP", "XAUTOCLAIM", "XREADGROUP", "XREADGROUP"};
        if (at == 1) g.says.pending = {no_group};
        if (at == 4) g.says.pending = {read({deleted("0-1")})};
        held[at]->push_back(answer::hold(at == 1 ? "+OK\r\n" : at == 2 ? claim("0-0", {}) : read({})));
        std::size_t const before = at == 0 ? 0u : at == 3 ? 1u : at == 4 ? 1u : 0u;
        auto const worker = g.consumer();
        if (at == 4) {
            auto const first = g.next(worker);
            REQUIRE(first);
            CHECK(first->deleted == texts{"0-1"});
        }
        asio::cancellation_signal signal;
        std::string told;
        worker.next()(asio::bind_cancellation_slot(signal.slot(), [&](auto page) { told = code_of(page); }));
        REQUIRE(g.here.until([&] { return g.here.server.count(names[at]) > before; }));
        signal.emit(asio::cancellation_type::terminal);
        REQUIRE(g.here.until([&] { return !told.empty(); }));
        CHECK(told == "cancelled");
        g.says.pending = {read({entry("1-1", "a")})};
        g.here.server.release();
        CHECK(ids(g.next(worker)) == texts{"1-1"});
    }
}

TEST_CASE("entries that are none of the type asked for do not hold up the others", "[consumer]") {
    small_group g;
    g.says.fresh = {read({entry("1-1", "3"), entry("1-2", "many"),
                          "*2\r\n" + bulk("1-3") + "*1\r\n" + bulk("f"), entry("1-4", "5")})};
    auto const worker = g.consumer<std::map<std::string, int>>();
    auto const page = g.next(worker);
    CHECK(ids(page) == texts{"1-1", "1-4"});
    CHECK(page->entries[1].fields.at("f") == 5);
    REQUIRE(page->unreadable.size() == 2);
    CHECK(page->unreadable[0].id == "1-2");
    CHECK(page->unreadable[0].why == umbel::errc::unexpected_type);
    CHECK(page->unreadable[1].id == "1-3");
    CHECK(g.here.wait(worker.ack(*page)) == 2);
    CHECK(worker.unacknowledged() == 2);
    CHECK(g.here.wait(worker.ack("1-2")) == 1);
    CHECK(g.count("XACK s g 1-1 1-4") == 1);
}

TEST_CASE("a reply of a wrong shape is an error, and what it may have delivered comes later", "[consumer]") {
    std::string const wrong = GENERATE(std::string{":7\r\n"}, std::string{"*1\r\n*1\r\n:7\r\n"});
    small_group g;
    g.says.fresh = {answer{wrong}};
    auto const worker = g.consumer();
    CHECK(code_of(g.next(worker)) == "unexpected_type");
    g.says.pending = {read({entry("1-1", "a")})};
    CHECK(ids(g.next(worker)) == texts{"1-1"});
    g.says.pending = {read({}), read({entry("1-2", "b")})};
    g.says.claims = {answer{wrong}};
    auto const other = g.consumer();
    CHECK(code_of(g.next(other)) == "unexpected_type");
    CHECK(ids(g.next(other)) == texts{"1-2"});
}

TEST_CASE("a reply that is no RESP ends next(), and what it may have delivered comes later", "[consumer]") {
    small_group g;
    std::deque<answer>* const from[]{&g.says.pending, &g.says.claims, &g.says.fresh};
    from[GENERATE(0, 1, 2)]->push_back("?junk\r\n");
    auto const worker = g.consumer();
    CHECK(code_of(g.next(worker)) == "protocol_error");
    g.says.pending = {read({entry("1-1", "a")})};
    CHECK(ids(g.next(worker)) == texts{"1-1"});
}

TEST_CASE("faults that pass are waited out, and told meanwhile", "[consumer]") {
    small_group g;
    g.says.pending = {"-MISCONF errors writing to disk\r\n", answer::hold(read({entry("1-1", "a")}))};
    auto const worker = g.consumer();
    std::optional<umbel::result<umbel::consumer_page<>>> told;
    worker.next()([&](auto page) { told.emplace(std::move(page)); });
    REQUIRE(g.here.until([&] { return g.count(list_read) == 2; }));
    REQUIRE(worker.fault());
    CHECK(*worker.fault() == umbel::errc::misconfigured);
    g.here.server.release();
    REQUIRE(g.here.until([&] { return told.has_value(); }));
    CHECK(ids(*told) == texts{"1-1"});
    CHECK_FALSE(worker.fault());
}

TEST_CASE("faults that outlast the wait are told as its end", "[consumer]") {
    small_group g;
    for (int at = 0; at < 200; ++at) g.says.pending.push_back("-MISCONF errors writing to disk\r\n");
    REQUIRE(g.here.wait(g.here.db->ready()));
    auto const told = g.next(g.consumer(10, 100, 60ms));
    CHECK(code_of(told) == "deadline_exceeded");
    CHECK(told.error().message().find("MISCONF") != std::string_view::npos);
}

TEST_CASE("a prefix stands in front of the stream, and nowhere else", "[consumer]") {
    small_group g;
    g.says.fresh = {read({entry("1-1", "a")})};
    g.says.pending = {no_group};
    umbel::consumer const worker{g.here.db->prefixed("app:"), {.stream = "s", .group = "g", .name = "me"}};
    CHECK(ids(g.next(worker)) == texts{"1-1"});
    CHECK(g.here.wait(worker.ack("1-1")) == 1);
    CHECK(g.asked() ==
          texts{"XREADGROUP GROUP g me COUNT 64 STREAMS app:s 0", "XGROUP CREATE app:s g 0 MKSTREAM",
                "XREADGROUP GROUP g me COUNT 64 STREAMS app:s 0", "XAUTOCLAIM app:s g me 300000 0-0 COUNT 64",
                "XREADGROUP GROUP g me COUNT 64 BLOCK 5000 STREAMS app:s >", "XACK app:s g 1-1"});
}

TEST_CASE("bad options are told by the first page, before anything is sent", "[consumer]") {
    small_group g;
    auto const code = [&](umbel::consumer_options const& options) {
        umbel::consumer const worker{*g.here.db, options};
        auto const acked = g.here.wait(worker.ack("1-1"));
        CHECK(code_of(acked) == "bad_argument");
        auto const told = g.next(worker);
        CHECK(delivery_of(told) == "not_sent");
        return code_of(told);
    };
    CHECK(code({.stream = "", .group = "g", .name = "me"}) == "bad_argument");
    CHECK(code({.stream = "s", .group = "", .name = "me"}) == "bad_argument");
    CHECK(code({.stream = "s", .group = "g", .name = ""}) == "bad_argument");
    CHECK(code({.stream = "s", .group = "g", .name = "me", .after = ""}) == "bad_argument");
    CHECK(code({.stream = "s", .group = "g", .name = "me", .count = 0}) == "bad_argument");
    CHECK(code({.stream = "s", .group = "g", .name = "me", .unacknowledged_max = 0}) == "bad_argument");
    CHECK(code({.stream = "s", .group = "g", .name = "me", .claim_idle = -1ms}) == "bad_argument");
    CHECK(code({.stream = "s", .group = "g", .name = "me", .wait = 0s}) == "bad_argument");
    CHECK(code({.stream = "s", .group = "g", .name = "me", .room_wait = 0s}) == "bad_argument");
    umbel::consumer const late{g.here.db->with(0ms), {.stream = "s", .group = "g", .name = "me"}};
    CHECK(code_of(g.next(late)) == "deadline_exceeded");
    CHECK(code_of(g.here.wait(late.ack("1-1"))) == "deadline_exceeded");
    CHECK(g.asked().empty());
}

TEST_CASE("a consumer outlives its client, and its operations outlive it", "[consumer]") {
    small_group g;
    std::string told;
    {
        auto const worker = g.consumer();
        worker.next()([&](auto page) { told = code_of(page); });
        static_cast<void>(worker.next());
    }
    REQUIRE(g.here.until([&] { return g.count(fresh_read) == 1; }));
    auto const worker = g.consumer();
    auto late = worker.next();
    auto acked = worker.ack("1-1");
    g.here.db.reset();
    CHECK(g.here.until([&] { return !told.empty(); }));
    CHECK(told == "cancelled");
    CHECK(code_of(g.here.wait(std::move(late))) == "cancelled");
    CHECK(code_of(g.here.wait(std::move(acked))) == "cancelled");
    CHECK(code_of(g.next(worker)) == "cancelled");
}

TEST_CASE("next() ends with its client, or with its context, wherever it waits", "[consumer]") {
    std::string const waits_for = GENERATE(as<std::string>{}, "entries", "room", "node");
    bool const client_first = GENERATE(true, false);
    std::optional<small_group> g{std::in_place};
    if (waits_for == "room") g->says.fresh = {read({entry("1-1", "a")})};
    if (waits_for == "node")
        for (int at = 0; at < 200; ++at) g->says.pending.push_back("-MISCONF errors writing to disk\r\n");
    umbel::consumer const worker{*g->here.db,
                                 {.stream = "s", .group = "g", .name = "me", .unacknowledged_max = 1}};
    if (waits_for == "room") REQUIRE(g->next(worker));
    auto const held = std::make_shared<std::string>();
    worker.next()([held](auto const& page) { *held = code_of(page); });
    if (waits_for == "entries")
        REQUIRE(g->here.until([&] { return !g->asked().empty() && g->asked().back().ends_with(" >"); }));
    if (waits_for == "node") REQUIRE(g->here.until([&] { return worker.fault().has_value(); }));
    at_home::settle(g->here.io);
    CHECK(held->empty());
    if (client_first) {
        g->here.db.reset();
        CHECK(g->here.until([&] { return !held->empty(); }));
        CHECK(*held == "cancelled");
    }
    g.reset();
    CHECK(held.use_count() == 1);
    CHECK(worker.unacknowledged() == (waits_for == "room" ? 1 : 0));
}

TEST_CASE("a stage ends while a consumer waits for a node", "[consumer]") {
    using namespace umbel::testing;
    stage here{{.primaries = 3, .replicas_each = 0}};
    umbel::client db = here.client();
    umbel::consumer const worker{db, {.stream = "s", .group = "g", .name = "me", .wait = 300ms}};
    here.run([](umbel::client& client) -> asio::awaitable<void> { co_await client.ready(); }(db));
    here.cluster().crash(here.cluster().truth(umbel::cluster::slot_of("s").value()));
    auto const work = [](auto const& reads) -> asio::awaitable<std::string> {
        co_return code_of(co_await reads.next());
    };
    auto const told = here.run(work(worker));
    REQUIRE(told);
    CHECK(*told == "deadline_exceeded");
    umbel::consumer const patient{db, {.stream = "s", .group = "g", .name = "me"}};
    CHECK_FALSE(here.run(work(patient), 5s));
}
