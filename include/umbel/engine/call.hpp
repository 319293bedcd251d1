// call.hpp: one command on its way, untyped: its bytes, its route, its deadline and what became of it.
// It does not know the type of its reply (two functions behind `kind` do), nor who awaits it.
//
// How a call ends, and how it changes its owner:
//   complete  its reply is decoded and its handler runs, or will run.
//   fail      an error is stored instead of a reply; then it completes with that error.
//   drop      it is destroyed with its handler, which never runs: its executor is going away.
//   recycle   its memory goes back to the pool; a completed call does this itself.
//   return    a connection hands it back to the control plane; its retry state says how it goes on.
//   park      it has found no session, and waits for the control plane to route it.
//   wait      the control plane keeps it until a time, a topology or the end of a refresh.
//   take all  an owner gives up its calls as they are, without a result.
#pragma once

#include <umbel/cluster/command_flags.hpp>
#include <umbel/cluster/slot_target.hpp>
#include <umbel/cluster/verdict.hpp>
#include <umbel/engine/instant.hpp>
#include <umbel/engine/transaction_replies.hpp>
#include <umbel/error.hpp>
#include <umbel/options.hpp>
#include <umbel/resp/view.hpp>

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstdint>
#include <iterator>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace umbel::engine {

/// Which of a node's two connections a command takes. A connection that has sent READONLY never serves reads
/// that are meant for a primary: a demoted primary would answer them without a MOVED. Rule: Redis Cluster
/// specification, "Scaling reads using replica nodes".
/// Beside them it has leases: connections for commands that may not share one. They are numbered, and each
/// number is a mode of its own, from `leased` on: see leased_link().
enum class link_mode : std::uint8_t { primary, replica, leased };

/// How many leases a node may have, whatever the options say.
inline constexpr unsigned leases_limit = 254;
/// The mode of the lease with this number. Precondition: number < leases_limit.
constexpr link_mode leased_link(unsigned number) noexcept {
    return static_cast<link_mode>(static_cast<unsigned>(link_mode::leased) + number);
}
constexpr bool is_leased(link_mode mode) noexcept { return mode >= link_mode::leased; }
/// Precondition: is_leased(mode).
constexpr unsigned lease_number(link_mode mode) noexcept {
    return static_cast<unsigned>(mode) - static_cast<unsigned>(link_mode::leased);
}
/// The mode without the number of a lease.
constexpr link_mode kind_of(link_mode mode) noexcept { return is_leased(mode) ? link_mode::leased : mode; }

/// Names one connection of one node, by the node's number in the engine's table. A client on several
/// execution contexts has connections of its own for each, so that what is asked on a context travels on a
/// connection that lives there.
struct link_id {
    std::uint16_t node = 0xffff;
    link_mode mode = link_mode::primary;
    std::uint8_t context = 0;

    static constexpr std::uint16_t no_node = 0xffff;
    constexpr explicit operator bool() const noexcept { return node != no_node; }
    friend constexpr bool operator==(link_id, link_id) noexcept = default;
};

struct call;
struct lease_token;

/// What a typed command hangs on an untyped call. `decode` and `fail` store the result inside the call,
/// exactly one of them, exactly once; `complete` then gives it away and recycles the call, which must not be
/// touched afterwards.
struct call_kind {
    void (*decode)(call&, resp::view const&) noexcept;
    void (*fail)(call&, error&&) noexcept;
    void (*complete)(call&);
    /// Destroys a call that will never complete, with everything it owns.
    void (*drop)(call&) noexcept;
    /// Decodes and completes in one step, where the handler may run right here: the call is gone then. False:
    /// nothing was done. Throws what the handler throws. Null: never.
    bool (*answer)(call&, resp::view const&) = nullptr;
    /// True for an error the call wants decoded as a value rather than judged by the policy.
    bool takes_errors = false;
    /// Told when a call will be sent again, before the next reply is looked at. Null: nobody wants to know.
    void (*returns)(call&) noexcept = nullptr;
    /// Asked before a call is sent again: true when whoever has issued it keeps it for now, and begins it
    /// anew later. Null: it is sent. Threading: the control plane's owner.
    bool (*hold)(call&) noexcept = nullptr;
    /// Takes an element of the reply, where form.elements is set; decode() gets a null then. False: no more.
    bool (*element)(call&, resp::view const&) noexcept = nullptr;
};

struct led_shard;

/// The node that a call is meant for, where its caller has chosen it: cluster::slot_target::named_node().
struct destination {
    std::string node{};          ///< "host:port", or the id that the cluster gives it.
    std::int32_t slot = -1;      ///< Instead of a node: whoever serves this slot.
    bool once = false;           ///< Whatever it meets is told: it is not sent again.
    led_shard* shard = nullptr;  ///< Instead of a node: whoever leads this shard, which outlives the call.

    /// True when it is meant for a node by its name, and for no other.
    bool is_one_node() const noexcept { return slot < 0 && !shard; }
};

/// The attempts of a call that was redirected or repeated, and how it goes on; what is known of a
/// transaction; absent for all others.
struct retry_state {
    std::vector<hop> hops;
    destination meant_for;  ///< Only where the call's slot is slot_target::named_node().
    instant left_at{};
    /// Where a MOVED or ASK sends the call; judged on the connection, looked up by the engine.
    std::string host;
    std::uint16_t port = 0;  ///< 0: the server named no node that could be followed.
    std::int32_t slot = -1;
    cluster::verdict verdict{};
    errc fault{};                      ///< What is judged.
    errc reported = errc::cross_slot;  ///< What the caller sees; not `fault` where that ended a transaction.
    umbel::delivery delivery = umbel::delivery::not_sent;          ///< Of the whole command.
    umbel::delivery attempt_delivery = umbel::delivery::not_sent;  ///< Of the latest attempt alone.
    std::string message;
    link_id from{};  ///< Where it was last; a read is not sent there again where another node may serve it.
    transaction_replies transaction;  ///< Of a call that is a transaction.
};

/// What a call is beyond one command with one reply: a byte, which the fast path asks as a whole.
struct call_form {
    std::uint8_t asking : 1 = 0;       ///< ASKING goes in front of it.
    std::uint8_t transaction : 1 = 0;  ///< It is MULTI, commands and EXEC; it has a retry state.
    std::uint8_t tied : 1 = 0;  ///< It goes out on the connection that was up when it was handed over, only.
    std::uint8_t blocks : 1 = 0;    ///< The server answers it when something has come, or its time is over.
    std::uint8_t elements : 1 = 0;  ///< It takes the elements of its reply one by one.
    std::uint8_t slowly : 1 = 0;    ///< It is one of many that have waited together: slow start begins.
    std::uint8_t unused : 2 = 0;

    constexpr bool has_several_replies() const noexcept { return (asking | transaction) != 0; }
    constexpr std::uint8_t bits() const noexcept { return std::bit_cast<std::uint8_t>(*this); }
};

/// A piece of a command that stands in the caller's memory: umbel::borrow. It goes out after `at` own bytes.
struct borrowed_piece {
    std::uint32_t at = 0;
    std::uint32_t count = 0;  ///< Zero: nothing is borrowed.
    char const* data = nullptr;
    std::size_t size = 0;
};

/// How the cancellation of a call finds its owner. `wanted` is set first and `owner` read afterwards; an
/// owner stores itself first and reads `wanted` afterwards; so one of the two always sees the other.
/// Threading: any.
struct cancel_token {
    static constexpr std::uint32_t nobody = 0;  ///< On its way between two owners, or settled.
    static constexpr std::uint32_t engine = 1;  ///< Waits in the engine.
    static constexpr std::uint32_t of(link_id link) noexcept {
        return 2 + (std::uint32_t{link.context} << 22 | std::uint32_t{link.node} << 8 |
                    static_cast<std::uint32_t>(link.mode));
    }
    /// The link of an owner that is neither of the two above.
    static constexpr link_id link_of(std::uint32_t owner) noexcept {
        std::uint32_t const packed = owner - 2;
        return {static_cast<std::uint16_t>(packed >> 8 & 0x3fff), static_cast<link_mode>(packed & 0xff),
                static_cast<std::uint8_t>(packed >> 22)};
    }
    std::atomic<bool> wanted{false};
    std::atomic<std::uint32_t> owner{nobody};
    call* target = nullptr;  ///< Valid for the owner only.
    /// Gives back one reference where the token is counted; see cancel_share.
    void (*give_back)(cancel_token&) noexcept = nullptr;
};

/// Who has issued a call. An engine's own call is not judged, and not counted as the user's. A user's call is
/// always the base of what its operation extends it by (async::pooled_call), so a port may cast it down.
enum class issuer : std::uint8_t { user, engine };

/// One command on its way. Exactly one owner holds it at a time: the caller's operation, a connection's
/// pipeline, or the engine. Threading: touched only by its owner.
struct call {
    enum class stage : std::uint8_t {
        fresh,
        queued,    ///< In the engine, for a lease.
        waiting,   ///< In the engine.
        piped,     ///< In a connection's pipeline.
        refused,   ///< A bound left no room for it; the control plane tells it so.
        withheld,  ///< Its result is stored; the control plane completes it.
        done,
    };
    /// Set in replies_due of a call that blocks and was given up: the server is told to end the wait, and its
    /// reply is awaited all the same, because it may hold what was taken for the call.
    static constexpr std::uint8_t given_up = 0x80;
    /// Set in replies_due of every call that blocks: others may wait for its reply.
    static constexpr std::uint8_t waited_for = 0x40;
    /// Stands for a time that has not begun. Time is never negative, so that a sign tells them apart.
    static constexpr instant not_begun{-1};

    // What every command touches, in two cache lines.
    call* next = nullptr;  ///< In whichever list, inbox or pool it stands.
    call_kind const* kind = nullptr;
    union {
        char const* bytes = nullptr;  ///< The encoded command.
        lease_token* wanted;          ///< Of a call that is leased and only waits: the lease it waits for.
    };
    std::uint32_t size = 0;
    cluster::slot_target slot;  ///< Where it is several slots, the retry state's message names two keys.
    cluster::command_flags flags{};
    umbel::read_from reads = umbel::read_from::primary;
    call_form form{};
    std::uint8_t replies_due = 1;  ///< 1: the next reply is its own. Else others come first: replies() counts
                                   ///< them all.
    stage at = stage::fresh;
    std::uint8_t connections_closed = 0;  ///< By the peer, instead of an answer to it.
    issuer issued_by : 1 = issuer::user;
    bool question : 1 = false;        ///< For the control plane, not for a node.
    bool only_waits : 1 = false;      ///< Nothing to send: it is done as soon as a topology is known.
    bool has_remedy : 1 = false;      ///< In front of its bytes stands an engine::remedy.
    bool refused_before : 1 = false;  ///< By a node that lacked what it names; it was sent again by itself.
    bool leased : 1 = false;          ///< It needs a connection of its own: the lease pool finds it one.
    bool bound : 1 = false;           ///< It goes to the lease that its caller holds, and nowhere else.
    errc ending{};                    ///< Of a call that was given up, or has left its place in the order of
                                      ///< replies to nobody: why. Else, on a held lease: errc{}.
    union {
        std::uint64_t queue_position = 0;  ///< In a pipeline: its place in the in-flight queue.
        std::uint64_t waiting_index;       ///< In the engine: its place in waiting_calls.
        call* previous;                    ///< Where it waits for a lease: who came before it.
    };
    instant deadline = never;
    duration timeout{};  ///< Zero: none. Turned into `deadline` when its time begins.

    std::uint64_t stream_end = 0;   ///< The connection's byte count after its last byte.
    instant accepted = not_begun;   ///< When its time began.
    cancel_token* token = nullptr;  ///< Null unless somebody may ask for its cancellation.
    call** wheel_back = nullptr;
    borrowed_piece const* borrowed = nullptr;
    std::unique_ptr<retry_state> retry;
    link_id link{};  ///< Where it is, or was last; on the way there only the context counts, which it keeps
                     ///< for life.
    std::uint32_t table_version = 0;  ///< The topology it was routed by.
    std::uint16_t redirects = 0;
    std::uint16_t retries = 0;

    // What only few commands touch.
    call* wheel_next = nullptr;
    instant due = never;  ///< When its present owner's wheel looks at it.

    call() = default;
    call(call const&) = delete;
    call& operator=(call const&) = delete;

    /// True for the engine's own calls.
    bool is_internal() const noexcept { return issued_by == issuer::engine; }

    bool repeatable() const noexcept {
        return has(flags, cluster::command_flags::read_only) ||
               has(flags, cluster::command_flags::idempotent);
    }

    /// Replies until it is settled.
    unsigned replies() const noexcept {
        return form.transaction && replies_due != 1 ? retry->transaction.due()
                                                    : replies_due & ~unsigned{given_up | waited_for};
    }
    bool is_given_up() const noexcept { return (replies_due & given_up) != 0; }

    /// Attempts before the present one.
    unsigned tries() const noexcept { return unsigned{redirects} + retries; }

    bool has_begun() const noexcept { return accepted >= instant{0}; }
    /// Its first owner has it: from now on its time runs.
    UMBEL_ALWAYS_INLINE void begin(instant now) noexcept {
        if (has_begun()) return;
        accepted = now;
        deadline = timeout > duration{0} ? after(now, timeout) : never;
    }

    /// Notes a new owner. True when the cancellation is wanted already.
    bool owned_by(std::uint32_t who) noexcept {
        if (!token) [[likely]]
            return false;
        token->owner.store(who, std::memory_order_seq_cst);
        return who != cancel_token::nobody && token->wanted.load(std::memory_order_seq_cst);
    }
    bool cancel_wanted() const noexcept { return token && token->wanted.load(std::memory_order_seq_cst); }

    /// What is known of the whole command, where `this_time` is known of the present attempt: an earlier
    /// attempt that may have run is never taken back, and what was refused once has been sent.
    umbel::delivery known(umbel::delivery this_time) const noexcept {
        if (refused_before) this_time = std::max(this_time, delivery::not_executed);
        return retry ? std::max(retry->delivery, this_time) : this_time;
    }

    /// The retry state, made when first needed; null only when memory has run out.
    retry_state* make_retry_state() noexcept {
        if (!retry) retry.reset(new (std::nothrow) retry_state);
        return retry.get();
    }

    /// Bytes it puts on the wire, ASKING not counted.
    std::size_t wire_size() const noexcept {
        std::size_t total = size;
        if (borrowed)
            for (std::uint32_t i = 0; i < borrowed->count; ++i) total += borrowed[i].size;
        return total;
    }
};

/// Where the cache lines begin that an ordinary command touches: two of the call itself, and two of what
/// extends it. The latter two are a rule for whoever extends a call: its handler stands in the first of them,
/// its bytes and its result in the second, or they are fetched in vain. A test of the extending layer holds
/// its layout against this.
inline constexpr std::size_t fetched_lines[] = {0, 64, 128, 320};
/// Fetches a call that will be needed soon into the cache, or what stands where one was.
UMBEL_ALWAYS_INLINE void fetch(std::uintptr_t call_at) noexcept {
    // Spelled out: g++ 12 keeps a loop as it is, and takes a function that only prefetches, a lambda too, for
    // one without effect.
    static_assert(std::size(fetched_lines) == 4);
    __builtin_prefetch(reinterpret_cast<void const*>(call_at + fetched_lines[0]), 1);
    __builtin_prefetch(reinterpret_cast<void const*>(call_at + fetched_lines[1]), 1);
    __builtin_prefetch(reinterpret_cast<void const*>(call_at + fetched_lines[2]), 1);
    __builtin_prefetch(reinterpret_cast<void const*>(call_at + fetched_lines[3]), 1);
}
UMBEL_ALWAYS_INLINE void fetch(call const& soon) noexcept { fetch(reinterpret_cast<std::uintptr_t>(&soon)); }

/// An intrusive first-in first-out list of calls; it owns nothing by itself.
class call_list {
public:
    call_list() noexcept = default;
    call_list(call_list&& other) noexcept { take(other); }
    call_list& operator=(call_list&& other) noexcept {
        UMBEL_ASSERT(empty());
        take(other);
        return *this;
    }

    bool empty() const noexcept { return head_ == nullptr; }
    call* front() const noexcept { return head_; }

    void push(call& call) noexcept {
        call.next = nullptr;
        (tail_ ? tail_->next : head_) = &call;
        tail_ = &call;
    }
    call* pop() noexcept {
        call* call = head_;
        if (call) {
            head_ = call->next;
            if (!head_) tail_ = nullptr;
            call->next = nullptr;
        }
        return call;
    }
    /// Appends all of `other`, which is empty afterwards.
    void splice(call_list&& other) noexcept {
        if (other.empty()) return;
        (tail_ ? tail_->next : head_) = other.head_;
        tail_ = other.tail_;
        other.head_ = other.tail_ = nullptr;
    }

    /// Takes out the calls that are tied to a connection.
    call_list take_tied() noexcept {
        call_list tied, all{std::move(*this)};
        while (call* const call = all.pop()) (call->form.tied ? tied : *this).push(*call);
        return tied;
    }

private:
    void take(call_list& other) noexcept {
        head_ = std::exchange(other.head_, nullptr);
        tail_ = std::exchange(other.tail_, nullptr);
    }
    call* head_ = nullptr;
    call* tail_ = nullptr;
};

/// Builds the error a caller sees, with the way the call has taken.
inline error make_error(call const& call, errc code, delivery delivered, std::string_view message,
                        std::string_view node = {}) noexcept {
    UMBEL_TRY {
        error_details details;
        details.message.assign(message);
        details.node.assign(node);
        details.slot = call.slot.number();
        if (call.retry) details.trail = call.retry->hops;
        return error{code, delivered, std::move(details)};
    }
    UMBEL_CATCH(...) {
        return error{code, delivered};
    }
}
/// Fails a call whose connection is not there: the client is closed, or a lease has ended.
inline void fail_unopened(call& call, bool closed) noexcept {
    call.at = call::stage::done;
    call.kind->fail(call, make_error(call, closed ? errc::cancelled : errc::connection_lost,
                                     call.known(delivery::not_sent),
                                     closed ? "the client is closed" : "the lease has ended"));
}

}  // namespace umbel::engine
