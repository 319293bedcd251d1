// number_from.hpp: numbers that whoever runs the tests gives them by the environment, such as UMBEL_SEEDS.
#pragma once

#include <cstdint>
#include <cstdlib>

namespace umbel::test {

/// The number in a variable of the environment; `otherwise` where that is not set, or empty.
inline std::uint64_t number_from(char const* name, std::uint64_t otherwise) {
    char const* const text = std::getenv(name);
    return text != nullptr && *text != '\0' ? std::strtoull(text, nullptr, 10) : otherwise;
}

}  // namespace umbel::test
