// scan_state.hpp: what a scan and its pages share: its options, and what it has proven. It asks nobody.
#pragma once

#include <umbel/client/by_tips.hpp>
#include <umbel/client/key_scan.hpp>
#include <umbel/client/scan_names.hpp>
#include <umbel/client/scan_text.hpp>
#include <umbel/client/scan_turn.hpp>

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace umbel::calling {

/// What a key_scan and the operations of its pages share.
struct scan_state : scan_turns {
    site where;          ///< Without hedging, and without a prefix: SCAN has no key.
    std::string prefix;  ///< Of the keys that are told; they lose it.
    std::string match;   ///< With the prefix; empty: every key.
    std::string type;    ///< Empty: every type.
    std::uint64_t count = 1000;
    bool skip_uncovered = false;
    std::uint64_t filters = 0;
    scan_progress progress;
    unsigned idle_rounds = 0;  ///< In a row, that have proven nothing.
};

/// A pattern that matches the text and nothing else. Rule: KEYS command: * ? [ and \ are special.
inline std::string literal_pattern(std::string_view text) {
    std::string pattern;
    for (char const letter : text) {
        if (std::string_view{"*?[]\\^-"}.find(letter) != std::string_view::npos) pattern += '\\';
        pattern += letter;
    }
    return pattern;
}

inline std::shared_ptr<scan_state> begin_scan(site const& where, key_scan_options const& options) {
    auto state = std::make_shared<scan_state>();
    state->where = without_hedge(where);
    state->prefix = where.prefix.text();
    state->where.prefix = {};
    if (!state->prefix.empty())
        state->match = literal_pattern(state->prefix).append(options.match.value_or("*"));
    else if (options.match)
        state->match = *options.match;
    state->type = options.type.value_or("");
    state->count = options.count.value_or(state->count);
    state->skip_uncovered = options.skip_uncovered;
    state->filters = fingerprint(state->match, state->type);
    if (state->count == 0)
        state->wrong.emplace(errc::bad_argument, delivery::not_sent, "scan: a count of zero");
    if (options.type && options.type->empty())
        state->wrong.emplace(errc::bad_argument, delivery::not_sent, "scan: a type without a name");
    if (options.resume.empty()) return state;
    if (auto read = read_progress(options.resume, state->filters))
        state->progress = std::move(*read);
    else
        state->wrong.emplace(std::move(read.error()));
    return state;
}

}  // namespace umbel::calling
