// at_home.hpp: a client and its scripted server on one io_context, for the tests of the client.
#pragma once

#include <umbel/client.hpp>

#include "support/scripted_server.hpp"

#include <catch2/catch_test_macros.hpp>

#include <asio/bind_cancellation_slot.hpp>
#include <asio/bind_executor.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/io_context.hpp>

#include <chrono>
#include <optional>
#include <string>
#include <utility>

namespace at_home {

using namespace std::chrono_literals;

/// Options of a client that says nothing of its own accord, save one question for the topology.
inline umbel::options plain(std::string const& seed) {
    umbel::options made;
    made.seeds = {seed};
    made.protocol = umbel::protocol::resp2;
    made.handshake = umbel::handshake::minimal;
    made.topology_source = umbel::topology_source::slots;
    made.deployment = umbel::deployment::standalone;
    made.deadline = 20s;
    return made;
}

/// Runs `io` until `done()`; false when that takes absurdly long.
template <class Done>
bool until(asio::io_context& io, Done&& done) {
    auto const give_up = std::chrono::steady_clock::now() + 30s;
    while (!done()) {
        if (std::chrono::steady_clock::now() > give_up) return false;
        if (io.stopped()) io.restart();
        io.run_one_for(20ms);
    }
    return true;
}

/// Runs whatever is ready, and what that makes ready.
inline void settle(asio::io_context& io) {
    for (int quiet = 0; quiet < 5;) {
        if (io.stopped()) io.restart();
        quiet = io.run_one_for(2ms) == 0 ? quiet + 1 : 0;
    }
}

/// Begins `what` by callback and runs `io` until it has completed there. (Without a client there is no
/// executor but the handler's.)
template <class Value>
umbel::async::outcome_of<Value> wait(asio::io_context& io, umbel::operation<Value> what) {
    using outcome = umbel::async::outcome_of<Value>;
    std::optional<outcome> told;
    std::move(what)(asio::bind_executor(io, [&told](outcome value) { told.emplace(std::move(value)); }));
    REQUIRE(until(io, [&] { return told.has_value(); }));
    return std::move(*told);
}

/// The code of an error, for comparisons that read well; `none` for a value.
template <class Value>
std::string code_of(umbel::result<Value> const& told) {
    return told ? "none" : std::string{umbel::name_of(told.error().code())};
}
template <class Value>
std::string delivery_of(umbel::result<Value> const& told) {
    return told ? "none" : std::string{umbel::name_of(told.error().delivery())};
}

/// A result in words: the value, "nil", or the code of the error.
/// Asks a scan for two pages at one time: the second is refused, and the first cancelled. Precondition: the
/// server holds the page back.
template <class Home, class Scan>
void cancels_the_first_of_two_pages(Home& here, Scan const& scan) {
    asio::cancellation_signal signal;
    std::string first, second;
    scan.next()(asio::bind_cancellation_slot(signal.slot(), [&](auto value) { first = code_of(value); }));
    scan.next()([&](auto value) { second = code_of(value); });
    CHECK(here.until([&] { return here.server.count("EXEC") == 1 && !second.empty(); }));
    CHECK(second == "bad_argument");
    signal.emit(asio::cancellation_type::terminal);
    CHECK(here.until([&] { return !first.empty(); }));
    CHECK(first == "cancelled");
}

inline std::string shown(umbel::result<std::optional<std::string>> const& told) {
    return !told ? code_of(told) : *told ? **told : "nil";
}
inline std::string shown(umbel::result<std::string> const& told) { return told ? *told : code_of(told); }
inline std::string shown(umbel::result<std::int64_t> const& told) {
    return told ? std::to_string(*told) : code_of(told);
}
inline std::string shown(umbel::result<umbel::ok> const& told) { return told ? "ok" : code_of(told); }
inline std::string shown(umbel::result<umbel::set_outcome> const& told) {
    return !told ? code_of(told) : *told == umbel::set_outcome::written ? "written" : "kept";
}

/// One server, one client, one thread.
struct backend {
    asio::io_context io{1};
    scripted::server server;
    std::string seed;
    std::optional<umbel::client> db;

    explicit backend(scripted::server::script says = {},
                     umbel::options (*chosen)(std::string const&) = &plain)
        : server{io, std::move(says)}, seed{server.address()} {
        db.emplace(io.get_executor(), chosen(seed));
    }
    template <class Value>
    auto wait(umbel::operation<Value> what) {
        return at_home::wait(io, std::move(what));
    }
    template <class Done>
    bool until(Done&& done) {
        return at_home::until(io, std::forward<Done>(done));
    }
};

}  // namespace at_home
