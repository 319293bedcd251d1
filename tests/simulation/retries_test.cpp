// What a repeated write may undo: the register checker, shown clients and networks that it must convict.
#include "scenario.hpp"
#include "support/number_from.hpp"

#include <catch2/catch_test_macros.hpp>

#include <cstdio>
#include <string>
#include <string_view>

using namespace simulation;

namespace {

/// Seeds for what must not be convicted; UMBEL_SEEDS asks for more.
std::uint64_t number_of_seeds() { return umbel::test::number_from("UMBEL_SEEDS", 150); }

/// The first seed that is convicted, and of what.
struct conviction {
    std::uint64_t seed = 0;
    std::string text;
    explicit operator bool() const noexcept { return seed != 0; }
};

/// Runs seeds with a changed plan until a check says something that begins with `wanted`.
template <class Change>
conviction first_conviction(std::string_view name, std::string_view wanted, std::uint64_t seeds,
                            Change change) {
    conviction found;
    for (std::uint64_t seed = 1; seed <= seeds && !found; ++seed) {
        plan drawn = draw(seed);
        if (drawn.allowed.surfaced) continue;
        drawn.allowed.repeats = drawn.allowed.undoes = false;
        change(drawn);
        for (std::string const& text : scenario{seed, drawn}.run().failures)
            if (text.starts_with(wanted)) found = {seed, text};
    }
    if (found)
        std::printf("%.*s: seed %llu: %s\n", static_cast<int>(name.size()), name.data(),
                    static_cast<unsigned long long>(found.seed), found.text.c_str());
    return found;
}

/// A cable is pulled and put in again, and what was under way comes late.
void flap(plan& drawn) {
    drawn.flaps = 3;
    drawn.wires.late_percent = 50;
    drawn.wires.late_max = 600ms;
    drawn.wires.resets_drop = true;
    drawn.allowed.echoes = false;
}
/// The same, where what was given up may arrive: a client that only closes, or a middlebox that holds bytes.
void flap_without_resets(plan& drawn) {
    flap(drawn);
    drawn.wires.resets_drop = false;
    drawn.allowed.echoes = true;
}
void repeat_sets(plan& drawn) { drawn.client.retry_unknown = umbel::retry_unknown::idempotent; }

constexpr std::string_view undone = "registers: not linearizable";

}  // namespace

TEST_CASE("a client that repeats SET is convicted as soon as others write the key, too",
          "[simulation][control]") {
    CHECK(first_conviction("idempotent", undone, 2000, [](plan& drawn) {
        flap(drawn);
        repeat_sets(drawn);
    }));
}

TEST_CASE("a client that repeats SET undoes its own writes where what was given up may arrive",
          "[simulation][control]") {
    CHECK(first_conviction("idempotent, one writer a key, no resets", undone, 2000, [](plan& drawn) {
        flap_without_resets(drawn);
        repeat_sets(drawn);
        drawn.users.one_writer = true;
    }));
}

TEST_CASE("with one writer a key, and resets that drop, repeating SET undoes nothing", "[simulation]") {
    CHECK_FALSE(first_conviction("idempotent, one writer a key", {}, number_of_seeds(), [](plan& drawn) {
        flap(drawn);
        repeat_sets(drawn);
        drawn.users.one_writer = true;
    }));
}

TEST_CASE("by default nothing is undone, though nothing that was given up be dropped", "[simulation]") {
    CHECK_FALSE(first_conviction("reads, no resets", {}, number_of_seeds(), [](plan& drawn) {
        flap_without_resets(drawn);
        drawn.client.retry_unknown = umbel::retry_unknown::reads;
    }));
}

TEST_CASE("a client that closes what it gives up, or a network without resets, is convicted of echoes",
          "[simulation][control]") {
    CHECK(first_conviction("no resets", "echo: ", 2000, [](plan& drawn) {
        flap_without_resets(drawn);
        drawn.allowed.echoes = false;
    }));
}
