// parser.hpp: reads one reply from a contiguous run of bytes onto a flat tape, or past it; stops and goes on
// at any byte. It knows the protocol and its bounds. It owns no buffer and knows neither what replies mean
// nor where bytes come from.
#pragma once

#include <umbel/config.hpp>
#include <umbel/resp/cursor.hpp>
#include <umbel/resp/fault.hpp>
#include <umbel/resp/tape_builder.hpp>
#include <umbel/resp/type.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace umbel::resp {

/// A pull parser for RESP2 and RESP3, one reply at a time.
///
/// parse() puts the values on a tape; drop() reads the same grammar and keeps nothing but the open
/// aggregates. Both may be called with any prefix of the reply, later with a longer one, and look at no byte
/// twice; the outcome is the same however the bytes were split. Streamed strings are joined in place, so that
/// every string stands in one piece: parse() may move bytes within what it has read. Lifetime: the tape is
/// valid until the next start(); its offsets count from the first byte handed to parse(). Cost: no allocation
/// but the growth of the reused tape. Rule: Redis serialization protocol specification.
class parser {
public:
    enum class status : std::uint8_t {
        complete,   ///< One reply is there; consumed() bytes belong to it.
        need_more,  ///< Call again with more bytes behind the same ones.
        fault,  ///< The bytes are not RESP or exceed a bound: fault() says what and where. Nothing more can
                ///< be read.
        push,   ///< drop() only: a push frame comes next. Read it with parse() after forget().
    };

    parser() noexcept : parser{resp::limits{}} {}
    explicit parser(resp::limits limits) noexcept;

    resp::limits const& limits() const noexcept { return limits_; }

    /// Forgets everything and expects the first byte of a reply.
    void start() noexcept;

    /// Reads on. Precondition: `bytes` starts where the reply starts, or where forget() cut it, and only grew
    /// since the last call. Errors: throws std::bad_alloc when the tape cannot grow; the call may be
    /// repeated.
    status parse(std::span<char> bytes) { return run<true>(bytes); }

    /// Reads on as parse() does, but keeps no values. Precondition: as for parse(); once called, parse() may
    /// go on only after status::push. Errors: throws std::bad_alloc like parse().
    status drop(std::span<char> bytes) { return run<false>(bytes); }

    /// Lets go of the values read so far, save the open aggregates: only drop() goes on from here, and it
    /// wants no memory for what it passes.
    void release_values() noexcept { builder_.release_values(); }

    /// Cuts off what drop() has consumed: the next call starts that many bytes later. Returns their number.
    std::size_t forget() noexcept { return bytes_.forget(); }

    /// The reply without its attributes, after status::complete; its offsets count from the start of the
    /// bytes.
    node const* root() const noexcept { return builder_.root(); }
    /// All values in the order of arrival, attributes included, each in front of the value it belongs to.
    std::span<node const> nodes() const noexcept { return builder_.nodes(); }
    /// Bytes that belong to the reply as far as it was read.
    std::size_t consumed() const noexcept { return bytes_.position(); }
    /// What is wrong, after status::fault.
    resp::fault const& fault() const noexcept { return bytes_.fault(); }

    /// Bytes, from the start of the reply, up to the end of the string that is arriving; 0 when none is.
    std::size_t wanted() const noexcept;
    /// True while the value that is arriving stands inside an aggregate, so that more follows behind it.
    bool in_aggregate() const noexcept { return builder_.in_aggregate() || joining_; }
    /// True when what has been read so far is a push frame, whole or not.
    bool in_push() const noexcept { return builder_.in_push(); }

private:
    // What comes next: a value, the bytes of a string, or of a streamed string the header or the bytes of a
    // part.
    enum class state : std::uint8_t { element, payload, part, part_payload };

    template <bool Keep>
    status run(std::span<char> bytes);
    template <bool Keep>
    parse_step advance();
    template <bool Keep>
    parse_step element();
    template <bool Keep>
    parse_step value_of_lead(char lead, std::string_view line);
    template <bool Keep>
    parse_step line_element(type kind, std::string_view line);
    template <bool Keep>
    parse_step string_header(type kind, std::string_view line);
    template <bool Keep>
    parse_step aggregate_header(type kind, std::string_view line);
    template <bool Keep>
    parse_step aggregate_end(std::string_view line);
    template <bool Keep>
    parse_step payload();
    template <bool Keep>
    parse_step part();
    template <bool Keep>
    parse_step add_line(node const& value) noexcept;
    template <bool Keep>
    parse_step complete_value() noexcept;
    parse_step open(type kind, std::uint32_t count, bool streamed) noexcept;
    parse_step judge_lead(char lead) noexcept;

    resp::limits limits_;
    cursor bytes_;
    tape_builder builder_;
    std::uint64_t pending_ = 0;  // Bytes of the arriving string that are still to come.
    state state_ = state::element;
    type pending_kind_ = type::null;
    bool joining_ = false;  // Inside a streamed string.
};

}  // namespace umbel::resp

#include <umbel/resp/parser_impl.hpp>
