// Tests of ends, in full: commands in every state, and the client destroyed from outside, from inside a
// completion and by another thread.
#include "two_nodes.hpp"

#include <asio/executor_work_guard.hpp>

#include <algorithm>
#include <atomic>
#include <string>
#include <thread>
#include <utility>

using at_home::code_of;
using at_home::fault;
using at_home::two_nodes;
using namespace std::chrono_literals;
using scripted::words;

namespace {

constexpr int begun = 5;

/// A state in which commands can be: how they come there, and how it is seen that they are.
struct state {
    char const* name;
    void (*arranges)(two_nodes&);
    bool (*reached)(two_nodes&);
    void (*change)(umbel::options&) = [](umbel::options&) {};
};

using said = std::optional<scripted::answer>;

said silent_gets(words const& command) { return command[0] == "GET" ? said{""} : std::nullopt; }
/// Answers every GET so.
scripted::server::script gets(std::string bytes) {
    return [bytes = std::move(bytes)](words const& command) {
        return command[0] == "GET" ? said{bytes} : std::nullopt;
    };
}
bool high_saw_all(two_nodes& here) { return here.high.count("GET") >= begun; }
bool low_saw_all(two_nodes& here) { return here.low.count("GET") >= begun; }
bool asked_twice(two_nodes& here) { return here.high.count("CLUSTER") + here.low.count("CLUSTER") >= 2; }
void waits_long(umbel::options& chosen) { chosen.retry_delay = chosen.retry_delay_max = 15s; }

/// What waits for a topology, a greeting, a reply, the rest of one, a back-off, a refresh, the node of a
/// MOVED, the second reply of an ASK.
state const states[]{
    {"not sent: nothing has run yet", [](two_nodes&) {}, [](two_nodes&) { return true; }},
    {"no topology yet", [](two_nodes& here) { here.high_says = [](words const&) -> said { return ""; }; },
     [](two_nodes& here) { return here.high.count("CLUSTER") == 1; }},
    {"queued behind a greeting",
     [](two_nodes& here) {
         here.low_says = here.high_says = [&here](words const& command) -> said {
             if (command[0] != "AUTH") return std::nullopt;
             return here.high.count("AUTH") == 1 && here.low.count("AUTH") == 0 ? said{scripted::ok}
                                                                                : said{""};
         };
         here.slots = "*1\r\n" + two_nodes::range(0, 16383, here.low);
     },
     [](two_nodes& here) { return here.low.count("AUTH") == 1; },
     [](umbel::options& chosen) { chosen.password = "secret"; }},
    {"written", [](two_nodes& here) { here.high_says = silent_gets; }, high_saw_all},
    {"half answered",
     [](two_nodes& here) {
         here.high_says = [&here](words const& command) -> said {
             return command[0] == "GET" && here.high.count("GET") == 1 ? said{"$5\r\nha"}
                                                                       : silent_gets(command);
         };
     },
     high_saw_all},
    {"in back-off", [](two_nodes& here) { here.high_says = gets("-TRYAGAIN x\r\n"); }, high_saw_all,
     waits_long},
    {"waiting for a refresh",
     [](two_nodes& here) {
         here.slots = "*1\r\n" + two_nodes::range(0, 8191, here.low);
         here.high_says = here.low_says = [&here](words const& command) -> said {
             return command[0] == "CLUSTER" && here.high.count("CLUSTER") + here.low.count("CLUSTER") > 1
                        ? said{""}
                        : std::nullopt;
         };
     },
     asked_twice},
    {"refused by READONLY, waiting for a new topology",
     [](two_nodes& here) { here.high_says = gets("-READONLY x\r\n"); }, high_saw_all, waits_long},
    {"redirected",
     [](two_nodes& here) {
         here.high_says = gets(fault("MOVED", 12182, here.low));
         here.low_says = silent_gets;
     },
     low_saw_all},
    {"behind an answered ASKING",
     [](two_nodes& here) {
         here.high_says = gets(fault("ASK", 12182, here.low));
         here.low_says = [](words const& command) -> said {
             if (command[0] == "GET") return scripted::answer::hold(scripted::missing);
             return command[0] == "ASKING" ? said{scripted::ok} : std::nullopt;
         };
     },
     low_saw_all},
    {"lost with its connection, to be sent again",
     [](two_nodes& here) {
         here.high_says = [&here](words const& command) -> said {
             return command[0] == "GET" && here.high.count("GET") == begun ? said{scripted::answer::cut()}
                                                                           : silent_gets(command);
         };
     },
     high_saw_all, waits_long},
};

struct outcomes {
    std::atomic<int> done{0};
    std::atomic<int> cancelled{0};

    void begin(two_nodes& here) {
        for (int i = 0; i < begun; ++i) {
            here.db->get("foo")([this](auto told) {
                if (code_of(told) == "cancelled") ++cancelled;
                ++done;
            });
        }
    }
    void judge() const {
        CHECK(done == begun);
        CHECK(cancelled == begun);
    }
};

/// Brings a client with commands under way into every state, lets `end` destroy it, and holds what the
/// commands were told against the promise.
template <class End>
void in_every_state(End end) {
    for (state const& one : states) {
        INFO(one.name);
        two_nodes here{one.change};
        one.arranges(here);
        outcomes all;
        all.begin(here);
        REQUIRE(at_home::until(here.io, [&] { return one.reached(here); }));
        end(here, all);
        all.judge();
    }
}

}  // namespace

TEST_CASE("a client destroyed from outside completes commands in every state once, as cancelled",
          "[lifetime]") {
    in_every_state([](two_nodes& here, outcomes& all) {
        here.db.reset();
        CHECK(at_home::until(here.io, [&] { return all.done >= begun; }));
        at_home::settle(here.io);
    });
}

TEST_CASE("a client destroyed from inside a completion completes commands in every state once, as cancelled",
          "[lifetime]") {
    in_every_state([](two_nodes& here, outcomes& all) {
        here.db->statistics()([&](auto) { here.db.reset(); });
        CHECK(at_home::until(here.io, [&] { return all.done >= begun; }));
        at_home::settle(here.io);
        CHECK_FALSE(here.db.has_value());
    });
}

TEST_CASE("a client destroyed by another thread completes commands in every state once, as cancelled",
          "[lifetime][threads]") {
    in_every_state([](two_nodes& here, outcomes& all) {
        here.io.restart();
        auto guard = asio::make_work_guard(here.io);
        std::thread runner{[&] { here.io.run(); }};
        here.db.reset();
        auto const give_up = std::chrono::steady_clock::now() + 30s;
        while (all.done < begun && std::chrono::steady_clock::now() < give_up) std::this_thread::yield();
        here.io.stop();
        runner.join();
        at_home::settle(here.io);
    });
}
