#include <umbel/cluster/sentinel_votes.hpp>

#include <catch2/catch_test_macros.hpp>

#include <vector>

using namespace umbel::cluster;

namespace {

endpoint const p{"10.0.0.1", 6379}, q{"10.0.0.2", 6379}, r{"10.0.0.3", 6379}, stranger{"10.6.6.6", 6379};

sentinel_view view(endpoint const& primary, std::uint64_t epoch, std::vector<endpoint> replicas = {}) {
    return {primary, epoch, std::move(replicas), {{"10.1.0.1", 26379}, {"10.1.0.2", 26379}}, {}};
}
endpoint first_of(std::vector<sentinel_view> const& views) { return nominees_of(views).front().address; }

}  // namespace

TEST_CASE("sentinels that agree name one server", "[votes]") {
    std::vector<sentinel_view> const views{view(p, 3, {q, r}), view(p, 3, {q, r})};
    std::vector<nominee> const named = nominees_of(views);
    REQUIRE(named.size() == 1);
    CHECK(named[0].votes == 2);
    CHECK(named[0].known);
    CHECK(electorate(views) == 3);
    CHECK(told_by(named, 3) == "10.0.0.1:6379 (2 of 3 sentinels, config epoch 3)");
    CHECK(nominees_of({}).empty());
    CHECK(electorate({}) == 0);
}

TEST_CASE("after a failover one sentinel with the higher epoch is right against two without it", "[votes]") {
    CHECK(first_of({view(p, 3, {q, r}), view(q, 4, {p, r}), view(p, 3, {q, r})}) == q);
}

TEST_CASE("a server that the others do not know is outvoted, whatever epoch is told of it", "[votes]") {
    std::vector<sentinel_view> const views{view(stranger, 999), view(p, 3, {q}), view(p, 3, {q})};
    CHECK(first_of(views) == p);
    CHECK(nominees_of(views).back().address == stranger);
    // Where two name different groups nobody is believed; where only one answers there is nobody else to ask.
    std::vector<nominee> torn = nominees_of(std::vector{view(stranger, 999), view(p, 3, {q})});
    drop_unlikely(torn, 0, 3);
    CHECK(torn.empty());
    std::vector<nominee> lone = nominees_of(std::vector{view(stranger, 1)});
    drop_unlikely(lone, 0, 3);
    CHECK(lone.size() == 1);
}

TEST_CASE("where nothing else tells them apart, votes do", "[votes]") {
    CHECK(first_of({view(p, 3, {q}), view(q, 3, {p}), view(q, 3, {p})}) == q);
}

TEST_CASE("who has led before is not believed again for the word of a few", "[votes]") {
    std::vector<nominee> few = nominees_of(std::vector{view(p, 3, {q})});
    drop_unlikely(few, 4, 3);
    CHECK(few.empty());
    // All sentinels were set up anew: their epochs begin at zero.
    std::vector<nominee> most = nominees_of(std::vector{view(p, 0, {q}), view(p, 0, {q})});
    drop_unlikely(most, 4, 3);
    CHECK(most.size() == 1);
    std::vector<nominee> newer = nominees_of(std::vector{view(q, 4, {p})});
    drop_unlikely(newer, 4, 3);
    CHECK(newer.size() == 1);
}
