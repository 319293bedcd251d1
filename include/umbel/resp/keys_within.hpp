// keys_within.hpp: which values of replies name keys, and how a client whose keys have a prefix takes it from
// them. It knows no command.
#pragma once

#include <umbel/error.hpp>

#include <cstddef>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

namespace umbel::resp {

/// A value with keys in it, which can take so many bytes from the front of each.
template <class Value>
concept names_keys = requires(Value& value, std::size_t bytes) { value.strip_keys(bytes); };

/// True for those, and for what holds one of them.
template <class Value>
inline constexpr bool holds_keys = names_keys<Value>;
template <class Value>
inline constexpr bool holds_keys<std::optional<Value>> = holds_keys<Value>;
template <class Value>
inline constexpr bool holds_keys<result<Value>> = holds_keys<Value>;
template <class Value>
inline constexpr bool holds_keys<std::vector<Value>> = holds_keys<Value>;
template <class... Values>
inline constexpr bool holds_keys<std::tuple<Values...>> = (holds_keys<Values> || ...);

/// Takes the prefix from one key.
inline void strip_key(std::string& key, std::size_t prefix_bytes) noexcept {
    if (key.size() >= prefix_bytes) key.erase(0, prefix_bytes);
}

template <names_keys Value>
void strip_keys(Value& value, std::size_t prefix_bytes) noexcept {
    value.strip_keys(prefix_bytes);
}
template <class Value>
void strip_keys(Value&, std::size_t) noexcept {}
template <class Value>
void strip_keys(std::optional<Value>& value, std::size_t prefix_bytes) noexcept;
template <class Value>
void strip_keys(result<Value>& value, std::size_t prefix_bytes) noexcept;
template <class Value>
void strip_keys(std::vector<Value>& values, std::size_t prefix_bytes) noexcept;
template <class... Values>
void strip_keys(std::tuple<Values...>& values, std::size_t prefix_bytes) noexcept;

template <class Value>
void strip_keys(std::optional<Value>& value, std::size_t prefix_bytes) noexcept {
    if (value) strip_keys(*value, prefix_bytes);
}
template <class Value>
void strip_keys(result<Value>& value, std::size_t prefix_bytes) noexcept {
    if (value) strip_keys(*value, prefix_bytes);
}
template <class Value>
void strip_keys(std::vector<Value>& values, std::size_t prefix_bytes) noexcept {
    for (auto& value : values) strip_keys(value, prefix_bytes);
}
template <class... Values>
void strip_keys(std::tuple<Values...>& values, std::size_t prefix_bytes) noexcept {
    std::apply([&](auto&... each) { (strip_keys(each, prefix_bytes), ...); }, values);
}

}  // namespace umbel::resp
