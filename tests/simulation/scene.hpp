// scene.hpp: a small stage for the named scenarios: one cluster, one client, answers kept by name.
#pragma once

#include <umbel/testing/model_cluster.hpp>
#include <umbel/testing/sim_client.hpp>

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace simulation {

using namespace umbel::testing;
using umbel::delivery;
using umbel::errc;
using namespace std::chrono_literals;

/// What became of one call.
struct answer {
    instant asked{0};
    instant came{0};
    std::optional<umbel::result<umbel::reply>> told;

    bool done() const noexcept { return told.has_value(); }
    bool good() const noexcept { return done() && told->has_value(); }
    std::string text() const {
        return good() ? (*told)->to_string() : done() ? told->error().to_string() : "pending";
    }
    duration took() const noexcept { return came - asked; }
};

/// One cluster with one client.
class scene {
public:
    explicit scene(umbel::options client = {}, cluster_shape shape = {3, 1}, std::uint64_t seed = 1,
                   umbel::cluster::policy policy = {}, model_options servers = {}, network_options wires = {})
        : time{seed},
          cluster{time, shape, servers, wires},
          db{time, cluster.net(), with_seeds(client, shape), seed, policy} {}

    timeline time;
    model_cluster cluster;
    sim_client db;

    /// Waits for the first topology.
    scene& ready() {
        auto const knows = [this] {
            return db.control().routes().known() == umbel::engine::known_as::cluster &&
                   db.control().waiting() == 0;
        };
        time.run_while_not(knows, 2s);
        time.run_for(20ms);
        return *this;
    }

    answer& call(std::initializer_list<std::string_view> words, sim_call_options const& options = {}) {
        answers_.push_back(std::make_unique<answer>());
        answer& one = *answers_.back();
        one.asked = time.now();
        last_number = db.call(
            words,
            [this, &one](umbel::result<umbel::reply> told) {
                one.came = time.now();
                one.told.emplace(std::move(told));
            },
            options);
        return one;
    }
    /// Calls and waits.
    answer& ask(std::initializer_list<std::string_view> words, sim_call_options const& options = {}) {
        answer& one = call(words, options);
        time.run_while_not([&] { return one.done(); }, 20s);
        return one;
    }
    /// A key with this prefix whose slot belongs to `owner`.
    std::string key_of(node_number owner, std::string const& prefix = "k") {
        for (int i = 0;; ++i) {
            std::string key = prefix + std::to_string(i);
            if (cluster.truth(umbel::cluster::slot_of(key).value()) == owner) return key;
        }
    }
    call_number last_number = 0;

private:
    /// One replica where there is one.
    static umbel::options with_seeds(umbel::options client, cluster_shape shape) {
        if (client.seeds.size() == 0)
            client.seeds = shape.replicas_each == 0 ? umbel::seed_list{"10.0.0.1:6379"}
                                                    : umbel::seed_list{"10.0.0.5:6379"};
        return client;
    }
    std::vector<std::unique_ptr<answer>> answers_;
};

}  // namespace simulation
