// The connection is cut at every byte of a command and of its reply in turn, by a proxy between client and
// node: what the caller is told agrees with what the server has done. A client that repeats what it does not
// know about is convicted.
#include "integration/support/cutter.hpp"

using namespace umbel;
using namespace umbel::test;

namespace {

/// Repeats everything that was lost with its connection, whether it ran or not.
struct reckless {
    cluster::verdict operator()(cluster::attempt const& seen) const noexcept {
        if (seen.fault == errc::connection_lost && seen.retries < 8)
            return cluster::verdict::after_refresh(seen.delay);
        return cluster::follow_redirects{}(seen);
    }
};

constexpr std::array sides{ambush::side::request, ambush::side::reply};
constexpr std::array manners{ambush::manner::reset, ambush::manner::end};

}  // namespace

TEST_CASE(
    "cut at every byte of request and reply: the count is between acknowledged and acknowledged plus unknown",
    "[drill]") {
    cutter c{"cut"};
    std::map<std::string, int> outcomes;
    auto const sprung = c.proxies.at(c.node).sprung();
    std::uint64_t laid = 0;
    for (int round = 0; round < short_or_long(1, 10); ++round) {
        for (std::uint32_t const key : {c.counter, c.list}) {
            for (auto const how : manners) {
                for (std::size_t at = 0; at <= c.size(key); ++at, ++laid) {
                    auto const told =
                        c.cut(key, 0, 0, {.where = ambush::side::request, .at = at, .how = how});
                    ++outcomes["request cut: " + told];
                    CHECK(told != "acknowledged");
                }
                for (std::size_t at = 0; at <= 4; ++at, ++laid)
                    ++outcomes["reply cut: " +
                               c.cut(key, 0, 0, {.where = ambush::side::reply, .at = at, .how = how})];
            }
        }
    }
    // Behind a reply that came whole the next command may meet the very cut that was meant for the one
    // before.
    auto const whole = static_cast<std::uint64_t>(outcomes["reply cut: acknowledged"]);
    CHECK(c.proxies.at(c.node).sprung() - sprung + whole >= laid);
    auto const found = c.reckon();
    figure("delivery: %llu cuts: %s", static_cast<unsigned long long>(laid), found.to_string().c_str());
    for (auto const& [what, times] : outcomes) figure("delivery: %d %s", times, what.c_str());
    INFO(found.to_string());
    CHECK(found.clean());
    CHECK(found.forgiven == 0);
    CHECK(found.unknown > 0);
}

TEST_CASE(
    "cut in the midst of commands that share a write: those ahead and those behind are told the truth, too",
    "[drill]") {
    cutter c{"shared"};
    for (int round = 0; round < short_or_long(1, 10); ++round) {
        for (std::uint32_t const key : {c.counter, c.list}) {
            for (auto const where : sides) {
                for (auto const how : manners) {
                    std::size_t const last = where == ambush::side::request ? c.size(key) : 20;
                    for (std::size_t at = 0; at <= last; at += short_or_long(3u, 1u))
                        c.cut(key, 3, 3, {.where = where, .at = at, .how = how});
                }
            }
        }
    }
    auto const found = c.reckon();
    figure("delivery in company: %s", found.to_string().c_str());
    INFO(found.to_string());
    CHECK(found.clean());
    CHECK(found.forgiven == 0);
    CHECK(found.unknown > 0);
}

TEST_CASE("what may have run is sent again as the user has said: never, reads, what is idempotent, or always",
          "[drill]") {
    auto& proxies = proxied_cluster::shared();
    auto& servers = real_cluster::shared();
    auto const node = servers.owner_of(700);
    std::string const seed = proxies.address(node);
    for (auto const chosen :
         {retry_unknown::never, retry_unknown::reads, retry_unknown::idempotent, retry_unknown::always}) {
        std::string const key =
            real_cluster::key_in(700) + ":unknown:" + std::to_string(static_cast<int>(chosen));
        auto told_by = cutter::quiet(seed);
        told_by.retry_unknown = chosen;
        session s{told_by};
        s.warm_up();
        CAPTURE(key);
        // The command arrives and runs; its reply is lost with the connection.
        proxies.lay(node, {.command = on_the_wire({"INCR", key}), .where = ambush::side::reply});
        auto const written = s(s.db().incr(key));
        auto const ran = servers.talk(node).must({"GET", key}).number();
        if (chosen == retry_unknown::always) {
            CHECK(written == 2);
            CHECK(ran == 2);
        } else {
            REQUIRE_FALSE(written);
            CHECK(written.error() == errc::connection_lost);
            CHECK(written.error().delivery() == delivery::unknown);
            CHECK(ran == 1);
        }
        proxies.lay(node, {.command = on_the_wire({"GET", key}), .where = ambush::side::reply});
        auto const read = s(s.db().get(key));
        if (chosen == retry_unknown::never) {
            REQUIRE_FALSE(read);
            CHECK(read.error() == errc::connection_lost);
            CHECK(read.error().delivery() == delivery::unknown);
        } else {
            CHECK(read == std::to_string(ran));
        }
        proxies.lay(node, {.command = on_the_wire({"SET", key, "9"}), .where = ambush::side::reply});
        auto const set = s(s.db().set(key, "9"));
        if (chosen == retry_unknown::idempotent || chosen == retry_unknown::always) {
            CHECK(set);
        } else {
            REQUIRE_FALSE(set);
            CHECK(set.error().delivery() == delivery::unknown);
        }
        // What has surely not run is sent again in any case: the node refuses to let it in, twice, and then
        // does not.
        proxies.lay(node, {.command = on_the_wire({"INCR", key}), .where = ambush::side::request, .at = 0});
        auto const again = s(s.db().incr(key));
        if (again)
            CHECK(again == 10);
        else
            CHECK(again.error().delivery() == delivery::unknown);
    }
}

TEST_CASE("a client that repeats what may have run is convicted", "[drill]") {
    cutter c{"reckless", reckless{}};
    for (std::uint32_t const key : {c.counter, c.list})
        for (std::size_t at = 0; at < 3; ++at)
            CHECK(c.cut(key, 0, 0, {.where = ambush::side::reply, .at = at}) == "acknowledged");
    auto const found = c.reckon();
    INFO(found.to_string());
    CHECK(found[guilt::doubled] >= 4);
    CHECK(found[guilt::lost] == 0);
}
