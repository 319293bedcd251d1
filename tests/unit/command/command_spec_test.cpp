// Tests of command/command_spec.hpp: the bytes of a command's name, with and without the header of its array.
#include <umbel/command/command_spec.hpp>

#include <catch2/catch_test_macros.hpp>

#include <array>
#include <string>
#include <string_view>

using umbel::cluster::command_flags;
using umbel::command::command_spec;

namespace {

constexpr command_spec get{"GET", command_flags::read_only};
constexpr command_spec object_encoding{"OBJECT ENCODING", command_flags::none};
constexpr command_spec twelve{"ABCDEFGHIJKL", command_flags::idempotent};

constexpr std::size_t room = command_spec::array_header_bytes + command_spec::wire_bytes_max;

}  // namespace

TEST_CASE("a name is encoded when it is compiled, word by word", "[command_spec]") {
    STATIC_CHECK(get.wire() == "$3\r\nGET\r\n");
    STATIC_CHECK(object_encoding.wire() == "$6\r\nOBJECT\r\n$8\r\nENCODING\r\n");
    STATIC_CHECK(twelve.wire() == "$12\r\nABCDEFGHIJKL\r\n");
    STATIC_CHECK(get.words() == 1);
    STATIC_CHECK(object_encoding.words() == 2);
    STATIC_CHECK(twelve.flags() == command_flags::idempotent);
}

TEST_CASE("a name is written alone, or behind the header of a command of one argument", "[command_spec]") {
    std::array<char, room> bytes{};
    CHECK(std::string{bytes.data(), get.put(bytes.data())} == "$3\r\nGET\r\n");
    CHECK(std::string{bytes.data(), get.put_with_header(bytes.data())} == "*2\r\n$3\r\nGET\r\n");
    CHECK(std::string{bytes.data(), object_encoding.put_with_header(bytes.data())} ==
          "*3\r\n$6\r\nOBJECT\r\n$8\r\nENCODING\r\n");
}
