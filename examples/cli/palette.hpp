// palette.hpp: the colours of the output, or none. It knows no reply.
#pragma once

#include <unistd.h>

#include <cstdlib>
#include <string_view>

namespace cli {

/// What is written in front of a piece of text of each kind, and behind it. All empty: no colours.
struct palette {
    std::string_view text, number, name, error, dim, reset;
};

inline constexpr palette plain{};
inline constexpr palette coloured{.text = "\x1b[32m",
                                  .number = "\x1b[36m",
                                  .name = "\x1b[1m",
                                  .error = "\x1b[31m",
                                  .dim = "\x1b[2m",
                                  .reset = "\x1b[0m"};

/// Colours on a terminal only. Rule: no-color.org: NO_COLOR with any value but an empty one forbids them.
inline palette const& palette_for(int file) {
    char const* const forbidden = std::getenv("NO_COLOR");
    char const* const terminal = std::getenv("TERM");
    bool const dumb = terminal != nullptr && std::string_view{terminal} == "dumb";
    return ::isatty(file) != 0 && !dumb && (forbidden == nullptr || *forbidden == '\0') ? coloured : plain;
}

}  // namespace cli
