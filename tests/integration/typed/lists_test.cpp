// What the typed list commands give on a real server, in RESP2 and in RESP3.
#include "../support/typed.hpp"

using namespace umbel;
using namespace umbel::test;

namespace {

using texts = std::vector<std::string>;
using places = std::vector<std::int64_t>;

}  // namespace

TEST_CASE("lists grow at both ends and are read by index", "[typed][lists]") {
    typed_session s;
    auto& db = s.db();
    CHECK(s(db.lpushx("l", "x")) == 0);
    CHECK(s(db.rpushx("l", texts{"x"})) == 0);
    CHECK(s(db.rpush("l", "b", "c")) == 2);
    CHECK(s(db.lpush("l", "a")) == 3);
    CHECK(s(db.rpush("l", texts{"d", "e"})) == 5);
    CHECK(s(db.lpush("l", texts{"0"})) == 6);
    CHECK(s(db.lpushx("l", "x")) == 7);
    CHECK(s(db.rpushx("l", "x")) == 8);
    CHECK(s(db.lrange("l", 0, -1)) == texts{"x", "0", "a", "b", "c", "d", "e", "x"});
    CHECK(s(db.lrange("none", 0, -1)) == texts{});
    CHECK(s(db.llen("l")) == 8);
    CHECK(s(db.lindex("l", -2)) == "e");
    CHECK(s(db.lindex("l", 99)) == std::nullopt);
    CHECK(s(db.lpos("l", "x")) == 0);
    CHECK(s(db.lpos("l", "x", {.rank = -1})) == 7);
    CHECK(s(db.lpos("l", "x", {.rank = 2, .compared_max = 3})) == std::nullopt);
    CHECK(s(db.lpos("l", "x", 0)) == places{0, 7});
    CHECK(s(db.lpos("l", "none", 0)) == places{});
}

TEST_CASE("list elements are written, inserted, removed and trimmed", "[typed][lists]") {
    typed_session s;
    auto& db = s.db();
    using state = insertion::state;
    CHECK(s(db.linsert("l", insert_side::before, "p", "x")) == insertion{state::no_list, 0});
    CHECK(s(db.rpush("l", 1, 2, 3)) == 3);
    CHECK(s(db.linsert("l", insert_side::before, "p", "x")) == insertion{state::no_pivot, 0});
    CHECK(s(db.linsert("l", insert_side::after, 2, 9)) == insertion{state::inserted, 4});
    CHECK(s(db.lset("l", 0, 7)).has_value());
    CHECK(s(db.lset("l", 99, 7)).error() == errc::server_error);
    CHECK(s(db.lrange<int>("l", 0, -1)) == std::vector<int>{7, 2, 9, 3});
    CHECK(s(db.lrem("l", 0, 9)) == 1);
    CHECK(s(db.ltrim("l", 1, -1)).has_value());
    CHECK(s(db.lrange<int>("l", 0, -1)) == std::vector<int>{2, 3});
    CHECK(s(db.ltrim("l", 5, 9)).has_value());
    CHECK(s(db.exists("l")) == 0);
}

TEST_CASE("list elements are taken and moved", "[typed][lists]") {
    typed_session s;
    auto& db = s.db();
    CHECK(s(db.lpop("{l}")) == std::nullopt);
    CHECK(s(db.rpop("{l}", 2)) == std::nullopt);
    CHECK(s(db.lmpop(texts{"{l}", "{l}2"}, list_end::left)) == std::nullopt);
    CHECK(s(db.lmove("{l}", "{l}2", list_end::left, list_end::right)) == std::nullopt);
    CHECK(s(db.rpush("{l}", "a", "b", "c", "d", "e", "f", "g")) == 7);
    CHECK(s(db.lpop("{l}")) == "a");
    CHECK(s(db.rpop("{l}")) == "g");
    CHECK(s(db.lpop("{l}", 2)) == texts{"b", "c"});
    CHECK(s(db.rpop("{l}", 1)) == texts{"f"});
    CHECK(s(db.lmove("{l}", "{l}2", list_end::right, list_end::left)) == "e");
    CHECK(s(db.lmpop(texts{"{l}none", "{l}2"}, list_end::left)) == popped<std::string>{"{l}2", {"e"}});
    CHECK(s(db.lmpop(texts{"{l}", "{l}2"}, list_end::right, 9)) == popped<std::string>{"{l}", {"d"}});
    REQUIRE(s(db.set("{l}", "no list")));
    CHECK(s(db.lpop("{l}")).error() == errc::wrong_type);
}
