// credentials.hpp: who a client says it is, and who is asked for that: passwords that change, tokens that
// expire. It knows no connection.
#pragma once

#include <umbel/error.hpp>
#include <umbel/secret.hpp>

#include <chrono>
#include <concepts>
#include <cstddef>
#include <functional>
#include <optional>
#include <string_view>
#include <type_traits>
#include <utility>

namespace umbel {

/// A user's name and password, or a token in its place. Lifetime: owns its texts, and wipes them.
class credentials {
public:
    /// `user` may be empty: the user called default. `proof` is the password, or the token. `time`: for how
    /// long a server accepts them from now on; without it they hold until they are replaced.
    credentials(secret user, secret proof,
                std::optional<std::chrono::nanoseconds> time = std::nullopt) noexcept
        : username{std::move(user)}, password{std::move(proof)}, valid_for{time} {}

    secret username;
    secret password;
    std::optional<std::chrono::nanoseconds> valid_for;
};

/// Takes the answer of a credential_provider. Threading: called from any thread, at once or later. The first
/// call counts, and others do nothing. Lifetime: keeps nothing alive; when the client has gone, it does
/// nothing. Errors: none; it does not throw.
using credential_completion = std::function<void(result<credentials>)>;

/// What a credential_provider is asked. Lifetime: valid until the provider returns.
struct credential_question {
    /// The node whose connection waits for the answer, "host:port", or the first of several; empty where none
    /// waits: the present credentials expire, or client::reauthenticate() was called.
    std::string_view node;
};

/// A function that answers: `f(completion)`, or `f(credential_question, completion)` where it wants to know
/// which node is meant.
template <class Ask>
concept answers_for_credentials =
    std::copy_constructible<Ask> && (std::invocable<Ask&, credential_completion> ||
                                     std::invocable<Ask&, credential_question, credential_completion>);

/// Asked for credentials: any function that answers_for_credentials. It calls `completion` with them, or with
/// an error whose message says what is wrong. One answer serves all nodes, and one question is under way at a
/// time.
///
/// It is asked when a connection begins to be opened, which waits for the answer before it says anything,
/// unless it has given credentials that are valid for a while; credentials with `valid_for` are asked for
/// again when about three quarters of that time are over, and without `valid_for` an answer serves the
/// connections that are opened within options::connect_timeout. Where new ones come before old ones expire,
/// or client::reauthenticate() was called, connections that serve say AUTH again, between two commands.
/// Questions that no connection waits for are at least 100 ms apart.
///
/// Threading: called on a thread that runs one of the client's executors, one call at a time; it must not
/// block, and may call the completion before it returns. Errors: what it throws, an error, an empty or
/// overlong password, and no answer within options::connect_timeout make the connections that wait for it
/// fail with errc::no_credentials; the next attempt to connect asks again. Cancellation: none; a late answer
/// serves the next attempt. Lifetime: the client keeps a copy, and may end while an answer is due.
class credential_provider {
public:
    /// Nobody is asked.
    credential_provider() noexcept = default;
    credential_provider(std::nullptr_t) noexcept {}
    template <class Ask>
        requires(!std::same_as<std::remove_cvref_t<Ask>, credential_provider> &&
                 answers_for_credentials<std::remove_cvref_t<Ask>>)
    credential_provider(Ask&& ask) {
        using function = std::remove_cvref_t<Ask>;
        if constexpr (std::is_pointer_v<function> || requires { ask.operator bool(); })
            if (!ask) return;
        if constexpr (std::invocable<function&, credential_question, credential_completion>)
            ask_ = std::forward<Ask>(ask);
        else
            ask_ = [simple = function(std::forward<Ask>(ask))](credential_question const&,
                                                               credential_completion done) mutable {
                simple(std::move(done));
            };
    }

    explicit operator bool() const noexcept { return static_cast<bool>(ask_); }
    /// Errors: throws what the function throws, and std::bad_function_call where there is none.
    void operator()(credential_question const& what, credential_completion done) const {
        ask_(what, std::move(done));
    }
    void operator()(credential_completion done) const { ask_({}, std::move(done)); }

private:
    std::function<void(credential_question const&, credential_completion)> ask_;
};

}  // namespace umbel
