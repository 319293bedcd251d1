// stat.hpp: `umbel-cli --stat`: a row of figures a second, summed over the primaries of a cluster.
#pragma once

#include "info.hpp"
#include "palette.hpp"
#include "session.hpp"
#include "settings.hpp"

#include <umbel/client.hpp>
#include <umbel/client/each_client.hpp>

#include <asio.hpp>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace cli {

/// The sum over the primaries that have answered.
struct figures {
    std::uint64_t keys = 0, memory = 0, clients = 0, blocked = 0, commands = 0;
    std::uint64_t fresh_commands = 0;  ///< Since the row before, of the nodes that have answered both times.
    unsigned nodes = 0, silent = 0;

    void add(std::string_view info) noexcept {
        keys += keys_in(info);
        memory += info_number(info, "used_memory:");
        clients += info_number(info, "connected_clients:");
        blocked += info_number(info, "blocked_clients:");
        commands += info_number(info, "total_commands_processed:");
        ++nodes;
    }
};

class stat_watch {
public:
    stat_watch(umbel::client& db, settings const& chosen, palette const& colours)
        : db_{db}, interval_{chosen.interval.value_or(std::chrono::seconds{1})}, colours_{colours} {}

    /// A row an interval until Ctrl-C. Gives the exit status.
    asio::awaitable<int> run() {
        // Ctrl-C ends the report, and not by an exception.
        co_await asio::this_coro::throw_if_cancelled(false);
        asio::steady_timer timer{co_await asio::this_coro::executor};
        auto before = std::chrono::steady_clock::now();
        for (unsigned row = 0;; ++row) {
            auto told = co_await db_.on_each_primary().command<std::string>("INFO");
            auto const now = std::chrono::steady_clock::now();
            if (co_await interrupted()) co_return 0;
            if (!told) co_return report(told.error());
            if (row % rows_between_heads == 0) put_head();
            put(summed(*told), std::chrono::duration<double>{now - before}.count(), row == 0);
            before = now;
            timer.expires_after(interval_);
            co_await timer.async_wait(asio::as_tuple(asio::use_awaitable));
            if (co_await interrupted()) co_return 0;
        }
    }

private:
    static constexpr unsigned rows_between_heads = 20;

    static int report(umbel::error const& why) {
        std::fprintf(stderr, "%s\n", why.to_string().c_str());
        return 1;
    }

    figures summed(std::vector<umbel::per_node<std::string>> const& told) {
        figures sum;
        std::map<std::string, std::uint64_t> commands;
        for (umbel::per_node<std::string> const& each : told) {
            if (!each.answer) {
                ++sum.silent;
                continue;
            }
            sum.add(*each.answer);
            std::uint64_t const now = info_number(*each.answer, "total_commands_processed:");
            commands[each.node] = now;
            // A node that was started again counts from zero.
            if (auto const old = commands_.find(each.node); old != commands_.end() && old->second <= now)
                sum.fresh_commands += now - old->second;
        }
        commands_ = std::move(commands);
        return sum;
    }

    void put_head() const {
        std::string head{colours_.name};
        head.append("keys         memory     clients  blocked  ops/s      commands       primaries");
        std::puts(head.append(colours_.reset).c_str());
    }

    /// The first row knows no rate.
    static void put(figures const& sum, double seconds, bool first) {
        std::string line;
        auto const cell = [&line](std::string const& text, std::size_t width) {
            line.append(text).append(width > text.size() ? width - text.size() : 1, ' ');
        };
        auto const rate = static_cast<std::uint64_t>(static_cast<double>(sum.fresh_commands) / seconds + 0.5);
        cell(std::to_string(sum.keys), 13);
        cell(short_bytes(sum.memory), 11);
        cell(std::to_string(sum.clients), 9);
        cell(std::to_string(sum.blocked), 9);
        cell(first ? "-" : std::to_string(rate), 11);
        cell(std::to_string(sum.commands), 15);
        line.append(std::to_string(sum.nodes));
        if (sum.silent != 0) line.append(", ").append(std::to_string(sum.silent)).append(" silent");
        std::puts(line.c_str());
        std::fflush(stdout);
    }

    umbel::client& db_;
    std::chrono::milliseconds interval_;
    palette const& colours_;
    std::map<std::string, std::uint64_t> commands_;  ///< Of each node, at the row before.
};

inline asio::awaitable<int> watch_stat(umbel::client& db, settings const& chosen, palette const& colours) {
    stat_watch watch{db, chosen, colours};
    co_return co_await watch.run();
}

}  // namespace cli
