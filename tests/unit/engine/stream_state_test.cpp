#include <umbel/engine/stream_state.hpp>

#include <catch2/catch_test_macros.hpp>

using umbel::engine::stream_state;

TEST_CASE("a notice counts for the stream that it was asked of, and no other", "[stream_state]") {
    stream_state stream;
    CHECK_FALSE(stream.is_current(stream.epoch()));
    stream.begin();
    std::uint32_t const first = stream.epoch();
    CHECK(stream.is_current(first));
    CHECK(stream.end());
    CHECK_FALSE(stream.is_current(first));
    CHECK_FALSE(stream.is_current(stream.epoch()));
    stream.begin();
    CHECK_FALSE(stream.is_current(first));
    CHECK(stream.is_current(stream.epoch()));
}

TEST_CASE("the end of a stream forgets what was under way on it", "[stream_state]") {
    stream_state stream;
    stream.begin();
    stream.write_blocked = stream.reading = stream.unread = true;
    stream.end();
    CHECK_FALSE(stream.write_blocked);
    CHECK_FALSE(stream.reading);
    CHECK_FALSE(stream.unread);
    CHECK_FALSE(stream.end());
}
