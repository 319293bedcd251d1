// fast_scan.hpp: the fast way through common values that stand whole behind one another. It judges nothing:
// at the first byte that is not plainly right it stops, and the parser takes over.
#pragma once

#include <umbel/config.hpp>
#include <umbel/resp/cursor.hpp>
#include <umbel/resp/scan.hpp>
#include <umbel/resp/tape_builder.hpp>
#include <umbel/resp/type.hpp>

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace umbel::resp {

/// A run of values that contain no others: all it needs fits into registers.
struct scalar_run {
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

/// The state of a tape_builder in registers, while common values stand whole behind one another.
struct fast_scan {
    node* const tape;
    node* const stop;  // Where the tape ends, or the bound on values.
    std::uint64_t const elements_max;
    std::uint32_t const depth_max;
    scalar_run run;
    resp::nesting nesting;

    /// Reads what the innermost aggregate still wants, as far as it goes, and closes what is complete. False:
    /// nothing can follow here.
    UMBEL_ALWAYS_INLINE bool elements() noexcept {
        node const* const first = run.out;
        run.go(nesting.remaining < stop - first ? first + nesting.remaining : stop);
        nesting.remaining -= static_cast<std::uint32_t>(run.out - first);
        while (nesting.remaining == 0) {
            if (nesting.innermost == nesting::none || tape[nesting.innermost].kind == type::attribute)
                return false;
            close();
        }
        return true;
    }

    /// Opens the aggregate that comes next when its header is whole and plainly right, and it is to have
    /// elements.
    UMBEL_ALWAYS_INLINE bool aggregate() noexcept {
        if (run.at >= run.last || run.out == stop || nesting.depth == depth_max) return false;
        type kind = type::array;
        std::uint32_t each = 1;
        switch (*run.at) {
            case '*': break;
            case '~': kind = type::set; break;
            case '%': kind = type::map, each = 2; break;
            default: return false;
        }
        std::uint32_t count = 0;
        auto const index = static_cast<std::uint32_t>(run.out - tape);
        char const* const next = quick_length(run.at + 1, count);
        count *= each;
        if (!next || count == 0 || count >= elements_max - index) return false;
        if (nesting.innermost != nesting::none) {
            node& outer = tape[nesting.innermost];
            outer.value = nesting.remaining | (outer.value & ~std::uint64_t{UINT32_MAX});
        }
        *run.out++ = {kind, 0, 0, nesting.innermost, std::uint64_t{count} << 32};
        nesting.innermost = index;
        nesting.remaining = count;
        ++nesting.depth;
        run.at = next;
        return true;
    }

    UMBEL_ALWAYS_INLINE void close() noexcept {
        node& ended = tape[nesting.innermost];
        std::uint32_t const outer = ended.span;
        ended.span = static_cast<std::uint32_t>(run.out - tape) - nesting.innermost;
        ended.value &= ~std::uint64_t{UINT32_MAX};
        nesting.innermost = outer;
        nesting.remaining = (outer == nesting::none ? 1 : tape[outer].offset()) - 1;
        --nesting.depth;
    }
};

/// Reads on as long as common values stand whole behind one another; leaves everything else, and the ends of
/// attributes, to the parser. Precondition: !bytes.is_inside_line().
inline void scan_ahead(cursor& bytes, tape_builder& builder) noexcept {
    UMBEL_ASSERT(!bytes.is_inside_line());
    tape& tape = builder.tape();
    std::uint64_t const most = builder.kept_max();
    auto const room = static_cast<std::uint32_t>(std::min<std::uint64_t>(tape.capacity(), most));
    node* const first = tape.data();
    char const* const data = bytes.data();
    char const* const at = data + bytes.position();
    char const* const end = data + bytes.size();
    scalar_run const run{
        data, end, bytes.left() < 8 ? at : end - 7, bytes.line_bytes_max(), at, first + tape.size()};
    fast_scan scan{
        first, first + std::max(room, tape.size()), most, builder.depth_max(), run, builder.nesting()};
    while (scan.elements() && scan.aggregate()) {
    }
    bytes.move_to(static_cast<std::size_t>(scan.run.at - data));
    builder.resume(static_cast<std::uint32_t>(scan.run.out - first), scan.nesting);
}

}  // namespace umbel::resp
