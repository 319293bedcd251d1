// vector_sets.hpp: vector sets as typed functions: elements with a vector each, and the search for those that
// are alike. Redis 8 has them; Valkey has not.
#pragma once

#include <umbel/command/family.hpp>
#include <umbel/command/vector_set_types.hpp>
#include <umbel/resp/decode.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace umbel::command {

namespace specs {
using enum cluster::command_flags;
inline constexpr command_spec vadd{"VADD", none};
inline constexpr command_spec vcard{"VCARD", read_only};
inline constexpr command_spec vdim{"VDIM", read_only};
inline constexpr command_spec vemb{"VEMB", read_only};
inline constexpr command_spec vgetattr{"VGETATTR", read_only};
inline constexpr command_spec vinfo{"VINFO", read_only};
inline constexpr command_spec vismember{"VISMEMBER", read_only};
inline constexpr command_spec vlinks{"VLINKS", read_only};
inline constexpr command_spec vrandmember{"VRANDMEMBER", read_only};
inline constexpr command_spec vrange{"VRANGE", read_only};
inline constexpr command_spec vrem{"VREM", none};
inline constexpr command_spec vsetattr{"VSETATTR", idempotent};
inline constexpr command_spec vsim{"VSIM", read_only};
}  // namespace specs

/// Vector set commands for whatever can submit an invocation. A vector is a std::vector<float>, std::array or
/// std::span of floats, which goes out as the bytes that it is; any other range of numbers, which goes out as
/// text; or umbel::fp32_blob. Errors of each: those of every command, listed at umbel::client; of these
/// wrong_type when the key holds no vector set, server_error when a vector has another dimension than the
/// set, and bad_argument for an empty vector, one with a not-a-number, and options out of range.
/// Cancellation: as of every command; what writes may have written then, as the delivery tells.
template <class Self>
class vector_set_commands {
public:
    /// VADD: true when the element is new; of one that was there the vector is replaced. The first VADD of a
    /// key decides dimension, quantization and links for ever. Since 8.0.0. Complexity: O(log(size)).
    template <vector_values Vector>
    auto vadd(std::string_view name, std::string_view element, Vector const& vector,
              vadd_options options = {}) const {
        word_list list{umbel::key{name}};
        if (options.reduce) list.add("REDUCE", *options.reduce);
        list.refuse_if(options.reduce == 0u, "reduce is zero");
        add_vector(list, vector);
        list.add(element).add_if(options.cas, "CAS");
        list.add_if(options.quantization != vector_quantization::unsaid, spelling_of(options.quantization));
        add_effort(list, "EF", options.effort);
        if (options.attributes) list.add("SETATTR", *options.attributes);
        if (options.links) list.add("M", *options.links);
        return run<bool>(*this, specs::vadd, list);
    }
    /// VREM: true when there was such an element. Since 8.0.0. Complexity: O(log(size)).
    auto vrem(std::string_view name, std::string_view element) const {
        return run<bool>(*this, specs::vrem, umbel::key{name}, element);
    }

    /// VSIM with a vector: the elements most like it, the nearest first. Of a missing key none.
    /// Since 8.0.0. Complexity: O(log(size)), with `truth` O(size).
    template <vector_values Vector>
    auto vsim(std::string_view name, Vector const& vector, vsim_options options = {}) const {
        return alike<std::vector<std::string>>(name, vector, options, false, false);
    }
    /// VSIM with an element of the set, which comes first. Errors: server_error when there is none.
    auto vsim(std::string_view name, std::string_view element, vsim_options options = {}) const {
        return alike<std::vector<std::string>>(name, element, options, false, false);
    }
    /// VSIM … WITHSCORES: elements with their similarity, from 1 for the same down to 0 for the opposite.
    template <class Query>
        requires(vector_values<Query> || word<Query>)
    auto vsim_with_scores(std::string_view name, Query const& query, vsim_options options = {}) const {
        return alike<std::vector<std::pair<std::string, double>>>(name, query, options, true, false);
    }
    /// VSIM … WITHSCORES WITHATTRIBS: the attributes as well; `Attributes` is anything that from_reply knows.
    /// Since 8.2.0.
    template <decodable Attributes = std::string, class Query>
        requires(vector_values<Query> || word<Query>)
    auto vsim_with_attributes(std::string_view name, Query const& query, vsim_options options = {}) const {
        return alike<alike_elements<Attributes>>(name, query, options, true, true);
    }

    /// VCARD: how many elements there are; 0 when the key does not exist. Since 8.0.0. Complexity: O(1).
    auto vcard(std::string_view name) const {
        return run<std::int64_t>(*this, specs::vcard, umbel::key{name});
    }
    /// VDIM: the dimension of the vectors, after a reduction. Errors: server_error when the key does not
    /// exist. Since 8.0.0. Complexity: O(1).
    auto vdim(std::string_view name) const { return run<std::int64_t>(*this, specs::vdim, umbel::key{name}); }
    /// VEMB: the vector of an element, as precise as the quantization lets it be; nullopt when there is no
    /// such element or key. Since 8.0.0. Complexity: O(1).
    auto vemb(std::string_view name, std::string_view element) const {
        return run<std::optional<std::vector<float>>>(*this, specs::vemb, umbel::key{name}, element);
    }
    /// VEMB … RAW: the vector as the server holds it.
    auto vemb_raw(std::string_view name, std::string_view element) const {
        return run<std::optional<raw_vector>>(*this, specs::vemb, umbel::key{name}, element, "RAW");
    }
    /// VISMEMBER: true when there is such an element. Since 8.2.0. Complexity: O(1).
    auto vismember(std::string_view name, std::string_view element) const {
        return run<bool>(*this, specs::vismember, umbel::key{name}, element);
    }
    /// VINFO: what the set is like; nullopt when the key does not exist. Since 8.0.0. Complexity: O(1).
    auto vinfo(std::string_view name) const {
        return run<std::optional<vector_set_info>>(*this, specs::vinfo, umbel::key{name});
    }

    /// VGETATTR: the attributes of an element, as JSON; nullopt when it has none, or when there is no such
    /// element or key. Since 8.0.0. Complexity: O(1).
    template <decodable Attributes = std::string>
    auto vgetattr(std::string_view name, std::string_view element) const {
        return run<std::optional<Attributes>>(*this, specs::vgetattr, umbel::key{name}, element);
    }
    /// VSETATTR: true when there is such an element. An empty text takes the attributes away.
    /// Since 8.0.0. Complexity: O(1).
    auto vsetattr(std::string_view name, std::string_view element, argument const& json) const {
        return run<bool>(*this, specs::vsetattr, umbel::key{name}, element, json);
    }

    /// VLINKS: the neighbours of an element in each layer of the graph, the uppermost first; nullopt when
    /// there is no such element or key. Since 8.0.0. Complexity: O(1).
    auto vlinks(std::string_view name, std::string_view element) const {
        return run<std::optional<std::vector<std::vector<std::string>>>>(*this, specs::vlinks,
                                                                         umbel::key{name}, element);
    }
    /// VLINKS … WITHSCORES: the neighbours with their similarity.
    auto vlinks_with_scores(std::string_view name, std::string_view element) const {
        using layer = std::vector<std::pair<std::string, double>>;
        return run<std::optional<std::vector<layer>>>(*this, specs::vlinks, umbel::key{name}, element,
                                                      "WITHSCORES");
    }
    /// VRANDMEMBER: some element, or nullopt when the key does not exist. Since 8.0.0. Complexity: O(1).
    auto vrandmember(std::string_view name) const {
        return run<std::optional<std::string>>(*this, specs::vrandmember, umbel::key{name});
    }
    /// VRANDMEMBER of several: at most `count` different elements, or with a negative `count` exactly so
    /// many, the same ones again and again. Complexity: O(count).
    auto vrandmember(std::string_view name, std::int64_t count) const {
        return run<std::vector<std::string>>(*this, specs::vrandmember, umbel::key{name}, count);
    }
    /// VRANGE: elements in the order of their bytes; at most `count`. To go on, begin behind the last one:
    /// element_bound::exclusive(last). Since 8.4.0. Complexity: O(elements that are returned).
    auto vrange(std::string_view name, element_bound from = element_bound::first(),
                element_bound to = element_bound::last(), std::optional<std::uint64_t> count = {}) const {
        word_list list{umbel::key{name}};
        list.refuse_if(!from.may_begin() || !to.may_end(), "a bound that is empty, or of the wrong end");
        list.add_made(from.text()).add_made(to.text());
        list.refuse_if(count == 0u, "a count of zero");
        if (count) list.add(*count);
        return run<std::vector<std::string>>(*this, specs::vrange, list);
    }

private:
    template <class Reply, class Query>
    auto alike(std::string_view name, Query const& query, vsim_options const& options, bool scores,
               bool attributes) const {
        word_list list{umbel::key{name}};
        if constexpr (word<Query>) {
            list.add("ELE", query);
        } else {
            add_vector(list, query);
        }
        list.add_if(scores, "WITHSCORES").add_if(attributes, "WITHATTRIBS");
        add_search(list, options);
        return run<Reply>(*this, specs::vsim, list);
    }
};

}  // namespace umbel::command
