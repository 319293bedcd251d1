// Commands that the table does not have, of a module that real servers have loaded
// (support/server_module.cpp): learned from them, routed, split and joined; and commands of the table with
// keys in many slots, given word by word.
#include "support/session.hpp"

#include <umbel/client/node_client.hpp>

#include <asio/use_future.hpp>

#include <map>
#include <set>
#include <tuple>

using namespace umbel;
using namespace umbel::test;

namespace {

/// A cluster whose servers have the module, started once.
real_cluster& servers() {
    static real_cluster made{{.conf = {"loadmodule " UMBEL_SERVER_MODULE}}};
    return made;
}
/// COMMAND INFO on all nodes since forget_counts().
long long questions() { return servers().count(servers().nodes(), "command|info"); }

}  // namespace

TEST_CASE("a module's commands are learned once, and go where their keys are", "[modules]") {
    session s{servers().address("n1")};
    auto& db = s.db();
    REQUIRE(s(db.ready()));
    servers().forget_counts();
    auto const keys = keys_everywhere(":toy", 64);
    for (std::string const& key : keys) REQUIRE(s(db.command<ok>("TOY.PUT", "v" + key, key)));
    for (std::string const& key : keys)
        CHECK(s(db.command<std::optional<std::string>>("toy.read", "x", key)) == "v" + key);
    CHECK(s.counted().moved == 0);
    CHECK(questions() == 2);
    CHECK(s(db.command<ok>("toy.put", "v", key("{toy}marked"))));
    CHECK(s(db.get("{toy}marked")) == "v");

    auto const app = db.prefixed("app:");
    REQUIRE(s(app.command<ok>("toy.put", "mine", "k")));
    CHECK(s(db.get("app:k")) == "mine");
    REQUIRE(s(db.pfadd("{toy}from", "a", "b")));
    REQUIRE(s(db.command<ok>("toy.merge", "{toy}to", "FROM", 1, "{toy}from")));
    CHECK(s(db.pfcount("{toy}to")) == 2);
    CHECK(s(db.command<ok>("toy.merge", "{toy}to", "FROM", 1, "elsewhere")).error() == errc::cross_slot);
    CHECK(s.counted().moved == 0);
}

TEST_CASE("a module's command that reads is served by replicas", "[modules]") {
    session s{servers().address("n1")};
    auto& db = s.db();
    REQUIRE(s(db.set("toy:read", "v")));
    auto const near = db.with(read_from::replica);
    CHECK(eventually([&] { return s(near.get("toy:read")) == "v"; }));
    servers().forget_counts();
    for (int round = 0; round < 20; ++round)
        CHECK(s(near.command<std::optional<std::string>>("toy.read", "x", "toy:read")) == "v");
    CHECK(servers().count(servers().now("replica"), "toy.read") == 20);
    CHECK(s.counted().moved == 0);
}

TEST_CASE("a module's commands are split by slot and joined, and go to all primaries, as their tips say",
          "[modules]") {
    session s{servers().address("n1")};
    auto& db = s.db();
    REQUIRE(s(db.flushall(flush_mode::sync)));
    auto const keys = keys_everywhere(":split", 48);
    for (std::string const& key : keys) REQUIRE(s(db.set(key, "v" + key)));
    CHECK(s(db.command<std::int64_t>("toy.size")) == static_cast<std::int64_t>(keys.size()));
    std::vector<std::string> argv{"toy.mread"};
    argv.insert(argv.end(), keys.begin(), keys.end());
    argv.emplace_back("none:split");
    argv.emplace_back("label");
    auto const read = s(db.execute(argv));
    REQUIRE(read);
    REQUIRE(read->root().children_count() == keys.size() + 1);
    for (std::size_t at = 0; at < keys.size(); ++at) CHECK(read->root().child(at).text() == "v" + keys[at]);
    CHECK(read->root().child(keys.size()).is_null());
    CHECK(s(db.command<std::int64_t>("toy.drop", keys)) == static_cast<std::int64_t>(keys.size()));
    CHECK(s(db.dbsize()) == 0);
    CHECK(s.counted().moved == 0);
}

TEST_CASE("the first command of a module in a batch, or in a transaction, is learned before it is sent",
          "[modules]") {
    session batches{servers().address("n1")};
    auto const keys = keys_everywhere(":batched", 24);
    for (std::string const& key : keys) REQUIRE(batches(batches.db().set(key, "v" + key)));
    auto [dropped, left] =
        batches.db()
            .batch(cmd.command<std::int64_t>("toy.drop", keys), cmd.get(keys[0]))(asio::use_future)
            .get();
    CHECK(dropped == static_cast<std::int64_t>(keys.size()));
    CHECK(left);
    CHECK(batches.counted().moved == 0);

    session transactions{servers().address("n1")};
    auto& db = transactions.db();
    auto const done =
        transactions(db.transaction(cmd.command<ok>("toy.put", "v", "{toy}first"), cmd.get("{toy}first")));
    REQUIRE(done);
    CHECK(std::get<0>(*done));
    CHECK(std::get<1>(*done) == "v");
    CHECK(transactions(db.transaction(cmd.command<ok>("toy.put", "{a}", "{b}"), cmd.get("{a}"))).error() ==
          errc::cross_slot);
    CHECK(transactions.counted().moved == 0);
}

TEST_CASE("who may not call COMMAND goes by the guess, and by redirects", "[modules]") {
    for (auto const& node : servers().nodes())
        servers().talk(node).must(
            {"ACL", "SETUSER", "guesser", "reset", "on", ">word", "~*", "&*", "+@all", "-command"});
    session s{options{.seeds = {servers().address("n1")}, .username = "guesser", .password = "word"}};
    auto& db = s.db();
    REQUIRE(s(db.ready()));
    for (int nth = 0; nth < 32; ++nth) {
        std::string const key = "guess:" + std::to_string(nth);
        REQUIRE(s(db.command<ok>("toy.put", "other:" + key, key)));
        CHECK(s(db.get(key)) == "other:" + key);
    }
    CHECK(s.counted().moved > 0);
    for (auto const& node : servers().nodes()) servers().talk(node).must({"ACL", "DELUSER", "guesser"});
}

TEST_CASE("commands of the table with keys in many slots are split and joined", "[modules]") {
    session s{servers().address("n1")};
    auto& db = s.db();
    auto const keys = keys_everywhere(":words", 100);
    std::vector<std::string> mset{"MSET"};
    std::vector<std::string> mget{"MGET"};
    for (std::string const& key : keys) {
        mset.insert(mset.end(), {key, "v" + key});
        mget.push_back(key);
    }
    auto const written = s(db.execute(mset));
    REQUIRE(written);
    CHECK(written->text() == "OK");
    auto const read = s(db.execute(mget));
    REQUIRE(read);
    REQUIRE(read->root().children_count() == keys.size());
    for (std::size_t at = 0; at < keys.size(); ++at) CHECK(read->root().child(at).text() == "v" + keys[at]);
    auto const count = static_cast<std::int64_t>(keys.size());
    for (char const* const name : {"EXISTS", "TOUCH"})
        CHECK(s(db.command<std::int64_t>(name, keys)) == count);
    CHECK(s(db.command<std::int64_t>("UNLINK", keys)) == count);
    CHECK(s(db.command<std::int64_t>("DEL", keys)) == 0);
    CHECK(s(db.execute(std::vector<std::string>{"MSETNX", "{a}", "1", "{b}", "2"})).error() ==
          errc::cross_slot);
}
