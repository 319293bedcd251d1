// parser_impl.hpp: the states of resp::parser, which judge every byte. Include parser.hpp instead.
#pragma once

#include <umbel/resp/parser.hpp>

#include <umbel/resp/fast_scan.hpp>
#include <umbel/resp/line_value.hpp>
#include <umbel/resp/scan.hpp>

#include <algorithm>
#include <cstring>

namespace umbel::resp {

/// Moves bounds that are out of their range into it.
inline limits within_range(limits bounds) noexcept {
    bounds.depth_max = std::clamp<std::uint32_t>(bounds.depth_max, 1, 1024);
    bounds.elements_max = std::clamp<std::uint32_t>(bounds.elements_max, 1, std::uint32_t{1} << 31);
    bounds.line_bytes_max = std::max<std::uint32_t>(bounds.line_bytes_max, 64);
    bounds.reply_bytes_max = std::min<std::uint64_t>(bounds.reply_bytes_max, UINT32_MAX);
    return bounds;
}

inline parser::parser(resp::limits limits) noexcept
    : limits_{within_range(limits)}, bytes_{limits_}, builder_{limits_} {}

inline void parser::start() noexcept {
    bytes_.start();
    builder_.start();
    pending_ = 0;
    state_ = state::element;
    joining_ = false;
}

inline std::size_t parser::wanted() const noexcept {
    switch (state_) {
        case state::payload:
        case state::part_payload: return bytes_.position() + static_cast<std::size_t>(pending_) + 2;
        case state::element:
        case state::part: return 0;
    }
    return 0;
}

template <bool Keep>
parser::status parser::run(std::span<char> bytes) {
    if (fault().kind != fault_kind::none) return status::fault;
    bytes_.look_at(bytes);
    parse_step outcome = parse_step::proceed;
    while (outcome == parse_step::proceed) outcome = advance<Keep>();
    switch (outcome) {
        case parse_step::done: return status::complete;
        case parse_step::broken: return status::fault;
        case parse_step::push: return status::push;
        case parse_step::proceed:
        case parse_step::starved: break;
    }
    if (!bytes_.is_at_bound()) return status::need_more;
    bytes_.stop(fault_kind::reply_too_long, bytes_.size());
    return status::fault;
}

template <bool Keep>
parse_step parser::advance() {
    switch (state_) {
        case state::element: return element<Keep>();
        case state::payload:
        case state::part_payload: return payload<Keep>();
        case state::part: return part<Keep>();
    }
    return parse_step::broken;
}

template <bool Keep>
parse_step parser::complete_value() noexcept {
    return builder_.complete_value<Keep>() ? parse_step::done : parse_step::proceed;
}

/// Adds a value that ends with its line.
template <bool Keep>
parse_step parser::add_line(node const& value) noexcept {
    bytes_.pass_line();
    builder_.add<Keep>(value);
    return complete_value<Keep>();
}

template <bool Keep>
parse_step parser::element() {
    if constexpr (Keep) {
        if (builder_.is_full() && !bytes_.is_at_end() && !builder_.is_at_elements_max()) builder_.make_room();
        // A line that an earlier call left open is gone on with where that call stopped.
        if (!bytes_.is_inside_line()) scan_ahead(bytes_, builder_);
        if (builder_.is_finished())
            return builder_.close_finished<Keep>() ? parse_step::done : parse_step::proceed;
    }
    if (bytes_.is_at_end()) return parse_step::starved;
    char const lead = bytes_.lead();
    if (!Keep && lead == '>' && !builder_.in_aggregate() && !builder_.is_at_elements_max())
        return parse_step::push;
    if (parse_step const outcome = judge_lead(lead); outcome != parse_step::proceed) return outcome;
    if (lead != '.') builder_.make_room();
    std::string_view line;
    if (parse_step const outcome = bytes_.take_line(line); outcome != parse_step::proceed) return outcome;
    return value_of_lead<Keep>(lead, line);
}

/// Whether a value that starts with `lead`, or the end of a streamed aggregate, may stand here.
inline parse_step parser::judge_lead(char lead) noexcept {
    if (lead == ';') return bytes_.stop(fault_kind::part_misplaced, bytes_.position());
    if (lead == '.')
        return builder_.in_streamed() ? parse_step::proceed
                                      : bytes_.stop(fault_kind::end_misplaced, bytes_.position());
    if (!is_lead(lead)) return bytes_.stop(fault_kind::unknown_type, bytes_.position());
    if (builder_.is_at_elements_max()) return bytes_.stop(fault_kind::too_many_elements, bytes_.position());
    return parse_step::proceed;
}

template <bool Keep>
parse_step parser::value_of_lead(char lead, std::string_view line) {
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
parse_step parser::line_element(type kind, std::string_view line) {
    std::size_t const offset = bytes_.position() + 1;
    node value;
    if (fault_kind const wrong = read_line_value(kind, line, offset, value); wrong != fault_kind::none)
        return bytes_.stop(wrong, offset);
    return add_line<Keep>(value);
}

template <bool Keep>
parse_step parser::string_header(type kind, std::string_view line) {
    std::size_t const offset = bytes_.position() + 1;
    if (kind == type::bulk_string && line == "-1") return add_line<Keep>(node::scalar(type::null, 0));
    if (kind == type::bulk_string && line == "?") {
        bytes_.pass_line();
        node joined = node::text(kind, bytes_.position(), 0);
        joined.flags = node::streamed;
        builder_.add<Keep>(joined);
        joining_ = true;
        state_ = state::part;
        return parse_step::proceed;
    }
    if (!read_unsigned(line, pending_)) return bytes_.stop(fault_kind::not_a_length, offset);
    if (!bytes_.has_room_for(pending_ + 2)) return bytes_.stop(fault_kind::reply_too_long, offset);
    if (kind == type::verbatim_string && pending_ < 4)
        return bytes_.stop(fault_kind::verbatim_without_format, offset);
    bytes_.pass_line();
    pending_kind_ = kind;
    state_ = state::payload;
    return parse_step::proceed;
}

/// The bytes of a string of announced length, or of one part of a streamed string.
template <bool Keep>
parse_step parser::payload() {
    std::size_t const first = bytes_.position();
    if (state_ == state::payload && pending_kind_ == type::verbatim_string) {
        if (bytes_.left() < 4) return parse_step::starved;
        if (bytes_.data()[first + 3] != ':')
            return bytes_.stop(fault_kind::verbatim_without_format, first + 3);
    }
    auto const arrived = static_cast<std::size_t>(std::min<std::uint64_t>(bytes_.left(), pending_));
    std::size_t const end = first + arrived;
    if constexpr (!Keep) {
        pending_kind_ = type::bulk_string;  // The format was judged above and is about to be gone.
        bytes_.move_to(end);
        pending_ -= arrived;
        if (pending_ != 0) return parse_step::starved;
    } else if (arrived < pending_) {
        return parse_step::starved;
    }
    if (parse_step const outcome = bytes_.find_crlf(end); outcome != parse_step::proceed) return outcome;
    bytes_.pass_string(end + 2);
    if (state_ == state::part_payload) {
        if constexpr (Keep) {
            node& joined = builder_.last();
            std::memmove(bytes_.data() + joined.offset() + joined.length(), bytes_.data() + first, arrived);
            joined.value += static_cast<std::uint64_t>(arrived) << 32;
        }
        state_ = state::part;
        return parse_step::proceed;
    }
    builder_.add<Keep>(node::text(pending_kind_, first, arrived));
    state_ = state::element;
    return complete_value<Keep>();
}

/// The header of one part of a streamed string, or its end.
template <bool Keep>
parse_step parser::part() {
    if (bytes_.is_at_end()) return parse_step::starved;
    if (bytes_.lead() != ';') return bytes_.stop(fault_kind::part_expected, bytes_.position());
    std::string_view line;
    if (parse_step const outcome = bytes_.take_line(line); outcome != parse_step::proceed) return outcome;
    std::size_t const offset = bytes_.position() + 1;
    if (!read_unsigned(line, pending_)) return bytes_.stop(fault_kind::not_a_length, offset);
    if (pending_ != 0 && !bytes_.has_room_for(pending_ + 2))
        return bytes_.stop(fault_kind::reply_too_long, offset);
    bytes_.pass_line();
    if (pending_ != 0) {
        state_ = state::part_payload;
        return parse_step::proceed;
    }
    joining_ = false;
    state_ = state::element;
    return complete_value<Keep>();
}

template <bool Keep>
parse_step parser::aggregate_header(type kind, std::string_view line) {
    std::size_t const offset = bytes_.position() + 1;
    if (kind == type::array && line == "-1") return add_line<Keep>(node::scalar(type::null, 0));
    if (builder_.is_at_depth_max()) return bytes_.stop(fault_kind::too_deep, bytes_.position());
    if (line == "?" && (kind == type::array || kind == type::map || kind == type::set))
        return open(kind, nesting::unbounded, true);
    std::uint64_t count = 0;
    if (!read_unsigned(line, count)) return bytes_.stop(fault_kind::not_a_length, offset);
    std::uint64_t const each = kind == type::map || kind == type::attribute ? 2 : 1;
    if (count > builder_.elements_left() / each) return bytes_.stop(fault_kind::too_many_elements, offset);
    if (count != 0) return open(kind, static_cast<std::uint32_t>(count * each), false);
    if (kind != type::attribute) return add_line<Keep>(node::text(kind, 0, 0));
    bytes_.pass_line();
    builder_.add_empty_attribute<Keep>();
    return parse_step::proceed;
}

inline parse_step parser::open(type kind, std::uint32_t count, bool streamed) noexcept {
    bytes_.pass_line();
    builder_.open(kind, count, streamed);
    return parse_step::proceed;
}

template <bool Keep>
parse_step parser::aggregate_end(std::string_view line) {
    if (!line.empty()) return bytes_.stop(fault_kind::end_not_empty, bytes_.position() + 1);
    if (builder_.is_behind_attribute())
        return bytes_.stop(fault_kind::attribute_without_value, bytes_.position());
    if (!builder_.close_streamed<Keep>()) return bytes_.stop(fault_kind::odd_map, bytes_.position());
    bytes_.pass_line();
    return complete_value<Keep>();
}

}  // namespace umbel::resp
