// Tests of client/element_scan.hpp, of the functions that make one, and of scan_turn.hpp: bytes, errors,
// cancellation and the end of a scan of one key's elements, against one scripted server.
#include <umbel/client/element_scan.hpp>
#include <umbel/client/sync_nodes.hpp>

#include "at_home.hpp"

#include <map>
#include <string>
#include <utility>
#include <vector>

using at_home::code_of;
using at_home::delivery_of;
using namespace std::chrono_literals;
using scripted::words;
using strings = std::vector<std::string>;
using pairs = std::vector<std::pair<std::string, std::string>>;

namespace {

/// A server of one key: what EXEC answers to the scan that was queued.
struct key_server {
    std::string run_id = "r1";
    std::map<std::string, std::pair<std::string, strings>> pages;  ///< By cursor: the next one, and its page.
    std::string cursor{};
    strings asked{};  ///< Each page.
    bool holds = false;
    std::string instead{};  ///< Of the page's reply.

    std::optional<scripted::answer> operator()(words const& said) {
        if (said[0] == "CLUSTER") return std::nullopt;
        if (said[0] == "MULTI") return scripted::answer{"+OK\r\n"};
        if (said[0].ends_with("SCAN")) {
            cursor = said[2];
            std::string line;
            for (std::string const& word : said) line += (line.empty() ? "" : " ") + word;
            asked.push_back(line);
        }
        if (said[0] != "EXEC") return scripted::answer{"+QUEUED\r\n"};
        auto const& [next, items] = pages.at(cursor);
        std::string text = "*2\r\n";
        if (instead.empty()) {
            text += "*2\r\n" + scripted::bulk(next) + "*" + std::to_string(items.size()) + "\r\n";
            for (std::string const& item : items) text += scripted::bulk(item);
        }
        text += instead + scripted::bulk(run_id.empty() ? "# Server\r\n" : "run_id:" + run_id + "\r\n");
        return holds ? scripted::answer::hold(text) : scripted::answer{text};
    }
};
struct key_client {
    key_server says;
    at_home::backend here{
        [this](words const& said) -> std::optional<scripted::answer> { return says(said); }};
    explicit key_client(std::map<std::string, std::pair<std::string, strings>> pages)
        : says{.pages = std::move(pages)} {}
    template <class Scan>
    auto next(Scan const& scan) {
        return here.wait(scan.next());
    }
};

}  // namespace

TEST_CASE("a hash comes page by page, each one a transaction, until the end, which comes for ever after",
          "[scan]") {
    key_client c{{{"0", {"7", {"f", "1", "g", "2"}}}, {"7", {"0", {"h", "3"}}}}};
    auto const scan = c.here.db->scan_hash("k", {.match = "*", .count = 2});
    CHECK_FALSE(scan.done());
    CHECK(c.next(scan) == pairs{{"f", "1"}, {"g", "2"}});
    CHECK(c.here.server.seen() == std::vector<words>{{"CLUSTER", "SLOTS"},
                                                     {"MULTI"},
                                                     {"HSCAN", "k", "0", "MATCH", "*", "COUNT", "2"},
                                                     {"INFO", "server", "replication"},
                                                     {"EXEC"}});
    CHECK_FALSE(scan.done());
    CHECK(c.next(scan) == pairs{{"h", "3"}});
    CHECK(scan.done());
    for (int again = 0; again < 3; ++again) CHECK(code_of(c.next(scan)) == "end_of_range");
    CHECK_FALSE(scan.failure());
    CHECK(scan.restarts() == 0);
    CHECK(c.says.asked.size() == 2);
}

TEST_CASE("fields, members, and members with scores, and values of a type", "[scan]") {
    key_client c{{{"0", {"0", {"a", "1"}}}}};
    auto& db = *c.here.db;
    CHECK(c.next(db.scan_hash_fields("k")) == strings{"a", "1"});
    CHECK(c.next(db.scan_set("k")) == strings{"a", "1"});
    CHECK(c.next(db.scan_sorted_set("k")) == std::vector<std::pair<std::string, double>>{{"a", 1}});
    CHECK(c.next(db.scan_hash<std::int64_t>("k")) ==
          std::vector<std::pair<std::string, std::int64_t>>{{"a", 1}});
    CHECK(c.says.asked == strings{"HSCAN k 0 COUNT 1000 NOVALUES", "SSCAN k 0 COUNT 1000",
                                  "ZSCAN k 0 COUNT 1000", "HSCAN k 0 COUNT 1000"});
    CHECK(code_of(c.next(db.scan_set<std::int64_t>("k"))) == "unexpected_type");
}

TEST_CASE("a page of another process is dropped, and the scan begins anew", "[scan]") {
    key_client c{{{"0", {"7", {"a", "b"}}}, {"7", {"0", {"c"}}}}};
    auto const scan = c.here.db->scan_set("k");
    CHECK(c.next(scan) == strings{"a", "b"});
    c.says.run_id = "r2";
    CHECK(c.next(scan) == strings{"a", "b"});
    CHECK(scan.restarts() == 1);
    CHECK(c.says.asked.size() == 3);
    CHECK(c.next(scan) == strings{"c"});
    CHECK(code_of(c.next(scan)) == "end_of_range");
    CHECK(c.says.asked.back() == "SSCAN k 7 COUNT 1000");
}

TEST_CASE("a scan of elements goes on from its text, of the same key and pattern", "[scan]") {
    for (bool const restarted : {false, true}) {
        key_client c{{{"0", {"7", {"a", "b"}}}, {"7", {"0", {"c"}}}}};
        auto const first = c.here.db->scan_set("k");
        CHECK(c.next(first) == strings{"a", "b"});
        std::string const text = first.cursor();
        if (restarted) c.says.run_id = "r2";
        auto const second = c.here.db->scan_set("k", {.resume = text});
        if (restarted) CHECK(c.next(second) == strings{"a", "b"});
        CHECK(c.next(second) == strings{"c"});
        CHECK(code_of(c.next(second)) == "end_of_range");
        CHECK(code_of(c.next(c.here.db->scan_set("k", {.resume = second.cursor()}))) == "end_of_range");
        for (auto const& other : {c.here.db->scan_set("other", {.resume = text}),
                                  c.here.db->scan_hash_fields("k", {.resume = text}),
                                  c.here.db->scan_set("k", {.match = "", .resume = text}),
                                  c.here.db->prefixed("p").scan_set("k", {.resume = text})})
            CHECK(code_of(c.next(other)) == "bad_argument");
    }
}

TEST_CASE("a prefix stands before the key, and neither in elements nor in the pattern", "[scan]") {
    key_client c{{{"0", {"0", {"p:x"}}}}};
    CHECK(c.next(c.here.db->prefixed("p:").scan_set("k", {.match = "p*"})) == strings{"p:x"});
    CHECK(c.says.asked == strings{"SSCAN p:k 0 MATCH p* COUNT 1000"});
}

TEST_CASE("empty pages are passed over, and an empty key has none", "[scan]") {
    key_client c{{{"0", {"1", {}}}, {"1", {"2", {}}}, {"2", {"0", {"a"}}}}};
    auto const scan = c.here.db->scan_set("k");
    CHECK(c.next(scan) == strings{"a"});
    CHECK(code_of(c.next(scan)) == "end_of_range");
    c.says.pages = {{"0", {"0", {}}}};
    auto const none = c.here.db->scan_set("k");
    CHECK(code_of(c.next(none)) == "end_of_range");
    CHECK(none.done());
}

TEST_CASE("bad options of a scan of elements are told before anything is sent", "[scan]") {
    key_client c{{}};
    auto& db = *c.here.db;
    std::string const other = "umbel-elements 1;0000000000000000;7;r";
    for (auto const& told :
         {c.next(db.scan_set("k", {.count = 0})), c.next(db.scan_set("k", {.resume = "7"})),
          c.next(db.scan_set("k", {.resume = other})),
          c.next(db.scan_set(std::string(600, 'k'), {.resume = "x"}))}) {
        CHECK(code_of(told) == "bad_argument");
        CHECK(delivery_of(told) == "not_sent");
    }
    CHECK(code_of(c.next(db.with(0ms).scan_set("k"))) == "deadline_exceeded");
    CHECK(c.says.asked.empty());
}

TEST_CASE("a next() that was refused, or whose client has gone, says why", "[scan]") {
    key_client c{{{"0", {"0", {"a"}}}}};
    umbel::client const& db = *c.here.db;
    for (auto const& scan : {db.scan_set("k", {.count = 0}), db.scan_set("k", {.resume = "nonsense"}),
                             db.with(0ms).scan_set("k")}) {
        auto const told = c.next(scan);
        CHECK_FALSE(scan.done());
        REQUIRE(scan.failure());
        CHECK(scan.failure()->code() != umbel::errc::cancelled);
    }
    auto const late = db.scan_set("k");
    CHECK_FALSE(late.failure());
    auto before = late.next();
    c.here.db.reset();
    CHECK(code_of(c.here.wait(std::move(before))) == "cancelled");
    REQUIRE(late.failure());
    CHECK(*late.failure() == umbel::errc::cancelled);
    CHECK(code_of(c.here.wait(late.next())) == "cancelled");
    REQUIRE(late.failure());
    CHECK_FALSE(late.done());
}

TEST_CASE("a cursor is a number of 64 bits", "[scan]") {
    CHECK(umbel::calling::is_cursor("18446744073709551615"));
    CHECK(umbel::calling::is_cursor("0"));
    for (std::string_view const wrong :
         {"18446744073709551616", "99999999999999999999", "", "-1", "+1", "1 ", "x"})
        CHECK_FALSE(umbel::calling::is_cursor(wrong));
}

TEST_CASE("what the server answers instead of a page is the error, and the scan goes on afterwards",
          "[scan]") {
    key_client c{{{"0", {"7", {"a"}}}, {"7", {"0", {"b"}}}}};
    auto const scan = c.here.db->scan_set("k");
    CHECK(c.next(scan) == strings{"a"});
    c.says.instead = "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n";
    CHECK(code_of(c.next(scan)) == "wrong_type");
    REQUIRE(scan.failure());
    CHECK(*scan.failure() == umbel::errc::wrong_type);
    c.says.instead = "*2\r\n$1\r\nx\r\n*0\r\n";
    CHECK(code_of(c.next(scan)) == "unexpected_type");
    c.says.instead.clear();
    c.says.run_id.clear();
    CHECK(code_of(c.next(scan)) == "unexpected_type");
    CHECK_FALSE(scan.done());
    c.says.run_id = "r1";
    CHECK(c.next(scan) == strings{"b"});
    CHECK_FALSE(scan.failure());
    CHECK(scan.done());
}

TEST_CASE("a page of elements is cancelled and asked for again; a second one at a time is refused",
          "[scan]") {
    key_client c{{{"0", {"0", {"a"}}}}};
    c.says.holds = true;
    auto const scan = c.here.db->scan_set("k");
    at_home::cancels_the_first_of_two_pages(c.here, scan);
    c.says.holds = false;
    c.here.server.release();
    CHECK(c.next(scan) == strings{"a"});
    auto const more = c.here.db->scan_set("k");
    {
        auto const dropped = more.next();
    }
    auto late = more.next();
    c.here.db.reset();
    CHECK(code_of(c.here.wait(std::move(late))) == "cancelled");
}

TEST_CASE("a lost connection is not noticed: a page only reads", "[scan]") {
    key_client c{{{"0", {"0", {"a"}}}}};
    bool lost = false;
    at_home::backend here{[&](words const& said) -> std::optional<scripted::answer> {
        if (said[0] == "EXEC" && !std::exchange(lost, true)) return scripted::answer::cut();
        return c.says(said);
    }};
    CHECK(here.wait(here.db->scan_set("k").next()) == strings{"a"});
    CHECK(lost);
}

TEST_CASE("without coroutines a page is waited for", "[scan]") {
    STATIC_REQUIRE(std::is_same_v<decltype(std::declval<umbel::sync_client&>().scan_set("k").next()),
                                  umbel::result<strings>>);
}
