// consumer_state.hpp: what a consumer and its operations share, and which faults they outlast. It sends
// nothing.
#pragma once

#include <umbel/async/call_sequence.hpp>
#include <umbel/client/consumer_progress.hpp>
#include <umbel/client/make_operation.hpp>
#include <umbel/cluster/error_reply.hpp>
#include <umbel/command/block_time.hpp>
#include <umbel/command/stream_groups.hpp>
#include <umbel/config.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

namespace umbel {

/// How a consumer of a group reads its stream.
struct consumer_options {
    std::string_view stream{};  ///< Its key.
    std::string_view group{};
    std::string_view name{};  ///< Of the consumer: what it had before it was restarted, comes first.
    /// XGROUP CREATE … MKSTREAM where there is no such group. Without it, that is an error.
    bool create = true;
    /// Where a group that is made begins: stream_ids::start, an id, or stream_ids::end for what is added from
    /// then on. A group that the server has lost, in a failover, begins here again, or at the start where
    /// this is stream_ids::end and this consumer has met the group before. Another consumer that meets the
    /// loss first, or one that was restarted, makes the group at the end then, and passes over what came
    /// before: at least once, for every entry, needs stream_ids::start or an id.
    std::string_view after = command::stream_ids::start;
    std::uint64_t count = 64;                 ///< The most entries of a page.
    std::uint64_t unacknowledged_max = 1024;  ///< The most entries that are out with the caller.
    /// Entries that have been pending for so long are claimed, whosever they are; zero: none. Longer than
    /// anybody takes to handle an entry. What is out with the caller of a consumer is claimed by that itself
    /// and stays with it, so mostly no other gets it while the consumer reads.
    std::chrono::milliseconds claim_idle{300'000};
    /// How long next() waits for entries; then it gives an empty page.
    command::block_time wait = wait_forever;
    /// How long next() waits for acknowledgements where `unacknowledged_max` entries are out; then it fails
    /// with overloaded.
    command::block_time room_wait = std::chrono::seconds{30};
};
static_assert(UMBEL_IS_TRIVIALLY_DESTRUCTIBLE(consumer_options));

namespace calling {

/// Threading: any; what can change is under the mutex, save `busy`.
struct consumer_state {
    /// What `where` finds its client by; for as long as an operation holds it, the client does not end.
    std::weak_ptr<async::backend> client;
    site where;  ///< Without hedging; commands that block have deadlines of their own.
    std::string stream, group, name, after;
    std::chrono::milliseconds claim_idle{};
    bool create = true;
    command::block_time wait = wait_forever;
    command::block_time room_wait = wait_forever;
    std::optional<error> wrong;     ///< The options were bad.
    std::atomic<bool> busy{false};  ///< A next() is under way.

    std::mutex mutex;
    consumer_progress progress;
    std::optional<error> fault;                           ///< What next() is waiting out.
    std::weak_ptr<async::sequence_alarm> waits_for_room;  ///< A next() that is parked.

    explicit consumer_state(consumer_progress::limits chosen) : progress{chosen} {}

    /// Retires ids, and wakes a next() that waits for room. Errors: none.
    template <class Ids>
    void retire(Ids const& ids) {
        std::unique_lock lock{mutex};
        for (auto const& id : ids) progress.retire(id);
        wake(lock);
    }
    void give_all_again() {
        std::unique_lock lock{mutex};
        progress.give_all_again();
        wake(lock);
    }
    /// Wakes the alarm as soon as there is room.
    void await_room(std::weak_ptr<async::sequence_alarm> alarm) {
        std::unique_lock lock{mutex};
        waits_for_room = std::move(alarm);
        wake(lock);
    }

private:
    void wake(std::unique_lock<std::mutex>& lock) {
        if (!progress.has_room()) return;
        auto const alarm = std::exchange(waits_for_room, {}).lock();
        lock.unlock();
        if (alarm) alarm->ring();
    }
};

/// What is wrong with the options, if anything.
inline char const* wrong_with(consumer_options const& options) noexcept {
    if (options.stream.empty()) return "consumer_options::stream is empty";
    if (options.group.empty()) return "consumer_options::group is empty";
    if (options.name.empty()) return "consumer_options::name is empty";
    if (options.after.empty()) return "consumer_options::after is empty";
    if (options.count == 0) return "consumer_options::count is zero";
    if (options.unacknowledged_max == 0) return "consumer_options::unacknowledged_max is zero";
    if (options.claim_idle < std::chrono::milliseconds{0}) return "consumer_options::claim_idle is negative";
    if (!options.wait.good() || !options.room_wait.good())
        return "consumer_options: a wait must be positive; umbel::wait_forever asks for one without an end";
    return nullptr;
}

/// Errors: throws std::bad_alloc.
inline std::shared_ptr<consumer_state> begin_consumer(site const& where, consumer_options const& options) {
    auto state = std::make_shared<consumer_state>(
        consumer_progress::limits{options.count, options.unacknowledged_max, saturated(options.claim_idle)});
    state->where = where;
    if (async::backend* const there = async::backend_of(where.owner, where.generation))
        state->client = there->weak_from_this();
    state->where.options.hedge = {};
    state->where.options.deadline_given = false;
    state->where.options.reads = umbel::read_from::primary;
    state->stream = options.stream;
    state->group = options.group;
    state->name = options.name;
    state->after = options.after;
    state->claim_idle = options.claim_idle;
    state->create = options.create;
    state->wait = options.wait;
    state->room_wait = options.room_wait;
    if (char const* const why = wrong_with(options))
        state->wrong.emplace(errc::bad_argument, delivery::not_sent, std::string_view{why});
    return state;
}

/// False for what passes without anybody's doing: a node that is not there, or that cannot serve now.
inline bool ends_consumer(error const& why) noexcept {
    switch (origin_of(why.code())) {
        case origin::caller: return true;
        case origin::limit: return why.code() != errc::overloaded && why.code() != errc::deadline_exceeded;
        case origin::transport:
        case origin::cluster: return false;
        case origin::protocol: return why.code() == errc::unexpected_type;
        case origin::server:
            return why.code() != errc::busy_script && why.code() != errc::no_replicas &&
                   why.code() != errc::misconfigured && why.code() != errc::out_of_memory;
    }
    return true;
}

/// Between two attempts: it doubles.
class consumer_backoff {
public:
    engine::duration next() noexcept { return first * (1 << std::min(faults_++, 4u)); }
    void reset() noexcept { faults_ = 0; }
    bool is_first() const noexcept { return faults_ == 0; }

private:
    static constexpr engine::duration first = std::chrono::milliseconds{25};
    unsigned faults_ = 0;
};

/// XACK of some of the ids, behind the key and the group. Errors: throws std::bad_alloc.
template <class Ids>
async::pooled_call& make_ack(consumer_state const& state, Ids const& ids) {
    command::word_list words{umbel::key{state.stream}, state.group};
    command::command_spec const& xack = command::specs::xack;
    words.add_each(ids);
    return state.where.code->make(state.where, xack, words.words(), xack.flags(), words.refusal(),
                                  kind_of<std::int64_t>);
}
/// The most ids of one XACK.
inline constexpr std::size_t ack_ids_max = 1000;

}  // namespace calling
}  // namespace umbel
