// Tests of client/key_scan.hpp, and of what stands behind it (scan_step.hpp, async/call_sequence.hpp): bytes,
// errors, cancellation and the end of a scan, against one scripted server; and on a whole model cluster.
#include "at_home.hpp"

#include <umbel/client/key_scan.hpp>
#include <umbel/testing/service/stage.hpp>

#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

using at_home::code_of;
using at_home::delivery_of;
using at_home::shown;
using namespace std::chrono_literals;
using scripted::words;
using page = std::vector<std::string>;

namespace {

/// A server of a few keys: what EXEC answers to the SCAN that was queued.
struct small_server {
    std::string run_id = "r1";
    std::map<std::string, std::pair<std::string, page>> pages{{"0", {"7", {"a", "b"}}}, {"7", {"0", {"c"}}}};
    std::string cursor;
    std::vector<std::string> asked;  ///< Each SCAN.
    bool holds = false;

    std::optional<scripted::answer> operator()(words const& said) {
        if (said.size() > 1 && said[1] == "SLOTS") return std::nullopt;
        if (said[0] == "MULTI") return scripted::answer{"+OK\r\n"};
        if (said[0] == "SCAN") {
            cursor = said[1];
            std::string line;
            for (std::string const& word : said) line += (line.empty() ? "" : " ") + word;
            asked.push_back(line);
        }
        if (said[0] != "EXEC") return scripted::answer{"+QUEUED\r\n"};
        auto const& [next, keys] = pages.at(cursor);
        std::string text = "*3\r\n*2\r\n" + scripted::bulk(next) + "*" + std::to_string(keys.size()) + "\r\n";
        for (std::string const& key : keys) text += scripted::bulk(key);
        text += "-ERR This instance has cluster support disabled\r\n";
        text += scripted::bulk("# Server\r\nrun_id:" + run_id + "\r\nmaster_replid:x\r\n");
        return holds ? scripted::answer::hold(text) : scripted::answer{text};
    }
};
struct small_client {
    small_server says;
    at_home::backend here{
        [this](words const& said) -> std::optional<scripted::answer> { return says(said); }};
    auto next(umbel::key_scan const& scan) { return here.wait(scan.next()); }
};

}  // namespace

TEST_CASE("pages come as one transaction each, until the end, which comes for ever after", "[scan]") {
    small_client c;
    auto const scan = c.here.db->scan({.match = "*", .count = 2, .type = "string"});
    CHECK_FALSE(scan.done());
    CHECK(c.next(scan) == page{"a", "b"});
    CHECK(c.here.server.seen() ==
          std::vector<words>{{"CLUSTER", "SLOTS"},
                             {"MULTI"},
                             {"SCAN", "0", "MATCH", "*", "COUNT", "2", "TYPE", "string"},
                             {"CLUSTER", "NODES"},
                             {"INFO", "server", "replication"},
                             {"EXEC"}});
    CHECK(c.next(scan) == page{"c"});
    for (int again = 0; again < 3; ++again) CHECK(code_of(c.next(scan)) == "end_of_range");
    CHECK(scan.done());
    CHECK_FALSE(scan.failure());
    CHECK(scan.rounds() == 0);
    CHECK(c.says.asked.size() == 2);
}

TEST_CASE("a scan goes on from its text, and begins anew where the process is another one", "[scan]") {
    for (bool const restarted : {false, true}) {
        small_client c;
        auto const first = c.here.db->scan();
        CHECK(c.next(first) == page{"a", "b"});
        std::string const text = first.cursor();
        if (restarted) c.says.run_id = "r2";
        auto const second = c.here.db->scan({.resume = text});
        CHECK(c.next(second) == page{"c"});
        if (restarted) CHECK(c.next(second) == page{"a", "b"});
        if (restarted) CHECK(c.next(second) == page{"c"});
        CHECK(code_of(c.next(second)) == "end_of_range");
        CHECK(code_of(c.next(c.here.db->scan({.resume = second.cursor()}))) == "end_of_range");
    }
    small_client c;
    auto const other = c.here.db->scan({.match = "x*", .resume = c.here.db->scan().cursor()});
    CHECK(code_of(c.next(other)) == "bad_argument");
}

TEST_CASE("a prefix stands in the pattern, and not in the keys", "[scan]") {
    small_client c;
    c.says.pages = {{"0", {"0", {"a*p:1", "aXp:2"}}}};
    CHECK(c.next(c.here.db->prefixed("a*p:").scan()) == page{"1"});
    CHECK(c.says.asked == std::vector<std::string>{"SCAN 0 MATCH a\\*p:* COUNT 1000"});
}

TEST_CASE("empty pages are not told", "[scan]") {
    small_client c;
    c.says.pages = {{"0", {"1", {}}}, {"1", {"2", {}}}, {"2", {"0", {"k"}}}};
    auto const scan = c.here.db->scan();
    CHECK(c.next(scan) == page{"k"});
    CHECK(code_of(c.next(scan)) == "end_of_range");
}

TEST_CASE("bad options are told by the first page, before anything is sent", "[scan]") {
    small_client c;
    for (auto const& told : {c.next(c.here.db->scan({.count = 0})), c.next(c.here.db->scan({.type = ""})),
                             c.next(c.here.db->scan({.resume = "7"}))}) {
        CHECK(code_of(told) == "bad_argument");
        CHECK(delivery_of(told) == "not_sent");
    }
    CHECK(code_of(c.next(c.here.db->with(0ms).scan())) == "deadline_exceeded");
    CHECK(c.says.asked.empty());
}

TEST_CASE("what a server answers instead of a page is the error, and the scan goes on afterwards", "[scan]") {
    bool broken = true;
    small_server well;
    at_home::backend here{[&](words const& said) -> std::optional<scripted::answer> {
        if (broken && said[0] == "EXEC") return "*3\r\n-ERR no such type\r\n-ERR x\r\n$0\r\n\r\n";
        if (broken && said[0] != "MULTI" && said[0] != "CLUSTER") return "+QUEUED\r\n";
        return well(said);
    }};
    auto const scan = here.db->scan();
    CHECK(code_of(here.wait(scan.next())) == "server_error");
    REQUIRE(scan.failure());
    CHECK(*scan.failure() == umbel::errc::server_error);
    CHECK_FALSE(scan.done());
    broken = false;
    CHECK(here.wait(scan.next()) == page{"a", "b"});
    CHECK_FALSE(scan.failure());
}

TEST_CASE("a next() of a scan that was refused, or whose client has gone, says why", "[scan]") {
    small_client c;
    auto const wrong = c.here.db->scan({.count = 0});
    CHECK(code_of(c.here.wait(wrong.next())) == "bad_argument");
    REQUIRE(wrong.failure());
    CHECK(*wrong.failure() == umbel::errc::bad_argument);
    auto const late = c.here.db->scan();
    auto before = late.next();
    c.here.db.reset();
    CHECK(code_of(c.here.wait(std::move(before))) == "cancelled");
    REQUIRE(late.failure());
    CHECK(*late.failure() == umbel::errc::cancelled);
}

TEST_CASE("a page is cancelled and asked for again; a second one at a time is refused", "[scan]") {
    small_client c;
    c.says.holds = true;
    auto const scan = c.here.db->scan();
    at_home::cancels_the_first_of_two_pages(c.here, scan);
    c.says.holds = false;
    c.here.server.release();
    CHECK(c.next(scan) == page{"a", "b"});
    {
        auto const dropped = scan.next();
    }
    auto late = scan.next();
    c.here.db.reset();
    CHECK(code_of(c.here.wait(std::move(late))) == "cancelled");
}

TEST_CASE("a scan that waits for a node that cannot serve ends with its deadline, and with its stage",
          "[scan]") {
    using namespace umbel::testing;
    stage here{{.primaries = 3, .replicas_each = 0}};
    umbel::client db = here.client({.deadline = 300ms});
    auto const work = [](umbel::client& client) -> asio::awaitable<std::string> {
        auto scan = client.scan();
        std::string codes;
        for (int at = 0; at < 3; ++at) codes += code_of(co_await scan.next()) + ' ';
        codes += scan.failure() ? std::string{scan.failure()->message()} : "";
        co_return codes;
    };
    here.run([](umbel::client& client) -> asio::awaitable<void> { co_await client.ready(); }(db));
    here.cluster().crash(1);
    auto const codes = here.run(work(db));
    REQUIRE(codes);
    CHECK(codes->starts_with("deadline_exceeded deadline_exceeded deadline_exceeded "));
    CHECK(codes->find("the latest fault was") != std::string::npos);
    // The stage ends while a page waits.
    auto const waits = here.run(work(db), 100ms);
    CHECK_FALSE(waits);
}
