#include <umbel/testing/service/stage.hpp>

#include <asio/detached.hpp>
#include <asio/experimental/awaitable_operators.hpp>

#include <catch2/catch_test_macros.hpp>

#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

using namespace umbel::testing;
using namespace std::chrono_literals;
using umbel::errc;

namespace {

using sleeping = std::function<asio::awaitable<void>(duration)>;

/// A service as anybody would write it: it knows umbel::client and nothing of a simulation.
struct visits {
    umbel::client& db;
    sleeping sleep;

    struct summary {
        int good = 0;
        int doubtful = 0;
        int failed = 0;
        std::int64_t last = 0;
    };
    asio::awaitable<summary> count(std::string page, int times) {
        summary made;
        for (int i = 0; i < times; ++i) {
            auto const told = co_await db.incr(page);
            if (told) {
                ++made.good;
                made.last = *told;
            } else {
                ++(told.error().may_have_executed() ? made.doubtful : made.failed);
            }
            co_await sleep(10ms);
        }
        co_return made;
    }
};

/// What every family of typed commands says.
asio::awaitable<std::vector<std::string>> tour(umbel::client& db) {
    std::vector<std::string> told;
    auto const say = [&](bool good, std::string what) { told.push_back(good ? std::move(what) : "wrong"); };
    auto const set = co_await db.set("a", "1");
    say(set && *set == umbel::set_outcome::written, "set");
    auto const kept = co_await db.set("a", "2", {.condition = umbel::set_condition::if_absent});
    say(kept && *kept == umbel::set_outcome::kept, "kept");
    auto const before = co_await db.set_and_get("a", "1");
    say(before && *before == "1", "set_and_get");
    auto const got = co_await db.get("a");
    say(got && *got == "1", "get");
    auto const blob = co_await db.get<umbel::bytes>("a");
    say(blob && *blob && (*blob)->view() == "1", "bytes");
    std::map<std::string, std::string> const pairs{{"b", "2"}, {"c", "3"}};
    auto const mset = co_await db.mset(pairs);
    say(mset.has_value(), "mset");
    std::vector<std::string> const keys{"c", "none", "a", "b"};
    auto const many = co_await db.mget(keys);
    say(many && *many == std::vector<std::optional<std::string>>{"3", std::nullopt, "1", "2"}, "mget");
    auto const there = co_await db.exists(keys);
    say(there && *there == 3, "exists");
    auto const typed = co_await db.command<std::int64_t>("INCRBY", umbel::key("a"), 5);
    say(typed && *typed == 6, "command");
    std::vector<std::string> const words{"GET", "a"};
    auto const raw = co_await db.execute(words);
    say(raw && raw->text() == "6", "execute");
    auto const near = co_await db.with(umbel::read_from::any, 100ms).get("a");
    say(near.has_value(), "with");
    auto const hedged = co_await db.with(umbel::read_from::any, umbel::hedge_after{1ms}).get("a");
    say(hedged.has_value(), "hedged");
    auto const way = co_await db.with(umbel::trail).get("a");
    say(way && way->value == "6" && way->trail.empty(), "trail");
    auto const blocked = co_await db.command<umbel::reply>("BLPOP", umbel::key("l"), 0);
    say(!blocked && blocked.error() == errc::needs_lease, "refused");
    co_return told;
}

struct watcher : umbel::observer {
    int connected_ = 0, disconnected_ = 0, changed = 0, redirected_ = 0;
    void connected(umbel::engine::node_connected const&) override { ++connected_; }
    void disconnected(umbel::engine::node_disconnected const&) override { ++disconnected_; }
    void topology_changed(umbel::engine::topology_changed const&) override { ++changed; }
    void redirected(umbel::engine::call_redirected const&) override { ++redirected_; }
};

/// A primary dies under a service; returns what the service saw, and when it was through.
std::pair<visits::summary, instant> die_under_service(std::uint64_t seed) {
    stage here{{.primaries = 3, .replicas_each = 1}, seed};
    umbel::client db = here.client();
    visits service{db, [&here](duration span) { return here.sleep(span); }};
    auto const owner = here.cluster().truth(umbel::cluster::slot_of("home").value());
    here.time().in(200ms, [&] { here.cluster().crash(owner); });
    auto const seen = here.run(service.count("home", 100));
    REQUIRE(seen);
    return {*seen, here.time().now()};
}

}  // namespace

TEST_CASE("a service that knows only umbel::client runs against a model cluster, with every kind of command",
          "[stage]") {
    stage here;
    umbel::client db = here.client();
    auto const told = here.run(tour(db));
    REQUIRE(told);
    CHECK(*told == std::vector<std::string>{"set", "kept", "set_and_get", "get", "bytes", "mset", "mget",
                                            "exists", "command", "execute", "with", "hedged", "trail",
                                            "refused"});
}

TEST_CASE("a primary that dies under a service costs it at most what was under way", "[stage]") {
    for (std::uint64_t seed = 1; seed <= 5; ++seed) {
        INFO("seed " << seed);
        auto const [seen, end] = die_under_service(seed);
        CHECK(seen.good + seen.doubtful + seen.failed == 100);
        CHECK(seen.failed == 0);    // What was not sent, or refused, waits for the new primary.
        CHECK(seen.doubtful <= 1);  // One at a time: at most that which was under way.
        CHECK(seen.good >= 99);
        CHECK(end > instant{1001s});
    }
}

TEST_CASE("the same seed gives a service the same day", "[stage]") {
    auto const first = die_under_service(7);
    auto const second = die_under_service(7);
    CHECK(first.first.last == second.first.last);
    CHECK(first.second == second.second);
    auto const other = die_under_service(8);
    CHECK(other.second != first.second);
}

TEST_CASE("a deadline, a cancellation and a sleep pass on virtual time", "[stage]") {
    using namespace asio::experimental::awaitable_operators;
    stage here;
    umbel::client db = here.client();
    auto const script = [](stage& at, umbel::client& with) -> asio::awaitable<void> {
        co_await with.set("k", "v");
        auto const owner = at.cluster().truth(umbel::cluster::slot_of("k").value());
        at.cluster().freeze(owner);
        instant const began = at.time().now();
        auto const late = co_await with.with(300ms).incr("n{k}");
        CHECK(!late);
        CHECK(late.error() == errc::deadline_exceeded);
        CHECK(at.time().now() - began >= 300ms);
        CHECK(at.time().now() - began < 400ms);
        auto const which = co_await (with.with(10s).get("k")(asio::use_awaitable) || at.sleep(50ms));
        CHECK(which.index() == 1);
        CHECK(at.time().now() - began < 500ms);
        at.cluster().unfreeze(owner);
        auto const back = co_await with.get("k");
        CHECK((back && *back == "v"));
    };
    CHECK(here.run(script(here, db)));
}

TEST_CASE("nodes, topology, statistics and observers tell of a simulated cluster as of a real one",
          "[stage]") {
    stage here;
    auto const watching = std::make_shared<watcher>();
    umbel::options chosen;
    chosen.latency_histograms = true;
    umbel::client db = here.client(chosen, {}, watching);
    auto const script = [](umbel::client& with) -> asio::awaitable<void> {
        auto const ready = co_await with.ready();
        CHECK(ready.has_value());
        for (int i = 0; i < 20; ++i) {
            auto const counted = co_await with.incr("n" + std::to_string(i));
            CHECK(counted.has_value());
        }
        auto const nodes = co_await with.nodes();
        CHECK((nodes && nodes->size() == 6));
        std::uint64_t counted = 0;
        for (auto const& node : *nodes) counted += node.primary_link.writes.count();
        CHECK(counted == 20);
        auto const topology = co_await with.topology();
        CHECK((topology && topology->shards.size() == 3));
        auto const told = co_await with.statistics();
        CHECK((told && told->commands >= 20 && told->connects >= 3));
    };
    CHECK(here.run(script(db)));
    CHECK(watching->connected_ >= 3);
    CHECK(watching->changed >= 1);
    here.cluster().reset_connections(0);
    here.run_for(100ms);
    CHECK(watching->disconnected_ >= 1);
}

TEST_CASE("close drains on virtual time, and whoever comes later is cancelled", "[stage]") {
    stage here;
    umbel::client db = here.client();
    auto const script = [](stage& at, umbel::client& with) -> asio::awaitable<void> {
        auto const first = co_await with.incr("n");
        CHECK(first.has_value());
        std::vector<int> order;
        with.incr("n")(
            [&](umbel::result<std::int64_t> told) { order.push_back(told ? static_cast<int>(*told) : -1); });
        auto const closed = co_await with.close();
        CHECK(closed.has_value());
        CHECK(order == std::vector<int>{2});
        auto const later = co_await with.incr("n");
        CHECK((!later && later.error() == errc::cancelled));
        auto const asked = co_await with.nodes();
        CHECK((!asked && asked.error() == errc::cancelled));
        co_await at.sleep(1s);
    };
    CHECK(here.run(script(here, db)));
}

TEST_CASE("a client that goes away completes what is pending with cancelled, each once", "[stage]") {
    stage here;
    std::vector<errc> told;
    {
        umbel::client db = here.client();
        here.run(db.ready()(asio::use_awaitable));
        for (int i = 0; i < 20; ++i)
            db.incr("n" + std::to_string(i))([&](umbel::result<std::int64_t> result) {
                told.push_back(result ? errc::server_error : result.error().code());
            });
        CHECK(told.empty());
    }
    here.run_for(1s);
    CHECK(told == std::vector<errc>(20, errc::cancelled));
}

TEST_CASE("a callback without an executor runs on the stage's, as it runs on the client's elsewhere",
          "[stage]") {
    stage here;
    std::vector<std::string> told;
    auto const say = [&](std::string what, bool good) {
        told.push_back(good && here.executor().running_in_this_thread() ? std::move(what)
                                                                        : what + " is wrong");
    };
    {
        umbel::client db = here.client();
        db.ready()([&](umbel::result<umbel::ok> result) { say("ready", result.has_value()); });
        here.run_for(1s);
        db.set("a", "1")([&](umbel::result<umbel::set_outcome> result) { say("set", result.has_value()); });
        here.run_for(1s);
        db.mget("a", "b", "c")([&](auto one) { say("mget", one.has_value()); });
        here.run_for(1s);
        db.statistics()([&](auto one) { say("statistics", one.has_value()); });
        here.run_for(1s);
        db.incr("a")([&](umbel::result<std::int64_t> result) { say("incr", !result); });
    }
    here.run_for(1s);
    CHECK(told == std::vector<std::string>{"ready", "set", "mget", "statistics", "incr"});
}

TEST_CASE("on a stage, too, a callback that throws keeps no other from its result", "[stage]") {
    stage here;
    std::vector<errc> told;
    std::vector<instant> when;
    auto const throws_first = [&](umbel::result<std::int64_t> result) {
        told.push_back(result ? errc::server_error : result.error().code());
        when.push_back(here.time().now());
        if (told.size() == 1) throw std::runtime_error{"the callback's own"};
    };
    std::optional<umbel::client> db{here.client()};
    SECTION("five replies at once") {
        here.run((*db).ready()(asio::use_awaitable));
        for (int i = 0; i < 5; ++i) db->incr("n")(throws_first);
    }
    SECTION("the client goes away before it has a topology") {
        for (int i = 0; i < 5; ++i) db->incr("n")(throws_first);
        db.reset();
    }
    SECTION("the client goes away with five commands under way") {
        here.run((*db).ready()(asio::use_awaitable));
        for (int i = 0; i < 5; ++i) db->incr("n")(throws_first);
        db.reset();
    }
    CHECK_THROWS_AS(here.run_for(1s), std::runtime_error);
    CHECK(told.size() == 1);
    here.run_for(1s);
    CHECK(told == std::vector<errc>(5, db ? errc::server_error : errc::cancelled));
    CHECK(when.back() == when.front());
}

TEST_CASE("a stage may end while services wait in every state, and what they own goes with them", "[stage]") {
    using namespace asio::experimental::awaitable_operators;
    auto const alive = std::make_shared<int>(0);
    std::weak_ptr<int> const watched = alive;
    for (duration const until : {0ms, 1ms, 5ms, 50ms, 300ms}) {
        stage here;
        auto const owning = [](stage& at, std::shared_ptr<int>, umbel::client db) -> asio::awaitable<void> {
            for (;;) {
                co_await db.incr("n");
                co_await db.mget("a", "b", "c");
                co_await db.statistics();
                co_await at.sleep(3ms);
            }
        };
        auto const racing = [](stage& at, std::shared_ptr<int>, umbel::client db) -> asio::awaitable<void> {
            for (;;) {
                co_await (db.incr("n")(asio::use_awaitable) || at.sleep(20s));
                co_await (db.get("n")(asio::use_awaitable) || at.sleep(100us));
                co_await (at.sleep(2ms) || at.sleep(20s));
            }
        };
        for (int i = 0; i < 20; ++i) {
            asio::co_spawn(here.executor(), owning(here, alive, here.client()), asio::detached);
            asio::co_spawn(here.executor(), racing(here, alive, here.client()), asio::detached);
        }
        here.time().in(100ms, [&] { here.cluster().freeze(0); });
        here.run_for(until);
        CHECK(alive.use_count() > 1);
    }
    CHECK(alive.use_count() == 1);
}

TEST_CASE("what a service throws, and one that never ends, are told to the test", "[stage]") {
    stage here;
    auto const throwing = [](stage& at) -> asio::awaitable<int> {
        co_await at.sleep(1ms);
        throw std::runtime_error{"the service's own"};
    };
    CHECK_THROWS_AS(here.run(throwing(here)), std::runtime_error);
    auto const endless = [](stage& at) -> asio::awaitable<int> {
        for (;;) co_await at.sleep(1s);
    };
    instant const began = here.time().now();
    CHECK_FALSE(here.run(endless(here), 10s).has_value());
    CHECK(here.time().now() - began == duration{10s});
}

TEST_CASE("bad options are told on a stage as elsewhere", "[stage]") {
    stage here;
    umbel::options chosen;
    chosen.in_flight_max = 0;
    umbel::client db = here.client(chosen);
    auto const told = here.run(db.get("k")(asio::use_awaitable));
    REQUIRE(told);
    CHECK((!*told && told->error() == errc::bad_argument));
}

TEST_CASE("a client on a stage gives clients of other databases, which live on virtual time, too",
          "[stage]") {
    stage here;
    umbel::client const db = here.client();
    umbel::client const third = db.database(3);
    auto const told = here.run(third.set("k", "v")(asio::use_awaitable));
    REQUIRE(told);
    CHECK(told->has_value());
    CHECK((third.site().options.deadline == db.site().options.deadline));
}

TEST_CASE("a hedged read asks a second node after its delay on virtual time, and the quicker answer counts",
          "[stage]") {
    stage here{{.primaries = 1, .replicas_each = 1}};
    umbel::client db = here.client({.hedge_percent_max = 100});
    REQUIRE(here.run(db.set("k", "v")(asio::use_awaitable)));
    here.run_for(500ms);
    // Both nodes have links for these reads.
    for (int i = 0; i < 10; ++i)
        REQUIRE(here.run(db.with(umbel::read_from::any).get("k")(asio::use_awaitable)));
    auto const slowest = [&](auto const& from) {
        duration longest{0};
        for (int i = 0; i < 20; ++i) {
            instant const begun = here.time().now();
            auto const got = here.run(from.get("k")(asio::use_awaitable));
            REQUIRE(got);
            REQUIRE(*got);
            CHECK(**got == "v");
            longest = std::max(longest, here.time().now() - begun);
        }
        return longest;
    };
    here.cluster()[0].slow = 40ms;
    CHECK(slowest(db.with(umbel::read_from::any)) >= duration{40ms});
    CHECK(slowest(db.with(umbel::read_from::any).with(umbel::hedge_after{3ms})) < duration{10ms});
}

TEST_CASE("hedged reads under faults complete once, with a value that was written or an error that says why",
          "[stage]") {
    std::uint64_t const seeds =
        std::getenv("UMBEL_SEEDS") ? std::strtoull(std::getenv("UMBEL_SEEDS"), nullptr, 10) / 20 + 1 : 40;
    std::uint64_t good = 0, failed = 0;
    for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
        INFO("seed " << seed);
        stage here{{.primaries = 2, .replicas_each = 1}, seed};
        umbel::client db = here.client({.retry_delay_max = 50ms, .hedge_percent_max = 100});
        auto const writes = [](stage& at, umbel::client& by) -> asio::awaitable<void> {
            for (int i = 0; i < 40; ++i) {
                co_await by.set("k", std::to_string(i));
                co_await at.sleep(5ms);
            }
        };
        auto const reads = [](stage& at, umbel::client& by, std::uint64_t& well,
                              std::uint64_t& badly) -> asio::awaitable<void> {
            auto const hedged = by.with(umbel::read_from::any).with(umbel::hedge_after{1ms}).with(300ms);
            for (int i = 0; i < 60; ++i) {
                auto const got = co_await hedged.get("k");
                if (got && *got) {
                    int const value = std::stoi(**got);
                    CHECK((value >= 0 && value < 40));
                }
                got ? ++well : ++badly;
                co_await at.sleep(3ms);
            }
        };
        auto const owner = here.cluster().truth(umbel::cluster::slot_of("k").value());
        here.time().in(here.time().between(20ms, 100ms),
                       [&] { seed % 3 == 0 ? here.cluster().crash(owner) : here.cluster().freeze(owner); });
        asio::co_spawn(here.executor(), writes(here, db), asio::detached);
        asio::co_spawn(here.executor(), reads(here, db, good, failed), asio::detached);
        CHECK(here.run(reads(here, db, good, failed), 60s));
        // The other reader is at its end soon, too.
        here.run_for(20s);
    }
    CHECK(good + failed == seeds * 120);
    CHECK(good > failed);
}
