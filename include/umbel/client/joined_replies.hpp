// joined_replies.hpp: what the replies of several nodes to one command make together, as the server's command
// tips say. It knows replies; it sends nothing.
#pragma once

#include <umbel/cluster/error_reply.hpp>
#include <umbel/command/command_table.hpp>
#include <umbel/error.hpp>
#include <umbel/resp/reply.hpp>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace umbel::calling {

/// A reply that is put together from others.
class reply_builder {
public:
    /// Begins an aggregate of this kind; the elements follow by add().
    void begin(resp::type kind) { nodes_.push_back({kind, 0, 0, 1, 0}); }
    void add(std::int64_t value) {
        count_element();
        nodes_.push_back(resp::node::scalar(resp::type::integer, static_cast<std::uint64_t>(value)));
    }
    /// False where the whole grows beyond what a reply may hold: 4 GiB of text, 2^31 values.
    [[nodiscard]] bool add(resp::view value) {
        count_element();
        resp::node const* const from = value.tape();
        if (nodes_.size() + from->span > std::size_t{1} << 31) return false;
        for (resp::node const* at = from; at != from + from->span; ++at) {
            nodes_.push_back(*at);
            if (!resp::is_text(at->kind)) continue;
            if (text_.size() + at->length() > 0xffff'ffffu) return false;
            nodes_.back() = resp::node::text(at->kind, text_.size(), at->length());
            text_.append(value.base() + at->offset(), at->length());
        }
        return true;
    }
    /// Lifetime: until the builder changes or ends.
    resp::view view() noexcept {
        nodes_.front().span = static_cast<std::uint32_t>(nodes_.size());
        return {nodes_.data(), text_.data()};
    }

private:
    /// The first value is the whole; where it is an aggregate, what follows are its elements.
    void count_element() noexcept {
        if (!nodes_.empty()) nodes_.front().value += std::uint64_t{1} << 32;
    }
    std::vector<resp::node> nodes_;
    std::string text_;
};

/// The first error among several nodes', with the delivery of the whole: where a node may have executed the
/// command, so may the whole.
template <class Results>
std::optional<error> first_error_of_nodes(Results const& results) {
    std::optional<error> found;
    bool some_ran = false;
    for (auto const& told : results) {
        if (!*told && !found) found = told->error();
        some_ran = some_ran || *told || told->error().may_have_executed();
    }
    if (found && some_ran && !found->may_have_executed())
        found.emplace(found->code(), delivery::unknown,
                      error_details{.message = std::string{found->message()} +
                                               " (other nodes may have executed the command)",
                                    .node = std::string{found->node()},
                                    .slot = found->slot(),
                                    .trail = {found->trail().begin(), found->trail().end()}});
    return found;
}

/// What several nodes have answered. Precondition of the functions: at least one node.
using node_replies = std::span<result<reply> const* const>;

namespace joining {

inline tl::unexpected<error> unlike(char const* expected) {
    return fail(errc::unexpected_type, delivery::executed,
                std::string{"the replies of several nodes cannot be joined, they are not "} + expected);
}

/// What two integers make, as a policy of aggregation says.
inline std::int64_t fold_two(command::response_policy how, std::int64_t left, std::int64_t right) noexcept {
    using policy = command::response_policy;
    switch (how) {
        case policy::agg_logical_and: return left && right;
        case policy::agg_logical_or: return left || right;
        case policy::agg_min: return std::min(left, right);
        case policy::agg_max: return std::max(left, right);
        case policy::agg_sum:
        case policy::none:
        case policy::one_succeeded:
        case policy::all_succeeded:
        case policy::special: break;
    }
    // A hostile sum wraps around.
    return static_cast<std::int64_t>(static_cast<std::uint64_t>(left) + static_cast<std::uint64_t>(right));
}

/// Joins integers, or arrays of integers element by element. Precondition: `how` is one of the policies of
/// aggregation.
inline result<reply> fold(node_replies all, command::response_policy how) {
    resp::view const first = (*all.front())->root();
    bool const listed = first.kind() == resp::type::array;
    std::vector<std::int64_t> sums;
    for (result<reply> const* const told : all) {
        resp::view const root = (*told)->root();
        std::size_t at = 0;
        auto const take = [&](resp::view element) {
            std::optional<std::int64_t> const value = element.integer();
            if (!value) return false;
            if (told == all.front()) sums.push_back(*value);
            if (at == sums.size()) return false;
            if (told != all.front()) sums[at] = fold_two(how, sums[at], *value);
            ++at;
            return true;
        };
        bool good = listed == (root.kind() == resp::type::array);
        if (good && !listed) good = take(root);
        if (good && listed)
            for (resp::view const element : root.children()) good = good && take(element);
        if (!good || at != sums.size()) return unlike("integers, or lists of as many integers");
    }
    reply_builder made;
    if (listed) made.begin(resp::type::array);
    for (std::int64_t const sum : sums) made.add(sum);
    return reply{made.view()};
}

/// Puts the elements of all aggregates into one; of replies that are none, makes an array.
inline result<reply> concatenate(node_replies all) {
    resp::view const first = (*all.front())->root();
    reply_builder made;
    made.begin(first.is_aggregate() ? first.kind() : resp::type::array);
    for (result<reply> const* const told : all) {
        resp::view const root = (*told)->root();
        if (root.is_aggregate() != first.is_aggregate() ||
            (first.is_aggregate() && root.kind() != first.kind()))
            return unlike("of one kind");
        bool fits = true;
        if (!root.is_aggregate()) fits = made.add(root);
        for (resp::view const element : root.children()) fits = fits && made.add(element);
        if (!fits) return fail(errc::no_memory, delivery::executed, "the joined reply is too large");
    }
    return reply{made.view()};
}

/// RANDOMKEY: a key of any shard that has some. Which shard comes first, `turn` says.
inline result<reply> any_key(node_replies all, std::size_t turn) {
    for (std::size_t step = 0; step < all.size(); ++step) {
        result<reply> const& told = *all[(turn + step) % all.size()];
        if (!told->is_null()) return *told;
    }
    return *all.front();
}

/// FUNCTION STATS: of the node that runs a function, else of the first. Rule: FUNCTION STATS command: the
/// value of running_script comes first.
inline result<reply> running_function(node_replies all) {
    for (result<reply> const* const told : all) {
        resp::view const root = (*told)->root();
        if (root.children_count() < 2) continue;
        auto at = root.children().begin();
        if (!(*++at).is_null()) return **told;
    }
    return *all.front();
}

}  // namespace joining

/// What the replies make together. Errors: the first node's, of KILL the first that does run something, with
/// the delivery of the whole; unexpected_type
/// where the replies cannot be joined. Rule: Redis documentation, "Command tips", "response_policy".
inline result<reply> join_replies(command::command_traits const& traits, node_replies all, std::size_t turn) {
    using policy = command::response_policy;
    std::vector<result<reply> const*> telling;
    if (traits.response == policy::one_succeeded) {
        for (result<reply> const* const told : all)
            if (*told) return **told;
        // Of the node that runs a script its caller hears, rather than of those that run none.
        for (bool const idle : {false, true})
            for (result<reply> const* const told : all)
                if (cluster::runs_nothing(told->error().message()) == idle) telling.push_back(told);
        all = telling;
    }
    if (std::optional<error> wrong = first_error_of_nodes(all))
        return tl::unexpected<error>{std::move(*wrong)};
    switch (traits.response) {
        case policy::one_succeeded:
        case policy::all_succeeded: return **all.front();
        case policy::agg_logical_and:
        case policy::agg_logical_or:
        case policy::agg_min:
        case policy::agg_max:
        case policy::agg_sum: return joining::fold(all, traits.response);
        case policy::none: return joining::concatenate(all);
        case policy::special: break;
    }
    return traits.name == "randomkey" ? joining::any_key(all, turn) : joining::running_function(all);
}

}  // namespace umbel::calling
