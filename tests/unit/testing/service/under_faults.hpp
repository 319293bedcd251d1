// under_faults.hpp: what the tests of clients under random faults share: a client in a hurry, the moments at
// which it sent something again, and the slots of the tags that its users write to.
#pragma once

#include <umbel/cluster/slot.hpp>
#include <umbel/engine/observer.hpp>
#include <umbel/options.hpp>
#include <umbel/testing/timeline.hpp>

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace umbel::test {

/// Options of a client that tries again soon, and often.
inline umbel::options hurried() {
    using std::chrono::milliseconds;
    umbel::options made;
    made.connect_timeout = milliseconds{200};
    made.reconnect_delay = milliseconds{5};
    made.reconnect_delay_max = milliseconds{100};
    made.retry_delay = milliseconds{3};
    made.retry_delay_max = milliseconds{50};
    made.refresh_interval_min = milliseconds{20};
    made.retry_budget_percent = 100;
    made.retry_budget_floor = 1000;
    return made;
}

/// When clients were told to send something again.
struct retry_watcher : umbel::observer {
    testing::timeline& time;
    std::vector<engine::instant> again;
    explicit retry_watcher(testing::timeline& on) : time{on} {}
    void redirected(engine::call_redirected const&) override { again.push_back(time.now()); }
    void retried(engine::call_retried const&) override { again.push_back(time.now()); }
};

inline std::string tag_of(int which) { return "{t" + std::to_string(which) + "}"; }
/// The slots of the first tags.
inline std::vector<std::uint16_t> slots_of_tags(int count) {
    std::vector<std::uint16_t> found;
    for (int which = 0; which < count; ++which)
        found.push_back(umbel::cluster::slot_of(tag_of(which)).value());
    return found;
}

}  // namespace umbel::test
