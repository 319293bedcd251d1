// client_facts.hpp: what every connection of a client knows of the client as a whole. Values only.
#pragma once

#include <atomic>

namespace umbel::engine {

/// Facts that change while a client lives. Threading: any.
struct client_facts {
    std::atomic<bool> closing{false};          ///< It was told to close.
    std::atomic<bool> has_credentials{false};  ///< It has a password by now, or asks somebody for it.
};

}  // namespace umbel::engine
