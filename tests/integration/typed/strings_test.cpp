// What the typed string commands give on a real server, in RESP2 and in RESP3.
#include "../support/typed.hpp"

#include <map>

using namespace umbel;
using namespace umbel::test;

namespace {

unix_time in_an_hour() {
    return std::chrono::time_point_cast<std::chrono::milliseconds>(std::chrono::system_clock::now()) + 1h;
}

}  // namespace

TEST_CASE("texts are written, read and changed in place", "[typed][strings]") {
    typed_session s;
    auto& db = s.db();
    using enum set_outcome;
    CHECK(s(db.get("t")) == std::nullopt);
    CHECK(s(db.set("t", "hello")) == written);
    CHECK(s(db.set("t", "x", {.condition = set_condition::if_absent})) == kept);
    CHECK(s(db.set("none", "x", {.condition = set_condition::if_present})) == kept);
    CHECK(s(db.set("t", "hello", {.expire = 100s})) == written);
    CHECK(s(db.set("t", "hello", {.keep_ttl = true})) == written);
    CHECK(s(db.ttl("t"))->left > 90s);
    CHECK(s(db.set_and_get("t", "Hello")) == "hello");
    CHECK(s(db.set_and_get("none", "x")) == std::nullopt);
    CHECK(s(db.get("t")) == "Hello");
    CHECK(s(db.strlen("t")) == 5);
    CHECK(s(db.append("t", ", you")) == 10);
    CHECK(s(db.getrange("t", 0, 4)) == "Hello");
    CHECK(s(db.getrange("gone", 0, 4)) == "");
    CHECK(s(db.setrange("t", 7, "all")) == 10);
    CHECK(s(db.get("t")) == "Hello, all");
    CHECK(s(db.getex("t", {.expire = 100s})) == "Hello, all");
    CHECK(s(db.ttl("t"))->left > 90s);
    CHECK(s(db.getex("t", {.expire_at = in_an_hour()})) == "Hello, all");
    CHECK(s(db.ttl("t"))->left > 3500s);
    CHECK(s(db.getex("t", {.persist = true})) == "Hello, all");
    CHECK(s(db.ttl("t"))->is == time_to_live::state::no_expiry);
    CHECK(s(db.getex("gone")) == std::nullopt);
    CHECK(s(db.getdel("t")) == "Hello, all");
    CHECK(s(db.getdel("t")) == std::nullopt);
    REQUIRE(s(db.rpush("list", "x")));
    CHECK(s(db.get("list")).error() == errc::wrong_type);
}

TEST_CASE("numbers are counted", "[typed][strings]") {
    typed_session s;
    auto& db = s.db();
    CHECK(s(db.incr("n")) == 1);
    CHECK(s(db.incrby("n", 41)) == 42);
    CHECK(s(db.decr("n")) == 41);
    CHECK(s(db.decrby("n", 1)) == 40);
    CHECK(s(db.incrbyfloat("n", 0.5)) == 40.5);
    CHECK(s(db.get<double>("n")) == 40.5);
    CHECK(s(db.incr("n")).error() == errc::server_error);
    if (s.has("increx")) {
        using outcome = increx_outcome<std::int64_t>;
        CHECK(s(db.increx("i", 5)) == outcome{5, 5});
        CHECK(s(db.increx("i", 5, {.upper = 8, .saturate = true})) == outcome{8, 3});
        CHECK(s(db.increx("i", 5, {.upper = 8})) == outcome{8, 0});
        CHECK(s(db.increx_by_float("f", 0.5)) == increx_outcome<double>{0.5, 0.5});
    }
}

TEST_CASE("several texts are written at once", "[typed][strings]") {
    typed_session s;
    auto& db = s.db();
    std::map<std::string, std::string> const pairs{{"{m}a", "1"}, {"{m}b", "2"}};
    CHECK(s(db.msetnx(pairs)) == true);
    CHECK(s(db.msetnx(pairs)) == false);
    CHECK(s(db.msetnx(std::map<std::string, std::string>{{"{a}", "1"}, {"{b}", "2"}})).error() ==
          errc::cross_slot);
    if (s.has("msetex")) {
        CHECK(s(db.msetex(pairs, {.condition = keys_condition::if_none_exists})) == false);
        CHECK(s(db.msetex(pairs, {.expire = 100s, .condition = keys_condition::if_all_exist})) == true);
        CHECK(s(db.ttl("{m}b"))->left > 90s);
        CHECK(s(db.msetex(pairs, {.keep_ttl = true})) == true);
        CHECK(s(db.ttl("{m}a"))->left > 90s);
        CHECK(s(db.msetex(pairs)) == true);
        CHECK(s(db.ttl("{m}a"))->is == time_to_live::state::no_expiry);
    }
    // Over all slots: the client splits them.
    auto const keys = keys_everywhere(":typed", 4096);
    std::map<std::string, std::string> everywhere;
    for (auto const& key : keys) everywhere.emplace(key, "=" + key);
    CHECK(s(db.mset(everywhere)).has_value());
    auto const values = s(db.mget(keys));
    REQUIRE(values);
    for (std::size_t at = 0; at < keys.size(); ++at) CHECK(values->at(at) == "=" + keys[at]);
    CHECK(s(db.exists(keys)) == static_cast<std::int64_t>(keys.size()));
    CHECK(s(db.unlink(keys)) == static_cast<std::int64_t>(keys.size()));
}

TEST_CASE("texts are compared and set", "[typed][strings]") {
    typed_session s;
    auto& db = s.db();
    using enum set_outcome;
    REQUIRE(s(db.set("c", "old")));
    if (s.has_option("SET IFEQ", 80400, 80100)) {
        CHECK(s(db.set("c", "x", {.condition = if_equal("other")})) == kept);
        CHECK(s(db.set("c", "new", {.condition = if_equal("old")})) == written);
        CHECK(s(db.set_and_get("c", "old", {.condition = if_equal("new")})) == "new");
        CHECK(s(db.set("none", "x", {.condition = if_equal("")})) == kept);
    }
    if (s.has("delifeq")) {
        CHECK(s(db.delifeq("c", "other")) == false);
        CHECK(s(db.delifeq("c", "old")) == true);
        CHECK(s(db.delifeq("c", "old")) == false);
    }
    if (s.has("digest") && s.has("delex")) {
        REQUIRE(s(db.set("c", "old")));
        auto const digest = s(db.digest("c"));
        REQUIRE(digest);
        REQUIRE(digest->has_value());
        CHECK(s(db.delex("c", if_digest_not_equal(**digest))) == false);
        CHECK(s(db.delex("c", if_digest_equal(**digest))) == true);
        CHECK(s(db.digest("c")) == std::nullopt);
    }
}

TEST_CASE("two texts are searched for what they have in common", "[typed][strings]") {
    typed_session s;
    auto& db = s.db();
    REQUIRE(s(db.set("{l}1", "ohmytext")));
    REQUIRE(s(db.set("{l}2", "mynewtext")));
    CHECK(s(db.lcs("{l}1", "{l}2")) == "mytext");
    CHECK(s(db.lcs_length("{l}1", "{l}2")) == 6);
    CHECK(s(db.lcs("{l}1", "{l}none")) == "");
    lcs_matches const both{{{{4, 7}, {5, 8}}, {{2, 3}, {0, 1}}}, 6};
    CHECK((s(db.lcs_matches("{l}1", "{l}2")) == both));
    lcs_matches const longer{{{{4, 7}, {5, 8}}}, 6};
    CHECK((s(db.lcs_matches("{l}1", "{l}2", 4)) == longer));
}
