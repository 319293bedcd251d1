// queue_book.hpp: the books of queues: every element that was taken off a list is in somebody's hands, or
// somebody was told that it may be lost; nobody was given what another has. It pushes and pops nothing.
#pragma once

#include <umbel/resp/reply.hpp>
#include <umbel/testing/ledger.hpp>

#include <algorithm>
#include <cstddef>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace simulation {

using namespace umbel::testing;

/// What became of the elements of all queues.
class queue_book {
public:
    /// A node has executed a command: lists change hands.
    void executed(execution const& what) {
        if (what.words[0] == "RPUSH") pushed_.insert(what.words[2]);
        if (what.words[0] == "BLPOP") ++taken_[element_in(what.reply)];
    }
    void told_value(std::string const& key, umbel::reply const& answer) {
        if (answer.is_null()) return;
        if (!answer.is_aggregate() || answer.children_count() != 2) return fail("a pop got no pair");
        told_value(key, std::string{answer[0].text()}, std::string{answer[1].text()});
    }
    void told_value(std::string const& key, std::string const& popped_from, std::string const& element) {
        if (popped_from != key) fail("a pop of " + key + " got " + popped_from);
        if (!element.starts_with(key + "#")) fail("a pop of " + key + " got somebody else's " + element);
        if (!pushed_.contains(element)) fail("nobody has pushed " + element);
        ++delivered_[element];
    }
    void told_unknown(std::string const& key) { ++unknown_[key]; }
    /// `may_be_lost(key)`: a failover has lost writes to it, or brought an old copy back, so a pop may be
    /// undone.
    template <class MayBeLost>
    void conclude(MayBeLost may_be_lost) {
        std::map<std::string, unsigned> gone;
        for (auto const& [element, times] : taken_) {
            std::string const key = element.substr(0, element.find('#'));
            unsigned const in_hands = delivered_[element];
            if (in_hands > times) fail(element + " was delivered " + std::to_string(in_hands) + " times");
            if (times > 1 && !may_be_lost(key))
                fail(element + " was taken " + std::to_string(times) + " times");
            gone[key] += times - std::min(times, in_hands);
        }
        for (auto const& [key, count] : gone)
            if (count > unknown_[key])
                fail(std::to_string(count) + " elements of " + key + " are gone, and " +
                     std::to_string(unknown_[key]) + " callers know of one");
    }

    std::size_t delivered() const noexcept { return delivered_.size(); }
    unsigned unknown() const noexcept {
        unsigned all = 0;
        for (auto const& [key, count] : unknown_) all += count;
        return all;
    }
    std::vector<std::string> failures;

private:
    void fail(std::string text) { failures.push_back(std::move(text)); }
    /// "*2\r\n$4\r\n{q0}\r\n$6\r\n{q0}#1\r\n"
    static std::string element_in(std::string const& reply) {
        std::size_t const end = reply.size() - 2;
        std::size_t const begin = reply.rfind('\n', end) + 1;
        return reply.substr(begin, end - begin);
    }

    std::set<std::string> pushed_;
    std::map<std::string, unsigned> taken_, delivered_, unknown_;
};

}  // namespace simulation
