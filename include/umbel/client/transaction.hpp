// transaction.hpp: several commands of one slot that run as one: MULTI … EXEC. It joins the types of their
// replies to one untyped call; how that is encoded is behind calling::encoding, and its replies are the
// engine's business.
#pragma once

#include <umbel/client/bare_command.hpp>
#include <umbel/command/family.hpp>
#include <umbel/resp/decode.hpp>

#include <optional>
#include <span>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

namespace umbel {

namespace calling {

/// An operation for a transaction of these commands, whose replies are read as a Value.
template <decodable Value>
operation<Value> submit_transaction(site const& site, std::span<encoded_command* const> commands,
                                    bool watches) {
    return operation<Value>{site.code->make_transaction(site, commands, watches, kind_of<Value>)};
}

/// `Self` may have watched keys, so that its transactions may be given up by the server: their value is
/// optional. It says so by a static member may_watch.
template <class Self>
concept watching = requires { requires Self::may_watch; };
template <class Self, class Value>
using transaction_value = std::conditional_t<watching<Self>, std::optional<Value>, Value>;

}  // namespace calling

/// Transactions, for whatever has a site.
template <class Self>
class transaction_commands {
public:
    /// MULTI, the commands, EXEC: they run together or not at all, and nothing runs between them. The value
    /// has one result for each command, in their order:
    ///
    ///     auto done = co_await db.transaction(umbel::cmd.get("{u}a"), umbel::cmd.incr("{u}b"));
    ///     if (done) auto const& [text, count] = *done;   // result<optional<string>>, result<int64_t>
    ///
    /// On a lease, where keys may have been watched, the value is optional: nullopt means that a watched key
    /// had changed, and nothing was executed.
    ///
    /// All of it travels as one command does: one write, on the connection that others share. An error of a
    /// command that the server has carried out (wrong_type …) is that command's alone; the others have run.
    ///
    /// Errors: those of every command, listed at umbel::client, for the whole: its delivery is that of every
    /// command in it. cross_slot, before anything is sent, where the keys lie in several slots (see
    /// umbel::same_slot). bad_argument without commands, or with more than 2^20. What is wrong with one of
    /// the commands, WATCH, MULTI and what blocks or subscribes among them (needs_lease), ends the whole
    /// before anything is sent, and the message says which it was. exec_aborted (not_executed) where the
    /// server has refused one of the commands: the message names it. A redirect moves the whole transaction.
    /// no_permission and the like, with the message "MULTI was refused", where the server refuses MULTI: it
    /// has run the commands one by one then, so the delivery is unknown, unless it has refused all of them.
    /// Where a connection ends, the delivery is unknown if EXEC had left, and also if some of the rest had
    /// and MULTI was not answered yet: it may be refused. Behind a MULTI that was taken nothing runs without
    /// EXEC. Cancellation: as of every command. A transaction of which all
    /// commands read is sent again as a read is, and may go to a replica; it is never hedged.
    /// Rule: Redis documentation, "Transactions"; redis-server multi.c.
    template <decodable... Values>
        requires(sizeof...(Values) >= 1)
    auto transaction(bare_command<Values>... commands) const {
        calling::encoded_command* const all[]{&commands...};
        return calling::give(command::self_of(*this), [&] {
            using value = calling::transaction_value<Self, std::tuple<result<Values>...>>;
            return calling::submit_transaction<value>(site(), all, calling::watching<Self>);
        });
    }
    /// The same for commands whose number is known at run time only, with replies of one type.
    template <decodable Value>
    auto transaction(std::vector<bare_command<Value>> commands) const {
        return calling::give(command::self_of(*this), [&] {
            std::vector<later<Value, calling::encoded_command>*> all;
            all.reserve(commands.size());
            for (auto& command : commands) all.push_back(&command);
            using value = calling::transaction_value<Self, std::vector<result<Value>>>;
            return calling::submit_transaction<value>(site(), all, calling::watching<Self>);
        });
    }

private:
    calling::site const& site() const noexcept { return command::self_of(*this).site(); }
};

}  // namespace umbel
