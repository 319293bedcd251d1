// memory_test.cpp: memory runs out once, at every allocation that the engine makes while a primary fails and
// its replica takes over.
#include <umbel/engine/engine.hpp>
#include <umbel/engine/event_queue.hpp>

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

/// One lease a node, and everything that may become of it: lent, waited for, held, given back changed, given
/// up with the server told or not, lost, unused for too long.
void leases_of_all_kinds() {
    script_options options;
    options.engine.leases_max = 1;
    options.engine.lease_idle = 50ms;
    options.engine.plan.extent = umbel::handshake::full;
    script s{[&] {
        options.boots = false;
        return options;
    }()};
    engine_watch = [](bool in) { inside = in; };
    bool answers_unblock = true;
    std::string const lease = std::string{a} + "/lease0";
    auto const serve = [&](auto const& until) {
        for (int round = 0; round < 400 && !until(); ++round) {
            for (sent one = s.next(); one != nothing; one = s.next()) {
                std::string answers;
                for (std::string_view rest = one.bytes; !rest.empty();) {
                    auto const following = rest.find("\r\n*", 1);
                    std::string_view const command = rest.substr(0, following);
                    auto const says = [&](std::string_view word) {
                        return command.find(word) != std::string_view::npos;
                    };
                    if (says("SLOTS"))
                        answers += usual_layout();
                    else if (says("MYID"))
                        answers += bulk("id-" + one.to.substr(0, one.to.find('/')));
                    else if (says("\r\nID"))
                        answers += ":7\r\n";
                    else if (says("UNBLOCK"))
                        answers += answers_unblock ? ":0\r\n" : "";
                    else if (says("BLPOP"))
                        answers += says("wait") ? "" : "*-1\r\n";
                    else
                        answers += "+OK\r\n";
                    rest =
                        following == std::string_view::npos ? std::string_view{} : rest.substr(following + 2);
                }
                if (s.connected(one.to) && !answers.empty()) s.receive(one.to, answers);
                // The wait ends by itself, and nobody answers what was said of it.
                if (one.bytes.find("UNBLOCK") == std::string::npos || answers_unblock) continue;
                if (s.connected(lease)) s.receive(lease, "*-1\r\n");
                if (s.connected(one.to)) s.cut(one.to);
            }
            s.doze();
        }
    };
    auto const pops = [&] {
        auto pop = s.start("BLPOP foo 1", {.timeout = 10s, .blocks = true});
        serve([&] { return pop.done(); });
        return pop;
    };
    serve([&] { return s.table().primary_of(cluster::slot{12182}) != cluster::no_node; });
    pops();
    auto first = s.start("BLPOP foo 1", {.timeout = 10s, .blocks = true});
    auto second = s.start("BLPOP foo 1", {.timeout = 10s, .blocks = true});
    serve([&] { return first.done() && second.done(); });
    if (s.connected(lease)) s.cut(lease);
    for (bool const changes : {false, true}) {
        engine::lease_token mine;
        scripted_call wish{"WISH foo", {.timeout = 10s}};
        wish.leased = wish.only_waits = true;
        wish.wanted = &mine;
        wish.size = 0;
        s.submit(wish);
        serve([&] { return wish.completions == 1; });
        mine.changed = changes;
        if (wish.answer->has_value()) {
            watched const within;
            s.core().give_back(mine, s.now());
        }
        s.happens(engine::refresh_wanted{});
    }
    for (bool const answered : {true, false}) {
        answers_unblock = answered;
        auto wait = s.start("BLPOP foo wait", {.timeout = 10s, .blocks = true});
        serve([&] { return wait.done() || s.core().waiting() == 0; });
        s.cancel(wait);
        serve([&] { return wait.done(); });
        CHECK(wait.done());
    }
    serve([] { return false; });
    allowed = -1;
    s.pass(1s);
    // Whatever has failed, a lease that nobody needs is closed, and the only one can be lent.
    CHECK_FALSE(s.connected(lease));
    CHECK(pops().good());
}

}  // namespace

TEST_CASE("when memory runs out once while leases come and go, none of them is lost for good", "[memory]") {
    long failures = 0;
    for (long nth = 0;; ++nth, ++failures) {
        INFO("allocation " << nth);
        inside = ran_out = false;
        asked = 0;
        allowed = nth;
        leases_of_all_kinds();
        inside = false;
        allowed = -1;
        if (!ran_out) break;
    }
    engine_watch = [](bool) {};
    CHECK(failures > 50);
}

TEST_CASE("a lease that could not be closed for want of memory is closed soon afterwards", "[memory]") {
    script_options options;
    options.engine.lease_idle = 2s;
    script s{options};
    std::string const lease = std::string{a} + "/lease0";
    s.start("BLPOP foo 0", blocking);
    s.receive(lease, "*-1\r\n");
    engine_watch = [](bool in) { inside = in; };
    ran_out = false;
    allowed = 0;
    s.pass(2050ms);
    engine_watch = [](bool) {};
    allowed = -1;
    CHECK(ran_out);
    CHECK(s.connected(lease));
    s.pass(1s);
    CHECK_FALSE(s.connected(lease));
}

TEST_CASE("there is room for what happens when all sessions end at once", "[memory]") {
    engine::event_queue queue;
    queue.make_room(500);
    auto const lost = [](engine::event&) { FAIL("no event may be lost"); };
    unsigned handled = 0;
    allowed = 0;
    inside = true;
    queue.happened(
        engine::refresh_wanted{},
        [&](engine::event&) {
            if (++handled != 1) return;
            for (unsigned at = 0; at < 4 * 500; ++at)
                queue.happened(engine::link_closed{}, [](engine::event&) { FAIL("it waits"); }, lost);
        },
        lost);
    inside = false;
    allowed = -1;
    CHECK(handled == 1 + 4 * 500);
}

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
