// query.hpp: one node asked for its view of the cluster: the engine's own calls, and the topology that their
// replies tell. It knows no node table and no timing; answers are read on the connection that brought them.
#pragma once

#include <umbel/cluster/redirect.hpp>
#include <umbel/cluster/topology_merge.hpp>
#include <umbel/cluster/topology_parse_nodes.hpp>
#include <umbel/cluster/topology_parse_shards.hpp>
#include <umbel/cluster/topology_parse_slots.hpp>
#include <umbel/engine/query_port.hpp>

#include <optional>
#include <string>
#include <string_view>

namespace umbel::engine {

class query;

/// One command of a query.
struct query_call : call {
    query* whole = nullptr;
    topology_source asks_for = topology_source::shards;
    bool used = false;
    std::optional<result<cluster::topology>> answer;
};

/// One node's view: the slot map, and the config epochs beside it.
/// Threading: started and read by the engine's owner; answers are filled in by the connection's, with the
/// call's hand-over between.
class query {
public:
    /// `tls`: the client speaks TLS to the nodes that are told.
    explicit query(query_port port, bool tls = false) : port_{port}, tls_{tls} {}
    query(query const&) = delete;
    query& operator=(query const&) = delete;

    bool running() const noexcept { return awaited_ != 0; }
    std::uint16_t asked() const noexcept { return node_; }

    /// Prepares the calls to one node; the engine submits each of them.
    /// `asked_at` says how much the client had learned from redirects by then; see cluster::slot_patches.
    void start(std::uint16_t node, std::string host, topology_source first, bool with_epochs,
               duration timeout, std::uint64_t asked_at = 0) {
        node_ = node;
        host_ = std::move(host);
        asked_at_ = asked_at;
        begun_with_ = first;
        denied_ = false;
        self_id_.clear();
        prepare(map_, first, timeout);
        if (with_epochs && first != topology_source::nodes) {
            prepare(epochs_, topology_source::nodes, timeout);
        } else {
            epochs_.used = false;
        }
        awaited_ = epochs_.used ? 2 : 1;
    }

    call& map_call() noexcept { return map_; }
    call* epochs_call() noexcept { return epochs_.used && !epochs_.answer ? &epochs_ : nullptr; }

    /// One of the calls has settled. True when the query is complete.
    bool settled() noexcept { return --awaited_ == 0; }

    std::uint64_t asked_at() const noexcept { return asked_at_; }
    /// The id of the node that answered, where its answer tells it.
    std::string const& self_id() const noexcept { return self_id_; }

    /// True when the node refuses the command itself: it is too old for it, or this user may not call it.
    /// Another command may tell.
    bool map_refused() const noexcept { return is_refused(map_); }
    bool epochs_refused() const noexcept { return epochs_.used && is_refused(epochs_); }
    /// True when a refusal so far was for want of permission.
    bool denied() const noexcept {
        return denied_ || is_denied(map_) || (epochs_.used && is_denied(epochs_));
    }
    /// True when the node has not let the client in.
    bool was_shut_out() const noexcept {
        return map_.answer && !map_.answer->has_value() && map_.answer->error() == errc::no_auth;
    }
    /// The command to try after the one that was refused; none after the last.
    std::optional<topology_source> next_source() const noexcept {
        switch (map_.asks_for) {
            case topology_source::automatic:
            case topology_source::shards: return topology_source::slots;
            case topology_source::slots: return topology_source::nodes;
            case topology_source::nodes: break;
        }
        return std::nullopt;
    }
    /// Prepares to ask the same node by the next command. False when there is none that it has not refused.
    bool ask_otherwise(duration timeout) {
        denied_ = denied();
        std::optional<topology_source> const next = next_source();
        if (!next || (*next == topology_source::nodes && epochs_refused())) return false;
        bool const with_epochs = epochs_.used && !epochs_refused() && *next != topology_source::nodes;
        bool const knows_refusal = epochs_refused();
        prepare(map_, *next, timeout);
        if (with_epochs) prepare(epochs_, topology_source::nodes, timeout);
        epochs_.used = with_epochs || knows_refusal;
        awaited_ = with_epochs ? 2 : 1;
        return true;
    }
    /// True when the node was asked by every command that there is.
    bool tried_all() const noexcept { return begun_with_ == topology_source::shards; }

    /// What the node said; the error of the slot map when it did not say.
    /// With both answers: the map, with the config epochs that only CLUSTER NODES tells.
    result<cluster::topology> take() {
        bool const map_good = map_.answer && map_.answer->has_value();
        bool const epochs_good = epochs_.used && epochs_.answer && epochs_.answer->has_value();
        for (query_call const* const call : {&map_, &epochs_}) {
            bool const good = call == &map_ ? map_good : epochs_good;
            if (good && (*call->answer)->self != cluster::topology::none)
                self_id_ = (*call->answer)->nodes[(*call->answer)->self].id;
        }
        if (map_good && epochs_good) cluster::adopt_epochs(**map_.answer, **epochs_.answer);
        if (map_good) return std::move(**map_.answer);
        if (epochs_good) return std::move(**epochs_.answer);
        if (map_.answer) return tl::unexpected<error>{map_.answer->error()};
        return fail(errc::connection_lost, delivery::unknown);
    }

private:
    static bool is_refused(query_call const& call) noexcept {
        return call.answer && !call.answer->has_value() &&
               (call.answer->error() == errc::unexpected_type || call.answer->error() == errc::no_permission);
    }
    static bool is_denied(query_call const& call) noexcept {
        return call.answer && !call.answer->has_value() && call.answer->error() == errc::no_permission;
    }
    static std::string_view bytes_of(topology_source source) noexcept {
        switch (source) {
            case topology_source::automatic:
            case topology_source::shards: return "*2\r\n$7\r\nCLUSTER\r\n$6\r\nSHARDS\r\n";
            case topology_source::slots: return "*2\r\n$7\r\nCLUSTER\r\n$5\r\nSLOTS\r\n";
            case topology_source::nodes: return "*2\r\n$7\r\nCLUSTER\r\n$5\r\nNODES\r\n";
        }
        return {};
    }

    void prepare(query_call& pending, topology_source source, duration timeout) {
        static constexpr call_kind kind{.decode = &query::decode,
                                        .fail = &query::failed,
                                        .complete = &query::complete,
                                        .drop = [](call&) noexcept {},
                                        .takes_errors = true};
        make_question(pending, kind, bytes_of(source), timeout);
        pending.whole = this;
        pending.asks_for = source;
        pending.used = true;
        pending.answer.reset();
    }

    static void decode(call& base, resp::view const& reply) noexcept {
        auto& call = static_cast<query_call&>(base);
        UMBEL_TRY { call.answer.emplace(call.whole->read(call.asks_for, reply)); }
        UMBEL_CATCH(...) {
            call.answer.emplace(
                fail(errc::protocol_error, delivery::executed, "out of memory while reading a topology"));
        }
    }
    static void failed(call& base, error&& why) noexcept {
        static_cast<query_call&>(base).answer.emplace(tl::unexpected<error>{std::move(why)});
    }
    static void complete(call& base) {
        query_port const port = static_cast<query_call&>(base).whole->port_;
        port.settled(port.to, base);
    }

    result<cluster::topology> read(topology_source source, resp::view const& reply) const {
        if (reply.is_error()) {
            cluster::parsed_error const parsed = cluster::parse_error(reply.text());
            errc code = parsed.code;
            // An old server, or one without cluster mode: the code says so, and no other place matches text.
            if (parsed.says == cluster::hint::unknown_command) code = errc::unexpected_type;
            if (parsed.says == cluster::hint::cluster_disabled) code = errc::bad_argument;
            return fail(code, delivery::not_executed, reply.text());
        }
        cluster::parse_context const context{.queried_host = host_, .tls = tls_};
        switch (source) {
            case topology_source::automatic:
            case topology_source::shards: return cluster::parse_cluster_shards(reply, context);
            case topology_source::slots: return cluster::parse_cluster_slots(reply, context);
            case topology_source::nodes:
                if (!reply.is_text()) break;
                return cluster::parse_cluster_nodes(reply.text(), context);
        }
        return fail(errc::protocol_error, delivery::executed, "CLUSTER NODES: the reply is no text");
    }

    query_port port_;
    bool const tls_;
    std::uint16_t node_ = link_id::no_node;
    std::string host_;
    std::uint64_t asked_at_ = 0;
    topology_source begun_with_ = topology_source::shards;
    bool denied_ = false;  ///< Of a command that was tried before.
    std::string self_id_;
    query_call map_;
    query_call epochs_;
    unsigned awaited_ = 0;
};

}  // namespace umbel::engine
