// Tokens that need an executor of the operation they are given to, as asio::cancel_after does for its timer.
#include "at_home.hpp"

#include <asio/async_result.hpp>
#include <asio/deferred.hpp>
#include <asio/detached.hpp>
#include <asio/system_executor.hpp>

#if __has_include(<asio/cancel_after.hpp>)
#include <asio/awaitable.hpp>
#include <asio/cancel_after.hpp>
#include <asio/co_spawn.hpp>
#include <asio/use_awaitable.hpp>
#endif

#include <optional>
#include <utility>

using at_home::backend;
using at_home::code_of;
using at_home::shown;
using namespace std::chrono_literals;

namespace {

/// A token that begins nothing: it gives the executor of what it was given to.
struct which_executor {};

}  // namespace

template <class... Signatures>
struct asio::async_result<which_executor, Signatures...> {
    template <class Initiation, class... Arguments>
    static auto initiate(Initiation&& begin, which_executor, Arguments&&...) {
        return asio::get_associated_executor(begin);
    }
};

TEST_CASE("an operation has the executor of its client, and tells it to tokens that ask", "[forms]") {
    backend here;
    asio::any_io_executor const own = here.io.get_executor();
    CHECK((here.db->get("k").get_executor() == own));
    CHECK((here.db->get("k")(which_executor{}) == own));
    CHECK((here.db->mget("a", "b")(which_executor{}) == own));
    CHECK((here.db->ready()(which_executor{}) == own));
    CHECK((here.db->with(-1ms).get("k")(which_executor{}) == own));
    auto orphan = here.db->get("k");
    here.db.reset();
    CHECK(&asio::query(orphan.get_executor(), asio::execution::context) ==
          &asio::query(asio::system_executor{}, asio::execution::context));
}

#if __has_include(<asio/cancel_after.hpp>)
namespace {

std::optional<scripted::answer> holds_gets(scripted::words const& said) {
    if (said[0] == "GET") return scripted::answer::hold("$4\r\nlate\r\n");
    return std::nullopt;
}

asio::awaitable<void> in_time(backend& here, int& done) {
    auto const plain = co_await here.db->incr("n")(asio::cancel_after(30s));
    CHECK(shown(plain) == "1");
    auto const token = co_await here.db->incr("n")(asio::cancel_after(30s, asio::use_awaitable));
    CHECK(shown(token) == "2");
    auto const late = co_await here.db->get("late")(asio::cancel_after(1ms));
    CHECK(code_of(late) == "cancelled");
    ++done;
}

}  // namespace

TEST_CASE("asio::cancel_after is a token of an operation, alone and around another one", "[forms]") {
    backend here{holds_gets};
    int done = 0;
    asio::co_spawn(here.io, in_time(here, done), asio::detached);
    REQUIRE(here.until([&] { return done == 1; }));
    here.db->get("late")(asio::cancel_after(1ms, [&](auto told) {
        CHECK(code_of(told) == "cancelled");
        ++done;
    }));
    CHECK(here.until([&] { return done == 2; }));
    here.server.release();
    CHECK(shown(here.wait(here.db->incr("n"))) == "3");
}
#endif
