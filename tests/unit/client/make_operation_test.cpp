// Tests of client_calls.hpp: a command whose only argument is a key becomes the same call by its own way as
// by that of every other command.
#include "support/lone_handle.hpp"

#include "at_home.hpp"

#include <umbel/client/compiled_encoding.hpp>

#include <array>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

using at_home::code_of;
using namespace std::chrono_literals;
using umbel::read_from;
using umbel::async::pooled_call;
using umbel::command::command_spec;
using umbel::command::key_invocation;
namespace calling = umbel::calling;
namespace pool = umbel::async::pool;

namespace {

using umbel::cluster::command_flags;
constexpr command_spec strlen_verb{"STRLEN", command_flags::read_only};
constexpr command_spec incr{"INCR", command_flags::none};
constexpr command_spec object_refcount{"OBJECT REFCOUNT", command_flags::read_only};
constexpr command_spec longest{"ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEFGHIJKLMNO", command_flags::idempotent};
command_spec const* const specs[]{&strlen_verb, &incr, &object_refcount, &longest};

/// A value whose result does not fit into a call.
struct large {
    std::array<char, 100> text{};
};

struct here {
    umbel::async::client_handle owner{.code = &umbel::async::compiled_boundary};
    calling::site where{&owner, 7, {.reads = read_from::replica, .deadline = 3s}, {}};
    here() {
        where.code = &calling::compiled_encoding;
        pool::recycle(support::take_lone_call());
    }

    template <class Value = std::int64_t>
    umbel::operation<Value> general(command_spec const& name, std::string_view key) const {
        umbel::command::argument const word{umbel::key{key}};
        return calling::submit<Value>(where,
                                      umbel::command::invocation<Value>{name, {&word, 1}, name.flags()});
    }
    template <class Value = std::int64_t>
    umbel::operation<Value> keyed(command_spec const& name, std::string_view key) const {
        return calling::submit<Value>(where, key_invocation<Value>{name, key});
    }
};

std::string_view bytes_of(pooled_call const& call) { return {call.bytes, call.size}; }

/// Every size at which another way of copying, hashing or spelling the length begins, and the sizes beside
/// it.
constexpr std::size_t sizes[]{0,  1,  3,  4,  7,  8,  9,  10, 15,  16,  17,  31,
                              32, 33, 63, 64, 65, 95, 96, 97, 100, 127, 128, 1000};

/// Keys of `size` bytes: without a brace, and with braces wherever they fit.
std::vector<std::string> keys_of(std::size_t size) {
    std::string plain;
    for (std::size_t at = 0; at < size; ++at) plain.push_back(static_cast<char>(at * 37 % 120));
    std::vector<std::string> made{plain};
    for (std::size_t open = 0; open < size; open += size / 8 + 1) {
        std::string key = plain;
        key[open] = '{';
        made.push_back(key);
        for (std::size_t const close : {open + 1, open + 3, size - 1}) {
            if (close <= open || close >= size) continue;
            made.push_back(key);
            made.back()[close] = '}';
        }
    }
    return made;
}

void same(pooled_call const& call, pooled_call const& other) {
    CHECK(bytes_of(call) == bytes_of(other));
    CHECK(call.slot == other.slot);
    CHECK((call.flags == other.flags));
    CHECK((call.reads == other.reads));
    CHECK((call.timeout == other.timeout));
    CHECK(call.owner == other.owner);
    CHECK(call.generation == other.generation);
    CHECK((call.launch == other.launch));
    CHECK(call.borrowed == other.borrowed);
    CHECK(call.has_result == other.has_result);
}

}  // namespace

template <>
struct umbel::from_reply<large> {
    static umbel::result<large> from(umbel::resp::view const&) { return large{}; }
};

TEST_CASE("a command of one key is the same call whichever way it was made", "[calls]") {
    here const at;
    for (command_spec const* const name : specs) {
        for (std::size_t const size : sizes) {
            for (std::string const& key : keys_of(size)) {
                auto const one = at.keyed(*name, key);
                auto const other = at.general(*name, key);
                REQUIRE(one.unbegun());
                REQUIRE(other.unbegun());
                same(*one.unbegun(), *other.unbegun());
                CHECK(one.unbegun()->slot == umbel::cluster::slot_of(key));
                std::string const last = "$" + std::to_string(size) + "\r\n" + key + "\r\n";
                CHECK(bytes_of(*one.unbegun()).ends_with(last));
            }
        }
    }
}

TEST_CASE(
    "a command of one short key takes a call that waits in the pool; a longer one says that it does not",
    "[calls]") {
    here const at;
    for (std::size_t const size : sizes) {
        for (std::string const& key : keys_of(size)) {
            pool::recycle(support::take_lone_call());
            auto const kept = pool::local.count;
            pooled_call* const next = static_cast<pooled_call*>(pool::local.head);
            pooled_call* const call = calling::take_keyed(at.where, strlen_verb, key);
            CHECK(call == (size <= umbel::command::short_key_max ? next : nullptr));
            CHECK(pool::local.count == (call ? kept - 1 : kept));
            if (call) pool::recycle(call);
        }
    }
}

TEST_CASE("with an empty pool a command of one key gets a new call", "[calls]") {
    here const at;
    std::vector<pooled_call*> taken;
    for (std::string const key : {"user:00000000042", "k", "{tag}", "a key of over sixteen bytes"}) {
        while (pooled_call* const call = pool::take_recycled()) taken.push_back(call);
        CHECK(calling::take_keyed(at.where, incr, key) == nullptr);
        auto const one = at.keyed(incr, key);
        REQUIRE(one.unbegun());
        auto const other = at.general(incr, key);
        same(*one.unbegun(), *other.unbegun());
    }
    for (pooled_call* const call : taken) {
        call->owner = &support::lone_handle();
        pool::recycle(call);
    }
}

TEST_CASE("with bad options a command of one key says what is wrong, and no call is lost", "[calls]") {
    here at;
    at.where.wrong.emplace(umbel::errc::bad_argument, umbel::delivery::not_sent, "no seeds");
    auto const kept = pool::local.count;
    CHECK(calling::take_keyed(at.where, incr, "user:00000000042") == nullptr);
    CHECK(pool::local.count == kept);
    asio::io_context io{1};
    auto const told = at_home::wait(io, at.keyed(incr, "user:00000000042"));
    CHECK(code_of(told) == "bad_argument");
    REQUIRE_FALSE(told);
    CHECK(told.error().message() == "no seeds");
    CHECK(at_home::delivery_of(told) == "not_sent");
}

TEST_CASE("a read of one key is hedged where that is asked for, and a write is not", "[calls]") {
    here at;
    at.where.options.hedge = 1ms;
    CHECK(calling::take_keyed(at.where, strlen_verb, "user:00000000042") == nullptr);
    CHECK_FALSE(at.keyed(strlen_verb, "user:00000000042").unbegun());  // It stands for two calls.
    auto const written = at.keyed(incr, "user:00000000042");
    REQUIRE(written.unbegun());
    auto const other = at.general(incr, "user:00000000042");
    same(*written.unbegun(), *other.unbegun());

    at.where.options.reads = read_from::primary;
    asio::io_context io{1};
    CHECK(code_of(at_home::wait(io, at.keyed(strlen_verb, "user:00000000042"))) == "bad_argument");
    // Whose deadline comes before the second question is asked once.
    at.where.options.reads = read_from::any;
    at.where.options.hedge = 3s;
    CHECK(at.keyed(strlen_verb, "user:00000000042").unbegun());
}

TEST_CASE("a value that does not fit into a call has its memory also for a command of one key", "[calls]") {
    static_assert(umbel::async::result_slot<large>::boxed);
    here const at;
    auto const one = at.keyed<large>(strlen_verb, "user:00000000042");
    auto const other = at.general<large>(strlen_verb, "user:00000000042");
    REQUIRE(one.unbegun());
    CHECK(one.unbegun()->box != nullptr);
    same(*one.unbegun(), *other.unbegun());
}
