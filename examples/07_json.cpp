// 07_json.cpp: types of your own: documents of a JSON library as values, structs as hashes, enumerations by name.
#include <umbel/client.hpp>

#include <asio.hpp>
#include <nlohmann/json.hpp>

#include <iostream>
#include <optional>
#include <string>
#include <tuple>

using nlohmann::json;

// [json]
template <>
struct umbel::to_argument<json> {
    static std::string from(json const& value) { return value.dump(); }
};
template <>
struct umbel::from_reply<json> {
    static umbel::result<json> from(umbel::resp::view const& reply) {
        json value = json::parse(reply.text(), nullptr, false);
        if (value.is_discarded()) return umbel::unexpected("a JSON text", reply);
        return value;
    }
};
// [json]

enum class role { reader, writer };

template <>
struct umbel::to_argument<role> {
    static std::string_view from(role value) { return value == role::reader ? "reader" : "writer"; }
};
template <>
struct umbel::from_reply<role> {
    static umbel::result<role> from(umbel::resp::view const& reply) {
        if (reply.text() == "reader") return role::reader;
        if (reply.text() == "writer") return role::writer;
        return umbel::unexpected("reader or writer", reply);
    }
};

// [struct]
struct user {
    std::string name;
    role may = role::reader;
    json settings;
    std::optional<int> age;  // may be missing in the hash, and is not sent then
    static constexpr auto umbel_fields = std::tuple{umbel::field("name", &user::name), umbel::field("may", &user::may),
                                                    umbel::field("settings", &user::settings), umbel::field("age", &user::age)};
};

asio::awaitable<void> tour(umbel::client& db) {
    user const ada{"ada", role::writer, {{"theme", "dark"}, {"columns", 110}}, 36};
    co_await db.hset("user:1", ada);                            // HSET user:1 name ada may writer settings {…} age 36
    auto back = co_await db.hgetall<std::optional<user>>("user:1");  // nullopt: there is no such hash
    if (back && *back) std::cout << (*back)->name << " likes it " << (*back)->settings["theme"] << '\n';

    json const document = {{"answer", 42}};
    co_await db.set("document", document);
    auto read = co_await db.get<json>("document");
    if (read && *read) std::cout << "the answer is " << (**read)["answer"] << '\n';

    co_await db.hset("user:1", "age", "old");
    back = co_await db.hgetall<std::optional<user>>("user:1");
    if (!back) std::cout << back.error().message() << '\n';     // field "age": expected an integer in range, got bulk string
}
// [struct]

int main(int argc, char** argv) {
    asio::io_context io;
    umbel::client db{io.get_executor(), {.seeds = {argc > 1 ? argv[1] : "127.0.0.1:6379"}}};
    asio::co_spawn(io, tour(db), [&](std::exception_ptr) { io.stop(); });
    io.run();
}
