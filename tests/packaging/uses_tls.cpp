// uses_tls: a program that makes TLS options, and so needs what umbel::tls brings along: OpenSSL.
#include <umbel/tls.hpp>

#include <openssl/ssl.h>

int main() {
    auto const good = umbel::tls();
    auto const bad = umbel::tls({.ca_file = "/there/is/no/such/file"});
    umbel::result<void> const told = bad->check();
    bool const named = !told && told.error().message().find("ca_file") != std::string_view::npos;
    return OpenSSL_version_num() != 0 && good->check() && named ? 0 : 1;
}
