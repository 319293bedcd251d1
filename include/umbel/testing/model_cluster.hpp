// model_cluster.hpp: a whole model cluster: how it is made, what can happen to it, and what is true of it.
// It knows no client.
#pragma once

#include <umbel/testing/model_resharding.hpp>

#include <algorithm>
#include <memory>
#include <set>
#include <string>
#include <vector>

namespace umbel::testing {

/// What a model cluster begins as.
struct cluster_shape {
    int primaries = 3;
    int replicas_each = 1;
};

/// N primaries with replicas, the network in front of them, and everything that may befall them.
/// Lifetime: borrows the timeline. Threading: one thread.
class model_cluster : public model_resharding {
public:
    model_cluster(timeline& time, cluster_shape shape, model_options options = {}, network_options wires = {})
        : model_resharding{time, options_, book_},
          time_{time},
          options_{std::move(options)},
          net_{time, wires} {
        int const count = shape.primaries * (1 + shape.replicas_each);
        for (int i = 0; i < count; ++i) spawn();
        for (int i = 0; i < count; ++i)
            for (int j = 0; j < count; ++j) meet(i, j);
        for (int i = 0; i < count; ++i) settle_first(i, shape.primaries);
        for (int i = 0; i < count; ++i) start(i);
    }

    network& net() noexcept { return net_; }
    ledger& book() noexcept { return book_; }
    model_options& options() noexcept { return options_; }
    cluster::endpoint const& where(node_number which) { return (*this)[which].view.me().where; }

    // ---- What may happen ------------------------------------------------------------------------

    /// kill -9: connections are reset, data and cluster state stay on its disk.
    void crash(node_number which) {
        model_node& node = (*this)[which];
        if (node.is == model_node::state::crashed) return;
        log("crashes", which);
        node.is = model_node::state::crashed;
        node.bus_backlog.clear();
        node.link_up = node.primary();
        node.loading = node.syncing = node.paused = node.holds_back = node.held = false;
        node.hang_up_all(time_.chance(50));
        bump_syncs(which);
    }
    void restart(node_number which) {
        model_node& node = (*this)[which];
        if (node.is != model_node::state::crashed) return;
        log("starts again", which);
        ++node.process;
        node.is = model_node::state::running;
        node.cut_off_at = time_.now();
        for (model_peer& peer : node.view.peers) peer.heard = time_.now();
        node.loading = true;
        node.cached_scripts.clear();
        time_.in(time_.between(1ms, 30ms), [&node] { node.loading = false; });
    }
    /// SIGSTOP: no reset, no answer.
    void freeze(node_number which) {
        if ((*this)[which].is != model_node::state::running) return;
        log("freezes", which);
        (*this)[which].is = model_node::state::frozen;
    }
    void unfreeze(node_number which) {
        if ((*this)[which].is != model_node::state::frozen) return;
        log("thaws", which);
        thaw((*this)[which]);
    }
    /// The clients' packets to and from this node are lost; the bus is not.
    void cut_from_clients(node_number which, bool cut) {
        model_node& node = (*this)[which];
        if (node.cut_from_clients == cut) return;
        log(cut ? "is out of the clients' reach" : "is within the clients' reach", which);
        node.cut_from_clients = cut;
        if (!cut) net_.resume(node);
    }
    /// Moves a node to another side of a partition of the bus; clients still reach it.
    void partition(node_number which, int group) {
        log(group == 0 ? "hears the others again" : "is cut off from the others", which);
        set_group(which, group);
    }
    /// The node says from now on that it stands in this zone, and all others know it.
    void set_zone(node_number which, std::string const& zone) {
        for (node_number i = 0; i < static_cast<node_number>(size()); ++i)
            (*this)[i].view.peer(which).zone = zone;
    }
    /// Every client connection of the node ends.
    void reset_connections(node_number which) {
        log("resets its connections", which);
        (*this)[which].hang_up_all(time_.chance(50));
    }
    void fail_over(node_number replica, bool force = false, bool takeover = false) {
        log(takeover ? "takes over" : force ? "forces a failover" : "is asked to fail over", replica);
        fail_over_to(replica, force, takeover);
    }

    /// Gives a node's slots to others, those without keys at once; then the cluster forgets it when forget()
    /// is called.
    void drain(node_number which, node_number to) {
        if (!may_give(which, to)) return;
        std::set<std::uint16_t> busy;
        for (auto const& [key, value] : (*this)[which].store) busy.insert(cluster::slot_of(key).value());
        for (std::uint16_t slot = 0; slot < cluster::slot_count; ++slot) {
            if (truth(slot) != which) continue;
            if (busy.contains(slot))
                move_slot(slot, to);
            else
                hand_over(slot, which, to);
        }
        bump_epoch((*this)[to], (*this)[which].view.current_epoch);
        announce(to);
    }
    void forget(node_number which) {
        log("is forgotten", which);
        forgotten_.insert(which);
        for (auto const& node : nodes())
            if (node->number() != which) node->view.peer(which) = {};
        crash(which);
    }
    /// A new, empty primary joins.
    node_number join() {
        model_node& record = spawn();
        log("joins", record.number());
        for (auto const& node : nodes())
            if (node.get() != &record && !forgotten_.contains(node->number()) && !node->foreign)
                meet(record.number(), node->number());
        record.view.me().config_epoch = 0;
        start(record.number());
        return record.number();
    }
    /// Another server, of a cluster of its own, answers at an address from now on.
    model_node& squat(cluster::endpoint address) {
        model_node& node = spawn();
        node.foreign = true;
        forgotten_.insert(node.number());
        net_.leave(where(node.number()));
        node.view.me().where = address;
        node.view.owner.fill(static_cast<std::int8_t>(node.number()));
        ++node.view.version;
        net_.listen(address, node);
        log("another cluster's server at " + address.to_string(), node.number());
        return node;
    }
    void unsquat(model_node& which, node_number back) {
        crash(which.number());
        net_.listen(where(back), (*this)[back]);
    }

    /// Ends every fault: everybody runs and hears everybody.
    void heal() {
        for (auto const& node : nodes()) {
            if (node->foreign || forgotten_.contains(node->number())) continue;
            node_number const which = node->number();
            set_group(which, 0);
            cut_from_clients(which, false);
            unfreeze(which);
            restart(which);
            node->junk_next = node->refuse_next = 0;
            node->forbids_multi = node->forbids_info = false;
            if (std::exchange(node->held, false)) node->serve_all();
        }
        net_.calm();
    }

    // ---- What is true ---------------------------------------------------------------------------

    /// True when all members agree, nobody is held for failed, every replica has its copy and nothing moves.
    bool settled() {
        model_node* first = nullptr;
        if (moving()) return false;
        for (auto const& node : nodes()) {
            if (!is_member(node->number())) continue;
            if (!running(*node) || node->paused || node->loading || !node->cluster_ok() ||
                (!node->primary() && !node->link_up))
                return false;
            if (!first) first = node.get();
            if (node->view.owner != first->view.owner) return false;
            for (model_peer const& peer : node->view.peers)
                if (peer.known && (peer.failed || peer.suspected)) return false;
            for (std::size_t i = 0; i < size(); ++i)
                if (is_member(static_cast<node_number>(i)) &&
                    (!node->view.peers[i].known || node->view.peers[i].primary != nodes()[i]->primary() ||
                     node->view.peers[i].follows != nodes()[i]->view.me().follows))
                    return false;
        }
        return first != nullptr;
    }
    /// Says, for people, what keeps settled() from being true.
    std::string unsettled() {
        std::string text = moves_to_string();
        for (auto const& node : nodes()) {
            if (!is_member(node->number())) continue;
            text +=
                "node " + std::to_string(node->number()) +
                (node->primary() ? " primary" : " replica of " + std::to_string(node->view.me().follows)) +
                (running(*node) ? "" : " not running") + (node->loading ? " loading" : "") +
                (node->paused ? " paused" : "") + (node->link_up ? "" : " without copy") +
                (node->cluster_ok() ? "" : " cluster not ok") + ", slots " +
                std::to_string(node->view.count_of(node->number())) + ", epoch " +
                std::to_string(node->view.me().config_epoch) + ", sees";
            for (std::size_t i = 0; i < size(); ++i) {
                model_peer const& peer = node->view.peers[i];
                text += " " + std::to_string(i) +
                        (peer.known ? (peer.primary ? "p" : "r" + std::to_string(peer.follows)) : "-") +
                        (peer.failed      ? "!"
                         : peer.suspected ? "?"
                                          : "");
                text += "/" + std::to_string(node->view.count_of(static_cast<node_number>(i)));
            }
            text += "; ";
        }
        return text;
    }
    /// True when some primary that runs serves every slot and is reached by clients.
    bool serves_writes() {
        for (std::uint16_t slot = 0; slot < cluster::slot_count;
             slot = static_cast<std::uint16_t>(slot + 64)) {
            node_number const owner = truth(slot);
            if (owner == nobody || !running((*this)[owner]) || (*this)[owner].paused ||
                (*this)[owner].cut_from_clients || !(*this)[owner].cluster_ok())
                return false;
        }
        return true;
    }

private:
    model_node& spawn() {
        auto const number = static_cast<int>(size());
        std::string id;
        for (int i = 0; i < 40; ++i) id.push_back("0123456789abcdef"[time_.random().below(16)]);
        bool const one_host = options_.one_host || options_.style == endpoint_style::unknown;
        cluster::endpoint address{one_host ? std::string{"10.0.0.1"} : "10.0.0." + std::to_string(number + 1),
                                  static_cast<std::uint16_t>(one_host ? 7000 + number : 6379)};
        std::string const name = options_.style == endpoint_style::hostname
                                     ? "node-" + std::to_string(number) + ".example"
                                     : std::string{};
        model_node& node = add(std::move(id), address, name);
        net_.listen(address, node);
        if (!name.empty()) net_.listen({name, address.port}, node);
        return node;
    }
    void settle_first(node_number which, int primaries) {
        model_view& view = (*this)[which].view;
        view.current_epoch = static_cast<std::uint64_t>(primaries);
        for (int i = 0; i < static_cast<int>(size()); ++i) {
            model_peer& peer = view.peer(i);
            peer.primary = i < primaries;
            peer.follows = peer.primary ? nobody : i % primaries;
            peer.config_epoch = peer.primary ? static_cast<std::uint64_t>(i + 1) : 0;
            peer.heard = time_.now();
        }
        for (int slot = 0; slot < static_cast<int>(cluster::slot_count); ++slot)
            view.owner[static_cast<std::size_t>(slot)] =
                static_cast<std::int8_t>(slot * primaries / static_cast<int>(cluster::slot_count));
        ++view.version;
    }
    /// A crash breaks the link of every replica of it.
    void bump_syncs(node_number which) {
        for (auto const& node : nodes())
            if (!node->primary() && node->view.me().follows == which) node->link_up = false;
    }
    timeline& time_;
    model_options options_;
    ledger book_;
    network net_;
};

}  // namespace umbel::testing
