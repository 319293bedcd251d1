// url.hpp: addresses written as URLs, as redis-cli, lettuce and redis-rs write them:
//
//     redis://[user[:password]@]host[:port][,host[:port]]…[/database][?name=value[&name=value]…]
//     unix://[user[:password]@]/path[?name=value[&name=value]…]
//     redis-sentinel://[user[:password]@]host[:port][,host[:port]]…[/database][?…]#primary
//
// It knows texts only: engine/url_parameters.hpp knows what a parameter means.
#pragma once

#include <umbel/cluster/endpoint.hpp>
#include <umbel/error.hpp>
#include <umbel/resp/letter_case.hpp>
#include <umbel/secret.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace umbel::cluster {

/// One "name=value" of a URL's query, decoded.
struct url_parameter {
    std::string name;
    std::string value;
    std::size_t at = 0;  ///< Where it begins in the URL, counted from 1.
};

/// What a URL says. Fields that it leaves out are empty. Owns its texts, and wipes those that may be
/// passwords.
struct seed_url {
    seed_url() = default;
    seed_url(seed_url&&) noexcept = default;
    seed_url& operator=(seed_url&&) noexcept = default;
    ~seed_url() {
        wipe(username);
        wipe(password);
        for (url_parameter& parameter : parameters) wipe(parameter.value);
    }

    std::vector<endpoint> addresses;  ///< At least one. Those of sentinels, if `sentinel`.
    std::string username;
    std::string password;
    std::optional<std::uint32_t> database;
    bool tls = false;          ///< rediss, valkeys and rediss-sentinel.
    bool sentinel = false;     ///< redis-sentinel and rediss-sentinel.
    std::string primary_name;  ///< By which sentinels know the primary; never empty if `sentinel`.
    /// Short values stand in the list itself, which moves as it grows.
    std::vector<url_parameter, wiping_allocator<url_parameter>> parameters;
};

/// True for a seed that is a URL rather than an address: a scheme and "://". The path of a Unix socket may
/// hold "://", too. Rule: RFC 3986, "Scheme".
inline bool is_url(std::string_view text) noexcept {
    std::size_t const colon = text.find("://");
    return colon != std::string_view::npos && text.substr(0, colon).find_first_of(":/") == text.npos;
}

namespace url {

/// Names a place of a URL, and not the text there: it may be a password.
inline tl::unexpected<error> bad(std::size_t at, std::string_view why) {
    std::string message{"URL, character "};
    message.append(std::to_string(at + 1)).append(": ").append(why);
    return fail(errc::bad_argument, delivery::not_sent, message);
}

inline int hex_value(char digit) noexcept {
    if (digit >= '0' && digit <= '9') return digit - '0';
    if (digit >= 'a' && digit <= 'f') return digit - 'a' + 10;
    if (digit >= 'A' && digit <= 'F') return digit - 'A' + 10;
    return -1;
}

/// A part of a URL, and where it begins.
struct piece {
    std::string_view text;
    std::size_t at = 0;

    bool empty() const noexcept { return text.empty(); }
    std::size_t end() const noexcept { return at + text.size(); }
    piece before(std::size_t count) const noexcept { return {text.substr(0, count), at}; }
    piece behind(std::size_t count) const noexcept { return {text.substr(count), at + count}; }

    /// Cuts this piece off before the first `delimiter`; gives what stands behind it, if there is one.
    std::optional<piece> cut(char delimiter) noexcept {
        std::size_t const found = text.find(delimiter);
        if (found == std::string_view::npos) return std::nullopt;
        piece const rest = behind(found + 1);
        *this = before(found);
        return rest;
    }
};

/// Rule: RFC 3986, "Percent-Encoding".
inline result<std::string> decoded(piece from) {
    std::string plain;
    plain.reserve(from.text.size());
    for (std::size_t i = 0; i < from.text.size(); ++i) {
        if (from.text[i] != '%') {
            plain.push_back(from.text[i]);
            continue;
        }
        int const high = i + 2 < from.text.size() ? hex_value(from.text[i + 1]) : -1;
        int const low = high < 0 ? -1 : hex_value(from.text[i + 2]);
        if (low < 0) {
            wipe(plain);
            return bad(from.at + i, "a % that two hexadecimal digits do not follow; % is written %25");
        }
        plain.push_back(static_cast<char>(high * 16 + low));
        i += 2;
    }
    return plain;
}

inline result<std::uint32_t> database_number(piece from) {
    constexpr std::uint64_t most = std::numeric_limits<std::uint32_t>::max();
    std::uint64_t value = 0;
    for (char const digit : from.text) {
        if (detail::is_digit(digit)) value = value * 10 + static_cast<std::uint64_t>(digit - '0');
        if (!detail::is_digit(digit) || value > most)
            return bad(from.at, "the database is no number, or too large");
    }
    return static_cast<std::uint32_t>(value);
}

enum class scheme_kind : std::uint8_t { server, unix_socket, sentinel };

struct scheme {
    std::string_view name;
    scheme_kind kind;
    bool tls;
};

/// Rule: redis-cli, option -u (redis, rediss; valkey-cli: valkey, valkeys); redis-rs, "Connection Parameters"
/// (unix, redis+unix, valkey+unix); lettuce, "RedisURI" (redis-socket, redis-sentinel, rediss-sentinel).
inline constexpr std::array<scheme, 10> schemes{{{"redis", scheme_kind::server, false},
                                                 {"valkey", scheme_kind::server, false},
                                                 {"rediss", scheme_kind::server, true},
                                                 {"valkeys", scheme_kind::server, true},
                                                 {"unix", scheme_kind::unix_socket, false},
                                                 {"redis+unix", scheme_kind::unix_socket, false},
                                                 {"valkey+unix", scheme_kind::unix_socket, false},
                                                 {"redis-socket", scheme_kind::unix_socket, false},
                                                 {"redis-sentinel", scheme_kind::sentinel, false},
                                                 {"rediss-sentinel", scheme_kind::sentinel, true}}};

/// The scheme of this name, in upper or lower case; null for another one. Rule: RFC 3986, "Scheme".
inline scheme const* find_scheme(std::string_view name) noexcept {
    for (scheme const& known : schemes)
        if (resp::equal_ignoring_case(known.name, name)) return &known;
    return nullptr;
}

inline result<void> read_credentials(piece from, seed_url& into) {
    std::optional<piece> const secret = from.cut(':');
    auto user = decoded(from);
    if (!user) return tl::unexpected<error>{user.error()};
    into.username = std::move(*user);
    if (!secret) return {};
    auto password = decoded(*secret);
    if (!password) return tl::unexpected<error>{password.error()};
    into.password = std::move(*password);
    return {};
}

/// "host[:port]". A % begins the zone of an address in brackets, and may be written %25. Rule: RFC 6874.
inline result<endpoint> read_host(piece from, std::uint16_t default_port) {
    std::string text{from.text};
    std::size_t const zone = text.find('%');
    for (std::size_t at = zone; at != std::string::npos; at = text.find('%', at + 1))
        if (text.compare(at, 3, "%25") == 0) text.erase(at + 1, 2);
    auto address = endpoint::parse(text, default_port);
    bool const in_place =
        zone == std::string::npos || (text.front() == '[' && text.find(':') < text.find(']'));
    if (address && in_place) return address;
    return bad(from.at,
               "no host:port: a host is a name or an address (IPv6 in brackets), and a port a number from 1 "
               "to 65535");
}

inline result<void> read_hosts(piece from, std::uint16_t default_port, seed_url& into) {
    if (from.empty()) {
        into.addresses.push_back({"127.0.0.1", default_port});
        return {};
    }
    for (std::optional<piece> rest = from; rest;) {
        piece host = *rest;
        rest = host.cut(',');
        auto address = read_host(host, default_port);
        if (!address) return tl::unexpected<error>{address.error()};
        into.addresses.push_back(std::move(*address));
    }
    return {};
}

/// What stands behind the hosts: "database", or of sentinels "primary" or "primary/database".
inline result<void> read_path(piece from, seed_url& into) {
    if (from.empty()) return {};
    bool const names_primary = into.sentinel && from.text.find_first_not_of("0123456789") != from.text.npos;
    if (names_primary) {
        std::optional<piece> const rest = from.cut('/');
        auto name = decoded(from);
        if (!name) return tl::unexpected<error>{name.error()};
        into.primary_name = std::move(*name);
        if (!rest || rest->empty()) return {};
        from = *rest;
    }
    auto number = database_number(from);
    if (!number) return tl::unexpected<error>{number.error()};
    into.database = *number;
    return {};
}

inline result<void> read_query(piece from, seed_url& into) {
    if (from.empty()) return {};
    // It may belong to a password with a question mark, which is refused rather than guessed.
    if (std::size_t const sign = from.text.find('@'); sign != from.text.npos)
        return bad(from.at + sign,
                   "an @ behind the ?; in a parameter @ is written %40, in a password ? is "
                   "written %3F and # %23");
    for (std::optional<piece> rest = from; rest;) {
        piece name = *rest;
        rest = name.cut('&');
        std::optional<piece> const value = name.cut('=');
        if (!value) return bad(name.at, "a parameter without a value; parameters are written name=value");
        auto decoded_name = decoded(name);
        if (!decoded_name) return tl::unexpected<error>{decoded_name.error()};
        auto decoded_value = decoded(*value);
        if (!decoded_value) return tl::unexpected<error>{decoded_value.error()};
        into.parameters.push_back({std::move(*decoded_name), std::move(*decoded_value), name.at + 1});
    }
    return {};
}

/// Behind the #: what sentinels call the primary, as lettuce writes it.
inline result<void> read_fragment(piece from, seed_url& into) {
    if (!into.sentinel) return bad(from.at - 1, "a #, which has a meaning in redis-sentinel:// only");
    if (!into.primary_name.empty()) return bad(from.at, "a second name of the primary");
    auto name = decoded(from);
    if (!name) return tl::unexpected<error>{name.error()};
    into.primary_name = std::move(*name);
    return {};
}

/// A path: the socket.
inline result<void> read_socket(piece from, seed_url& into) {
    auto path = decoded(from);
    if (!path) return tl::unexpected<error>{path.error()};
    if (path->empty() || path->front() != '/')
        return bad(from.at, "a Unix socket needs an absolute path, as in unix:///run/redis.sock");
    auto address = endpoint::parse(*path, 1);
    if (!address) return bad(from.at, "the path of the Unix socket is too short or too long");
    into.addresses.push_back(std::move(*address));
    return {};
}

/// Everything between "://" and the query.
inline result<void> read_location(piece from, scheme_kind kind, seed_url& into) {
    // A password may hold every character but ? and #: the last @ ends it. A path may hold an @ of its own.
    std::size_t sign = from.text.rfind('@');
    if (kind == scheme_kind::unix_socket) {
        std::size_t const before_path = from.text.find("@/");
        sign = from.text.starts_with('/') ? from.text.npos : before_path;
    }
    if (sign != from.text.npos) {
        if (auto good = read_credentials(from.before(sign), into); !good) return good;
        from = from.behind(sign + 1);
    }
    if (kind == scheme_kind::unix_socket) return read_socket(from, into);
    std::optional<piece> const path = from.cut('/');
    if (auto good = read_hosts(from, kind == scheme_kind::sentinel ? 26379 : 6379, into); !good) return good;
    return path ? read_path(*path, into) : result<void>{};
}

}  // namespace url

/// Reads a URL.
/// Errors: bad_argument: an unknown scheme, a broken escape, a host, port, path or database that is none, a
/// fragment or a name of a primary where none belongs, or where it is missing. The message names the place by
/// the number of its character, and repeats nothing that may be a password.
inline result<seed_url> read_url(std::string_view text) {
    std::size_t const colon = text.find("://");
    if (colon == std::string_view::npos) return url::bad(0, "no scheme, as in redis://host:6379");
    url::scheme const* const known = url::find_scheme(text.substr(0, colon));
    if (!known)
        return url::bad(0,
                        "the scheme is none of redis, rediss, valkey, valkeys, unix, redis+unix, "
                        "valkey+unix, redis-socket, redis-sentinel and rediss-sentinel");
    seed_url seed;
    seed.tls = known->tls;
    seed.sentinel = known->kind == url::scheme_kind::sentinel;
    url::piece rest{text.substr(colon + 3), colon + 3};
    std::optional<url::piece> const fragment = rest.cut('#');
    std::optional<url::piece> const query = rest.cut('?');
    // Before the hosts: an @ in there means that what looks like a host is part of a password.
    if (fragment && fragment->text.find('@') != std::string_view::npos)
        return url::bad(fragment->at - 1, "a # before an @; in a password # is written %23");
    if (query)
        if (auto good = url::read_query(*query, seed); !good) return tl::unexpected<error>{good.error()};
    if (auto good = url::read_location(rest, known->kind, seed); !good)
        return tl::unexpected<error>{good.error()};
    if (fragment)
        if (auto good = url::read_fragment(*fragment, seed); !good)
            return tl::unexpected<error>{good.error()};
    if (seed.sentinel && seed.primary_name.empty())
        return url::bad(text.size(),
                        "the name of the primary is missing, as in redis-sentinel://host#mymaster");
    return seed;
}

/// The addresses of a URL as a seed, without credentials, database and parameters: "redis://h1:1,h2:2". A
/// Unix socket is its path, or a URL where its path has a ? or an @.
inline std::string bare_seed(seed_url const& seed) {
    std::string const& host = seed.addresses.front().host;
    bool const is_unix = seed.addresses.front().is_unix();
    if (is_unix && host.find_first_of("?@") == std::string::npos) return host;
    std::string text{is_unix ? "unix" : seed.tls ? "rediss" : "redis"};
    if (seed.sentinel) text += "-sentinel";
    text += "://";
    auto const escaped = [&text](std::string_view part) {
        constexpr std::string_view hexadecimal = "0123456789ABCDEF";
        for (char const byte : part) {
            auto const value = static_cast<unsigned char>(byte);
            if (byte != '%' && byte != '#' && byte != '@' && byte != '?') {
                text.push_back(byte);
                continue;
            }
            text.push_back('%');
            text.push_back(hexadecimal[value >> 4]);
            text.push_back(hexadecimal[value & 15]);
        }
    };
    for (endpoint const& address : seed.addresses) {
        if (&address != &seed.addresses.front()) text.push_back(',');
        escaped(is_unix ? host : address.to_string());
    }
    if (seed.sentinel) {
        text.push_back('#');
        escaped(seed.primary_name);
    }
    return text;
}

}  // namespace umbel::cluster
