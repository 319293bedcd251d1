// Servers that refuse, pause or throw out their clients, under load: refusals have no effect, silence is told
// as what it is, and everything goes on by itself as soon as the server lets it.
#include "integration/support/beside.hpp"
#include "integration/support/drill.hpp"

using namespace umbel;
using namespace umbel::test;

namespace {

/// One setting of one node, set back in the end.
class setting {
public:
    setting(real_cluster const& servers, real_cluster::node const& node, std::string name,
            std::string const& value)
        : talk_{servers.talk(node)},
          name_{std::move(name)},
          before_{talk_.must({"CONFIG", "GET", name_}).items.at(1).text} {
        talk_.must({"CONFIG", "SET", name_, value});
    }
    setting(setting const&) = delete;
    ~setting() {
        try {
            undo();
        } catch (std::exception const& problem) {
            std::fprintf(stderr, "%s stays as it is: %s\n", name_.c_str(), problem.what());
        }
    }
    void undo() {
        if (!std::exchange(undone_, true)) talk_.must({"CONFIG", "SET", name_, before_});
    }
    wire& talk() noexcept { return talk_; }

private:
    wire talk_;
    std::string name_;
    std::string before_;
    bool undone_ = false;
};

void check_healthy(drill const& d) {
    CHECK(d.surprises(1, {}) == "");
    CHECK(d.surprises(2, {}) == "");
}
/// Waits until the shard's callers were told so and so often more that something went wrong.
bool fails(drill const& d, std::size_t at, std::uint64_t count) {
    auto const goal = d.users.failed(at) + count;
    return eventually([&] { return d.users.failed(at) >= goal; }, 60s);
}

}  // namespace

TEST_CASE("connections are killed in a loop under load", "[drill]") {
    drill d{"CLIENT KILL",
            {.callers = short_or_long(12u, 24u),
             .deadline = 20s,
             .elections = false,
             .options = {.reconnect_delay_max = 50ms}}};
    std::vector<wire> killers;
    for (std::size_t at : {0u, 1u, 2u}) killers.push_back(d.servers.talk(d[at].primary));
    long long kills = 0;
    d.disturb([&] {
        for (int round = 0; round < short_or_long(20, 200); ++round) {
            for (wire& one : killers)
                kills += one.must({"CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"}).number();
            for (std::size_t at : {0u, 1u, 2u})
                REQUIRE(d.users.goes_on(at, static_cast<std::uint64_t>(round % 20)));
        }
    });
    REQUIRE(d.users.all_go_on(100));
    auto const found = d.reckon();
    INFO(found.to_string());
    CHECK(found.clean());
    CHECK(found.forgiven == 0);
    CHECK(kills >= 40);
    for (std::size_t at : {0u, 1u, 2u})
        CHECK(d.surprises(at, {errc::connection_lost, errc::connect_failed, errc::deadline_exceeded}) == "");
}

TEST_CASE("a server accepts no more clients, then does again", "[drill]") {
    drill d{"maxclients", {.deadline = 300ms, .elections = false}};
    setting limit{d.servers, d[0].primary, "maxclients", "1"};
    d.disturb([&] { limit.talk().must({"CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"}); });
    REQUIRE(fails(d, 0, 20));
    limit.undo();
    REQUIRE(d.users.all_go_on(200));
    auto const found = d.reckon();
    INFO(found.to_string());
    CHECK(found.clean());
    CHECK(d.surprises(0, {errc::connection_lost, errc::connect_failed, errc::deadline_exceeded,
                          errc::server_error}) == "");
    check_healthy(d);
}

TEST_CASE("a server has no memory left: writes are refused, and only these", "[drill]") {
    drill d{"OOM", {.elections = false}};
    {
        setting policy{d.servers, d[0].primary, "maxmemory-policy", "noeviction"};
        setting limit{d.servers, d[0].primary, "maxmemory", "1"};
        d.disturb([&] { REQUIRE(fails(d, 0, 100)); });
        // Reads go on.
        CHECK(d.s(d.s.db().get(real_cluster::key_in(d[0].slots[0]) + ":nothing")).has_value());
    }
    REQUIRE(d.users.all_go_on(200));
    auto const found = d.reckon();
    INFO(found.to_string());
    CHECK(found.clean());
    CHECK(found.unknown == 0);
    CHECK(found.refused >= 50);
    CHECK(d.surprises(0, {errc::out_of_memory}) == "");
    check_healthy(d);
}

TEST_CASE("a server pauses its clients: what was given up meanwhile runs at most once", "[drill]") {
    drill d{"CLIENT PAUSE", {.deadline = 250ms, .elections = false}};
    wire talk = d.servers.talk(d[0].primary);
    for (int round = 0; round < short_or_long(2, 20); ++round) {
        bool const everything = round % 2 == 0;
        d.disturb([&] {
            talk.must({"CLIENT", "PAUSE", everything ? "800" : "60000", everything ? "ALL" : "WRITE"});
            CHECK(fails(d, 0, 20));
        });
        // Who pauses everything has paused this command, too, and waits for its own pause to end.
        talk.must({"CLIENT", "UNPAUSE"});
        REQUIRE(d.users.all_go_on(100));
    }
    auto const found = d.reckon();
    INFO(found.to_string());
    CHECK(found.clean());
    CHECK(found.forgiven == 0);
    CHECK(found.unknown > 0);
    CHECK(d.surprises(0, {errc::deadline_exceeded, errc::connection_lost, errc::connect_failed}) == "");
    CHECK(d.s.counted().late_replies > 0);
}

TEST_CASE("a script keeps a server busy: commands are refused until it is killed", "[drill]") {
    drill d{"BUSY", {.elections = false}};
    setting patient{d.servers, d[0].primary, "lua-time-limit", "1"};
    for (int round = 0; round < short_or_long(1, 10); ++round) {
        std::string told;
        beside script{
            [&] { told = d.servers.talk(d[0].primary).ask({"EVAL", "while true do end", "0"}).text; }};
        d.disturb([&] { CHECK(fails(d, 0, 20)); });
        // Until the script is past its time, there is none to kill.
        CHECK(eventually([&] { return !patient.talk().ask({"SCRIPT", "KILL"}).is_error(); }));
        script.join();
        CHECK(told.find("killed") != std::string::npos);
        REQUIRE(d.users.all_go_on(100));
    }
    auto const found = d.reckon();
    INFO(found.to_string());
    CHECK(found.clean());
    CHECK(found.refused > 0);
    CHECK(d.surprises(0, {errc::busy_script}) == "");
    check_healthy(d);
}
