// keys.hpp: commands on keys of any type, and PING, as typed functions.
#pragma once

#include <umbel/command/encode.hpp>
#include <umbel/command/family.hpp>
#include <umbel/resp/decode.hpp>

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

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

}  // namespace umbel::command

namespace umbel {
using command::expire_condition;
using command::time_to_live;
}  // namespace umbel

template <>
inline constexpr bool umbel::empty_is_missing<umbel::command::time_to_live> = false;

template <>
struct umbel::from_reply<umbel::command::time_to_live> {
    static result<command::time_to_live> from(resp::view const& reply) {
        using command::time_to_live;
        result<std::int64_t> const left = from_reply<std::int64_t>::from(reply);
        if (!left) return tl::unexpected<error>{left.error()};
        if (*left == -2) return time_to_live{};
        if (*left == -1) return time_to_live{time_to_live::state::no_expiry, {}};
        return time_to_live{time_to_live::state::expires, std::chrono::milliseconds{*left}};
    }
};

namespace umbel::command {

namespace specs {
using enum cluster::command_flags;
inline constexpr command_spec del{"DEL", none};
inline constexpr command_spec unlink{"UNLINK", none};
inline constexpr command_spec exists{"EXISTS", read_only};
inline constexpr command_spec touch{"TOUCH", none};
inline constexpr command_spec pexpire{"PEXPIRE", none};
inline constexpr command_spec pexpireat{"PEXPIREAT", none};
inline constexpr command_spec persist{"PERSIST", none};
inline constexpr command_spec pttl{"PTTL", read_only};
inline constexpr command_spec type{"TYPE", read_only};
inline constexpr command_spec ping{"PING", read_only};
}  // namespace specs

/// Commands on keys for whatever can submit an invocation.
/// Errors of each: those of every command, listed at umbel::client. Cancellation: as of every command; what
/// writes may have written then, as the delivery tells.
template <class Self>
class key_commands {
public:
    /// DEL of one key: 1 when it was there.
    auto del(std::string_view name) const { return run<std::int64_t>(*this, specs::del, umbel::key{name}); }
    /// UNLINK of one key: as DEL, the memory is freed in the background.
    auto unlink(std::string_view name) const {
        return run<std::int64_t>(*this, specs::unlink, umbel::key{name});
    }
    /// EXISTS of one key: 1 when it is there.
    auto exists(std::string_view name) const {
        return run<std::int64_t>(*this, specs::exists, umbel::key{name});
    }
    /// TOUCH of one key: 1 when it is there.
    auto touch(std::string_view name) const {
        return run<std::int64_t>(*this, specs::touch, umbel::key{name});
    }

    /// PEXPIRE: true when the expiry was set. Units: milliseconds.
    auto expire(std::string_view name, std::chrono::milliseconds left,
                expire_condition when = expire_condition::always) const {
        return expiring(specs::pexpire, name, left.count(), when);
    }
    /// PEXPIREAT: true when the expiry was set. Units: milliseconds of Unix time.
    auto expire_at(std::string_view name, std::chrono::sys_time<std::chrono::milliseconds> at,
                   expire_condition when = expire_condition::always) const {
        return expiring(specs::pexpireat, name, at.time_since_epoch().count(), when);
    }
    /// PERSIST: true when an expiry was taken away.
    auto persist(std::string_view name) const { return run<bool>(*this, specs::persist, umbel::key{name}); }
    /// PTTL: what the key has left to live.
    auto ttl(std::string_view name) const { return run<time_to_live>(*this, specs::pttl, umbel::key{name}); }
    /// TYPE: "string", "list", …, "none".
    auto type(std::string_view name) const { return run<std::string>(*this, specs::type, umbel::key{name}); }

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
