// tls_server.hpp: the other end of a TLS channel for tests, made of two strings: what it has sent and nobody
// has received yet, and what it has received. The test decides how many bytes cross at a time, and when.
#pragma once

#include <support/certificates.hpp>

#include <umbel/encryption.hpp>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include <algorithm>
#include <cstddef>
#include <limits>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>

namespace umbel::test {

/// The byte stream beneath a client's channel.
struct scripted_stream final : byte_stream {
    std::string to_client;
    std::string to_server;
    std::size_t bytes_at_a_time = std::numeric_limits<std::size_t>::max();  ///< A receive gives no more.
    std::size_t room = std::numeric_limits<std::size_t>::max();             ///< So much a send takes in all.
    bool ended = false;
    int broken = 0;
    unsigned receives = 0;
    unsigned sends = 0;

    transfer receive(std::span<char> into) noexcept override {
        ++receives;
        if (broken != 0) return {outcome::failed, 0, broken};
        std::size_t const count = std::min({into.size(), to_client.size(), bytes_at_a_time});
        if (count == 0) return {ended ? outcome::ended : outcome::blocked};
        std::copy_n(to_client.begin(), count, into.begin());
        to_client.erase(0, count);
        return {outcome::moved, count};
    }
    transfer send(std::span<char const> first, std::span<char const> second) noexcept override {
        ++sends;
        if (broken != 0) return {outcome::failed, 0, broken};
        std::size_t count = 0;
        for (auto const bytes : {first, second}) {
            std::size_t const part = std::min(bytes.size(), room);
            to_server.append(bytes.data(), part);
            room -= part;
            count += part;
        }
        return {count == 0 ? outcome::blocked : outcome::moved, count};
    }
};

/// What a server of tests is to be.
struct server_wish {
    certificates::identity identity;
    std::string asks_for{};  ///< The authority of client certificates; where it is given, they are required.
    int version = 0;         ///< The only TLS version; 0: all.
    int tickets = 2;
    char const* ciphers = nullptr;  ///< Those of TLS 1.2 only; null: as OpenSSL has them.
};

/// A server's end of TLS.
class tls_server {
public:
    explicit tls_server(server_wish const& wanted)
        : context_{SSL_CTX_new(TLS_server_method()), &SSL_CTX_free} {
        SSL_CTX* const context = context_.get();
        auto const memory = [](std::string const& text) {
            return std::unique_ptr<BIO, decltype(&BIO_free)>{
                BIO_new_mem_buf(text.data(), static_cast<int>(text.size())), &BIO_free};
        };
        auto const certificate = memory(wanted.identity.certificate), key = memory(wanted.identity.key);
        std::unique_ptr<X509, decltype(&X509_free)> const shown{
            PEM_read_bio_X509(certificate.get(), nullptr, nullptr, nullptr), &X509_free};
        std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> const secret{
            PEM_read_bio_PrivateKey(key.get(), nullptr, nullptr, nullptr), &EVP_PKEY_free};
        if (SSL_CTX_use_certificate(context, shown.get()) != 1 ||
            SSL_CTX_use_PrivateKey(context, secret.get()) != 1)
            throw std::runtime_error{"tls_server: its certificate cannot be used"};
        if (wanted.version != 0) {
            SSL_CTX_set_min_proto_version(context, wanted.version);
            SSL_CTX_set_max_proto_version(context, wanted.version);
        }
        if (wanted.ciphers) {
            SSL_CTX_set_cipher_list(context, wanted.ciphers);
            SSL_CTX_set_dh_auto(context, 1);
        }
        SSL_CTX_set_num_tickets(context, static_cast<std::size_t>(wanted.tickets));
        SSL_CTX_set_session_id_context(context, reinterpret_cast<unsigned char const*>("umbel"), 5);
        if (!wanted.asks_for.empty()) {
            auto const pem = memory(wanted.asks_for);
            std::unique_ptr<X509, decltype(&X509_free)> const authority{
                PEM_read_bio_X509(pem.get(), nullptr, nullptr, nullptr), &X509_free};
            X509_STORE_add_cert(SSL_CTX_get_cert_store(context), authority.get());
            SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
        }
        begin();
    }

    /// A new connection.
    void begin() {
        stream_.reset(SSL_new(context_.get()));
        in_ = BIO_new(BIO_s_mem());
        out_ = BIO_new(BIO_s_mem());
        BIO_set_mem_eof_return(in_, -1);
        SSL_set_bio(stream_.get(), in_, out_);
        SSL_set_accept_state(stream_.get());
        heard_.clear();
    }

    /// Takes what the client has sent, and says what is to be said.
    void turn(scripted_stream& between) {
        ERR_clear_error();
        if (!between.to_server.empty())
            BIO_write(in_, between.to_server.data(), static_cast<int>(between.to_server.size()));
        between.to_server.clear();
        char room[4096];
        for (int count = 0; (count = SSL_read(stream_.get(), room, sizeof room)) > 0;)
            heard_.append(room, static_cast<std::size_t>(count));
        ERR_clear_error();
        post(between);
    }
    void say(scripted_stream& between, std::string_view plain) {
        if (!plain.empty() && SSL_write(stream_.get(), plain.data(), static_cast<int>(plain.size())) <= 0)
            throw std::runtime_error{"tls_server: it cannot write"};
        post(between);
    }
    /// Changes the keys, and asks the client to do so, too.
    void renew_keys(scripted_stream& between) {
        SSL_key_update(stream_.get(), SSL_KEY_UPDATE_REQUESTED);
        SSL_do_handshake(stream_.get());
        post(between);
    }
    /// Asks for another handshake, as servers of TLS 1.2 may.
    void ask_to_renegotiate(scripted_stream& between) {
        SSL_renegotiate(stream_.get());
        SSL_do_handshake(stream_.get());
        post(between);
    }
    void say_close(scripted_stream& between) {
        SSL_shutdown(stream_.get());
        post(between);
    }
    /// Plain bytes from the client since the connection began.
    std::string const& heard() const noexcept { return heard_; }
    bool was_told_of_close() const noexcept {
        return (SSL_get_shutdown(stream_.get()) & SSL_RECEIVED_SHUTDOWN) != 0;
    }
    bool shakes_hands() const noexcept { return SSL_is_init_finished(stream_.get()) == 0; }
    std::string name_told() const {
        char const* const name = SSL_get_servername(stream_.get(), TLSEXT_NAMETYPE_host_name);
        return name ? name : "";
    }

private:
    void post(scripted_stream& between) {
        char* bytes = nullptr;
        long const size = BIO_get_mem_data(out_, &bytes);
        between.to_client.append(bytes, static_cast<std::size_t>(size));
        BIO_reset(out_);
    }

    std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context_;
    std::unique_ptr<SSL, decltype(&SSL_free)> stream_{nullptr, &SSL_free};
    BIO* in_ = nullptr;   ///< The stream's.
    BIO* out_ = nullptr;  ///< The stream's.
    std::string heard_;
};

}  // namespace umbel::test
