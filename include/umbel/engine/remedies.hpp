// remedies.hpp: how one connection applies the remedies of its calls: each at most once a call, and what many
// calls lack at the same time is brought once. It knows no script and no library, and sends nothing.
#pragma once

#include <umbel/engine/call_outcomes.hpp>
#include <umbel/engine/in_flight_queue.hpp>
#include <umbel/engine/remedy.hpp>
#include <umbel/engine/try_alloc.hpp>

#include <chrono>
#include <cstddef>
#include <utility>
#include <vector>

namespace umbel::engine {

/// What a connection has brought to its node, and whether that has helped.
///
/// Replies come in the order of the commands. So a call that stands in front of what was brought has been
/// refused before that arrived, and goes behind it as it is; a call that stood behind it and is refused
/// all the same is not helped by it. A thousand calls that meet an empty node bring one library.
class remedies {
public:
    /// What is brought in vain is not brought again on this connection for so long.
    static constexpr duration pause = std::chrono::seconds{1};
    /// Of so many subjects a connection knows what became of them; while all of them are under way, others
    /// are not brought.
    static constexpr std::size_t subjects_max = 64;

    /// Sends a call again that its node has refused for lack of what it names, by `accept(call)`; false where
    /// that is no use. Precondition: as of prepare().
    template <class Accept>
    bool apply(call& call, connection_number where, instant now, call_outcomes& outcomes,
               Accept&& accept) noexcept {
        umbel::engine::call* first = nullptr;
        if (!prepare(call, where, now, first)) return false;
        call.refused_before = true;
        if (first) {
            first->begin(now);
            accept(*first);
            if (first->at != call::stage::piped) {
                outcomes.fail(call, errc::overloaded, delivery::not_executed,
                              "no room to bring what it names");
                return true;
            }
            brought(call, *first);
        }
        accept(call);
        return true;
    }
    /// Prepares a refused call for its next attempt; false where nothing helps. Where `first` is set it goes
    /// out before the call: say so by brought(). Precondition: the call has a remedy, and is the one that was
    /// answered last.
    bool prepare(call& call, connection_number where, instant now, umbel::engine::call*& first) noexcept {
        remedy const which = remedy_of(call);
        record* known = find(which.subject);
        if (which.tried == where) {
            if (known) known->not_before = after(now, pause);
            return false;
        }
        bool const under_way = known && call.queue_position < known->at;
        if (known && !under_way && now < known->not_before) return false;
        note_tried(call, where);
        if (under_way) return true;
        if (!which.apply(call, which.subject, first)) return false;
        if (!first) return true;
        if (!known) known = place_for(which.subject, call.queue_position, now);
        if (known) return true;
        first->kind->drop(*std::exchange(first, nullptr));
        return false;
    }
    /// What prepare() gave for a call stands in the queue now.
    void brought(call const& by, umbel::engine::call const& first) noexcept {
        if (record* const known = find(remedy_of(by).subject)) known->at = first.queue_position;
    }
    /// The connection is gone.
    void reset() noexcept { records_.clear(); }

private:
    struct record {
        void const* subject;
        in_flight_queue::position at = 0;  ///< Where it stands in the queue, or stood.
        instant not_before{0};             ///< It did not help: not again before this.
    };

    record* find(void const* subject) noexcept {
        for (record& known : records_)
            if (known.subject == subject) return &known;
        return nullptr;
    }
    /// A new record, or one that is of no more use; null where there is none.
    record* place_for(void const* subject, in_flight_queue::position answered, instant now) noexcept {
        if (records_.size() < subjects_max)
            return try_alloc([&] { records_.push_back({subject}); }) ? &records_.back() : nullptr;
        for (record& known : records_) {
            if (known.at > answered || now < known.not_before) continue;
            known = {subject};
            return &known;
        }
        return nullptr;
    }

    std::vector<record> records_;
};

}  // namespace umbel::engine
