// What users hold and await: commands that block, and leases, over a model cluster on virtual time.
#include <umbel/client/lease.hpp>
#include <umbel/testing/service/stage.hpp>

#include <catch2/catch_test_macros.hpp>

#include <asio/bind_cancellation_slot.hpp>
#include <asio/bind_executor.hpp>
#include <asio/cancellation_signal.hpp>

#include <chrono>
#include <optional>
#include <string>
#include <utility>
#include <vector>

using namespace umbel;
using namespace umbel::testing;
using namespace std::chrono_literals;

namespace {

using popped_text = std::optional<popped_value<>>;

/// What an operation begun by callback has given.
template <class Value>
struct told {
    std::optional<result<Value>> value;
    auto taker() {
        return [this](result<Value> given) { value.emplace(std::move(given)); };
    }
    bool done() const noexcept { return value.has_value(); }
    bool good() const noexcept { return done() && value->has_value(); }
    errc code() const { return value->error().code(); }
    delivery delivered() const { return value->error().delivery(); }
};

std::size_t blocked_at_all(stage& here) {
    std::size_t count = 0;
    for (std::size_t node = 0; node < here.cluster().size(); ++node)
        count += here.cluster()[static_cast<node_number>(node)].blocked_count();
    return count;
}

asio::awaitable<std::vector<std::string>> pops(client& db) {
    std::vector<std::string> seen;
    auto const none = co_await db.blpop("q", 100ms);
    seen.emplace_back(none && !*none ? "nil" : "?");
    auto const forbidden = co_await db.blpop("q", 0s);
    seen.emplace_back(!forbidden && forbidden.error() == errc::bad_argument ? "refused" : "?");
    auto const pushed = co_await db.rpush("q", "x");
    seen.emplace_back(pushed ? "pushed" : "?");
    auto const there = co_await db.blpop("q", wait_forever);
    seen.emplace_back(there && *there ? (*there)->key + "=" + (*there)->value : "?");
    auto const late = co_await db.with(50ms).blpop("q", wait_forever);
    seen.emplace_back(late ? "?" : late.error().to_string().substr(0, 32));
    co_return seen;
}

asio::awaitable<std::vector<std::string>> holds(client& db) {
    std::vector<std::string> seen;
    auto mine = co_await db.lease("k");
    if (!mine) co_return seen;
    auto const watched = co_await mine->watch("k");
    seen.emplace_back(watched ? "watched" : "?");
    auto const set = co_await mine->set("k", "1");
    seen.emplace_back(set ? "set" : "?");
    auto const got = co_await mine->get("k");
    seen.emplace_back(got && *got == "1" ? "got" : "?");
    auto const popped = co_await mine->blpop("k2{k}", 20ms);
    seen.emplace_back(popped && !*popped ? "nil" : "?");
    auto const free = co_await mine->unwatch();
    seen.emplace_back(free ? "unwatched" : "?");
    auto const refused = co_await mine->command<reply>("MONITOR");
    seen.emplace_back(!refused && refused.error() == errc::needs_lease ? "refused" : "?");
    auto const blocks = co_await mine->command<reply>("BLPOP", umbel::key("q{k}"), "0");
    seen.emplace_back(!blocks && blocks.error() == errc::needs_lease ? "refused" : "?");
    auto const elsewhere = co_await mine->get("somewhere");
    seen.emplace_back(elsewhere ? "?" : std::string{name_of(elsewhere.error().code())});
    co_return seen;
}

}  // namespace

TEST_CASE("a client waits for an element, for a time, or for ever", "[lease]") {
    stage here;
    client db = here.client();
    auto const seen = here.run(pops(db));
    REQUIRE(seen);
    CHECK(*seen ==
          std::vector<std::string>{"nil", "refused", "pushed", "q=x", "deadline_exceeded (not_executed)"});
    CHECK(blocked_at_all(here) == 0);
}

TEST_CASE("what is pushed while many wait goes to each of them once, the first to the first", "[lease]") {
    stage here;
    options few;
    few.leases_max = 2;
    client db = here.client(few);
    std::vector<told<popped_text>> all(20);
    std::vector<std::size_t> order;
    for (std::size_t at = 0; at < all.size(); ++at)
        db.blpop("q", 30s)([&, at](result<popped_text> given) {
            order.push_back(at);
            all[at].value.emplace(std::move(given));
        });
    here.run_for(100ms);
    CHECK(blocked_at_all(here) == 2);
    for (int at = 0; at < 20; ++at) {
        db.rpush("q", at)([](auto) {});
        here.run_for(20ms);
    }
    REQUIRE(order.size() == 20);
    for (std::size_t at = 0; at < all.size(); ++at) {
        REQUIRE(all[at].good());
        // The network decides which of the two leases is the first that the server hears.
        std::size_t const expected = at < 2 ? at ^ (order[0] == 0 ? 0u : 1u) : at;
        CHECK((**all[at].value)->value == std::to_string(expected));
    }
}

TEST_CASE("cancelling frees the server's side, and an element that came first is not lost", "[lease]") {
    stage here;
    client db = here.client();
    asio::cancellation_signal stop;
    told<popped_text> seen;
    db.blpop("q", wait_forever)(asio::bind_cancellation_slot(stop.slot(), seen.taker()));
    here.run_for(100ms);
    CHECK(blocked_at_all(here) == 1);
    SECTION("nothing came") {
        stop.emit(asio::cancellation_type::terminal);
        here.run_for(100ms);
        REQUIRE(seen.done());
        CHECK(seen.code() == errc::cancelled);
        CHECK(seen.delivered() == delivery::not_executed);
    }
    SECTION("something came in the same moment") {
        told<std::int64_t> pushed;
        db.rpush("q", "x")(pushed.taker());
        here.run_while_not([&] { return pushed.done(); }, 1s);
        stop.emit(asio::cancellation_type::terminal);
        here.run_for(100ms);
        REQUIRE(seen.good());
        CHECK((**seen.value)->value == "x");
    }
    CHECK(blocked_at_all(here) == 0);
}

TEST_CASE("a wait follows its slot through a failover, and through a move", "[lease]") {
    for (std::uint64_t seed = 1; seed <= 4; ++seed) {
        INFO("seed " << seed);
        stage here{{.primaries = 3, .replicas_each = 1}, seed};
        client db = here.client();
        told<popped_text> seen;
        db.blpop("q", wait_forever)(seen.taker());
        here.run_for(200ms);
        std::uint16_t const slot = cluster::slot_of("q").value();
        node_number const before = here.cluster().truth(slot);
        if (seed % 2 == 0) {
            for (std::size_t node = 0; node < here.cluster().size(); ++node)
                if (here.cluster()[static_cast<node_number>(node)].view.me().follows == before)
                    here.cluster().fail_over(static_cast<node_number>(node));
        } else {
            for (std::size_t node = 0; node < here.cluster().size(); ++node)
                if (static_cast<node_number>(node) != before &&
                    here.cluster()[static_cast<node_number>(node)].primary())
                    here.cluster().move_slot(slot, static_cast<node_number>(node));
        }
        here.run_for(2s);
        CHECK(here.cluster().truth(slot) != before);
        CHECK_FALSE(seen.done());
        told<std::int64_t> pushed;
        db.rpush("q", "x")(pushed.taker());
        here.run_for(2s);
        REQUIRE(pushed.good());
        REQUIRE(seen.good());
        CHECK((**seen.value)->value == "x");
    }
}

TEST_CASE("the death of a node ends the waits there, and says what may have been taken", "[lease]") {
    stage here;
    client db = here.client();
    told<popped_text> seen;
    db.blpop("q", wait_forever)(seen.taker());
    here.run_for(200ms);
    node_number const owner = here.cluster().truth(cluster::slot_of("q").value());
    SECTION("it is killed") { here.cluster().crash(owner); }
    SECTION("it freezes: its shared connection tells") { here.cluster().freeze(owner); }
    here.run_for(10s);
    REQUIRE(seen.done());
    CHECK(seen.code() == errc::connection_lost);
    CHECK(seen.delivered() == delivery::unknown);
}

TEST_CASE("a lease is one connection for one holder, in order", "[lease]") {
    stage here;
    client db = here.client();
    auto const seen = here.run(holds(db));
    REQUIRE(seen);
    CHECK(*seen == std::vector<std::string>{"watched", "set", "got", "nil", "unwatched", "refused", "refused",
                                            "moved"});
}

TEST_CASE("a lease that is destroyed is lent to the next one", "[lease]") {
    stage here;
    options one;
    one.leases_max = 1;
    client db = here.client(one);
    told<lease> first, second;
    db.lease("k")(first.taker());
    db.lease("k")(second.taker());
    here.run_for(1s);
    REQUIRE(first.good());
    CHECK_FALSE(second.done());
    SECTION("nothing is under way") { first.value.reset(); }
    SECTION("a command is: it ends first") {
        told<std::optional<std::string>> got;
        (*first.value)->get("k")(got.taker());
        first.value.reset();
        here.run_for(1s);
        CHECK(got.good());
    }
    SECTION("its connection was changed, so another one takes its place") {
        told<umbel::watched> marked;
        (*first.value)->watch("k")(marked.taker());
        here.run_for(100ms);
        CHECK(marked.good());
        first.value.reset();
    }
    here.run_for(1s);
    REQUIRE(second.good());
    CHECK((*second.value)->alive());
}

TEST_CASE("a lease whose connection has ended fails every command, and stays lost", "[lease]") {
    stage here;
    client db = here.client();
    told<lease> mine;
    db.lease("k")(mine.taker());
    here.run_for(1s);
    REQUIRE(mine.good());
    told<popped_text> waiting;
    (*mine.value)->blpop("k", wait_forever)(waiting.taker());
    here.run_for(100ms);
    here.cluster().reset_connections(here.cluster().truth(cluster::slot_of("k").value()));
    here.run_for(2s);
    REQUIRE(waiting.done());
    CHECK(waiting.code() == errc::connection_lost);
    CHECK(waiting.delivered() == delivery::unknown);
    CHECK_FALSE((*mine.value)->alive());
    told<std::optional<std::string>> later;
    (*mine.value)->get("k")(later.taker());
    here.run_for(2s);
    REQUIRE(later.done());
    CHECK(later.code() == errc::connection_lost);
    CHECK(later.delivered() == delivery::not_sent);
    // The node is well again: another lease serves.
    told<lease> other;
    db.lease("k")(other.taker());
    here.run_for(2s);
    CHECK(other.good());
}

TEST_CASE("closing ends the waits and refuses the leases, and a lease may outlive its client", "[lease]") {
    stage here;
    options one;
    one.leases_max = 1;
    std::optional<client> db{here.client(one)};
    told<popped_text> served, waiting;
    db->blpop("q", wait_forever)(served.taker());
    db->blpop("q", wait_forever)(waiting.taker());
    told<lease> mine;
    db->lease("a")(mine.taker());
    here.run_for(500ms);
    bool const got_one = mine.good();
    told<ok> closed;
    db->close()(closed.taker());
    here.run_for(3s);
    CHECK(closed.good());
    REQUIRE((served.done() && waiting.done()));
    CHECK(served.code() == errc::cancelled);
    CHECK(served.delivered() == delivery::not_executed);
    CHECK(waiting.code() == errc::cancelled);
    CHECK(waiting.delivered() == delivery::not_sent);
    CHECK(blocked_at_all(here) == 0);
    db.reset();
    if (!got_one) return;
    told<std::optional<std::string>> late;
    (*mine.value)->get("a")(asio::bind_executor(here.executor(), late.taker()));
    here.run_for(1s);
    REQUIRE(late.done());
    CHECK(late.code() == errc::cancelled);
}

TEST_CASE("an operation for a lease that is dropped, or cancelled, holds nothing", "[lease]") {
    stage here;
    options one;
    one.leases_max = 1;
    client db = here.client(one);
    {
        auto const never_begun = db.lease("k");
    }
    asio::cancellation_signal stop;
    told<lease> held, cancelled, next;
    db.lease("k")(held.taker());
    here.run_for(1s);
    db.lease("k")(asio::bind_cancellation_slot(stop.slot(), cancelled.taker()));
    db.lease("k")(next.taker());
    here.run_for(100ms);
    stop.emit(asio::cancellation_type::terminal);
    here.run_for(100ms);
    REQUIRE(cancelled.done());
    CHECK(cancelled.code() == errc::cancelled);
    held.value.reset();
    here.run_for(100ms);
    CHECK(next.good());
}
