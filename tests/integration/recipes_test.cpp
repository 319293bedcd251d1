// Recipes and tools on a real cluster: a view with a prefix, a lock, a cache with one loader, a client that
// waits.
#include <umbel/client/cache_aside.hpp>
#include <umbel/client/lock.hpp>
#include <umbel/client/sync_client.hpp>

#include "support/session.hpp"

#include <asio/co_spawn.hpp>
#include <asio/use_future.hpp>

#include <map>
#include <optional>
#include <string>
#include <thread>
#include <vector>

using namespace umbel;
using namespace umbel::test;

namespace {

struct fresh_cluster {
    real_cluster& servers = real_cluster::shared();
    session s{servers.address("n1")};
    client& db = s.db();

    /// Runs a coroutine on the client's thread, to its end.
    template <class Value>
    Value run(asio::awaitable<Value> work) {
        return asio::co_spawn(s.executor(), std::move(work), asio::use_future).get();
    }
};

}  // namespace

TEST_CASE("a lock is held by one, extends itself, and is given back", "[recipes]") {
    fresh_cluster t;
    auto first = t.run(lock::acquire(t.db, "recipes:lock", {.lease = 600ms}));
    REQUIRE((first && *first));
    std::this_thread::sleep_for(1500ms);
    CHECK((*first)->held());
    auto second = t.run(lock::acquire(t.db, "recipes:lock", {.lease = 600ms}));
    REQUIRE(second);
    CHECK_FALSE(second->has_value());
    CHECK(t.s((*first)->release()).value());
    auto third = t.run(lock::acquire(t.db, "recipes:lock", {.lease = 600ms}));
    REQUIRE((third && *third));
    CHECK((*third)->fencing() > (*first)->fencing());
    CHECK(t.s(t.db.del("recipes:lock")).value() == 1);
    CHECK(eventually([&] { return !(*third)->held(); }));
    CHECK_FALSE(t.s((*third)->release()).value());
}

TEST_CASE("a lock under a prefix, and what the server says of a key that is no lock", "[recipes]") {
    fresh_cluster t;
    auto held = t.run(lock::acquire(t.db.prefixed("{recipes}:"), "job"));
    REQUIRE((held && *held));
    CHECK(t.s(t.db.exists("{recipes}:job")).value() == 1);
    CHECK(t.s((*held)->release()).value());
    REQUIRE(t.s(t.db.rpush("recipes:list", "x")));
    auto const wrong = t.run(lock::acquire(t.db, "recipes:list"));
    REQUIRE_FALSE(wrong);
    CHECK(wrong.error() == errc::wrong_type);
}

TEST_CASE("a value is loaded once and kept for its time", "[recipes]") {
    fresh_cluster t;
    int loads = 0;
    cache_aside<> const cache{t.db.prefixed("recipes:"), {.ttl = 20s}};
    auto const load = [&loads]() -> asio::awaitable<std::string> {
        ++loads;
        co_return "value";
    };
    CHECK(t.run(cache.get("k", load)).value() == "value");
    CHECK(eventually([&] { return t.s(t.db.get("recipes:k")).value() == "value"; }));
    CHECK(t.run(cache.get("k", load)).value() == "value");
    CHECK(loads == 1);
    auto const left = t.s(t.db.command<std::int64_t>("PTTL", umbel::key{"recipes:k"}));
    REQUIRE(left);
    CHECK((*left > 0 && *left <= 20'000));
    CHECK(t.s(cache.erase("k")).value() == 1);
}

TEST_CASE("keys with a prefix go to their nodes, without one redirect", "[recipes]") {
    fresh_cluster t;
    REQUIRE(t.s(t.db.ready()));
    auto const app = t.db.prefixed("recipes:app:");
    std::map<std::string, std::string> pairs;
    std::vector<std::string> keys;
    for (int at = 0; at < 200; ++at) pairs[keys.emplace_back("k" + std::to_string(at))] = std::to_string(at);
    CHECK(t.s(app.mset(pairs)));
    auto const many = t.s(app.mget(keys));
    REQUIRE(many);
    for (std::size_t at = 0; at < keys.size(); ++at) CHECK((*many)[at] == pairs[keys[at]]);
    CHECK(t.s(t.db.get("recipes:app:k7")).value() == "7");
    CHECK(t.s(app.del(keys)).value() == 200);
    CHECK(t.s.counted().moved == 0);
    std::vector<std::string> const lists{"{l}a", "{l}b"};
    REQUIRE(t.s(app.rpush("{l}b", "x")));
    auto const taken = t.s(app.lmpop(lists, list_end::left));
    REQUIRE((taken && *taken));
    CHECK((*taken)->key == "{l}b");
}

TEST_CASE("a client that waits works on a cluster", "[recipes]") {
    real_cluster& servers = real_cluster::shared();
    sync_client db{{.seeds = {servers.address("n1")}}};
    REQUIRE(db.ready());
    std::map<std::string, std::string> const pairs{
        {"recipes:a", "1"}, {"recipes:b", "2"}, {"recipes:c", "3"}};
    CHECK(db.mset(pairs));
    auto const many = db.mget("recipes:a", "recipes:b", "recipes:none");
    REQUIRE(many);
    CHECK(*many == std::vector<std::optional<std::string>>{"1", "2", std::nullopt});
    CHECK(db.prefixed("recipes:").get("c").value() == "3");
    CHECK(db.del(std::vector<std::string>{"recipes:a", "recipes:b", "recipes:c"}).value() == 3);
}
