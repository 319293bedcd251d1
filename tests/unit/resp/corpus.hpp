// corpus.hpp: replies of every kind, good and bad, that several tests feed whole, byte by byte and split
// everywhere.
#pragma once

#include <umbel/resp/fault.hpp>
#include <umbel/resp/type.hpp>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace corpus {

using namespace std::string_view_literals;

/// Whole replies that are well-formed.
inline std::vector<std::string> const good{
    "+OK\r\n",
    "+\r\n",
    "+a simple string that is longer than sixteen bytes\r\n",
    "-ERR unknown command 'foo'\r\n",
    "-MOVED 3999 127.0.0.1:6381\r\n",
    ":0\r\n",
    ":+5\r\n",
    ":-1\r\n",
    ":0000000000000000000000000000017\r\n",
    ":9223372036854775807\r\n",
    ":-9223372036854775808\r\n",
    "$0\r\n\r\n",
    "$3\r\nfoo\r\n",
    "$16\r\n0123456789abcdef\r\n",
    "$016\r\n0123456789abcdef\r\n",
    "$5\r\na\r\nb\r\r\n",
    std::string{"$4\r\n\0\xff\r\n\r\n"sv},
    "$-1\r\n",
    "*-1\r\n",
    "_\r\n",
    "#t\r\n",
    "#f\r\n",
    ",3.25\r\n",
    ",-1e10\r\n",
    ",10\r\n",
    ",inf\r\n",
    ",-inf\r\n",
    ",nan\r\n",
    "(3492890328409238509324850943850943825024385\r\n",
    "(-1\r\n",
    "!21\r\nSYNTAX invalid syntax\r\n",
    "=15\r\ntxt:Some string\r\n",
    "=4\r\nmkd:\r\n",
    "*0\r\n",
    "%0\r\n",
    "~0\r\n",
    "*1\r\n*0\r\n",
    "*3\r\n:1\r\n:2\r\n:3\r\n",
    "*3\r\n$3\r\nfoo\r\n$-1\r\n$3\r\nbar\r\n",
    "*5\r\n#t\r\n_\r\n,-0.125\r\n,12345678.25\r\n:123456789012\r\n",
    "*2\r\n+a\ttab and more\r\n-\t\r\n",
    "*2\r\n*3\r\n:1\r\n$5\r\nhello\r\n:2\r\n*2\r\n+a\r\n-b\r\n",
    "%2\r\n+first\r\n:1\r\n+second\r\n*2\r\n,2.5\r\n#t\r\n",
    "~3\r\n$1\r\na\r\n$1\r\nb\r\n:3\r\n",
    ">3\r\n+message\r\n+channel\r\n$5\r\nhello\r\n",
    "*1\r\n>1\r\n+nested\r\n",
    "$?\r\n;4\r\nHell\r\n;5\r\no wor\r\n;1\r\nd\r\n;0\r\n",
    "$?\r\n;0\r\n",
    "*2\r\n$?\r\n;2\r\nab\r\n;2\r\ncd\r\n;0\r\n$2\r\nef\r\n",
    "*?\r\n:1\r\n:2\r\n:3\r\n.\r\n",
    "*?\r\n.\r\n",
    "%?\r\n+a\r\n:1\r\n+b\r\n:2\r\n.\r\n",
    "~?\r\n+a\r\n*?\r\n+b\r\n.\r\n.\r\n",
    "*2\r\n*?\r\n+a\r\n.\r\n*1\r\n%?\r\n.\r\n",
    "|1\r\n+key-popularity\r\n%2\r\n$1\r\na\r\n,0.1923\r\n$1\r\nb\r\n,0.0012\r\n*2\r\n:2039123\r\n:"
    "9543892\r\n",
    "*3\r\n:1\r\n:2\r\n|1\r\n+ttl\r\n:3600\r\n:3\r\n",
    "*1\r\n|0\r\n:3\r\n",
    "|0\r\n|1\r\n+a\r\n+b\r\n+OK\r\n",
    "*?\r\n|1\r\n+a\r\n+b\r\n+c\r\n.\r\n",
    "|1\r\n+a\r\n|1\r\n+b\r\n+c\r\n+d\r\n>1\r\n+pushed\r\n",
};

/// Bytes that are not RESP: what is wrong, and at which byte.
struct bad_reply {
    std::string bytes;
    umbel::resp::fault_kind kind;
    std::uint64_t offset;
};

using kind = umbel::resp::fault_kind;

inline std::vector<bad_reply> const bad{
    {"HTTP/1.1 400 Bad Request\r\n", kind::unknown_type, 0},
    {std::string(1, '\0'), kind::unknown_type, 0},
    {"\r\n+OK\r\n", kind::unknown_type, 0},
    {"*1\r\nx\r\n", kind::unknown_type, 4},
    {"+OK\n+OK\r\n", kind::carriage_return_missing, 3},
    {"+OK\rX", kind::line_feed_missing, 4},
    {"+O\rK\r\n", kind::line_feed_missing, 3},
    {":\r\n", kind::not_an_integer, 1},
    {":-\r\n", kind::not_an_integer, 1},
    {":1a\r\n", kind::not_an_integer, 1},
    {":+-1\r\n", kind::not_an_integer, 1},
    {": 1\r\n", kind::not_an_integer, 1},
    {":9223372036854775808\r\n", kind::not_an_integer, 1},
    {":-9223372036854775809\r\n", kind::not_an_integer, 1},
    {",\r\n", kind::not_a_real, 1},
    {",1.2.3\r\n", kind::not_a_real, 1},
    {",+-1\r\n", kind::not_a_real, 1},
    {",0x10\r\n", kind::not_a_real, 1},
    {",1e999\r\n", kind::not_a_real, 1},
    {"#\r\n", kind::not_a_boolean, 1},
    {"#true\r\n", kind::not_a_boolean, 1},
    {"_x\r\n", kind::null_not_empty, 1},
    {"(\r\n", kind::not_a_big_number, 1},
    {"(12x\r\n", kind::not_a_big_number, 1},
    {"$\r\n", kind::not_a_length, 1},
    {"$-2\r\n", kind::not_a_length, 1},
    {"$+3\r\nfoo\r\n", kind::not_a_length, 1},
    {"$3x\r\nfoo\r\n", kind::not_a_length, 1},
    {"$99999999999999999999\r\n", kind::not_a_length, 1},
    {"*-2\r\n", kind::not_a_length, 1},
    {"%-1\r\n", kind::not_a_length, 1},
    {"~-1\r\n", kind::not_a_length, 1},
    {">-1\r\n", kind::not_a_length, 1},
    {">?\r\n", kind::not_a_length, 1},
    {"|?\r\n", kind::not_a_length, 1},
    {"!?\r\n", kind::not_a_length, 1},
    {"!-1\r\n", kind::not_a_length, 1},
    {"$3\r\nfooXX+OK\r\n", kind::value_without_crlf, 7},
    {"$3\r\nfoo\rX+OK\r\n", kind::value_without_crlf, 8},
    {"$3\r\nfoo\n\r", kind::value_without_crlf, 7},
    {"*2\r\n$16\r\n0123456789abcdef\r\n$16\r\n0123456789abcdefg\r\n", kind::value_without_crlf, 48},
    {"=3\r\ntxt\r\n", kind::verbatim_without_format, 1},
    {"=5\r\ntext:\r\n", kind::verbatim_without_format, 7},
    {"*1\r\n.\r\n", kind::end_misplaced, 4},
    {".\r\n", kind::end_misplaced, 0},
    {";1\r\na\r\n", kind::part_misplaced, 0},
    {"*?\r\n;1\r\n", kind::part_misplaced, 4},
    {"*?\r\n.x\r\n", kind::end_not_empty, 5},
    {"%?\r\n+a\r\n.\r\n", kind::odd_map, 8},
    {"*?\r\n|1\r\n+a\r\n+b\r\n.\r\n", kind::attribute_without_value, 16},
    {"*?\r\n|0\r\n.\r\n", kind::attribute_without_value, 8},
    {"$?\r\n+a\r\n", kind::part_expected, 4},
    {"$?\r\n;1\r\na\r\n$1\r\n", kind::part_expected, 11},
    {"$?\r\n;-1\r\n", kind::not_a_length, 5},
    {"$?\r\n;2\r\nabc\r\n", kind::value_without_crlf, 10},
    {"*2147483647\r\n", kind::too_many_elements, 1},
    {"*9223372036854775807\r\n", kind::too_many_elements, 1},
    {"%9223372036854775807\r\n", kind::too_many_elements, 1},
    {"$9223372036854775807\r\n", kind::reply_too_long, 1},
    {"$4294967296\r\n", kind::reply_too_long, 1},
    {"$?\r\n;9223372036854775807\r\n", kind::reply_too_long, 5},
};

/// What a long value inside is printed as when a check fails.
inline std::string shown(std::string_view bytes) {
    std::string text;
    for (char const byte : bytes.substr(0, 80)) {
        if (byte == '\r') {
            text += "\\r";
        } else if (byte == '\n') {
            text += "\\n";
        } else {
            text += byte;
        }
    }
    return text;
}

}  // namespace corpus
