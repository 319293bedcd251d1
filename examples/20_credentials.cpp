// 20_credentials.cpp: tokens in place of a password, from a file that somebody keeps up to date.
// Usage: example_20_credentials [host:port] [file]
#include <umbel/client.hpp>

#include <asio.hpp>

#include <fstream>
#include <iostream>
#include <string>

using namespace std::chrono_literals;

// [credentials]
// A token service is asked in the same way: `done` may be called later, and from any thread.
void read_token(std::string const& path, umbel::credential_completion const& done) {
    std::string token;
    if (!std::getline(std::ifstream{path}, token))
        return done(umbel::fail(umbel::errc::no_credentials, umbel::delivery::not_sent, "no token in " + path));
    umbel::credentials fresh{"app", token, 15min};  // Asked for again before the 15 minutes are over.
    umbel::wipe(token);
    done(std::move(fresh));
}

umbel::options with_token(std::string seed, std::string path) {
    umbel::options options;
    options.seeds = {seed};
    options.credential_provider = [path](umbel::credential_completion done) { read_token(path, done); };
    options.setup_commands = {{"CLIENT NO-EVICT on", true}};  // What each new connection says besides.
    return options;
}
// [credentials]

asio::awaitable<void> visit(umbel::client& db) {
    auto const visits = co_await db.incr("visits");
    if (!visits) {
        std::cout << visits.error().to_string() << '\n';
        co_return;
    }
    db.reauthenticate();  // The file has changed, and nobody wants to wait until the old token expires.
    std::cout << "visit " << *visits << '\n';
    co_await db.close();
}

int main(int argc, char** argv) {
    asio::io_context io;
    umbel::client db{io.get_executor(), with_token(argc > 1 ? argv[1] : "127.0.0.1:6379",
                                                   argc > 2 ? argv[2] : "/run/secrets/redis-token")};
    asio::co_spawn(io, visit(db), [&](std::exception_ptr) { io.stop(); });
    io.run();
}
