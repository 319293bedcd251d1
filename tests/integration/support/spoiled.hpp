// spoiled.hpp: a drill whose client goes through fault proxies, and what a proxy does to it. Whether the
// client withstood that is for the caller to judge: a sound one must, one with a defect must be convicted.
#pragma once

#include "drill.hpp"
#include "proxied.hpp"

namespace umbel::test {

/// A drill whose client goes through proxies, the seed included.
struct spoiled {
    proxied_cluster& proxies = proxied_cluster::shared();
    drill d;

    spoiled(std::string title, drill_plan plan) : d{std::move(title), through(proxies, std::move(plan))} {
        for (auto const& one : {d[0], d[1], d[2]})
            REQUIRE(d.s.node(proxies.address(one.primary)).primary_link.commands > 0);
    }
    ~spoiled() { proxies.behave_everywhere({}); }

    static drill_plan through(proxied_cluster& proxies, drill_plan plan) {
        plan.seed = proxies.address(real_cluster::shared().owner_of(16000));
        plan.elections = false;
        return plan;
    }
    /// Lets the client live with it until every group has had so many answers more.
    void endure(conduct const& now, std::uint64_t answers) {
        d.disturb([&] {
            proxies.behave_everywhere(now);
            REQUIRE(d.users.all_go_on(answers));
        });
    }
};

/// Nobody waits so long for a reply as it is held back.
inline drill_plan impatient() {
    return {.callers = short_or_long(12u, 24u),
            .deadline = 150ms,
            .options = {.probe_after = std::chrono::milliseconds{0}}};
}
/// Replies of one node are held back until their callers have given up, and come then.
inline void deliver_late(spoiled& here, int rounds) {
    for (int round = 0; round < rounds; ++round) {
        auto const failed = here.d.users.failed(0);
        here.d.disturb([&] {
            here.proxies.behave(here.d[0].primary, {.hold_replies = true});
            REQUIRE(eventually([&] { return here.d.users.failed(0) > failed + 20; }));
            here.proxies.behave(here.d[0].primary, {});
        });
        REQUIRE(here.d.users.all_go_on(100));
    }
}

inline drill_plan persistent() {
    return {.callers = short_or_long(12u, 24u),
            .deadline = 10s,
            .options = {.reconnect_delay_max = std::chrono::milliseconds{50}}};
}
/// Every connection ends in the midst of a reply, again and again.
inline void cut_in_mid_reply(spoiled& here, std::uint64_t answers) {
    auto const before = here.proxies.cuts();
    for (conduct const& now : {conduct{.cut_after = 6000}, conduct{.piece = 5, .cut_after = 3000}}) {
        here.proxies.behave_everywhere(now);
        // A connection is given its length when it begins, so those that stand already are ended.
        for (auto const& server : here.d.servers.now("primary"))
            here.d.servers.talk(server).must({"CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"});
        here.endure(now, answers);
    }
    here.proxies.behave_everywhere({});
    CHECK(here.proxies.cuts() - before >= 10);
}

}  // namespace umbel::test
