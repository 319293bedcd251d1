// A whole client on virtual time while a server makes a large reply, and answers nobody.
#include <umbel/client/for_each.hpp>
#include <umbel/testing/service/stage.hpp>

#include <catch2/catch_test_macros.hpp>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using namespace std::chrono_literals;
using elements_result = umbel::result<umbel::elements_given>;

namespace {

struct taken {
    elements_result how{umbel::elements_given{}};
    std::uint64_t connects = 0;
    std::uint64_t disconnects = 0;
};
/// Asks for the elements of a list while its server is busy with making the reply.
taken take_from_busy(std::chrono::seconds busy, std::chrono::seconds deadline,
                     umbel::options const& chosen = {}) {
    umbel::testing::stage here{{.primaries = 1, .replicas_each = 0}};
    umbel::client db = here.client(chosen);
    std::optional<elements_result> ended;
    bool pushed = false;
    db.rpush("k", std::vector<std::string>{"a", "b", "c"})([&](auto result) { pushed = result.has_value(); });
    REQUIRE(here.run_while_not([&] { return pushed; }, 1s));
    here.cluster().freeze(0);
    here.time().in(busy, [&] { here.cluster().unfreeze(0); });
    db.with(deadline).for_each(umbel::cmd.lrange("k", 0, -1), [](std::string_view) {})(
        [&](elements_result result) { ended.emplace(std::move(result)); });
    REQUIRE(here.run_while_not([&] { return ended.has_value(); }, 3min));
    std::optional<umbel::statistics> counted;
    db.statistics()([&](auto result) { counted = result.value(); });
    REQUIRE(here.run_while_not([&] { return counted.has_value(); }, 1min));
    return {*ended, counted->connects, counted->disconnects};
}

}  // namespace

TEST_CASE("a server may be silent for as long as it makes a large reply, within the deadline", "[for_each]") {
    taken const good = take_from_busy(20s, 30s);
    REQUIRE(good.how);
    CHECK(good.how->count == 3);
    CHECK(good.disconnects == 0);
    // Without that, the silence would be taken for death, and the read be sent again and again.
    taken const strict = take_from_busy(20s, 30s, {.large_reply_timeout = 0ms});
    CHECK(strict.disconnects > 1);
    taken const late = take_from_busy(20s, 10s);
    REQUIRE_FALSE(late.how);
    CHECK(late.how.error().code() == umbel::errc::deadline_exceeded);
    CHECK(late.how.error().elements_given() == 0);
}
