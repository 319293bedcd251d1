// reply.hpp: what a user keeps of a reply: its bytes, or the whole tree, pinned in the chunk it was received
// in or copied out of it. It knows no connection and no command.
#pragma once

#include <umbel/config.hpp>
#include <umbel/resp/bytes.hpp>
#include <umbel/resp/chunk.hpp>
#include <umbel/resp/type.hpp>
#include <umbel/resp/view.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <ostream>
#include <string>
#include <string_view>

namespace umbel::resp {

/// Texts from this size on are pinned in a chunk that they fill, whatever the budget says.
inline constexpr std::size_t large_text_bytes = 1024 * 1024;

/// keep() for a text that does not stand inside the result.
UMBEL_NEVER_INLINE inline bytes keep_outside(std::string_view text, chunk* source) {
    if (text.size() < source->capacity() / 8) return bytes{text};
    bool const fills =
        text.size() >= large_text_bytes && text.size() >= source->capacity() - source->capacity() / 8;
    if (fills) return bytes{text, pin::beyond_budget(source)};
    if (pin held = pin::of(source)) return bytes{text, std::move(held)};
    return bytes{text};
}

/// Keeps `text`, which stands in `source` or anywhere when that is null: pinned where that pays, otherwise
/// copied. Rule: short bytes stand inside the result; a chunk is pinned for a text of at least an eighth of
/// it, so that small values do not keep much dead memory alive, and only while the budget allows it. A text
/// of a MiB or more that fills its chunk is pinned in any case: a copy would take as much, and both for a
/// while twice as much. Errors: throws std::bad_alloc when it has to copy.
inline bytes keep(std::string_view text, chunk* source) {
    return source && text.size() > bytes::inside_max ? keep_outside(text, source) : bytes{text};
}

/// Writes `value` as redis-cli shows it: one line for each scalar, elements numbered.
inline void describe(view value, std::string& out, std::size_t indent = 0);

/// A whole reply of any kind, owned. Copies share and do not allocate.
/// Lifetime: views from root() live as long as this object and are not followed by it when it moves. It
/// outlives the client. Threading: copies may be used and released from any thread.
class reply {
public:
    /// A null.
    reply() noexcept = default;
    /// Keeps what `value` looks at: pins its chunk where that pays, otherwise copies its bytes.
    /// Errors: throws std::bad_alloc. Cost: nothing allocated for a scalar that is short or pinned.
    template <class Node = node>  // A compiler looks at it where somebody keeps a reply.
    explicit reply(view value) {
        Node const* const from = value.tape();
        std::uint64_t first = UINT32_MAX, last = 0;
        for (Node const* at = from; at != from + from->span; ++at) {
            if (!is_text(at->kind)) continue;
            first = std::min<std::uint64_t>(first, at->offset());
            last = std::uint64_t{at->offset()} + at->length();
        }
        if (last == 0) first = 0;
        bytes_ = keep({value.base() + first, static_cast<std::size_t>(last - first)}, value.source());
        if (from->span == 1) {
            single_ = moved(*from, first);
            return;
        }
        auto nodes = std::make_shared<Node[]>(from->span);
        for (std::uint32_t i = 0; i != from->span; ++i) nodes[i] = moved(from[i], first);
        tape_ = std::move(nodes);
    }

    view root() const noexcept { return {tape_ ? tape_.get() : &single_, bytes_.data(), bytes_.source()}; }
    operator view() const noexcept { return root(); }

    type kind() const noexcept { return root().kind(); }
    bool is_null() const noexcept { return root().is_null(); }
    bool is_error() const noexcept { return root().is_error(); }
    bool is_aggregate() const noexcept { return root().is_aggregate(); }
    std::string_view text() const noexcept { return root().text(); }
    std::string_view verbatim_format() const noexcept { return root().verbatim_format(); }
    std::optional<std::int64_t> integer() const noexcept { return root().integer(); }
    std::optional<double> real() const noexcept { return root().real(); }
    std::optional<bool> boolean() const noexcept { return root().boolean(); }
    std::size_t size() const noexcept { return root().size(); }
    std::size_t children_count() const noexcept { return root().children_count(); }
    children_range children() const noexcept { return root().children(); }
    pairs_range pairs() const noexcept { return root().pairs(); }
    view operator[](std::size_t index) const noexcept { return root().child(index); }

    /// For people, as redis-cli shows it.
    std::string to_string() const {
        std::string out;
        describe(root(), out);
        return out;
    }

    friend bool operator==(reply const& left, reply const& right) noexcept {
        return same_value(left.root(), right.root());
    }
    friend std::ostream& operator<<(std::ostream& out, reply const& value) {
        return out << value.to_string();
    }

private:
    static node moved(node value, std::uint64_t by) noexcept {
        if (is_text(value.kind)) value.value -= by;
        return value;
    }

    bytes bytes_;
    std::shared_ptr<node const[]> tape_;
    node single_ = node::scalar(type::null, 0);
};

/// Writes `text` between quotes, with what cannot be shown escaped.
inline void quote(std::string_view text, std::string& out) {
    constexpr char hex[] = "0123456789abcdef";
    out.push_back('"');
    for (char const byte : text) {
        auto const code = static_cast<unsigned char>(byte);
        if (byte == '"' || byte == '\\') {
            out.push_back('\\');
            out.push_back(byte);
        } else if (byte == '\n') {
            out.append("\\n");
        } else if (byte == '\r') {
            out.append("\\r");
        } else if (byte == '\t') {
            out.append("\\t");
        } else if (code < 0x20 || code > 0x7e) {
            out.append("\\x").push_back(hex[code >> 4]);
            out.push_back(hex[code & 15]);
        } else {
            out.push_back(byte);
        }
    }
    out.push_back('"');
}

inline void describe_elements(view value, std::string& out, std::size_t indent) {
    if (value.size() == 0) {
        out.append("(empty ").append(name_of(value.kind())).append(")");
        return;
    }
    bool const paired = value.kind() == type::map || value.kind() == type::attribute;
    char const mark = paired ? '#' : value.kind() == type::set ? '~' : ')';
    std::size_t const width = std::to_string(value.size()).size();
    std::size_t index = 0;
    for (view const child : value.children()) {
        if (paired && index % 2 != 0) {
            out.append(" => ");
        } else {
            if (index != 0) out.append("\n").append(indent, ' ');
            std::string const number = std::to_string((paired ? index / 2 : index) + 1);
            out.append(width - number.size(), ' ').append(number).append({mark, ' '});
        }
        describe(child, out, indent + width + 2);
        ++index;
    }
}

inline void describe(view value, std::string& out, std::size_t indent) {
    switch (value.kind()) {
        case type::array:
        case type::map:
        case type::set:
        case type::push:
        case type::attribute: describe_elements(value, out, indent); return;
        case type::null: out.append("(nil)"); return;
        case type::integer: out.append("(integer) "); break;
        case type::real: out.append("(double) "); break;
        case type::error:
        case type::blob_error: out.append("(error) "); break;
        case type::boolean: out.append(*value.boolean() ? "(true)" : "(false)"); return;
        case type::bulk_string: quote(value.text(), out); return;
        case type::simple_string:
        case type::big_number:
        case type::verbatim_string: break;
    }
    value.append_to(out);
}

}  // namespace umbel::resp

namespace umbel {
using resp::reply;
}  // namespace umbel
