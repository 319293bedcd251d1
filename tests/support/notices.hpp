// notices.hpp: what managed servers push of maintenance, byte for byte.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>

namespace umbel::test::notices {

inline std::string text(std::string_view word) {
    return "$" + std::to_string(word.size()) + "\r\n" + std::string{word} + "\r\n";
}
inline std::string number(long long value) { return ":" + std::to_string(value) + "\r\n"; }
/// A push frame of these elements.
inline std::string push(std::string_view name, std::initializer_list<std::string> elements) {
    std::string bytes = ">" + std::to_string(1 + elements.size()) + "\r\n" + text(name);
    for (std::string const& element : elements) bytes += element;
    return bytes;
}
inline std::string list(std::initializer_list<std::string> elements) {
    std::string bytes = "*" + std::to_string(elements.size()) + "\r\n";
    for (std::string const& element : elements) bytes += element;
    return bytes;
}

inline std::string moving(long long which, long long seconds, std::string_view to) {
    return push("MOVING", {number(which), number(seconds), to.empty() ? "_\r\n" : text(to)});
}
inline std::string migrating(long long which, long long seconds) {
    return push("MIGRATING", {number(which), number(seconds), list({text("1")})});
}
inline std::string migrated(long long which) { return push("MIGRATED", {number(which), list({text("1")})}); }
inline std::string failing_over(long long which, long long seconds) {
    return push("FAILING_OVER", {number(which), number(seconds), list({text("1")})});
}
inline std::string failed_over(long long which) {
    return push("FAILED_OVER", {number(which), list({text("1")})});
}
inline std::string slots_migrating(long long which, std::string_view slots) {
    return push("SMIGRATING", {number(which), text(slots)});
}
inline std::string slots_migrated(long long which, std::string_view from, std::string_view to,
                                  std::string_view slots) {
    return push("SMIGRATED", {number(which), list({list({text(from), text(to), text(slots)})})});
}

}  // namespace umbel::test::notices
