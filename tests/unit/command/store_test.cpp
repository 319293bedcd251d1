// Tests of command/store.hpp: when a command that stores a result may run twice.
#include <umbel/command/store.hpp>

#include <catch2/catch_test_macros.hpp>

using umbel::key;
using umbel::command::store_flags;
using umbel::command::word_list;
using enum umbel::cluster::command_flags;

TEST_CASE("storing twice does no harm as long as the destination is no source", "[store]") {
    CHECK(store_flags(word_list{key{"to"}, key{"a"}, key{"b"}}) == idempotent);
    CHECK(store_flags(word_list{key{"to"}, 2, key{"a"}, key{"b"}, "WEIGHTS", 1, 2}) == idempotent);
    CHECK(store_flags(word_list{key{"to"}, key{"to"}}) == umbel::cluster::command_flags::none);
    CHECK(store_flags(word_list{key{"to"}, 2, key{"a"}, key{"to"}}) == umbel::cluster::command_flags::none);
    CHECK(store_flags(word_list{"AND", key{"AND"}, key{"a"}}, 1) == idempotent);
    CHECK(store_flags(word_list{"AND", key{"a"}, key{"a"}}, 1) == umbel::cluster::command_flags::none);
}

TEST_CASE("an option that is spelled like the destination counts as a source", "[store]") {
    CHECK(store_flags(word_list{key{"2"}, 2, key{"a"}, key{"b"}}) == umbel::cluster::command_flags::none);
}
