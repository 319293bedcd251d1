// optimistic.hpp: read, decide, and write what was decided unless somebody else has written meanwhile: WATCH
// … EXEC on a lease, begun anew as often as is allowed. It is a coroutine of Asio's; not part of <umbel.hpp>.
#pragma once

#include <umbel/async/asio.hpp>
#include <umbel/client/lease.hpp>

#include UMBEL_ASIO_HEADER(awaitable.hpp)
#include UMBEL_ASIO_HEADER(steady_timer.hpp)
#include UMBEL_ASIO_HEADER(this_coro.hpp)
#include UMBEL_ASIO_HEADER(use_awaitable.hpp)

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

namespace umbel {

/// What was decided: the commands of one transaction. Made by umbel::plan().
template <decodable... Values>
class planned {
public:
    /// One result for each command.
    using value_type = std::tuple<result<Values>...>;

    explicit planned(bare_command<Values>... commands) noexcept : commands_{std::move(commands)...} {}

    /// The transaction on a lease.
    auto send(lease const& held) && {
        return std::apply([&held](auto&... each) { return held.transaction(std::move(each)...); }, commands_);
    }

private:
    std::tuple<bare_command<Values>...> commands_;
};
template <decodable... Values>
    requires(sizeof...(Values) >= 1)
planned<Values...> plan(bare_command<Values>... commands) noexcept {
    return planned<Values...>{std::move(commands)...};
}

/// How often optimistic() begins anew.
struct optimistic_options {
    unsigned attempts_max = 16;
    /// Units: between two attempts; it doubles up to a hundredfold while others keep writing.
    std::chrono::microseconds pause{200};
};

namespace calling {

/// What a deciding coroutine gives.
template <class Awaitable>
struct decision;
template <class... Values, class Executor>
struct decision<asio::awaitable<result<planned<Values...>>, Executor>> {
    using value = typename planned<Values...>::value_type;
};

/// Errors that another attempt may mend: the node has gone, or no longer serves the key, and nothing was
/// executed.
inline bool mended_by_another_lease(error const& why) noexcept {
    return !why.may_have_executed() && (why.origin() == origin::transport || why.origin() == origin::cluster);
}

/// The coroutine behind optimistic().
template <class Client, class Decide>
asio::awaitable<result<
    std::optional<typename decision<decltype(std::declval<Decide&>()(std::declval<lease const&>()))>::value>>>
attempt_optimistic(Client const& db, std::vector<std::string> names, Decide decide,
                   optimistic_options options) {
    if (names.empty()) co_return fail(errc::bad_argument, delivery::not_sent, "no key to watch");
    asio::steady_timer timer{co_await asio::this_coro::executor};
    std::optional<lease> held;
    std::optional<error> met;
    for (unsigned attempt = 0; attempt < options.attempts_max; ++attempt) {
        if (attempt != 0 && options.pause > std::chrono::microseconds{0}) {
            timer.expires_after(options.pause * (1u << std::min(attempt - 1, 6u)));
            co_await timer.async_wait(asio::use_awaitable);
        }
        if (!held || !held->alive()) {
            auto lending = db.lease(names.front());
            result<lease> lent = co_await std::move(lending);
            if (!lent) co_return tl::unexpected<error>{std::move(lent.error())};
            held.emplace(std::move(*lent));
        }
        auto watching = held->watch(names);
        result<watched> const begun = co_await std::move(watching);
        if (!begun) {
            if (!mended_by_another_lease(begun.error())) co_return tl::unexpected<error>{begun.error()};
            met = begun.error();
            held.reset();
            // A read by the client finds out who serves the key now.
            auto finding = db.exists(std::string_view{names.front()});
            static_cast<void>(co_await std::move(finding));
            continue;
        }
        auto decided = co_await decide(*held);
        if (!decided) {
            auto unwatching = held->unwatch();
            static_cast<void>(co_await std::move(unwatching));
            co_return tl::unexpected<error>{std::move(decided.error())};
        }
        auto sending = std::move(*decided).send(*held);
        auto done = co_await std::move(sending);
        if (!done && mended_by_another_lease(done.error())) {
            met = done.error();
            held.reset();
            continue;
        }
        if (done && !*done) {
            met.reset();
            continue;  // A key has changed: EXEC has ended the watching, too.
        }
        // The lease goes back to the pool as it was lent.
        auto unwatching = held->unwatch();
        static_cast<void>(co_await std::move(unwatching));
        co_return done;
    }
    if (held) {
        auto unwatching = held->unwatch();
        static_cast<void>(co_await std::move(unwatching));
    }
    if (met) co_return tl::unexpected<error>{std::move(*met)};
    co_return std::nullopt;
}

}  // namespace calling

/// Coroutines that decide: `asio::awaitable<result<planned<…>>> decide(lease const&)`.
template <class Decide>
concept deciding = requires(Decide& decide, lease const& held) {
    typename calling::decision<decltype(decide(held))>::value;
};

/// Watches the keys, lets `decide` read on the lease and say what to write, and writes it in a transaction
/// that is executed only if none of the keys has changed since: check-and-set over several keys.
///
///     auto moved = co_await umbel::optimistic(db, std::array{"{u}from", "{u}to"},
///         [](umbel::lease const& held) -> asio::awaitable<umbel::result<umbel::planned<std::int64_t, …>>> {
///             auto have = co_await held.get<std::int64_t>("{u}from");
///             …
///             co_return umbel::plan(umbel::cmd.decrby("{u}from", 5), umbel::cmd.incrby("{u}to", 5));
///         });
///
/// The value has one result for each command, as of transaction_commands::transaction(); nullopt where others
/// kept writing until the attempts were used up: nothing was executed then. `decide` may run several times,
/// so it changes nothing itself. Errors: bad_argument without keys; what `decide` has answered with, nothing
/// was executed then; those of a lease, of WATCH and of a transaction. A lease that ends, or whose node no
/// longer serves the key, is another attempt, as long as nothing may have been executed; a transaction whose
/// EXEC has left is never repeated. Cancellation: as of the command that is under way. Lifetime: `db`
/// outlives the operation; keys are copied. Rule: Redis documentation, "Transactions", "Optimistic locking
/// using check-and-set".
template <class Client, command::key_range_of_texts Keys, deciding Decide>
auto optimistic(Client const& db, Keys const& keys, Decide decide, optimistic_options options = {}) {
    std::vector<std::string> names;
    for (auto&& name : keys) names.emplace_back(std::string_view{name});
    return calling::attempt_optimistic(db, std::move(names), std::move(decide), options);
}

}  // namespace umbel
