// The simulated client must be as good to its callers as the real one: what one of them does is nothing to
// the others.
#include <umbel/testing/model_cluster.hpp>
#include <umbel/testing/sim_client.hpp>

#include <catch2/catch_test_macros.hpp>

#include <chrono>
#include <stdexcept>
#include <vector>

using namespace umbel::testing;
using umbel::errc;

namespace {

/// Five callers of one client, of which the first to be told throws.
struct five_callers {
    timeline time{1};
    model_cluster cluster{time, {.primaries = 3}};
    sim_client db{time, cluster.net(), {.seeds = {"10.0.0.1:6379"}}, 1};
    std::vector<errc> told;
    std::vector<instant> when;

    void begin() {
        for (int i = 0; i < 5; ++i) {
            db.call({"INCR", "n"}, [this](umbel::result<umbel::reply> result) {
                told.push_back(result ? errc::server_error : result.error().code());
                when.push_back(time.now());
                if (told.size() == 1) throw std::runtime_error{"the callback's own"};
            });
        }
    }
    void check(errc expected) {
        CHECK_THROWS_AS(time.run_for(1s), std::runtime_error);
        CHECK(told.size() == 1);
        time.run_for(1s);
        CHECK(told == std::vector<errc>(5, expected));
        CHECK(when.back() == when.front());
    }
};

}  // namespace

TEST_CASE("a callback that throws keeps no other from its answer, nor the connection from the next",
          "[sim_client]") {
    five_callers here;
    here.time.run_for(1s);
    here.begin();
    here.check(errc::server_error);
    bool next = false;
    here.db.call({"GET", "n"},
                 [&](umbel::result<umbel::reply> result) { next = result && result->text() == "5"; });
    here.time.run_for(1s);
    CHECK(next);
}

TEST_CASE("a callback that throws when its client closes keeps no other from being told", "[sim_client]") {
    five_callers here;
    SECTION("before the client has a topology") { here.begin(); }
    SECTION("with commands under way") {
        here.time.run_for(1s);
        here.begin();
    }
    here.db.end();
    here.check(errc::cancelled);
}
