// What the typed stream commands give on a real server, in RESP2 and in RESP3.
#include "../support/typed.hpp"

#include <map>

using namespace umbel;
using namespace umbel::test;

namespace {

using texts = std::vector<std::string>;
using fields = std::vector<std::pair<std::string, std::string>>;
using entries = std::vector<stream_entry<>>;
using streams = std::vector<std::pair<std::string, std::string>>;

stream_entry<> entry(std::string id, std::string value) { return {std::move(id), {{"f", std::move(value)}}}; }

/// Four entries, 1-1 to 4-1.
void fill(typed_session& s, std::string const& name) {
    for (std::string const id : {"1-1", "2-1", "3-1", "4-1"})
        REQUIRE(s(s.db().xadd(name, fields{{"f", id.substr(0, 1)}}, {.id = id})) == id);
}

}  // namespace

TEST_CASE("entries are added, read, deleted and trimmed", "[typed][streams]") {
    typed_session s;
    auto& db = s.db();
    CHECK(s(db.xadd_if_exists("{x}", fields{{"f", "v"}})) == std::nullopt);
    CHECK(s(db.xlen("{x}")) == 0);
    fill(s, "{x}");
    CHECK(s(db.xadd("{x}", fields{{"f", "0"}}, {.id = "1-1"})).error() == errc::server_error);
    CHECK(s(db.xlen("{x}")) == 4);
    CHECK(s(db.xrange("{x}")).value() ==
          entries{entry("1-1", "1"), entry("2-1", "2"), entry("3-1", "3"), entry("4-1", "4")});
    CHECK(s(db.xrange("{x}", stream_bound::exclusive("1-1"), "3", 1)).value() == entries{entry("2-1", "2")});
    CHECK(s(db.xrevrange("{x}", stream_bound::last(), "4-1")).value() == entries{entry("4-1", "4")});
    CHECK(s(db.xrange("{x}none")).value().empty());
    using map = std::map<std::string, int>;
    CHECK(s(db.xrange<map>("{x}", "1-1", "1-1")).value().at(0).fields == map{{"f", 1}});
    auto const one = s(db.xread("{x}", "3-1"));
    REQUIRE(one);
    CHECK(one->streams == decltype(one->streams){{"{x}", {entry("4-1", "4")}}});
    CHECK(s(db.xread("{x}", "4-1"))->empty());
    fill(s, "{x}2");
    auto const both = s(db.xread(streams{{"{x}", "3-1"}, {"{x}2", "0"}}, {.count = 1}));
    REQUIRE(both);
    CHECK(both->streams ==
          decltype(both->streams){{"{x}", {entry("4-1", "4")}}, {"{x}2", {entry("1-1", "1")}}});
    CHECK(s(db.xdel("{x}", "2-1", "9-9")) == 1);
    CHECK(s(db.xdel("{x}", texts{"2-1"})) == 0);
    if (s.has("xdelex")) {
        using enum stream_deletion;
        CHECK(s(db.xdelex("{x}", texts{"3-1", "9-9"})) == std::vector{deleted, no_entry});
    }
    CHECK(s(db.xtrim("{x}2", {.max_length = 3})) == 1);
    CHECK(s(db.xtrim("{x}2", {.min_id = "4"})) == 2);
    CHECK(s(db.xadd("{x}2", fields{{"f", "5"}}, {.id = "5-1", .trim = {.max_length = 1}})) == "5-1");
    CHECK(s(db.xlen("{x}2")) == 1);
    CHECK(s(db.xsetid("{x}2", "9-9")).has_value());
    CHECK(s(db.xsetid("{x}2", "1-1")).error() == errc::server_error);
    CHECK(s(db.xadd("{x}3", "f", "v", "g", 2)).has_value());
    auto const info = s(db.xinfo_stream("{x}2"));
    REQUIRE(info);
    CHECK(info->length == 1);
    CHECK(info->last_generated_id == "9-9");
    CHECK(info->groups == 0);
    CHECK(info->entries_added == 5);
    CHECK((info->first_entry == entry("5-1", "5")));
    CHECK(s(db.xinfo_stream("{x}none")).error() == errc::server_error);
}

TEST_CASE("consumer groups deliver, acknowledge and claim", "[typed][streams]") {
    typed_session s;
    auto& db = s.db();
    CHECK(s(db.xgroup_create("x", "g", "0")).error() == errc::server_error);
    CHECK(s(db.xgroup_create("x", "g", "0", {.make_stream = true})).has_value());
    CHECK(s(db.xgroup_create("x", "g", "0")).error() == errc::server_error);
    CHECK(s(db.xpending("x", "g")).value() == pending_summary{});
    fill(s, "x");
    CHECK(s(db.xgroup_createconsumer("x", "g", "c")) == true);
    CHECK(s(db.xgroup_createconsumer("x", "g", "c")) == false);
    auto const got = s(db.xreadgroup("g", "c", "x", stream_ids::undelivered, {.count = 2}));
    REQUIRE(got);
    REQUIRE(got->size() == 1);
    REQUIRE(got->streams[0].second.size() == 2);
    CHECK(got->streams[0].second[1].id == "2-1");
    CHECK((got->streams[0].second[1].fields == fields{{"f", "2"}}));
    auto const more = s(db.xreadgroup("g", "c", streams{{"x", ">"}}));
    REQUIRE(more);
    CHECK(more->streams.at(0).second.size() == 2);
    CHECK(s(db.xreadgroup("g", "c", "x", stream_ids::undelivered))->empty());
    CHECK(s(db.xreadgroup("g", "c", "x", "0"))->streams.at(0).second.size() == 4);

    pending_summary const summary{4, "1-1", "4-1", {{"c", 4}}};
    CHECK(s(db.xpending("x", "g")).value() == summary);
    auto const pending = s(db.xpending_entries("x", "g", 2, {.from = "2-1", .consumer = "c"}));
    REQUIRE(pending);
    REQUIRE(pending->size() == 2);
    CHECK(pending->at(0).id == "2-1");
    CHECK(pending->at(0).consumer == "c");
    CHECK(pending->at(0).deliveries >= 1);
    CHECK(s(db.xack("x", "g", "1-1", "9-9")) == 1);
    CHECK(s(db.xack("x", "g", texts{"1-1"})) == 0);
    CHECK(s(db.xclaim("x", "g", "d", 0ms, texts{"2-1"})).value() == entries{entry("2-1", "2")});
    CHECK(s(db.xclaim("x", "g", "d", 1h, texts{"3-1"})).value().empty());
    CHECK(s(db.xclaim_ids("x", "g", "d", 0ms, texts{"3-1"}, {.idle = 5s, .deliveries = 7})) == texts{"3-1"});
    CHECK(s(db.xdel("x", "4-1")) == 1);
    auto const page = s(db.xautoclaim("x", "g", "e", 0ms));
    REQUIRE(page);
    CHECK(page->last());
    CHECK(page->items == entries{entry("2-1", "2"), entry("3-1", "3")});
    CHECK(page->deleted == texts{"4-1"});
    auto const ids = s(db.xautoclaim_ids("x", "g", "e", 0ms, "0-0", 1));
    REQUIRE(ids);
    CHECK(ids->items == texts{"2-1"});
    CHECK_FALSE(ids->last());
    if (s.has("xackdel")) {
        using enum stream_deletion;
        CHECK(s(db.xackdel("x", "g", texts{"2-1", "9-9"})) == std::vector{deleted, no_entry});
    }

    auto const groups = s(db.xinfo_groups("x"));
    REQUIRE(groups);
    REQUIRE(groups->size() == 1);
    CHECK(groups->at(0).name == "g");
    CHECK(groups->at(0).last_delivered_id == "4-1");
    CHECK(groups->at(0).consumers == 3);
    auto const consumers = s(db.xinfo_consumers("x", "g"));
    REQUIRE(consumers);
    CHECK(consumers->size() == 3);
    CHECK(s(db.xgroup_setid("x", "g", "0")).has_value());
    CHECK(s(db.xgroup_delconsumer("x", "g", "e")).has_value());
    CHECK(s(db.xgroup_destroy("x", "g")) == true);
    CHECK(s(db.xgroup_destroy("x", "g")) == false);
    CHECK(s(db.xreadgroup("g", "c", "x", "0")).error() == errc::server_error);
}
