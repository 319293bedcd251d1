#include <umbel/cluster/topology_merge.hpp>
#include <umbel/cluster/topology_parse_nodes.hpp>

#include "index_of.hpp"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <array>
#include <string>
#include <vector>

using namespace umbel::cluster;
using umbel::test::index_of;

namespace {

topology nodes(std::string_view text) {
    auto told = parse_cluster_nodes(text, {"10.9.9.9", false});
    INFO(text);
    REQUIRE(told);
    return *std::move(told);
}

// The same as CLUSTER SLOTS would tell it: no epochs.
topology without_epochs(topology told) {
    told.told_by = source::slots;
    for (auto& node : told.nodes) node.config_epoch = 0;
    for (auto& shard : told.shards) shard.config_epoch = 0;
    return told;
}

std::string owner_of(topology const& told, std::uint16_t number) {
    std::uint32_t const owner = told.owner(slot{number});
    return owner == topology::none ? "nobody" : told.nodes[owner].id;
}

char const* const before =
    "a 10.0.0.1:1@1 master - 0 0 1 connected 0-8191\n"
    "b 10.0.0.2:1@1 master - 0 0 2 connected 8192-16383\n"
    "r 10.0.0.3:1@1 slave a 0 0 1 connected\n"
    "s 10.0.0.4:1@1 slave b 0 0 2 connected\n";
// r has taken over from a.
char const* const after =
    "a 10.0.0.1:1@1 slave r 0 0 3 connected\n"
    "b 10.0.0.2:1@1 master - 0 0 2 connected 8192-16383\n"
    "r 10.0.0.3:1@1 master - 0 0 3 connected 0-8191\n"
    "s 10.0.0.4:1@1 slave b 0 0 2 connected\n";

}  // namespace

TEST_CASE("a newer view replaces an older one", "[topology]") {
    CHECK(merge(nodes(before), nodes(after)) == nodes(after));
    CHECK(merge(topology{}, nodes(after)) == nodes(after));
}

TEST_CASE("a stale view does not take a failover back", "[topology]") {
    topology const made = merge(nodes(after), nodes(before));
    CHECK_FALSE(differs(made, nodes(after)));
    CHECK(owner_of(made, 0) == "r");
    CHECK(owner_of(made, 8192) == "b");
    auto const& moved = made.shards[made.shard_of(slot{0})];
    CHECK(moved.config_epoch == 3);
    REQUIRE(moved.replicas.size() == 1);
    CHECK(made.nodes[moved.replicas[0]].id == "a");
    CHECK(made.nodes[moved.replicas[0]].role == node_role::replica);
    CHECK(made.shards.size() == 2);
}

TEST_CASE("freshness is judged shard by shard", "[topology]") {
    // One answer knows of a's failover, the other of a slot that went from b to a new primary c.
    topology const other = nodes(
        "a 10.0.0.1:1@1 master - 0 0 1 connected 0-8191\n"
        "b 10.0.0.2:1@1 master - 0 0 2 connected 8193-16383\n"
        "c 10.0.0.5:1@1 master - 0 0 9 connected 8192\n"
        "r 10.0.0.3:1@1 slave a 0 0 1 connected\n"
        "s 10.0.0.4:1@1 slave b 0 0 2 connected\n");
    topology const made = merge(nodes(after), other);
    CHECK(owner_of(made, 0) == "r");
    CHECK(owner_of(made, 8192) == "c");
    CHECK(owner_of(made, 8193) == "b");
    CHECK(made.covered_slots() == slot_count);
    // The other way round nothing but what is in dispute stays: c is not known to `after`, so the incoming
    // view counts.
    CHECK(owner_of(merge(other, nodes(after)), 0) == "r");
}

TEST_CASE("a slot that went to a shard with a higher epoch is not kept by a stale shard", "[topology]") {
    topology const current =
        nodes("a 10.0.0.1:1@1 master - 0 0 5 connected 0-16383\nb 10.0.0.2:1@1 master - 0 0 2 connected\n");
    // Has heard nothing of a since epoch 4, but knows that b took slot 7 with epoch 6.
    topology const incoming = nodes(
        "a 10.0.0.1:1@1 master - 0 0 4 connected 0-6 8-16382\nb 10.0.0.2:1@1 master - 0 0 6 connected 7\n");
    topology const made = merge(current, incoming);
    CHECK(owner_of(made, 7) == "b");
    CHECK(owner_of(made, 8) == "a");
    CHECK(owner_of(made, 16383) == "a");
    CHECK(made.shards[made.shard_of(slot{0})].config_epoch == 5);
}

TEST_CASE("slots of a node that the incoming view has forgotten are not kept for ever", "[topology]") {
    topology const current =
        nodes("a 10.0.0.1:1@1 master - 0 0 5 connected 0-16383\nb 10.0.0.2:1@1 master - 0 0 2 connected\n");
    topology const incoming = nodes("b 10.0.0.2:1@1 master - 0 0 2 connected 0-16383\n");
    CHECK(owner_of(merge(current, incoming), 0) == "b");
}

TEST_CASE("without epochs the incoming view counts", "[topology]") {
    CHECK(merge(without_epochs(nodes(after)), without_epochs(nodes(before))) ==
          without_epochs(nodes(before)));
    CHECK(merge(nodes(after), without_epochs(nodes(before))) == without_epochs(nodes(before)));
}

TEST_CASE("of several answers without epochs the majority counts", "[topology]") {
    std::vector<topology> const answers{without_epochs(nodes(before)), without_epochs(nodes(after)),
                                        without_epochs(nodes(after))};
    CHECK(owner_of(choose(answers), 0) == "r");
    std::vector<topology> const one{without_epochs(nodes(before))};
    CHECK(choose(one) == one[0]);
}

TEST_CASE("of several answers with epochs every shard's newest news counts, whoever brings it",
          "[topology]") {
    std::vector<topology> answers{nodes(before), nodes(before), nodes(after)};
    CHECK(owner_of(choose(answers), 0) == "r");
    std::reverse(answers.begin(), answers.end());
    CHECK_FALSE(differs(choose(answers), nodes(after)));
}

TEST_CASE("an answer that covers all slots is preferred to one that does not", "[topology]") {
    topology const partial = without_epochs(nodes("b 10.0.0.2:1@1 master - 0 0 2 connected 8192-16383\n"));
    std::vector<topology> const answers{partial, partial, without_epochs(nodes(before))};
    CHECK(choose(answers).covered_slots() == slot_count);
    std::vector<topology> const all_partial{topology{}, partial};
    CHECK(choose(all_partial).covered_slots() == 8192);
}

TEST_CASE("views differ when routing by them differs, and only then", "[topology]") {
    CHECK_FALSE(differs(nodes(before), nodes(before)));
    CHECK(differs(nodes(before), nodes(after)));
    CHECK(differs(nodes(before), topology{}));
    CHECK_FALSE(differs(topology{}, topology{}));

    topology changed = nodes(before);
    changed.nodes[0].replication_offset = 99;
    std::reverse(changed.shards.begin(), changed.shards.end());
    CHECK_FALSE(differs(nodes(before), changed));
    CHECK_FALSE(differs(nodes(before), without_epochs(nodes(before))));

    changed = nodes(before);
    changed.nodes[0].address.port = 2;
    CHECK(differs(nodes(before), changed));
    changed = nodes(before);
    changed.nodes[0].id = "other";
    CHECK(differs(nodes(before), changed));
    changed = nodes(before);
    changed.nodes[2].health = node_health::failed;
    CHECK(differs(nodes(before), changed));
    changed = nodes(before);
    changed.shards[0].replicas.clear();
    CHECK(differs(nodes(before), changed));
    changed = nodes(before);
    changed.shards[0].ranges[0].last = slot{8190};
    CHECK(differs(nodes(before), changed));
}

TEST_CASE("a shard in pieces is the same as in one piece", "[topology]") {
    topology pieces = nodes(before);
    pieces.shards[0].ranges = {{slot{4096}, slot{8191}}, {slot{0}, slot{4095}}};
    CHECK_FALSE(differs(nodes(before), pieces));
}

TEST_CASE("a view of another cluster shares no node", "[topology]") {
    CHECK(shares_known_node(nodes(before), nodes(after)));
    CHECK(shares_known_node(topology{}, nodes(after)));
    CHECK_FALSE(shares_known_node(nodes(before), topology{}));
    // The addresses are the same, the nodes are not.
    CHECK_FALSE(shares_known_node(nodes(before), nodes("x 10.0.0.1:1@1 master - 0 0 1 connected 0-16383\n")));
    CHECK(shares_known_node(nodes(before), nodes("a 10.7.7.7:1@1 master - 0 0 1 connected 0-16383\n")));
    // Old servers send no ids.
    topology nameless = nodes(before);
    for (auto& node : nameless.nodes) node.id.clear();
    CHECK(shares_known_node(nameless, nodes(before)));
    CHECK(shares_known_node(nodes(before), nameless));
    CHECK_FALSE(shares_known_node(nameless, nodes("x 10.7.7.7:1@1 master - 0 0 1 connected\n")));
}

TEST_CASE("a view of shards adopts the epochs that CLUSTER NODES tells", "[topology]") {
    topology told = without_epochs(nodes(after));
    std::reverse(told.shards.begin(), told.shards.end());
    adopt_epochs(
        told, nodes(std::string{after} + "m 10.0.0.9:1@1 myself,master,fail? - 0 0 4 connected [7-<-r]\n"));
    CHECK(told.shards[told.shard_of(slot{0})].config_epoch == 3);
    CHECK(told.shards[told.shard_of(slot{8192})].config_epoch == 2);
    CHECK(told.migrations.size() == 1);
    CHECK(told.self == topology::none);
    CHECK(owner_of(merge(told, nodes(before)), 0) == "r");
}

TEST_CASE("of two masters in one shard the one that CLUSTER NODES gives the slots to is the primary",
          "[topology]") {
    // r has taken over from a, which is gone and not yet known to have failed.
    std::string const taken =
        "a 10.0.0.1:1@1 master - 0 0 1 disconnected\n"
        "b 10.0.0.2:1@1 master - 0 0 2 connected 8192-16383\n"
        "r 10.0.0.3:1@1 master - 0 0 3 connected 0-8191\n"
        "s 10.0.0.4:1@1 slave b 0 0 2 connected\n";
    topology told = without_epochs(nodes(taken));
    std::uint32_t const gone = index_of(told, "a");
    told.shards[told.shard_of(slot{0})].primary = gone;
    REQUIRE(owner_of(told, 0) == "a");
    adopt_epochs(told, nodes(taken));
    CHECK(owner_of(told, 0) == "r");
    CHECK(owner_of(told, 8192) == "b");
    CHECK(told.shards[told.shard_of(slot{0})].config_epoch == 3);
    CHECK(owner_of(merge(told, nodes(before)), 0) == "r");
    // A replica is not made a primary by the younger of two answers.
    topology earlier = without_epochs(nodes(before));
    adopt_epochs(earlier, nodes(after));
    CHECK(owner_of(earlier, 0) == "a");
}
