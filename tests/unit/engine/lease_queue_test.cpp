#include <umbel/engine/lease_queue.hpp>

#include <catch2/catch_test_macros.hpp>

#include <array>
#include <chrono>
#include <vector>

using namespace umbel::engine;
using namespace std::chrono_literals;

namespace {
struct node_record {
    node_leases leases;
};
}  // namespace

TEST_CASE("calls leave a queue for leases in any order, and the others keep theirs", "[leases]") {
    lease_queue queue;
    std::array<node_record, 2> nodes;
    std::array<call, 5> calls;
    for (call& one : calls) CHECK_FALSE(queue.enter(one, 1, nodes[1].leases, 1s));
    CHECK(queue.size() == 5);
    CHECK(nodes[1].leases.waiting == 5);
    CHECK(nodes[0].leases.first == nullptr);
    for (std::size_t at : {2u, 0u, 4u}) queue.leave(calls[at], nodes[1].leases);
    std::vector<call*> left;
    for (call* at = nodes[1].leases.first; at; at = at->next) left.push_back(at);
    CHECK(left == std::vector<call*>{&calls[1], &calls[3]});
    CHECK(nodes[1].leases.last == &calls[3]);
    queue.leave(calls[1], nodes[1].leases);
    queue.leave(calls[3], nodes[1].leases);
    CHECK(nodes[1].leases.first == nullptr);
    CHECK(nodes[1].leases.last == nullptr);
    CHECK(queue.size() == 0);
    CHECK(queue.next_due() == never);
}

TEST_CASE("a queue for leases hands out the calls whose deadline has passed", "[leases]") {
    lease_queue queue;
    std::array<node_record, 2> nodes;
    std::array<call, 3> calls;
    calls[0].deadline = 1500ms;
    calls[2].deadline = 5s;
    for (std::size_t at = 0; at < 3; ++at) queue.enter(calls[at], at % 2, nodes[at % 2].leases, 1s);
    std::vector<call*> failed;
    queue.expire(2s, nodes, [&](call& late) { failed.push_back(&late); });
    CHECK(failed == std::vector<call*>{&calls[0]});
    CHECK(queue.size() == 2);
    queue.leave(calls[1], nodes[1].leases);
    queue.leave(calls[2], nodes[0].leases);
}
