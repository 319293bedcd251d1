// The ledger must forgive the writes that the model has lost, and no others: what it forgives, no checker
// sees.
#include <umbel/testing/ledger.hpp>

#include <catch2/catch_test_macros.hpp>

#include <array>
#include <chrono>

using namespace umbel::testing;
using std::chrono_literals::operator""ms;

namespace {

/// Two writes that every copy has seen, then one copy goes on for three writes, another for one.
struct forked {
    ledger book;
    std::uint64_t first = book.wrote(1ms, 0);
    std::uint64_t second = book.wrote(2ms, first);
    std::uint64_t left = book.wrote(5ms, book.wrote(4ms, book.wrote(3ms, second)));
    std::uint64_t right = book.wrote(6ms, second);
};

}  // namespace

TEST_CASE("a copy that is given up loses what no other copy has seen, from the first such write to the last",
          "[ledger]") {
    forked fork;
    CHECK(fork.book.gave_up("k", fork.left, std::array{fork.right}, "why") == 3);
    REQUIRE(fork.book.losses().at("k").size() == 1);
    model_loss const& lost = fork.book.losses().at("k").front();
    CHECK(lost.from == 3ms);
    CHECK(lost.until == 5ms);
    CHECK(lost.reason == "why");
    CHECK(fork.book.may_be_lost("k"));
    CHECK_FALSE(fork.book.may_be_lost("other"));
}

TEST_CASE("a copy that is given up loses nothing where another has seen its last write", "[ledger]") {
    forked fork;
    CHECK(fork.book.gave_up("k", fork.second, std::array{fork.left}, "why") == 0);
    CHECK(fork.book.gave_up("k", fork.left, std::array{fork.right, fork.left}, "why") == 0);
    CHECK(fork.book.gave_up("k", 0, std::array{fork.right}, "why") == 0);
    CHECK_FALSE(fork.book.may_be_lost("k"));
}

TEST_CASE("a copy that is given up while nobody else holds the key loses every write", "[ledger]") {
    forked fork;
    CHECK(fork.book.gave_up("k", fork.right, {}, "why") == 3);
    CHECK(fork.book.losses().at("k").front().from == 1ms);
    CHECK(fork.book.losses().at("k").front().until == 6ms);
}

TEST_CASE(
    "copies have parted when a primary turns to one that has not seen the latest write, from that time on",
    "[ledger]") {
    ledger book;
    book.turned_to("k", 0, 1ms);
    book.left("k", 1);
    book.turned_to("k", 1, 2ms);
    book.left("k", 2);
    CHECK(book.parted().empty());
    book.turned_to("k", 1, 5ms);  // A replica that was promoted without the latest write.
    book.left("k", 3);
    book.turned_to("k", 2, 7ms);
    REQUIRE(book.parted().size() == 1);
    CHECK(book.parted().at("k") == 5ms);
}

TEST_CASE("a key that was deleted has not parted where nobody has it", "[ledger]") {
    ledger book;
    book.left("k", 1);
    book.left("k", 0);
    book.turned_to("k", 0, 5ms);
    CHECK(book.parted().empty());
    book.turned_to("k", 1, 6ms);
    CHECK(book.parted().contains("k"));
}
