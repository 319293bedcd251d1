#include <umbel/cluster/slot.hpp>

#include <catch2/catch_test_macros.hpp>

#include <cstdint>
#include <fstream>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <vector>

using namespace umbel::cluster;

namespace {

// The specification's own words: one bit after the other.
std::uint16_t crc16_by_bits(std::string_view bytes) {
    unsigned crc = 0;
    for (char const byte : bytes) {
        crc ^= static_cast<unsigned>(static_cast<unsigned char>(byte)) << 8;
        for (int bit = 0; bit < 8; ++bit) crc = (crc & 0x8000u) != 0 ? crc << 1 ^ 0x1021u : crc << 1;
        crc &= 0xffffu;
    }
    return static_cast<std::uint16_t>(crc);
}

// The hash tag as the specification's C code finds it.
std::string_view tag_by_specification(std::string_view key) {
    std::size_t open = 0;
    while (open < key.size() && key[open] != '{') ++open;
    if (open == key.size()) return key;
    std::size_t close = open + 1;
    while (close < key.size() && key[close] != '}') ++close;
    if (close == key.size() || close == open + 1) return key;
    return key.substr(open + 1, close - open - 1);
}

std::string from_hex(std::string_view hex) {
    auto const digit = [](char byte) { return byte <= '9' ? byte - '0' : byte - 'a' + 10; };
    std::string bytes;
    for (std::size_t at = 0; at + 1 < hex.size(); at += 2)
        bytes.push_back(static_cast<char>(digit(hex[at]) * 16 + digit(hex[at + 1])));
    return bytes;
}

}  // namespace

TEST_CASE("the check value of CRC16/XMODEM is 31C3", "[slot]") {
    CHECK(detail::crc16("123456789", 9) == 0x31c3);
    CHECK(detail::crc16("", 0) == 0);
}

TEST_CASE("slots are known at compile time", "[slot]") {
    STATIC_CHECK(slot_of("foo").value() == 12182);
    STATIC_CHECK(slot_of("bar").value() == 5061);
    STATIC_CHECK(slot_of("").value() == 0);
    STATIC_CHECK(slot_of("{user1000}.following") == slot_of("user1000"));
    STATIC_CHECK(slot_of("0123456789abcdef0123456789abcdef0") ==
                 slot_of("x{0123456789abcdef0123456789abcdef0}"));
}

TEST_CASE("only the first brace and the first one that closes it make a hash tag", "[slot]") {
    CHECK(hash_tag("{user1000}.following") == "user1000");
    CHECK(hash_tag("foo{}{bar}") == "foo{}{bar}");
    CHECK(hash_tag("foo{{bar}}zap") == "{bar");
    CHECK(hash_tag("foo{bar}{zap}") == "bar");
    CHECK(hash_tag("foo{bar") == "foo{bar");
    CHECK(hash_tag("foo}bar{") == "foo}bar{");
    CHECK(hash_tag("}{x}") == "x");
    CHECK(hash_tag("") == "");
    CHECK(hash_tag(std::string(500, 'a') + "{tag}") == "tag");
}

TEST_CASE("the server gives every key of the sample the same slot", "[slot]") {
    std::ifstream file{UMBEL_TEST_DATA_DIR "/cluster/data/keyslots.jsonl"};
    REQUIRE(file);
    std::size_t seen = 0;
    for (std::string line; std::getline(file, line); ++seen) {
        std::size_t const hex = line.find("\"key_hex\": \"") + 12;
        std::string const key = from_hex(std::string_view{line}.substr(hex, line.find('"', hex) - hex));
        int const expected = std::stoi(line.substr(line.find("\"slot\": ") + 8));
        INFO(line);
        REQUIRE(slot_of(key).value() == expected);
    }
    CHECK(seen >= 500);
}

TEST_CASE("keys of every length hash as bit by bit, and no byte beyond the key is read", "[slot]") {
    std::mt19937 random{7};
    for (std::size_t size = 0; size <= 300; ++size) {
        // Exactly as large as the key, so that the address sanitizer sees one byte too many.
        auto const key = std::make_unique<char[]>(size);
        for (int round = 0; round < 8; ++round) {
            for (std::size_t at = 0; at < size; ++at) key[at] = static_cast<char>(random());
            std::string_view const bytes{key.get(), size};
            REQUIRE(detail::crc16(bytes.data(), size) == crc16_by_bits(bytes));
            REQUIRE(slot_of(bytes).value() == crc16_by_bits(tag_by_specification(bytes)) % 16384);
        }
    }
}

TEST_CASE("a hash tag is found wherever its braces stand", "[slot]") {
    for (std::size_t size : {2u, 3u, 7u, 8u, 9u, 15u, 16u, 17u, 24u, 31u, 32u, 33u, 64u, 97u}) {
        for (std::size_t open = 0; open < size; ++open) {
            for (std::size_t close = 0; close < size; ++close) {
                std::string key(size, 'k');
                key[open] = '{';
                key[close] = '}';
                REQUIRE(hash_tag(key) == tag_by_specification(key));
            }
        }
    }
}

TEST_CASE("bytes beside a brace that differ from it in one bit are not taken for it", "[slot]") {
    // 'z' is '{' with its lowest bit changed, '|' is one more than '}'.
    CHECK(hash_tag("zzzz{user}zzzz") == "user");
    CHECK(hash_tag("zzzzzzzzzzzzzzz") == "zzzzzzzzzzzzzzz");
    CHECK(hash_tag("\xfb\xfb{|}\xfd") == "|");
    CHECK(hash_tag("{\xfd\x7c|}") == "\xfd\x7c|");
}

TEST_CASE("slots are ordered by their number", "[slot]") {
    CHECK(slot{1} < slot{2});
    CHECK(slot{16383}.value() == 16383);
    CHECK(slot{} == slot{0});
}
