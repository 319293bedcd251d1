// lcs_matches.hpp: what LCS … IDX answers. It knows no connection.
#pragma once

#include <umbel/resp/decode.hpp>

#include <cstdint>
#include <utility>
#include <vector>

namespace umbel::command {

/// A part of a text. Units: bytes from 0 on; both ends belong to it.
struct text_range {
    std::int64_t first = 0;
    std::int64_t last = 0;
    friend bool operator==(text_range const&, text_range const&) = default;
};

/// A part that two texts have in common, and where it stands in each.
struct lcs_match {
    text_range in_first;
    text_range in_second;

    /// Units: bytes.
    std::int64_t length() const noexcept { return in_first.last - in_first.first + 1; }
    friend bool operator==(lcs_match const&, lcs_match const&) = default;
};

/// The longest common subsequence of two texts by its parts, the last part first.
struct lcs_matches {
    std::vector<lcs_match> matches;
    std::int64_t length = 0;  ///< Of the whole subsequence, in bytes.
    friend bool operator==(lcs_matches const&, lcs_matches const&) = default;
};

}  // namespace umbel::command

namespace umbel {
using command::lcs_match;
using command::lcs_matches;
using command::text_range;
}  // namespace umbel

template <>
inline constexpr bool umbel::empty_is_missing<umbel::command::text_range> = false;
template <>
inline constexpr bool umbel::empty_is_missing<umbel::command::lcs_match> = false;
template <>
inline constexpr bool umbel::empty_is_missing<umbel::command::lcs_matches> = false;

template <>
struct umbel::from_reply<umbel::command::text_range> {
    template <class View = resp::view>
    static result<later<View, command::text_range>> from(View const& reply) {
        using parts = later<View, std::pair<std::int64_t, std::int64_t>>;
        auto const ends = from_reply<parts>::from(reply);
        if (!ends) return tl::unexpected<error>{ends.error()};
        if (ends->first < 0 || ends->second < ends->first) return umbel::unexpected("a range", reply);
        return command::text_range{ends->first, ends->second};
    }
};

template <>
struct umbel::from_reply<umbel::command::lcs_match> {
    template <class View = resp::view>
    static result<later<View, command::lcs_match>> from(View const& reply) {
        using range = later<View, command::text_range>;
        // A third element is the length, which WITHMATCHLEN asks for.
        if (!reply.is_aggregate() || reply.children_count() < 2 || reply.children_count() > 3)
            return umbel::unexpected("a range in each text", reply);
        auto const first = from_reply<range>::from(reply.child(0));
        if (!first) return tl::unexpected<error>{first.error()};
        auto const second = from_reply<range>::from(reply.child(1));
        if (!second) return tl::unexpected<error>{second.error()};
        return command::lcs_match{*first, *second};
    }
};

template <>
struct umbel::from_reply<umbel::command::lcs_matches> {
    template <class View = resp::view>
    static result<later<View, command::lcs_matches>> from(View const& reply) {
        using list = later<View, std::vector<command::lcs_match>>;
        // RESP2: "matches", the matches, "len", the length; RESP3: a map of these.
        if (!reply.is_aggregate() || reply.children_count() != 4)
            return umbel::unexpected("matches and len", reply);
        command::lcs_matches found;
        bool has_matches = false;
        bool has_length = false;
        for (auto const [name, value] : reply.pairs()) {
            if (name.text() == "matches") {
                auto matches = from_reply<list>::from(value);
                if (!matches) return tl::unexpected<error>{std::move(matches.error())};
                found.matches = std::move(*matches);
                has_matches = true;
            } else if (name.text() == "len") {
                auto const length = from_reply<std::int64_t>::from(value);
                if (!length) return tl::unexpected<error>{length.error()};
                found.length = *length;
                has_length = true;
            }
        }
        if (!has_matches || !has_length) return umbel::unexpected("matches and len", reply);
        return found;
    }
};
