// Tests of client/scan_progress.hpp: which slots a scan has proven to have seen, and which not.
#include <umbel/client/scan_progress.hpp>

#include <umbel/cluster/topology_parse_nodes.hpp>

#include <catch2/catch_test_macros.hpp>

#include <string>
#include <vector>

using namespace umbel::calling;
using umbel::cluster::topology;

namespace {

slot_set slots(std::string_view text) {
    auto const read = read_slots(text);
    REQUIRE(read);
    return *read;
}
topology told(std::string_view nodes) {
    auto const read = umbel::cluster::parse_cluster_nodes(nodes, {.queried_host = "h"});
    REQUIRE(read);
    return *read;
}
scan_testimony of(std::string process, std::string_view whole, std::string id = "a") {
    return {std::move(process), std::move(id), slots(whole)};
}
/// A pass over node "a" that has come to its end.
scan_pass ended(std::string_view kept) {
    scan_pass pass{.node = "h:1"};
    CHECK(pass.page(of("p", kept), "0"));
    return pass;
}

}  // namespace

TEST_CASE("slots are written and read as ranges", "[scan]") {
    for (char const* const text : {"", "0", "0-16383", "3,5-7,9", "16383"})
        CHECK(text_of(slots(text)) == text);
    CHECK(text_of(slots("5,6,7-9")) == "5-9");
    for (char const* const bad : {"x", "1-", "2-1", "16384", "1,", ",1", "1 2", "-1", "1--2"})
        CHECK_FALSE(read_slots(bad).has_value());
}

TEST_CASE("a slot on its way, out or in, is not whole", "[scan]") {
    topology const view = told(
        "a h:1@2 myself,master - 0 0 3 connected 0-9 20 [5->-b] [30-<-b]\n"
        "b h:3@4 master - 0 0 2 connected 10-19 30\n");
    CHECK(text_of(whole_slots(view)) == "0-4,6-9,20");
    topology const copy =
        told("a h:1@2 master - 0 0 3 connected 0-9\nc h:5@6 myself,slave a 0 0 3 connected\n");
    CHECK(whole_slots(copy).none());
}

TEST_CASE("a pass keeps the slots that its node vouches for with each page", "[scan]") {
    scan_pass pass{.node = "h:1"};
    CHECK_FALSE(pass.page(of("p", "0-9"), "17"));
    CHECK(pass.cursor == "17");
    CHECK_FALSE(pass.page(of("p", "0-5,9"), "4"));
    CHECK(pass.page(of("p", "0-9"), "0"));  // Slots 6 to 8 were away for a page.
    CHECK(text_of(pass.kept) == "0-5,9");
}

TEST_CASE("another process, history or id begins the pass anew", "[scan]") {
    for (auto const& [process, id] : {std::pair{"other", "a"}, std::pair{"p", "b"}}) {
        scan_pass pass{.node = "h:1"};
        CHECK_FALSE(pass.page(of("p", "0-9"), "17"));
        CHECK_FALSE(pass.page(of(process, "0-9", id), "0"));  // An end that counts for nothing.
        CHECK(pass.cursor == "0");
        CHECK(pass.node == "h:1");
        CHECK(pass.kept.none());
        CHECK(pass.page(of(process, "0-3", id), "0"));
        CHECK(text_of(pass.kept) == "0-3");
    }
}

TEST_CASE("a round proves what the claim with the highest epoch gives to the node that was scanned",
          "[scan]") {
    scan_progress scan;
    scan.finished.push_back(ended("0-8000"));
    scan.visited.push_back("h:1");
    // One that was cut off takes "a" for the owner of everything; others know that 100 has moved.
    std::vector<topology> const views{
        told("a h:1@2 myself,master - 0 0 3 connected 0-8191\nb h:3@4 master - 0 0 2 connected 8192-16383\n"),
        told("a h:1@2 master - 0 0 3 connected 0-99 101-8191\n"
             "b h:3@4 myself,master - 0 0 4 connected 100 8192-16383\n")};
    CHECK_FALSE(scan.end_round(views, false));
    CHECK(text_of(scan.proven) == "0-99,101-8000");
    CHECK(scan.rounds == 1);
    CHECK(scan.visited.empty());
    CHECK(scan.finished.empty());
    CHECK_FALSE(scan.wants(0));
    CHECK(scan.wants(100));
    scan_pass other{.node = "h:3"};
    CHECK(other.page(of("q", "0-16383", "b"), "0"));
    scan.finished = {other, ended("8001-8191")};
    CHECK(scan.end_round(views, false));
    CHECK(scan.done);
    CHECK(scan.rounds == 1);
}

TEST_CASE("slots that nobody serves are waited for, or skipped", "[scan]") {
    std::vector<topology> const view{told("a h:1@2 myself,master - 0 0 3 connected 0-8191\n")};
    for (bool const skip : {false, true}) {
        scan_progress scan;
        scan.finished.push_back(ended("0-8191"));
        CHECK(scan.end_round(view, skip) == skip);
        CHECK(text_of(scan.unserved) == "8192-16383");
    }
}
