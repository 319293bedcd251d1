// slot_target.hpp: which slots a command needs: one, none in particular, or several; or that it goes to a
// node of its own choice, whatever its slots. It knows no nodes.
#pragma once

#include <umbel/cluster/slot.hpp>
#include <umbel/config.hpp>

#include <cstdint>

namespace umbel::cluster {

/// The slots of a command's keys, as far as routing must know them. Units/shape: 32 bits, trivially copyable.
class slot_target {
public:
    /// The command has no key: any node will do.
    constexpr slot_target() noexcept = default;
    static constexpr slot_target any() noexcept { return {}; }
    /// All its keys lie in `slot`.
    constexpr slot_target(cluster::slot slot) noexcept : value_{slot.value()} {}
    /// Its keys lie in several slots: only a server without cluster mode can serve it.
    static constexpr slot_target several() noexcept {
        slot_target target;
        target.value_ = several_slots;
        return target;
    }

    /// It goes to the node that its caller has named, whatever its keys.
    static constexpr slot_target named_node() noexcept {
        slot_target target;
        target.value_ = one_node;
        return target;
    }

    constexpr bool is_any() const noexcept { return value_ == any_slot; }
    // Written so that the compiler knows the value to be a slot, and drops the assertions behind it.
    constexpr bool is_one() const noexcept { return static_cast<std::uint32_t>(value_) < slot_count; }
    constexpr bool is_several() const noexcept { return value_ == several_slots; }
    constexpr bool is_named_node() const noexcept { return value_ == one_node; }
    /// No slot leads to its node: it is several, or the node is named.
    constexpr bool is_unroutable() const noexcept { return value_ <= several_slots; }

    /// Precondition: is_one().
    constexpr cluster::slot slot() const noexcept {
        UMBEL_ASSERT(is_one());
        return cluster::slot{cluster::slot::known{static_cast<std::uint16_t>(value_)}};
    }
    /// The slot as errors and observers show it: -1 unless it is one.
    constexpr std::int32_t number() const noexcept { return is_one() ? value_ : any_slot; }

    /// Adds the slot of one more key. Returns true when that slot makes them several.
    constexpr bool add(cluster::slot slot) noexcept {
        if (is_any()) value_ = slot.value();
        if (is_several() || value_ == slot.value()) return false;
        value_ = several_slots;
        return true;
    }

    friend constexpr bool operator==(slot_target, slot_target) noexcept = default;

private:
    static constexpr std::int32_t any_slot = -1;
    static constexpr std::int32_t several_slots = -2;
    static constexpr std::int32_t one_node = -3;

    std::int32_t value_ = any_slot;
};

}  // namespace umbel::cluster
