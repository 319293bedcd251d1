// transaction_replies.hpp: what the server says of a transaction before it answers EXEC: whether MULTI was
// taken, and which command was refused first. It knows no connection and decides nothing.
#pragma once

#include <umbel/cluster/command_flags.hpp>
#include <umbel/error.hpp>
#include <umbel/resp/view.hpp>

#include <cstdint>
#include <string>
#include <string_view>

namespace umbel::engine {

/// The replies to one attempt at a transaction that goes out as one call: "+OK" to MULTI, "+QUEUED" or an
/// error to each command, and at last EXEC's own. Rule: redis-server multi.c and server.c, processCommand():
/// an error flags the transaction, and EXEC answers EXECABORT.
class transaction_replies {
public:
    /// The most commands in one transaction.
    static constexpr std::uint32_t commands_max = 1u << 20;

    /// How many commands stand between MULTI and EXEC; noted once.
    void hold(std::uint32_t commands) noexcept { commands_ = commands; }
    /// EXEC may answer that a watched key has changed: the reply is a value then, no error.
    void watches(bool yes) noexcept { watches_ = yes; }

    /// An attempt begins; with `asking` the reply to ASKING comes first.
    /// Rule: redis-server networking.c, resetClient(): ASKING holds until EXEC.
    void begin(bool asking) noexcept {
        due_ = commands_ + 2 + (asking ? 1 : 0);
        taken_ = false;
        refused_ = nothing;
        refusal_.clear();
        ran_ = delivery::not_executed;
    }
    /// Replies still to come, EXEC's included.
    std::uint32_t due() const noexcept { return due_; }

    /// Takes a reply ahead of EXEC's. Precondition: due() > 1.
    void take(resp::view const& reply, cluster::command_flags flags) noexcept;

    /// True where the server has not taken MULTI.
    bool multi_refused() const noexcept { return refused_ == 0; }
    /// What is known of the commands where MULTI was refused; `last` is EXEC's reply.
    delivery ran(resp::view const& last) const noexcept { return last.is_error() ? ran_ : delivery::unknown; }
    /// What is known where the connection ends before EXEC has left, and some of the rest has: nothing runs
    /// behind a MULTI that was taken. Until its reply has come it may yet be refused, and the commands behind
    /// it run one by one.
    delivery lost() const noexcept {
        if (taken_) return delivery::not_sent;
        return multi_refused() && due_ == 1 ? ran_ : delivery::unknown;
    }
    /// The error line of what was refused first; empty where nothing was, or memory has run out.
    std::string_view refusal() const noexcept { return refusal_; }
    /// True when EXEC's reply, though no error, does not say that the transaction has run: it was given up
    /// for a key that nobody has watched, or the server had not taken MULTI.
    bool disproves(resp::view const& last) const noexcept {
        return (last.is_null() && !watches_) || multi_refused();
    }

    /// `line` with what the server has said before. Errors: throws std::bad_alloc.
    std::string explain(std::string_view line) const;

private:
    static constexpr std::uint32_t nothing = 0xffffffff;

    void refuse(std::uint32_t place, std::string_view line) noexcept {
        refused_ = place;
        UMBEL_TRY { refusal_.assign(line); }
        UMBEL_CATCH(...) {
        }  // EXEC's own error still says that nothing was executed.
    }

    std::uint32_t commands_ = 0;
    std::uint32_t due_ = 0;
    std::uint32_t refused_ = nothing;  ///< Which was refused first: 0 is MULTI.
    bool watches_ = false;
    bool taken_ = false;  ///< MULTI was answered "+OK".
    delivery ran_ = delivery::not_executed;
    std::string refusal_;
};

}  // namespace umbel::engine
