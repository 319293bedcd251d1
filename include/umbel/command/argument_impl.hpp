// argument_impl.hpp: behind the boundary of argument.hpp: how numbers are spelled.
#pragma once

#include <umbel/command/argument.hpp>

#include <charconv>
#include <cstring>
#include <string_view>

namespace umbel::command {

UMBEL_BOUNDARY void argument::spell(std::int64_t number) noexcept {
    size_ = static_cast<std::size_t>(std::to_chars(digits_, digits_ + sizeof digits_, number).ptr - digits_);
}

UMBEL_BOUNDARY void argument::spell(std::uint64_t number) noexcept {
    size_ = static_cast<std::size_t>(std::to_chars(digits_, digits_ + sizeof digits_, number).ptr - digits_);
}

UMBEL_BOUNDARY void argument::spell(double number) noexcept {
    resp::number_text const made{number};
    std::string_view const spelled = made;
    size_ = spelled.size();
    std::memcpy(digits_, spelled.data(), size_);
}

}  // namespace umbel::command
