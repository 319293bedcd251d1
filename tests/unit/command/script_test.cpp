#include <umbel/command/script.hpp>

#include <catch2/catch_test_macros.hpp>

#include <concepts>
#include <string>
#include <string_view>
#include <utility>

using umbel::function_library;
using umbel::script;

namespace {

constexpr script one{"return 1"};
constexpr function_library library{"#!lua name=counters\nredis.register_function('add', add)"};
constexpr umbel::library_function add = library.function("add");

template <class Library>
concept gives_functions = requires(Library&& from) { std::forward<Library>(from).function("f"); };

}  // namespace

TEST_CASE("a script knows its SHA1 when it is compiled", "[script]") {
    STATIC_CHECK(one.text() == "return 1");
    STATIC_CHECK(one.sha1() == "e0e1f9fabfc9d4800c877a703b823ac0578ff8db");
    std::string const text = "return 1";
    CHECK(script{text}.sha1() == one.sha1());
}

TEST_CASE("neither a script nor a library borrows a string that is gone", "[script]") {
    STATIC_CHECK(!std::constructible_from<script, std::string>);
    STATIC_CHECK(std::constructible_from<script, std::string const&>);
    STATIC_CHECK(!std::constructible_from<function_library, std::string>);
}

TEST_CASE("no function borrows a library that is gone", "[script]") {
    STATIC_CHECK(gives_functions<function_library const&>);
    STATIC_CHECK(!gives_functions<function_library>);
    STATIC_CHECK(!gives_functions<function_library const>);
    STATIC_CHECK(!std::constructible_from<umbel::library_function, function_library, std::string_view>);
}

TEST_CASE("a library leaves another of its name alone unless it is told to replace it", "[script]") {
    STATIC_CHECK(library.existing() == umbel::if_library_exists::keep);
    STATIC_CHECK(function_library{"#!lua name=l", umbel::if_library_exists::replace}.existing() ==
                 umbel::if_library_exists::replace);
}

TEST_CASE("a function knows its library", "[script]") {
    STATIC_CHECK(add.name() == "add");
    STATIC_CHECK(add.library().text() == library.text());
}
