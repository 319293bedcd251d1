// Tests of engine/url_parameters.hpp: every option has its parameter, or a reason why it has none.
#include <umbel/engine/url_parameters.hpp>

#include <catch2/catch_test_macros.hpp>

#include <fstream>
#include <map>
#include <regex>
#include <set>
#include <string>
#include <string_view>

using namespace umbel::engine;
using umbel::options;

namespace {

/// Why a text cannot express these options.
std::map<std::string, std::string> const& reasons() {
    static std::map<std::string, std::string> const without_parameter{
        {"seeds", "the hosts of the URL"},
        {"address_function", "a function of the program"},
        {"address_context", "a pointer into the program"},
        {"credential_provider", "a function of the program"},
        {"tls", "contexts and files of the program; rediss:// alone asks for it"},
        {"sentinel_tls", "as tls; rediss-sentinel:// alone asks for it"},
        {"setup_commands", "commands: whoever writes a URL must not choose what a program sends"},
    };
    return without_parameter;
}

/// The members of umbel::options, as its header declares them.
std::set<std::string> declared_options() {
    std::ifstream header{std::string{UMBEL_SOURCE_DIR} + "/include/umbel/options.hpp"};
    std::regex const member{R"(^    [A-Za-z_][\w:<>, *&]*[ *&](\w+)(\{.*| = .*|;.*)$)"};
    std::set<std::string> found;
    bool inside = false;
    for (std::string line; std::getline(header, line);) {
        if (line == "struct options {") inside = true;
        if (line == "};") inside = false;
        std::smatch parts;
        if (inside && !line.starts_with("    using ") && std::regex_match(line, parts, member))
            found.insert(parts[1]);
    }
    return found;
}

/// A value that differs from the default of every option of its form.
std::string sample_of(url_option const& option) {
    std::string const form = option.form();
    if (form.starts_with("pairs")) return "10.0.0.1:6379=x";
    if (form == "a text") return "some text";
    if (!form.starts_with("one of")) return "77";
    // The last word that is not the default.
    for (std::string_view rest = form;;) {
        std::size_t const space = rest.rfind(' ');
        std::string const word{rest.substr(space + 1)};
        options changed;
        if (option.read(word, changed) && !option.same(changed, options{})) return word;
        rest = rest.substr(0, rest.rfind(rest[space - 1] == ',' ? ',' : ' '));
    }
}

}  // namespace

TEST_CASE("every option has a parameter of a URL, or a reason why it has none", "[url]") {
    std::set<std::string> const declared = declared_options();
    CHECK(declared.size() > 50);
    for (std::string const& name : declared) {
        INFO(name << " needs a row in url_options, or a reason in this test");
        CHECK((find_url_option(name) != no_url_option) != reasons().contains(name));
    }
    for (url_option const& option : url_options) {
        INFO(option.name << " is no option");
        CHECK(declared.contains(std::string{option.name}));
    }
    for (auto const& [name, reason] : reasons()) {
        INFO(name << " is no option");
        CHECK(declared.contains(name));
    }
}

TEST_CASE("a parameter sets its own option and no other", "[url]") {
    for (url_option const& option : url_options) {
        options changed;
        INFO(option.name << "=" << sample_of(option));
        REQUIRE(option.read(sample_of(option), changed));
        for (url_option const& other : url_options)
            CHECK(other.same(changed, options{}) == (&other != &option));
    }
}

TEST_CASE("a parameter refuses what is no value of its option", "[url]") {
    for (url_option const& option : url_options) {
        if (option.form() == "a text") continue;
        options changed;
        INFO(option.name);
        CHECK_FALSE(option.read("no such value", changed));
        CHECK_FALSE(option.read("", changed));
        CHECK_FALSE(option.read("-1", changed));
    }
}

TEST_CASE("only a deadline is none", "[url]") {
    for (url_option const& option : url_options) {
        options changed;
        INFO(option.name);
        if (option.form() != "a text") CHECK(option.read("none", changed) == (option.name == "deadline"));
    }
}

TEST_CASE("sizes take units of bytes, counts do not", "[url]") {
    for (url_option const& option : url_options) {
        options changed;
        INFO(option.name);
        bool const bytes = option.name.find("bytes") != std::string_view::npos;
        if (option.form() != "a text") CHECK(option.read("2mb", changed) == bytes);
    }
}

TEST_CASE("names of other clients find their options", "[url]") {
    CHECK(find_url_option("db") == find_url_option("database"));
    CHECK(find_url_option("user") == find_url_option("username"));
    CHECK(find_url_option("pass") == find_url_option("password"));
    CHECK(find_url_option("timeout") == find_url_option("deadline"));
    CHECK(find_url_option("clientName") == find_url_option("client_name"));
    CHECK(find_url_option("Database") == no_url_option);
    CHECK(find_url_option("") == no_url_option);
}
