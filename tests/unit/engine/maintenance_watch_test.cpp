#include <umbel/engine/maintenance_watch.hpp>

#include "support/notices.hpp"
#include "support/wired_link.hpp"

#include <catch2/catch_test_macros.hpp>

#include <string>

using namespace umbel;
using namespace umbel::test;
namespace says = umbel::test::notices;
using engine::duration;
using engine::instant;

namespace {

engine::maintenance_options listening() {
    return {.listens = true, .timeout = 10s, .usual_timeout = 5s, .window_max = 60s};
}
/// A watch that hears pushes, at a time that the test sets.
struct listener {
    explicit listener(engine::maintenance_options const& options = listening())
        : watch{options}, reader{nullptr, {}} {}

    std::size_t hear(std::string const& bytes) {
        std::span<char> const room = reader.space();
        std::copy(bytes.begin(), bytes.end(), room.begin());
        reader.commit(bytes.size());
        resp::view push;
        while (!reader.at_boundary()) {
            REQUIRE(reader.next(push) == resp::reader::status::ready);
            watch.take(push, counters);
        }
        return watch.take_notices(now).size();
    }
    duration patience() const { return std::max(watch.relaxed_until() - now, duration{0}); }
    /// So much longer a command may take whose deadline of `timeout` passes now.
    duration more_for(duration timeout, bool blocks = false) const {
        engine::call late;
        late.timeout = timeout;
        late.form.blocks = blocks;
        late.begin(now - timeout);
        return watch.patience_for(late, now) - now;
    }

    engine::maintenance_watch watch;
    resp::reader reader;
    engine::pipeline_counters counters;
    instant now{1000s};
};

}  // namespace

TEST_CASE("patience lasts until the end is announced, or for twice the time, or for the longest time",
          "[maintenance]") {
    listener server;
    CHECK((server.patience() == 0s));
    CHECK(server.hear(says::migrating(1, 10)) == 1);
    CHECK((server.patience() == 20s));
    server.now += 5s;
    CHECK(server.hear(says::migrated(1)) == 1);
    CHECK((server.patience() == 0s));
    server.hear(says::failing_over(2, 3600));
    CHECK((server.patience() == 60s));
    server.hear(says::migrated(2));  // Another kind's end.
    CHECK((server.patience() == 60s));
    server.hear(says::failed_over(3));
    CHECK((server.patience() == 0s));
    server.hear(says::slots_migrating(4, "1-5"));
    CHECK((server.patience() == 60s));
    server.hear(says::slots_migrated(5, "a:1", "b:2", "1-5"));
    CHECK((server.patience() == 0s));
    server.hear(says::moving(6, 7, ""));
    CHECK((server.patience() == 14s));
}

TEST_CASE("a notice that is told twice, or comes late, gives no more time and takes none", "[maintenance]") {
    listener server;
    server.hear(says::migrating(5, 10));
    server.now += 8s;
    server.hear(says::migrating(5, 10));
    server.hear(says::migrating(4, 30));
    CHECK((server.patience() == 12s));
    server.hear(says::migrated(4));
    CHECK((server.patience() == 12s));
    server.hear(says::migrated(6));
    CHECK((server.patience() == 0s));
    server.watch.reset();  // Another connection begins anew.
    server.hear(says::migrating(1, 10));
    CHECK((server.patience() == 20s));
}

TEST_CASE("a command gets more time where its caller has chosen none", "[maintenance]") {
    listener server;
    CHECK((server.more_for(5s) == 0s));
    server.hear(says::failing_over(1, 10));
    CHECK((server.more_for(5s) == 5s));
    CHECK((server.more_for(4s) == 0s));
    CHECK((server.more_for(5s + 1ns) == 0s));
    CHECK((server.more_for(5s, true) == 0s));
    engine::call own;
    own.timeout = 5s;
    own.issued_by = engine::issuer::engine;
    own.begin(server.now - 5s);
    CHECK((server.watch.patience_for(own, server.now) == server.now));
    engine::maintenance_options short_one = listening();
    short_one.timeout = 2s;  // Never less than what it had.
    listener other{short_one};
    other.hear(says::failing_over(1, 10));
    CHECK((other.more_for(5s) == 0s));
    CHECK((other.patience() == 20s));
}

TEST_CASE("who asks for no notices hears none, and zero means no patience", "[maintenance]") {
    engine::maintenance_options deaf = listening();
    deaf.listens = false;
    listener ignores{deaf};
    CHECK(ignores.hear(says::moving(1, 10, "")) == 0);
    CHECK((ignores.patience() == 0s));
    CHECK(ignores.counters.notices == 0);
    engine::maintenance_options strict = listening();
    strict.timeout = 0s;
    listener hears{strict};
    CHECK(hears.hear(says::moving(1, 10, "")) == 1);
    CHECK((hears.patience() == 0s));
    CHECK((hears.more_for(5s) == 0s));
}

TEST_CASE("malformed notices, and more than are kept, are counted and do nothing", "[maintenance]") {
    listener server;
    CHECK(server.hear(says::push("MOVING", {}) + says::push("message", {says::text("x")})) == 0);
    CHECK(server.counters.notices_ignored == 1);
    std::string many;
    for (int i = 0; i < 100; ++i) many += says::migrated(i);
    CHECK(server.hear(many) == engine::maintenance_watch::notices_max);
    CHECK(server.counters.notices == engine::maintenance_watch::notices_max);
    CHECK(server.counters.notices_ignored == 1 + 100 - engine::maintenance_watch::notices_max);
}
