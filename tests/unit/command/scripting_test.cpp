// Tests of command/scripting.hpp: keys and arguments of scripts and functions, their flags, and refusals.
#include <umbel/command/scripting.hpp>

#include "recorder.hpp"

#include <catch2/catch_test_macros.hpp>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

using umbel::key;
using umbel::cluster::command_flags;
using umbel::test::mismatch;
using umbel::test::replies;

namespace {

constexpr umbel::test::recorder<umbel::command::scripting_commands> db;
constexpr std::string_view sha1 = "e0e1f9fabfc9d4800c877a703b823ac0578ff8db";
std::vector<std::string> const keys{"{k}a", "{k}b"};
std::vector<int> const arguments{5, 6};
std::vector<std::string> const none;

std::string with_sha1(std::string_view name, std::string_view rest) {
    return std::string{name}.append(" ").append(sha1).append(" ").append(rest);
}

}  // namespace

TEST_CASE("every script and function sends its keys counted, with the flags of the command table",
          "[scripting]") {
    CHECK(mismatch(db.eval("s", key("{k}a"), key("{k}b"), 5, "x"), "EVAL s 2 {k}a {k}b 5 x") == "");
    CHECK(mismatch(db.eval("s"), "EVAL s 0") == "");
    CHECK(mismatch(db.eval("s", 5), "EVAL s 0 5") == "");
    CHECK(mismatch(db.eval("s", key("k")), "EVAL s 1 k") == "");
    CHECK(mismatch(db.eval("s", keys, arguments), "EVAL s 2 {k}a {k}b 5 6") == "");
    CHECK(mismatch(db.eval("s", none, arguments), "EVAL s 0 5 6") == "");
    CHECK(mismatch(db.eval("s", keys, none), "EVAL s 2 {k}a {k}b") == "");
    CHECK(mismatch(db.eval_ro("s", key("k"), 5), "EVAL_RO s 1 k 5") == "");
    CHECK(mismatch(db.eval_ro("s", keys, arguments), "EVAL_RO s 2 {k}a {k}b 5 6") == "");
    CHECK(mismatch(db.evalsha(sha1, key("k"), 5), with_sha1("EVALSHA", "1 k 5")) == "");
    CHECK(mismatch(db.evalsha(sha1, keys, none), with_sha1("EVALSHA", "2 {k}a {k}b")) == "");
    CHECK(mismatch(db.evalsha_ro(sha1, key("k"), 5), with_sha1("EVALSHA_RO", "1 k 5")) == "");
    CHECK(mismatch(db.evalsha_ro(sha1, none, none), with_sha1("EVALSHA_RO", "0")) == "");
    CHECK(mismatch(db.fcall("f", key("k"), 5), "FCALL f 1 k 5") == "");
    CHECK(mismatch(db.fcall("f", keys, arguments), "FCALL f 2 {k}a {k}b 5 6") == "");
    CHECK(mismatch(db.fcall_ro("f", key("k")), "FCALL_RO f 1 k") == "");
    CHECK(mismatch(db.fcall_ro("f", keys, arguments), "FCALL_RO f 2 {k}a {k}b 5 6") == "");
}

TEST_CASE("whoever cannot bring what a node lacks sends a script by its text, and calls a function as it is",
          "[scripting]") {
    static constexpr umbel::script add{"return 1"};
    static constexpr umbel::function_library library{"#!lua name=l"};
    CHECK(db.run<std::int64_t>(add, key("k"), 5).argv ==
          std::vector<std::string>{"EVAL", "return 1", "1", "k", "5"});
    CHECK(db.run_ro(add, keys, arguments).argv ==
          std::vector<std::string>{"EVAL_RO", "return 1", "2", "{k}a", "{k}b", "5", "6"});
    CHECK(mismatch(db.run(library.function("f"), key("k"), 5), "FCALL f 1 k 5") == "");
    CHECK(mismatch(db.run_ro(library.function("f"), keys, none), "FCALL_RO f 2 {k}a {k}b") == "");
}

TEST_CASE("the keys of a script decide its slot, and its arguments do not", "[scripting]") {
    CHECK(db.eval("s", 5).slot.is_any());
    CHECK(db.eval("s", key("a"), "b").slot == umbel::cluster::slot_of("a"));
    CHECK(db.eval("s", key("a"), key("b")).slot.is_several());
    CHECK(db.fcall("f", std::vector<std::string>{"a", "b"}, none).slot.is_several());
    CHECK(db.eval("s").flags == command_flags::scripted);
    CHECK(db.eval_ro("s").flags == (command_flags::scripted | command_flags::read_only));
}

TEST_CASE("keys of a script stand in front of its arguments", "[scripting]") {
    using umbel::command::leading_keys;
    using umbel::command::script_words;
    STATIC_CHECK(leading_keys<>() == 0);
    STATIC_CHECK(leading_keys<key, key, int>() == 2);
    STATIC_CHECK(script_words<>);
    STATIC_CHECK(script_words<key, int, std::string>);
    STATIC_CHECK_FALSE(script_words<int, key>);
    STATIC_CHECK_FALSE(script_words<std::vector<std::string>>);
}

TEST_CASE("a SHA1 of another length than 40 is refused before it is sent", "[scripting]") {
    CHECK(db.evalsha("abc").refusal == "the SHA1 of a script has 40 hexadecimal digits");
    CHECK(db.evalsha_ro("abc", keys, none).refusal == "the SHA1 of a script has 40 hexadecimal digits");
    CHECK(db.fcall("abc").refusal.empty());
}

TEST_CASE("a script gives what it is asked for, without a type a reply as it comes", "[scripting]") {
    STATIC_CHECK(replies<umbel::reply, decltype(db.eval("s"))>());
    STATIC_CHECK(replies<std::int64_t, decltype(db.eval<std::int64_t>("s", key("k"), 5))>());
    STATIC_CHECK(replies<std::string, decltype(db.evalsha<std::string>(sha1, keys, arguments))>());
    STATIC_CHECK(replies<std::vector<int>, decltype(db.fcall_ro<std::vector<int>>("f"))>());
}
