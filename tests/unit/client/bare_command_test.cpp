// Tests of client/bare_command.hpp and client/cmd.hpp: what a command is before it belongs to a client.
#include "support/lone_handle.hpp"

#include "at_home.hpp"

#include <umbel/client/compiled_encoding.hpp>

#include <asio/awaitable.hpp>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

using namespace std::chrono_literals;
using umbel::bare_command;
using umbel::cmd;
using umbel::cluster::command_flags;
using umbel::cluster::slot_of;
namespace calling = umbel::calling;

namespace {

/// A site that knows the command table, and no client.
struct here {
    umbel::async::client_handle owner{.code = &umbel::async::compiled_boundary};
    calling::site where{&owner, 7, {}, {}};
    here() { where.code = &calling::compiled_encoding; }

    std::string code_of(calling::encoded_command&& command) const {
        return at_home::code_of(calling::check(where, command));
    }
};

}  // namespace

TEST_CASE("a bare command is encoded when it is made, and knows the type of its reply", "[batch]") {
    auto get = cmd.get("user:1");
    STATIC_CHECK(std::is_same_v<decltype(get), bare_command<std::optional<std::string>>>);
    STATIC_CHECK(!std::is_copy_constructible_v<decltype(get)>);
    CHECK(get.bytes() == "*2\r\n$3\r\nGET\r\n$6\r\nuser:1\r\n");
    CHECK(get.slot() == umbel::cluster::slot_target{slot_of("user:1")});
    CHECK(get.flags() == command_flags::read_only);
    CHECK(get.longest() == 6);
    auto const set = cmd.set("k", "v", {.expire = 30s});
    CHECK(set.bytes() == "*5\r\n$3\r\nSET\r\n$1\r\nk\r\n$1\r\nv\r\n$2\r\nEX\r\n$2\r\n30\r\n");
    CHECK(cmd.ping().slot().is_any());
}

TEST_CASE("a bare command that does not fit inside owns a block, and both may be moved", "[batch]") {
    for (std::size_t const size : {std::size_t{10}, std::size_t{5000}}) {
        std::string const value(size, 'x');
        auto first = cmd.append("k", value);
        std::string const bytes{first.bytes()};
        auto second = std::move(first);
        CHECK(second.bytes() == bytes);
        second = cmd.append("other", "short");
        CHECK(second.bytes() == "*3\r\n$6\r\nAPPEND\r\n$5\r\nother\r\n$5\r\nshort\r\n");
        second = cmd.append("k", value);
        CHECK(second.bytes() == bytes);
    }
    CHECK(cmd.get(std::string(500, 'k')).bytes().size() == 4 + 9 + 6 + 502);
}

TEST_CASE("a bare command keeps what is wrong with it until it is to be sent", "[batch]") {
    here h;
    CHECK(h.code_of(cmd.get("k")) == "none");
    CHECK(h.code_of(cmd.expire("k", 1s)) == "none");
    CHECK(h.code_of(cmd.sadd("k", std::vector<std::string>{})) == "bad_argument");
    CHECK(h.code_of(cmd.command<umbel::reply>("GET")) == "bad_argument");
    CHECK(h.code_of(cmd.command<umbel::reply>("")) == "bad_argument");
    CHECK(h.code_of(cmd.command<umbel::reply>("BLPOP", "k", 0)) == "needs_lease");
    h.where.argument_bytes_max = 5;
    CHECK(h.code_of(cmd.get("12345")) == "none");
    CHECK(h.code_of(cmd.get("123456")) == "bad_argument");
    CHECK(h.code_of(cmd.command<umbel::reply>("INCRBY", "123456", 5)) == "bad_argument");
}

TEST_CASE("the keys of a command given by its words are found when a client takes it", "[batch]") {
    here h;
    auto incrby = cmd.command<std::int64_t>("INCRBY", umbel::key("n"), 5);
    CHECK(incrby.bytes() == "*3\r\n$6\r\nINCRBY\r\n$1\r\nn\r\n$1\r\n5\r\n");
    REQUIRE(calling::check(h.where, incrby));
    CHECK(incrby.slot() == umbel::cluster::slot_target{slot_of("n")});
    CHECK(incrby.flags() == command_flags::none);
    std::vector<std::string> const argv{"SET", "foo", std::string(300, 'x')};
    auto set = cmd.execute(argv);
    STATIC_CHECK(std::is_same_v<decltype(set), bare_command<umbel::reply>>);
    CHECK(set.slot().is_any());
    REQUIRE(calling::check(h.where, set));
    CHECK(set.slot() == umbel::cluster::slot_target{slot_of("foo")});
    CHECK(set.flags() == command_flags::idempotent);
    auto module = cmd.command<umbel::reply>("JSON.GET", "doc");
    REQUIRE(calling::check(h.where, module));
    CHECK(module.slot() == umbel::cluster::slot_target{slot_of("doc")});
    CHECK(module.flags() == command_flags::foreign);
}

TEST_CASE("keys in several slots are named, whoever has found them", "[batch]") {
    here h;
    auto rename = cmd.rename("foo", "bar");
    auto marked = cmd.command<umbel::reply>("X", umbel::key("foo"), umbel::key("bar"));
    auto words = cmd.command<umbel::reply>("MGET", "foo", "bar");
    for (calling::encoded_command* const command :
         {static_cast<calling::encoded_command*>(&rename), static_cast<calling::encoded_command*>(&marked),
          static_cast<calling::encoded_command*>(&words)}) {
        REQUIRE(calling::check(h.where, *command));
        CHECK(command->slot().is_several());
        CHECK(command->several_slots().find("5061") != std::string_view::npos);
    }
}

TEST_CASE("a bare command hands its bytes to a call, with what it has lent", "[batch]") {
    here h;
    std::string const value(40'000, 'x');
    auto take = [&](auto command) {
        umbel::async::pooled_call& call = calling::obtain<umbel::ok>(h.where);
        command.move_into(call);
        return umbel::operation<umbel::ok>{call};
    };
    auto plain = take(cmd.get("k"));
    CHECK(std::string_view{plain.unbegun()->bytes, plain.unbegun()->size} ==
          "*2\r\n$3\r\nGET\r\n$1\r\nk\r\n");
    auto large = take(cmd.append("k", value));
    CHECK(large.unbegun()->size > value.size());
    auto lent = take(cmd.append("k", umbel::borrow(value)));
    CHECK(lent.unbegun()->wire_size() == large.unbegun()->size);
    CHECK(lent.unbegun()->borrowed->data == value.data());
    auto several = take(cmd.rename("foo", "bar"));
    CHECK(several.unbegun()->retry->message.find("5061") != std::string::npos);
}

namespace {

template <class... Values>
asio::awaitable<std::size_t> total(bare_command<Values>&&... commands) {
    co_return (commands.bytes().size() + ...);
}
asio::awaitable<void> asks(std::size_t& told) {
    std::string const value(1000, 'x');
    told = co_await total(cmd.get("a"), cmd.set("b", value, {.expire = 1s}), cmd.incr("c"));
}

}  // namespace

TEST_CASE("bare commands stand in an operand of co_await", "[batch]") {
    asio::io_context io;
    std::size_t told = 0;
    asio::co_spawn(io, asks(told), asio::detached);
    io.run();
    CHECK(told == cmd.get("a").bytes().size() + cmd.incr("c").bytes().size() +
                      cmd.set("b", std::string(1000, 'x'), {.expire = 1s}).bytes().size());
}

TEST_CASE("what concerns several nodes is refused in a cluster, where it would go to one of them",
          "[batch]") {
    here const site;
    auto const refused = [&](calling::encoded_command&& command) {
        CHECK(calling::check(site.where, command));
        // A stand-alone server serves it: only the router knows.
        return command.slot().is_several() && command.several_code() == umbel::errc::bad_argument;
    };
    CHECK(refused(cmd.flushall()));
    CHECK(refused(cmd.dbsize()));
    CHECK(refused(cmd.script_load("return 1")));
    CHECK(refused(cmd.command<umbel::reply>("KEYS", "*")));
    CHECK(refused(cmd.command<umbel::reply>("SCAN", "0")));
    CHECK_FALSE(refused(cmd.ping()));
    CHECK_FALSE(refused(cmd.command<umbel::reply>("ECHO", umbel::borrow("x"))));
    auto flush = cmd.flushall();
    CHECK(calling::check(site.where, flush));
    CHECK(flush.several_slots().starts_with("FLUSHALL concerns several nodes"));
}
