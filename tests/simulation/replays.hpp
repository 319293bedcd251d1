// replays.hpp: seeds that have found a mistake, each with a name for it.
#pragma once

#include "scenario.hpp"

#include <cstdint>
#include <string_view>
#include <vector>

namespace simulation {

struct replay {
    std::uint64_t seed;
    std::string_view what;
    draws how_much = draws::early;
};

inline std::vector<replay> const replays{
    {36,
     "calls that came into a connection's turn behind its last delivery stood still; calls met a link that "
     "was about to open as down"},
    {70, "a command larger than the window"},
    {82, "a write that a takeover lost is no fault of the client"},
    {494, "late bytes after the faults are over"},
    {545, "a slot given to a node that its owner does not know yet"},
    {822, "slots that move at the same time as others, in both directions"},
    {3981, "a slot whose import was given up, claimed by a new primary meanwhile"},
    {11425, "slots on their way to a node that has just joined, given up by a failover"},
    {15010, "a slot on its way into a shard that was failing over itself"},
    {5907, "a slot given away by a primary that a failover had replaced already: its heir's writes are lost"},
    {10862, "an old primary that took a slot, and with its new epoch all of its former slots but one"},
    {73, "counters of another cluster's server begin at one: no sign of a loss in the history"},
    {21515, "a primary whose breaker had opened was never tried again when it was back as a replica",
     draws::context_entry},
    {42504,
     "a write to a stale primary that was promoted again, after its slot had moved, without having synced",
     draws::context_entry},
    {96673, "slots of a node that leaves, given to one that had become a replica meanwhile",
     draws::context_entry},
    {105405, "a reply cut short with more of it under way: a stream has no holes", draws::context_entry},
    {135513, "slots of a node that leaves, given to one that it does not know yet: it had no address to name",
     draws::context_entry},
    {231485,
     "all the nodes that the topology knew had left, and the one that a redirect had named was not asked for "
     "a new one",
     draws::context_entry},
    {500110, "MULTI was refused, half of the transaction ran, and all of it was repeated, as its user wants",
     draws::connected},
};

}  // namespace simulation
