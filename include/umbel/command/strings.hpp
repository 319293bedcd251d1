// strings.hpp: GET, SET and their family as typed functions. Declared once for everything that can take a
// command.
#pragma once

#include <umbel/command/expiry.hpp>
#include <umbel/command/family.hpp>
#include <umbel/command/lcs_matches.hpp>
#include <umbel/command/set_options.hpp>
#include <umbel/config.hpp>
#include <umbel/resp/decode.hpp>
#include <umbel/resp/reply.hpp>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

namespace umbel::command {

/// Options of GETEX. At most one of them; without any the expiry stays as it is.
/// Rule: GETEX command, "Options".
struct getex_options {
    std::optional<std::chrono::milliseconds> expire{};  ///< EX or PX.
    std::optional<unix_time> expire_at{};               ///< EXAT or PXAT.
    bool persist = false;                               ///< PERSIST.
};
static_assert(UMBEL_IS_TRIVIALLY_DESTRUCTIBLE(getex_options));

/// When MSETEX writes.
enum class keys_condition : std::uint8_t {
    always,
    if_none_exists,  ///< NX: only when none of the keys exists.
    if_all_exist,    ///< XX: only when all of the keys exist.
};

/// Options of MSETEX. At most one of `expire`, `expire_at` and `keep_ttl`.
/// Rule: MSETEX command, "Optional arguments".
struct msetex_options {
    std::optional<std::chrono::milliseconds> expire{};  ///< EX or PX.
    std::optional<unix_time> expire_at{};               ///< EXAT or PXAT.
    bool keep_ttl = false;                              ///< KEEPTTL.
    keys_condition condition = keys_condition::always;
};
static_assert(UMBEL_IS_TRIVIALLY_DESTRUCTIBLE(msetex_options));

/// Options of INCREX. At most one of `expire`, `expire_at` and `persist`; without any the expiry stays.
/// Rule: INCREX command, "Optional arguments".
template <class Number>
struct increx_options {
    std::optional<Number> lower{};  ///< LBOUND.
    std::optional<Number> upper{};  ///< UBOUND.
    bool saturate = false;          ///< SATURATE: stop at the bound, in place of changing nothing.
    std::optional<std::chrono::milliseconds> expire{};  ///< EX or PX.
    std::optional<unix_time> expire_at{};               ///< EXAT or PXAT.
    bool persist = false;                               ///< PERSIST.
    bool expire_if_none = false;                        ///< ENX: sets an expiry only where there is none.
};

/// What INCREX did.
template <class Number>
struct increx_outcome {
    Number value{};    ///< The value afterwards.
    Number applied{};  ///< What was added; zero where a bound kept it from changing anything.
    friend bool operator==(increx_outcome const&, increx_outcome const&) = default;
};

}  // namespace umbel::command

namespace umbel {
using command::getex_options;
using command::increx_options;
using command::increx_outcome;
using command::keys_condition;
using command::msetex_options;
}  // namespace umbel

template <class Number>
inline constexpr bool umbel::empty_is_missing<umbel::command::increx_outcome<Number>> = false;

template <umbel::decodable Number>
struct umbel::from_reply<umbel::command::increx_outcome<Number>> {
    static result<command::increx_outcome<Number>> from(resp::view const& reply) {
        auto const read = from_reply<std::pair<Number, Number>>::from(reply);
        if (!read) return tl::unexpected<error>{read.error()};
        return command::increx_outcome<Number>{read->first, read->second};
    }
};

namespace umbel::command {

namespace specs {
using enum cluster::command_flags;
inline constexpr command_spec append{"APPEND", none};
inline constexpr command_spec decr{"DECR", none};
inline constexpr command_spec decrby{"DECRBY", none};
inline constexpr command_spec delex{"DELEX", none};
inline constexpr command_spec delifeq{"DELIFEQ", none};
inline constexpr command_spec digest{"DIGEST", read_only};
inline constexpr command_spec get{"GET", read_only};
inline constexpr command_spec getdel{"GETDEL", none};
inline constexpr command_spec getex{"GETEX", none};
inline constexpr command_spec getrange{"GETRANGE", read_only};
inline constexpr command_spec incr{"INCR", none};
inline constexpr command_spec incrby{"INCRBY", none};
inline constexpr command_spec incrbyfloat{"INCRBYFLOAT", none};
inline constexpr command_spec increx{"INCREX", none};
inline constexpr command_spec lcs{"LCS", read_only};
inline constexpr command_spec msetex{"MSETEX", none};
inline constexpr command_spec msetnx{"MSETNX", none};
inline constexpr command_spec set{"SET", idempotent};  ///< As long as it has no options.
inline constexpr command_spec setrange{"SETRANGE", idempotent};
inline constexpr command_spec strlen{"STRLEN", read_only};
}  // namespace specs

/// String commands for whatever can submit an invocation.
/// Errors of each: those of every command, listed at umbel::client; of these wrong_type when the key holds no
/// string, and bad_argument for an empty range, an expiry that is not positive, and options that exclude each
/// other. Cancellation: as of every command; what writes may have written then, as the delivery tells.
template <class Self>
class string_commands {
public:
    // ---- Whole values ---------------------------------------------------------------------------

    /// GET: the value, or nullopt when the key does not exist. `Value` is anything that from_reply knows;
    /// umbel::bytes copies nothing. Since 1.0.0. Complexity: O(1).
    template <decodable Value = std::string>
    auto get(std::string_view name) const {
        return run<std::optional<Value>>(*this, specs::get, umbel::key{name});
    }
    /// SET: writes `value`, a text, bytes, a number or umbel::borrow(bytes). Since 1.0.0. Complexity: O(1).
    auto set(std::string_view name, argument const& value) const {
        return run<set_outcome>(*this, specs::set, umbel::key{name}, value);
    }
    /// SET with options: `{.expire = 30s, .condition = umbel::set_condition::if_absent}`, or as
    /// compare-and-set `{.condition = umbel::if_equal("old")}`. Whether it was written.
    /// Units: expiries in milliseconds; whole seconds go out as seconds.
    auto set(std::string_view name, argument const& value, set_options options) const {
        word_list list{umbel::key{name}, value};
        add_set(list, options);
        return run<set_outcome>(*this, specs::set, list, flags_of(options));
    }
    /// SET … GET: writes, and gives what was there before; nullopt when nothing was. With a condition: what
    /// was there, whether it was written or not. Since 6.2.0 (with a condition 7.0.0). Complexity: O(1).
    template <decodable Value = std::string>
    auto set_and_get(std::string_view name, argument const& value, set_options options = {}) const {
        word_list list{umbel::key{name}, value};
        add_set(list, options);
        list.add("GET");
        return run<std::optional<Value>>(*this, specs::set, list, cluster::command_flags::none);
    }
    /// GETEX: the value, or nullopt when the key does not exist; sets or takes away its expiry.
    /// Since 6.2.0. Complexity: O(1).
    template <decodable Value = std::string>
    auto getex(std::string_view name, getex_options options = {}) const {
        word_list list{umbel::key{name}};
        add_expiry_or_persist(list, options.expire, options.expire_at, options.persist);
        return run<std::optional<Value>>(*this, specs::getex, list,
                                         idempotent_if(!options.expire && !options.expire_at));
    }
    /// GETDEL: the value, or nullopt when the key does not exist; the key is gone then.
    /// Since 6.2.0. Complexity: O(1).
    template <decodable Value = std::string>
    auto getdel(std::string_view name) const {
        return run<std::optional<Value>>(*this, specs::getdel, umbel::key{name});
    }
    /// DELEX: compare-and-delete; true when the key was deleted. On Valkey use delifeq().
    /// Since 8.4.0 (Redis only). Complexity: O(1), with a digest O(length).
    auto delex(std::string_view name, value_condition condition) const {
        word_list list{umbel::key{name}};
        add_condition(list, condition);
        return run<bool>(*this, specs::delex, list);
    }
    /// DELIFEQ: compare-and-delete; true when the key held `value` and was deleted. On Redis use
    /// `delex(name, umbel::if_equal(value))`. Since Valkey 9.0 (Valkey only). Complexity: O(1).
    auto delifeq(std::string_view name, argument const& value) const {
        return run<bool>(*this, specs::delifeq, umbel::key{name}, value);
    }
    /// DIGEST: the digest of the value for umbel::if_digest_equal(), 16 hexadecimal digits; nullopt when the
    /// key does not exist. Since 8.4.0 (Redis only). Complexity: O(length).
    auto digest(std::string_view name) const {
        return run<std::optional<std::string>>(*this, specs::digest, umbel::key{name});
    }

    // ---- Several keys of one slot ---------------------------------------------------------------

    /// MSETNX of a map, or of any range of pairs: true when all were written; false, and nothing written,
    /// when any of the keys existed. Since 1.0.1. Complexity: O(keys).
    template <keyed_word_range Pairs>
    auto msetnx(Pairs const& pairs) const {
        return run<bool>(*this, specs::msetnx, word_list{}.add_keyed(pairs));
    }
    /// MSETEX: writes all of a map or of any range of pairs, with one expiry; true when they were written,
    /// false, and nothing written, when the condition was not met.
    /// Since 8.4.0 (Valkey 9.1). Complexity: O(keys).
    template <keyed_word_range Pairs>
    auto msetex(Pairs const& pairs, msetex_options options = {}) const {
        word_list list;
        list.add_counted_keyed(pairs);
        list.add_if(options.condition == keys_condition::if_none_exists, "NX");
        list.add_if(options.condition == keys_condition::if_all_exist, "XX");
        add_expiry_or_keep(list, options.expire, options.expire_at, options.keep_ttl);
        return run<bool>(*this, specs::msetex, list);
    }

    // ---- Parts of values ------------------------------------------------------------------------

    /// STRLEN: bytes; 0 when the key does not exist. Since 2.2.0. Complexity: O(1).
    auto strlen(std::string_view name) const {
        return run<std::int64_t>(*this, specs::strlen, umbel::key{name});
    }
    /// APPEND: the length afterwards, in bytes. Since 2.0.0. Complexity: O(1).
    auto append(std::string_view name, argument const& value) const {
        return run<std::int64_t>(*this, specs::append, umbel::key{name}, value);
    }
    /// GETRANGE: the bytes from `first` to `last`, both included; a negative number counts from the end.
    /// Empty when the key does not exist, or the range is outside. Since 2.4.0. Complexity: O(bytes).
    template <decodable Value = std::string>
    auto getrange(std::string_view name, std::int64_t first, std::int64_t last) const {
        return run<Value>(*this, specs::getrange, umbel::key{name}, first, last);
    }
    /// SETRANGE: overwrites from byte `offset` on, with zero bytes between an older end and it; the length
    /// afterwards. Since 2.2.0. Complexity: O(bytes).
    auto setrange(std::string_view name, std::int64_t offset, argument const& value) const {
        word_list list{umbel::key{name}, offset, value};
        list.refuse_if(offset < 0, "a negative offset");
        return run<std::int64_t>(*this, specs::setrange, list);
    }
    /// LCS: the longest common subsequence of two values; a missing key is an empty one.
    /// Since 7.0.0. Complexity: O(length of one times length of the other).
    template <decodable Value = std::string>
    auto lcs(std::string_view first, std::string_view second) const {
        return run<Value>(*this, specs::lcs, umbel::key{first}, umbel::key{second});
    }
    /// LCS … LEN: only its length, in bytes.
    auto lcs_length(std::string_view first, std::string_view second) const {
        return run<std::int64_t>(*this, specs::lcs, umbel::key{first}, umbel::key{second}, "LEN");
    }
    /// LCS … IDX: where its parts stand in each value; without those shorter than `length_min` bytes.
    auto lcs_matches(std::string_view first, std::string_view second, std::int64_t length_min = 0) const {
        word_list list{umbel::key{first}, umbel::key{second}, "IDX"};
        if (length_min > 0) list.add("MINMATCHLEN", length_min);
        return run<command::lcs_matches>(*this, specs::lcs, list);
    }

    // ---- Numbers --------------------------------------------------------------------------------

    /// INCR: the value afterwards. Errors: server_error when the key holds no integer or it overflows.
    /// Since 1.0.0. Complexity: O(1).
    auto incr(std::string_view name) const { return run<std::int64_t>(*this, specs::incr, umbel::key{name}); }
    auto decr(std::string_view name) const { return run<std::int64_t>(*this, specs::decr, umbel::key{name}); }
    auto incrby(std::string_view name, std::int64_t by) const {
        return run<std::int64_t>(*this, specs::incrby, umbel::key{name}, by);
    }
    auto decrby(std::string_view name, std::int64_t by) const {
        return run<std::int64_t>(*this, specs::decrby, umbel::key{name}, by);
    }
    /// INCRBYFLOAT: the value afterwards. Errors: server_error when the key holds no number.
    /// Since 2.6.0. Complexity: O(1).
    auto incrbyfloat(std::string_view name, double by) const {
        word_list list{umbel::key{name}, by};
        return run<double>(*this, specs::incrbyfloat,
                           list.refuse_if(!resp::is_finite(by), "by is not finite"));
    }
    /// INCREX: counts within bounds, and sets an expiry: the window of a rate limiter is `increx(key, 1,
    /// {.upper = 100, .expire = 60s, .expire_if_none = true})`. Beyond a bound nothing is changed, unless
    /// `saturate`. Errors: server_error when the key holds no integer. Since 8.8.0 (Redis only).
    /// Complexity: O(1).
    auto increx(std::string_view name, std::int64_t by, increx_options<std::int64_t> options = {}) const {
        return counting("BYINT", name, by, options);
    }
    /// INCREX … BYFLOAT.
    auto increx_by_float(std::string_view name, double by, increx_options<double> options = {}) const {
        return counting("BYFLOAT", name, by, options);
    }

private:
    template <class Number>
    auto counting(std::string_view mode, std::string_view name, Number by,
                  increx_options<Number> const& options) const {
        word_list list{umbel::key{name}, mode, by};
        if (options.lower) list.add("LBOUND", *options.lower);
        if (options.upper) list.add("UBOUND", *options.upper);
        if constexpr (std::is_floating_point_v<Number>) list.refuse_if(!(by <= 0 || by >= 0), "not a number");
        list.refuse_if(options.lower && options.upper && *options.lower > *options.upper,
                       "the lower bound is above the upper one");
        list.add_if(options.saturate, "SATURATE");
        add_expiry_or_persist(list, options.expire, options.expire_at, options.persist);
        list.refuse_if(options.expire_if_none && !options.expire && !options.expire_at,
                       "expire_if_none needs expire or expire_at");
        list.add_if(options.expire_if_none, "ENX");
        return run<increx_outcome<Number>>(*this, specs::increx, list);
    }
};

}  // namespace umbel::command
