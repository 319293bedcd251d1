// set_options.hpp: when a command on strings writes or deletes: the conditions of SET and of its siblings,
// and the options of SET. It knows no connection.
#pragma once

#include <umbel/command/expiry.hpp>
#include <umbel/command/word_list.hpp>
#include <umbel/config.hpp>
#include <umbel/resp/decode.hpp>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>
#include <type_traits>

namespace umbel::command {

/// How a value is compared with the one that a condition carries.
enum class value_test : std::uint8_t {
    equal,             ///< IFEQ
    not_equal,         ///< IFNE
    digest_equal,      ///< IFDEQ
    digest_not_equal,  ///< IFDNE
};

/// What the value of a key must be for a command to write or delete: compare-and-set. Made by if_equal() and
/// the functions below it.
/// Lifetime: borrows its text until the command is encoded, which is at once.
struct value_condition {
    value_test test = value_test::equal;
    std::string_view operand{};
    friend constexpr bool operator==(value_condition const&, value_condition const&) noexcept = default;
};
static_assert(UMBEL_IS_TRIVIALLY_DESTRUCTIBLE(value_condition));

/// IFEQ: only when the key holds `value`; not when it does not exist. Since 8.4.0 (Valkey 8.1).
constexpr value_condition if_equal(std::string_view value) noexcept { return {value_test::equal, value}; }
/// IFNE: only when the key holds another value than `value`; SET also writes a key that does not exist.
/// Since 8.4.0; Valkey has no such condition.
constexpr value_condition if_not_equal(std::string_view value) noexcept {
    return {value_test::not_equal, value};
}
/// IFDEQ: as if_equal(), by the digest that DIGEST tells: 16 hexadecimal digits.
/// Since 8.4.0; Valkey has no such condition.
constexpr value_condition if_digest_equal(std::string_view digest) noexcept {
    return {value_test::digest_equal, digest};
}
/// IFDNE: as if_not_equal(), by the digest that DIGEST tells.
/// Since 8.4.0; Valkey has no such condition.
constexpr value_condition if_digest_not_equal(std::string_view digest) noexcept {
    return {value_test::digest_not_equal, digest};
}

/// Adds the condition. Refuses a digest that is none.
inline void add_condition(word_list& list, value_condition const& condition) noexcept {
    constexpr std::string_view spelled[]{"IFEQ", "IFNE", "IFDEQ", "IFDNE"};
    bool const is_digest = condition.test >= value_test::digest_equal;
    list.refuse_if(is_digest && condition.operand.size() != 16, "a digest has 16 hexadecimal digits");
    list.add(spelled[static_cast<std::size_t>(condition.test)], condition.operand);
}

/// When SET writes: always, if_absent, if_present, or by what the key holds: `{.condition =
/// if_equal("old")}`. Lifetime: as value_condition.
class set_condition {
public:
    static set_condition const always;
    static set_condition const if_absent;   ///< NX: only when the key does not exist.
    static set_condition const if_present;  ///< XX: only when the key exists.

    constexpr set_condition(value_condition const& value) noexcept : sort_{sort::by_value}, value_{value} {}

    void add_to(word_list& list) const noexcept {
        if (sort_ == sort::by_value) return add_condition(list, value_);
        list.add_if(sort_ == sort::if_absent, "NX").add_if(sort_ == sort::if_present, "XX");
    }
    friend constexpr bool operator==(set_condition const&, set_condition const&) noexcept = default;

private:
    enum class sort : std::uint8_t { always, if_absent, if_present, by_value };
    constexpr explicit set_condition(sort which) noexcept : sort_{which} {}

    sort sort_;
    value_condition value_{};
};

inline constexpr set_condition set_condition::always{sort::always};
inline constexpr set_condition set_condition::if_absent{sort::if_absent};
inline constexpr set_condition set_condition::if_present{sort::if_present};

/// Options of SET. At most one of `expire`, `expire_at` and `keep_ttl`.
/// Rule: SET command, "Options".
struct set_options {
    std::optional<std::chrono::milliseconds> expire{};  ///< EX or PX.
    std::optional<unix_time> expire_at{};               ///< EXAT or PXAT.
    bool keep_ttl = false;                              ///< KEEPTTL.
    set_condition condition = set_condition::always;
};
// It stands in operands of co_await, where g++ 12 destroys an aggregate twice when its destructor does
// anything.
static_assert(UMBEL_IS_TRIVIALLY_DESTRUCTIBLE(set_options));

inline void add_set(word_list& list, set_options const& options) noexcept {
    add_expiry_or_keep(list, options.expire, options.expire_at, options.keep_ttl);
    options.condition.add_to(list);
}

/// Setting a key to a value twice in a row leaves the same state, with an expiry that counts from the second
/// time; a condition or a kept expiry does not.
inline cluster::command_flags flags_of(set_options const& options) noexcept {
    bool const same = options.condition == set_condition::always && !options.keep_ttl;
    return same ? cluster::command_flags::idempotent : cluster::command_flags::none;
}

/// What SET did.
enum class set_outcome : std::uint8_t {
    written,
    kept,  ///< The condition was not met; nothing was written.
};

}  // namespace umbel::command

namespace umbel {
using command::if_digest_equal;
using command::if_digest_not_equal;
using command::if_equal;
using command::if_not_equal;
using command::set_condition;
using command::set_options;
using command::set_outcome;
using command::value_condition;
}  // namespace umbel

template <>
inline constexpr bool umbel::empty_is_missing<umbel::command::set_outcome> = false;

template <>
struct umbel::from_reply<umbel::command::set_outcome> {
    template <class View = resp::view>
    static result<later<View, command::set_outcome>> from(View const& reply) {
        if (reply.is_null()) return command::set_outcome::kept;
        if (!reply.is_error() && reply.text() == "OK") return command::set_outcome::written;
        return umbel::unexpected("OK or null", reply);
    }
};
