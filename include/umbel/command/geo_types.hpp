// geo_types.hpp: positions, shapes, options and answers of the geo commands. It knows no command.
#pragma once

#include <umbel/command/word_list.hpp>
#include <umbel/config.hpp>
#include <umbel/resp/decode.hpp>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

namespace umbel::command {

enum class geo_unit : std::uint8_t { meters, kilometers, miles, feet };

constexpr std::string_view spelling_of(geo_unit unit) noexcept {
    constexpr std::string_view spelled[]{"m", "km", "mi", "ft"};
    return spelled[static_cast<std::size_t>(unit)];
}

/// A place on earth. Units: degrees; east and north are positive. What comes back from a server differs from
/// what was written by less than a metre.
struct geo_position {
    double longitude = 0;
    double latitude = 0;
    friend bool operator==(geo_position const&, geo_position const&) = default;
};

/// True for what servers can index. Rule: GEOADD command, "valid longitudes", "valid latitudes".
constexpr bool is_indexable(geo_position place) noexcept {
    constexpr double latitude_max = 85.05112878;
    return place.longitude >= -180 && place.longitude <= 180 && place.latitude >= -latitude_max &&
           place.latitude <= latitude_max;
}

/// Where a search begins: at a member, or at a position. Lifetime: borrows until the command is encoded.
class geo_center {
public:
    template <std::convertible_to<std::string_view> Text>
    constexpr geo_center(Text const& member) noexcept : member_{std::string_view{member}} {}
    constexpr geo_center(geo_position place) noexcept : place_{place} {}

    /// The member, where it begins at one.
    constexpr std::optional<std::string_view> member() const noexcept { return member_; }
    constexpr geo_position place() const noexcept { return place_; }

private:
    std::optional<std::string_view> member_;
    geo_position place_;
};
static_assert(UMBEL_IS_TRIVIALLY_DESTRUCTIBLE(geo_center));

/// What stands no further than `radius` from the centre.
struct geo_radius {
    double radius = 0;
    geo_unit unit = geo_unit::meters;
};
/// What stands in a rectangle around the centre, whose sides run from west to east and from south to north.
struct geo_box {
    double width = 0;
    double height = 0;
    geo_unit unit = geo_unit::meters;
};
template <class Shape>
concept geo_shape = std::same_as<Shape, geo_radius> || std::same_as<Shape, geo_box>;

/// The corners of a polygon: any range of positions.
template <class Range>
concept geo_polygon =
    rereadable<Range> && std::same_as<std::remove_cvref_t<range_element<Range>>, geo_position>;

/// In which order members are found.
enum class geo_order : std::uint8_t {
    unsorted,
    nearest_first,   ///< ASC
    farthest_first,  ///< DESC
};

/// Options of GEOSEARCH. Rule: GEOSEARCH command, "COUNT count".
struct geosearch_options {
    geo_order order = geo_order::unsorted;
    std::optional<std::uint64_t> count{};  ///< COUNT: at most so many, the nearest ones.
    bool any = false;                      ///< ANY: not the nearest ones but the first to be found.
};
static_assert(UMBEL_IS_TRIVIALLY_DESTRUCTIBLE(geosearch_options));

/// Options of GEOSEARCHSTORE.
struct geosearchstore_options {
    geo_order order = geo_order::unsorted;
    std::optional<std::uint64_t> count{};  ///< COUNT: at most so many, the nearest ones.
    bool any = false;                      ///< ANY: not the nearest ones but the first to be found.
    bool store_distances = false;          ///< STOREDIST: distances as scores, in place of positions.
};
static_assert(UMBEL_IS_TRIVIALLY_DESTRUCTIBLE(geosearchstore_options));

/// What GEOSEARCH tells of each member it finds.
struct geo_details {
    bool distance = false;  ///< WITHDIST
    bool hash = false;      ///< WITHHASH
    bool position = false;  ///< WITHCOORD

    constexpr bool any() const noexcept { return distance || hash || position; }
};

/// A member that GEOSEARCH has found, with those details that were asked for.
template <class Value = std::string>
struct geo_match {
    Value member;
    std::optional<double> distance;    ///< From the centre, in the unit of the shape; of a polygon in metres.
    std::optional<std::int64_t> hash;  ///< The geohash as an integer of 52 bits: the score of the member.
    std::optional<geo_position> position;
    friend bool operator==(geo_match const&, geo_match const&) = default;
};

// ---- As arguments -------------------------------------------------------------------------------------

inline word_list& add_position(word_list& list, geo_position place) noexcept {
    list.refuse_if(!is_indexable(place),
                   "a position beyond 180 degrees of longitude or 85.05112878 of latitude");
    return list.add(place.longitude, place.latitude);
}

inline void add_center(word_list& list, geo_center const& center) noexcept {
    if (auto const member = center.member())
        list.add("FROMMEMBER", *member);
    else
        add_position(list.add("FROMLONLAT"), center.place());
}

/// Infinity is no length either.
constexpr bool is_length(double length) noexcept { return length >= 0 && length - length == 0; }

inline void add_shape(word_list& list, geo_radius const& circle) noexcept {
    list.refuse_if(!is_length(circle.radius), "a radius that is negative or no number");
    list.add("BYRADIUS", circle.radius, spelling_of(circle.unit));
}
inline void add_shape(word_list& list, geo_box const& box) noexcept {
    list.refuse_if(!is_length(box.width) || !is_length(box.height), "a side that is negative or no number");
    list.add("BYBOX", box.width, box.height, spelling_of(box.unit));
}
template <geo_polygon Corners>
void add_shape(word_list& list, Corners const& corners) {
    std::uint64_t count = 0;
    for (auto at = std::begin(corners); at != std::end(corners); ++at) ++count;
    list.refuse_if(count < 3, "a polygon of less than three corners").add("BYPOLYGON", count);
    for (geo_position const& corner : corners) add_position(list, corner);
}

/// Adds what GEOSEARCH and GEOSEARCHSTORE have in common.
template <class Options>
void add_search(word_list& list, Options const& options) {
    list.add_if(options.order == geo_order::nearest_first, "ASC");
    list.add_if(options.order == geo_order::farthest_first, "DESC");
    list.refuse_if(options.any && !options.count, "any needs a count");
    if (!options.count) return;
    list.refuse_if(*options.count == 0, "a search with a count of zero");
    list.add("COUNT", *options.count).add_if(options.any, "ANY");
}

inline void add_details(word_list& list, geo_details details) noexcept {
    list.add_if(details.distance, "WITHDIST").add_if(details.hash, "WITHHASH");
    list.add_if(details.position, "WITHCOORD");
}

}  // namespace umbel::command

namespace umbel {
using command::geo_box;
using command::geo_center;
using command::geo_details;
using command::geo_match;
using command::geo_order;
using command::geo_position;
using command::geo_radius;
using command::geo_unit;
using command::geosearch_options;
using command::geosearchstore_options;
}  // namespace umbel

// ---- As replies ---------------------------------------------------------------------------------------

template <>
inline constexpr bool umbel::empty_is_missing<umbel::command::geo_position> = false;
template <class Value>
inline constexpr bool umbel::empty_is_missing<umbel::command::geo_match<Value>> = false;

template <>
struct umbel::from_reply<umbel::command::geo_position> {
    template <class View = resp::view>
    static result<later<View, command::geo_position>> from(View const& reply) {
        using parts = later<View, std::pair<double, double>>;
        result<parts> const read = from_reply<parts>::from(reply);
        if (!read) return tl::unexpected<error>{read.error()};
        return command::geo_position{read->first, read->second};
    }
};

/// A member alone, or an array of it and its details, which are told apart by their kind: a distance is a
/// text or a double, a hash an integer, a position an array.
template <umbel::decodable Value>
struct umbel::from_reply<umbel::command::geo_match<Value>> {
    using match = command::geo_match<Value>;

    static result<match> from(resp::view const& reply) {
        if (!reply.is_aggregate()) return with_member(reply);
        if (reply.children_count() == 0) return umbel::unexpected("a member with its details", reply);
        auto at = reply.children().begin();
        result<match> found = with_member(*at);
        if (!found) return found;
        for (++at; at != reply.children().end(); ++at) {
            if (result<void> done = read_detail(*at, *found); !done)
                return tl::unexpected<error>{std::move(done.error())};
        }
        return found;
    }

private:
    static result<match> with_member(resp::view const& reply) {
        result<Value> member = from_reply<Value>::from(reply);
        if (!member) return tl::unexpected<error>{std::move(member.error())};
        return match{std::move(*member), {}, {}, {}};
    }
    static result<void> read_detail(resp::view const& detail, match& found) {
        if (detail.is_aggregate()) return read(detail, found.position);
        if (detail.integer()) return read(detail, found.hash);
        return read(detail, found.distance);
    }
    template <class Detail>
    static result<void> read(resp::view const& detail, std::optional<Detail>& into) {
        if (into) return umbel::unexpected("each detail of a member once", detail);
        result<Detail> value = from_reply<Detail>::from(detail);
        if (!value) return tl::unexpected<error>{std::move(value.error())};
        into = std::move(*value);
        return {};
    }
};
