// model_blocked.hpp: the clients of a model node that wait in BLPOP, in the order in which they came. It
// knows no connection and no store.
#pragma once

#include <umbel/engine/instant.hpp>
#include <umbel/testing/model_store.hpp>

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace umbel::testing {

/// One client that waits.
struct blocked_client {
    std::uint64_t session = 0;
    model_words words{};
    engine::instant until = engine::never;
    bool asking = false;
};

/// Rule: redis-server 7 blocked.c: the client that has waited longest for a key is served first.
class blocked_clients {
public:
    void add(blocked_client waiting) { all_.push_back(std::move(waiting)); }
    bool holds(std::uint64_t session) const {
        return std::any_of(all_.begin(), all_.end(),
                           [session](auto const& waiting) { return waiting.session == session; });
    }
    /// Takes the client of a session out. Precondition: it waits.
    blocked_client take(std::uint64_t session) {
        auto const at = std::find_if(all_.begin(), all_.end(),
                                     [session](auto const& waiting) { return waiting.session == session; });
        blocked_client taken = std::move(*at);
        all_.erase(at);
        return taken;
    }
    /// The session that has waited longest for one of its keys which `has(key)`; 0: none does.
    template <class Has>
    std::uint64_t servable(Has has) const {
        for (blocked_client const& waiting : all_)
            for (std::size_t at = 1; at + 1 < waiting.words.size(); ++at)
                if (has(waiting.words[at])) return waiting.session;
        return 0;
    }
    std::vector<blocked_client> const& all() const noexcept { return all_; }
    void clear() noexcept { all_.clear(); }

private:
    std::vector<blocked_client> all_;
};

}  // namespace umbel::testing
