// parser.hpp: reads one reply from a contiguous run of bytes onto a flat tape, or past it; stops and goes on
// at any byte. It knows the protocol and its bounds. It owns no buffer and knows neither what replies mean
// nor where bytes come from.
#pragma once

#include <umbel/config.hpp>
#include <umbel/resp/fault.hpp>
#include <umbel/resp/scan.hpp>
#include <umbel/resp/tape.hpp>
#include <umbel/resp/type.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <utility>

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
    void release_values() noexcept;

    /// Cuts off what drop() has consumed: the next call starts that many bytes later. Returns their number.
    std::size_t forget() noexcept;

    /// The reply without its attributes, after status::complete; its offsets count from the start of the
    /// bytes.
    node const* root() const noexcept { return tape_.data() + root_; }
    /// All values in the order of arrival, attributes included, each in front of the value it belongs to.
    std::span<node const> nodes() const noexcept { return {tape_.data(), tape_.size()}; }
    /// Bytes that belong to the reply as far as it was read.
    std::size_t consumed() const noexcept { return pos_; }
    /// What is wrong, after status::fault.
    resp::fault const& fault() const noexcept { return fault_; }

    /// Bytes, from the start of the reply, up to the end of the string that is arriving; 0 when none is.
    std::size_t wanted() const noexcept;
    /// True while the value that is arriving stands inside an aggregate, so that more follows behind it.
    bool in_aggregate() const noexcept { return open_ != none || joining_; }
    /// True when what has been read so far is a push frame, whole or not.
    bool in_push() const noexcept { return tape_.size() > root_ && tape_.data()[root_].kind == type::push; }

private:
    enum class state : std::uint8_t { element, payload, part, part_payload };
    enum class step : std::uint8_t { proceed, done, starved, broken, push };

    static constexpr std::uint32_t none = UINT32_MAX;  // No aggregate is open.
    static constexpr std::uint32_t unbounded =
        UINT32_MAX;  // Elements that a streamed aggregate still may take.
    static constexpr std::uint64_t no_mark = UINT64_MAX;

    template <bool Keep>
    status run(std::span<char> bytes);
    template <bool Keep>
    step advance();
    template <bool Keep>
    step element();
    template <bool Keep>
    step line_element(type kind, std::string_view line);
    template <bool Keep>
    step string_header(type kind, std::string_view line);
    template <bool Keep>
    step aggregate_header(type kind, std::string_view line);
    template <bool Keep>
    step aggregate_end(std::string_view line);
    template <bool Keep>
    step payload();
    template <bool Keep>
    step part();
    template <bool Keep>
    step settle() noexcept;
    template <bool Keep>
    step close_finished() noexcept;
    template <bool Keep>
    type close() noexcept;

    template <bool Keep>
    void add(node const& value) noexcept {
        if constexpr (Keep) {
            tape_.push(value);
        } else {
            ++dropped_;
        }
    }

    struct scalar_run;
    struct fast_scan;
    void scan_ahead() noexcept;
    step open(type kind, std::uint32_t count, bool streamed) noexcept;
    step take_line(std::string_view& line) noexcept;
    step payload_end(std::size_t at) noexcept;
    step stop(fault_kind kind, std::size_t at) noexcept;
    std::uint64_t seen() const noexcept { return tape_.size() + dropped_; }

    resp::limits limits_;
    tape tape_;
    char* data_ = nullptr;          // The bytes of the running call.
    std::size_t size_ = 0;          // How many of them may be looked at.
    std::size_t pos_ = 0;           // The first byte not yet consumed.
    std::size_t scanned_ = 0;       // No line break stands between pos_ and here.
    std::uint64_t forgotten_ = 0;   // Bytes of the reply in front of data_.
    std::uint64_t pending_ = 0;     // Bytes of the arriving string that are still to come.
    std::uint64_t dropped_ = 0;     // Values that are not on the tape.
    std::uint64_t mark_ = no_mark;  // seen() when an attribute was complete.
    std::uint32_t open_ = none;     // The innermost open aggregate; its node's span names the one around it.
    std::uint32_t remaining_ = 1;  // Elements it still wants; for those around it their node's value says so.
    std::uint32_t depth_ = 0;
    std::uint32_t root_ = 0;
    state state_ = state::element;
    type pending_kind_ = type::null;
    bool joining_ = false;  // Inside a streamed string.
    resp::fault fault_;
};

}  // namespace umbel::resp

#include <umbel/resp/parser_impl.hpp>
