// threads.cpp: one client over one and over two executors, each with a thread and a core of its own, and what
// else two threads may do.
//
// The responder is a mock and not the bottleneck: a transport inside this process that copies a canned reply
// for each GET. So there is neither kernel nor server; what is seen is how umbel's own work spreads. Two
// nodes, and callers that ask both but where it says otherwise.
//   one thread        one executor
//   two threads       one client over two executors; 4 and more where there are so many cores
//   two, node each    as two threads, but each executor's callers ask one node only
//   two clients       each thread has a client of its own
//   two, crossing     one client over the first of two executors: the second's callers share its connections,
//                     and every command of theirs crosses over and back
//   two, crossing, one thread a context
//                     the same with options::one_thread_per_context: what crosses back does so many at a time
// Lines: "threads,<setting>,<what>,<min>,<median>,<max>". CPU is the sum over the threads, the mock's work
// included.
#include <support/clock.hpp>
#include <support/loop_back.hpp>
#include <support/rounds.hpp>

#include <asio/executor_work_guard.hpp>

#include <pthread.h>
#include <sched.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <memory>
#include <string>
#include <thread>
#include <vector>

namespace {

using namespace bench;

constexpr std::string_view value = "vvvvvvvvvvvvvvvv";
constexpr std::string_view map_of_two =
    "*2\r\n"
    "*3\r\n:0\r\n:8191\r\n*3\r\n$8\r\n10.0.0.1\r\n:6379\r\n$1\r\na\r\n"
    "*3\r\n:8192\r\n:16383\r\n*3\r\n$8\r\n10.0.0.2\r\n:6379\r\n$1\r\nb\r\n";
constexpr unsigned callers = 1000;

/// One executor and what its thread has done.
struct executor_thread {
    asio::io_context io{1};
    asio::executor_work_guard<asio::io_context::executor_type> const kept = asio::make_work_guard(io);
    std::uint64_t answered = 0;
    std::int64_t cpu_ns = 0;
    unsigned busy = 0;
};

struct setting {
    std::string name;
    unsigned lanes;
    bool both_nodes = true;
    unsigned clients = 1;
    unsigned client_lanes =
        2;  ///< Executors that the client, or each of them, runs on; at most as many as there are.
    bool one_thread_per_context = false;
};
std::vector<setting> settings_for(unsigned cores) {
    std::vector<setting> all{{.name = "one thread", .lanes = 1},
                             {.name = "two threads", .lanes = 2},
                             {.name = "two, node each", .lanes = 2, .both_nodes = false},
                             {.name = "two clients", .lanes = 2, .clients = 2, .client_lanes = 1},
                             {.name = "two, crossing", .lanes = 2, .client_lanes = 1},
                             {.name = "two, crossing, one thread a context",
                              .lanes = 2,
                              .client_lanes = 1,
                              .one_thread_per_context = true}};
    for (unsigned lanes = 4; lanes <= cores; lanes *= 2)
        all.push_back({.name = std::to_string(lanes) + " threads", .lanes = lanes, .client_lanes = lanes});
    return all;
}

umbel::options two_nodes(bool one_thread_per_context) {
    umbel::options chosen{.seeds = {"10.0.0.1:6379", "10.0.0.2:6379"}};
    chosen.one_thread_per_context = one_thread_per_context;
    chosen.protocol = umbel::protocol::resp2;
    chosen.handshake = umbel::handshake::minimal;
    chosen.deployment = umbel::deployment::cluster;
    chosen.topology_source = umbel::topology_source::slots;
    return chosen;
}

/// Keys of the lower and of the upper half of the slots.
std::vector<std::string> keys_of(unsigned half) {
    std::vector<std::string> keys;
    for (unsigned i = 0; keys.size() < 512; ++i) {
        std::string const digits = std::to_string(i);
        std::string key = "user:" + std::string(11 - digits.size(), '0') + digits;
        if (umbel::cluster::slot_of(key).value() / 8192u == half) keys.push_back(std::move(key));
    }
    return keys;
}

class arena {
public:
    explicit arena(setting const& how) : how_{how} {
        std::vector<asio::any_io_executor> executors;
        for (unsigned i = 0; i < how.lanes; ++i)
            executors.push_back(lanes_.emplace_back(std::make_unique<executor_thread>())->io.get_executor());
        for (unsigned i = 0; i < how.clients; ++i) {
            std::vector<asio::any_io_executor> own(
                executors.begin() + i,
                executors.begin() + std::min<unsigned>(i + how.client_lanes, how.lanes));
            clients_.push_back(std::make_unique<loop_client>(
                std::move(own), two_nodes(how.one_thread_per_context), value, map_of_two));
        }
        run(std::chrono::milliseconds{50});
    }
    arena(arena const&) = delete;
    arena& operator=(arena const&) = delete;
    ~arena() { clients_.clear(); }

    struct seen {
        double per_second = 0, cpu_ns = 0;
    };
    seen run(std::chrono::milliseconds how_long) {
        stop_ = false;
        running_ = static_cast<unsigned>(lanes_.size());
        for (auto const& lane : lanes_) lane->io.restart();
        std::vector<std::thread> threads;
        std::int64_t const start = wall_ns();
        for (unsigned i = 0; i < lanes_.size(); ++i) threads.emplace_back([this, i] { serve(i); });
        std::this_thread::sleep_for(how_long);
        stop_ = true;
        for (auto& thread : threads) thread.join();
        auto const took = static_cast<double>(wall_ns() - start);
        double answered = 0, cpu = 0;
        for (auto const& lane : lanes_) {
            answered += static_cast<double>(lane->answered);
            cpu += static_cast<double>(lane->cpu_ns);
        }
        return {answered / took * 1e9, cpu / answered};
    }

private:
    void serve(unsigned index) {
        cpu_set_t core;
        CPU_ZERO(&core);
        CPU_SET(index, &core);
        ::pthread_setaffinity_np(::pthread_self(), sizeof core, &core);
        executor_thread& mine = *lanes_[index];
        mine.answered = 0;
        mine.busy = callers;
        for (unsigned i = 0; i < callers; ++i) asio::co_spawn(mine.io, call(mine, index, i), asio::detached);
        std::int64_t const before = thread_cpu_ns();
        mine.io.run();
        mine.cpu_ns = thread_cpu_ns() - before;
    }
    asio::awaitable<void> call(executor_thread& mine, unsigned index, unsigned turn) {
        loop_client& db = *clients_[index % clients_.size()];
        while (!stop_.load(std::memory_order_relaxed)) {
            auto const& keys = keys_[how_.both_nodes ? turn % 2 : index];
            auto const got = co_await db.get<umbel::bytes>(keys[++turn % keys.size()]);
            if (!got || !*got) die(how_.name, got ? "a value is missing" : got.error().message());
            ++mine.answered;
        }
        // The other lane's callers may still need this one's connections when the own ones are done.
        if (--mine.busy != 0 || running_.fetch_sub(1) != 1) co_return;
        for (auto const& lane : lanes_) lane->io.stop();
    }

    setting const how_;
    std::vector<std::string> const keys_[2] = {keys_of(0), keys_of(1)};
    std::vector<std::unique_ptr<executor_thread>> lanes_;
    std::vector<std::unique_ptr<loop_client>> clients_;
    std::atomic<bool> stop_{false};
    std::atomic<unsigned> running_{0};
};

void print(settings const& chosen, std::string const& how, char const* what, char const* format,
           std::vector<double> samples) {
    spread const seen = spread::of(std::move(samples));
    std::printf("| %s | %s |", how.c_str(), what);
    for (double const one : {seen.min, seen.median, seen.max}) {
        std::printf(" ");
        std::printf(format, one);
        std::printf(" |");
    }
    std::printf("\n");
    std::string name{how};
    std::erase(name, ',');
    chosen.row("threads,%s,%s,%.4f,%.4f,%.4f\n", name.c_str(), what, seen.min, seen.median, seen.max);
}

}  // namespace

int main(int count, char** words) {
    settings chosen;
    chosen.rounds = 9;
    if (!chosen.read(count - 1, words + 1)) {
        std::fputs("usage: threads [--rounds N] [--seconds S] [--csv FILE]\n", stderr);
        return 2;
    }
    if (std::thread::hardware_concurrency() < 2) {
        std::puts("threads: one core shows nothing here");
        return 0;
    }
    std::vector<setting> const all = settings_for(std::thread::hardware_concurrency());
    auto const how_many = static_cast<unsigned>(all.size());
    std::vector<std::vector<double>> rate(how_many), cpu(how_many), faster(how_many), dearer(how_many);
    for (unsigned round = 0; round < chosen.rounds; ++round) {
        std::vector<arena::seen> seen(how_many);
        for (unsigned turn = 0; turn < how_many; ++turn) {
            unsigned const which = (turn + round) % how_many;
            arena here{all[which]};
            seen[which] = here.run(std::chrono::milliseconds{static_cast<int>(chosen.seconds * 1000)});
        }
        for (unsigned i = 0; i < how_many; ++i) {
            rate[i].push_back(seen[i].per_second / 1e6);
            cpu[i].push_back(seen[i].cpu_ns);
            faster[i].push_back(seen[i].per_second / seen[0].per_second);
            dearer[i].push_back(seen[i].cpu_ns / seen[0].cpu_ns);
        }
    }
    std::printf(
        "GET of 16 bytes, a mock responder inside the process; %u callers a thread\n\n| setting | what | min "
        "| median | max |\n"
        "|---|---|---|---|---|\n",
        callers);
    for (unsigned i = 0; i < how_many; ++i) {
        print(chosen, all[i].name, "million commands a second", "%.3f", rate[i]);
        print(chosen, all[i].name, "CPU ns per command", "%.0f", cpu[i]);
        // What it would be if every thread had its core to itself all the time: other programs do not count.
        std::vector<double> possible;
        for (std::size_t round = 0; round < cpu[i].size(); ++round)
            possible.push_back(all[i].lanes * cpu[0][round] / cpu[i][round]);
        print(chosen, all[i].name, "throughput by CPU beside one thread", "%.2f", std::move(possible));
        if (i == 0) continue;
        print(chosen, all[i].name, "throughput beside one thread", "%.2f", faster[i]);
        print(chosen, all[i].name, "CPU beside one thread", "%.2f", dearer[i]);
    }
    return 0;
}
