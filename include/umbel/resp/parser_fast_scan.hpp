// parser_fast_scan.hpp: the fast way of resp::parser through common values that stand whole behind one another.
// It judges nothing: at the first byte that is not plainly right it stops, and the states in parser_impl.hpp
// take over. Include parser.hpp instead.
#pragma once

#include <umbel/resp/parser.hpp>

namespace umbel::resp {

/// A run of values that contain no others: all it needs fits into registers.
struct parser::scalar_run {
    char const* const base;  // Where offsets count from.
    char const* const end;
    char const* const last;  // From here on less than eight bytes are readable.
    std::uint32_t const line_bytes_max;
    char const* at;
    node* out;

    /// Reads values until `stop` is reached, or one that is not of a common kind, whole and plainly right.
    UMBEL_ALWAYS_INLINE void go(node const* stop) noexcept {
        while (out != stop && at < last) {
            char const* const next = *at == '$' ? bulk() : other();
            if (!next) return;
            at = next;
            ++out;
        }
    }

private:
    UMBEL_ALWAYS_INLINE char const* bulk() noexcept {
        if (char const* const next = quick_bulk(base, at, end, *out)) [[likely]]
            return next;
        // A missing value, as RESP2 sends it.
        if (load<std::uint32_t>(at) != load<std::uint32_t>("$-1\r") || at[4] != '\n') return nullptr;
        *out = node::scalar(type::null, 0);
        return at + 5;
    }

    UMBEL_ALWAYS_INLINE char const* other() noexcept {
        // Asked one after the other: a switch over all of them searches longer than the frequent ones take.
        if (*at == '+') return line(type::simple_string);
        if (*at == ':') return quick_integer(at, end, *out);
        switch (*at) {
            case ',': return quick_real(at, end, *out);
            case '-': return line(type::error);
            case '#':
                if ((at[1] != 't' && at[1] != 'f') || !is_crlf(at + 2)) return nullptr;
                *out = node::scalar(type::boolean, at[1] == 't');
                return at + 4;
            case '_':
                if (!is_crlf(at + 1)) return nullptr;
                *out = node::scalar(type::null, 0);
                return at + 3;
            default: return nullptr;
        }
    }

    UMBEL_ALWAYS_INLINE char const* line(type kind) noexcept {
        char const* const stop = line_end();
        if (stop == end || stop + 1 == end || !is_crlf(stop)) return nullptr;
        *out = node::text(kind, static_cast<std::uint64_t>(at + 1 - base),
                          static_cast<std::uint64_t>(stop - at - 1));
        return stop + 2;
    }

    /// The first line break behind the type byte; most stand in the first eight bytes.
    UMBEL_ALWAYS_INLINE char const* line_end() const noexcept {
        if constexpr (std::endian::native == std::endian::little) {
            if (std::uint64_t const low = low_bytes(load<std::uint64_t>(at)); low != 0)
                return at + (std::countr_zero(low) >> 3);
        }
        char const* const first = at + 1;
        char const* const bound = end - first > std::ptrdiff_t{line_bytes_max} ? first + line_bytes_max : end;
        char const* const stop = find_line_break(first, bound);
        return stop == bound ? end : stop;
    }
};

/// The parser's state in registers, while common values stand whole behind one another.
struct parser::fast_scan {
    node* const tape;
    node* const stop;  // Where the tape ends, or the bound on values.
    std::uint64_t const elements_max;
    std::uint32_t const depth_max;
    scalar_run ahead;
    std::uint32_t remaining;
    std::uint32_t open;
    std::uint32_t depth;

    /// Reads what the innermost aggregate still wants, as far as it goes, and closes what is complete. False:
    /// nothing can follow here.
    UMBEL_ALWAYS_INLINE bool elements() noexcept {
        node const* const first = ahead.out;
        ahead.go(remaining < stop - first ? first + remaining : stop);
        remaining -= static_cast<std::uint32_t>(ahead.out - first);
        while (remaining == 0) {
            if (open == none || tape[open].kind == type::attribute) return false;
            close();
        }
        return true;
    }

    /// Opens the aggregate that comes next when its header is whole and plainly right, and it is to have
    /// elements.
    UMBEL_ALWAYS_INLINE bool aggregate() noexcept {
        if (ahead.at >= ahead.last || ahead.out == stop || depth == depth_max) return false;
        type kind = type::array;
        std::uint32_t each = 1;
        switch (*ahead.at) {
            case '*': break;
            case '~': kind = type::set; break;
            case '%': kind = type::map, each = 2; break;
            default: return false;
        }
        std::uint32_t count = 0;
        auto const index = static_cast<std::uint32_t>(ahead.out - tape);
        char const* const next = quick_length(ahead.at + 1, count);
        count *= each;
        if (!next || count == 0 || count >= elements_max - index) return false;
        if (open != none) tape[open].value = remaining | (tape[open].value & ~std::uint64_t{UINT32_MAX});
        *ahead.out++ = {kind, 0, 0, open, std::uint64_t{count} << 32};
        open = index;
        remaining = count;
        ++depth;
        ahead.at = next;
        return true;
    }

    UMBEL_ALWAYS_INLINE void close() noexcept {
        node& ended = tape[open];
        std::uint32_t const outer = ended.span;
        ended.span = static_cast<std::uint32_t>(ahead.out - tape) - open;
        ended.value &= ~std::uint64_t{UINT32_MAX};
        open = outer;
        remaining = (open == none ? 1 : tape[open].offset()) - 1;
        --depth;
    }
};

/// Reads on as long as common values stand whole behind one another; leaves everything else, and attributes,
/// to element().
inline void parser::scan_ahead() noexcept {
    std::uint64_t const most = limits_.elements_max - dropped_;
    auto const room = static_cast<std::uint32_t>(std::min<std::uint64_t>(tape_.capacity(), most));
    node* const first = tape_.data();
    char const* const end = data_ + size_;
    scalar_run const ahead{data_,
                     end,
                     size_ - pos_ < 8 ? data_ + pos_ : end - 7,
                     limits_.line_bytes_max,
                     data_ + pos_,
                     first + tape_.size()};
    fast_scan quick{
        first, first + std::max(room, tape_.size()), most, limits_.depth_max, ahead, remaining_, open_,
        depth_};
    while (quick.elements() && quick.aggregate()) {
    }
    pos_ = static_cast<std::size_t>(quick.ahead.at - data_);
    tape_.resize(static_cast<std::uint32_t>(quick.ahead.out - first));
    remaining_ = quick.remaining;
    open_ = quick.open;
    depth_ = quick.depth;
}

}  // namespace umbel::resp
