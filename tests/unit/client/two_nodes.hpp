// two_nodes.hpp: a client and two scripted nodes that share the slots, for the tests of what a client makes
// of a cluster.
#pragma once

#include "at_home.hpp"

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace at_home {

// Slots, as CLUSTER KEYSLOT tells them: foo 12182, bar 5061, {a} 15495, {b} 3300, {c} 7365.
// The first node owns 0-8191, the second the rest.
struct two_nodes {
    asio::io_context io{1};
    std::string slots;
    scripted::server::script low_says;
    scripted::server::script high_says;
    scripted::server low{io, [this](scripted::words const& said) { return reply(low_says, said); }};
    scripted::server high{io, [this](scripted::words const& said) { return reply(high_says, said); }};
    std::string const seed = high.address();
    std::optional<umbel::client> db;

    explicit two_nodes(
        void (*change)(umbel::options&) = [](umbel::options&) {}, umbel::cluster::policy const& policy = {},
        std::shared_ptr<umbel::observer> watching = nullptr) {
        slots = "*2\r\n" + range(0, 8191, low) + range(8192, 16383, high);
        umbel::options chosen = plain(seed);
        chosen.deployment = umbel::deployment::cluster;
        change(chosen);
        db.emplace(io.get_executor(), chosen, policy, std::move(watching));
    }
    static std::string range(int first, int last, scripted::server const& owner,
                             std::string const& host = scripted::bulk("127.0.0.1")) {
        return "*3\r\n" + scripted::integer(first) + scripted::integer(last) + "*2\r\n" + host +
               scripted::integer(owner.port());
    }
    std::optional<scripted::answer> reply(scripted::server::script const& first,
                                          scripted::words const& said) const {
        if (first)
            if (auto answer = first(said)) return answer;
        if (said[0] == "CLUSTER") return scripted::answer{slots};
        return std::nullopt;
    }
    template <class Value>
    auto wait(umbel::operation<Value> what) {
        return at_home::wait(io, std::move(what));
    }
    std::string owner(bool is_high) const { return (is_high ? high : low).address(); }
};

/// Cancels an operation as soon as `seen` holds, and returns what it completes with, as `show` words it. The
/// replies that the servers have held back come after that: nobody may get them.
template <class Operation, class Seen, class Show>
std::string cancelled_once(two_nodes& here, Operation what, Seen seen, Show show) {
    asio::cancellation_signal signal;
    int completions = 0;
    std::string told;
    std::move(what)(asio::bind_cancellation_slot(signal.slot(), [&](auto value) {
        ++completions;
        told = show(value);
    }));
    REQUIRE(until(here.io, seen));
    signal.emit(asio::cancellation_type::terminal);
    REQUIRE(until(here.io, [&] { return completions != 0; }));
    here.low.release();
    here.high.release();
    CHECK(shown(here.wait(here.db->incr("n"))) == "1");
    CHECK(completions == 1);
    return told;
}

inline std::string fault(std::string_view what, int slot, scripted::server const& to) {
    return "-" + std::string{what} + " " + std::to_string(slot) + " " + to.address() + "\r\n";
}

/// Says `line` to every command of this name.
inline scripted::server::script answering(std::string name, std::string line) {
    return [name = std::move(name),
            line = std::move(line)](scripted::words const& said) -> std::optional<scripted::answer> {
        if (said[0] == name) return scripted::answer{line};
        return std::nullopt;
    };
}

}  // namespace at_home
