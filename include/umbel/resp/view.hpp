// view.hpp: looks at one parsed reply without owning it. It knows the tape and nothing of connections or
// commands.
#pragma once

#include <umbel/config.hpp>
#include <umbel/resp/chunk.hpp>
#include <umbel/resp/type.hpp>

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace umbel::resp {

class children_range;
class pairs_range;

/// Looks at a value of a reply: three words, copied freely.
/// Lifetime: borrows from its owner: a view that reader::next() gave is valid until the reader's next call, a
/// view of an umbel::reply while that reply lives and is not moved from.
class view {
public:
    view() noexcept = default;
    /// Looks at `node`, whose offsets count from `base`; values decoded from it may pin `source`, where the
    /// bytes stand, or null.
    view(node const* node, char const* base, chunk* source = nullptr) noexcept
        : node_{node}, base_{base}, source_{source} {}

    type kind() const noexcept { return node_->kind; }
    bool is_null() const noexcept { return kind() == type::null; }
    /// True for a simple error and for a blob error.
    bool is_error() const noexcept { return kind() == type::error || kind() == type::blob_error; }
    bool is_push() const noexcept { return kind() == type::push; }
    bool is_text() const noexcept { return resp::is_text(kind()); }
    bool is_aggregate() const noexcept { return resp::is_aggregate(kind()); }
    /// True when the value was sent in the streamed form, without an announced length.
    bool is_streamed() const noexcept { return node_->is_streamed(); }

    /// The bytes of a string, an error (without the type byte), a big number or a verbatim string (without
    /// its format); empty for other kinds.
    UMBEL_ALWAYS_INLINE std::string_view text() const noexcept {
        if (kind() == type::bulk_string) [[likely]]
            return raw();
        if (!is_text()) return {};
        return kind() == type::verbatim_string ? raw().substr(4) : raw();
    }
    /// The three letters in front of a verbatim string, for example "txt"; empty for other kinds.
    std::string_view verbatim_format() const noexcept {
        return kind() == type::verbatim_string ? raw().substr(0, 3) : std::string_view{};
    }

    /// The value of an integer; nothing for other kinds.
    std::optional<std::int64_t> integer() const noexcept {
        return kind() == type::integer ? std::optional{node_->integer()} : std::nullopt;
    }
    /// The value of a RESP3 double; nothing for other kinds.
    std::optional<double> real() const noexcept {
        return kind() == type::real ? std::optional{node_->real()} : std::nullopt;
    }
    /// The value of a RESP3 boolean; nothing for other kinds.
    std::optional<bool> boolean() const noexcept {
        return kind() == type::boolean ? std::optional{node_->value != 0} : std::nullopt;
    }

    /// Elements of an aggregate, pairs of a map, bytes of a text; 0 for other kinds.
    std::size_t size() const noexcept {
        if (is_text()) return text().size();
        if (kind() == type::map || kind() == type::attribute) return node_->length() / 2;
        return is_aggregate() ? node_->length() : 0;
    }
    /// Elements of an aggregate where the keys and the values of a map count each; 0 for other kinds.
    std::size_t children_count() const noexcept { return is_aggregate() ? node_->length() : 0; }

    /// The elements of an aggregate, attributes skipped; of a map keys and values in turn; nothing for other
    /// kinds. O(1) a step.
    children_range children() const noexcept;
    /// The elements taken two by two: the pairs of a map, or of a flat array as RESP2 sends maps.
    /// Precondition: their number is even.
    pairs_range pairs() const noexcept;
    /// The element at `index`. Precondition: index < children_count(). Cost: O(index).
    view child(std::size_t index) const noexcept;

    /// Appends what the value says: text as it is, numbers in decimal, true or false; aggregates and null
    /// append nothing.
    void append_to(std::string& out) const {
        char digits[32];
        std::to_chars_result written{digits, {}};
        if (kind() == type::integer)
            written = std::to_chars(digits, digits + sizeof digits, node_->integer());
        if (kind() == type::real) written = std::to_chars(digits, digits + sizeof digits, node_->real());
        if (kind() == type::boolean) out.append(node_->value != 0 ? "true" : "false");
        out.append(digits, written.ptr).append(text());
    }

    /// The parts of a view, for those who keep a copy of what it looks at.
    node const* tape() const noexcept { return node_; }
    char const* base() const noexcept { return base_; }
    chunk* source() const noexcept { return source_; }

private:
    friend class reader;  // It moves its view of short replies from one to the next.
    std::string_view raw() const noexcept { return {base_ + node_->offset(), node_->length()}; }

    node const* node_ = nullptr;
    char const* base_ = nullptr;
    chunk* source_ = nullptr;
};

/// Steps over the elements of one aggregate.
class children_iterator {
public:
    using value_type = view;
    using difference_type = std::ptrdiff_t;
    using iterator_concept = std::forward_iterator_tag;
    using iterator_category = std::input_iterator_tag;
    using reference = view;
    using pointer = void;

    children_iterator() noexcept = default;
    UMBEL_ALWAYS_INLINE children_iterator(node const* at, node const* end, view parent) noexcept
        : at_{at}, end_{end}, base_{parent.base()}, source_{parent.source()} {
        skip_attributes();
    }

    UMBEL_ALWAYS_INLINE view operator*() const noexcept { return {at_, base_, source_}; }
    UMBEL_ALWAYS_INLINE children_iterator& operator++() noexcept {
        at_ += at_->span;
        skip_attributes();
        return *this;
    }
    UMBEL_ALWAYS_INLINE children_iterator operator++(int) noexcept {
        auto const before = *this;
        ++*this;
        return before;
    }
    friend bool operator==(children_iterator const& left, children_iterator const& right) noexcept {
        return left.at_ == right.at_;
    }

private:
    UMBEL_ALWAYS_INLINE void skip_attributes() noexcept {
        while (at_ != end_ && at_->kind == type::attribute) [[unlikely]]
            at_ += at_->span;
    }

    node const* at_ = nullptr;
    node const* end_ = nullptr;
    char const* base_ = nullptr;
    chunk* source_ = nullptr;
};

/// The elements of one aggregate.
class children_range {
public:
    explicit children_range(view parent) noexcept : parent_{parent} {}
    /// A value that is no aggregate has a span of one: its begin is its end.
    UMBEL_ALWAYS_INLINE children_iterator begin() const noexcept {
        return {parent_.tape() + 1, end_node(), parent_};
    }
    UMBEL_ALWAYS_INLINE children_iterator end() const noexcept { return {end_node(), end_node(), parent_}; }
    std::size_t size() const noexcept { return parent_.children_count(); }

private:
    node const* end_node() const noexcept { return parent_.tape() + parent_.tape()->span; }

    view parent_;
};

/// Steps over the elements of one aggregate two by two.
class pairs_iterator {
public:
    using value_type = std::pair<view, view>;
    using difference_type = std::ptrdiff_t;
    using iterator_concept = std::forward_iterator_tag;
    using iterator_category = std::input_iterator_tag;
    using reference = value_type;
    using pointer = void;

    pairs_iterator() noexcept = default;
    explicit pairs_iterator(children_iterator at) noexcept : at_{at} {}

    value_type operator*() const noexcept {
        auto second = at_;
        return {*at_, *++second};
    }
    pairs_iterator& operator++() noexcept {
        ++at_;
        ++at_;
        return *this;
    }
    pairs_iterator operator++(int) noexcept {
        auto const before = *this;
        ++*this;
        return before;
    }
    friend bool operator==(pairs_iterator const& left, pairs_iterator const& right) noexcept {
        return left.at_ == right.at_;
    }

private:
    children_iterator at_;
};

/// The pairs of one aggregate.
class pairs_range {
public:
    explicit pairs_range(view parent) noexcept : children_{parent} {}
    pairs_iterator begin() const noexcept { return pairs_iterator{children_.begin()}; }
    pairs_iterator end() const noexcept { return pairs_iterator{children_.end()}; }
    std::size_t size() const noexcept { return children_.size() / 2; }

private:
    children_range children_;
};

inline children_range view::children() const noexcept { return children_range{*this}; }

inline pairs_range view::pairs() const noexcept {
    UMBEL_ASSERT(children_count() % 2 == 0);
    return pairs_range{*this};
}

inline view view::child(std::size_t index) const noexcept {
    UMBEL_ASSERT(index < children_count());
    auto at = children().begin();
    for (; index != 0; --index) ++at;
    return *at;
}

/// True when both have the same kind and value, element by element; attributes and the streamed form make no
/// difference.
inline bool same_value(view left, view right) noexcept {
    if (left.kind() != right.kind()) return false;
    if (left.is_text())
        return left.text() == right.text() && left.verbatim_format() == right.verbatim_format();
    if (!left.is_aggregate()) return left.tape()->value == right.tape()->value;
    if (left.children_count() != right.children_count()) return false;
    auto other = right.children().begin();
    for (view const child : left.children()) {
        if (!same_value(child, *other)) return false;
        ++other;
    }
    return true;
}

}  // namespace umbel::resp
