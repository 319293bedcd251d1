// report.cpp: turns the machine-readable lines that the benchmarks wrote into results.md and SVG charts.
// It measures nothing and knows no client. Usage: report FILE.csv FOLDER < environment
#include <report/chart.hpp>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <map>
#include <sstream>
#include <string>
#include <vector>

namespace {

using bench::chart;
using bench::series;
using row = std::vector<std::string>;

std::vector<row> read_rows(char const* path) {
    std::vector<row> all;
    std::ifstream in{path};
    for (std::string line; std::getline(in, line);) {
        row& one = all.emplace_back();
        std::istringstream words{line};
        for (std::string word; std::getline(words, word, ',');) one.push_back(word);
    }
    return all;
}

double number(std::string const& text) { return std::strtod(text.c_str(), nullptr); }

std::string printed(double value, char const* format = "%.0f") {
    char text[64];
    std::snprintf(text, sizeof text, format, value);
    return text;
}

/// A name for people, and the colour that a contender has in every chart.
struct look {
    char const* name;
    char const* title;
    char const* colour;
};
constexpr look looks[] = {
    {"umbel", "umbel", "#d6336c"},
    {"umbel-bytes", "umbel, umbel::bytes", "#e8590c"},
    {"umbel-callback", "umbel, callbacks", "#f08c00"},
    {"umbel-batch", "umbel, batches", "#ae3ec9"},
    {"umbel-rounds", "umbel, a coroutine each", "#c2255c"},
    {"hiredis", "hiredis", "#1c7ed6"},
    {"hiredis-libevent", "hiredis, libevent", "#4dabf7"},
    {"hiredis-encoded", "hiredis, commands encoded before", "#15aabf"},
    {"boost", "Boost.Redis", "#0b7285"},
    {"asio", "Asio floor", "#2f9e44"},
    {"asio-wait", "Asio floor, wait and receive", "#82c91e"},
    {"asio-bare", "Asio floor, no coroutine a command", "#94d82d"},
    {"raw", "raw socket floor", "#868e96"},
    {"raw-batch", "raw socket floor, batches", "#adb5bd"},
    {"redis-benchmark", "redis-benchmark", "#7048e8"},
    {"umbel-tls", "umbel", "#d6336c"},
    {"umbel-plain", "umbel without TLS", "#f783ac"},
    {"asio-tls", "Asio and OpenSSL", "#2f9e44"},
    {"asio-tls-bare", "Asio and OpenSSL, no coroutine a command", "#94d82d"},
    {"hiredis-tls", "hiredis", "#1c7ed6"},
    {"boost-tls", "Boost.Redis", "#0b7285"},
};
look const& look_of(std::string const& name) {
    for (look const& one : looks)
        if (name == one.name) return one;
    std::cerr << "report: no name for people stands here for the contender " << name << "\n";
    std::exit(1);
}

char const* place_of(std::string const& name) {
    if (name == "tls") return "one server, by TLS";
    return name == "node" ? "one server" : "3 primaries";
}

/// The columns of a sweep line: sweep,place,command,bytes,outstanding,name,ops,cpu,p50,p99,p999,allocations
enum column : std::size_t {
    kind,
    place,
    command,
    bytes,
    outstanding,
    name,
    operations,
    cpu,
    p50,
    p99,
    p999,
    allocations
};

/// One line of a chart for each contender named, from the sweep.
void draw(std::string const& folder, std::string const& file, std::vector<row> const& rows, chart picture,
          std::string const& where, std::string const& what, std::string const& size,
          std::vector<std::string> const& names, column value, double scale, column dashed = kind) {
    for (std::string const& who : names) {
        series solid{look_of(who).title, look_of(who).colour, false, {}},
            second{solid.title + ", p99", solid.colour, true, {}};
        for (row const& one : rows) {
            if (one[kind] != "sweep" || one.size() < 12 || one[place] != where || one[command] != what ||
                one[bytes] != size || one[name] != who)
                continue;
            if (number(one[outstanding]) < picture.from) continue;
            if (number(one[value]) > 0)
                solid.points.push_back({number(one[outstanding]), number(one[value]) * scale});
            if (dashed != kind && number(one[dashed]) > 0)
                second.points.push_back({number(one[outstanding]), number(one[dashed]) * scale});
        }
        std::sort(solid.points.begin(), solid.points.end());
        std::sort(second.points.begin(), second.points.end());
        if (!solid.points.empty()) picture.lines.push_back(std::move(solid));
        if (!second.points.empty()) picture.lines.push_back(std::move(second));
    }
    if (picture.lines.empty()) return;
    std::ofstream{folder + "/" + file} << picture.svg();
    std::cout << "![" << picture.title << "](" << file << ")\n\n";
}

/// CPU against the size of the value, from the sizes: sizes,command,bytes,outstanding,name,ops,cpu,ratio
void draw_sizes(std::string const& folder, std::vector<row> const& rows) {
    for (std::string const what : {"GET", "SET"}) {
        chart picture{"Client CPU per " + what + " against the size of the value, one connection",
                      "bytes of the value",
                      "client CPU, ns per command",
                      {}};
        for (std::string const who : {"umbel", "umbel-bytes", "hiredis", "boost"}) {
            series line{look_of(who).title, look_of(who).colour, false, {}};
            for (row const& one : rows) {
                if (one[kind] != "sizes" || one.size() != 8 || one[1] != what || one[4] != who) continue;
                line.points.push_back({number(one[2]), number(one[6])});
            }
            if (!line.points.empty()) picture.lines.push_back(std::move(line));
        }
        if (picture.lines.empty()) continue;
        std::string const file = what == "GET" ? "sizes_get.svg" : "sizes_set.svg";
        std::ofstream{folder + "/" + file} << picture.svg();
        std::cout << "![" << picture.title << "](" << file << ")\n\n";
    }
}

void paired_table(std::vector<row> const& rows) {
    bool begun = false;
    for (row const& one : rows) {
        if (one[kind] != "paired" || one.size() < 11) continue;
        if (!begun)
            std::cout
                << "## Side by side: client CPU per GET of 16 bytes\n\nRounds of both alternate in one "
                   "process; the ratio is taken "
                   "within each pair. "
                   "Passed: the upper quartile is below the limit.\n\n"
                   "| on | outstanding | | beside | CPU ns | CPU ns | ratio, median | quartiles | limit | "
                   "|\n|---|---|---|---|---|---|---|---|---|---|\n";
        begun = true;
        double const limit = number(one[10]);
        std::cout << "| " << place_of(one[1]) << " | " << one[4] << " | " << look_of(one[2]).title << " | "
                  << look_of(one[3]).title << " | " << printed(number(one[5])) << " | "
                  << printed(number(one[6])) << " | " << printed(number(one[8]), "%.2f") << " | "
                  << printed(number(one[7]), "%.2f") << "–" << printed(number(one[9]), "%.2f") << " | "
                  << (limit > 0 ? printed(limit, "%.2f") : "") << " | "
                  << (limit <= 0               ? ""
                      : number(one[9]) < limit ? "passed"
                      : number(one[7]) > limit ? "missed"
                                               : "undecided")
                  << " |\n";
    }
    if (begun) std::cout << "\n";
}

void sweep_table(std::vector<row> const& rows) {
    bool begun = false;
    for (row const& one : rows) {
        if (one[kind] != "sweep" || one.size() < 12) continue;
        if (!begun)
            std::cout << "## Everything measured end to end\n\n"
                         "| on | command | value bytes | outstanding | | commands/s | client CPU ns | p50 µs "
                         "| p99 µs | p99.9 µs | "
                         "allocations |\n"
                         "|---|---|---|---|---|---|---|---|---|---|---|\n";
        begun = true;
        auto const micro = [](std::string const& text) {
            return number(text) > 0 ? printed(number(text), "%.1f") : std::string{};
        };
        std::cout << "| " << (one[place] == "node" ? "one server" : "3 primaries") << " | " << one[command]
                  << " | " << one[bytes] << " | " << one[outstanding] << " | " << look_of(one[name]).title
                  << " | " << printed(number(one[operations])) << " | " << printed(number(one[cpu])) << " | "
                  << micro(one[p50]) << " | " << micro(one[p99]) << " | " << micro(one[p999]) << " | "
                  << (number(one[allocations]) < 0 ? "" : printed(number(one[allocations]), "%.2f"))
                  << " |\n";
    }
    if (begun) std::cout << "\n";
}

/// Lines that begin with `what` as a table of their remaining columns.
void plain_table(std::vector<row> const& rows, std::string const& what, std::string const& title,
                 std::vector<std::string> const& heads) {
    bool begun = false;
    for (row const& one : rows) {
        if (one[kind] != what || one.size() < heads.size() + 1) continue;
        if (!begun) {
            std::cout << "## " << title << "\n\n|";
            for (auto const& head : heads) std::cout << " " << head << " |";
            std::cout << "\n|";
            for (std::size_t i = 0; i < heads.size(); ++i) std::cout << "---|";
            std::cout << "\n";
        }
        begun = true;
        std::cout << "|";
        for (std::size_t i = 1; i <= heads.size(); ++i) std::cout << " " << one[i] << " |";
        std::cout << "\n";
    }
    if (begun) std::cout << "\n";
}

void parser_chart(std::string const& folder, std::vector<row> const& rows) {
    bench::bars picture{"Parser: nanoseconds per reply, on a logarithmic scale", {}};
    for (row const& one : rows) {
        // Values of 64 KiB and more are copying, not parsing; they stand in the table.
        if (one[kind] != "parser" || one.size() < 6 || one[1].starts_with("bulk 64")) continue;
        // So do forms of umbel's and floors of one kind of traffic.
        if (one[2] != "umbel" && one[2] != "scanner" && one[2] != "hiredis") continue;
        if (picture.groups.empty() || picture.groups.back().title != one[1])
            picture.groups.push_back({one[1], {}});
        std::string const& who = one[2];
        char const* const colour = who == "umbel"     ? look_of("umbel").colour
                                   : who == "hiredis" ? look_of("hiredis").colour
                                                      : look_of("raw").colour;
        picture.groups.back().values.push_back({who, colour, number(one[3])});
    }
    if (picture.groups.empty()) return;
    std::ofstream{folder + "/parser.svg"} << picture.svg();
    std::cout << "![" << picture.title << "](parser.svg)\n\n";
}

}  // namespace

int main(int count, char** words) {
    if (count != 3) {
        std::fputs("usage: report FILE.csv FOLDER < environment > FOLDER/results.md\n", stderr);
        return 2;
    }
    std::vector<row> rows = read_rows(words[1]);
    std::erase_if(rows, [](row const& one) { return one.empty(); });
    std::string const folder = words[2];
    std::cout << "# Benchmarks of umbel\n\n";
    for (std::string line; std::getline(std::cin, line);) std::cout << line << "\n";
    std::cout << "\n";
    paired_table(rows);
    std::vector<std::string> const field{"raw", "asio", "umbel", "hiredis", "boost", "redis-benchmark"};
    char const* const cpu_axis = "client CPU, ns per command";
    draw(folder, "cpu_node.svg", rows,
         {"Client CPU per GET, 16 bytes, one connection", "commands outstanding", cpu_axis, {}, 10}, "node",
         "GET", "16", field, cpu, 1);
    draw(folder, "cpu_cluster.svg", rows,
         {"Client CPU per GET, 16 bytes, 3 primaries", "commands outstanding", cpu_axis, {}, 10}, "cluster",
         "GET", "16", {"raw", "asio", "umbel", "redis-benchmark"}, cpu, 1);
    draw(
        folder, "throughput_node.svg", rows,
        {"GETs a second, 16 bytes, one connection", "commands outstanding", "thousand commands a second", {}},
        "node", "GET", "16", field, operations, 1e-3);
    draw(folder, "latency_node.svg", rows,
         {"Latency of GET, 16 bytes, one connection: median, and p99 dashed",
          "commands outstanding",
          "microseconds",
          {}},
         "node", "GET", "16", {"asio", "umbel", "hiredis", "boost"}, p50, 1, p99);
    draw(folder, "cpu_set_1k.svg", rows,
         {"Client CPU per SET, 1 KiB, one connection", "commands outstanding", cpu_axis, {}, 10}, "node",
         "SET", "1024", {"raw", "asio", "umbel", "hiredis", "boost"}, cpu, 1);
    draw_sizes(folder, rows);
    plain_table(
        rows, "sizes", "Values of every size, one connection",
        {"command", "value bytes", "outstanding", "contender", "commands/s", "client CPU ns", "to umbel"});
    plain_table(
        rows, "io_uring",
        "Asio on io_uring beside Asio on epoll: client CPU per GET, ns; the pair with the median ratio",
        {"outstanding", "epoll", "io_uring", "least ratio", "median", "greatest"});
    plain_table(
        rows, "system_calls", "System calls for each GET, one connection",
        {"contender", "outstanding", "all", "send", "receive", "epoll_wait", "other", "receives a send"});
    plain_table(rows, "unpipelined", "One GET at a time, latency in µs",
                {"contender", "p50", "p99", "p99.9"});
    plain_table(rows, "outstanding", "100,000 GETs at a time beside 1,000, one connection",
                {"contender", "what", "min", "median", "max"});
    plain_table(rows, "threads",
                "One client over one and two threads, with a mock responder inside the process",
                {"setting", "what", "min", "median", "max"});
    plain_table(rows, "large_value", "GET of a large value over a socket: CPU of the client's thread",
                {"MiB", "contender", "what", "min", "median", "max"});
    parser_chart(folder, rows);
    plain_table(rows, "parser", "Parser, ns per reply", {"traffic", "reader", "median", "min", "max"});
    plain_table(rows, "encode_bench", "Encoding, ns", {"what", "by", "median"});
    plain_table(rows, "slot_bench", "Hash slot of a key, ns", {"key bytes", "by", "calls", "best"});
    plain_table(rows, "slot_table_bench", "Primary of a slot while a writer publishes",
                {"writer changes", "alone ns", "publishing ns", "ratio"});
    plain_table(rows, "topology_bench", "Taking in a view of 1,000 nodes and 16,384 ranges of one slot, µs",
                {"source", "step", "min", "median", "max"});
    plain_table(rows, "instructions", "Instructions of one GET in user space", {"phase", "instructions"});
    plain_table(rows, "compile", "Compile time, seconds of CPU", {"source", "seconds"});
    sweep_table(rows);
    return 0;
}
