// deposing.hpp: failovers that are ordered under the load of a drill, until they are done.
#pragma once

#include "drill.hpp"

#include <chrono>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <thread>

namespace umbel::test {

/// A primary that hands over lets its writers wait, and on a busy machine that takes seconds. Who took its
/// silence for death would give up commands that may have run.
inline drill_plan patient(unsigned slots = 2) {
    return {.slots = slots, .options = {.probe_timeout = std::chrono::milliseconds{20000}}};
}

/// Redis counts the votes of a node's election again when the next one comes before
/// eight seconds are over (four times the node timeout): it then takes over with an old epoch and is deposed
/// at once, losing what it has acknowledged, whatever the form. So nobody is elected twice in that time.
inline void await_turn_to_be_elected(real_cluster::node const& wanted) {
    static std::mutex mutex;
    static std::map<std::uint16_t, std::chrono::steady_clock::time_point> elections;
    std::unique_lock guard{mutex};
    auto const latest = elections.find(wanted.port);
    auto const turn = latest == elections.end() ? std::chrono::steady_clock::now() : latest->second + 9s;
    guard.unlock();
    std::this_thread::sleep_until(turn);
    guard.lock();
    elections[wanted.port] = std::chrono::steady_clock::now();
}

/// Orders a failover of one form until the replica serves.
inline bool depose(drill const& d, std::size_t at, std::string const& form,
                   real_cluster::node const& wanted) {
    for (int attempt = 0; attempt < 6; ++attempt) {
        if (form != "TAKEOVER") await_turn_to_be_elected(wanted);
        form.empty() ? d.servers.talk(wanted).ask({"CLUSTER", "FAILOVER"})
                     : d.servers.talk(wanted).ask({"CLUSTER", "FAILOVER", form});
        // The servers give up now and then on a busy machine: they are asked again.
        if (d.serves(at, wanted, 8s)) return true;
    }
    return false;
}

}  // namespace umbel::test
