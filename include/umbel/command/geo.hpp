// geo.hpp: members of sorted sets that have a place on earth, as typed functions.
#pragma once

#include <umbel/command/family.hpp>
#include <umbel/command/geo_types.hpp>
#include <umbel/command/sorted_sets.hpp>
#include <umbel/command/store.hpp>
#include <umbel/config.hpp>
#include <umbel/resp/decode.hpp>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace umbel::command {

/// Options of GEOADD. Rule: GEOADD command, "GEOADD options".
struct geoadd_options {
    member_condition members = member_condition::always;
    bool count_changed = false;  ///< CH: count the members with a changed position too.
};
static_assert(UMBEL_IS_TRIVIALLY_DESTRUCTIBLE(geoadd_options));

/// A range of members and their positions: a map, or a vector of pairs.
template <class Range>
concept member_position_range =
    rereadable<Range> && lasting_element<range_element<Range>> && requires(range_element<Range> pair) {
        { pair.first } -> std::convertible_to<argument>;
        { pair.second } -> std::convertible_to<geo_position>;
    };

}  // namespace umbel::command

namespace umbel {
using command::geoadd_options;
}  // namespace umbel

namespace umbel::command {

namespace specs {
using enum cluster::command_flags;
inline constexpr command_spec geoadd{"GEOADD", none};
inline constexpr command_spec geodist{"GEODIST", read_only};
inline constexpr command_spec geohash{"GEOHASH", read_only};
inline constexpr command_spec geopos{"GEOPOS", read_only};
inline constexpr command_spec geosearch{"GEOSEARCH", read_only};
inline constexpr command_spec geosearchstore{"GEOSEARCHSTORE", none};
}  // namespace specs

/// Geo commands for whatever can submit an invocation. The members are those of a sorted set: zrem(), zcard()
/// and their like serve them too.
/// Errors of each: those of every command, listed at umbel::client; of these wrong_type when the key holds no
/// sorted set, and bad_argument for an empty range, a position that cannot be indexed, or a shape that is
/// none. Cancellation: as of every command; what writes may have written then, as the delivery tells.
template <class Self>
class geo_commands {
public:
    // ---- Members --------------------------------------------------------------------------------

    /// GEOADD: how many members are new. Since 3.2.0 (NX, XX and CH: 6.2.0). Complexity: O(log(size)).
    auto geoadd(std::string_view name, argument const& member, geo_position place,
                geoadd_options options = {}) const {
        word_list list{umbel::key{name}};
        add_options(list, options);
        add_position(list, place).add(member);
        return run<std::int64_t>(*this, specs::geoadd, list);
    }
    /// GEOADD of a map, or of any range of pairs of a member and its position.
    /// Complexity: O(members * log(size)).
    template <member_position_range Members>
    auto geoadd(std::string_view name, Members const& members, geoadd_options options = {}) const {
        word_list list{umbel::key{name}};
        add_options(list, options);
        std::size_t const before = list.size();
        for (auto&& [member, place] : members) add_position(list, place).add(member);
        list.refuse_if(list.size() == before, "an empty range: the command needs at least one member");
        return run<std::int64_t>(*this, specs::geoadd, list);
    }
    /// GEOPOS: positions in the order of the members, nullopt for missing ones.
    /// Since 3.2.0. Complexity: O(members).
    template <word... Members>
        requires(sizeof...(Members) >= 1)
    auto geopos(std::string_view name, Members const&... members) const {
        return run<std::vector<std::optional<geo_position>>>(*this, specs::geopos, umbel::key{name},
                                                             members...);
    }
    template <word_range Members>
    auto geopos(std::string_view name, Members const& members) const {
        return run<std::vector<std::optional<geo_position>>>(*this, specs::geopos,
                                                             word_list{umbel::key{name}}.add_each(members));
    }
    /// GEODIST: how far two members are from each other, or nullopt when one of them does not exist.
    /// Since 3.2.0. Complexity: O(1).
    auto geodist(std::string_view name, argument const& member, argument const& other,
                 geo_unit unit = geo_unit::meters) const {
        return run<std::optional<double>>(*this, specs::geodist, umbel::key{name}, member, other,
                                          spelling_of(unit));
    }
    /// GEOHASH: geohashes of 11 characters in the order of the members, nullopt for missing ones.
    /// Since 3.2.0. Complexity: O(members).
    template <word... Members>
        requires(sizeof...(Members) >= 1)
    auto geohash(std::string_view name, Members const&... members) const {
        return run<std::vector<std::optional<std::string>>>(*this, specs::geohash, umbel::key{name},
                                                            members...);
    }
    template <word_range Members>
    auto geohash(std::string_view name, Members const& members) const {
        return run<std::vector<std::optional<std::string>>>(*this, specs::geohash,
                                                            word_list{umbel::key{name}}.add_each(members));
    }

    // ---- Searching ------------------------------------------------------------------------------

    /// GEOSEARCH: the members in a circle or a box around a member or a position. Errors: server_error when
    /// the member at the centre does not exist. Since 6.2.0. Complexity: O(members in the box around the
    /// shape
    /// + log(members in the shape)).
    template <decodable Value = std::string, geo_shape Shape>
    auto geosearch(std::string_view name, geo_center center, Shape shape,
                   geosearch_options options = {}) const {
        word_list list{umbel::key{name}};
        add_center(list, center);
        return searched<std::vector<Value>>(list, shape, {}, options);
    }
    /// GEOSEARCH … BYPOLYGON: the members in a polygon, given by at least three corners.
    /// Since Valkey 9.0. Complexity: as above.
    template <decodable Value = std::string, geo_polygon Corners>
    auto geosearch(std::string_view name, Corners const& corners, geosearch_options options = {}) const {
        word_list list{umbel::key{name}};
        return searched<std::vector<Value>>(list, corners, {}, options);
    }
    /// GEOSEARCH … WITHDIST, WITHHASH, WITHCOORD: the members with those details that are wanted.
    template <decodable Value = std::string, geo_shape Shape>
    auto geosearch_with_details(std::string_view name, geo_center center, Shape shape, geo_details wanted,
                                geosearch_options options = {}) const {
        word_list list{umbel::key{name}};
        add_center(list, center);
        list.refuse_if(!wanted.any(), "no details are wanted");
        return searched<std::vector<geo_match<Value>>>(list, shape, wanted, options);
    }
    template <decodable Value = std::string, geo_polygon Corners>
    auto geosearch_with_details(std::string_view name, Corners const& corners, geo_details wanted,
                                geosearch_options options = {}) const {
        word_list list{umbel::key{name}};
        list.refuse_if(!wanted.any(), "no details are wanted");
        return searched<std::vector<geo_match<Value>>>(list, corners, wanted, options);
    }
    /// GEOSEARCHSTORE: writes what geosearch() finds in place of the destination: how many members it has.
    /// Both keys lie in the same slot. Since 6.2.0. Complexity: as of geosearch().
    template <geo_shape Shape>
    auto geosearchstore(std::string_view destination, std::string_view source, geo_center center, Shape shape,
                        geosearchstore_options options = {}) const {
        word_list list{umbel::key{destination}, umbel::key{source}};
        add_center(list, center);
        return stored(list, shape, options);
    }
    template <geo_polygon Corners>
    auto geosearchstore(std::string_view destination, std::string_view source, Corners const& corners,
                        geosearchstore_options options = {}) const {
        word_list list{umbel::key{destination}, umbel::key{source}};
        return stored(list, corners, options);
    }

private:
    static void add_options(word_list& list, geoadd_options const& options) noexcept {
        list.add_if(options.members != member_condition::always, spelling_of(options.members));
        list.add_if(options.count_changed, "CH");
    }
    template <class Reply, class Shape>
    auto searched(word_list& list, Shape const& shape, geo_details wanted,
                  geosearch_options const& options) const {
        add_shape(list, shape);
        add_search(list, options);
        add_details(list, wanted);
        return run<Reply>(*this, specs::geosearch, list);
    }
    template <class Shape>
    auto stored(word_list& list, Shape const& shape, geosearchstore_options const& options) const {
        add_shape(list, shape);
        add_search(list, options);
        list.add_if(options.store_distances, "STOREDIST");
        return run<std::int64_t>(*this, specs::geosearchstore, list, store_flags(list));
    }
};

}  // namespace umbel::command
