// A primary and its replicas that sentinels watch, on virtual time: failovers while sentinels are late, know
// nothing, are dead or lie. Judged is what a client may be judged for: it writes to no stranger, runs nothing
// twice, and is where the primary is a while after the sentinels have heard. What the servers lose (their
// replication is asynchronous) is theirs.
#include <umbel/testing/model_request.hpp>
#include <umbel/testing/model_store.hpp>
#include <umbel/testing/network.hpp>
#include <umbel/testing/sim_client.hpp>

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

namespace {

using namespace umbel::testing;
using umbel::cluster::endpoint;
using namespace std::chrono_literals;

/// What stands at one address: connections, and the commands that come by them.
class watched_server : public listener {
public:
    watched_server(timeline& on, endpoint where) : time{on}, address{std::move(where)} {}
    virtual ~watched_server() = default;

    timeline& time;
    endpoint address;
    bool crashed = false;

    answer knocked() override { return crashed ? answer::refuses : answer::accepts; }
    void accepted(std::shared_ptr<stream> const& from) override { sessions[from->number()].wire = from; }
    void arrived(std::shared_ptr<stream> const& from) override {
        auto const found = sessions.find(from->number());
        if (crashed || found == sessions.end()) return;
        session& to = found->second;
        to.bytes += std::exchange(from->unread(), {});
        from->consumed();
        model_words words;
        std::size_t taken = 0;
        std::string replies;
        while (request_reader::take(to.bytes, taken, words) == request_reader::found::command)
            replies += answer_to(to, words);
        to.bytes.erase(0, taken);
        from->send(replies);
    }
    bool unreachable() const override { return false; }
    void hang_up() {
        for (auto& [number, known] : sessions) known.wire->end(time.chance(50));
        sessions.clear();
    }
    void crash() { crashed = true, hang_up(); }

protected:
    struct session {
        std::shared_ptr<stream> wire;
        std::string bytes;
        bool subscribed = false;
    };
    virtual std::string role_word() const = 0;
    virtual std::string reply(session& from, model_words const& words) = 0;

    std::map<std::uint64_t, session> sessions;

private:
    std::string answer_to(session& from, model_words const& words) {
        if (same_word(words[0], "hello"))
            return wire::map(1, true) + wire::bulk("role") + wire::bulk(role_word());
        if (same_word(words[0], "ping"))
            return words.size() > 1 ? wire::bulk(words[1]) : wire::simple("PONG");
        if (same_word(words[0], "client"))
            return same_word(words[1], "setinfo") ? wire::simple("OK")
                                                  : wire::error("ERR unknown subcommand");
        return reply(from, words);
    }
};

/// A server of data. It keeps every token that was pushed, and tells who watches of each.
class data_server final : public watched_server {
public:
    using watched_server::watched_server;

    data_server* follows = nullptr;
    std::vector<data_server*> followers;
    std::set<std::string> tokens;
    std::function<void(data_server&, std::string const&)> pushed;

private:
    std::string role_word() const override { return follows ? "replica" : "master"; }
    std::string role() const {
        if (follows)
            return wire::array(5) + wire::bulk("slave") + wire::bulk(follows->address.host) +
                   wire::integer(follows->address.port) + wire::bulk("connected") + wire::integer(1);
        std::string text;
        std::size_t count = 0;
        for (data_server const* const other : followers) {
            if (other->crashed || other->follows != this) continue;
            ++count;
            text += wire::array(3) + wire::bulk(other->address.host) +
                    wire::bulk(std::to_string(other->address.port)) + wire::bulk("1");
        }
        return wire::array(3) + wire::bulk("master") + wire::integer(1) + wire::array(count) + text;
    }
    std::string reply(session&, model_words const& words) override {
        if (same_word(words[0], "cluster"))
            return wire::error("ERR This instance has cluster support disabled");
        if (same_word(words[0], "readonly"))
            return wire::error("ERR This instance has cluster support disabled");
        if (same_word(words[0], "role")) return role();
        if (same_word(words[0], "get")) return wire::bulk(std::to_string(tokens.size()));
        if (!same_word(words[0], "rpush")) return wire::error("ERR unknown command");
        if (follows) return wire::error("READONLY You can't write against a read only replica.");
        pushed(*this, words[2]);
        tokens.insert(words[2]);
        for (data_server* const other : followers)
            if (other->follows == this)
                time.in(time.between(0ms, 10ms), [this, other, token = words[2]] {
                    if (!other->crashed && other->follows == this) other->tokens.insert(token);
                });
        return wire::integer(static_cast<std::int64_t>(tokens.size()));
    }
};

/// A sentinel, with what it believes.
class model_sentinel final : public watched_server {
public:
    using watched_server::watched_server;

    endpoint primary;
    std::uint64_t epoch = 1;
    bool knows_group = true;
    bool lies = false;  ///< It learns nothing, and names whom it likes.
    std::vector<endpoint> servers;
    std::vector<endpoint> sentinels;

    void hear(endpoint const& leader, std::uint64_t of_epoch) {
        if (crashed || lies || of_epoch <= epoch) return;
        primary = leader;
        epoch = of_epoch;
        for (auto& [number, known] : sessions)
            if (known.subscribed)
                known.wire->send(wire::array(3) + wire::bulk("message") + wire::bulk("+switch-master") +
                                 wire::bulk("mymaster"));
    }

private:
    std::string role_word() const override { return "sentinel"; }
    static std::string entry(endpoint const& of, std::uint64_t epoch) {
        return wire::array(6) + wire::bulk("ip") + wire::bulk(of.host) + wire::bulk("port") +
               wire::bulk(std::to_string(of.port)) + wire::bulk("config-epoch") +
               wire::bulk(std::to_string(epoch));
    }
    std::string list(std::vector<endpoint> const& all, endpoint const& except) const {
        std::string text;
        std::size_t count = 0;
        for (endpoint const& one : all)
            if (one != except) ++count, text += entry(one, 0);
        return wire::array(count) + text;
    }
    std::string reply(session& from, model_words const& words) override {
        if (same_word(words[0], "subscribe")) {
            from.subscribed = true;
            return wire::array(3) + wire::bulk("subscribe") + wire::bulk(words[1]) + wire::integer(1);
        }
        if (same_word(words[0], "role")) return wire::array(2) + wire::bulk("sentinel") + wire::array(0);
        if (!same_word(words[0], "sentinel")) return wire::error("ERR unknown command");
        if (same_word(words[1], "myid")) return wire::bulk(address.to_string());
        if (!knows_group) return wire::error("ERR No such master with that name");
        if (same_word(words[1], "master")) return entry(primary, epoch);
        if (same_word(words[1], "replicas")) return list(servers, primary);
        return list(sentinels, address);
    }
};

/// Three servers, three sentinels, a stranger that calls itself a primary, and one client that pushes tokens.
struct watched_scene {
    timeline time;
    network net;
    std::vector<std::unique_ptr<data_server>> servers;
    std::unique_ptr<data_server> stranger;
    std::vector<std::unique_ptr<model_sentinel>> sentinels;
    std::unique_ptr<sim_client> db;
    data_server* leader = nullptr;
    std::uint64_t epoch = 1;
    instant must_follow_from{0};  ///< From then on no command may run elsewhere.
    std::vector<std::string> crimes;
    unsigned pushed = 0, acknowledged = 0, failed = 0;

    explicit watched_scene(std::uint64_t seed, std::vector<std::size_t> const& seeds = {0, 1, 2})
        : time{seed}, net{time, {}} {
        for (int at = 1; at <= 3; ++at) servers.push_back(make({"10.0.0." + std::to_string(at), 6379}));
        stranger = make({"10.6.6.6", 6379});
        leader = servers[0].get();
        for (auto& each : servers) {
            each->follows = each.get() == leader ? nullptr : leader;
            for (auto& other : servers)
                if (other != each) each->followers.push_back(other.get());
        }
        for (int at = 1; at <= 3; ++at) {
            sentinels.push_back(
                std::make_unique<model_sentinel>(time, endpoint{"10.1.0." + std::to_string(at), 26379}));
            sentinels.back()->primary = leader->address;
            net.listen(sentinels.back()->address, *sentinels.back());
        }
        for (auto& each : sentinels) {
            for (auto& server : servers) each->servers.push_back(server->address);
            for (auto& other : sentinels) each->sentinels.push_back(other->address);
        }
        umbel::options chosen;
        chosen.sentinel_primary = "mymaster";
        for (std::size_t const at : seeds) chosen.seeds.add(sentinels[at]->address.to_string());
        db = std::make_unique<sim_client>(time, net, chosen, seed);
    }

    std::unique_ptr<data_server> make(endpoint where) {
        auto made = std::make_unique<data_server>(time, std::move(where));
        net.listen(made->address, *made);
        made->pushed = [this](data_server& at, std::string const& token) { judge(at, token); };
        return made;
    }
    void judge(data_server& at, std::string const& token) {
        if (&at == stranger.get()) crimes.push_back("a stranger was written to: " + token);
        if (at.tokens.contains(token)) crimes.push_back("it ran twice: " + token);
        if (&at != leader && time.now() > must_follow_from)
            crimes.push_back("an old primary was written to: " + token);
    }
    void push() {
        std::string const token = "token" + std::to_string(++pushed);
        db->call({"RPUSH", "k", token}, [this](auto told) { ++(told ? acknowledged : failed); },
                 {.deadline = 20s});
    }
    /// Another server leads; each sentinel hears of it within two seconds. The old primary, where it lives,
    /// calls itself one for eight more: that is what Sentinel does.
    void fail_over(bool by_crash) {
        data_server* const before = leader;
        std::vector<data_server*> fit;
        for (auto& each : servers)
            if (each.get() != before && !each->crashed) fit.push_back(each.get());
        if (fit.empty()) return;
        if (by_crash) before->crash();
        leader = fit[time.pick(fit.size())];
        leader->follows = nullptr;
        ++epoch;
        duration slowest{0};
        for (auto& each : sentinels) {
            duration const takes = time.between(0ms, 2000ms);
            if (!each->crashed && !each->lies) slowest = std::max(slowest, takes);
            time.in(takes, [sentinel = each.get(), where = leader->address, number = epoch] {
                sentinel->hear(where, number);
            });
        }
        must_follow_from = time.now() + slowest + 3s;
        for (auto& each : servers) {
            if (each.get() == leader) continue;
            duration const takes = each.get() == before ? duration{8s} : time.between(0ms, 500ms);
            time.in(takes, [server = each.get(), to = leader] {
                server->follows = to;
                server->tokens = to->tokens;
                server->crashed = false;
                server->hang_up();
            });
        }
    }
    void run(duration span) {
        instant const end = time.now() + span;
        while (time.now() < end) {
            push();
            time.run_for(time.between(1ms, 40ms));
        }
    }
    std::string leads() const {
        return db->owner_of(umbel::cluster::slot{0}).value_or(endpoint{}).to_string();
    }
};

unsigned wanted_seeds(unsigned usual) {
    char const* const given = std::getenv("UMBEL_SEEDS");
    return given ? static_cast<unsigned>(std::strtoul(given, nullptr, 10)) : usual;
}

/// One sentinel is well; one other may be anything; the third may hear late, as all do.
void disturb(watched_scene& on) {
    model_sentinel& odd = *on.sentinels[on.time.pick(3)];
    switch (on.time.pick(5)) {
        case 0: odd.crash(); break;
        case 1: odd.knows_group = false; break;
        case 2: odd.lies = true; break;  // It will name the old primary for ever.
        case 3:
            odd.lies = true;
            odd.primary = on.stranger->address;
            odd.epoch = 999;
            odd.servers = {on.stranger->address};
            break;
        case 4: break;
    }
}

}  // namespace

TEST_CASE(
    "failovers by sentinels that are late, dead, empty or liars: no stranger, nothing twice, and on it goes",
    "[sentinels]") {
    unsigned long long pushed = 0, acknowledged = 0, failed = 0, failovers = 0;
    for (unsigned seed = 1; seed <= wanted_seeds(150); ++seed) {
        INFO("seed " << seed);
        watched_scene on{seed};
        disturb(on);
        on.run(3s);
        for (int time = 0; time < 3; ++time, ++failovers) {
            on.fail_over(on.time.chance(50));
            on.run(12s);
            CAPTURE(on.crimes, time);
            REQUIRE(on.crimes.empty());
            REQUIRE(on.leads() == on.leader->address.to_string());
        }
        on.time.run_for(25s);
        CHECK(on.db->pending() == 0);
        CHECK(on.acknowledged + on.failed == on.pushed);
        CHECK(on.acknowledged > on.pushed / 2);
        pushed += on.pushed, acknowledged += on.acknowledged, failed += on.failed;
    }
    INFO(failovers << " failovers, " << pushed << " writes, " << acknowledged << " acknowledged, " << failed
                   << " failed");
    CHECK(acknowledged > 0);
}

TEST_CASE("a client that hears one sentinel only, and a liar, is convicted", "[sentinels][negative]") {
    watched_scene on{7, {0}};
    on.sentinels[0]->lies = true;
    on.sentinels[0]->sentinels = {on.sentinels[0]->address};
    SECTION("it names a stranger") {
        on.sentinels[0]->primary = on.stranger->address;
        on.run(1s);
        REQUIRE_FALSE(on.crimes.empty());
        CHECK(on.crimes.front().starts_with("a stranger was written to"));
    }
    SECTION("it never hears of a failover") {
        on.run(1s);
        REQUIRE(on.crimes.empty());
        on.fail_over(false);
        on.must_follow_from = on.time.now() + 3s;
        on.run(7s);
        REQUIRE_FALSE(on.crimes.empty());
        CHECK(on.crimes.front().starts_with("an old primary was written to"));
    }
}
