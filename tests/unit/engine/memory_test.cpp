// memory_test.cpp: memory runs out once, at every allocation that the engine makes while a primary fails and
// its replica takes over.
#include <umbel/engine/engine.hpp>

#include "support/script.hpp"

#include <cstdlib>
#include <new>

namespace {

bool inside = false;
long allowed = -1;  // Allocations until one fails; negative: none does.
long asked = 0;
bool ran_out = false;

void* allocate(std::size_t size) {
    if (inside && allowed >= 0) {
        ++asked;
        if (allowed-- == 0) {
            ran_out = true;
            return nullptr;
        }
    }
    return std::malloc(size);
}

}  // namespace

void* operator new(std::size_t size) {
    if (void* const memory = allocate(size)) return memory;
    throw std::bad_alloc{};
}
void* operator new(std::size_t size, std::nothrow_t const&) noexcept { return allocate(size); }
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }

using namespace umbel;
using namespace umbel::test;

namespace {

/// The primary of foo dies with commands under way, others refuse for a while, and its replica takes over;
/// somebody gives up meanwhile.
void a_failover() {
    script s;
    engine_watch = [](bool in) { inside = in; };
    auto sent_before = s.start("INCR foo");
    auto reads = s.start("GET foo", reading);
    auto healthy = s.start("GET bar", reading);
    while (s.next() != nothing) {
    }
    if (s.connected(b)) s.receive(b, "$1\r\nx\r\n");
    s.connects_by_itself(false);
    s.cut(a);
    auto late = s.start("SET foo x");
    auto impatient = s.start("GET foo", {.flags = cluster::command_flags::read_only, .timeout = 30ms});
    auto gone = s.start("GET foo", reading);
    s.cancel(gone);
    s.pass(50ms);
    if (s.dials(a)) s.refuse(a);
    s.connects_by_itself(true);
    std::string const after = cluster_slots({{0, 5460, {b}}, {5461, 10922, {c}}, {10923, 16383, {d, e}}});
    // Whoever is asked for the topology tells the new one; whoever gets a command answers it.
    for (int round = 0; round < 400 && !(late.done() && reads.done() && impatient.done()); ++round) {
        for (sent one = s.next(); one != nothing; one = s.next()) {
            if (!s.connected(one.to)) continue;
            for (std::string_view rest = one.bytes; !rest.empty() && s.connected(one.to);) {
                bool const asks = rest.starts_with(wire("CLUSTER SLOTS"));
                s.receive(one.to, asks ? std::string_view{after} : std::string_view{"+OK\r\n"});
                auto const following = rest.find("\r\n*", 1);
                rest = following == std::string_view::npos ? std::string_view{} : rest.substr(following + 2);
            }
        }
        s.doze();
    }
    allowed = -1;
    CHECK(healthy.done());
    CHECK(sent_before.done());
    CHECK(late.done());
    CHECK(reads.done());
    CHECK(impatient.done());
}

}  // namespace

TEST_CASE("when memory runs out once in a failover, every call is told something, and the client goes on",
          "[memory]") {
    long failures = 0;
    for (long nth = 0;; ++nth) {
        INFO("allocation " << nth);
        inside = false;
        ran_out = false;
        asked = 0;
        allowed = nth;
        a_failover();  // The script's own end checks that every call has completed exactly once.
        inside = false;
        allowed = -1;
        if (!ran_out) break;
        ++failures;
    }
    engine_watch = [](bool) {};
    CHECK(failures > 50);  // So many there are to fail.
}

TEST_CASE(
    "a redirect or a retry that finds no memory to be noted ends as no_memory, with what is known of "
    "delivery",
    "[memory]") {
    struct met {
        errc code;
        delivery known;
    };
    for (met const fault :
         {met{errc::moved, delivery::not_executed}, met{errc::connection_lost, delivery::unknown}}) {
        scripted_call get{"GET foo", reading};
        engine::instant const now{1000s};
        get.accepted = now;
        engine::random_source random{1};
        inside = true;
        ran_out = false;
        allowed = 0;
        bool const goes_on = engine::judge(get,
                                           {.code = fault.code,
                                            .delivered = fault.known,
                                            .message = "what was met",
                                            .node = "10.0.0.1:6379",
                                            .host = "10.0.0.2",
                                            .port = 6379},
                                           {}, now, random);
        inside = false;
        allowed = -1;
        CHECK(ran_out);
        REQUIRE_FALSE(goes_on);
        get.kind->complete(get);
        CHECK(outcome(started{get}) == failed{errc::no_memory, fault.known});
    }
}
