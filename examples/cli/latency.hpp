// latency.hpp: `umbel-cli --latency`: how long each node of a cluster takes to answer PING, side by side.
#pragma once

#include "palette.hpp"
#include "samples.hpp"
#include "session.hpp"
#include "settings.hpp"

#include <umbel/client.hpp>
#include <umbel/client/node_client.hpp>

#include <asio.hpp>

#include <unistd.h>
#include <chrono>
#include <cstdio>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace cli {

/// Threading: all of it on the client's thread.
class latency_watch {
public:
    latency_watch(umbel::client& db, settings const& chosen, palette const& colours)
        : db_{db}, interval_{chosen.interval.value_or(std::chrono::seconds{1})}, colours_{colours} {}

    /// On a terminal until Ctrl-C, drawn again and again; elsewhere for one interval. Gives the exit status.
    asio::awaitable<int> run() {
        // Ctrl-C ends the report, and not by an exception.
        co_await asio::this_coro::throw_if_cancelled(false);
        asio::steady_timer timer{co_await asio::this_coro::executor};
        bool const live = ::isatty(STDOUT_FILENO) != 0;
        bool over = false;
        while (!over) {
            co_await join_nodes();
            timer.expires_after(interval_);
            co_await timer.async_wait(asio::as_tuple(asio::use_awaitable));
            bool const stopped = co_await interrupted();
            over = stopped || !live;
            draw(live);
        }
        over_ = true;
        for (; probes_ != 0; timer.expires_after(std::chrono::milliseconds{10}))
            co_await timer.async_wait(asio::as_tuple(asio::use_awaitable));
        co_return nodes_.empty() ? 1 : 0;
    }

private:
    static constexpr std::chrono::milliseconds pause{10};  ///< Between two PINGs to one node.

    struct node {
        umbel::cluster::node_role role{};
        bool member = false;
        bool lost = false;  ///< The latest PING has failed.
        samples times;
    };

    /// Begins to ask the nodes that have come, and leaves those that have gone.
    asio::awaitable<void> join_nodes() {
        auto const known = co_await db_.nodes();
        if (!known) co_return;
        for (auto& [address, each] : nodes_) each.member = false;
        for (umbel::node_snapshot const& seen : *known) {
            if (!seen.member) continue;
            auto const [at, fresh] = nodes_.try_emplace(seen.address);
            at->second.role = seen.role;
            at->second.member = true;
            if (!fresh) continue;
            ++probes_;
            asio::co_spawn(co_await asio::this_coro::executor, probe(seen.address, at->second),
                           [this](std::exception_ptr) { --probes_; });
        }
    }

    asio::awaitable<void> probe(std::string address, node& of) {
        asio::steady_timer timer{co_await asio::this_coro::executor};
        auto const here = db_.with(std::chrono::seconds{2}).on(address);
        while (!over_) {
            auto const began = std::chrono::steady_clock::now();
            auto const pong = co_await here.command<std::string>("PING");
            of.lost = !pong;
            if (pong) of.times.add(std::chrono::steady_clock::now() - began);
            timer.expires_after(pause);
            co_await timer.async_wait(asio::use_awaitable);
        }
    }

    // ---- The table ------------------------------------------------------------------------------

    static std::string cell(std::chrono::nanoseconds span) {
        char text[32];
        std::snprintf(text, sizeof text, "%10.3f", static_cast<double>(span.count()) / 1e6);
        return text;
    }
    std::string row(std::string const& address, node const& of) const {
        char front[96];
        bool const primary = of.role == umbel::cluster::node_role::primary;
        std::snprintf(front, sizeof front, "%-28s %-8s", address.c_str(), primary ? "primary" : "replica");
        std::string out{front};
        if (of.lost) return out.append(colours_.error).append("  does not answer").append(colours_.reset);
        out.append(cell(of.times.least())).append(cell(of.times.average()));
        out.append(cell(of.times.percentile(0.99))).append(cell(of.times.most()));
        std::snprintf(front, sizeof front, "%10llu", static_cast<unsigned long long>(of.times.count()));
        return out.append(front);
    }

    void draw(bool live) {
        std::string const clear_line = live ? "\x1b[K\n" : "\n";
        std::string out;
        if (live && lines_ != 0) out.append("\x1b[").append(std::to_string(lines_)).append("A\r");
        lines_ = 1;
        out.append(colours_.name)
            .append("node                         role           min       avg       p99");
        out.append("       max   samples").append(colours_.reset).append("  ms").append(clear_line);
        for (auto const& [address, each] : nodes_) {
            if (!each.member) continue;
            out.append(row(address, each)).append(clear_line);
            ++lines_;
        }
        if (live) out.append("\x1b[J");
        std::fwrite(out.data(), 1, out.size(), stdout);
        std::fflush(stdout);
    }

    umbel::client& db_;
    std::chrono::milliseconds interval_;
    palette const& colours_;
    std::map<std::string, node> nodes_;  ///< Places that never move: each has a probe that looks at it.
    std::size_t lines_ = 0;
    unsigned probes_ = 0;
    bool over_ = false;
};

inline asio::awaitable<int> watch_latency(umbel::client& db, settings const& chosen, palette const& colours) {
    latency_watch watch{db, chosen, colours};
    co_return co_await watch.run();
}

}  // namespace cli
