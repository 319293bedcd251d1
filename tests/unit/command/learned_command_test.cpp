// Tests of command/learned_command.hpp: where the keys of a command stand by its specifications. What servers
// tell is read in command_info_test.cpp.
#include <umbel/command/keys_of.hpp>

#include <catch2/catch_test_macros.hpp>

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using namespace umbel::command;

namespace {

/// The indices of the keys, "1 3"; "-" where there are none; "#" in front where they are no keys; or the
/// message of the error.
std::string found(std::vector<key_specification> specs, std::vector<std::string_view> const& argv) {
    learned_command made{"x.do"};
    made.keys = {.search = key_search::specified};
    made.specifications = std::move(specs);
    auto const keys = keys_of(&made, argv);
    if (!keys) return std::string{keys.error().message()};
    std::string text{keys->channels ? "#" : ""};
    for (std::size_t nth = 0; nth < keys->size(); ++nth)
        text.append(nth == 0 ? "" : " ").append(std::to_string((*keys)[nth]));
    return keys->empty() ? "-" : text;
}

}  // namespace

TEST_CASE("a range begins at an index and ends at one, or counts from the end", "[learned_command]") {
    CHECK(found({{.begin = 1}}, {"x.do", "k"}) == "1");
    CHECK(found({{.begin = 1}}, {"x.do"}) == "-");
    CHECK(found({{.begin = 2, .last = -1}}, {"x.do", "a", "k", "l"}) == "2 3");
    CHECK(found({{.begin = 1, .last = -2, .step = 2}}, {"x.do", "k", "v", "l", "v", "o"}) == "1 3");
    CHECK(found({{.begin = 1, .last = 3}}, {"x.do", "k"}) == "-");
    CHECK(found({{.begin = 1, .last = -1, .limit = 2}}, {"x.do", "k", "l", "1", "2"}) == "1 2");
}

TEST_CASE("keys stand behind a keyword, looked for from either end", "[learned_command]") {
    key_specification const from{.keyword = "FROM", .begin = 1};
    CHECK(found({from}, {"x.do", "a", "from", "k"}) == "3");
    CHECK(found({from}, {"x.do", "from", "from", "k"}) == "2");
    CHECK(found({from}, {"x.do", "a", "k"}) == "-");
    CHECK(found({from}, {"x.do", "a", "from"}) == "-");
    key_specification const back{.keyword = "TO", .begin = -2};
    CHECK(found({back}, {"x.do", "to", "a", "to", "k"}) == "4");
    CHECK(found({back}, {"x.do", "k"}) == "-");
    key_specification far = back;
    far.begin = -100;
    CHECK(found({far}, {"x.do", "to", "k"}) == "-");
}

TEST_CASE("a number of keys stands anywhere in front of them", "[learned_command]") {
    key_specification const counted{.begin = 1, .counted = true, .number_at = 1, .first = 3, .step = 2};
    CHECK(found({counted}, {"x.do", "a", "2", "b", "k", "v", "l", "v"}) == "4 6");
    CHECK(found({counted}, {"x.do", "a", "0", "b", "k"}) == "-");
    CHECK(found({counted}, {"x.do", "a"}) == "-");
    CHECK(found({counted}, {"x.do", "a", "9", "b", "k"}) ==
          "\"x.do\": the number of keys \"9\" is larger than the number of arguments behind it");
    CHECK(found({counted}, {"x.do", "a", "b", "b", "k"}) ==
          "\"x.do\": the number of keys \"b\" is not a number above zero");
}

TEST_CASE("two places are followed, and what is no key counts where there is none", "[learned_command]") {
    CHECK(found({{.begin = 1}, {.begin = 3}}, {"x.do", "k", "a", "l"}) == "1 3");
    CHECK(found({{.begin = 1}, {.begin = 2}, {.begin = 3}}, {"x.do", "k", "l"}) == "1 2");
    CHECK(found({{.begin = 1}, {.begin = 2}, {.begin = 3}}, {"x.do", "k", "l", "m"}).find("umbel::key") !=
          std::string::npos);
    CHECK(found({{.begin = 1, .no_key = true}}, {"x.do", "c"}) == "#1");
    CHECK(found({{.begin = 1, .no_key = true}, {.begin = 2}}, {"x.do", "c", "k"}) == "2");
}

TEST_CASE("two descriptions are the same where all of them is", "[learned_command]") {
    auto const described = [](auto change) {
        learned_command made{"x.do"};
        made.keys = {.search = key_search::specified};
        made.specifications = {{.begin = 1}};
        made.subcommands.push_back(std::make_unique<learned_command>("x.do|sub"));
        change(made);
        learned_command other{"x.do"};
        other.keys = {.search = key_search::specified};
        other.specifications = {{.begin = 1}};
        other.subcommands.push_back(std::make_unique<learned_command>("x.do|sub"));
        return made == other;
    };
    CHECK(described([](learned_command&) {}));
    CHECK_FALSE(described([](learned_command& made) { made.flags = command_flag::read_only; }));
    CHECK_FALSE(described([](learned_command& made) { made.request = request_policy::multi_shard; }));
    CHECK_FALSE(described([](learned_command& made) { made.specifications[0].begin = 2; }));
    CHECK_FALSE(described([](learned_command& made) { made.subcommands.clear(); }));
    CHECK_FALSE(described([](learned_command& made) { made.subcommands[0]->arity = 3; }));
}
