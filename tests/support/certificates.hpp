// certificates.hpp: authorities, certificates and keys for tests, made on the spot by OpenSSL: good ones, and
// each kind of bad one. It knows nothing of umbel.
#pragma once

#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <memory>
#include <stdexcept>
#include <string>

namespace certificates {

/// One certificate with its key, both in PEM.
struct identity {
    std::string certificate;
    std::string key;
};

/// What a certificate says.
struct wish {
    std::string subject = "server";
    std::string names = "IP:127.0.0.1,DNS:localhost";  ///< As OpenSSL writes alternative names; may be empty.
    std::chrono::seconds from{-3600};                  ///< From now.
    std::chrono::seconds until{3600 * 24};
    bool authority = false;
};

namespace making {

template <class Object, class Free>
std::unique_ptr<Object, Free> owned(Object* object, Free free) {
    if (!object) throw std::runtime_error{"certificates: OpenSSL has failed"};
    return {object, free};
}
inline void must(bool good) {
    if (!good) throw std::runtime_error{"certificates: OpenSSL has failed"};
}
template <class Write>
std::string text_of(Write write) {
    auto const memory = owned(BIO_new(BIO_s_mem()), &BIO_free);
    must(write(memory.get()) == 1);
    char* bytes = nullptr;
    long const size = BIO_get_mem_data(memory.get(), &bytes);
    return {bytes, static_cast<std::size_t>(size)};
}
inline void extend(X509* certificate, X509* issuer, int kind, std::string const& value) {
    X509V3_CTX context;
    X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
    auto const extension =
        owned(X509V3_EXT_conf_nid(nullptr, &context, kind, value.c_str()), &X509_EXTENSION_free);
    must(X509_add_ext(certificate, extension.get(), -1) == 1);
}

}  // namespace making

/// Signs certificates.
class authority {
public:
    explicit authority(std::string const& name = "umbel test authority") {
        made_ = issue({.subject = name, .names = "", .authority = true});
    }

    /// Its own certificate, for those who trust it.
    std::string const& certificate() const noexcept { return made_.certificate; }

    identity issue(wish const& wanted = {}) {
        using namespace making;
        auto key = owned(EVP_EC_gen("P-256"), &EVP_PKEY_free);
        auto made = owned(X509_new(), &X509_free);
        X509* const certificate = made.get();
        must(X509_set_version(certificate, 2) == 1);
        must(ASN1_INTEGER_set(X509_get_serialNumber(certificate), ++serial_) == 1);
        must(X509_gmtime_adj(X509_getm_notBefore(certificate), wanted.from.count()) != nullptr);
        must(X509_gmtime_adj(X509_getm_notAfter(certificate), wanted.until.count()) != nullptr);
        must(X509_set_pubkey(certificate, key.get()) == 1);
        X509_NAME* const subject = X509_get_subject_name(certificate);
        auto const* const text = reinterpret_cast<unsigned char const*>(wanted.subject.c_str());
        must(X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, text, -1, -1, 0) == 1);
        bool const own = !own_certificate_;
        X509* const issuer = own ? certificate : own_certificate_.get();
        must(X509_set_issuer_name(certificate, X509_get_subject_name(issuer)) == 1);
        extend(certificate, issuer, NID_basic_constraints,
               wanted.authority ? "critical,CA:TRUE" : "CA:FALSE");
        if (!wanted.names.empty()) extend(certificate, issuer, NID_subject_alt_name, wanted.names);
        must(X509_sign(certificate, own ? key.get() : own_key_.get(), EVP_sha256()) > 0);
        identity const told{
            text_of([&](BIO* to) { return PEM_write_bio_X509(to, certificate); }), text_of([&](BIO* to) {
                return PEM_write_bio_PrivateKey(to, key.get(), nullptr, nullptr, 0, nullptr, nullptr);
            })};
        if (own) {
            own_certificate_ = std::move(made);
            own_key_ = std::move(key);
        }
        return told;
    }

private:
    std::unique_ptr<X509, decltype(&X509_free)> own_certificate_{nullptr, &X509_free};
    std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> own_key_{nullptr, &EVP_PKEY_free};
    long serial_ = 0;
    identity made_;
};

/// The same key, encrypted.
inline std::string locked(std::string const& key, std::string const& passphrase) {
    using namespace making;
    auto const from = owned(BIO_new_mem_buf(key.data(), static_cast<int>(key.size())), &BIO_free);
    auto const read = owned(PEM_read_bio_PrivateKey(from.get(), nullptr, nullptr, nullptr), &EVP_PKEY_free);
    auto const* const secret = reinterpret_cast<unsigned char const*>(passphrase.data());
    return text_of([&](BIO* to) {
        return PEM_write_bio_PrivateKey(to, read.get(), EVP_aes_128_cbc(), secret,
                                        static_cast<int>(passphrase.size()), nullptr, nullptr);
    });
}

/// Writes a text to a file, and returns the file's path.
inline std::string write(std::filesystem::path const& path, std::string const& text) {
    std::ofstream{path, std::ios::binary | std::ios::trunc} << text;
    return path.string();
}

/// A server's files as cluster.sh wants them: ca.crt, server.crt and server.key; and for the command line
/// tool client.crt and client.key.
inline void write_server(std::filesystem::path const& folder, authority& trusted, identity const& own) {
    std::filesystem::create_directories(folder);
    identity const tool = trusted.issue({.subject = "tool", .names = ""});
    write(folder / "ca.crt", trusted.certificate());
    write(folder / "server.crt", own.certificate);
    write(folder / "server.key", own.key);
    write(folder / "client.crt", tool.certificate);
    write(folder / "client.key", tool.key);
}

}  // namespace certificates
