// slot_bench: what the hash slot of a key costs, for the usual byte table and for cluster/slot.hpp, hash-tag
// scan included. "streaming" hashes keys that do not depend on each other, as a batch does; "waiting" chooses
// each key by the slot before it, so that every call is waited for. Time is CPU time, so that what else runs
// on the machine counts as little as possible. Prints a readable table, then one machine-readable line per
// measurement: "slot_bench,<key bytes>,<way>,<mode>,<ns per key>".
#include <umbel/cluster/slot.hpp>

#include <time.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace {

using umbel::cluster::slot_count;

// The way of most clients: look for the braces byte by byte, then one table step a byte.
std::uint16_t slot_by_byte_table(std::string_view key) noexcept {
    auto const& table = umbel::cluster::detail::crc_table.entries;
    std::size_t begin = 0;
    std::size_t end = key.size();
    for (std::size_t open = 0; open < key.size(); ++open) {
        if (key[open] != '{') continue;
        std::size_t close = open + 1;
        while (close < key.size() && key[close] != '}') ++close;
        if (close < key.size() && close != open + 1) {
            begin = open + 1;
            end = close;
        }
        break;
    }
    unsigned crc = 0;
    for (std::size_t at = begin; at < end; ++at) {
        crc = (crc << 8 ^ table[(crc >> 8 ^ static_cast<unsigned char>(key[at])) & 0xff]) & 0xffff;
    }
    return static_cast<std::uint16_t>(crc % slot_count);
}

std::uint16_t slot_by_umbel(std::string_view key) noexcept { return umbel::cluster::slot_of(key).value(); }

std::vector<std::string> make_keys(std::size_t size, bool tagged) {
    std::mt19937 random{42};
    std::uniform_int_distribution<int> letter{'a', 'z'};
    std::vector<std::string> keys(256);
    for (auto& key : keys) {
        key.resize(size);
        for (char& byte : key) byte = static_cast<char>(letter(random));
        if (tagged) {
            key.front() = '{';
            key[size / 2] = '}';
        }
    }
    return keys;
}

double cpu_nanoseconds() {
    timespec now{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return static_cast<double>(now.tv_sec) * 1e9 + static_cast<double>(now.tv_nsec);
}

template <class Hash>
double nanoseconds_per_key(std::vector<std::string> const& keys, bool waiting, Hash hash,
                           std::uint64_t& checksum) {
    double best = 1e9;
    for (int round = 0; round < 9; ++round) {
        constexpr unsigned calls = 200'000;
        std::uint64_t sum = 0;
        unsigned found = 0;
        double const start = cpu_nanoseconds();
        if (waiting) {
            for (unsigned call = 0; call < calls; ++call) {
                found = hash(keys[(call ^ found) & 255u]);
                sum += found;
            }
        } else {
            for (unsigned call = 0; call < calls; ++call) sum += hash(keys[call & 255u]);
        }
        best = std::min(best, (cpu_nanoseconds() - start) / calls);
        checksum = sum;
    }
    return best;
}

}  // namespace

int main() {
    std::printf("hash slot of a key, hash-tag scan included; ns per key, best of 9\n\n");
    std::printf("%10s %12s %10s %12s %8s %8s\n", "key bytes", "hash tag", "mode", "byte table", "umbel",
                "ratio");
    std::vector<std::string> lines;
    bool equal = true;
    for (bool const tagged : {false, true}) {
        for (bool const waiting : {false, true}) {
            char const* const mode = waiting ? "waiting" : "streaming";
            for (std::size_t const size : {4u, 8u, 12u, 16u, 24u, 32u, 64u, 128u, 256u}) {
                auto const keys = make_keys(size, tagged);
                std::uint64_t table_sum = 0;
                std::uint64_t umbel_sum = 0;
                double const table = nanoseconds_per_key(
                    keys, waiting, [](std::string_view k) { return slot_by_byte_table(k); }, table_sum);
                double const ours = nanoseconds_per_key(
                    keys, waiting, [](std::string_view k) { return slot_by_umbel(k); }, umbel_sum);
                equal = equal && table_sum == umbel_sum;
                std::printf("%10zu %12s %10s %12.2f %8.2f %8.2f\n", size, tagged ? "first half" : "none",
                            mode, table, ours, table / ours);
                for (auto const& [way, spent] : {std::pair{"byte_table", table}, std::pair{"umbel", ours}}) {
                    char line[96];
                    std::snprintf(line, sizeof line, "slot_bench,%zu,%s%s,%s,%.2f", size, way,
                                  tagged ? "_tagged" : "", mode, spent);
                    lines.emplace_back(line);
                }
            }
        }
    }
    std::printf("\n");
    for (auto const& line : lines) std::printf("%s\n", line.c_str());
    if (!equal) std::printf("the two ways disagree\n");
    return equal ? 0 : 1;
}
