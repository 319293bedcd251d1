// sync_nodes.hpp: one node and each node for a client that waits: what sync_client::on(), on_each_primary()
// and on_each_node() return. It knows no node.
#pragma once

#include <umbel/client/each_client.hpp>
#include <umbel/client/node_client.hpp>
#include <umbel/client/sync_client.hpp>

#include <utility>
#include <vector>

namespace umbel {

namespace calling {
template <class Value>
using of_each_node = std::vector<per_node<Value>>;
}

/// A sync_client whose commands go to one node; made by sync_client::on(). Everything else as node_client.
class sync_node_client : public one_slot_commands<sync_node_client>,
                         public calling::waiting_submitter<sync_node_client> {
public:
    using under_type = node_client;
    sync_node_client(node_client under, calling::own_thread const* thread) noexcept
        : under_{std::move(under)}, thread_{thread} {}
    node_client const& async() const noexcept { return under_; }
    calling::own_thread const* thread() const noexcept { return thread_; }

private:
    node_client under_;
    calling::own_thread const* thread_;
};

/// A sync_client whose commands go to several nodes at once, with a result for each; made by
/// sync_client::on_each_primary() and sync_client::on_each_node(). Everything else as each_client.
class sync_each_client : public one_slot_commands<sync_each_client>,
                         public calling::waiting_submitter<sync_each_client, calling::of_each_node> {
public:
    using under_type = each_client;
    sync_each_client(each_client under, calling::own_thread const* thread) noexcept
        : under_{std::move(under)}, thread_{thread} {}
    each_client const& async() const noexcept { return under_; }
    calling::own_thread const* thread() const noexcept { return thread_; }

private:
    each_client under_;
    calling::own_thread const* thread_;
};

}  // namespace umbel
