// consumer_ack.hpp: how a consumer acknowledges entries: XACK until it is known to have been executed. It
// knows no fields.
#pragma once

#include <umbel/client/consumer_state.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <new>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace umbel::calling {

/// One acknowledgement of any number of entries. It is sent again where it may have been executed: an entry
/// that is acknowledged comes back to no list, so the second time finds nothing.
class consumer_ack final : public async::call_sequence {
public:
    /// `of_page`: what is not out any more is passed over.
    consumer_ack(async::pooled_call& whole, std::shared_ptr<async::backend> kept,
                 std::shared_ptr<consumer_state> state, std::vector<std::string> ids, bool of_page) noexcept
        : call_sequence{whole, std::move(kept)},
          state_{std::move(state)},
          ids_{std::move(ids)},
          of_page_{of_page} {}

private:
    friend class async::call_sequence;

    std::optional<error> take_hold() noexcept override {
        std::lock_guard const guard{state_->mutex};
        std::size_t const gone =
            std::erase_if(ids_, [&](std::string const& id) { return !state_->progress.is_out(id); });
        if (gone == 0 || of_page_) return std::nullopt;
        return error{errc::bad_argument, delivery::not_sent,
                     "consumer: an id that was not given out, or is acknowledged already"};
    }
    bool may_have_run() const noexcept override { return ran_ || done_ > 0; }
    void choose() override {
        if (done_ == ids_.size()) {
            state_->retire(ids_);
            async::result_slot<std::int64_t>::put(whole(), [this] { return result<std::int64_t>{pending_}; });
            return complete();
        }
        std::shared_ptr<async::backend> const there = where();
        if (there && there->now() >= whole().deadline) {
            error const why = fault_ ? *fault_ : error{errc::deadline_exceeded, delivery::not_sent};
            return fail(error{errc::deadline_exceeded, why.delivery(), why.message()});
        }
        count_ = std::min(ack_ids_max, ids_.size() - done_);
        send_next<consumer_ack, std::int64_t, &consumer_ack::on_acked>(
            make_ack(*state_, std::span{ids_}.subspan(done_, count_)));
    }
    void on_acked(result<std::int64_t>&& told) {
        if (!told) {
            ran_ = ran_ || told.error().may_have_executed();
            if (ends_consumer(told.error())) return fail(std::move(told.error()));
            fault_.emplace(std::move(told.error()));
            return static_cast<void>(pause(backoff_.next()));
        }
        backoff_.reset();
        pending_ += *told;
        done_ += count_;
        go_on();
    }

    std::shared_ptr<consumer_state> const state_;
    std::vector<std::string> ids_;
    bool const of_page_;
    bool ran_ = false;       ///< An XACK that failed may have been executed.
    std::size_t done_ = 0;   ///< Of the ids.
    std::size_t count_ = 0;  ///< Ids of the XACK that is under way.
    std::int64_t pending_ = 0;
    std::optional<error> fault_;
    consumer_backoff backoff_;
};

/// Behind consumer::ack(). Errors: throws std::bad_alloc.
inline async::pooled_call& acknowledge(std::shared_ptr<consumer_state> const& state,
                                       std::vector<std::string> ids, bool of_page) {
    value_kind const& value = kind_of<std::int64_t>;
    async::pooled_call& call = value.obtain(*state->where.owner);
    prepare(call, state->where, cluster::command_flags::none);
    auto const refuse = [&](error why) -> async::pooled_call& {
        async::result_slot<std::int64_t>::fail_unbegun(call, std::move(why));
        return call;
    };
    if (state->where.wrong) return refuse(error{*state->where.wrong});
    if (state->wrong) return refuse(error{*state->wrong});
    if (ids.empty() && !of_page)
        return refuse(error{errc::bad_argument, delivery::not_sent, "an empty range: there is no id"});
    // The caller may be on any thread, and the client end on another one meanwhile.
    std::shared_ptr<async::backend> kept = state->client.lock();
    if (!kept) return refuse(error{errc::cancelled, delivery::not_sent, "the client is gone"});
    call.group.reset(new (std::nothrow) consumer_ack{call, std::move(kept), state, std::move(ids), of_page});
    if (!call.group) return refuse(error{errc::no_memory, delivery::not_sent});
    call.launch = async::launch_kind::group;
    return call;
}

}  // namespace umbel::calling
