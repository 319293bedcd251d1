// Tests of net::settings_of: options are checked, copied and brought into the form that each layer wants.
#include <umbel/net/settings.hpp>

#include <catch2/catch_test_macros.hpp>

#include <array>
#include <limits>
#include <list>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using namespace std::chrono_literals;
using umbel::options;
using umbel::net::settings;
using umbel::net::settings_of;

namespace {

options good() {
    options made;
    made.seeds = {"10.0.0.7:7000"};
    return made;
}

/// What settings_of() says of good options changed in one place.
template <class Change>
std::string wrong(Change change) {
    options given = good();
    change(given);
    auto const made = settings_of(given, {}, nullptr);
    if (made) return "nothing";
    CHECK((made.error().code() == umbel::errc::bad_argument));
    CHECK((made.error().delivery() == umbel::delivery::not_sent));
    return std::string{made.error().message()};
}

/// Options as a function makes them whose texts all die when it returns.
options built_from_locals() {
    std::vector<std::string> const seeds{"one.example.with.a.long.name:1", "two.example.with.a.long.name:2"};
    std::string const user = "a user whose name is longer than a short string";
    std::string const secret = "a secret that is longer than a short string";
    std::string const name = "a_client_name_longer_than_a_short_string";
    std::string const zone = "a zone whose name is longer than a short string";
    std::string const other = "another zone, and not a short string either";
    std::string const gate = "gate.example.with.a.long.name:7001";
    return {.seeds = seeds,
            .address_map = {{"10.0.0.7:7000", gate}},
            .username = user,
            .password = secret,
            .client_name = name,
            .availability_zone = zone,
            .zones = {{"10.0.0.7:7000", other}}};
}

bool names(std::string const& message, std::string_view option) {
    return message.find(option) != std::string::npos;
}

/// What options.tls points to, in name only.
struct named_encryption final : umbel::encryption {
    std::string wrong;
    explicit named_encryption(std::string why = {}) : wrong{std::move(why)} {}
    umbel::result<void> check() const override {
        if (wrong.empty()) return {};
        return umbel::fail(umbel::errc::bad_argument, umbel::delivery::not_sent, wrong);
    }
    umbel::result<void> reload() override { return {}; }
    std::unique_ptr<umbel::encrypted_channel> open(std::string_view, std::uint16_t,
                                                   umbel::byte_stream&) noexcept override {
        return {};
    }
};

}  // namespace

TEST_CASE("TLS is spoken where options.tls is set, and where URLs do not say otherwise", "[settings]") {
    options given = good();
    CHECK_FALSE(settings_of(given, {}, nullptr)->engine.tls);
    given.tls = std::make_shared<named_encryption>();
    for (char const* const seed : {"10.0.0.7:7000", "rediss://10.0.0.7:7000", "valkeys://10.0.0.7"}) {
        given.seeds = {seed};
        auto const made = settings_of(given, {}, nullptr);
        REQUIRE(made);
        CHECK(made->engine.tls);
    }
    CHECK(names(wrong([](options& o) { o.seeds = {"rediss://h"}; }),
                "include <umbel/tls.hpp> and set options.tls"));
    CHECK(names(wrong([&](options& o) {
                    o.tls = given.tls;
                    o.seeds = {"redis://h"};
                }),
                "options.tls is set, and the URL of a seed is redis://"));
    CHECK(names(wrong([&](options& o) {
                    o.tls = given.tls;
                    o.seeds = {"unix:/run/redis.sock"};
                }),
                "options.tls: unix:/run/redis.sock is a Unix socket"));
    CHECK(wrong([](options& o) {
              o.tls = std::make_shared<named_encryption>("tls_options.ca_file: gone");
          }) == "tls_options.ca_file: gone");
}

TEST_CASE("the default options with one seed are good", "[settings]") {
    auto const made = settings_of(good(), {}, nullptr);
    REQUIRE(made);
    REQUIRE(made->engine.seeds.size() == 1);
    CHECK(made->engine.seeds[0].host == "10.0.0.7");
    CHECK(made->engine.seeds[0].port == 7000);
    CHECK((made->deadline == 5s));
    CHECK_FALSE(made->engine.observed);
}

TEST_CASE("what to do about commands that may have run reaches links and engine alike", "[settings]") {
    options given = good();
    CHECK((settings_of(given, {}, nullptr)->engine.judging.unknown == umbel::retry_unknown::reads));
    given.retry_unknown = umbel::retry_unknown::never;
    auto const made = settings_of(given, {}, nullptr);
    REQUIRE(made);
    CHECK((made->engine.judging.unknown == umbel::retry_unknown::never));
    CHECK((made->pipeline.judging.unknown == umbel::retry_unknown::never));
}

TEST_CASE("the retry budget and the circuit breakers' bound reach the engine", "[settings]") {
    options given = good();
    given.retry_budget_percent = 20;
    given.retry_budget_floor = 3;
    auto const made = settings_of(given, {}, nullptr);
    REQUIRE(made);
    CHECK(made->engine.budget.percent == 20);
    CHECK(made->engine.budget.floor_per_second == 3);
    CHECK(made->engine.breaker_failures == 5);
}

TEST_CASE("the pauses between connects and between refreshes that failed are two options", "[settings]") {
    options given = good();
    given.reconnect_delay = 1ms;
    given.reconnect_delay_max = 2ms;
    given.refresh_retry_delay = 30ms;
    given.refresh_retry_delay_max = 400ms;
    auto const made = settings_of(given, {}, nullptr);
    REQUIRE(made);
    CHECK((made->engine.reconnect_delay == 1ms));
    CHECK((made->engine.reconnect_delay_max == 2ms));
    CHECK((made->engine.refreshing.delay == 30ms));
    CHECK((made->engine.refreshing.delay_max == 400ms));
    CHECK(names(wrong([](options& o) { o.refresh_retry_delay = 0ms; }), "options.refresh_retry_delay"));
    CHECK(names(wrong([](options& o) { o.refresh_retry_delay = 2s; }), "options.refresh_retry_delay"));
}

TEST_CASE("slow start is for connections that commands share", "[settings]") {
    options given = good();
    auto const usual = settings_of(given, {}, nullptr);
    REQUIRE(usual);
    CHECK(usual->engine.slow_start == 64);
    given.slow_start = 7;
    auto const made = settings_of(given, {}, nullptr);
    REQUIRE(made);
    umbel::engine::client_facts const facts{};
    CHECK(made->pipeline_for({1, umbel::engine::link_mode::primary}, 1, facts).slow_start == 7);
    CHECK(made->pipeline_for({1, umbel::engine::leased_link(0)}, 1, facts).slow_start == 0);
}

TEST_CASE("a silent node is doubted with every handshake", "[settings]") {
    options given = good();
    for (auto const handshake : {umbel::handshake::full, umbel::handshake::minimal}) {
        given.handshake = handshake;
        CHECK((settings_of(given, {}, nullptr)->link.doubt_after == 150ms));
    }
}

TEST_CASE("zones are copied, and an address among them is checked", "[settings]") {
    options given = good();
    given.availability_zone = "north";
    given.zones = {{"10.0.0.7:7000", "north"}, {"[::1]:7001", "south"}};
    auto const made = settings_of(given, {}, nullptr);
    REQUIRE(made);
    CHECK(made->engine.zone == "north");
    REQUIRE(made->engine.zones.size() == 2);
    CHECK(made->engine.zones[1].first.host == "::1");
    CHECK(made->engine.zones[1].second == "south");
    CHECK(names(wrong([](options& o) { o.zones = {{"10.0.0.7:x", "north"}}; }), "options.zones"));
}

TEST_CASE("the address map is copied, and its rows are checked", "[settings]") {
    options given = good();
    given.address_map = {{"10.0.0.7:7000", "127.0.0.1:7001"}};
    given.address_function = [](void*, std::string_view) { return std::string{"gate.example"}; };
    auto const made = settings_of(given, {}, nullptr);
    REQUIRE(made);
    CHECK(made->engine.addresses({"10.0.0.7", 7000}).to_string() == "127.0.0.1:7001");
    CHECK(made->engine.addresses({"10.0.0.8", 7000}).to_string() == "gate.example:7000");
    CHECK(names(wrong([](options& o) { o.address_map = {{"10.0.0.7:7000", "127.0.0.1:x"}}; }),
                "options.address_map"));
}

TEST_CASE("seeds are host, host and port, IPv6 in brackets, or a path; the port defaults to 6379",
          "[settings]") {
    options given = good();
    given.seeds = {"redis.example", "[::1]:7001", "127.0.0.1:1"};
    auto const made = settings_of(given, {}, nullptr);
    REQUIRE(made);
    CHECK(made->engine.seeds[0].host == "redis.example");
    CHECK(made->engine.seeds[0].port == 6379);
    CHECK(made->engine.seeds[1].host == "::1");
    CHECK(made->engine.seeds[1].port == 7001);
    CHECK(made->engine.seeds[2].port == 1);
}

TEST_CASE("a URL among the seeds names several hosts, and sets other options", "[settings]") {
    options given = good();
    given.seeds = {"10.0.0.7:1",
                   "redis://ada:secret@10.0.0.8:2,[::1]:3/4?connect_timeout=3s&one_thread_per_context=on"};
    auto const made = settings_of(given, {}, nullptr);
    REQUIRE(made);
    REQUIRE(made->engine.seeds.size() == 3);
    CHECK(made->engine.seeds[1].to_string() == "10.0.0.8:2");
    CHECK(made->engine.seeds[2].to_string() == "[::1]:3");
    CHECK(made->engine.plan.identity->username == "ada");
    CHECK(made->engine.plan.identity->password == "secret");
    CHECK(made->engine.plan.database == 4);
    CHECK((made->link.connect_timeout == 3s));
    CHECK(made->one_thread_per_context);
    CHECK(names(wrong([](options& o) { o.seeds = {"rediss://h"}; }), "options.tls"));
    CHECK(names(wrong([](options& o) { o.seeds = {"redis-sentinel://h/m", "redis://h"}; }),
                "redis-sentinel://"));
    CHECK(names(wrong([](options& o) { o.seeds = {"redis://a/1", "redis://b/2"}; }), "options.seeds[1]"));
    std::string const alone = wrong([](options& o) { o.seeds = {"redis://secret@h"}; });
    CHECK(names(alone, "options.username without a password; in a URL"));
    CHECK(names(alone, "redis://:password@host"));
    CHECK_FALSE(names(alone, "secret"));
}

TEST_CASE("a seed without a scheme has neither users nor parameters, and is not repeated",
          "[settings][bad]") {
    for (std::string const seed :
         {"host:6379?password=hunter2", "redis:host?password=hunter2", "jdbc:redis://a:hunter2@host",
          "/run/redis.sock?password=hunter2", "unix:/run/redis.sock?password=hunter2", "a:hunter2@host"}) {
        std::string const message = wrong([&](options& o) { o.seeds = {seed}; });
        INFO(message);
        CHECK(names(message, "options.seeds: an @ or a ? without a scheme"));
        CHECK_FALSE(names(message, "hunter2"));
    }
    options given = good();
    given.seeds = {"unix:///run/a%3Fb@c"};
    CHECK(settings_of(given, {}, nullptr)->engine.seeds[0].host == "/run/a?b@c");
}

TEST_CASE("options that a function builds from its own texts and returns stay whole", "[settings]") {
    auto const made = settings_of(built_from_locals(), {}, nullptr);
    REQUIRE(made);
    CHECK(made->engine.seeds[1].host == "two.example.with.a.long.name");
    CHECK(made->engine.plan.identity->username.view() == "a user whose name is longer than a short string");
    CHECK(made->engine.plan.identity->password.view() == "a secret that is longer than a short string");
    CHECK(made->engine.plan.client_name == "a_client_name_longer_than_a_short_string");
    CHECK(made->engine.zone == "a zone whose name is longer than a short string");
    CHECK(made->engine.zones[0].second == "another zone, and not a short string either");
    CHECK(made->engine.addresses({"10.0.0.7", 7000}).to_string() == "gate.example.with.a.long.name:7001");
}

TEST_CASE("seeds are given as one text, as texts in braces, or as any range of texts", "[settings]") {
    std::string const text = "10.0.0.7:1";
    char const* const letters = "10.0.0.8:2";
    std::vector<std::string> const strings{text, letters};
    std::vector<std::string_view> const views{text, letters};
    char const* const array[] = {text.c_str(), letters};
    std::array<std::string, 2> const fixed{text, letters};
    std::list<std::string> list{text, letters};
    for (options const& given : {options{.seeds = text}, options{.seeds = {text}},
                                 options{.seeds = "10.0.0.7:1"}, options{.seeds = {text.c_str()}}}) {
        REQUIRE(given.seeds.size() == 1);
        CHECK(given.seeds[0] == text);
    }
    for (options const& given :
         {options{.seeds = {text, letters}}, options{.seeds = strings}, options{.seeds = {strings}},
          options{.seeds = views}, options{.seeds = std::span{strings}}, options{.seeds = array},
          options{.seeds = fixed}, options{.seeds = list},
          options{.seeds = std::vector<std::string>{text, letters}},
          options{.seeds = std::vector<std::string_view>{text, letters}}}) {
        REQUIRE(given.seeds.size() == 2);
        CHECK(given.seeds[0] == text);
        CHECK(given.seeds[1] == letters);
    }
    options const copied = options{.seeds = strings};
    CHECK(copied.seeds[1] == letters);
    CHECK(options{}.seeds.empty());
    CHECK(options{.seeds = {}}.seeds.empty());
}

TEST_CASE("what is out of range is refused by name", "[settings][bad]") {
    CHECK(names(wrong([](options& o) { o.seeds = {}; }), "seeds"));
    CHECK(names(wrong([](options& o) { o.seeds = {"10.0.0.7:0x10"}; }), "seeds"));
    CHECK(names(wrong([](options& o) { o.seeds = {"10.0.0.7:65536"}; }), "seeds"));
    CHECK(names(wrong([](options& o) { o.deadline = -1ms; }), "deadline"));
    CHECK(names(wrong([](options& o) { o.deadline = 0ms; }), "umbel::no_deadline"));
    CHECK(names(wrong([](options& o) { o.connect_timeout = 0ms; }), "connect_timeout"));
    CHECK(names(wrong([](options& o) { o.connects_max = 0; }), "connects_max"));
    CHECK(names(wrong([](options& o) { o.reconnect_delay = 0ms; }), "reconnect_delay"));
    CHECK(names(wrong([](options& o) { o.reconnect_delay_max = 1ms; }), "reconnect_delay"));
    CHECK(names(wrong([](options& o) { o.retry_delay = -5ms; }), "retry_delay"));
    CHECK(names(wrong([](options& o) { o.refresh_timeout = 0ms; }), "refresh_timeout"));
    CHECK(names(wrong([](options& o) { o.refresh_interval_min = -1ms; }), "refresh_interval_min"));
    CHECK(names(wrong([](options& o) { o.probe_timeout = -1ms; }), "probe_timeout"));
    CHECK(names(wrong([](options& o) { o.large_reply_timeout = -1ms; }), "large_reply_timeout"));
    CHECK(names(wrong([](options& o) { o.maintenance_timeout = -1ms; }), "maintenance_timeout"));
    CHECK(names(wrong([](options& o) { o.maintenance_window_max = -1ms; }), "maintenance_window_max"));
    CHECK(names(wrong([](options& o) { o.in_flight_max = 0; }), "in_flight_max"));
    CHECK(names(wrong([](options& o) { o.waiting_max = 0; }), "waiting_max"));
    CHECK(names(wrong([](options& o) { o.nodes_max = 0; }), "nodes_max"));
    CHECK(names(wrong([](options& o) { o.reply_depth_max = 5000; }), "reply_depth_max"));
    CHECK(names(wrong([](options& o) { o.reply_bytes_max = 1; }), "reply_bytes_max"));
    CHECK(names(wrong([](options& o) { o.client_name = "a\r\nQUIT"; }), "client_name"));
    for (std::string const& name : {std::string{"a b"}, std::string{"a\0b", 3}, std::string{"\xc3\xa4"}})
        CHECK(names(wrong([&](options& o) { o.client_name = name; }), "client_name"));
    CHECK(names(wrong([](options& o) { o.seeds = {"redis://h?client_name=a%00b"}; }),
                "options.seeds[0]: options.client_name"));
    CHECK(names(wrong([](options& o) { o.username = "ada"; }), "username"));
    // From Valkey 9 on a cluster has databases; the server says whether it has this one.
    CHECK(wrong([](options& o) {
              o.database = 3;
              o.deployment = umbel::deployment::cluster;
          }) == "nothing");
    CHECK(wrong([](options&) {}) == "nothing");
}

TEST_CASE("a minimal handshake turns off what a connection says of its own accord", "[settings]") {
    options given = good();
    given.handshake = umbel::handshake::minimal;
    auto const made = settings_of(given, {}, nullptr);
    REQUIRE(made);
    CHECK((made->link.probe_after == umbel::engine::duration{0}));
    CHECK((made->engine.refreshing.interval == umbel::engine::duration{0}));
    auto const full = settings_of(good(), {}, nullptr);
    REQUIRE(full);
    CHECK((full->link.probe_after == 1s));
    CHECK((full->link.large_reply_timeout == 60s));
}

TEST_CASE("notices of maintenance are asked for where RESP3 is spoken and the greeting is full",
          "[settings][maintenance]") {
    using umbel::maintenance_notices;
    auto const asks = [](auto&& set) {
        options given = good();
        set(given);
        auto const made = settings_of(given, {}, nullptr);
        REQUIRE(made);
        CHECK(made->pipeline.maintenance.listens == made->engine.plan.ask_notices);
        return made->engine.plan.ask_notices;
    };
    CHECK(asks([](options&) {}));
    CHECK(asks([](options& o) { o.protocol = umbel::protocol::resp3; }));
    CHECK_FALSE(asks([](options& o) { o.protocol = umbel::protocol::resp2; }));
    CHECK_FALSE(asks([](options& o) { o.handshake = umbel::handshake::minimal; }));
    CHECK_FALSE(asks([](options& o) { o.maintenance_notices = maintenance_notices::off; }));
    CHECK(asks([](options& o) {
        o.maintenance_notices = maintenance_notices::on;
        o.handshake = umbel::handshake::minimal;
        o.protocol = umbel::protocol::resp3;
    }));
    for (auto const spoken : {umbel::protocol::resp2, umbel::protocol::automatic})
        CHECK(names(wrong([&](options& o) {
                        o.maintenance_notices = maintenance_notices::on;
                        o.protocol = spoken;
                        o.handshake = umbel::handshake::minimal;
                    }),
                    "maintenance_notices"));
    auto const made = settings_of(good(), {}, nullptr);
    REQUIRE(made);
    CHECK((made->pipeline.maintenance.usual_timeout == made->deadline));
    CHECK((made->pipeline.maintenance.timeout == 10s));
}

TEST_CASE("times that do not fit the clock are long, never negative", "[settings]") {
    options given = good();
    auto const longest = std::chrono::milliseconds::max();
    for (auto const field : {&options::deadline,
                             &options::connect_timeout,
                             &options::reconnect_delay,
                             &options::reconnect_delay_max,
                             &options::retry_delay,
                             &options::retry_delay_max,
                             &options::refresh_timeout,
                             &options::refresh_retry_delay,
                             &options::refresh_retry_delay_max,
                             &options::refresh_interval,
                             &options::refresh_interval_min,
                             &options::probe_after,
                             &options::probe_timeout,
                             &options::slow_after,
                             &options::doubt_after,
                             &options::lease_idle,
                             &options::lease_slack,
                             &options::unblock_timeout,
                             &options::keepalive_after,
                             &options::keepalive_interval,
                             &options::large_reply_timeout,
                             &options::user_timeout,
                             &options::maintenance_timeout,
                             &options::maintenance_window_max})
        given.*field = longest;
    auto const made = settings_of(given, {}, std::make_shared<umbel::observer>());
    REQUIRE(made);
    CHECK((made->deadline == std::chrono::nanoseconds::max()));
    for (auto const& limits : {made->shared, made->leased}) {
        CHECK((limits.user_timeout > 0ms));
        CHECK((limits.user_timeout.count() <= std::numeric_limits<int>::max()));
    }
    CHECK((made->leased.keepalive_after == 32767s));
    for (auto const time :
         {made->link.connect_timeout, made->link.probe_after, made->link.probe_timeout,
          made->link.large_reply_timeout, made->engine.reconnect_delay_max,
          made->engine.judging.retry_delay_max, made->engine.refresh_timeout,
          made->engine.refreshing.interval, made->engine.refreshing.interval_min,
          made->engine.refreshing.delay, made->engine.refreshing.delay_max, made->pipeline.slow_after}) {
        CHECK((time > std::chrono::hours{24 * 365 * 50}));
        CHECK((time + time > time));
    }
    given.deadline = umbel::no_deadline;
    CHECK((settings_of(given, {}, nullptr)->deadline == std::chrono::nanoseconds::max()));
}

TEST_CASE("every duration but the deadline is brought within reach", "[settings]") {
    for (umbel::engine::url_option const& option : umbel::engine::url_options) {
        if (!option.form().starts_with("a duration") || option.name == "deadline") continue;
        INFO(option.name << " is missing in within_reach()");
        options given;
        REQUIRE(option.read("9223372036854775807", given));
        CHECK_FALSE(option.same(umbel::engine::within_reach(given), given));
    }
}

TEST_CASE("a lease is not probed, for its silence is no sign, and its number is bounded", "[settings]") {
    auto const made = settings_of(good(), {}, nullptr);
    REQUIRE(made);
    auto const lease = made->link_for({3, umbel::engine::leased_link(0)}, {});
    auto const shared = made->link_for({3, umbel::engine::link_mode::primary}, {});
    CHECK((lease.probe_after == 0ms));
    CHECK((lease.doubt_after == 0ms));
    CHECK((shared.probe_after > 0ms));
    CHECK((lease.unblock_timeout == 1s));
    // The kernel asks instead; and gives up when the last probe has had its time.
    CHECK(made->shared.keepalive_probes == 0);
    CHECK((made->shared.user_timeout == 3s));
    CHECK((made->leased.keepalive_after == 15s));
    CHECK((made->leased.keepalive_interval == 5s));
    CHECK(made->leased.keepalive_probes == 3);
    CHECK((made->leased.user_timeout == 30s));
    options unasked = good();
    unasked.keepalive_after = 0ms;
    auto const as_the_system = settings_of(unasked, {}, nullptr);
    REQUIRE(as_the_system);
    CHECK(as_the_system->leased.keepalive_probes == 0);
    CHECK((as_the_system->leased.user_timeout == 3s));
    CHECK(names(wrong([](options& given) { given.keepalive_after = -1ms; }), "keepalive_after"));
    CHECK(names(wrong([](options& given) { given.user_timeout = -1ms; }), "user_timeout"));
    CHECK(names(wrong([](options& given) { given.keepalive_interval = 0ms; }), "keepalive_interval"));
    CHECK(names(wrong([](options& given) { given.keepalive_probes = 128; }), "keepalive_probes"));
    for (std::uint32_t const most : {0u, 255u}) {
        options given = good();
        given.leases_max = most;
        auto const refused = settings_of(given, {}, nullptr);
        REQUIRE_FALSE(refused);
        CHECK(refused.error().message().find("leases_max") != std::string_view::npos);
    }
}

TEST_CASE("two clients do not throw the same dice", "[settings]") {
    auto const one = settings_of(good(), {}, nullptr);
    auto const two = settings_of(good(), {}, nullptr);
    REQUIRE((one && two));
    CHECK(one->engine.seed != two->engine.seed);
}

TEST_CASE("connections that commands share are probed by the kernel where PING is off, or it is wanted",
          "[settings]") {
    options given = good();
    given.user_timeout = 40s;
    auto const usual = settings_of(given, {}, nullptr);
    REQUIRE(usual);
    CHECK(usual->shared.keepalive_probes == 0);
    CHECK((usual->shared.user_timeout == 40s));
    CHECK((usual->leased.user_timeout == 40s));
    given.user_timeout = 0ms;
    SECTION("it is wanted") { given.keepalive_shared = true; }
    SECTION("the handshake is minimal") { given.handshake = umbel::handshake::minimal; }
    SECTION("no silence is probed") { given.probe_after = 0ms; }
    auto const probed = settings_of(given, {}, nullptr);
    REQUIRE(probed);
    CHECK((probed->shared.keepalive_after == 15s));
    CHECK((probed->shared.keepalive_interval == 5s));
    CHECK(probed->shared.keepalive_probes == 3);
    CHECK((probed->shared.user_timeout == 30s));
}

TEST_CASE("sentinels have a port, credentials and TLS of their own", "[settings]") {
    options chosen = good();
    chosen.sentinel_primary = "mymaster";
    chosen.seeds = {"10.1.0.1", "10.1.0.2:5000"};
    chosen.password = "of-servers";
    auto const made = settings_of(chosen, {}, nullptr);
    REQUIRE(made);
    CHECK((made->engine.seeds[0].port == 26379));
    CHECK((made->engine.seeds[1].port == 5000));
    CHECK(made->engine.sentinels.primary_name == "mymaster");
    CHECK((made->engine.sentinels.plan.identity == nullptr));
    CHECK(made->engine.plan.identity->password == "of-servers");
    auto const by_url =
        settings_of({.seeds = {"redis-sentinel://:p@h1,h2/3?sentinel_password=s#m"}}, {}, nullptr);
    REQUIRE(by_url);
    CHECK((by_url->engine.seeds.size() == 2));
    CHECK(by_url->engine.plan.identity->password == "p");
    CHECK(by_url->engine.sentinels.plan.identity->password == "s");
    CHECK((by_url->engine.plan.database == 3));
    CHECK((by_url->engine.sentinels.plan.database == 0));
}

TEST_CASE("what sentinels have to do with is refused where there are none, or something contradicts them",
          "[settings]") {
    CHECK(names(wrong([](options& o) { o.sentinel_password = "p"; }), "options.sentinel_primary"));
    CHECK(names(wrong([](options& o) { o.sentinel_plain = true; }), "options.sentinel_primary"));
    CHECK(names(wrong([](options& o) { o.sentinel_primary = "m", o.sentinel_username = "u"; }),
                "options.sentinel_password"));
    CHECK(
        names(wrong([](options& o) { o.sentinel_primary = "m", o.deployment = umbel::deployment::cluster; }),
              "options.sentinel_primary"));
    CHECK(names(wrong([](options& o) {
                    o.sentinel_primary = "m", o.topology_source = umbel::topology_source::slots;
                }),
                "options.sentinel_primary"));
    CHECK(names(wrong([](options& o) { o.sentinel_primary = "m", o.seeds = {"redis://h"}; }),
                "redis-sentinel://"));
    CHECK(names(wrong([](options& o) { o.seeds = {"rediss-sentinel://h#m"}; }), "options.tls"));
}
