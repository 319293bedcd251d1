// Tests of client/sync_consumer.hpp: a consumer of a group, for a client that waits.
#include <umbel/client/sync_consumer.hpp>

#include "at_home.hpp"

#include <catch2/catch_test_macros.hpp>

#include <string>
#include <vector>

using at_home::code_of;
using at_home::plain;
using namespace std::chrono_literals;

TEST_CASE("a consumer gives pages, not operations", "[sync_client]") {
    bool first = true;
    scripted::server server{[&first](scripted::words const& said) -> std::optional<scripted::answer> {
        if (said[0] == "XREADGROUP" && said.back() == "0" && std::exchange(first, false))
            return scripted::answer{
                "*1\r\n*2\r\n$1\r\ns\r\n*2\r\n*2\r\n$3\r\n1-1\r\n*2\r\n$1\r\nf\r\n$1\r\n7\r\n"
                "*2\r\n$3\r\n1-2\r\n*2\r\n$1\r\nf\r\n$1\r\n8\r\n"};
        if (said[0] == "XREADGROUP") return scripted::answer{"*-1\r\n"};
        if (said[0] == "XAUTOCLAIM") return scripted::answer{"*3\r\n$3\r\n0-0\r\n*0\r\n*0\r\n"};
        if (said[0] == "XACK") return scripted::integer(static_cast<long long>(said.size()) - 3);
        return std::nullopt;
    }};
    umbel::sync_client db{plain(server.address())};
    REQUIRE(db.ready());
    umbel::consumer_options const options{.stream = "s", .group = "g", .name = "me", .wait = 5ms};
    using fields = std::vector<std::pair<std::string, int>>;
    umbel::sync_consumer<fields> const worker{db.with(5s), options};
    umbel::result<umbel::consumer_page<fields>> const page = worker.next();
    REQUIRE(page);
    REQUIRE(page->size() == 2);
    CHECK(page->entries[1].fields == fields{{"f", 8}});
    CHECK(worker.ack("1-1") == 1);
    worker.leave("1-2");
    CHECK(worker.unacknowledged() == 0);
    CHECK(worker.ack(*page) == 0);  // None of it is out.
    CHECK(code_of(worker.ack("1-1")) == "bad_argument");
    worker.redeliver();
    umbel::sync_consumer const other{db, options};
    auto const none = other.next();
    REQUIRE(none);
    CHECK(none->empty());
}
