// sets.hpp: sets as typed functions, and their unions, intersections and differences.
#pragma once

#include <umbel/command/family.hpp>
#include <umbel/command/scan.hpp>
#include <umbel/command/store.hpp>
#include <umbel/config.hpp>
#include <umbel/resp/decode.hpp>

#include <concepts>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace umbel::command {

/// Options of SUNIONCARD.
struct sunioncard_options {
    bool approximate = false;  ///< APPROX: an estimate by a HyperLogLog, with a standard error of 0.81 %.
    std::uint64_t limit = 0;   ///< LIMIT: where the counting ends; 0: never.
};
static_assert(UMBEL_IS_TRIVIALLY_DESTRUCTIBLE(sunioncard_options));

}  // namespace umbel::command

namespace umbel {
using command::sunioncard_options;
}  // namespace umbel

namespace umbel::command {

namespace specs {
using enum cluster::command_flags;
inline constexpr command_spec sadd{"SADD", none};
inline constexpr command_spec scard{"SCARD", read_only};
inline constexpr command_spec sdiff{"SDIFF", read_only};
inline constexpr command_spec sdiffcard{"SDIFFCARD", read_only};
inline constexpr command_spec sdiffstore{"SDIFFSTORE", none};
inline constexpr command_spec sinter{"SINTER", read_only};
inline constexpr command_spec sintercard{"SINTERCARD", read_only};
inline constexpr command_spec sinterstore{"SINTERSTORE", none};
inline constexpr command_spec sismember{"SISMEMBER", read_only};
inline constexpr command_spec smembers{"SMEMBERS", read_only};
inline constexpr command_spec smismember{"SMISMEMBER", read_only};
inline constexpr command_spec smove{"SMOVE", none};
inline constexpr command_spec spop{"SPOP", none};
inline constexpr command_spec srandmember{"SRANDMEMBER", read_only};
inline constexpr command_spec srem{"SREM", none};
inline constexpr command_spec sscan{"SSCAN", read_only};
inline constexpr command_spec sunion{"SUNION", read_only};
inline constexpr command_spec sunioncard{"SUNIONCARD", read_only};
inline constexpr command_spec sunionstore{"SUNIONSTORE", none};
}  // namespace specs

/// Set commands for whatever can submit an invocation. A set without members does not exist. Where a command
/// answers with all members of a set, `Members` is any container that can be decoded, such as
/// std::unordered_set<std::string> or std::vector<int>; the members come in no order. The keys of a command
/// with several lie in the same slot.
/// Errors of each: those of every command, listed at umbel::client; of these wrong_type when a key holds no
/// set, bad_argument for an empty range, and cross_slot. Cancellation: as of every command; what writes may
/// have written then, as the delivery tells.
template <class Self>
class set_commands {
public:
    // ---- Members of one set ---------------------------------------------------------------------

    /// SADD: how many of the members are new. Since 1.0.0. Complexity: O(members).
    template <word... Members>
        requires(sizeof...(Members) >= 1)
    auto sadd(std::string_view name, Members const&... members) const {
        return run<std::int64_t>(*this, specs::sadd, umbel::key{name}, members...);
    }
    template <word_range Members>
    auto sadd(std::string_view name, Members const& members) const {
        return run<std::int64_t>(*this, specs::sadd, word_list{umbel::key{name}}.add_each(members));
    }
    /// SREM: how many of the members there were. Since 1.0.0. Complexity: O(members).
    template <word... Members>
        requires(sizeof...(Members) >= 1)
    auto srem(std::string_view name, Members const&... members) const {
        return run<std::int64_t>(*this, specs::srem, umbel::key{name}, members...);
    }
    template <word_range Members>
    auto srem(std::string_view name, Members const& members) const {
        return run<std::int64_t>(*this, specs::srem, word_list{umbel::key{name}}.add_each(members));
    }
    /// SMOVE: true when the member was there, and has moved to the other set.
    /// Since 1.0.0. Complexity: O(1).
    auto smove(std::string_view source, std::string_view destination, argument const& member) const {
        return run<bool>(*this, specs::smove, umbel::key{source}, umbel::key{destination}, member);
    }
    /// SPOP: some member, taken away; nullopt when there is no set. Since 1.0.0. Complexity: O(1).
    template <decodable Value = std::string>
    auto spop(std::string_view name) const {
        return run<std::optional<Value>>(*this, specs::spop, umbel::key{name});
    }
    /// SPOP of several: at most `count` members; none when there is no set.
    /// Since 3.2.0. Complexity: O(count).
    template <decodable Value = std::string>
    auto spop(std::string_view name, std::uint64_t count) const {
        return run<std::vector<Value>>(*this, specs::spop, umbel::key{name}, count);
    }

    /// SCARD: the number of members; 0 when there is no set. Since 1.0.0. Complexity: O(1).
    auto scard(std::string_view name) const {
        return run<std::int64_t>(*this, specs::scard, umbel::key{name});
    }
    /// SISMEMBER: true when it is a member. Since 1.0.0. Complexity: O(1).
    auto sismember(std::string_view name, argument const& member) const {
        return run<bool>(*this, specs::sismember, umbel::key{name}, member);
    }
    /// SMISMEMBER: which of these are members, in their order. Since 6.2.0. Complexity: O(members).
    template <word... Members>
        requires(sizeof...(Members) >= 1)
    auto smismember(std::string_view name, Members const&... members) const {
        return run<std::vector<bool>>(*this, specs::smismember, umbel::key{name}, members...);
    }
    template <word_range Members>
    auto smismember(std::string_view name, Members const& members) const {
        return run<std::vector<bool>>(*this, specs::smismember,
                                      word_list{umbel::key{name}}.add_each(members));
    }
    /// SMEMBERS: all members; none when there is no set. Since 1.0.0. Complexity: O(size of the set).
    template <decodable Members = std::vector<std::string>>
    auto smembers(std::string_view name) const {
        return run<Members>(*this, specs::smembers, umbel::key{name});
    }
    /// SRANDMEMBER: some member, or nullopt when there is no set. Since 1.0.0. Complexity: O(1).
    template <decodable Value = std::string>
    auto srandmember(std::string_view name) const {
        return run<std::optional<Value>>(*this, specs::srandmember, umbel::key{name});
    }
    /// SRANDMEMBER of several: at most `count` different members, or with a negative `count` exactly so
    /// many, the same ones again and again. Since 2.6.0. Complexity: O(count).
    template <decodable Value = std::string>
    auto srandmember(std::string_view name, std::int64_t count) const {
        return run<std::vector<Value>>(*this, specs::srandmember, umbel::key{name}, count);
    }
    /// SSCAN: one page of members. A member that is there all the time is seen at least once, and perhaps
    /// several times. Rule: SCAN command, "Scan guarantees". Since 2.8.0. Complexity: O(1) a page.
    template <decodable Value = std::string>
    auto sscan(std::string_view name, std::string_view cursor = scan_start, scan_options options = {}) const {
        word_list list{umbel::key{name}, cursor};
        add_scan(list, options);
        return run<scan_page<Value>>(*this, specs::sscan, list);
    }

    // ---- Several sets ---------------------------------------------------------------------------

    /// SINTER: what all of the sets have. Since 1.0.0. Complexity: O(sets * size of the smallest set).
    template <decodable Members = std::vector<std::string>, key_range_of_texts Keys>
    auto sinter(Keys const& keys) const {
        return run<Members>(*this, specs::sinter, word_list{}.add_keys(keys));
    }
    template <decodable Members = std::vector<std::string>, std::convertible_to<std::string_view>... Keys>
        requires(sizeof...(Keys) >= 1)
    auto sinter(Keys const&... keys) const {
        return run<Members>(*this, specs::sinter, umbel::key{keys}...);
    }
    /// SUNION: what any of the sets has. Since 1.0.0. Complexity: O(members of all sets).
    template <decodable Members = std::vector<std::string>, key_range_of_texts Keys>
    auto sunion(Keys const& keys) const {
        return run<Members>(*this, specs::sunion, word_list{}.add_keys(keys));
    }
    template <decodable Members = std::vector<std::string>, std::convertible_to<std::string_view>... Keys>
        requires(sizeof...(Keys) >= 1)
    auto sunion(Keys const&... keys) const {
        return run<Members>(*this, specs::sunion, umbel::key{keys}...);
    }
    /// SDIFF: what the first set has and none of the others. Since 1.0.0. Complexity: O(members of all sets).
    template <decodable Members = std::vector<std::string>, key_range_of_texts Keys>
    auto sdiff(Keys const& keys) const {
        return run<Members>(*this, specs::sdiff, word_list{}.add_keys(keys));
    }
    template <decodable Members = std::vector<std::string>, std::convertible_to<std::string_view>... Keys>
        requires(sizeof...(Keys) >= 1)
    auto sdiff(Keys const&... keys) const {
        return run<Members>(*this, specs::sdiff, umbel::key{keys}...);
    }
    /// SINTERCARD: how many members all of the sets have; it counts no further than `limit`, unless that is
    /// 0. Since 7.0.0. Complexity: O(sets * size of the smallest set).
    template <key_range_of_texts Keys>
    auto sintercard(Keys const& keys, std::uint64_t limit = 0) const {
        word_list list;
        list.add_counted_keys(keys).add_if(limit != 0, "LIMIT", limit);
        return run<std::int64_t>(*this, specs::sintercard, list);
    }
    template <std::convertible_to<std::string_view>... Keys>
        requires(sizeof...(Keys) >= 1)
    auto sintercard(Keys const&... keys) const {
        return run<std::int64_t>(*this, specs::sintercard, sizeof...(Keys), umbel::key{keys}...);
    }

    /// SUNIONCARD: how many members any of the sets has; it counts no further than `limit`.
    /// Since 8.10.0 (no Valkey). Complexity: O(members of all sets).
    template <key_range_of_texts Keys>
    auto sunioncard(Keys const& keys, sunioncard_options options = {}) const {
        word_list list;
        list.add_counted_keys(keys).add_if(options.approximate, "APPROX");
        list.add_if(options.limit != 0, "LIMIT", options.limit);
        return run<std::int64_t>(*this, specs::sunioncard, list);
    }
    template <std::convertible_to<std::string_view>... Keys>
        requires(sizeof...(Keys) >= 1)
    auto sunioncard(Keys const&... keys) const {
        return run<std::int64_t>(*this, specs::sunioncard, sizeof...(Keys), umbel::key{keys}...);
    }
    /// SDIFFCARD: how many members the first set has and none of the others; it counts no further than
    /// `limit`, unless that is 0. Since 8.10.0 (no Valkey). Complexity: O(members of all sets).
    template <key_range_of_texts Keys>
    auto sdiffcard(Keys const& keys, std::uint64_t limit = 0) const {
        word_list list;
        list.add_counted_keys(keys).add_if(limit != 0, "LIMIT", limit);
        return run<std::int64_t>(*this, specs::sdiffcard, list);
    }
    template <std::convertible_to<std::string_view>... Keys>
        requires(sizeof...(Keys) >= 1)
    auto sdiffcard(Keys const&... keys) const {
        return run<std::int64_t>(*this, specs::sdiffcard, sizeof...(Keys), umbel::key{keys}...);
    }

    /// SINTERSTORE: writes the intersection in place of the destination: how many members it has.
    /// Since 1.0.0. Complexity: as of sinter().
    template <key_range_of_texts Keys>
    auto sinterstore(std::string_view destination, Keys const& keys) const {
        return stored(specs::sinterstore, word_list{umbel::key{destination}}.add_keys(keys));
    }
    template <std::convertible_to<std::string_view>... Keys>
        requires(sizeof...(Keys) >= 1)
    auto sinterstore(std::string_view destination, Keys const&... keys) const {
        return stored(specs::sinterstore, word_list{umbel::key{destination}, umbel::key{keys}...});
    }
    /// SUNIONSTORE: writes the union in place of the destination: how many members it has.
    /// Since 1.0.0. Complexity: as of sunion().
    template <key_range_of_texts Keys>
    auto sunionstore(std::string_view destination, Keys const& keys) const {
        return stored(specs::sunionstore, word_list{umbel::key{destination}}.add_keys(keys));
    }
    template <std::convertible_to<std::string_view>... Keys>
        requires(sizeof...(Keys) >= 1)
    auto sunionstore(std::string_view destination, Keys const&... keys) const {
        return stored(specs::sunionstore, word_list{umbel::key{destination}, umbel::key{keys}...});
    }
    /// SDIFFSTORE: writes the difference in place of the destination: how many members it has.
    /// Since 1.0.0. Complexity: as of sdiff().
    template <key_range_of_texts Keys>
    auto sdiffstore(std::string_view destination, Keys const& keys) const {
        return stored(specs::sdiffstore, word_list{umbel::key{destination}}.add_keys(keys));
    }
    template <std::convertible_to<std::string_view>... Keys>
        requires(sizeof...(Keys) >= 1)
    auto sdiffstore(std::string_view destination, Keys const&... keys) const {
        return stored(specs::sdiffstore, word_list{umbel::key{destination}, umbel::key{keys}...});
    }

private:
    auto stored(command_spec const& spec, word_list const& list) const {
        return run<std::int64_t>(*this, spec, list, store_flags(list));
    }
};

}  // namespace umbel::command
