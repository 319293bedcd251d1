// tls_notes.hpp: what OpenSSL tells of one connection by callbacks: sessions for later, what is wrong with a
// certificate, whether the server wants to know who the client is. It decides nothing.
#pragma once

#include <umbel/config.hpp>
#include <umbel/net/tls_sessions.hpp>

#include <openssl/x509v3.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <memory>
#include <string>
#include <string_view>

namespace umbel::net {

namespace tls_words {

/// An address of a certificate, in text.
inline std::string text_of_address(ASN1_OCTET_STRING const* address) {
    unsigned char const* const bytes = ASN1_STRING_get0_data(address);
    int const size = std::min(ASN1_STRING_length(address), 16);
    std::array<char, 8> part{};
    std::string text;
    for (int at = 0; at < size; at += size == 4 ? 1 : 2) {
        bool const wide = size != 4 && at + 1 < size;
        if (wide)
            std::snprintf(part.data(), part.size(), "%x", bytes[at] * 256 + bytes[at + 1]);
        else
            std::snprintf(part.data(), part.size(), "%d", bytes[at]);
        text.append(at == 0 ? "" : size == 4 ? "." : ":").append(part.data());
    }
    return text;
}

/// A name of a certificate as a log can bear it: whoever has made it may not be trusted yet.
/// Rule: RFC 1035, "Size limits": no name is longer.
inline std::string printable(std::string_view name) {
    std::string text{name.substr(0, 255)};
    for (char& letter : text)
        if (letter < ' ' || letter > '~') letter = '?';
    return text;
}

/// Whom a certificate names: the first of its alternative names, or else its subject.
inline std::string names_of(X509* certificate) {
    constexpr int names_max = 4;
    std::string text;
    std::unique_ptr<GENERAL_NAMES, tls_free<&GENERAL_NAMES_free>> const all{
        static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr))};
    for (int at = 0; all && at < std::min(sk_GENERAL_NAME_num(all.get()), names_max); ++at) {
        int kind = 0;
        void const* const value = GENERAL_NAME_get0_value(sk_GENERAL_NAME_value(all.get(), at), &kind);
        std::string next;
        if (kind == GEN_DNS) {
            auto const* const name = static_cast<ASN1_IA5STRING const*>(value);
            next = printable({reinterpret_cast<char const*>(ASN1_STRING_get0_data(name)),
                              static_cast<std::size_t>(ASN1_STRING_length(name))});
        } else if (kind == GEN_IPADD) {
            next = text_of_address(static_cast<ASN1_OCTET_STRING const*>(value));
        }
        if (!next.empty()) text.append(text.empty() ? "" : ", ").append(next);
    }
    if (!text.empty()) return text;
    std::array<char, 256> subject{};
    X509_NAME_oneline(X509_get_subject_name(certificate), subject.data(), static_cast<int>(subject.size()));
    return printable(subject.data());
}

}  // namespace tls_words

/// The notes of one connection. Lifetime: must outlive the stream of OpenSSL's that it is attached to, and
/// stay where it is.
struct tls_notes {
    tls_sessions& sessions;
    std::string node;                 ///< "host:port".
    std::string certificate{};        ///< Whom the certificate names that was not accepted.
    bool asked_for_identity = false;  ///< The server has asked for a client certificate, and there is none.

    /// Hears from now on what OpenSSL tells of `raw`. False where memory has run out.
    bool attach(SSL& raw, bool verifies) noexcept {
        if (SSL_set_app_data(&raw, this) != 1) return false;
        SSL_set_verify(&raw, verifies ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, &tls_notes::verified);
        SSL_set_cert_cb(&raw, &tls_notes::asked, this);
        return true;
    }
    /// Hears of sessions that nodes give. Once for each context, before it has streams.
    static void hear_of_sessions(SSL_CTX& context) noexcept {
        SSL_CTX_sess_set_new_cb(&context, &tls_notes::session_given);
    }

private:
    static tls_notes& of(SSL const* raw) noexcept { return *static_cast<tls_notes*>(SSL_get_app_data(raw)); }

    /// Returns 1 where the session is kept.
    static int session_given(SSL* raw, SSL_SESSION* session) noexcept {
        if (SSL_SESSION_is_resumable(session) != 1) return 0;
        of(raw).sessions.keep(of(raw).node, tls_session_ptr{session});
        return 1;
    }
    /// OpenSSL has looked at a certificate of the chain.
    static int verified(int good, X509_STORE_CTX* chain) noexcept {
        if (good == 1) return 1;
        auto const* const raw =
            static_cast<SSL*>(X509_STORE_CTX_get_ex_data(chain, SSL_get_ex_data_X509_STORE_CTX_idx()));
        X509* const wrong = X509_STORE_CTX_get_current_cert(chain);
        UMBEL_TRY {
            if (raw && wrong) of(raw).certificate = tls_words::names_of(wrong);
        }
        UMBEL_CATCH(...) {
            // The message says less.
        }
        return 0;
    }
    static int asked(SSL* raw, void* notes) noexcept {
        if (!SSL_get_certificate(raw)) static_cast<tls_notes*>(notes)->asked_for_identity = true;
        return 1;
    }
};

}  // namespace umbel::net
