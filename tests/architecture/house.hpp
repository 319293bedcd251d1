// house.hpp: measures a header as the house style does: blocks of namespaces, classes and functions with
// their lengths, the width of lines, and which headers include each other in a circle. It knows C++ by its
// looks only.
#pragma once

#include "source_text.hpp"

#include <algorithm>
#include <cctype>
#include <cstddef>
#include <map>
#include <regex>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace architecture {

struct source_block {
    enum class sort { name_space, type, function, other } sort;
    std::string name;   // "umbel::resp", "parser", "parser::take"
    std::size_t first;  // lines, from 1
    std::size_t last;
    std::size_t depth;  // blocks around it
    std::size_t lines() const noexcept { return last - first + 1; }
};

/// The blocks of a header, in the order in which they end.
class block_reader {
public:
    explicit block_reader(std::string const& text) : code_{without_directives(code_only{text}.text())} {
        for (at_ = 0; at_ < code_.size(); ++at_) {
            char const c = code_[at_];
            if (c == '\n') ++line_;
            if (c == '(' || c == '[') ++parentheses_;
            if ((c == ')' || c == ']') && parentheses_ > 0) --parentheses_;
            if (c == '{') open();
            if (c == '}') close();
            if (c == ';' && parentheses_ == 0) begin_head();
        }
    }
    std::vector<source_block> blocks() const { return blocks_; }

private:
    struct open_block {
        source_block block;
        std::size_t parentheses;
    };

    static std::string without_directives(std::string code) {
        bool in_directive = false;
        for (std::size_t begin = 0; begin < code.size();) {
            std::size_t const end = std::min(code.find('\n', begin), code.size());
            std::size_t const first = code.find_first_not_of(" \t", begin);
            in_directive = in_directive || (first < end && code[first] == '#');
            bool const goes_on = in_directive && end > begin && code[end - 1] == '\\';
            if (in_directive)
                std::fill(code.begin() + static_cast<std::ptrdiff_t>(begin),
                          code.begin() + static_cast<std::ptrdiff_t>(end), ' ');
            in_directive = goes_on;
            begin = end + 1;
        }
        return code;
    }
    void begin_head() {
        head_ = at_ + 1;
        pending_.clear();
    }
    bool in_declarations() const {
        return open_.empty() || open_.back().block.sort == source_block::sort::name_space ||
               open_.back().block.sort == source_block::sort::type;
    }
    /// With single spaces, for std::regex takes stack for every character.
    static std::string in_short(std::string const& head) {
        std::string text;
        for (char const c : head) {
            bool const blank = std::isspace(static_cast<unsigned char>(c)) != 0;
            if (!blank) text += c;
            if (blank && !text.empty() && text.back() != ' ') text += ' ';
        }
        constexpr std::size_t longest = 1500;
        return text.size() > longest ? text.substr(text.size() - longest) : text;
    }
    void open() {
        std::string const head = code_.substr(head_, at_ - head_);
        source_block made{source_block::sort::other, "", first_line(head), 0, open_.size()};
        if (!pending_.empty()) {  // Behind a member initialiser with braces.
            made = {source_block::sort::function, pending_, pending_line_, 0, open_.size()};
        } else if (parentheses_ == parentheses_of_owner() && in_declarations()) {
            classify(in_short(head), made);
        }
        open_.push_back({made, parentheses_});
        pending_.clear();
        head_ = at_ + 1;
    }
    std::size_t parentheses_of_owner() const { return open_.empty() ? 0 : open_.back().parentheses; }
    std::size_t first_line(std::string const& head) const {
        std::size_t const begin = head.find_first_not_of(" \t\n");
        if (begin == std::string::npos) return line_;
        return line_ - static_cast<std::size_t>(
                           std::count(head.begin() + static_cast<std::ptrdiff_t>(begin), head.end(), '\n'));
    }
    static void classify(std::string const& head, source_block& made) {
        static std::regex const space{R"(\bnamespace\s*([\w:]*)\s*$)"};
        static std::regex const type{
            R"(\b(?:class|struct|union)\s+(?:alignas\([^)]*\)\s*)?(?:\[\[\w+\]\]\s*)?([\w:]+)(?:<[^{}]*>)?(?:\s+final)?\s*(?::[^:][^;]*)?$)"};
        static std::regex const function{
            R"(([~\w][\w:~]*(?:<[^()]*>::~?\w+)?|operator\s*[^\s(]+(?:\(\))?)\s*\()"};
        static std::regex const no_function{R"(\b(?:requires|concept|enum)\b[^;]*$|=\s*$)"};
        std::smatch match;
        if (std::regex_search(head, match, space)) {
            made.sort = source_block::sort::name_space;
            made.name = match[1];
        } else if (head.find('(') == std::string::npos && std::regex_search(head, match, type)) {
            made.sort = source_block::sort::type;
            made.name = match[1];
        } else if (std::regex_search(head, match, type) &&
                   head.find(')') < static_cast<std::size_t>(match.position(0))) {
            made.sort = source_block::sort::type;
            made.name = match[1];
        } else if (head.find('(') != std::string::npos && head.find("concept") == std::string::npos &&
                   std::regex_search(head, match, function)) {
            made.sort = source_block::sort::function;
            made.name = match[1];
        }
    }
    void close() {
        if (open_.empty()) return;
        open_block ended = open_.back();
        open_.pop_back();
        parentheses_ = ended.parentheses;
        std::size_t const next = code_.find_first_not_of(" \t\n", at_ + 1);
        bool const initialiser = ended.block.sort == source_block::sort::function &&
                                 next != std::string::npos && (code_[next] == ',' || code_[next] == '{');
        if (initialiser) {
            pending_ = ended.block.name;
            pending_line_ = ended.block.first;
        } else {
            ended.block.last = line_;
            blocks_.push_back(ended.block);
            pending_.clear();
        }
        head_ = at_ + 1;
    }

    std::string code_;
    std::size_t at_ = 0;
    std::size_t line_ = 1;
    std::size_t head_ = 0;
    std::size_t parentheses_ = 0;
    std::string pending_;  // The function whose initialisers are being read.
    std::size_t pending_line_ = 0;
    std::vector<open_block> open_;
    std::vector<source_block> blocks_;
};

/// Characters of a line of UTF-8.
inline std::size_t width_of(std::string const& line) {
    return static_cast<std::size_t>(std::count_if(
        line.begin(), line.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }));
}

/// Which lines of each class stand in the headers, by the class's name: its own body, and the members that
/// are defined outside of it, in whatever file. Nested classes count for the outer one.
inline void add_class_lines(std::string const& name_space, std::vector<source_block> const& blocks,
                            std::map<std::string, std::size_t>& lines) {
    auto const inside_type = [&](source_block const& block) {
        return std::any_of(blocks.begin(), blocks.end(), [&](source_block const& other) {
            return other.sort == source_block::sort::type && other.depth < block.depth &&
                   other.first <= block.first && block.last <= other.last;
        });
    };
    for (source_block const& block : blocks) {
        if (inside_type(block)) continue;
        if (block.sort == source_block::sort::type) lines[name_space + "::" + block.name] += block.lines();
        std::size_t const end = block.name.find("::");
        if (block.sort == source_block::sort::function && end != std::string::npos)
            lines[name_space +
                  "::" + block.name.substr(0, block.name.find('<') < end ? block.name.find('<') : end)] +=
                block.lines();
    }
}

/// The own headers that a header includes, as "resp/type.hpp".
inline std::set<std::string> own_includes(std::string const& text) {
    static std::regex const directive{R"(#\s*include\s*<umbel/([^>]+)>)"};
    std::set<std::string> found;
    for (std::sregex_iterator at{text.begin(), text.end(), directive}, end; at != end; ++at)
        found.insert((*at)[1]);
    return found;
}

/// "resp/parser.hpp" for both resp/parser.hpp and resp/parser_impl.hpp: a header with its own implementation
/// is one thing.
inline std::string without_impl(std::string path) {
    if (std::size_t const at = path.rfind("_impl.hpp"); at != std::string::npos) path.replace(at, 9, ".hpp");
    return path;
}

/// A circle of includes, as a path that ends where it began; empty where there is none.
inline std::vector<std::string> include_circle(std::map<std::string, std::set<std::string>> const& includes) {
    std::map<std::string, std::set<std::string>> merged;
    for (auto const& [header, included] : includes)
        for (std::string const& other : included)
            if (without_impl(other) != without_impl(header))
                merged[without_impl(header)].insert(without_impl(other));
    std::set<std::string> done;
    std::vector<std::string> path;
    std::vector<std::string> circle;
    auto const visit = [&](auto const& self, std::string const& header) -> bool {
        if (done.contains(header)) return false;
        if (auto const seen = std::find(path.begin(), path.end(), header); seen != path.end()) {
            circle.assign(seen, path.end());
            circle.push_back(header);
            return true;
        }
        path.push_back(header);
        if (auto const next = merged.find(header); next != merged.end())
            for (std::string const& other : next->second)
                if (self(self, other)) return true;
        path.pop_back();
        done.insert(header);
        return false;
    };
    for (auto const& [header, included] : merged)
        if (visit(visit, header)) return circle;
    return circle;
}

}  // namespace architecture
