// sorting.hpp: SORT and its variants, as typed functions.
#pragma once

#include <umbel/command/family.hpp>
#include <umbel/config.hpp>
#include <umbel/resp/decode.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace umbel::command {

/// The order of a sorted answer.
enum class sort_order : std::uint8_t { ascending, descending };

/// Options of SORT. Rule: SORT command.
struct sort_options {
    std::optional<std::string_view> by{};  ///< BY: the pattern of the keys to sort by, or "nosort".
    std::int64_t offset = 0;               ///< LIMIT: how many elements to skip.
    std::optional<std::int64_t> count{};   ///< LIMIT: how many elements to give at most.
    sort_order order = sort_order::ascending;
    bool alpha = false;  ///< ALPHA: as texts; otherwise every element must be a number.
};
static_assert(UMBEL_IS_TRIVIALLY_DESTRUCTIBLE(sort_options));

inline void add_sort(word_list& list, sort_options const& options) noexcept {
    if (options.by) list.add("BY", *options.by);
    list.refuse_if(options.offset < 0 || (options.count && *options.count < 0), "a negative limit");
    if (options.offset > 0 || options.count) list.add("LIMIT", options.offset, options.count.value_or(-1));
    list.add_if(options.order == sort_order::descending, "DESC").add_if(options.alpha, "ALPHA");
}
/// Adds GET and a pattern, for each. Refuses an empty range.
template <word_range Patterns>
void add_sort_gets(word_list& list, Patterns const& patterns) {
    bool empty = true;
    for (auto&& pattern : patterns) {
        list.add("GET", pattern);
        empty = false;
    }
    list.refuse_if(empty, "an empty range: the command needs at least one pattern");
}

}  // namespace umbel::command

namespace umbel {
using command::sort_options;
using command::sort_order;
}  // namespace umbel

namespace umbel::command {

namespace specs {
using enum cluster::command_flags;
inline constexpr command_spec sort{"SORT", idempotent};  ///< As long as it stores nothing.
inline constexpr command_spec sort_ro{"SORT_RO", read_only};
}  // namespace specs

/// SORT and its variants, for whatever can submit an invocation. A list, a set or a sorted set is sorted.
///
/// A pattern is the name of a key with `*` where the element goes, `weight_*`, or of a field of a hash,
/// `user_*->name`; `#` in GET is the element itself. In a cluster the keys of a pattern must lie in the slot
/// of the sorted key, which its hash tag must make certain; servers before 8.0.0 refuse patterns there.
///
/// Errors of each: those of every command, listed at umbel::client; of these wrong_type when the key holds
/// something else, server_error when an element is no number and `alpha` is not set, and bad_argument for a
/// negative limit and an empty range of patterns. Cancellation: as of every command; what writes may have
/// written then, as the delivery tells.
/// Complexity of each: O(N + M log M) for N elements of which M are given.
template <class Self>
class sort_commands {
public:
    /// SORT: the elements in order; empty when the key does not exist. It goes to the primary, which
    /// sort_ro() need not. Since 1.0.0.
    template <decodable Value = std::string>
    auto sort(std::string_view name, sort_options options = {}) const {
        return sorting<Value>(specs::sort, name, options);
    }
    /// SORT … GET: for each element in order what every pattern gives, nullopt where there is nothing.
    template <decodable Value = std::string, word_range Patterns>
    auto sort_get(std::string_view name, Patterns const& patterns, sort_options options = {}) const {
        return getting<Value>(specs::sort, name, patterns, options);
    }
    /// SORT_RO: as sort(), also from a replica. Since 7.0.0.
    template <decodable Value = std::string>
    auto sort_ro(std::string_view name, sort_options options = {}) const {
        return sorting<Value>(specs::sort_ro, name, options);
    }
    /// SORT_RO … GET: as sort_get(), also from a replica.
    template <decodable Value = std::string, word_range Patterns>
    auto sort_ro_get(std::string_view name, Patterns const& patterns, sort_options options = {}) const {
        return getting<Value>(specs::sort_ro, name, patterns, options);
    }
    /// SORT … STORE: writes the elements in order to `destination`, a list, which is gone when there are
    /// none; how many there are. Since 1.0.0.
    auto sort_store(std::string_view name, std::string_view destination, sort_options options = {}) const {
        word_list list{umbel::key{name}};
        add_sort(list, options);
        return storing(list, destination);
    }
    /// SORT … GET … STORE: writes what the patterns give; where there is nothing, an empty text.
    template <word_range Patterns>
    auto sort_store(std::string_view name, std::string_view destination, Patterns const& patterns,
                    sort_options options = {}) const {
        word_list list{umbel::key{name}};
        add_sort(list, options);
        add_sort_gets(list, patterns);
        return storing(list, destination);
    }

private:
    template <class Value>
    auto sorting(command_spec const& spec, std::string_view name, sort_options const& options) const {
        word_list list{umbel::key{name}};
        add_sort(list, options);
        return run<std::vector<Value>>(*this, spec, list);
    }
    template <class Value, class Patterns>
    auto getting(command_spec const& spec, std::string_view name, Patterns const& patterns,
                 sort_options const& options) const {
        word_list list{umbel::key{name}};
        add_sort(list, options);
        add_sort_gets(list, patterns);
        return run<std::vector<std::optional<Value>>>(*this, spec, list);
    }
    auto storing(word_list& list, std::string_view destination) const {
        list.add("STORE", umbel::key{destination});
        return run<std::int64_t>(*this, specs::sort, list, cluster::command_flags::none);
    }
};

}  // namespace umbel::command
