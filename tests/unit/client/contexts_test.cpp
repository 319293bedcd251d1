// Tests of clients over several contexts: how these end, in either order, without being run once more,
// whatever is under way on them.
#include "at_home.hpp"

#include <catch2/generators/catch_generators.hpp>

#include <asio/awaitable.hpp>
#include <asio/bind_cancellation_slot.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/strand.hpp>
#include <asio/use_future.hpp>

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

// g++ 12 takes Asio's own operator new and delete of coroutine frames for mismatched when it inlines one of
// them.
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wmismatched-new-delete"
#endif

using at_home::code_of;
using at_home::plain;
using at_home::settle;
using at_home::shown;
using namespace std::chrono_literals;
using scripted::words;

namespace {

/// What the user gives the client to run on, and says of it.
enum class kind { contexts, strands, one_thread_each };

/// Two contexts, neither run by anybody but the test.
struct two_contexts {
    std::unique_ptr<asio::io_context> a = std::make_unique<asio::io_context>(1);
    std::unique_ptr<asio::io_context> b = std::make_unique<asio::io_context>(1);

    std::vector<asio::any_io_executor> executors(kind which) const {
        if (which == kind::strands) return {asio::make_strand(*a), asio::make_strand(*b)};
        return {a->get_executor(), b->get_executor()};
    }
    std::unique_ptr<umbel::client> client(kind which, umbel::options chosen) const {
        chosen.one_thread_per_context = which == kind::one_thread_each;
        return std::make_unique<umbel::client>(executors(which), chosen);
    }
    void poll() const {
        for (auto* const io : {a.get(), b.get()}) {
            if (io->stopped()) io->restart();
            io->poll();
        }
    }
    /// Runs both until `done()`; false when that takes absurdly long.
    bool until(auto&& done) const {
        auto const give_up = std::chrono::steady_clock::now() + 30s;
        while (!done()) {
            if (std::chrono::steady_clock::now() > give_up) return false;
            poll();
            a->run_one_for(1ms);
        }
        return true;
    }
    std::unique_ptr<asio::io_context>& first(bool a_first) { return a_first ? a : b; }
    std::unique_ptr<asio::io_context>& last(bool a_first) { return a_first ? b : a; }
    void end(bool a_first) {
        first(a_first).reset();
        last(a_first).reset();
    }
};

/// Two servers that share the slots, each on a thread of its own: foo belongs to the second, bar to the
/// first. So each context has a connection.
struct two_servers {
    std::atomic<scripted::server*> low{nullptr};
    std::atomic<scripted::server*> high{nullptr};
    scripted::server::script gets;
    scripted::server first{[this](words const& said) { return says(said); }};
    scripted::server second{[this](words const& said) { return says(said); }};
    std::string const seed = first.address();

    explicit two_servers(scripted::server::script to_gets) : gets{std::move(to_gets)} {
        low = &first;
        high = &second;
    }
    std::optional<scripted::answer> says(words const& said) const {
        if (said[0] == "GET") return gets(said);
        if (said[0] != "CLUSTER") return std::nullopt;
        auto const range = [](int from, int to, scripted::server const& owner) {
            std::string const node = "*2\r\n" + scripted::bulk("127.0.0.1") + scripted::integer(owner.port());
            return "*3\r\n" + scripted::integer(from) + scripted::integer(to) + node;
        };
        return scripted::answer{"*2\r\n" + range(0, 8191, *low.load()) + range(8192, 16383, *high.load())};
    }
    umbel::options options() const {
        umbel::options chosen = plain(seed);
        chosen.deployment = umbel::deployment::cluster;
        return chosen;
    }
    std::size_t count(std::string_view name) const { return first.count(name) + second.count(name); }
    void release() {
        first.release();
        second.release();
    }
    void cut() {
        first.cut();
        second.cut();
    }
};

std::optional<scripted::answer> held(words const&) { return scripted::answer::hold("$4\r\nlate\r\n"); }
std::optional<scripted::answer> said(words const&) { return scripted::answer{"$3\r\nnow\r\n"}; }
std::optional<scripted::answer> moved(words const& what) {
    // Each to the other side, where nobody listens.
    return scripted::answer{what[1] == "foo" ? "-MOVED 12182 127.0.0.1:2\r\n"
                                             : "-MOVED 5061 127.0.0.1:1\r\n"};
}

struct counted {
    explicit counted(int& where) : alive{where} { ++alive; }
    counted(counted const&) = delete;
    counted& operator=(counted const&) = delete;
    ~counted() { --alive; }
    int& alive;
};

/// False when a loop has to end: there is nothing to be had any more.
bool goes_on(auto const& told) { return code_of(told) != "cancelled"; }
asio::awaitable<void> reads(std::shared_ptr<umbel::client> db, std::string_view name,
                            std::shared_ptr<counted>) {
    for (bool on = true; on;) {
        auto const told = co_await db->get(name);
        on = goes_on(told);
    }
}
asio::awaitable<void> reads_both(std::shared_ptr<umbel::client> db, std::shared_ptr<counted>) {
    for (bool on = true; on;) {
        auto const told = co_await db->mget("foo", "bar");
        on = goes_on(told);
    }
}
asio::awaitable<void> reads_hedged(std::shared_ptr<umbel::client> db, std::string_view name,
                                   std::shared_ptr<counted>) {
    auto const scoped = db->with(umbel::read_from::any, umbel::hedge_after{10s});
    for (bool on = true; on;) {
        auto const told = co_await scoped.get(name);
        on = goes_on(told);
    }
}

/// Begins something of everything, with handlers on either context and on none. All share `mark`; the frames,
/// and where `owned` the handlers, share the client.
void begin_some(two_contexts& on, std::shared_ptr<umbel::client> const& db,
                std::shared_ptr<counted> const& mark, int& called) {
    for (std::string_view const name : {"foo", "bar"}) {
        for (auto* const io : {on.a.get(), on.b.get()}) {
            asio::co_spawn(*io, reads(db, name, mark), asio::detached);
            asio::co_spawn(*io, reads_both(db, mark), asio::detached);
            asio::co_spawn(*io, reads_hedged(db, name, mark), asio::detached);
            db->get(name)(asio::bind_executor(*io, [mark, db, &called](auto) { ++called; }));
            db->get(name)(asio::bind_executor(asio::make_strand(*io), [mark, &called](auto) { ++called; }));
        }
        db->get(name)([mark, &called](auto) { ++called; });
    }
}

}  // namespace

TEST_CASE("contexts that are never run again may end in any order when their client has gone", "[contexts]") {
    kind const which = GENERATE(kind::contexts, kind::strands, kind::one_thread_each);
    bool const a_first = GENERATE(true, false);
    for (int polls = 0; polls < 6; ++polls) {
        two_contexts on;
        {
            umbel::options chosen;
            chosen.seeds = {"127.0.0.1:1", "127.0.0.1:2"};
            auto const db = on.client(which, chosen);
            for (int i = 0; i < polls; ++i) on.poll();
        }
        on.end(a_first);
    }
    SUCCEED();
}

TEST_CASE("contexts may end in any order with connections standing and commands under way on each",
          "[contexts]") {
    kind const which = GENERATE(kind::contexts, kind::strands, kind::one_thread_each);
    bool const a_first = GENERATE(true, false);
    bool const client_first = GENERATE(true, false);
    int alive = 0;
    int called = 0;
    two_servers servers{&held};
    two_contexts on;
    std::shared_ptr<umbel::client> db = on.client(which, servers.options());
    begin_some(on, db, std::make_shared<counted>(alive), called);
    CHECK(on.until([&] { return servers.first.count("GET") != 0 && servers.second.count("GET") != 0; }));
    CHECK(alive == 1);
    // Where it is not the last to hold the client, the frames that wait for it are.
    if (client_first) db.reset();
    on.end(a_first);
    CHECK(alive == 0);
    CHECK(called == 0);
    db.reset();
}

TEST_CASE("a context that is run and destroyed after another one has gone finds nothing to do",
          "[contexts]") {
    kind const which = GENERATE(kind::contexts, kind::strands, kind::one_thread_each);
    bool const a_first = GENERATE(true, false);
    bool const client_first = GENERATE(true, false);
    for (int steps = 0; steps < 10; ++steps) {
        int alive = 0;
        int called = 0;
        two_servers servers{steps % 3 == 0 ? &held : steps % 3 == 1 ? &moved : &said};
        two_contexts on;
        std::shared_ptr<umbel::client> db = on.client(which, servers.options());
        auto mark = std::make_shared<counted>(alive);
        asio::cancellation_signal stop;
        db->get("foo")(asio::bind_cancellation_slot(stop.slot(), [mark](auto) {}));
        db->get("bar")(asio::bind_executor(on.a->get_executor(), [mark](auto) {}));
        db->get("bar")(asio::bind_executor(on.b->get_executor(), [mark](auto) {}));
        if (steps > 2) CHECK(on.until([&] { return servers.count("GET") != 0; }));
        if (steps % 4 == 1) servers.cut();
        for (int i = 0; i < steps; ++i) (i % 2 == 0 ? on.a : on.b)->run_one_for(1ms);
        begin_some(on, db, mark, called);
        if (steps % 2 == 0) stop.emit(asio::cancellation_type::terminal);
        if (client_first) db.reset();
        mark.reset();
        on.first(a_first).reset();
        stop.emit(asio::cancellation_type::terminal);
        auto& last = on.last(a_first);
        if (last->stopped()) last->restart();
        last->poll();
        last.reset();
        db.reset();
        CHECK(alive == 0);
    }
}

TEST_CASE("calls on their way to the control strand end with the context of their handlers", "[contexts]") {
    kind const which = GENERATE(kind::contexts, kind::strands, kind::one_thread_each);
    bool const cut = GENERATE(true, false);
    int alive = 0;
    two_servers servers{cut ? &held : &moved};
    two_contexts on;
    auto const db = on.client(which, servers.options());
    // Both connections stand.
    for (std::string_view const name : {"foo", "bar"}) {
        bool done = false;
        db->command<std::int64_t>("STRLEN", umbel::key(name))([&](auto) { done = true; });
        CHECK(on.until([&] { return done; }));
    }
    auto mark = std::make_shared<counted>(alive);
    for (std::string_view const name : {"foo", "bar"})
        db->get(name)(asio::bind_executor(on.b->get_executor(), [mark](auto) {}));
    mark.reset();
    if (cut) {
        CHECK(on.until([&] { return servers.count("GET") == 2; }));
        servers.cut();
    }
    // What the connection there reports stands in the queue of the context that is not run.
    settle(*on.b);
    on.b.reset();
    CHECK(alive == 0);
    on.a.reset();
}

TEST_CASE("an operation that waits for its own context ends there, whichever context its client had",
          "[contexts]") {
    bool const a_first = GENERATE(true, false);
    bool const hedged = GENERATE(true, false);
    int alive = 0;
    {
        two_servers servers{&held};
        two_contexts on;
        auto const db = on.client(kind::contexts, servers.options());
        for (auto* const io : {on.a.get(), on.b.get()}) {
            for (std::string_view const name : {"foo", "bar"}) {
                auto const mark = std::make_shared<counted>(alive);
                auto const scoped = hedged ? db->with(umbel::read_from::any, umbel::hedge_after{10s})
                                           : db->with(umbel::read_from::any);
                scoped.get(name)(asio::bind_executor(*io, [mark](auto) {}));
            }
        }
        CHECK(on.until([&] { return servers.count("GET") == 4; }));
        CHECK(alive == 4);
        servers.release();
        // What else has come to this context's connection waits for the other context.
        CHECK(at_home::until(*on.first(a_first), [&] { return alive < 4; }));
        settle(*on.first(a_first));
        on.end(a_first);
    }
    CHECK(alive == 0);
}

TEST_CASE("what is begun when a context has gone is told that all is cancelled", "[contexts]") {
    kind const which = GENERATE(kind::contexts, kind::strands, kind::one_thread_each);
    bool const a_first = GENERATE(true, false);
    two_servers servers{&said};
    two_contexts on;
    auto const db = on.client(which, servers.options());
    auto before = db->get("foo");
    std::string ready;
    db->ready()([&ready](auto told) { ready = shown(told); });
    CHECK(on.until([&] { return !ready.empty(); }));
    CHECK(ready == "ok");
    on.first(a_first).reset();
    asio::io_context& left = *on.last(a_first);

    CHECK(code_of(std::move(before)(asio::use_future).get()) == "cancelled");
    CHECK(code_of(db->get("foo")(asio::use_future).get()) == "cancelled");
    CHECK(code_of(at_home::wait(left, db->get("foo"))) == "cancelled");
    CHECK(code_of(at_home::wait(left, db->get("bar"))) == "cancelled");
    CHECK(code_of(at_home::wait(left, db->mget("foo", "bar"))) == "cancelled");
    CHECK(code_of(at_home::wait(left, db->with(umbel::read_from::any, umbel::hedge_after{10s}).get("foo"))) ==
          "cancelled");
    CHECK(code_of(at_home::wait(left, db->ready())) == "cancelled");
    CHECK(code_of(at_home::wait(left, db->nodes())) == "cancelled");
    CHECK(code_of(at_home::wait(left, db->command<std::string>(""))) == "bad_argument");
    asio::cancellation_signal stop;
    bool told = false;
    db->get("foo")(asio::bind_cancellation_slot(
        stop.slot(), asio::bind_executor(left, [&](auto value) { told = code_of(value) == "cancelled"; })));
    stop.emit(asio::cancellation_type::terminal);
    CHECK(at_home::until(left, [&] { return told; }));
    std::string from_frame;
    asio::co_spawn(
        left,
        [](umbel::client const& where, std::string& into) -> asio::awaitable<void> {
            into = code_of(co_await where.get("foo"));
        }(*db, from_frame),
        asio::detached);
    CHECK(at_home::until(left, [&] { return !from_frame.empty(); }));
    CHECK(from_frame == "cancelled");
    db->refresh();
    CHECK(code_of(at_home::wait(left, db->close())) == "cancelled");
    on.last(a_first).reset();
    CHECK(code_of(db->get("foo")(asio::use_future).get()) == "cancelled");
}

namespace {

/// Begins a command when it ends, as a guard that gives a lock back would.
struct gives_back {
    std::shared_ptr<umbel::client> db;
    std::shared_ptr<counted> mark;
    explicit gives_back(std::shared_ptr<umbel::client> with, std::shared_ptr<counted> counts)
        : db{std::move(with)}, mark{std::move(counts)} {}
    gives_back(gives_back const&) = delete;
    gives_back& operator=(gives_back const&) = delete;
    ~gives_back() {
        db->get("foo")([kept = db, one = mark](auto) { FAIL("this is called by nobody"); });
        db->mget("foo", "bar")([one = mark](auto) {});
        db->nodes()([one = mark](auto) {});
    }
};

}  // namespace

TEST_CASE("what destructors begin while a context goes is destroyed with the rest", "[contexts]") {
    bool const a_first = GENERATE(true, false);
    int alive = 0;
    two_servers servers{&held};
    two_contexts on;
    std::shared_ptr<umbel::client> db = on.client(kind::contexts, servers.options());
    {
        auto const guard = std::make_shared<gives_back>(db, std::make_shared<counted>(alive));
        for (std::string_view const name : {"foo", "bar"}) db->get(name)([guard](auto) {});
    }
    CHECK(on.until([&] { return servers.count("GET") == 2; }));
    db.reset();
    on.first(a_first).reset();
    CHECK(alive == 0);
    on.last(a_first).reset();
}
