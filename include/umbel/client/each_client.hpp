// each_client.hpp: one command for several nodes, with a result for each: client::on_each_primary() and
// client::on_each_node(). Who they are, the control plane knows when the command is sent.
#pragma once

#include <umbel/async/fan_out.hpp>
#include <umbel/client/scoped_client.hpp>

#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace umbel {

/// What one of several nodes has answered.
template <class Value>
struct per_node {
    std::string node;      ///< "host:port": the node that the command was meant for.
    result<Value> answer;  ///< An error of this node fails no other one.
};

namespace calling {

template <class Value>
void join_per_node(async::pooled_call& whole, std::span<async::fan_out_part const> parts, void const*) {
    std::vector<per_node<Value>> all;
    all.reserve(parts.size());
    for (async::fan_out_part const& part : parts)
        all.push_back({part.node, std::move(async::result_slot<Value>::get(*part.call))});
    async::result_slot<std::vector<per_node<Value>>>::put(
        whole, [&] { return result<std::vector<per_node<Value>>>{std::move(all)}; });
}

}  // namespace calling

/// A client whose commands go to several nodes at once; made by client::on_each_primary() and
/// client::on_each_node(). Each command gives a std::vector of per_node.
///
/// on_each_primary(): every node that leads slots when the command is sent, those too that only a redirect
/// has told. Where one leads none any more when its turn comes, the one node that leads its shard by then is
/// asked instead, under the name of the first; where its slots have gone to several nodes, or to one that is
/// asked anyway, its part fails with moved. A node that has begun to lead slots when all have answered is
/// asked, too; one that has taken over from a primary that had answered is not: it holds what was replicated.
/// Keys on their way to another node meanwhile may be met there, or twice, or not at all.
/// on_each_node(): every member that is not held for failed, one that loads too, each itself and no other;
/// who leaves meanwhile answers no_reachable_node, and who joins later is not asked. The parts are not atomic
/// together.
/// Errors: of a node, in its place; of the whole, before anything is sent: those of client, no_reachable_node
/// where no topology is known by the deadline, slot_uncovered where there is nobody to be asked, moved
/// (unknown) where slots go from node to node all the time.
/// Cancellation: as of every command, for each part. Lifetime: as node_client.
class each_client : public one_slot_commands<each_client> {
public:
    each_client(calling::site site, async::audience whom) : site_{std::move(site)}, whom_{whom} {
        site_.options.hedge = {};
        site_.check();
    }

    calling::site const& site() const noexcept { return site_; }

    template <decodable Value>
    operation<std::vector<per_node<Value>>> submit(command::invocation<Value> const& command) const {
        return spread<Value>(site_.code->make(site_, command.name, command.words, command.flags,
                                              command.refusal, kind_of_all<Value>));
    }
    template <decodable Value>
    operation<std::vector<per_node<Value>>> submit(command::key_invocation<Value> const& command) const {
        return spread<Value>(site_.code->make_keyed(site_, command.name, command.key, kind_of_all<Value>));
    }
    template <decodable Value>
    operation<std::vector<per_node<Value>>> submit(std::span<std::string_view const> words,
                                                   std::span<bool const> marked_keys) const {
        return spread<Value>(site_.code->make_words(site_, words, marked_keys, kind_of_all<Value>));
    }

private:
    template <class Value>
    static constexpr calling::value_kind const& kind_of_all = calling::kind_of<std::vector<per_node<Value>>>;

    template <class Value>
    operation<std::vector<per_node<Value>>> spread(async::pooled_call& call) const {
        site_.code->spread(call, whom_, kind_of_all<Value>, calling::kind_of<Value>,
                           &calling::join_per_node<Value>);
        return operation<std::vector<per_node<Value>>>{call};
    }

    calling::site site_;
    async::audience whom_;
};

}  // namespace umbel
