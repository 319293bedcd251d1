// call_sequence.hpp: an operation that begins calls one after the other, and decides after each what comes
// next. It knows their results by type only, and neither nodes nor commands.
#pragma once

#include <umbel/async/client_handle.hpp>
#include <umbel/async/completion.hpp>
#include <umbel/async/try_alloc.hpp>

#include <algorithm>
#include <atomic>
#include <memory>
#include <new>
#include <utility>

namespace umbel::async {

class call_sequence;

/// Wakes a sequence that pauses, once: its timer rings, or whoever has something for it. Where nobody has
/// rung when it is destroyed, the context is going away, and the operation is dropped. Threading: any.
class sequence_alarm {
public:
    explicit sequence_alarm(call_sequence& of) noexcept : sequence_{&of} {}
    sequence_alarm(sequence_alarm const&) = delete;
    sequence_alarm& operator=(sequence_alarm const&) = delete;
    ~sequence_alarm();
    void ring();
    /// Wakes nobody any more.
    void disarm() noexcept { sequence_.store(nullptr, std::memory_order_relaxed); }

private:
    std::atomic<call_sequence*> sequence_;
};

/// The operation's own call is never sent: it waits for a topology first, as client::ready() does, which
/// begins its time, and later it is the question to the control plane where there is one. Whatever follows
/// has its deadline and is cancelled with it. Threading: one thing is under way at any time; whoever brings
/// its result goes on.
class call_sequence : public call_group {
public:
    call_sequence(call_sequence const&) = delete;
    call_sequence& operator=(call_sequence const&) = delete;

    void start(backend& backend) final {
        // From the moment on at which somebody else may go on, this may be gone.
        [[maybe_unused]] std::shared_ptr<async::backend> const kept = std::move(kept_);
        home_ = backend.weak_from_this();
        static constexpr engine::call_kind waiting{
            .decode = [](engine::call&, resp::view const&) noexcept {},
            .fail =
                [](engine::call& call, error&& why) noexcept {
                    of_whole(call).let_go(&why);
                    of_whole(call).outer_->fail(call, std::move(why));
                },
            .complete = [](engine::call& call) { of_whole(call).topology_known(); },
            .drop =
                [](engine::call& call) noexcept {
                    call.kind = of_whole(call).outer_;
                    call.kind->drop(call);
                }};
        outer_ = whole_.kind;
        if (std::optional<error> refused = take_hold()) return fail(std::move(*refused));
        if (!share_token(backend)) return fail(error{errc::no_memory, delivery::not_sent});
        whole_.kind = &waiting;
        ask([](async::backend& where, pooled_call& call) { where.await_topology(call); });
    }

protected:
    /// `kept`: the client's backend, where the operation may begin on any thread while the client is
    /// destroyed on another one; until it has begun it holds the backend.
    explicit call_sequence(pooled_call& whole, std::shared_ptr<backend> kept = {}) noexcept
        : whole_{whole}, kept_{std::move(kept)} {}
    ~call_sequence() override {
        if (alarm_) alarm_->disarm();
        timer_.reset();
        if (token_) token_->release();
    }

    /// Begins what comes next, or ends. Errors: may throw std::bad_alloc where nothing is under way.
    virtual void choose() = 0;
    /// The operation begins: an error refuses it.
    virtual std::optional<error> take_hold() noexcept { return std::nullopt; }
    /// The operation is about to complete, with this error or, where it is null, with a value.
    virtual void let_go(error const*) noexcept {}
    /// True where something that was sent may have been executed, whatever becomes of the rest: the error
    /// that the operation ends with says so, too.
    virtual bool may_have_run() const noexcept { return false; }

    pooled_call& whole() noexcept { return whole_; }
    /// The latest call was sent again after it may have been executed.
    bool was_repeated() const noexcept { return repeated_; }
    /// Null where the client has gone. Lifetime: a share, because a client may be destroyed on another thread
    /// meanwhile.
    std::shared_ptr<backend> where() const noexcept {
        std::shared_ptr<backend> there = home_.lock();
        if (there && backend_of(whole_) != there.get()) there.reset();
        return there;
    }
    static call_sequence& of_whole(engine::call& whole) noexcept {
        return static_cast<call_sequence&>(*static_cast<pooled_call&>(whole).group);
    }

    /// Does what may run out of memory; the operation fails where it does.
    template <class Step>
    void or_fail(Step&& step) {
        UMBEL_TRY { std::forward<Step>(step)(); }
        UMBEL_CATCH(std::bad_alloc const&) {
            fail(error{errc::no_memory, delivery::unknown});
        }
    }
    void go_on() {
        if (whole_.cancel_wanted()) return fail(error{errc::cancelled, delivery::not_sent, "cancelled"});
        if (!where()) return fail(error{errc::cancelled, delivery::not_sent, "the client is gone"});
        or_fail([this] { choose(); });
    }
    /// Has `answer` run in a turn of the control plane.
    void ask(void (*answer)(backend&, pooled_call&)) {
        std::shared_ptr<backend> const there = where();
        if (!there) return fail(error{errc::cancelled, delivery::not_sent, "the client is gone"});
        whole_.on_control = answer;
        there->answer(whole_);
    }
    /// Goes on after a while, or sooner where somebody rings. Where the client has gone, it goes on at once,
    /// which may end the sequence. Errors: throws std::bad_alloc.
    std::weak_ptr<sequence_alarm> pause(engine::duration span) {
        std::shared_ptr<backend> const there = where();
        if (!there) {
            go_on();
            return {};
        }
        auto const mine = std::make_shared<sequence_alarm>(*this);
        alarm_ = mine.get();
        bool const set =
            engine::try_alloc([&] { there->call_after(timer_, span, [mine] { mine->ring(); }); });
        if (set) return mine;
        mine->disarm();
        alarm_ = nullptr;
        throw_bad_alloc();
    }
    /// Begins a call and goes on with its result by `Then`, a member of `Sequence`, which derives from this.
    /// A call that has its result already is not sent. Its own deadline holds where it is the earlier one.
    template <class Sequence, class Value, void (Sequence::*Then)(result<Value>&&)>
    void send_next(pooled_call& call) {
        static constexpr engine::call_kind kind{.decode = &result_slot<Value>::decode,
                                                .fail = &result_slot<Value>::fail,
                                                .complete =
                                                    [](engine::call& base) {
                                                        auto& part = static_cast<pooled_call&>(base);
                                                        auto& self = static_cast<Sequence&>(of_part(part));
                                                        result<Value> told =
                                                            std::move(result_slot<Value>::get(part));
                                                        self.repeated_ = was_repeated(part);
                                                        result_slot<Value>::discard(part);
                                                        self.or_fail([&] { (self.*Then)(std::move(told)); });
                                                    },
                                                .drop =
                                                    [](engine::call& base) noexcept {
                                                        auto& part = static_cast<pooled_call&>(base);
                                                        call_sequence& self = of_part(part);
                                                        result_slot<Value>::discard(part);
                                                        self.outer_->drop(self.whole_);
                                                    }};
        ::new (static_cast<void*>(call.handler_space)) call_sequence* {this};
        call.kind = &kind;
        bool const leased = call.launch == launch_kind::leased;
        if (call.launch != launch_kind::direct && !leased) return kind.complete(call);
        std::shared_ptr<backend> const there = where();
        if (!there) {
            result_slot<Value>::discard(call);
            return fail(error{errc::cancelled, delivery::not_sent, "the client is gone"});
        }
        call.link.context = whole_.link.context;
        call.begin(there->now());
        call.deadline = std::min(call.deadline, whole_.deadline);
        if (token_) {
            token_->owner.store(engine::cancel_token::nobody);
            token_->target = &call;
            token_->references.fetch_add(1, std::memory_order_relaxed);
            call.token = token_;
        }
        leased ? call.owner->code->start_by_lease(*there, call) : there->start(call);
    }

    /// The value is stored.
    void complete() {
        let_go(nullptr);
        finish();
    }
    void fail(error why) {
        if (may_have_run() && !why.may_have_executed()) why = why.with(delivery::unknown);
        let_go(&why);
        outer_->fail(whole_, std::move(why));
        finish();
    }

private:
    friend class sequence_alarm;

    static call_sequence& of_part(pooled_call& part) noexcept {
        return **std::launder(reinterpret_cast<call_sequence**>(part.handler_space));
    }
    static bool was_repeated(engine::call const& part) noexcept {
        delivery const earlier = part.known(delivery::not_sent);
        return earlier == delivery::unknown || earlier == delivery::executed;
    }
    /// One token serves all calls, one after the other.
    bool share_token(backend& backend) noexcept {
        auto* const whole = static_cast<shared_token*>(whole_.token);
        if (!whole) return true;
        token_ = new (std::nothrow) shared_token;
        if (!token_) return false;
        token_->backend = backend.weak_from_this();
        // One reference is the list's, the other one this.
        return engine::try_alloc([&] { whole->parts.push_back(token_); }) || (token_->release(), false);
    }
    void topology_known() {
        whole_.kind = outer_;
        if (!whole_.has_result) return go_on();
        outer_->complete(whole_);
    }
    void finish() {
        if (std::shared_ptr<backend> const there = where()) return there->complete_later(whole_);
        outer_->complete(whole_);
    }
    void woken() {
        alarm_ = nullptr;
        timer_.reset();
        go_on();
    }

    pooled_call& whole_;
    std::shared_ptr<backend> kept_;
    std::weak_ptr<backend> home_;
    engine::call_kind const* outer_ = nullptr;  ///< What the operation makes of its call.
    shared_token* token_ = nullptr;             ///< Of the call that is under way.
    std::unique_ptr<backend::wait> timer_;
    sequence_alarm* alarm_ = nullptr;
    bool repeated_ = false;
};

inline sequence_alarm::~sequence_alarm() {
    call_sequence* const pausing = sequence_.exchange(nullptr, std::memory_order_acq_rel);
    if (!pausing) return;
    pausing->alarm_ = nullptr;
    pausing->outer_->drop(pausing->whole_);
}
inline void sequence_alarm::ring() {
    if (call_sequence* const pausing = sequence_.exchange(nullptr, std::memory_order_acq_rel))
        pausing->woken();
}

}  // namespace umbel::async
