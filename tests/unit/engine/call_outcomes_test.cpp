#include <umbel/engine/call_outcomes.hpp>

#include "support/script_values.hpp"
#include "unit/cluster/read_reply.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace umbel;
using namespace umbel::engine;
using namespace std::chrono_literals;
using umbel::test::scripted_call;

namespace {

constexpr instant begin{1000s};

struct outcomes_of_one_link : call_outcomes {
    pipeline_counters counters;

    outcomes_of_one_link()
        : call_outcomes{{.redirects_max = 5, .retry_delay = 1ms, .retry_delay_max = 1ms}, 1} {
        serve("10.0.0.1:6379", {3, link_mode::primary});
    }
};

}  // namespace

TEST_CASE("a redirect returns the call with the node that it names", "[outcomes]") {
    outcomes_of_one_link outcomes;
    scripted_call call{"GET foo", {}};
    call.begin(begin);
    test::read_reply const moved{"-MOVED 12182 10.0.0.2:6379\r\n"};
    outcomes.fail_or_return(call, moved, begin, outcomes.counters);
    CHECK(outcomes.finished().empty());
    REQUIRE(outcomes.returned().pop() == &call);
    CHECK(call.retry->host == "10.0.0.2");
    CHECK(call.retry->hops.front().node == "10.0.0.1:6379");
    CHECK(outcomes.counters.redirects == 1);
}

TEST_CASE("an error that the policy does not repeat fails the call", "[outcomes]") {
    outcomes_of_one_link outcomes;
    scripted_call call{"GET foo", {}};
    call.begin(begin);
    test::read_reply const wrong{"-WRONGTYPE Operation against a key\r\n"};
    outcomes.fail_or_return(call, wrong, begin, outcomes.counters);
    CHECK(outcomes.returned().empty());
    REQUIRE(outcomes.finished().pop() == &call);
    call.kind->complete(call);
}

TEST_CASE("an error names the node of its connection", "[outcomes]") {
    outcomes_of_one_link outcomes;
    scripted_call call{"GET foo", {}};
    outcomes.fail(call, errc::cancelled, delivery::not_sent, "cancelled");
    REQUIRE(outcomes.finished().pop() == &call);
    call.kind->complete(call);
}
