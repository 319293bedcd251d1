// hashes.hpp: hashes as typed functions: fields, their values, and expiries of single fields.
#pragma once

#include <umbel/command/expiry.hpp>
#include <umbel/command/family.hpp>
#include <umbel/command/keys.hpp>
#include <umbel/command/scan.hpp>
#include <umbel/config.hpp>
#include <umbel/resp/decode.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <unordered_map>
#include <utility>
#include <vector>

namespace umbel::command {

/// When HSETEX writes.
enum class field_condition : std::uint8_t {
    always,
    if_none_exists,  ///< FNX: only when none of the fields exists.
    if_all_exist,    ///< FXX: only when all of the fields exist.
};

/// Options of HSETEX. At most one of `expire`, `expire_at` and `keep_ttl`.
/// Rule: HSETEX command, "Options".
struct hsetex_options {
    std::optional<std::chrono::milliseconds> expire{};  ///< EX or PX.
    std::optional<unix_time> expire_at{};               ///< EXAT or PXAT.
    bool keep_ttl = false;                              ///< KEEPTTL.
    field_condition condition = field_condition::always;
};
static_assert(UMBEL_IS_TRIVIALLY_DESTRUCTIBLE(hsetex_options));

/// Options of HGETEX. At most one of them.
/// Rule: HGETEX command, "Options".
struct hgetex_options {
    std::optional<std::chrono::milliseconds> expire{};  ///< EX or PX.
    std::optional<unix_time> expire_at{};               ///< EXAT or PXAT.
    bool persist = false;                               ///< PERSIST.
};
static_assert(UMBEL_IS_TRIVIALLY_DESTRUCTIBLE(hgetex_options));

/// What became of the expiry of one field.
enum class field_expiry : std::int8_t {
    no_field = -2,   ///< There is no such field, or no such key.
    no_expiry = -1,  ///< HPERSIST: the field had none.
    not_met = 0,     ///< The condition was not met.
    done = 1,        ///< Set, or with HPERSIST taken away.
    deleted = 2,     ///< The time had passed, so the field is gone.
};

}  // namespace umbel::command

namespace umbel {
using command::field_condition;
using command::field_expiry;
using command::hgetex_options;
using command::hsetex_options;
}  // namespace umbel

template <>
inline constexpr bool umbel::empty_is_missing<umbel::command::field_expiry> = false;

template <>
struct umbel::from_reply<umbel::command::field_expiry> {
    template <class View = resp::view>
    static result<later<View, command::field_expiry>> from(View const& reply) {
        auto const code = from_reply<std::int64_t>::from(reply);
        if (!code) return tl::unexpected<error>{code.error()};
        if (*code < -2 || *code > 2) return umbel::unexpected("an integer from -2 to 2", reply);
        return static_cast<command::field_expiry>(*code);
    }
};

namespace umbel::command {

namespace specs {
using enum cluster::command_flags;
inline constexpr command_spec hdel{"HDEL", none};
inline constexpr command_spec hexists{"HEXISTS", read_only};
inline constexpr command_spec hpexpire{"HPEXPIRE", none};
inline constexpr command_spec hpexpireat{"HPEXPIREAT", none};
inline constexpr command_spec hpexpiretime{"HPEXPIRETIME", read_only};
inline constexpr command_spec hpersist{"HPERSIST", none};
inline constexpr command_spec hpttl{"HPTTL", read_only};
inline constexpr command_spec hget{"HGET", read_only};
inline constexpr command_spec hgetall{"HGETALL", read_only};
inline constexpr command_spec hgetdel{"HGETDEL", none};
inline constexpr command_spec hgetex{"HGETEX", none};
inline constexpr command_spec hincrby{"HINCRBY", none};
inline constexpr command_spec hincrbyfloat{"HINCRBYFLOAT", none};
inline constexpr command_spec hkeys{"HKEYS", read_only};
inline constexpr command_spec hlen{"HLEN", read_only};
inline constexpr command_spec hmget{"HMGET", read_only};
inline constexpr command_spec hrandfield{"HRANDFIELD", read_only};
inline constexpr command_spec hscan{"HSCAN", read_only};
inline constexpr command_spec hset{"HSET", none};
inline constexpr command_spec hsetex{"HSETEX", none};
inline constexpr command_spec hsetnx{"HSETNX", none};
inline constexpr command_spec hstrlen{"HSTRLEN", read_only};
inline constexpr command_spec hvals{"HVALS", read_only};
}  // namespace specs

/// Hash commands for whatever can submit an invocation.
/// Errors of each: those of every command, listed at umbel::client; of these wrong_type when the key holds no
/// hash, and bad_argument for an empty range, an expiry that is not positive, options that exclude each
/// other, an increment that is not finite, and a scan with a count of zero. Cancellation: as of every
/// command; what writes may have written then, as the delivery tells.
template <class Self>
class hash_commands {
public:
    // ---- Fields and values ----------------------------------------------------------------------

    /// HSET: how many of the fields are new. `more` are further fields and values, in turn.
    /// Since 2.0.0. Complexity: O(fields).
    template <word... More>
        requires(sizeof...(More) % 2 == 0)
    auto hset(std::string_view name, argument const& field, argument const& value,
              More const&... more) const {
        return run<std::int64_t>(*this, specs::hset, umbel::key{name}, field, value, more...);
    }
    /// HSET of a map, of any range of pairs, or of a struct that says its fields (umbel::fields_of).
    template <named_values Fields>
    auto hset(std::string_view name, Fields const& fields) const {
        return run<std::int64_t>(*this, specs::hset, word_list{umbel::key{name}}.add_fields(fields));
    }
    /// HSETNX: true when the field was new and is written. Since 2.0.0. Complexity: O(1).
    auto hsetnx(std::string_view name, argument const& field, argument const& value) const {
        return run<bool>(*this, specs::hsetnx, umbel::key{name}, field, value);
    }
    /// HGET: the value, or nullopt when the field or the key does not exist. Since 2.0.0. Complexity: O(1).
    template <decodable Value = std::string>
    auto hget(std::string_view name, argument const& field) const {
        return run<std::optional<Value>>(*this, specs::hget, umbel::key{name}, field);
    }
    /// HMGET: values in the order of the fields, nullopt for missing ones.
    /// Since 2.0.0. Complexity: O(fields).
    template <decodable Value = std::string, word... Fields>
        requires(sizeof...(Fields) >= 1)
    auto hmget(std::string_view name, Fields const&... fields) const {
        return run<std::vector<std::optional<Value>>>(*this, specs::hmget, umbel::key{name}, fields...);
    }
    template <decodable Value = std::string, word_range Fields>
    auto hmget(std::string_view name, Fields const& fields) const {
        return run<std::vector<std::optional<Value>>>(*this, specs::hmget,
                                                      word_list{umbel::key{name}}.add_each(fields));
    }
    /// HGETALL: all fields and values; of a missing hash an empty map. `Fields` is any map, a vector of
    /// pairs, or a type of yours; std::optional of it tells a missing hash apart. Since 2.0.0. Complexity:
    /// O(size of the hash).
    template <decodable Fields = std::unordered_map<std::string, std::string>>
    auto hgetall(std::string_view name) const {
        return run<Fields>(*this, specs::hgetall, umbel::key{name});
    }
    /// HKEYS: all fields. Since 2.0.0. Complexity: O(size of the hash).
    auto hkeys(std::string_view name) const {
        return run<std::vector<std::string>>(*this, specs::hkeys, umbel::key{name});
    }
    /// HVALS: all values. Since 2.0.0. Complexity: O(size of the hash).
    template <decodable Value = std::string>
    auto hvals(std::string_view name) const {
        return run<std::vector<Value>>(*this, specs::hvals, umbel::key{name});
    }
    /// HDEL: how many of the fields there were. Since 2.0.0. Complexity: O(fields).
    template <word... Fields>
        requires(sizeof...(Fields) >= 1)
    auto hdel(std::string_view name, Fields const&... fields) const {
        return run<std::int64_t>(*this, specs::hdel, umbel::key{name}, fields...);
    }
    template <word_range Fields>
    auto hdel(std::string_view name, Fields const& fields) const {
        return run<std::int64_t>(*this, specs::hdel, word_list{umbel::key{name}}.add_each(fields));
    }
    /// HEXISTS: true when the field exists. Since 2.0.0. Complexity: O(1).
    auto hexists(std::string_view name, argument const& field) const {
        return run<bool>(*this, specs::hexists, umbel::key{name}, field);
    }
    /// HLEN: the number of fields. Since 2.0.0. Complexity: O(1).
    auto hlen(std::string_view name) const { return run<std::int64_t>(*this, specs::hlen, umbel::key{name}); }
    /// HSTRLEN: the bytes of a value; 0 when the field does not exist. Since 3.2.0. Complexity: O(1).
    auto hstrlen(std::string_view name, argument const& field) const {
        return run<std::int64_t>(*this, specs::hstrlen, umbel::key{name}, field);
    }
    /// HINCRBY: the value afterwards. Errors: server_error when the value is no integer, or it overflows.
    /// Since 2.0.0. Complexity: O(1).
    auto hincrby(std::string_view name, argument const& field, std::int64_t by) const {
        return run<std::int64_t>(*this, specs::hincrby, umbel::key{name}, field, by);
    }
    /// HINCRBYFLOAT: the value afterwards. Errors: server_error when the value is no number.
    /// Since 2.6.0. Complexity: O(1).
    auto hincrbyfloat(std::string_view name, argument const& field, double by) const {
        word_list list{umbel::key{name}, field, by};
        return run<double>(*this, specs::hincrbyfloat,
                           list.refuse_if(!resp::is_finite(by), "by is not finite"));
    }

    /// HRANDFIELD: some field, or nullopt when the key does not exist. Since 6.2.0. Complexity: O(1).
    auto hrandfield(std::string_view name) const {
        return run<std::optional<std::string>>(*this, specs::hrandfield, umbel::key{name});
    }
    /// HRANDFIELD of several: at most `count` different fields, or with a negative `count` exactly so
    /// many, the same ones again and again. Since 6.2.0. Complexity: O(count).
    auto hrandfield(std::string_view name, std::int64_t count) const {
        return run<std::vector<std::string>>(*this, specs::hrandfield, umbel::key{name}, count);
    }
    /// HRANDFIELD … WITHVALUES: fields and values.
    template <decodable Value = std::string>
    auto hrandfield_with_values(std::string_view name, std::int64_t count) const {
        return run<std::vector<std::pair<std::string, Value>>>(*this, specs::hrandfield, umbel::key{name},
                                                               count, "WITHVALUES");
    }

    /// HSCAN: one page of fields and values. A field that is there all the time is seen at least once, and
    /// perhaps several times. Rule: SCAN command, "Scan guarantees". Since 2.8.0. Complexity: O(1) a page.
    template <decodable Value = std::string>
    auto hscan(std::string_view name, std::string_view cursor = scan_start, scan_options options = {}) const {
        word_list list{umbel::key{name}, cursor};
        add_scan(list, options);
        return run<scan_page<std::pair<std::string, Value>>>(*this, specs::hscan, list);
    }
    /// HSCAN … NOVALUES: one page of fields. Since 7.4.0 (Valkey 8.0).
    auto hscan_fields(std::string_view name, std::string_view cursor = scan_start,
                      scan_options options = {}) const {
        word_list list{umbel::key{name}, cursor};
        add_scan(list, options);
        list.add("NOVALUES");
        return run<scan_page<std::string>>(*this, specs::hscan, list);
    }

    // ---- Fields that expire ---------------------------------------------------------------------

    /// HPEXPIRE: what became of each field's expiry, in the order of the fields. Units: milliseconds.
    /// Since 7.4.0 (Valkey 9.0). Complexity: O(fields).
    template <word_range Fields>
    auto hexpire(std::string_view name, std::chrono::milliseconds left, Fields const& fields,
                 expire_condition when = expire_condition::always) const {
        return expiring(specs::hpexpire, name, left.count(), when, fields);
    }
    /// HPEXPIREAT: as hexpire(), at a moment of Unix time. Units: milliseconds.
    template <word_range Fields>
    auto hexpire_at(std::string_view name, unix_time at, Fields const& fields,
                    expire_condition when = expire_condition::always) const {
        return expiring(specs::hpexpireat, name, at.time_since_epoch().count(), when, fields);
    }
    /// HPERSIST: what became of each field's expiry. Since 7.4.0 (Valkey 9.0). Complexity: O(fields).
    template <word_range Fields>
    auto hpersist(std::string_view name, Fields const& fields) const {
        return of_fields<std::vector<field_expiry>>(specs::hpersist, name, fields);
    }
    /// HPTTL: what each field has left to live; of a missing field that it does not exist.
    /// Since 7.4.0 (Valkey 9.0). Complexity: O(fields).
    template <word_range Fields>
    auto httl(std::string_view name, Fields const& fields) const {
        return of_fields<std::vector<time_to_live>>(specs::hpttl, name, fields);
    }
    /// HPEXPIRETIME: when each field expires, in the order of the fields. Units: milliseconds of Unix time.
    /// Since 7.4.0 (Valkey 9.0). Complexity: O(fields).
    template <word_range Fields>
    auto hexpire_time(std::string_view name, Fields const& fields) const {
        return of_fields<std::vector<expiry_moment>>(specs::hpexpiretime, name, fields);
    }
    /// HGETEX: values in the order of the fields, and sets or takes away their expiry.
    /// Since 8.0.0 (Valkey 9.0). Complexity: O(fields).
    template <decodable Value = std::string, word_range Fields>
    auto hgetex(std::string_view name, Fields const& fields, hgetex_options options = {}) const {
        word_list list{umbel::key{name}};
        add_expiry_or_persist(list, options.expire, options.expire_at, options.persist);
        list.add("FIELDS").add_counted(fields);
        return run<std::vector<std::optional<Value>>>(*this, specs::hgetex, list);
    }
    /// HSETEX: writes a map or any range of pairs, with an expiry for each field; true when it was written.
    /// Since 8.0.0 (Valkey 9.0). Complexity: O(fields).
    template <word_pair_range Fields>
    auto hsetex(std::string_view name, Fields const& fields, hsetex_options options = {}) const {
        word_list list{umbel::key{name}};
        list.add_if(options.condition == field_condition::if_none_exists, "FNX");
        list.add_if(options.condition == field_condition::if_all_exist, "FXX");
        add_expiry_or_keep(list, options.expire, options.expire_at, options.keep_ttl);
        list.add("FIELDS").add_counted_pairs(fields);
        return run<bool>(*this, specs::hsetex, list);
    }
    /// HGETDEL: values in the order of the fields, which are gone then; so is a hash without fields.
    /// Since 8.0.0 (Valkey 9.1). Complexity: O(fields).
    template <decodable Value = std::string, word_range Fields>
    auto hgetdel(std::string_view name, Fields const& fields) const {
        return of_fields<std::vector<std::optional<Value>>>(specs::hgetdel, name, fields);
    }

private:
    template <class Reply, class Fields>
    auto of_fields(command_spec const& spec, std::string_view name, Fields const& fields) const {
        return run<Reply>(*this, spec, word_list{umbel::key{name}, "FIELDS"}.add_counted(fields));
    }
    template <class Fields>
    auto expiring(command_spec const& spec, std::string_view name, std::int64_t time, expire_condition when,
                  Fields const& fields) const {
        word_list list{umbel::key{name}, time};
        list.add_if(when != expire_condition::always, spelling_of(when)).add("FIELDS").add_counted(fields);
        return run<std::vector<field_expiry>>(*this, spec, list);
    }
};

}  // namespace umbel::command
