// info.hpp: figures out of the text of INFO, and how they are written. It asks no server.
#pragma once

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>

namespace cli {

/// The number behind `name`, which begins a line in the text of INFO; 0: none.
/// Rule: INFO command: lines "name:value", and "db0:keys=1,expires=0".
inline std::uint64_t info_number(std::string_view info, std::string_view name) noexcept {
    std::uint64_t number = 0;
    for (auto at = info.find(name); at != info.npos; at = info.find(name, at + 1)) {
        if (at != 0 && info[at - 1] != '\n') continue;
        std::from_chars(info.data() + at + name.size(), info.data() + info.size(), number);
        break;
    }
    return number;
}

/// Keys of all databases.
inline std::uint64_t keys_in(std::string_view info) noexcept {
    std::uint64_t sum = 0;
    constexpr std::string_view mark = ":keys=";
    for (auto at = info.find(mark); at != info.npos; at = info.find(mark, at + 1)) {
        std::uint64_t number = 0;
        std::from_chars(info.data() + at + mark.size(), info.data() + info.size(), number);
        sum += number;
    }
    return sum;
}

/// "1.31M"
inline std::string short_bytes(std::uint64_t bytes) {
    constexpr std::string_view units = "BKMGTP";
    auto value = static_cast<double>(bytes);
    std::size_t unit = 0;
    for (; value >= 1024 && unit + 1 < units.size(); value /= 1024) ++unit;
    char text[32];
    std::snprintf(text, sizeof text, unit == 0 ? "%.0f%c" : "%.2f%c", value, units[unit]);
    return text;
}

}  // namespace cli
