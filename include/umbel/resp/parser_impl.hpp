// parser_impl.hpp: the states of resp::parser, which judge every byte. Include parser.hpp instead.
#pragma once

#include <umbel/resp/parser.hpp>
#include <umbel/resp/parser_fast_scan.hpp>

namespace umbel::resp {

inline parser::parser(resp::limits limits) noexcept : limits_{limits} {
    limits_.depth_max = std::clamp<std::uint32_t>(limits_.depth_max, 1, 1024);
    limits_.elements_max = std::clamp<std::uint32_t>(limits_.elements_max, 1, std::uint32_t{1} << 31);
    limits_.line_bytes_max = std::max<std::uint32_t>(limits_.line_bytes_max, 64);
    limits_.reply_bytes_max = std::min<std::uint64_t>(limits_.reply_bytes_max, UINT32_MAX);
}

inline void parser::start() noexcept {
    tape_.clear();
    pos_ = scanned_ = 0;
    forgotten_ = pending_ = dropped_ = 0;
    mark_ = no_mark;
    open_ = none;
    remaining_ = 1;
    depth_ = root_ = 0;
    state_ = state::element;
    joining_ = false;
    fault_ = {};
}

inline void parser::release_values() noexcept {
    // The chain leads from the innermost aggregate outwards. Turned round, it can be moved to the front in
    // the order of the tape, where no node takes the place of one that is still to come.
    std::uint32_t outer = none;
    for (std::uint32_t at = open_; at != none;)
        outer = std::exchange(at, std::exchange(tape_[at].span, outer));
    std::uint32_t kept = 0;
    for (std::uint32_t at = outer; at != none; ++kept) {
        node node = tape_[at];
        at = std::exchange(node.span, kept == 0 ? none : kept - 1);
        tape_[kept] = node;
    }
    dropped_ += tape_.size() - kept;
    tape_.resize(kept);
    open_ = kept == 0 ? none : kept - 1;
    root_ = 0;
}

inline std::size_t parser::forget() noexcept {
    std::size_t const count = pos_;
    forgotten_ += count;
    scanned_ = scanned_ > count ? scanned_ - count : 0;
    pos_ = 0;
    return count;
}

inline std::size_t parser::wanted() const noexcept {
    switch (state_) {
        case state::payload:
        case state::part_payload: return pos_ + static_cast<std::size_t>(pending_) + 2;
        case state::element:
        case state::part: return 0;
    }
    return 0;
}

inline parser::step parser::stop(fault_kind kind, std::size_t at) noexcept {
    fault_ = {kind, at < size_ ? data_[at] : '\0', forgotten_ + at};
    return step::broken;
}

template <bool Keep>
parser::status parser::run(std::span<char> bytes) {
    if (fault_.kind != fault_kind::none) return status::fault;
    data_ = bytes.data();
    // What lies beyond the bound is not even looked at, so the outcome cannot depend on how much of it has
    // arrived.
    std::uint64_t const visible = limits_.reply_bytes_max - forgotten_;
    size_ = static_cast<std::size_t>(std::min<std::uint64_t>(bytes.size(), visible));
    step outcome = step::proceed;
    while (outcome == step::proceed) outcome = advance<Keep>();
    switch (outcome) {
        case step::done: return status::complete;
        case step::broken: return status::fault;
        case step::push: return status::push;
        case step::proceed:
        case step::starved: break;
    }
    if (size_ < visible) return status::need_more;
    stop(fault_kind::reply_too_long, size_);
    return status::fault;
}

template <bool Keep>
parser::step parser::advance() {
    switch (state_) {
        case state::element: return element<Keep>();
        case state::payload:
        case state::part_payload: return payload<Keep>();
        case state::part: return part<Keep>();
    }
    return step::broken;
}

inline parser::step parser::take_line(std::string_view& line) noexcept {
    std::size_t const first = pos_ + 1;
    std::size_t const last = std::min<std::size_t>(size_, first + limits_.line_bytes_max + 1);
    std::size_t const from = std::max(first, scanned_);
    std::size_t const at = static_cast<std::size_t>(find_line_break(data_ + from, data_ + last) - data_);
    scanned_ = at;
    if (at == last)
        return last == first + limits_.line_bytes_max + 1 ? stop(fault_kind::line_too_long, last - 1)
                                                          : step::starved;
    if (data_[at] == '\n') return stop(fault_kind::carriage_return_missing, at);
    if (at + 1 == size_) return step::starved;
    if (data_[at + 1] != '\n') return stop(fault_kind::line_feed_missing, at + 1);
    line = {data_ + first, at - first};
    scanned_ = at + 2;
    return step::proceed;
}

template <bool Keep>
parser::step parser::element() {
    if constexpr (Keep) {
        if (pos_ < size_ && tape_.full() && seen() < limits_.elements_max) tape_.grow();
        // A line that an earlier call left open is gone on with where that call stopped.
        if (scanned_ <= pos_) scan_ahead();
        if (remaining_ == 0) return close_finished<Keep>();
    }
    if (pos_ == size_) return step::starved;
    char const lead = data_[pos_];
    if (lead == '.' || lead == ';') {
        bool const streaming = open_ != none && tape_[open_].is_streamed();
        if (lead == ';') return stop(fault_kind::part_misplaced, pos_);
        if (!streaming) return stop(fault_kind::end_misplaced, pos_);
    } else {
        if (!is_lead(lead)) return stop(fault_kind::unknown_type, pos_);
        if (seen() >= limits_.elements_max) return stop(fault_kind::too_many_elements, pos_);
        if (!Keep && lead == '>' && open_ == none) return step::push;
        if (tape_.full()) tape_.grow();
    }
    std::string_view line;
    if (step const outcome = take_line(line); outcome != step::proceed) return outcome;
    switch (lead) {
        case '$': return string_header<Keep>(type::bulk_string, line);
        case '!': return string_header<Keep>(type::blob_error, line);
        case '=': return string_header<Keep>(type::verbatim_string, line);
        case '*': return aggregate_header<Keep>(type::array, line);
        case '%': return aggregate_header<Keep>(type::map, line);
        case '~': return aggregate_header<Keep>(type::set, line);
        // The specification puts push frames between replies only, but Redis 7 answers SUBSCRIBE in a
        // transaction inside EXEC's array.
        case '>': return aggregate_header<Keep>(type::push, line);
        case '|': return aggregate_header<Keep>(type::attribute, line);
        case '.': return aggregate_end<Keep>(line);
        case '+': return line_element<Keep>(type::simple_string, line);
        case '-': return line_element<Keep>(type::error, line);
        case ':': return line_element<Keep>(type::integer, line);
        case '_': return line_element<Keep>(type::null, line);
        case '#': return line_element<Keep>(type::boolean, line);
        case ',': return line_element<Keep>(type::real, line);
        default: return line_element<Keep>(type::big_number, line);
    }
}

/// A value that is its line.
template <bool Keep>
parser::step parser::line_element(type kind, std::string_view line) {
    std::size_t const at = pos_ + 1;
    node value = node::text(kind, at, line.size());
    if (kind == type::integer) {
        std::int64_t number = 0;
        if (!read_integer(line, number)) return stop(fault_kind::not_an_integer, at);
        value = node::scalar(kind, static_cast<std::uint64_t>(number));
    } else if (kind == type::real) {
        double number = 0;
        if (!read_real(line, number)) return stop(fault_kind::not_a_real, at);
        value = node::scalar(kind, std::bit_cast<std::uint64_t>(number));
    } else if (kind == type::boolean) {
        if (line != "t" && line != "f") return stop(fault_kind::not_a_boolean, at);
        value = node::scalar(kind, line == "t");
    } else if (kind == type::null) {
        if (!line.empty()) return stop(fault_kind::null_not_empty, at);
        value = node::scalar(kind, 0);
    } else if (kind == type::big_number) {
        if (!is_big_number(line)) return stop(fault_kind::not_a_big_number, at);
    }
    pos_ = scanned_;
    add<Keep>(value);
    return settle<Keep>();
}

template <bool Keep>
parser::step parser::string_header(type kind, std::string_view line) {
    std::size_t const at = pos_ + 1;
    if (kind == type::bulk_string && line == "-1") {
        pos_ = scanned_;
        add<Keep>(node::scalar(type::null, 0));
        return settle<Keep>();
    }
    if (kind == type::bulk_string && line == "?") {
        pos_ = scanned_;
        node joined = node::text(kind, pos_, 0);
        joined.flags = node::streamed;
        add<Keep>(joined);
        joining_ = true;
        state_ = state::part;
        return step::proceed;
    }
    if (!read_unsigned(line, pending_)) return stop(fault_kind::not_a_length, at);
    if (pending_ + 2 > limits_.reply_bytes_max - forgotten_ - scanned_)
        return stop(fault_kind::reply_too_long, at);
    if (kind == type::verbatim_string && pending_ < 4) return stop(fault_kind::verbatim_without_format, at);
    pos_ = scanned_;
    pending_kind_ = kind;
    state_ = state::payload;
    return step::proceed;
}

/// Looks for CR LF at `at`, as soon as the first of the two is there. Returns proceed when both are.
inline parser::step parser::payload_end(std::size_t at) noexcept {
    if (at < size_ && data_[at] != '\r') return stop(fault_kind::value_without_crlf, at);
    if (at + 1 >= size_) return step::starved;
    if (data_[at + 1] != '\n') return stop(fault_kind::value_without_crlf, at + 1);
    return step::proceed;
}

/// The bytes of a string of announced length, or of one part of a streamed string.
template <bool Keep>
parser::step parser::payload() {
    if (state_ == state::payload && pending_kind_ == type::verbatim_string) {
        if (size_ - pos_ < 4) return step::starved;
        if (data_[pos_ + 3] != ':') return stop(fault_kind::verbatim_without_format, pos_ + 3);
    }
    std::size_t const there = static_cast<std::size_t>(std::min<std::uint64_t>(size_ - pos_, pending_));
    if constexpr (!Keep) {
        pending_kind_ = type::bulk_string;  // The format was judged above and is about to be gone.
        pos_ += there;
        pending_ -= there;
        if (pending_ != 0) return step::starved;
    } else if (there < pending_) {
        return step::starved;
    }
    std::size_t const tail = Keep ? pos_ + there : pos_;
    if (step const outcome = payload_end(tail); outcome != step::proceed) return outcome;
    std::size_t const first = pos_;
    pos_ = scanned_ = tail + 2;
    if (state_ == state::part_payload) {
        if constexpr (Keep) {
            node& joined = tape_.back();
            std::memmove(data_ + joined.offset() + joined.length(), data_ + first, there);
            joined.value += static_cast<std::uint64_t>(there) << 32;
        }
        state_ = state::part;
        return step::proceed;
    }
    add<Keep>(node::text(pending_kind_, first, there));
    state_ = state::element;
    return settle<Keep>();
}

/// The header of one part of a streamed string, or its end.
template <bool Keep>
parser::step parser::part() {
    if (pos_ == size_) return step::starved;
    if (data_[pos_] != ';') return stop(fault_kind::part_expected, pos_);
    std::string_view line;
    if (step const outcome = take_line(line); outcome != step::proceed) return outcome;
    if (!read_unsigned(line, pending_)) return stop(fault_kind::not_a_length, pos_ + 1);
    if (pending_ + 2 > limits_.reply_bytes_max - forgotten_ - scanned_ && pending_ != 0)
        return stop(fault_kind::reply_too_long, pos_ + 1);
    pos_ = scanned_;
    if (pending_ != 0) {
        state_ = state::part_payload;
        return step::proceed;
    }
    joining_ = false;
    state_ = state::element;
    return settle<Keep>();
}

template <bool Keep>
parser::step parser::aggregate_header(type kind, std::string_view line) {
    std::size_t const at = pos_ + 1;
    if (kind == type::array && line == "-1") {
        pos_ = scanned_;
        add<Keep>(node::scalar(type::null, 0));
        return settle<Keep>();
    }
    if (depth_ == limits_.depth_max) return stop(fault_kind::too_deep, pos_);
    if (line == "?" && (kind == type::array || kind == type::map || kind == type::set))
        return open(kind, unbounded, true);
    std::uint64_t count = 0;
    if (!read_unsigned(line, count)) return stop(fault_kind::not_a_length, at);
    std::uint64_t const each = kind == type::map || kind == type::attribute ? 2 : 1;
    if (count > (limits_.elements_max - seen() - 1) / each) return stop(fault_kind::too_many_elements, at);
    if (count != 0) return open(kind, static_cast<std::uint32_t>(count * each), false);
    pos_ = scanned_;
    add<Keep>(node::text(kind, 0, 0));
    if (kind != type::attribute) return settle<Keep>();
    mark_ = seen();
    if (open_ == none) root_ = tape_.size();
    return step::proceed;
}

inline parser::step parser::open(type kind, std::uint32_t count, bool streamed) noexcept {
    pos_ = scanned_;
    if (open_ != none) tape_[open_].value = remaining_ | (tape_[open_].value & ~std::uint64_t{UINT32_MAX});
    tape_.push({kind, streamed ? node::streamed : std::uint8_t{0}, 0, open_, std::uint64_t{count} << 32});
    open_ = tape_.size() - 1;
    remaining_ = count;
    ++depth_;
    return step::proceed;
}

template <bool Keep>
parser::step parser::aggregate_end(std::string_view line) {
    if (!line.empty()) return stop(fault_kind::end_not_empty, pos_ + 1);
    if (mark_ == seen()) return stop(fault_kind::attribute_without_value, pos_);
    std::uint32_t const count = unbounded - remaining_;
    node& ended = tape_[open_];
    if (ended.kind == type::map && count % 2 != 0) return stop(fault_kind::odd_map, pos_);
    ended.value = std::uint64_t{count} << 32;
    pos_ = scanned_;
    close<Keep>();
    return settle<Keep>();
}

/// Ends the innermost open aggregate and goes back to the one around it. Returns its kind.
template <bool Keep>
type parser::close() noexcept {
    node& ended = tape_[open_];
    type const kind = ended.kind;
    std::uint32_t const index = open_;
    open_ = ended.span;
    remaining_ = open_ == none ? 1 : tape_[open_].offset();
    --depth_;
    if constexpr (Keep) {
        ended.span = tape_.size() - index;
        ended.value &= ~std::uint64_t{UINT32_MAX};
    } else {
        dropped_ += tape_.size() - index;
        tape_.resize(index);
    }
    return kind;
}

/// One value of the innermost open aggregate is complete.
template <bool Keep>
parser::step parser::settle() noexcept {
    --remaining_;
    return close_finished<Keep>();
}

template <bool Keep>
parser::step parser::close_finished() noexcept {
    while (remaining_ == 0) {
        if (open_ == none) return step::done;
        if (close<Keep>() == type::attribute) {
            mark_ = seen();
            if (open_ == none) root_ = tape_.size();
            return step::proceed;
        }
        --remaining_;
    }
    return step::proceed;
}

}  // namespace umbel::resp
