// word_list.hpp: the arguments of a command whose number is known only when it is called: options and ranges.
// It knows no command.
#pragma once

#include <umbel/command/argument.hpp>
#include <umbel/command/encode.hpp>
#include <umbel/command/ranges.hpp>
#include <umbel/config.hpp>
#include <umbel/error.hpp>

#include <cstddef>
#include <cstring>
#include <new>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>

namespace umbel::command {

/// The arguments of one command, on the stack as long as they are few. What is wrong with them is noted, and
/// the command fails with it before anything is sent: the first reason counts.
/// Lifetime: borrows texts, as argument does. Cost: no allocation up to words_inside arguments, one for each
/// doubling after that. Threading: none; it lives in one function.
class word_list {
public:
    static constexpr std::size_t words_inside = 16;

    /// Starts with these arguments.
    template <word... Words>
    explicit word_list(Words const&... words) {
        add(words...);
    }
    word_list(word_list const&) = delete;
    word_list& operator=(word_list const&) = delete;
    ~word_list() {
        if (outside_ || made_) [[unlikely]]
            release();
    }

    template <word... Words>
    word_list& add(Words const&... words) {
        (append(words), ...);
        return *this;
    }
    /// Adds the arguments if `wanted`.
    template <word... Words>
    word_list& add_if(bool wanted, Words const&... words) {
        if (wanted) add(words...);
        return *this;
    }
    /// Adds each element of a range. Refuses an empty one.
    template <word_range Range>
    word_list& add_each(Range const& range) {
        std::size_t const before = count_;
        for (auto&& element : range) append(element);
        if (count_ == before) refuse("an empty range: the command needs at least one element");
        return *this;
    }
    /// Adds each key of a range as a key. Refuses an empty one.
    template <key_range_of_texts Range>
    word_list& add_keys(Range const& keys) {
        std::size_t const before = count_;
        for (auto&& name : keys) append(umbel::key{std::string_view{name}});
        if (count_ == before) refuse("an empty range: the command needs at least one key");
        return *this;
    }
    /// Adds the number of elements, and then each of them. Refuses an empty range.
    template <word_range Range>
    word_list& add_counted(Range const& range) {
        return add(count_of(range)).add_each(range);
    }
    template <key_range_of_texts Range>
    word_list& add_counted_keys(Range const& keys) {
        return add(count_of(keys)).add_keys(keys);
    }
    /// Adds both parts of each pair, in turn. Refuses an empty range.
    template <word_pair_range Range>
    word_list& add_pairs(Range const& range) {
        std::size_t const before = count_;
        for (auto&& pair : range) add(pair.first, pair.second);
        if (count_ == before) refuse("an empty range: the command needs at least one pair");
        return *this;
    }
    template <word_pair_range Range>
    word_list& add_counted_pairs(Range const& range) {
        return add(count_of(range)).add_pairs(range);
    }
    /// Adds the first part of each pair as a key, and the second behind it. Refuses an empty range.
    template <keyed_word_range Range>
    word_list& add_keyed(Range const& range) {
        std::size_t const before = count_;
        for (auto&& pair : range) add(umbel::key{std::string_view{pair.first}}, pair.second);
        if (count_ == before) refuse("an empty range: the command needs at least one key");
        return *this;
    }
    template <keyed_word_range Range>
    word_list& add_counted_keyed(Range const& range) {
        return add(count_of(range)).add_keyed(range);
    }

    /// Adds the members of a struct that says its fields, each behind its name; those that are empty are left
    /// out. Refuses a struct all of whose members are. Or the pairs of a range.
    template <named_values Fields>
    word_list& add_fields(Fields const& fields) {
        if constexpr (sent_by_fields<Fields>) {
            std::size_t const before = count_;
            std::apply([&](auto const&... each) { (add_field(each.name, fields.*each.member), ...); },
                       umbel::fields_of<Fields>);
            if (count_ == before) refuse("a struct without any field to send");
            return *this;
        } else {
            return add_pairs(fields);
        }
    }
    /// Adds a text that is made for the command, and keeps it.
    word_list& add_made(std::string text) {
        auto* const made = new (std::nothrow) made_text{made_, std::move(text)};
        if (!made) return refuse("no memory for the arguments", errc::no_memory);
        made_ = made;
        append(std::string_view{made->text});
        return *this;
    }
    /// Adds whatever can be sent; of what is empty, nothing.
    template <sendable Any>
    word_list& add_any(Any const& any) {
        if constexpr (word<Any>) {
            append(any);
        } else if constexpr (word_or_optional<Any>) {
            if (any) append(*any);
        } else if constexpr (word_range<Any>) {
            for (auto&& element : any) append(element);
        } else if constexpr (word_pair_range<Any>) {
            for (auto&& pair : any) add(pair.first, pair.second);
        } else {
            add_fields(any);
        }
        return *this;
    }

    /// Notes why the command must not be sent. Precondition: `why` lasts as long as the program.
    word_list& refuse(char const* why, errc code = errc::bad_argument) noexcept {
        if (!refusal_) refusal_ = {why, code};
        return *this;
    }
    word_list& refuse_if(bool wrong, char const* why) noexcept { return wrong ? refuse(why) : *this; }

    std::size_t size() const noexcept { return count_; }
    std::span<argument const> words() const noexcept { return {at_, count_}; }
    umbel::command::refusal refusal() const noexcept { return refusal_; }

private:
    struct made_text {
        made_text* before;
        std::string text;
    };
    static_assert(std::is_trivially_copyable_v<argument> && UMBEL_IS_TRIVIALLY_DESTRUCTIBLE(argument));

    template <class Range>
    static std::size_t count_of(Range const& range) {
        std::size_t count = 0;
        for (auto at = std::begin(range); at != std::end(range); ++at) ++count;
        return count;
    }
    template <word Word>
    void append(Word const& added) {
        if constexpr (makes_text<Word>) {
            add_made(umbel::to_argument<Word>::from(added));
        } else {
            if (count_ == room_ && !grow()) [[unlikely]]
                return;
            ::new (static_cast<void*>(at_ + count_)) argument{added};
            ++count_;
        }
    }
    template <class Member>
    void add_field(std::string_view name, Member const& member) {
        if constexpr (word<Member>) {
            add(name, member);
        } else {
            if (member) add(name, *member);
        }
    }
    UMBEL_NEVER_INLINE bool grow() noexcept {
        auto* const larger = new (std::nothrow) std::byte[room_ * 2 * sizeof(argument)];
        if (!larger) {
            if (!refusal_) refusal_ = {"no memory for the arguments", errc::no_memory};
            return false;
        }
        std::memcpy(larger, static_cast<void const*>(at_), count_ * sizeof(argument));
        delete[] outside_;
        outside_ = larger;
        at_ = std::launder(reinterpret_cast<argument*>(outside_));
        room_ *= 2;
        return true;
    }
    UMBEL_NEVER_INLINE void release() noexcept {
        delete[] outside_;
        while (made_text* const last = made_) {
            made_ = last->before;
            delete last;
        }
    }

    argument* at_ = reinterpret_cast<argument*>(inside_);
    std::size_t count_ = 0;
    std::size_t room_ = words_inside;
    std::byte* outside_ = nullptr;  ///< Owned, as the texts are; smart pointers would cost a compiler more.
    made_text* made_ = nullptr;     ///< Texts that stand nowhere else.
    umbel::command::refusal refusal_;
    alignas(argument) std::byte inside_[words_inside * sizeof(argument)];
};

}  // namespace umbel::command
