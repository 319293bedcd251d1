// sentinel_query.hpp: one sentinel asked about one replication group: the engine's own calls, and the view
// that their replies tell. It knows no node table and no timing; answers are read on the connection that
// brought them.
#pragma once

#include <umbel/cluster/redirect.hpp>
#include <umbel/cluster/sentinel_reply.hpp>
#include <umbel/cluster/sentinel_votes.hpp>
#include <umbel/engine/query_port.hpp>
#include <umbel/engine/try_alloc.hpp>
#include <umbel/resp/encode.hpp>

#include <array>
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace umbel::engine {

class sentinel_query;

/// One command of a sentinel_query.
struct sentinel_call : call {
    sentinel_query* whole = nullptr;
    std::string encoded;
    std::optional<error> failed;

    /// The call itself where it is one of these; null for any other.
    static sentinel_call* from(call& settled) noexcept;
};

/// SENTINEL MASTER, REPLICAS, SENTINELS and MYID in one write. Threading: started and read by the engine's
/// owner; answers are filled in by the connection's, with the calls' hand-over between. Rule: Redis Sentinel
/// documentation, "Guidelines for Redis clients with support for Redis Sentinel".
class sentinel_query {
public:
    /// Replicas of a group, and sentinels of it, that are looked at.
    static constexpr std::size_t servers_max = 256;

    explicit sentinel_query(query_port port) noexcept : port_{port} {}
    sentinel_query(sentinel_query const&) = delete;
    sentinel_query& operator=(sentinel_query const&) = delete;

    std::uint32_t round = 0;  ///< Of its asker: which refresh has asked.

    bool running() const noexcept { return awaited_ != 0; }
    std::uint16_t asked() const noexcept { return calls_.front().link.node; }

    /// Prepares the calls to one sentinel, and appends them to `out`. `host` stands in for servers that do
    /// not say theirs.
    void start(link_id to, std::string host, std::string_view primary_name, duration patience,
               call_list& out) {
        host_ = std::move(host);
        name_.assign(primary_name);
        view_ = {};
        constexpr std::array<std::string_view, 4> subcommands{"MASTER", "REPLICAS", "SENTINELS", "MYID"};
        for (std::size_t at = 0; at < calls_.size(); ++at) prepare(calls_[at], to, subcommands[at], patience);
        for (sentinel_call& call : calls_) out.push(call);
        awaited_ = static_cast<unsigned>(calls_.size());
    }
    /// One of the calls has settled. True when the query is complete.
    bool settled() noexcept { return --awaited_ == 0; }

    /// What the sentinel said, or why it has not. Without its lists and its id the primary that it names
    /// counts all the same: there are old sentinels, and such as refuse this user a command.
    result<cluster::sentinel_view> take() {
        if (calls_.front().failed) return tl::unexpected<error>{*calls_.front().failed};
        return std::move(view_);
    }

private:
    friend struct sentinel_call;

    void prepare(sentinel_call& pending, link_id to, std::string_view subcommand, duration patience) {
        std::string_view const words[]{"SENTINEL", subcommand, name_};
        std::size_t const count = &pending == &calls_.back() ? 2 : 3;
        std::size_t bytes = resp::header_size(count);
        for (std::string_view const word : std::span{words}.first(count))
            bytes += resp::bulk_size(word.size());
        pending.encoded.resize(bytes);
        char* at = resp::put_array_header(pending.encoded.data(), count);
        for (std::string_view const word : std::span{words}.first(count)) at = resp::put_bulk(at, word);
        make_question(pending, kind_of_all, pending.encoded, patience);
        pending.link = to;
        pending.whole = this;
        pending.failed.reset();
    }

    void read(sentinel_call& of, resp::view const& reply) {
        if (reply.is_error()) {
            of.failed = refusal(reply.text());
            return;
        }
        cluster::parse_context const context{.queried_host = host_, .nodes_max = servers_max};
        if (&of == &calls_.front()) {
            auto told = cluster::parse_sentinel_primary(reply, context);
            if (!told) return void(of.failed = told.error());
            view_.primary = std::move(told->address);
            view_.config_epoch = told->config_epoch;
        } else if (&of == &calls_.back()) {
            view_.id.assign(reply.text().substr(0, 64));
        } else {
            auto told = cluster::parse_sentinel_list(reply, context);
            if (!told) return void(of.failed = told.error());
            (&of == &calls_[1] ? view_.replicas : view_.sentinels) = std::move(*told);
        }
    }
    /// Rule: sentinel.c (sentinelGetMasterByNameOrReplyError): a plain ERR.
    error refusal(std::string_view line) const {
        cluster::parsed_error const parsed = cluster::parse_error(line);
        std::string why{line};
        errc code = parsed.code;
        if (code == errc::server_error) {
            code = errc::bad_argument;
            why += parsed.says == cluster::hint::unknown_command
                       ? " (it is no sentinel: options.sentinel_primary says that the seeds are)"
                       : " (options.sentinel_primary is \"" + name_ + "\")";
        }
        return {code, delivery::not_executed, why};
    }

    static void decode(call& base, resp::view const& reply) noexcept {
        auto& call = static_cast<sentinel_call&>(base);
        if (!try_alloc([&] { call.whole->read(call, reply); }))
            call.failed = error{errc::no_memory, delivery::executed};
    }
    static void fail(call& base, error&& why) noexcept {
        static_cast<sentinel_call&>(base).failed = std::move(why);
    }
    static void complete(call& base) {
        query_port const to = static_cast<sentinel_call&>(base).whole->port_;
        to.settled(to.to, base);
    }
    static constexpr call_kind kind_of_all{.decode = &sentinel_query::decode,
                                           .fail = &sentinel_query::fail,
                                           .complete = &sentinel_query::complete,
                                           .drop = [](call&) noexcept {},
                                           .takes_errors = true};

    query_port port_;
    std::string host_;
    std::string name_;
    cluster::sentinel_view view_;
    std::array<sentinel_call, 4> calls_;
    unsigned awaited_ = 0;
};

inline sentinel_call* sentinel_call::from(call& settled) noexcept {
    return settled.kind == &sentinel_query::kind_of_all ? static_cast<sentinel_call*>(&settled) : nullptr;
}

}  // namespace umbel::engine
