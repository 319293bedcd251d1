// Tests of command/key_contents.hpp: the words, flags, refusals and replies of DUMP, RESTORE and OBJECT.
#include <umbel/command/key_contents.hpp>

#include "decoded.hpp"
#include "recorder.hpp"

#include <catch2/catch_test_macros.hpp>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

using namespace std::chrono_literals;
using umbel::test::decoded;
using umbel::test::mismatch;
using umbel::test::replies;

namespace {

constexpr umbel::test::recorder<umbel::command::key_content_commands> db;
constexpr umbel::unix_time moment{86400s};

}  // namespace

TEST_CASE("DUMP, RESTORE and OBJECT send their words, with the flags and the slot of the command table",
          "[key_contents]") {
    CHECK(mismatch(db.dump("k"), "DUMP k") == "");
    CHECK(mismatch(db.restore("k", "bytes"), "RESTORE k 0 bytes") == "");
    CHECK(mismatch(db.restore("k", "bytes", {.expire = 30s}), "RESTORE k 30000 bytes") == "");
    CHECK(mismatch(db.restore("k", "bytes", {.expire_at = moment, .replace = true}),
                   "RESTORE k 86400000 bytes REPLACE ABSTTL") == "");
    CHECK(mismatch(db.restore("k", "bytes", {.idle = 9s}), "RESTORE k 0 bytes IDLETIME 9") == "");
    CHECK(mismatch(db.restore("k", "bytes", {.replace = true, .frequency = 255}),
                   "RESTORE k 0 bytes REPLACE FREQ 255") == "");
    CHECK(mismatch(db.object_encoding("k"), "OBJECT ENCODING k") == "");
    CHECK(mismatch(db.object_freq("k"), "OBJECT FREQ k") == "");
    CHECK(mismatch(db.object_idletime("k"), "OBJECT IDLETIME k") == "");
    CHECK(mismatch(db.object_refcount("k"), "OBJECT REFCOUNT k") == "");
}

TEST_CASE("what no server would take of a RESTORE is refused before it is sent", "[key_contents]") {
    CHECK(db.restore("k", "bytes", {.expire = 0s}).refusal == "expire is not positive");
    CHECK(db.restore("k", "bytes", {.expire_at = umbel::unix_time{}}).refusal ==
          "expire_at is not after 1970");
    CHECK(db.restore("k", "bytes", {.expire = 1s, .expire_at = moment}).refusal ==
          "expire and expire_at exclude each other");
    CHECK(db.restore("k", "bytes", {.idle = 1s, .frequency = 1}).refusal ==
          "idle and frequency exclude each other");
    CHECK(db.restore("k", "bytes", {.idle = -1s}).refusal == "idle is negative");
}

TEST_CASE("what is told of a key is nullopt when there is no key, in RESP2 and RESP3", "[key_contents]") {
    STATIC_CHECK(replies<std::optional<umbel::bytes>, decltype(db.dump<umbel::bytes>("k"))>());
    STATIC_CHECK(replies<umbel::ok, decltype(db.restore("k", "bytes"))>());
    STATIC_CHECK(replies<std::optional<std::string>, decltype(db.object_encoding("k"))>());
    STATIC_CHECK(replies<std::optional<std::int64_t>, decltype(db.object_refcount("k"))>());
    using idle = std::optional<std::chrono::seconds>;
    STATIC_CHECK(replies<idle, decltype(db.object_idletime("k"))>());
    CHECK(decoded<idle>(":7\r\n").value() == 7s);
    CHECK(decoded<idle>("$-1\r\n").value() == std::nullopt);
    CHECK(decoded<idle>("_\r\n").value() == std::nullopt);
}
