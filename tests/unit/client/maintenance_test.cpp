// A client and managed servers on real sockets: a planned hand-over under load, and servers that know no
// notices, or want to know nothing of them.
#include "at_home.hpp"
#include "support/notices.hpp"

#include <asio/post.hpp>

#include <list>
#include <map>
#include <memory>
#include <string>

namespace says = umbel::test::notices;
using namespace std::chrono_literals;

namespace {

/// Counters behind one address or another: what managed servers have behind their proxies.
struct shared_counters {
    std::map<std::string, long long> values;

    std::optional<scripted::answer> operator()(scripted::words const& said) {
        if (said[0] == "HELLO") return "%2\r\n+server\r\n+redis\r\n+mode\r\n+standalone\r\n";
        if (said[0] == "CLIENT") return scripted::ok;
        if (said[0] == "INCR") return scripted::integer(++values[said[1]]);
        return std::nullopt;
    }
};

/// Two addresses of one managed database, and a client that knows the first.
struct managed_pair {
    asio::io_context io{1};
    std::shared_ptr<shared_counters> counters = std::make_shared<shared_counters>();
    scripted::server old_one{io, [c = counters](scripted::words const& said) { return (*c)(said); }};
    scripted::server new_one{io, [c = counters](scripted::words const& said) { return (*c)(said); }};
    std::optional<umbel::client> db;

    explicit managed_pair(umbel::maintenance_notices asks) {
        umbel::options chosen;
        chosen.seeds = {old_one.address()};
        chosen.maintenance_notices = asks;
        chosen.deadline = 20s;
        db.emplace(io.get_executor(), chosen);
        REQUIRE(at_home::shown(at_home::wait(io, db->incr("ready"))) == "1");
    }
    template <class Done>
    bool until(Done&& done) {
        return at_home::until(io, std::forward<Done>(done));
    }
};

/// Somebody who increments a key of his own, again and again.
struct incrementer {
    umbel::client& db;
    std::string key;
    long long told = 0;  ///< The latest value.
    unsigned failed = 0;
    unsigned wrong = 0;  ///< Values that are not one more than the one before.
    bool stops = false;
    bool done = false;

    void go_on() {
        db.incr(key)([this](umbel::result<std::int64_t> value) {
            if (!value)
                ++failed;
            else if (*value != ++told)
                ++wrong, told = *value;
            stops ? void(done = true) : go_on();
        });
    }
};
struct crowd {
    std::list<incrementer> all;

    crowd(umbel::client& db, int count) {
        for (int i = 0; i < count; ++i) all.push_back({db, "k" + std::to_string(i)});
        for (incrementer& next : all) next.go_on();
    }
    void stop() {
        for (incrementer& next : all) next.stops = true;
    }
    bool done() const {
        return std::all_of(all.begin(), all.end(), [](auto const& next) { return next.done; });
    }
    long long least() const {
        long long count = all.front().told;
        for (incrementer const& next : all) count = std::min(count, next.told);
        return count;
    }
    unsigned failed() const {
        unsigned count = 0;
        for (incrementer const& next : all) count += next.failed;
        return count;
    }
    unsigned wrong() const {
        unsigned count = 0;
        for (incrementer const& next : all) count += next.wrong;
        return count;
    }
};

}  // namespace

TEST_CASE("under load a client follows MOVING to another port before the cut: no error, nothing sent twice",
          "[maintenance]") {
    managed_pair there{umbel::maintenance_notices::automatic};
    CHECK(there.old_one.seen().back()[0] == "INCR");
    crowd users{*there.db, 50};
    REQUIRE(there.until([&] { return users.least() > 20; }));
    there.old_one.push(says::moving(1, 5, there.new_one.address()));
    REQUIRE(there.until([&] { return there.new_one.count("INCR") > 500; }));
    there.old_one.cut();
    std::size_t const before = there.new_one.count("INCR");
    REQUIRE(there.until([&] { return there.new_one.count("INCR") > before + 1000; }));
    users.stop();
    REQUIRE(there.until([&] { return users.done(); }));
    CHECK(users.failed() == 0);
    CHECK(users.wrong() == 0);
    CHECK(there.old_one.accepted() == 1);
    CHECK(there.new_one.accepted() == 1);
    // What was executed is what was told: nothing twice, nothing unasked.
    long long told = 1;
    for (incrementer const& next : users.all) told += next.told;
    long long executed = 0;
    for (auto const& [key, value] : there.counters->values) executed += value;
    CHECK(executed == told);
    auto const counted = at_home::wait(there.io, there.db->statistics());
    REQUIRE(counted);
    CHECK(counted->hand_overs == 1);
    CHECK(counted->notices == 1);
    CHECK(counted->retried == 0);
}

TEST_CASE("the same cut is an error where nobody has asked for notices", "[maintenance]") {
    managed_pair there{umbel::maintenance_notices::off};
    crowd users{*there.db, 50};
    REQUIRE(there.until([&] { return users.least() > 20; }));
    there.old_one.push(says::moving(1, 5, there.new_one.address()));
    there.old_one.cut();
    REQUIRE(there.until([&] { return there.old_one.accepted() > 1; }));
    users.stop();
    REQUIRE(there.until([&] { return users.done(); }));
    CHECK(users.failed() != 0);
    CHECK(there.new_one.accepted() == 0);
}

TEST_CASE("notices come between any replies while commands fly, and nobody notices", "[maintenance]") {
    managed_pair there{umbel::maintenance_notices::automatic};
    crowd users{*there.db, 20};
    long long number = 0;
    for (int round = 0; round < 200; ++round) {
        REQUIRE(there.until(
            [&, from = there.old_one.count("INCR")] { return there.old_one.count("INCR") > from + 5; }));
        there.old_one.push(says::failing_over(number + 1, 1) + says::push("MOVING", {}) +
                           says::failed_over(number + 2) + says::migrating(number + 3, 3600));
        number += 3;
    }
    users.stop();
    REQUIRE(there.until([&] { return users.done(); }));
    CHECK(users.failed() + users.wrong() == 0);
    CHECK(there.old_one.accepted() == 1);
    auto const counted = at_home::wait(there.io, there.db->statistics());
    REQUIRE(counted);
    CHECK(counted->notices == 600);
    CHECK(counted->notices_ignored == 200);
}

TEST_CASE("a server that refuses notices, or closes the connection for them, is served all the same",
          "[maintenance]") {
    for (bool const closes : {false, true}) {
        asio::io_context io{1};
        auto const counters = std::make_shared<shared_counters>();
        scripted::server server{io, [=](scripted::words const& said) -> std::optional<scripted::answer> {
                                    bool const asked = said.size() > 1 && said[1] == "MAINT_NOTIFICATIONS";
                                    if (asked && closes) return scripted::answer::cut();
                                    if (asked) return "-ERR unknown subcommand 'MAINT_NOTIFICATIONS'\r\n";
                                    return (*counters)(said);
                                }};
        umbel::options chosen;
        chosen.seeds = {server.address()};
        umbel::client db{io.get_executor(), chosen};
        CHECK(at_home::shown(at_home::wait(io, db.incr("k"))) == "1");
        CHECK(server.accepted() == (closes ? 2 : 1));
        if (!closes) continue;
        // It is asked once more after that, and then no more.
        for (std::size_t lost = 1; lost <= 3; ++lost) {
            std::size_t const before = server.accepted();
            server.cut();
            REQUIRE(at_home::until(io, [&] { return server.accepted() > before; }));
            REQUIRE(at_home::until(io, [&] { return at_home::wait(io, db.get("k")).has_value(); }));
            at_home::settle(io);
            CHECK(server.accepted() == before + (lost == 1 ? 2 : 1));
        }
    }
}
