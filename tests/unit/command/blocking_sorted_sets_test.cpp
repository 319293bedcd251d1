#include <umbel/command/blocking_sorted_sets.hpp>

#include "decoded.hpp"
#include "recorder.hpp"

#include <catch2/catch_test_macros.hpp>

#include <chrono>
#include <optional>
#include <string>
#include <vector>

using namespace umbel;
using namespace umbel::test;
using namespace std::chrono_literals;

namespace {
recorder<command::blocking_sorted_set_commands> const db;
std::vector<std::string> const keys{"{z}1", "{z}2"};
}  // namespace

TEST_CASE("each wait for a member of a sorted set is sent as the server knows it", "[blocking]") {
    CHECK(blocking_mismatch(db.bzpopmin("z", 5s), "BZPOPMIN z 5") == "");
    CHECK(blocking_mismatch(db.bzpopmin(keys, wait_forever), "BZPOPMIN {z}1 {z}2 0") == "");
    CHECK(blocking_mismatch(db.bzpopmax("z", 1500ms), "BZPOPMAX z 1.500") == "");
    CHECK(blocking_mismatch(db.bzpopmax(keys, 1s), "BZPOPMAX {z}1 {z}2 1") == "");
    CHECK(blocking_mismatch(db.bzmpop(keys, score_end::min, 1s), "BZMPOP 1 2 {z}1 {z}2 MIN") == "");
    CHECK(blocking_mismatch(db.bzmpop(keys, score_end::max, 1s, 2), "BZMPOP 1 2 {z}1 {z}2 MAX COUNT 2") ==
          "");
    CHECK(db.bzpopmin("z", 0s).refusal != "");
    CHECK(db.bzmpop(keys, score_end::min, 1s, 0).refusal != "");
}

TEST_CASE("a popped member comes with its key and score in both protocols, or not at all", "[blocking]") {
    using wanted = std::optional<popped_member<>>;
    popped_member<> const expected{"z", "m", 1.5};
    CHECK(decoded<wanted>("*3\r\n$1\r\nz\r\n$1\r\nm\r\n$3\r\n1.5\r\n").value() == wanted{expected});
    CHECK(decoded<wanted>("*3\r\n$1\r\nz\r\n$1\r\nm\r\n,1.5\r\n").value() == wanted{expected});
    CHECK(decoded<wanted>("*-1\r\n").value() == wanted{});
    CHECK(decoded<wanted>("_\r\n").value() == wanted{});
}
