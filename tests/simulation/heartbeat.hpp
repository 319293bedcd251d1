// heartbeat.hpp: users who write one key after another at a steady pace, and what they saw. It judges
// nothing.
#pragma once

#include "scene.hpp"

#include <algorithm>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace simulation {

/// Calls SET on each key every `pace` until `until`.
struct heartbeat {
    scene& on;
    std::vector<std::string> keys;
    duration pace;
    instant until;
    duration deadline = 5s;

    /// A write that succeeded.
    struct beat {
        instant asked;
        instant came;
    };
    std::vector<std::vector<beat>> good{keys.size()};  ///< By key.
    std::map<errc, unsigned> errors{};
    unsigned failed = 0;

    void start() {
        for (std::size_t i = 0; i < keys.size(); ++i) call(i);
    }
    duration p99(std::size_t key) const {
        std::vector<duration> all;
        for (beat const& one : good[key]) all.push_back(one.came - one.asked);
        std::sort(all.begin(), all.end());
        return all.empty() ? duration{0} : all[all.size() * 99 / 100];
    }

private:
    void call(std::size_t which) {
        instant const asked = on.time.now();
        if (asked >= until) return;
        on.db.call({"SET", keys[which], "x"},
                   [this, which, asked](umbel::result<umbel::reply> told) {
                       if (told) return good[which].push_back({asked, on.time.now()});
                       ++failed;
                       ++errors[told.error().code()];
                   },
                   {.deadline = deadline});
        on.time.in(pace, [this, which] { call(which); });
    }
};

/// `count` keys of each of the first `primaries` primaries, those of one primary together.
inline std::vector<std::string> keys_each(scene& on, int primaries, int count = 1) {
    std::vector<std::string> keys;
    for (int i = 0; i < primaries; ++i)
        for (int j = 0; j < count; ++j) keys.push_back(on.key_of(i, "k" + std::to_string(j) + ":"));
    return keys;
}

}  // namespace simulation
