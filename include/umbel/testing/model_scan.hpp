// model_scan.hpp: SCAN, SSCAN and INFO of one model node: a cursor that is valid in one process only, as a
// hash table's order is. It knows no cluster.
#pragma once

#include <umbel/testing/model_store.hpp>

#include <cstdint>
#include <cstdlib>
#include <map>
#include <string>
#include <string_view>
#include <utility>

namespace umbel::testing {

/// Where a key stands in the order of a process: hash tables are seeded when a server starts.
/// Rule: redis-server dict.c, dictScan(): elements that are there whenever a page is made are told.
inline std::uint64_t place_of(std::string_view key, std::uint64_t seed) noexcept {
    std::uint64_t mixed = seed * 0x9e3779b97f4a7c15u + 0xcbf29ce484222325u;
    for (char const letter : key) mixed = (mixed ^ static_cast<unsigned char>(letter)) * 0x100000001b3u;
    return ((mixed ^ mixed >> 32) & 0xffff'ffffu) + 1;
}

/// What a model scan was asked for. MATCH knows a prefix with a star behind it.
struct model_scan_words {
    std::uint64_t from = 0;
    std::size_t count = 10;
    std::string match = "*";
    std::string type{};

    /// `first`: which word is the cursor.
    model_scan_words(model_words const& words, std::size_t first)
        : from{std::strtoull(words[first].c_str(), nullptr, 10)} {
        for (std::size_t at = first + 1; at + 1 < words.size(); at += 2) {
            if (same_word(words[at], "COUNT"))
                count = static_cast<std::size_t>(std::atoll(words[at + 1].c_str()));
            if (same_word(words[at], "MATCH")) match = words[at + 1];
            if (same_word(words[at], "TYPE")) type = words[at + 1];
        }
    }
    bool matches(std::string_view text) const {
        return text.starts_with(std::string_view{match}.substr(0, match.find('*')));
    }
};

/// One page of texts that stand in the order of a process.
template <class Wanted>
std::string page_reply(std::multimap<std::uint64_t, std::string const*> const& order,
                       model_scan_words const& asked, Wanted&& wanted) {
    std::string texts;
    std::size_t found = 0;
    std::uint64_t next = 0;
    auto at = order.lower_bound(asked.from);
    for (std::size_t looked = 0; at != order.end(); ++at, ++looked) {
        // Texts of one place are told together: the cursor cannot stand between them.
        if (looked >= asked.count && at->first != next) break;
        next = at->first;
        if (!asked.matches(*at->second) || !wanted(*at->second)) continue;
        texts += wire::bulk(*at->second);
        ++found;
    }
    std::string const cursor = at == order.end() ? std::string{"0"} : std::to_string(at->first);
    return wire::array(2) + wire::bulk(cursor) + wire::array(found) + texts;
}

/// The reply to SSCAN: every set is a hash table, however small.
inline std::string set_scan_reply(model_store const& store, model_words const& words, std::uint64_t seed) {
    std::multimap<std::uint64_t, std::string const*> order;
    auto const held = store.find(words[1]);
    if (held != store.end() && !held->second.is_set) return wire::error(wrong_type);
    if (held != store.end())
        for (std::string const& member : held->second.items) order.emplace(place_of(member, seed), &member);
    return page_reply(order, model_scan_words{words, 2}, [](std::string const&) { return true; });
}

/// The reply to SCAN or SSCAN.
inline std::string scan_reply(model_store const& store, model_words const& words, std::uint64_t seed) {
    if (same_word(words[0], "sscan")) return set_scan_reply(store, words, seed);
    model_scan_words const asked{words, 1};
    std::multimap<std::uint64_t, std::string const*> order;
    for (auto const& [key, value] : store) order.emplace(place_of(key, seed), &key);
    return page_reply(order, asked, [&](std::string const& key) {
        return asked.type.empty() || asked.type == type_name(&store.find(key)->second);
    });
}

/// The reply to INFO: a process has a name of its own, and so has the history of a primary.
inline std::string info_reply(std::pair<int, unsigned> process, std::pair<int, std::uint64_t> history,
                              bool resp3) {
    std::string const text = "# Server\r\nrun_id:" + std::to_string(process.first) + "." +
                             std::to_string(process.second) +
                             "\r\n\r\n# Replication\r\nmaster_replid:" + std::to_string(history.first) + "." +
                             std::to_string(history.second) + "\r\n";
    if (!resp3) return wire::bulk(text);
    return "=" + std::to_string(text.size() + 4) + "\r\ntxt:" + text + "\r\n";
}

}  // namespace umbel::testing
