// Tests of command/lists.hpp: the words, flags, refusals and replies of list commands.
#include <umbel/command/lists.hpp>

#include "decoded.hpp"
#include "recorder.hpp"

#include <catch2/catch_test_macros.hpp>

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

using umbel::insert_side;
using umbel::insertion;
using umbel::list_end;
using umbel::move_order;
using umbel::test::decoded;
using umbel::test::mismatch;
using umbel::test::replies;

namespace {

constexpr umbel::test::recorder<umbel::command::list_commands> db;
std::vector<std::string> const elements{"a", "b"};
std::array<std::string_view, 2> const keys{"{k}1", "{k}2"};
std::vector<std::string> const none;

}  // namespace

TEST_CASE("every list command sends its words, with the flags and the slot of the command table", "[lists]") {
    CHECK(mismatch(db.lpush("k", "a", 2), "LPUSH k a 2") == "");
    CHECK(mismatch(db.lpush("k", elements), "LPUSH k a b") == "");
    CHECK(mismatch(db.rpush("k", "a", 2.5), "RPUSH k a 2.5") == "");
    CHECK(mismatch(db.rpush("k", std::vector{1, 2, 3}), "RPUSH k 1 2 3") == "");
    CHECK(mismatch(db.lpushx("k", "a"), "LPUSHX k a") == "");
    CHECK(mismatch(db.lpushx("k", elements), "LPUSHX k a b") == "");
    CHECK(mismatch(db.rpushx("k", "a", "b"), "RPUSHX k a b") == "");
    CHECK(mismatch(db.rpushx("k", elements), "RPUSHX k a b") == "");
    CHECK(mismatch(db.lpop("k"), "LPOP k") == "");
    CHECK(mismatch(db.lpop("k", 3), "LPOP k 3") == "");
    CHECK(mismatch(db.rpop("k"), "RPOP k") == "");
    CHECK(mismatch(db.rpop("k", 3), "RPOP k 3") == "");
    CHECK(mismatch(db.lmpop(keys, list_end::left), "LMPOP 2 {k}1 {k}2 LEFT") == "");
    CHECK(mismatch(db.lmpop(keys, list_end::right, 7), "LMPOP 2 {k}1 {k}2 RIGHT COUNT 7") == "");
    CHECK(mismatch(db.lmove("{k}1", "{k}2", list_end::left, list_end::right), "LMOVE {k}1 {k}2 LEFT RIGHT") ==
          "");
    CHECK(mismatch(db.lmove("k", "k", list_end::right, list_end::left), "LMOVE k k RIGHT LEFT") == "");
    CHECK(mismatch(db.lmovem("{k}1", "{k}2", list_end::left, list_end::right),
                   "LMOVEM {k}1 {k}2 LEFT RIGHT") == "");
    CHECK(mismatch(db.lmovem("{k}1", "{k}2", list_end::left, list_end::left, {.count = 3}),
                   "LMOVEM {k}1 {k}2 LEFT LEFT COUNT 3 BULK") == "");
    CHECK(mismatch(db.lmovem("k", "k", list_end::right, list_end::left,
                             {.exactly = 2, .order = move_order::one_by_one}),
                   "LMOVEM k k RIGHT LEFT EXACTLY 2 OBO") == "");
    CHECK(mismatch(db.llen("k"), "LLEN k") == "");
    CHECK(mismatch(db.lrange("k", 0, -1), "LRANGE k 0 -1") == "");
    CHECK(mismatch(db.lindex("k", -2), "LINDEX k -2") == "");
    CHECK(mismatch(db.lpos("k", "a"), "LPOS k a") == "");
    CHECK(mismatch(db.lpos("k", "a", {.rank = -2}), "LPOS k a RANK -2") == "");
    CHECK(mismatch(db.lpos("k", 7, {.rank = 2, .compared_max = 100}), "LPOS k 7 RANK 2 MAXLEN 100") == "");
    CHECK(mismatch(db.lpos("k", "a", 0), "LPOS k a COUNT 0") == "");
    CHECK(mismatch(db.lpos("k", "a", 5, {.compared_max = 0}), "LPOS k a COUNT 5 MAXLEN 0") == "");
    CHECK(mismatch(db.lset("k", -1, "a"), "LSET k -1 a") == "");
    CHECK(mismatch(db.linsert("k", insert_side::before, "p", "a"), "LINSERT k BEFORE p a") == "");
    CHECK(mismatch(db.linsert("k", insert_side::after, "p", 5), "LINSERT k AFTER p 5") == "");
    CHECK(mismatch(db.lrem("k", -3, "a"), "LREM k -3 a") == "");
    CHECK(mismatch(db.ltrim("k", 0, 99), "LTRIM k 0 99") == "");
}

TEST_CASE("what no server would take of lists is refused before it is sent", "[lists]") {
    CHECK(db.lpush("k", none).refusal.starts_with("an empty range"));
    CHECK(db.rpush("k", none).refusal.starts_with("an empty range"));
    CHECK(db.lpushx("k", none).refusal.starts_with("an empty range"));
    CHECK(db.rpushx("k", none).refusal.starts_with("an empty range"));
    CHECK(db.lmpop(none, list_end::left).refusal.starts_with("an empty range"));
    CHECK(db.lmpop(keys, list_end::left, 0).refusal == "LMPOP with a count of zero");
    CHECK(db.lmovem("k", "k", list_end::left, list_end::left, {.count = 0}).refusal ==
          "a move of no elements");
    CHECK(db.lmovem("k", "k", list_end::left, list_end::left, {.exactly = 0}).refusal ==
          "a move of no elements");
    CHECK(db.lmovem("k", "k", list_end::left, list_end::left, {.count = 1, .exactly = 1})
              .refusal.starts_with("both a count"));
    CHECK(db.lpos("k", "a", {.rank = 0}).refusal.starts_with("LPOS with a rank of zero"));
    CHECK(db.lpos("k", "a", 1, {.rank = 0}).refusal.starts_with("LPOS with a rank of zero"));
}

TEST_CASE("keys of several slots are seen", "[lists]") {
    CHECK(db.lmove("a", "b", list_end::left, list_end::left).slot.is_several());
    CHECK(db.lmovem("a", "b", list_end::left, list_end::left).slot.is_several());
    CHECK(db.lmpop(elements, list_end::left).slot.is_several());
}

TEST_CASE("list replies are of natural types", "[lists]") {
    using std::int64_t;
    using std::optional;
    using std::string;
    using std::vector;
    STATIC_CHECK(replies<int64_t, decltype(db.lpush("k", "a"))>());
    STATIC_CHECK(replies<optional<string>, decltype(db.lpop("k"))>());
    STATIC_CHECK(replies<optional<vector<int>>, decltype(db.rpop<int>("k", 2))>());
    STATIC_CHECK(replies<optional<umbel::popped<string>>, decltype(db.lmpop(keys, list_end::left))>());
    STATIC_CHECK(replies<optional<string>, decltype(db.lmove("k", "k", list_end::left, list_end::right))>());
    STATIC_CHECK(replies<optional<vector<int>>,
                         decltype(db.lmovem<int>("k", "k", list_end::left, list_end::right))>());
    STATIC_CHECK(replies<vector<int>, decltype(db.lrange<int>("k", 0, -1))>());
    STATIC_CHECK(replies<optional<string>, decltype(db.lindex("k", 0))>());
    STATIC_CHECK(replies<optional<int64_t>, decltype(db.lpos("k", "a"))>());
    STATIC_CHECK(replies<vector<int64_t>, decltype(db.lpos("k", "a", 0))>());
    STATIC_CHECK(replies<umbel::ok, decltype(db.lset("k", 0, "a"))>());
    STATIC_CHECK(replies<insertion, decltype(db.linsert("k", insert_side::after, "p", "a"))>());
}

TEST_CASE("what is popped from a list that does not exist is missing, in RESP2 and RESP3", "[lists]") {
    using several = std::optional<std::vector<std::string>>;
    CHECK(decoded<several>("*2\r\n$1\r\na\r\n$1\r\nb\r\n").value() == several{elements});
    CHECK(decoded<several>("*0\r\n").value() == several{none});
    for (std::string_view const null : {"*-1\r\n", "$-1\r\n", "_\r\n"}) {
        CHECK(decoded<several>(null).value() == several{});
        CHECK(decoded<std::optional<std::string>>(null).value() == std::optional<std::string>{});
        CHECK(decoded<std::optional<std::int64_t>>(null).value() == std::optional<std::int64_t>{});
    }
    CHECK(decoded<std::vector<std::int64_t>>("*0\r\n") == std::vector<std::int64_t>{});
}

TEST_CASE("LINSERT tells a missing list and a missing pivot apart", "[lists]") {
    CHECK(decoded<insertion>(":3\r\n") == insertion{insertion::state::inserted, 3});
    CHECK(decoded<insertion>(":0\r\n") == insertion{insertion::state::no_list, 0});
    CHECK(decoded<insertion>(":-1\r\n") == insertion{insertion::state::no_pivot, 0});
    CHECK(decoded<insertion>(":-2\r\n").error().code() == umbel::errc::unexpected_type);
}

TEST_CASE("odd replies to list commands give an error or a value", "[lists]") {
    using umbel::test::survives_odd_replies;
    CHECK(survives_odd_replies<insertion>() == 2);
    CHECK(survives_odd_replies<std::optional<std::vector<std::string>>>() > 0);
    CHECK(survives_odd_replies<std::optional<umbel::popped<std::string>>>() > 0);
}
