// model_blocked.hpp: the clients of a model node that wait in a command that blocks, in the order in which
// they came, and what they wait for. It knows no connection.
#pragma once

#include <umbel/engine/instant.hpp>
#include <umbel/testing/model_streams.hpp>
#include <umbel/testing/model_transaction.hpp>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <utility>
#include <vector>

namespace umbel::testing {

/// One client that waits.
struct blocked_client {
    std::uint64_t session = 0;
    model_call call{};
    engine::instant until = engine::never;
    bool asking = false;
};

/// Until when a command waits that came now.
inline engine::instant waits_until(model_call const& call, engine::instant now) {
    engine::duration span{static_cast<std::int64_t>(std::atof(call.words.back().c_str()) * 1e9)};
    if (call.which->name == "xreadgroup")
        span = model_group_read{call.words}.block.value_or(engine::duration{0});
    return span > engine::duration{0} ? engine::after(now, span) : engine::never;
}
/// What a command waits for has come.
inline bool may_go_on(model_call const& call, model_store const& store) {
    if (call.which->name == "xreadgroup") return model_group_read{call.words}.has_come(store, call.words);
    for (std::size_t const at : keys_in(*call.which, call.words))
        if (store.contains(call.words[at])) return true;
    return false;
}

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
    /// The session that has waited longest for something that has come; 0: none does.
    std::uint64_t servable(model_store const& store) const {
        for (blocked_client const& waiting : all_)
            if (may_go_on(waiting.call, store)) return waiting.session;
        return 0;
    }
    std::vector<blocked_client> const& all() const noexcept { return all_; }
    void clear() noexcept { all_.clear(); }

private:
    std::vector<blocked_client> all_;
};

}  // namespace umbel::testing
