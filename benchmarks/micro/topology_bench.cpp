// topology_bench: what it costs to take in the view of a cluster in pieces: 1,000 nodes (500 primaries, a
// replica each), 16,384 ranges of one slot. The reply is read from its bytes, parsed, held against the view
// before it, and published; both views differ in every slot. Time is the thread's CPU time. Prints a readable
// table, then lines: "topology_bench,<source>,<step>,<min>,<median>,<max>" in µs. Usage: topology_bench
// [rounds]
#include <support/clock.hpp>
#include <support/statistics.hpp>

#include <umbel/cluster/slot_table.hpp>
#include <umbel/cluster/topology_merge.hpp>
#include <umbel/cluster/topology_parse_nodes.hpp>
#include <umbel/cluster/topology_parse_shards.hpp>
#include <umbel/cluster/topology_parse_slots.hpp>
#include <umbel/resp/parser.hpp>
#include <umbel/resp/view.hpp>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <random>
#include <string>
#include <unordered_map>
#include <vector>

namespace {

using namespace umbel;
using cluster::slot_count;

constexpr unsigned primaries = 500;
constexpr unsigned nodes = 2 * primaries;

/// The primary of a slot: neighbours never share one. Every turn gives every slot to another.
unsigned owner_of(unsigned slot, unsigned turn) { return (slot * 7 + turn * 3) % primaries; }

/// Node ids as servers make them: 40 random hexadecimal digits.
std::vector<std::string> make_ids() {
    std::mt19937_64 random{11};
    std::vector<std::string> ids(nodes);
    for (auto& id : ids) {
        for (unsigned i = 0; i < 40; ++i) id += "0123456789abcdef"[random() % 16];
    }
    return ids;
}
std::vector<std::string> const ids = make_ids();

std::string host_of(unsigned node) {
    return "10.1." + std::to_string(node / 250) + "." + std::to_string(1 + node % 250);
}
std::string bulk(std::string const& text) {
    return "$" + std::to_string(text.size()) + "\r\n" + text + "\r\n";
}
std::string integer(unsigned value) { return ":" + std::to_string(value) + "\r\n"; }
std::string list(std::size_t size, char lead = '*') { return lead + std::to_string(size) + "\r\n"; }

std::string slots_reply(unsigned turn) {
    std::string made = list(slot_count);
    for (unsigned slot = 0; slot < slot_count; ++slot) {
        made += list(4) + integer(slot) + integer(slot);
        for (unsigned const node : {owner_of(slot, turn), owner_of(slot, turn) + primaries})
            made += list(4) + bulk(host_of(node)) + integer(6379) + bulk(ids[node]) + list(0);
    }
    return made;
}

std::string shards_reply(unsigned turn) {
    std::vector<std::vector<unsigned>> owned(primaries);
    for (unsigned slot = 0; slot < slot_count; ++slot) owned[owner_of(slot, turn)].push_back(slot);
    std::string made = list(primaries);
    for (unsigned shard = 0; shard < primaries; ++shard) {
        made += list(2, '%') + bulk("slots") + list(2 * owned[shard].size());
        for (unsigned const slot : owned[shard]) made += integer(slot) + integer(slot);
        made += bulk("nodes") + list(2);
        for (unsigned const node : {shard, shard + primaries}) {
            made += list(7, '%') + bulk("id") + bulk(ids[node]) + bulk("port") + integer(6379) + bulk("ip") +
                    bulk(host_of(node));
            made += bulk("endpoint") + bulk(host_of(node)) + bulk("role") +
                    bulk(node < primaries ? "master" : "replica");
            made += bulk("replication-offset") + integer(72156) + bulk("health") + bulk("online");
        }
    }
    return made;
}

std::string nodes_reply(unsigned turn) {
    std::vector<std::string> owned(primaries);
    for (unsigned slot = 0; slot < slot_count; ++slot)
        owned[owner_of(slot, turn)] += " " + std::to_string(slot);
    std::string text;
    for (unsigned node = 0; node < nodes; ++node) {
        bool const primary = node < primaries;
        text += ids[node] + " " + host_of(node) + ":6379@16379," + (node == 0 ? " myself," : " ") +
                (primary ? "master " : "slave ");
        text += (primary ? "-" : ids[node - primaries]) + " 0 1426238317239 " +
                std::to_string(1 + node % primaries) + " connected";
        text += (primary ? owned[node] : "") + "\n";
    }
    return bulk(text);
}

/// One reply of each turn as bytes, and how it is parsed.
struct told {
    char const* name;
    std::array<std::string, 2> wire;
    result<cluster::topology> (*parse)(resp::view, cluster::parse_context const&);
};

result<cluster::topology> parse_nodes(resp::view reply, cluster::parse_context const& context) {
    return cluster::parse_cluster_nodes(reply.text(), context);
}

template <class Value>
Value or_die(result<Value> got) {
    if (!got) {
        std::fprintf(stderr, "topology_bench: %.*s\n", static_cast<int>(got.error().message().size()),
                     got.error().message().data());
        std::exit(1);
    }
    return std::move(*got);
}

constexpr std::array steps{"read", "parse", "compare", "publish", "parse and publish", "all"};
using costs = std::array<std::vector<double>, steps.size()>;

/// Takes `rounds` changed views in, one after the other, and checks the table after each.
void measure(told const& source, unsigned rounds, cluster::slot_table& table, costs& seen) {
    cluster::parse_context const context{.queried_host = "10.1.0.1"};
    std::unordered_map<cluster::endpoint, std::uint16_t> known;
    std::vector<std::uint16_t> numbers;
    resp::parser reader;
    cluster::topology current;
    for (unsigned round = 0; round < rounds; ++round) {
        std::string bytes = source.wire[round % 2];
        std::array<std::int64_t, 5> at{};
        at[0] = bench::thread_cpu_ns();
        reader.start();
        if (reader.parse(bytes) != resp::parser::status::complete) std::exit(1);
        at[1] = bench::thread_cpu_ns();
        cluster::topology incoming = or_die(source.parse({reader.root(), bytes.data()}, context));
        at[2] = bench::thread_cpu_ns();
        if (!cluster::shares_known_node(current, incoming) || incoming.covered_slots() != slot_count)
            std::exit(1);
        cluster::topology merged = cluster::merge(current, std::move(incoming));
        if (!cluster::differs(current, merged)) std::exit(1);
        at[3] = bench::thread_cpu_ns();
        numbers.clear();
        for (auto const& node : merged.nodes)
            numbers.push_back(
                known.try_emplace(node.address, static_cast<std::uint16_t>(known.size())).first->second);
        if (table.publish(merged, numbers).slots_changed != slot_count) std::exit(1);
        at[4] = bench::thread_cpu_ns();
        for (unsigned slot = 0; slot < slot_count; ++slot) {
            std::uint16_t const found = table.primary_of(cluster::slot{static_cast<std::uint16_t>(slot)});
            if (found == cluster::no_node || found != known.at({host_of(owner_of(slot, round % 2)), 6379}))
                std::exit(1);
        }
        current = std::move(merged);
        if (round < 2) continue;  // The first two grow buffers.
        auto const micros = [&](unsigned from, unsigned to) {
            return static_cast<double>(at[to] - at[from]) / 1e3;
        };
        for (unsigned step = 0; step < 4; ++step) seen[step].push_back(micros(step, step + 1));
        seen[4].push_back(micros(1, 2) + micros(3, 4));
        seen[5].push_back(micros(0, 4));
    }
}

/// Nanoseconds per dependent look-up.
double look_up(cluster::slot_table const& table) {
    constexpr unsigned reads = 2'000'000;
    std::int64_t const start = bench::thread_cpu_ns();
    std::uint32_t at = 1;
    for (unsigned i = 0; i < reads; ++i)
        at = (at * 5 + table.primary_of(cluster::slot{static_cast<std::uint16_t>(at)}) + 1) % slot_count;
    asm volatile("" : : "r"(at));
    return static_cast<double>(bench::thread_cpu_ns() - start) / reads;
}

void print_look_ups(cluster::slot_table const& pieces, unsigned rounds) {
    cluster::slot_table whole;
    std::vector<cluster::slot_range> ranges;
    std::vector<cluster::shard_assignment> shards;
    for (unsigned i = 0; i < 16; ++i) {
        ranges.push_back({cluster::slot{static_cast<std::uint16_t>(i * 1024)},
                          cluster::slot{static_cast<std::uint16_t>(i * 1024 + 1023)}});
    }
    for (unsigned i = 0; i < 16; ++i)
        shards.push_back({static_cast<std::uint16_t>(i), {}, std::span{&ranges[i], 1}});
    whole.publish(shards);
    std::vector<double> few, many, ratio;
    for (unsigned round = 0; round < rounds; ++round) {
        few.push_back(look_up(whole));
        many.push_back(look_up(pieces));
        ratio.push_back(many.back() / few.back());
    }
    auto const a = bench::spread::of(few), b = bench::spread::of(many), c = bench::spread::of(ratio);
    std::printf("\nlook-up: 16 shards of one range %.2f ns, 500 in pieces %.2f ns, ratio %.2f (%.2f, %.2f)\n",
                a.median, b.median, c.median, c.min, c.max);
    std::printf("topology_bench,look-up,ratio to 16 shards,%.3f,%.3f,%.3f\n", c.min, c.median, c.max);
}

}  // namespace

int main(int argc, char** argv) {
    unsigned const rounds = argc > 1 ? static_cast<unsigned>(std::max(1, std::atoi(argv[1]))) : 9;
    std::array<told, 3> const sources{
        {{"SHARDS", {shards_reply(0), shards_reply(1)}, &cluster::parse_cluster_shards},
         {"SLOTS", {slots_reply(0), slots_reply(1)}, &cluster::parse_cluster_slots},
         {"NODES", {nodes_reply(0), nodes_reply(1)}, &parse_nodes}}};
    std::string lines;
    std::unique_ptr<cluster::slot_table> table;
    std::printf(
        "a view of %u nodes and %u ranges that changes every slot; µs of CPU, median (min, max) of %u\n\n%8s "
        "%9s",
        nodes, unsigned{slot_count}, 4 * rounds, "source", "KiB");
    for (auto const* step : steps) std::printf(" %24s", step);
    for (auto const& source : sources) {
        costs seen;
        table = std::make_unique<cluster::slot_table>();
        measure(source, 4 * rounds + 2, *table, seen);
        std::printf("\n%8s %9zu", source.name, source.wire[0].size() / 1024);
        for (std::size_t step = 0; step < steps.size(); ++step) {
            auto const cost = bench::spread::of(seen[step]);
            char text[128];
            std::snprintf(text, sizeof text, "%.0f (%.0f, %.0f)", cost.median, cost.min, cost.max);
            std::printf(" %24s", text);
            std::snprintf(text, sizeof text, "topology_bench,%s,%s,%.1f,%.1f,%.1f\n", source.name,
                          steps[step], cost.min, cost.median, cost.max);
            lines += text;
        }
    }
    std::printf("\n");
    print_look_ups(*table, rounds);
    std::printf("%s", lines.c_str());
    return 0;
}
