// from_reply.hpp: the one customization point of decoding: from_reply<T>, what a type must offer to be
// decoded, and the error for a reply of the wrong shape. It knows no type that is decoded. It stands in
// namespace umbel, and not in resp, because users specialize it as umbel::from_reply<T>.
#pragma once

#include <umbel/config.hpp>
#include <umbel/error.hpp>
#include <umbel/resp/error_code.hpp>
#include <umbel/resp/type.hpp>
#include <umbel/resp/view.hpp>

#include <concepts>
#include <cstdio>
#include <string_view>
#include <type_traits>

namespace umbel {

/// Specialize this to decode replies into a type of yours:
///
///     template <>
///     struct umbel::from_reply<User> {
///         static umbel::result<User> from(umbel::resp::view const& reply);
///     };
///
/// Errors: `from` reports a reply of the wrong shape with umbel::unexpected(); it may throw std::bad_alloc
/// and nothing else. Lifetime: the view dies when `from` returns; keep copies, umbel::bytes or umbel::reply,
/// never string views.
template <class T>
struct from_reply;

/// T, in a template over `When`: a compiler looks at it where somebody uses the template, not where it is
/// included. Types of replies that umbel itself declares are many, and each result<T> is dear; so their
/// `from` is a template over the view, which makes all that depends on the view wait as well.
template <class When, class T>
using later = typename std::conditional<true, T, When>::type;

/// There is a `from_reply<T>` with a static function `from(view)`.
template <class T>
concept has_from_reply = requires(resp::view const& view) { from_reply<T>::from(view); };

/// `from_reply<T>::from(view)` returns exactly `umbel::result<T>`.
template <class T>
concept from_reply_returns_result = requires(resp::view const& view) {
    { from_reply<T>::from(view) } -> std::same_as<result<T>>;
};

/// A type that replies can be decoded into: `from_reply<T>::from(view)` yields a `result<T>` that owns all it
/// refers to. Every function of the library that takes the type of a reply demands it. So void, references
/// and std::string_view, which owns nothing, do not compile there; nor does a type of yours before its
/// from_reply is declared.
template <class T>
concept decodable = has_from_reply<T> && from_reply_returns_result<T>;

/// Decodes `view` as a T. Errors: unexpected_type, or the code of the reply when it is an error; delivery
/// executed.
template <decodable T>
result<T> decode(resp::view const& view) {
    return from_reply<T>::from(view);
}

/// Builds the error for a reply of the wrong shape: the error's own code with the server's line when `got` is
/// an error, otherwise unexpected_type and a message that names `expected` and what came.
UMBEL_NEVER_INLINE inline tl::unexpected<error> unexpected(std::string_view expected,
                                                           resp::view const& got) noexcept {
    if (got.is_error()) return fail(resp::code_of(got.text()), delivery::executed, got.text());
    char text[160];
    std::string_view const kind = name_of(got.kind());
    if (got.is_aggregate()) {
        std::snprintf(text, sizeof text, "expected %.*s, got %.*s of %zu", static_cast<int>(expected.size()),
                      expected.data(), static_cast<int>(kind.size()), kind.data(), got.size());
    } else {
        std::snprintf(text, sizeof text, "expected %.*s, got %.*s", static_cast<int>(expected.size()),
                      expected.data(), static_cast<int>(kind.size()), kind.data());
    }
    return fail(errc::unexpected_type, delivery::executed, std::string_view{text});
}

/// What an empty map or array means to std::optional<T>. True: that there is nothing, as HGETALL says it of a
/// missing hash; T is not asked then. So it is for maps and for types of yours, unless you specialize this.
/// False: a T without elements (lists, sets, replies as they came), or a mistake (texts, numbers).
template <class T>
inline constexpr bool empty_is_missing = true;

}  // namespace umbel
