// stream_users.hpp: producers of some streams and consumers of a group of each, while a cluster is disturbed:
// consumers that die in the midst of a page and of a read, and begin again; and the books they keep. They
// know nothing of the disturbance, but for replies that they lose.
#pragma once

#include "drill.hpp"
#include "lost_replies.hpp"

#include "support/stream_history.hpp"

#include <umbel/client/consumer.hpp>

#include <charconv>
#include <cstdio>
#include <deque>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace umbel::test {

struct stream_users_plan {
    unsigned producers = 2;  ///< Of each stream.
    unsigned consumers = 3;  ///< Of each stream.
    std::chrono::milliseconds pause{8};
    bool acknowledge_first = false;  ///< Before anything is handed out: what a sound consumer never does.
    bool forget_lost = false;        ///< What a lost reply may have had: what a sound consumer never does.
    bool die = true;
    std::chrono::milliseconds claim_idle{500};  ///< Zero: nobody is given what pends for another.
};

/// One thread, the client's of the drill, has all of them.
class stream_users {
public:
    stream_users(drill& d, std::string const& name, stream_users_plan plan)
        : drill_{d}, plan_{plan}, db_{d.s.db().with(50s)} {
        for (std::size_t at = 0; at < 3; ++at) {
            places_.emplace_back();
            places_.back().slot = d[at].slots.front();
            places_.back().key = real_cluster::key_in(places_.back().slot) + ":" + name;
        }
        producers_ = plan_.producers * 3;
        consumers_ = plan_.consumers * 3;
        if (plan_.forget_lost)
            for (place const& here : places_)
                d.servers.talk(d.servers.owner_of(here.slot))
                    .must({"XGROUP", "CREATE", here.key, "g", "0", "MKSTREAM"});
        d.s.on_its_thread([this] {
            for (place& here : places_) {
                for (unsigned at = 0; at < plan_.producers; ++at)
                    asio::co_spawn(drill_.s.executor(), produces(here), asio::detached);
                for (unsigned at = 0; at < plan_.consumers; ++at)
                    asio::co_spawn(drill_.s.executor(),
                                   plan_.forget_lost ? forgets(here, at) : consumes(here, at),
                                   asio::detached);
            }
        });
    }
    stream_users(stream_users const&) = delete;
    ~stream_users() { stop(); }

    /// True as soon as so many more entries of each stream were added, and given for the first time.
    bool all_go_on(std::uint64_t count) {
        std::vector<std::uint64_t> goals;
        for (place const& here : places_) goals.push_back(here.given + count);
        return eventually(
            [&] {
                for (std::size_t at = 0; at < goals.size(); ++at)
                    if (places_[at].given < goals[at]) return false;
                return true;
            },
            60s);
    }
    std::uint64_t deaths() const { return deaths_; }
    /// Entries that were acknowledged, and that a consumer died with before it handed them out.
    std::uint64_t thrown_away() const { return thrown_away_; }
    /// Adds an entry to a stream, and ends the connections of all users to its server before any of them
    /// hears of it. Precondition: there is a group. Gives whether a consumer has lost it.
    bool lose_reply(std::size_t at) {
        place& here = places_.at(at);
        stream_history::token token = 0;
        drill_.s.on_its_thread([&] { token = begin(here); });
        lost_reply const lost = test::lose_reply(drill_.servers.talk(drill_.servers.owner_of(here.slot)),
                                                 here.key, "g", {"t", std::to_string(token)});
        drill_.s.on_its_thread([&] { here.book.acknowledge(token, steady_now()); });
        return lost.delivered;
    }
    std::uint16_t slot(std::size_t at) const { return places_.at(at).slot; }
    /// Entries of the stream that are acknowledged from `from` on may be lost with a failover.
    void may_lose(std::size_t at, history::instant from, history::instant until) {
        drill_.s.on_its_thread([&] { places_[at].book.may_lose(from, until); });
    }

    /// Ends the producers, lets the consumers come to the end, and holds the books against the servers.
    stream_sentence reckon(std::string const& title, std::chrono::seconds limit = 40s) {
        adding_ = false;
        REQUIRE(eventually([&] { return producers_ == 0; }, 60s));
        drill_.servers.heal();
        // Whether it comes to that, the books tell; who was given nothing may be given it yet.
        static_cast<void>(eventually(
            [&] {
                for (place const& here : places_)
                    if (!read(here).drained()) return false;
                return true;
            },
            limit));
        stop();
        stream_sentence all;
        for (place& here : places_) {
            final_state const last = read(here);
            for (auto const& [token, settled] : last.entries) here.book.ends_with(token, settled);
            stream_sentence const found = here.book.check();
            for (std::size_t i = 0; i < found.counts.size(); ++i) all.counts[i] += found.counts[i];
            for (std::string const& text : found.texts) all.texts.push_back(here.key + ": " + text);
            all.acknowledged += found.acknowledged, all.unknown += found.unknown;
            all.forgiven += found.forgiven, all.given += found.given, all.again += found.again;
        }
        figure("%s: %llu deaths of consumers: %s", title.c_str(), static_cast<unsigned long long>(deaths_),
               all.to_string().c_str());
        return all;
    }
    /// Errors that consumers were told and that do not pass by themselves.
    std::string surprises() const { return surprises_; }

private:
    struct place {
        std::uint16_t slot = 0;
        std::string key;
        stream_history book;
        std::vector<bool> seen;  ///< By token.
        std::atomic<std::uint64_t> given{0};
    };
    /// What the servers say of a stream and its group.
    struct final_state {
        std::vector<std::pair<std::size_t, bool>> entries;  ///< Each token, and whether it is settled.
        bool drained() const {
            return std::all_of(entries.begin(), entries.end(), [](auto const& each) { return each.second; });
        }
    };

    static std::pair<std::uint64_t, std::uint64_t> number_of(std::string const& id) {
        std::pair<std::uint64_t, std::uint64_t> both{};
        auto const [dash, code] = std::from_chars(id.data(), id.data() + id.size(), both.first);
        if (code == std::errc{} && *dash == '-')
            std::from_chars(dash + 1, id.data() + id.size(), both.second);
        return both;
    }
    final_state read(place const& here) const {
        wire server = drill_.servers.talk(drill_.servers.owner_of(here.slot));
        std::set<std::string> pending;
        wire_value const pends = server.ask({"XPENDING", here.key, "g", "-", "+", "1000000"});
        for (wire_value const& each : pends.items) pending.insert(each.items.at(0).text);
        std::pair<std::uint64_t, std::uint64_t> delivered{};
        wire_value const groups = server.ask({"XINFO", "GROUPS", here.key});
        for (wire_value const& group : groups.items)
            for (std::size_t at = 0; at + 1 < group.items.size(); at += 2)
                if (group.items[at].text == "last-delivered-id")
                    delivered = number_of(group.items[at + 1].text);
        final_state last;
        for (wire_value const& each : server.must({"XRANGE", here.key, "-", "+"}).items) {
            std::string const& id = each.items.at(0).text;
            bool const settled = number_of(id) <= delivered && !pending.contains(id);
            last.entries.emplace_back(std::stoull(each.items.at(1).items.at(1).text), settled);
        }
        return last;
    }
    void stop() {
        adding_ = reading_ = false;
        if (eventually([&] { return producers_ == 0 && consumers_ == 0; }, 90s)) return;
        std::fprintf(stderr, "stream_users: they never finished\n");
        std::abort();
    }

    // ---- Users ----------------------------------------------------------------------------------

    static asio::awaitable<void> sleep(asio::steady_timer& timer, std::chrono::nanoseconds span) {
        timer.expires_after(span);
        co_await timer.async_wait(asio::as_tuple(asio::use_awaitable));
    }
    static stream_history::token begin(place& here) {
        here.seen.push_back(false);
        return here.book.begin();
    }
    asio::awaitable<void> produces(place& here) {
        asio::steady_timer timer{drill_.s.executor()};
        while (adding_) {
            stream_history::token const token = begin(here);
            std::string const text = std::to_string(token);
            auto adding = db_.xadd(here.key, "t", text);
            result<std::string> const told = co_await std::move(adding);
            if (told)
                here.book.acknowledge(token, steady_now());
            else
                here.book.fail(token, told.error().delivery());
            co_await sleep(timer, plan_.pause);
        }
        --producers_;
    }
    void give(place& here, stream_fields const& fields) {
        std::size_t const token = std::stoull(fields.at(0).second);
        here.book.give(token);
        if (here.seen.at(token)) return;
        here.seen[token] = true;
        ++here.given;
    }
    /// One consumer, again and again, each time in a process of its own: a client that ends with it.
    asio::awaitable<void> consumes(place& here, unsigned me) {
        std::minstd_rand dice{static_cast<unsigned>(here.slot) * 7 + me};
        std::string const name = "c" + std::to_string(me);
        asio::steady_timer timer{drill_.s.executor()};
        while (reading_) {
            umbel::options chosen;
            chosen.seeds = {drill_.bystander().address()};
            umbel::client own{drill_.s.executor(), chosen};
            consumer_options options{.stream = here.key, .group = "g", .name = name};
            options.count = 16;
            options.unacknowledged_max = 64;
            options.claim_idle = plan_.claim_idle;
            options.wait = 200ms;
            consumer<> const worker{own, options};
            bool alive = true;
            for (unsigned left = 2 + dice() % 8; alive && reading_; --left) {
                bool const dies = plan_.die && left == 0;
                alive = co_await handle_page(here, worker, dies ? dice() : 0, dies);
            }
            if (!plan_.die) break;
            // Some die in the midst of a read.
            if (dice() % 2 == 0) {
                worker.next()([](result<consumer_page<>> const&) {});
                co_await sleep(timer, std::chrono::milliseconds{dice() % 30});
            }
            ++deaths_;
        }
        --consumers_;
    }
    /// One consumer that reads what is fresh, and nothing else.
    asio::awaitable<void> forgets(place& here, unsigned me) {
        std::string const name = "c" + std::to_string(me);
        asio::steady_timer timer{drill_.s.executor()};
        while (reading_) {
            auto reading = drill_.s.db().xreadgroup_block("g", name, here.key, ">", 200ms, {.count = 16});
            result<stream_batch<delivered_entry<>>> const batch = co_await std::move(reading);
            if (!batch) {
                co_await sleep(timer, 10ms);
                continue;
            }
            std::vector<std::string> ids;
            for (auto const& [key, entries] : *batch)
                for (delivered_entry<> const& entry : entries) {
                    give(here, *entry.fields);
                    ids.push_back(entry.id);
                }
            if (ids.empty()) continue;
            auto acking = drill_.s.db().xack(here.key, "g", ids);
            static_cast<void>(co_await std::move(acking));
        }
        --consumers_;
    }
    /// False: the consumer's process ends.
    asio::awaitable<bool> handle_page(place& here, consumer<> const& worker, std::size_t fate, bool dies) {
        auto reading = worker.next();
        result<consumer_page<>> page = co_await std::move(reading);
        if (!page) {
            bool const passes = page.error() == errc::deadline_exceeded;
            if (!passes) surprises_ += page.error().to_string() + "\n";
            co_return passes;
        }
        if (plan_.acknowledge_first) co_await acknowledge(worker, page->entries, page->size());
        // Who dies has handled some of the page, and acknowledged some of that.
        std::size_t const handled = dies ? fate % (page->size() + 1) : page->size();
        for (std::size_t at = 0; at < handled; ++at) give(here, page->entries[at].fields);
        if (plan_.acknowledge_first) thrown_away_ += page->size() - handled;
        std::size_t const acknowledged = dies ? fate / 64 % (handled + 1) : handled;
        if (!plan_.acknowledge_first) co_await acknowledge(worker, page->entries, acknowledged);
        co_return !dies;
    }
    /// What cannot be acknowledged comes again.
    static asio::awaitable<void> acknowledge(consumer<> const& worker,
                                             std::vector<stream_entry<>> const& entries, std::size_t count) {
        std::vector<std::string> ids;
        for (std::size_t at = 0; at < count; ++at) ids.push_back(entries[at].id);
        if (ids.empty()) co_return;
        auto acking = worker.ack(ids);
        if (result<std::int64_t> const told = co_await std::move(acking); told) co_return;
        for (std::string const& id : ids) worker.leave(id);
    }

    drill& drill_;
    stream_users_plan plan_;
    scoped_client db_;
    std::deque<place> places_;
    std::atomic<bool> adding_{true}, reading_{true};
    std::atomic<unsigned> producers_{0}, consumers_{0};
    std::atomic<std::uint64_t> deaths_{0}, thrown_away_{0};
    std::string surprises_;
};

}  // namespace umbel::test
