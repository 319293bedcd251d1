// Tests of client/scan_text.hpp: a scan's progress as text.
#include <umbel/client/scan_text.hpp>

#include <catch2/catch_test_macros.hpp>

#include <string>

using namespace umbel::calling;

namespace {

std::string const usual =
    "umbel-scan 1;00000000000000ff;0-5,9;h:1|p/r|a|0|0-8|;"
    "+[::1]:2|q/s|b|1234|100";

}  // namespace

TEST_CASE("progress is written and read, passes that have ended and the one under way", "[scan]") {
    scan_progress scan;
    scan.proven.set(3);
    scan.finished.push_back({.node = "h:1", .process = "p/r", .id = "a", .cursor = "0"});
    scan.finished.back().kept.set(7);
    scan.pass.emplace(scan_pass{.node = "[::1]:2", .process = "q/s", .id = "b", .cursor = "1234"});
    std::string const text = write_progress(scan, 0xff);
    CHECK(text == "umbel-scan 1;00000000000000ff;3;h:1|p/r|a|0|7;+[::1]:2|q/s|b|1234|");
    auto const read = read_progress(text, 0xff);
    REQUIRE(read);
    CHECK(read->proven == scan.proven);
    REQUIRE(read->finished.size() == 1);
    CHECK(read->finished[0].kept.test(7));
    REQUIRE(read->pass);
    CHECK(read->pass->cursor == "1234");
    CHECK(read->pass->process == "q/s");
    CHECK(read->visited == std::vector<std::string>{"h:1", "[::1]:2"});
    CHECK(write_progress(*read, 0xff) == text);
    scan.done = true;
    auto const over = read_progress(write_progress(scan, 0xff), 0xff);
    REQUIRE(over);
    CHECK(over->done);
}

TEST_CASE("a text of other filters, and one that is malformed, is refused", "[scan]") {
    auto const refused = [](std::string const& text, std::uint64_t filters = 0xff) {
        auto const read = read_progress(text, filters);
        return !read && read.error() == umbel::errc::bad_argument;
    };
    CHECK(refused(write_progress({}, 0xff), 0xfe));
    for (char const* const bad :
         {"", "umbel-scan 2;ff;", "umbel-scan 1;xx;", "umbel-scan 1;ff;9-1", "umbel-scan 1;ff;;h:1|p|a|x|0",
          "umbel-scan 1;ff;;h:1|p|a|1|x", "umbel-scan 1;ff;;|p|a|1|0", "umbel-scan 1;ff;;h:1|p|a||0",
          "umbel-scan 1;ff;;+h:1|p|a|1|0;+h:2|p|a|1|0"})
        CHECK(refused(bad));
    // Every text that is cut short is read or refused, and never more than that.
    for (std::size_t length = 0; length < usual.size(); ++length)
        static_cast<void>(read_progress(usual.substr(0, length), 0xff));
}
