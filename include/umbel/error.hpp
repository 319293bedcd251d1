// error.hpp: what can go wrong, who is at fault, and whether the command may have been executed.
// It knows no protocol text: a server's error line is turned into an errc in cluster/redirect.hpp.
#pragma once

#include <umbel/config.hpp>

#if defined(UMBEL_USE_STD_EXPECTED)
#include <version>
#if !defined(__cpp_lib_expected)
#error "UMBEL_USE_STD_EXPECTED needs std::expected: C++23, as -std=c++23 gives it from g++ 12 and clang 19 on"
#endif
#include <expected>
#else
#include <tl/expected.hpp>
#endif

#include <atomic>
#include <chrono>
#include <cstdint>
#include <new>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace umbel {

/// What results are made of: tl::expected, or std::expected where UMBEL_USE_STD_EXPECTED is defined. Inside
/// this namespace, `tl` names the chosen one.
#if defined(UMBEL_USE_STD_EXPECTED)
UMBEL_LINK_ONLY_IF_ALIKE(thread_local, UMBEL_USE_STD_EXPECTED_is_defined_in_all_source_files_or_in_none)
namespace tl {
using std::expected;
using std::in_place;
using std::unexpect;
using std::unexpected;
}  // namespace tl
#else
UMBEL_LINK_ONLY_IF_ALIKE(, UMBEL_USE_STD_EXPECTED_is_defined_in_all_source_files_or_in_none)
namespace tl = ::tl;
#endif

/// What happened. Errors are matched by this code, never by message text.
enum class errc : std::uint8_t {
    // The caller.
    bad_argument,  ///< An empty argv, an option out of range, a malformed URL or address; the message says
                   ///< which.
    cross_slot,    ///< The keys of one command lie in different slots; nothing was sent.
    needs_lease,   ///< The command changes connection state, blocks or alters the number of replies; nothing
                   ///< was sent.
    // Limits and life.
    overloaded,         ///< The node's bound on commands or bytes is reached; nothing was sent.
    deadline_exceeded,  ///< The deadline passed; `delivery` tells whether the command may have run.
    no_memory,          ///< Memory ran out for this command; `delivery` tells whether it may have run.
    cancelled,          ///< Cancelled by the caller, or the client was closed or destroyed.
    end_of_range,       ///< No failure: a range, as a scan is, has told all that it has.
    // Transport.
    resolve_failed,     ///< The host name has no address.
    connect_failed,     ///< The connection was refused, or was not there in time.
    no_credentials,     ///< The credential_provider gave none, or not in time.
    tls_failed,         ///< No encrypted connection could be agreed upon: the node's certificate does not
                        ///< verify, it speaks no TLS, or it does not accept this client's certificate.
    connection_lost,    ///< The connection ended while the command was queued or in flight.
    no_reachable_node,  ///< No seed and no known node answered within the deadline.
    // The peer broke the protocol, or the reply is not what was asked for.
    protocol_error,   ///< The bytes are not RESP, or exceed a bound; the connection was closed.
    unexpected_type,  ///< A well-formed reply that cannot be decoded as the requested type.
    // The cluster.
    slot_uncovered,      ///< No node owns the slot, not even after a refresh.
    too_many_redirects,  ///< The bound on redirects was reached; the trail lists the nodes that were asked.
    moved,               ///< MOVED, or REDIRECT, surfaced by a policy that does not follow.
    ask,                 ///< ASK, surfaced by a policy that does not follow.
    try_again,           ///< TRYAGAIN: a multi-key command on a half-moved slot.
    cluster_down,        ///< CLUSTERDOWN.
    master_down,         ///< MASTERDOWN.
    loading,             ///< LOADING.
    read_only,           ///< READONLY: a write reached a replica.
    // Other server errors.
    server_error,      ///< Any other error reply; the message is the server's line.
    wrong_type,        ///< WRONGTYPE.
    no_auth,           ///< NOAUTH.
    wrong_password,    ///< WRONGPASS.
    no_permission,     ///< NOPERM.
    no_script,         ///< NOSCRIPT.
    busy_script,       ///< BUSY: a script or function runs too long.
    out_of_memory,     ///< OOM.
    misconfigured,     ///< MISCONF.
    no_replicas,       ///< NOREPLICAS.
    exec_aborted,      ///< EXECABORT.
    cross_slot_reply,  ///< CROSSSLOT: the server found the keys in different slots.
    no_protocol,       ///< NOPROTO: the server does not speak the asked protocol version.
};

/// Whether the server may have executed the command. Losing this fact is a bug.
enum class delivery : std::uint8_t {
    not_sent,      ///< The whole command never left this process.
    not_executed,  ///< The server refused it before execution (a listed error code only).
    executed,      ///< A reply came; the command ran.
    unknown,       ///< It may or may not have run.
};

/// Who is at fault.
enum class origin : std::uint8_t {
    caller,     ///< The call cannot be served as it was written.
    limit,      ///< A bound, a deadline or a cancellation of this client.
    transport,  ///< The network, or a node that is not there.
    protocol,   ///< The peer sent what is not RESP, or not what was asked for.
    cluster,    ///< The cluster cannot serve the slot at the moment.
    server,     ///< The server refused the command or failed at it.
};

/// Returns who is at fault for `code`.
constexpr origin origin_of(errc code) noexcept {
    if (code <= errc::needs_lease) return origin::caller;
    if (code <= errc::end_of_range) return origin::limit;
    if (code <= errc::no_reachable_node) return origin::transport;
    if (code <= errc::unexpected_type) return origin::protocol;
    if (code <= errc::read_only) return origin::cluster;
    return origin::server;
}

/// Returns the stable name of `code`, for logs and metrics.
constexpr std::string_view name_of(errc code) noexcept {
    switch (code) {
        case errc::bad_argument: return "bad_argument";
        case errc::cross_slot: return "cross_slot";
        case errc::needs_lease: return "needs_lease";
        case errc::overloaded: return "overloaded";
        case errc::deadline_exceeded: return "deadline_exceeded";
        case errc::no_memory: return "no_memory";
        case errc::cancelled: return "cancelled";
        case errc::end_of_range: return "end_of_range";
        case errc::resolve_failed: return "resolve_failed";
        case errc::connect_failed: return "connect_failed";
        case errc::no_credentials: return "no_credentials";
        case errc::tls_failed: return "tls_failed";
        case errc::connection_lost: return "connection_lost";
        case errc::no_reachable_node: return "no_reachable_node";
        case errc::protocol_error: return "protocol_error";
        case errc::unexpected_type: return "unexpected_type";
        case errc::slot_uncovered: return "slot_uncovered";
        case errc::too_many_redirects: return "too_many_redirects";
        case errc::moved: return "moved";
        case errc::ask: return "ask";
        case errc::try_again: return "try_again";
        case errc::cluster_down: return "cluster_down";
        case errc::master_down: return "master_down";
        case errc::loading: return "loading";
        case errc::read_only: return "read_only";
        case errc::server_error: return "server_error";
        case errc::wrong_type: return "wrong_type";
        case errc::no_auth: return "no_auth";
        case errc::wrong_password: return "wrong_password";
        case errc::no_permission: return "no_permission";
        case errc::no_script: return "no_script";
        case errc::busy_script: return "busy_script";
        case errc::out_of_memory: return "out_of_memory";
        case errc::misconfigured: return "misconfigured";
        case errc::no_replicas: return "no_replicas";
        case errc::exec_aborted: return "exec_aborted";
        case errc::cross_slot_reply: return "cross_slot_reply";
        case errc::no_protocol: return "no_protocol";
    }
    return "unnamed";
}

/// Returns the stable name of `value`, for logs and metrics.
constexpr std::string_view name_of(delivery value) noexcept {
    switch (value) {
        case delivery::not_sent: return "not_sent";
        case delivery::not_executed: return "not_executed";
        case delivery::executed: return "executed";
        case delivery::unknown: return "unknown";
    }
    return "unnamed";
}

/// One node that a command was sent to before it was redirected or retried.
struct hop {
    std::string node;                  ///< "host:port".
    errc reason{};                     ///< Why the command did not stay there.
    std::chrono::nanoseconds spent{};  ///< From its departure for this node to its departure from it.
};

/// A value with the nodes that its command was sent to: client::with(umbel::trail) makes this of every reply.
template <class Value>
struct traced {
    Value value;
    std::vector<hop> trail;  ///< All nodes but the one that replied, oldest first; empty when the command was
                             ///< neither redirected nor retried.
};

/// What is known of an error beyond code and delivery.
struct error_details {
    std::string message;     ///< The server's line, or a sentence. Empty: the name of the code stands in.
    std::string node;        ///< "host:port" or empty; see error::node().
    std::int32_t slot = -1;  ///< The slot in question; -1 for none.
    std::vector<hop> trail;  ///< See error::trail().
    std::uint64_t elements_given = 0;  ///< See error::elements_given().
};

/// An error: what happened, whether the command may have run, and what else is known.
/// Units/shape: 16 bytes; details stand in memory that all copies share.
/// Errors: none; no function but to_string() throws. Where memory runs out, details are dropped; code and
/// delivery never are.
/// Lifetime: the views and spans that an error returns live as long as any copy of it.
/// Threading: copies may be used from any thread.
class [[nodiscard]] error {
public:
    /// An error without details.
    error(errc code, delivery delivered) noexcept : code_{code}, delivery_{delivered} {}
    /// An error with details.
    error(errc code, delivery delivered, error_details details) noexcept : code_{code}, delivery_{delivered} {
        shared_ = new (std::nothrow) shared{std::move(details)};
    }
    /// An error with a message.
    error(errc code, delivery delivered, std::string_view message) noexcept
        : code_{code}, delivery_{delivered} {
        shared_ = new (std::nothrow) shared{};
        if (shared_) assign_message(message);
    }

    error(error const& other) noexcept
        : shared_{other.shared_}, code_{other.code_}, delivery_{other.delivery_} {
        if (shared_) shared_->references.fetch_add(1, std::memory_order_relaxed);
    }
    error(error&& other) noexcept
        : shared_{std::exchange(other.shared_, nullptr)}, code_{other.code_}, delivery_{other.delivery_} {}
    error& operator=(error other) noexcept {
        std::swap(shared_, other.shared_);
        code_ = other.code_;
        delivery_ = other.delivery_;
        return *this;
    }
    ~error() {
        if (shared_) release();
    }

    /// Returns the same error with another delivery. Cost: shares the details.
    error with(umbel::delivery delivered) const noexcept {
        error other{*this};
        other.delivery_ = delivered;
        return other;
    }

    /// Returns the same error, from `node` unless it names a node already. Where memory runs out, it returns
    /// the error as it is. Units/shape: `node` is "host:port".
    error from(std::string_view node) const noexcept {
        if (!this->node().empty()) return *this;
        UMBEL_TRY {
            error_details details = shared_ ? shared_->details : error_details{};
            details.node.assign(node);
            return error{code_, delivery_, std::move(details)};
        }
        UMBEL_CATCH(...) {
            return *this;
        }
    }

    /// Returns the same error, of a command that has handed on so many elements. Where memory runs out, it
    /// returns the error as it is.
    error after(std::uint64_t elements) const noexcept {
        if (elements == 0) return *this;
        UMBEL_TRY {
            error_details details = shared_ ? shared_->details : error_details{};
            details.elements_given = elements;
            return error{code_, delivery_, std::move(details)};
        }
        UMBEL_CATCH(...) {
            return *this;
        }
    }

    /// What happened.
    errc code() const noexcept { return code_; }
    /// Whether the server may have executed the command.
    umbel::delivery delivery() const noexcept { return delivery_; }
    /// Who is at fault.
    umbel::origin origin() const noexcept { return origin_of(code_); }

    /// True unless it is certain that the server did not execute the command.
    bool may_have_executed() const noexcept {
        return delivery_ == umbel::delivery::executed || delivery_ == umbel::delivery::unknown;
    }

    /// The server's own line for server errors, otherwise a sentence that names what is wrong; never empty.
    std::string_view message() const noexcept {
        return shared_ && !shared_->details.message.empty() ? std::string_view{shared_->details.message}
                                                            : name_of(code_);
    }
    /// For moved and ask the node that the server named; otherwise the node that the error came from.
    /// Units/shape: "host:port", or empty where no node is concerned.
    std::string_view node() const noexcept {
        return shared_ ? std::string_view{shared_->details.node} : std::string_view{};
    }
    /// The slot in question; -1 where there is none, or more than one.
    std::int32_t slot() const noexcept { return shared_ ? shared_->details.slot : -1; }
    /// All nodes but the last that the command was sent to, oldest first; empty when it was neither
    /// redirected nor retried.
    std::span<hop const> trail() const noexcept {
        return shared_ ? std::span<hop const>{shared_->details.trail} : std::span<hop const>{};
    }

    /// How many elements of its reply client::for_each() had handed on before.
    std::uint64_t elements_given() const noexcept { return shared_ ? shared_->details.elements_given : 0; }

    /// All of it but the trail, for logs: "moved (not_executed) at 10.0.0.7:6379: MOVED 3999 10.0.0.8:6379".
    /// Errors: throws std::bad_alloc.
    std::string to_string() const {
        std::string text{name_of(code_)};
        text.append(" (").append(name_of(delivery_)).append(")");
        if (!node().empty()) text.append(" at ").append(node());
        if (message() != name_of(code_)) text.append(": ").append(message());
        if (elements_given() != 0)
            text.append(" (after ").append(std::to_string(elements_given())).append(" elements)");
        return text;
    }

    /// True when the error has this code.
    friend bool operator==(error const& left, errc right) noexcept { return left.code_ == right; }

private:
    struct shared {
        error_details details;
        std::atomic<std::uint32_t> references{1};
        explicit shared(error_details&& from = {}) noexcept : details{std::move(from)} {}
    };

    // Out of line: results are destroyed everywhere, and hardly ever hold an error with details.
    UMBEL_NEVER_INLINE void release() noexcept {
        if (shared_->references.fetch_sub(1, std::memory_order_acq_rel) == 1) delete shared_;
    }
    void assign_message(std::string_view message) noexcept {
        UMBEL_TRY { shared_->details.message.assign(message); }
        UMBEL_CATCH(...) {  // Out of memory: code and delivery still say what matters.
        }
    }

    shared* shared_ = nullptr;
    errc code_;
    umbel::delivery delivery_;
};

/// What every operation yields: a value, or an umbel::error.
template <class Value>
using result = tl::expected<Value, error>;

/// Builds the error side of a result: of an error that is there, or one without details or with a message.
inline tl::unexpected<error> fail(error why) noexcept { return tl::unexpected<error>{std::move(why)}; }
inline tl::unexpected<error> fail(errc code, delivery delivered) noexcept {
    return tl::unexpected<error>{error{code, delivered}};
}
inline tl::unexpected<error> fail(errc code, delivery delivered, std::string_view message) noexcept {
    return tl::unexpected<error>{error{code, delivered, message}};
}

}  // namespace umbel
