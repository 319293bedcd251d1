// 08_collections.cpp: hashes, lists, sets, sorted sets and streams: typed, with ranges, options and natural results.
#include <umbel/client.hpp>

#include <asio.hpp>

#include <iostream>
#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

// [collections]
struct Profile {
    std::string name;
    int age = 0;
    std::optional<std::string> mail;  // It may be missing in the hash.
    static constexpr auto umbel_fields = std::tuple{umbel::field("name", &Profile::name), umbel::field("age", &Profile::age),
                                                    umbel::field("mail", &Profile::mail)};
};

asio::awaitable<void> collect(umbel::client& db) {
    using namespace std::chrono_literals;
    co_await db.hset("user:1", "name", "ada", "age", 36);                    // result<int64_t>: how many fields are new
    auto fields = co_await db.hgetall("user:1");                             // result<unordered_map<string, string>>
    auto profile = co_await db.hgetall<std::optional<Profile>>("user:1");    // a struct by the names of its fields; nullopt: no such hash

    co_await db.rpush("queue", "first", "second");
    auto next = co_await db.lpop("queue");                                   // result<optional<string>>
    co_await db.sadd("tags", "fast", "correct");

    std::map<std::string, double> const scores{{"ada", 97.5}, {"bob", 81}};
    co_await db.zadd("board", scores);                                       // any range of pairs
    auto best = co_await db.zrange_with_scores("board", 0, 9, {.reverse = true});  // result<vector<pair<string, double>>>
    auto above = co_await db.zcount("board", {.min = umbel::exclusive(90)});

    auto id = co_await db.xadd("log", "event", "login", "user", 1);          // result<string>
    auto entries = co_await db.xrange("log");                                // result<vector<stream_entry>>

    co_await db.expire("user:1", 1h);
    co_await db.set("config", "v2", {.condition = umbel::if_equal("v1")});   // compare and set (Redis 8.4, Valkey 8.1)
}
// [collections]

int main(int argc, char** argv) {
    asio::io_context io;
    umbel::client db{io.get_executor(), {.seeds = {argc > 1 ? argv[1] : "127.0.0.1:6379"}}};
    asio::co_spawn(io, collect(db), [&](std::exception_ptr) { io.stop(); });
    io.run();
    std::cout << "done\n";
}
