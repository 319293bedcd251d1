// outstanding.cpp: what 100,000 GETs at a time cost beside 1,000, on one connection: throughput, client CPU,
// and memory for each command that is outstanding. Rounds alternate, ratios are taken within a pair. The Asio
// floor shows what the kernel, the server and the caches take of it without umbel. Lines:
// "outstanding,<contender>,<what>,<min>,<median>,<max>".
#include <support/asio_floor.hpp>
#include <support/rounds.hpp>
#include <support/umbel_contender.hpp>

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace {

using namespace bench;

constexpr unsigned few = 1'000;
constexpr unsigned many = 100'000;

std::size_t resident_bytes() {
    std::ifstream status{"/proc/self/status"};
    for (std::string word; status >> word;) {
        std::size_t kilobytes = 0;
        if (word == "VmRSS:" && status >> kilobytes) return kilobytes * 1024;
    }
    return 0;
}

void print(settings const& chosen, char const* who, char const* what, std::vector<double> samples) {
    spread const seen = spread::of(std::move(samples));
    std::printf("| %s | %s | %.3f | %.3f | %.3f |\n", who, what, seen.min, seen.median, seen.max);
    std::fflush(stdout);
    chosen.row("outstanding,%s,%s,%.4f,%.4f,%.4f\n", who, what, seen.min, seen.median, seen.max);
}

void measure(char const* who, std::function<std::unique_ptr<contender>()> const& make,
             settings const& chosen) {
    auto const one = make();
    std::uint64_t const operations = calibrate(*one, {.outstanding = few}, chosen.seconds);
    auto const run = [&](unsigned outstanding) {
        measured seen;
        one->run({.outstanding = outstanding,
                  .warm = outstanding * 2u,
                  .operations = std::max<std::uint64_t>(operations, outstanding * 3u)},
                 seen);
        return seen;
    };
    run(few);
    std::size_t const before = resident_bytes();
    run(many);
    double const each = static_cast<double>(resident_bytes() - before) / (many - few);
    std::vector<double> throughput, cpu, cpu_few, cpu_many;
    for (unsigned round = 0; round < chosen.rounds; ++round) {
        measured a[2], b[2];
        for (unsigned turn = 0; turn < 2; ++turn) {  // a b b a
            (turn == 0 ? a[turn] : b[turn]) = run(turn == 0 ? few : many);
            (turn == 0 ? b[turn] : a[turn]) = run(turn == 0 ? many : few);
        }
        cpu_few.push_back((a[0].cpu_ns + a[1].cpu_ns) / 2);
        cpu_many.push_back((b[0].cpu_ns + b[1].cpu_ns) / 2);
        cpu.push_back(cpu_many.back() / cpu_few.back());
        throughput.push_back((a[0].wall_ns + a[1].wall_ns) / (b[0].wall_ns + b[1].wall_ns));
    }
    print(chosen, who, "throughput at 100000 to 1000", throughput);
    print(chosen, who, "client CPU at 100000 to 1000", cpu);
    print(chosen, who, "client CPU ns at 1000", cpu_few);
    print(chosen, who, "client CPU ns at 100000", cpu_many);
    print(chosen, who, "resident bytes per outstanding command", {each});
}

}  // namespace

int main(int count, char** words) {
    settings chosen;
    chosen.rounds = 7;
    if (!chosen.read(count - 1, words + 1) || chosen.node.empty()) {
        std::fputs(
            "usage: outstanding --node HOST:PORT [--rounds N] [--seconds S] [--only NAME] [--csv FILE]\n",
            stderr);
        return 2;
    }
    traffic const load{address::parse(chosen.node), 16};
    std::printf("umbel's own memory per call: %zu bytes\n\n",
                sizeof(umbel::async::pooled_call) + sizeof(void*));
    std::printf("| contender | what | min | median | max |\n|---|---|---|---|---|\n");
    struct entry {
        char const* name;
        std::function<std::unique_ptr<contender>()> make;
    };
    entry const all[] = {
        {"asio", [&] { return std::make_unique<asio_floor>(load, asio_command::coroutine); }},
        {"umbel", [&] { return std::make_unique<umbel_contender<std::string>>("umbel", load); }},
        {"umbel-callback",
         [&] {
             return std::make_unique<umbel_contender<std::string>>("umbel, callbacks", load, form::callback);
         }},
    };
    for (entry const& entry : all) {
        if (!chosen.wanted(entry.name)) continue;
        // A process for each, so that none finds memory that another has touched.
        std::fflush(nullptr);
        pid_t const child = ::fork();
        if (child == 0) {
            measure(entry.name, entry.make, chosen);
            std::fflush(nullptr);
            ::_exit(0);
        }
        int status = 0;
        if (child < 0 || ::waitpid(child, &status, 0) != child || status != 0)
            die(entry.name, "its process has failed");
    }
    return 0;
}
