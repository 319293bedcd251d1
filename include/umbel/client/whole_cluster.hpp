// whole_cluster.hpp: how a client comes to one node, to each node, and to all keys. What it comes to stands
// in headers of its own, which only those include who use it: node_client.hpp, each_client.hpp,
// key_scan.hpp.
#pragma once

#include <umbel/client/make_operation.hpp>
#include <umbel/cluster/slot.hpp>
#include <umbel/engine/snapshot.hpp>

#include <string>
#include <string_view>

namespace umbel {

class node_client;
class each_client;
class key_scan;
struct key_scan_options;

/// The primary that serves a key, whichever node that is when a command is sent: for client::on(), which puts
/// the client's prefix in front of the key.
class primary_of {
public:
    explicit primary_of(std::string_view key) : key_{key} {}
    /// Where the key has this prefix in front. Errors: throws std::bad_alloc.
    cluster::slot slot(command::key_prefix const& prefix = {}) const {
        return cluster::slot_of(std::string{prefix.text()} + key_);
    }

private:
    std::string key_;
};

/// One node, each node, all keys: for whatever has a site. The classes that these functions return are
/// complete where their headers are included; <umbel.hpp> includes them.
template <class Self>
class whole_cluster_commands {
public:
    /// The same client, whose commands go to one node: what client::nodes() names, its "host:port" or the id
    /// that the cluster gives it, or the primary that serves a key. Needs <umbel/client/node_client.hpp>,
    /// where the rules stand. Errors of each command: bad_argument for an empty name; no_reachable_node for a
    /// name that no member has. on() itself throws std::bad_alloc where there is no memory for the name.
    /// Lifetime: a value.
    template <class Client = node_client>
    Client on(std::string_view node) const {
        return Client{site(), engine::destination{.node = std::string{node}}};
    }
    template <class Client = node_client>
    Client on(node_snapshot const& node) const {
        return on<Client>(std::string_view{node.address});
    }
    template <class Client = node_client>
    Client on(primary_of key) const {
        return Client{site(), engine::destination{.slot = key.slot(site().prefix).value()}};
    }

    /// The same client, whose commands go to the primary of each shard, with a result for each. Needs
    /// <umbel/client/each_client.hpp>, where the rules stand.
    template <class Client = each_client>
    Client on_each_primary() const {
        return Client{site(), async::audience::primaries};
    }
    /// The same for each node of the cluster, replicas too.
    template <class Client = each_client>
    Client on_each_node() const {
        return Client{site(), async::audience::nodes};
    }

    /// A scan of all keys, page by page: `db.scan({.match = "user:*"})`. Needs <umbel/client/key_scan.hpp>,
    /// where the promise stands. Errors: throws std::bad_alloc where there is no memory for its state; all
    /// others come with the pages. Lifetime: it may outlive the client.
    template <class Scan = key_scan, class Options = key_scan_options>
    Scan scan(Options const& options = Options{}) const {
        return Scan{*site().code->scan, site(), options};
    }

private:
    calling::site const& site() const noexcept { return static_cast<Self const&>(*this).site(); }
};

}  // namespace umbel
