// Commands that block, and leases, against a real cluster: what they give, in which order, what a
// cancellation and a failover leave behind on the servers, and a primary that is killed under them.
#include "support/typed.hpp"

#include <umbel/client/lease.hpp>

#include <asio/bind_cancellation_slot.hpp>
#include <asio/cancellation_signal.hpp>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <mutex>
#include <set>

using namespace umbel;
using namespace umbel::test;

namespace {

using texts = std::vector<std::string>;
using popped_text = std::optional<popped_value<>>;

/// How many clients wait on the servers.
long long blocked_clients() {
    long long all = 0;
    for (auto const& node : real_cluster::shared().nodes()) {
        std::string const info = real_cluster::shared().talk(node).must({"INFO", "clients"}).text;
        std::size_t const at = info.find("blocked_clients:");
        if (at != std::string::npos) all += std::stoll(info.substr(at + 16));
    }
    return all;
}

/// Pops that run until they are stopped, and what each was told.
class poppers {
public:
    poppers(session& users, std::string key, unsigned count) : users_{users}, key_{std::move(key)} {
        for (unsigned at = 0; at < count; ++at) begin();
    }
    void stop() { stopped_ = true; }
    std::map<std::string, int> seen() {
        std::lock_guard const guard{mutex_};
        return seen_;
    }
    int unknown() const { return unknown_; }
    int failed() const { return failed_; }
    int running() const { return running_; }

private:
    void begin() {
        ++running_;
        users_.db().blpop(key_, 2s)([this](result<popped_text> told) {
            if (told && *told) {
                std::lock_guard const guard{mutex_};
                ++seen_[(*told)->value];
            }
            if (!told) ++(told.error().may_have_executed() ? unknown_ : failed_);
            if (!stopped_) begin();
            --running_;
        });
    }
    session& users_;
    std::string key_;
    std::mutex mutex_;
    std::map<std::string, int> seen_;
    std::atomic<int> unknown_{0}, failed_{0}, running_{0};
    std::atomic<bool> stopped_{false};
};

}  // namespace

TEST_CASE("what commands that block give, in both protocols", "[typed][leases]") {
    typed_session s;
    auto& db = s.db();
    texts const keys{"{l}1", "{l}2"};
    CHECK(s(db.blpop("{l}1", 50ms)).value() == popped_text{});
    CHECK(s(db.rpush("{l}2", 1, 2, 3, 4, 5)) == 5);
    CHECK(s(db.blpop(keys, wait_forever)).value() == popped_text{{"{l}2", "1"}});
    CHECK(s(db.brpop<int>(keys, 1s)).value() == std::optional<popped_value<int>>{{"{l}2", 5}});
    CHECK(s(db.blmove("{l}2", "{l}1", list_end::left, list_end::right, 1s)) == "2");
    CHECK(s(db.blmove("{l}none", "{l}1", list_end::left, list_end::right, 50ms)) == std::nullopt);
    if (typed_session::has("blmpop")) {
        CHECK(s(db.blmpop(keys, list_end::right, 1s, 2)).value() ==
              std::optional{popped<std::string>{"{l}1", {"2"}}});
        CHECK(s(db.blmpop(texts{"{l}none"}, list_end::left, 50ms)) == std::nullopt);
    }
    CHECK(s(db.bzpopmin("{z}", 50ms)) == std::nullopt);
    CHECK(s(db.zadd("{z}", std::map<std::string, double>{{"a", 1}, {"b", 2}, {"c", 3.5}})) == 3);
    CHECK(s(db.bzpopmin("{z}", 1s)).value() == std::optional{popped_member<>{"{z}", "a", 1}});
    CHECK(s(db.bzpopmax(texts{"{z}none", "{z}"}, 1s)).value() ==
          std::optional{popped_member<>{"{z}", "c", 3.5}});
    if (typed_session::has("bzmpop"))
        CHECK(s(db.bzmpop(texts{"{z}"}, score_end::min, 1s)).value().has_value());
    CHECK(s(db.xread_block("{x}", "$", 50ms)).value().empty());
    auto const id = s(db.xadd("{x}", "f", "v"));
    CHECK(s(db.xread_block("{x}", "0", 1s, {.count = 5})).value().size() == 1);
    CHECK(s(db.xgroup_create("{x}", "g", "0")).has_value());
    auto const delivered = s(db.xreadgroup_block("g", "me", "{x}", ">", 1s));
    REQUIRE((delivered && delivered->size() == 1));
    CHECK(delivered->begin()->second.front().id == *id);
    CHECK(s(db.xreadgroup_block("g", "me", "{x}", ">", 50ms)).value().empty());
    CHECK(s(db.set("{l}text", "x")).has_value());
    CHECK(s(db.blpop("{l}text", 1s)).error() == errc::wrong_type);
    CHECK(s(db.blpop("{l}", 0s)).error() == errc::bad_argument);
}

TEST_CASE("a thousand waits over ten leases are served in the order in which they came", "[leases]") {
    options few{.seeds = {real_cluster::shared().nodes()[0].address()}};
    few.leases_max = 10;
    session s{few};
    REQUIRE(s(s.db().del("fair")).has_value());
    std::mutex mutex;
    std::vector<int> order;
    std::atomic<int> wrong{0};
    asio::post(s.executor(), [&] {
        for (int at = 0; at < 1000; ++at)
            s.db().blpop("fair", 50s)([&, at](result<popped_text> told) {
                if (!told || !*told) ++wrong;
                std::lock_guard const guard{mutex};
                order.push_back(at);
            });
    });
    REQUIRE(eventually([] { return blocked_clients() == 10; }));
    for (int at = 0; at < 1000; ++at) {
        REQUIRE(s(s.db().rpush("fair", at)).has_value());
        REQUIRE(eventually([&] {
            std::lock_guard const guard{mutex};
            return order.size() == static_cast<std::size_t>(at) + 1;
        }));
    }
    CHECK(wrong == 0);
    // The network decides which of the leases is the first that the server hears.
    int furthest = 0;
    for (int at = 0; at < 1000; ++at)
        furthest = std::max(furthest, std::abs(order[static_cast<std::size_t>(at)] - at));
    CHECK(furthest < 10);
    CHECK(blocked_clients() == 0);
}

TEST_CASE("cancelled waits leave nobody waiting on the servers, and their connections are used again",
          "[leases]") {
    options few{.seeds = {real_cluster::shared().nodes()[0].address()}};
    few.leases_max = 5;
    session s{few};
    REQUIRE(s(s.db().del("stop")).has_value());
    std::vector<asio::cancellation_signal> signals(20);
    std::atomic<int> cancelled{0}, known{0};
    asio::post(s.executor(), [&] {
        for (auto& signal : signals)
            s.db().blpop("stop", wait_forever)(
                asio::bind_cancellation_slot(signal.slot(), [&](result<popped_text> told) {
                    if (!told && told.error() == errc::cancelled) ++cancelled;
                    if (!told && !told.error().may_have_executed()) ++known;
                }));
    });
    REQUIRE(eventually([] { return blocked_clients() == 5; }));
    auto const before = s(s.db().statistics());
    asio::post(s.executor(), [&] {
        for (auto& signal : signals) signal.emit(asio::cancellation_type::terminal);
    });
    CHECK(eventually([&] { return cancelled == 20; }));
    CHECK(known == 20);
    CHECK(blocked_clients() == 0);
    auto const after = s(s.db().statistics());
    CHECK(after->disconnects == before->disconnects);
}

TEST_CASE("waits follow their slot when its primary hands over", "[leases]") {
    auto& servers = real_cluster::shared();
    servers.heal();
    std::uint16_t const slot = 700;
    std::string const key = real_cluster::key_in(slot) + ":wait";
    session s{options{.seeds = {servers.nodes()[0].address()}}};
    REQUIRE(s(s.db().del(key)).has_value());
    std::vector<operation<popped_text>> waits;
    for (int at = 0; at < 20; ++at) waits.push_back(s.db().blpop(key, 50s));
    auto const under_way = s.begin(std::move(waits));
    REQUIRE(eventually([] { return blocked_clients() == 20; }));
    auto const shard = servers.shard_of(slot, "n1");
    REQUIRE(shard.size() == 2);
    servers.fail_over_to(shard[1]);
    REQUIRE(eventually([&] { return blocked_clients() == 20; }));
    for (int at = 0; at < 20; ++at) REQUIRE(s(s.db().rpush(key, at)).has_value());
    std::set<std::string> all;
    for (auto const& told : s.finish(under_way)) {
        REQUIRE((told && *told));
        all.insert((*told)->value);
    }
    CHECK(all.size() == 20);
}

TEST_CASE("a primary that is killed under waits costs them at most what they are told", "[leases]") {
    auto& servers = real_cluster::shared();
    servers.heal();
    std::uint16_t const slot = 900;
    std::string const key = real_cluster::key_in(slot) + ":killed";
    options chosen{
        .seeds = {servers.nodes()[0].address(), servers.nodes()[1].address(), servers.nodes()[2].address()}};
    chosen.deadline = 30s;
    session s{chosen};
    REQUIRE(s(s.db().del(key)).has_value());
    poppers users{s, key, 30};
    REQUIRE(eventually([] { return blocked_clients() == 30; }));
    auto const shard = servers.shard_of(slot, "n1");
    REQUIRE(shard.size() == 2);
    servers.kill(shard[0].name);
    // Nothing had been pushed: so nothing is lost, but nobody can know.
    REQUIRE(eventually([&] { return users.unknown() == 30; }));
    std::set<std::string> pushed;
    for (int at = 0; at < 200; ++at) {
        auto const told = s(s.db().rpush(key, at));
        if (told) pushed.insert(std::to_string(at));
    }
    REQUIRE(pushed.size() > 100);
    CHECK(eventually([&] { return users.seen().size() >= pushed.size(); }));
    users.stop();
    REQUIRE(eventually([&] { return users.running() == 0; }));
    for (auto const& [element, times] : users.seen()) {
        INFO(element);
        CHECK(times == 1);
    }
    servers.heal();
}

TEST_CASE("a lease keeps what its server remembers, and goes back as it was or not at all", "[leases]") {
    auto& servers = real_cluster::shared();
    servers.heal();
    options one{.seeds = {servers.nodes()[0].address()}};
    one.leases_max = 1;
    session s{one};
    std::int64_t first_id = 0;
    {
        auto mine = s(s.db().lease("{w}"));
        REQUIRE(mine.has_value());
        first_id = s(mine->command<std::int64_t>("CLIENT", "ID")).value();
        CHECK(s(mine->set("{w}", "1")).has_value());
        CHECK(s(mine->wait(1, 5s)) == 1);
        CHECK(s(mine->watch("{w}")).has_value());
        CHECK(s(s.db().set("{w}", "2")).has_value());
        auto const done = s(mine->transaction(umbel::cmd.set("{w}", "3")));
        REQUIRE(done.has_value());
        CHECK_FALSE(done->has_value());  // Somebody has written to the key.
        CHECK(s(mine->unwatch()).has_value());
        CHECK(s(mine->command<reply>("BLPOP", umbel::key("{w}q"), "0")).error() == errc::needs_lease);
        CHECK(s(s.db().with(200ms).lease("{w}")).error() == errc::deadline_exceeded);
    }
    {
        auto mine = s(s.db().lease("{w}"));
        REQUIRE(mine.has_value());
        CHECK(s(mine->command<std::int64_t>("CLIENT", "ID")) == first_id);
        CHECK(s(mine->command<ok>("CLIENT", "NO-EVICT", "ON")).has_value());
        CHECK(s(mine->command<reply>("MONITOR")).error() == errc::needs_lease);
    }
    auto mine = s(s.db().lease("{w}"));
    REQUIRE(mine.has_value());
    CHECK(s(mine->command<std::int64_t>("CLIENT", "ID")).value() != first_id);
    auto const owner = servers.owner_of(umbel::cluster::slot_of("{w}").value());
    servers.talk(owner).must(
        {"CLIENT", "KILL", "ID", std::to_string(s(mine->command<std::int64_t>("CLIENT", "ID")).value())});
    CHECK(eventually([&] { return !mine->alive(); }));
    auto const late = s(mine->get("{w}"));
    REQUIRE_FALSE(late.has_value());
    CHECK(late.error() == errc::connection_lost);
    CHECK(late.error().delivery() == delivery::not_sent);
}
