// streams.hpp: streams as typed functions: entries are added, read, trimmed and deleted. Consumer groups
// stand in stream_groups.hpp; reads that wait for entries need a lease.
#pragma once

#include <umbel/command/family.hpp>
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
#include <vector>

namespace umbel::command {

/// Options of XADD. Rule: XADD command, "Optional arguments".
struct xadd_options {
    std::string_view id =
        stream_ids::next;  ///< "*", "<milliseconds>-*", or a whole id greater than the last.
    stream_trim trim{};
    /// IDMP, or IDMPAUTO without a `message`: who adds. What it adds again is not added, and gives the id of
    /// before; without a `message` the fields tell. Since 8.6.0 (no Valkey).
    std::optional<std::string_view> producer{};
    std::optional<std::string_view> message{};  ///< IDMP: which entry of the producer it is.
};
static_assert(UMBEL_IS_TRIVIALLY_DESTRUCTIBLE(xadd_options));

/// Options of XREAD. Rule: XREAD command, "Optional arguments".
struct xread_options {
    std::optional<std::uint64_t> count{};      ///< COUNT: the most entries of each stream.
    std::optional<std::uint64_t> max_count{};  ///< MAXCOUNT: of all streams. Since 8.10.0 (no Valkey).
    std::optional<std::uint64_t> max_bytes{};  ///< MAXSIZE: bytes of all streams. Since 8.10.0 (no Valkey).
};
static_assert(UMBEL_IS_TRIVIALLY_DESTRUCTIBLE(xread_options));

/// Options of XSETID. Since 7.0.0.
struct xsetid_options {
    std::optional<std::uint64_t> entries_added{};
    std::optional<std::string_view> max_deleted_id{};
};
static_assert(UMBEL_IS_TRIVIALLY_DESTRUCTIBLE(xsetid_options));

/// Options of XCFGSET.
struct xcfgset_options {
    std::optional<std::chrono::seconds> duration{};  ///< How long what a producer added is remembered.
    std::optional<std::uint64_t> messages_max{};     ///< How many of them, for each producer.
};
static_assert(UMBEL_IS_TRIVIALLY_DESTRUCTIBLE(xcfgset_options));

/// What XINFO STREAM tells. Rule: XINFO STREAM command.
struct stream_info {
    std::int64_t length = 0;
    std::int64_t radix_tree_keys = 0;
    std::int64_t radix_tree_nodes = 0;
    std::string last_generated_id;
    std::int64_t groups = 0;
    std::optional<std::string> max_deleted_entry_id;     ///< Since 7.0.0.
    std::optional<std::int64_t> entries_added;           ///< Since 7.0.0.
    std::optional<std::string> recorded_first_entry_id;  ///< Since 7.0.0.
    std::optional<stream_entry<>> first_entry;           ///< Missing: the stream is empty.
    std::optional<stream_entry<>> last_entry;            ///< Missing: the stream is empty.
    friend bool operator==(stream_info const&, stream_info const&) = default;
};

}  // namespace umbel::command

namespace umbel {
using command::stream_ids;
using command::stream_info;
using command::xadd_options;
using command::xcfgset_options;
using command::xread_options;
using command::xsetid_options;
}  // namespace umbel

template <class T>
    requires std::same_as<T, umbel::command::stream_info>
inline constexpr auto umbel::fields_of<T> =
    std::tuple{field("length", &T::length),
               field("radix-tree-keys", &T::radix_tree_keys),
               field("radix-tree-nodes", &T::radix_tree_nodes),
               field("last-generated-id", &T::last_generated_id),
               field("groups", &T::groups),
               field("max-deleted-entry-id", &T::max_deleted_entry_id),
               field("entries-added", &T::entries_added),
               field("recorded-first-entry-id", &T::recorded_first_entry_id),
               field("first-entry", &T::first_entry),
               field("last-entry", &T::last_entry)};

namespace umbel::command {

namespace specs {
using enum cluster::command_flags;
inline constexpr command_spec xadd{"XADD", none};
inline constexpr command_spec xcfgset{"XCFGSET", none};
inline constexpr command_spec xdel{"XDEL", none};
inline constexpr command_spec xdelex{"XDELEX", none};
inline constexpr command_spec xinfo_stream{"XINFO STREAM", read_only};
inline constexpr command_spec xlen{"XLEN", read_only};
inline constexpr command_spec xrange{"XRANGE", read_only};
inline constexpr command_spec xread{"XREAD", read_only};
inline constexpr command_spec xrevrange{"XREVRANGE", read_only};
inline constexpr command_spec xsetid{"XSETID", idempotent};
inline constexpr command_spec xtrim{"XTRIM", none};
}  // namespace specs

/// Stream commands for whatever can submit an invocation.
/// Errors of each: those of every command, listed at umbel::client; of these wrong_type when the key holds no
/// stream, and bad_argument for an empty range, a count of zero, and options that exclude each other.
/// Cancellation: as of every command; what writes may have written then, as the delivery tells.
template <class Self>
class stream_commands {
public:
    /// XADD of a map, of any range of pairs, or of a struct that says its fields: the id of the new entry.
    /// Errors: server_error when the id is not greater than the last one. Since 5.0.0. Complexity: O(1), and
    /// O(entries) that are trimmed.
    template <named_values Fields>
    auto xadd(std::string_view name, Fields const& fields, xadd_options options = {}) const {
        word_list list{umbel::key{name}};
        add_xadd(list, options);
        return run<std::string>(*this, specs::xadd, list.add_fields(fields));
    }
    /// XADD of fields and values, in turn.
    template <word... More>
        requires(sizeof...(More) % 2 == 0)
    auto xadd(std::string_view name, argument const& field, argument const& value,
              More const&... more) const {
        return run<std::string>(*this, specs::xadd, umbel::key{name}, stream_ids::next, field, value,
                                more...);
    }
    /// XADD … NOMKSTREAM: as xadd(), or nullopt when the stream does not exist. Since 6.2.0.
    template <named_values Fields>
    auto xadd_if_exists(std::string_view name, Fields const& fields, xadd_options options = {}) const {
        word_list list{umbel::key{name}, "NOMKSTREAM"};
        add_xadd(list, options);
        return run<std::optional<std::string>>(*this, specs::xadd, list.add_fields(fields));
    }

    /// XLEN: how many entries the stream has; 0 when the key does not exist. Since 5.0.0. Complexity: O(1).
    auto xlen(std::string_view name) const { return run<std::int64_t>(*this, specs::xlen, umbel::key{name}); }

    /// XRANGE: the entries from one id to another, oldest first; at most `count`. Since 5.0.0.
    /// Complexity: O(entries that are returned).
    template <decodable Fields = stream_fields>
    auto xrange(std::string_view name, stream_bound from = stream_bound::first(),
                stream_bound to = stream_bound::last(), std::optional<std::uint64_t> count = {}) const {
        return in_range<Fields>(specs::xrange, name, from, to, count);
    }
    /// XREVRANGE: as xrange(), youngest first; the upper bound stands before the lower one.
    template <decodable Fields = stream_fields>
    auto xrevrange(std::string_view name, stream_bound from = stream_bound::last(),
                   stream_bound to = stream_bound::first(), std::optional<std::uint64_t> count = {}) const {
        return in_range<Fields>(specs::xrevrange, name, from, to, count);
    }

    /// XREAD of several streams of one slot, as pairs of their keys and of the ids after which to read: the
    /// entries that are there; no entries, no stream in the batch. It does not wait. Since 5.0.0.
    /// Complexity: O(entries that are returned).
    template <decodable Fields = stream_fields, key_value_range Streams>
    auto xread(Streams const& streams, xread_options options = {}) const {
        word_list list;
        add_xread(list, options);
        add_streams(list, streams);
        return run<stream_batch<stream_entry<Fields>>>(*this, specs::xread, list);
    }
    /// XREAD of one stream.
    template <decodable Fields = stream_fields>
    auto xread(std::string_view name, std::string_view after, xread_options options = {}) const {
        word_list list;
        add_xread(list, options);
        list.add("STREAMS", umbel::key{name}, after);
        return run<stream_batch<stream_entry<Fields>>>(*this, specs::xread, list);
    }

    /// XDEL: how many of the entries there were. Since 5.0.0. Complexity: O(ids).
    template <word... Ids>
        requires(sizeof...(Ids) >= 1)
    auto xdel(std::string_view name, Ids const&... ids) const {
        return run<std::int64_t>(*this, specs::xdel, umbel::key{name}, ids...);
    }
    template <word_range Ids>
    auto xdel(std::string_view name, Ids const& ids) const {
        return run<std::int64_t>(*this, specs::xdel, word_list{umbel::key{name}}.add_each(ids));
    }
    /// XDELEX: what became of each entry, in the order of the ids. Since 8.2.0 (no Valkey).
    /// Complexity: O(ids).
    template <word_range Ids>
    auto xdelex(std::string_view name, Ids const& ids,
                stream_references references = stream_references::unsaid) const {
        word_list list{umbel::key{name}};
        list.add_if(references != stream_references::unsaid, spelling_of(references));
        return run<std::vector<stream_deletion>>(*this, specs::xdelex, list.add("IDS").add_counted(ids));
    }
    /// XTRIM: how many entries are gone. Since 5.0.0. Complexity: O(entries that go).
    auto xtrim(std::string_view name, stream_trim trim) const {
        word_list list{umbel::key{name}};
        list.refuse_if(!trim.max_length && !trim.min_id, "trimming needs max_length or min_id");
        add_trim(list, trim);
        list.add_if(trim.references != stream_references::unsaid, spelling_of(trim.references));
        return run<std::int64_t>(*this, specs::xtrim, list);
    }
    /// XSETID: sets the last id of a stream. Errors: server_error when the stream has a greater one, or does
    /// not exist. Since 5.0.0. Complexity: O(1).
    auto xsetid(std::string_view name, std::string_view last_id, xsetid_options options = {}) const {
        word_list list{umbel::key{name}, last_id};
        if (options.entries_added) list.add("ENTRIESADDED", *options.entries_added);
        if (options.max_deleted_id) list.add("MAXDELETEDID", *options.max_deleted_id);
        return run<ok>(*this, specs::xsetid, list);
    }
    /// XCFGSET: how long and how much of what producers have added is remembered (xadd_options::producer).
    /// What was remembered until now is forgotten: a message that is sent again after it is added twice.
    /// Errors: server_error when the stream does not exist. Since 8.6.0 (no Valkey). Complexity: O(1).
    auto xcfgset(std::string_view name, xcfgset_options options) const {
        word_list list{umbel::key{name}};
        list.refuse_if(!options.duration && !options.messages_max, "XCFGSET without anything to set");
        if (options.duration) list.add("IDMP-DURATION", options.duration->count());
        if (options.messages_max) list.add("IDMP-MAXSIZE", *options.messages_max);
        return run<ok>(*this, specs::xcfgset, list);
    }
    /// XINFO STREAM. Errors: server_error when the key does not exist. Since 5.0.0. Complexity: O(1).
    auto xinfo_stream(std::string_view name) const {
        return run<stream_info>(*this, specs::xinfo_stream, umbel::key{name});
    }

private:
    static void add_xadd(word_list& list, xadd_options const& options) noexcept {
        auto const references = options.trim.references;
        list.add_if(references != stream_references::unsaid, spelling_of(references));
        if (options.producer) {
            list.refuse_if(options.id != stream_ids::next, "a producer needs an id that the server makes");
            list.add(options.message ? "IDMP" : "IDMPAUTO", *options.producer);
            if (options.message) list.add(*options.message);
        }
        list.refuse_if(options.message && !options.producer, "a message without its producer");
        add_trim(list, options.trim);
        list.refuse_if(options.id.empty(), "an empty id").add(options.id);
    }
    static void add_xread(word_list& list, xread_options const& options) noexcept {
        add_count(list, options.count);
        if (options.max_count) list.add("MAXCOUNT", *options.max_count);
        if (options.max_bytes) list.add("MAXSIZE", *options.max_bytes);
    }
    template <class Fields>
    auto in_range(command_spec const& spec, std::string_view name, stream_bound const& from,
                  stream_bound const& to, std::optional<std::uint64_t> count) const {
        word_list list{umbel::key{name}};
        add_stream_range(list, from, to);
        add_count(list, count);
        return run<std::vector<stream_entry<Fields>>>(*this, spec, list);
    }
};

}  // namespace umbel::command
