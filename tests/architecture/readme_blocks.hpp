// readme_blocks.hpp: finds the marked code blocks of a README and the regions of example files that they must
// equal. A block is marked by a comment on the line before it:  <!-- example: examples/02_get.cpp -->  for
// the whole file, or
// <!-- example: examples/02_get.cpp [get] -->  for what stands between two lines that hold nothing but  //
// [get]
#pragma once

#include "source_text.hpp"

#include <algorithm>
#include <cstddef>
#include <optional>
#include <regex>
#include <string>
#include <vector>

namespace architecture {

struct readme_block {
    std::string file;
    std::string region;  // empty: the whole file
    std::string code;
    std::size_t line;  // of the marker, from 1
};

struct readme_content {
    std::vector<readme_block> marked;
    std::vector<std::size_t> unmarked_cpp;  // lines of ```cpp fences without a marker
};

inline readme_content blocks_of(std::string const& readme) {
    static std::regex const marker{R"(^\s*<!-- example: (\S+)(?: \[(\w+)\])? -->\s*$)"};
    readme_content content;
    auto const lines = lines_of(readme);
    for (std::size_t index = 0; index < lines.size(); ++index) {
        if (!lines[index].starts_with("```")) continue;
        std::smatch match;
        bool const marked = index > 0 && std::regex_match(lines[index - 1], match, marker);
        if (!marked && lines[index].starts_with("```cpp")) content.unmarked_cpp.push_back(index + 1);
        std::string code;
        std::size_t const fence = index;
        for (++index; index < lines.size() && !lines[index].starts_with("```"); ++index)
            code += lines[index] + "\n";
        if (marked) content.marked.push_back({match[1], match[2], code, fence});
    }
    return content;
}

/// The region of a source file without its common indentation, or nothing when the file has no such region.
inline std::optional<std::string> region_of(std::string const& source, std::string const& region) {
    if (region.empty()) return source;
    std::regex const edge{"^\\s*// \\[" + region + "\\]\\s*$"};
    std::vector<std::string> inside;
    int edges = 0;
    for (auto const& line : lines_of(source)) {
        if (std::regex_match(line, edge)) {
            ++edges;
        } else if (edges % 2 == 1) {
            inside.push_back(line);
        }
    }
    if (edges < 2 || edges % 2 == 1) return std::nullopt;
    std::size_t indentation = std::string::npos;
    for (auto const& line : inside) indentation = std::min(indentation, line.find_first_not_of(' '));
    std::string text;
    for (auto const& line : inside)
        text += (line.size() > indentation ? line.substr(indentation) : std::string{}) + "\n";
    return text;
}

}  // namespace architecture
