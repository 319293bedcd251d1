// node_client.hpp: commands for one node that the caller names: client::on(). Where the node is, the control
// plane knows.
#pragma once

#include <umbel/client/scoped_client.hpp>
#include <umbel/engine/snapshot.hpp>

#include <span>
#include <string_view>
#include <utility>

namespace umbel {

/// A client whose commands go to one node; made by client::on(). It has the commands of one slot, and SCAN by
/// command() and execute().
///
/// The node is looked up by name for each command, when that is sent: it must be a member of the cluster
/// then, or the command fails with no_reachable_node, and nothing is sent. A command goes to this node or
/// nowhere: MOVED and ASK come as errors (moved, ask; not_executed), and so does read_only. It is sent again
/// as umbel::retry_unknown says, but to the same node; a node whose circuit breaker is open is not waited
/// for. A replica is asked by the connection that has sent READONLY, so that it serves reads of its keys. No
/// order is kept with commands that go other ways, and reads are not hedged. Lifetime: a value; operations
/// from one that has outlived its client complete with errc::cancelled.
class node_client : public one_slot_commands<node_client> {
public:
    node_client(calling::site site, engine::destination where)
        : site_{std::move(site)}, where_{std::move(where)} {
        site_.options.hedge = {};
        site_.check();
        if (where_.node.empty() && where_.slot < 0 && !site_.wrong)
            site_.wrong.emplace(errc::bad_argument, delivery::not_sent, "client::on(): the node has no name");
    }

    calling::site const& site() const noexcept { return site_; }

    template <decodable Value>
    operation<Value> submit(command::invocation<Value> const& command) const {
        return aimed<Value>(site_.code->make(site_, command.name, command.words, command.flags,
                                             command.refusal, calling::kind_of<Value>));
    }
    template <decodable Value>
    operation<Value> submit(command::key_invocation<Value> const& command) const {
        return aimed<Value>(
            site_.code->make_keyed(site_, command.name, command.key, calling::kind_of<Value>));
    }
    template <decodable Value>
    operation<Value> submit(std::span<std::string_view const> words,
                            std::span<bool const> marked_keys) const {
        return aimed<Value>(site_.code->make_words(site_, words, marked_keys, calling::kind_of<Value>));
    }

private:
    template <class Value>
    operation<Value> aimed(async::pooled_call& call) const {
        site_.code->aim(call, where_, calling::kind_of<Value>);
        return operation<Value>{call};
    }

    calling::site site_;
    engine::destination where_;
};

}  // namespace umbel
