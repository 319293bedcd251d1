#include <umbel/resp/letter_case.hpp>

#include <catch2/catch_test_macros.hpp>

#include <string>

using umbel::resp::equal_ignoring_case;

TEST_CASE("texts are equal but for the case of letters, at every length", "[letter_case]") {
    for (std::size_t size = 0; size < 40; ++size) {
        std::string const low(size, 'k');
        CHECK(equal_ignoring_case(low, std::string(size, 'K')));
        CHECK_FALSE(equal_ignoring_case(low, std::string(size + 1, 'K')));
        for (std::size_t i = 0; i < size; ++i) {
            std::string other(size, 'K');
            other[i] = 'j';
            CHECK_FALSE(equal_ignoring_case(low, other));
        }
    }
    for (int left = 0; left < 256; ++left) {
        for (int right = 0; right < 256; ++right) {
            auto const low = [](int c) { return c >= 'A' && c <= 'Z' ? c + 32 : c; };
            char const one[] = {static_cast<char>(left)};
            char const other[] = {static_cast<char>(right)};
            if (equal_ignoring_case({one, 1}, {other, 1}) != (low(left) == low(right)))
                FAIL("bytes " << left << " and " << right);
        }
    }
}
