// readme_test: what the README shows is what the examples do, letter for letter; the examples are compiled,
// so the README compiles.
#include "readme_blocks.hpp"

#include <catch2/catch_test_macros.hpp>

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

using namespace architecture;

namespace {

std::filesystem::path const root{UMBEL_SOURCE_DIR};

/// True when what stands between a co_await and the end of its statement makes options of a client.
bool awaits_options(std::string_view text) {
    for (std::size_t at = text.find("co_await"); at != std::string_view::npos;
         at = text.find("co_await", at + 1)) {
        std::string_view const operand = text.substr(at, text.find(';', at) - at);
        if (operand.find(".seeds") != std::string_view::npos ||
            operand.find("options{") != std::string_view::npos)
            return true;
    }
    return false;
}

}  // namespace

TEST_CASE("every C++ block of the README is a region of an example", "[readme]") {
    if (!std::filesystem::exists(root / "README.md")) SKIP("no README.md");
    auto const content = blocks_of(read_file(root / "README.md"));
    for (auto const line : content.unmarked_cpp) {
        INFO("README.md:" << line);
        CHECK(false);  // A C++ block has no marker.
    }
    for (auto const& block : content.marked) {
        INFO("README.md:" << block.line << " shows " << block.file << " [" << block.region << "]");
        REQUIRE(std::filesystem::exists(root / block.file));
        auto const region = region_of(read_file(root / block.file), block.region);
        REQUIRE(region.has_value());
        CHECK(block.code == *region);
    }
}

TEST_CASE("neither the README nor an example has a client's options in the operand of a co_await",
          "[readme]") {
    // Options own texts, and g++ 12 frees those of such an operand twice.
    std::vector<std::filesystem::path> files;
    for (auto const& entry : std::filesystem::directory_iterator{root / "examples"})
        if (entry.path().extension() == ".cpp") files.push_back(entry.path());
    REQUIRE_FALSE(files.empty());
    files.push_back(root / "README.md");
    for (auto const& file : files) {
        INFO(file);
        CHECK_FALSE(awaits_options(read_file(file)));
    }
    CHECK(awaits_options("co_await use(umbel::client{io, {.seeds = {seed}}});"));
    CHECK(awaits_options("co_await use(umbel::options{});"));
    CHECK_FALSE(awaits_options("umbel::client db{io, {.seeds = {seed}}}; co_await db.get(\"k\");"));
}

TEST_CASE("a region is what stands between its two marks, without the common indentation", "[readme]") {
    std::string const source =
        "int main() {\n    // [get]\n    if (x) {\n        y();\n\n    }\n    // [get]\n}\n";
    CHECK(region_of(source, "get") == "if (x) {\n    y();\n\n}\n");
    CHECK(region_of(source, "") == source);
    CHECK(region_of(source, "set") == std::nullopt);
    CHECK(region_of("// [get]\nx\n", "get") == std::nullopt);
}

TEST_CASE("blocks are found with their marks, and C++ blocks without one are told", "[readme]") {
    auto const content = blocks_of(
        "text\n<!-- example: examples/a.cpp -->\n```cpp\nint a;\n```\n\n```sh\nls\n```\n```cpp\nint b;\n```\n"
        "<!-- example: examples/c.cpp [get] -->\n```cpp\nint c;\n```\n");
    REQUIRE(content.marked.size() == 2);
    CHECK(content.marked[0].file == "examples/a.cpp");
    CHECK(content.marked[0].region.empty());
    CHECK(content.marked[0].code == "int a;\n");
    CHECK(content.marked[1].region == "get");
    CHECK(content.marked[1].code == "int c;\n");
    REQUIRE(content.unmarked_cpp.size() == 1);
    CHECK(content.unmarked_cpp[0] == 10);
}
