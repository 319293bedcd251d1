// 02_commands.cpp: a tour of the commands: typed, decoded into types of your own, over many slots, generic, with options of their own.
#include <umbel/client.hpp>

#include <asio.hpp>

#include <iostream>

struct User {
    std::string name;
};

template <>
struct umbel::from_reply<User> {
    static umbel::result<User> from(umbel::resp::view const& reply) {
        auto text = umbel::from_reply<std::string>::from(reply);
        if (!text) return umbel::fail(text.error());
        return User{std::move(*text)};
    }
};

// [commands]
asio::awaitable<void> tour(umbel::client& db) {
    using namespace std::chrono_literals;
    co_await db.set("session", "abc", {.expire = 30s});           // result<set_outcome>: written, or kept by a condition
    auto hits = co_await db.incr("hits");                         // result<std::int64_t>
    auto blob = co_await db.get<umbel::bytes>("session");         // no copy: pins the memory it was received in
    auto user = co_await db.get<User>("user:{42}");               // decoded by your from_reply<User>

    std::vector<std::string> keys{"a", "b", "c"};
    auto many = co_await db.mget(keys);                           // any slots: split, sent side by side, joined in key order

    auto any = co_await db.command<std::int64_t>("INCRBY", umbel::key("n"), 5);  // any command, typed
    std::vector<std::string> argv{"ZUNIONSTORE", "{z}out", "2", "{z}1", "{z}2"};
    auto raw = co_await db.execute(argv);                         // any command at run time; its keys are found by a table

    auto near = co_await db.with(umbel::read_from::replica).get("session");      // from a replica
    auto soon = co_await db.with(50ms).get("session");                           // with a deadline of its own
    auto fast = co_await db.with(umbel::read_from::any, umbel::hedge_after{3ms}).get("session");  // a second node is asked after 3 ms
    auto told = co_await db.with(umbel::trail).get("session");                   // told->value, and told->trail: how it came there

    if (!hits && hits.error() == umbel::errc::deadline_exceeded && hits.error().may_have_executed()) {
        // The error says what is known: not_sent, not_executed, executed or unknown. Only you can decide whether to repeat an INCR.
    }
}
// [commands]

int main(int argc, char** argv) {
    asio::io_context io;
    umbel::client db{io.get_executor(), {.seeds = {argc > 1 ? argv[1] : "127.0.0.1:6379"}}};
    asio::co_spawn(io, tour(db), [&](std::exception_ptr) { io.stop(); });
    io.run();
    std::cout << "done\n";
}
