// The elements of one key, page by page: on a real cluster, also while its slot moves and its primary is
// replaced. And the elements of one reply, one by one, in bounded memory.
#include "support/session.hpp"

#include "support/address_limit.hpp"
#include "support/peak_memory.hpp"

#include <umbel/client/element_scan.hpp>
#include <umbel/client/for_each.hpp>

#include <set>
#include <string>
#include <utility>
#include <vector>

using namespace umbel;
using namespace umbel::test;

namespace {

std::string element(int number) { return "element:" + std::to_string(number); }

void write_set(session& s, std::string const& key, int count) {
    for (int at = 0; at < count; at += 500) {
        std::vector<std::string> some;
        for (int next = at; next < at + 500 && next < count; ++next) some.push_back(element(next));
        REQUIRE(s(s.db().sadd(key, some)));
    }
}

/// Names of all elements of a scan; `between(page)` runs behind each page.
template <class Scan, class Between>
std::set<std::string> names_of(session& s, Scan const& scan, Between between) {
    std::set<std::string> seen;
    unsigned number = 0;
    while (auto page = s(scan.next())) {
        CHECK_FALSE(page->empty());
        for (auto const& item : *page) {
            if constexpr (requires { item.first; })
                seen.insert(item.first);
            else
                seen.insert(item);
        }
        between(++number);
    }
    INFO((scan.failure() ? scan.failure()->to_string() : ""));
    CHECK(scan.done());
    return seen;
}
auto const no_pause = [](unsigned) {};

int missing(std::set<std::string> const& seen, int count) {
    int lost = 0;
    for (int at = 0; at < count; ++at) lost += seen.contains(element(at)) ? 0 : 1;
    return lost;
}

}  // namespace

TEST_CASE("hashes, sets and sorted sets are scanned, by pattern, and from a text", "[elements][scan]") {
    session s{real_cluster::shared().address("n1")};
    client& db = s.db();
    std::vector<std::pair<std::string, double>> scores;
    std::vector<std::pair<std::string, int>> fields;
    for (int at = 0; at < 600; ++at) {
        scores.emplace_back(element(at), at);
        fields.emplace_back(element(at), at);
    }
    for (char const* const key : {"elements:h", "elements:z", "elements:s", "elements:small"})
        REQUIRE(s(db.unlink(key)));
    REQUIRE(s(db.zadd("elements:z", scores)));
    REQUIRE(s(db.hset("elements:h", fields)));
    write_set(s, "elements:s", 600);
    REQUIRE(s(db.hset("elements:small", "f", 1, "g", 2)));

    CHECK(missing(names_of(s, db.scan_hash("elements:h", {.count = 50}), no_pause), 600) == 0);
    CHECK(missing(names_of(s, db.scan_sorted_set("elements:z", {.count = 50}), no_pause), 600) == 0);
    CHECK(missing(names_of(s, db.prefixed("elements:").scan_set("s", {.count = 50}), no_pause), 600) == 0);
    CHECK(names_of(s, db.scan_set("elements:s", {.match = "*:11?", .count = 50}), no_pause).size() == 10);
    CHECK(names_of(s, db.scan_set("elements:none"), no_pause).empty());
    auto const small = db.scan_hash<int>("elements:small", {.count = 1});
    CHECK(s(small.next()) == std::vector<std::pair<std::string, int>>{{"f", 1}, {"g", 2}});
    CHECK(small.done());
    CHECK(s(db.scan_set("elements:h").next()).error() == errc::wrong_type);
    // Redis before 7.4 does not know NOVALUES.
    auto const names = db.scan_hash_fields("elements:h", {.count = 50});
    if (auto const first = s(names.next()))
        CHECK(missing(names_of(s, db.scan_hash_fields("elements:h"), no_pause), 600) == 0);
    else
        CHECK(first.error().origin() == origin::server);

    std::set<std::string> seen;
    std::string text;
    for (bool done = false; !done;) {
        session fresh{real_cluster::shared().address("n2")};
        auto const scan = fresh.db().scan_set("elements:s", {.count = 100, .resume = text});
        if (auto const page = fresh(scan.next())) seen.insert(page->begin(), page->end());
        text = scan.cursor();
        done = scan.done();
    }
    CHECK(missing(seen, 600) == 0);
}

TEST_CASE("no element that lasts is missed while its slot moves and its primary is replaced",
          "[elements][scan][installed]") {
    real_cluster servers{{.primaries = 3, .replicas = 1}};
    session s{servers.address("n1")};
    constexpr int count = 3000;
    std::string const key = "elements:lasting";
    std::uint16_t const slot = cluster::slot_of(key).value();
    write_set(s, key, count);
    servers.settle_replication();
    unsigned moves = 0;
    auto const disturb = [&](unsigned page) {
        if (page % 4 != 0 || moves >= 8) return;
        ++moves;
        if (moves == 3) {
            servers.fail_over_to(servers.shard_of(slot, "n1").at(1));
            REQUIRE(eventually([&] { return servers.is_whole(); }));
            return;
        }
        auto const from = servers.shard_of(slot, "n1").at(0);
        auto const all = servers.now("primary");
        auto const to = all[0].port == from.port ? all[1] : all[0];
        servers.move_slot(slot, from, to);
    };
    auto const scan = s.db().scan_set(key, {.count = 100});
    CHECK(missing(names_of(s, scan, disturb), count) == 0);
    CHECK(moves == 8);
    CHECK(scan.restarts() >= 7);
}

TEST_CASE("a hash of 300,000 fields is read one by one, in the memory of a few",
          "[elements][for_each][installed]") {
    session s{real_cluster::shared().address("n1")};
    client const& db = s.db();
    constexpr std::uint64_t count = 300'000;
    constexpr std::size_t allowed = std::size_t{8} << 20;  // The reply has some 40 MB.
    REQUIRE(s(db.unlink("elements:large")));
    for (std::uint64_t at = 0; at < count; at += 10'000)
        REQUIRE(
            s(db.eval<std::int64_t>("for i = ARGV[1], ARGV[1] + 9999 do "
                                    "redis.call('HSET', KEYS[1], 'field:' .. i, string.rep('v', 100)) end "
                                    "return redis.call('HLEN', KEYS[1])",
                                    umbel::key{"elements:large"}, at)));
    std::uint64_t bytes = 0;
    bool const counted = forget_peak() && memory_is_plain;
    std::size_t const before = resident_bytes();
    auto const patient = db.with(no_deadline);
    auto const told = s(patient.for_each(
        cmd.hgetall("elements:large"),
        [&bytes](std::string_view field, std::string_view value) { bytes += field.size() + value.size(); }));
    std::size_t const peak = peak_bytes();
    CHECK(told == elements_given{count, true});
    CHECK(bytes > count * 106);
    INFO("resident before " << before << ", at most " << peak);
    if (counted) CHECK(peak <= before + allowed);

    std::uint64_t seen = 0;
    CHECK(s(patient.for_each(cmd.hkeys("elements:large"), [&seen](std::string_view) {
              return ++seen < 1000;
          })) == elements_given{1000, false});
    // The rest is dropped, and the connection is in step.
    CHECK(s(db.hlen("elements:large")) == static_cast<std::int64_t>(count));
    CHECK(s(db.hget("elements:large", "field:7")) == std::string(100, 'v'));
    REQUIRE(s(db.unlink("elements:large")));
}

TEST_CASE("replies of many shapes come element by element, in RESP2 and RESP3", "[elements][for_each]") {
    for (auto const wire : {protocol::resp2, protocol::resp3}) {
        session s{options{.seeds = {real_cluster::shared().address("n1")}, .protocol = wire}};
        client& db = s.db();
        REQUIRE(s(db.unlink("elements:z")));
        REQUIRE(s(db.zadd("elements:z", std::vector<std::pair<std::string, double>>{{"a", 1}, {"b", 2.5}})));
        double sum = 0;
        std::string members;
        CHECK(s(db.for_each(cmd.zrange_with_scores("elements:z", 0, -1),
                            [&](std::string_view member, double score) {
                                members += member, sum += score;
                            })) == elements_given{2, true});
        CHECK(members == "ab");
        CHECK(sum == 3.5);
        CHECK(s(db.for_each(cmd.hgetall("elements:z"), [](std::string_view, std::string_view) {})).error() ==
              errc::wrong_type);
        CHECK(s(db.for_each(cmd.hgetall("elements:none"), [](std::string_view, std::string_view) {})) ==
              elements_given{0, true});
    }
}
