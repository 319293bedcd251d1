// parser_sprint.hpp: the fast way of resp::parser through common values that stand whole behind one another. It judges nothing: at the
// first byte that is not plainly right it stops, and the states in parser_impl.hpp take over. Include parser.hpp instead.
#pragma once

#include <umbel/resp/parser.hpp>

namespace umbel::resp {

/// The parser's state in registers, while common values stand whole behind one another.
struct parser::sprint {
    char const* const base;
    char const* const end;
    node* const tape;
    node* const stop;  // Where the tape ends, or the bound on values.
    std::uint64_t const elements_max;
    std::uint32_t const line_bytes_max;
    std::uint32_t const depth_max;
    char const* at;
    node* out;
    std::uint32_t remaining;
    std::uint32_t open;
    std::uint32_t depth;

    /// Reads the value at `at` if it is of a common kind, whole and plainly right; otherwise changes nothing that counts.
    UMBEL_ALWAYS_INLINE bool value() noexcept {
        char const* next = nullptr;
        switch (*at) {
            case '$': next = quick_bulk(base, at, end, *out); break;
            case ':': next = quick_integer(at, end, *out); break;
            case '*': return aggregate(type::array, 1);
            case '%': return aggregate(type::map, 2);
            case '~': return aggregate(type::set, 1);
            case '+': next = line(type::simple_string); break;
            case '-': next = line(type::error); break;
            default: return false;
        }
        if (!next) return false;
        at = next;
        ++out;
        --remaining;
        return true;
    }

    UMBEL_ALWAYS_INLINE char const* line(type kind) noexcept {
        char const* const first = at + 1;
        char const* const last = end - first > std::ptrdiff_t{line_bytes_max} ? first + line_bytes_max : end - 1;
        char const* const stop_at = find_line_break(first, last);
        if (stop_at == last || !is_crlf(stop_at)) return nullptr;
        *out = node::text(kind, static_cast<std::uint64_t>(first - base), static_cast<std::uint64_t>(stop_at - first));
        return stop_at + 2;
    }

    UMBEL_ALWAYS_INLINE bool aggregate(type kind, std::uint32_t each) noexcept {
        std::uint32_t count = 0;
        char const* const next = quick_length(at + 1, count);
        count *= each;
        auto const index = static_cast<std::uint32_t>(out - tape);
        if (!next || count == 0 || depth == depth_max || count >= elements_max - index) return false;
        if (open != none) tape[open].value = remaining | (tape[open].value & ~std::uint64_t{UINT32_MAX});
        *out++ = {kind, 0, 0, open, std::uint64_t{count} << 32};
        open = index;
        remaining = count;
        ++depth;
        at = next;
        return true;
    }

    UMBEL_ALWAYS_INLINE void close() noexcept {
        node& ended = tape[open];
        std::uint32_t const outer = ended.span;
        ended.span = static_cast<std::uint32_t>(out - tape) - open;
        ended.value &= ~std::uint64_t{UINT32_MAX};
        open = outer;
        remaining = (open == none ? 1 : tape[open].offset()) - 1;
        --depth;
    }
};

/// Reads on as long as common values stand whole behind one another; leaves everything else, and attributes, to element().
inline void parser::run_ahead() noexcept {
    std::uint64_t const most = limits_.elements_max - dropped_;
    auto const room = static_cast<std::uint32_t>(std::min<std::uint64_t>(tape_.capacity(), most));
    node* const first = tape_.data();
    sprint ahead{data_, data_ + size_, first, first + room, most, limits_.line_bytes_max, limits_.depth_max, data_ + pos_,
        first + tape_.size(), remaining_, open_, depth_};
    while (ahead.end - ahead.at >= 8 && ahead.out < ahead.stop) {
        if (!ahead.value()) break;
        while (ahead.remaining == 0 && ahead.open != none && first[ahead.open].kind != type::attribute) ahead.close();
        if (ahead.remaining == 0) break;
    }
    pos_ = static_cast<std::size_t>(ahead.at - data_);
    tape_.resize(static_cast<std::uint32_t>(ahead.out - first));
    remaining_ = ahead.remaining;
    open_ = ahead.open;
    depth_ = ahead.depth;
}

}  // namespace umbel::resp
