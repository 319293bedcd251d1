// blocking_lists.hpp: taking from lists that may be empty yet, as typed functions: the server answers when
// something has come, or the time is over.
#pragma once

#include <umbel/command/block_time.hpp>
#include <umbel/command/family.hpp>
#include <umbel/command/lists.hpp>
#include <umbel/resp/decode.hpp>
#include <umbel/resp/keys_within.hpp>

#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace umbel::command {

/// What BLPOP and BRPOP take: an element, and the key of its list.
template <class Value = std::string>
struct popped_value {
    std::string key;
    Value value;
    /// For clients whose keys have a prefix.
    void strip_keys(std::size_t prefix_bytes) noexcept { resp::strip_key(key, prefix_bytes); }
    friend bool operator==(popped_value const&, popped_value const&) = default;
};

}  // namespace umbel::command

namespace umbel {
using command::popped_value;
}  // namespace umbel

template <class Value>
inline constexpr bool umbel::empty_is_missing<umbel::command::popped_value<Value>> = false;

template <umbel::decodable Value>
struct umbel::from_reply<umbel::command::popped_value<Value>> {
    static result<command::popped_value<Value>> from(resp::view const& reply) {
        result<std::pair<std::string, Value>> read = from_reply<std::pair<std::string, Value>>::from(reply);
        if (!read) return tl::unexpected<error>{std::move(read.error())};
        return command::popped_value<Value>{std::move(read->first), std::move(read->second)};
    }
};

namespace umbel::command {

namespace specs {
inline constexpr command_spec blmove{"BLMOVE", cluster::command_flags::none};
inline constexpr command_spec blmovem{"BLMOVEM", cluster::command_flags::none};
inline constexpr command_spec blmpop{"BLMPOP", cluster::command_flags::none};
inline constexpr command_spec blpop{"BLPOP", cluster::command_flags::none};
inline constexpr command_spec brpop{"BRPOP", cluster::command_flags::none};
}  // namespace specs

/// Commands that wait for an element of a list. Each goes by a connection of its own, a lease: from the
/// client's pool where they are called on a client, or the one that is held. The wait follows the slot: where
/// it moves, or its primary is replaced, the command goes on waiting at the node that serves the slot now.
/// Units/shape: the last argument is the time to wait, a duration or umbel::wait_forever.
/// Errors of each: those of every command, listed at umbel::client; of these wrong_type when a key holds no
/// list; bad_argument for a time that is not positive, and for an empty range; overloaded when too many wait
/// for a lease already; deadline_exceeded when none became free within the time and options::lease_slack
/// (client::with(deadline) bounds both together), and where waiting for the lease, or for the command to be
/// sent anew, took longer than the slack, so that the server's own time was not over. connection_lost with
/// delivery unknown says that an element may have been taken and lost on its way; it is never asked for again
/// by itself. Cancellation: frees the server's side, too. What was taken before the server heard of it is the
/// command's value all the same; where nothing was, the delivery is not_executed; where the server cannot be
/// told, unknown.
template <class Self>
class blocking_list_commands {
public:
    /// BLPOP: the head of the first of the lists that has one, with the list's key; nullopt when nothing came
    /// in time. The keys lie in the same slot. Since 2.0.0. Complexity: O(keys).
    template <decodable Value = std::string, key_range_of_texts Keys>
    auto blpop(Keys const& keys, block_time time) const {
        return pop<Value>(specs::blpop, keys, time);
    }
    template <decodable Value = std::string>
    auto blpop(std::string_view name, block_time time) const {
        return pop<Value>(specs::blpop, std::array{name}, time);
    }
    /// BRPOP: as blpop(), from the tail. Since 2.0.0. Complexity: O(keys).
    template <decodable Value = std::string, key_range_of_texts Keys>
    auto brpop(Keys const& keys, block_time time) const {
        return pop<Value>(specs::brpop, keys, time);
    }
    template <decodable Value = std::string>
    auto brpop(std::string_view name, block_time time) const {
        return pop<Value>(specs::brpop, std::array{name}, time);
    }
    /// BLMOVE: as lmove(), waiting for an element of the source; nullopt when nothing came in time. It does
    /// what BRPOPLPUSH did with list_end::right and list_end::left. Since 6.2.0. Complexity: O(1).
    template <decodable Value = std::string>
    auto blmove(std::string_view source, std::string_view destination, list_end from, list_end to,
                block_time time) const {
        word_list list{umbel::key{source}, umbel::key{destination}, spelling_of(from), spelling_of(to)};
        return run_blocking<std::optional<Value>>(*this, specs::blmove, list.add_made(time.seconds()), time);
    }
    /// BLMOVEM: as lmovem(), waiting for an element, or for as many as `exactly`; nullopt when they did not
    /// come in time. Since 8.10.0 (no Valkey). Complexity: O(elements).
    template <decodable Value = std::string>
    auto blmovem(std::string_view source, std::string_view destination, list_end from, list_end to,
                 block_time time, lmovem_options options = {}) const {
        word_list list{umbel::key{source}, umbel::key{destination}, spelling_of(from), spelling_of(to)};
        add_move(list.add_made(time.seconds()), options);
        return run_blocking<std::optional<std::vector<Value>>>(*this, specs::blmovem, list, time);
    }
    /// BLMPOP: as lmpop(), waiting for an element; nullopt when nothing came in time. Since 7.0.0.
    /// Complexity: O(keys + count).
    template <decodable Value = std::string, key_range_of_texts Keys>
    auto blmpop(Keys const& keys, list_end end, block_time time, std::uint64_t count = 1) const {
        word_list list;
        list.add_made(time.seconds()).add_counted_keys(keys).add(spelling_of(end));
        list.refuse_if(count == 0, "BLMPOP with a count of zero").add_if(count > 1, "COUNT", count);
        return run_blocking<std::optional<popped<Value>>>(*this, specs::blmpop, list, time);
    }

private:
    template <class Value, class Keys>
    auto pop(command_spec const& spec, Keys const& keys, block_time time) const {
        word_list list;
        list.add_keys(keys).add_made(time.seconds());
        return run_blocking<std::optional<popped_value<Value>>>(*this, spec, list, time);
    }
};

}  // namespace umbel::command
