// register_history.hpp: keys as registers: what was written and read of each, when, with what outcome; and
// whether one order explains it. Beside history.hpp, which judges counters and lists. Pure: it knows no
// client, no server and no clock.
#pragma once

#include "history.hpp"
#include "linearizable_register.hpp"

#include <umbel/error.hpp>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace umbel::test {

/// Writes of unique values and reads, by key. What is judged of each key:
/// - what was acknowledged took effect once, between its beginning and its end;
/// - what is said not to have been sent or executed never did;
/// - what is unknown took effect once at any time after its beginning, or never;
/// - all this in one order in which every read gets what the latest write before it has left
/// (linearizability). Threading: one thread at a time.
class register_history {
public:
    using instant = std::int64_t;  ///< Nanoseconds of any one steady clock.
    using value = std::uint64_t;   ///< Names what a write leaves. 0: nothing is there.
    static constexpr value absent = 0;

    std::uint32_t key(std::string name) {
        keys_.push_back({std::move(name), {}, {}, {}});
        return static_cast<std::uint32_t>(keys_.size() - 1);
    }
    std::size_t keys() const noexcept { return keys_.size(); }
    std::size_t size() const noexcept { return operations_.size(); }
    std::uint32_t key_of(std::size_t number) const { return operations_.at(number).key; }

    /// Precondition: no write of this key has had that value, and it is not `absent`.
    std::size_t begin_write(std::uint32_t key, value written, instant now) {
        return begin({true, written, key, now});
    }
    std::size_t begin_read(std::uint32_t key, instant now) { return begin({false, absent, key, now}); }
    /// A write was acknowledged.
    void acknowledge(std::size_t number, instant now) { settle(number, told::acknowledged, now); }
    /// A read was answered.
    void answer(std::size_t number, value seen, instant now) {
        settle(number, told::acknowledged, now);
        operations_[number].what = seen;
    }
    void fail(std::size_t number, umbel::delivery delivered, instant now) {
        bool const perhaps = delivered == umbel::delivery::unknown || delivered == umbel::delivery::executed;
        settle(number, perhaps ? told::unknown : told::refused, now);
    }
    /// From this time on the servers themselves were not one register of this key (asynchronous replication
    /// and a failover): what happened before is judged, what came later is not. Linearizability of a whole is
    /// that of all its beginnings, so nothing is forgiven too much.
    void judged_until(std::uint32_t key, instant when) {
        std::optional<instant>& limit = keys_.at(key).judged_until;
        limit = limit ? std::min(*limit, when) : when;
    }
    /// What the key holds in the end, when every operation is settled.
    void ends_as(std::uint32_t key, value held, instant now) { answer(begin_read(key, now), held, now); }

    /// Cost: see register_search, for each key.
    sentence check(std::size_t configurations_max = 200'000) const {
        sentence found;
        for (std::string const& text : strays_) found.find(guilt::crossed, text);
        for (one_key const& key : keys_) check(key, found, configurations_max);
        return found;
    }

private:
    enum class told : std::uint8_t { nothing, acknowledged, refused, unknown };
    struct operation {
        bool write = false;
        value what = absent;
        std::uint32_t key = 0;
        instant begun = 0;
        instant ended = register_operation::open;
        told outcome = told::nothing;
    };
    struct one_key {
        std::string name;
        std::vector<std::size_t> operations;
        std::map<value, std::size_t> writes;
        std::optional<instant> judged_until;
    };

    std::size_t begin(operation made) {
        std::size_t const number = operations_.size();
        one_key& key = keys_.at(made.key);
        key.operations.push_back(number);
        if (made.write && (made.what == absent || !key.writes.emplace(made.what, number).second))
            strays_.push_back("value " + std::to_string(made.what) + " of " + key.name + " is not unique");
        operations_.push_back(made);
        return number;
    }
    void settle(std::size_t number, told outcome, instant now) {
        operation& recorded = operations_.at(number);
        if (recorded.outcome != told::nothing)
            strays_.push_back("operation " + std::to_string(number) + " was settled twice");
        recorded.outcome = outcome;
        recorded.ended = now;
    }

    void check(one_key const& key, sentence& found, std::size_t configurations_max) const {
        std::vector<register_operation> judged;
        for (std::size_t const number : key.operations) {
            operation const& recorded = operations_[number];
            count(recorded, number, key, found);
            if (key.judged_until && recorded.begun >= *key.judged_until) continue;
            bool const settled = recorded.outcome == told::acknowledged &&
                                 !(key.judged_until && recorded.ended >= *key.judged_until);
            if (!recorded.write && (!settled || !is_value(key, recorded, number, found))) continue;
            // A write that was refused stays in while somebody has read it: then that is said, and not that a
            // read has no order, too.
            judged.push_back({recorded.write, recorded.what, recorded.begun,
                              settled ? recorded.ended : register_operation::open, number});
        }
        register_verdict const said = register_search{std::move(judged), configurations_max}.run();
        if (said.is == register_verdict::kind::undecided)
            found.find(guilt::undecided,
                       key.name + " after " + std::to_string(said.configurations) + " configurations");
        if (said.is == register_verdict::kind::not_linearizable)
            found.find(guilt::not_linearizable, explained(key, said));
    }
    void count(operation const& recorded, std::size_t number, one_key const& key, sentence& found) const {
        switch (recorded.outcome) {
            case told::nothing:
                found.find(guilt::hung, shown(number) + " of " + key.name + " was never settled");
                break;
            case told::acknowledged: ++found.acknowledged; break;
            case told::refused: ++found.refused; break;
            case told::unknown: ++found.unknown; break;
        }
    }
    /// False when what was read was never written, which is said.
    bool is_value(one_key const& key, operation const& read, std::size_t number, sentence& found) const {
        if (read.what == absent) return true;
        auto const written = key.writes.find(read.what);
        if (written == key.writes.end()) {
            found.find(guilt::crossed, shown(number) + " of " + key.name + ": nobody has written that");
            return false;
        }
        if (operations_[written->second].begun > read.ended) {
            found.find(guilt::crossed, shown(number) + " of " + key.name + ": that was written later");
            return false;
        }
        if (operations_[written->second].outcome == told::refused)
            found.find(guilt::denied_effect,
                       shown(written->second) + " of " + key.name + " is said not to have run, and was read");
        return true;
    }

    std::string shown(std::size_t number) const {
        operation const& recorded = operations_[number];
        auto const ms = [](instant when) {
            char text[32];
            std::snprintf(text, sizeof text, "%.3f", static_cast<double>(when) / 1e6);
            return std::string{text};
        };
        std::string const end = recorded.outcome == told::acknowledged ? ms(recorded.ended)
                                : recorded.outcome == told::unknown    ? "unknown"
                                                                       : "never";
        return std::string{recorded.write ? "write" : "read"} + " of " + std::to_string(recorded.what) +
               " [" + ms(recorded.begun) + ", " + end + " ms]";
    }
    /// A read of what had been overwritten before, where there is one; else the operation that found no
    /// place.
    std::string explained(one_key const& key, register_verdict const& said) const {
        for (std::size_t const number : key.operations) {
            operation const& read = operations_[number];
            auto const source = key.writes.find(read.what);
            if (read.write || read.outcome != told::acknowledged || source == key.writes.end()) continue;
            for (auto const& [written, other] : key.writes)
                if (precedes(source->second, other) && precedes(other, number))
                    return key.name + ": " + shown(number) + ", which came by " + shown(source->second) +
                           " and was overwritten by " + shown(other);
        }
        std::string text = key.name;
        if (said.stuck) text += ": " + shown(*said.stuck) + " has no place";
        if (said.behind) text += " behind " + shown(*said.behind);
        return text;
    }
    bool precedes(std::size_t first, std::size_t second) const {
        return operations_[first].outcome == told::acknowledged &&
               operations_[first].ended < operations_[second].begun;
    }

    std::vector<one_key> keys_;
    std::vector<operation> operations_;
    std::vector<std::string> strays_;
};

}  // namespace umbel::test
