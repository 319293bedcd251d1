// publish.hpp: messages to channels, as typed functions. It knows no subscriber.
#pragma once

#include <umbel/command/family.hpp>
#include <umbel/resp/decode.hpp>

#include <cstdint>
#include <string_view>

namespace umbel::command {

namespace specs {
using enum cluster::command_flags;
inline constexpr command_spec publish{"PUBLISH", none};
inline constexpr command_spec spublish{"SPUBLISH", none};
}  // namespace specs

/// Commands that publish, for whatever can submit an invocation.
/// Errors of each: those of every command, listed at umbel::client. Cancellation: as of every command; the
/// message may have been published then, as the delivery tells.
template <class Self>
class publish_commands {
public:
    /// PUBLISH: how many subscribers of the node that took it received the message; in a cluster it goes to
    /// those of all nodes, who are not counted. Since 2.0.0. Complexity: O(subscribers + patterns).
    auto publish(std::string_view channel, argument const& message) const {
        return run<std::int64_t>(*this, specs::publish, channel, message);
    }
    /// SPUBLISH: publishes to a shard channel, which belongs to the slot of its name; how many subscribers of
    /// the node that took it received the message. Since 7.0.0. Complexity: O(subscribers).
    auto spublish(std::string_view channel, argument const& message) const {
        return run<std::int64_t>(*this, specs::spublish, shard_channel{channel}, message);
    }
};

}  // namespace umbel::command
