// sync_nodes.hpp: one node, each node, all keys and all elements of a key for a client that waits: what
// sync_client::on(), on_each_primary(), on_each_node(), scan(), scan_hash() and its like return. It knows no
// node.
#pragma once

#include <umbel/client/each_client.hpp>
#include <umbel/client/element_scan.hpp>
#include <umbel/client/key_scan.hpp>
#include <umbel/client/node_client.hpp>
#include <umbel/client/sync_client.hpp>

#include <optional>
#include <string>
#include <vector>

namespace umbel {

namespace calling {
template <class Value>
using of_each_node = std::vector<per_node<Value>>;
}

/// A sync_client whose commands go to one node; made by sync_client::on(). Everything else as node_client.
class sync_node_client : public one_slot_commands<sync_node_client>,
                         public calling::waiting_submitter<sync_node_client>,
                         public calling::waiting_over<node_client> {
public:
    using waiting_over::waiting_over;
};

/// A sync_client whose commands go to several nodes at once, with a result for each; made by
/// sync_client::on_each_primary() and sync_client::on_each_node(). Everything else as each_client.
class sync_each_client : public one_slot_commands<sync_each_client>,
                         public calling::waiting_submitter<sync_each_client, calling::of_each_node>,
                         public calling::waiting_over<each_client> {
public:
    using waiting_over::waiting_over;
};

/// A scan of all keys whose pages are waited for; made by sync_client::scan(). Promise, Errors, Lifetime and
/// Threading: as of key_scan. Cancellation: none.
class sync_key_scan : public calling::waiting_over<key_scan> {
public:
    using waiting_over::waiting_over;

    /// The next page; never an empty one.
    result<key_scan::page> next() const {
        UMBEL_ASSERT(thread() != calling::own_thread::current());
        return calling::wait_for([this] { return async().next(); });
    }
    /// Each as the function of the same name of key_scan.
    std::string cursor() const { return async().cursor(); }
    bool done() const noexcept { return async().done(); }
    std::optional<error> failure() const { return async().failure(); }
    unsigned rounds() const noexcept { return async().rounds(); }
};

/// A scan of one key's elements whose pages are waited for; made by sync_client::scan_hash() and its like.
/// Promise, Errors, Lifetime and Threading: as of element_scan. Cancellation: none.
template <class Element>
class sync_element_scan : public calling::waiting_over<element_scan<Element>> {
public:
    using calling::waiting_over<element_scan<Element>>::waiting_over;

    /// The next page; never an empty one.
    result<std::vector<Element>> next() const {
        UMBEL_ASSERT(this->thread() != calling::own_thread::current());
        return calling::wait_for([this] { return this->async().next(); });
    }
    /// Each as the function of the same name of element_scan.
    std::string cursor() const { return this->async().cursor(); }
    bool done() const noexcept { return this->async().done(); }
    std::optional<error> failure() const { return this->async().failure(); }
    unsigned restarts() const noexcept { return this->async().restarts(); }
};

}  // namespace umbel
