// faults.hpp: what befalls a model cluster in one run: crashes, freezes, partitions, failovers, moved slots,
// a bad network. It knows no client.
#pragma once

#include <umbel/testing/model_maintenance.hpp>

#include <string>
#include <vector>

namespace simulation {

using namespace umbel::testing;

/// Makes a few faults happen at random times, each for a random while.
class fault_plan {
public:
    fault_plan(timeline& time, model_cluster& cluster, std::vector<std::uint16_t> busy_slots)
        : time_{time}, cluster_{cluster}, busy_slots_{std::move(busy_slots)} {}

    bool sends_junk = false;
    bool refuses = false;
    bool squats = false;

    /// Puts `count` faults into the next `span`.
    void schedule(unsigned count, duration span) {
        for (unsigned i = 0; i < count; ++i) time_.in(time_.between(0ms, span), [this] { strike(); });
    }
    /// Cuts the clients off from the owners of busy slots so many times, as when a cable is pulled and put in
    /// again.
    void schedule_flaps(unsigned count, duration span) {
        for (unsigned i = 0; i < count; ++i)
            time_.in(time_.between(0ms, span), [this] {
                node_number const victim = cluster_.truth(busy_slots_[time_.pick(busy_slots_.size())]);
                if (!stopped_ && victim != nobody) cut(victim, time_.between(200ms, 1200ms));
            });
    }
    /// Has owners of busy slots refuse MULTI so many times, each for a while.
    void schedule_forbidding(unsigned count, duration span) {
        for (unsigned i = 0; i < count; ++i)
            time_.in(time_.between(0ms, span), [this] {
                node_number const victim = cluster_.truth(busy_slots_[time_.pick(busy_slots_.size())]);
                if (stopped_ || victim == nobody) return;
                cluster_[victim].forbids_multi = true;
                time_.in(time_.between(50ms, 1200ms),
                         [this, victim] { cluster_[victim].forbids_multi = false; });
            });
    }
    /// Has attempts to connect fail after they were accepted, so many times for a while.
    void schedule_tls_failures(unsigned count, duration span) {
        for (unsigned i = 0; i < count; ++i)
            time_.in(time_.between(0ms, span), [this] {
                if (stopped_) return;
                cluster_.net().options().tls_failure_percent = static_cast<unsigned>(20 + time_.pick(81));
                time_.in(time_.between(20ms, 800ms),
                         [this] { cluster_.net().options().tls_failure_percent = 0; });
            });
    }
    /// Has nodes say MOVED and name themselves so many times, a few commands each.
    void schedule_moves_to_itself(unsigned count, duration span) {
        for (unsigned i = 0; i < count; ++i)
            time_.in(time_.between(0ms, span), [this] {
                if (stopped_) return;
                model_node& victim = cluster_[any_member()];
                victim.refuse_next = static_cast<unsigned>(1 + time_.pick(12));
                victim.refusal.clear();
            });
    }
    /// Has all nodes forget their scripts so many times.
    void schedule_forgetting(unsigned count, duration span) {
        for (unsigned i = 0; i < count; ++i)
            time_.in(time_.between(0ms, span), [this] {
                for (auto const& node : cluster_.nodes()) node->cached_scripts.clear();
            });
    }
    /// Moves all busy slots of a node to another one at one instant, so many times.
    void schedule_moves_at_once(unsigned count, duration span) {
        for (unsigned i = 0; i < count; ++i)
            time_.in(time_.between(0ms, span), [this] {
                std::uint16_t const first = busy_slots_[time_.pick(busy_slots_.size())];
                std::vector<std::uint16_t> slots{first};
                for (std::uint16_t const slot : busy_slots_)
                    if (cluster_.truth(slot) == cluster_.truth(first)) slots.push_back(slot);
                if (!stopped_) cluster_.move_at_once(slots, any_member());
            });
    }
    /// Does so much maintenance, announced to clients that ask, and says nonsense in between.
    void schedule_maintenance(unsigned count, duration span) {
        for (unsigned i = 0; i < count; ++i)
            time_.in(time_.between(0ms, span), [this] {
                std::uint16_t const slot = busy_slots_[time_.pick(busy_slots_.size())];
                node_number const owner = cluster_.truth(slot);
                if (stopped_ || owner == nobody) return;
                switch (time_.pick(5)) {
                    case 0:
                    case 1: return plans_.end_connections(owner, std::chrono::seconds{time_.pick(3)});
                    case 2: return plans_.hold_back(owner, time_.between(20ms, 1200ms), time_.chance(50));
                    case 3: return plans_.move_slots({slot}, any_member());
                    case 4: return plans_.say_nonsense(owner);
                }
            });
    }
    void stop() {
        stopped_ = true;
        if (squatter_) cluster_.unsquat(*squatter_, squatted_);
        squatter_ = nullptr;
        cluster_.heal();
    }

private:
    void strike() {
        if (stopped_) return;
        node_number const victim = any_member();
        duration const span = time_.between(20ms, 1200ms);
        switch (time_.pick(18)) {
            case 0:
            case 1: return crash(victim, span);
            case 2:
            case 3: return freeze(victim, span);
            case 4: return cut(victim, span);
            case 5: return partition(victim, span);
            case 6: return cluster_.reset_connections(victim);
            case 7:
            case 8: return fail_over(victim);
            case 9:
            case 10:
            case 11: return move_slots();
            case 12: return bad_network(span);
            case 13: return junk(victim);
            case 14: return refuse(victim);
            case 15: return membership(victim);
            case 16: return squat(victim, span);
            case 17: return everybody(span);
        }
    }

    node_number any_member() {
        node_number which = nobody;
        do which = static_cast<node_number>(time_.pick(cluster_.size()));
        while (!cluster_.is_member(which));
        return which;
    }
    void crash(node_number victim, duration span) {
        cluster_.crash(victim);
        time_.in(span, [this, victim] {
            if (cluster_.is_member(victim) && victim != squatted_) cluster_.restart(victim);
        });
    }
    void freeze(node_number victim, duration span) {
        cluster_.freeze(victim);
        time_.in(span, [this, victim] { cluster_.unfreeze(victim); });
    }
    void cut(node_number victim, duration span) {
        cluster_.cut_from_clients(victim, true);
        time_.in(span, [this, victim] { cluster_.cut_from_clients(victim, false); });
    }
    void partition(node_number victim, duration span) {
        cluster_.partition(victim, 1);
        time_.in(span, [this, victim] { cluster_.partition(victim, 0); });
    }
    void fail_over(node_number victim) {
        std::size_t const how = time_.pick(4);
        cluster_.fail_over(victim, how == 1, how == 2);
    }
    void move_slots() {
        std::size_t const count = 1 + time_.pick(4);
        for (std::size_t i = 0; i < count; ++i)
            cluster_.move_slot(busy_slots_[time_.pick(busy_slots_.size())], any_member());
    }
    void bad_network(duration span) {
        network_options& wires = cluster_.net().options();
        network_options const before = wires;
        switch (time_.pick(4)) {
            case 0: wires.cut_percent = 60; break;
            case 1: wires.spike_percent = 20; break;
            case 2: wires.lost_connect_percent = 50; break;
            case 3: wires.split_percent = 90; break;
        }
        time_.in(span, [this, &wires, before] {
            if (!stopped_) wires = before;
        });
    }
    void junk(node_number victim) {
        if (sends_junk) cluster_[victim].junk_next = static_cast<unsigned>(1 + time_.pick(20));
    }
    void refuse(node_number victim) {
        if (!refuses) return;
        static constexpr std::string_view lines[] = {
            "OOM command not allowed when used memory > 'maxmemory'.",
            "READONLY You can't write against a read only replica.",
            "TRYAGAIN Multiple keys request during rehashing of slot",
            "LOADING Redis is loading the dataset in memory",
            "BUSY Redis is busy running a script.",
            "NOREPLICAS Not enough good replicas to write."};
        cluster_[victim].refuse_next = static_cast<unsigned>(1 + time_.pick(30));
        cluster_[victim].refusal = lines[time_.pick(std::size(lines))];
    }
    void membership(node_number victim) {
        if (joined_ == nobody) {
            joined_ = cluster_.join();
            time_.in(time_.between(50ms, 500ms), [this] {
                for (std::uint16_t const slot : busy_slots_)
                    if (time_.chance(30)) cluster_.move_slot(slot, joined_);
            });
        } else if (!left_ && victim != joined_ && cluster_[victim].primary()) {
            left_ = true;
            cluster_.drain(victim, joined_);
            time_.in(1s, [this, victim] { leave(victim); });
        }
    }
    /// A node leaves for good only when it serves nothing and nobody copies it.
    void leave(node_number victim) {
        if (stopped_ || !cluster_.is_member(victim) || !cluster_[victim].primary()) return;
        for (std::size_t i = 0; i < cluster_.size(); ++i) {
            auto const& view = cluster_.nodes()[i]->view;
            if (view.owner_of(0) == nobody || view.count_of(victim) != 0 || view.me().follows == victim)
                return;
        }
        // Who has met no other node finds the cluster no more, and cannot be blamed for it.
        if (!cluster_.moving() && is_met_beside(victim)) cluster_.forget(victim);
    }
    /// True when a client has a connection to another member than `victim`.
    bool is_met_beside(node_number victim) {
        for (std::size_t i = 0; i < cluster_.size(); ++i) {
            auto const other = static_cast<node_number>(i);
            if (other != victim && cluster_.is_member(other) &&
                !cluster_.net().streams_to(cluster_[other]).empty())
                return true;
        }
        return false;
    }
    void squat(node_number victim, duration span) {
        if (!squats || squatter_) return;
        cluster_.crash(victim);
        squatted_ = victim;
        squatter_ = &cluster_.squat(cluster_.where(victim));
        time_.in(span, [this, victim] {
            if (!squatter_) return;
            cluster_.unsquat(*squatter_, victim);
            squatter_ = nullptr;
            squatted_ = nobody;
            cluster_.restart(victim);
        });
    }
    void everybody(duration span) {
        if (!time_.chance(20)) return;
        for (std::size_t i = 0; i < cluster_.size(); ++i)
            if (cluster_.is_member(static_cast<node_number>(i)))
                crash(static_cast<node_number>(i), span + time_.between(0ms, 50ms));
    }

    timeline& time_;
    model_cluster& cluster_;
    std::vector<std::uint16_t> busy_slots_;
    model_maintenance plans_{time_, cluster_};
    model_node* squatter_ = nullptr;
    node_number squatted_ = nobody;
    node_number joined_ = nobody;
    bool left_ = false;
    bool stopped_ = false;
};

}  // namespace simulation
