// blocking_sorted_sets.hpp: taking from sorted sets that may be empty yet, as typed functions: the server
// answers when something has come, or the time is over.
#pragma once

#include <umbel/command/block_time.hpp>
#include <umbel/command/family.hpp>
#include <umbel/command/sorted_sets.hpp>
#include <umbel/resp/decode.hpp>
#include <umbel/resp/keys_within.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>

namespace umbel::command {

/// What BZPOPMIN and BZPOPMAX take: a member with its score, and the key of its sorted set.
template <class Member = std::string>
struct popped_member {
    std::string key;
    Member member;
    double score = 0;
    /// For clients whose keys have a prefix.
    void strip_keys(std::size_t prefix_bytes) noexcept { resp::strip_key(key, prefix_bytes); }
    friend bool operator==(popped_member const&, popped_member const&) = default;
};

}  // namespace umbel::command

namespace umbel {
using command::popped_member;
}  // namespace umbel

template <class Member>
inline constexpr bool umbel::empty_is_missing<umbel::command::popped_member<Member>> = false;

template <umbel::decodable Member>
struct umbel::from_reply<umbel::command::popped_member<Member>> {
    static result<command::popped_member<Member>> from(resp::view const& reply) {
        using parts = std::tuple<std::string, Member, double>;
        result<parts> read = from_reply<parts>::from(reply);
        if (!read) return tl::unexpected<error>{std::move(read.error())};
        auto& [key, member, score] = *read;
        return command::popped_member<Member>{std::move(key), std::move(member), score};
    }
};

namespace umbel::command {

namespace specs {
inline constexpr command_spec bzmpop{"BZMPOP", cluster::command_flags::none};
inline constexpr command_spec bzpopmax{"BZPOPMAX", cluster::command_flags::none};
inline constexpr command_spec bzpopmin{"BZPOPMIN", cluster::command_flags::none};
}  // namespace specs

/// Commands that wait for a member of a sorted set. Connection, time, Errors and Cancellation: as of
/// blocking_list_commands.
template <class Self>
class blocking_sorted_set_commands {
public:
    /// BZPOPMIN: the member with the lowest score of the first of the sorted sets that has one; nullopt when
    /// nothing came in time. The keys lie in the same slot. Since 5.0.0. Complexity: O(log(members)).
    template <decodable Member = std::string, key_range_of_texts Keys>
    auto bzpopmin(Keys const& keys, block_time time) const {
        return pop<Member>(specs::bzpopmin, keys, time);
    }
    template <decodable Member = std::string>
    auto bzpopmin(std::string_view name, block_time time) const {
        return pop<Member>(specs::bzpopmin, std::array{name}, time);
    }
    /// BZPOPMAX: as bzpopmin(), with the highest score. Since 5.0.0. Complexity: O(log(members)).
    template <decodable Member = std::string, key_range_of_texts Keys>
    auto bzpopmax(Keys const& keys, block_time time) const {
        return pop<Member>(specs::bzpopmax, keys, time);
    }
    template <decodable Member = std::string>
    auto bzpopmax(std::string_view name, block_time time) const {
        return pop<Member>(specs::bzpopmax, std::array{name}, time);
    }
    /// BZMPOP: as zmpop(), waiting for a member; nullopt when nothing came in time. Since 7.0.0.
    /// Complexity: O(keys + count × log(members)).
    template <decodable Member = std::string, key_range_of_texts Keys>
    auto bzmpop(Keys const& keys, score_end end, block_time time, std::uint64_t count = 1) const {
        word_list list;
        list.add_made(time.seconds()).add_counted_keys(keys).add(end == score_end::min ? "MIN" : "MAX");
        list.refuse_if(count == 0, "BZMPOP with a count of zero").add_if(count > 1, "COUNT", count);
        return run_blocking<std::optional<popped<scored_member<Member>>>>(*this, specs::bzmpop, list, time);
    }

private:
    template <class Member, class Keys>
    auto pop(command_spec const& spec, Keys const& keys, block_time time) const {
        word_list list;
        list.add_keys(keys).add_made(time.seconds());
        return run_blocking<std::optional<popped_member<Member>>>(*this, spec, list, time);
    }
};

}  // namespace umbel::command
