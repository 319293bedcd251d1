// model_maintenance.hpp: planned maintenance of a model cluster, as managed servers announce it. It knows no
// client.
#pragma once

#include <umbel/testing/model_cluster.hpp>

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace umbel::testing {

/// Does planned maintenance, and says so to clients that have asked for notices; or does it unannounced, as a
/// control. Lifetime: borrows the timeline and the cluster.
class model_maintenance {
public:
    model_maintenance(timeline& time, model_cluster& cluster) noexcept : time_{time}, cluster_{cluster} {}
    model_maintenance(model_maintenance const&) = delete;
    model_maintenance& operator=(model_maintenance const&) = delete;

    bool announces = true;

    /// The connections of a node end after this time; others, made meanwhile at the same address, do not.
    void end_connections(node_number which, std::chrono::seconds ahead) {
        model_node& node = cluster_[which];
        std::uint64_t last = 0;
        node.each_session([&last](model_session const& open) { last = open.wire->number(); });
        say(which, push("MOVING", ":" + next() + ":" + std::to_string(ahead.count()) + "\r\n_\r\n", 4));
        time_.in(ahead, [this, &node, last] {
            if (node.is == model_node::state::running) node.hang_up_all(time_.chance(50), last);
        });
    }
    /// The node answers nobody for a while, because what stands behind its connections changes.
    void hold_back(node_number which, duration span, bool fails_over) {
        model_node& node = cluster_[which];
        if (node.held || node.is != model_node::state::running) return;
        auto const seconds = std::chrono::ceil<std::chrono::seconds>(span);
        say(which, push(fails_over ? "FAILING_OVER" : "MIGRATING",
                        ":" + next() + ":" + std::to_string(seconds.count()) + "\r\n*1\r\n$1\r\n1\r\n", 4));
        // What was on its way to the clients arrives first.
        time_.in(std::chrono::milliseconds{10},
                 [&node] { node.held = node.is == model_node::state::running; });
        time_.in(span, [this, which, &node, fails_over] {
            if (!std::exchange(node.held, false)) return;
            node.serve_all();
            say(which, push(fails_over ? "FAILED_OVER" : "MIGRATED", ":" + next() + "*1\r\n$1\r\n1\r\n", 3));
        });
    }
    /// Moves slots to another node, with their keys, at one instant. Every node tells its clients.
    void move_slots(std::vector<std::uint16_t> slots, node_number to) {
        if (slots.empty()) return;
        node_number const from = cluster_.truth(slots.front());
        if (from == nobody || from == to) return;
        say(from, push("SMIGRATING", ":" + next() + bulk(names_of(slots)), 3));
        cluster_.move_at_once(slots, to);
        look_after(from, to, std::move(slots), 100);
    }
    /// Pushes something that is no notice of this cluster, or none at all.
    void say_nonsense(node_number which) {
        std::string const far = std::to_string(time_.random().below(1u << 30));
        std::string const nonsense[] = {
            push("MOVING", ":1\r\n", 2),
            push("MOVING", ":" + far + "\r\n:9223372036854775807\r\n_\r\n", 4),
            push("MOVING", ":" + far + "\r\n:1\r\n$9\r\n/dev/null\r\n", 4),
            push("MOVING", ":" + far + "\r\n:1\r\n$13\r\n10.99.99.99:1\r\n", 4),
            push("MIGRATED", ":0\r\n", 2),
            push("FAILED_OVER", "_\r\n", 2),
            push("SMIGRATED", ":" + far + "\r\n*2\r\n:1\r\n*3\r\n_\r\n_\r\n_\r\n", 3),
            push("SOMETHING", ":1\r\n", 2),
        };
        say(which, nonsense[time_.random().below(std::size(nonsense))]);
    }

private:
    static std::string bulk(std::string const& text) {
        return "$" + std::to_string(text.size()) + "\r\n" + text + "\r\n";
    }
    static std::string push(std::string const& name, std::string const& rest, int elements) {
        return ">" + std::to_string(elements) + "\r\n" + bulk(name) + rest;
    }
    std::string next() { return std::to_string(++number_) + "\r\n"; }
    static std::string names_of(std::vector<std::uint16_t> const& slots) {
        std::string text;
        for (std::uint16_t const slot : slots) text += (text.empty() ? "" : ",") + std::to_string(slot);
        return text;
    }
    void say(node_number which, std::string const& bytes) {
        if (!announces || cluster_[which].is != model_node::state::running) return;
        cluster_[which].each_session([&bytes](model_session& open) {
            if (open.hears_notices) open.wire->send(bytes);
        });
    }
    /// Tells of the slots when they have moved; gives up where they do not.
    void look_after(node_number from, node_number to, std::vector<std::uint16_t> slots, int tries) {
        time_.in(std::chrono::milliseconds{2}, [this, from, to, slots = std::move(slots), tries]() mutable {
            bool const moved = cluster_.truth(slots.front()) == to;
            if (!moved && tries > 0) return look_after(from, to, std::move(slots), tries - 1);
            if (!moved) return;
            std::string const said =
                push("SMIGRATED",
                     ":" + next() + "*1\r\n*3\r\n" + bulk(cluster_.where(from).to_string()) +
                         bulk(cluster_.where(to).to_string()) + bulk(names_of(slots)),
                     3);
            for (std::size_t at = 0; at < cluster_.size(); ++at) say(static_cast<node_number>(at), said);
        });
    }

    timeline& time_;
    model_cluster& cluster_;
    std::uint64_t number_ = 0;
};

}  // namespace umbel::testing
