// strings.hpp: GET, SET and their family as typed functions. Declared once for everything that can take a
// command.
#pragma once

#include <umbel/command/encode.hpp>
#include <umbel/command/family.hpp>
#include <umbel/resp/decode.hpp>
#include <umbel/resp/reply.hpp>

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>

namespace umbel::command {

/// When SET writes.
enum class set_condition : std::uint8_t {
    always,
    if_absent,   ///< NX: only when the key does not exist.
    if_present,  ///< XX: only when the key exists.
};

/// Options of SET. At most one of `expire`, `expire_at` and `keep_ttl`.
/// Rule: SET command, "Options".
struct set_options {
    std::optional<std::chrono::milliseconds> expire{};                            ///< EX or PX.
    std::optional<std::chrono::sys_time<std::chrono::milliseconds>> expire_at{};  ///< EXAT or PXAT.
    bool keep_ttl = false;                                                        ///< KEEPTTL.
    set_condition condition = set_condition::always;
};
// It stands in operands of co_await, where g++ 12 destroys an aggregate twice when its destructor does
// anything.
static_assert(std::is_trivially_destructible_v<set_options>);

/// What SET did.
enum class set_outcome : std::uint8_t {
    written,
    kept,  ///< The condition was not met; nothing was written.
};

}  // namespace umbel::command

namespace umbel {
using command::set_condition;
using command::set_options;
using command::set_outcome;
}  // namespace umbel

template <>
inline constexpr bool umbel::empty_is_missing<umbel::command::set_outcome> = false;

template <>
struct umbel::from_reply<umbel::command::set_outcome> {
    static result<command::set_outcome> from(resp::view const& reply) {
        if (reply.is_null()) return command::set_outcome::kept;
        if (reply.text() == "OK") return command::set_outcome::written;
        return fail(errc::unexpected_type, delivery::executed, "SET answered neither OK nor null");
    }
};

namespace umbel::command {

namespace specs {
using enum cluster::command_flags;
inline constexpr command_spec get{"GET", read_only};
inline constexpr command_spec set{"SET", none};
inline constexpr command_spec getdel{"GETDEL", none};
inline constexpr command_spec strlen{"STRLEN", read_only};
inline constexpr command_spec append{"APPEND", none};
inline constexpr command_spec incr{"INCR", none};
inline constexpr command_spec decr{"DECR", none};
inline constexpr command_spec incrby{"INCRBY", none};
inline constexpr command_spec decrby{"DECRBY", none};
inline constexpr command_spec incrbyfloat{"INCRBYFLOAT", none};
}  // namespace specs

/// The arguments of one SET, on the stack.
class set_arguments {
public:
    set_arguments(std::string_view name, argument const& value, set_options const& options,
                  bool with_get) noexcept;
    std::span<argument const> words() const noexcept { return {words_.data(), count_}; }

    /// Setting a key to a value twice in a row leaves the same state; a condition, a kept or a relative
    /// expiry does not.
    static cluster::command_flags flags(set_options const& options, bool with_get) noexcept {
        bool const same =
            options.condition == set_condition::always && !options.keep_ttl && !options.expire && !with_get;
        return same ? cluster::command_flags::idempotent : cluster::command_flags::none;
    }

private:
    static argument none() noexcept { return argument{std::string_view{}}; }
    template <class Word>
    void add(Word const& word) noexcept;
    std::array<argument, 7> words_;
    std::size_t count_ = 2;
};

template <class Word>
void set_arguments::add(Word const& word) noexcept {
    words_[count_++] = argument{word};
}

inline set_arguments::set_arguments(std::string_view name, argument const& value, set_options const& options,
                                    bool with_get) noexcept
    : words_{argument{umbel::key{name}}, value, none(), none(), none(), none(), none()} {
    using std::chrono::seconds;
    if (options.expire) {
        bool const whole = options.expire->count() % 1000 == 0;
        add(whole ? "EX" : "PX");
        add(whole ? options.expire->count() / 1000 : options.expire->count());
    } else if (options.expire_at) {
        auto const since = options.expire_at->time_since_epoch().count();
        bool const whole = since % 1000 == 0;
        add(whole ? "EXAT" : "PXAT");
        add(whole ? since / 1000 : since);
    }
    if (options.keep_ttl) add("KEEPTTL");
    if (options.condition == set_condition::if_absent) add("NX");
    if (options.condition == set_condition::if_present) add("XX");
    if (with_get) add("GET");
}

/// String commands for whatever can submit an invocation.
/// Errors of each: those of every command, listed at umbel::client; of these wrong_type when the key holds no
/// string. Cancellation: as of every command; what writes may have written then, as the delivery tells.
template <class Self>
class string_commands {
public:
    /// GET: the value, or nullopt when the key does not exist. `Value` is anything that from_reply knows;
    /// umbel::bytes copies nothing. Errors: wrong_type when the key holds no string.
    template <decodable Value = std::string>
    auto get(std::string_view name) const {
        return run<std::optional<Value>>(*this, specs::get, umbel::key{name});
    }

    /// SET: writes `value`, a text, bytes, a number or umbel::borrow(bytes).
    /// Units: expiries in milliseconds; whole seconds go out as seconds.
    auto set(std::string_view name, argument const& value, set_options options = {}) const {
        set_arguments const list{name, value, options, false};
        return self_of(*this).submit(
            invocation<set_outcome>{specs::set, list.words(), set_arguments::flags(options, false)});
    }

    /// SET … GET: writes and returns what was there before; nullopt when nothing was.
    template <decodable Value = std::string>
    auto set_and_get(std::string_view name, argument const& value, set_options options = {}) const {
        set_arguments const list{name, value, options, true};
        return self_of(*this).submit(
            invocation<std::optional<Value>>{specs::set, list.words(), cluster::command_flags::none});
    }

    /// GETDEL: the value, and the key is gone.
    template <decodable Value = std::string>
    auto getdel(std::string_view name) const {
        return run<std::optional<Value>>(*this, specs::getdel, umbel::key{name});
    }

    /// STRLEN: bytes; 0 when the key does not exist.
    auto strlen(std::string_view name) const {
        return run<std::int64_t>(*this, specs::strlen, umbel::key{name});
    }
    /// APPEND: the length afterwards, in bytes.
    auto append(std::string_view name, argument const& value) const {
        return run<std::int64_t>(*this, specs::append, umbel::key{name}, value);
    }

    /// INCR: the value afterwards. Errors: server_error when the key holds no integer or it overflows.
    auto incr(std::string_view name) const { return run<std::int64_t>(*this, specs::incr, umbel::key{name}); }
    auto decr(std::string_view name) const { return run<std::int64_t>(*this, specs::decr, umbel::key{name}); }
    auto incrby(std::string_view name, std::int64_t by) const {
        return run<std::int64_t>(*this, specs::incrby, umbel::key{name}, by);
    }
    auto decrby(std::string_view name, std::int64_t by) const {
        return run<std::int64_t>(*this, specs::decrby, umbel::key{name}, by);
    }
    /// INCRBYFLOAT: the value afterwards.
    auto incrbyfloat(std::string_view name, double by) const {
        return run<double>(*this, specs::incrbyfloat, umbel::key{name}, by);
    }
};

}  // namespace umbel::command
