// keys.hpp: commands on keys of any type, and PING, as typed functions.
#pragma once

#include <umbel/command/encode.hpp>
#include <umbel/command/expiry.hpp>
#include <umbel/command/family.hpp>
#include <umbel/config.hpp>
#include <umbel/resp/decode.hpp>

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>

namespace umbel::command {

/// When EXPIRE sets an expiry. Rule: EXPIRE command, "Options".
enum class expire_condition : std::uint8_t {
    always,
    if_none,     ///< NX: only when the key has no expiry.
    if_some,     ///< XX: only when the key has an expiry.
    if_greater,  ///< GT: only when the new expiry is later.
    if_less,     ///< LT: only when the new expiry is earlier.
};

/// The word of the protocol for a condition; none for always.
constexpr std::string_view spelling_of(expire_condition when) noexcept {
    constexpr std::string_view spelled[]{"", "NX", "XX", "GT", "LT"};
    return spelled[static_cast<std::size_t>(when)];
}

/// What a key has left to live.
struct time_to_live {
    enum class state : std::uint8_t { no_key, no_expiry, expires };
    state is = state::no_key;
    std::chrono::milliseconds left{};  ///< Where `is` says expires.
    friend bool operator==(time_to_live const&, time_to_live const&) = default;
};

/// When a key expires.
struct expiry_moment {
    enum class state : std::uint8_t { no_key, no_expiry, expires };
    state is = state::no_key;
    unix_time at{};  ///< Where `is` says expires.
    friend bool operator==(expiry_moment const&, expiry_moment const&) = default;
};

/// Options of COPY. Rule: COPY command, "Optional arguments"; DB has no place in a cluster.
struct copy_options {
    bool replace = false;  ///< REPLACE: also onto a key that exists.
};
static_assert(UMBEL_IS_TRIVIALLY_DESTRUCTIBLE(copy_options));

}  // namespace umbel::command

namespace umbel {
using command::copy_options;
using command::expire_condition;
using command::expiry_moment;
using command::time_to_live;
}  // namespace umbel

template <>
inline constexpr bool umbel::empty_is_missing<umbel::command::time_to_live> = false;

template <>
struct umbel::from_reply<umbel::command::time_to_live> {
    template <class View = resp::view>
    static result<later<View, command::time_to_live>> from(View const& reply) {
        using command::time_to_live;
        auto const left = from_reply<std::int64_t>::from(reply);
        if (!left) return tl::unexpected<error>{left.error()};
        if (*left == -2) return time_to_live{};
        if (*left == -1) return time_to_live{time_to_live::state::no_expiry, {}};
        if (*left < 0) return umbel::unexpected("a time to live, -1 or -2", reply);
        return time_to_live{time_to_live::state::expires, std::chrono::milliseconds{*left}};
    }
};

template <>
inline constexpr bool umbel::empty_is_missing<umbel::command::expiry_moment> = false;

template <>
struct umbel::from_reply<umbel::command::expiry_moment> {
    template <class View = resp::view>
    static result<later<View, command::expiry_moment>> from(View const& reply) {
        using command::expiry_moment;
        auto const at = from_reply<std::int64_t>::from(reply);
        if (!at) return tl::unexpected<error>{at.error()};
        if (*at == -2) return expiry_moment{};
        if (*at == -1) return expiry_moment{expiry_moment::state::no_expiry, {}};
        if (*at < 0) return umbel::unexpected("a moment, -1 or -2", reply);
        return expiry_moment{expiry_moment::state::expires,
                             command::unix_time{std::chrono::milliseconds{*at}}};
    }
};

namespace umbel::command {

namespace specs {
using enum cluster::command_flags;
inline constexpr command_spec copy{"COPY", none};
inline constexpr command_spec del{"DEL", none};
inline constexpr command_spec exists{"EXISTS", read_only};
inline constexpr command_spec persist{"PERSIST", none};
inline constexpr command_spec pexpire{"PEXPIRE", none};
inline constexpr command_spec pexpireat{"PEXPIREAT", none};
inline constexpr command_spec pexpiretime{"PEXPIRETIME", read_only};
inline constexpr command_spec ping{"PING", read_only};
inline constexpr command_spec pttl{"PTTL", read_only};
inline constexpr command_spec rename{"RENAME", none};
inline constexpr command_spec renamenx{"RENAMENX", none};
inline constexpr command_spec touch{"TOUCH", none};
inline constexpr command_spec type{"TYPE", read_only};
inline constexpr command_spec unlink{"UNLINK", none};
}  // namespace specs

/// Commands on keys for whatever can submit an invocation.
/// Errors of each: those of every command, listed at umbel::client. Cancellation: as of every command; what
/// writes may have written then, as the delivery tells.
template <class Self>
class key_commands {
public:
    /// DEL of one key: 1 when it was there. Since 1.0.0. Complexity: O(size of the value).
    auto del(std::string_view name) const { return run<std::int64_t>(*this, specs::del, umbel::key{name}); }
    /// UNLINK of one key: as DEL, the memory is freed in the background. Since 4.0.0. Complexity: O(1).
    auto unlink(std::string_view name) const {
        return run<std::int64_t>(*this, specs::unlink, umbel::key{name});
    }
    /// EXISTS of one key: 1 when it is there. Since 1.0.0. Complexity: O(1).
    auto exists(std::string_view name) const {
        return run<std::int64_t>(*this, specs::exists, umbel::key{name});
    }
    /// TOUCH of one key: 1 when it is there. Since 3.2.1. Complexity: O(1).
    auto touch(std::string_view name) const {
        return run<std::int64_t>(*this, specs::touch, umbel::key{name});
    }
    /// TYPE: "string", "list", …, "none". Since 1.0.0. Complexity: O(1).
    auto type(std::string_view name) const { return run<std::string>(*this, specs::type, umbel::key{name}); }

    /// COPY: true when the value and its expiry were copied; false when there is no `from`, or when `to`
    /// exists and is not to be replaced. Both keys lie in one slot. Since 6.2.0. Complexity: O(size of the
    /// value).
    auto copy(std::string_view from, std::string_view to, copy_options options = {}) const {
        word_list list{umbel::key{from}, umbel::key{to}};
        list.add_if(options.replace, "REPLACE");
        return run<bool>(*this, specs::copy, list, idempotent_if(options.replace));
    }
    /// RENAME: a key that has the new name is overwritten. Both names lie in one slot. Errors: server_error
    /// when there is no `from`. Since 1.0.0. Complexity: O(1), and O(size) of what is overwritten.
    auto rename(std::string_view from, std::string_view to) const {
        return run<ok>(*this, specs::rename, umbel::key{from}, umbel::key{to});
    }
    /// RENAMENX: true when it was renamed, false when `to` exists. Errors: as rename(). Since 1.0.0.
    /// Complexity: O(1).
    auto renamenx(std::string_view from, std::string_view to) const {
        return run<bool>(*this, specs::renamenx, umbel::key{from}, umbel::key{to});
    }

    /// PEXPIRE: true when the expiry was set; one that is not positive deletes the key. Units: milliseconds.
    /// Since 2.6.0 (a condition 7.0.0). Complexity: O(1).
    auto expire(std::string_view name, std::chrono::milliseconds left,
                expire_condition when = expire_condition::always) const {
        return expiring(specs::pexpire, name, left.count(), when);
    }
    /// PEXPIREAT: true when the expiry was set. Units: milliseconds of Unix time.
    /// Since 2.6.0 (a condition 7.0.0). Complexity: O(1).
    auto expire_at(std::string_view name, unix_time at,
                   expire_condition when = expire_condition::always) const {
        return expiring(specs::pexpireat, name, at.time_since_epoch().count(), when);
    }
    /// PEXPIRETIME: when the key expires. Since 7.0.0. Complexity: O(1).
    auto expire_time(std::string_view name) const {
        return run<expiry_moment>(*this, specs::pexpiretime, umbel::key{name});
    }
    /// PERSIST: true when an expiry was taken away. Since 2.2.0. Complexity: O(1).
    auto persist(std::string_view name) const { return run<bool>(*this, specs::persist, umbel::key{name}); }
    /// PTTL: what the key has left to live. Since 2.6.0. Complexity: O(1).
    auto ttl(std::string_view name) const { return run<time_to_live>(*this, specs::pttl, umbel::key{name}); }

    /// PING: "PONG", from any node.
    auto ping() const { return run<std::string>(*this, specs::ping); }
    /// PING with a message, which comes back.
    auto ping(std::string_view message) const { return run<std::string>(*this, specs::ping, message); }

private:
    auto expiring(command_spec const& name, std::string_view which, std::int64_t time,
                  expire_condition when) const {
        argument const words[]{argument{umbel::key{which}}, argument{time}, argument{spelling_of(when)}};
        std::size_t const count = when == expire_condition::always ? 2 : 3;
        return self_of(*this).submit(invocation<bool>{name, std::span{words}.first(count), name.flags()});
    }
};

}  // namespace umbel::command
