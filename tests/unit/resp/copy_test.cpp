// Tests of resp::copy_text: every length, and not a byte beside it.
#include <umbel/resp/copy.hpp>

#include <catch2/catch_test_macros.hpp>

#include <string>

TEST_CASE("a text of any length is copied, and nothing around it is touched", "[copy]") {
    for (std::size_t size = 0; size <= 200; ++size) {
        std::string from;
        for (std::size_t at = 0; at < size; ++at) from.push_back(static_cast<char>('a' + at % 26));
        // Exactly as long as the text: a sanitizer sees a read beyond it.
        std::string const source{from.begin(), from.end()};
        std::string to(size + 16, '#');
        umbel::resp::copy_text(to.data() + 8, source.data(), size);
        CHECK(to == std::string(8, '#') + from + std::string(8, '#'));
    }
}
