// tls_credentials.hpp: reads authorities, certificates and keys into a context of OpenSSL, and says which
// option is wrong. It knows no connection.
#pragma once

#include <umbel/error.hpp>
#include <umbel/net/tls_handles.hpp>
#include <umbel/net/tls_options.hpp>

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/pem.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string>
#include <string_view>

namespace umbel::net {

namespace tls_reading {

/// No file of certificates is larger: that of a system with all its authorities has some 200 KiB.
inline constexpr std::size_t file_bytes_max = std::size_t{16} << 20;

inline tl::unexpected<error> bad(std::string_view option, std::string_view why) {
    std::string message = "tls_options.";
    message.append(option).append(": ").append(why);
    return fail(errc::bad_argument, delivery::not_sent, message);
}

/// A text that is wiped when it goes.
struct secret_text {
    std::string text;

    secret_text() = default;
    secret_text(secret_text const&) = delete;
    secret_text& operator=(secret_text const&) = delete;
    ~secret_text() { OPENSSL_cleanse(text.data(), text.size()); }
};

/// An open file.
struct descriptor {
    int const number;

    explicit descriptor(std::string const& path) noexcept
        // Nobody writes to a FIFO perhaps: it must not be waited for.
        : number{::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC)} {}
    descriptor(descriptor const&) = delete;
    descriptor& operator=(descriptor const&) = delete;
    ~descriptor() {
        if (number >= 0) ::close(number);
    }
};

/// Reads a whole file into memory that has room for all of it from the beginning, and by no buffer of stdio,
/// so that no copy is left behind.
inline result<void> read_file(std::string_view option, std::string const& path, secret_text& into) {
    struct stat kind{};
    auto const wrong = [&](std::string_view why) {
        return bad(option, std::string{"cannot read "}.append(path).append(": ").append(why));
    };
    descriptor const file{path};
    if (file.number < 0 || ::fstat(file.number, &kind) != 0) return wrong(std::strerror(errno));
    if (S_ISDIR(kind.st_mode)) return wrong("it is a directory");
    if (!S_ISREG(kind.st_mode)) return wrong("it is no regular file");
    auto const size = static_cast<std::size_t>(kind.st_size);
    if (size > file_bytes_max) return wrong("it is larger than 16 MiB");
    into.text.resize(size);
    for (std::size_t at = 0; at != size;) {
        ssize_t const count = ::read(file.number, into.text.data() + at, size - at);
        if (count < 0 && errno == EINTR) continue;
        if (count <= 0) return wrong(count == 0 ? "it ends too early" : std::strerror(errno));
        at += static_cast<std::size_t>(count);
    }
    return {};
}

inline tl::unexpected<error> no_memory() noexcept { return fail(errc::no_memory, delivery::not_sent); }

/// Null where memory has run out.
inline tls_bio_ptr view_of(std::string_view text) noexcept {
    return tls_bio_ptr{BIO_new_mem_buf(text.data(), static_cast<int>(std::min(text.size(), file_bytes_max)))};
}

/// Has no password, and asks nobody for it: OpenSSL would ask at the terminal.
inline int give_none(char*, int, int, void*) noexcept { return -1; }

/// Hands each certificate of a text in PEM to `use`. Errors: bad_argument where there is none, or one that
/// cannot be read.
template <class Use>
result<void> each_certificate(std::string_view option, std::string_view text, Use use) {
    tls_bio_ptr const from = view_of(text);
    if (!from) return no_memory();
    ERR_clear_error();
    for (std::size_t count = 0;; ++count) {
        tls_certificate_ptr const next{PEM_read_bio_X509_AUX(from.get(), nullptr, &give_none, nullptr)};
        if (next) {
            if (!use(next.get(), count)) return bad(option, "OpenSSL does not take the certificate");
            continue;
        }
        bool const at_end = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
        ERR_clear_error();
        if (!at_end) return bad(option, "a certificate in it is no PEM");
        if (count == 0) return bad(option, "there is no certificate in PEM in it");
        return {};
    }
}

/// What an option says by file or by text: the text, and the name of the option that has it.
struct pem_source {
    std::string_view option;
    std::string_view text;
    secret_text read;

    /// Errors: bad_argument where both are given, or the file cannot be read.
    result<void> load(std::string_view file_option, std::string const& file, std::string_view text_option,
                      std::string const& given) {
        if (!file.empty() && !given.empty())
            return bad(file_option, std::string{"tls_options."}.append(text_option).append(" is given, too"));
        option = file.empty() ? text_option : file_option;
        text = given;
        if (file.empty()) return {};
        if (auto good = read_file(option, file, read); !good) return good;
        text = read.text;
        return {};
    }
};

/// Hands out the password of a key, and asks nobody else for it.
inline int give_passphrase(char* into, int size, int, void* given) noexcept {
    auto const& password = *static_cast<std::string const*>(given);
    if (password.size() > static_cast<std::size_t>(size)) return -1;
    std::memcpy(into, password.data(), password.size());
    return static_cast<int>(password.size());
}

}  // namespace tls_reading

/// Has `context` trust the authorities that the options name.
/// Errors: bad_argument, naming the option; no_memory.
inline result<void> trust_authorities(SSL_CTX& context, tls_options const& chosen) {
    using namespace tls_reading;
    pem_source from;
    if (auto good = from.load("ca_file", chosen.ca_file, "ca_pem", chosen.ca_pem); !good) return good;
    X509_STORE* const store = SSL_CTX_get_cert_store(&context);
    bool const named = !chosen.ca_file.empty() || !from.text.empty();
    if (named) {
        auto good = each_certificate(from.option, from.text, [store](X509* authority, std::size_t) {
            return X509_STORE_add_cert(store, authority) == 1;
        });
        if (!good) return good;
    }
    if (std::string const& path = chosen.ca_directory; !path.empty()) {
        struct stat kind{};
        if (::stat(path.c_str(), &kind) != 0)
            return bad("ca_directory", "cannot read " + path + ": " + std::strerror(errno));
        if (!S_ISDIR(kind.st_mode)) return bad("ca_directory", path + " is no directory");
        if (SSL_CTX_load_verify_locations(&context, nullptr, path.c_str()) != 1)
            return bad("ca_directory", "OpenSSL does not take " + path);
    }
    bool const system = chosen.system_store || (!named && chosen.ca_directory.empty());
    if (system && SSL_CTX_set_default_verify_paths(&context) != 1)
        return bad("system_store", "OpenSSL has no place for those of the system");
    return {};
}

/// Has `context` show the certificate that the options name, where they name any.
/// Errors: bad_argument, naming the option; no_memory.
inline result<void> take_identity(SSL_CTX& context, tls_options const& chosen) {
    using namespace tls_reading;
    pem_source certificate, key;
    auto good = certificate.load("certificate_file", chosen.certificate_file, "certificate_pem",
                                 chosen.certificate_pem);
    if (good) good = key.load("key_file", chosen.key_file, "key_pem", chosen.key_pem);
    if (!good) return good;
    bool const has_certificate = !chosen.certificate_file.empty() || !certificate.text.empty();
    bool const has_key = !chosen.key_file.empty() || !key.text.empty();
    if (!has_certificate && !has_key) {
        if (!chosen.key_passphrase.empty()) return bad("key_passphrase", "there is no key");
        return {};
    }
    if (!has_certificate) return bad(key.option, "there is no certificate to this key");
    if (!has_key) return bad(certificate.option, "there is no key to this certificate");

    good = each_certificate(certificate.option, certificate.text, [&](X509* next, std::size_t count) {
        return (count == 0 ? SSL_CTX_use_certificate(&context, next)
                           : static_cast<int>(SSL_CTX_add1_chain_cert(&context, next))) == 1;
    });
    if (!good) return good;
    tls_bio_ptr const from = view_of(key.text);
    if (!from) return no_memory();
    // The callback wants a pointer to what may change; it only reads.
    auto* const password = const_cast<std::string*>(&chosen.key_passphrase);
    tls_key_ptr const read{PEM_read_bio_PrivateKey(from.get(), nullptr, &give_passphrase, password)};
    ERR_clear_error();
    if (!read) {
        bool const locked = key.text.find("ENCRYPTED") != std::string_view::npos;
        if (!locked) return bad(key.option, "there is no private key in PEM in it");
        return chosen.key_passphrase.empty() ? bad(key.option, "the key is encrypted: give key_passphrase")
                                             : bad("key_passphrase", "it does not open the key");
    }
    bool const fits =
        SSL_CTX_use_PrivateKey(&context, read.get()) == 1 && SSL_CTX_check_private_key(&context) == 1;
    ERR_clear_error();
    if (!fits) return bad(key.option, "the key does not belong to the certificate");
    return {};
}

}  // namespace umbel::net
