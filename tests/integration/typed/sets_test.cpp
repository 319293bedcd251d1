// What the typed set commands give on a real server, in RESP2 and in RESP3.
#include "../support/typed.hpp"

#include <algorithm>
#include <unordered_set>

using namespace umbel;
using namespace umbel::test;

namespace {

using texts = std::vector<std::string>;
using text_set = std::unordered_set<std::string>;
using answers = std::vector<bool>;

}  // namespace

TEST_CASE("set members are added, asked for, moved and taken", "[typed][sets]") {
    typed_session s;
    auto& db = s.db();
    CHECK(s(db.sadd("{s}", "a", "b", 3)) == 3);
    CHECK(s(db.sadd("{s}", texts{"b", "c"})) == 1);
    CHECK(s(db.scard("{s}")) == 4);
    CHECK(s(db.sismember("{s}", "a")) == true);
    CHECK(s(db.sismember("{s}", "none")) == false);
    CHECK(s(db.smismember("{s}", "a", "none", 3)) == answers{true, false, true});
    CHECK(s(db.smismember("{s}none", texts{"a"})) == answers{false});
    CHECK(s(db.smembers<text_set>("{s}")) == text_set{"a", "b", "c", "3"});
    CHECK(s(db.smembers("{s}none")) == texts{});
    CHECK(s(db.srem("{s}", "3", "none")) == 1);
    CHECK(s(db.srem("{s}", texts{"c"})) == 1);
    CHECK(s(db.smove("{s}", "{s}2", "b")) == true);
    CHECK(s(db.smove("{s}", "{s}2", "none")) == false);
    CHECK(s(db.srandmember("{s}")) == "a");
    CHECK(s(db.srandmember("{s}none")) == std::nullopt);
    CHECK(s(db.srandmember("{s}", -2)) == texts{"a", "a"});
    CHECK(s(db.srandmember("{s}none", 2)) == texts{});
    CHECK(s(db.sscan("{s}"))->items == texts{"a"});
    CHECK(s(db.sscan("{s}", scan_start, {.match = "z*"}))->items == texts{});
    CHECK(s(db.spop("{s}")) == "a");
    CHECK(s(db.spop("{s}")) == std::nullopt);
    CHECK(s(db.spop("{s}2", 5)) == texts{"b"});
    CHECK(s(db.spop("{s}2", 5)) == texts{});
}

TEST_CASE("sets are joined, intersected and subtracted", "[typed][sets]") {
    typed_session s;
    auto& db = s.db();
    texts const both{"{s}1", "{s}2"};
    CHECK(s(db.sadd("{s}1", "a", "b", "c")) == 3);
    CHECK(s(db.sadd("{s}2", "b", "c", "d")) == 3);
    CHECK(s(db.sinter<text_set>(both)) == text_set{"b", "c"});
    CHECK(s(db.sinter<text_set>("{s}1", "{s}2", "{s}none")) == text_set{});
    CHECK(s(db.sunion<text_set>(both)) == text_set{"a", "b", "c", "d"});
    CHECK(s(db.sunion<text_set>("{s}1", "{s}none")) == text_set{"a", "b", "c"});
    CHECK(s(db.sdiff(both)) == texts{"a"});
    CHECK(s(db.sdiff("{s}2", "{s}1")) == texts{"d"});
    CHECK(s(db.sintercard(both)) == 2);
    CHECK(s(db.sintercard(both, 1)) == 1);
    CHECK(s(db.sintercard("{s}1", "{s}2")) == 2);
    CHECK(s(db.sinterstore("{s}to", both)) == 2);
    CHECK(s(db.sunionstore("{s}to", "{s}1", "{s}2")) == 4);
    CHECK(s(db.sdiffstore("{s}to", both)) == 1);
    CHECK(s(db.smembers("{s}to")) == texts{"a"});
    CHECK(s(db.sinter("{a}", "{b}")).error() == errc::cross_slot);
}
