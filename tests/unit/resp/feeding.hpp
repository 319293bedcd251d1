// feeding.hpp: how tests hand bytes to a reader, as a connection would.
#pragma once

#include <umbel/resp/reader.hpp>

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <string>
#include <string_view>

namespace feeding {

/// Receives all of `text`, as far as space goes; returns what is left of it.
inline std::string_view receive(umbel::resp::reader& into, std::string_view text) {
    auto const room = into.space();
    REQUIRE_FALSE(room.empty());
    std::size_t const count = std::min(room.size(), text.size());
    std::memcpy(room.data(), text.data(), count);
    into.commit(count);
    return text.substr(count);
}

/// True where a large chunk is reserved and opened piece by piece; false where the system has no pages for
/// that, or limits addresses.
inline bool reserves_addresses() {
    auto const run = umbel::resp::page_store::shared().take(1 << 20);
    if (run) umbel::resp::page_store::shared().give(run);
    return static_cast<bool>(run);
}

inline std::string repeated(std::string_view piece, std::size_t times) {
    std::string text;
    for (; times != 0; --times) text += piece;
    return text;
}

inline std::string bulk(std::string_view value) {
    std::string text{"$"};
    return text.append(std::to_string(value.size())).append("\r\n").append(value).append("\r\n");
}

}  // namespace feeding
