// stream_group_types.hpp: what commands on consumer groups take and give: options, what is pending, and what
// is known of groups and consumers. It knows no command.
#pragma once

#include <umbel/command/expiry.hpp>
#include <umbel/command/stream_entry.hpp>
#include <umbel/config.hpp>
#include <umbel/resp/decode.hpp>
#include <umbel/resp/decode_fields.hpp>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

namespace umbel::command {

/// Options of XGROUP CREATE.
struct xgroup_create_options {
    bool make_stream = false;                    ///< MKSTREAM: an empty stream is made where there is none.
    std::optional<std::int64_t> entries_read{};  ///< ENTRIESREAD: for the lag. Since 7.0.0.
};
static_assert(UMBEL_IS_TRIVIALLY_DESTRUCTIBLE(xgroup_create_options));

/// Options of XREADGROUP. Rule: XREADGROUP command, "Optional arguments".
struct xreadgroup_options {
    std::optional<std::uint64_t> count{};      ///< COUNT: the most entries of each stream.
    bool no_ack = false;                       ///< NOACK: what is delivered counts as acknowledged.
    std::optional<milliseconds> claim{};       ///< CLAIM: with ">", also what has been pending so long. Since
                                               ///< 8.4.0 (no Valkey).
    std::optional<std::uint64_t> max_count{};  ///< MAXCOUNT: of all streams. Since 8.10.0 (no Valkey).
    std::optional<std::uint64_t> max_bytes{};  ///< MAXSIZE: bytes of all streams. Since 8.10.0 (no Valkey).
};
static_assert(UMBEL_IS_TRIVIALLY_DESTRUCTIBLE(xreadgroup_options));

/// Options of xpending_entries().
struct xpending_options {
    stream_bound from = stream_bound::first();
    stream_bound to = stream_bound::last();
    std::optional<std::string_view> consumer{};  ///< Entries of this consumer only.
    std::optional<milliseconds> idle{};          ///< IDLE: at least that long. Since 6.2.0.
};
static_assert(UMBEL_IS_TRIVIALLY_DESTRUCTIBLE(xpending_options));

/// Options of XCLAIM. At most one of `idle` and `delivered_at`. Rule: XCLAIM command, "Optional arguments".
struct xclaim_options {
    std::optional<milliseconds> idle{};         ///< IDLE: as if delivered that long ago; else now.
    std::optional<unix_time> delivered_at{};    ///< TIME: as if delivered then.
    std::optional<std::uint64_t> deliveries{};  ///< RETRYCOUNT: the count is set, not increased.
    bool force = false;                         ///< FORCE: also what is pending for nobody.
    std::optional<std::string_view> last_id{};  ///< LASTID: the group has delivered up to here.
};
static_assert(UMBEL_IS_TRIVIALLY_DESTRUCTIBLE(xclaim_options));

/// What XNACK makes of the count of deliveries. Rule: XNACK command, "Required arguments".
enum class nack_mode : std::uint8_t {
    silent,  ///< SILENT: one less, as if it had not been delivered.
    fail,    ///< FAIL: as it is.
    fatal,   ///< FATAL: the greatest there is: nobody should try again.
};

/// What of a group is pending. Rule: XPENDING command, "Summary form".
struct pending_summary {
    std::int64_t count = 0;
    std::optional<std::string> lowest_id;   ///< Missing: nothing is pending.
    std::optional<std::string> highest_id;  ///< Missing: nothing is pending.
    std::vector<std::pair<std::string, std::int64_t>> consumers;
    friend bool operator==(pending_summary const&, pending_summary const&) = default;
};

/// An entry that is pending. Rule: XPENDING command, "Extended form".
struct pending_entry {
    std::string id;
    std::string consumer;              ///< Empty: given back by XNACK.
    std::chrono::milliseconds idle{};  ///< Since its last delivery; -1 when given back by XNACK.
    std::int64_t deliveries = 0;
    friend bool operator==(pending_entry const&, pending_entry const&) = default;
};

/// What XAUTOCLAIM gives: `Item` is an entry, or an id.
template <class Item = stream_entry<>>
struct claim_page {
    std::string cursor;  ///< For the next call.
    std::vector<Item> items;
    std::vector<std::string>
        deleted;  ///< Ids whose entries are gone, so that they pend no more. Since 7.0.0.

    /// True when all that is pending has been looked at.
    bool last() const noexcept { return cursor == "0-0"; }
    friend bool operator==(claim_page const&, claim_page const&) = default;
};

/// What XINFO GROUPS tells of a group.
struct group_info {
    std::string name;
    std::int64_t consumers = 0;
    std::int64_t pending = 0;
    std::string last_delivered_id;
    std::optional<std::int64_t> entries_read;  ///< Since 7.0.0. Missing: not known.
    std::optional<std::int64_t> lag;           ///< Since 7.0.0. Missing: not known.
    friend bool operator==(group_info const&, group_info const&) = default;
};

/// What XINFO CONSUMERS tells of a consumer. Units: milliseconds.
struct consumer_info {
    std::string name;
    std::int64_t pending = 0;
    std::chrono::milliseconds idle{};  ///< Since it last asked.
    std::optional<std::chrono::milliseconds>
        inactive;  ///< Since it last got something; -1: never. Since 7.2.0.
    friend bool operator==(consumer_info const&, consumer_info const&) = default;
};

}  // namespace umbel::command

namespace umbel {
using command::claim_page;
using command::consumer_info;
using command::group_info;
using command::nack_mode;
using command::pending_entry;
using command::pending_summary;
using command::xclaim_options;
using command::xgroup_create_options;
using command::xpending_options;
using command::xreadgroup_options;
}  // namespace umbel

template <class T>
    requires std::same_as<T, umbel::command::consumer_info>
inline constexpr auto umbel::fields_of<T> =
    std::tuple{field("name", &T::name), field("pending", &T::pending), field("idle", &T::idle),
               field("inactive", &T::inactive)};

template <class T>
    requires std::same_as<T, umbel::command::group_info>
inline constexpr auto umbel::fields_of<T> = std::tuple{field("name", &T::name),
                                                       field("consumers", &T::consumers),
                                                       field("pending", &T::pending),
                                                       field("last-delivered-id", &T::last_delivered_id),
                                                       field("entries-read", &T::entries_read),
                                                       field("lag", &T::lag)};

template <>
inline constexpr bool umbel::empty_is_missing<umbel::command::pending_summary> = false;
template <>
inline constexpr bool umbel::empty_is_missing<umbel::command::pending_entry> = false;
template <class Item>
inline constexpr bool umbel::empty_is_missing<umbel::command::claim_page<Item>> = false;

template <>
struct umbel::from_reply<umbel::command::pending_summary> {
    template <class View = resp::view>
    static result<later<View, command::pending_summary>> from(View const& reply) {
        using consumers = later<View, std::vector<std::pair<std::string, std::int64_t>>>;
        using parts = later<View, std::tuple<std::int64_t, std::optional<std::string>,
                                             std::optional<std::string>, std::optional<consumers>>>;
        result<parts> read = from_reply<parts>::from(reply);
        if (!read) return tl::unexpected<error>{std::move(read.error())};
        auto& [count, lowest, highest, each] = *read;
        return command::pending_summary{count, std::move(lowest), std::move(highest),
                                        each ? std::move(*each) : consumers{}};
    }
};

template <>
struct umbel::from_reply<umbel::command::pending_entry> {
    template <class View = resp::view>
    static result<later<View, command::pending_entry>> from(View const& reply) {
        using parts = later<View, std::tuple<std::string, std::string, std::int64_t, std::int64_t>>;
        result<parts> read = from_reply<parts>::from(reply);
        if (!read) return tl::unexpected<error>{std::move(read.error())};
        auto& [id, consumer, idle, deliveries] = *read;
        return command::pending_entry{std::move(id), std::move(consumer), std::chrono::milliseconds{idle},
                                      deliveries};
    }
};

template <umbel::decodable Item>
struct umbel::from_reply<umbel::command::claim_page<Item>> {
    static result<command::claim_page<Item>> from(resp::view const& reply) {
        using ids = std::vector<std::string>;
        if (reply.kind() != resp::type::array || reply.children_count() < 2)
            return umbel::unexpected("an array of two or three", reply);
        result<std::string> cursor = from_reply<std::string>::from(reply.child(0));
        if (!cursor) return tl::unexpected<error>{std::move(cursor.error())};
        result<std::vector<Item>> items = from_reply<std::vector<Item>>::from(reply.child(1));
        if (!items) return tl::unexpected<error>{std::move(items.error())};
        result<ids> deleted = ids{};
        if (reply.children_count() > 2) deleted = from_reply<ids>::from(reply.child(2));
        if (!deleted) return tl::unexpected<error>{std::move(deleted.error())};
        return command::claim_page<Item>{std::move(*cursor), std::move(*items), std::move(*deleted)};
    }
};
