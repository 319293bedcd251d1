// source_text.hpp: reads C++ source as lines, with comments and string literals blanked out, for the tests
// that judge it. It knows nothing about layers.
#pragma once

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

namespace architecture {

inline std::string read_file(std::filesystem::path const& path) {
    std::ifstream stream{path, std::ios::binary};
    return {std::istreambuf_iterator<char>{stream}, std::istreambuf_iterator<char>{}};
}

inline std::vector<std::string> lines_of(std::string const& text) {
    std::vector<std::string> lines;
    std::istringstream stream{text};
    for (std::string line; std::getline(stream, line);) lines.push_back(line);
    return lines;
}

/// All files below `root` that end in `extension`, as paths relative to `root`, in order.
inline std::vector<std::string> files_below(std::filesystem::path const& root, std::string_view extension) {
    std::vector<std::string> files;
    if (!std::filesystem::is_directory(root)) return files;
    for (auto const& entry : std::filesystem::recursive_directory_iterator{root}) {
        if (entry.is_regular_file() && entry.path().extension() == extension) {
            files.push_back(std::filesystem::relative(entry.path(), root).generic_string());
        }
    }
    std::sort(files.begin(), files.end());
    return files;
}

/// The same text with everything in comments and literals turned into blanks; line breaks stay, so that lines
/// keep their numbers. An include directive keeps its quoted path.
class code_only {
public:
    explicit code_only(std::string text) : text_{std::move(text)} { blank(); }
    std::string const& text() const noexcept { return text_; }

private:
    bool at(std::string_view what) const {
        return std::string_view{text_}.substr(index_, what.size()) == what;
    }
    void blank_one() {
        if (text_[index_] != '\n') text_[index_] = ' ';
        ++index_;
    }
    bool in_include() const {
        auto const begin = text_.rfind('\n', index_) + 1;
        return std::string_view{text_}.substr(begin, index_ - begin).find("#include") !=
               std::string_view::npos;
    }

    void blank() {
        while (index_ < text_.size()) {
            if (at("//")) {
                while (index_ < text_.size() && text_[index_] != '\n') blank_one();
            } else if (at("/*")) {
                while (index_ < text_.size() && !at("*/")) blank_one();
                for (int count = 0; count < 2 && index_ < text_.size(); ++count) blank_one();
            } else if (at("R\"")) {
                blank_raw_literal();
            } else if (text_[index_] == '"' && !in_include()) {
                blank_literal('"');
            } else if (text_[index_] == '\'' && !inside_number()) {
                blank_literal('\'');
            } else {
                ++index_;
            }
        }
    }
    // 16'384 holds no character literal.
    bool inside_number() const {
        auto const is_digit = [](char c) {
            return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
        };
        return index_ > 0 && is_digit(text_[index_ - 1]) && index_ + 1 < text_.size() &&
               is_digit(text_[index_ + 1]);
    }
    void blank_literal(char quote) {
        blank_one();
        while (index_ < text_.size() && text_[index_] != quote && text_[index_] != '\n') {
            if (text_[index_] == '\\') blank_one();
            if (index_ < text_.size()) blank_one();
        }
        if (index_ < text_.size() && text_[index_] == quote) blank_one();
    }
    void blank_raw_literal() {
        auto const open = text_.find('(', index_);
        if (open == std::string::npos) return blank_one();
        auto const closing = ")" + text_.substr(index_ + 2, open - index_ - 2) + "\"";
        auto const end = text_.find(closing, open);
        auto const stop = end == std::string::npos ? text_.size() : end + closing.size();
        while (index_ < stop) blank_one();
    }

    std::string text_;
    std::size_t index_ = 0;
};

}  // namespace architecture
