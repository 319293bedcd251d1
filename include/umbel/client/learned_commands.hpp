// learned_commands.hpp: what a client has learned of commands that the table does not have, and who waits to
// learn. It sends nothing: learning_wait.hpp asks.
#pragma once

#include <umbel/async/backend.hpp>
#include <umbel/async/client_handle.hpp>
#include <umbel/client/encoded_words.hpp>
#include <umbel/cluster/redirect.hpp>
#include <umbel/command/learned_command.hpp>
#include <umbel/options.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace umbel::calling {

/// What ends the wait for an answer.
enum class wakeup : std::uint8_t {
    answered,   ///< A server has told what the command is, or cannot.
    impatient,  ///< The caller has waited for long enough.
    cancelled,
    dropped,  ///< The executors are going away.
};
/// Somebody who waits.
class learner {
public:
    /// Threading: whoever brings the answer.
    virtual void wake(wakeup why) = 0;

protected:
    ~learner() = default;
};

/// The commands that servers have told of, at most names_max for the life of a client: what is known counts
/// until a server does not know the command any more, or finds its keys elsewhere; and of a name that no
/// server knows it is noted when to ask again. A row that was found once lives as long as the client.
/// Threading: any. Cost: find() needs no lock: some loads.
class learned_commands final : public async::backend::attachment {
    struct entry;

public:
    static constexpr std::size_t names_max = 512;
    static constexpr std::size_t name_bytes_max = 64;
    /// So many different things may servers say of a command, one after another; the last one holds for ever.
    static constexpr std::size_t versions_max = 16;
    /// A command is forgotten at most once in this time, which doubles each time, up to the other one.
    static constexpr engine::duration forget_pause = std::chrono::seconds{1};
    static constexpr engine::duration forget_pause_max = std::chrono::minutes{1};

    /// A place among those who wait for a name.
    struct ticket {
        learner* who = nullptr;  ///< Null when it has left. Guarded by the mutex, as all that follows.
        async::shared_token* token = nullptr;
        entry* at = nullptr;  ///< Null while it stands in no queue.
        std::list<std::shared_ptr<ticket>>::iterator in_queue{};
    };
    /// What becomes of somebody who would wait.
    enum class admission : std::uint8_t {
        waits,
        asks,     ///< It waits, and nobody has asked yet: the caller does.
        goes_on,  ///< There is nothing to wait for.
    };

    /// `waiting_max`: so many may wait at a time, for all names together; others go on without an answer.
    explicit learned_commands(std::size_t waiting_max = umbel::options{}.waiting_max) noexcept
        : waiting_max_{waiting_max} {}
    learned_commands(learned_commands const&) = delete;
    learned_commands& operator=(learned_commands const&) = delete;

    /// What is known of the command that `argv` calls; null where nothing is.
    command::command_traits const* find(command::argv_view argv) const noexcept {
        entry const* const known = argv.empty() ? nullptr : look_up(argv[0]);
        command::learned_command const* const row =
            known ? known->row.load(std::memory_order_acquire) : nullptr;
        return row ? row->row(argv) : nullptr;
    }
    /// True where it may help to wait for an answer.
    bool may_ask(std::string_view name, engine::instant now) const noexcept {
        if (name.empty() || name.size() > name_bytes_max) return false;
        entry const* const known = look_up(name);
        if (!known) return count_.load(std::memory_order_relaxed) < names_max;
        return !known->row.load(std::memory_order_acquire) &&
               now.count() >= known->not_before.load(std::memory_order_relaxed);
    }

    /// Who asks, and what it asks for.
    class question {
    public:
        explicit question(entry& about) noexcept : about_{&about} {}
        std::string_view name() const noexcept { return about_->name; }
        /// How long to wait until the name is asked for again, where nobody has answered: twice as long each
        /// time. Threading: who asks.
        engine::duration longer_pause(engine::duration most) noexcept {
            engine::duration& pause = about_->pause;
            pause = std::min(most, std::max<engine::duration>(pause * 2, std::chrono::seconds{1}));
            return pause;
        }

    private:
        friend class learned_commands;
        entry* about_;
    };

    /// Puts somebody in the queue for a name. Errors: throws std::bad_alloc; it does not wait then.
    /// Where it is to ask, settle() or drop() must follow.
    std::pair<admission, question*> wait(std::string_view name, std::shared_ptr<ticket> const& place,
                                         engine::instant now) {
        std::list<std::shared_ptr<ticket>> queued;
        queued.push_back(place);
        std::lock_guard const guard{mutex_};
        entry* known = look_up(name);
        if (!known) known = insert(name);
        if (!place->who || !known || known->row.load(std::memory_order_relaxed) ||
            waiting_.load(std::memory_order_relaxed) >= waiting_max_ ||
            (!known->asking && now.count() < known->not_before.load(std::memory_order_relaxed)))
            return {admission::goes_on, nullptr};
        if (place->token) by_token_.emplace(place->token, place.get());
        place->in_queue = queued.begin();
        known->waiting.splice(known->waiting.end(), queued);
        place->at = known;
        waiting_.fetch_add(1, std::memory_order_seq_cst);
        if (std::exchange(known->asking, true)) return {admission::waits, nullptr};
        return {admission::asks, &known->asked};
    }
    /// Takes somebody out of the queue; null where it has left already. The caller wakes it. Cost: does not
    /// depend on how many wait.
    learner* leave(ticket& place) noexcept {
        std::lock_guard const guard{mutex_};
        return take_out(place);
    }
    /// The answer has come; none: it may be asked again from `not_before` on. Wakes all who wait.
    void settle(question& asked, std::unique_ptr<command::learned_command const> told,
                engine::instant not_before) {
        entry& about = *asked.about_;
        std::unique_lock lock{mutex_};
        about.not_before.store(not_before.count(), std::memory_order_relaxed);
        if (told) about.row.store(about.keep(std::move(told)), std::memory_order_release);
        wake_all(about, std::move(lock), wakeup::answered);
    }
    /// What is known of a command is wrong by now: it is asked for again when it is called the next time.
    void forget(std::string_view name, engine::instant now) noexcept {
        entry* const known = look_up(name);
        if (!known || !known->row.load(std::memory_order_relaxed)) return;
        std::lock_guard const guard{mutex_};
        if (now < known->forget_from || known->versions.size() == versions_max) return;
        engine::duration const pause = known->forgotten_for;
        known->forget_from = engine::after(now, pause);
        known->forgotten_for = std::min(forget_pause_max, pause * 2);
        known->row.store(nullptr, std::memory_order_release);
        known->not_before.store(0, std::memory_order_relaxed);
    }
    /// Forgets what a server contradicts; of a transaction, all that was learned of its commands. Rule:
    /// server.c (commandCheckExistence, processCommand); cluster.c (getNodeByQuery).
    void failed(async::pooled_call const& call, error const& why) noexcept override {
        bool const refused = why.code() == errc::cross_slot_reply || contradicts(why.message()) ||
                             (call.form.transaction && contradicts(call.retry->transaction.refusal()));
        async::backend const* const where = refused ? async::backend_of(call) : nullptr;
        if (!where) return;
        encoded_words commands{{call.bytes, call.size}, call.borrowed};
        while (!commands.at_end()) forget(commands.skip(), where->now());
    }
    /// The question is gone with its executors.
    void drop(question& asked) { wake_all(*asked.about_, std::unique_lock{mutex_}, wakeup::dropped); }
    void cancel_wanted(async::shared_token& token) override {
        if (waiting_.load(std::memory_order_seq_cst) == 0) return;
        learner* found = nullptr;
        {
            std::lock_guard const guard{mutex_};
            auto const waits = by_token_.find(&token);
            if (waits != by_token_.end()) found = take_out(*waits->second);
        }
        if (found) found->wake(wakeup::cancelled);
    }

private:
    struct entry {
        std::string name;
        std::atomic<command::learned_command const*> row{nullptr};
        std::atomic<engine::duration::rep> not_before{0};
        // Guarded by the mutex.
        bool asking = false;
        std::list<std::shared_ptr<ticket>> waiting{};
        std::vector<std::unique_ptr<command::learned_command const>>
            versions{};  ///< Calls may have their rows.
        engine::instant forget_from{0};
        engine::duration forgotten_for = forget_pause;
        question asked{*this};
        engine::duration pause{0};  ///< The latest; whoever asks changes it.

        explicit entry(std::string_view its_name) : name{its_name} { versions.reserve(versions_max); }

        /// Returns what says the same and was told before, if anything. Precondition: it was forgotten since
        /// the latest, or there is none, so there is room.
        command::learned_command const* keep(std::unique_ptr<command::learned_command const> told) noexcept {
            for (auto const& known : versions)
                if (*known == *told) return known.get();
            UMBEL_ASSERT(versions.size() < versions_max);
            return versions.emplace_back(std::move(told)).get();
        }
    };
    static constexpr std::size_t places = names_max * 2;

    static bool contradicts(std::string_view line) noexcept {
        cluster::parsed_error const told = cluster::parse_error(line);
        return told.code == errc::cross_slot_reply || told.inner == errc::cross_slot_reply ||
               told.says == cluster::hint::unknown_command;
    }

    entry* look_up(std::string_view name) const noexcept {
        for (std::size_t at = command::detail::hash_of(name) % places;; at = (at + 1) % places) {
            entry* const found = places_[at].load(std::memory_order_acquire);
            if (!found || command::equal_ignoring_case(found->name, name)) return found;
        }
    }
    /// Null where there is no room for more. Precondition: the mutex is held.
    entry* insert(std::string_view name) {
        if (entries_.size() >= names_max) return nullptr;
        entry& made = *entries_.emplace_back(std::make_unique<entry>(name));
        std::size_t at = command::detail::hash_of(name) % places;
        while (places_[at].load(std::memory_order_relaxed)) at = (at + 1) % places;
        places_[at].store(&made, std::memory_order_release);
        count_.store(entries_.size(), std::memory_order_relaxed);
        return &made;
    }
    /// Precondition: the mutex is held. Lifetime: the ticket may be gone afterwards.
    learner* take_out(ticket& place) noexcept {
        learner* const who = std::exchange(place.who, nullptr);
        if (!who || !place.at) return who;
        by_token_.erase(place.token);
        waiting_.fetch_sub(1, std::memory_order_relaxed);
        std::exchange(place.at, nullptr)->waiting.erase(place.in_queue);
        return who;
    }
    void wake_all(entry& about, std::unique_lock<std::mutex> lock, wakeup why) {
        about.asking = false;
        std::list<std::shared_ptr<ticket>> const woken = std::exchange(about.waiting, {});
        waiting_.fetch_sub(woken.size(), std::memory_order_relaxed);
        for (std::shared_ptr<ticket> const& place : woken) {
            by_token_.erase(place->token);
            place->at = nullptr;
        }
        for (std::shared_ptr<ticket> const& place : woken) {
            learner* const next = std::exchange(place->who, nullptr);
            lock.unlock();
            if (next) next->wake(why);
            lock.lock();
        }
    }

    std::array<std::atomic<entry*>, places> places_{};
    std::atomic<std::size_t> count_{0};
    std::atomic<std::size_t> waiting_{0};
    std::size_t const waiting_max_;
    std::mutex mutex_;
    std::vector<std::unique_ptr<entry>> entries_;
    std::unordered_map<async::shared_token const*, ticket*> by_token_;  ///< Who waits and may be cancelled.
};

/// The row of a command given word by word: the table's, else what the client has learned, else null.
inline command::command_traits const* learned_row(async::client_handle const* owner, std::uint32_t generation,
                                                  command::argv_view words) noexcept {
    async::backend const* const where = async::backend_of(owner, generation);
    auto const* const known = where ? static_cast<learned_commands const*>(where->attached()) : nullptr;
    return known ? known->find(words) : nullptr;
}

}  // namespace umbel::calling
