// What the typed sorted set commands give on a real server, in RESP2 and in RESP3.
#include "../support/typed.hpp"

#include <limits>
#include <map>

using namespace umbel;
using namespace umbel::test;

namespace {

using texts = std::vector<std::string>;
using member = std::pair<std::string, double>;
using scored = std::vector<member>;
using scores = std::vector<std::optional<double>>;
constexpr double endless = std::numeric_limits<double>::infinity();

}  // namespace

TEST_CASE("scores are written under conditions, added to and read", "[typed][sorted_sets]") {
    typed_session s;
    auto& db = s.db();
    CHECK(s(db.zadd("z", "a", 1)) == 1);
    CHECK(s(db.zadd("z", std::map<std::string, double>{{"b", 2.5}, {"c", -endless}})) == 2);
    CHECK(s(db.zadd("z", "a", 2, {.members = member_condition::if_absent})) == 0);
    CHECK(s(db.zadd("z", "a", 2, {.members = member_condition::if_present, .count_changed = true})) == 1);
    CHECK(s(db.zadd("z", "a", 1, {.scores = score_condition::if_greater, .count_changed = true})) == 0);
    CHECK(s(db.zadd("z", "a", 1, {.scores = score_condition::if_less, .count_changed = true})) == 1);
    CHECK(s(db.zadd_incr("z", "a", 0.5)) == 1.5);
    CHECK(s(db.zadd_incr("z", "a", 1, {.members = member_condition::if_absent})) == std::nullopt);
    CHECK(s(db.zincrby("z", "a", -0.5)) == 1);
    CHECK(s(db.zscore("z", "b")) == 2.5);
    CHECK(s(db.zscore("z", "c")) == -endless);
    CHECK(s(db.zscore("z", "none")) == std::nullopt);
    CHECK(s(db.zmscore("z", "a", "none", "c")) == scores{1, std::nullopt, -endless});
    CHECK(s(db.zmscore("none", texts{"a"})) == scores{std::nullopt});
    CHECK(s(db.zcard("z")) == 3);
    CHECK(s(db.zrank("z", "a")) == 1);
    CHECK(s(db.zrank("z", "none")) == std::nullopt);
    CHECK(s(db.zrevrank("z", "a")) == 1);
    if (s.has_option("ZRANK WITHSCORE", 70200, 70200)) {
        CHECK(s(db.zrank_with_score("z", "b")) == ranked_score{2, 2.5});
        CHECK(s(db.zrevrank_with_score("z", "b")) == ranked_score{0, 2.5});
        CHECK(s(db.zrank_with_score("z", "none")) == std::nullopt);
    }
    CHECK(s(db.zincrby("z", "c", endless)).error() == errc::server_error);
    CHECK(s(db.zrem("z", "a", "none")) == 1);
    CHECK(s(db.zrem("z", texts{"b", "c"})) == 2);
    CHECK(s(db.exists("z")) == 0);
}

TEST_CASE("members are popped, drawn at random and scanned", "[typed][sorted_sets]") {
    typed_session s;
    auto& db = s.db();
    CHECK(s(db.zpopmin("{z}")) == std::nullopt);
    CHECK(s(db.zpopmax("{z}", 2)) == scored{});
    CHECK(s(db.zmpop(texts{"{z}"}, score_end::min)) == std::nullopt);
    CHECK(s(db.zrandmember("{z}")) == std::nullopt);
    CHECK(s(db.zrandmember("{z}", 2)) == texts{});
    std::map<std::string, double> const six{{"a", 1}, {"b", 2}, {"c", 3}, {"d", 4}, {"e", 5.5}, {"f", 6}};
    CHECK(s(db.zadd("{z}", six)) == 6);
    CHECK(s(db.zpopmin("{z}")) == member{"a", 1});
    CHECK(s(db.zpopmax("{z}")) == member{"f", 6});
    CHECK(s(db.zpopmin("{z}", 1)) == scored{{"b", 2}});
    CHECK(s(db.zpopmax("{z}", 1)) == scored{{"e", 5.5}});
    CHECK(s(db.zmpop(texts{"{z}none", "{z}"}, score_end::max)) == popped<member>{"{z}", {{"d", 4}}});
    CHECK(s(db.zrandmember("{z}")) == "c");
    CHECK(s(db.zrandmember("{z}", -2)) == texts{"c", "c"});
    CHECK(s(db.zrandmember_with_scores("{z}", -2)) == scored{{"c", 3}, {"c", 3}});
    CHECK(s(db.zrandmember_with_scores("{z}none", 2)) == scored{});
    CHECK(s(db.zscan("{z}"))->items == scored{{"c", 3}});
    if (s.has_option("ZSCAN NOSCORES", 0, 80000)) CHECK(s(db.zscan_members("{z}"))->items == texts{"c"});
    CHECK(s(db.zmpop(texts{"{z}"}, score_end::min, 9)) == popped<member>{"{z}", {{"c", 3}}});
}

TEST_CASE("ranges by rank, by score and by bytes", "[typed][sorted_sets]") {
    typed_session s;
    auto& db = s.db();
    CHECK(s(db.zadd("{z}", std::map<std::string, double>{{"a", 1}, {"b", 2}, {"c", 3}, {"d", 4.5}})) == 4);
    CHECK(s(db.zrange("{z}", 0, 1)) == texts{"a", "b"});
    CHECK(s(db.zrange("{z}", 0, 1, {.reverse = true})) == texts{"d", "c"});
    CHECK(s(db.zrange("{z}none", 0, -1)) == texts{});
    CHECK(s(db.zrange("{z}", score_range{.min = 2})) == texts{"b", "c", "d"});
    CHECK(s(db.zrange("{z}", score_range{.min = exclusive(2), .max = 3})) == texts{"c"});
    CHECK(s(db.zrange("{z}", score_range{.min = 2}, {.reverse = true, .offset = 1, .count = 1})) ==
          texts{"c"});
    CHECK(s(db.zrange("{z}", score_range{}, {.offset = 3})) == texts{"d"});
    CHECK(s(db.zrange_with_scores("{z}", -1, -1)) == scored{{"d", 4.5}});
    CHECK(s(db.zrange_with_scores("{z}", 0, 1, {.reverse = true})) == scored{{"d", 4.5}, {"c", 3}});
    CHECK(s(db.zrange_with_scores("{z}", score_range{.max = 1})) == scored{{"a", 1}});
    CHECK(s(db.zcount("{z}")) == 4);
    CHECK(s(db.zcount("{z}", {.max = exclusive(3)})) == 2);
    CHECK(s(db.zrangestore("{z}to", "{z}", 1, 2)) == 2);
    CHECK(s(db.zrange("{z}to", 0, -1)) == texts{"b", "c"});
    CHECK(s(db.zrangestore("{z}to", "{z}", score_range{.min = 4})) == 1);
    CHECK(s(db.zremrangebyrank("{z}", 0, 0)) == 1);
    CHECK(s(db.zremrangebyscore("{z}", {.min = 4})) == 1);
    CHECK(s(db.zcard("{z}")) == 2);

    CHECK(s(db.zadd("{z}lex", std::map<std::string, double>{{"a", 0}, {"ab", 0}, {"b", 0}, {"c", 0}})) == 4);
    CHECK(s(db.zrange("{z}lex", lex_range{.max = exclusive("b")})) == texts{"a", "ab"});
    CHECK(s(db.zrange("{z}lex", lex_range{.min = "ab"}, {.reverse = true})) == texts{"c", "b", "ab"});
    CHECK(s(db.zlexcount("{z}lex")) == 4);
    CHECK(s(db.zlexcount("{z}lex", {.min = "b"})) == 2);
    CHECK(s(db.zrangestore("{z}to", "{z}lex", lex_range{.min = "b"})) == 2);
    CHECK(s(db.zremrangebylex("{z}lex", {.min = exclusive("a"), .max = "b"})) == 2);
    CHECK(s(db.zrange("{z}lex", 0, -1)) == texts{"a", "c"});
}

TEST_CASE("sorted sets are joined, intersected and subtracted", "[typed][sorted_sets]") {
    typed_session s;
    auto& db = s.db();
    texts const both{"{z}1", "{z}2"};
    std::vector<std::pair<std::string, double>> const weighted{{"{z}1", 10}, {"{z}2", 0.5}};
    CHECK(s(db.zadd("{z}1", std::map<std::string, double>{{"a", 1}, {"b", 2}})) == 2);
    CHECK(s(db.zadd("{z}2", std::map<std::string, double>{{"b", 4}, {"c", 5}})) == 2);
    CHECK(s(db.zunion(both)) == texts{"a", "c", "b"});
    CHECK(s(db.zunion("{z}1", "{z}none")) == texts{"a", "b"});
    CHECK(s(db.zunion_with_scores(both, score_aggregate::max)) == scored{{"a", 1}, {"b", 4}, {"c", 5}});
    CHECK(s(db.zunion_with_scores(weighted)) == scored{{"c", 2.5}, {"a", 10}, {"b", 22}});
    CHECK(s(db.zunion_with_scores("{z}1", "{z}2")) == scored{{"a", 1}, {"c", 5}, {"b", 6}});
    CHECK(s(db.zinter(both)) == texts{"b"});
    CHECK(s(db.zinter("{z}1", "{z}none")) == texts{});
    CHECK(s(db.zinter_with_scores(both, score_aggregate::min)) == scored{{"b", 2}});
    CHECK(s(db.zinter_with_scores("{z}1", "{z}2")) == scored{{"b", 6}});
    CHECK(s(db.zdiff(both)) == texts{"a"});
    CHECK(s(db.zdiff("{z}2", "{z}1")) == texts{"c"});
    CHECK(s(db.zdiff_with_scores(both)) == scored{{"a", 1}});
    CHECK(s(db.zdiff_with_scores("{z}2", "{z}1")) == scored{{"c", 5}});
    CHECK(s(db.zintercard(both)) == 1);
    CHECK(s(db.zintercard(texts{"{z}1", "{z}1"}, 1)) == 1);
    CHECK(s(db.zintercard("{z}1", "{z}2")) == 1);
    CHECK(s(db.zunionstore("{z}to", both, score_aggregate::max)) == 3);
    CHECK(s(db.zunionstore("{z}to", "{z}1", "{z}2")) == 3);
    CHECK(s(db.zinterstore("{z}to", weighted)) == 1);
    CHECK(s(db.zrange_with_scores("{z}to", 0, -1)) == scored{{"b", 22}});
    CHECK(s(db.zinterstore("{z}to", "{z}1", "{z}none")) == 0);
    CHECK(s(db.zdiffstore("{z}to", both)) == 1);
    CHECK(s(db.zdiffstore("{z}to", "{z}2", "{z}1")) == 1);
    CHECK(s(db.zrange("{z}to", 0, -1)) == texts{"c"});
}
