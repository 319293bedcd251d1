// lock_keeper.hpp: what keeps a lock held in the background: extensions, and the moment from which it counts
// as lost. It knows no coroutine that works under the lock.
#pragma once

#include <umbel/client/client.hpp>
#include <umbel/client/wait_list.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <utility>

namespace umbel {

/// How a lock is taken and kept.
struct lock_options {
    /// How long the key lives without being extended: 20 ms to a day.
    std::chrono::milliseconds lease{10'000};
    /// How long to wait for whoever holds it.
    std::chrono::milliseconds wait{0};
    /// Between two attempts, at least 1 ms; half of it is random.
    std::chrono::milliseconds retry_delay{50};
    /// For tests: what token and delays are made from; 0: random.
    std::uint64_t seed = 0;
};

namespace calling {

/// The scripts of a lock. KEYS: its key, and for the first its counter; ARGV: its token, and its lease in
/// milliseconds.
namespace lock_scripts {
/// Gives the fencing number, or how long another's lease lasts as a negative number. A holder that asks again
/// gets a new number.
inline constexpr script take{
    "local held = redis.call('GET', KEYS[1])\n"
    "if held and held ~= ARGV[1] then\n"
    "  local left = redis.call('PTTL', KEYS[1])\n"
    "  return left > 0 and -left or 0\n"
    "end\n"
    "redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])\n"
    "return redis.call('INCR', KEYS[2])"};
inline constexpr script extend{
    "if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end\n"
    "return redis.call('PEXPIRE', KEYS[1], ARGV[2])"};
inline constexpr script give_back{
    "if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end\n"
    "return redis.call('DEL', KEYS[1])"};
}  // namespace lock_scripts

/// The background of one lock. Threading: any; its timers run on the client's executor. Lifetime: shared by
/// the lock and its commands; timers only look whether it is still there.
///
/// Each attempt to take or extend the lock begins with a timer, before anything is sent. Once the server has
/// confirmed the attempt, that timer says when the lock is lost. So no clock needs to be read, and time that
/// the command has taken is counted.
class lock_keeper : public std::enable_shared_from_this<lock_keeper> {
public:
    lock_keeper(scoped_client db, std::string_view name, lock_options chosen)
        : db_{db.with(lease_of(chosen))}, name_{name}, options_{chosen} {
        fence_.append("{").append(name).append("}:fence");
        if (!shares_slot()) fence_.assign(name).append(":fence");
        backend_ = find_backend();
        make_token();
    }

    lock_options const& options() const noexcept { return options_; }
    std::uint64_t fencing() const noexcept { return fencing_.load(std::memory_order_relaxed); }
    bool held() const noexcept { return held_.load(std::memory_order_acquire); }
    std::shared_ptr<wait_list<bool>> const& ending() const noexcept { return ending_; }

    /// What keeps the lock from being asked for, if anything.
    std::optional<error> wrong() const {
        auto const bad = [](std::string_view why) {
            return error{errc::bad_argument, delivery::not_sent, why};
        };
        if (options_.lease < std::chrono::milliseconds{20} || options_.lease > std::chrono::hours{24})
            return bad("lock_options::lease is less than 20 ms or more than a day");
        if (options_.wait < std::chrono::milliseconds{0} ||
            options_.retry_delay < std::chrono::milliseconds{1})
            return bad("lock_options::wait is negative, or retry_delay is less than 1 ms");
        if (!shares_slot())
            return bad("beside this name no counter lies in the same slot: put a hash tag into the name");
        if (token_.empty()) return bad("this system gives no random numbers");
        if (!backend()) return error{errc::cancelled, delivery::not_sent, "the client is gone"};
        return std::nullopt;
    }

    // ---- Commands ---------------------------------------------------------------------------------------

    operation<std::int64_t> asking() const {
        return db_.run<std::int64_t>(lock_scripts::take, umbel::key{name_}, umbel::key{fence_}, token_,
                                     options_.lease.count());
    }
    operation<bool> giving_back() const {
        return db_.run<bool>(lock_scripts::give_back, umbel::key{name_}, token_);
    }
    /// The random part of a delay, and what is left of another's lease, if that is shorter.
    std::chrono::milliseconds next_delay(std::int64_t answer) noexcept {
        std::int64_t const most = options_.retry_delay.count();
        std::int64_t const half = (most + 1) / 2;
        std::int64_t const delay =
            half + static_cast<std::int64_t>(next_random() % static_cast<std::uint64_t>(half + 1));
        return std::chrono::milliseconds{answer < 0 ? std::min(delay, -answer) : delay};
    }

    // ---- Holding ----------------------------------------------------------------------------------------

    /// Arms the timer of an attempt. Errors: throws std::bad_alloc.
    std::uint64_t begin_attempt() {
        std::lock_guard const guard{mutex_};
        return arm_attempt();
    }
    /// The attempt has taken the lock. False where its lease has passed already.
    bool began(std::uint64_t attempt, std::uint64_t number) {
        std::lock_guard const guard{mutex_};
        if (stopped_ || attempt_lapsed_) return false;
        confirm(attempt);
        fencing_.store(number, std::memory_order_relaxed);
        held_.store(true, std::memory_order_release);
        extend_in(options_.lease / 3);
        return true;
    }
    /// Ends it: no more extensions, whoever waits for the loss is told.
    void stop() noexcept {
        std::unique_ptr<async::backend::wait> gone[3];
        {
            std::lock_guard const guard{mutex_};
            if (std::exchange(stopped_, true)) return;
            held_.store(false, std::memory_order_release);
            gone[0] = std::move(lapse_), gone[1] = std::move(attempt_lapse_), gone[2] = std::move(extension_);
        }
        ending_->settle(true);
    }
    /// Ends it, and deletes the key in the background if it is this lock's own.
    void let_go() noexcept {
        bool const was_over = over();
        stop();
        auto const there = backend();  // The client stays as long as the command begins.
        if (was_over || !there || find_backend().expired()) return;
        static_cast<void>(
            async::try_alloc([&] { giving_back()([self = shared_from_this()](auto const&) {}); }));
    }

    std::shared_ptr<async::backend> backend() const noexcept { return backend_.lock(); }

private:
    std::weak_ptr<async::backend> find_backend() const noexcept {
        async::backend* const there = async::backend_of(db_.site().owner, db_.site().generation);
        return there ? there->weak_from_this() : std::weak_ptr<async::backend>{};
    }
    /// 128 random bits in hexadecimal digits; nothing where there are none.
    void make_token() {
        std::uint64_t state = options_.seed;
        UMBEL_TRY {
            std::random_device device;
            while (state == 0) state = std::uint64_t{device()} << 32 | device();
            delays_ = state;
            for (int part = 0; part < 4; ++part) {
                std::uint32_t bits =
                    options_.seed != 0 ? static_cast<std::uint32_t>(next_random() >> 32) : device();
                for (int digit = 0; digit < 8; ++digit, bits >>= 4) token_ += "0123456789abcdef"[bits & 15];
            }
        }
        UMBEL_CATCH(...) {
            token_.clear();
        }
    }
    /// Rule: G. Marsaglia, "Xorshift RNGs".
    std::uint64_t next_random() noexcept {
        delays_ ^= delays_ << 13, delays_ ^= delays_ >> 7, delays_ ^= delays_ << 17;
        return delays_;
    }
    static std::chrono::milliseconds lease_of(lock_options const& chosen) noexcept {
        return std::max(chosen.lease, std::chrono::milliseconds{1});
    }
    bool shares_slot() const {
        std::string const prefix{db_.site().prefix.text()};
        return cluster::slot_of(prefix + name_) == cluster::slot_of(prefix + fence_);
    }
    bool over() noexcept {
        std::lock_guard const guard{mutex_};
        return stopped_;
    }

    /// Calls a member in a while, if the keeper is still there. Null where the client has gone.
    template <class Then>
    std::unique_ptr<async::backend::wait> in(std::chrono::nanoseconds span, Then then) {
        auto const there = backend();
        if (!there) return nullptr;
        std::unique_ptr<async::backend::wait> kept;
        there->call_after(kept, span, [self = weak_from_this(), then] {
            if (auto const keeper = self.lock()) then(*keeper);
        });
        return kept;
    }
    std::uint64_t arm_attempt() {
        std::uint64_t const attempt = ++attempts_;
        attempt_lapsed_ = false;
        attempt_lapse_ = in(options_.lease / 20 * 19, [attempt](lock_keeper& self) { self.lapsed(attempt); });
        return attempt;
    }
    void confirm(std::uint64_t attempt) noexcept {
        confirmed_ = attempt;
        lapse_ = std::move(attempt_lapse_);
    }
    void lapsed(std::uint64_t attempt) {
        {
            std::lock_guard const guard{mutex_};
            if (attempt == attempts_) attempt_lapsed_ = true;
            if (attempt != confirmed_) return;
        }
        stop();
    }
    void extend_in(std::chrono::nanoseconds span) {
        extension_ = in(span, [](lock_keeper& self) { self.extend(); });
    }

    /// Without memory the lock lapses.
    void extend() {
        auto const there = backend();  // The client stays as long as the command begins.
        if (!there) return;
        static_cast<void>(async::try_alloc([&] {
            std::uint64_t attempt = 0;
            {
                std::lock_guard const guard{mutex_};
                if (stopped_) return;
                attempt = arm_attempt();
            }
            db_.run<bool>(lock_scripts::extend, umbel::key{name_}, token_, options_.lease.count())(
                [self = shared_from_this(), attempt](result<bool> told) { self->extended(attempt, told); });
        }));
    }
    void extended(std::uint64_t attempt, result<bool> const& told) {
        if (told && !*told) return stop();
        static_cast<void>(async::try_alloc([&] {
            std::lock_guard const guard{mutex_};
            if (stopped_) return;
            bool const good = told.has_value() && !attempt_lapsed_;
            if (good) confirm(attempt);
            extend_in(good ? options_.lease / 3 : options_.lease / 10);
        }));
    }

    scoped_client db_;
    std::string name_;
    std::string fence_;
    std::string token_;
    lock_options options_;
    std::weak_ptr<async::backend> backend_;
    std::uint64_t delays_ = 1;  ///< State of the random delays.
    std::shared_ptr<wait_list<bool>> ending_ = std::make_shared<wait_list<bool>>();
    std::atomic<std::uint64_t> fencing_{0};
    std::atomic<bool> held_{false};

    std::mutex mutex_;
    bool stopped_ = false;
    std::uint64_t attempts_ = 0;
    std::uint64_t confirmed_ = 0;
    bool attempt_lapsed_ = false;  ///< The latest attempt has been under way for a lease.
    std::unique_ptr<async::backend::wait> attempt_lapse_;
    std::unique_ptr<async::backend::wait> lapse_;
    std::unique_ptr<async::backend::wait> extension_;
};

/// A while on the client's clock. Its timer owns what waits for it.
class pause {
public:
    /// Errors: throws std::bad_alloc.
    pause(lock_keeper const& keeper, std::chrono::nanoseconds span) {
        auto const there = keeper.backend();
        if (!there) return;
        auto const over = std::make_shared<wait_list<bool>>();
        there->call_after(timer_, span, [over] { over->settle(true); });
        over_ = over;
    }
    bool is_over() const noexcept {
        auto const over = over_.lock();
        return !over || over->settled();
    }
    /// Waits for its end; false when that was cancelled.
    asio::awaitable<bool> wait() {
        if (auto over = over_.lock()) co_return co_await wait_list<bool>::wait(std::move(over));
        co_return true;
    }

private:
    std::weak_ptr<wait_list<bool>> over_;
    std::unique_ptr<async::backend::wait> timer_;
};

}  // namespace calling
}  // namespace umbel
