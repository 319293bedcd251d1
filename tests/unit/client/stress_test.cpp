// Two executors at once: calls from both and from outside, cancellations, lost connections and close. Clean
// under the thread sanitizer.
#include "at_home.hpp"

#include <catch2/generators/catch_generators.hpp>

#include <asio/bind_cancellation_slot.hpp>
#include <asio/bind_executor.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/executor_work_guard.hpp>
#include <asio/post.hpp>
#include <asio/strand.hpp>

#include <array>
#include <atomic>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

using at_home::code_of;
using at_home::plain;
using at_home::shown;
using namespace std::chrono_literals;
using scripted::words;

namespace {

/// Two contexts with a thread each.
struct two_threads {
    std::array<asio::io_context, 2> io;
    asio::executor_work_guard<asio::io_context::executor_type> first = asio::make_work_guard(io[0]);
    asio::executor_work_guard<asio::io_context::executor_type> second = asio::make_work_guard(io[1]);
    std::thread thread{[this] { io[0].run(); }};
    std::thread two{[this] { io[1].run(); }};

    std::vector<asio::any_io_executor> executors() { return {io[0].get_executor(), io[1].get_executor()}; }
    void join() {
        first.reset();
        second.reset();
        if (thread.joinable()) thread.join();
        if (two.joinable()) two.join();
    }
    ~two_threads() {
        for (auto& each : io) each.stop();
        join();
    }
};

/// Two servers that share the slots, each on a thread of its own, and each the replica of the other.
struct two_servers {
    std::atomic<scripted::server*> low{nullptr};
    std::atomic<scripted::server*> high{nullptr};
    scripted::server first{[this](words const& said) { return says(said); }};
    scripted::server second{[this](words const& said) { return says(said); }};
    two_servers() {
        low = &first;
        high = &second;
    }
    std::optional<scripted::answer> says(words const& said) const {
        if (said[0] == "READONLY") return "+OK\r\n";
        if (said[0] != "CLUSTER") return std::nullopt;
        auto const node = [](scripted::server const& server) {
            return "*2\r\n" + scripted::bulk("127.0.0.1") + scripted::integer(server.port());
        };
        auto const range = [&](int from, int to, scripted::server const& owner,
                               scripted::server const& replica) {
            return "*4\r\n" + scripted::integer(from) + scripted::integer(to) + node(owner) + node(replica);
        };
        return "*2\r\n" + range(0, 8191, *low.load(), *high.load()) +
               range(8192, 16383, *high.load(), *low.load());
    }
};

umbel::options spread(std::string const& seed, bool declared) {
    umbel::options made = plain(seed);
    made.one_thread_per_context = declared;
    made.deployment = umbel::deployment::cluster;
    made.hedge_percent_max = 100;
    return made;
}

/// What all chains of one test have in common.
struct tally {
    std::atomic<int> begun{0};
    std::atomic<int> good{0};
    std::atomic<int> cancelled{0};
    std::atomic<int> other{0};
    std::atomic<int> chains{0};
    template <class Value>
    void count(umbel::result<Value> const& told) {
        std::string const code = code_of(told);
        ++(code == "none" ? good : code == "cancelled" ? cancelled : other);
    }
    int completed() const { return good + cancelled + other; }
};

/// Commands one after the other, each completing on `executor`, some of them cancelled there.
template <class Executor>
struct chain : std::enable_shared_from_this<chain<Executor>> {
    umbel::client& db;
    umbel::scoped_client hedged = db.with(umbel::read_from::any).with(umbel::hedge_after{50us});
    Executor executor;
    tally& all;
    int left;
    asio::cancellation_signal signal;

    chain(umbel::client& client, Executor where, tally& counts, int length)
        : db{client}, executor{where}, all{counts}, left{length} {
        ++all.chains;
    }
    ~chain() { --all.chains; }

    void next() {
        if (left-- == 0) return;
        ++all.begun;
        auto const then = [self = this->shared_from_this()](auto told) {
            self->all.count(told);
            self->next();
        };
        std::string const key = "key " + std::to_string(left);
        switch (left % 5) {
            case 0: return db.set(key, "value")(asio::bind_executor(executor, then));
            case 1: return hedged.get(key)(asio::bind_executor(executor, then));
            case 2: return db.mget(key, "another")(asio::bind_executor(executor, then));
            case 3: return db.get<umbel::bytes>(key)(then);
            case 4: break;
        }
        db.get(key)(asio::bind_cancellation_slot(signal.slot(), asio::bind_executor(executor, then)));
        if (left % 2 == 0)
            asio::post(executor, [self = this->shared_from_this()] {
                self->signal.emit(asio::cancellation_type::total);
            });
    }
};

template <class Executor>
void start_chain(umbel::client& db, Executor where, tally& all, int length) {
    auto const one = std::make_shared<chain<Executor>>(db, where, all, length);
    asio::post(where, [one] { one->next(); });
}

/// Chains on both contexts, every other one on a strand.
void start_chains(umbel::client& db, two_threads& threads, tally& all, int count, int length) {
    for (int i = 0; i < count; ++i) {
        asio::io_context& io = threads.io[static_cast<std::size_t>(i % 2)];
        i % 4 < 2 ? start_chain(db, asio::make_strand(io), all, length)
                  : start_chain(db, io.get_executor(), all, length);
    }
}

template <class Done>
bool eventually(Done&& done) {
    auto const give_up = std::chrono::steady_clock::now() + 60s;
    while (!done()) {
        if (std::chrono::steady_clock::now() > give_up) return false;
        std::this_thread::sleep_for(1ms);
    }
    return true;
}

}  // namespace

TEST_CASE("two executors share a client: every command completes exactly once", "[stress][threads]") {
    bool const declared = GENERATE(false, true);
    two_servers servers;
    std::string const seed = servers.first.address();
    two_threads threads;
    tally all;
    {
        umbel::client db{threads.executors(), spread(seed, declared)};
        start_chains(db, threads, all, 8, 400);
        // A thread that runs no executor calls, too.
        for (int i = 0; i < 500; ++i) {
            ++all.begun;
            db.incr("n")([&](auto told) { all.count(told); });
        }
        CHECK(eventually([&] { return all.chains == 0 && all.completed() == all.begun; }));
    }
    threads.join();
    CHECK(all.begun == 8 * 400 + 500);
    CHECK(all.completed() == all.begun);
    CHECK(all.other == 0);
}

TEST_CASE("connections lost under load lose no command", "[stress][threads]") {
    bool const declared = GENERATE(false, true);
    two_servers servers;
    std::string const seed = servers.first.address();
    two_threads threads;
    tally all;
    {
        umbel::client db{threads.executors(), spread(seed, declared)};
        start_chains(db, threads, all, 8, 300);
        for (int i = 0; i < 10; ++i) {
            std::this_thread::sleep_for(2ms);
            (i % 2 == 0 ? servers.first : servers.second).cut();
        }
        CHECK(eventually([&] { return all.chains == 0 && all.completed() == all.begun; }));
    }
    threads.join();
    CHECK(all.completed() == all.begun);
}

TEST_CASE(
    "close while commands come from two threads: what was begun completes, what comes later is cancelled",
    "[stress][threads]") {
    bool const declared = GENERATE(false, true);
    for (int round = 0; round < 10; ++round) {
        two_servers servers;
        std::string const seed = servers.first.address();
        two_threads threads;
        tally all;
        std::atomic<bool> closed{false};
        {
            umbel::client db{threads.executors(), spread(seed, declared)};
            start_chains(db, threads, all, 6, 200);
            std::this_thread::sleep_for(std::chrono::milliseconds{round});
            db.with(5s).get("k")([&](auto told) { all.count(told); });
            ++all.begun;
            db.close()([&](auto) { closed = true; });
            CHECK(eventually([&] { return closed && all.chains == 0 && all.completed() == all.begun; }));
        }
        threads.join();
        CHECK(all.begun == 6 * 200 + 1);
        CHECK(all.completed() == all.begun);
        CHECK(all.other == 0);
    }
}

TEST_CASE("a client destroyed between two executors' turns completes everything", "[stress][threads]") {
    bool const declared = GENERATE(false, true);
    for (int round = 0; round < 20; ++round) {
        two_servers servers;
        std::string const seed = servers.first.address();
        two_threads threads;
        tally all;
        {
            umbel::client const db{threads.executors(), spread(seed, declared)};
            for (int i = 0; i < 200 + 50 * round; ++i) {
                ++all.begun;
                db.get("key " + std::to_string(i))(asio::bind_executor(
                    threads.io[static_cast<std::size_t>(i % 2)], [&](auto told) { all.count(told); }));
            }
        }
        threads.join();
        CHECK(all.completed() == all.begun);
        CHECK(all.other == 0);
    }
}

TEST_CASE("one context run by two threads serves one client", "[stress][threads]") {
    scripted::server server;
    std::string const seed = server.address();
    asio::io_context io{2};
    auto guard = asio::make_work_guard(io);
    std::thread thread{[&] { io.run(); }};
    std::thread two{[&] { io.run(); }};
    tally all;
    {
        umbel::client db{io.get_executor(), plain(seed)};
        for (int i = 0; i < 6; ++i) start_chain(db, asio::make_strand(io), all, 400);
        CHECK(eventually([&] { return all.chains == 0 && all.completed() == all.begun; }));
        std::atomic<int> told{0};
        db.statistics()([&](auto) { ++told; });
        db.nodes()([&](auto) { ++told; });
        db.refresh();
        CHECK(eventually([&] { return told == 2; }));
    }
    guard.reset();
    thread.join();
    two.join();
    CHECK(all.completed() == 6 * 400);
    CHECK(all.other == 0);
}
