// encode_bench.cpp: what it costs to turn a typed call into bytes and a slot, and to take and return a pooled
// call; beside hiredis' formatter. Rounds are paired: every contender runs in each round. Prints a table,
// then machine-readable lines: "encode_bench,<what>,<way>,<ns>".
#include "support/lone_handle.hpp"

#include <support/clock.hpp>
#include <support/loop_back.hpp>
#include <support/statistics.hpp>

#if defined(UMBEL_WITH_HIREDIS)
#include <hiredis/hiredis.h>
#endif

#include <array>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <string>
#include <vector>

namespace {

template <class Value>
void keep(Value& one) {
    asm volatile("" : : "g"(&one) : "memory");
}

std::array<std::string, 256> make_keys() {
    std::array<std::string, 256> keys;
    for (std::size_t i = 0; i < keys.size(); ++i)
        keys[i] = "user:" + std::to_string(10'000'000'000 + i * 7919);
    return keys;
}

struct way {
    char const* what;
    char const* name;
    std::function<void(unsigned)> run;
    std::vector<double> ns{};
};

#if defined(UMBEL_WITH_HIREDIS)
void format(std::initializer_list<std::string_view> words) {
    char const* texts[3];
    std::size_t sizes[3];
    int count = 0;
    for (auto const word : words) {
        texts[count] = word.data();
        sizes[count++] = word.size();
    }
    char* made = nullptr;
    if (redisFormatCommandArgv(&made, count, texts, sizes) < 0) std::abort();
    keep(*made);
    redisFreeCommand(made);
}
#endif

}  // namespace

int main(int count, char** words) {
    int const rounds = count > 1 ? std::max(1, std::atoi(words[1])) : 15;
    auto const keys = make_keys();
    std::string const small(16, 'v'), large(1024, 'v');
    asio::io_context io{1};
    bench::loop_client db{io, "v"};
    auto const each = [&](unsigned calls, auto&& one) {
        for (unsigned i = 0; i < calls; ++i) one(keys[i & 255u]);
    };
    std::vector<way> ways;
    ways.push_back({"GET of a 16-byte key", "umbel with call and slot", [&](unsigned calls) {
                        each(calls, [&](std::string const& key) {
                            auto made = db.get(key);
                            keep(made);
                        });
                    }});
    ways.push_back({"SET of 16 bytes", "umbel with call and slot", [&](unsigned calls) {
                        each(calls, [&](std::string const& key) {
                            auto made = db.set(key, small);
                            keep(made);
                        });
                    }});
    ways.push_back({"SET of 1 KiB", "umbel with call and slot", [&](unsigned calls) {
                        each(calls, [&](std::string const& key) {
                            auto made = db.set(key, large);
                            keep(made);
                        });
                    }});
    ways.push_back({"take and return a call", "umbel", [&](unsigned calls) {
                        each(calls, [&](std::string const&) {
                            auto* one = support::take_lone_call();
                            keep(*one);
                            umbel::async::pool::recycle(one);
                        });
                    }});
#if defined(UMBEL_WITH_HIREDIS)
    ways.push_back({"GET of a 16-byte key", "hiredis without slot", [&](unsigned calls) {
                        each(calls, [&](std::string const& key) { format({"GET", key}); });
                    }});
    ways.push_back({"SET of 16 bytes", "hiredis without slot", [&](unsigned calls) {
                        each(calls, [&](std::string const& key) { format({"SET", key, small}); });
                    }});
    ways.push_back({"SET of 1 KiB", "hiredis without slot", [&](unsigned calls) {
                        each(calls, [&](std::string const& key) { format({"SET", key, large}); });
                    }});
#endif
    constexpr unsigned calls = 100'000;
    for (int round = 0; round < rounds; ++round) {
        for (auto& one : ways) {
            auto const begun = bench::thread_cpu_ns();
            one.run(calls);
            one.ns.push_back(static_cast<double>(bench::thread_cpu_ns() - begun) / calls);
        }
    }
    std::printf("| encode | by | ns, median | quartiles |\n|---|---|---|---|\n");
    for (auto const& one : ways) {
        auto const seen = bench::spread::of(one.ns);
        std::printf("| %s | %s | %.1f | %.1f–%.1f |\n", one.what, one.name, seen.median, seen.lower,
                    seen.upper);
    }
    std::printf("\n");
    for (auto const& one : ways)
        std::printf("encode_bench,%s,%s,%.2f\n", one.what, one.name, bench::spread::of(one.ns).median);
    return 0;
}
