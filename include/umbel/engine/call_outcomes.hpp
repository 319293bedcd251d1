// call_outcomes.hpp: how calls leave one connection: completed, failed, or returned for routing, as the
// policy judges. It knows no queue and no bytes, and runs no handler.
#pragma once

#include <umbel/engine/call.hpp>
#include <umbel/engine/counters.hpp>
#include <umbel/engine/judge.hpp>
#include <umbel/engine/transaction_replies_impl.hpp>
#include <umbel/engine/try_alloc.hpp>

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace umbel::engine {

/// The two lists on which calls leave. Precondition of all: the call stands in no queue, wheel or list.
class call_outcomes {
public:
    call_outcomes(judge_options const& judging, std::uint64_t seed) : judging_{judging}, random_{seed} {}

    /// Names the peer for errors and trails, and says which kind of reads it serves.
    void serve(std::string node, link_id link) {
        node_ = std::move(node);
        link_ = link;
    }
    std::string const& node() const noexcept { return node_; }
    link_id link() const noexcept { return link_; }

    /// Stores a reply; the call completes with it.
    UMBEL_ALWAYS_INLINE void complete(call& call, resp::view const& reply) {
        call.kind->decode(call, reply);
        finished_.push(call);
    }
    /// Stores an error; `delivered` is what is known of the present attempt.
    void fail(call& call, errc why, delivery delivered, std::string_view message) noexcept {
        call.kind->fail(call, make_error(call, why, call.known(delivered), message, node_));
        finished_.push(call);
    }
    /// Puts a fault before the policy: the call fails, or is returned for routing.
    UMBEL_NEVER_INLINE void fail_or_return(call& call, failure fault, instant now,
                                           pipeline_counters& counters) noexcept {
        fault.node = node_;
        fault.from_replica = link_.mode == link_mode::replica;
        if (!judge(call, fault, judging_, now, random_)) {
            finished_.push(call);
            return;
        }
        ++(fault.redirects() ? counters.redirects : counters.retries);
        returned_.push(call);
    }
    /// The connection of a call has ended. What the server has said of a transaction before that is told; a
    /// line that ends a connection is the reason.
    UMBEL_NEVER_INLINE void lose(call& call, failure fault, instant now,
                                 pipeline_counters& counters) noexcept {
        std::string text;
        if (call.form.transaction && !call.retry->transaction.refusal().empty()) {
            transaction_replies const& replies = call.retry->transaction;
            cluster::parsed_error const parsed = cluster::parse_error(replies.refusal());
            if (try_alloc([&] { text = replies.explain(fault.message); })) fault.message = text;
            // EXEC has not been read then, nor any command behind a MULTI that was refused.
            if (parsed.ends_connection()) {
                fault.code = parsed.code;
                fault.delivered = parsed.delivered;
            }
        }
        fail_or_return(call, fault, now, counters);
    }
    /// True when the node lacks the script or the function that the call names, and so has done nothing.
    static bool lacks_what_is_named(call const& call, resp::view const& reply) noexcept {
        cluster::parsed_error const parsed = cluster::parse_error(reply.text(), call.flags);
        return parsed.delivered == delivery::not_executed &&
               (parsed.code == errc::no_script || parsed.says == cluster::hint::no_function);
    }
    /// The same for an error that the server has replied.
    UMBEL_NEVER_INLINE void fail_or_return(call& call, resp::view const& reply, instant now,
                                           pipeline_counters& counters) noexcept {
        if (call.form.transaction) return fail_or_return_transaction(call, reply, now, counters);
        fail_or_return(call, failure_of(cluster::parse_error(reply.text(), call.flags), reply.text()), now,
                       counters);
    }

    /// Calls whose result is stored.
    call_list& finished() noexcept { return finished_; }
    /// Calls whose retry state says how they go on.
    call_list& returned() noexcept { return returned_; }

private:
    static failure failure_of(cluster::parsed_error const& parsed, std::string_view message) noexcept {
        return {.code = parsed.code,
                .delivered = parsed.delivered,
                .message = message,
                .host = parsed.host,
                .port = parsed.names_node() ? parsed.port : std::uint16_t{0},
                .slot = parsed.slot,
                .inner = parsed.inner};
    }
    /// A transaction that EXEC has not carried out: judged by what the server refused before, where EXEC's
    /// own reply does not tell why.
    void fail_or_return_transaction(call& call, resp::view const& reply, instant now,
                                    pipeline_counters& counters) noexcept {
        transaction_replies const& replies = call.retry->transaction;
        std::string text;
        static_cast<void>(try_alloc([&] { text = replies.explain(reply.text()); }));
        // EXEC is none of the commands: what its own line proves does not depend on them.
        failure fault = failure_of(cluster::parse_error(reply.text()), text);
        if (replies.multi_refused()) {
            fault = failure_of(cluster::parse_error(replies.refusal()), text);
            fault.delivered = replies.ran(reply);
        } else if (reply.is_null()) {
            fault.code = errc::exec_aborted;
            fault.delivered = delivery::not_executed;
            fault.message = "EXEC was given up for a watched key";
        } else if (fault.code == errc::exec_aborted && !fault.inner && !replies.refusal().empty()) {
            failure const cause = failure_of(cluster::parse_error(replies.refusal()), text);
            fault.inner = cause.code;
            fault.host = cause.host;
            fault.port = cause.port;
            fault.slot = cause.slot;
        }
        fail_or_return(call, fault, now, counters);
    }

    judge_options judging_;
    random_source random_;
    call_list finished_;
    call_list returned_;
    std::string node_;
    link_id link_{};
};

}  // namespace umbel::engine
