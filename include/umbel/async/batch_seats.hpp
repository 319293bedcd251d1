// batch_seats.hpp: the cancel tokens of a batch: as many as calls may be under way, each for one call after
// another, since all are cancelled together. It knows no command.
#pragma once

#include <umbel/async/operation.hpp>
#include <umbel/async/try_alloc.hpp>

#include <cstddef>
#include <utility>
#include <vector>

namespace umbel::async {

/// Threading: guarded by its owner.
class batch_seats {
public:
    batch_seats() noexcept = default;
    batch_seats(batch_seats const&) = delete;
    batch_seats& operator=(batch_seats const&) = delete;
    ~batch_seats() {
        for (shared_token* const seat : free_) seat->release();
    }

    /// Makes them, and tells the token of the whole of them. False without memory. Precondition: none of the
    /// calls has begun.
    bool make(backend& backend, shared_token& whole, std::size_t count) noexcept {
        return try_alloc([&] {
            whole.parts.reserve(count);
            free_.reserve(count);
            for (std::size_t i = 0; i < count; ++i) {
                auto* const seat = new shared_token;
                seat->backend = backend.weak_from_this();
                whole.parts.push_back(seat);
                free_.push_back(seat);
            }
        });
    }
    /// Gives a call its token. Precondition: fewer calls have one than were made.
    void seat(pooled_call& call) noexcept {
        shared_token& taken = *free_.back();
        free_.pop_back();
        taken.target = &call;
        call.token = &taken;
    }
    /// Takes the token of a call that has settled.
    void vacate(pooled_call& call) noexcept {
        // As much was reserved as was made.
        free_.push_back(static_cast<shared_token*>(std::exchange(call.token, nullptr)));
    }

private:
    std::vector<shared_token*> free_;
};

}  // namespace umbel::async
