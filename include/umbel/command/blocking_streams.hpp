// blocking_streams.hpp: waiting for entries of streams, as typed functions: the server answers when something
// has come, or the time is over.
#pragma once

#include <umbel/command/block_time.hpp>
#include <umbel/command/family.hpp>
#include <umbel/command/stream_groups.hpp>
#include <umbel/command/streams.hpp>

#include <string_view>

namespace umbel::command {

/// XREAD and XREADGROUP with BLOCK. Connection, time, Errors and Cancellation: as of blocking_list_commands;
/// and bad_argument for a count of zero. XREAD takes nothing away, so it is asked again by itself when its
/// connection is lost; but not from stream_ids::end or last on, which mean another place then:
/// connection_lost with delivery unknown. Where such a wait goes on at another node, it reads what is added
/// from then on. What XREADGROUP has lost on its way pends for the consumer, and comes by xreadgroup(… "0");
/// with no_ack it is lost.
template <class Self>
class blocking_stream_commands {
public:
    /// XREAD … BLOCK of several streams of one slot, as pairs of their keys and of the ids after which to
    /// read; stream_ids::end reads what is added from now on. An empty batch: nothing came in time.
    /// Since 5.0.0. Complexity: O(entries that are returned).
    template <decodable Fields = stream_fields, key_value_range Streams>
    auto xread_block(Streams const& streams, block_time time, xread_options options = {}) const {
        word_list list;
        add_read(list, options, time);
        add_streams(list, streams);
        return run_blocking<stream_batch<stream_entry<Fields>>>(*this, specs::xread, list, time,
                                                                flags_of(list));
    }
    /// XREAD … BLOCK of one stream.
    template <decodable Fields = stream_fields>
    auto xread_block(std::string_view name, std::string_view after, block_time time,
                     xread_options options = {}) const {
        word_list list;
        add_read(list, options, time);
        list.add("STREAMS", umbel::key{name}, after);
        return run_blocking<stream_batch<stream_entry<Fields>>>(*this, specs::xread, list, time,
                                                                flags_of(list));
    }
    /// XREADGROUP … BLOCK of several streams of one slot, as xreadgroup(); an empty batch: nothing came in
    /// time. Since 5.0.0. Complexity: O(entries that are returned).
    template <decodable Fields = stream_fields, key_value_range Streams>
    auto xreadgroup_block(std::string_view group, std::string_view consumer, Streams const& streams,
                          block_time time, xreadgroup_options options = {}) const {
        word_list list{"GROUP", group, consumer};
        add_group_read(list, options, time);
        add_streams(list, streams);
        return run_blocking<stream_batch<delivered_entry<Fields>>>(*this, specs::xreadgroup, list, time);
    }
    /// XREADGROUP … BLOCK of one stream.
    template <decodable Fields = stream_fields>
    auto xreadgroup_block(std::string_view group, std::string_view consumer, std::string_view name,
                          std::string_view after, block_time time, xreadgroup_options options = {}) const {
        word_list list{"GROUP", group, consumer};
        add_group_read(list, options, time);
        list.add("STREAMS", umbel::key{name}, after);
        return run_blocking<stream_batch<delivered_entry<Fields>>>(*this, specs::xreadgroup, list, time);
    }

private:
    /// An id that names a place of its own each time it is sent: the command must not be sent again.
    static cluster::command_flags flags_of(word_list const& list) noexcept {
        for (argument const& word : list.words())
            if (word.is_plain() && (word.text() == stream_ids::end || word.text() == stream_ids::last))
                return cluster::command_flags::none;
        return specs::xread.flags();
    }
    static void add_read(word_list& list, xread_options const& options, block_time time) noexcept {
        add_count(list, options.count);
        if (options.max_count) list.add("MAXCOUNT", *options.max_count);
        if (options.max_bytes) list.add("MAXSIZE", *options.max_bytes);
        list.add("BLOCK", time.milliseconds());
    }
    static void add_group_read(word_list& list, xreadgroup_options const& options, block_time time) noexcept {
        add_count(list, options.count);
        if (options.max_count) list.add("MAXCOUNT", *options.max_count);
        if (options.max_bytes) list.add("MAXSIZE", *options.max_bytes);
        if (options.claim) {
            list.refuse_if(options.claim->count() < 0, "an idle time that is negative");
            list.add("CLAIM", options.claim->count());
        }
        list.add("BLOCK", time.milliseconds()).add_if(options.no_ack, "NOACK");
    }
};

}  // namespace umbel::command
