// 04_metrics.cpp: what a client tells of itself, in the text format of Prometheus; and a watcher that is told of what is worth a line in a log.
#include <umbel/client.hpp>

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

/// One metric of the whole client, under its name and kind.
void write(std::ostream& out, char const* name, char const* kind, std::uint64_t value) {
    out << "# TYPE umbel_" << name << ' ' << kind << "\numbel_" << name << ' ' << value << '\n';
}

/// What a handler of GET /metrics answers. All lines of one metric stand together, as the format wants it.
asio::awaitable<std::string> metrics(umbel::client& db) {
    std::ostringstream out;
    if (auto counted = co_await db.statistics()) {
        write(out, "commands_total", "counter", counted->commands);
        write(out, "moved_total", "counter", counted->moved);
        write(out, "asked_total", "counter", counted->asked);
        write(out, "retried_total", "counter", counted->retried);
        write(out, "retries_denied_total", "counter", counted->retries_denied);
        write(out, "late_replies_total", "counter", counted->late_replies);
        write(out, "topology_changes_total", "counter", counted->topology_changes);
        write(out, "connects_total", "counter", counted->connects);
        write(out, "disconnects_total", "counter", counted->disconnects);
        write(out, "breakers_opened_total", "counter", counted->breakers_opened);
        write(out, "maintenance_notices_total", "counter", counted->notices);
        write(out, "hand_overs_total", "counter", counted->hand_overs);
        write(out, "waiting", "gauge", counted->waiting);
        write(out, "pinned_bytes", "gauge", counted->pinned_bytes);
    }
    std::ostringstream in_flight, taken;
    if (auto nodes = co_await db.nodes()) {
        for (umbel::node_snapshot const& node : *nodes) {
            for (auto const* link : {&node.primary_link, &node.replica_link}) {
                if (link->commands == 0) continue;
                std::string const labels = "node=\"" + node.address + "\",link=\"" + (link == &node.primary_link ? "primary" : "replica") + '"';
                in_flight << "umbel_in_flight{" << labels << "} " << link->in_flight << '\n';
                write(taken, labels + ",class=\"read\"", link->reads);
                write(taken, labels + ",class=\"write\"", link->writes);
            }
        }
    }
    out << "# TYPE umbel_in_flight gauge\n" << in_flight.str() << "# TYPE umbel_command_seconds histogram\n" << taken.str();
    co_return out.str();
}

// [watcher]
/// A line in the log for what an operator wants to know.
struct watcher : umbel::observer {
    void disconnected(umbel::engine::node_disconnected const& what) override {
        if (what.why == umbel::errc::cancelled) return;  // The client closed it itself.
        std::cerr << "lost " << what.node << ": " << what.message << '\n';
    }
    void refreshed(umbel::engine::refresh_ended const& what) override {
        if (what.how == umbel::engine::refresh_ended::outcome::failed) std::cerr << "no topology; " << what.message << '\n';
    }
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
