// show.hpp: how replies look: laid out for people, or raw for programs. It knows no command and no client.
#pragma once

#include "palette.hpp"

#include <umbel/resp/reply.hpp>

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>

namespace cli {

/// Bytes at the front of `text` that are one character of UTF-8 which may be shown as it is; 0 for control
/// characters, for what is invisible or turns the direction of writing, and for what is no UTF-8.
inline std::size_t shown_bytes(std::string_view text) noexcept {
    auto const byte = [&](std::size_t at) { return static_cast<unsigned char>(text[at]); };
    unsigned const first = byte(0);
    if (first < 0x80) return first >= 0x20 && first != 0x7f ? 1 : 0;
    std::size_t const size = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
    if (first < 0xc2 || first > 0xf4 || text.size() < size) return 0;
    std::uint32_t code = first & (0xffU >> (size + 1));
    for (std::size_t i = 1; i < size; ++i) {
        if ((byte(i) & 0xc0) != 0x80) return 0;
        code = code << 6 | (byte(i) & 0x3fU);
    }
    bool const overlong = (size == 3 && code < 0x800) || (size == 4 && code < 0x10000) || code > 0x10ffff;
    bool const surrogate = code >= 0xd800 && code <= 0xdfff;
    bool const invisible = code < 0xa0 || (code >= 0x200b && code <= 0x200f) ||
                           (code >= 0x2028 && code <= 0x202e) || (code >= 0x2060 && code <= 0x206f) ||
                           code == 0xfeff;
    return overlong || surrogate || invisible ? 0 : size;
}

/// Appends a byte that cannot be shown.
inline void append_escaped(char byte, std::string& out) {
    constexpr char hex[] = "0123456789abcdef";
    constexpr std::string_view letters = "nrtba", bytes = "\n\r\t\b\a";
    out.push_back('\\');
    if (auto const known = bytes.find(byte); known != bytes.npos) {
        out.push_back(letters[known]);
        return;
    }
    auto const code = static_cast<unsigned char>(byte);
    out.append({'x', hex[code >> 4], hex[code & 15]});
}

/// Between quotes, as it may be typed again.
inline std::string quoted(std::string_view text) {
    std::string out{'"'};
    while (!text.empty()) {
        std::size_t const size = shown_bytes(text);
        if (size == 0) append_escaped(text.front(), out);
        if (text.front() == '"' || text.front() == '\\') out.push_back('\\');
        out.append(text.substr(0, size));
        text.remove_prefix(std::max<std::size_t>(size, 1));
    }
    return out.append(1, '"');
}

/// Lines of text as they are, but for what would steer the terminal. Each further line is indented.
inline std::string lines_of(std::string_view text, std::size_t indent = 0) {
    std::string out;
    while (text.ends_with('\n') || text.ends_with('\r')) text.remove_suffix(1);
    while (!text.empty()) {
        std::size_t const size = shown_bytes(text);
        if (text.front() == '\n') {
            out.append(1, '\n').append(indent, ' ');
        } else if (text.starts_with("\r\n")) {
            // The line ends at its next byte.
        } else if (text.front() == '\t') {
            out.push_back('\t');
        } else if (size == 0) {
            append_escaped(text.front(), out);
        }
        out.append(text.substr(0, size));
        text.remove_prefix(std::max<std::size_t>(size, 1));
    }
    return out;
}

/// Columns that `text` takes. Units/shape: one a character, which is right for most scripts.
inline std::size_t columns_of(std::string_view text) noexcept {
    return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char byte) {
        return (static_cast<unsigned char>(byte) & 0xc0) != 0x80;
    }));
}

/// Writes one reply for people.
class layout {
public:
    layout(std::string& out, palette const& colours) noexcept : out_{out}, colours_{colours} {}

    void write(umbel::resp::view value, std::size_t indent = 0) {
        using enum umbel::resp::type;
        switch (value.kind()) {
            case array:
            case push: write_numbered(value, indent); return;
            case set: write_set(value, indent); return;
            case map:
            case attribute: write_pairs(value, indent); return;
            case null: paint(colours_.dim, "(nil)"); return;
            case integer: write_number("(integer) ", value); return;
            case real: write_number("(double) ", value); return;
            case big_number: write_number("(big number) ", value); return;
            case boolean: paint(colours_.number, *value.boolean() ? "(true)" : "(false)"); return;
            case error:
            case blob_error: paint(colours_.error, "(error) " + lines_of(value.text())); return;
            case bulk_string: paint(colours_.text, quoted(value.text())); return;
            case simple_string: paint(colours_.text, lines_of(value.text())); return;
            case verbatim_string: out_.append(lines_of(value.text(), indent)); return;
        }
    }

private:
    using node = umbel::resp::node;
    static constexpr std::size_t aligned_max = 32;  ///< Longer keys do not push the values to the right.

    void paint(std::string_view colour, std::string_view text) {
        out_.append(colour).append(text).append(colour.empty() ? colour : colours_.reset);
    }
    void write_number(std::string_view kind, umbel::resp::view value) {
        std::string digits;
        value.append_to(digits);
        paint(colours_.dim, kind);
        paint(colours_.number, digits);
    }
    void new_line(std::size_t indent) { out_.append(1, '\n').append(indent, ' '); }

    /// What has elements is never empty here: an empty one is said in a word.
    bool write_empty(umbel::resp::view value) {
        if (value.size() != 0) return false;
        paint(colours_.dim, std::string{"(empty "}.append(name_of(value.kind())).append(")"));
        return true;
    }

    /// Attributes stand in front of what they belong to; view::children() passes over them.
    node const* write_attributes(umbel::resp::view parent, node const* at, std::size_t indent) {
        for (; at->kind == umbel::resp::type::attribute; at += at->span) {
            paint(colours_.dim, "(attribute)");
            new_line(indent + 2);
            write(umbel::resp::view{at, parent.base(), parent.source()}, indent + 2);
            new_line(indent);
        }
        return at;
    }

    template <class Write>
    void each_element(umbel::resp::view parent, Write write_element) {
        node const* at = parent.tape() + 1;
        for (std::size_t i = 0; i < parent.children_count(); ++i) at = write_element(i, at);
    }
    node const* write_node(umbel::resp::view parent, node const* at, std::size_t indent) {
        at = write_attributes(parent, at, indent);
        write(umbel::resp::view{at, parent.base(), parent.source()}, indent);
        return at + at->span;
    }

    void write_numbered(umbel::resp::view value, std::size_t indent) {
        if (write_empty(value)) return;
        std::size_t const width = std::to_string(value.size()).size();
        each_element(value, [&](std::size_t index, node const* at) {
            if (index != 0) new_line(indent);
            std::string const number = std::to_string(index + 1);
            paint(colours_.dim, std::string(width - number.size(), ' ') + number + ") ");
            return write_node(value, at, indent + width + 2);
        });
    }

    void write_set(umbel::resp::view value, std::size_t indent) {
        if (write_empty(value)) return;
        each_element(value, [&](std::size_t index, node const* at) {
            if (index != 0) new_line(indent);
            paint(colours_.dim, "~ ");
            return write_node(value, at, indent + 2);
        });
    }

    /// A key that is a plain word needs no quotes.
    static std::string label_of(umbel::resp::view key) {
        std::string text;
        key.append_to(text);
        bool const plain_word =
            !text.empty() && text.find_first_of(" \"'\\") == text.npos &&
            std::all_of(text.begin(), text.end(), [](char letter) { return shown_bytes({&letter, 1}) == 1; });
        return plain_word ? text : quoted(text);
    }

    /// Keys stand in a column of their own. An aggregate as value begins on the next line.
    void write_pairs(umbel::resp::view value, std::size_t indent) {
        if (write_empty(value)) return;
        std::size_t width = 0;
        std::size_t number = 0;
        for (umbel::resp::view const key : value.children()) {
            std::size_t const columns = number++ % 2 == 0 ? columns_of(label_of(key)) : 0;
            if (columns <= aligned_max) width = std::max(width, columns);
        }
        each_element(value, [&](std::size_t index, node const* at) {
            if (index % 2 != 0) return write_mapped(value, at, indent, width);
            if (index != 0) new_line(indent);
            at = write_attributes(value, at, indent);
            std::string const label = label_of({at, value.base(), value.source()});
            paint(colours_.name, label + ':');
            column_ = columns_of(label);
            return at + at->span;
        });
    }

    /// The value of a pair, whose key has taken `column_` columns.
    node const* write_mapped(umbel::resp::view parent, node const* at, std::size_t indent,
                             std::size_t width) {
        umbel::resp::view const value{at, parent.base(), parent.source()};
        bool const below = value.is_aggregate() && value.size() != 0;
        bool const many_lines = value.kind() == umbel::resp::type::verbatim_string;
        if (below || many_lines) {
            new_line(indent + 2);
            return write_node(parent, at, indent + 2);
        }
        out_.append(width > column_ ? width - column_ + 1 : 1, ' ');
        return write_node(parent, at, indent);
    }

    std::string& out_;
    palette const& colours_;
    std::size_t column_ = 0;
};

/// A reply for people, without a line feed at its end.
inline std::string shown(umbel::resp::view value, palette const& colours = plain) {
    std::string out;
    layout{out, colours}.write(value);
    return out;
}

/// A reply for programs, as redis-cli writes it without a terminal: bytes as they are, one element a line,
/// the key of a pair before its value.
inline void append_raw(umbel::resp::view value, std::string& out) {
    bool const paired = value.kind() == umbel::resp::type::map;
    std::size_t index = 0;
    if (!value.is_aggregate()) {
        if (auto const truth = value.boolean())
            return static_cast<void>(out.append(*truth ? "(true)" : "(false)"));
        return value.append_to(out);
    }
    for (umbel::resp::view const element : value.children()) {
        if (index != 0) out.push_back(paired && index % 2 != 0 ? ' ' : '\n');
        append_raw(element, out);
        ++index;
    }
}
inline std::string raw(umbel::resp::view value) {
    std::string out;
    append_raw(value, out);
    return out;
}

}  // namespace cli
