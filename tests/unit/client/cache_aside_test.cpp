// Tests of values that are loaded once for many: on virtual time, against a model cluster.
#include <umbel/client/cache_aside.hpp>
#include <umbel/testing/service/stage.hpp>

#include <asio/bind_cancellation_slot.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/detached.hpp>

#include <catch2/catch_test_macros.hpp>

#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

using namespace umbel::testing;
using namespace std::chrono_literals;
using text = std::optional<std::string>;

namespace {

using answer = umbel::result<text>;

/// A stage with a client and a cache, and a source that takes its time.
struct source {
    stage here{{.primaries = 3}};
    umbel::client db = here.client();
    umbel::cache_aside<> cache{db};
    int loads = 0;
    std::string value = "loaded";
    duration takes = 10ms;

    explicit source(umbel::cache_aside_options chosen = {}) : cache{db, chosen} {}

    auto loader() {
        return [this](std::string const& key) { return load(key); };
    }
    asio::awaitable<answer> load(std::string key) {
        ++loads;
        std::string const now = value;
        co_await here.sleep(takes);
        if (key == "missing") co_return text{};
        if (key == "wrong")
            co_return umbel::fail(umbel::errc::server_error, umbel::delivery::executed, "broken");
        if (key == "throws") throw std::runtime_error{"the source's own"};
        co_return text{now};
    }
    /// Begins a get; its answer comes into the place.
    void begin(std::string const& key, std::optional<answer>& to, asio::cancellation_signal* stop = nullptr) {
        auto const done = [&to](std::exception_ptr thrown, answer told) {
            if (thrown)
                to.emplace(umbel::fail(umbel::errc::protocol_error, umbel::delivery::executed, "thrown"));
            else
                to.emplace(std::move(told));
        };
        if (stop)
            asio::co_spawn(here.executor(), cache.get(key, loader()),
                           asio::bind_cancellation_slot(stop->slot(), done));
        else
            asio::co_spawn(here.executor(), cache.get(key, loader()), done);
    }
    std::string shown(std::optional<answer> const& told) {
        if (!told) return "nothing yet";
        if (!*told) return std::string{umbel::name_of(told->error().code())};
        return (*told)->value_or("nil");
    }
    std::string get(std::string const& key) {
        std::optional<answer> told;
        begin(key, told);
        here.run_while_not([&] { return told.has_value(); }, 60s);
        return shown(told);
    }
    text kept(std::string const& key) {
        auto const told = here.run(db.get(key)(asio::use_awaitable));
        return told && *told ? **told : text{"an error"};
    }
};

}  // namespace

TEST_CASE("a miss is loaded and kept, a hit is not loaded", "[cache_aside]") {
    source s;
    CHECK(s.get("k") == "loaded");
    CHECK(s.loads == 1);
    s.here.run_for(1s);
    CHECK(s.kept("k") == "loaded");
    s.value = "newer";
    CHECK(s.get("k") == "loaded");
    CHECK(s.loads == 1);
}

TEST_CASE("one load serves all who ask meanwhile", "[cache_aside]") {
    source s;
    std::vector<std::optional<answer>> told(100);
    for (auto& place : told) s.begin("k", place);
    s.here.run_for(1s);
    CHECK(s.loads == 1);
    for (auto const& place : told) CHECK(s.shown(place) == "loaded");
    std::optional<answer> other;
    s.begin("k2", other);
    s.here.run_for(1s);
    CHECK(s.loads == 2);
}

TEST_CASE("what the loader says of its failure reaches all who wait, and nothing is kept", "[cache_aside]") {
    source s;
    std::vector<std::optional<answer>> told(5);
    SECTION("an error") {
        for (auto& place : told) s.begin("wrong", place);
        s.here.run_for(1s);
        for (auto const& place : told) CHECK(s.shown(place) == "server_error");
        CHECK_FALSE(s.kept("wrong").has_value());
    }
    SECTION("an exception") {
        for (auto& place : told) s.begin("throws", place);
        s.here.run_for(1s);
        for (auto const& place : told) CHECK(s.shown(place) == "protocol_error");
    }
    SECTION("there is none") {
        for (auto& place : told) s.begin("missing", place);
        s.here.run_for(1s);
        for (auto const& place : told) CHECK(s.shown(place) == "nil");
        CHECK_FALSE(s.kept("missing").has_value());
    }
    CHECK(s.loads == 1);
    CHECK(s.get("k") == "loaded");
}

TEST_CASE("whoever is cancelled takes nobody else along", "[cache_aside]") {
    source s;
    s.takes = 100ms;
    asio::cancellation_signal stop;
    std::optional<answer> first, second;
    s.begin("k", first, &stop);
    s.begin("k", second);
    s.here.run_for(50ms);
    CHECK(s.loads == 1);
    stop.emit(asio::cancellation_type::terminal);
    s.here.run_for(10ms);
    CHECK(s.shown(first) == "cancelled");
    CHECK(s.shown(second) == "nothing yet");
    s.here.run_for(1s);
    CHECK(s.shown(second) == "loaded");
    CHECK(s.loads == 1);
    SECTION("also if it was alone") {
        std::optional<answer> alone;
        s.begin("k2", alone, &stop);
        s.here.run_for(50ms);
        stop.emit(asio::cancellation_type::terminal);
        s.here.run_for(1s);
        CHECK(s.shown(alone) == "cancelled");
        CHECK(s.kept("k2") == "loaded");
    }
}

TEST_CASE("a database that does not answer is passed over", "[cache_aside]") {
    source s;
    for (std::size_t node = 0; node < 3; ++node) s.here.cluster().crash(static_cast<node_number>(node));
    CHECK(s.get("k") == "loaded");
    CHECK(s.loads == 1);
}

TEST_CASE("an erased value is loaded anew, also when it is erased while it is loaded", "[cache_aside]") {
    source s;
    s.takes = 100ms;
    std::optional<answer> old;
    s.begin("k", old);
    s.here.run_for(50ms);
    s.value = "newer";
    CHECK(s.here.run(s.cache.erase("k")(asio::use_awaitable)).has_value());
    std::optional<answer> later;
    s.begin("k", later);
    s.here.run_for(1s);
    CHECK(s.shown(old) == "loaded");
    CHECK(s.shown(later) == "newer");
    CHECK(s.loads == 2);
    CHECK(s.kept("k") == "newer");
}

TEST_CASE("loads and waiters are bounded", "[cache_aside]") {
    source s{{.loads_max = 2, .waiters_max = 3}};
    std::vector<std::optional<answer>> told(5);
    s.begin("a", told[0]);
    s.begin("b", told[1]);
    s.begin("c", told[2]);
    s.begin("a", told[3]);
    s.begin("a", told[4]);
    s.here.run_for(1s);
    int overloaded = 0, loaded = 0;
    for (auto const& place : told) {
        overloaded += s.shown(place) == "overloaded";
        loaded += s.shown(place) == "loaded";
    }
    CHECK(loaded == 3);
    CHECK(overloaded == 2);
    CHECK(s.loads == 2);
    CHECK(s.get("c") == "loaded");
}

TEST_CASE("a loader may be short, and the client may be one with a prefix", "[cache_aside]") {
    stage here{{.primaries = 3}};
    umbel::client db = here.client();
    umbel::cache_aside cache{db.prefixed("app:"), {.ttl = 0ms}};
    auto const told = here.run(cache.get("k", []() -> asio::awaitable<std::string> { co_return "v"; }));
    CHECK((told && *told && **told == "v"));
    here.run_for(1s);
    auto const kept = here.run(db.get("app:k")(asio::use_awaitable));
    CHECK((kept && *kept && **kept == "v"));
}

TEST_CASE("loads go on when the cache has gone, and end with the stage", "[cache_aside]") {
    std::optional<source> s{std::in_place};
    std::optional<answer> told;
    s->begin("k", told);
    s->here.run_for(5ms);
    SECTION("the cache is replaced") {
        s->cache = umbel::cache_aside<>{s->db};
        s->here.run_for(1s);
        CHECK(s->shown(told) == "loaded");
    }
    SECTION("everything ends") {
        s.reset();
        CHECK_FALSE(told.has_value());
    }
}
