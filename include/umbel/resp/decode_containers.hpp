// decode_containers.hpp: from_reply for sequences, fixed groups, maps and sets.
// A map of RESP3, a flat array of RESP2 and an array of pairs are the same thing to whoever asks for a map.
#pragma once

#include <umbel/error.hpp>
#include <umbel/resp/from_reply.hpp>
#include <umbel/resp/type.hpp>
#include <umbel/resp/view.hpp>

#include <array>
#include <cstddef>
#include <map>
#include <optional>
#include <set>
#include <tuple>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

namespace umbel {

namespace resp {

/// True when `value` pairs its elements: a map, an even array, or an array of arrays of two.
/// Sets `nested` for the last of these.
inline bool holds_pairs(view value, bool& nested) noexcept {
    nested = false;
    if (value.kind() == type::map) return true;
    if (value.kind() != type::array && value.kind() != type::set) return false;
    if (value.children_count() == 0) return true;
    view const first = value.child(0);
    nested = first.kind() == type::array && first.children_count() == 2;
    return nested || value.children_count() % 2 == 0;
}

/// Hands both parts of each pair of `value` to `visit(first, second)`, until that gives an error. Errors:
/// unexpected_type, server_error, and those of `visit`.
template <class Visit>
result<void> visit_pairs(view const& value, Visit visit) {
    bool nested = false;
    if (!holds_pairs(value, nested)) return umbel::unexpected("a map", value);
    if (!nested) {
        for (auto const [first, second] : value.pairs()) {
            if (result<void> done = visit(first, second); !done) return done;
        }
        return {};
    }
    for (view const pair : value.children()) {
        if (pair.kind() != type::array || pair.children_count() != 2)
            return umbel::unexpected("an array of two", pair);
        if (result<void> done = visit(pair.child(0), pair.child(1)); !done) return done;
    }
    return {};
}

/// Decodes the pairs of `value` and hands each to `take`. Errors: unexpected_type, server_error.
template <class Key, class Value, class Take>
result<void> decode_pairs(view const& value, Take take) {
    return visit_pairs(value, [&take](view first, view second) -> result<void> {
        result<Key> key = from_reply<Key>::from(first);
        if (!key) return tl::unexpected<error>{std::move(key.error())};
        result<Value> mapped = from_reply<Value>::from(second);
        if (!mapped) return tl::unexpected<error>{std::move(mapped.error())};
        take(std::move(*key), std::move(*mapped));
        return {};
    });
}

/// Decodes the elements of `value` and hands each to `take`. Errors: unexpected_type, server_error.
template <class Element, class Take>
result<void> decode_elements(view const& value, Take take) {
    if (!value.is_aggregate()) return umbel::unexpected("an array", value);
    for (view const child : value.children()) {
        result<Element> element = from_reply<Element>::from(child);
        if (!element) return tl::unexpected<error>{std::move(element.error())};
        take(std::move(*element));
    }
    return {};
}

/// Decodes an aggregate of exactly the elements that `Group`, a pair or a tuple, has.
template <class Group, std::size_t... Index>
result<Group> decode_group(view const& value, std::index_sequence<Index...>) {
    if (!value.is_aggregate() || value.children_count() != sizeof...(Index))
        return umbel::unexpected("an array of the length asked for", value);
    auto at = value.children().begin();
    error first_error{errc::unexpected_type, delivery::executed};
    bool good = true;
    // Braces keep the order of evaluation; an element behind a bad one is not looked at.
    auto next = [&]<class Element>(std::optional<Element>& slot) {
        if (!good) return;
        result<Element> element = from_reply<Element>::from(*at);
        ++at;
        if (element) {
            slot.emplace(std::move(*element));
        } else {
            good = false;
            first_error = std::move(element.error());
        }
    };
    std::tuple<std::optional<std::tuple_element_t<Index, Group>>...> slots;
    (next(std::get<Index>(slots)), ...);
    if (!good) return tl::unexpected<error>{std::move(first_error)};
    return Group{std::move(*std::get<Index>(slots))...};
}

/// Decodes `value` into a map or a set of any standard kind.
template <class Map>
result<Map> decode_map(view const& value) {
    Map map;
    auto done = decode_pairs<typename Map::key_type, typename Map::mapped_type>(
        value,
        [&map](auto&& key, auto&& mapped) { map.insert_or_assign(std::move(key), std::move(mapped)); });
    if (!done) return tl::unexpected<error>{std::move(done.error())};
    return map;
}
template <class Set>
result<Set> decode_set(view const& value) {
    Set set;
    auto done = decode_elements<typename Set::value_type>(
        value, [&set](auto&& element) { set.insert(std::move(element)); });
    if (!done) return tl::unexpected<error>{std::move(done.error())};
    return set;
}

}  // namespace resp

// An empty list is a list, and so is an empty set; an empty map is a missing hash, and an empty array a
// missing pair, as ZPOPMIN says that there was nothing to pop (see empty_is_missing).
template <class T, class Allocator>
inline constexpr bool empty_is_missing<std::vector<T, Allocator>> = false;
template <class T, std::size_t Size>
inline constexpr bool empty_is_missing<std::array<T, Size>> = false;
template <class... T>
inline constexpr bool empty_is_missing<std::tuple<T...>> = false;
template <class Key, class Compare, class Allocator>
inline constexpr bool empty_is_missing<std::set<Key, Compare, Allocator>> = false;
template <class Key, class Hash, class Equal, class Allocator>
inline constexpr bool empty_is_missing<std::unordered_set<Key, Hash, Equal, Allocator>> = false;

/// The elements of an array, set or push; of a map keys and values in turn.
template <decodable T, class Allocator>
struct from_reply<std::vector<T, Allocator>> {
    static result<std::vector<T, Allocator>> from(resp::view const& view) {
        std::vector<T, Allocator> elements;
        elements.reserve(view.children_count());
        auto done = resp::decode_elements<T>(
            view, [&elements](T&& element) { elements.push_back(std::move(element)); });
        if (!done) return tl::unexpected<error>{std::move(done.error())};
        return elements;
    }
};

/// The pairs of a map, of a flat array, or of an array of pairs, in the order of arrival.
template <decodable First, decodable Second, class Allocator>
struct from_reply<std::vector<std::pair<First, Second>, Allocator>> {
    static result<std::vector<std::pair<First, Second>, Allocator>> from(resp::view const& view) {
        std::vector<std::pair<First, Second>, Allocator> pairs;
        pairs.reserve(view.children_count() / 2);
        auto done = resp::decode_pairs<First, Second>(view, [&pairs](First&& first, Second&& second) {
            pairs.emplace_back(std::move(first), std::move(second));
        });
        if (!done) return tl::unexpected<error>{std::move(done.error())};
        return pairs;
    }
};

/// Exactly as many elements as the array has.
template <decodable T, std::size_t Size>
struct from_reply<std::array<T, Size>> {
    static result<std::array<T, Size>> from(resp::view const& view) {
        return resp::decode_group<std::array<T, Size>>(view, std::make_index_sequence<Size>{});
    }
};

/// Exactly two elements.
template <decodable First, decodable Second>
struct from_reply<std::pair<First, Second>> {
    static result<std::pair<First, Second>> from(resp::view const& view) {
        return resp::decode_group<std::pair<First, Second>>(view, std::make_index_sequence<2>{});
    }
};

/// Exactly as many elements as the tuple has.
template <decodable... T>
struct from_reply<std::tuple<T...>> {
    static result<std::tuple<T...>> from(resp::view const& view) {
        return resp::decode_group<std::tuple<T...>>(view, std::index_sequence_for<T...>{});
    }
};

/// The pairs of a map, of a flat array, or of an array of pairs; of equal keys the last one counts.
template <decodable Key, decodable Value, class Compare, class Allocator>
struct from_reply<std::map<Key, Value, Compare, Allocator>> {
    static result<std::map<Key, Value, Compare, Allocator>> from(resp::view const& view) {
        return resp::decode_map<std::map<Key, Value, Compare, Allocator>>(view);
    }
};
template <decodable Key, decodable Value, class Hash, class Equal, class Allocator>
struct from_reply<std::unordered_map<Key, Value, Hash, Equal, Allocator>> {
    static result<std::unordered_map<Key, Value, Hash, Equal, Allocator>> from(resp::view const& view) {
        return resp::decode_map<std::unordered_map<Key, Value, Hash, Equal, Allocator>>(view);
    }
};

/// The elements of an array or set.
template <decodable Key, class Compare, class Allocator>
struct from_reply<std::set<Key, Compare, Allocator>> {
    static result<std::set<Key, Compare, Allocator>> from(resp::view const& view) {
        return resp::decode_set<std::set<Key, Compare, Allocator>>(view);
    }
};
template <decodable Key, class Hash, class Equal, class Allocator>
struct from_reply<std::unordered_set<Key, Hash, Equal, Allocator>> {
    static result<std::unordered_set<Key, Hash, Equal, Allocator>> from(resp::view const& view) {
        return resp::decode_set<std::unordered_set<Key, Hash, Equal, Allocator>>(view);
    }
};

}  // namespace umbel
