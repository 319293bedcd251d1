// hyperloglogs.hpp: approximate counts of different elements, as typed functions.
#pragma once

#include <umbel/command/family.hpp>
#include <umbel/resp/decode.hpp>

#include <cstdint>
#include <string_view>

namespace umbel::command {

namespace specs {
using enum cluster::command_flags;
inline constexpr command_spec pfadd{"PFADD", none};
inline constexpr command_spec pfcount{"PFCOUNT", read_only};
inline constexpr command_spec pfmerge{"PFMERGE", idempotent};
}  // namespace specs

/// HyperLogLog commands for whatever can submit an invocation.
/// Errors of each: those of every command, listed at umbel::client; of these wrong_type when a key holds no
/// HyperLogLog, and bad_argument for an empty range of keys. Cancellation: as of every command; what writes
/// may have written then, as the delivery tells.
template <class Self>
class hyperloglog_commands {
public:
    /// PFADD: true when the approximate count may have changed. Without elements it creates an empty
    /// HyperLogLog where there is none. Since 2.8.9. Complexity: O(elements).
    template <word... Elements>
    auto pfadd(std::string_view name, Elements const&... elements) const {
        return run<bool>(*this, specs::pfadd, umbel::key{name}, elements...);
    }
    template <word_range Elements>
    auto pfadd(std::string_view name, Elements const& elements) const {
        word_list list{umbel::key{name}};
        for (auto&& element : elements) list.add(element);
        return run<bool>(*this, specs::pfadd, list);
    }
    /// PFCOUNT: about how many different elements were added to any of the keys; 0 when none of them exists.
    /// The standard error is 0.81 %. Since 2.8.9. Complexity: O(1) for one key, O(keys) with a large constant
    /// for several.
    template <key_text... Keys>
    auto pfcount(std::string_view name, Keys const&... more) const {
        return run<std::int64_t>(*this, specs::pfcount, umbel::key{name},
                                 umbel::key{std::string_view{more}}...);
    }
    template <key_range_of_texts Keys>
    auto pfcount(Keys const& names) const {
        return run<std::int64_t>(*this, specs::pfcount, word_list{}.add_keys(names));
    }
    /// PFMERGE: adds to `destination` what was added to any of the sources. Since 2.8.9. Complexity: O(keys).
    template <key_text... Keys>
        requires(sizeof...(Keys) >= 1)
    auto pfmerge(std::string_view destination, Keys const&... sources) const {
        return run<ok>(*this, specs::pfmerge, umbel::key{destination},
                       umbel::key{std::string_view{sources}}...);
    }
    template <key_range_of_texts Keys>
    auto pfmerge(std::string_view destination, Keys const& sources) const {
        return run<ok>(*this, specs::pfmerge, word_list{umbel::key{destination}}.add_keys(sources));
    }
};

}  // namespace umbel::command
