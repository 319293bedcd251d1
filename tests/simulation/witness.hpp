// witness.hpp: writes the history of a simulated run, for the very judges that the drills on real clusters
// meet (support/history.hpp, support/register_history.hpp). It knows only what callers were told, what the
// store holds in the end, and which writes the model says it has lost.
#pragma once

#include "support/history.hpp"
#include "support/register_history.hpp"

#include <umbel/error.hpp>
#include <umbel/resp/reply.hpp>
#include <umbel/testing/model_cluster.hpp>

#include <charconv>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

namespace simulation {

using namespace umbel::testing;
using umbel::test::history;
using umbel::test::register_history;

/// The history of one run: counters that are incremented, lists that tokens are appended to, registers that
/// are set and read.
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
        if (answer)
            kept_.acknowledge(number, answer->integer().value_or(0), time_.now().count());
        else
            kept_.fail(number, answer.error().delivery(), time_.now().count());
    }

    // ---- Registers: values are "key#number", whatever stands behind that ------------------------

    std::size_t begin_write(std::string const& key, std::uint64_t value) {
        return registers_.begin_write(register_of(key), value, now());
    }
    std::size_t begin_read(std::string const& key) { return registers_.begin_read(register_of(key), now()); }
    void wrote(std::size_t number, umbel::result<umbel::reply> const& answer) {
        if (answer)
            registers_.acknowledge(number, now());
        else
            registers_.fail(number, answer.error().delivery(), now());
    }
    /// `seen` is the reply, or the part of it that belongs to this key.
    void was_read(std::size_t number, umbel::resp::view const& seen) {
        registers_.answer(number, value_in(seen.is_null() ? "" : seen.text()), now());
    }
    void not_read(std::size_t number, umbel::error const& why) {
        registers_.fail(number, why.delivery(), now());
    }

    /// What the judge says of counters and lists, told of the model's own losses or, as a control, not.
    /// Precondition: the cluster is settled and no call is pending.
    umbel::test::sentence judged(model_cluster& cluster, bool forgiving = true) {
        for (auto const& [name, key] : keys_) {
            auto const& store = cluster[cluster.truth(umbel::cluster::slot_of(name).value())].store;
            auto const held = store.find(name);
            bool const there = held != store.end();
            if (kept_.kind_of(key) == history::kind::incr)
                kept_.ends_as(key, there ? std::stoll(held->second.text) : 0);
            else
                kept_.ends_as(key, there ? held->second.items : std::vector<std::string>{});
            auto const losses = cluster.book().losses().find(name);
            if (!forgiving || losses == cluster.book().losses().end()) continue;
            for (model_loss const& one : losses->second)
                kept_.may_lose(key, one.from.count(), one.until.count());
        }
        return kept_.check();
    }
    /// What the judge says of registers. A key is judged up to the moment at which two primaries were seen to
    /// hold different copies of it: the model knows that exactly (ledger.hpp), and what replication has lost
    /// or a stale primary has served is no fault of the client. Precondition: the cluster is settled and no
    /// call is pending.
    umbel::test::sentence judged_registers(model_cluster& cluster) {
        for (auto const& [name, key] : register_keys_) {
            auto const& store = cluster[cluster.truth(umbel::cluster::slot_of(name).value())].store;
            auto const held = store.find(name);
            bool const there = held != store.end();
            cluster.book().turned_to(name, there ? held->second.history : 0, time_.now());
            registers_.ends_as(key, there ? value_in(held->second.text) : register_history::absent, now());
            auto const parted = cluster.book().parted().find(name);
            if (parted != cluster.book().parted().end()) registers_.judged_until(key, parted->second.count());
        }
        return registers_.check();
    }
    std::size_t registers() const noexcept { return registers_.keys(); }

private:
    static std::uint64_t value_in(std::string_view text) {
        std::size_t const mark = text.find('#');
        std::uint64_t number = 0;
        if (mark != text.npos) std::from_chars(text.data() + mark + 1, text.data() + text.size(), number);
        return number;
    }
    std::int64_t now() const noexcept { return time_.now().count(); }
    std::uint32_t register_of(std::string const& key) {
        auto const [at, fresh] = register_keys_.try_emplace(key, 0u);
        if (fresh) at->second = registers_.key(key);
        return at->second;
    }

    timeline& time_;
    history kept_;
    register_history registers_;
    std::map<std::string, std::uint32_t, std::less<>> keys_;
    std::map<std::string, std::uint32_t, std::less<>> register_keys_;
};

}  // namespace simulation
