// sorted_set_bounds.hpp: scores, where ranges of scores and of members begin and end, and how that is
// spelled. It knows no command.
#pragma once

#include <umbel/command/word_list.hpp>
#include <umbel/config.hpp>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <memory>
#include <new>
#include <string_view>
#include <type_traits>
#include <utility>

namespace umbel::command {

/// A member and its score.
template <class Value>
using scored_member = std::pair<Value, double>;

inline constexpr double infinite_score = std::numeric_limits<double>::infinity();

/// A score as an argument: infinities as +inf and -inf.
inline argument score_argument(double score) noexcept {
    if (score == infinite_score) return {"+inf"};
    return {score};
}

/// Adds a score. Refuses one that is not a number, as servers do.
inline word_list& add_score(word_list& list, double score) noexcept {
    return list.refuse_if(score != score, "a score that is not a number").add(score_argument(score));
}

/// One end of a range of scores. The score itself belongs to the range, unless exclusive() says otherwise.
class score_bound {
public:
    template <class Number>
        requires std::is_arithmetic_v<Number>
    constexpr score_bound(Number score) noexcept : score_{static_cast<double>(score)} {}

    constexpr double score() const noexcept { return score_; }
    constexpr bool is_exclusive() const noexcept { return exclusive_; }

private:
    friend constexpr score_bound exclusive(double score) noexcept;

    double score_;
    bool exclusive_ = false;
};

constexpr score_bound exclusive(double score) noexcept {
    score_bound bound{score};
    bound.exclusive_ = true;
    return bound;
}

/// A range of scores: `{.min = 1.5, .max = umbel::exclusive(10)}`. An end that is left out is infinite.
struct score_range {
    score_bound min = -infinite_score;
    score_bound max = infinite_score;
};
static_assert(UMBEL_IS_TRIVIALLY_DESTRUCTIBLE(score_range));

/// One end of a range of members by their bytes. The member itself belongs to the range, unless exclusive()
/// says otherwise. Lifetime: borrows until the command is encoded.
class lex_bound {
public:
    enum class sort : std::uint8_t { inclusive, exclusive, lowest, highest };

    template <std::convertible_to<std::string_view> Text>
    constexpr lex_bound(Text const& member) noexcept : member_{member} {}
    static constexpr lex_bound lowest() noexcept { return {{}, sort::lowest}; }
    static constexpr lex_bound highest() noexcept { return {{}, sort::highest}; }

    constexpr std::string_view member() const noexcept { return member_; }
    constexpr sort is() const noexcept { return is_; }

private:
    friend constexpr lex_bound exclusive(std::string_view member) noexcept;
    constexpr lex_bound(std::string_view member, sort is) noexcept : member_{member}, is_{is} {}

    std::string_view member_;
    sort is_ = sort::inclusive;
};

constexpr lex_bound exclusive(std::string_view member) noexcept {
    return {member, lex_bound::sort::exclusive};
}

/// A range of members by their bytes, which makes sense where all scores are the same: `{.min = "a", .max =
/// umbel::exclusive("b")}`. An end that is left out is open. Rule: ZRANGE command, "Lexicographical ranges".
struct lex_range {
    lex_bound min = lex_bound::lowest();
    lex_bound max = lex_bound::highest();
};
static_assert(UMBEL_IS_TRIVIALLY_DESTRUCTIBLE(lex_range));

template <class Range>
concept sorted_set_range = std::same_as<Range, score_range> || std::same_as<Range, lex_range>;

/// The text of a bound: `1.5`, `(1.5`, `-inf`, `[member`, `(member`, `-`, `+`. Lifetime: arguments made of it
/// borrow from it. Cost: one allocation for a member of more than some 60 bytes.
/// Rule: ZRANGE command, "Score ranges", "Lexicographical ranges".
class bound_text {
public:
    explicit bound_text(score_bound bound) noexcept {
        if (bound.score() != bound.score()) refusal_.message = "a score that is not a number";
        argument const score = score_argument(bound.score());
        spell(bound.is_exclusive() ? "(" : "", score.text());
    }
    explicit bound_text(lex_bound bound) noexcept {
        switch (bound.is()) {
            case lex_bound::sort::inclusive: spell("[", bound.member()); break;
            case lex_bound::sort::exclusive: spell("(", bound.member()); break;
            case lex_bound::sort::lowest: spell("-", {}); break;
            case lex_bound::sort::highest: spell("+", {}); break;
        }
    }
    bound_text(bound_text const&) = delete;
    bound_text& operator=(bound_text const&) = delete;

    std::string_view text() const noexcept { return {outside_ ? outside_.get() : inside_, size_}; }
    /// Adds the bound, or why there is none.
    void add_to(word_list& list) const noexcept {
        if (refusal_) list.refuse(refusal_.message, refusal_.code);
        list.add(text());
    }

private:
    void spell(std::string_view sign, std::string_view value) noexcept {
        char* to = inside_;
        if (sign.size() + value.size() > sizeof inside_) {
            outside_.reset(new (std::nothrow) char[sign.size() + value.size()]);
            to = outside_.get();
        }
        if (!to) {
            refusal_ = {"no memory for the bound of a range", errc::no_memory};
            return;
        }
        size_ = sign.copy(to, sign.size());
        size_ += value.copy(to + size_, value.size());
    }

    std::unique_ptr<char[]> outside_;
    std::size_t size_ = 0;
    refusal refusal_;
    char inside_[62];
};

}  // namespace umbel::command

namespace umbel {
using command::exclusive;
using command::lex_bound;
using command::lex_range;
using command::score_bound;
using command::score_range;
}  // namespace umbel
