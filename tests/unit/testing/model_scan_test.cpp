// Tests of testing/model_scan.hpp: SCAN of a model node, whose order is its process's.
#include <umbel/testing/model_scan.hpp>

#include <catch2/catch_test_macros.hpp>

#include <set>
#include <string>

using namespace umbel::testing;

namespace {

/// The cursor and the keys of a reply in RESP.
std::pair<std::string, std::set<std::string>> read(std::string const& reply) {
    std::vector<std::string> texts;
    for (std::size_t at = 0; (at = reply.find('$', at)) != std::string::npos;) {
        std::size_t const line = reply.find("\r\n", at);
        std::size_t const length = std::stoul(reply.substr(at + 1, line - at - 1));
        texts.push_back(reply.substr(line + 2, length));
        at = line + 2 + length;
    }
    return {texts.at(0), {texts.begin() + 1, texts.end()}};
}

}  // namespace

TEST_CASE("all keys are told page by page, with one process's cursor", "[model]") {
    model_store store;
    for (int at = 0; at < 40; ++at) store["k" + std::to_string(at)].text = "1";
    store["list"].is_list = true;
    std::set<std::string> seen;
    std::string cursor = "0";
    int pages = 0;
    do {
        auto const [next, keys] = read(scan_reply(store, {"SCAN", cursor, "COUNT", "7"}, 3));
        seen.insert(keys.begin(), keys.end());
        cursor = next;
        ++pages;
    } while (cursor != "0");
    CHECK(seen.size() == 41);
    CHECK(pages == 6);
    CHECK(read(scan_reply(store, {"SCAN", "0", "COUNT", "99", "TYPE", "list"}, 3)).second.size() == 1);
    CHECK(read(scan_reply(store, {"SCAN", "0", "COUNT", "99", "MATCH", "k1*"}, 3)).second.size() == 11);
    CHECK(place_of("a", 1) != place_of("a", 2));
}

TEST_CASE("the members of a set are told page by page, whatever else there is", "[model]") {
    model_store store;
    store["list"].is_list = true;
    store["set"].is_set = true;
    for (int at = 0; at < 20; ++at) store["set"].items.push_back("m" + std::to_string(at));
    auto const [next, some] = read(scan_reply(store, {"SSCAN", "set", "0", "COUNT", "7"}, 3));
    auto const [end, rest] = read(scan_reply(store, {"SSCAN", "set", next, "COUNT", "99"}, 3));
    CHECK(some.size() == 7);
    CHECK(rest.size() == 13);
    CHECK(end == "0");
    CHECK(read(scan_reply(store, {"SSCAN", "none", "0"}, 3)).second.empty());
    CHECK(scan_reply(store, {"SSCAN", "list", "0"}, 3).starts_with("-WRONGTYPE"));
}
