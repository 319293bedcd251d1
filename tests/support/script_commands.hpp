// script_commands.hpp: what users' commands put on the wire of a script, the engine's own questions set
// aside.
#pragma once

#include "support/script.hpp"

namespace umbel::test {

/// Takes everything that was written, and answers the topology queries among it. Returns what else there was.
inline std::vector<sent> commands(script& s, std::string const& layout = usual_layout()) {
    std::vector<sent> others;
    for (sent seen = s.next(); !(seen == nothing); seen = s.next()) {
        if (seen.bytes != wire("CLUSTER SLOTS"))
            others.push_back(seen);
        else if (s.connected(seen.to))
            s.receive(seen.to, layout);
    }
    return others;
}

}  // namespace umbel::test
