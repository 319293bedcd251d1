// encoded_words.hpp: reads the words of encoded commands where they stand. It knows no command.
#pragma once

#include <umbel/command/encode.hpp>
#include <umbel/engine/call.hpp>

#include <cstddef>
#include <span>
#include <string_view>
#include <vector>

namespace umbel::calling {

/// Reads encoded commands, one after another: their words where they stand, those that are lent as lent.
/// Precondition: they are whole. Lifetime: borrows the bytes, and the words stand where they stood.
class encoded_words {
public:
    /// `lent`: the pieces that stand in the caller's memory, or null.
    encoded_words(std::string_view bytes, engine::borrowed_piece const* lent) noexcept : rest_{bytes} {
        if (lent) lent_ = {lent, lent->count};
    }
    /// True when there is no further command.
    bool at_end() const noexcept { return at_ == rest_.size(); }
    /// The words of the next command. Errors: throws std::bad_alloc.
    std::vector<command::argument> read() {
        std::size_t const count = number();
        std::vector<command::argument> words;
        words.reserve(count);
        for (std::size_t nth = 0; nth < count; ++nth) {
            std::size_t const lent_before = lent_.size();
            std::string_view const text = next_word();
            if (lent_.size() == lent_before)
                words.emplace_back(text);
            else
                words.emplace_back(umbel::borrow(text));
        }
        return words;
    }
    /// The name of the next command, which is passed over.
    std::string_view skip() noexcept {
        std::size_t const count = number();
        std::string_view name;
        for (std::size_t nth = 0; nth < count; ++nth) {
            std::string_view const text = next_word();
            if (nth == 0) name = text;
        }
        return name;
    }

private:
    std::string_view next_word() noexcept {
        std::size_t const length = number();
        if (!lent_.empty() && lent_.front().at == at_) {
            std::string_view const text{lent_.front().data, length};
            lent_ = lent_.subspan(1);
            at_ += 2;
            return text;
        }
        std::string_view const text = rest_.substr(at_, length);
        at_ += length + 2;
        return text;
    }
    std::size_t number() noexcept {
        std::size_t value = 0;
        for (++at_; rest_[at_] != '\r'; ++at_)
            value = value * 10 + static_cast<std::size_t>(rest_[at_] - '0');
        at_ += 2;
        return value;
    }

    std::string_view rest_;
    std::span<engine::borrowed_piece const> lent_;
    std::size_t at_ = 0;
};

}  // namespace umbel::calling
