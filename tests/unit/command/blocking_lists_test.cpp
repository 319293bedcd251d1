#include <umbel/command/blocking_lists.hpp>

#include "recorder.hpp"

#include <catch2/catch_test_macros.hpp>

#include <chrono>
#include <string>
#include <utility>
#include <vector>

using namespace umbel;
using namespace umbel::test;
using namespace std::chrono_literals;

namespace {
recorder<command::blocking_list_commands> const db;
std::vector<std::string> const keys{"{q}1", "{q}2"};
}  // namespace

TEST_CASE("each wait for an element of a list is sent as the server knows it", "[blocking]") {
    CHECK(blocking_mismatch(db.blpop("q", 5s), "BLPOP q 5") == "");
    CHECK(blocking_mismatch(db.blpop(keys, 100ms), "BLPOP {q}1 {q}2 0.100") == "");
    CHECK(blocking_mismatch(db.brpop("q", wait_forever), "BRPOP q 0") == "");
    CHECK(blocking_mismatch(db.brpop(keys, 1s), "BRPOP {q}1 {q}2 1") == "");
    CHECK(blocking_mismatch(db.blmove("{q}1", "{q}2", list_end::right, list_end::left, 2s),
                            "BLMOVE {q}1 {q}2 RIGHT LEFT 2") == "");
    CHECK(blocking_mismatch(db.blmovem("{q}1", "{q}2", list_end::right, list_end::left, 2s),
                            "BLMOVEM {q}1 {q}2 RIGHT LEFT 2") == "");
    CHECK(blocking_mismatch(db.blmovem("{q}1", "{q}2", list_end::right, list_end::left, wait_forever,
                                       {.exactly = 3, .order = move_order::one_by_one}),
                            "BLMOVEM {q}1 {q}2 RIGHT LEFT 0 EXACTLY 3 OBO") == "");
    CHECK(blocking_mismatch(db.blmpop(keys, list_end::left, 1s), "BLMPOP 1 2 {q}1 {q}2 LEFT") == "");
    CHECK(blocking_mismatch(db.blmpop(keys, list_end::right, 1s, 3), "BLMPOP 1 2 {q}1 {q}2 RIGHT COUNT 3") ==
          "");
    CHECK(replies<std::optional<popped_value<>>>(db.blpop("q", 5s)));
    CHECK(replies<std::optional<popped_value<int>>>(db.blpop<int>("q", 5s)));
    CHECK(replies<std::optional<std::vector<int>>>(
        db.blmovem<int>("q", "q", list_end::right, list_end::left, 2s)));
    CHECK(replies<std::optional<popped<std::string>>>(db.blmpop(keys, list_end::left, 1s)));
}

TEST_CASE("what no wait may be is refused before it is sent", "[blocking]") {
    CHECK(db.blpop("q", 0s).refusal != "");
    CHECK(db.blpop("q", -1s).refusal != "");
    CHECK(db.blpop(std::vector<std::string>{}, 1s).refusal != "");
    CHECK(db.blmpop(keys, list_end::left, 1s, 0).refusal != "");
    CHECK(db.blmove("{q}1", "{q}2", list_end::right, list_end::left, 0s).refusal != "");
    CHECK(db.blmovem("{q}1", "{q}2", list_end::right, list_end::left, 0s).refusal != "");
    CHECK(db.blmovem("{q}1", "{q}2", list_end::right, list_end::left, 1s, {.count = 0}).refusal != "");
}
