// What commands do on a healthy cluster, and on one stand-alone server: typed ones, many keys, any argv,
// large values.
#include "support/session.hpp"

using namespace umbel;
using namespace umbel::test;

namespace {

/// The cluster, and a client that knows one of its nodes.
struct fresh_cluster {
    real_cluster& servers = real_cluster::shared();
    session s{servers.address("n1")};
    client& db = s.db();
};

result<reply> execute(session& s, std::vector<std::string> const& argv) { return s(s.db().execute(argv)); }
std::string shown(result<reply> const& told) { return told ? told->to_string() : told.error().to_string(); }

}  // namespace

TEST_CASE("a fresh table knows the way: keys over all slots without one redirect", "[commands]") {
    fresh_cluster t;
    REQUIRE(t.s(t.db.ready()));
    t.servers.forget_counts();
    auto const keys = keys_everywhere(":fresh");
    write_all(t.s, keys);
    read_all(t.s, t.db, keys);
    auto const counted = t.s.counted();
    CHECK(counted.moved == 0);
    CHECK(counted.asked == 0);
    CHECK(counted.retried == 0);
    CHECK(counted.refreshes == 1);
    CHECK(t.servers.errors("MOVED") == 0);
    auto const primaries = t.servers.now("primary");
    CHECK(primaries.size() == 3);
    CHECK(t.servers.count(primaries, "set") == static_cast<long long>(keys.size()));
    CHECK(t.servers.count(primaries, "get") == static_cast<long long>(keys.size()));
    for (auto const& one : primaries) CHECK(t.servers.counts(one)["get"] > 0);
}

TEST_CASE("the slot that the client computes is the server's CLUSTER KEYSLOT", "[commands]") {
    fresh_cluster t;
    wire told = t.servers.talk("n2");
    std::vector<std::string> keys = keys_everywhere(":slot", 200);
    for (char const* odd : {"", "{", "}", "{}", "{}a", "a{}b", "{a}b", "a{b", "a}b{c}", "{{a}}", "{a}{b}",
                            "foo{{bar}}zap", "a{bc}d}e"})
        keys.emplace_back(odd);
    keys.push_back(std::string{"nul\0 in {ta\0g}", 15});
    keys.push_back(std::string(1000, 'k'));
    keys.push_back("\xff\xfe\x80 bytes");
    for (std::string const& key : keys) {
        CAPTURE(key);
        CHECK(told.must({"CLUSTER", "KEYSLOT", key}).number() == cluster::slot_of(key).value());
        CHECK(t.s(t.db.command<std::int64_t>("CLUSTER", "KEYSLOT", std::string_view{key})) ==
              cluster::slot_of(key).value());
    }
}

TEST_CASE("SET has all its options", "[commands]") {
    fresh_cluster t;
    auto& [servers, s, db] = t;
    using enum set_outcome;
    using state = time_to_live::state;
    REQUIRE(s(db.del("o")));
    CHECK(s(db.set("o", "0", {.condition = set_condition::if_present})) == kept);
    CHECK(s(db.set("o", "1", {.condition = set_condition::if_absent})) == written);
    CHECK(s(db.set("o", "2", {.condition = set_condition::if_absent})) == kept);
    CHECK(s(db.set("o", "3", {.condition = set_condition::if_present})) == written);
    CHECK(s(db.get("o")) == "3");
    CHECK(s(db.ttl("o"))->is == state::no_expiry);

    CHECK(s(db.set("o", "4", {.expire = 1000s})) == written);
    CHECK(s(db.ttl("o"))->left > 900s);
    CHECK(s(db.set("o", "5", {.keep_ttl = true})) == written);
    CHECK(s(db.ttl("o"))->left > 900s);
    CHECK(s(db.set("o", "6", {.expire = 2'000'001ms})) == written);
    CHECK(s(db.ttl("o"))->left > 1900s);
    auto const now =
        std::chrono::time_point_cast<std::chrono::milliseconds>(std::chrono::system_clock::now());
    CHECK(s(db.set("o", "7", {.expire_at = now + 3'000'001ms})) == written);
    CHECK(s(db.ttl("o"))->left > 2900s);
    CHECK(s(db.set("o", "8", {.expire_at = std::chrono::ceil<std::chrono::seconds>(now) + 4000s})) ==
          written);
    CHECK(s(db.ttl("o"))->left > 3900s);
    CHECK(s(db.set("o", "9", {.expire_at = now - 1h})) == written);
    CHECK(s(db.get("o")) == std::nullopt);

    CHECK(s(db.set_and_get("o", "a")) == std::nullopt);
    CHECK(s(db.set_and_get("o", "b")) == "a");
    CHECK(s(db.set_and_get("o", "c", {.condition = set_condition::if_absent})) == "b");
    CHECK(s(db.getdel("o")) == "b");
    CHECK(s(db.exists("o")) == 0);
    auto const both = s(db.set("o", "x", {.expire = 1s, .keep_ttl = true}));
    REQUIRE_FALSE(both);
    CHECK(both.error() == errc::bad_argument);
    CHECK(both.error().delivery() == delivery::not_sent);
}

TEST_CASE("expiries are set under conditions, read and taken away", "[commands]") {
    fresh_cluster t;
    auto& [servers, s, db] = t;
    using state = time_to_live::state;
    REQUIRE(s(db.del("e")));
    CHECK(s(db.ttl("e"))->is == state::no_key);
    CHECK(s(db.expire("e", 10s)) == false);
    REQUIRE(s(db.set("e", "1")));
    CHECK(s(db.expire("e", 100s, expire_condition::if_some)) == false);
    CHECK(s(db.expire("e", 100s, expire_condition::if_none)) == true);
    CHECK(s(db.expire("e", 50s, expire_condition::if_greater)) == false);
    CHECK(s(db.expire("e", 500s, expire_condition::if_greater)) == true);
    CHECK(s(db.expire("e", 600s, expire_condition::if_less)) == false);
    CHECK(s(db.expire("e", 400s, expire_condition::if_less)) == true);
    CHECK(s(db.ttl("e"))->is == state::expires);
    CHECK(s(db.ttl("e"))->left > 300s);
    auto const later =
        std::chrono::time_point_cast<std::chrono::milliseconds>(std::chrono::system_clock::now()) + 1h;
    CHECK(s(db.expire_at("e", later)) == true);
    CHECK(s(db.ttl("e"))->left > 3000s);
    CHECK(s(db.persist("e")) == true);
    CHECK(s(db.persist("e")) == false);
    CHECK(s(db.ttl("e"))->is == state::no_expiry);
    CHECK(s(db.expire("e", 0ms)) == true);
    CHECK(s(db.exists("e")) == 0);
}

TEST_CASE("counters and strings of the typed family", "[commands]") {
    fresh_cluster t;
    auto& [servers, s, db] = t;
    REQUIRE(s(db.del("n")));
    CHECK(s(db.incr("n")) == 1);
    CHECK(s(db.incrby("n", 41)) == 42);
    CHECK(s(db.decr("n")) == 41);
    CHECK(s(db.decrby("n", 1)) == 40);
    CHECK(s(db.incrbyfloat("n", 0.5)) == 40.5);
    CHECK(s(db.get<double>("n")) == 40.5);
    CHECK(s(db.incr("n")).error() == errc::server_error);
    CHECK(s(db.append("n", "!")) == 5);
    CHECK(s(db.strlen("n")) == 5);
    CHECK(s(db.type("n")) == "string");
    CHECK(s(db.unlink("n")) == 1);
    CHECK(s(db.touch("n")) == 0);
    CHECK(s(db.ping()) == "PONG");
    CHECK(s(db.ping("hello")) == "hello");
    CHECK(s(db.command<std::int64_t>("INCRBY", umbel::key("n"), 5)) == 5);
    REQUIRE(s(db.command<std::int64_t>("RPUSH", umbel::key("n:list"), "a", "b")));
    auto const wrong = s(db.get("n:list"));
    REQUIRE_FALSE(wrong);
    CHECK(wrong.error() == errc::wrong_type);
    CHECK(wrong.error().delivery() == delivery::not_executed);
    CHECK(wrong.error().message().starts_with("WRONGTYPE"));
    CHECK(s(db.del("n:list")) == 1);
}

TEST_CASE("commands with many keys are split over all slots and joined in order", "[commands]") {
    fresh_cluster t;
    auto& [servers, s, db] = t;
    auto const keys = keys_everywhere(":many", 50);
    std::vector<std::pair<std::string, std::string>> pairs;
    for (std::string const& key : keys) pairs.emplace_back(key, "=" + key);
    REQUIRE(s(db.ready()));
    servers.forget_counts();
    REQUIRE(s(db.mset(pairs)));
    auto asked = keys;
    asked.insert(asked.begin() + 7, "no such key");
    asked.push_back(keys.front());
    auto const values = s(db.mget(asked));
    REQUIRE(values);
    REQUIRE(values->size() == asked.size());
    for (std::size_t at = 0; at < asked.size(); ++at) {
        if (at == 7)
            CHECK((*values)[at] == std::nullopt);
        else
            CHECK((*values)[at] == "=" + asked[at]);
    }
    CHECK(s(db.exists(asked)) == static_cast<std::int64_t>(asked.size() - 1));
    CHECK(s(db.touch(keys)) == static_cast<std::int64_t>(keys.size()));
    CHECK(servers.errors("MOVED") == 0);
    CHECK(servers.errors("CROSSSLOT") == 0);
    auto const half = std::vector<std::string>(keys.begin(), keys.begin() + 100);
    CHECK(s(db.unlink(half)) == 100);
    CHECK(s(db.del(keys)) == static_cast<std::int64_t>(keys.size() - 100));
    CHECK(s(db.exists(keys)) == 0);
}

TEST_CASE("any argv at run time finds its way, also where the keys move about", "[commands]") {
    fresh_cluster t;
    auto& [servers, s, db] = t;
    REQUIRE(s(db.ready()));
    servers.forget_counts();
    // Three tags, one on each primary.
    for (std::string const& tag :
         {real_cluster::key_in(100), real_cluster::key_in(8000), real_cluster::key_in(16000)}) {
        CAPTURE(tag);
        auto const k = [&tag](char const* name) { return tag + ":argv:" + name; };
        auto const says = [&s](std::vector<std::string> const& argv) { return shown(execute(s, argv)); };
        says({"DEL", k("s"), k("z1"), k("z2"), k("z3"), k("l"), k("l2"), k("x"), k("h"), k("set"), k("bits"),
              k("hll"), k("geo")});
        CHECK(says({"set", k("s"), "v"}) == "OK");
        CHECK(says({"EVAL", "return redis.call('get', KEYS[1])", "1", k("s")}) == "\"v\"");
        CHECK(says({"EVAL_RO", "return {KEYS[1], ARGV[1]}", "1", k("s"), "arg"}) ==
              "1) \"" + k("s") + "\"\n2) \"arg\"");
        CHECK(says({"XADD", k("x"), "1-1", "field", "value"}) == "\"1-1\"");
        CHECK(says({"XREAD", "COUNT", "2", "STREAMS", k("x"), "0"}).find("value") != std::string::npos);
        CHECK(says({"XGROUP", "CREATE", k("x"), "group", "0"}) == "OK");
        CHECK(says({"XINFO", "STREAM", k("x")}).find("last-generated-id") != std::string::npos);
        CHECK(says({"ZADD", k("z1"), "1", "a", "2", "b"}) == "(integer) 2");
        CHECK(says({"ZADD", k("z2"), "10", "b", "20", "c"}) == "(integer) 2");
        CHECK(says({"ZUNIONSTORE", k("z3"), "2", k("z1"), k("z2"), "WEIGHTS", "1", "2"}) == "(integer) 3");
        CHECK(says({"ZUNION", "2", k("z1"), k("z2")}).find("\"c\"") != std::string::npos);
        CHECK(says({"ZMPOP", "1", k("z3"), "MIN"}).find("\"a\"") != std::string::npos);
        CHECK(says({"RPUSH", k("l"), "3", "1", "2"}) == "(integer) 3");
        CHECK(says({"SORT", k("l"), "LIMIT", "0", "2", "STORE", k("l2")}) == "(integer) 2");
        CHECK(says({"LMPOP", "2", k("none"), k("l2"), "LEFT", "COUNT", "2"}).find("\"2\"") !=
              std::string::npos);
        CHECK(says({"LMOVE", k("l"), k("l2"), "LEFT", "RIGHT"}) == "\"3\"");
        CHECK(says({"HSET", k("h"), "f", "1"}) == "(integer) 1");
        CHECK(says({"HGETALL", k("h")}) == "1# \"f\" => \"1\"");
        CHECK(says({"SADD", k("set"), "m"}) == "(integer) 1");
        CHECK(says({"SINTERCARD", "1", k("set")}) == "(integer) 1");
        CHECK(says({"SETBIT", k("bits"), "7", "1"}) == "(integer) 0");
        CHECK(says({"BITOP", "NOT", k("bits"), k("bits")}) == "(integer) 1");
        CHECK(says({"PFADD", k("hll"), "e"}) == "(integer) 1");
        CHECK(says({"PFCOUNT", k("hll")}) == "(integer) 1");
        CHECK(says({"GEOADD", k("geo"), "13.36", "38.11", "Palermo"}) == "(integer) 1");
        CHECK(says({"GEOSEARCHSTORE", k("z3"), k("geo"), "FROMMEMBER", "Palermo", "BYRADIUS", "1", "km"}) ==
              "(integer) 1");
        CHECK(says({"OBJECT", "ENCODING", k("s")}) == "\"embstr\"");
        CHECK(says({"MEMORY", "USAGE", k("s")}).starts_with("(integer) "));
        CHECK(says({"DUMP", k("s")}).size() > 4);
        CHECK(says({"COPY", k("s"), k("s2"), "REPLACE"}) == "(integer) 1");
        CHECK(says({"RENAME", k("s2"), k("s3")}) == "OK");
        CHECK(says({"SPUBLISH", k("channel"), "message"}) == "(integer) 0");
    }
    CHECK(shown(execute(s, {"CLUSTER", "INFO"})).find("cluster_state:ok") != std::string::npos);
    CHECK(shown(execute(s, {"COMMAND", "COUNT"})).starts_with("(integer) "));
    CHECK(shown(execute(s, {"ECHO", "hello"})) == "\"hello\"");
    CHECK(servers.errors("MOVED") == 0);
    CHECK(servers.errors("CROSSSLOT") == 0);
}

TEST_CASE("what may not share a connection, and what cannot be routed, is refused before anything is sent",
          "[commands]") {
    fresh_cluster t;
    auto& [servers, s, db] = t;
    REQUIRE(s(db.ready()));
    s.warm_up();
    auto const before = s.counted().commands;
    std::vector<std::vector<std::string>> const unshared{
        {"SUBSCRIBE", "c"},
        {"PSUBSCRIBE", "c*"},
        {"SSUBSCRIBE", "c"},
        {"MONITOR"},
        {"MULTI"},
        {"EXEC"},
        {"DISCARD"},
        {"WATCH", "k"},
        {"SELECT", "0"},
        {"HELLO", "3"},
        {"RESET"},
        {"QUIT"},
        {"READONLY"},
        {"READWRITE"},
        {"ASKING"},
        {"AUTH", "x"},
        {"CLIENT", "REPLY", "OFF"},
        {"CLIENT", "TRACKING", "ON"},
        {"BLPOP", "k", "1"},
        {"BLMPOP", "1", "1", "k", "LEFT"},
        {"BRPOPLPUSH", "{k}1", "{k}2", "1"},
        {"BZPOPMIN", "k", "1"},
        {"XREAD", "BLOCK", "1", "STREAMS", "k", "$"},
        {"XREADGROUP", "GROUP", "g", "c", "BLOCK", "1", "STREAMS", "k", ">"},
        {"WAIT", "1", "1"},
        {"subscribe", "c"}};
    for (auto const& argv : unshared) {
        CAPTURE(argv[0]);
        auto const told = execute(s, argv);
        REQUIRE_FALSE(told);
        CHECK(told.error() == errc::needs_lease);
        CHECK(told.error().delivery() == delivery::not_sent);
    }
    auto const refused = [&s](std::vector<std::string> const& argv) { return execute(s, argv).error(); };
    CHECK(refused({}) == errc::bad_argument);
    CHECK(refused({"GET"}) == errc::bad_argument);
    CHECK(refused({"EVAL", "return 1", "two", "k"}) == errc::bad_argument);
    auto const crossed = refused({"MSETNX", "{a}1", "1", "{b}2", "2"});
    CHECK(crossed == errc::cross_slot);
    CHECK(crossed.delivery() == delivery::not_sent);
    CHECK(crossed.message().find("{b}2") != std::string_view::npos);
    CHECK(refused({"ZUNIONSTORE", "{a}", "2", "{a}1", "{b}2"}) == errc::cross_slot);
    CHECK(s.counted().commands == before);
}

TEST_CASE("64 MiB go in lent and come out without a copy", "[commands]") {
    std::string const address = real_cluster::shared().address("n1");
    session s{options{.seeds = {address}, .queued_bytes_max = std::size_t{128} << 20}};
    auto& db = s.db();
    std::string large(std::size_t{64} << 20, '\0');
    for (std::size_t at = 0; at < large.size(); at += 4096) large[at] = static_cast<char>(at >> 12);
    large.back() = '!';
    auto const patient = db.with(50s);
    REQUIRE(s(patient.set("large", umbel::borrow(large))) == set_outcome::written);
    CHECK(s(db.strlen("large")) == static_cast<std::int64_t>(large.size()));
    {
        auto const back = s(patient.get<umbel::bytes>("large"));
        REQUIRE(back);
        REQUIRE(back->has_value());
        CHECK((**back).view() == std::string_view{large});
        CHECK(s.counted().pinned_bytes >= large.size());
    }
    CHECK(s.counted().pinned_bytes == 0);
    // The same copied in and copied out, with neighbours on the same connection.
    std::vector<operation<std::optional<std::string>>> neighbours;
    neighbours.push_back(patient.set_and_get("large", large));
    for (int i = 0; i < 10; ++i) neighbours.push_back(patient.getdel("{large}:none"));
    auto const told = s.all(std::move(neighbours));
    REQUIRE(told.front());
    CHECK((told.front()->value() == large));
    for (std::size_t at = 1; at < told.size(); ++at) CHECK(told[at] == std::nullopt);
    CHECK(s(patient.unlink("large")) == 1);
}

TEST_CASE("values with every byte, empty ones and empty keys pass unchanged", "[commands]") {
    fresh_cluster t;
    auto& [servers, s, db] = t;
    std::string every;
    for (int byte = 0; byte < 256; ++byte) every.push_back(static_cast<char>(byte));
    for (unsigned const size : {0u, 1u, 24u, 25u, 200u, 16384u, 65536u, 300000u}) {
        std::string value;
        while (value.size() < size) value += every;
        value.resize(size);
        CAPTURE(size);
        std::string const key = "bytes:\r\n" + every;
        CHECK(s(db.set(key, value)) == set_outcome::written);
        CHECK(s(db.get(key)) == value);
        CHECK(s(db.get<umbel::bytes>(key))->value() == value);
        CHECK(s(db.set("", value)) == set_outcome::written);
        CHECK(s(db.get("")) == value);
    }
}

TEST_CASE("declared single-threaded, the client serves all slots from one thread and ends clean",
          "[commands]") {
    std::string const seed = real_cluster::shared().address("n4");
    asio::io_context io{1};
    std::optional<client> db{std::in_place, io.get_executor(), options{.seeds = {seed}}};
    auto const keys = keys_everywhere(":single");
    std::size_t right = 0, wrong = 0;
    for (std::string const& key : keys) {
        db->set(key, "=" + key)([&](result<set_outcome> const& written) {
            if (written != set_outcome::written) {
                ++wrong;
                return;
            }
            db->get(key)([&](result<std::optional<std::string>> const& told) {
                ++(told == "=" + key ? right : wrong);
            });
        });
    }
    while (right + wrong < keys.size() && io.run_one_for(patience) != 0) continue;
    CHECK(right == keys.size());
    CHECK(wrong == 0);
    db.reset();
    io.run_for(patience);
    CHECK(io.stopped());
}

TEST_CASE("one stand-alone server is served by the same client, in any database", "[commands]") {
    real_cluster server{{.standalone = true}};
    std::string const address = server.address("n1");
    for (deployment const how : {deployment::automatic, deployment::standalone}) {
        session s{options{.seeds = {address}, .database = 3, .deployment = how}};
        auto& db = s.db();
        REQUIRE(s(db.ready()));
        CHECK(s(db.set("k", "in three")) == set_outcome::written);
        CHECK(s(db.get("k")) == "in three");
        wire told = server.talk("n1");
        CHECK(told.must({"GET", "k"}).null);
        told.must({"SELECT", "3"});
        CHECK(told.must({"GET", "k"}).text == "in three");
        // Without slots, keys of one command may be any, and commands with many keys are not split.
        server.forget_counts();
        auto const keys = keys_everywhere(":alone", 500);
        std::vector<std::pair<std::string, std::string>> pairs;
        for (std::string const& key : keys) pairs.emplace_back(key, "=" + key);
        REQUIRE(s(db.mset(pairs)));
        CHECK(s(db.mget(keys))->back() == "=" + keys.back());
        CHECK(shown(execute(s, {"MSET", "{a}", "1", "{b}", "2"})) == "OK");
        CHECK(s(db.command<std::int64_t>("DEL", umbel::key("{a}"), umbel::key("{b}"))) == 2);
        auto const counts = server.counts(server.at("n1"));
        CHECK(counts.at("mset") == 2);
        CHECK(counts.at("mget") == 1);
        CHECK(s(db.with(read_from::prefer_replica).get("k")) == "in three");
        CHECK(s.counted().moved == 0);
        auto const nodes = s(db.nodes());
        REQUIRE(nodes->size() == 1);
        CHECK(nodes->front().address == address);
        CHECK(s.topology().told_by == cluster::source::standalone);
        // It comes back as it went: by itself.
        server.restart("n1");
        CHECK(eventually([&] { return s(db.with(500ms).set("k", "again")).has_value(); }));
        CHECK(s(db.get("k")) == "again");
    }
}
