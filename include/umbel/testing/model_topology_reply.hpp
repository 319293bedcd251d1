// model_topology_reply.hpp: CLUSTER SHARDS, SLOTS and NODES of one node's view, worded as redis-server 7 does
// in RESP2 and RESP3.
#pragma once

#include <umbel/testing/model_view.hpp>

#include <string>
#include <utility>
#include <vector>

namespace umbel::testing {

/// Words one view.
/// Lifetime: borrows the view.
class topology_words {
public:
    topology_words(model_view const& view, bool resp3) : view_{view}, resp3_{resp3} {}

    std::string shards(engine::instant now) const {
        std::vector<node_number> heads;
        for (std::size_t i = 0; i < view_.peers.size(); ++i)
            if (view_.peers[i].known && view_.peers[i].primary) heads.push_back(static_cast<node_number>(i));
        std::string text = wire::array(heads.size());
        for (node_number const head : heads) {
            text += wire::map(2, resp3_) + wire::bulk("slots");
            auto const found = ranges(head);
            text += wire::array(found.size() * 2);
            for (auto const& [first, last] : found) text += wire::integer(first) + wire::integer(last);
            auto const members = with_replicas(head);
            text += wire::bulk("nodes") + wire::array(members.size());
            for (node_number const number : members) text += shard_node(number, now);
        }
        return text;
    }

    std::string slots() const {
        std::size_t count = 0;
        std::string text;
        for (std::size_t at = 0; at < cluster::slot_count;) {
            node_number const owner = view_.owner[at];
            std::size_t end = at;
            while (end + 1 < cluster::slot_count && view_.owner[end + 1] == owner) ++end;
            if (owner != nobody) {
                ++count;
                auto members = with_replicas(owner);
                // A failed replica is not named by CLUSTER SLOTS.
                std::erase_if(members, [&](node_number number) {
                    return number != owner && view_.peer(number).failed;
                });
                text += wire::array(2 + members.size()) + wire::integer(static_cast<std::int64_t>(at)) +
                        wire::integer(static_cast<std::int64_t>(end));
                for (node_number const number : members)
                    text += wire::array(4) + host_of(number) + wire::integer(view_.peer(number).where.port) +
                            wire::bulk(view_.peer(number).id) + wire::array(0);
            }
            at = end + 1;
        }
        return wire::array(count) + text;
    }

    std::string nodes() const {
        std::string text;
        for (std::size_t i = 0; i < view_.peers.size(); ++i)
            if (view_.peers[i].known) text += node_line(static_cast<node_number>(i));
        if (!resp3_) return wire::bulk(text);
        return "=" + std::to_string(text.size() + 4) + "\r\ntxt:" + text + "\r\n";
    }

    /// "host:port" as MOVED and ASK name a node.
    std::string target(node_number which) const {
        model_peer const& peer = view_.peer(which);
        std::string const port = ":" + std::to_string(peer.where.port);
        switch (view_.style) {
            case endpoint_style::ip: return peer.where.host + port;
            case endpoint_style::hostname: return peer.hostname + port;
            case endpoint_style::unknown: return port;
        }
        return {};
    }

private:
    std::vector<std::pair<int, int>> ranges(node_number which) const {
        std::vector<std::pair<int, int>> found;
        for (int at = 0; at < static_cast<int>(cluster::slot_count); ++at) {
            if (view_.owner[static_cast<std::size_t>(at)] != which) continue;
            if (!found.empty() && found.back().second == at - 1)
                found.back().second = at;
            else
                found.emplace_back(at, at);
        }
        return found;
    }
    std::vector<node_number> with_replicas(node_number head) const {
        std::vector<node_number> found{head};
        for (std::size_t i = 0; i < view_.peers.size(); ++i) {
            model_peer const& peer = view_.peers[i];
            if (peer.known && !peer.primary && peer.follows == head)
                found.push_back(static_cast<node_number>(i));
        }
        return found;
    }
    std::string host_of(node_number which) const {
        model_peer const& peer = view_.peer(which);
        switch (view_.style) {
            case endpoint_style::ip: return wire::bulk(peer.where.host);
            case endpoint_style::hostname: return wire::bulk(peer.hostname);
            case endpoint_style::unknown: return wire::null(resp3_);
        }
        return {};
    }
    std::string shard_node(node_number which, engine::instant) const {
        model_peer const& peer = view_.peer(which);
        bool const named = !peer.hostname.empty();
        std::string text = wire::map(7u + (named ? 1u : 0u) + (peer.zone.empty() ? 0u : 1u), resp3_);
        if (!peer.zone.empty()) text += wire::bulk("availability-zone") + wire::bulk(peer.zone);
        text += wire::bulk("id") + wire::bulk(peer.id) + wire::bulk("port") + wire::integer(peer.where.port);
        text += wire::bulk("ip") + wire::bulk(peer.where.host) + wire::bulk("endpoint") + host_of(which);
        if (named) text += wire::bulk("hostname") + wire::bulk(peer.hostname);
        text += wire::bulk("role") + wire::bulk(peer.primary ? "master" : "replica");
        text += wire::bulk("replication-offset") + wire::integer(0);
        return text + wire::bulk("health") + wire::bulk(peer.failed ? "fail" : "online");
    }
    std::string node_line(node_number which) const {
        model_peer const& peer = view_.peer(which);
        std::string line = peer.id + ' ' + peer.where.host + ':' + std::to_string(peer.where.port) + '@' +
                           std::to_string(peer.where.port + 10000u);
        if (!peer.hostname.empty()) line += ',' + peer.hostname;
        line += which == view_.self ? " myself," : " ";
        line += peer.primary ? "master" : "slave";
        if (peer.failed)
            line += ",fail";
        else if (peer.suspected)
            line += ",fail?";
        line += ' ' +
                (peer.primary || peer.follows == nobody ? std::string{"-"} : view_.peer(peer.follows).id) +
                " 0 0 ";
        line +=
            std::to_string(peer.primary || peer.follows == nobody ? peer.config_epoch
                                                                  : view_.peer(peer.follows).config_epoch);
        line += peer.suspected || peer.failed ? " disconnected" : " connected";
        if (peer.primary)
            for (auto const& [first, last] : ranges(which))
                line += ' ' + std::to_string(first) +
                        (last == first ? std::string{} : '-' + std::to_string(last));
        if (which == view_.self) {
            for (auto const& [slot, to] : view_.migrating)
                line += " [" + std::to_string(slot) + "->-" + view_.peer(to).id + ']';
            for (auto const& [slot, from] : view_.importing)
                line += " [" + std::to_string(slot) + "-<-" + view_.peer(from).id + ']';
        }
        return line + '\n';
    }

    model_view const& view_;
    bool resp3_;
};

}  // namespace umbel::testing
