// What the typed commands on keys, on what they hold, and on scripts give on a real server, in RESP2 and
// RESP3.
#include "../support/typed.hpp"

using namespace umbel;
using namespace umbel::test;

namespace {

using texts = std::vector<std::string>;
using maybe_texts = std::vector<std::optional<std::string>>;

unix_time in_an_hour() {
    return std::chrono::time_point_cast<std::chrono::milliseconds>(std::chrono::system_clock::now()) + 1h;
}

}  // namespace

TEST_CASE("keys are asked for, copied, renamed and deleted", "[typed][keys]") {
    typed_session s;
    auto& db = s.db();
    REQUIRE(s(db.set("{k}1", "v")));
    CHECK(s(db.exists("{k}1")) == 1);
    CHECK(s(db.touch("{k}1")) == 1);
    CHECK(s(db.type("{k}1")) == "string");
    CHECK(s(db.type("{k}none")) == "none");
    CHECK(s(db.copy("{k}1", "{k}2")) == true);
    CHECK(s(db.copy("{k}1", "{k}2")) == false);
    CHECK(s(db.copy("{k}1", "{k}2", {.replace = true})) == true);
    CHECK(s(db.rename("{k}2", "{k}3")).has_value());
    CHECK(s(db.rename("{k}2", "{k}3")).error() == errc::server_error);
    CHECK(s(db.renamenx("{k}3", "{k}1")) == false);
    CHECK(s(db.renamenx("{k}3", "{k}4")) == true);
    CHECK(s(db.del("{k}1")) == 1);
    CHECK(s(db.unlink("{k}4")) == 1);
    CHECK(s(db.del("{k}1")) == 0);
    CHECK(s(db.ping()) == "PONG");
    CHECK(s(db.ping("hello")) == "hello");
}

TEST_CASE("keys expire", "[typed][keys]") {
    typed_session s;
    auto& db = s.db();
    CHECK(s(db.ttl("e"))->is == time_to_live::state::no_key);
    CHECK(s(db.expire_time("e"))->is == expiry_moment::state::no_key);
    CHECK(s(db.expire("e", 10s)) == false);
    REQUIRE(s(db.set("e", "v")));
    CHECK(s(db.ttl("e"))->is == time_to_live::state::no_expiry);
    CHECK(s(db.expire_time("e"))->is == expiry_moment::state::no_expiry);
    CHECK(s(db.persist("e")) == false);
    CHECK(s(db.expire("e", 100s, expire_condition::if_some)) == false);
    CHECK(s(db.expire("e", 100s)) == true);
    CHECK(s(db.ttl("e"))->left > 90s);
    auto const later = in_an_hour();
    CHECK(s(db.expire_at("e", later, expire_condition::if_greater)) == true);
    CHECK(s(db.expire_time("e"))->at == later);
    CHECK(s(db.persist("e")) == true);
}

TEST_CASE("what a key holds is dumped, restored and described", "[typed][keys]") {
    typed_session s;
    auto& db = s.db();
    REQUIRE(s(db.set("d", "value")));
    auto const dumped = s(db.dump("d"));
    REQUIRE(dumped);
    REQUIRE(dumped->has_value());
    CHECK(s(db.dump("none")) == std::nullopt);
    CHECK(s(db.restore("d", **dumped)).error() == errc::server_error);
    CHECK(s(db.restore("d", **dumped, {.expire = 100s, .replace = true})).has_value());
    CHECK(s(db.get("d")) == "value");
    CHECK(s(db.ttl("d"))->left > 90s);
    CHECK(
        s(db.restore("d", **dumped, {.expire_at = in_an_hour(), .replace = true, .idle = 50s})).has_value());
    CHECK(s(db.ttl("d"))->left > 3500s);
    auto const idle = s(db.object_idletime("d"));
    REQUIRE(idle);
    CHECK(idle->value() >= 50s);
    CHECK(s(db.object_encoding("d")) == "embstr");
    CHECK(s(db.object_refcount("d")) == 1);
    CHECK(s(db.object_freq("d")).error() == errc::server_error);
    CHECK(s(db.object_encoding("none")) == std::nullopt);
    CHECK(s(db.object_idletime("none")) == std::nullopt);
}

TEST_CASE("lists are sorted", "[typed][keys]") {
    typed_session s;
    auto& db = s.db();
    REQUIRE(s(db.rpush("{s}", 3, 1, 2)));
    CHECK(s(db.sort<int>("{s}")) == std::vector<int>{1, 2, 3});
    CHECK(s(db.sort_ro("{s}", {.count = 1, .order = sort_order::descending})) == texts{"3"});
    CHECK(s(db.sort("{s}none")) == texts{});
    CHECK(s(db.sort_store("{s}", "{s}to", {.offset = 1})) == 2);
    CHECK(s(db.lrange("{s}to", 0, -1)) == texts{"2", "3"});
    if (s.has_option("SORT BY and GET in a cluster", 80000, 80000)) {
        REQUIRE(s(db.set("w_{s}_1", "30")));
        REQUIRE(s(db.set("w_{s}_2", "20")));
        CHECK(s(db.sort("{s}", {.by = "w_{s}_*"})) == texts{"3", "2", "1"});
        CHECK(s(db.sort_get("{s}", texts{"w_{s}_*"})) == maybe_texts{"30", "20", std::nullopt});
        CHECK(s(db.sort_ro_get<int>("{s}", texts{"w_{s}_*"}, {.count = 2})) ==
              std::vector<std::optional<int>>{30, 20});
        CHECK(s(db.sort_store("{s}", "{s}to", texts{"w_{s}_*"})) == 3);
    }
    REQUIRE(s(db.rpush("{s}text", "b", "a")));
    CHECK(s(db.sort("{s}text")).error() == errc::server_error);
    CHECK(s(db.sort("{s}text", {.alpha = true})) == texts{"a", "b"});
}

TEST_CASE("scripts run, by their text and by their digest", "[typed][scripting]") {
    typed_session s;
    auto& db = s.db();
    std::string const script = "redis.call('set', KEYS[1], ARGV[1]); return redis.call('get', KEYS[1])";
    std::string const sum = "return tonumber(ARGV[1]) + tonumber(ARGV[2])";
    CHECK(s(db.eval<std::string>(script, umbel::key("k"), "v")) == "v");
    CHECK(s(db.eval<std::int64_t>(sum, texts{}, std::vector<int>{2, 3})) == 5);
    CHECK(s(db.eval_ro<std::string>("return redis.call('get', KEYS[1])", umbel::key("k"))) == "v");
    CHECK(s(db.eval_ro<texts>("return KEYS", texts{"{k}1", "{k}2"}, texts{})) == texts{"{k}1", "{k}2"});
    CHECK(s(db.eval<std::optional<int>>("return nil", umbel::key("k"))) == std::nullopt);
    CHECK(s(db.eval_ro<std::string>(script, umbel::key("k"), "v")).error() == errc::server_error);
    std::string const none(40, 'a');
    CHECK(s(db.evalsha<std::string>(none, umbel::key("k"))).error() == errc::no_script);
    CHECK(s(db.evalsha_ro<std::string>(none, umbel::key("k"))).error() == errc::no_script);
    auto const loaded =
        s(db.command<std::string>("EVAL", "return redis.sha1hex(ARGV[1])", 1, umbel::key("k"), script));
    REQUIRE(loaded);
    CHECK(s(db.evalsha<std::string>(*loaded, umbel::key("k"), "w")) == "w");
    CHECK(s(db.fcall<int>("none", umbel::key("k"))).error() == errc::server_error);
    CHECK(s(db.fcall_ro<int>("none", umbel::key("k"))).error() == errc::server_error);
    for (auto const& node : real_cluster::shared().nodes())
        if (node.role == "primary")
            real_cluster::shared().talk(node).must(
                {"FUNCTION", "LOAD", "REPLACE",
                 "#!lua name=typed\nredis.register_function{function_name='typed_get', flags={'no-writes'}, "
                 "callback=function(keys) return redis.call('get', keys[1]) end}"});
    CHECK(s(db.fcall<std::string>("typed_get", umbel::key("k"))) == "w");
    CHECK(s(db.fcall_ro<std::string>("typed_get", texts{"k"}, texts{})) == "w");
}

TEST_CASE("messages are published", "[typed][publish]") {
    typed_session s;
    CHECK(s(s.db().publish("channel", "message")) == 0);
    CHECK(s(s.db().spublish("channel", "message")) == 0);
}
