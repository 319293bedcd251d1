// stream_groups.hpp: consumer groups of streams as typed functions: entries are delivered to consumers,
// acknowledged, and claimed from those that have died. Reads that wait for entries need a lease.
#pragma once

#include <umbel/command/family.hpp>
#include <umbel/command/stream_entry.hpp>
#include <umbel/command/stream_group_types.hpp>
#include <umbel/resp/decode.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace umbel::command {

namespace specs {
using enum cluster::command_flags;
inline constexpr command_spec xack{"XACK", none};
inline constexpr command_spec xackdel{"XACKDEL", none};
inline constexpr command_spec xautoclaim{"XAUTOCLAIM", none};
inline constexpr command_spec xclaim{"XCLAIM", none};
inline constexpr command_spec xgroup_create{"XGROUP CREATE", none};
inline constexpr command_spec xgroup_createconsumer{"XGROUP CREATECONSUMER", none};
inline constexpr command_spec xgroup_delconsumer{"XGROUP DELCONSUMER", none};
inline constexpr command_spec xgroup_destroy{"XGROUP DESTROY", none};
inline constexpr command_spec xgroup_setid{"XGROUP SETID", idempotent};
inline constexpr command_spec xinfo_consumers{"XINFO CONSUMERS", read_only};
inline constexpr command_spec xinfo_groups{"XINFO GROUPS", read_only};
inline constexpr command_spec xnack{"XNACK", none};
inline constexpr command_spec xpending{"XPENDING", read_only};
inline constexpr command_spec xreadgroup{"XREADGROUP", none};
}  // namespace specs

/// Commands on consumer groups for whatever can submit an invocation.
/// Errors of each: those of every command, listed at umbel::client; of these wrong_type when the key holds no
/// stream, server_error (NOGROUP) when there is no such stream or group, and bad_argument for an empty range,
/// a count of zero, and options that exclude each other. Cancellation: as of every command; what writes may
/// have written then, as the delivery tells.
template <class Self>
class stream_group_commands {
public:
    // ---- Groups and consumers -------------------------------------------------------------------

    /// XGROUP CREATE: the group gets what is younger than `after`. Errors: server_error (BUSYGROUP) when
    /// there is such a group. Since 5.0.0. Complexity: O(1).
    auto xgroup_create(std::string_view name, std::string_view group, std::string_view after,
                       xgroup_create_options options = {}) const {
        word_list list{umbel::key{name}, group, after};
        list.add_if(options.make_stream, "MKSTREAM");
        if (options.entries_read) list.add("ENTRIESREAD", *options.entries_read);
        return run<ok>(*this, specs::xgroup_create, list);
    }
    /// XGROUP SETID: the group gets what is younger than `after`, again or no more. Since 5.0.0.
    /// Complexity: O(1).
    auto xgroup_setid(std::string_view name, std::string_view group, std::string_view after,
                      std::optional<std::int64_t> entries_read = {}) const {
        word_list list{umbel::key{name}, group, after};
        if (entries_read) list.add("ENTRIESREAD", *entries_read);
        return run<ok>(*this, specs::xgroup_setid, list);
    }
    /// XGROUP DESTROY: true when there was such a group. What was pending is forgotten. Since 5.0.0.
    /// Complexity: O(entries that are pending).
    auto xgroup_destroy(std::string_view name, std::string_view group) const {
        return run<bool>(*this, specs::xgroup_destroy, umbel::key{name}, group);
    }
    /// XGROUP CREATECONSUMER: true when the consumer is new. Since 6.2.0. Complexity: O(1).
    auto xgroup_createconsumer(std::string_view name, std::string_view group,
                               std::string_view consumer) const {
        return run<bool>(*this, specs::xgroup_createconsumer, umbel::key{name}, group, consumer);
    }
    /// XGROUP DELCONSUMER: how many entries were pending for the consumer; nobody can claim them now.
    /// Since 5.0.0. Complexity: O(1).
    auto xgroup_delconsumer(std::string_view name, std::string_view group, std::string_view consumer) const {
        return run<std::int64_t>(*this, specs::xgroup_delconsumer, umbel::key{name}, group, consumer);
    }
    /// XINFO GROUPS: all groups of the stream. Errors: server_error when the key does not exist. Since 5.0.0.
    /// Complexity: O(groups).
    auto xinfo_groups(std::string_view name) const {
        return run<std::vector<group_info>>(*this, specs::xinfo_groups, umbel::key{name});
    }
    /// XINFO CONSUMERS: all consumers of the group. Since 5.0.0. Complexity: O(consumers).
    auto xinfo_consumers(std::string_view name, std::string_view group) const {
        return run<std::vector<consumer_info>>(*this, specs::xinfo_consumers, umbel::key{name}, group);
    }

    // ---- Deliveries -----------------------------------------------------------------------------

    /// XREADGROUP of several streams of one slot, as pairs of their keys and of ids: after ">" the entries
    /// that nobody has got, which pend for the consumer from now on; after any other id those that pend for
    /// it already. No entries, no stream in the batch; after another id than ">" a stream without entries.
    /// It does not wait. Since 5.0.0. Complexity: O(entries that are returned).
    template <decodable Fields = stream_fields, key_value_range Streams>
    auto xreadgroup(std::string_view group, std::string_view consumer, Streams const& streams,
                    xreadgroup_options options = {}) const {
        word_list list{"GROUP", group, consumer};
        add_read(list, options);
        add_streams(list, streams);
        return run<stream_batch<delivered_entry<Fields>>>(*this, specs::xreadgroup, list);
    }
    /// XREADGROUP of one stream.
    template <decodable Fields = stream_fields>
    auto xreadgroup(std::string_view group, std::string_view consumer, std::string_view name,
                    std::string_view after, xreadgroup_options options = {}) const {
        word_list list{"GROUP", group, consumer};
        add_read(list, options);
        list.add("STREAMS", umbel::key{name}, after);
        return run<stream_batch<delivered_entry<Fields>>>(*this, specs::xreadgroup, list);
    }

    /// XACK: how many of the entries were pending. Since 5.0.0. Complexity: O(ids).
    template <word... Ids>
        requires(sizeof...(Ids) >= 1)
    auto xack(std::string_view name, std::string_view group, Ids const&... ids) const {
        return run<std::int64_t>(*this, specs::xack, umbel::key{name}, group, ids...);
    }
    template <word_range Ids>
    auto xack(std::string_view name, std::string_view group, Ids const& ids) const {
        return run<std::int64_t>(*this, specs::xack, word_list{umbel::key{name}, group}.add_each(ids));
    }
    /// XACKDEL: acknowledges and deletes; what became of each entry, in the order of the ids.
    /// Since 8.2.0 (no Valkey). Complexity: O(ids).
    template <word_range Ids>
    auto xackdel(std::string_view name, std::string_view group, Ids const& ids,
                 stream_references references = stream_references::unsaid) const {
        word_list list{umbel::key{name}, group};
        list.add_if(references != stream_references::unsaid, spelling_of(references));
        return run<std::vector<stream_deletion>>(*this, specs::xackdel, list.add("IDS").add_counted(ids));
    }
    /// XNACK: gives entries back to the group, for any consumer to claim at once; how many were pending.
    /// Since 8.8.0 (no Valkey). Complexity: O(ids).
    template <word_range Ids>
    auto xnack(std::string_view name, std::string_view group, nack_mode mode, Ids const& ids) const {
        constexpr std::string_view spelled[]{"SILENT", "FAIL", "FATAL"};
        word_list list{umbel::key{name}, group, spelled[static_cast<std::size_t>(mode)], "IDS"};
        return run<std::int64_t>(*this, specs::xnack, list.add_counted(ids));
    }

    // ---- What is pending ------------------------------------------------------------------------

    /// XPENDING: how much is pending, and for whom. Since 5.0.0. Complexity: O(consumers).
    auto xpending(std::string_view name, std::string_view group) const {
        return run<pending_summary>(*this, specs::xpending, umbel::key{name}, group);
    }
    /// XPENDING with a range: at most `count` entries that are pending. Since 5.0.0. Complexity: O(entries
    /// that are looked at).
    auto xpending_entries(std::string_view name, std::string_view group, std::uint64_t count,
                          xpending_options options = {}) const {
        word_list list{umbel::key{name}, group};
        if (options.idle) list.add("IDLE", options.idle->count());
        list.refuse_if(options.idle && options.idle->count() < 0, "idle is negative");
        add_stream_range(list, options.from, options.to);
        list.refuse_if(count == 0, "a count of zero").add(count);
        if (options.consumer) list.add(*options.consumer);
        return run<std::vector<pending_entry>>(*this, specs::xpending, list);
    }

    /// XCLAIM: entries that have been pending for `idle_min` at least, from now on for this consumer. Those
    /// that were deleted are left out. Since 5.0.0. Complexity: O(log(entries that are pending)) an id.
    template <decodable Fields = stream_fields, word_range Ids>
    auto xclaim(std::string_view name, std::string_view group, std::string_view consumer,
                milliseconds idle_min, Ids const& ids, xclaim_options options = {}) const {
        word_list list{umbel::key{name}, group, consumer};
        add_claim(list, idle_min, ids, options);
        return run<std::vector<stream_entry<Fields>>>(*this, specs::xclaim, list);
    }
    /// XCLAIM … JUSTID: ids only, and the counts of deliveries stay.
    template <word_range Ids>
    auto xclaim_ids(std::string_view name, std::string_view group, std::string_view consumer,
                    milliseconds idle_min, Ids const& ids, xclaim_options options = {}) const {
        word_list list{umbel::key{name}, group, consumer};
        add_claim(list, idle_min, ids, options);
        return run<std::vector<std::string>>(*this, specs::xclaim, list.add("JUSTID"));
    }
    /// XAUTOCLAIM: as XCLAIM of what stands from `cursor` on; claim_page::cursor goes on from there.
    /// Since 6.2.0. Complexity: O(1) where `count` is small.
    template <decodable Fields = stream_fields>
    auto xautoclaim(std::string_view name, std::string_view group, std::string_view consumer,
                    milliseconds idle_min, std::string_view cursor = "0-0",
                    std::optional<std::uint64_t> count = {}) const {
        word_list list{umbel::key{name}, group, consumer};
        add_idle(list, idle_min).add(cursor);
        add_count(list, count);
        return run<claim_page<stream_entry<Fields>>>(*this, specs::xautoclaim, list);
    }
    /// XAUTOCLAIM … JUSTID: ids only, and the counts of deliveries stay.
    auto xautoclaim_ids(std::string_view name, std::string_view group, std::string_view consumer,
                        milliseconds idle_min, std::string_view cursor = "0-0",
                        std::optional<std::uint64_t> count = {}) const {
        word_list list{umbel::key{name}, group, consumer};
        add_idle(list, idle_min).add(cursor);
        add_count(list, count);
        return run<claim_page<std::string>>(*this, specs::xautoclaim, list.add("JUSTID"));
    }

private:
    static word_list& add_idle(word_list& list, milliseconds idle_min) noexcept {
        return list.refuse_if(idle_min.count() < 0, "an idle time that is negative").add(idle_min.count());
    }
    static void add_read(word_list& list, xreadgroup_options const& options) noexcept {
        add_count(list, options.count);
        if (options.max_count) list.add("MAXCOUNT", *options.max_count);
        if (options.max_bytes) list.add("MAXSIZE", *options.max_bytes);
        if (options.claim) add_idle(list.add("CLAIM"), *options.claim);
        list.add_if(options.no_ack, "NOACK");
    }
    template <class Ids>
    static void add_claim(word_list& list, milliseconds idle_min, Ids const& ids,
                          xclaim_options const& options) {
        add_idle(list, idle_min).add_each(ids);
        list.refuse_if(options.idle && options.delivered_at, "idle and delivered_at exclude each other");
        if (options.idle) add_idle(list.add("IDLE"), *options.idle);
        if (options.delivered_at) list.add("TIME", options.delivered_at->time_since_epoch().count());
        if (options.deliveries) list.add("RETRYCOUNT", *options.deliveries);
        list.add_if(options.force, "FORCE");
        if (options.last_id) list.add("LASTID", *options.last_id);
    }
};

}  // namespace umbel::command
