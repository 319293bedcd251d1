// Tests of command/publish.hpp: the words, flags, slots and replies of PUBLISH and SPUBLISH.
#include <umbel/command/publish.hpp>

#include "recorder.hpp"

#include <catch2/catch_test_macros.hpp>

#include <cstdint>

using umbel::test::mismatch;
using umbel::test::replies;

namespace {

constexpr umbel::test::recorder<umbel::command::publish_commands> db;

}  // namespace

TEST_CASE("a message goes to any node, one to a shard channel to the slot of the channel", "[publish]") {
    CHECK(mismatch(db.publish("news", "hello"), "PUBLISH news hello") == "");
    CHECK(db.publish("news", "hello").slot.is_any());
    CHECK(mismatch(db.spublish("news", 42), "SPUBLISH news 42") == "");
    CHECK(db.spublish("news", 42).slot == umbel::cluster::slot_of("news"));
    STATIC_CHECK(replies<std::int64_t, decltype(db.publish("news", "hello"))>());
    STATIC_CHECK(replies<std::int64_t, decltype(db.spublish("news", "hello"))>());
}
