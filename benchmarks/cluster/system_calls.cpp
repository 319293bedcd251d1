// system_calls.cpp: the system calls that a GET costs in umbel, the floors and hiredis, by kind, at 1, 50 and
// 1000 at a time on one connection; and unpipelined, one at a time, their latencies beside each other. Lines:
// "system_calls,<contender>,<outstanding>,<all>,<send>,<receive>,<epoll_wait>,<other>,<receives a send>" for
// each command, and "unpipelined,<contender>,<p50>,<p99>,<p99.9>" in µs.
#include <support/system_calls.hpp>

#include <support/asio_floor.hpp>
#include <support/raw_floor.hpp>
#include <support/rounds.hpp>
#include <support/umbel_contender.hpp>
#if defined(UMBEL_WITH_HIREDIS)
#include <support/hiredis_contender.hpp>
#endif

#include <algorithm>
#include <array>
#include <cstdio>
#include <memory>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

namespace {

using namespace bench;

struct entry {
    char const* name;
    std::unique_ptr<contender> one;
};

/// What had been counted at the two marks of a round.
system_call_counts marks[2];
void mark() {
    marks[0] = marks[1];
    marks[1] = system_calls;
}

void count_calls(entry& who, unsigned outstanding, settings const& chosen) {
    std::uint64_t const operations = std::max<std::uint64_t>(20'000, outstanding * 100u);
    // The first of the two is for timers that came due while others had their turn, and are handled with the
    // first commands.
    for (std::uint64_t const part : {operations / 20, operations}) {
        measured ignored;
        who.one->run({.outstanding = outstanding, .warm = outstanding * 2u, .operations = part}, ignored);
    }
    std::array<double, system_call_kinds> each{};
    for (std::size_t kind = 0; kind < each.size(); ++kind) {
        each[kind] = static_cast<double>(marks[1][kind] - marks[0][kind]) / static_cast<double>(operations);
    }
    double const all = std::accumulate(each.begin(), each.end(), 0.0);
    double const receive = each[0], send = each[1], wait = each[2],
                 other = std::accumulate(each.begin() + 3, each.end(), 0.0);
    // What makes up the rest is named, where there is any.
    std::string rest;
    for (std::size_t kind = 3; kind < each.size(); ++kind) {
        char text[48];
        std::snprintf(text, sizeof text, " %s %.4f", system_call_names[kind], each[kind]);
        if (each[kind] > 0.00005) rest += text;
    }
    std::printf("| %u | %s | %.4f | %.4f | %.4f | %.4f | %.4f%s | %.2f |\n", outstanding, who.name, all, send,
                receive, wait, other, rest.c_str(), receive / send);
    std::fflush(stdout);
    chosen.row("system_calls,%s,%u,%.4f,%.4f,%.4f,%.4f,%.4f,%.3f\n", who.name, outstanding, all, send,
               receive, wait, other, receive / send);
}

void print_latencies(std::vector<entry>& all, settings const& chosen) {
    std::vector<contender*> taking_part;
    for (entry& who : all) taking_part.push_back(who.one.get());
    auto const seen = side_by_side(taking_part, command_kind::get, 1, chosen);
    std::printf(
        "\none at a time: latency in µs, medians of %u rounds\n\n| contender | p50 | p99 | p99.9 | client "
        "CPU ns "
        "|\n|---|---|---|---|---|\n",
        chosen.rounds);
    for (std::size_t i = 0; i < all.size(); ++i) {
        std::printf("| %s | %.1f | %.1f | %.1f | %.0f |\n", all[i].name, seen[i].p50 / 1e3, seen[i].p99 / 1e3,
                    seen[i].p999 / 1e3, seen[i].cpu_ns);
        chosen.row("unpipelined,%s,%.2f,%.2f,%.2f\n", all[i].name, seen[i].p50 / 1e3, seen[i].p99 / 1e3,
                   seen[i].p999 / 1e3);
    }
}

}  // namespace

int main(int count, char** words) {
    settings chosen;
    chosen.rounds = 7;
    if (!chosen.read(count - 1, words + 1) || chosen.node.empty()) {
        std::fputs("usage: system_calls --node HOST:PORT [--rounds N] [--seconds S] [--csv FILE]\n", stderr);
        return 2;
    }
    at_mark = &mark;
    traffic const load{address::parse(chosen.node), 16};
    std::vector<entry> all;
    all.push_back({"raw", std::make_unique<raw_floor>(load)});
    all.push_back({"asio", std::make_unique<asio_floor>(load, asio_command::coroutine)});
    all.push_back({"umbel", std::make_unique<umbel_contender<std::string>>("umbel", load)});
#if defined(UMBEL_WITH_HIREDIS)
    all.push_back({"hiredis", std::make_unique<hiredis_epoll>("hiredis", load, false)});
#if defined(UMBEL_WITH_LIBEVENT)
    all.push_back({"hiredis-libevent", std::make_unique<hiredis_libevent>("hiredis, libevent", load)});
#endif
#endif
    std::printf(
        "system calls for each GET\n\n| outstanding | contender | all | send | receive | epoll_wait | other "
        "| receives a send |\n"
        "|---|---|---|---|---|---|---|---|\n");
    for (unsigned const outstanding : {1u, 50u, 1000u}) {
        for (entry& who : all) count_calls(who, outstanding, chosen);
    }
    print_latencies(all, chosen);
    return 0;
}
