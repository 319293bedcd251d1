#include <umbel/engine/maintenance_notice.hpp>
#include <umbel/resp/reader.hpp>

#include "support/notices.hpp"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>

using namespace umbel;
using namespace std::chrono_literals;
namespace says = umbel::test::notices;
using engine::maintenance_kind;
using engine::maintenance_notice;

namespace {

/// What a push says that arrives in two pieces, the first of `split` bytes; nothing where it is no notice.
std::optional<maintenance_notice> notice_in(std::string_view bytes, std::size_t split = 0) {
    resp::reader reader{nullptr, {}};
    resp::view push;
    for (std::string_view part : {bytes.substr(0, split), bytes.substr(split)}) {
        while (!part.empty()) {
            std::span<char> const room = reader.space();
            std::size_t const count = std::min(room.size(), part.size());
            std::copy_n(part.begin(), count, room.begin());
            reader.commit(count);
            part.remove_prefix(count);
            if (reader.next(push) != resp::reader::status::ready) continue;
            REQUIRE(push.is_push());
            auto const* const known = engine::notices::find(push);
            return known ? engine::notices::read(push, *known) : std::nullopt;
        }
    }
    FAIL("the push is not whole");
    return std::nullopt;
}

}  // namespace

TEST_CASE("each notice is read, wherever its bytes are split", "[maintenance]") {
    struct row {
        std::string bytes;
        maintenance_kind what;
        std::int64_t number;
        engine::duration within;
        std::string endpoint;
    };
    row const rows[]{
        {says::moving(15, 30, "10.0.0.9:12000"), maintenance_kind::moving, 15, 30s, "10.0.0.9:12000"},
        {says::moving(15, 30, ""), maintenance_kind::moving, 15, 30s, ""},
        {says::push("MOVING", {says::number(1), says::number(0)}), maintenance_kind::moving, 1, 0s, ""},
        {says::migrating(2, 10), maintenance_kind::migrating, 2, 10s, ""},
        {says::migrated(3), maintenance_kind::migrated, 3, 0s, ""},
        {says::failing_over(4, 20), maintenance_kind::failing_over, 4, 20s, ""},
        {says::failed_over(5), maintenance_kind::failed_over, 5, 0s, ""},
        {says::slots_migrating(6, "1,5-9"), maintenance_kind::slots_migrating, 6, 0s, ""},
        {says::slots_migrated(7, "a:1", "b:2", "1,5-9"), maintenance_kind::slots_migrated, 7, 0s, ""},
    };
    for (row const& expected : rows)
        for (std::size_t split = 0; split < expected.bytes.size(); ++split) {
            INFO(expected.bytes << " at " << split);
            auto const read = notice_in(expected.bytes, split);
            REQUIRE(read);
            CHECK(read->what == expected.what);
            CHECK(read->number == expected.number);
            CHECK((read->within == expected.within));
            CHECK(read->endpoint == expected.endpoint);
            if (expected.what != maintenance_kind::slots_migrated) continue;
            REQUIRE(read->moved.size() == 1);
            CHECK(read->moved[0].from == "a:1");
            CHECK(read->moved[0].to == "b:2");
            REQUIRE(read->moved[0].ranges.size() == 2);
            CHECK(read->moved[0].ranges[0] == cluster::slot_range{cluster::slot{1}, cluster::slot{1}});
            CHECK(read->moved[0].ranges[1] == cluster::slot_range{cluster::slot{5}, cluster::slot{9}});
        }
}

TEST_CASE("what has not the form of a notice is none", "[maintenance]") {
    for (std::string const& bytes : {
             says::push("MOVING", {}),
             says::push("MOVING", {says::number(1)}),
             says::push("MOVING", {says::text("one"), says::number(1), "_\r\n"}),
             says::push("MOVING", {says::number(1), says::text("soon"), "_\r\n"}),
             says::push("MOVING", {says::number(-1), says::number(1), "_\r\n"}),
             says::push("MOVING", {says::number(1), says::number(-1), "_\r\n"}),
             says::push("MOVING", {says::number(1), says::number(1), "#t\r\n"}),
             says::push("MOVING", {says::number(1), says::number(1), says::list({})}),
             says::push("MOVING", {says::number(1), says::number(1), "-ERR no\r\n"}),
             says::moving(1, 1, std::string(4096, 'x')),
             says::push("MIGRATING", {says::number(1)}),
             says::push("MIGRATED", {}),
             says::push("FAILED_OVER", {"_\r\n"}),
             says::push("SMIGRATED", {"(3492890328409238509324850943850943825024385\r\n"}),
             says::push("moving", {says::number(1), says::number(1), "_\r\n"}),
             says::push("message", {says::text("MOVING"), says::text("1")}),
             says::push("", {}),
             std::string{">0\r\n"},
             std::string{">1\r\n:1\r\n"},
             std::string{">1\r\n*1\r\n$6\r\nMOVING\r\n"},
         }) {
        INFO(bytes);
        CHECK_FALSE(notice_in(bytes));
    }
}

TEST_CASE("times, lists and texts of a notice are bounded", "[maintenance]") {
    CHECK((notice_in(says::moving(1, 9'223'372'036'854'775'807, ""))->within == 24h));
    std::string const row = says::list({says::text("a:1"), says::text("b:2"), says::text("1")});
    std::string rows = "*1000\r\n";
    for (int i = 0; i < 1000; ++i) rows += row;
    CHECK(notice_in(says::push("SMIGRATED", {says::number(1), rows}))->moved.size() ==
          engine::notices::moves_max);
    std::string slots = "0";
    for (int i = 1; i < 5000; ++i) slots += "," + std::to_string(i);
    CHECK(notice_in(says::slots_migrated(1, "a:1", "b:2", slots))->moved[0].ranges.size() ==
          engine::notices::ranges_max);
    std::string const longest(engine::notices::address_bytes_max, 'x'), longer = longest + "x";
    CHECK(notice_in(says::slots_migrated(1, longest, longest, "1"))->moved.size() == 1);
    CHECK(notice_in(says::slots_migrated(1, longer, "b:2", "1"))->moved.empty());
    CHECK(notice_in(says::slots_migrated(1, "a:1", longer, "1"))->moved.empty());
}

TEST_CASE("of the slots that have moved what cannot be read is left out, and the notice stands",
          "[maintenance]") {
    for (char const* const slots : {"", "x", "1,", ",1", "1-", "-1", "9-5", "16384", "1-16384", "1 ", "1,,2",
                                    "99999999999999999999", "1-2-3", "+1"}) {
        INFO(slots);
        auto const read = notice_in(says::slots_migrated(1, "a:1", "b:2", slots));
        REQUIRE(read);
        CHECK(read->moved.empty());
    }
    std::string const good = says::list({says::text("a:1"), says::text("b:2"), says::text("7")});
    auto const mixed = notice_in(says::push(
        "SMIGRATED",
        {says::number(1), says::list({says::number(1), says::list({says::text("a:1")}),
                                      says::list({"_\r\n", says::text("b:2"), says::text("1")}), good})}));
    REQUIRE(mixed);
    CHECK(mixed->moved.size() == 1);
    // What stands behind the three is passed over, as behind the elements of a notice.
    std::string const wide =
        says::list({says::list({says::text("a:1"), says::text("b:2"), says::text("7"), says::number(1)})});
    CHECK(notice_in(says::push("SMIGRATED", {says::number(1), wide}))->moved.size() == 1);
    CHECK(notice_in(says::push("SMIGRATED", {says::number(1), says::text("b:2"), says::text("1")}))
              ->moved.empty());
    CHECK(notice_in(says::push("SMIGRATED", {says::number(1)})));
}
