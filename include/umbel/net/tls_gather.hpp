// tls_gather.hpp: from the pieces of one gathered write to the records of TLS. It knows no OpenSSL.
#pragma once

#include <umbel/config.hpp>

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <span>
#include <vector>

namespace umbel::net {

/// Cuts pieces into records. Small pieces are joined, so that a record is worth its cost; what fills a record
/// alone is encrypted where it stands.
class tls_gather {
public:
    using pieces = std::span<std::span<char const> const>;
    /// Rule: RFC 8446, "Record Layer": a record holds at most 2^14 bytes.
    static constexpr std::size_t record_bytes_max = std::size_t{1} << 14;

    /// `joined` is memory for the record that is being made of several pieces. Lifetime: borrows both.
    tls_gather(pieces plain, std::vector<char>& joined) noexcept : plain_{plain}, joined_{joined} {
        for (auto const& piece : plain_) left_ += piece.size();
        skip_empty();
    }

    bool done() const noexcept { return left_ == 0; }
    /// True when nothing follows behind this record.
    bool is_last(std::span<char const> record) const noexcept { return record.size() == left_; }

    /// The next record: the same one again until some of it is taken. Without memory no pieces are joined.
    /// Precondition: !done().
    std::span<char const> next() noexcept {
        std::span<char const> const front = plain_[index_].subspan(offset_);
        if (front.size() >= record_bytes_max) return front.first(record_bytes_max);
        if (front.size() == left_) return front;
        UMBEL_TRY { joined_.resize(record_bytes_max); }
        UMBEL_CATCH(...) {
            return front;
        }
        std::size_t used = 0;
        for (std::size_t at = index_; at < plain_.size() && used < record_bytes_max; ++at) {
            std::span<char const> const piece = at == index_ ? front : plain_[at];
            if (at != index_ && piece.size() >= record_bytes_max) break;
            std::size_t const part = std::min(piece.size(), record_bytes_max - used);
            if (part != 0) std::memcpy(joined_.data() + used, piece.data(), part);
            used += part;
        }
        return {joined_.data(), used};
    }
    /// So many bytes of the record are encrypted.
    void taken(std::size_t count) noexcept {
        left_ -= count;
        while (count != 0) {
            std::size_t const part = std::min(count, plain_[index_].size() - offset_);
            offset_ += part;
            count -= part;
            skip_empty();
        }
    }

private:
    void skip_empty() noexcept {
        while (index_ < plain_.size() && offset_ == plain_[index_].size()) {
            ++index_;
            offset_ = 0;
        }
    }

    pieces plain_;
    std::vector<char>& joined_;
    std::size_t index_ = 0;
    std::size_t offset_ = 0;
    std::size_t left_ = 0;
};

}  // namespace umbel::net
