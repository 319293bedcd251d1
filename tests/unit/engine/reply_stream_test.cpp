#include <umbel/engine/reply_stream.hpp>

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <string_view>

using namespace umbel;
using namespace umbel::engine;

namespace {

struct stream : reply_stream {
    pipeline_counters counters;

    stream() : reply_stream{nullptr, {}} {}
    void receive(std::string_view bytes) {
        auto const space = reader().space();
        std::copy(bytes.begin(), bytes.end(), space.begin());
        reader().commit(bytes.size());
    }
};

}  // namespace

TEST_CASE("a late reply is skipped piece by piece, and push frames before it are counted", "[reply_stream]") {
    stream all;
    bool skipped = false;
    all.receive(">1\r\n+hello\r\n$5\r\nla");
    CHECK(all.skip(skipped, all.counters) == settle_progress::more);
    CHECK_FALSE(skipped);
    CHECK(all.counters.pushes == 1);
    CHECK(all.skip(skipped, all.counters) == settle_progress::drained);
    all.receive("ter\r\n+next\r\n");
    CHECK(all.skip(skipped, all.counters) == settle_progress::more);
    CHECK(skipped);
}

TEST_CASE("where no reply is awaited only push frames may come", "[reply_stream]") {
    stream all;
    all.receive(">1\r\n+hello\r\n>1\r\n+again\r\n");
    CHECK(all.skip_pushes(all.counters) == settle_progress::drained);
    CHECK(all.counters.pushes == 2);
    all.receive("+OK\r\n");
    CHECK(all.skip_pushes(all.counters) == settle_progress::broken);
    CHECK(all.fault() == "a reply came that no command asked for");
    all.reset();
    CHECK(all.fault().empty());
}

TEST_CASE("a stream that has lost count of replies has a fault until its connection is gone",
          "[reply_stream]") {
    stream all;
    CHECK_FALSE(all.lost_count());
    CHECK(all.fault() == "a PING was answered by another command's reply");
    all.reset();
    CHECK(all.fault().empty());
}

TEST_CASE("an error that nobody asked for is the fault itself, and junk is named", "[reply_stream]") {
    stream told;
    told.receive("-ERR max number of clients reached\r\n");
    CHECK(told.skip_pushes(told.counters) == settle_progress::broken);
    CHECK(told.fault() == "ERR max number of clients reached");
    stream junk;
    junk.receive("junk\r\n");
    CHECK(junk.skip_pushes(junk.counters) == settle_progress::broken);
    CHECK_FALSE(junk.fault().empty());
}
