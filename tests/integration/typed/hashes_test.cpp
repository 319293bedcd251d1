// What the typed hash commands give on a real server, in RESP2 and in RESP3.
#include "../support/typed.hpp"

#include <algorithm>
#include <map>
#include <unordered_map>

using namespace umbel;
using namespace umbel::test;

namespace {

using texts = std::vector<std::string>;
using maybe_texts = std::vector<std::optional<std::string>>;
using pairs = std::vector<std::pair<std::string, std::string>>;

template <class List>
List sorted(List list) {
    std::sort(list.begin(), list.end());
    return list;
}

unix_time in_an_hour() {
    return std::chrono::time_point_cast<std::chrono::milliseconds>(std::chrono::system_clock::now()) + 1h;
}

}  // namespace

TEST_CASE("hash fields are written, read and counted", "[typed][hashes]") {
    typed_session s;
    auto& db = s.db();
    CHECK(s(db.hset("h", "a", "1", "b", 2)) == 2);
    CHECK(s(db.hset("h", std::map<std::string, double>{{"b", 2.5}, {"c", 3}})) == 1);
    CHECK(s(db.hsetnx("h", "a", "9")) == false);
    CHECK(s(db.hsetnx("h", "d", "4")) == true);
    CHECK(s(db.hget("h", "b")) == "2.5");
    CHECK(s(db.hget<int>("h", "a")) == 1);
    CHECK(s(db.hget("h", "none")) == std::nullopt);
    CHECK(s(db.hget("none", "a")) == std::nullopt);
    CHECK(s(db.hmget("h", "a", "none", "c")) == maybe_texts{"1", std::nullopt, "3"});
    CHECK(s(db.hmget<int>("h", texts{"d", "a"})) == std::vector<std::optional<int>>{4, 1});
    using map = std::unordered_map<std::string, std::string>;
    CHECK(s(db.hgetall("h")) == map{{"a", "1"}, {"b", "2.5"}, {"c", "3"}, {"d", "4"}});
    CHECK(s(db.hgetall("none")) == map{});
    CHECK(s(db.hgetall<std::optional<map>>("none")) == std::nullopt);
    CHECK(sorted(s(db.hkeys("h")).value()) == texts{"a", "b", "c", "d"});
    CHECK(sorted(s(db.hvals<double>("h")).value()) == std::vector<double>{1, 2.5, 3, 4});
    CHECK(s(db.hexists("h", "a")) == true);
    CHECK(s(db.hexists("h", "none")) == false);
    CHECK(s(db.hlen("h")) == 4);
    CHECK(s(db.hstrlen("h", "b")) == 3);
    CHECK(s(db.hincrby("h", "a", -5)) == -4);
    CHECK(s(db.hincrbyfloat("h", "b", 0.25)) == 2.75);
    CHECK(s(db.hincrby("h", "b", 1)).error() == errc::server_error);
    CHECK(s(db.hdel("h", "a", "none")) == 1);
    CHECK(s(db.hdel("h", texts{"b", "c", "d"})) == 3);
    CHECK(s(db.exists("h")) == 0);
    REQUIRE(s(db.set("text", "no hash")));
    CHECK(s(db.hget("text", "a")).error() == errc::wrong_type);
}

TEST_CASE("hash fields are drawn at random and scanned", "[typed][hashes]") {
    typed_session s;
    auto& db = s.db();
    CHECK(s(db.hrandfield("h")) == std::nullopt);
    CHECK(s(db.hrandfield("h", 3)) == texts{});
    CHECK(s(db.hrandfield_with_values("h", 3)) == pairs{});
    CHECK(s(db.hset("h", "a", "1")) == 1);
    CHECK(s(db.hrandfield("h")) == "a");
    CHECK(s(db.hrandfield("h", -3)) == texts{"a", "a", "a"});
    CHECK(s(db.hrandfield_with_values("h", -2)) == pairs{{"a", "1"}, {"a", "1"}});
    CHECK(s(db.hscan("h"))->items == pairs{{"a", "1"}});
    CHECK(s(db.hscan("h"))->last());

    std::map<std::string, int> many;
    for (int i = 0; i < 2000; ++i) many.emplace("f" + std::to_string(i), i);
    CHECK(s(db.hset("h", many)) == 2000);
    std::map<std::string, int> seen;
    std::string cursor{scan_start};
    int pages = 0;
    do {
        auto const page = s(db.hscan<int>("h", cursor, {.match = "f*", .count = 100}));
        REQUIRE(page);
        for (auto const& [field, value] : page->items) seen.emplace(field, value);
        cursor = page->cursor;
        ++pages;
    } while (cursor != scan_start);
    CHECK(seen == many);
    CHECK(pages > 1);
    if (s.has_option("HSCAN NOVALUES", 70400, 80000)) {
        auto const page = s(db.hscan_fields("h", scan_start, {.match = "a"}));
        REQUIRE(page);
        CHECK((page->items.empty() || page->items == texts{"a"}));
    }
}

TEST_CASE("hash fields expire by themselves", "[typed][hashes]") {
    typed_session s;
    auto& db = s.db();
    if (!s.has("hpexpire")) return;
    using enum field_expiry;
    using state = time_to_live::state;
    texts const fields{"a", "none"};
    CHECK(s(db.hexpire("h", 100s, fields)) == std::vector{no_field, no_field});
    CHECK(s(db.hset("h", "a", "1", "b", "2")) == 2);
    CHECK(s(db.hpersist("h", fields)) == std::vector{no_expiry, no_field});
    CHECK(s(db.hexpire("h", 100s, fields, expire_condition::if_some)) == std::vector{not_met, no_field});
    CHECK(s(db.hexpire("h", 100s, fields)) == std::vector{done, no_field});
    auto const left = s(db.httl("h", texts{"a", "b", "none"}));
    REQUIRE(left);
    REQUIRE(left->size() == 3);
    CHECK((*left)[0].is == state::expires);
    CHECK((*left)[0].left > 90s);
    CHECK((*left)[0].left <= 100s);
    CHECK((*left)[1].is == state::no_expiry);
    CHECK((*left)[2].is == state::no_key);
    auto const later = in_an_hour();
    CHECK(s(db.hexpire_at("h", later, fields, expire_condition::if_greater)) == std::vector{done, no_field});
    auto const when = s(db.hexpire_time("h", texts{"a"}));
    REQUIRE(when);
    CHECK((when->at(0).at == later));
    CHECK(s(db.hpersist("h", fields)) == std::vector{done, no_field});
    CHECK(s(db.hexpire("h", 0ms, texts{"a"})) == std::vector{deleted});
    CHECK(s(db.hexists("h", "a")) == false);
    CHECK(s(db.hpersist("none", texts{"a"})) == std::vector{no_field});
    CHECK(s(db.httl("none", texts{"a"})).value().at(0).is == state::no_key);
}

TEST_CASE("hash fields are read and written together with their expiry", "[typed][hashes]") {
    typed_session s;
    auto& db = s.db();
    std::map<std::string, std::string> const both{{"a", "1"}, {"b", "2"}};
    texts const fields{"a", "b", "none"};
    maybe_texts const values{"1", "2", std::nullopt};
    auto const left = [&] { return s(db.httl("h", texts{"a"})).value().at(0).left; };
    if (s.has("hsetex") && s.has("hgetex")) {
        CHECK(s(db.hsetex("h", both, {.condition = field_condition::if_all_exist})) == false);
        CHECK(s(db.hsetex("h", both, {.expire = 100s, .condition = field_condition::if_none_exists})) ==
              true);
        CHECK(left() > 90s);
        CHECK(s(db.hsetex("h", both, {.condition = field_condition::if_none_exists})) == false);
        CHECK(s(db.hsetex("h", both, {.keep_ttl = true})) == true);
        CHECK(left() > 90s);
        CHECK(s(db.hsetex("h", both)) == true);
        CHECK(left() == 0ms);
        CHECK(s(db.hgetex("h", fields)) == values);
        CHECK(s(db.hgetex("h", fields, {.expire_at = in_an_hour()})) == values);
        CHECK(left() > 3500s);
        CHECK(s(db.hgetex("h", fields, {.persist = true})) == values);
        CHECK(left() == 0ms);
        CHECK(s(db.hgetex("none", fields)) == maybe_texts{std::nullopt, std::nullopt, std::nullopt});
    }
    if (s.has("hgetdel")) {
        CHECK(s(db.del("h")));
        CHECK(s(db.hset("h", both)) == 2);
        CHECK(s(db.hgetdel("h", fields)) == values);
        CHECK(s(db.exists("h")) == 0);
        CHECK(s(db.hgetdel("h", texts{"a"})) == maybe_texts{std::nullopt});
    }
}
