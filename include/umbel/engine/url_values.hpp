// url_values.hpp: how a parameter of a URL writes a value: durations, numbers, sizes, words, pairs. It knows
// no option.
#pragma once

#include <umbel/cluster/endpoint.hpp>
#include <umbel/options.hpp>

#include <array>
#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

namespace umbel::engine::url_values {

/// A word and the value that it stands for.
template <class Value>
struct word {
    std::string_view text;
    Value value;
};

/// All words for the values of a type; none for a type that is not written in words.
template <class Value>
inline constexpr std::array<word<Value>, 0> words{};
template <>
inline constexpr std::array<word<bool>, 8> words<bool>{{{"true", true},
                                                        {"false", false},
                                                        {"yes", true},
                                                        {"no", false},
                                                        {"on", true},
                                                        {"off", false},
                                                        {"1", true},
                                                        {"0", false}}};
/// The last two as redis-rs and redis-py write them.
template <>
inline constexpr std::array<word<protocol>, 5> words<protocol>{{{"automatic", protocol::automatic},
                                                                {"resp2", protocol::resp2},
                                                                {"resp3", protocol::resp3},
                                                                {"2", protocol::resp2},
                                                                {"3", protocol::resp3}}};
template <>
inline constexpr std::array<word<umbel::handshake>, 2> words<umbel::handshake>{
    {{"full", umbel::handshake::full}, {"minimal", umbel::handshake::minimal}}};
template <>
inline constexpr std::array<word<maintenance_notices>, 3> words<maintenance_notices>{
    {{"automatic", maintenance_notices::automatic},
     {"on", maintenance_notices::on},
     {"off", maintenance_notices::off}}};
template <>
inline constexpr std::array<word<topology_source>, 4> words<topology_source>{
    {{"automatic", topology_source::automatic},
     {"shards", topology_source::shards},
     {"slots", topology_source::slots},
     {"nodes", topology_source::nodes}}};
template <>
inline constexpr std::array<word<deployment>, 3> words<deployment>{{{"automatic", deployment::automatic},
                                                                    {"cluster", deployment::cluster},
                                                                    {"standalone", deployment::standalone}}};
template <>
inline constexpr std::array<word<read_from>, 6> words<read_from>{
    {{"primary", read_from::primary},
     {"replica", read_from::replica},
     {"prefer_replica", read_from::prefer_replica},
     {"any", read_from::any},
     {"lowest_latency", read_from::lowest_latency},
     {"same_zone", read_from::same_zone}}};
template <>
inline constexpr std::array<word<retry_unknown>, 4> words<retry_unknown>{
    {{"never", retry_unknown::never},
     {"reads", retry_unknown::reads},
     {"idempotent", retry_unknown::idempotent},
     {"always", retry_unknown::always}}};

/// A type whose values are written as one of a few words.
template <class Value>
concept worded = words<Value>.size() != 0;

/// A type whose values are written as a number.
template <class Value>
concept numeric = std::unsigned_integral<Value> && !worded<Value>;

/// Takes the digits off the front of `text`. False: it begins with no digit, or the number is too large.
inline bool take_number(std::string_view& text, std::uint64_t& number) noexcept {
    constexpr std::uint64_t most = std::numeric_limits<std::uint64_t>::max();
    std::size_t digits = 0;
    number = 0;
    for (; digits < text.size() && cluster::detail::is_digit(text[digits]); ++digits) {
        auto const digit = static_cast<std::uint64_t>(text[digits] - '0');
        if (number > (most - digit) / 10) return false;
        number = number * 10 + digit;
    }
    text.remove_prefix(digits);
    return digits != 0;
}

/// Stores `number` times the unit that is called `name`. False: there is no such unit, or no room for the
/// product.
template <std::size_t Count, class Value>
bool store_times(std::array<word<std::uint64_t>, Count> const& units, std::string_view name,
                 std::uint64_t number, Value& into) noexcept {
    for (word<std::uint64_t> const& unit : units) {
        if (unit.text != name) continue;
        if (number > static_cast<std::uint64_t>(std::numeric_limits<Value>::max()) / unit.value) return false;
        into = static_cast<Value>(number * unit.value);
        return true;
    }
    return false;
}

// ---- Reading: each returns false for a text that is no such value -----------------------------------

template <worded Value>
bool read(std::string_view text, Value& into) noexcept {
    for (word<Value> const& known : words<Value>) {
        if (known.text != text) continue;
        into = known.value;
        return true;
    }
    return false;
}
template <numeric Value>
bool read(std::string_view text, Value& into) noexcept {
    std::uint64_t number = 0;
    if (!take_number(text, number) || !text.empty() || number > std::numeric_limits<Value>::max())
        return false;
    into = static_cast<Value>(number);
    return true;
}
inline bool read(std::string_view text, options::milliseconds& into) noexcept {
    static constexpr std::array<word<std::uint64_t>, 6> units{
        {{"", 1}, {"ms", 1}, {"s", 1000}, {"m", 60'000}, {"h", 3'600'000}, {"d", 86'400'000}}};
    std::uint64_t number = 0;
    std::int64_t milliseconds = 0;
    if (!take_number(text, number) || !store_times(units, text, number, milliseconds)) return false;
    into = options::milliseconds{milliseconds};
    return true;
}
/// A duration, or "none" for umbel::no_deadline.
inline bool read_deadline(std::string_view text, options::milliseconds& into) noexcept {
    if (text != "none") return read(text, into);
    into = no_deadline;
    return true;
}
inline bool read(std::string_view text, std::string& into) {
    into.assign(text);
    return true;
}
inline bool read(std::string_view text, secret& into) {
    into = secret{text};
    return true;
}
/// "left=right,left=right". A host:port holds neither sign.
template <class Pair>
bool read_pairs(std::string_view text, std::string Pair::* left, std::string Pair::* right,
                std::vector<Pair>& into) {
    into.clear();
    for (bool more = true; more;) {
        std::size_t const comma = text.find(',');
        std::string_view const pair = text.substr(0, comma);
        std::size_t const sign = pair.find('=');
        if (sign == 0 || sign == pair.npos || sign + 1 == pair.size()) return false;
        Pair& added = into.emplace_back();
        added.*left = pair.substr(0, sign);
        added.*right = pair.substr(sign + 1);
        more = comma != text.npos;
        if (more) text.remove_prefix(comma + 1);
    }
    return true;
}
inline bool read(std::string_view text, std::vector<address_pair>& into) {
    return read_pairs(text, &address_pair::announced, &address_pair::reached, into);
}
inline bool read(std::string_view text, std::vector<node_zone>& into) {
    return read_pairs(text, &node_zone::node, &node_zone::zone, into);
}
/// A number of bytes. Rule: redis.conf, "Note on units": 1k is 1000 bytes, 1kb is 1024; case does not matter.
template <numeric Value>
bool read_bytes(std::string_view text, Value& into) {
    constexpr std::uint64_t kilo = 1000, kibi = 1024;
    static constexpr std::array<word<std::uint64_t>, 8> units{{{"", 1},
                                                               {"b", 1},
                                                               {"k", kilo},
                                                               {"kb", kibi},
                                                               {"m", kilo * kilo},
                                                               {"mb", kibi * kibi},
                                                               {"g", kilo * kilo * kilo},
                                                               {"gb", kibi * kibi * kibi}}};
    std::uint64_t number = 0;
    if (!take_number(text, number)) return false;
    std::string unit{text};
    for (char& letter : unit)
        if (letter >= 'A' && letter <= 'Z') letter = static_cast<char>(letter - 'A' + 'a');
    return store_times(units, unit, number, into);
}

// ---- What to write instead --------------------------------------------------------------------------

template <worded Value>
std::string form_of(Value const&) {
    std::string text{"one of"};
    for (word<Value> const& known : words<Value>)
        text.append(&known == &words<Value>.front() ? " " : ", ").append(known.text);
    return text;
}
template <numeric Value>
std::string form_of(Value const&) {
    return "a number from 0 to " + std::to_string(std::numeric_limits<Value>::max());
}
inline std::string form_of(options::milliseconds const&) {
    return "a duration, as in 1500 (milliseconds), 150ms, 2s, 5m, 1h or 1d";
}
inline std::string form_of_deadline() { return form_of(options::milliseconds{}) + ", or none"; }
inline std::string form_of(std::string const&) { return "a text"; }
inline std::string form_of(secret const&) { return "a text"; }
inline std::string form_of(std::vector<address_pair> const&) {
    return "pairs, as in 10.0.0.1:6379=127.0.0.1:7001,10.0.0.2=gate.example";
}
inline std::string form_of(std::vector<node_zone> const&) {
    return "pairs, as in 10.0.0.1:6379=eu-1a,10.0.0.2:6379=eu-1b";
}
inline std::string form_of_bytes() { return "a number of bytes, as in 65536, 64kb, 64mb or 1gb"; }

// ---- Whether two say the same -----------------------------------------------------------------------

template <class Value>
bool same(Value const& left, Value const& right) noexcept {
    return left == right;
}
template <class Pair>
bool same_pairs(std::vector<Pair> const& left, std::vector<Pair> const& right, std::string Pair::* first,
                std::string Pair::* second) noexcept {
    bool equal = left.size() == right.size();
    for (std::size_t i = 0; equal && i < left.size(); ++i)
        equal = left[i].*first == right[i].*first && left[i].*second == right[i].*second;
    return equal;
}
inline bool same(std::vector<address_pair> const& left, std::vector<address_pair> const& right) noexcept {
    return same_pairs(left, right, &address_pair::announced, &address_pair::reached);
}
inline bool same(std::vector<node_zone> const& left, std::vector<node_zone> const& right) noexcept {
    return same_pairs(left, right, &node_zone::node, &node_zone::zone);
}

}  // namespace umbel::engine::url_values
