// scan.hpp: what the SCAN family of commands takes and answers: a page, and the cursor of the next. It knows
// no command.
#pragma once

#include <umbel/command/word_list.hpp>
#include <umbel/config.hpp>
#include <umbel/resp/decode.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace umbel::command {

/// Options of the SCAN family. Rule: SCAN command, "The COUNT option", "The MATCH option".
struct scan_options {
    std::optional<std::string_view> match{};  ///< A glob pattern; borrowed until the command is encoded.
    std::optional<std::uint64_t> count{};     ///< How much work one call does, not how much it returns.
};
static_assert(UMBEL_IS_TRIVIALLY_DESTRUCTIBLE(scan_options));

/// Where a scan begins.
inline constexpr std::string_view scan_start = "0";

/// What one call of the SCAN family answers. A page may be empty before the last one.
template <class Item>
struct scan_page {
    std::string cursor;  ///< For the next call.
    std::vector<Item> items;

    /// True when the scan is complete.
    bool last() const noexcept { return cursor == scan_start; }
    friend bool operator==(scan_page const&, scan_page const&) = default;
};

inline void add_scan(word_list& list, scan_options const& options) noexcept {
    if (options.match) list.add("MATCH", *options.match);
    if (options.count) {
        list.refuse_if(*options.count == 0, "a scan with a count of zero");
        list.add("COUNT", *options.count);
    }
}

}  // namespace umbel::command

namespace umbel {
using command::scan_options;
using command::scan_page;
using command::scan_start;
}  // namespace umbel

template <class Item>
inline constexpr bool umbel::empty_is_missing<umbel::command::scan_page<Item>> = false;

template <umbel::decodable Item>
struct umbel::from_reply<umbel::command::scan_page<Item>> {
    static result<command::scan_page<Item>> from(resp::view const& reply) {
        using parts = std::pair<std::string, std::vector<Item>>;
        result<parts> read = from_reply<parts>::from(reply);
        if (!read) return tl::unexpected<error>{std::move(read.error())};
        return command::scan_page<Item>{std::move(read->first), std::move(read->second)};
    }
};
