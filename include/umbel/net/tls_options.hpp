// tls_options.hpp: what a user may say of TLS: whom to trust, who one is, which versions and ciphers. Values
// only: no file is read here.
#pragma once

#include <cstdint>
#include <string>

namespace umbel::net {

/// What a node must prove before anything is sent to it.
enum class tls_verification : std::uint8_t {
    full,      ///< That a trusted authority names it: by the host name or address at which it is reached.
               ///< The subject's common name counts where the certificate has no alternative DNS name.
    any_name,  ///< That a trusted authority has signed its certificate, for whatever name. Whoever holds
               ///< another certificate of that authority can pose as the node.
    insecure_none,  ///< Nothing. Whoever stands between client and node can read and change everything.
};

enum class tls_version : std::uint8_t { tls_1_2, tls_1_3 };

/// How a client speaks TLS. Files are read by umbel::tls(), and again by its reload().
/// Lifetime: owns its texts. Texts that are secret are wiped when the object that umbel::tls() has made of
/// them goes; the caller's own are the caller's.
struct tls_options {
    /// Whom to trust: certificates of authorities in PEM, by file, by a directory of hashed names (openssl
    /// rehash), or as a text. Where none is given, and where `system_store` is set besides, those that
    /// the system trusts.
    std::string ca_file{};
    std::string ca_directory{};
    std::string ca_pem{};
    bool system_store = false;

    /// Who one is, for servers that want to know (tls-auth-clients, their default): the certificate, followed
    /// by those between it and the authority, and its key, each in PEM, by file or as a text.
    std::string certificate_file{};
    std::string certificate_pem{};
    std::string key_file{};
    std::string key_pem{};
    /// Of an encrypted key.
    std::string key_passphrase{};

    tls_verification verify = tls_verification::full;
    /// A name that stands in for the host of every node, where certificates are checked and in what a node is
    /// told (SNI): for nodes that are reached by addresses, and share a certificate for a name.
    std::string server_name{};

    tls_version version_min = tls_version::tls_1_2;
    tls_version version_max = tls_version::tls_1_3;
    /// As OpenSSL writes them, in the order of preference: ciphers of TLS 1.2 ("ECDHE+AESGCM"), and of TLS
    /// 1.3 ("TLS_AES_128_GCM_SHA256"). Empty: as OpenSSL has them. Ciphers by which a server shows no
    /// certificate (aNULL), or that encrypt nothing (eNULL), are never offered. "@SECLEVEL=0" lets broken
    /// ciphers and short keys pass.
    std::string ciphers{};
    std::string ciphersuites{};
    /// A node is met again by a session that it has given before: its connections open with less work.
    bool reuse_sessions = true;
};

}  // namespace umbel::net

namespace umbel {
using net::tls_options;
using net::tls_verification;
using net::tls_version;
}  // namespace umbel
