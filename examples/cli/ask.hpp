// ask.hpp: sends one command of words known at run time, and shows what came of it: the way it took and its
// reply, or its error. It knows no terminal.
#pragma once

#include "commands.hpp"
#include "session.hpp"
#include "show.hpp"

#include <umbel/client.hpp>

#include <asio.hpp>

#include <chrono>
#include <cstdio>
#include <string>
#include <utility>
#include <vector>

namespace cli {

struct answer {
    umbel::result<umbel::reply> reply;
    std::vector<umbel::hop> trail;
    std::chrono::nanoseconds took{};
};

/// A command without a key goes to all nodes that it concerns, and is never redirected; any other one comes
/// back with its trail.
inline asio::awaitable<answer> ask(umbel::client& db, std::vector<std::string> words) {
    auto const began = std::chrono::steady_clock::now();
    answer told;
    command_traits const* const row = row_of(words);
    if (row != nullptr && row->keys.search == umbel::command::key_search::none) {
        told.reply = co_await db.execute(words);
    } else if (auto traced = co_await db.with(umbel::trail).execute(words)) {
        told.reply = std::move(traced->value);
        told.trail = std::move(traced->trail);
    } else {
        told.reply = tl::unexpected{traced.error()};
    }
    if (!told.reply) told.trail.assign(told.reply.error().trail().begin(), told.reply.error().trail().end());
    told.took = std::chrono::steady_clock::now() - began;
    co_return told;
}

inline std::string milliseconds_of(std::chrono::nanoseconds span) {
    char text[32];
    std::snprintf(text, sizeof text, "%.1f ms", static_cast<double>(span.count()) / 1e6);
    return text;
}

/// One line for each node that the command left: "-> moved from 10.0.0.7:6379 to 10.0.0.8:6379 (1.2 ms)".
/// `last` is where the last redirect led.
inline std::string trail_lines(std::vector<umbel::hop> const& trail, std::string const& last,
                               palette const& colours) {
    std::string out;
    for (std::size_t i = 0; i < trail.size(); ++i) {
        umbel::hop const& hop = trail[i];
        bool const redirected = hop.reason == umbel::errc::moved || hop.reason == umbel::errc::ask;
        std::string const& to = i + 1 < trail.size() ? trail[i + 1].node : last;
        out.append(colours.dim).append("-> ").append(name_of(hop.reason));
        out.append(redirected ? " from " : " at ").append(lines_of(hop.node));
        if (redirected && !to.empty()) out.append(" to ").append(lines_of(to));
        out.append(" (").append(milliseconds_of(hop.spent)).append(")").append(colours.reset).append("\n");
    }
    return out;
}

/// The server's own line, or what the library says: its code, whether the command may have run, and the cure.
inline std::string error_line(umbel::error const& why) {
    bool const of_the_server =
        why.origin() == umbel::origin::server || why.origin() == umbel::origin::cluster;
    return lines_of(of_the_server ? std::string{why.message()} : why.to_string());
}

}  // namespace cli
