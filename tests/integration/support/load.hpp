// load.hpp: callers that write and read at a steady pace while a cluster is disturbed, in one group for each
// shard so that a shard that stands still stops nobody else; and the book they keep. They know nothing of the
// disturbance.
#pragma once

#include "session.hpp"

#include "support/history.hpp"

#include <asio/as_tuple.hpp>
#include <asio/awaitable.hpp>
#include <asio/bind_executor.hpp>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/steady_timer.hpp>
#include <asio/use_awaitable.hpp>

#include <algorithm>
#include <array>
#include <deque>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace umbel::test {

inline history::instant steady_now() { return std::chrono::steady_clock::now().time_since_epoch().count(); }

struct load_plan {
    std::string name;                                ///< Part of every key: what one drill writes is its own.
    std::vector<std::vector<std::uint16_t>> groups;  ///< The slots that each group writes.
    unsigned callers = 6;                            ///< In each group.
    double per_second = 1500;                        ///< Commands, over all groups.
    std::chrono::nanoseconds deadline = 50s;
    int burst = 8;              ///< Appends that a caller begins without waiting for the one before.
    bool transactions = false;  ///< Appends to two lists, and reads of both, go together.
};

class load {
public:
    load(session& s, load_plan plan) : session_{s}, db_{s.db().with(plan.deadline)}, plan_{std::move(plan)} {
        for (auto const& slots : plan_.groups) {
            group& made = groups_.emplace_back();
            for (std::uint16_t const slot : slots) made.places.push_back(place_in(slot));
        }
        running_ = plan_.callers * groups_.size();
        pause_ = std::chrono::nanoseconds{
            static_cast<std::int64_t>(1e9 * static_cast<double>(running_.load()) / plan_.per_second)};
        session_.on_its_thread([this] {
            for (std::uint32_t at = 0; at < running_; ++at)
                asio::co_spawn(session_.executor(), calls(at, groups_[at % groups_.size()]), asio::detached);
        });
    }
    load(load const&) = delete;
    ~load() { stop(); }

    /// Lets every caller finish; the book may be read then.
    void stop() {
        stopping_ = true;
        if (!eventually([&] { return running_ == 0; }, 90s)) {
            std::fprintf(stderr, "load: callers never finished\n");
            std::abort();
        }
    }
    /// True as soon as the group has had so many more acknowledgements.
    bool goes_on(std::size_t at, std::uint64_t count = 60) {
        std::uint64_t const goal = groups_[at].acknowledged + count;
        return eventually([&] { return groups_[at].acknowledged >= goal; }, 60s);
    }
    bool all_go_on(std::uint64_t count = 60) {
        std::vector<std::uint64_t> goals;
        for (group const& one : groups_) goals.push_back(one.acknowledged + count);
        return eventually(
            [&] {
                for (std::size_t at = 0; at < goals.size(); ++at)
                    if (groups_[at].acknowledged < goals[at]) return false;
                return true;
            },
            60s);
    }
    std::uint64_t acknowledged(std::size_t at) const { return groups_[at].acknowledged; }
    std::uint64_t failed(std::size_t at) const { return groups_[at].failed; }

    // ---- Precondition of all that follows: stopped ----------------------------------------------

    history& book() noexcept { return book_; }
    std::size_t groups() const noexcept { return groups_.size(); }
    /// What went wrong in a group, how often, and how the first one read.
    struct fault {
        std::uint64_t count = 0;
        std::string first;
    };
    std::map<errc, fault> const& faults(std::size_t at) const { return groups_[at].faults; }
    void may_lose(std::size_t at, history::instant from, history::instant until) {
        for (place const& spot : groups_[at].places)
            for (std::uint32_t const key : {spot.counter, spot.list}) book_.may_lose(key, from, until);
        for (place const& spot : groups_[at].places)
            for (std::uint32_t const key : spot.together)
                if (plan_.transactions) book_.may_lose(key, from, until);
    }

    /// Latencies of a group's settled commands that were begun in a stretch of time.
    double percentile(std::size_t at, double share, history::instant from, history::instant until) const {
        std::vector<history::instant> spent;
        for (auto const& operation : book_.operations())
            if (group_of(operation.key) == at && operation.begun >= from && operation.begun < until &&
                operation.ended != history::pending)
                spent.push_back(operation.ended - operation.begun);
        if (spent.empty()) return 0;
        auto const nth =
            spent.begin() + static_cast<std::ptrdiff_t>(share * static_cast<double>(spent.size() - 1));
        std::nth_element(spent.begin(), nth, spent.end());
        return static_cast<double>(*nth) / 1e6;
    }
    /// When the first command begun after `from` was acknowledged; history::pending when none was.
    history::instant first_acknowledged(std::size_t at, history::instant from) const {
        history::instant first = history::pending;
        for (auto const& operation : book_.operations())
            if (group_of(operation.key) == at && operation.begun > from &&
                operation.outcome == history::told::acknowledged)
                first = std::min(first, operation.ended);
        return first;
    }
    /// The longest time without an acknowledgement.
    double longest_silence(std::size_t at, history::instant from, history::instant until) const {
        std::vector<history::instant> ends{from, until};
        for (auto const& operation : book_.operations())
            if (group_of(operation.key) == at && operation.outcome == history::told::acknowledged &&
                operation.ended > from && operation.ended < until)
                ends.push_back(operation.ended);
        std::sort(ends.begin(), ends.end());
        history::instant longest = 0;
        for (std::size_t i = 1; i < ends.size(); ++i) longest = std::max(longest, ends[i] - ends[i - 1]);
        return static_cast<double>(longest) / 1e6;
    }

private:
    /// The keys of one slot.
    struct place {
        std::uint32_t counter;
        std::uint32_t list;
        std::string text;
        std::array<std::string, 2> pair;
        std::array<std::uint32_t, 2> together{};  ///< Two lists that transactions append to.
    };
    struct group {
        std::vector<place> places;
        std::atomic<std::uint64_t> acknowledged{0};
        std::atomic<std::uint64_t> failed{0};
        std::map<errc, fault> faults;
    };

    place place_in(std::uint16_t slot) {
        std::string const stem = real_cluster::key_in(slot) + ":" + plan_.name;
        place made{book_.key(stem + ":n", history::kind::incr),
                   book_.key(stem + ":l", history::kind::push),
                   stem + ":t",
                   {stem + ":p", stem + ":q"}};
        if (plan_.transactions)
            made.together = {book_.key(stem + ":left", history::kind::push),
                             book_.key(stem + ":right", history::kind::push)};
        if (plan_.transactions) book_.go_together(made.together[0], made.together[1]);
        return made;
    }
    std::size_t keys_of_place() const noexcept { return plan_.transactions ? 4 : 2; }
    std::size_t group_of(std::uint32_t key) const {
        std::size_t before = 0;
        for (std::size_t at = 0; at < groups_.size(); ++at) {
            before += keys_of_place() * groups_[at].places.size();
            if (key < before) return at;
        }
        return groups_.size();
    }

    asio::awaitable<void> calls(std::uint32_t me, group& mine) {
        asio::steady_timer timer{session_.executor()};
        auto due = std::chrono::steady_clock::now() + pause_ * me / plan_.callers;
        for (std::uint64_t turn = me; !stopping_; ++turn) {
            place const& here = mine.places[turn / 5 % mine.places.size()];
            int done = 1;
            switch (plan_.transactions && turn % 2 == 0 ? 5 : turn % 5) {
                case 0: co_await increment(me, mine, here); break;
                case 1: co_await push(me, mine, here); break;
                case 2:
                    co_await write_and_read(mine, here, turn);
                    done = 2;
                    break;
                case 3:
                    co_await pairs(mine, here, turn);
                    done = 2;
                    break;
                case 4:
                    co_await burst(me, mine, here, timer);
                    done = plan_.burst;
                    break;
                case 5:
                    co_await append_to_both(me, mine, here);
                    co_await read_both(mine, here);
                    done = 2;
                    break;
            }
            // Who has fallen behind does not make up for more than a little.
            due = std::max(due + pause_ * done, std::chrono::steady_clock::now() - 20ms);
            timer.expires_at(due);
            co_await timer.async_wait(asio::as_tuple(asio::use_awaitable));
        }
        --running_;
    }

    static asio::awaitable<umbel::result<std::int64_t>> ask_here(umbel::operation<std::int64_t> what) {
        co_return co_await std::move(what);
    }
    /// Awaits a command on the caller's context of the client, where that has several; what is told comes
    /// back to the caller.
    asio::awaitable<umbel::result<std::int64_t>> ask(std::uint32_t me, umbel::operation<std::int64_t> what) {
        if (session_.contexts() == 1) co_return co_await std::move(what);
        co_return co_await asio::co_spawn(session_.executor_of(me % session_.contexts()),
                                          ask_here(std::move(what)), asio::use_awaitable);
    }
    asio::awaitable<void> increment(std::uint32_t me, group& mine, place const& here) {
        std::size_t const number = book_.begin(me, here.counter, steady_now());
        auto incr = db_.incr(book_.name(here.counter));
        umbel::result<std::int64_t> const told = co_await ask(me, std::move(incr));
        settle(number, mine, told);
    }
    umbel::operation<std::int64_t> append(std::size_t number, place const& here) {
        return db_.command<std::int64_t>("RPUSH", umbel::key(book_.name(here.list)), book_.token(number));
    }
    asio::awaitable<void> push(std::uint32_t me, group& mine, place const& here) {
        std::size_t const number = book_.begin(me, here.list, steady_now());
        auto rpush = append(number, here);
        umbel::result<std::int64_t> const told = co_await ask(me, std::move(rpush));
        settle(number, mine, told);
    }
    /// Appends begun one after the other, all under way together.
    asio::awaitable<void> burst(std::uint32_t me, group& mine, place const& here, asio::steady_timer& timer) {
        int left = plan_.burst;
        timer.expires_at(std::chrono::steady_clock::time_point::max());
        for (int i = 0; i < plan_.burst; ++i) {
            std::size_t const number = book_.begin(me, here.list, steady_now());
            auto note = [this, &mine, &left, &timer, number](umbel::result<std::int64_t> const& told) {
                settle(number, mine, told);
                if (--left == 0) timer.cancel();
            };
            append(number, here)(asio::bind_executor(session_.executor(), std::move(note)));
        }
        while (left != 0) co_await timer.async_wait(asio::as_tuple(asio::use_awaitable));
    }
    asio::awaitable<void> write_and_read(group& mine, place const& here, std::uint64_t turn) {
        auto set = db_.set(here.text, here.text + "#" + std::to_string(turn));
        umbel::result<umbel::set_outcome> const written = co_await std::move(set);
        count(mine, written);
        auto get = db_.get(here.text);
        umbel::result<std::optional<std::string>> const told = co_await std::move(get);
        count(mine, told);
        if (told && *told) book_.read(here.text, **told);
    }
    /// Commands with two keys of one slot: half-way through a migration they must wait.
    asio::awaitable<void> pairs(group& mine, place const& here, std::uint64_t turn) {
        std::string const first = here.pair[0] + "#" + std::to_string(turn);
        std::string const second = here.pair[1] + "#" + std::to_string(turn);
        auto mset = db_.command<std::string>("MSET", umbel::key(here.pair[0]), first,
                                             umbel::key(here.pair[1]), second);
        umbel::result<std::string> const written = co_await std::move(mset);
        count(mine, written);
        auto mget = db_.mget(here.pair);
        auto const told = co_await std::move(mget);
        count(mine, told);
        for (std::size_t i = 0; told && i < 2; ++i)
            if ((*told)[i]) book_.read(here.pair[i], *(*told)[i]);
    }

    /// One token to each of two lists, in one transaction.
    asio::awaitable<void> append_to_both(std::uint32_t me, group& mine, place const& here) {
        std::array<std::size_t, 2> numbers{};
        for (std::size_t i = 0; i < 2; ++i) numbers[i] = book_.begin(me, here.together[i], steady_now());
        auto both = db_.transaction(umbel::cmd.rpush(book_.name(here.together[0]), book_.token(numbers[0])),
                                    umbel::cmd.rpush(book_.name(here.together[1]), book_.token(numbers[1])));
        auto const told = co_await std::move(both);
        using length = umbel::result<std::int64_t>;
        length const failed = told ? length{0} : length{umbel::fail(told.error())};
        settle(numbers[0], mine, told ? std::get<0>(*told) : failed);
        settle(numbers[1], mine, told ? std::get<1>(*told) : failed);
    }
    /// Both lists at one moment: they are equally long.
    asio::awaitable<void> read_both(group& mine, place const& here) {
        auto both = db_.transaction(umbel::cmd.llen(book_.name(here.together[0])),
                                    umbel::cmd.llen(book_.name(here.together[1])));
        auto const told = co_await std::move(both);
        count(mine, told);
        if (told && std::get<0>(*told) && std::get<1>(*told))
            book_.saw_together(here.together[0], *std::get<0>(*told), *std::get<1>(*told));
    }

    void settle(std::size_t number, group& mine, umbel::result<std::int64_t> const& told) {
        if (told)
            book_.acknowledge(number, *told, steady_now());
        else
            book_.fail(number, told.error().delivery(), steady_now());
        count(mine, told);
    }
    template <class Value>
    void count(group& mine, umbel::result<Value> const& told) {
        if (told) {
            ++mine.acknowledged;
            return;
        }
        ++mine.failed;
        fault& seen = mine.faults[told.error().code()];
        if (seen.count++ == 0) seen.first = told.error().to_string();
    }

    session& session_;
    umbel::scoped_client db_;
    load_plan plan_;
    std::chrono::nanoseconds pause_{};
    history book_;
    std::deque<group> groups_;
    std::atomic<bool> stopping_{false};
    std::atomic<std::size_t> running_{0};
};

}  // namespace umbel::test
