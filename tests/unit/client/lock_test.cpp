// Tests of a lock that one at a time holds: on virtual time, against a model cluster that knows its scripts.
#include "lock_model.hpp"

#include <asio/bind_cancellation_slot.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/detached.hpp>

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

using namespace umbel::testing;
using namespace std::chrono_literals;
using umbel::lock;
using umbel::lock_options;

namespace {

using taken = umbel::result<std::optional<lock>>;

struct locks {
    stage here{{.primaries = 3, .replicas_each = 1}, 1, {.scripts = lock_model::scripts()}};
    umbel::client db = here.client();

    void begin(std::optional<taken>& to, lock_options chosen, std::string name = "job",
               asio::cancellation_signal* stop = nullptr) {
        auto const done = [&to](std::exception_ptr, taken told) { to.emplace(std::move(told)); };
        if (stop)
            asio::co_spawn(here.executor(), lock::acquire(db, name, chosen),
                           asio::bind_cancellation_slot(stop->slot(), done));
        else
            asio::co_spawn(here.executor(), lock::acquire(db, name, chosen), done);
    }
    taken acquire(lock_options chosen = {}, std::string name = "job") {
        std::optional<taken> told;
        begin(told, chosen, std::move(name));
        REQUIRE(here.run_while_not([&] { return told.has_value(); }, 600s));
        return std::move(*told);
    }
    bool is_free(std::string name = "job") {
        auto const told = acquire({}, std::move(name));
        return told && told->has_value();
    }
    void watch(lock const& held, bool& lost) {
        asio::co_spawn(here.executor(), held.lost(), [&lost](std::exception_ptr) { lost = true; });
    }
    std::string release(lock& held) {
        auto const told = here.run(held.release()(asio::use_awaitable));
        if (!told) return "nothing yet";
        return !*told   ? std::string{umbel::name_of(told->error().code())}
               : **told ? "released"
                        : "lost before";
    }
};

std::string shown(taken const& told) {
    return !told ? std::string{umbel::name_of(told.error().code())} : *told ? "taken" : "held by another";
}

}  // namespace

TEST_CASE("one at a time holds the lock, and later holders have greater numbers", "[lock]") {
    locks l;
    auto first = l.acquire();
    REQUIRE(shown(first) == "taken");
    CHECK((*first)->held());
    CHECK((*first)->fencing() == 1);
    CHECK(shown(l.acquire()) == "held by another");
    CHECK(shown(l.acquire({}, "other")) == "taken");
    bool told = false;
    l.watch(**first, told);
    CHECK(l.release(**first) == "released");
    l.here.run_for(10ms);
    CHECK(told);
    CHECK_FALSE((*first)->held());
    auto second = l.acquire();
    REQUIRE(shown(second) == "taken");
    CHECK((*second)->fencing() > (*first)->fencing());
    CHECK(l.release(**first) == "lost before");
    CHECK((*second)->held());
}

TEST_CASE("a lock extends itself for as long as it is held", "[lock]") {
    locks l;
    auto held = l.acquire({.lease = 300ms});
    REQUIRE(shown(held) == "taken");
    bool lost = false;
    l.watch(**held, lost);
    for (int round = 0; round < 10; ++round) {
        l.here.run_for(300ms);
        CHECK(shown(l.acquire()) == "held by another");
    }
    CHECK((*held)->held());
    CHECK_FALSE(lost);
}

TEST_CASE("who waits gets the lock when it is released", "[lock]") {
    locks l;
    auto first = l.acquire();
    std::optional<taken> second;
    l.begin(second, {.wait = 10s});
    l.here.run_for(2s);
    CHECK_FALSE(second.has_value());
    SECTION("by its holder") { CHECK(l.release(**first) == "released"); }
    SECTION("by its end") { first = taken{std::nullopt}; }
    REQUIRE(l.here.run_while_not([&] { return second.has_value(); }, 1s));
    CHECK(shown(*second) == "taken");
}

TEST_CASE("who waits in vain is told so", "[lock]") {
    locks l;
    auto first = l.acquire();
    std::optional<taken> second;
    l.begin(second, {.wait = 2s});
    l.here.run_for(1900ms);
    CHECK_FALSE(second.has_value());
    l.here.run_for(300ms);
    REQUIRE(second.has_value());
    CHECK(shown(*second) == "held by another");
}

TEST_CASE("a lock whose key was deleted is lost at its next extension", "[lock]") {
    locks l;
    auto held = l.acquire({.lease = 900ms});
    bool lost = false;
    l.watch(**held, lost);
    CHECK(l.here.run(l.db.del("job")(asio::use_awaitable)).has_value());
    l.here.run_for(400ms);
    CHECK(lost);
    CHECK_FALSE((*held)->held());
    CHECK(l.release(**held) == "lost before");
    bool again = false;
    l.watch(**held, again);
    l.here.run_for(10ms);
    CHECK(again);
}

TEST_CASE("a holder that reaches no server knows of its loss before another can have the lock", "[lock]") {
    locks l;
    auto held = l.acquire({.lease = 1s});
    bool lost = false;
    l.watch(**held, lost);
    l.here.run_for(5s);
    CHECK_FALSE(lost);
    auto const owner = l.here.cluster().truth(umbel::cluster::slot_of("job").value());
    l.here.cluster().freeze(owner);
    auto const began = l.here.time().now();
    REQUIRE(l.here.run_while_not([&] { return lost; }, 5s));
    auto const passed = l.here.time().now() - began;
    CHECK(passed < 1s);
    CHECK(passed > 500ms);
}

TEST_CASE("whoever is cancelled holds nothing", "[lock]") {
    locks l;
    asio::cancellation_signal stop;
    std::optional<taken> told;
    SECTION("while another holds it") {
        auto first = l.acquire();
        l.begin(told, {.wait = 60s}, "job", &stop);
        l.here.run_for(1s);
        stop.emit(asio::cancellation_type::terminal);
        l.here.run_for(100ms);
        REQUIRE(told.has_value());
        CHECK(shown(*told) == "cancelled");
        CHECK(l.release(**first) == "released");
    }
    SECTION("at any moment of the first attempt") {
        for (int moment = 0; moment < 40; ++moment) {
            told.reset();
            l.begin(told, {.lease = 60s}, "job", &stop);
            l.here.run_for(moment * 100us);
            stop.emit(asio::cancellation_type::terminal);
            l.here.run_for(100ms);
            REQUIRE(told.has_value());
            if (shown(*told) != "taken") CHECK(shown(*told) == "cancelled");
            told.reset();
            l.here.run_for(100ms);
            CHECK(l.is_free());
            l.here.run_for(100ms);
        }
    }
    told.reset();
    l.here.run_for(100ms);
    CHECK(l.is_free());
}

TEST_CASE("bad options and names are refused", "[lock]") {
    locks l;
    CHECK(shown(l.acquire({.lease = 1ms})) == "bad_argument");
    CHECK(shown(l.acquire({.lease = 25h})) == "bad_argument");
    CHECK(shown(l.acquire({.wait = -1ms})) == "bad_argument");
    CHECK(shown(l.acquire({.retry_delay = 0ms})) == "bad_argument");
    CHECK(shown(l.acquire({}, "")) == "bad_argument");
    CHECK(shown(l.acquire({}, "a}b")) == "bad_argument");
    CHECK(shown(l.acquire({}, "{tag}:job")) == "taken");
    auto const app = l.db.prefixed("app:");
    auto const under = [&](std::string name) {
        auto told = l.here.run(lock::acquire(app, name));
        return told ? shown(*told) : "nothing yet";
    };
    CHECK(under("job") == "bad_argument");
    CHECK(under("{job}") == "taken");
}

TEST_CASE("a lock is moved, and outlives its client", "[lock]") {
    locks l;
    auto held = l.acquire({.lease = 300ms});
    lock first{std::move(**held)};
    lock other = std::move(first);
    CHECK(other.held());
    bool lost = false;
    l.watch(other, lost);
    {
        umbel::client const gone = std::move(l.db);
    }
    l.here.run_for(1s);
    CHECK(lost);
    CHECK_FALSE(other.held());
}

TEST_CASE("no two believe that they hold it, whatever the network does", "[lock]") {
    for (std::uint64_t seed = 1; seed <= 4; ++seed) {
        stage here{{.primaries = 3, .replicas_each = 0}, seed, {.scripts = lock_model::scripts()}};
        std::vector<umbel::client> users;
        for (int user = 0; user < 4; ++user) users.push_back(here.client());
        std::vector<lock const*> holding(users.size());
        int taken = 0, lost = 0;
        std::uint64_t last = 0;
        bool ordered = true;
        auto const work = [&](std::size_t user) -> asio::awaitable<void> {
            for (int round = 0; round < 30; ++round) {
                std::uint64_t const token = seed * 1000 + user * 100 + static_cast<std::uint64_t>(round);
                auto got =
                    co_await lock::acquire(users[user], "job", {.lease = 400ms, .wait = 5s, .seed = token});
                if (!got || !*got) continue;
                ++taken;
                ordered = ordered && (*got)->fencing() > last;
                last = (*got)->fencing();
                holding[user] = &**got;
                for (int step = 0; step < 30 && (*got)->held(); ++step) co_await here.sleep(20ms);
                lost += (*got)->held() ? 0 : 1;
                holding[user] = nullptr;
                static_cast<void>(co_await (*got)->release());
            }
        };
        for (std::size_t user = 0; user < users.size(); ++user)
            asio::co_spawn(here.executor(), work(user), asio::detached);
        auto const owner = here.cluster().truth(umbel::cluster::slot_of("job").value());
        for (int fault = 1; fault < 20; ++fault) {
            here.time().in(fault * 2s, [&here, owner] { here.cluster().freeze(owner); });
            here.time().in(fault * 2s + (fault % 7) * 150ms,
                           [&here, owner] { here.cluster().unfreeze(owner); });
        }
        std::ptrdiff_t most = 0;
        here.run_while_not(
            [&] {
                auto const believes = [](lock const* held) { return held && held->held(); };
                most = std::max(most, std::count_if(holding.begin(), holding.end(), believes));
                return false;
            },
            42s);
        CAPTURE(seed);
        CHECK(taken > 30);
        CHECK(lost > 0);
        CHECK(ordered);
        CHECK(most == 1);
    }
}
