// history_check.hpp: the judgement of a history. Included by history.hpp; knows nothing more than it does.
#pragma once

#include "history.hpp"

#include <algorithm>
#include <charconv>
#include <map>

namespace umbel::test {

inline sentence history::check() const {
    sentence found;
    for (std::size_t number = 0; number < operations_.size(); ++number) {
        switch (operations_[number].outcome) {
            case told::nothing: found.find(guilt::hung, shown(number) + " was never settled"); break;
            case told::acknowledged: ++found.acknowledged; break;
            case told::refused: ++found.refused; break;
            case told::unknown: ++found.unknown; break;
        }
    }
    for (std::string const& stray : strays_) found.find(guilt::crossed, stray);
    for (one_key const& key : keys_)
        key.what == kind::incr ? check_counter(key, found) : check_list(key, found);
    for (std::string const& text : torn_) found.find(guilt::halved, text);
    for (auto const& [left, right] : together_) check_together(keys_[left], keys_[right], found);
    return found;
}

/// Each token of the left list has its partner at the same place of the right one.
inline void history::check_together(one_key const& left, one_key const& right, sentence& found) const {
    for (std::size_t at = 0; at < std::max(left.tokens.size(), right.tokens.size()); ++at) {
        std::optional<std::size_t> first, second;
        if (at < left.tokens.size()) first = operation_of(left, left.tokens[at]);
        if (at < right.tokens.size()) second = operation_of(right, right.tokens[at]);
        if (first && second && *first + 1 == *second) continue;
        return found.find(guilt::halved, left.name + " and " + right.name + " part at append " +
                                             std::to_string(at) + " of " +
                                             std::to_string(left.tokens.size()) + " and " +
                                             std::to_string(right.tokens.size()));
    }
}

// ---- Counters -----------------------------------------------------------------------------------

/// The value lies between what must have run and what may have.
inline void history::check_counter(one_key const& key, sentence& found) const {
    std::vector<std::size_t> ran;  // Acknowledged.
    std::int64_t lasting = 0;      // Of these, those that no failover may have lost,
    std::int64_t perhaps = 0;
    std::int64_t highest = 0;  // and the highest answer among them.
    for (std::size_t const number : key.operations) {
        operation const& recorded = operations_[number];
        if (recorded.outcome == told::unknown || recorded.outcome == told::nothing) ++perhaps;
        if (recorded.outcome != told::acknowledged) continue;
        ran.push_back(number);
        if (may_be_lost(recorded)) continue;
        ++lasting;
        highest = std::max(highest, recorded.answer);
    }
    auto const acknowledged = static_cast<std::int64_t>(ran.size());
    if (key.value < std::max(lasting, highest))
        found.find(guilt::lost, key.name + " is " + std::to_string(key.value) +
                                    ", acknowledged for good were " + std::to_string(lasting) +
                                    " up to the answer " + std::to_string(highest));
    if (key.value > acknowledged + perhaps)
        found.find(guilt::doubled, key.name + " is " + std::to_string(key.value) + ", acknowledged were " +
                                       std::to_string(acknowledged) + ", unknown " + std::to_string(perhaps));
    if (key.value < acknowledged)
        found.forgiven += static_cast<std::uint64_t>(acknowledged - std::max(key.value, lasting));
    check_answers(ran, found);

    std::map<std::int64_t, std::size_t> by_answer;
    for (std::size_t const number : ran) {
        auto const [same, fresh] = by_answer.emplace(operations_[number].answer, number);
        if (fresh || may_be_lost(operations_[number]) || may_be_lost(operations_[same->second])) continue;
        found.find(guilt::crossed, shown(number) + " was answered like " + shown(same->second));
    }
}

/// Every answer agrees with the commands that were settled before it, and with those that may have run
/// meanwhile.
inline void history::check_answers(std::vector<std::size_t> const& ran, sentence& found) const {
    if (ran.empty()) return;
    std::vector<std::size_t> by_end = ran;
    auto const ends_earlier = [this](std::size_t left, std::size_t right) {
        return operations_[left].ended < operations_[right].ended;
    };
    std::sort(by_end.begin(), by_end.end(), ends_earlier);
    std::vector<instant> ends;
    std::vector<instant> begins;
    for (std::size_t const number : by_end) ends.push_back(operations_[number].ended);
    for (std::size_t const number : ran) begins.push_back(operations_[number].begun);
    std::vector<instant> perhaps;
    for (std::size_t const number : keys_[operations_[ran.front()].key].operations) {
        operation const& recorded = operations_[number];
        if (recorded.outcome == told::unknown || recorded.outcome == told::nothing)
            perhaps.push_back(recorded.begun);
    }
    auto const until = [](std::vector<instant> const& sorted, instant when) {
        return std::upper_bound(sorted.begin(), sorted.end(), when) - sorted.begin();
    };
    auto const before = [](std::vector<instant> const& sorted, instant when) {
        return std::lower_bound(sorted.begin(), sorted.end(), when) - sorted.begin();
    };

    std::size_t settled = 0;
    std::int64_t lasting = 0;
    std::size_t highest = operations_.size();
    std::size_t latest = operations_.size();
    for (std::size_t const number : ran) {
        operation const& one = operations_[number];
        for (; settled < by_end.size() && operations_[by_end[settled]].ended < one.begun; ++settled) {
            operation const& earlier = operations_[by_end[settled]];
            if (may_be_lost(earlier)) continue;
            ++lasting;
            latest = by_end[settled];
            if (highest == operations_.size() || operations_[highest].answer < earlier.answer)
                highest = latest;
        }
        std::int64_t const may_have_run = until(begins, one.ended) + until(perhaps, one.ended);
        if (one.answer > may_have_run)
            found.find(guilt::doubled, shown(number) + ": no more than " + std::to_string(may_have_run) +
                                           " may have run until then");
        if (one.answer < 1) found.find(guilt::crossed, shown(number) + " is no answer of a counter");
        if (latest == operations_.size()) continue;
        // What a failover has lost may have run on another copy than what came before it.
        if (may_be_lost(one)) continue;
        if (one.answer <= operations_[highest].answer)
            found.find(guilt::lost, shown(number) + " came after " + shown(highest));
        else if (one.answer <= lasting)
            found.find(guilt::lost,
                       shown(number) + " came after " + std::to_string(lasting) + " acknowledged for good");
        operation const& last = operations_[latest];
        std::int64_t const meanwhile =
            until(begins, one.ended) - before(ends, last.begun) - 1 + until(perhaps, one.ended);
        if (one.answer - last.answer > meanwhile)
            found.find(guilt::doubled, shown(number) + " came after " + shown(latest) + ": no more than " +
                                           std::to_string(meanwhile) + " may have run meanwhile");
    }
}

// ---- Lists --------------------------------------------------------------------------------------

/// The operation that a token names, if the token belongs into this list.
inline std::optional<std::size_t> history::operation_of(one_key const& key, std::string_view token) const {
    if (!token.starts_with(key.name) || token.size() < key.name.size() + 2 || token[key.name.size()] != '#')
        return std::nullopt;
    std::string_view const digits = token.substr(key.name.size() + 1);
    std::size_t number = 0;
    auto const [end, wrong] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
    if (wrong != std::errc{} || end != digits.data() + digits.size() || number >= operations_.size())
        return std::nullopt;
    return name(operations_[number].key) == key.name ? std::optional{number} : std::nullopt;
}

/// Each token stands where its answer says, once, and only if it may; and in an order that fits the times.
inline void history::check_list(one_key const& key, sentence& found) const {
    std::map<std::size_t, std::size_t> places;
    std::vector<std::size_t> order;
    for (std::size_t place = 0; place < key.tokens.size(); ++place) {
        auto const number = operation_of(key, key.tokens[place]);
        if (!number) {
            found.find(guilt::crossed, key.name + " holds " + key.tokens[place].substr(0, 60) +
                                           ", which nobody appended to it");
            continue;
        }
        if (!places.emplace(*number, place).second)
            found.find(guilt::doubled, key.name + " holds the token of " + shown(*number) + " twice");
        else
            order.push_back(*number);
    }
    for (std::size_t const number : key.operations) {
        operation const& recorded = operations_[number];
        auto const place = places.find(number);
        if (recorded.outcome == told::refused && place != places.end())
            found.find(guilt::denied_effect, shown(number) + " is said not to have run, and did");
        if (recorded.outcome != told::acknowledged) continue;
        if (place != places.end()) {
            // A failover takes the end of a list away, never a piece from within: what is left stands where
            // it stood.
            if (recorded.answer != static_cast<std::int64_t>(place->second) + 1)
                found.find(guilt::crossed,
                           shown(number) + " stands at place " + std::to_string(place->second + 1));
        } else if (may_be_lost(recorded)) {
            ++found.forgiven;
        } else {
            found.find(guilt::lost, shown(number) + " was acknowledged and is not in its list");
        }
    }
    check_order(order, found);
}

/// Nothing stands behind what began only after it was settled.
inline void history::check_order(std::vector<std::size_t> const& order, sentence& found) const {
    std::size_t youngest = operations_.size();
    std::map<std::uint32_t, std::size_t> of_caller;
    for (std::size_t const number : order) {
        operation const& recorded = operations_[number];
        bool const settled = recorded.outcome == told::acknowledged;
        if (settled && youngest != operations_.size() && recorded.ended < operations_[youngest].begun)
            found.find(guilt::misordered,
                       shown(number) + " stands behind " + shown(youngest) + ", which began later");
        if (youngest == operations_.size() || operations_[youngest].begun < recorded.begun) youngest = number;
        if (!order_of_beginning_ || !settled) continue;
        auto const [previous, first] = of_caller.emplace(recorded.caller, number);
        if (!first && previous->second > number)
            found.find(guilt::misordered, shown(number) + " stands behind " + shown(previous->second) +
                                              " of the same caller, which began later");
        previous->second = std::max(previous->second, number);
    }
}

}  // namespace umbel::test
