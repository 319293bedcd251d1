// Consumers of a group on a real cluster: what each is given, after restarts and claims, while connections
// die, slots move, primaries hand over, and groups and streams are deleted under them.
#include "support/lost_replies.hpp"
#include "support/typed.hpp"

#include <umbel/client/consumer.hpp>

#include <asio/bind_cancellation_slot.hpp>
#include <asio/cancellation_signal.hpp>

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

using namespace umbel;
using namespace umbel::test;

namespace {

using ids = std::vector<std::string>;

/// A stream of its own for each test, and the consumers of one group of it.
struct stream_of_orders {
    real_cluster& servers = real_cluster::shared();
    std::uint16_t slot;
    std::string key;
    session s{options{.seeds = {servers.address("n1"), servers.address("n2"), servers.address("n3")},
                      .deadline = 30s}};

    explicit stream_of_orders(std::uint16_t at, std::string const& name)
        : slot{at}, key{real_cluster::key_in(at) + ":" + name} {
        servers.heal();
        REQUIRE(s(s.db().del(key)).has_value());
    }

    consumer_options options_for(std::string_view name) const {
        return {.stream = key, .group = "g", .name = name, .claim_idle = 0ms};
    }
    consumer<> worker(std::string_view name) { return {s.db(), options_for(name)}; }
    ids add(int count) {
        ids added;
        for (int at = 0; at < count; ++at) {
            auto const id = s(s.db().xadd(key, "n", at));
            REQUIRE(id.has_value());
            added.push_back(*id);
        }
        return added;
    }
    std::int64_t pending() { return s(s.db().xpending(key, "g")).value().count; }
    /// Until a read of the stream waits at its server.
    bool waits() {
        return eventually([&] {
            std::string const clients = servers.talk(servers.owner_of(slot)).must({"CLIENT", "LIST"}).text;
            return clients.find(" cmd=xreadgroup ") != std::string::npos &&
                   clients.find(" flags=b ") != std::string::npos;
        });
    }
};

ids ids_of(result<consumer_page<>> const& page) {
    if (!page) return {page.error().to_string()};
    ids found;
    for (auto const& each : *page) found.push_back(each.id);
    return found;
}

}  // namespace

TEST_CASE("consumers of a group share its entries, and nothing pends when all is acknowledged",
          "[typed][consumers]") {
    typed_session s;
    auto const db = s.db().prefixed("{consumers}:");
    consumer_options options{
        .stream = "orders", .group = "g", .name = "a", .count = 7, .claim_idle = 0ms, .wait = 100ms};
    consumer const first{db, options};
    options.name = "b";
    consumer const second{db, options};
    REQUIRE(s(first.next()).value().empty());  // The group is there now.
    std::set<std::string> added;
    for (int at = 0; at < 100; ++at) added.insert(s(db.xadd("orders", "n", at)).value());
    CHECK(s(s.db().exists("{consumers}:orders")) == 1);
    std::set<std::string> seen;
    for (bool more = true; more;) {
        more = false;
        for (consumer<> const* const each : {&first, &second}) {
            auto const page = s(each->next());
            REQUIRE(page.has_value());
            CHECK(page->source == entry_source::fresh);
            CHECK(page->size() <= 7);
            for (auto const& [id, fields] : *page) CHECK(seen.insert(id).second);
            CHECK(s(each->ack(*page)) == static_cast<std::int64_t>(page->size()));
            more = more || !page->empty();
        }
    }
    CHECK(seen == added);
    CHECK(s(db.xpending("orders", "g")).value().count == 0);
}

TEST_CASE("what a consumer had comes first when it is restarted; another one claims it", "[consumers]") {
    stream_of_orders t{300, "restarts"};
    ids const added = t.add(5);
    {
        auto const worker = t.worker("me");
        CHECK(ids_of(t.s(worker.next())) == added);
        CHECK(t.s(worker.ack(added[1])) == 1);
    }
    ids left = added;
    left.erase(left.begin() + 1);
    auto const again = t.worker("me");
    auto page = t.s(again.next());
    CHECK(ids_of(page) == left);
    CHECK(page->source == entry_source::pending);
    // One of them, and one that nobody reads any more, are deleted.
    REQUIRE(t.s(t.s.db().xdel(t.key, added[0])) == 1);
    consumer_options other = t.options_for("other");
    other.claim_idle = 1ms;
    consumer const claimant{t.s.db(), other};
    left.erase(left.begin());
    ids claimed, deleted;
    while (claimed.size() < left.size() || deleted.empty()) {  // Each as soon as it has been idle for 1 ms.
        page = t.s(claimant.next());
        REQUIRE(page.has_value());
        CHECK(page->source == entry_source::claimed);
        for (std::string const& id : ids_of(page)) claimed.push_back(id);
        for (std::string const& id : page->deleted) deleted.push_back(id);
    }
    CHECK(claimed == left);
    CHECK(deleted == ids{added[0]});
    CHECK(t.s(claimant.ack(claimed)) == 3);
    CHECK(t.pending() == 0);
    CHECK(t.s(again.ack(left)) == 0);  // Too late, and no harm.
}

TEST_CASE("entries that were deleted while they were pending are told, and pend no more", "[consumers]") {
    stream_of_orders t{310, "deleted"};
    ids const added = t.add(4);
    CHECK(ids_of(t.s(t.worker("me").next())) == added);
    REQUIRE(t.s(t.s.db().xdel(t.key, added[0], added[2])) == 2);
    auto const worker = t.worker("me");
    auto const page = t.s(worker.next());
    CHECK(ids_of(page) == ids{added[1], added[3]});
    CHECK(page->deleted == ids{added[0], added[2]});
    CHECK(t.s(worker.ack(*page)) == 2);
    CHECK(t.pending() == 2);
    ids const more = t.add(1);
    CHECK(ids_of(t.s(worker.next())) == more);
    CHECK(t.pending() == 1);
}

TEST_CASE("a wait that is cancelled leaves nobody waiting, and loses nothing", "[consumers]") {
    stream_of_orders t{320, "cancelled"};
    auto const worker = t.worker("me");
    asio::cancellation_signal stop;
    std::atomic<bool> done{false};
    std::optional<result<consumer_page<>>> told;
    asio::post(t.s.executor(), [&] {
        worker.next()(asio::bind_cancellation_slot(stop.slot(), [&](result<consumer_page<>> page) {
            told.emplace(std::move(page));
            done = true;
        }));
    });
    REQUIRE(t.waits());
    asio::post(t.s.executor(), [&] { stop.emit(asio::cancellation_type::terminal); });
    REQUIRE(eventually([&] { return done.load(); }));
    REQUIRE_FALSE(told->has_value());
    CHECK(told->error() == errc::cancelled);
    ids const added = t.add(3);
    CHECK(ids_of(t.s(worker.next())) == added);
}

TEST_CASE("entries that were delivered to a connection that died are given all the same", "[consumers]") {
    stream_of_orders t{330, "killed"};
    auto const worker = t.worker("me");
    for (int round = 0; round < 3; ++round) {
        auto const under_way = t.s.begin(worker.next());
        REQUIRE(t.waits());
        auto const [id, delivered] =
            lose_reply(t.servers.talk(t.servers.owner_of(t.slot)), t.key, "g", {"n", std::to_string(round)});
        CHECK(delivered);
        auto const page = std::move(t.s.finish(under_way).front());
        CHECK(ids_of(page) == ids{id});
        CHECK(t.s(worker.ack(*page)) == 1);
    }
    CHECK(t.pending() == 0);
}

TEST_CASE("a wait follows its stream to another node", "[consumers]") {
    stream_of_orders t{340, "moves"};
    auto const worker = t.worker("me");
    ids const first = t.add(1);
    CHECK(ids_of(t.s(worker.next())) == first);
    SECTION("when its slot moves") {
        auto const from = t.servers.owner_of(t.slot);
        auto const to = t.servers.owner_of(9000);
        auto const under_way = t.s.begin(worker.next());
        REQUIRE(t.waits());
        t.servers.move_slot(t.slot, from, to);
        ids const second = t.add(1);
        CHECK(ids_of(t.s.finish(under_way).front()) == second);
        CHECK(t.pending() == 2);
        t.servers.move_slot(t.slot, to, from);
    }
    SECTION("when its primary hands over") {
        auto const shard = t.servers.shard_of(t.slot, "n1");
        REQUIRE(shard.size() == 2);
        auto const under_way = t.s.begin(worker.next());
        REQUIRE(t.waits());
        t.servers.fail_over_to(shard[1]);
        ids const second = t.add(1);
        CHECK(ids_of(t.s.finish(under_way).front()) == second);
        CHECK(t.pending() == 2);
    }
    CHECK(t.s(worker.ack(first)) == 1);
}

TEST_CASE("a group or a stream that goes while a read waits is made anew, and nothing is passed over",
          "[consumers]") {
    stream_of_orders t{350, "made anew"};
    auto const worker = t.worker("me");
    ids added = t.add(2);
    CHECK(ids_of(t.s(worker.next())) == added);
    CHECK(t.s(worker.ack(added)) == 2);
    auto under_way = t.s.begin(worker.next());
    REQUIRE(t.waits());
    CHECK(t.s(t.s.db().xgroup_destroy(t.key, "g")) == true);
    CHECK(ids_of(t.s.finish(under_way).front()) == added);  // From the beginning of the stream.
    under_way = t.s.begin(worker.next());
    REQUIRE(t.waits());
    CHECK(t.s(t.s.db().del(t.key)) == 1);
    REQUIRE(t.waits());
    added = t.add(1);
    CHECK(ids_of(t.s.finish(under_way).front()) == added);
    CHECK(t.s(worker.ack(added)) == 1);
    under_way = t.s.begin(worker.next());
    REQUIRE(t.waits());
    CHECK(t.s(t.s.db().del(t.key)) == 1);
    CHECK(t.s(t.s.db().set(t.key, "x")).has_value());
    auto const page = std::move(t.s.finish(under_way).front());
    REQUIRE_FALSE(page.has_value());
    CHECK(page.error() == errc::wrong_type);
}
