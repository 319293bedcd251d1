// bare_client: the whole client without exceptions and without RTTI: commands by callback and by coroutine.
// It takes a server's address, "host:port". Asio wants one function from a program that has no exceptions,
// and its own co_spawn does not compile there; any other coroutine awaits an operation.
#include <umbel.hpp>

#include <chrono>
#include <coroutine>
#include <cstdio>
#include <cstdlib>
#include <string>

#if defined(__cpp_exceptions) || defined(__cpp_rtti)
#error this program is meant for -fno-exceptions -fno-rtti
#endif

namespace asio::detail {
template <class Exception>
void throw_exception(Exception const& why ASIO_SOURCE_LOCATION_PARAM) {
    std::fprintf(stderr, "asio: %s\n", why.what());
    std::abort();
}
}  // namespace asio::detail

namespace {

/// A coroutine that begins at once and belongs to nobody.
struct task {
    struct promise_type {
        task get_return_object() noexcept { return {}; }
        std::suspend_never initial_suspend() noexcept { return {}; }
        std::suspend_never final_suspend() noexcept { return {}; }
        void return_void() noexcept {}
        void unhandled_exception() noexcept { std::abort(); }
    };
};

task work(umbel::client& db, int& good) {
    auto const written = co_await db.set("user:1", "ada");
    auto const name = co_await db.get("user:1");
    auto const wrong = co_await db.incr("user:1");
    good += written && name && *name == "ada";
    good += !wrong && wrong.error() == umbel::errc::server_error;
}

}  // namespace

int main(int count, char** words) {
    if (count != 2) return 2;
    asio::io_context io{1};
    umbel::client db{io.get_executor(), {.seeds = {words[1]}}};
    int good = 0;
    work(db, good);
    std::move(db.get("nobody"))([&](auto const& result) { good += result && !*result; });
    io.run_for(std::chrono::seconds{20});
    if (good == 3) std::puts("bare_client: three commands answered");
    return good == 3 ? 0 : 1;
}
