// credentials.hpp: who a client says it is, and who is asked for that: passwords that change, tokens that
// expire. It knows no connection.
#pragma once

#include <umbel/error.hpp>
#include <umbel/secret.hpp>

#include <chrono>
#include <functional>
#include <optional>
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

/// Asked for credentials: `provider(completion)`, which calls `completion` with them, or with an error whose
/// message says what is wrong. One answer serves all nodes, and one question is under way at a time.
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
using credential_provider = std::function<void(credential_completion)>;

}  // namespace umbel
