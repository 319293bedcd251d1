// rounds.hpp: how contenders are compared: short rounds in turn, so that whatever else the machine does meets
// all of them alike.
#pragma once

#include <support/contender.hpp>

#include <algorithm>
#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <regex>
#include <string>
#include <vector>

#include <unistd.h>

namespace bench {

/// What the command line says.
struct settings {
    std::string node, cluster;
    std::string tls;        ///< The TLS port of `node`, as HOST:PORT.
    std::string authority;  ///< The file of the authority that its certificate is signed by.
    unsigned rounds = 15;
    double seconds = 0.3;
    std::string only;
    unsigned outstanding = 1000;
    std::uint64_t operations = 100'000;
    std::uint64_t operations_min = 2000;  ///< Of a first try: fewer where each is dear.
    std::FILE* csv = nullptr;

    bool read(int count, char** words) {
        for (int i = 0; i < count; ++i) {
            std::string const name = words[i];
            if (i + 1 == count) return false;
            char const* const value = words[++i];
            if (name == "--node")
                node = value;
            else if (name == "--cluster")
                cluster = value;
            else if (name == "--tls")
                tls = value;
            else if (name == "--authority")
                authority = value;
            else if (name == "--rounds")
                rounds = static_cast<unsigned>(std::max(1, std::atoi(value)));
            else if (name == "--seconds")
                seconds = std::atof(value);
            else if (name == "--outstanding")
                outstanding = static_cast<unsigned>(std::max(1, std::atoi(value)));
            else if (name == "--operations")
                operations = static_cast<std::uint64_t>(std::max(1, std::atoi(value)));
            else if (name == "--only")
                only = value;
            else if (name == "--csv")
                csv = std::fopen(value, "a");
            else
                return false;
        }
        return true;
    }
    bool wanted(std::string const& label) const {
        return only.empty() || std::regex_search(label, std::regex{only});
    }

    [[gnu::format(printf, 2, 3)]] void row(char const* format, ...) const {
        if (!csv) return;
        va_list arguments;
        va_start(arguments, format);
        std::vfprintf(csv, format, arguments);
        va_end(arguments);
        std::fflush(csv);
    }
};

/// How many commands take about `seconds`, found by trying.
inline std::uint64_t calibrate(contender& one, job what, double seconds,
                               std::uint64_t operations_min = 2000) {
    what.latencies = false;
    what.warm = what.outstanding;
    what.operations = std::max<std::uint64_t>(operations_min, 4 * what.outstanding);
    for (;;) {
        measured seen;
        one.run(what, seen);
        double const took = seen.wall_ns * static_cast<double>(what.operations) / 1e9;
        auto const wanted =
            static_cast<std::uint64_t>(std::max(1.0, seconds / std::max(seen.wall_ns, 1.0) * 1e9));
        if (took > seconds / 5) return std::max<std::uint64_t>(wanted, what.outstanding);
        what.operations = std::min(std::max(wanted, what.operations * 2), what.operations * 10);
    }
}

struct duel {
    spread ours, other, ratio;
};

/// Rounds of two contenders. Within a pair they take turns several times, so that a machine that changes its
/// mood meets both alike; the ratio is taken of the pair's sums.
inline duel compare(contender& ours, contender& other, unsigned outstanding, settings const& chosen) {
    constexpr unsigned turns = 8;
    job what{.kind = command_kind::get, .outstanding = outstanding, .warm = outstanding * 2u};
    contender* const both[] = {&ours, &other};
    double const slice = chosen.seconds / (turns / 2);
    std::uint64_t const operations[] = {calibrate(ours, what, slice), calibrate(other, what, slice)};
    std::vector<double> cost[2], ratios;
    for (unsigned round = 0; round < chosen.rounds; ++round) {
        double spent[2] = {};
        for (unsigned turn = 0; turn < turns; ++turn) {
            unsigned const who = (turn / 2 + turn + round) % 2;  // a b b a a b b a
            measured out;
            what.operations = operations[who];
            both[who]->run(what, out);
            spent[who] += out.cpu_ns / (turns / 2);
        }
        for (unsigned who = 0; who < 2; ++who) cost[who].push_back(spent[who]);
        ratios.push_back(spent[0] / spent[1]);
        if (isatty(STDERR_FILENO))
            std::fprintf(stderr, "\r  %s against %s at %u: %u of %u pairs  ", ours.name().c_str(),
                         other.name().c_str(), outstanding, round + 1, chosen.rounds);
    }
    if (isatty(STDERR_FILENO)) std::fprintf(stderr, "\r%79s\r", "");
    return {spread::of(std::move(cost[0])), spread::of(std::move(cost[1])), spread::of(std::move(ratios))};
}

/// Medians over rounds.
struct summary {
    double cpu_ns = 0, wall_ns = 0, allocations = 0, p50 = 0, p99 = 0, p999 = 0;
};

/// Rounds of several contenders in turn. Latencies are taken in rounds of their own, so that reading the
/// clock is in nobody's CPU time.
inline std::vector<summary> side_by_side(std::vector<contender*> const& all, command_kind which,
                                         unsigned outstanding, settings const& chosen) {
    job what{.kind = which, .outstanding = outstanding, .warm = outstanding * 2u};
    std::vector<std::uint64_t> operations;
    for (contender* one : all)
        operations.push_back(calibrate(*one, what, chosen.seconds, chosen.operations_min));
    std::vector<std::vector<measured>> seen(all.size());
    for (unsigned round = 0; round < chosen.rounds; ++round) {
        for (std::size_t turn = 0; turn < all.size(); ++turn) {
            std::size_t const who = (turn + round) % all.size();
            what.operations = operations[who];
            for (bool const latencies : {false, true}) {
                what.latencies = latencies;
                all[who]->run(what, seen[who].emplace_back());
            }
            if (isatty(STDERR_FILENO))
                std::fprintf(stderr, "\r  %s %u outstanding, round %u of %u, %-34s",
                             which == command_kind::get ? "GET" : "SET", outstanding, round + 1,
                             chosen.rounds, all[who]->name().c_str());
        }
    }
    if (isatty(STDERR_FILENO)) std::fprintf(stderr, "\r%99s\r", "");
    std::vector<summary> made;
    for (auto const& rounds : seen) {
        auto const median = [&](std::size_t first, auto value) {
            std::vector<double> values;
            for (std::size_t i = first; i < rounds.size(); i += 2) values.push_back(value(rounds[i]));
            return spread::of(std::move(values)).median;
        };
        made.push_back({median(0, [](measured const& one) { return one.cpu_ns; }),
                        median(0, [](measured const& one) { return one.wall_ns; }),
                        median(0, [](measured const& one) { return one.allocations; }),
                        median(1, [](measured const& one) { return one.latency.percentile(0.5); }),
                        median(1, [](measured const& one) { return one.latency.percentile(0.99); }),
                        median(1, [](measured const& one) { return one.latency.percentile(0.999); })});
    }
    return made;
}

}  // namespace bench
