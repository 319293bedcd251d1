#include <umbel/engine/session_table.hpp>

#include <catch2/catch_test_macros.hpp>

#include <memory>
#include <set>

using namespace umbel::engine;

TEST_CASE("a session is found by its link: node, mode and context", "[session_table]") {
    session_table<int> table{4, 2};
    link_id const link{3, link_mode::replica, 1};
    CHECK(table.find(link) == nullptr);
    int& session = table.add(link, std::make_unique<int>(7));
    CHECK(table.find(link) == &session);
    CHECK(table.find({3, link_mode::replica, 0}) == nullptr);
    CHECK(table.find({3, link_mode::primary, 1}) == nullptr);
    CHECK(table.all().size() == 1);
}

TEST_CASE("each link has a place of its own", "[session_table]") {
    session_table<int> table{4, 3};
    std::set<std::size_t> places;
    for (std::uint16_t node = 0; node < 4; ++node)
        for (link_mode const mode : {link_mode::primary, link_mode::replica})
            for (std::uint8_t context = 0; context < 3; ++context)
                places.insert(table.place_of({node, mode, context}));
    CHECK(places.size() == 24);
    CHECK(*places.rbegin() == 23);
}

TEST_CASE("leases are found by their number, too, and only where they are", "[session_table]") {
    session_table<int> table{4, 2};
    link_id const link{3, leased_link(9), 1};
    CHECK(table.find_any(link) == nullptr);
    int& session = table.add(link, std::make_unique<int>(7));
    int& shared = table.add({3, link_mode::primary, 1}, std::make_unique<int>(8));
    CHECK(table.find_any(link) == &session);
    CHECK(table.find_any({3, link_mode::primary, 1}) == &shared);
    CHECK(table.find_any({3, leased_link(8), 1}) == nullptr);
    CHECK(table.find_any({3, leased_link(9), 0}) == nullptr);
    CHECK(table.find_any({2, leased_link(9), 1}) == nullptr);
    table.hide_all();
    CHECK(table.find_any(link) == nullptr);
    CHECK(table.all().size() == 2);
}

TEST_CASE("hidden sessions are found no more, but stay", "[session_table]") {
    session_table<int> table{1, 1};
    table.add({0}, std::make_unique<int>(7));
    table.hide_all();
    CHECK(table.find({0}) == nullptr);
    CHECK(table.all().size() == 1);
}
