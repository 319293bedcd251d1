// Numbered databases: of a cluster that has them (Valkey 9), in one that has not, and of a stand-alone server
// named by a URL.
#include "support/session.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdio>
#include <string_view>

using namespace umbel;
using namespace umbel::test;

namespace {

/// A cluster with several databases, where the server can have them; else null, and the output says so.
real_cluster* with_databases() {
    bool const able =
        !real_cluster::shared().talk("n1").must({"CONFIG", "GET", "cluster-databases"}).items.empty();
    if (!able) {
        std::printf("skipped: %s has one database in a cluster\n", server_program().c_str());
        return nullptr;
    }
    static real_cluster made{{.conf = {"cluster-databases 16"}}};
    return &made;
}
/// The value that a node has for a key in a database.
std::string value_in(real_cluster const& servers, real_cluster::node const& node, int database,
                     std::string const& key) {
    wire told = servers.talk(node);
    told.must({"SELECT", std::to_string(database)});
    told.must({"ASKING"});
    return told.ask({"GET", key}).text;
}

}  // namespace

TEST_CASE("a URL names the socket, the user, the database and the options of a real server", "[databases]") {
    real_cluster server{{.standalone = true, .conf = {"unixsocket {dir}/server.sock"}}};
    auto told = server.talk("n1");
    std::string const path = told.must({"CONFIG", "GET", "unixsocket"}).items.at(1).text;
    told.must({"ACL", "SETUSER", "ada", "on", ">p@ss/w:rd", "~*", "+@all"});
    for (std::string const& where :
         {"unix://ada:p%40ss%2Fw%3Ard@" + path + "?db=3&clientName=by-url&protocol=2",
          "redis://ada:p%40ss%2Fw%3Ard@127.0.0.9:1," + server.address("n1") +
              "/3?client_name=by-url&protocol=resp2"}) {
        auto chosen = options_from_url(where);
        REQUIRE(chosen);
        chosen->deadline = patience;
        session s{*chosen};
        REQUIRE(s(s.db().set("k", where)));
        told.must({"SELECT", "3"});
        CHECK(told.must({"GET", "k"}).text == where);
        std::string const clients = told.must({"CLIENT", "LIST"}).text;
        CHECK(clients.find(" name=by-url ") != std::string::npos);
        CHECK(clients.find(" user=ada ") != std::string::npos);
    }
    session wrong{"redis://ada:wrong@" + server.address("n1")};
    auto const refused = wrong(wrong.db().get("k"));
    REQUIRE_FALSE(refused);
    CHECK(refused.error() == errc::wrong_password);
}

TEST_CASE("a cluster without the database that is asked for says so, by every command", "[databases]") {
    auto& servers = real_cluster::shared();
    for (deployment const how : {deployment::automatic, deployment::cluster}) {
        session s{options{.seeds = {servers.address("n1")}, .database = 3, .deployment = how}};
        auto const told = s(s.db().get("k"));
        REQUIRE_FALSE(told);
        INFO(told.error().to_string());
        CHECK(told.error() == errc::server_error);
        CHECK(told.error().delivery() != delivery::unknown);
        CHECK(told.error().to_string().find("options.database is 3") != std::string::npos);
        CHECK(told.error().to_string().find("before Valkey 9") != std::string::npos);
        CHECK(told.error().to_string().find(servers.address("n1")) != std::string::npos);
    }
}

TEST_CASE("a client works in one database of a cluster, on every kind of connection", "[databases]") {
    real_cluster* const servers = with_databases();
    if (!servers) return;
    session third{"redis://" + servers->address("n1") + "/3"};
    session zeroth{servers->address("n1")};
    auto const keys = keys_everywhere(":db", 64);
    for (std::string const& key : keys) {
        REQUIRE(third(third.db().set(key, "in three")));
        REQUIRE(zeroth(zeroth.db().set(key, "in zero")));
    }
    auto const all = [&](session& of, std::string_view expected) {
        auto const values = of(of.db().mget(keys));
        return values && std::count(values->begin(), values->end(), expected) ==
                             static_cast<std::ptrdiff_t>(keys.size());
    };
    CHECK(all(third, "in three"));
    CHECK(all(zeroth, "in zero"));
    for (std::string const& key : {keys.front(), keys.back()})
        CHECK(eventually([&] { return third(third.db().with(read_from::replica).get(key)) == "in three"; }));
    REQUIRE(third(third.db().rpush("{q}queue", "a")));
    CHECK(third(third.db().blpop("{q}queue", 20s))->has_value());
    CHECK(zeroth(zeroth.db().exists("{q}queue")) == 0);
    auto const done = third(third.db().transaction(cmd.incr("{t}n"), cmd.get("{t}n")));
    REQUIRE(done);
    CHECK(std::get<1>(*done) == "1");
    CHECK(zeroth(zeroth.db().get("{t}n")) == std::nullopt);
    CHECK(third.counted().moved == 0);
}

TEST_CASE("a client gives clients of other databases, each with connections of its own", "[databases]") {
    real_cluster server{{.standalone = true}};
    session s{"redis://" + server.address("n1") + "/1?client_name=databases&read_from=prefer_replica"};
    std::optional<client> third = s.db().database(3);
    client const fourth = third->database(4);
    REQUIRE(s(s.db().set("k", "in one")));
    REQUIRE(s(third->set("k", "in three")));
    REQUIRE(s(fourth.set("k", "in four")));
    CHECK(s(s.db().get("k")) == "in one");
    CHECK(s(third->get("k")) == "in three");
    CHECK(s(fourth.get("k")) == "in four");
    CHECK(third->site().options.reads == read_from::prefer_replica);
    std::string const clients = server.talk("n1").must({"CLIENT", "LIST"}).text;
    for (std::string const database : {" db=1 ", " db=3 ", " db=4 "})
        CHECK(clients.find(database) != std::string::npos);
    auto const lease = s(fourth.blpop("none", 10ms));
    CHECK(lease);
    third.reset();
    CHECK(s(fourth.get("k")) == "in four");
    // A database that is not there is told by every command.
    auto const refused = s(fourth.database(999).get("k"));
    REQUIRE_FALSE(refused);
    CHECK(refused.error().message().find("options.database is 999") != std::string_view::npos);
}

TEST_CASE("MOVED and ASK stay in the database of the client", "[databases]") {
    real_cluster* const servers = with_databases();
    if (!servers) return;
    session s{options{.seeds = {servers->address("n1")}, .database = 3}};
    std::uint16_t const slot = 100;
    std::string const key = real_cluster::key_in(slot) + ":moves";
    auto const from = servers->owner_of(slot);
    auto const to = servers->owner_of(10'000);
    s.warm_up();
    auto const before = s.counted();
    servers->begin_migration(slot, from, to);
    // The slot is empty, so the old owner says ASK for every key of it.
    CHECK(s(s.db().set(key, "asked")) == set_outcome::written);
    CHECK(value_in(*servers, to, 3, key) == "asked");
    CHECK(s(s.db().get(key)) == "asked");
    CHECK(s.counted().asked >= before.asked + 2);
    servers->end_migration(slot, from, to);
    CHECK(s(s.db().get(key)) == "asked");
    CHECK(s(s.db().set(key, "moved")) == set_outcome::written);
    CHECK(value_in(*servers, to, 3, key) == "moved");
}
