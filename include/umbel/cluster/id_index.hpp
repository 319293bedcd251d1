// cluster/id_index.hpp: finds nodes by their ids, for reading and comparing topologies: where slots are
// fragmented, one answer names each node hundreds of times. It knows nothing of nodes but a number.
#pragma once

#include <umbel/config.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <vector>

namespace umbel::cluster::detail {

/// Numbers by id: open addressing, at most half full.
/// Lifetime: borrows every id it is given. Cost: find() is constant unless somebody chooses ids that collide;
/// then it is linear in the number of ids, which topology::nodes_max bounds.
class id_index {
public:
    static constexpr std::uint32_t none = 0xffff'ffff;

    bool empty() const noexcept { return count_ == 0; }

    /// Makes room for `count` ids. Errors: throws std::bad_alloc.
    void reserve(std::size_t count) {
        std::size_t places = 16;
        while (places < count * 2) places *= 2;
        if (places > places_.size()) rebuild(places);
    }

    /// Adds an id; one that is there already keeps its number. Errors: throws std::bad_alloc.
    void add(std::string_view id, std::uint32_t number) {
        if ((count_ + 1) * 2 > places_.size()) rebuild(std::max<std::size_t>(16, places_.size() * 2));
        place& at = places_[place_of(id)];
        if (at.number != none) return;
        at = {id, number};
        ++count_;
    }

    /// The number of `id`, or none.
    std::uint32_t find(std::string_view id) const noexcept {
        return places_.empty() ? none : places_[place_of(id)].number;
    }

private:
    struct place {
        std::string_view id;
        std::uint32_t number = none;
    };

    /// Real ids are random, so little mixing is enough; every byte counts all the same.
    static std::size_t hash(std::string_view id) noexcept {
        std::uint64_t mixed = id.size();
        std::size_t at = 0;
        for (; id.size() - at >= 8; at += 8) {
            std::uint64_t word = 0;
            std::memcpy(&word, id.data() + at, 8);
            mixed = (mixed ^ word) * 0x9e37'79b9'7f4a'7c15;
            mixed ^= mixed >> 32;
        }
        for (; at < id.size(); ++at)
            mixed = (mixed ^ static_cast<unsigned char>(id[at])) * 0x9e37'79b9'7f4a'7c15;
        return static_cast<std::size_t>(mixed ^ mixed >> 29);
    }

    /// Where `id` stands, or the free place where it would.
    std::size_t place_of(std::string_view id) const noexcept {
        std::size_t const last = places_.size() - 1;
        std::size_t at = hash(id) & last;
        while (places_[at].number != none && places_[at].id != id) at = (at + 1) & last;
        return at;
    }

    void rebuild(std::size_t places) {
        std::vector<place> before(places);
        before.swap(places_);
        for (place const& old : before) {
            if (old.number != none) places_[place_of(old.id)] = old;
        }
    }

    std::vector<place> places_;  // A power of two of them.
    std::size_t count_ = 0;
};

}  // namespace umbel::cluster::detail
