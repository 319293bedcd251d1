// tls_context.hpp: what the connections of a client share of TLS: authorities, certificate and key, versions,
// ciphers, sessions. Made of options, and never changed afterwards. It knows no connection.
#pragma once

#include <umbel/net/tls_credentials.hpp>
#include <umbel/net/tls_notes.hpp>
#include <umbel/net/tls_sessions.hpp>

#include <algorithm>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace umbel::net {

namespace tls_reading {

inline int number_of(tls_version version) noexcept {
    switch (version) {
        case tls_version::tls_1_2: return TLS1_2_VERSION;
        case tls_version::tls_1_3: return TLS1_3_VERSION;
    }
    return 0;
}

/// Null where memory has run out.
inline tls_context_ptr new_context() noexcept { return tls_context_ptr{SSL_CTX_new(TLS_client_method())}; }

/// True when OpenSSL knows a cipher of TLS 1.3 by this name.
inline bool knows_suite(SSL_CTX& scratch, std::string const& name) {
    if (SSL_CTX_set_ciphersuites(&scratch, name.c_str()) != 1) return false;
    auto* const all = SSL_CTX_get_ciphers(&scratch);
    for (int at = 0; at < sk_SSL_CIPHER_num(all); ++at)
        if (name == SSL_CIPHER_get_name(sk_SSL_CIPHER_value(all, at))) return true;
    return false;
}

/// The first name of a list that OpenSSL does not know; it would pass over it in silence. Names that take
/// away, or that are rules, are OpenSSL's to judge.
inline std::string unknown_in(std::string const& list, bool suites) {
    tls_context_ptr const scratch = new_context();
    if (!scratch) return {};
    for (std::size_t at = 0; at < list.size();) {
        std::size_t const end = std::min(list.find_first_of(": ,", at), list.size());
        std::string const name = list.substr(at, end - at);
        at = end + 1;
        if (name.empty() || (!suites && std::string_view{"!-+@"}.find(name[0]) != std::string_view::npos))
            continue;
        bool const known =
            suites ? knows_suite(*scratch, name) : SSL_CTX_set_cipher_list(scratch.get(), name.c_str()) == 1;
        ERR_clear_error();
        if (!known) return name;
    }
    return {};
}

/// Never offered, whatever list has them ("ALL", "HIGH"): by these OpenSSL lets a server show no certificate,
/// or encrypts nothing. Rule: SSL_CTX_set_verify(3), of anonymous ciphers.
inline constexpr std::string_view never_offered = ":!aNULL:!eNULL";

inline result<void> choose_ciphers(SSL_CTX& context, tls_options const& chosen) {
    if (std::string const wrong = unknown_in(chosen.ciphers, false); !wrong.empty())
        return bad("ciphers", "OpenSSL knows no cipher of TLS 1.2 called " + wrong);
    if (std::string const wrong = unknown_in(chosen.ciphersuites, true); !wrong.empty())
        return bad("ciphersuites", "OpenSSL knows no cipher of TLS 1.3 called " + wrong);
    std::string const offered = std::string{chosen.ciphers}.append(never_offered);
    if (!chosen.ciphers.empty() && SSL_CTX_set_cipher_list(&context, offered.c_str()) != 1)
        return bad("ciphers",
                   "OpenSSL finds no cipher in " + chosen.ciphers + " that encrypts and verifies the server");
    if (!chosen.ciphersuites.empty() && SSL_CTX_set_ciphersuites(&context, chosen.ciphersuites.c_str()) != 1)
        return bad("ciphersuites", "OpenSSL finds no cipher in " + chosen.ciphersuites);
    return {};
}

}  // namespace tls_reading

/// A context of OpenSSL and what belongs to it. Threading: any.
class tls_context {
public:
    /// As much ciphertext is received at a time: three whole records, and the beginning of another.
    static constexpr std::size_t read_bytes = std::size_t{64} << 10;

    /// Reads what the options name.
    /// Errors: bad_argument, naming the option; no_memory.
    static result<std::shared_ptr<tls_context>> make(tls_options const& chosen) {
        using namespace tls_reading;
        tls_context_ptr fresh = new_context();
        if (!fresh) return no_memory();
        auto made = std::make_shared<tls_context>(std::move(fresh), chosen);
        SSL_CTX& raw = made->raw();
        if (static_cast<int>(chosen.version_min) > static_cast<int>(chosen.version_max))
            return bad("version_min", "it is above version_max");
        bool const dots = chosen.server_name.find_first_not_of('.') == std::string::npos;
        if (chosen.server_name.find('\0') != std::string::npos || chosen.server_name.size() > 255 ||
            (dots && !chosen.server_name.empty()))
            return bad("server_name", "it is no name");
        SSL_CTX_set_min_proto_version(&raw, number_of(chosen.version_min));
        SSL_CTX_set_max_proto_version(&raw, number_of(chosen.version_max));
        auto good = choose_ciphers(raw, chosen);
        if (good && chosen.verify != tls_verification::insecure_none) good = trust_authorities(raw, chosen);
        if (good) good = take_identity(raw, chosen);
        if (!good) return tl::unexpected<error>{good.error()};
        return made;
    }

    tls_context(tls_context_ptr raw, tls_options const& chosen)
        : raw_{std::move(raw)},
          server_name_{chosen.server_name},
          verification_{chosen.verify},
          reuses_sessions_{chosen.reuse_sessions} {
        SSL_CTX* const context = raw_.get();
        SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                      SSL_MODE_AUTO_RETRY);
        SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
        if (!reuses_sessions_) SSL_CTX_set_options(context, SSL_OP_NO_TICKET);
        SSL_CTX_set_session_cache_mode(context, reuses_sessions_
                                                    ? SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL
                                                    : SSL_SESS_CACHE_OFF);
        if (reuses_sessions_) tls_notes::hear_of_sessions(*context);
        SSL_CTX_set_read_ahead(context, 1);
        SSL_CTX_set_default_read_buffer_len(context, read_bytes);
    }

    SSL_CTX& raw() noexcept { return *raw_; }
    tls_sessions& sessions() noexcept { return sessions_; }
    std::string const& server_name() const noexcept { return server_name_; }
    tls_verification verification() const noexcept { return verification_; }
    bool reuses_sessions() const noexcept { return reuses_sessions_; }

private:
    tls_context_ptr raw_;
    tls_sessions sessions_;
    std::string server_name_;
    tls_verification verification_;
    bool reuses_sessions_;
};

}  // namespace umbel::net
