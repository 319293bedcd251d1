// resharding.hpp: slots that move one by one under the load of a drill, and what their users may notice of
// that: a delay.
#pragma once

#include "drill.hpp"

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace umbel::test {

/// How the keys of a pair end that one command, or one transaction, wants together.
using pair_endings = std::array<std::string_view, 2>;

/// Moves a slot key by key. In the midst of each pair it waits until whoever wants the pair was told to try
/// again.
inline void move_slowly(drill& d, std::uint16_t slot, real_cluster::node const& from,
                        real_cluster::node const& to, pair_endings pair) {
    d.servers.begin_migration(slot, from, to);
    wire told = d.servers.talk(from);
    auto const before = d.s.counted();
    for (auto const& key : told.must({"CLUSTER", "GETKEYSINSLOT", std::to_string(slot), "1000"}).items) {
        d.servers.migrate_key(key.text, from, to);
        bool const halves_a_pair = key.text.ends_with(pair[0]) || key.text.ends_with(pair[1]);
        if (halves_a_pair && d.s.counted().retried == before.retried)
            CHECK(eventually([&] { return d.s.counted().retried > before.retried; }));
    }
    CHECK(eventually([&] { return d.s.counted().asked > before.asked; }));
    d.servers.migrate_rest(slot, from, to);
    d.servers.end_migration(slot, from, to);
}

/// Moves the slots of the first shard to the second, back, and so on, and checks that no error has reached a
/// caller. Gives what the client had counted before and after.
inline std::pair<umbel::statistics, umbel::statistics> reshard(drill& d, int rounds, pair_endings pair) {
    auto const before = d.s.counted();
    d.disturb([&] {
        for (int round = 0; round < rounds; ++round) {
            auto from = d[0].primary;
            auto to = d[1].primary;
            if (round % 2 != 0) std::swap(from, to);
            for (std::uint16_t const slot : d[0].slots) {
                move_slowly(d, slot, from, to, pair);
                REQUIRE(d.users.all_go_on(100));
            }
        }
    });
    auto const after = d.s.counted();
    check_nothing_was_noticed(d);
    CHECK(after.asked > before.asked);
    CHECK(after.moved > before.moved);
    CHECK(after.retried > before.retried);
    return {before, after};
}

}  // namespace umbel::test
