// tls_handles.hpp: owners of OpenSSL's objects.
#pragma once

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <memory>

namespace umbel::net {

/// Frees an object of OpenSSL's by the function that it wants.
template <auto Free>
struct tls_free {
    template <class Object>
    void operator()(Object* object) const noexcept {
        Free(object);
    }
};

using tls_context_ptr = std::unique_ptr<SSL_CTX, tls_free<&SSL_CTX_free>>;
using tls_stream_ptr = std::unique_ptr<SSL, tls_free<&SSL_free>>;
using tls_session_ptr = std::unique_ptr<SSL_SESSION, tls_free<&SSL_SESSION_free>>;
using tls_certificate_ptr = std::unique_ptr<X509, tls_free<&X509_free>>;
using tls_key_ptr = std::unique_ptr<EVP_PKEY, tls_free<&EVP_PKEY_free>>;
using tls_bio_ptr = std::unique_ptr<BIO, tls_free<&BIO_free>>;

}  // namespace umbel::net
