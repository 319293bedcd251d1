// Tests of client/encoded_words.hpp: words that stand in a command, and words that are lent to it.
#include <umbel/client/encoded_words.hpp>

#include <catch2/catch_test_macros.hpp>

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

using umbel::calling::encoded_words;

namespace {

std::vector<std::string> texts(std::vector<umbel::command::argument> const& words) {
    std::vector<std::string> all;
    for (auto const& word : words) all.emplace_back(word.text());
    return all;
}

}  // namespace

TEST_CASE("encoded commands are read one after another", "[encoded_words]") {
    encoded_words reader{
        "*1\r\n$5\r\nMULTI\r\n*3\r\n$3\r\nSET\r\n$0\r\n\r\n$4\r\n\r\n*9\r\n"
        "*2\r\n$3\r\nGET\r\n$10\r\n0123456789\r\n",
        nullptr};
    CHECK_FALSE(reader.at_end());
    CHECK(texts(reader.read()) == std::vector<std::string>{"MULTI"});
    CHECK(reader.skip() == "SET");
    CHECK(texts(reader.read()) == std::vector<std::string>{"GET", "0123456789"});
    CHECK(reader.at_end());
    CHECK(encoded_words{{}, nullptr}.at_end());
}

TEST_CASE("lent words are read from where they stand", "[encoded_words]") {
    std::string_view const bytes = "*2\r\n$3\r\nSET\r\n$5\r\n\r\n*1\r\n$4\r\nPING\r\n";
    auto const at = static_cast<std::uint32_t>(bytes.find("$5") + 4);
    std::string_view const text = "value";
    std::array<umbel::engine::borrowed_piece, 1> const lent{{{at, 1, text.data(), text.size()}}};
    encoded_words reader{bytes, lent.data()};
    auto const words = reader.read();
    CHECK(texts(words) == std::vector<std::string>{"SET", "value"});
    CHECK(words[1].text().data() == text.data());
    CHECK(reader.skip() == "PING");
    CHECK(reader.at_end());
    encoded_words again{bytes, lent.data()};
    CHECK(again.skip() == "SET");
    CHECK(again.skip() == "PING");
    CHECK(again.at_end());
}
