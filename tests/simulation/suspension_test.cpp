// A call given up, or its connection cut, at every point where it can be suspended, in every situation that a
// cluster can put it in.
#include "scene.hpp"
#include "witness.hpp"

#include <catch2/catch_test_macros.hpp>

#include <array>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

using namespace simulation;

namespace {

constexpr std::string_view tag = "{t}";

/// What stands between a call and its reply. The slot of the tag, its owner and another primary are told.
struct situation {
    std::string_view what;
    bool known = true;  ///< The client knows the cluster already.
    std::function<void(scene&, std::uint16_t, node_number, node_number)> arises = [](auto&&...) {};
};

std::array<situation, 9> const situations{{
    {"the client knows nothing yet", false},
    {"all is well"},
    {"the reply takes 30 ms", true,
     [](scene& on, std::uint16_t, node_number owner, node_number) { on.cluster[owner].slow = 30ms; }},
    {"MOVED", true,
     [](scene& on, std::uint16_t slot, node_number, node_number other) {
         on.cluster.move_slot(slot, other);
         on.time.run_while_not([&] { return !on.cluster.moving(); }, 1s);
     }},
    {"ASK", true,
     [](scene& on, std::uint16_t slot, node_number, node_number other) {
         on.cluster.key_pace = 300ms;
         on.cluster.move_slot(slot, other);
         on.time.run_while_not([&] { return on.cluster[other].store.size() == 1; }, 2s);
     }},
    {"LOADING for 20 ms", true,
     [](scene& on, std::uint16_t, node_number owner, node_number) {
         on.cluster[owner].loading = true;
         on.time.in(20ms, [&on, owner] { on.cluster[owner].loading = false; });
     }},
    {"the owner is frozen for 20 ms", true,
     [](scene& on, std::uint16_t, node_number owner, node_number) {
         on.cluster.freeze(owner);
         on.time.in(20ms, [&on, owner] { on.cluster.unfreeze(owner); });
     }},
    {"a crash failover", true,
     [](scene& on, std::uint16_t, node_number owner, node_number) { on.cluster.crash(owner); }},
    {"CLUSTER FAILOVER", true,
     [](scene& on, std::uint16_t, node_number owner, node_number) { on.cluster.fail_over(owner + 3); }},
}};

/// One cluster in a situation, two keys with known values, and a history of what is written.
struct stage {
    scene on{{}, {3, 1}};
    std::uint16_t slot = umbel::cluster::slot_of(tag).value();
    node_number owner = on.cluster.truth(slot);
    witness seen{on.time};

    explicit stage(situation const& where) {
        if (where.known) on.ready();
        for (node_number const number : {owner, owner + 3})
            for (std::string_view const name : {"1", "2"})
                on.cluster[number].store[key(name)].text = "value " + std::string{name};
        where.arises(on, slot, owner, (owner + 1) % 3);
    }
    static std::string key(std::string_view name) { return std::string{tag} + std::string{name}; }

    answer& get(std::string_view name) { return on.call({"GET", key(name)}, {.deadline = 10s}); }
    /// INCR or RPUSH, on the record.
    call_number write(history::kind what, duration deadline = 10s) {
        bool const counts = what == history::kind::incr;
        std::string const name = key(counts ? "count" : "list");
        std::size_t const number = seen.begin(name, what);
        std::string const token = seen.token(number);
        std::vector<std::string_view> words{counts ? "INCR" : "RPUSH", name};
        if (!counts) words.push_back(token);
        ++under_way;
        return on.db.call(words,
                          [this, number](umbel::result<umbel::reply> told) {
                              --under_way;
                              seen.ended(number, told);
                          },
                          {.deadline = deadline});
    }
    unsigned under_way = 0;

    /// Takes `count` steps, or fewer, if `over` sooner. Returns whether it was.
    template <class Over>
    bool steps(unsigned count, Over over) {
        for (unsigned i = 0; i < count && !over(); ++i) on.time.step();
        return over();
    }
    template <class Over>
    void finish(Over over) {
        CHECK(on.time.run_while_not(over, 20s));
        on.time.run_for(500ms);
    }
    /// Holds what was told against what the servers have done. Returns how many writes were told that they
    /// may have happened.
    unsigned judge() {
        auto const found = seen.judged(on.cluster);
        INFO(found.to_string());
        CHECK(found.clean());
        CHECK(found.acknowledged >= 1);
        return static_cast<unsigned>(found.unknown);
    }
};

/// Runs `act(situation, steps)` for every number of steps, until it says that there are no more. Where there
/// are many, some are left out.
template <class Act>
void at_every_point(Act act) {
    for (situation const& where : situations) {
        unsigned points = 0;
        for (unsigned steps = 0;; steps += 1 + steps / 20) {
            INFO(where.what << ", after " << steps << " steps");
            ++points;
            if (act(where, steps)) break;
        }
        INFO(where.what);
        CHECK(points > 3);
    }
}

}  // namespace

TEST_CASE("a call cancelled at any point, in any situation, never leaves its reply to another",
          "[simulation]") {
    // CVE-2023-28858 and CVE-2023-28859 (redis-py): a cancelled command's reply was given to the next
    // command.
    at_every_point([](situation const& where, unsigned steps) {
        stage at{where};
        answer const& first = at.get("1");
        call_number const number = at.on.last_number;
        bool const over = at.steps(steps, [&] { return first.done(); });
        at.on.db.cancel(number);
        answer const& second = at.get("2");
        answer const& third = at.on.call({"ECHO", "third"}, {.deadline = 10s});
        answer const& fourth = at.get("1");
        at.finish([&] { return first.done() && second.done() && third.done() && fourth.done(); });
        if (first.good())
            CHECK(first.text() == "\"value 1\"");
        else
            CHECK(first.told->error() == errc::cancelled);
        CHECK(second.text() == "\"value 2\"");
        CHECK(third.text() == "\"third\"");
        CHECK(fourth.text() == "\"value 1\"");
        return over;
    });
}

TEST_CASE("a write cancelled at any point, in any situation, runs once at most, and is told the truth",
          "[simulation]") {
    for (history::kind const what : {history::kind::incr, history::kind::push}) {
        at_every_point([what](situation const& where, unsigned steps) {
            stage at{where};
            call_number const number = at.write(what);
            bool const over = at.steps(steps, [&] { return at.under_way == 0; });
            at.on.db.cancel(number);
            at.write(what);
            at.finish([&] { return at.under_way == 0; });
            at.judge();
            return over;
        });
    }
}

TEST_CASE(
    "a write whose connection is cut at any point, in any situation, runs once at most, and is told the "
    "truth",
    "[simulation]") {
    for (history::kind const what : {history::kind::incr, history::kind::push}) {
        at_every_point([what](situation const& where, unsigned steps) {
            stage at{where};
            at.write(what);
            at.write(what);
            bool const over = at.steps(steps, [&] { return at.under_way == 0; });
            for (node_number i = 0; i < 6; ++i) at.on.cluster.reset_connections(i);
            at.write(what);
            at.finish([&] { return at.under_way == 0; });
            // What was sent before the client saw the end of its connections may be lost with them; what
            // comes now is not.
            at.write(what);
            at.finish([&] { return at.under_way == 0; });
            at.judge();
            return over;
        });
    }
}

TEST_CASE("an INCR whose deadline comes at any time, in any situation, is not doubled", "[simulation]") {
    // Jedis issue 3187: a command repeated after a timeout was executed twice.
    for (situation const& where : situations) {
        unsigned unknown = 0;
        for (duration deadline = 1ms; deadline < 64ms; deadline += 3ms) {
            INFO(where.what << ", deadline after " << deadline / 1ms << " ms");
            stage at{where};
            at.write(history::kind::incr, deadline);
            at.on.time.run_for(deadline / 2);
            at.write(history::kind::incr, deadline);
            at.finish([&] { return at.under_way == 0; });
            at.write(history::kind::incr);
            at.finish([&] { return at.under_way == 0; });
            unknown += at.judge();
        }
        // Here the deadline does come between the command and its reply.
        if (where.what == "the reply takes 30 ms") CHECK(unknown > 5);
    }
}
