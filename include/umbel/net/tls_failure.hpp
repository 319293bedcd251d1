// tls_failure.hpp: what OpenSSL says of a failure becomes a sentence that tells a user what to do. Pure: the
// signs go in, the words come out.
#pragma once

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>

#include <cstring>
#include <string>
#include <string_view>

namespace umbel::net {

/// What is known of a failure.
struct tls_signs {
    bool opening = false;  ///< Before the handshake was complete.
    bool ended = false;    ///< The stream beneath has ended.
    int system_error = 0;  ///< The stream beneath has failed.
    long verified = X509_V_OK;
    std::string certificate{};        ///< Which was not accepted, and for whom it is.
    std::string expected{};           ///< The name or address that it should be for.
    unsigned long queued = 0;         ///< The first entry of OpenSSL's error queue.
    bool asked_for_identity = false;  ///< The server has asked for a client certificate, and there is none.
    bool anonymous = false;           ///< The server should have shown a certificate, and has not.
};

/// A failure in words.
struct tls_failure {
    bool refused = false;  ///< See encrypted_channel::refused().
    std::string text;
};

namespace tls_words {

/// Alerts of the peer stand in the queue by their number and an offset. Rule: SSL_alert_type_string(3);
/// RFC 8446, "Alert Protocol".
inline int alert_of(int reason) noexcept {
    return reason > SSL_AD_REASON_OFFSET && reason <= SSL_AD_REASON_OFFSET + 255
               ? reason - SSL_AD_REASON_OFFSET
               : -1;
}

inline std::string reason_of(unsigned long queued) {
    char const* const text = ERR_reason_error_string(queued);
    return text ? text : "error " + std::to_string(queued);
}

inline tls_failure of_verification(tls_signs const& signs) {
    std::string text = "certificate verify failed: ";
    text += X509_verify_cert_error_string(signs.verified);
    if (!signs.certificate.empty()) text += "; the certificate is of " + signs.certificate;
    bool const misnamed =
        signs.verified == X509_V_ERR_HOSTNAME_MISMATCH || signs.verified == X509_V_ERR_IP_ADDRESS_MISMATCH;
    if (misnamed && !signs.expected.empty()) text += ", not of " + signs.expected;
    return {true, std::move(text)};
}

inline tls_failure of_alert(tls_signs const& signs, int alert) {
    std::string const reason = reason_of(signs.queued);
    switch (alert) {
        case SSL_AD_CERTIFICATE_REQUIRED: return {true, "the server requires a client certificate"};
        case SSL_AD_HANDSHAKE_FAILURE:
        case SSL_AD_INSUFFICIENT_SECURITY:
            if (signs.asked_for_identity)
                return {true, "the server requires a client certificate (" + reason + ")"};
            return {true, "the server agrees to no cipher that was offered (" + reason + ")"};
        case SSL_AD_BAD_CERTIFICATE:
        case SSL_AD_UNSUPPORTED_CERTIFICATE:
        case SSL_AD_CERTIFICATE_REVOKED:
        case SSL_AD_CERTIFICATE_EXPIRED:
        case SSL_AD_CERTIFICATE_UNKNOWN:
        case SSL_AD_UNKNOWN_CA:
        case SSL_AD_ACCESS_DENIED:
            return {true, "the server does not accept the client certificate (" + reason + ")"};
        case SSL_AD_PROTOCOL_VERSION:
            return {true, "the server speaks none of the TLS versions that were offered (" + reason + ")"};
        case SSL_AD_UNRECOGNIZED_NAME:
            return {true, "the server knows no such name as was asked for (" + reason + ")"};
        default: break;
    }
    return {false, "the server has sent a TLS alert: " + reason};
}

/// Reasons that OpenSSL has when the first bytes of a peer are those of another protocol.
inline bool is_other_protocol(int reason) noexcept {
    switch (reason) {
        case SSL_R_WRONG_VERSION_NUMBER:
        case SSL_R_HTTP_REQUEST:
        case SSL_R_HTTPS_PROXY_REQUEST:
        case SSL_R_PACKET_LENGTH_TOO_LONG:
        case SSL_R_UNKNOWN_PROTOCOL: return true;
        default: return false;
    }
}

/// Reasons for which this end does not accept what the server offers: the next attempt would meet them, too.
inline bool is_lasting(int reason) noexcept {
    switch (reason) {
        case SSL_R_NO_CIPHERS_AVAILABLE:
        case SSL_R_NO_PROTOCOLS_AVAILABLE:
        case SSL_R_UNKNOWN_CIPHER_RETURNED:
        case SSL_R_WRONG_CIPHER_RETURNED:
        case SSL_R_WRONG_SSL_VERSION:
        case SSL_R_WRONG_SIGNATURE_TYPE:
        case SSL_R_DH_KEY_TOO_SMALL:
        case SSL_R_UNSAFE_LEGACY_RENEGOTIATION_DISABLED: return true;
        default: return false;
    }
}

inline tls_failure of_reason(tls_signs const& signs) {
    int const reason = ERR_GET_REASON(signs.queued);
    bool const is_tls = ERR_GET_LIB(signs.queued) == ERR_LIB_SSL;
    if (int const alert = is_tls ? alert_of(reason) : -1; alert >= 0) return of_alert(signs, alert);
    if (is_tls && signs.opening && is_other_protocol(reason))
        return {true, "the server does not speak TLS (" + reason_of(signs.queued) + ")"};
    if (is_tls && (reason == SSL_R_UNSUPPORTED_PROTOCOL || reason == SSL_R_VERSION_TOO_LOW))
        return {true, "the server speaks none of the TLS versions that are allowed (" +
                          reason_of(signs.queued) + ")"};
    return {is_tls && signs.opening && is_lasting(reason),
            std::string{signs.opening ? "the TLS handshake failed: " : "the TLS stream broke: "} +
                reason_of(signs.queued)};
}

}  // namespace tls_words

/// Tells a failure in words.
inline tls_failure tell_failure(tls_signs const& signs) {
    if (signs.anonymous) return {true, "certificate verify failed: the server has shown none"};
    if (signs.verified != X509_V_OK && signs.opening) return tls_words::of_verification(signs);
    if (signs.system_error != 0)
        return {false, std::string{std::strerror(signs.system_error)} +
                           (signs.opening ? ", during the TLS handshake" : "")};
    if (signs.ended) {
        if (!signs.opening)
            return {false, "the node closed the connection without an end of the TLS stream (close_notify)"};
        std::string text = "the node closed the connection during the TLS handshake";
        if (signs.asked_for_identity) text += "; it has asked for a client certificate";
        return {false, std::move(text)};
    }
    if (signs.queued == 0) return {false, "TLS failed, and OpenSSL does not say why"};
    return tls_words::of_reason(signs);
}

}  // namespace umbel::net
