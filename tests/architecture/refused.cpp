// refused.cpp: what must not compile, and what the compiler must say of it. Read by refused.sh; part of no
// program. A line that ends in `refused: WORDS` is an error whose text has each of the words, parted by `|`;
// any other line is none.
#include <umbel/client.hpp>

#include <asio/awaitable.hpp>
#include <asio/detached.hpp>

#include <chrono>
#include <coroutine>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

struct user {};
struct no_from_reply {};
struct wrong_result {};
struct no_to_argument {};
struct wrong_to_argument {};
struct bad_field {
    no_to_argument value;
    static constexpr auto umbel_fields = std::tuple{umbel::field("value", &bad_field::value)};
};

template <>
struct umbel::from_reply<user> {
    static result<user> from(resp::view const&) { return user{}; }
};
template <>
struct umbel::to_argument<wrong_to_argument> {
    static std::vector<std::string> from(wrong_to_argument const&) { return {}; }
};
template <>
struct umbel::from_reply<wrong_result> {
    static std::optional<wrong_result> from(resp::view const&) { return std::nullopt; }
};

// The type of a reply.
auto a1(umbel::client& db) { return db.get<user>("k"); }
// clang-format off: what is refused must stand in one line with what is said of it.
auto a2(umbel::client& db) { return db.get<no_from_reply>("k"); }     // refused: decodable|no_from_reply|from_reply<T>::from(view)
auto a3(umbel::client& db) { return db.get<wrong_result>("k"); }      // refused: decodable|wrong_result|from_reply_returns_result
auto a4(umbel::client& db) { return db.get<std::string_view>("k"); }  // refused: decodable|string_view
auto a5(umbel::client& db) { return db.getdel<no_from_reply>("k"); }  // refused: decodable|no_from_reply
auto a6(umbel::client& db) { return db.set_and_get<no_from_reply>("k", "v"); }  // refused: decodable|no_from_reply
auto a7(umbel::client& db) { return db.command<void>("PING"); }                 // refused: decodable|void
auto a8(umbel::client& db) { return db.command<no_from_reply>("PING"); }        // refused: decodable|no_from_reply
auto a9(umbel::client& db) { return db.mget<no_from_reply>("a", "b"); }         // refused: decodable|no_from_reply
auto b1(umbel::client& db, std::vector<std::string> const& keys) { return db.mget<no_from_reply>(keys); }  // refused: decodable|no_from_reply
auto b2(umbel::client& db) { return db.with(umbel::trail).get<no_from_reply>("k"); }                       // refused: decodable|no_from_reply
auto b3(umbel::client& db) { return db.with(umbel::read_from::any).get<wrong_result>("k"); }               // refused: decodable|wrong_result
auto b4(umbel::client& db) { return db.command<std::optional<user>>("HGETALL", umbel::key("k")); }

// The type of an argument.
auto d1(umbel::client& db) { return db.command<int>("SET", umbel::key("k"), no_to_argument{}); }           // refused: no_to_argument|needs to_argument<T>
auto d2(umbel::client& db) { return db.command<int>("SET", umbel::key("k"), wrong_to_argument{}); }        // refused: wrong_to_argument|needs to_argument<T>
auto d3(umbel::client& db) { return db.command<int>("PEXPIRE", umbel::key("k"), std::chrono::seconds{30}); }  // refused: duration|in_seconds()
auto d4(umbel::client& db, std::vector<no_to_argument> const& all) { return db.command<int>("SADD", umbel::key("k"), all); }  // refused: no_to_argument|needs to_argument<T>
auto d5(umbel::client& db) { return db.set("k", no_to_argument{}); }                                       // refused: no_to_argument|argument
auto d6(umbel::client& db) { return db.hset("k", no_to_argument{}); }                                      // refused: named_values|no_to_argument
auto d7(umbel::client& db) { return db.hset("k", bad_field{}); }                                           // refused: named_values|bad_field
auto d8(umbel::client& db) { return db.hgetall<bad_field>("k"); }                                          // refused: decodable|bad_field
auto d9(umbel::client& db) { return db.command<int>("EXPIRE", umbel::key("k"), umbel::in_seconds(std::chrono::milliseconds{1})); }  // refused: in_seconds
auto e1(umbel::client& db) { return db.command<int>("PEXPIRE", umbel::key("k"), umbel::in_milliseconds(std::chrono::seconds{30})); }
auto e2(umbel::client& db) { return db.command<int>("X", std::optional<std::string>{}, true, std::vector{1, 2}); }

// An operation that has a name.
void c1(umbel::client& db) {
    auto later = db.get("k");
    later(asio::detached);  // refused: std::move(operation)
}
asio::awaitable<void> c2(umbel::client& db) {
    auto later = db.get("k");
    (void)co_await later;  // refused: std::move(operation)
}
asio::awaitable<void> c3(umbel::client& db) {
    auto const later = db.incr("k");
    (void)co_await later;  // refused: std::move(operation)
}
asio::awaitable<void> c4(umbel::client& db) {
    auto later = db.get("k");
    (void)co_await std::move(later);
}

struct plain_task {
    struct promise_type {
        plain_task get_return_object() { return {}; }
        std::suspend_never initial_suspend() noexcept { return {}; }
        std::suspend_never final_suspend() noexcept { return {}; }
        void return_void() {}
        void unhandled_exception() {}
    };
};
plain_task c5(umbel::client& db) {
    auto later = db.get("k");
    (void)co_await later;  // refused: std::move(operation)
}
plain_task c6(umbel::client& db) { (void)co_await db.get("k"); }
// clang-format on
