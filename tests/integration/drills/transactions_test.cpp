// Transactions while primaries die and slots move: none is lost, none runs twice, none is half done.
#include "integration/support/resharding.hpp"

using namespace umbel;
using namespace umbel::test;

namespace {

/// What a disturbance may tell the callers of its shard; exec_aborted where a node has refused a transaction
/// for as long as the retry budget lasted.
std::string unexpected_faults(drill const& d, std::size_t at) {
    return d.surprises(at, {errc::connection_lost, errc::connect_failed, errc::deadline_exceeded,
                            errc::cluster_down, errc::exec_aborted});
}

}  // namespace

TEST_CASE("a primary is killed while transactions run", "[drill]") {
    for (int round = 0; round < short_or_long(1, 4); ++round) {
        drill d{"transactions, kill -9", {.transactions = true}};
        d.disturb([&] { d.servers.kill(d[0].primary.name); });
        REQUIRE(d.serves(0, d[0].replica));
        REQUIRE(d.users.all_go_on(200));
        d.forgive(0);
        d.servers.restart(d[0].primary.name);
        d.servers.heal();
        REQUIRE(d.users.all_go_on(200));
        auto const found = d.reckon();
        INFO(found.to_string());
        CHECK(found.clean());
        CHECK(unexpected_faults(d, 0) == "");
        CHECK(d.surprises(1, {}) == "");
        CHECK(d.surprises(2, {}) == "");
    }
}

TEST_CASE("slots move key by key while transactions run: no error reaches a caller", "[drill]") {
    drill d{"transactions, resharding", {.elections = false, .transactions = true}};
    reshard(d, short_or_long(2, 10), {":left", ":right"});
}
