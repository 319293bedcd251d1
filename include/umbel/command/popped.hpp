// popped.hpp: what LMPOP and ZMPOP answer: from which of several keys something was taken, and what.
#pragma once

#include <umbel/resp/decode.hpp>
#include <umbel/resp/keys_within.hpp>

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

namespace umbel::command {

/// The key that a command with several keys has taken elements from, and these elements.
template <class Element>
struct popped {
    std::string key;
    std::vector<Element> elements;
    /// For clients whose keys have a prefix.
    void strip_keys(std::size_t prefix_bytes) noexcept { resp::strip_key(key, prefix_bytes); }
    friend bool operator==(popped const&, popped const&) = default;
};

}  // namespace umbel::command

namespace umbel {
using command::popped;
}  // namespace umbel

template <class Element>
inline constexpr bool umbel::empty_is_missing<umbel::command::popped<Element>> = false;

template <umbel::decodable Element>
struct umbel::from_reply<umbel::command::popped<Element>> {
    static result<command::popped<Element>> from(resp::view const& reply) {
        using parts = std::pair<std::string, std::vector<Element>>;
        result<parts> read = from_reply<parts>::from(reply);
        if (!read) return tl::unexpected<error>{std::move(read.error())};
        return command::popped<Element>{std::move(read->first), std::move(read->second)};
    }
};
