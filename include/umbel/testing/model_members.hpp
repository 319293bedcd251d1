// model_members.hpp: the servers of a model cluster and the messages between them: who hears whom, in what
// order, how late. It knows no clients and not what the messages say.
#pragma once

#include <umbel/testing/model_node.hpp>

#include <map>
#include <memory>
#include <set>
#include <utility>
#include <vector>

namespace umbel::testing {

/// All servers, each with a number, and what joins them.
class model_members {
public:
    model_members(timeline& time, model_options const& options, ledger& book)
        : time_{time}, options_{options}, book_{book} {}
    model_members(model_members const&) = delete;
    model_members& operator=(model_members const&) = delete;

    std::vector<std::unique_ptr<model_node>>& nodes() noexcept { return nodes_; }
    model_node& operator[](node_number which) { return *nodes_[static_cast<std::size_t>(which)]; }
    std::size_t size() const noexcept { return nodes_.size(); }

    /// Nodes of different groups do not hear each other.
    void set_group(node_number which, int group) { groups_[static_cast<std::size_t>(which)] = group; }
    bool hear(node_number left, node_number right) const {
        auto const alive = [&](node_number number) {
            return nodes_[static_cast<std::size_t>(number)]->is != model_node::state::crashed;
        };
        return alive(left) && alive(right) &&
               groups_[static_cast<std::size_t>(left)] == groups_[static_cast<std::size_t>(right)];
    }

    bool is_member(node_number which) { return !(*this)[which].foreign && !forgotten_.contains(which); }
    /// The primary of a slot: who claims it under the highest epoch; nobody while nobody does.
    node_number truth(std::uint16_t slot) {
        node_number best = nobody;
        for (auto const& node : nodes_) {
            if (!is_member(node->number()) || !node->primary() || node->view.owner[slot] != node->number())
                continue;
            if (best == nobody || node->view.me().config_epoch > (*this)[best].view.me().config_epoch)
                best = node->number();
        }
        return best;
    }

protected:
    static bool running(model_node const& node) noexcept { return node.is == model_node::state::running; }

    model_node& place() {
        auto const number = static_cast<node_number>(nodes_.size());
        nodes_.push_back(std::make_unique<model_node>(time_, options_, book_, number));
        groups_.push_back(0);
        for (auto const& node : nodes_) node->view.peers.resize(nodes_.size());
        return *nodes_.back();
    }

    /// Messages between two nodes come in order, late by the bus's latency, or not at all.
    template <class Take>
    void send(node_number from, node_number to, Take take, duration least = 0ms) {
        if (!hear(from, to)) return;
        instant& last = last_due_[{from, to}];
        last = std::max(last,
                        engine::after(time_.now(), least + time_.between(100us, options_.bus_latency_max)));
        time_.at(last, [this, from, to, take] {
            if (!hear(from, to)) return;
            model_node& at = (*this)[to];
            if (running(at))
                take(at);
            else
                at.bus_backlog.push_back([&at, take] { take(at); });
        });
    }

    timeline& time_;
    model_options const& options_;
    ledger& book_;
    std::set<node_number> forgotten_;

private:
    std::vector<std::unique_ptr<model_node>> nodes_;
    std::vector<int> groups_;
    std::map<std::pair<node_number, node_number>, instant> last_due_;
};

}  // namespace umbel::testing
