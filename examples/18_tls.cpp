// 18_tls.cpp: TLS: whom to trust, who one is, and other certificates without a restart. Usage: example_18_tls host:port ca.crt [client.crt client.key]
#include <umbel/client.hpp>
#include <umbel/tls.hpp>

#include <asio.hpp>
#include <iostream>
#include <string>

asio::awaitable<void> greet(umbel::client& db) {
    auto written = co_await db.set("greeting", "hello, in secret");
    if (!written) {
        // For example: tls_failed (not_sent) at 10.0.0.7:6380: certificate verify failed: certificate has expired
        std::cout << written.error().to_string() << '\n';
        co_return;
    }
    auto greeting = co_await db.get("greeting");
    if (greeting) std::cout << greeting->value_or("nothing") << '\n';
}

int main(int argc, char** argv) {
    if (argc < 3) {
        std::cout << "usage: example_18_tls host:port ca.crt [client.crt client.key]\n";
        return 2;
    }
    // [tls]
    umbel::tls_options files{.ca_file = argv[2]};  // Without it: whom the system trusts.
    if (argc > 4) {
        files.certificate_file = argv[3];
        files.key_file = argv[4];
    }
    auto security = umbel::tls(files);
    umbel::options options{.seeds = {argv[1]}};
    options.tls = security;
    // [tls]
    if (auto good = security->check(); !good) {
        std::cout << good.error().message() << '\n';  // tls_options.ca_file: cannot read …
        return 1;
    }
    asio::io_context io;
    umbel::client db{io.get_executor(), options};
    asio::co_spawn(io, greet(db), [&](std::exception_ptr) { io.stop(); });
    io.run();
    // [reload]
    auto read = security->reload();  // Connections that are made later use what is in the files now.
    if (!read) std::cout << read.error().message() << '\n';
    // [reload]
    std::cout << security->handshakes() << " connections\n";
}
