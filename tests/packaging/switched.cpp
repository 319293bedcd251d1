// switched.cpp: a program that may be compiled with either Asio and either expected: it names neither. It
// says what it was compiled with, and sends to a server what every kind of result comes back from. Usage:
// switched host:port
#include <umbel.hpp>

#include <umbel/client/cache_aside.hpp>
#include <umbel/client/lock.hpp>
#include <umbel/client/optimistic.hpp>
#include <umbel/client/sync_client.hpp>

#if defined(UMBEL_USE_BOOST_ASIO)
#include <boost/asio.hpp>
#if defined(ASIO_VERSION)
#error "standalone Asio came in"
#endif
static_assert(std::is_same_v<umbel::asio::any_io_executor, boost::asio::any_io_executor>);
#else
#include <asio.hpp>
#if defined(BOOST_VERSION) || defined(BOOST_ASIO_VERSION)
#error "Boost came in"
#endif
static_assert(std::is_same_v<umbel::asio::any_io_executor, ::asio::any_io_executor>);
#endif

#if defined(UMBEL_USE_STD_EXPECTED)
#include <expected>
#if defined(TL_EXPECTED_VERSION_MAJOR)
#error "tl::expected came in"
#endif
static_assert(std::is_same_v<umbel::result<int>, std::expected<int, umbel::error>>);
#else
static_assert(std::is_same_v<umbel::result<int>, ::tl::expected<int, umbel::error>>);
#endif

#include <array>
#include <chrono>
#include <cstdint>
#include <iostream>
#include <optional>
#include <string>
#include <type_traits>
#include <vector>

namespace asio = umbel::asio;

struct point {
    int x = 0;
};
template <>
struct umbel::from_reply<point> {
    static umbel::result<point> from(umbel::resp::view const& view) {
        auto number = umbel::from_reply<int>::from(view);
        if (!number) return umbel::fail(number.error());
        if (*number < 0) return umbel::fail(umbel::errc::unexpected_type, umbel::delivery::executed);
        return point{*number};
    }
};

bool good = true;
void check(bool holds, char const* what) {
    if (!holds) std::cout << "not so: " << what << '\n';
    good = good && holds;
}

asio::awaitable<umbel::result<umbel::planned<std::int64_t>>> add_one(umbel::lease const& held) {
    auto have = co_await held.get<std::int64_t>("number");
    if (!have) co_return umbel::fail(have.error());
    co_return umbel::plan(umbel::cmd.incr("number"));
}

asio::awaitable<void> talk(umbel::client& db) {
    auto set = co_await db.set("user:1", "ada");
    check(set.has_value(), "SET");
    auto name = co_await db.get("user:1");
    check(name && *name == "ada", "GET");
    auto none = co_await db.get("nobody");
    check(none && !*none, "a missing key is no error");
    auto wrong = co_await db.incr("user:1");
    check(!wrong && wrong.error() == umbel::errc::server_error, "a server's error is a value");
    auto number = co_await db.set("number", "41");
    check(number.has_value(), "SET of a number");
    auto decoded = co_await db.get<point>("number");
    check(decoded && *decoded && (*decoded)->x == 41, "a user's type");
    auto many = co_await db.mget("user:1", "nobody");
    check(many && many->size() == 2 && (*many)[0] == "ada" && !(*many)[1], "MGET");
    auto [first, second] = co_await db.batch(umbel::cmd.get("user:1"), umbel::cmd.incr("number"));
    check(first && *first == "ada" && second && *second == 42, "a batch");
    auto each = co_await db.command<std::vector<umbel::result<std::int64_t>>>("MGET", umbel::key("number"));
    check(each && each->size() == 1 && (*each)[0] && *(*each)[0] == 42, "a result for each element");
    auto added = co_await umbel::optimistic(db, std::array{"number"}, add_one);
    check(added.has_value(), "check and set");
    auto told = co_await db.get("user:1")(asio::as_tuple(asio::use_awaitable));
    check(std::get<0>(told).has_value(), "a completion token");
}

int main(int argc, char** argv) {
    umbel::options options{.seeds = {argc > 1 ? argv[1] : "127.0.0.1:6379"}};
    asio::io_context io;
    {
        umbel::client db{io.get_executor(), options};
        asio::co_spawn(io, talk(db), [&](std::exception_ptr) { io.stop(); });
        io.run();
    }
    umbel::client nowhere{io.get_executor(),
                          {.seeds = {"127.0.0.1:1"}, .deadline = std::chrono::milliseconds{200}}};
    nowhere.get("key")([&](umbel::result<std::optional<std::string>> const& got) {
        check(!got && !got.error().message().empty(), "a connection that is refused");
        io.stop();
    });
    io.restart();
    io.run();
    umbel::sync_client db{options};
    check(db.get("user:1").has_value(), "a client without coroutines");
    std::cout << (good ? "all as it should be" : "broken")
#if defined(UMBEL_USE_BOOST_ASIO)
              << ", on Boost.Asio"
#endif
#if defined(UMBEL_USE_STD_EXPECTED)
              << ", with std::expected"
#endif
              << '\n';
    return good ? 0 : 1;
}
