// stream_entry.hpp: what commands on streams have in common: entries and their ids, bounds of a range of ids,
// trimming, and what reads give. It knows no command.
#pragma once

#include <umbel/command/word_list.hpp>
#include <umbel/config.hpp>
#include <umbel/error.hpp>
#include <umbel/resp/decode.hpp>
#include <umbel/resp/keys_within.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

namespace umbel::command {

/// Ids that stand for a place in a stream. Rule: Redis Streams, "Special IDs in the streams API".
struct stream_ids {
    static constexpr std::string_view next = "*";         ///< XADD: the server makes the id.
    static constexpr std::string_view start = "0";        ///< Before the first entry.
    static constexpr std::string_view end = "$";          ///< The last entry there is now: later ones only.
    static constexpr std::string_view last = "+";         ///< XREAD: the last entry itself. Since 7.4.0.
    static constexpr std::string_view undelivered = ">";  ///< XREADGROUP: entries that no consumer has got.
};

/// The fields of an entry as they come unless another type is asked for: in order, and the same name may
/// stand there twice.
using stream_fields = std::vector<std::pair<std::string, std::string>>;

/// An entry of a stream. `Fields` is any map, a vector of pairs, or a struct of yours.
template <class Fields = stream_fields>
struct stream_entry {
    std::string id;
    Fields fields;
    friend bool operator==(stream_entry const&, stream_entry const&) = default;
};

/// An entry that a consumer has not acknowledged, or one that was claimed for it.
template <class Fields = stream_fields>
struct delivered_entry {
    std::string id;
    std::optional<Fields> fields;      ///< Missing: the entry was deleted from the stream.
    std::chrono::milliseconds idle{};  ///< Since its last delivery. XREADGROUP … CLAIM only.
    std::int64_t deliveries = 0;       ///< How often it was delivered before. XREADGROUP … CLAIM only.
    friend bool operator==(delivered_entry const&, delivered_entry const&) = default;
};

/// What a read of streams gives: those that have entries, in the order in which they were asked for.
template <class Entry = stream_entry<>>
struct stream_batch {
    std::vector<std::pair<std::string, std::vector<Entry>>> streams;

    bool empty() const noexcept { return streams.empty(); }
    std::size_t size() const noexcept { return streams.size(); }
    auto begin() const noexcept { return streams.begin(); }
    auto end() const noexcept { return streams.end(); }
    /// For clients whose keys have a prefix.
    void strip_keys(std::size_t prefix_bytes) noexcept {
        for (auto& [key, entries] : streams) resp::strip_key(key, prefix_bytes);
    }
    friend bool operator==(stream_batch const&, stream_batch const&) = default;
};

/// A bound of a range of ids: an id, which belongs to the range, or one of those below.
class stream_bound {
public:
    static constexpr std::size_t id_bytes_max = 41;  ///< Two numbers of 20 digits and what parts them.

    stream_bound(std::string_view id) noexcept { set("", id); }
    stream_bound(char const* id) noexcept : stream_bound{std::string_view{id}} {}
    stream_bound(std::string const& id) noexcept : stream_bound{std::string_view{id}} {}
    static stream_bound first() noexcept { return stream_bound{"-"}; }
    static stream_bound last() noexcept { return stream_bound{"+"}; }
    /// The id does not belong to the range. Since 6.2.0.
    static stream_bound exclusive(std::string_view id) noexcept {
        stream_bound bound{""};
        bound.set("(", id);
        return bound;
    }

    /// False for what no server takes: an empty id, or one that is too long.
    bool valid() const noexcept { return size_ != 0; }
    operator std::string_view() const noexcept { return {text_, size_}; }

private:
    void set(std::string_view open, std::string_view id) noexcept {
        if (id.empty() || id.size() > id_bytes_max) return;
        std::memcpy(text_, open.data(), open.size());
        std::memcpy(text_ + open.size(), id.data(), id.size());
        size_ = static_cast<std::uint8_t>(open.size() + id.size());
    }

    char text_[id_bytes_max + 1]{};
    std::uint8_t size_ = 0;
};
static_assert(UMBEL_IS_TRIVIALLY_DESTRUCTIBLE(stream_bound));

/// Adds both bounds, and how many entries there may be at most.
inline void add_stream_range(word_list& list, stream_bound const& from, stream_bound const& to) noexcept {
    list.refuse_if(!from.valid() || !to.valid(), "a bound that is no stream id");
    list.add(from, to);
}
inline void add_count(word_list& list, std::optional<std::uint64_t> count) noexcept {
    if (!count) return;
    list.refuse_if(*count == 0, "a count of zero");
    list.add("COUNT", *count);
}

/// What deleting an entry does to those who got it and have not acknowledged it.
/// Rule: XDELEX command, "Optional arguments". Since 8.2.0 (no Valkey).
enum class stream_references : std::uint8_t {
    unsaid,  ///< As the server does by itself: it keeps them.
    keep,    ///< KEEPREF: the lists of what is pending keep its id.
    drop,    ///< DELREF: the id goes from those lists as well.
    acked    ///< ACKED: only entries that all groups have acknowledged are deleted.
};

/// The word of the protocol; none for unsaid.
constexpr std::string_view spelling_of(stream_references kept) noexcept {
    constexpr std::string_view spelled[]{"", "KEEPREF", "DELREF", "ACKED"};
    return spelled[static_cast<std::size_t>(kept)];
}

/// How XADD and XTRIM trim: by length or by id, not both. Rule: XTRIM command, "Required arguments".
struct stream_trim {
    std::optional<std::uint64_t> max_length{};  ///< MAXLEN: so many of the youngest entries stay.
    std::optional<std::string_view> min_id{};   ///< MINID: older entries go. Since 6.2.0.
    bool approximate = false;                   ///< ~: cheaper; some more entries may stay.
    std::optional<std::uint64_t> limit{};       ///< LIMIT: the most entries to go, 0 for no limit.
    stream_references references = stream_references::unsaid;
};
static_assert(UMBEL_IS_TRIVIALLY_DESTRUCTIBLE(stream_trim));

/// Adds the words of a trim, if it is one. Refuses both kinds at once, and a limit of what is exact.
inline void add_trim(word_list& list, stream_trim const& trim) noexcept {
    list.refuse_if(trim.max_length && trim.min_id, "max_length and min_id exclude each other");
    list.refuse_if(trim.limit && !trim.approximate, "a limit needs approximate trimming");
    if (!trim.max_length && !trim.min_id) {
        list.refuse_if(trim.approximate || trim.limit, "trimming needs max_length or min_id");
        return;
    }
    list.add(trim.max_length ? "MAXLEN" : "MINID").add_if(trim.approximate, "~");
    if (trim.max_length) list.add(*trim.max_length);
    if (trim.min_id) list.add(*trim.min_id);
    if (trim.limit) list.add("LIMIT", *trim.limit);
}

/// Adds STREAMS, each key, and then each id. `streams` are pairs of both.
template <key_value_range Streams>
void add_streams(word_list& list, Streams const& streams) {
    std::size_t const before = list.add("STREAMS").size();
    for (auto&& stream : streams) list.add(umbel::key{std::string_view{stream.first}});
    list.refuse_if(list.size() == before, "an empty range: the command needs at least one stream");
    for (auto&& stream : streams) list.add(std::string_view{stream.second});
}

/// What became of an entry that was to be deleted.
enum class stream_deletion : std::int8_t {
    no_entry = -1,     ///< There is no such entry, or no such key.
    deleted = 1,       ///< It is gone.
    still_needed = 2,  ///< stream_references::acked: some group has not acknowledged it.
};

}  // namespace umbel::command

namespace umbel {
using command::delivered_entry;
using command::stream_batch;
using command::stream_bound;
using command::stream_deletion;
using command::stream_entry;
using command::stream_fields;
using command::stream_references;
using command::stream_trim;
}  // namespace umbel

template <class Fields>
inline constexpr bool umbel::empty_is_missing<umbel::command::stream_entry<Fields>> = false;
template <class Fields>
inline constexpr bool umbel::empty_is_missing<umbel::command::delivered_entry<Fields>> = false;
template <class Entry>
inline constexpr bool umbel::empty_is_missing<umbel::command::stream_batch<Entry>> = false;
template <>
inline constexpr bool umbel::empty_is_missing<umbel::command::stream_deletion> = false;

template <umbel::decodable Fields>
struct umbel::from_reply<umbel::command::stream_entry<Fields>> {
    static result<command::stream_entry<Fields>> from(resp::view const& reply) {
        result<std::pair<std::string, Fields>> read = from_reply<std::pair<std::string, Fields>>::from(reply);
        if (!read) return tl::unexpected<error>{std::move(read.error())};
        return command::stream_entry<Fields>{std::move(read->first), std::move(read->second)};
    }
};

template <umbel::decodable Fields>
struct umbel::from_reply<umbel::command::delivered_entry<Fields>> {
    static result<command::delivered_entry<Fields>> from(resp::view const& reply) {
        using entry = command::delivered_entry<Fields>;
        if (reply.kind() == resp::type::array && reply.children_count() == 4) {
            using parts = std::tuple<std::string, std::optional<Fields>, std::int64_t, std::int64_t>;
            result<parts> read = from_reply<parts>::from(reply);
            if (!read) return tl::unexpected<error>{std::move(read.error())};
            auto& [id, fields, idle, deliveries] = *read;
            return entry{std::move(id), std::move(fields), std::chrono::milliseconds{idle}, deliveries};
        }
        using parts = std::pair<std::string, std::optional<Fields>>;
        result<parts> read = from_reply<parts>::from(reply);
        if (!read) return tl::unexpected<error>{std::move(read.error())};
        return entry{std::move(read->first), std::move(read->second), {}, 0};
    }
};

/// Null, which servers give where no stream has an entry, is a batch of nothing.
template <umbel::decodable Entry>
struct umbel::from_reply<umbel::command::stream_batch<Entry>> {
    static result<command::stream_batch<Entry>> from(resp::view const& reply) {
        if (reply.is_null()) return command::stream_batch<Entry>{};
        using streams = std::vector<std::pair<std::string, std::vector<Entry>>>;
        result<streams> read = from_reply<streams>::from(reply);
        if (!read) return tl::unexpected<error>{std::move(read.error())};
        return command::stream_batch<Entry>{std::move(*read)};
    }
};

template <>
struct umbel::from_reply<umbel::command::stream_deletion> {
    template <class View = resp::view>
    static result<later<View, command::stream_deletion>> from(View const& reply) {
        auto const code = from_reply<std::int64_t>::from(reply);
        if (!code) return tl::unexpected<error>{code.error()};
        if (*code != -1 && *code != 1 && *code != 2) return umbel::unexpected("-1, 1 or 2", reply);
        return static_cast<command::stream_deletion>(*code);
    }
};
