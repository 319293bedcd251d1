// Users who may not call everything that a client asks: ACL rules of a real server.
#include "support/session.hpp"

using namespace umbel;
using namespace umbel::test;

namespace {

/// Makes a user with these rules on every node, beside those that read and write keys.
void make_user(real_cluster const& servers, std::string const& name, std::vector<std::string> const& rules) {
    for (auto const& node : servers.nodes()) {
        std::vector<std::string> words{"ACL", "SETUSER", name, "reset", "on", ">word", "~*", "&*"};
        words.insert(words.end(), rules.begin(), rules.end());
        servers.talk(node).must(words);
    }
}
/// What servers note down as refused to `name`, in lower case, as "cluster|shards".
std::set<std::string> refused_to(real_cluster const& servers, std::string const& name) {
    std::set<std::string> found;
    for (auto const& node : servers.nodes())
        for (auto const& entry : servers.talk(node).must({"ACL", "LOG"}).items) {
            std::string object, user;
            for (std::size_t at = 0; at + 1 < entry.items.size(); at += 2) {
                if (entry.items[at].text == "object") object = entry.items[at + 1].text;
                if (entry.items[at].text == "username") user = entry.items[at + 1].text;
            }
            if (user == name) found.insert(object);
        }
    return found;
}

}  // namespace

TEST_CASE("a user who may not call CLUSTER SHARDS, or only one of its like, is served by a real cluster",
          "[acl]") {
    auto& servers = real_cluster::shared();
    std::string const seed = servers.address("n1");
    struct {
        char const* name;
        std::vector<std::string> rules;
    } const users[] = {{"no-shards", {"+@all", "-cluster|shards"}},
                       {"only-slots", {"+@all", "-cluster", "+cluster|slots"}},
                       {"only-nodes", {"+@all", "-cluster", "+cluster|nodes"}}};
    for (auto const& user : users) {
        CAPTURE(user.name);
        make_user(servers, user.name, user.rules);
        session s{options{.seeds = {seed}, .username = user.name, .password = "word"}};
        REQUIRE(s(s.db().ready()));
        CHECK(s.topology().covered_slots() == cluster::slot_count);
        auto const keys = keys_everywhere(std::string{":"} + user.name, 32);
        write_all(s, keys);
        read_all(s, s.db(), keys);
        CHECK(s.counted().moved == 0);
        CHECK(s.counted().refreshes == 1);
        CHECK(refused_to(servers, user.name).contains("cluster|shards"));
    }
}

TEST_CASE("a user who may ask a cluster nothing is told so by name, at once", "[acl]") {
    auto& servers = real_cluster::shared();
    make_user(servers, "blind", {"+@all", "-cluster"});
    std::string const seed = servers.address("n1");
    session s{options{.seeds = {seed}, .username = "blind", .password = "word", .deadline = 50s}};
    auto const told = s(s.db().get("k"));
    REQUIRE_FALSE(told);
    CHECK(told.error() == errc::no_permission);
    CHECK(told.error().delivery() == delivery::not_sent);
    CHECK(told.error().message().find("CLUSTER SHARDS, SLOTS and NODES") != std::string_view::npos);
}

TEST_CASE("a user without any CLUSTER command is served by a stand-alone server", "[acl]") {
    real_cluster server{{.standalone = true}};
    make_user(server, "app", {"-@all", "+get", "+set", "+hello"});
    std::string const seed = server.address("n1");
    for (auto const spoken : {protocol::automatic, protocol::resp2}) {
        session s{options{.seeds = {seed}, .username = "app", .password = "word", .protocol = spoken}};
        CHECK(s(s.db().set("k", "v")) == set_outcome::written);
        CHECK(s(s.db().get("k")) == "v");
        CHECK(s.topology().told_by == cluster::source::standalone);
    }
}
