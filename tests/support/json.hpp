// json.hpp: a small strict reader of JSON for test data.
// It knows no file and no test; it reads one complete document and refuses everything else by throwing
// std::runtime_error.
#pragma once

#include <cstddef>
#include <cstdint>
#include <fstream>
#include <map>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace support {

/// One JSON value. Numbers are integers: test data holds no others.
class json {
public:
    using array = std::vector<json>;
    using object = std::map<std::string, json, std::less<>>;

    /// Reads one document with nothing but blanks around it. Errors: throws std::runtime_error that names the
    /// offset.
    static json parse(std::string_view text);

    bool is_null() const { return kind_ == kind::null; }
    bool is_object() const { return kind_ == kind::object; }
    bool boolean() const { return as(kind::boolean).number_ != 0; }
    std::int64_t number() const { return as(kind::number).number_; }
    std::string const& string() const { return as(kind::string).string_; }
    array const& items() const { return as(kind::array).array_; }
    object const& members() const { return as(kind::object).object_; }

    /// Returns a member, or a null value when there is none.
    json const& operator[](std::string_view name) const {
        static json const none;
        auto const found = members().find(name);
        return found == members().end() ? none : found->second;
    }

private:
    class reader;
    enum class kind { null, boolean, number, string, array, object };

    json const& as(kind wanted) const {
        if (kind_ != wanted) throw std::runtime_error("json: a value of another kind");
        return *this;
    }

    kind kind_ = kind::null;
    std::int64_t number_ = 0;
    std::string string_;
    array array_;
    object object_;
};

class json::reader {
public:
    explicit reader(std::string_view text) : text_{text} {}

    json document() {
        json result = element(0);
        blanks();
        if (at_ != text_.size()) refuse("something follows the document");
        return result;
    }

private:
    static constexpr int depth_max = 64;

    [[noreturn]] void refuse(char const* why) const {
        throw std::runtime_error("json: " + std::string{why} + " at offset " + std::to_string(at_));
    }
    bool ended() const { return at_ == text_.size(); }
    void blanks() {
        while (!ended() &&
               (text_[at_] == ' ' || text_[at_] == '\t' || text_[at_] == '\n' || text_[at_] == '\r'))
            ++at_;
    }
    bool take(char letter) {
        blanks();
        if (ended() || text_[at_] != letter) return false;
        ++at_;
        return true;
    }
    void want(char letter) {
        if (!take(letter)) refuse("a character is missing");
    }
    json word(std::string_view name, kind meaning, bool truth = false) {
        if (text_.substr(at_, name.size()) != name) refuse("no such word");
        at_ += name.size();
        json found;
        found.kind_ = meaning;
        found.number_ = truth;
        return found;
    }

    json element(int depth) {
        if (depth > depth_max) refuse("too deep");
        blanks();
        if (ended()) refuse("the document ends early");
        switch (text_[at_]) {
            case '{': return members(depth);
            case '[': return elements(depth);
            case '"': return text();
            case 't': return word("true", kind::boolean, true);
            case 'f': return word("false", kind::boolean);
            case 'n': return word("null", kind::null);
            default: return digits();
        }
    }

    json text() {
        json found;
        found.kind_ = kind::string;
        found.string_ = quoted();
        return found;
    }

    json members(int depth) {
        json found;
        found.kind_ = kind::object;
        want('{');
        if (take('}')) return found;
        do {
            blanks();
            std::string name = quoted();
            want(':');
            if (!found.object_.emplace(std::move(name), element(depth + 1)).second)
                refuse("a name occurs twice");
        } while (take(','));
        want('}');
        return found;
    }

    json elements(int depth) {
        json found;
        found.kind_ = kind::array;
        want('[');
        if (take(']')) return found;
        do found.array_.push_back(element(depth + 1));
        while (take(','));
        want(']');
        return found;
    }

    json digits() {
        bool const negative = text_[at_] == '-';
        if (negative) ++at_;
        std::size_t const first = at_;
        std::int64_t number = 0;
        for (; !ended() && text_[at_] >= '0' && text_[at_] <= '9'; ++at_) {
            if (at_ - first == 18) refuse("the number is too long");
            number = number * 10 + (text_[at_] - '0');
        }
        if (at_ == first || (text_[first] == '0' && at_ - first > 1)) refuse("not a number");
        if (!ended() && (text_[at_] == '.' || text_[at_] == 'e' || text_[at_] == 'E'))
            refuse("only integers are read");
        json found;
        found.kind_ = kind::number;
        found.number_ = negative ? -number : number;
        return found;
    }

    std::string quoted() {
        if (ended() || text_[at_] != '"') refuse("a string is missing");
        std::string found;
        for (++at_;; ++at_) {
            if (ended()) refuse("the string does not end");
            char const letter = text_[at_];
            if (letter == '"') break;
            if (static_cast<unsigned char>(letter) < 0x20) refuse("a control character stands in a string");
            if (letter == '\\')
                escaped(found);
            else
                found += letter;
        }
        ++at_;
        return found;
    }

    void escaped(std::string& into) {
        ++at_;
        if (ended()) refuse("the string does not end");
        constexpr std::string_view names = "\"\\/bfnrt";
        constexpr std::string_view letters = "\"\\/\b\f\n\r\t";
        if (text_[at_] == 'u') return code_point(into);
        std::size_t const which = names.find(text_[at_]);
        if (which == names.npos) refuse("no such escape");
        into += letters[which];
    }

    unsigned four_digits() {
        unsigned code = 0;
        for (int i = 0; i < 4; ++i) {
            ++at_;
            constexpr std::string_view hexadecimal = "0123456789abcdef";
            char const letter = ended() ? ' ' : text_[at_];
            std::size_t const digit =
                hexadecimal.find(letter >= 'A' && letter <= 'F' ? static_cast<char>(letter + 32) : letter);
            if (digit == hexadecimal.npos) refuse("not a hexadecimal digit");
            code = code * 16 + static_cast<unsigned>(digit);
        }
        return code;
    }

    void code_point(std::string& into) {
        unsigned code = four_digits();
        if (code >= 0xDC00 && code < 0xE000) refuse("half a surrogate pair");
        if (code >= 0xD800 && code < 0xDC00) {
            if (text_.substr(at_ + 1, 2) != "\\u") refuse("half a surrogate pair");
            at_ += 2;
            unsigned const low = four_digits();
            if (low < 0xDC00 || low >= 0xE000) refuse("half a surrogate pair");
            code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
        }
        auto const put = [&into](unsigned byte) { into += static_cast<char>(byte); };
        if (code < 0x80) return put(code);
        if (code < 0x800) {
            put(0xC0 | code >> 6);
        } else {
            if (code < 0x10000) {
                put(0xE0 | code >> 12);
            } else {
                put(0xF0 | code >> 18);
                put(0x80 | (code >> 12 & 0x3F));
            }
            put(0x80 | (code >> 6 & 0x3F));
        }
        put(0x80 | (code & 0x3F));
    }

    std::string_view text_;
    std::size_t at_ = 0;
};

inline json json::parse(std::string_view text) { return reader{text}.document(); }

/// The lines of a file, each a document. Throws std::runtime_error where it cannot be read.
inline std::vector<json> json_lines(std::string const& path) {
    std::ifstream file{path};
    if (!file) throw std::runtime_error{"json_lines: cannot read " + path};
    std::vector<json> lines;
    for (std::string line; std::getline(file, line);) lines.push_back(json::parse(line));
    return lines;
}

}  // namespace support
