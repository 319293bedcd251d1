// consumer_step.hpp: how one page of a consumer comes about: which command is sent next, and what is done
// with its reply. What comes next stands in consumer_progress.hpp.
#pragma once

#include <umbel/client/consumer_state.hpp>
#include <umbel/command/stream_entry.hpp>
#include <umbel/command/stream_groups.hpp>
#include <umbel/resp/decode.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <new>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace umbel {

/// Where the entries of a page come from.
enum class entry_source : std::uint8_t {
    fresh,    ///< Nobody has got them before.
    pending,  ///< The consumer has got them before: before it was restarted, or in a reply that was lost.
    claimed,  ///< They had been pending for consumer_options::claim_idle, and were out with this consumer no
              ///< more: mostly another's.
};

/// An entry whose fields are none of the type that was asked for.
struct unreadable_entry {
    std::string id;
    error why;
};

/// What consumer::next() gives. Lifetime: it owns all it has.
template <class Fields = stream_fields>
struct consumer_page {
    std::vector<stream_entry<Fields>> entries;
    entry_source source = entry_source::fresh;
    /// They pend until they are acknowledged by their ids, as others do.
    std::vector<unreadable_entry> unreadable;
    /// Ids that were pending, and whose entries were deleted from the stream before they were acknowledged.
    /// They need no acknowledgement.
    std::vector<std::string> deleted;

    /// The entries.
    auto begin() const noexcept { return entries.begin(); }
    auto end() const noexcept { return entries.end(); }
    std::size_t size() const noexcept { return entries.size(); }
    /// Nothing came in time.
    bool empty() const noexcept { return entries.empty() && unreadable.empty() && deleted.empty(); }
};

namespace calling {

/// One next(): sends commands, one after the other, until there is a page, or the time is over.
template <class Fields>
class consumer_step final : public async::call_sequence {
public:
    using page = consumer_page<Fields>;

    consumer_step(async::pooled_call& whole, std::shared_ptr<async::backend> kept,
                  std::shared_ptr<consumer_state> state) noexcept
        : call_sequence{whole, std::move(kept)}, state_{std::move(state)} {}
    ~consumer_step() override { release(); }

private:
    friend class async::call_sequence;
    using entry = delivered_entry<result<Fields>>;
    using batch = stream_batch<entry>;
    using claimed = claim_page<entry>;
    using instant = engine::instant;

    consumer_progress& progress() noexcept { return state_->progress; }

    // ---- The beginning and the end --------------------------------------------------------------

    std::optional<error> take_hold() noexcept override {
        holds_ = !state_->busy.exchange(true, std::memory_order_acq_rel);
        if (holds_) return std::nullopt;
        return error{errc::bad_argument, delivery::not_sent,
                     "consumer: next() was begun while another was under way"};
    }
    void let_go(error const*) noexcept override { release(); }
    /// The next next() may begin.
    void release() noexcept {
        if (!std::exchange(holds_, false)) return;
        {
            std::lock_guard const guard{state_->mutex};
            progress().abandoned();
            state_->fault.reset();
        }
        state_->busy.store(false, std::memory_order_release);
    }
    void give(page&& made) {
        async::result_slot<page>::put(whole(), [&] { return result<page>{std::move(made)}; });
    }

    // ---- What comes next ------------------------------------------------------------------------

    void choose() override {
        std::shared_ptr<async::backend> const there = where();
        if (!there) return go_on();
        instant const now = there->now();
        if (!begun_) until_ = until(now, state_->wait);
        begun_ = true;
        if (now >= until_) return end_in_time();
        {
            std::lock_guard const guard{state_->mutex};
            move_ = progress().next(now, until_);
        }
        switch (move_.action) {
            case consumer_action::make_group: return make_group();
            case consumer_action::forget_deleted: return forget_deleted();
            case consumer_action::read_pending: return read(progress().pending_after());
            case consumer_action::claim: return claim();
            case consumer_action::read_fresh: return read(command::stream_ids::undelivered);
            case consumer_action::wait_for_room: return wait_for_room(now);
        }
    }
    static instant until(instant now, command::block_time time) noexcept {
        return time.forever() ? engine::never : engine::after(now, time.span());
    }
    void end_in_time() {
        if (fault_) {
            std::string why = "consumer_options::wait is over; the latest fault was: ";
            return fail(error{errc::deadline_exceeded, fault_->delivery(), why.append(fault_->message())});
        }
        give({});
        complete();
    }
    void wait_for_room(instant now) {
        if (room_until_ == engine::never) room_until_ = until(now, state_->room_wait);
        if (now >= room_until_)
            return fail(error{errc::overloaded, delivery::not_sent,
                              "consumer_options::unacknowledged_max entries are not acknowledged"});
        // This may end in pause(), and whoever acknowledges may ring from now on.
        std::shared_ptr<consumer_state> const state = state_;
        state->await_room(pause(std::min({room_pause, until_ - now, room_until_ - now})));
    }

    // ---- Commands -------------------------------------------------------------------------------

    async::pooled_call& make(command::command_spec const& name, command::word_list const& words,
                             value_kind const& value) {
        return state_->where.code->make(state_->where, name, words.words(), name.flags(), words.refusal(),
                                        value);
    }
    void make_group() {
        std::string_view after = state_->after;
        if (progress().knew_group() && after == command::stream_ids::end) after = command::stream_ids::start;
        command::word_list const words{umbel::key{state_->stream}, state_->group, after, "MKSTREAM"};
        send_next<consumer_step, ok, &consumer_step::on_made>(
            make(command::specs::xgroup_create, words, kind_of<ok>));
    }
    void on_made(result<ok>&& told) {
        bool const there_already = !told && cluster::has_group_already(told.error().message());
        if (!told && !there_already) return failed(std::move(told.error()));
        {
            std::lock_guard const guard{state_->mutex};
            progress().made_group();
        }
        ++groups_made_;
        go_on();
    }
    void forget_deleted() {
        send_next<consumer_step, std::int64_t, &consumer_step::on_forgotten>(
            make_ack(*state_, progress().deleted()));
    }
    void on_forgotten(result<std::int64_t>&& told) {
        if (!told) return failed(std::move(told.error()));
        {
            std::lock_guard const guard{state_->mutex};
            progress().forgot_deleted();
        }
        went_well();
        go_on();
    }
    void read(std::string_view after) {
        command::word_list words{"GROUP", state_->group, state_->name, "COUNT", move_.count};
        command::block_time const time{move_.wait};
        bool const blocks = move_.wait > engine::duration{0};
        if (blocks) words.add("BLOCK", time.milliseconds());
        words.add("STREAMS", umbel::key{state_->stream}, after);
        command::command_spec const& name = command::specs::xreadgroup;
        async::pooled_call& call =
            blocks ? state_->where.code->make_blocking(state_->where, name, words.words(), name.flags(), time,
                                                       words.refusal(), kind_of<batch>)
                   : make(name, words, kind_of<batch>);
        send_next<consumer_step, batch, &consumer_step::on_read>(call);
    }
    void on_read(result<batch>&& told) {
        if (!told) return failed(std::move(told.error()));
        page made;
        consumer_news news;
        std::size_t count = 0;
        bool const pending = move_.action == consumer_action::read_pending;
        made.source = pending ? entry_source::pending : entry_source::fresh;
        {
            std::lock_guard const guard{state_->mutex};
            for (auto& [stream, entries] : told->streams) {
                count += entries.size();
                if (!entries.empty()) news.position = entries.back().id;
                for (entry& each : entries) take(std::move(each), made, news, pending);
            }
        }
        news.last = count == 0;
        news.full = count >= move_.count;
        news.repeated = was_repeated();
        hand_on(std::move(made), std::move(news));
    }
    void claim() {
        command::word_list const words{
            umbel::key{state_->stream}, state_->group, state_->name, state_->claim_idle.count(),
            progress().claim_cursor(),  "COUNT",       move_.count};
        async::pooled_call& call = make(command::specs::xautoclaim, words, kind_of<claimed>);
        send_next<consumer_step, claimed, &consumer_step::on_claimed>(call);
    }
    void on_claimed(result<claimed>&& told) {
        if (!told) return failed(std::move(told.error()));
        page made;
        consumer_news news;
        made.source = entry_source::claimed;
        made.deleted = std::move(told->deleted);
        {
            std::lock_guard const guard{state_->mutex};
            for (entry& each : told->items) take(std::move(each), made, news, true);
        }
        news.last = told->last();
        news.position = std::move(told->cursor);
        news.repeated = was_repeated();
        hand_on(std::move(made), std::move(news));
    }

    // ---- What has come --------------------------------------------------------------------------

    /// Takes an entry into the page; of what pended before, only what is not out with the caller.
    void take(entry&& each, page& made, consumer_news& news, bool pended) {
        if (pended && progress().is_known(each.id)) return;
        if (!each.fields) {
            news.deleted.insert(each.id);
            return made.deleted.push_back(std::move(each.id));
        }
        news.given.emplace(each.id, false);
        if (*each.fields)
            made.entries.push_back({std::move(each.id), std::move(**each.fields)});
        else
            made.unreadable.push_back({std::move(each.id), std::move(each.fields->error())});
    }
    void hand_on(page&& made, consumer_news&& news) {
        bool const told_some = !made.empty();
        instant const now = clock();
        if (told_some) give(std::move(made));
        // From here on nothing throws: what is told now is out.
        {
            std::lock_guard const guard{state_->mutex};
            progress().accept(move_, std::move(news), now);
        }
        went_well();
        if (!told_some) return go_on();
        complete();
    }
    instant clock() noexcept {
        std::shared_ptr<async::backend> const there = where();
        return there ? there->now() : instant{0};
    }
    void went_well() noexcept {
        backoff_.reset();
        groups_made_ = 0;
        note_fault(std::nullopt);
    }

    // ---- Faults ---------------------------------------------------------------------------------

    void note_fault(std::optional<error> why) noexcept {
        if (!fault_ && !why) return;
        fault_ = why;
        std::lock_guard const guard{state_->mutex};
        state_->fault = std::move(why);
    }
    void failed(error why) {
        bool const lacks_group =
            why.code() == errc::server_error && cluster::lacks_group(why.message()) && state_->create;
        {
            std::lock_guard const guard{state_->mutex};
            progress().lost(move_, why.may_have_executed(), clock());
            if (lacks_group) progress().miss_group();
        }
        if (lacks_group && groups_made_ == 0) return go_on();
        // A reply that was no RESP, or too large, would break the connection again.
        bool const breaks = why.code() == errc::protocol_error && why.may_have_executed();
        if (breaks || (!lacks_group && ends_consumer(why))) return fail(std::move(why));
        note_fault(std::move(why));
        if (std::shared_ptr<async::backend> const there = where()) there->want_refresh();
        pause(std::min(backoff_.next(), until_ - clock()));
    }

    /// While it is parked, a cancellation is seen this late.
    static constexpr engine::duration room_pause = std::chrono::milliseconds{100};

    std::shared_ptr<consumer_state> const state_;
    consumer_move move_;
    instant until_ = engine::never;
    instant room_until_ = engine::never;
    std::optional<error> fault_;  ///< The latest, until something has gone well.
    consumer_backoff backoff_;
    unsigned groups_made_ = 0;  ///< In a row, without anything read.
    bool begun_ = false;
    bool holds_ = false;  ///< state_->busy is this step's.
};

/// Behind consumer::next(). Errors: throws std::bad_alloc.
template <class Fields>
async::pooled_call& next_page(std::shared_ptr<consumer_state> const& state) {
    using page = consumer_page<Fields>;
    async::pooled_call& call = kind_of<page>.obtain(*state->where.owner);
    prepare(call, state->where, cluster::command_flags::none);
    call.timeout = {};
    if (!state->wait.forever()) call.timeout = engine::after(state->wait.span(), state->where.lease_slack);
    auto const refuse = [&](error why) -> async::pooled_call& {
        async::result_slot<page>::fail_unbegun(call, std::move(why));
        return call;
    };
    if (state->where.wrong) return refuse(error{*state->where.wrong});
    if (state->wrong) return refuse(error{*state->wrong});
    std::shared_ptr<async::backend> kept = state->client.lock();
    if (!kept) return refuse(error{errc::cancelled, delivery::not_sent, "the client is gone"});
    call.group.reset(new (std::nothrow) consumer_step<Fields>{call, std::move(kept), state});
    if (!call.group) return refuse(error{errc::no_memory, delivery::not_sent});
    call.launch = async::launch_kind::group;
    return call;
}

}  // namespace calling
}  // namespace umbel
