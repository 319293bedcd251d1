// What a repeated write may undo: the register checker, shown clients and networks that it must convict.
#include "scenario.hpp"

#include <catch2/catch_test_macros.hpp>

#include <cstdio>
#include <string>
#include <string_view>

using namespace simulation;

namespace {

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
        for (std::string const& one : scenario{seed, drawn}.run().failures)
            if (one.starts_with(wanted)) found = {seed, one};
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
}

}  // namespace

TEST_CASE("a client that repeats SET is convicted as soon as others write the key, too",
          "[simulation][control]") {
    auto const found = first_conviction("idempotent", "registers: not linearizable", 2000, [](plan& drawn) {
        drawn.client.retry_unknown = umbel::retry_unknown::idempotent;
    });
    CHECK(found);
}

TEST_CASE(
    "a client that repeats SET is convicted even with one writer a key, where what was given up may arrive",
    "[simulation][control]") {
    auto const found =
        first_conviction("idempotent, one writer", "registers: not linearizable", 2000, [](plan& drawn) {
            drawn.client.retry_unknown = umbel::retry_unknown::idempotent;
            drawn.users.one_writer = true;
            flap(drawn);
        });
    CHECK(found);
}
