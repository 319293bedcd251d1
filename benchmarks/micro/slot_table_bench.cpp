// slot_table_bench: what looking up a slot's primary costs, alone and while a writer publishes changing
// topologies at full speed. Every look-up chooses its slot by the answer before it, and every answer is
// checked against the topologies that were published. Time is the reading thread's CPU time, so that what
// else runs on the machine counts as little as possible. Prints a readable table, then machine-readable
// lines: "slot_table_bench,<writer>,<ns alone>,<ns under the writer>,<ratio>".
#include <umbel/cluster/slot_table.hpp>

#include <time.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>
#include <thread>
#include <vector>

namespace {

using namespace umbel::cluster;

constexpr std::uint32_t shards = 16;
constexpr std::uint32_t reads_per_round = 4'000'000;

// A topology ready to publish: owners by slot, and the assignments that say so.
struct layout {
    std::vector<std::uint16_t> owner = std::vector<std::uint16_t>(slot_count);
    std::vector<std::uint16_t> numbers;
    std::vector<std::vector<slot_range>> ranges;
    std::vector<shard_assignment> assignments;
};

template <class OwnerOf>
layout make_layout(OwnerOf owner_of) {
    layout made;
    std::vector<std::uint16_t> index_of(0x10000, 0xffff);
    for (std::uint16_t at = 0; at < slot_count; ++at) {
        std::uint16_t const node = made.owner[at] = owner_of(at);
        if (index_of[node] == 0xffff) {
            index_of[node] = static_cast<std::uint16_t>(made.numbers.size());
            made.numbers.push_back(node);
            made.ranges.emplace_back();
        }
        auto& ranges = made.ranges[index_of[node]];
        if (!ranges.empty() && ranges.back().last.value() + 1 == at) {
            ranges.back().last = slot{at};
        } else {
            ranges.push_back({slot{at}, slot{at}});
        }
    }
    for (std::size_t index = 0; index < made.numbers.size(); ++index) {
        made.assignments.push_back({made.numbers[index], {}, made.ranges[index]});
    }
    return made;
}

std::uint16_t even_shard(std::uint16_t at) { return static_cast<std::uint16_t>(at * shards / slot_count); }

struct scenario {
    char const* name;
    std::vector<layout> turns;  // Published one after the other, round and round.
};

std::vector<scenario> make_scenarios() {
    std::vector<scenario> made;
    auto const base = [](std::uint16_t at) { return even_shard(at); };
    auto const number = [](std::uint32_t value) { return static_cast<std::uint16_t>(value); };

    scenario failover{"failover", {}};
    for (std::uint32_t turn = 0; turn < 2 * shards; ++turn) {
        // Shard after shard fails over, then all of them back.
        failover.turns.push_back(make_layout([=](std::uint16_t at) {
            std::uint32_t const shard = even_shard(at);
            bool const away = turn < shards ? shard <= turn : shard > turn - shards;
            return number(shard + (away ? 100 : 0));
        }));
    }
    made.push_back(std::move(failover));

    scenario resharding{"resharding", {}};
    for (std::uint32_t turn = 0; turn < 32; ++turn) {
        // One slot of every shard has gone to the next one.
        resharding.turns.push_back(make_layout([=](std::uint16_t at) {
            std::uint32_t const shard = even_shard(at);
            return number(at % (slot_count / shards) == turn * 32u ? (shard + 1) % shards : shard);
        }));
    }
    made.push_back(std::move(resharding));

    scenario renamed{"every_primary", {}};
    renamed.turns.push_back(make_layout(base));
    renamed.turns.push_back(make_layout([=](std::uint16_t at) { return number(even_shard(at) + 100u); }));
    made.push_back(std::move(renamed));

    scenario ever_new{"ever_new_nodes", {}};
    for (std::uint32_t turn = 0; turn < 128; ++turn) {
        // Split at another place each time, and all nodes are new: records are used again and again.
        ever_new.turns.push_back(make_layout([=](std::uint16_t at) {
            return number(turn * shards + even_shard(number((at + (turn % 2) * 64) % slot_count)));
        }));
    }
    made.push_back(std::move(ever_new));

    scenario shuffled{"every_slot", {}};
    shuffled.turns.push_back(make_layout(base));
    shuffled.turns.push_back(
        make_layout([=](std::uint16_t at) { return number((even_shard(at) + 1u) % shards); }));
    made.push_back(std::move(shuffled));
    return made;
}

// Whether a node was ever published for a slot: one bit for each pair.
class published_pairs {
public:
    explicit published_pairs(scenario const& one) {
        for (auto const& turn : one.turns) {
            for (std::size_t at = 0; at < slot_count; ++at) set(at, turn.owner[at]);
        }
    }
    bool has(std::size_t at, std::uint16_t node) const noexcept {
        return node < nodes && (bits_[at * words + node / 64] >> (node % 64) & 1) != 0;
    }

private:
    static constexpr std::size_t nodes = 2048;
    static constexpr std::size_t words = nodes / 64;
    void set(std::size_t at, std::uint16_t node) {
        bits_[at * words + node / 64] |= std::uint64_t{1} << (node % 64);
    }
    std::vector<std::uint64_t> bits_ = std::vector<std::uint64_t>(slot_count * words);
};

double cpu_nanoseconds() {
    timespec now{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return static_cast<double>(now.tv_sec) * 1e9 + static_cast<double>(now.tv_nsec);
}

struct sample {
    std::uint16_t slot;
    std::uint16_t node;
};

// Reads in batches whose answers are checked between the clock readings, so that checking does not hide the
// price of reading.
double nanoseconds_per_read(slot_table const& table, published_pairs const& pairs, std::uint64_t& wrong) {
    constexpr std::uint32_t batch = 16384;
    std::vector<sample> seen(batch);
    double spent = 0;
    std::uint32_t at = 1;
    for (std::uint32_t done = 0; done < reads_per_round; done += batch) {
        double const start = cpu_nanoseconds();
        for (std::uint32_t index = 0; index < batch; ++index) {
            std::uint16_t const node = table.primary_of(slot{static_cast<std::uint16_t>(at)});
            seen[index] = {static_cast<std::uint16_t>(at), node};
            at = (at * 5 + node + 1) % slot_count;
        }
        spent += cpu_nanoseconds() - start;
        for (auto const& one : seen) wrong += pairs.has(one.slot, one.node) ? 0 : 1;
    }
    return spent / reads_per_round;
}

struct measured {
    double alone = 0;
    double under = 0;
    double ratio = 0;  // Median of paired rounds.
    double publishes_per_second = 0;
    std::uint64_t wrong = 0;
};

measured measure(scenario const& one) {
    auto const table = std::make_unique<slot_table>();
    published_pairs const pairs{one};
    table->publish(one.turns.front().assignments);
    measured result;
    std::vector<std::array<double, 3>> rounds;
    for (int round = 0; round < 7; ++round) {
        double const alone = nanoseconds_per_read(*table, pairs, result.wrong);
        std::atomic<bool> stop{false};
        std::atomic<std::uint64_t> publishes{0};
        std::thread writer{[&] {
            std::uint64_t turn = 0;
            while (!stop.load(std::memory_order_relaxed)) {
                table->publish(one.turns[++turn % one.turns.size()].assignments);
                publishes.store(turn, std::memory_order_relaxed);
            }
        }};
        while (publishes.load(std::memory_order_relaxed) == 0) std::this_thread::yield();
        auto const start = std::chrono::steady_clock::now();
        std::uint64_t const before = publishes.load();
        double const under = nanoseconds_per_read(*table, pairs, result.wrong);
        std::chrono::duration<double> const took = std::chrono::steady_clock::now() - start;
        result.publishes_per_second = static_cast<double>(publishes.load() - before) / took.count();
        stop = true;
        writer.join();
        rounds.push_back({under / alone, alone, under});
    }
    std::sort(rounds.begin(), rounds.end());
    result.ratio = rounds[rounds.size() / 2][0];
    result.alone = rounds[rounds.size() / 2][1];
    result.under = rounds[rounds.size() / 2][2];
    return result;
}

}  // namespace

int main() {
    std::printf(
        "primary of a slot, dependent look-ups over random slots, %u shards; median of 7 paired rounds\n\n",
        shards);
    std::printf("%16s %12s %14s %8s %14s %8s\n", "writer changes", "alone ns", "publishing ns", "ratio",
                "publishes/s", "wrong");
    std::vector<std::string> lines;
    std::uint64_t wrong = 0;
    for (auto const& one : make_scenarios()) {
        measured const result = measure(one);
        std::printf("%16s %12.2f %14.2f %8.2f %14.0f %8llu\n", one.name, result.alone, result.under,
                    result.ratio, result.publishes_per_second, static_cast<unsigned long long>(result.wrong));
        char line[128];
        std::snprintf(line, sizeof line, "slot_table_bench,%s,%.2f,%.2f,%.2f", one.name, result.alone,
                      result.under, result.ratio);
        lines.emplace_back(line);
        wrong += result.wrong;
    }
    std::printf("\n");
    for (auto const& line : lines) std::printf("%s\n", line.c_str());
    return wrong == 0 ? 0 : 1;
}
