// multi_members.hpp: carries out what engine::member_choice decides: it checks the members, has the commands
// of a multi_client find the active one, and moves on those that the one before could not serve.
#pragma once

#include <umbel/async/call_move.hpp>
#include <umbel/client/member_watch.hpp>
#include <umbel/client/multi_check.hpp>
#include <umbel/client/multi_closing.hpp>
#include <umbel/client/multi_core.hpp>
#include <umbel/client/waits_order.hpp>

#include <algorithm>
#include <atomic>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace umbel::calling {

/// The members behind one multi_client.
/// Lifetime: kept by the multi_client until shut_down(), and by whatever of a member still runs. Threading:
/// the mutex guards all of it; it is held neither while a check begins nor while somebody is told. Whoever
/// holds it may be in a turn of a connection, so nothing completes under it.
class multi_members final : public multi_core,
                            public trouble_listener,
                            public std::enable_shared_from_this<multi_members> {
public:
    multi_members(multi_options const& chosen, std::shared_ptr<multi_observer> watching)
        : options_{chosen}, watching_{std::move(watching)} {
        if (!options_.check)
            options_.check = [timeout = chosen.check_timeout](client const& asked, health_answer answer) {
                ping_primaries(asked, timeout, std::move(answer));
            };
    }

    /// Makes the clients, and begins to check them. Precondition: called once.
    void begin(member_maker const& make, cluster::policy const& policy) {
        std::optional<error> wrong = wrong_with(options_);
        if (wrong) options_.members = {multi_member{}};  // Whose client says at least that.
        members_.reserve(options_.members.size());
        for (multi_member const& each : options_.members) {
            auto watch = std::make_shared<member_watch>(shared_from_this(), policy, each.watching);
            member& made = members_.emplace_back();
            made.name = each.name;
            made.weight = each.weight;
            made.watch = watch;
            made.db = std::make_shared<client>(
                make(each.options, cluster::policy{standby_policy{watch.get()}}, watch));
            std::optional<error> const& refused = made.db->site().wrong;
            if (refused && !wrong)
                wrong.emplace(errc::bad_argument, delivery::not_sent,
                              std::string_view{"multi_options.members: " + each.name + ": " +
                                               std::string{refused->message()}});
        }
        open(std::move(wrong));
    }

    client const* find(std::string_view name) const noexcept override {
        // Names and clients stand still until shut_down().
        for (member const& each : members_)
            if (each.name == name) return each.db.get();
        return nullptr;
    }
    std::vector<member_snapshot> snapshot() const override {
        std::lock_guard const guard{mutex_};
        std::vector<member_snapshot> told;
        for (std::size_t at = 0; choice_ && at < members_.size(); ++at) {
            engine::instant const now = clock();
            told.push_back({.name = members_[at].name,
                            .weight = members_[at].weight,
                            .health = choice_->health(at),
                            .in_health = now - choice_->since(at),
                            .breaker = choice_->breaker(at),
                            .failures = choice_->failures(at, now),
                            .last_failure = members_[at].met,
                            .active = choice_->active() == at,
                            .by_hand = choice_->by_hand() == at,
                            .grace = choice_->grace_of(at)});
        }
        return told;
    }

    result<void> choose(std::string_view name) override {
        result<void> done;
        step([&](engine::member_choice& choice, engine::instant now) {
            auto const found = std::find_if(members_.begin(), members_.end(),
                                            [&](member const& each) { return each.name == name; });
            if (found == members_.end()) {
                done = fail(errc::bad_argument, delivery::not_sent,
                            "multi_client::switch_to(): no member has the name " + std::string{name});
            } else if (!choice.choose(static_cast<std::size_t>(found - members_.begin()), now)) {
                done = fail(errc::no_reachable_node, delivery::not_sent,
                            "multi_client::switch_to(): " + found->name + " is down: " + found->met);
            }
        }) ||
            (done = fail(errc::cancelled, delivery::not_sent, "the client is closed"));
        return done;
    }
    void release() override {
        static_cast<void>(
            step([](engine::member_choice& choice, engine::instant now) { choice.release(now); }));
    }

    operation<ok> close() override {
        return close_all(shared_, [self = shared_from_this()] {
            multi_closing::clients all;
            std::lock_guard const guard{self->mutex_};
            self->stop();
            for (member const& each : self->members_) all.push_back(each.db);
            return all;
        });
    }

    void shut_down() noexcept override {
        std::vector<member> gone;
        {
            std::lock_guard const guard{mutex_};
            stop();
            gone = std::move(members_);
        }
        // Nobody switches any more: another client may get the handle at once.
        if (shared_.owner) {
            shared_.owner->mover.store(nullptr, std::memory_order_release);
            shared_.owner->code->release_handle(*shared_.owner, shared_.generation);
        }
        // A check may hold a client for a moment longer.
        for (member const& each : gone)
            if (auto const there = each.backend.lock()) there->shut_down();
    }

    // ---- Whoever owns a call, or the control plane of a member --------------------------------------

    bool takes(async::pooled_call& call, error& why) noexcept override {
        bool const about_member = tells_of_member(why.code());
        if (!about_member && why.code() != errc::deadline_exceeded) return false;
        std::shared_ptr<async::backend> target;  // Outlives the lock.
        std::lock_guard const guard{mutex_};
        if (stopped_ || !choice_) return false;
        engine::instant const now = clock();
        std::size_t const active = choice_->active();
        // A call that had begun before the latest switch was with another member.
        bool const was_with_active = call.has_begun() && call.accepted >= switched_at_;
        if (about_member && was_with_active) {
            members_[active].watch->failed.store(true, std::memory_order_release);
            look_soon();
        }
        if (about_member && !was_with_active && may_move(call, why, now)) {
            target = members_[active].backend.lock();
            if (target && async::call_move::begin(call, why, target, now)) return true;
        }
        if (choice_->all_down()) name_all(why);
        return false;
    }
    void in_trouble() noexcept override {
        std::lock_guard const guard{mutex_};
        if (!stopped_) look_soon();
    }

private:
    struct member {
        std::string name;
        std::uint32_t weight = 1;
        std::shared_ptr<member_watch> watch{};
        std::shared_ptr<client> db;
        std::weak_ptr<async::backend> backend{};
        std::string met{};  ///< By its latest check that failed.
    };
    /// A timer that nobody owns but whoever waits for it: it ends with the executors, or when it is taken
    /// away.
    struct alarm {
        std::unique_ptr<async::backend::wait> timer;
    };
    using notice = std::variant<member_switched, member_changed>;

    static async::backend* backend_of(client const& db) noexcept {
        return async::backend_of(db.site().owner, db.site().generation);
    }

    void open(std::optional<error> wrong) {
        async::backend* first = nullptr;
        for (member& each : members_) {
            async::backend* const there = backend_of(*each.db);
            UMBEL_ASSERT(there != nullptr);
            each.backend = there->weak_from_this();
            if (!first) first = there;
        }
        first_ = first;
        std::vector<std::uint32_t> weights;
        for (member const& each : members_) weights.push_back(each.weight);
        bool const good = !wrong;
        if (good) choice_.emplace(choice_of(options_), weights, clock());
        std::size_t const active = good ? choice_->active() : 0;
        shared_ = open_site_like<>({first->shared_from_this(), std::move(wrong)}, members_[0].db->site());
        for (member& each : members_) {
            async::backend* const there = backend_of(*each.db);
            if (there != first) there->note_handle(*shared_.owner);
            each.watch->on_standby.store(&each != &members_[active], std::memory_order_release);
        }
        active_.store(members_[active].db.get(), std::memory_order_release);
        shared_.owner->backend.store(backend_of(*members_[active].db), std::memory_order_release);
        if (!good) return;
        shared_.owner->mover.store(this, std::memory_order_release);
        static_cast<void>(
            step([](engine::member_choice& choice, engine::instant now) { choice.advance(now); }));
    }

    engine::instant clock() const noexcept { return first_->now(); }
    /// Nothing is checked or chosen any more. Precondition: the mutex is held.
    void stop() noexcept {
        stopped_ = true;
        if (auto const pending = alarm_.lock()) pending->timer.reset();
    }

    // ---- One step of the choice ---------------------------------------------------------------------

    /// Hands an event to the choice and carries out what it says. False: it is too late.
    template <class Event>
    bool step(Event event) {
        std::vector<std::pair<engine::check_member, std::shared_ptr<client>>> checks;
        {
            std::lock_guard const guard{mutex_};
            if (stopped_ || !choice_) return false;
            event(*choice_, clock());
            for (engine::choice_action const& action : std::exchange(choice_->actions(), {})) {
                if (auto const* const check = std::get_if<engine::check_member>(&action))
                    checks.emplace_back(*check, members_[check->member].db);
                else if (auto const* const change = std::get_if<engine::health_change>(&action))
                    note(*change);
                else
                    go_to(std::get<engine::switch_member>(action));
            }
            refuse_where_all_are_down();
            // A look at the flags that is due is not put off.
            wake_at(looking_ ? clock() : choice_->next_due());
        }
        for (auto& [check, db] : checks) begin_check(check, std::move(db));
        tell();
        return true;
    }
    /// The same for whoever cannot throw: without memory it is tried again soon.
    template <class Event>
    void step_quietly(Event event) noexcept {
        if (engine::try_alloc([&] { static_cast<void>(step(event)); })) return;
        std::lock_guard const guard{mutex_};
        if (!stopped_) wake_at(engine::after(clock(), saturated(options_.check_pause)));
    }

    void begin_check(engine::check_member which, std::shared_ptr<client> db) {
        client const& asked = *db;
        health_answer const answer = [self = shared_from_this(), which,
                                      kept = std::move(db)](result<void> const& told) {
            self->step_quietly([&](engine::member_choice& choice, engine::instant now) {
                if (!told) self->members_[which.member].met = told.error().to_string();
                choice.check_ended(which, told.has_value(), now);
            });
        };
        UMBEL_TRY { options_.check(asked, answer); }
        UMBEL_CATCH(...) {
            answer(fail(errc::no_memory, delivery::not_sent, "the health check threw"));
        }
    }

    /// Commands go to another member from now on.
    void go_to(engine::switch_member const& which) {
        member& from = members_[which.from];
        member& to = members_[which.to];
        async::backend* const there = backend_of(*to.db);
        if (!there) return;  // Its executors have gone.
        to.watch->on_standby.store(false, std::memory_order_release);
        active_.store(to.db.get(), std::memory_order_release);
        shared_.owner->backend.store(there, std::memory_order_release);
        // What has begun at the member before has begun before this.
        switched_at_ = clock();
        from.watch->on_standby.store(true, std::memory_order_release);
        end_waits(from, "the member " + to.name + " serves now");
        bool const down = choice_->health(which.from) == engine::member_health::down;
        notices_.push_back(member_switched{from.name, to.name, which.why, down ? from.met : std::string{}});
    }
    void end_waits(member const& of, std::string why) {
        if (auto const there = of.backend.lock()) waits_order::send(*there, std::move(why));
    }
    void note(engine::health_change const& change) {
        member const& changed = members_[change.member];
        bool const down = change.now == engine::member_health::down;
        notices_.push_back(
            member_changed{changed.name, change.before, change.now, down ? changed.met : std::string{}});
    }
    /// The member that serves waits for nothing while all are down and nobody wants to wait.
    void refuse_where_all_are_down() {
        if (!options_.fail_at_once) return;
        member const& serving = members_[choice_->active()];
        bool const refuses = choice_->all_down();
        if (serving.watch->on_standby.exchange(refuses, std::memory_order_acq_rel) == refuses) return;
        if (refuses) end_waits(serving, "every member is down");
    }

    // ---- Timers, and whoever watches ----------------------------------------------------------------

    /// Precondition: the mutex is held.
    void wake_at(engine::instant due) noexcept {
        async::backend* const there = backend_of(*members_.front().db);
        if (!there || due == engine::never) return;
        if (auto const pending = alarm_.lock()) pending->timer.reset();
        static_cast<void>(async::retry_alloc([&] {
            auto const fresh = std::make_shared<alarm>();
            alarm_ = fresh;
            there->call_after(fresh->timer, std::max(engine::duration{0}, due - clock()),
                              [fresh, seen = weak_from_this()] {
                                  if (auto const self = seen.lock()) self->rang();
                              });
        }));
    }
    /// Has rang() look at the flags of the watches. Precondition: the mutex is held.
    void look_soon() noexcept {
        if (!std::exchange(looking_, true)) wake_at(clock());
    }
    void rang() noexcept {
        step_quietly([this](engine::member_choice& choice, engine::instant now) {
            looking_ = false;
            for (std::size_t at = 0; at < members_.size(); ++at) {
                member_watch& watch = *members_[at].watch;
                if (watch.troubled.exchange(false, std::memory_order_acq_rel)) choice.suspect(at, now);
                if (watch.failed.exchange(false, std::memory_order_acq_rel)) choice.command_failed(at, now);
            }
            choice.advance(now);
        });
    }
    /// Tells what has happened, one notice after the other; whoever comes meanwhile leaves that to this one.
    void tell() noexcept {
        std::unique_lock lock{mutex_};
        if (std::exchange(telling_, true)) return;
        while (!notices_.empty()) {
            std::vector<notice> const all = std::exchange(notices_, {});
            lock.unlock();
            for (notice const& each : all) tell(each);
            lock.lock();
        }
        telling_ = false;
    }
    void tell(notice const& happened) noexcept {
        if (!watching_) return;
        UMBEL_TRY {
            if (auto const* const switched = std::get_if<member_switched>(&happened))
                watching_->switched(*switched);
            else
                watching_->health_changed(std::get<member_changed>(happened));
        }
        UMBEL_CATCH(...) {  // A watcher that throws loses this notice.
        }
    }

    // ---- What becomes of a call that failed ---------------------------------------------------------

    bool may_move(async::pooled_call const& call, error const& why, engine::instant now) const noexcept {
        bool const reads = has(call.flags, cluster::command_flags::read_only);
        delivery const known = call.known(why.delivery());  // Of all attempts, not of the latest alone.
        bool const moves_unknown = reads && options_.move_reads && known == delivery::unknown;
        if (known != delivery::not_sent && known != delivery::not_executed && !moves_unknown) return false;
        return async::call_move::is_possible(call) && call.deadline > now &&
               async::call_move::moves_of(call) < options_.moves_max;
    }
    void name_all(error& why) const noexcept {
        UMBEL_TRY {
            std::string text = "every member is down: ";
            for (member const& each : members_) {
                if (&each != &members_.front()) text.append("; ");
                text.append(each.name).append(": ").append(each.met.empty() ? "no answer in time" : each.met);
            }
            why = preceded(why, text);
        }
        UMBEL_CATCH(...) {
        }
    }

    multi_options options_;
    std::shared_ptr<multi_observer> const watching_;
    mutable std::mutex mutex_;
    std::vector<member> members_;
    async::backend* first_ = nullptr;              ///< Of the first member, which has the clock.
    std::optional<engine::member_choice> choice_;  ///< None where the options are bad.
    engine::instant switched_at_{0};
    std::weak_ptr<alarm> alarm_;
    std::vector<notice> notices_;
    bool looking_ = false;
    bool telling_ = false;
    bool stopped_ = false;
};

}  // namespace umbel::calling
