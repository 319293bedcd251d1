// cluster/endpoint.hpp: where a node listens, as the cluster or the user names it: host and port, or a Unix
// socket. It knows texts only: nothing is resolved here, and a host name stays a host name.
#pragma once

#include <umbel/config.hpp>
#include <umbel/error.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace umbel::cluster {

/// The longest host name or path that is accepted; DNS allows 253 bytes, the cluster bus 255.
inline constexpr std::size_t host_bytes_max = 255;

namespace detail {

constexpr bool is_digit(char byte) noexcept { return byte >= '0' && byte <= '9'; }
constexpr bool is_hex_digit(char byte) noexcept {
    return is_digit(byte) || (byte >= 'a' && byte <= 'f') || (byte >= 'A' && byte <= 'F');
}

/// Reads a decimal number of at most five digits that fits into 16 bits.
constexpr bool read_port(std::string_view text, std::uint16_t& port) noexcept {
    if (text.empty() || text.size() > 5) return false;
    std::uint32_t value = 0;
    for (char const byte : text) {
        if (!is_digit(byte)) return false;
        value = value * 10 + static_cast<std::uint32_t>(byte - '0');
    }
    if (value > 0xffff) return false;
    port = static_cast<std::uint16_t>(value);
    return true;
}

/// True for dotted decimal, four numbers up to 255.
constexpr bool is_ipv4(std::string_view text) noexcept {
    for (int part = 0; part < 4; ++part) {
        std::size_t const end = part == 3 ? text.size() : text.find('.');
        std::uint16_t value = 0;
        if (end == std::string_view::npos || end > 3 || !read_port(text.substr(0, end), value) || value > 255)
            return false;
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return true;
}

/// True for the groups of an IPv6 address on one side of "::"; `groups` counts them.
constexpr bool are_groups(std::string_view text, bool last, int& groups) noexcept {
    while (!text.empty()) {
        std::size_t const end = std::min(text.find(':'), text.size());
        std::string_view const group = text.substr(0, end);
        if (last && end == text.size() && group.find('.') != std::string_view::npos) {
            groups += 2;
            return is_ipv4(group);
        }
        if (group.empty() || group.size() > 4 || !std::all_of(group.begin(), group.end(), is_hex_digit))
            return false;
        ++groups;
        if (end == text.size()) return true;
        text.remove_prefix(end + 1);
        if (text.empty()) return false;
    }
    return true;
}

/// True for an IPv6 address without brackets; a zone ("%eth0") may follow.
/// Rule: RFC 4291, "Text Representation of Addresses".
constexpr bool is_ipv6(std::string_view text) noexcept {
    std::size_t const zone = text.find('%');
    if (zone != std::string_view::npos) {
        if (zone + 1 == text.size()) return false;
        text = text.substr(0, zone);
    }
    int groups = 0;
    std::size_t const gap = text.find("::");
    if (gap == std::string_view::npos) return are_groups(text, true, groups) && groups == 8;
    return are_groups(text.substr(0, gap), false, groups) && are_groups(text.substr(gap + 2), true, groups) &&
           groups < 8;
}

/// True for what may stand for a host: no space, no control byte, none of the delimiters of addresses.
constexpr bool is_host(std::string_view text) noexcept {
    constexpr std::string_view delimiters = "[]/@,?#\"\\";
    if (text.empty() || text.size() > host_bytes_max) return false;
    for (char const byte : text) {
        if (static_cast<unsigned char>(byte) <= ' ' || byte == '\x7f' ||
            delimiters.find(byte) != std::string_view::npos)
            return false;
    }
    return text.find(':') == std::string_view::npos || is_ipv6(text);
}

/// A text split at its last colon; `port` keeps its text, so that the caller can say what is wrong with it.
struct split_address {
    std::string_view host;
    std::string_view port;
    bool has_port = false;
};

/// Splits "host:port" at the last colon and takes brackets off the host.
/// Rule: Redis Cluster specification, "MOVED redirection": the endpoint is "host:port", and an IPv6 host has
/// no brackets.
constexpr split_address split_last_colon(std::string_view text) noexcept {
    split_address parts{text, {}, false};
    std::size_t const colon = text.rfind(':');
    if (colon != std::string_view::npos && (text.empty() || text.back() != ']')) {
        parts = {text.substr(0, colon), text.substr(colon + 1), true};
    }
    if (parts.host.size() >= 2 && parts.host.front() == '[' && parts.host.back() == ']') {
        parts.host = parts.host.substr(1, parts.host.size() - 2);
    }
    return parts;
}

}  // namespace detail

/// Host and port; or a Unix socket, whose host is its path (it begins with '/') and whose port is 0.
struct endpoint {
    std::string host;
    std::uint16_t port = 0;

    /// True for a Unix socket; `host` is then the path.
    bool is_unix() const noexcept { return !host.empty() && host.front() == '/'; }

    /// "10.0.0.7:6379", "[::1]:6379", "db.example:6379" or "unix:/run/redis.sock"; parse() reads all of them.
    std::string to_string() const {
        if (is_unix()) return "unix:" + host;
        std::string text;
        text.reserve(host.size() + 8);
        bool const bracket = host.find(':') != std::string::npos;
        if (bracket) text.push_back('[');
        text.append(host);
        if (bracket) text.push_back(']');
        std::array<char, 8> digits{};
        auto const [end, code] = std::to_chars(digits.data(), digits.data() + digits.size(), port);
        static_cast<void>(code);
        text.push_back(':');
        text.append(digits.data(), end);
        return text;
    }

    /// Reads "host", "host:port", "[v6]", "[v6]:port", "v6:port", "v6" or "unix:/path".
    /// Without brackets the last colon separates the port, as redis-server itself prints addresses; only when
    /// what stands before it is no host, or behind it no port, is the whole text taken for an IPv6 address.
    /// Precondition: default_port != 0.
    /// Errors: bad_argument, naming the text and what is wrong with it.
    static result<endpoint> parse(std::string_view text, std::uint16_t default_port);

    friend bool operator==(endpoint const&, endpoint const&) = default;
    friend auto operator<=>(endpoint const&, endpoint const&) = default;
};

namespace detail {

inline tl::unexpected<error> bad_address(std::string_view text, std::string_view reason) {
    std::string message{"address \""};
    message.append(text.substr(0, host_bytes_max)).append("\": ").append(reason);
    return fail(errc::bad_argument, delivery::not_sent, message);
}

inline result<endpoint> parse_unix(std::string_view text, std::string_view path) {
    if (path.size() < 2 || path.front() != '/') {
        return bad_address(text, "a Unix socket needs an absolute path, as in unix:/run/redis.sock");
    }
    if (path.size() > host_bytes_max || path.find('\0') != std::string_view::npos)
        return bad_address(text, "the path is too long");
    return endpoint{std::string{path}, 0};
}

}  // namespace detail

inline result<endpoint> endpoint::parse(std::string_view text, std::uint16_t default_port) {
    UMBEL_ASSERT(default_port != 0);
    if (text.empty()) return detail::bad_address(text, "it is empty; give host:port");
    // A host may be called "unix": only a port can follow it then.
    std::uint16_t port = default_port;
    if (text.substr(0, 5) == "unix:" && !detail::read_port(text.substr(5), port))
        return detail::parse_unix(text, text.substr(5));
    if (text.front() == '/') return detail::parse_unix(text, text);
    if (text.find("://") != std::string_view::npos)
        return detail::bad_address(text, "give host:port without a scheme");

    detail::split_address const parts = detail::split_last_colon(text);
    bool const port_reads = !parts.has_port || detail::read_port(parts.port, port);
    bool const splits = port_reads && detail::is_host(parts.host);
    if (parts.has_port && !splits && detail::is_host(text)) return endpoint{std::string{text}, default_port};

    if (parts.host.empty()) return detail::bad_address(text, "the host is missing");
    if (!detail::is_host(parts.host))
        return detail::bad_address(text, "the host is neither a name nor an IPv4 or IPv6 address");
    // Rule: RFC 3986, "Host": IP-literal.
    if (text.front() == '[' && !detail::is_ipv6(parts.host))
        return detail::bad_address(text, "brackets stand around an IPv6 address only");
    if (!port_reads || port == 0)
        return detail::bad_address(text, "the port must be a number from 1 to 65535");
    return endpoint{std::string{parts.host}, port};
}

}  // namespace umbel::cluster

template <>
struct std::hash<umbel::cluster::endpoint> {
    std::size_t operator()(umbel::cluster::endpoint const& address) const noexcept {
        return std::hash<std::string_view>{}(address.host) * 31 + address.port;
    }
};
