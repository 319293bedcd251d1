// group_query.hpp: one server asked what it is in its replication group: the engine's own call, and the
// answer. It knows no node table and no timing; the answer is read on the connection that brought it.
#pragma once

#include <umbel/cluster/redirect.hpp>
#include <umbel/cluster/role_reply.hpp>
#include <umbel/engine/query_port.hpp>
#include <umbel/engine/try_alloc.hpp>

#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace umbel::engine {

/// ROLE to one server. Threading: started and read by the engine's owner; the answer is filled in by the
/// connection's, with the call's hand-over between. Rule: ROLE command.
class group_query : public call {
public:
    explicit group_query(query_port port) noexcept : port_{port} {}

    bool running() const noexcept { return running_; }
    std::uint16_t asked() const noexcept { return link.node; }

    /// Prepares the call to one node. `host` stands in for servers that do not say theirs.
    void start(link_id to, std::string host, duration patience) {
        host_ = std::move(host);
        make_question(*this, kind_of_all, command, patience);
        link = to;
        answer_.reset();
        running_ = true;
    }
    /// It has settled. What the server said, or why it has not.
    result<cluster::role_reply> take() {
        running_ = false;
        if (!answer_) return fail(errc::connection_lost, delivery::unknown);
        return std::move(*answer_);
    }
    /// The call itself where it is one of these; null for any other.
    static group_query* from(call& settled) noexcept {
        return settled.kind == &kind_of_all ? static_cast<group_query*>(&settled) : nullptr;
    }

private:
    static constexpr std::string_view command = "*1\r\n$4\r\nROLE\r\n";

    static void decode(call& base, resp::view const& reply) noexcept {
        auto& self = static_cast<group_query&>(base);
        bool const read = try_alloc([&] {
            if (reply.is_error())
                self.answer_.emplace(umbel::fail(cluster::parse_error(reply.text()).code,
                                                 delivery::not_executed, reply.text()));
            else
                self.answer_.emplace(cluster::parse_role(reply, {.queried_host = self.host_}));
        });
        if (!read) self.answer_.emplace(umbel::fail(errc::no_memory, delivery::executed));
    }
    static void failed(call& base, error&& why) noexcept {
        static_cast<group_query&>(base).answer_.emplace(tl::unexpected<error>{std::move(why)});
    }
    static void complete(call& base) {
        query_port const to = static_cast<group_query&>(base).port_;
        to.settled(to.to, base);
    }
    static constexpr call_kind kind_of_all{.decode = &group_query::decode,
                                           .fail = &group_query::failed,
                                           .complete = &group_query::complete,
                                           .drop = [](call&) noexcept {},
                                           .takes_errors = true};

    query_port port_;
    std::string host_;
    bool running_ = false;
    std::optional<result<cluster::role_reply>> answer_;
};

}  // namespace umbel::engine
