// 19_connecting.cpp: where to connect, said by a URL: hosts or a Unix socket, user, password, database and
// options. Usage: example_19_connecting [URL]
#include <umbel/client.hpp>
#include <umbel/client/sync_client.hpp>

#include <cstdlib>
#include <iostream>

int main(int argc, char** argv) {
    // [url]
    // redis://user:password@host:6379,other:6379/3?deadline=2s, unix:///run/redis.sock?db=3: a URL may stand
    // in an environment variable, where a password is not seen in the list of processes.
    char const* const given = std::getenv("REDIS_URL");
    auto chosen = umbel::options_from_url(argc > 1 ? argv[1] : given ? given : "redis://127.0.0.1:6379");
    if (!chosen) {  // "URL, character 11: parameter deadline: not a duration, as in …"; never a password.
        std::cout << chosen.error().to_string() << '\n';
        return 1;
    }
    chosen->client_name = "example";  // What the program knows better than the URL.
    umbel::sync_client db{*chosen};
    // [url]
    auto const hits = db.incr("hits");
    if (!hits) {
        std::cout << hits.error().to_string() << '\n';
        return 1;
    }
    std::cout << "hit " << *hits << " in database " << chosen->database << '\n';
}
