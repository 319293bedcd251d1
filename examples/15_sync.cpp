// 15_sync.cpp: a tool without a coroutine: umbel::sync_client waits for each result. Usage: example_15_sync [host:port]
#include <umbel/client.hpp>
#include <umbel/client/sync_client.hpp>

#include <iostream>
#include <map>
#include <string>

int main(int argc, char** argv) {
    // [sync]
    umbel::sync_client db{{.seeds = {argc > 1 ? argv[1] : "127.0.0.1:6379"}}};
    auto name = db.get("user:1");  // result<std::optional<std::string>>
    if (!name) {
        std::cout << name.error().to_string() << '\n';
        return 1;
    }
    std::cout << name->value_or("nobody") << '\n';
    auto hits = db.with(std::chrono::seconds{1}).incr("hits");
    if (hits) std::cout << "hit " << *hits << '\n';
    // [sync]

    std::map<std::string, std::string> const users{{"user:1", "ada"}, {"user:2", "grace"}};
    if (auto written = db.mset(users); !written) std::cout << written.error().to_string() << '\n';
    if (auto all = db.mget("user:1", "user:2", "user:3"); all)
        for (auto const& user : *all) std::cout << user.value_or("nobody") << '\n';
}
