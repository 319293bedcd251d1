// history.hpp: what a test has asked of a store, what it was told, and whether both can be true of what the
// store holds in the end. Pure: it knows no client, no server and no clock; times come in as numbers of any
// one steady clock.
//
// Two kinds of keys are written. A counter is incremented, an answer is its new value. A list gets unique
// tokens appended, an answer is its new length, and the token names its key and its operation: so a list
// tells exactly what ran, how often and in which order.
#pragma once

#include <umbel/error.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace umbel::test {

/// What a history may be found guilty of.
enum class guilt : std::uint8_t {
    lost,              ///< An acknowledged write is gone, and no failover may have lost it.
    doubled,           ///< A write took effect more often than it was asked for.
    denied_effect,     ///< A write that is said not to have been sent or executed took effect.
    crossed,           ///< An answer that belongs to another command or another key.
    misordered,        ///< A command took effect before one that was settled before it began.
    hung,              ///< A command that was never settled.
    halved,            ///< Of two writes in one transaction the one took effect without the other.
    not_linearizable,  ///< Reads and writes of a register that no order explains: an acknowledged write
                       ///< undone, a value from before read again.
    undecided,         ///< The search for such an order was given up at its bound: nothing is proven.
};
inline constexpr std::array all_guilt{guilt::lost,    guilt::doubled,          guilt::denied_effect,
                                      guilt::crossed, guilt::misordered,       guilt::hung,
                                      guilt::halved,  guilt::not_linearizable, guilt::undecided};

constexpr std::string_view name_of(guilt what) noexcept {
    switch (what) {
        case guilt::lost: return "lost";
        case guilt::doubled: return "doubled";
        case guilt::denied_effect: return "denied effect";
        case guilt::crossed: return "crossed";
        case guilt::misordered: return "misordered";
        case guilt::hung: return "hung";
        case guilt::halved: return "half done";
        case guilt::not_linearizable: return "not linearizable";
        case guilt::undecided: return "undecided";
    }
    return "unnamed";
}

/// What a check found.
struct sentence {
    std::array<std::uint64_t, all_guilt.size()> counts{};
    std::vector<std::string> texts;  ///< The first findings, for people.
    std::uint64_t acknowledged = 0;
    std::uint64_t refused = 0;  ///< Said not to have run.
    std::uint64_t unknown = 0;
    std::uint64_t forgiven = 0;  ///< Acknowledged and lost where a failover may have lost it.

    std::uint64_t operator[](guilt what) const noexcept { return counts[static_cast<std::size_t>(what)]; }
    bool clean() const noexcept {
        for (std::uint64_t const count : counts)
            if (count != 0) return false;
        return true;
    }
    /// Takes in what another check found.
    void add(sentence const& other) {
        for (std::size_t i = 0; i < counts.size(); ++i) counts[i] += other.counts[i];
        for (std::string const& text : other.texts)
            if (texts.size() < 20) texts.push_back(text);
        acknowledged += other.acknowledged;
        refused += other.refused;
        unknown += other.unknown;
        forgiven += other.forgiven;
    }
    void find(guilt what, std::string text) {
        ++counts[static_cast<std::size_t>(what)];
        if (texts.size() < 20) texts.push_back(std::string{name_of(what)} + ": " + std::move(text));
    }
    std::string to_string() const {
        std::string text = std::to_string(acknowledged) + " acknowledged, " + std::to_string(refused) +
                           " refused, " + std::to_string(unknown) + " unknown, " + std::to_string(forgiven) +
                           " lost by failover";
        for (guilt const what : all_guilt)
            text.append(", ").append(std::to_string((*this)[what])).append(" ").append(name_of(what));
        for (std::string const& words : texts) text.append("\n    ").append(words);
        return text;
    }
};

/// Operations in the order in which they were begun, and the state in the end.
/// Threading: one thread at a time.
class history {
public:
    using instant = std::int64_t;  ///< Nanoseconds of a steady clock.
    static constexpr instant pending = std::int64_t{1} << 62;

    enum class kind : std::uint8_t { incr, push };
    enum class told : std::uint8_t { nothing, acknowledged, refused, unknown };

    struct operation {
        instant begun = 0;
        instant ended = pending;
        std::int64_t answer = 0;
        std::uint32_t caller = 0;
        std::uint32_t key = 0;
        kind what = kind::incr;
        told outcome = told::nothing;
    };

    /// Registers a key of one kind.
    std::uint32_t key(std::string name, kind what) {
        keys_.push_back({std::move(name), what, {}, {}, {}, {}});
        return static_cast<std::uint32_t>(keys_.size() - 1);
    }
    std::string const& name(std::uint32_t key) const { return keys_.at(key).name; }
    kind kind_of(std::uint32_t key) const { return keys_.at(key).what; }

    std::size_t begin(std::uint32_t caller, std::uint32_t key, instant now) {
        keys_.at(key).operations.push_back(operations_.size());
        operations_.push_back({now, pending, 0, caller, key, keys_[key].what, told::nothing});
        return operations_.size() - 1;
    }
    /// The token that the operation appends: "key#number".
    std::string token(std::size_t number) const {
        return name(operations_.at(number).key) + "#" + std::to_string(number);
    }

    void acknowledge(std::size_t number, std::int64_t answer, instant now) {
        operation& recorded = settle(number, told::acknowledged, now);
        recorded.answer = answer;
    }
    void fail(std::size_t number, umbel::delivery delivered, instant now) {
        bool const perhaps = delivered == umbel::delivery::unknown || delivered == umbel::delivery::executed;
        settle(number, perhaps ? told::unknown : told::refused, now);
    }
    /// A text that was read from a key whose values are all "key#…".
    void read(std::string_view key, std::string_view text) {
        if (text.starts_with(key) && text.substr(key.size()).starts_with("#")) return;
        strays_.push_back("a read of " + std::string{key} + " got " + std::string{text.substr(0, 60)});
    }

    /// Asynchronous replication may lose what was acknowledged for this key by commands under way at any time
    /// from `from` to `until`.
    void may_lose(std::uint32_t key, instant from, instant until) {
        keys_.at(key).losses.push_back({from, until});
    }
    /// Each append to `left` and the one begun next, to `right`, are one transaction: the lists tell the same
    /// in the end, whatever a failover has lost.
    void go_together(std::uint32_t left, std::uint32_t right) { together_.push_back({left, right}); }
    /// Both lists were seen at one moment, so long.
    void saw_together(std::uint32_t left, std::int64_t length, std::int64_t other) {
        if (length != other)
            torn_.push_back(name(left) + " was seen with " + std::to_string(length) + " and " +
                            std::to_string(other) + " appends");
    }
    /// Promises that no command was redirected or repeated: then the commands of one caller run in the order
    /// of their beginning, settled or not.
    void expect_order_of_beginning() noexcept { order_of_beginning_ = true; }

    void ends_as(std::uint32_t key, std::int64_t value) { keys_.at(key).value = value; }
    void ends_as(std::uint32_t key, std::vector<std::string> tokens) {
        keys_.at(key).tokens = std::move(tokens);
    }

    /// Precondition: ends_as() was called for every key. Cost: O(n log n).
    sentence check() const;

    std::deque<operation> const& operations() const noexcept { return operations_; }
    std::size_t keys() const noexcept { return keys_.size(); }

private:
    struct span_of_time {
        instant from;
        instant until;
    };
    struct one_key {
        std::string name;
        kind what;
        std::vector<std::size_t> operations;
        std::vector<span_of_time> losses;
        std::int64_t value = 0;
        std::vector<std::string> tokens;
    };

    operation& settle(std::size_t number, told outcome, instant now) {
        operation& recorded = operations_.at(number);
        if (recorded.outcome != told::nothing)
            strays_.push_back("operation " + std::to_string(number) + " was settled twice");
        recorded.outcome = outcome;
        recorded.ended = now;
        return recorded;
    }
    bool may_be_lost(operation const& recorded) const {
        for (span_of_time const& loss : keys_[recorded.key].losses)
            if (recorded.begun <= loss.until && recorded.ended >= loss.from) return true;
        return false;
    }
    std::string shown(std::size_t number) const {
        return "operation " + std::to_string(number) + " (" + name(operations_[number].key) + ", answer " +
               std::to_string(operations_[number].answer) + ")";
    }

    void check_counter(one_key const& key, sentence& found) const;
    void check_answers(std::vector<std::size_t> const& ran, sentence& found) const;
    void check_list(one_key const& key, sentence& found) const;
    void check_order(std::vector<std::size_t> const& order, sentence& found) const;
    void check_together(one_key const& left, one_key const& right, sentence& found) const;
    std::optional<std::size_t> operation_of(one_key const& key, std::string_view token) const;

    std::vector<one_key> keys_;
    std::deque<operation> operations_;
    std::vector<std::string> strays_;
    std::vector<std::pair<std::uint32_t, std::uint32_t>> together_;
    std::vector<std::string> torn_;
    bool order_of_beginning_ = false;
};

}  // namespace umbel::test

#include "history_check.hpp"
