// Faults that other clients are known by, on a real server.
#include "integration/support/drill.hpp"
#include "integration/support/proxied.hpp"

#include <asio/bind_cancellation_slot.hpp>
#include <asio/bind_executor.hpp>
#include <asio/cancellation_signal.hpp>

using namespace umbel;
using namespace umbel::test;

namespace {

using text = std::optional<std::string>;

/// A client on an executor that the test turns by hand, so that a cancellation can fall between any two
/// turns.
struct by_hand {
    asio::io_context io{1};
    std::string seed = real_cluster::shared().owner_of(7000).address();
    umbel::client db{io.get_executor(), options{.seeds = {seed}}};

    template <class Done>
    bool until(Done done) {
        auto const end = std::chrono::steady_clock::now() + patience;
        while (!done() && std::chrono::steady_clock::now() < end) {
            if (io.stopped()) io.restart();
            io.run_one_for(10ms);
        }
        return done();
    }
    template <class Value>
    result<Value> operator()(operation<Value> what) {
        std::optional<result<Value>> told;
        std::move(what)([&](result<Value> const& value) { told.emplace(value); });
        REQUIRE(until([&] { return told.has_value(); }));
        return std::move(*told);
    }
};

/// Some keys of one slot, hence of one connection, each with a value that names it.
std::vector<std::string> written_keys(by_hand& c, std::string const& name, std::size_t count) {
    std::vector<std::string> keys;
    for (std::size_t i = 0; i < count; ++i) {
        keys.push_back(real_cluster::key_in(700) + ":" + name + ":" + std::to_string(i));
        REQUIRE(c(c.db.set(keys.back(), "=" + keys.back())) == set_outcome::written);
    }
    return keys;
}

/// Reads that may be cancelled; they outlive the test's scope where an assertion ends it.
struct reads {
    std::vector<asio::cancellation_signal> signals;
    std::vector<std::optional<result<text>>> told;
    std::size_t left;
};

/// Reads all keys in one pipeline, cancels some of them after a number of turns, then reads all again.
void cancel_some(by_hand& c, std::vector<std::string> const& keys, std::size_t every, int turns) {
    auto const all = std::make_shared<reads>(
        reads{std::vector<asio::cancellation_signal>(keys.size()), {}, 2 * keys.size()});
    all->told.resize(2 * keys.size());
    auto const read = [&](std::size_t at) {
        auto const note = [all, at](result<text> const& value) {
            all->told[at].emplace(value);
            --all->left;
        };
        if (at < keys.size())
            c.db.get(keys[at])(asio::bind_cancellation_slot(all->signals[at].slot(), note));
        else
            c.db.get(keys[at - keys.size()])(note);
    };
    for (std::size_t i = 0; i < keys.size(); ++i) read(i);
    for (int i = 0; i < turns; ++i) {
        if (c.io.stopped()) c.io.restart();
        c.io.run_one_for(1ms);
    }
    for (std::size_t i = 0; i < keys.size(); i += every)
        all->signals[i].emit(asio::cancellation_type::terminal);
    // What comes next travels on the same connection, behind whatever was given up.
    for (std::size_t i = 0; i < keys.size(); ++i) read(keys.size() + i);
    REQUIRE(c.until([&] { return all->left == 0; }));
    for (std::size_t i = 0; i < all->told.size(); ++i) {
        INFO("read " << i << ", every " << every << ", after " << turns << " turns");
        auto const& value = *all->told[i];
        bool const may_be_cancelled = i < keys.size() && i % every == 0;
        if (!value) {
            CHECK(may_be_cancelled);
            CHECK(value.error() == errc::cancelled);
        } else {
            CHECK(value == "=" + keys[i % keys.size()]);
        }
    }
}

/// What redis-py does wrong: a task is cancelled that awaits a reply, and the next one is given that reply.
asio::awaitable<void> ask(umbel::client& db, std::string key, std::optional<result<text>>& told) {
    co_await asio::this_coro::throw_if_cancelled(false);
    auto get = db.get(key);
    result<text> value = co_await std::move(get);
    told.emplace(std::move(value));
}

}  // namespace

TEST_CASE("CVE-2023-28858: a command cancelled at any turn leaves its reply to nobody", "[drill]") {
    by_hand c;
    auto const keys = written_keys(c, "28858", 8);
    for (int round = 0; round < short_or_long(1, 10); ++round) {
        for (std::size_t const every : {1u, 2u, 3u, 8u})
            for (int turns = 0; turns < 24; ++turns) cancel_some(c, keys, every, turns);
    }
    std::optional<statistics> counted;
    c.db.statistics()([&](result<statistics> const& told) { counted = *told; });
    REQUIRE(c.until([&] { return counted.has_value(); }));
    figure("cancellation: %llu late replies, all discarded",
           static_cast<unsigned long long>(counted->late_replies));
    CHECK(counted->late_replies > 0);
    CHECK(counted->disconnects == 0);
}

TEST_CASE("CVE-2023-28859: a coroutine cancelled while it awaits a reply leaves it to nobody", "[drill]") {
    by_hand c;
    auto const keys = written_keys(c, "28859", 2);
    int cancelled = 0;
    for (int round = 0; round < short_or_long(4, 100); ++round) {
        for (int turns = 0; turns < 24; ++turns) {
            asio::cancellation_signal signal;
            std::optional<result<text>> first;
            std::optional<result<text>> second;
            bool ended = false;
            // A coroutine that is cancelled before its first turn never runs: Asio ends it then.
            auto const end = [&](std::exception_ptr) { ended = true; };
            asio::co_spawn(c.io, ask(c.db, keys[0], first), asio::bind_cancellation_slot(signal.slot(), end));
            for (int i = 0; i < turns; ++i) {
                if (c.io.stopped()) c.io.restart();
                c.io.run_one_for(1ms);
            }
            signal.emit(asio::cancellation_type::terminal);
            asio::co_spawn(c.io, ask(c.db, keys[1], second), asio::detached);
            REQUIRE(c.until([&] { return ended && second; }));
            INFO("after " << turns << " turns");
            CHECK(*second == "=" + keys[1]);
            if (!first) continue;
            if (*first)
                CHECK(*first == "=" + keys[0]);
            else
                CHECK(first->error() == errc::cancelled);
            cancelled += *first ? 0 : 1;
        }
    }
    CHECK(cancelled > 0);
}

TEST_CASE("CVE-2023-28858: cancelled at every byte of its reply, a command leaves the rest to nobody",
          "[drill]") {
    auto& proxies = proxied_cluster::shared();
    auto const node = real_cluster::shared().owner_of(700);
    std::string const seed = proxies.address(node);
    std::string const key = real_cluster::key_in(700) + ":bytes";
    session s{options{.seeds = {seed}, .probe_after = std::chrono::milliseconds{0}}};
    s.warm_up();
    write_all(s, {key, key + "2"});
    std::string const wire = "*2\r\n$3\r\nGET\r\n$" + std::to_string(key.size()) + "\r\n" + key + "\r\n";
    std::size_t const whole = std::string{"$99\r\n="}.size() + key.size() + 2;
    for (std::size_t at = 0; at <= whole; ++at) {
        INFO("after " << at << " bytes of the reply");
        auto const stalls = proxies.at(node).stalls();
        proxies.lay(node,
                    {.command = wire, .where = ambush::side::reply, .at = at, .how = ambush::manner::stall});
        // They outlive the read also where an assertion ends the test before it.
        auto const signal = std::make_shared<asio::cancellation_signal>();
        auto const promised = std::make_shared<std::promise<result<text>>>();
        s.on_its_thread([&] {
            auto const note = [signal, promised](result<text> const& told) { promised->set_value(told); };
            s.db().get(key)(asio::bind_cancellation_slot(signal->slot(), note));
        });
        REQUIRE(eventually([&] { return proxies.at(node).stalls() > stalls; }));
        auto const behind = s.begin(s.db().get(key + "2"));
        s.on_its_thread([&] { signal->emit(asio::cancellation_type::terminal); });
        auto future = promised->get_future();
        REQUIRE(future.wait_for(patience) == std::future_status::ready);
        auto const told = future.get();
        if (told)
            CHECK(told == "=" + key);
        else
            CHECK(told.error() == errc::cancelled);
        CHECK((!told || at == whole));
        proxies.behave(node, {});
        CHECK(s.finish(behind)[0] == "=" + key + "2");
        CHECK(s(s.db().get(key)) == "=" + key);
    }
    CHECK(s.counted().disconnects == 0);
}

TEST_CASE("jedis 3187: an INCR that timed out runs at most once, and its answer is nobody else's",
          "[drill]") {
    auto& servers = real_cluster::shared();
    auto& proxies = proxied_cluster::shared();
    auto const node = servers.owner_of(700);
    std::string const seed = proxies.address(node);
    session s{options{.seeds = {seed}, .probe_after = std::chrono::milliseconds{0}}};
    s.warm_up();
    wire server = servers.talk(node);
    auto const hinder = [&](int way, bool begin) {
        switch (way) {
            case 0:
                begin ? server.must({"CLIENT", "PAUSE", "60000", "WRITE"})
                      : server.must({"CLIENT", "UNPAUSE"});
                break;
            case 1: proxies.behave(node, {.hold_requests = begin}); break;
            case 2: proxies.behave(node, {.hold_replies = begin}); break;
        }
    };
    for (int round = 0; round < short_or_long(1, 20); ++round) {
        for (int way = 0; way < 3; ++way) {
            INFO("way " << way);
            std::vector<std::string> keys;
            for (int i = 0; i < 20; ++i)
                keys.push_back(real_cluster::key_in(700) + ":3187:" + std::to_string(round) + ":" +
                               std::to_string(way) + ":" + std::to_string(i));
            hinder(way, true);
            std::vector<operation<std::int64_t>> doomed;
            for (std::string const& key : keys) doomed.push_back(s.db().with(100ms).incr(key));
            for (auto const& told : s.all(std::move(doomed))) {
                REQUIRE_FALSE(told);
                CHECK(told.error() == errc::deadline_exceeded);
                CHECK(told.error().delivery() == delivery::unknown);
            }
            hinder(way, false);
            // The same connection serves on: the twenty have run by then, once each, and what is asked now
            // gets its own answers.
            std::vector<operation<std::int64_t>> again;
            for (std::size_t i = 0; i < keys.size(); ++i)
                again.push_back(s.db().incrby(keys[i], static_cast<std::int64_t>(1000 + i)));
            auto const told = s.all(std::move(again));
            for (std::size_t i = 0; i < keys.size(); ++i)
                CHECK(told[i] == static_cast<std::int64_t>(1001 + i));
            for (std::size_t i = 0; i < keys.size(); ++i)
                CHECK(server.must({"GET", keys[i]}).number() == static_cast<std::int64_t>(1001 + i));
        }
    }
    CHECK(s.counted().late_replies >= 60);
    CHECK(s.counted().disconnects == 0);
}
