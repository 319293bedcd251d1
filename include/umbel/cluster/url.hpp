// url.hpp: seeds written as URLs: redis://[user:password@]host[:port][/database], also valkey:// .
// It knows texts only.
#pragma once

#include <umbel/cluster/endpoint.hpp>
#include <umbel/error.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace umbel::cluster {

/// What a URL says. Fields that it leaves out are empty.
struct seed_url {
    endpoint address;
    std::string username;
    std::string password;
    std::optional<std::uint32_t> database;
};

namespace url {

inline tl::unexpected<error> bad(std::string_view text, std::string_view why) {
    // The password is not repeated in a message.
    std::size_t const at = text.rfind('@');
    std::string shown{at == std::string_view::npos ? text : text.substr(at + 1)};
    return fail(errc::bad_argument, delivery::not_sent,
                "options.seeds: the URL of \"" + shown + "\" " + std::string{why});
}

inline int hex_value(char digit) noexcept {
    if (digit >= '0' && digit <= '9') return digit - '0';
    if (digit >= 'a' && digit <= 'f') return digit - 'a' + 10;
    if (digit >= 'A' && digit <= 'F') return digit - 'A' + 10;
    return -1;
}

/// Rule: RFC 3986, "Percent-Encoding".
inline std::optional<std::string> decoded(std::string_view text) {
    std::string plain;
    for (std::size_t at = 0; at < text.size(); ++at) {
        if (text[at] != '%') {
            plain.push_back(text[at]);
            continue;
        }
        if (at + 2 >= text.size()) return std::nullopt;
        int const high = hex_value(text[at + 1]);
        int const low = hex_value(text[at + 2]);
        if (high < 0 || low < 0) return std::nullopt;
        plain.push_back(static_cast<char>(high * 16 + low));
        at += 2;
    }
    return plain;
}

inline std::optional<std::uint32_t> number(std::string_view text) noexcept {
    if (text.empty() || text.size() > 6) return std::nullopt;
    std::uint32_t value = 0;
    for (char const digit : text) {
        if (digit < '0' || digit > '9') return std::nullopt;
        value = value * 10 + static_cast<std::uint32_t>(digit - '0');
    }
    return value;
}

}  // namespace url

/// True for a seed that is a URL rather than an address.
inline bool is_url(std::string_view text) noexcept { return text.find("://") != std::string_view::npos; }

/// Reads a seed given as a URL.
/// Errors: bad_argument: an unknown scheme, rediss:// (TLS is not part of this header), a broken escape, a
/// database that is no number, what endpoint::parse refuses, and a query.
inline result<seed_url> read_url(std::string_view text) {
    std::size_t const colon = text.find("://");
    if (colon == std::string_view::npos) return url::bad(text, "has no scheme");
    std::string_view const scheme = text.substr(0, colon);
    if (scheme == "rediss" || scheme == "valkeys")
        return url::bad(text, "asks for TLS, which this client does not speak yet");
    if (scheme != "redis" && scheme != "valkey")
        return url::bad(text, "has a scheme that is neither redis nor valkey");
    std::string_view rest = text.substr(colon + 3);
    if (rest.find_first_of("?#") != std::string_view::npos)
        return url::bad(text, "has a query or a fragment");
    seed_url seed;
    if (std::size_t const at = rest.rfind('@'); at != std::string_view::npos) {
        std::string_view const credentials = rest.substr(0, at);
        rest = rest.substr(at + 1);
        std::size_t const split = credentials.find(':');
        auto const user = url::decoded(credentials.substr(0, split));
        auto const secret = split == std::string_view::npos ? std::optional<std::string>{std::string{}}
                                                            : url::decoded(credentials.substr(split + 1));
        if (!user || !secret) return url::bad(text, "has a broken %-escape");
        seed.username = *user;
        seed.password = *secret;
    }
    if (std::size_t const slash = rest.find('/'); slash != std::string_view::npos) {
        std::string_view const path = rest.substr(slash + 1);
        rest = rest.substr(0, slash);
        if (!path.empty()) {
            seed.database = url::number(path);
            if (!seed.database) return url::bad(text, "names a database that is no number");
        }
    }
    auto address = endpoint::parse(rest.empty() ? std::string_view{"127.0.0.1"} : rest, 6379);
    if (!address)
        return fail(errc::bad_argument, delivery::not_sent,
                    "options.seeds: " + std::string{address.error().message()});
    seed.address = std::move(*address);
    return seed;
}

}  // namespace umbel::cluster
