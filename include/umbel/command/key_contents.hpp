// key_contents.hpp: what a key holds, whatever its type: its value as bytes that another server reads, and
// how the server keeps it, as typed functions.
#pragma once

#include <umbel/command/expiry.hpp>
#include <umbel/command/family.hpp>
#include <umbel/config.hpp>
#include <umbel/resp/decode.hpp>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>

namespace umbel::command {

/// Options of RESTORE. At most one of `expire` and `expire_at`, and of `idle` and `frequency`.
/// Rule: RESTORE command, "Optional arguments".
struct restore_options {
    std::optional<std::chrono::milliseconds> expire{};  ///< Without either the key does not expire.
    std::optional<unix_time> expire_at{};               ///< ABSTTL.
    bool replace = false;                               ///< REPLACE: also onto a key that exists.
    std::optional<std::chrono::seconds> idle{};         ///< IDLETIME: since the key was last used.
    std::optional<std::uint8_t> frequency{};            ///< FREQ: how often it is used, on a scale.
};
static_assert(UMBEL_IS_TRIVIALLY_DESTRUCTIBLE(restore_options));

}  // namespace umbel::command

namespace umbel {
using command::restore_options;
}  // namespace umbel

namespace umbel::command {

namespace specs {
using enum cluster::command_flags;
inline constexpr command_spec dump{"DUMP", read_only};
inline constexpr command_spec object_encoding{"OBJECT ENCODING", read_only};
inline constexpr command_spec object_freq{"OBJECT FREQ", read_only};
inline constexpr command_spec object_idletime{"OBJECT IDLETIME", read_only};
inline constexpr command_spec object_refcount{"OBJECT REFCOUNT", read_only};
inline constexpr command_spec restore{"RESTORE", none};
}  // namespace specs

/// Commands on what keys hold, for whatever can submit an invocation.
/// Errors of each: those of every command, listed at umbel::client. Cancellation: as of every command; what
/// writes may have written then, as the delivery tells.
template <class Self>
class key_content_commands {
public:
    /// DUMP: the value as bytes for restore(), without its expiry; nullopt when the key does not exist.
    /// Since 2.6.0. Complexity: O(size of the value).
    template <decodable Value = std::string>
    auto dump(std::string_view name) const {
        return run<std::optional<Value>>(*this, specs::dump, umbel::key{name});
    }
    /// RESTORE: writes what dump() gave, on this server or on another of the same version or a later one.
    /// Errors: server_error when the key exists and is not to be replaced (BUSYKEY), and when `dumped` was
    /// damaged or is of a later version; bad_argument for an expiry that is not positive, and options that
    /// exclude each other. Since 2.6.0. Complexity: O(size of the value).
    auto restore(std::string_view name, argument const& dumped, restore_options options = {}) const {
        word_list list{umbel::key{name}, milliseconds_of(options), dumped};
        list.refuse_if(options.expire && options.expire_at, "expire and expire_at exclude each other");
        list.refuse_if(options.expire && options.expire->count() <= 0, "expire is not positive");
        list.refuse_if(options.expire_at && options.expire_at->time_since_epoch().count() <= 0,
                       "expire_at is not after 1970");
        list.refuse_if(options.idle && options.frequency, "idle and frequency exclude each other");
        list.refuse_if(options.idle && options.idle->count() < 0, "idle is negative");
        list.add_if(options.replace, "REPLACE").add_if(options.expire_at.has_value(), "ABSTTL");
        if (options.idle) list.add("IDLETIME", options.idle->count());
        if (options.frequency) list.add("FREQ", static_cast<unsigned>(*options.frequency));
        return run<ok>(*this, specs::restore, list, idempotent_if(options.replace));
    }

    /// OBJECT ENCODING: how the server keeps the value ("int", "embstr", "listpack" …); nullopt when the key
    /// does not exist. Since 2.2.3. Complexity: O(1).
    auto object_encoding(std::string_view name) const {
        return run<std::optional<std::string>>(*this, specs::object_encoding, umbel::key{name});
    }
    /// OBJECT FREQ: how often the key is used, on a logarithmic scale; nullopt when it does not exist.
    /// Errors: server_error unless the server's maxmemory-policy is one of LFU. Since 4.0.0. Complexity:
    /// O(1).
    auto object_freq(std::string_view name) const {
        return run<std::optional<std::int64_t>>(*this, specs::object_freq, umbel::key{name});
    }
    /// OBJECT IDLETIME: how long the key was not used; nullopt when it does not exist. Errors: server_error
    /// when the server's maxmemory-policy is one of LFU. Since 2.2.3. Complexity: O(1).
    auto object_idletime(std::string_view name) const {
        return run<std::optional<std::chrono::seconds>>(*this, specs::object_idletime, umbel::key{name});
    }
    /// OBJECT REFCOUNT: how many references the value has; nullopt when the key does not exist.
    /// Since 2.2.3. Complexity: O(1).
    auto object_refcount(std::string_view name) const {
        return run<std::optional<std::int64_t>>(*this, specs::object_refcount, umbel::key{name});
    }

private:
    /// Zero: no expiry.
    static std::int64_t milliseconds_of(restore_options const& options) noexcept {
        if (options.expire) return options.expire->count();
        return options.expire_at ? options.expire_at->time_since_epoch().count() : 0;
    }
};

}  // namespace umbel::command
