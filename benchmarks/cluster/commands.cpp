// commands.cpp: umbel beside the raw socket floor, the bare Asio floor and hiredis, on one server or on the
// primaries of a cluster. All of them run in one process, on one thread, in alternating rounds; what is
// compared is the CPU time of that thread.
#include <support/allocations.hpp>
#include <support/asio_floor.hpp>
#include <support/batch_contender.hpp>
#include <support/raw_floor.hpp>
#include <support/rounds.hpp>
#include <support/umbel_contender.hpp>
#if defined(UMBEL_WITH_HIREDIS)
#include <support/hiredis_contender.hpp>
#endif
#if defined(UMBEL_WITH_BOOST_REDIS)
#include <support/boost_contender.hpp>
#endif

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <map>
#include <string>
#include <vector>

namespace {

using namespace bench;

constexpr char const* usage =
    "usage: commands paired|sweep|sizes|once [--node HOST:PORT] [--cluster HOST:PORT] [--rounds N] "
    "[--seconds S] [--only REGEX] [--csv FILE]\n"
    "  paired   alternating rounds of two contenders; median ratio and quartiles against the limits\n"
    "  sweep    every contender at 1 to 1000 outstanding commands, GET and SET, 16 bytes and 1 KiB; GET of "
    "16 bytes also at 10,000 and 100,000\n"
    "  sizes    GET and SET of 1 byte to 16 MiB, umbel beside the other clients\n"
    "  once     one round of --operations N GETs of the contender --only NAME, --outstanding N at a time, "
    "for a profiler\n"
    "  --node   a stand-alone server; --cluster: any node of a cluster\n";

/// All contenders for one kind of traffic.
struct field {
    std::string place;  ///< "node" or "cluster".
    traffic load;
    std::map<std::string, std::unique_ptr<contender>> all;
    std::vector<std::string> order;

    field(std::string where, address const& seed, std::size_t value_bytes)
        : place{std::move(where)}, load{seed, value_bytes} {}

    contender& at(std::string const& name) {
        auto& one = all[name];
        if (!one) one = make(name);
        return *one;
    }
    std::unique_ptr<contender> make(std::string const& name) {
        if (name == "raw") return std::make_unique<raw_floor>(load);
        if (name == "umbel-rounds")
            return std::make_unique<umbel_contender<std::string>>("umbel, a coroutine each", load,
                                                                  form::rounds);
        if (name == "raw-batch") return std::make_unique<raw_floor>(load, true);
        if (name == "umbel-batch") return std::make_unique<batch_contender>(load);
        if (name == "asio") return std::make_unique<asio_floor>(load, asio_command::coroutine);
        if (name == "asio-bare") return std::make_unique<asio_floor>(load, asio_command::operation);
        if (name == "asio-wait")
            return std::make_unique<asio_floor>(load, asio_command::coroutine, asio_reading::wait_first);
        if (name == "umbel") return std::make_unique<umbel_contender<std::string>>("umbel", load);
        if (name == "umbel-bytes")
            return std::make_unique<umbel_contender<umbel::bytes>>("umbel, umbel::bytes", load);
        if (name == "umbel-callback")
            return std::make_unique<umbel_contender<std::string>>("umbel, callbacks", load, form::callback);
#if defined(UMBEL_WITH_HIREDIS)
        if (name == "hiredis") return std::make_unique<hiredis_epoll>("hiredis", load, false);
        if (name == "hiredis-encoded")
            return std::make_unique<hiredis_epoll>("hiredis, commands encoded before", load, true);
#if defined(UMBEL_WITH_LIBEVENT)
        if (name == "hiredis-libevent") return std::make_unique<hiredis_libevent>("hiredis, libevent", load);
#endif
#endif
#if defined(UMBEL_WITH_BOOST_REDIS)
        if (name == "boost") return std::make_unique<boost_contender>(load);
#endif
        return nullptr;
    }
    bool has(std::string const& name) {
        if (place == "cluster" && (name.starts_with("hiredis") || name == "boost")) return false;
        if (!all.contains(name)) {
            auto made = make(name);
            if (!made) return false;
            all[name] = std::move(made);
        }
        return true;
    }
};

struct comparison {
    char const* place;
    char const* ours;
    char const* other;
    unsigned outstanding;
    double limit;  ///< 0: only shown.
};

constexpr comparison comparisons[] = {
    {"node", "umbel", "hiredis", 1000, 0.60},
    {"node", "umbel", "hiredis", 50, 0.85},
    {"node", "umbel", "asio", 1000, 1.25},
    {"node", "umbel", "asio", 50, 1.25},
    {"cluster", "umbel", "asio", 1000, 1.25},
    {"cluster", "umbel", "asio", 50, 1.25},
    {"cluster", "umbel", "raw", 1000, 2.20},
    {"cluster", "umbel", "raw", 50, 0},
    {"cluster", "umbel-batch", "raw-batch", 100, 1.50},
    {"cluster", "umbel-batch", "umbel", 100, 0.50},
    {"cluster", "umbel-batch", "umbel-rounds", 100, 0},
    {"cluster", "umbel-batch", "raw-batch", 1000, 0},
    {"node", "umbel", "raw", 1000, 0},
    {"node", "umbel", "raw", 50, 0},
    {"node", "umbel", "umbel-bytes", 1000, 0},
    {"node", "umbel", "umbel-callback", 1000, 0},
    {"node", "umbel", "hiredis-encoded", 1000, 0},
    {"node", "umbel", "hiredis-libevent", 1000, 0},
    {"node", "umbel", "hiredis-libevent", 50, 0},
    {"node", "umbel", "boost", 1000, 0},
    {"node", "umbel", "boost", 50, 0},
    {"node", "asio", "hiredis", 1000, 0},
    {"node", "asio", "hiredis", 50, 0},
    {"node", "umbel", "asio-bare", 1000, 0},
    {"node", "umbel", "asio-bare", 50, 0},
    {"cluster", "umbel", "asio-bare", 1000, 0},
    {"cluster", "umbel", "asio-bare", 50, 0},
    {"node", "asio-wait", "asio", 50, 0},
    {"cluster", "asio-wait", "asio", 50, 0},
    {"node", "asio-wait", "asio", 1, 0},
    {"node", "umbel", "asio", 1, 0},
    {"node", "umbel", "hiredis", 1, 0},
    {"node", "umbel", "boost", 1, 0},
};

int paired(settings const& chosen) {
    std::map<std::string, std::unique_ptr<field>> fields;
    if (!chosen.node.empty())
        fields["node"] = std::make_unique<field>("node", address::parse(chosen.node), 16);
    if (!chosen.cluster.empty())
        fields["cluster"] = std::make_unique<field>("cluster", address::parse(chosen.cluster), 16);
    int missed = 0;
    std::printf(
        "| where | outstanding | ours | other | ours ns | other ns | ratio, median | quartiles | limit | "
        "|\n|---|---|---|---|---|---|---|---|---|---|\n");
    for (comparison const& one : comparisons) {
        auto const found = fields.find(one.place);
        if (found == fields.end()) continue;
        field& here = *found->second;
        if (!here.has(one.ours) || !here.has(one.other)) continue;
        if (!chosen.wanted(std::string{one.place} + " " + one.ours + " " + one.other + " " +
                           std::to_string(one.outstanding) + (one.limit != 0 ? " limited" : "")))
            continue;
        duel const seen = compare(here.at(one.ours), here.at(one.other), one.outstanding, chosen);
        char const* verdict = one.limit == 0                 ? ""
                              : seen.ratio.upper < one.limit ? "passed"
                              : seen.ratio.lower > one.limit ? "MISSED"
                                                             : "undecided";
        if (one.limit != 0 && seen.ratio.upper >= one.limit) ++missed;
        char limit[16] = "";
        if (one.limit != 0) std::snprintf(limit, sizeof limit, "%.2f", one.limit);
        std::printf("| %s | %u | %s | %s | %.0f | %.0f | %.3f | %.3f–%.3f | %s | %s |\n", one.place,
                    one.outstanding, here.at(one.ours).name().c_str(), here.at(one.other).name().c_str(),
                    seen.ours.median, seen.other.median, seen.ratio.median, seen.ratio.lower,
                    seen.ratio.upper, limit, verdict);
        std::fflush(stdout);
        chosen.row("paired,%s,%s,%s,%u,%.1f,%.1f,%.4f,%.4f,%.4f,%.2f\n", one.place, one.ours, one.other,
                   one.outstanding, seen.ours.median, seen.other.median, seen.ratio.lower, seen.ratio.median,
                   seen.ratio.upper, one.limit);
    }
    return missed ? 3 : 0;
}

int sweep(settings const& chosen) {
    constexpr char const* names[] = {
        "raw", "asio", "umbel", "umbel-bytes", "umbel-callback", "hiredis", "hiredis-libevent", "boost"};
    std::printf(
        "| where | command | value bytes | outstanding | contender | commands/s | client CPU ns | p50 µs | "
        "p99 µs | p99.9 µs | allocations "
        "|\n"
        "|---|---|---|---|---|---|---|---|---|---|---|\n");
    for (auto const& [place, seed] : {std::pair{"node", chosen.node}, std::pair{"cluster", chosen.cluster}}) {
        if (seed.empty()) continue;
        for (std::size_t const bytes : {std::size_t{16}, std::size_t{1024}}) {
            field here{place, address::parse(seed), bytes};
            for (command_kind const which : {command_kind::get, command_kind::set}) {
                for (unsigned const outstanding : {1u, 10u, 50u, 200u, 1000u, 10'000u, 100'000u}) {
                    if (outstanding > 1000 &&
                        (bytes != 16 || which != command_kind::get || std::strcmp(place, "node") != 0))
                        continue;
                    char const* const command = which == command_kind::get ? "GET" : "SET";
                    std::vector<contender*> taking_part;
                    std::vector<char const*> keys;
                    for (char const* name : names) {
                        if (which == command_kind::set && std::strcmp(name, "umbel-bytes") == 0) continue;
                        char label[128];
                        std::snprintf(label, sizeof label, "%s %s %zu %u %s", place, command, bytes,
                                      outstanding, name);
                        if (!chosen.wanted(label) || !here.has(name)) continue;
                        taking_part.push_back(&here.at(name));
                        keys.push_back(name);
                    }
                    std::vector<summary> const seen = side_by_side(taking_part, which, outstanding, chosen);
                    for (std::size_t i = 0; i < seen.size(); ++i) {
                        summary const& one = seen[i];
                        std::printf("| %s | %s | %zu | %u | %s | %.0f | %.0f | %.1f | %.1f | %.1f | %.2f |\n",
                                    place, command, bytes, outstanding, taking_part[i]->name().c_str(),
                                    1e9 / one.wall_ns, one.cpu_ns, one.p50 / 1e3, one.p99 / 1e3,
                                    one.p999 / 1e3, one.allocations);
                        chosen.row("sweep,%s,%s,%zu,%u,%s,%.0f,%.1f,%.2f,%.2f,%.2f,%.3f\n", place, command,
                                   bytes, outstanding, keys[i], 1e9 / one.wall_ns, one.cpu_ns, one.p50 / 1e3,
                                   one.p99 / 1e3, one.p999 / 1e3, one.allocations);
                    }
                    std::fflush(stdout);
                }
            }
        }
    }
    return 0;
}

/// What a value's size costs each client, at about as many commands outstanding as a service would have of
/// them.
int sizes(settings const& all) {
    struct step {
        std::size_t bytes;
        unsigned outstanding;
    };
    constexpr step steps[] = {{1, 50},
                              {16, 50},
                              {256, 50},
                              {4096, 50},
                              {65536, 16},
                              {std::size_t{1} << 20, 4},
                              {std::size_t{16} << 20, 1}};
    std::printf(
        "| command | value bytes | outstanding | contender | commands/s | client CPU ns | to umbel "
        "|\n|---|---|---|---|---|---|---|\n");
    for (step const& one : steps) {
        settings chosen = all;
        chosen.operations_min = std::clamp<std::uint64_t>((std::uint64_t{256} << 20) / one.bytes, 4, 2000);
        field here{"node", address::parse(chosen.node), one.bytes};
        for (command_kind const which : {command_kind::get, command_kind::set}) {
            char const* const command = which == command_kind::get ? "GET" : "SET";
            std::vector<contender*> taking_part;
            std::vector<char const*> keys;
            for (char const* name : {"umbel", "umbel-bytes", "hiredis", "boost"}) {
                if ((which == command_kind::set && std::strcmp(name, "umbel-bytes") == 0) || !here.has(name))
                    continue;
                taking_part.push_back(&here.at(name));
                keys.push_back(name);
            }
            std::vector<summary> const seen = side_by_side(taking_part, which, one.outstanding, chosen);
            for (std::size_t i = 0; i < seen.size(); ++i) {
                double const ratio = seen[i].cpu_ns / seen[0].cpu_ns;
                std::printf("| %s | %zu | %u | %s | %.0f | %.0f | %.2f |\n", command, one.bytes,
                            one.outstanding, taking_part[i]->name().c_str(), 1e9 / seen[i].wall_ns,
                            seen[i].cpu_ns, ratio);
                chosen.row("sizes,%s,%zu,%u,%s,%.0f,%.0f,%.2f\n", command, one.bytes, one.outstanding,
                           keys[i], 1e9 / seen[i].wall_ns, seen[i].cpu_ns, ratio);
            }
            std::fflush(stdout);
        }
    }
    return 0;
}

int once(settings const& chosen) {
    bool const cluster = chosen.node.empty();
    field here{cluster ? "cluster" : "node", address::parse(cluster ? chosen.cluster : chosen.node), 16};
    if (!here.has(chosen.only)) die(chosen.only, "there is no such contender");
    job const what{.kind = command_kind::get,
                   .outstanding = chosen.outstanding,
                   .warm = chosen.outstanding,
                   .operations = chosen.operations};
    measured seen;
    here.at(chosen.only).run(what, seen);
    std::printf("%s: %.0f ns of CPU, %.0f ns, %.2f allocations for each of %llu commands\n",
                chosen.only.c_str(), seen.cpu_ns, seen.wall_ns, seen.allocations,
                static_cast<unsigned long long>(chosen.operations));
    return 0;
}

}  // namespace

int main(int count, char** words) {
    allocation_counter = &allocations_here;
    std::string const mode = count > 1 ? words[1] : "";
    settings chosen;
    if ((mode != "paired" && mode != "sweep" && mode != "sizes" && mode != "once") ||
        !chosen.read(count - 2, words + 2) ||
        (chosen.node.empty() && (chosen.cluster.empty() || mode == "sizes"))) {
        std::fputs(usage, stderr);
        return 2;
    }
    if (mode == "once") return once(chosen);
    if (mode == "sizes") return sizes(chosen);
    return mode == "paired" ? paired(chosen) : sweep(chosen);
}
