// two_deployments.hpp: a umbel::multi_client over two model clusters on one virtual time, "east" and "west",
// and the book of what each has executed.
#pragma once

#include <umbel/client/multi_client.hpp>
#include <umbel/testing/service/stage.hpp>

#include <catch2/catch_test_macros.hpp>

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace at_home {

using namespace std::chrono_literals;

/// What a multi_client has told.
struct told_switches final : umbel::multi_observer {
    std::vector<std::string> switches;
    std::vector<std::string> causes;
    int changes = 0;
    void switched(umbel::member_switched const& happened) override {
        switches.push_back(happened.from + " " + happened.to);
        causes.push_back(happened.cause);
    }
    void health_changed(umbel::member_changed const&) override { ++changes; }
};

struct two_deployments {
    /// Executed writes by their last word: how often, at east and at west.
    using audit = std::map<std::string, std::pair<int, int>>;

    static umbel::multi_options hurried() {
        umbel::multi_options made;
        made.check_interval = 100ms;
        made.check_pause = 20ms;
        made.check_timeout = 150ms;
        made.failure_window = 1s;
        made.grace = 1s;
        made.grace_max = 8s;
        return made;
    }
    /// Options of both members; which is which, their clients' names say.
    static umbel::options quick() {
        umbel::options made;
        made.connect_timeout = 200ms;
        made.reconnect_delay = 5ms;
        made.reconnect_delay_max = 100ms;
        made.refresh_interval_min = 20ms;
        made.probe_after = 100ms;
        made.probe_timeout = 200ms;
        made.deadline = 3s;
        return made;
    }

    explicit two_deployments(std::uint64_t seed = 1, umbel::multi_options chosen = hurried())
        : here{{.primaries = 2, .replicas_each = 0}, seed},
          far{here.time(), {.primaries = 2, .replicas_each = 0}},
          seed_{seed} {
        if (chosen.members.empty()) {
            chosen.members = {{"east", quick(), 2}, {"west", quick(), 1}};
            for (umbel::multi_member& each : chosen.members) each.options.client_name = each.name;
        }
        here.cluster().book().watch([this](auto const& what) { note(what, &std::pair<int, int>::first); });
        far.book().watch([this](auto const& what) { note(what, &std::pair<int, int>::second); });
        db.emplace(
            [this](umbel::options const& member, umbel::cluster::policy const& policy,
                   std::shared_ptr<umbel::observer> watching) {
                if (member.client_name != "west") return here.client(member, policy, std::move(watching));
                return client_of_far(member, policy, std::move(watching));
            },
            chosen, umbel::cluster::policy{}, told);
    }
    two_deployments(two_deployments const&) = delete;
    ~two_deployments() {
        db.reset();
        here.run_for(10ms);
        for (auto const& each : backends_) each->abandon();
    }

    umbel::testing::model_cluster& east() { return here.cluster(); }
    umbel::testing::model_cluster& west() { return far; }
    static void crash(umbel::testing::model_cluster& which) {
        for (umbel::testing::node_number i = 0; i < 2; ++i) which.crash(i);
    }
    static void restart(umbel::testing::model_cluster& which) {
        for (umbel::testing::node_number i = 0; i < 2; ++i) which.restart(i);
    }
    std::string active() const {
        for (umbel::member_snapshot const& each : db->members())
            if (each.active) return each.name;
        return "";
    }
    umbel::member_snapshot of(std::string const& name) const {
        for (umbel::member_snapshot const& each : db->members())
            if (each.name == name) return each;
        return {};
    }
    /// Runs an operation to its end.
    template <class Value>
    umbel::result<Value> wait(umbel::operation<Value> what, umbel::testing::duration at_most = 20s) {
        std::optional<umbel::result<Value>> answer;
        std::move(what)([&answer](umbel::result<Value> got) { answer.emplace(std::move(got)); });
        REQUIRE(here.run_while_not([&] { return answer.has_value(); }, at_most));
        return std::move(*answer);
    }

    umbel::testing::stage here;
    umbel::testing::model_cluster far;
    audit executed;
    std::shared_ptr<told_switches> told = std::make_shared<told_switches>();
    std::optional<umbel::multi_client> db;

private:
    void note(umbel::testing::execution const& what, int std::pair<int, int>::* where) {
        if (what.write && what.as_primary && !what.words.empty())
            ++(executed[std::string{what.words.back()}].*where);
    }
    umbel::client client_of_far(umbel::options member, umbel::cluster::policy const& policy,
                                std::shared_ptr<umbel::observer> watching) {
        member.seeds = far.where(0).to_string();
        auto settled = umbel::net::settings_of(member, policy, std::move(watching));
        REQUIRE(settled);
        settled->engine.seed = seed_ * 1000 + 501;
        settled->pipeline.seed = settled->engine.seed + 1;
        auto made =
            std::make_shared<umbel::testing::sim_backend>(here.time(), far.net(), here.executor(), *settled);
        backends_.push_back(made);
        return umbel::client{umbel::async::new_backend{made, std::nullopt}, member};
    }

    std::uint64_t seed_;
    std::vector<std::shared_ptr<umbel::testing::sim_backend>> backends_;
};

}  // namespace at_home
