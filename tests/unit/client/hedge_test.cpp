// Tests of hedged reads: a primary and its replica, both scripted, and whoever answers first.
#include "at_home.hpp"

#include <catch2/generators/catch_generators.hpp>

#include <asio/bind_cancellation_slot.hpp>
#include <asio/cancellation_signal.hpp>

#include <memory>

using at_home::code_of;
using at_home::delivery_of;
using at_home::shown;
using namespace std::chrono_literals;
using scripted::words;
using umbel::hedge_after;
using umbel::read_from;

namespace {

/// One shard: a primary, and one replica that replica reads go to first.
struct shard {
    asio::io_context io{1};
    std::string slots;
    scripted::server::script primary_says;
    scripted::server::script replica_says;
    scripted::server primary{io, [this](words const& said) { return reply(primary_says, said); }};
    scripted::server replica{io, [this](words const& said) { return reply(replica_says, said); }};
    std::string const seed = primary.address();
    std::optional<umbel::client> db;

    explicit shard(void (*change)(umbel::options&) = [](umbel::options&) {}) {
        auto const node = [](scripted::server const& server) {
            return "*2\r\n" + scripted::bulk("127.0.0.1") + scripted::integer(server.port());
        };
        slots =
            "*1\r\n*4\r\n" + scripted::integer(0) + scripted::integer(16383) + node(primary) + node(replica);
        umbel::options chosen = at_home::plain(seed);
        chosen.deployment = umbel::deployment::cluster;
        chosen.read_from = read_from::prefer_replica;
        change(chosen);
        db.emplace(io.get_executor(), chosen);
        REQUIRE(shown(at_home::wait(io, db->ready())) == "ok");
        // Both connections stand, and nobody has been asked for a GET.
        for (read_from const from : {read_from::replica, read_from::primary})
            CHECK(code_of(wait(db->with(from).strlen("k"))) == "server_error");
    }
    std::optional<scripted::answer> reply(scripted::server::script const& first, words const& said) const {
        if (first)
            if (auto answer = first(said)) return answer;
        if (said[0] == "CLUSTER") return scripted::answer{slots};
        if (said[0] == "READONLY") return scripted::answer{"+OK\r\n"};
        return std::nullopt;
    }
    /// A client of this shard whose reads are hedged at once.
    umbel::scoped_client hedged(std::chrono::nanoseconds delay = 1us) const {
        return db->with(hedge_after{delay});
    }
    template <class Value>
    umbel::result<Value> wait(umbel::operation<Value> what) {
        return at_home::wait(io, std::move(what));
    }
    bool until(auto&& done) { return at_home::until(io, done); }
};

scripted::server::script gets(scripted::answer said) {
    return [said](words const& one) { return one[0] == "GET" ? std::optional{said} : std::nullopt; };
}

}  // namespace

TEST_CASE("a read that takes long is asked of another node, whose answer counts; the late one is skipped",
          "[hedge]") {
    shard here;
    here.replica_says = gets(scripted::answer::hold("$4\r\nlate\r\n"));
    here.primary_says = gets("$5\r\nfirst\r\n");
    CHECK(shown(here.wait(here.hedged().get("k"))) == "first");
    CHECK(here.primary.count("GET") == 1);
    here.replica.release();
    here.replica_says = gets("$3\r\nown\r\n");
    CHECK(shown(here.wait(here.db->get("k"))) == "own");
}

TEST_CASE("a second question does not keep the first from answering", "[hedge]") {
    shard here;
    here.primary_says = gets(scripted::answer::hold("$4\r\nlate\r\n"));
    here.replica_says = gets(scripted::answer::hold("$5\r\nfirst\r\n"));
    std::string told;
    here.hedged().get("k")([&](auto value) { told = shown(value); });
    REQUIRE(here.until([&] { return here.primary.count("GET") == 1 && here.replica.count("GET") == 1; }));
    here.replica.release();
    REQUIRE(here.until([&] { return !told.empty(); }));
    CHECK(told == "first");
    here.primary.release();
    CHECK(shown(here.wait(here.db->incr("n"))) == "1");
}

TEST_CASE("a read that is answered in time is asked once, and leaves no timer behind", "[hedge]") {
    shard here;
    CHECK(shown(here.wait(here.hedged(std::chrono::hours{10}).get("k"))) == "nil");
    CHECK(here.replica.count("GET") == 1);
    CHECK(here.primary.count("GET") == 0);
    here.db.reset();
    at_home::settle(here.io);
    CHECK(here.primary.count("GET") == 0);
}

TEST_CASE("a lost connection leaves the second question its chance, and an answered error does not",
          "[hedge]") {
    shard here([](umbel::options& chosen) { chosen.retry_unknown = umbel::retry_unknown::never; });
    here.primary_says = gets(scripted::answer::hold("$5\r\nother\r\n"));
    SECTION("lost") {
        here.replica_says = gets(scripted::answer::hold(""));
        std::string told;
        here.hedged().get("k")([&](auto value) { told = shown(value); });
        REQUIRE(here.until([&] { return here.primary.count("GET") == 1 && here.replica.count("GET") == 1; }));
        here.replica.cut();
        at_home::settle(here.io);
        here.primary.release();
        REQUIRE(here.until([&] { return !told.empty(); }));
        CHECK(told == "other");
    }
    SECTION("both lost") {
        here.replica_says = gets(scripted::answer::hold(""));
        here.db = umbel::client{here.io.get_executor(),
                                [&] {
                                    umbel::options chosen = at_home::plain(here.seed);
                                    chosen.deployment = umbel::deployment::cluster;
                                    chosen.read_from = read_from::prefer_replica;
                                    return chosen;
                                }(),
                                umbel::cluster::surface_redirects{}};
        REQUIRE(shown(here.wait(here.db->ready())) == "ok");
        int times = 0;
        std::string told;
        here.hedged().get("k")([&](auto value) { ++times, told = shown(value); });
        REQUIRE(here.until([&] { return here.primary.count("GET") == 1 && here.replica.count("GET") == 1; }));
        here.replica.cut();
        here.primary.cut();
        REQUIRE(here.until([&] { return times != 0; }));
        at_home::settle(here.io);
        CHECK(times == 1);
        CHECK(told == "connection_lost");
    }
    SECTION("wrong type") {
        here.replica_says = gets(
            scripted::answer::hold("-WRONGTYPE Operation against a key holding the wrong kind of value\r\n"));
        std::string told;
        here.hedged().get("k")([&](auto value) { told = shown(value); });
        REQUIRE(here.until([&] { return here.primary.count("GET") == 1 && here.replica.count("GET") == 1; }));
        here.replica.release();
        REQUIRE(here.until([&] { return !told.empty(); }));
        CHECK(told == "wrong_type");
    }
}

TEST_CASE("writes are sent once, and a read that one node only may serve is refused", "[hedge]") {
    shard here;
    here.primary_says = [](words const& said) -> std::optional<scripted::answer> {
        if (said[0] == "INCR") return scripted::answer::hold(":1\r\n");
        return std::nullopt;
    };
    std::string told;
    here.hedged().incr("n")([&](auto value) { told = shown(value); });
    REQUIRE(here.until([&] { return here.primary.count("INCR") == 1; }));
    at_home::settle(here.io);
    here.primary.release();
    REQUIRE(here.until([&] { return !told.empty(); }));
    CHECK(told == "1");
    CHECK(here.primary.count("INCR") == 1);
    CHECK(here.replica.count("INCR") == 0);

    auto const refused = here.wait(here.hedged().with(read_from::primary).get("k"));
    CHECK(code_of(refused) == "bad_argument");
    CHECK(delivery_of(refused) == "not_sent");
    CHECK(shown(here.wait(here.hedged().with(read_from::primary).set("k", "v"))) == "written");
}

TEST_CASE("commands by their words are hedged when they only read", "[hedge]") {
    shard here;
    here.replica_says = gets(scripted::answer::hold("$4\r\nlate\r\n"));
    here.primary_says = gets("$5\r\nfirst\r\n");
    auto const told = here.wait(here.hedged().command<std::string>("GET", umbel::key("k")));
    CHECK(shown(told) == "first");
    std::vector<std::string> const argv{"GET", "k"};
    CHECK(here.wait(here.hedged().execute(argv)).has_value());
    CHECK(here.primary.count("GET") == 2);
}

TEST_CASE("without an allowance nobody is asked twice", "[hedge]") {
    shard here([](umbel::options& chosen) { chosen.hedge_percent_max = 0; });
    here.replica_says = gets(scripted::answer::hold("$4\r\nlate\r\n"));
    std::string told;
    here.hedged().get("k")([&](auto value) { told = shown(value); });
    REQUIRE(here.until([&] { return here.replica.count("GET") == 1; }));
    at_home::settle(here.io);
    CHECK(here.primary.count("GET") == 0);
    here.replica.release();
    REQUIRE(here.until([&] { return !told.empty(); }));
    CHECK(told == "late");
}

TEST_CASE("a hedged read keeps to one deadline, and asks nobody else when that comes first", "[hedge]") {
    shard here;
    here.replica_says = gets(scripted::answer::hold("$4\r\nlate\r\n"));
    CHECK(shown(here.wait(here.db->with(30ms, hedge_after{30ms}).get("k"))) == "deadline_exceeded");
    at_home::settle(here.io);
    CHECK(here.primary.count("GET") == 0);
}

TEST_CASE("where no second node may serve, nobody is asked twice", "[hedge]") {
    shard here;
    here.replica_says = gets(scripted::answer::hold("$4\r\nlate\r\n"));
    std::string told;
    here.hedged().with(read_from::replica).get("k")([&](auto value) { told = shown(value); });
    REQUIRE(here.until([&] { return here.replica.count("GET") == 1; }));
    at_home::settle(here.io);
    CHECK(here.replica.count("GET") == 1);
    CHECK(here.primary.count("GET") == 0);
    here.replica.release();
    REQUIRE(here.until([&] { return !told.empty(); }));
    CHECK(told == "late");
}

TEST_CASE("a hedged read that is cancelled, or whose client ends, completes once in whatever state it is",
          "[hedge]") {
    bool const cancels = GENERATE(true, false);
    int const asked = GENERATE(0, 1, 2);
    shard here;
    here.replica_says = gets(scripted::answer::hold("$4\r\nlate\r\n"));
    here.primary_says = gets(scripted::answer::hold("$4\r\nlate\r\n"));
    asio::cancellation_signal stop;
    int times = 0;
    std::string told;
    here.hedged(asked == 2 ? std::chrono::nanoseconds{1us} : std::chrono::hours{10})
        .get("k")(
            asio::bind_cancellation_slot(stop.slot(), [&](auto value) { ++times, told = shown(value); }));
    if (asked >= 1) REQUIRE(here.until([&] { return here.replica.count("GET") == 1; }));
    if (asked == 2) REQUIRE(here.until([&] { return here.primary.count("GET") == 1; }));
    if (cancels) {
        stop.emit(asio::cancellation_type::terminal);
    } else {
        here.db.reset();
    }
    REQUIRE(here.until([&] { return times != 0; }));
    at_home::settle(here.io);
    CHECK(times == 1);
    CHECK(told == "cancelled");
    if (!cancels) return;
    here.replica.release();
    here.primary.release();
    here.replica_says = here.primary_says = {};
    CHECK(shown(here.wait(here.db->get("k"))) == "nil");
}

TEST_CASE("a hedged read that is never begun sends nothing, and one whose executor ends is destroyed",
          "[hedge]") {
    auto const mark = std::make_shared<int>(0);
    int const asked = GENERATE(0, 1, 2);
    {
        shard here;
        here.replica_says = gets(scripted::answer::hold("$4\r\nlate\r\n"));
        here.primary_says = gets(scripted::answer::hold("$4\r\nlate\r\n"));
        {
            auto const dropped = here.hedged().get("k");
        }
        at_home::settle(here.io);
        CHECK(here.replica.count("GET") == 0);
        here.hedged(asked == 2 ? std::chrono::nanoseconds{1us} : std::chrono::hours{10})
            .get("k")([mark](auto) {});
        if (asked >= 1) REQUIRE(here.until([&] { return here.replica.count("GET") == 1; }));
        if (asked == 2) REQUIRE(here.until([&] { return here.primary.count("GET") == 1; }));
    }
    CHECK(mark.use_count() == 1);
}

TEST_CASE("a value may come with the way its command took", "[trail]") {
    shard here;
    here.replica_says = [&](words const& said) -> std::optional<scripted::answer> {
        if (said[0] != "GET") return std::nullopt;
        return scripted::answer{"-MOVED 7629 127.0.0.1:" + std::to_string(here.primary.port()) + "\r\n"};
    };
    here.primary_says = gets("$5\r\nvalue\r\n");
    auto const told = here.wait(here.db->with(umbel::trail).get("k"));
    REQUIRE(told);
    CHECK(told->value == "value");
    REQUIRE(told->trail.size() == 1);
    CHECK(told->trail[0].node == here.replica.address());
    CHECK(told->trail[0].reason == umbel::errc::moved);

    auto const straight = here.wait(here.db->with(read_from::primary, 3s, umbel::trail)
                                        .command<std::optional<std::string>>("GET", umbel::key("k")));
    REQUIRE(straight);
    CHECK(straight->value == "value");
    CHECK(straight->trail.empty());
}
