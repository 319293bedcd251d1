// 04_metrics.cpp: what a client tells of itself, in the text format of Prometheus; and a watcher that is told of what is worth a line in a log.
#include <umbel.hpp>

#include <asio.hpp>

#include <iostream>
#include <sstream>
#include <string>

/// Writes one histogram: cumulative buckets in seconds, as Prometheus wants them.
void write(std::ostream& out, std::string const& labels, umbel::latency_histogram const& taken) {
    std::uint64_t below = 0;
    for (std::size_t i = 0; i < umbel::latency_histogram::size; ++i) {
        below += taken.buckets[i];
        out << "umbel_command_seconds_bucket{" << labels << ",le=\"";
        if (i + 1 < umbel::latency_histogram::size) {
            out << static_cast<double>(umbel::latency_histogram::bound(i).count()) / 1e6;
        } else {
            out << "+Inf";
        }
        out << "\"} " << below << '\n';
    }
    out << "umbel_command_seconds_sum{" << labels << "} " << static_cast<double>(taken.total.count()) / 1e6 << '\n';
    out << "umbel_command_seconds_count{" << labels << "} " << below << '\n';
}

/// What a handler of GET /metrics answers.
asio::awaitable<std::string> metrics(umbel::client& db) {
    std::ostringstream out;
    if (auto counted = co_await db.statistics()) {
        out << "# TYPE umbel_moved_total counter\numbel_moved_total " << counted->moved << '\n'
            << "# TYPE umbel_retried_total counter\numbel_retried_total " << counted->retried << '\n'
            << "# TYPE umbel_disconnects_total counter\numbel_disconnects_total " << counted->disconnects << '\n'
            << "# TYPE umbel_waiting gauge\numbel_waiting " << counted->waiting << '\n';
    }
    out << "# TYPE umbel_in_flight gauge\n# TYPE umbel_command_seconds histogram\n";
    if (auto nodes = co_await db.nodes()) {
        for (umbel::node_snapshot const& node : *nodes) {
            for (auto const* link : {&node.primary_link, &node.replica_link}) {
                if (link->commands == 0) continue;
                std::string const labels = "node=\"" + node.address + "\",link=\"" + (link == &node.primary_link ? "primary" : "replica") + '"';
                out << "umbel_in_flight{" << labels << "} " << link->in_flight << '\n';
                write(out, labels + ",class=\"read\"", link->reads);
                write(out, labels + ",class=\"write\"", link->writes);
            }
        }
    }
    co_return out.str();
}

// [watcher]
/// A line in the log for what an operator wants to know.
struct watcher : umbel::observer {
    void disconnected(umbel::engine::node_disconnected const& what) override { std::cerr << "lost " << what.node << ": " << what.message << '\n'; }
    void slow(umbel::engine::call_slow const& what) override {
        std::cerr << what.command << " on " << what.node << " took " << std::chrono::duration_cast<std::chrono::milliseconds>(what.took).count()
                  << " ms\n";
    }
};
// [watcher]

asio::awaitable<void> run(umbel::client& db) {
    for (int i = 0; i < 100; ++i) {
        std::string const key = "metrics:" + std::to_string(i);
        if (auto set = co_await db.set(key, "v"); !set) {
            std::cout << set.error().to_string() << '\n';
            co_return;
        }
        co_await db.get(key);
    }
    std::string const text = co_await metrics(db);
    std::cout << text;
}

int main(int argc, char** argv) {
    asio::io_context io;
    umbel::options chosen{.seeds = {argc > 1 ? argv[1] : "127.0.0.1:6379"}};
    chosen.latency_histograms = true;
    chosen.slow_after = std::chrono::milliseconds{50};
    umbel::client db{io.get_executor(), chosen, {}, std::make_shared<watcher>()};
    asio::co_spawn(io, run(db), [&](std::exception_ptr) { io.stop(); });
    io.run();
}
