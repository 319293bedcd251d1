// reader_impl.hpp: the less frequent ways through resp::reader. Include reader.hpp instead.
#pragma once

#include <umbel/resp/reader.hpp>

namespace umbel::resp {

UMBEL_NEVER_INLINE inline reader::status reader::next_other(view& out) {
    UMBEL_ASSERT(stage_ != stage::skipping);
    if (stage_ == stage::between) {
        if (head_ == tail_) return status::need_more;
        std::size_t const size = visible();
        if (std::size_t const used = quick_line(head_, size, options_.limits.line_bytes_max, short_);
            used != 0) {
            out = view{&short_, head_, chunk_.get()};
            head_ += used;
            return status::ready;
        }
        auto const bound = options_.limits.reply_bytes_max;
        if (size < bound && is_short_of_end(head_, size, std::min<std::uint64_t>(least_room(), bound)))
            return status::need_more;
        parser_.start();
        enter(stage::reading);
    }
    return read_on(out);
}

inline reader::status reader::read_on(view& out) {
    switch (parser_.parse({head_, tail_})) {
        case parser::status::complete:
            out = view{parser_.root(), head_, chunk_.get()};
            head_ += parser_.consumed();
            enter(stage::between);
            return status::ready;
        case parser::status::need_more: return status::need_more;
        case parser::status::fault:
        case parser::status::push: break;
    }
    return status::fault;
}

/// Reads the header of a reply whose elements are to follow: `ready`; `none` where it is no aggregate of
/// announced length, or nothing that is well.
inline reader::element reader::open_elements() noexcept {
    constexpr std::ptrdiff_t digits_max = 18;
    if (head_ == tail_) return element::need_more;
    char const lead = *head_;
    if (lead != '*' && lead != '%' && lead != '~') return element::none;
    std::uint64_t count = 0;
    char* at = head_ + 1;
    for (; at != tail_ && digit(*at) <= 9; ++at) {
        if (at - head_ > digits_max) return element::none;
        count = count * 10 + digit(*at);
    }
    if (at == tail_) return element::need_more;
    if (*at != '\r' || at == head_ + 1) return element::none;
    if (++at == tail_) return element::need_more;
    if (*at != '\n') return element::none;
    head_ = at + 1;
    elements_begun_ = true;
    elements_left_ = lead == '%' ? count * 2 : count;
    mark_quick_end();
    return element::ready;
}

UMBEL_NEVER_INLINE inline reader::element reader::next_element(view& out) {
    bool alone = !elements_begun_;
    if (alone && stage_ == stage::between) {
        element const opened = open_elements();
        if (opened == element::need_more) return opened;
        alone = opened == element::none;
    }
    if (!alone && elements_left_ == 0) {
        elements_begun_ = false;
        return element::end;
    }
    switch (next(out)) {
        case status::ready: break;
        case status::push:
        case status::need_more: return element::need_more;
        case status::fault: return element::fault;
    }
    if (alone) return element::none;
    --elements_left_;
    return element::ready;
}

inline reader::status reader::skip(view& push) {
    for (; elements_begun_; --elements_left_) {
        if (elements_left_ == 0) {
            elements_begun_ = false;
            return status::ready;
        }
        if (status const passed = skip_value(push); passed != status::ready) return passed;
    }
    return skip_value(push);
}

inline reader::status reader::skip_value(view& push) {
    if (stage_ == stage::between) {
        if (head_ == tail_) return status::need_more;
        char const* const end = quick_reply(head_, head_ + visible(), short_);
        std::size_t const used = end ? static_cast<std::size_t>(end - head_)
                                     : quick_line(head_, visible(), options_.limits.line_bytes_max, short_);
        if (used != 0) {
            head_ += used;
            return status::ready;
        }
        parser_.start();
        enter(stage::skipping);
    }
    if (stage_ == stage::reading && !parser_.in_push()) {
        parser_.release_values();
        enter(stage::skipping);
    }
    if (stage_ == stage::skipping) {
        parser::status const outcome = parser_.drop({head_, tail_});
        head_ += parser_.forget();
        switch (outcome) {
            case parser::status::complete: enter(stage::between); return status::ready;
            case parser::status::need_more: return status::need_more;
            case parser::status::fault: return status::fault;
            case parser::status::push: enter(stage::reading); break;
        }
    }
    status const outcome = read_on(push);
    return outcome == status::ready ? status::push : outcome;
}

/// Starts again at the front of the chunk when no value and no byte stands in it. Returns whether there is
/// room enough for a receive without moving bytes.
inline bool reader::has_room(std::size_t have, std::size_t wanted) noexcept {
    if (have == 0 && !chunk_->pinned()) {
        if (chunk_->capacity() < target_ || chunk_->capacity() > options_.chunk_bytes_max) return false;
        head_ = tail_ = chunk_->data();
        mark_quick_end();
    }
    auto const room = static_cast<std::size_t>(chunk_->limit() - tail_);
    auto const reach = static_cast<std::size_t>(chunk_->limit() - head_);
    if (wanted > reach) return chunk_->grows() && room != 0;
    // Moving much for the sake of a larger receive does not pay when the string that is arriving fits where
    // it stands.
    return room >= least_room() || (wanted > have && have >= least_room());
}

inline std::size_t reader::size_for(std::size_t have, std::size_t wanted) const noexcept {
    if (std::max(wanted, have * 2) + least_room() <= target_) return target_;
    if (wanted > have && !parser_.in_aggregate()) return wanted;
    // More follows behind the string that is arriving: doubling bounds how often the same bytes are moved.
    return std::max(wanted + target_, have * 2);
}

inline void reader::use(chunk_ref fresh, std::size_t have) noexcept {
    if (have != 0) std::memcpy(fresh->data(), head_, have);
    std::swap(chunk_, fresh);
    shown_ = view{&short_, chunk_->data(), chunk_.get()};
    head_ = chunk_->data();
    tail_ = head_ + have;
    // One ordinary chunk is kept for later: by then it may no longer be pinned.
    if (fresh && fresh->capacity() <= options_.chunk_bytes_max &&
        fresh->capacity() >= options_.chunk_bytes_first)
        spare_ = std::move(fresh);
}

inline void reader::to_front(std::size_t have) noexcept {
    std::memmove(chunk_->data(), head_, have);
    head_ = chunk_->data();
    tail_ = head_ + have;
}

/// Returns a chunk for `capacity` bytes, of which `have` have arrived. Beyond the bytes that have arrived and
/// ahead_bytes_max, an announced length only reserves addresses.
inline chunk_ref reader::fresh_chunk(std::size_t capacity, std::size_t have) const {
    bool const large = capacity > options_.chunk_bytes_max && capacity > have + chunk::ahead_bytes_max;
    return chunk_ref{large ? chunk::create_large(capacity, have, budget_) : chunk::create(capacity, budget_)};
}

UMBEL_NEVER_INLINE inline void reader::make_room(std::size_t have, std::size_t wanted) {
    std::size_t const capacity = size_for(have, wanted);
    bool const ordinary = chunk_ && chunk_->capacity() <= options_.chunk_bytes_max && !chunk_->pinned();
    if (ordinary && capacity == target_ && chunk_->capacity() >= capacity) return to_front(have);
    if (chunk_ && chunk_->grows() && chunk_->is_readers_alone() && capacity > target_) {
        to_front(have);
        mark_quick_end();
        if (capacity > chunk_->capacity()) chunk_.grow(capacity, have);
        shown_ = view{&short_, chunk_->data(), chunk_.get()};
        head_ = chunk_->data();
        tail_ = head_ + have;
        return;
    }
    chunk_ref fresh;
    if (spare_ && spare_->capacity() >= capacity && !spare_->pinned()) fresh = std::move(spare_);
    UMBEL_TRY {
        if (!fresh) fresh = fresh_chunk(capacity, have);
    }
    UMBEL_CATCH(std::bad_alloc const&) {
        // A larger chunk would be better, but the present one serves as long as it has room.
        bool const suffices =
            chunk_ && !chunk_->pinned() && std::max(wanted, have + 1) <= chunk_->accessible();
        if (!suffices) UMBEL_RETHROW;
        return to_front(have);
    }
    use(std::move(fresh), have);
}

}  // namespace umbel::resp
