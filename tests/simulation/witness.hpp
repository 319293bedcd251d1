// witness.hpp: writes the history of a simulated run, for the very judge that the drills on real clusters meet (support/history.hpp).
// It knows only what callers were told, what the store holds in the end, and which writes the model says it has lost.
#pragma once

#include "support/history.hpp"

#include <umbel/error.hpp>
#include <umbel/resp/reply.hpp>
#include <umbel/testing/model_cluster.hpp>

#include <cstdint>
#include <map>
#include <string>

namespace simulation {

using namespace umbel::testing;
using umbel::test::history;

/// The history of one run: counters that are incremented, lists that tokens are appended to, texts that are read.
class witness {
public:
    explicit witness(timeline& time) : time_{time} {}

    /// Notes that a write begins. Returns its number.
    std::size_t begin(std::string const& key, history::kind what) {
        auto const [at, fresh] = keys_.try_emplace(key, 0u);
        if (fresh) at->second = kept_.key(key, what);
        return kept_.begin(0, at->second, time_.now().count());
    }
    /// What write `number` appends to its list.
    std::string token(std::size_t number) const { return kept_.token(number); }

    void ended(std::size_t number, umbel::result<umbel::reply> const& answer) {
        if (answer) kept_.acknowledge(number, answer->integer().value_or(0), time_.now().count());
        else kept_.fail(number, answer.error().delivery(), time_.now().count());
    }
    void read(std::string const& key, std::string_view text) { kept_.read(key, text); }

    /// What the judge says to all this, told of the model's own losses or, as a control, not.
    /// Precondition: the cluster is settled and no call is pending.
    umbel::test::sentence judged(model_cluster& cluster, bool forgiving = true) {
        for (auto const& [name, key] : keys_) {
            auto const& store = cluster[cluster.truth(umbel::cluster::slot_of(name).value())].store;
            auto const held = store.find(name);
            bool const there = held != store.end();
            if (kept_.kind_of(key) == history::kind::incr) kept_.ends_as(key, there ? std::stoll(held->second.text) : 0);
            else kept_.ends_as(key, there ? held->second.items : std::vector<std::string>{});
            auto const losses = cluster.book().losses().find(name);
            if (!forgiving || losses == cluster.book().losses().end()) continue;
            for (model_loss const& one : losses->second) kept_.may_lose(key, one.from.count(), one.until.count());
        }
        return kept_.check();
    }

private:
    timeline& time_;
    history kept_;
    std::map<std::string, std::uint32_t, std::less<>> keys_;
};

}  // namespace simulation
