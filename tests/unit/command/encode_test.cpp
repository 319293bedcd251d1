// Tests of command/command_spec.hpp and command/encode.hpp: a command whose only argument is a key has the
// same bytes whichever way it is written.
#include <umbel/command/encode.hpp>

#include <catch2/catch_test_macros.hpp>

#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

using umbel::command::argument;
using umbel::command::command_spec;
namespace command = umbel::command;

namespace {

using umbel::cluster::command_flags;
constexpr command_spec get{"GET", command_flags::read_only};
constexpr command_spec object_encoding{"OBJECT ENCODING", command_flags::read_only};
// With the array header 32 bytes, which are copied at once, and 33; then the longest of one word and of two.
constexpr command_spec of_32{"ABCDEFGHIJKLMNOPQRSTU", command_flags::none};
constexpr command_spec of_33{"ABCDEFGHIJKLMNOPQRSTUV", command_flags::none};
constexpr command_spec longest{"ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEFGHIJKLMNO", command_flags::none};
constexpr command_spec longest_of_two{"ABCDEFGHI ABCDEFGHIJKLMNOPQRSTUVWXYZ", command_flags::none};
static_assert(longest.wire().size() == command_spec::wire_bytes_max &&
              longest_of_two.wire().size() == command_spec::wire_bytes_max);

struct spelled {
    command_spec const& name;
    std::vector<std::string_view> words;
};
std::vector<spelled> const all{{get, {"GET"}},
                               {object_encoding, {"OBJECT", "ENCODING"}},
                               {of_32, {"ABCDEFGHIJKLMNOPQRSTU"}},
                               {of_33, {"ABCDEFGHIJKLMNOPQRSTUV"}},
                               {longest, {"ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEFGHIJKLMNO"}},
                               {longest_of_two, {"ABCDEFGHI", "ABCDEFGHIJKLMNOPQRSTUVWXYZ"}}};

std::string bulk(std::string_view text) {
    return "$" + std::to_string(text.size()) + "\r\n" + std::string{text} + "\r\n";
}

std::string expected(spelled const& one, std::vector<std::string_view> const& arguments) {
    std::string text = "*" + std::to_string(one.words.size() + arguments.size()) + "\r\n";
    for (std::string_view const word : one.words) text += bulk(word);
    for (std::string_view const word : arguments) text += bulk(word);
    return text;
}

/// What `put` writes to memory of so many bytes: a sanitizer sees a byte more.
template <class Put>
std::string written(std::size_t room, Put put) {
    std::unique_ptr<char[]> const memory{new char[room]};
    std::memset(memory.get(), '#', room);
    char* const end = put(memory.get());
    return std::string{memory.get(), end};
}

std::string key_of(std::size_t size) {
    std::string text;
    for (std::size_t at = 0; at < size; ++at) text.push_back(static_cast<char>('a' + at % 26));
    return text;
}

}  // namespace

TEST_CASE("a name goes out word by word, with or without the array header in front of it", "[verb]") {
    CHECK(get.wire() == "$3\r\nGET\r\n");
    CHECK(object_encoding.wire() == "$6\r\nOBJECT\r\n$8\r\nENCODING\r\n");
    CHECK(written(command_spec::wire_bytes_max, [](char* at) { return get.put(at); }) == "$3\r\nGET\r\n");
    CHECK(written(command_spec::wire_bytes_max + 4, [](char* at) { return get.put_with_header(at); }) ==
          "*2\r\n$3\r\nGET\r\n");
    CHECK(written(command_spec::wire_bytes_max + 4, [](char* at) {
              return object_encoding.put_with_header(at);
          }) == "*3\r\n$6\r\nOBJECT\r\n$8\r\nENCODING\r\n");
    for (spelled const& one : all) {
        std::string text = expected(one, {});
        CHECK(written(command_spec::wire_bytes_max, [&](char* at) { return one.name.put(at); }) ==
              text.substr(4));
        text[1] = static_cast<char>(text[1] + 1);
        CHECK(written(command_spec::wire_bytes_max + 4,
                      [&](char* at) { return one.name.put_with_header(at); }) == text);
    }
}

TEST_CASE(
    "a command of one short key is the same bytes as by its arguments, for every length of key and name",
    "[encode]") {
    for (spelled const& one : all) {
        for (std::size_t size = 0; size <= command::short_key_max; ++size) {
            // Exactly as long as the key: a sanitizer sees a read beyond it.
            std::string const text = key_of(size);
            std::vector<char> const exact{text.begin(), text.end()};
            std::string_view const key{exact.data(), exact.size()};
            std::string const wanted = expected(one, {text});
            CHECK(written(command::short_command_max,
                          [&](char* at) { return command::put_key_command(at, one.name, key); }) == wanted);
            if (size >= 8 && size <= 16)
                CHECK(written(command::short_command_max, [&](char* at) {
                          return command::put_plain_key_command(at, one.name, key);
                      }) == wanted);
            argument const words[]{argument{umbel::key{key}}};
            CHECK(written(command::measure(words).bytes, [&](char* at) {
                      return command::encode(at, one.name, words, [](std::size_t, std::string_view) {}).end;
                  }) == wanted);
        }
    }
}

TEST_CASE("a key and one short argument are the same bytes as by the arguments, for all lengths of both",
          "[encode]") {
    for (spelled const& one : all) {
        for (std::size_t size = 0; size <= command::short_key_max; ++size) {
            std::string const key = key_of(size), other = key_of(command::short_key_max - size);
            argument const words[]{argument{umbel::key{key}}, argument{other}};
            CHECK(command::is_short_pair(words[0], words[1]));
            CHECK(written(command::short_pair_max, [&](char* at) {
                      return command::put_pair_command(at, one.name, words[0], words[1]);
                  }) == expected(one, {key, other}));
        }
    }
    std::string const text = key_of(command::short_key_max);
    argument const key{umbel::key{"k"}}, value{"v"}, longer{text};
    CHECK_FALSE(command::is_short_pair(value, value));
    CHECK_FALSE(command::is_short_pair(key, key));
    CHECK_FALSE(command::is_short_pair(key, longer));
    CHECK_FALSE(command::is_short_pair(key, argument{umbel::borrow("v")}));
}

TEST_CASE("several arguments follow the name behind an array header of their own", "[encode]") {
    std::string const key = key_of(16), value(100, 'v');
    for (spelled const& one : all) {
        for (std::size_t more : {std::size_t{1}, std::size_t{7}, std::size_t{98}, std::size_t{998}}) {
            std::vector<argument> words{argument{umbel::key{key}}};
            std::vector<std::string_view> spoken{key};
            for (std::size_t i = 0; i < more; ++i) {
                words.emplace_back(std::string_view{value});
                spoken.push_back(value);
            }
            CHECK(written(command::measure(words).bytes, [&](char* at) {
                      return command::encode(at, one.name, words, [](std::size_t, std::string_view) {}).end;
                  }) == expected(one, spoken));
        }
    }
}
