// Commands that block, and leases, against a real cluster: what they give, in which order, what a
// cancellation and a failover leave behind on the servers, and a primary that is killed under them.
#include "support/peak_memory.hpp"
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

// Of 10,000 over 100, by default a quarter of both.
TEST_CASE("thousands of waits over some leases are served in the order in which they came", "[leases]") {
    bool const whole = std::getenv("UMBEL_LONG") != nullptr;
    int const leases = whole ? 100 : 25, waits = 100 * leases;
    std::vector<int> order;  // Callers, as they were served; on the client's thread.
    std::vector<int> values(static_cast<std::size_t>(waits), -1);
    std::atomic<int> served{0}, wrong{0};
    options few{.seeds = {real_cluster::shared().nodes()[0].address()}};
    few.leases_max = static_cast<std::uint32_t>(leases);
    few.leases_waiting_max = static_cast<std::uint32_t>(waits);
    session s{few};
    REQUIRE(s(s.db().del("fair")).has_value());
    std::size_t const before = resident_bytes();
    auto const begin = [&](int caller) {
        s.db().blpop<int>("fair", wait_forever)([&, caller](result<std::optional<popped_value<int>>> told) {
            order.push_back(caller);
            if (told && *told)
                values[static_cast<std::size_t>(caller)] = (*told)->value;
            else
                ++wrong;
            ++served;
        });
    };
    s.on_its_thread([&] {
        for (int caller = 0; caller < waits; ++caller) begin(caller);
    });
    REQUIRE(eventually([&] { return blocked_clients() == leases; }));
    std::size_t const waiting = resident_bytes();
    auto const begun = std::chrono::steady_clock::now();
    int pushed = 0;
    while (pushed < waits) {
        std::vector<int> some(static_cast<std::size_t>(leases) / 2);
        for (int& value : some) value = pushed++;
        some.resize(some.size() - static_cast<std::size_t>(std::max(0, pushed - waits)));
        REQUIRE(s(s.db().rpush("fair", some)).has_value());
        REQUIRE(blocked_clients() <= leases);
    }
    REQUIRE(eventually([&] { return served == waits; }));
    auto const took = std::chrono::steady_clock::now() - begun;
    CHECK(wrong == 0);
    std::vector<int> all = values;
    std::sort(all.begin(), all.end());
    for (int at = 0; at < waits; ++at)
        REQUIRE(all[static_cast<std::size_t>(at)] == at);  // None lost, none twice.
    // Nobody is served before all who came before are at the server, but for the others of this moment. The
    // server hears those who come together in an order of its own.
    int early = 0, late = 0;
    for (int rank = 0; rank < waits; ++rank) {
        early = std::max(early, order[static_cast<std::size_t>(rank)] - rank);
        late = std::max(late, rank - order[static_cast<std::size_t>(rank)]);
    }
    CHECK(early < leases);
    CHECK(late < 10 * leases);
    CHECK(blocked_clients() == 0);
    auto const bytes = (std::max(waiting, before) - before) / static_cast<std::size_t>(waits);
    std::printf(
        "%d waits over %d leases: served in %.2f s, at most %d places early and %d late, %zu bytes a wait\n",
        waits, leases, std::chrono::duration<double>{took}.count(), early, late, bytes);
    CHECK(bytes < 16384);
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

TEST_CASE("waits follow their slot when its primary hands over", "[leases][installed]") {
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

TEST_CASE("a lease that is given back selected, watching or in a transaction is lent to nobody", "[leases]") {
    real_cluster server{{.standalone = true}};
    options one{.seeds = {server.nodes()[0].address()}};
    one.leases_max = 1;
    session s{one};
    auto const id_of = [&](lease const& mine) {
        return s(mine.command<std::int64_t>("CLIENT", "ID")).value();
    };
    REQUIRE(s(s.db().set("k", "zero")).has_value());
    REQUIRE(s(s.db().rpush("list", "a", "b", "c", "d", "e")) == 5);
    std::set<std::int64_t> ids;
    auto const changes = [&](std::vector<std::vector<std::string>> const& commands) {
        auto mine = s(s.db().lease("k"));
        REQUIRE(mine.has_value());
        CHECK(ids.insert(id_of(*mine)).second);
        // What the holder before has left is not there.
        CHECK(s(mine->get("k")) == "zero");
        auto const done = s(mine->transaction(umbel::cmd.get("k")));
        REQUIRE((done && *done));
        CHECK(std::get<0>(**done) == "zero");
        for (auto const& words : commands)
            CHECK(s(words.size() == 1 ? mine->command<reply>(words[0])
                                      : mine->command<reply>(words[0], umbel::key(words[1])))
                      .has_value());
    };
    auto const pops = [&] { CHECK(s(s.db().blpop("list", 5s)).value().has_value()); };
    changes({{"SELECT", "3"}});
    pops();
    changes({{"WATCH", "k"}});
    REQUIRE(s(s.db().set("k", "zero")).has_value());
    pops();
    changes({{"MULTI"}, {"GET", "k"}});
    pops();
    changes({{"WATCH", "k"}, {"MULTI"}});
    pops();
    changes({{"MULTI"}, {"EXEC"}});
    pops();
    changes({});
    CHECK(ids.size() == 6);
}
