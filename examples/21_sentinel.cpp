// 21_sentinel.cpp: a primary and its replicas that sentinels watch: the client asks the sentinels who leads,
// and follows when another one does. Usage: example_21_sentinel name sentinel:26379 [sentinel:26379 …]
#include <umbel/client.hpp>
#include <umbel/client/sync_client.hpp>

#include <cstdlib>
#include <iostream>
#include <string>
#include <vector>

int main(int argc, char** argv) {
    if (argc < 3) {
        std::cout << "usage: example_21_sentinel name sentinel:26379 [sentinel:26379 …]\n";
        return 1;
    }
    // [sentinel]
    umbel::options chosen;
    chosen.sentinel_primary = argv[1];                               // "mymaster"
    chosen.seeds = std::vector<std::string>(argv + 2, argv + argc);  // Of sentinels, which name the others.
    // The servers have passwords, and sentinels may have others. Both may stand in the URL
    // redis-sentinel://user:password@host,host?sentinel_password=other#mymaster.
    if (char const* const password = std::getenv("REDIS_PASSWORD")) chosen.password = password;
    if (char const* const password = std::getenv("SENTINEL_PASSWORD")) chosen.sentinel_password = password;
    umbel::sync_client db{chosen};
    auto const hits = db.incr("hits");                                 // The primary, whoever that is.
    auto const seen = db.with(umbel::read_from::replica).get("hits");  // A replica, a moment behind it.
    // [sentinel]
    if (!hits) {  // A name that no sentinel knows, who has said what, …
        std::cout << hits.error().to_string() << '\n';
        return 1;
    }
    std::cout << "hit " << *hits << "; a replica has "
              << (seen ? seen->value_or("none") : seen.error().to_string()) << '\n';
}
