// hedge_impl.hpp: behind the boundary of hedge.hpp: the race of two calls for one read. The router chooses
// the node of the second call.
#pragma once

#include <umbel/async/backend.hpp>
#include <umbel/async/hedge.hpp>
#include <umbel/async/try_alloc.hpp>

#include <atomic>
#include <cstdint>
#include <memory>
#include <utility>

namespace umbel::async {

/// Two calls for one read.
/// Lifetime: lives while a call, the timer or the operation refers to it; the call that loses may be the
/// last. Threading: the calls settle on any thread; the thread that settles the winner completes the
/// operation.
class hedge {
public:
    /// Takes over two calls with the same encoded read. Errors: throws std::bad_alloc; the calls are still
    /// the caller's then.
    static std::unique_ptr<call_group> make(pooled_call& whole, pooled_call& first, pooled_call& second,
                                            engine::duration delay, hedge_kind const& kind) {
        auto made = std::make_unique<front>();
        token_guard token_of_first{first}, token_of_second{second};
        made->race = new hedge{whole, first, second, delay, kind};
        first.token = token_of_first.release();
        second.token = token_of_second.release();
        return made;
    }

    /// A call of a race has settled.
    static void complete(engine::call& base) {
        auto& part = static_cast<pooled_call&>(base);
        held const race{of(part)};
        race.self.part_settled(part, race.self.kind_.answered(part));
    }
    static void drop(engine::call& base) noexcept {
        held const race{of(base)};
        if ((race.self.racing_.fetch_or(settled, std::memory_order_acq_rel) & settled) == 0)
            race.self.whole_.kind->drop(race.self.whole_);
    }

    hedge(hedge const&) = delete;
    hedge& operator=(hedge const&) = delete;

private:
    static constexpr std::uint32_t settled = 1u << 31;

    /// Owns a new token until a call takes it over.
    class token_guard {
    public:
        explicit token_guard(pooled_call& call) : made_{new shared_token} {
            made_->references.store(1, std::memory_order_relaxed);
            made_->target = &call;
        }
        token_guard(token_guard const&) = delete;
        token_guard& operator=(token_guard const&) = delete;
        ~token_guard() {
            if (made_) made_->release();
        }
        shared_token* release() noexcept { return std::exchange(made_, nullptr); }

    private:
        shared_token* made_;
    };

    /// The reference that the operation holds.
    struct front final : call_group {
        hedge* race = nullptr;
        ~front() override {
            if (race) race->drop_reference();
        }
        void start(backend& backend) override { race->start(backend); }
    };

    /// The reference that the timer holds.
    struct alarm {
        hedge* race;
        explicit alarm(hedge& whose) noexcept : race{&whose} {
            race->references_.fetch_add(1, std::memory_order_relaxed);
        }
        alarm(alarm const& other) noexcept : alarm{*other.race} {}
        alarm& operator=(alarm const&) = delete;
        ~alarm() { race->drop_reference(); }
        void operator()() const { race->ask_second(); }
    };

    hedge(pooled_call& whole, pooled_call& first, pooled_call& second, engine::duration delay,
          hedge_kind const& kind) noexcept
        : whole_{whole}, first_{first}, second_{second}, kind_{kind}, delay_{delay} {
        for (pooled_call* const part : {&first, &second}) {
            ::new (static_cast<void*>(part->handler_space)) hedge* {this};
            part->kind = &kind.part;
        }
    }
    ~hedge() {
        for (pooled_call* const part : {&first_, &second_}) {
            release_token(*part);
            kind_.recycle(*part);
        }
    }
    void drop_reference() noexcept {
        if (references_.fetch_sub(1, std::memory_order_acq_rel) == 1) delete this;
    }

    void start(backend& backend) {
        backend_ = backend.weak_from_this();
        backend.hedges().earn();
        for (pooled_call* const part : {&first_, &second_}) {
            part->link.context = whole_.link.context;
            static_cast<shared_token*>(part->token)->backend = backend_;
        }
        UMBEL_TRY { share_tokens(); }
        UMBEL_CATCH(...) {
            first_.kind->fail(whole_, error{errc::no_memory, delivery::not_sent});
            return backend.complete_later(whole_);
        }
        // The link is chosen before the timer can fire.
        at_first_ = backend.choose(first_);
        references_.fetch_add(1, std::memory_order_relaxed);
        UMBEL_TRY { backend.call_after(timer_, delay_, alarm{*this}); }
        UMBEL_CATCH(...) {
            // Without memory for a timer the second node is never asked.
        }
        backend.start_at(first_, at_first_);
    }

    /// Lets a cancellation of the operation reach both calls.
    void share_tokens() {
        if (!whole_.token) return;
        auto& whole = *static_cast<shared_token*>(whole_.token);
        whole.parts.reserve(2);
        for (pooled_call* const part : {&first_, &second_}) {
            auto* const token = static_cast<shared_token*>(part->token);
            token->references.fetch_add(1, std::memory_order_relaxed);
            whole.parts.push_back(token);
        }
    }

    /// The delay has passed without an answer: asks a second node if there is one and the budget allows it.
    void ask_second() {
        auto const where = backend_.lock();
        if (!where || !at_first_) return;
        engine::retry_state* const retry = second_.make_retry_state();
        if (!retry) return;
        retry->from = at_first_;
        engine::link_id const to = where->choose(second_);
        if (!to || to.node == at_first_.node || !where->hedges().draw()) return;
        std::uint32_t seen = racing_.load(std::memory_order_relaxed);
        do {
            if (seen != 1) return;
        } while (!racing_.compare_exchange_weak(seen, 2, std::memory_order_acq_rel));
        references_.fetch_add(1, std::memory_order_relaxed);
        where->start_at(second_, to);
    }

    static hedge& of(engine::call& part) noexcept {
        return **std::launder(reinterpret_cast<hedge**>(static_cast<pooled_call&>(part).handler_space));
    }
    /// Drops a reference at the end of a scope.
    struct held {
        hedge& self;
        ~held() { self.drop_reference(); }
    };

    void part_settled(pooled_call& part, bool answered) {
        std::uint32_t seen = racing_.load(std::memory_order_acquire);
        for (;;) {
            if ((seen & settled) != 0) return;
            bool const wins = answered || seen == 1;
            // What one attempt may have done, the read may have done.
            if (!wins) met_.store(kind_.delivery_of(part), std::memory_order_relaxed);
            if (racing_.compare_exchange_weak(seen, wins ? seen | settled : seen - 1,
                                              std::memory_order_acq_rel)) {
                if (wins) win(part, seen == 2);
                return;
            }
        }
    }
    void win(pooled_call& part, bool other_runs) {
        if (other_runs) {
            pooled_call& other = &part == &first_ ? second_ : first_;
            // Without memory for the request the other answer still comes, and is skipped.
            if (auto const where = backend_.lock())
                static_cast<void>(
                    try_alloc([&] { where->request_cancel(*static_cast<shared_token*>(other.token)); }));
        }
        // Destroyed, not only cancelled: a posted completion may outlive the context of the timer.
        timer_.reset();
        kind_.take(whole_, part, met_.load(std::memory_order_relaxed));
        whole_.kind->complete(whole_);
    }

    pooled_call& whole_;
    pooled_call& first_;
    pooled_call& second_;
    hedge_kind const& kind_;
    engine::duration const delay_;
    std::weak_ptr<backend> backend_;
    engine::link_id at_first_;
    std::unique_ptr<backend::wait> timer_;
    std::atomic<delivery> met_{delivery::not_sent};  ///< Delivery of the attempt that failed first.
    std::atomic<std::uint32_t> references_{1};
    std::atomic<std::uint32_t> racing_{
        1};  ///< How many calls may still win, and the bit `settled` once a call has won.
};

}  // namespace umbel::async
