// lost_replies.hpp: an entry of a stream that a server delivers to a consumer, and of which the consumer
// never hears. It knows no client.
#pragma once

#include "wire.hpp"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

namespace umbel::test {

struct lost_reply {
    std::string id;
    bool delivered = false;  ///< A consumer was waiting: the entry pends for it now.
};

/// Adds an entry to a stream, and ends the connections of all users to its server in the same turn: a read
/// that waits there is answered, and not a byte of the answer is sent.
/// EXEC would do something else: it serves those who wait when all of its commands have run, and their
/// connections have gone by then.
inline lost_reply lose_reply(wire server, std::string const& key, std::string const& group,
                             std::vector<std::string> const& fields) {
    std::vector<std::string> add{"XADD", key, "*"};
    add.insert(add.end(), fields.begin(), fields.end());
    auto const replies = server.ask_at_once({std::move(add),
                                             {"XPENDING", key, group, "-", "+", "10000"},
                                             {"CLIENT", "KILL", "TYPE", "NORMAL", "SKIPME", "YES"}});
    for (wire_value const& reply : replies)
        if (reply.is_error()) throw std::runtime_error{"lost_replies: " + reply.text};
    std::string const& id = replies[0].text;
    auto const& pending = replies[1].items;
    return {id, std::any_of(pending.begin(), pending.end(),
                            [&](wire_value const& each) { return each.items.at(0).text == id; })};
}

}  // namespace umbel::test
