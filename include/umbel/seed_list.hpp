// seed_list.hpp: the addresses a client begins with, of any range of texts. It reads none of them.
#pragma once

#include <umbel/secret.hpp>

#include <concepts>
#include <cstddef>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

namespace umbel {

/// Anything that gives texts one after the other, and is no text itself.
template <class Range>
concept range_of_texts = !std::convertible_to<Range const&, std::string_view> && requires(Range const& all) {
    { *std::begin(all) } -> std::convertible_to<std::string_view>;
    std::end(all);
};

/// The addresses a client begins with: one text, several in braces (`{"10.0.0.7:6379", "[::1]:7000"}`), or
/// any range of texts (std::vector<std::string>, std::vector<std::string_view>, std::span, an array).
/// Lifetime: owns its texts, and wipes them: a URL may hold a password.
class seed_list {
public:
    seed_list() noexcept = default;
    seed_list(seed_list const&) = default;
    seed_list(seed_list&&) noexcept = default;
    seed_list& operator=(seed_list other) noexcept {
        texts_.swap(other.texts_);
        return *this;
    }
    ~seed_list() {
        for (std::string& text : texts_) wipe(text);
    }

    template <std::convertible_to<std::string_view>... Texts>
        requires(sizeof...(Texts) >= 1)
    seed_list(Texts const&... texts) {
        texts_.reserve(sizeof...(Texts));
        (texts_.emplace_back(std::string_view{texts}), ...);
    }

    template <range_of_texts Range>
    seed_list(Range const& texts) {
        for (auto const& text : texts) texts_.emplace_back(std::string_view{text});
    }

    /// Appends a copy of an address. Errors: throws std::bad_alloc.
    void add(std::string_view text) { texts_.emplace_back(text); }

    bool empty() const noexcept { return texts_.empty(); }
    std::size_t size() const noexcept { return texts_.size(); }
    std::string const& operator[](std::size_t index) const noexcept { return texts_[index]; }
    auto begin() const noexcept { return texts_.begin(); }
    auto end() const noexcept { return texts_.end(); }

private:
    std::vector<std::string, wiping_allocator<std::string>> texts_;
};

}  // namespace umbel
