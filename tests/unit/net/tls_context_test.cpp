// Tests of net::tls_context: what options may say of TLS, and what is told of each one that is wrong.
#include <support/certificates.hpp>

#include <umbel/net/tls_encryption.hpp>

#include <catch2/catch_test_macros.hpp>

#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <string>
#include <string_view>

using umbel::errc;
using umbel::tls_options;
using umbel::tls_verification;
using umbel::tls_version;
using umbel::net::tls_context;

namespace {

struct folder {
    std::filesystem::path const path =
        std::filesystem::temp_directory_path() / ("umbel-tls-context-" + std::to_string(::getpid()));

    folder() { std::filesystem::create_directories(path); }
    folder(folder const&) = delete;
    ~folder() { std::filesystem::remove_all(path); }
    std::string file(char const* name, std::string const& text) const {
        return certificates::write(path / name, text);
    }
};

/// What is said of these options; "nothing" where they are good.
std::string wrong(tls_options const& given) {
    auto const made = tls_context::make(given);
    if (made) return "nothing";
    CHECK((made.error() == errc::bad_argument));
    CHECK((made.error().delivery() == umbel::delivery::not_sent));
    return std::string{made.error().message()};
}
bool begins(std::string const& text, std::string_view part) {
    INFO(text);
    CHECK(text.starts_with(part));
    return text.starts_with(part);
}

}  // namespace

TEST_CASE("TLS without a word trusts what the system trusts", "[tls]") { CHECK(wrong({}) == "nothing"); }

TEST_CASE("authorities are read from a file, a directory or a text, and each fault is named", "[tls]") {
    folder const here;
    certificates::authority trusted;
    std::string const good =
        here.file("ca.crt", "a word before\n" + trusted.certificate() + trusted.certificate());
    CHECK(wrong({.ca_file = good}) == "nothing");
    CHECK(wrong({.ca_directory = here.path.string()}) == "nothing");
    CHECK(wrong({.ca_pem = trusted.certificate()}) == "nothing");
    CHECK(wrong({.ca_pem = trusted.certificate(), .system_store = true}) == "nothing");
    std::string const missing = (here.path / "missing").string();
    begins(wrong({.ca_file = missing}), "tls_options.ca_file: cannot read " + missing + ": No such file");
    begins(wrong({.ca_file = here.path.string()}),
           "tls_options.ca_file: cannot read " + here.path.string() + ": it is a directory");
    begins(wrong({.ca_file = here.file("empty", "")}), "tls_options.ca_file: there is no certificate");
    begins(wrong({.ca_file = good, .ca_pem = trusted.certificate()}),
           "tls_options.ca_file: tls_options.ca_pem is given, too");
    begins(wrong({.ca_directory = missing}), "tls_options.ca_directory: cannot read " + missing);
    begins(wrong({.ca_directory = good}), "tls_options.ca_directory: " + good + " is no directory");
    begins(wrong({.ca_pem = "junk"}), "tls_options.ca_pem: there is no certificate");
    std::string broken = trusted.certificate();
    broken[100] = '?';
    begins(wrong({.ca_pem = broken}), "tls_options.ca_pem: a certificate in it is no PEM");
    // Without verification nobody is asked whom to trust.
    CHECK(wrong({.ca_file = missing, .verify = tls_verification::insecure_none}) == "nothing");
}

TEST_CASE("what is no file is not waited for, and nobody is asked for a password", "[tls]") {
    folder const here;
    std::string const pipe = (here.path / "pipe").string();
    REQUIRE(::mkfifo(pipe.c_str(), 0600) == 0);
    begins(wrong({.ca_file = pipe}), "tls_options.ca_file: cannot read " + pipe + ": it is no regular file");
    begins(wrong({.ca_file = "/dev/zero"}), "tls_options.ca_file: cannot read /dev/zero: it is no regular");
    std::string locked = certificates::authority{}.certificate();
    locked.insert(locked.find('\n') + 1,
                  "Proc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00112233445566778899AABBCCDDEEFF\n\n");
    begins(wrong({.ca_pem = locked}), "tls_options.ca_pem: a certificate in it is no PEM");
}

TEST_CASE("a certificate and its key belong together, and each fault is named", "[tls]") {
    folder const here;
    certificates::authority trusted;
    auto const own = trusted.issue(), other = trusted.issue();
    std::string const certificate = here.file("own.crt", own.certificate + trusted.certificate());
    std::string const key = here.file("own.key", own.key);
    std::string const locked = certificates::locked(own.key, "a passphrase");
    CHECK(wrong({.certificate_file = certificate, .key_file = key}) == "nothing");
    CHECK(wrong({.certificate_pem = own.certificate, .key_pem = own.key}) == "nothing");
    CHECK(wrong({.certificate_file = certificate, .key_pem = locked, .key_passphrase = "a passphrase"}) ==
          "nothing");
    begins(wrong({.certificate_file = certificate}), "tls_options.certificate_file: there is no key");
    begins(wrong({.key_file = key}), "tls_options.key_file: there is no certificate");
    begins(wrong({.key_passphrase = "a passphrase"}), "tls_options.key_passphrase: there is no key");
    begins(wrong({.certificate_file = certificate, .key_pem = other.key}),
           "tls_options.key_pem: the key does not belong");
    begins(wrong({.certificate_file = certificate, .key_pem = own.certificate}),
           "tls_options.key_pem: there is no private key");
    begins(wrong({.certificate_file = certificate, .key_pem = locked}),
           "tls_options.key_pem: the key is encrypted");
    begins(wrong({.certificate_file = certificate, .key_pem = locked, .key_passphrase = "another"}),
           "tls_options.key_passphrase: it does not open");
    begins(wrong({.certificate_pem = "junk", .key_pem = own.key}),
           "tls_options.certificate_pem: there is no certificate");
    begins(wrong({.certificate_file = certificate, .key_file = here.path.string()}),
           "tls_options.key_file: cannot read " + here.path.string());
    // What is wrong never repeats a secret.
    CHECK(wrong({.certificate_file = certificate, .key_pem = locked, .key_passphrase = "hunter2"})
              .find("hunter2") == std::string::npos);
}

TEST_CASE("versions and ciphers are checked by name", "[tls]") {
    CHECK(wrong({.version_min = tls_version::tls_1_3}) == "nothing");
    CHECK(wrong({.version_max = tls_version::tls_1_2}) == "nothing");
    CHECK(wrong({.ciphers = "ECDHE+AESGCM:!aNULL", .ciphersuites = "TLS_AES_128_GCM_SHA256"}) == "nothing");
    begins(wrong({.version_min = tls_version::tls_1_3, .version_max = tls_version::tls_1_2}),
           "tls_options.version_min: ");
    begins(wrong({.ciphers = "HIGH:BOGUS"}),
           "tls_options.ciphers: OpenSSL knows no cipher of TLS 1.2 called BOGUS");
    begins(wrong({.ciphers = "aNULL:eNULL:@SECLEVEL=0"}), "tls_options.ciphers: OpenSSL finds no cipher in ");
    begins(wrong({.ciphersuites = "TLS_AES_128_GCM_SHA256:TLS_BOGUS"}),
           "tls_options.ciphersuites: OpenSSL knows no cipher of TLS 1.3 called TLS_BOGUS");
    begins(wrong({.server_name = std::string(300, 'x')}), "tls_options.server_name: ");
    begins(wrong({.server_name = ".."}), "tls_options.server_name: ");
}

TEST_CASE("ciphers without a certificate or without encryption are never offered", "[tls]") {
    for (char const* const list :
         {"ALL:@SECLEVEL=0", "HIGH:eNULL", "COMPLEMENTOFALL:ALL", "ECDHE+AESGCM:ADH"}) {
        CAPTURE(list);
        auto const made = tls_context::make({.ciphers = list});
        REQUIRE(made);
        auto* const all = SSL_CTX_get_ciphers(&(*made)->raw());
        REQUIRE(sk_SSL_CIPHER_num(all) > 0);
        for (int at = 0; at < sk_SSL_CIPHER_num(all); ++at) {
            SSL_CIPHER const* const cipher = sk_SSL_CIPHER_value(all, at);
            CHECK(SSL_CIPHER_get_auth_nid(cipher) != NID_auth_null);
            CHECK(SSL_CIPHER_get_cipher_nid(cipher) != NID_undef);
        }
    }
}

TEST_CASE("what was wrong is told by check(), until reload() has read what is good", "[tls]") {
    folder const here;
    certificates::authority trusted;
    std::string const path = (here.path / "late.crt").string();
    umbel::net::tls_encryption security{{.ca_file = path}};
    REQUIRE_FALSE(security.check().has_value());
    CHECK((security.check().error() == errc::bad_argument));
    REQUIRE_FALSE(security.reload().has_value());
    here.file("late.crt", trusted.certificate());
    CHECK(security.reload().has_value());
    CHECK(security.check().has_value());
    here.file("late.crt", "junk");
    CHECK_FALSE(security.reload().has_value());
    CHECK(security.check().has_value());
    CHECK_FALSE(security.reload({.ca_pem = "junk"}).has_value());
    CHECK(security.reload({.ca_pem = trusted.certificate()}).has_value());
    CHECK(security.reload().has_value());
}
