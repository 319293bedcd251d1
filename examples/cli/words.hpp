// words.hpp: splits a line into the words of a command, by the rules of redis-cli. It knows no command.
#pragma once

#include <cctype>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace cli {

/// Reads the words of one line. A word is plain, or stands between quotes. Between double quotes \n \r \t \b
/// \a and \xhh stand for bytes, and a backslash before any other byte for that byte; between single quotes
/// only \' is special. Behind a closing quote a space or the end of the line must come.
class word_reader {
public:
    explicit word_reader(std::string_view line) noexcept : rest_{line} {}

    /// All words of the line; nothing where a quote is not closed or is followed by a letter.
    std::optional<std::vector<std::string>> read() {
        std::vector<std::string> words;
        for (skip_spaces(); !rest_.empty(); skip_spaces())
            if (!read_word(words.emplace_back())) return std::nullopt;
        return words;
    }

private:
    static bool is_space(char letter) noexcept {
        return std::isspace(static_cast<unsigned char>(letter)) != 0;
    }
    static bool is_hex(char letter) noexcept {
        return std::isxdigit(static_cast<unsigned char>(letter)) != 0;
    }
    static int hex_value(char letter) noexcept {
        return letter <= '9' ? letter - '0' : (letter | 0x20) - 'a' + 10;
    }

    char take() noexcept {
        char const letter = rest_.front();
        rest_.remove_prefix(1);
        return letter;
    }
    void skip_spaces() noexcept {
        while (!rest_.empty() && is_space(rest_.front())) rest_.remove_prefix(1);
    }

    /// A plain word may turn into a quoted one: a"b c" is one word.
    bool read_word(std::string& word) {
        while (!rest_.empty() && !is_space(rest_.front())) {
            char const letter = take();
            if (letter == '"') return read_double_quoted(word);
            if (letter == '\'') return read_single_quoted(word);
            word.push_back(letter);
        }
        return true;
    }

    bool read_double_quoted(std::string& word) {
        while (!rest_.empty()) {
            char const letter = take();
            if (letter == '"') return ends_here();
            word.push_back(letter == '\\' && !rest_.empty() ? escaped() : letter);
        }
        return false;
    }

    bool read_single_quoted(std::string& word) {
        while (!rest_.empty()) {
            char const letter = take();
            if (letter == '\'') return ends_here();
            word.push_back(letter == '\\' && rest_.starts_with('\'') ? take() : letter);
        }
        return false;
    }

    bool ends_here() const noexcept { return rest_.empty() || is_space(rest_.front()); }

    /// The byte that stands behind a backslash.
    char escaped() noexcept {
        if (rest_.size() >= 3 && rest_[0] == 'x' && is_hex(rest_[1]) && is_hex(rest_[2])) {
            int const code = hex_value(rest_[1]) * 16 + hex_value(rest_[2]);
            rest_.remove_prefix(3);
            return static_cast<char>(code);
        }
        switch (char const letter = take()) {
            case 'n': return '\n';
            case 'r': return '\r';
            case 't': return '\t';
            case 'b': return '\b';
            case 'a': return '\a';
            default: return letter;
        }
    }

    std::string_view rest_;
};

inline std::optional<std::vector<std::string>> split_words(std::string_view line) {
    return word_reader{line}.read();
}

}  // namespace cli
