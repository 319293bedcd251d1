// read_reply.hpp: bytes as a server sends them become a view, for the tests of the topology readers.
#pragma once

#include <umbel/resp/parser.hpp>
#include <umbel/resp/view.hpp>

#include <catch2/catch_test_macros.hpp>

#include <fstream>
#include <iterator>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace umbel::test {

/// Owns the bytes and the tape of one reply.
class read_reply {
public:
    explicit read_reply(std::string bytes) : bytes_{std::move(bytes)} {
        parser_.start();
        REQUIRE(parser_.parse(std::span<char>{bytes_}) == resp::parser::status::complete);
    }
    read_reply(read_reply const&) = delete;
    read_reply& operator=(read_reply const&) = delete;

    resp::view root() const noexcept { return {parser_.root(), bytes_.data()}; }
    operator resp::view() const noexcept { return root(); }
    std::string_view text() const noexcept { return root().text(); }

private:
    std::string bytes_;
    resp::parser parser_;
};

/// The bytes of a reply that was captured from a real server.
inline std::string captured(std::string const& name) {
    std::ifstream file{std::string{UMBEL_TEST_DATA_DIR "/cluster/data/"} + name + ".resp", std::ios::binary};
    REQUIRE(file);
    return {std::istreambuf_iterator<char>{file}, std::istreambuf_iterator<char>{}};
}

}  // namespace umbel::test
