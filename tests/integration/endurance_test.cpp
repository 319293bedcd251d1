// Ten thousand coroutines that ask a cluster all the time, while their connections are cut now and then: what
// they read is true, and memory stays flat. A few seconds; ten minutes as an entry of its own, with
// UMBEL_LONG set.
#include "support/lone_client.hpp"

#include <support/address_limit.hpp>

#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>

#include <charconv>

using namespace umbel;
using namespace umbel::test;

namespace {

constexpr unsigned coroutines = 10'000;

/// What all coroutines have seen.
struct tireless_users {
    client& db;
    bool stop = false;
    unsigned round = 0;
    unsigned running = 0;
    std::uint64_t good = 0;
    std::uint64_t failed = 0;
    std::uint64_t untrue = 0;
};

/// Writes ever larger numbers to a key of its own and of this round, and reads them back.
asio::awaitable<void> user(tireless_users& all, unsigned number) {
    std::string const key = "endurance:" + std::to_string(all.round) + ":" + std::to_string(number);
    // Written for sure; and, where an outcome is unknown, perhaps.
    std::uint64_t least = 0, most = 0;
    ++all.running;
    while (!all.stop) {
        std::string const value = std::to_string(++most);
        auto const written = co_await all.db.set(key, value);
        if (written) least = most;
        auto const read = co_await all.db.get(key);
        all.good += unsigned{written.has_value()} + unsigned{read.has_value()};
        all.failed += unsigned{!written} + unsigned{!read};
        if (!read) continue;
        std::uint64_t seen = 0;
        if (*read) std::from_chars((*read)->data(), (*read)->data() + (*read)->size(), seen);
        if (seen < least || seen > most) ++all.untrue;
        least = std::max(least, seen);
    }
    --all.running;
}

/// What the process holds.
struct footprint {
    std::size_t resident = resident_bytes();
    std::size_t allocated = allocated_bytes();
};

/// All coroutines for so long; connections are cut every `pause`.
void run_users(lone_client& s, real_cluster const& servers, tireless_users& all,
               std::chrono::milliseconds span, std::chrono::milliseconds pause) {
    all.stop = false;
    ++all.round;
    for (unsigned number = 0; number < coroutines; ++number)
        asio::co_spawn(s.io, user(all, number), asio::detached);
    auto const end = std::chrono::steady_clock::now() + span;
    for (std::size_t round = 0; std::chrono::steady_clock::now() < end; ++round) {
        s.run_for(pause);
        wire talk = servers.talk(servers.nodes()[round % servers.nodes().size()]);
        talk.must({"CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"});
    }
    all.stop = true;
    auto const patient_until = std::chrono::steady_clock::now() + patience;
    while (all.running != 0 && std::chrono::steady_clock::now() < patient_until) s.run_for(10ms);
    REQUIRE(all.running == 0);
}

}  // namespace

TEST_CASE("ten thousand coroutines ask for long while connections are cut, and memory stays flat",
          "[endurance]") {
    bool const apart = std::getenv("UMBEL_ENDURANCE") != nullptr;
    bool const whole = apart && std::getenv("UMBEL_LONG") != nullptr;
    if (apart && !whole) SKIP("the long form: tests/run.sh --long");
    real_cluster const servers{{.primaries = 3, .replicas = 0}};
    lone_client s{{.seeds = {servers.address("n1")}, .deadline = 30s, .reconnect_delay_max = 100ms}};
    tireless_users all{s.db};
    std::chrono::milliseconds const pause = whole ? 1s : 150ms;
    for (unsigned round = 0; round < 2; ++round) run_users(s, servers, all, whole ? 20s : 600ms, pause);
    footprint const before;
    std::uint64_t const warm = all.good;
    for (unsigned round = 0; round < 3; ++round) {
        run_users(s, servers, all, whole ? 200s : 600ms, pause);
        footprint const now;
        std::printf(
            "endurance: %llu commands good, %llu failed, %llu connections lost; %zu KiB resident, %zu KiB "
            "allocated (before: %zu and %zu)\n",
            static_cast<unsigned long long>(all.good), static_cast<unsigned long long>(all.failed),
            static_cast<unsigned long long>(s.disconnects()), now.resident / 1024, now.allocated / 1024,
            before.resident / 1024, before.allocated / 1024);
        if (!memory_is_plain) continue;
        // What the coroutines held is given back; a block here and there may lie elsewhere.
        CHECK(now.resident < before.resident + (std::size_t{8} << 20));
        CHECK(now.allocated < before.allocated + (std::size_t{256} << 10));
    }
    CHECK(all.untrue == 0);
    CHECK(all.good > warm + coroutines);
    CHECK(s.disconnects() > 5);
    // Cut commands that write have an unknown outcome; nearly all others are served.
    CHECK(all.failed < all.good / 2);
}
