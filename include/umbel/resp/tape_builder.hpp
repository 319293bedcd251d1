// tape_builder.hpp: builds the tape of one reply: adds values, opens and closes aggregates, and keeps the
// bounds on values and depth. It knows neither bytes nor grammar.
#pragma once

#include <umbel/config.hpp>
#include <umbel/resp/tape.hpp>
#include <umbel/resp/type.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

namespace umbel::resp {

/// The innermost open aggregate, and how deep it stands.
struct nesting {
    static constexpr std::uint32_t none = UINT32_MAX;       ///< No aggregate is open.
    static constexpr std::uint32_t unbounded = UINT32_MAX;  ///< What a streamed aggregate still may take.

    /// Its index on the tape. The span of its node is the index of the aggregate around it.
    std::uint32_t innermost = none;
    /// Elements it still wants. For the aggregates around it, the low half of their node's value says so.
    std::uint32_t remaining = 1;
    std::uint32_t depth = 0;
};

/// The tape of one reply while it grows. Functions with `Keep` false count the values and keep only the open
/// aggregates: so a reply is read that nobody waits for.
class tape_builder {
public:
    explicit tape_builder(limits const& bounds) noexcept
        : depth_max_{bounds.depth_max}, elements_max_{bounds.elements_max} {}

    /// Forgets the values and expects a reply.
    void start() noexcept {
        tape_.clear();
        nesting_ = {};
        root_ = 0;
        dropped_ = 0;
        attribute_end_ = no_attribute;
    }

    /// The values read so far: all of them, and the reply without its attributes.
    std::span<node const> nodes() const noexcept { return {tape_.data(), tape_.size()}; }
    node const* root() const noexcept { return tape_.data() + root_; }
    /// The value that was added last. Precondition: there is one.
    node& last() noexcept { return tape_.back(); }

    bool in_aggregate() const noexcept { return nesting_.innermost != nesting::none; }
    /// True when the innermost open aggregate is of the streamed form.
    bool in_streamed() const noexcept { return in_aggregate() && open_node().is_streamed(); }
    /// True when the reply is a push frame, as far as it has been read.
    bool in_push() const noexcept { return tape_.size() > root_ && root()->kind == type::push; }
    /// True when the reply, or the attributes in front of it, has nothing left to come.
    bool is_finished() const noexcept { return nesting_.remaining == 0; }
    /// True when the value that was read last is an attribute, so that the value that it belongs to must
    /// follow.
    bool is_behind_attribute() const noexcept { return attribute_end_ == count(); }

    /// Values so far, dropped ones included.
    std::uint64_t count() const noexcept { return tape_.size() + dropped_; }
    bool is_at_elements_max() const noexcept { return count() >= elements_max_; }
    bool is_at_depth_max() const noexcept { return nesting_.depth == depth_max_; }
    /// How many elements an aggregate may announce here. Precondition: !is_at_elements_max().
    std::uint64_t elements_left() const noexcept {
        UMBEL_ASSERT(!is_at_elements_max());
        return elements_max_ - count() - 1;
    }
    std::uint32_t depth_max() const noexcept { return depth_max_; }
    /// The most values that the tape may hold.
    std::uint64_t kept_max() const noexcept { return elements_max_ - dropped_; }

    /// True when the tape has no room for a value.
    bool is_full() const noexcept { return tape_.full(); }
    /// Sees to it that the tape has room for a value. Errors: throws std::bad_alloc and changes nothing.
    void make_room() {
        if (tape_.full()) tape_.grow();
    }

    /// Adds a value that contains no others. Precondition: the tape has room.
    template <bool Keep>
    void add(node const& value) noexcept {
        if constexpr (Keep) {
            tape_.push(value);
        } else {
            ++dropped_;
        }
    }
    /// Adds an attribute of no pairs.
    template <bool Keep>
    void add_empty_attribute() noexcept {
        add<Keep>(node::text(type::attribute, 0, 0));
        end_attribute();
    }
    /// Opens an aggregate that is to have `count` elements. Precondition: the tape has room.
    void open(type kind, std::uint32_t count, bool streamed) noexcept;
    /// Ends the innermost aggregate. False, with nothing done: it is a map, and ends between a key and its
    /// value. Precondition: in_streamed().
    template <bool Keep>
    [[nodiscard]] bool close_streamed() noexcept;

    /// Says that one value of the innermost aggregate is complete. True: so is the reply.
    template <bool Keep>
    bool complete_value() noexcept {
        --nesting_.remaining;
        return close_finished<Keep>();
    }
    /// Closes the aggregates that want no more elements. True: the reply is complete.
    template <bool Keep>
    bool close_finished() noexcept;

    /// Drops the values, except for the open aggregates.
    void release_values() noexcept;

    /// The tape and its nesting, for fast_scan.
    resp::tape& tape() noexcept { return tape_; }
    resp::nesting const& nesting() const noexcept { return nesting_; }
    /// Takes over where fast_scan stopped: the tape has `size` values now.
    void resume(std::uint32_t size, resp::nesting const& where) noexcept {
        tape_.resize(size);
        nesting_ = where;
    }

private:
    static constexpr std::uint64_t no_attribute = UINT64_MAX;

    node const& open_node() const noexcept { return tape_.data()[nesting_.innermost]; }
    node& open_node() noexcept { return tape_[nesting_.innermost]; }
    void end_attribute() noexcept {
        attribute_end_ = count();
        if (!in_aggregate()) root_ = tape_.size();
    }
    template <bool Keep>
    type close() noexcept;

    std::uint32_t depth_max_;
    std::uint64_t elements_max_;
    resp::tape tape_;
    resp::nesting nesting_;
    std::uint32_t root_ = 0;
    std::uint64_t dropped_ = 0;                   // Values that are not on the tape.
    std::uint64_t attribute_end_ = no_attribute;  // count() when the last attribute was complete.
};

inline void tape_builder::open(type kind, std::uint32_t count, bool streamed) noexcept {
    if (in_aggregate())
        open_node().value = nesting_.remaining | (open_node().value & ~std::uint64_t{UINT32_MAX});
    tape_.push({kind, streamed ? node::streamed : std::uint8_t{0}, 0, nesting_.innermost,
                std::uint64_t{count} << 32});
    nesting_.innermost = tape_.size() - 1;
    nesting_.remaining = count;
    ++nesting_.depth;
}

template <bool Keep>
bool tape_builder::close_streamed() noexcept {
    UMBEL_ASSERT(in_streamed());
    std::uint32_t const count = nesting::unbounded - nesting_.remaining;
    node& ended = open_node();
    if (ended.kind == type::map && count % 2 != 0) return false;
    ended.value = std::uint64_t{count} << 32;
    close<Keep>();
    return true;
}

/// Ends the innermost open aggregate and goes back to the one around it. Returns its kind.
template <bool Keep>
type tape_builder::close() noexcept {
    node& ended = open_node();
    type const kind = ended.kind;
    std::uint32_t const index = nesting_.innermost;
    nesting_.innermost = ended.span;
    nesting_.remaining = in_aggregate() ? open_node().offset() : 1;
    --nesting_.depth;
    if constexpr (Keep) {
        ended.span = tape_.size() - index;
        ended.value &= ~std::uint64_t{UINT32_MAX};
    } else {
        dropped_ += tape_.size() - index;
        tape_.resize(index);
    }
    return kind;
}

template <bool Keep>
bool tape_builder::close_finished() noexcept {
    while (nesting_.remaining == 0) {
        if (!in_aggregate()) return true;
        if (close<Keep>() == type::attribute) {
            end_attribute();
            return false;
        }
        --nesting_.remaining;
    }
    return false;
}

inline void tape_builder::release_values() noexcept {
    // The chain of open aggregates leads from the innermost outwards. Turned round, it can be moved to the
    // front in the order of the tape, where no node takes the place of one that is still to come.
    std::uint32_t outer = nesting::none;
    for (std::uint32_t index = nesting_.innermost; index != nesting::none;)
        outer = std::exchange(index, std::exchange(tape_[index].span, outer));
    std::uint32_t kept = 0;
    for (std::uint32_t index = outer; index != nesting::none; ++kept) {
        node node = tape_[index];
        index = std::exchange(node.span, kept == 0 ? nesting::none : kept - 1);
        tape_[kept] = node;
    }
    dropped_ += tape_.size() - kept;
    tape_.resize(kept);
    nesting_.innermost = kept == 0 ? nesting::none : kept - 1;
    root_ = 0;
}

}  // namespace umbel::resp
