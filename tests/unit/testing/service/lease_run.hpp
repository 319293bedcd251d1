// lease_run.hpp: one run of users who hold leases over a model cluster, on virtual time, from a seed: they
// pop from queues, and change values by WATCH and a transaction, while random faults befall the cluster. And
// its judge: no element is gone without somebody who knows, nobody overwrites what was not read, and in the
// end every lease can be lent again.
#pragma once

#include "simulation/faults.hpp"
#include "simulation/queue_book.hpp"
#include "unit/testing/service/under_faults.hpp"

#include <umbel/client/lease.hpp>
#include <umbel/testing/service/stage.hpp>

#include <asio/bind_cancellation_slot.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/detached.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace umbel::test {

using namespace umbel::testing;
using namespace std::chrono_literals;

/// Who holds leases: sound users, or those of whom the judge must find what they spoil.
enum class holders {
    sound,
    blind,     ///< They do not watch what they are about to overwrite.
    deaf,      ///< They do not hear that an element may be lost.
    hoarding,  ///< They give some leases back never.
};

/// What one seed has shown.
struct lease_verdict {
    std::vector<std::string> faults;
    std::uint64_t popped = 0;
    std::uint64_t unknown = 0;    ///< Pops that may have taken an element.
    std::uint64_t cancelled = 0;  ///< Pops,
    std::uint64_t late = 0;       ///< and values that came after the cancellation.
    std::uint64_t swapped = 0;    ///< Transactions that were executed,
    std::uint64_t refused = 0;    ///< or not, because a key had changed,
    std::uint64_t doubtful = 0;   ///< or perhaps.
    std::uint64_t lost = 0;       ///< Leases whose connection has ended.
};

/// One run. Threading: one thread.
class lease_run {
public:
    lease_run(std::uint64_t seed, holders how, std::size_t lines_kept = 0)
        : how_{how},
          random_{seed * 0x9e3779b97f4a7c15ull + 11},
          here_{{.primaries = 3, .replicas_each = 1}, seed, servers(), wires()},
          db_{here_.client(chosen())},
          faults_{here_.time(), here_.cluster(), slots_of_tags(tags)} {
        here_.time().trace(lines_kept);
        here_.cluster().book().watch([this](execution const& what) { executed(what); });
        faults_.refuses = random_.below(4) == 0;
    }

    lease_verdict judge() {
        for (int at = 0; at < 3; ++at) begin(pushes());
        for (int at = 0; at < 5; ++at) begin(pops_on_leases());
        for (int at = 0; at < 2; ++at) begin(pops_at_once());
        for (int at = 0; at < 5; ++at) begin(swaps_on_leases());
        faults_.schedule(static_cast<unsigned>(3 + random_.below(8)), troubled);
        faults_.schedule_flaps(static_cast<unsigned>(random_.below(3)), troubled);
        here_.run_for(troubled);
        faults_.stop();
        here_.time().note([] { return "-------- every fault is over"; });
        if (!here_.run_while_not([this] { return here_.cluster().settled(); }, 20s))
            complain("the model cluster did not come together again: " + here_.cluster().unsettled());
        here_.run_for(500ms);
        stopped_ = true;
        if (!here_.run_while_not([this] { return users_ == 0; }, 30s)) complain("users never finished");
        here_.run_for(2s);  // What nobody waits for any more arrives, too.
        for (int tag = 0; tag < tags; ++tag) takes_all_leases(tag);
        check_waits();
        auto const& ledger = here_.cluster().book();
        queues_.conclude(
            [&](std::string const& key) { return ledger.may_be_lost(key) || ledger.parted().contains(key); });
        for (std::string const& text : queues_.failures) complain(text);
        for (auto const& [token, told] : swaps_) check(token, told);
        found_.popped = queues_.delivered();
        return std::move(found_);
    }
    std::deque<std::string> const& lines() { return here_.time().lines(); }

private:
    static constexpr int tags = 3;
    static constexpr duration troubled = 2500ms;
    static constexpr unsigned leases_max = 3;

    /// A transaction that replaces a value.
    struct swap {
        unsigned executed = 0;
        bool told = false;
        bool done = false;
        bool unknown = false;
    };

    duration ms(unsigned least, unsigned most) {
        return std::chrono::milliseconds{least + random_.below(most - least + 1)};
    }
    model_options servers() {
        model_options made;
        made.node_timeout = ms(200, 500);
        made.replication_lag_max = ms(1, 60);
        made.knows_hello = random_.below(10) != 0;
        return made;
    }
    network_options wires() {
        network_options made;
        made.split_percent = static_cast<unsigned>(random_.below(60));
        if (random_.below(3) == 0) made.cut_percent = 20;
        if (random_.below(4) == 0) made.spike_percent = 2;
        if (random_.below(2) == 0) {
            made.late_percent = static_cast<unsigned>(20 + random_.below(80));
            made.late_max = ms(100, 1000);
            made.resets_drop = random_.below(3) != 0;
        }
        return made;
    }
    static umbel::options chosen() {
        umbel::options made = hurried();
        made.leases_max = leases_max;
        made.lease_idle = 300ms;
        return made;
    }
    static std::string queue(int tag) { return tag_of(tag) + "queue"; }
    static std::string value(int tag) { return tag_of(tag) + "value"; }
    timeline& time() noexcept { return here_.time(); }
    int any_tag() { return static_cast<int>(time().pick(tags)); }

    void complain(std::string what) { found_.faults.push_back(std::move(what)); }
    void begin(asio::awaitable<void> user) {
        ++users_;
        asio::co_spawn(here_.executor(), std::move(user), [this](std::exception_ptr thrown) {
            --users_;
            if (thrown) complain("a user ended by an exception");
        });
    }

    // ---- The books ------------------------------------------------------------------------------

    void executed(execution const& what) {
        queues_.executed(what);
        if (what.words[0] != "SET" || !what.as_primary) return;
        // "t7<t3": t7 takes the place of t3.
        std::string const& key = what.words[1];
        std::string const& text = what.words[2];
        std::size_t const mark = text.find('<');
        std::string const token = text.substr(0, mark);
        ++swaps_[token].executed;
        if (!what.queued) complain(token + " ran outside of its transaction");
        auto const& ledger = here_.cluster().book();
        std::string& latest = latest_[key];
        if (text.substr(mark + 1) != latest && !ledger.parted().contains(key) && !ledger.may_be_lost(key))
            complain(token + " overwrites " + latest + ", which its user had not read: " + text);
        latest = token;
    }
    void check(std::string const& token, swap const& each) {
        if (each.executed > 1) complain(token + " was executed twice");
        if (!each.told) return complain(token + " was never told");
        if (each.done && each.executed == 0) complain(token + " is called done, and was not executed");
        if (!each.done && !each.unknown && each.executed != 0)
            complain(token + " was executed, and its user was told otherwise");
    }
    /// Whose connection was aborted while the server was out of reach may be waiting there: see TCP
    /// keepalive.
    void check_waits() {
        std::size_t blocked = 0;
        for (auto const& node : here_.cluster().nodes()) blocked += node->blocked_count();
        if (blocked > queues_.unknown()) complain(std::to_string(blocked) + " clients still wait");
    }
    /// As many leases can be had at one time as the bound allows, and not one more.
    void takes_all_leases(int tag) {
        std::vector<std::optional<result<lease>>> all(leases_max);
        for (std::optional<result<lease>>& each : all)
            db_.with(5s).lease(tag_of(tag))([&each](result<lease> given) { each.emplace(std::move(given)); });
        here_.run_while_not(
            [&] {
                for (auto const& each : all)
                    if (!each) return false;
                return true;
            },
            10s);
        for (auto const& each : all) {
            if (!each) complain("a lease was never told");
            if (each && !*each) complain("a lease has leaked: " + each->error().to_string());
        }
        std::optional<result<lease>> more;
        db_.with(50ms).lease(tag_of(tag))([&more](result<lease> given) { more.emplace(std::move(given)); });
        here_.run_while_not([&] { return more.has_value(); }, 1s);
        if (!more || *more) complain("more leases than the bound allows");
        all.clear();
        here_.run_for(100ms);
    }

    // ---- Users ----------------------------------------------------------------------------------

    asio::awaitable<void> pushes() {
        while (!stopped_) {
            std::string const key = queue(any_tag());
            std::string const element = key + "#" + std::to_string(++number_);
            auto pushing = db_.with(500ms).rpush(key, element);
            co_await std::move(pushing);
            co_await here_.sleep(time().between(0ms, 15ms));
        }
    }
    using popped = std::optional<popped_value<>>;

    void told(std::string const& key, result<popped> const& answer, bool cancelled) {
        found_.cancelled += cancelled ? 1u : 0u;
        if (answer) {
            found_.late += cancelled && *answer ? 1u : 0u;
            if (*answer) queues_.told_value(key, (*answer)->key, (*answer)->value);
        } else if (answer.error().may_have_executed()) {
            ++found_.unknown;
            if (how_ != holders::deaf) queues_.told_unknown(key);
        }
    }
    /// Waits for an element; some users lose their patience.
    asio::awaitable<void> pops(std::string key, operation<popped> pop) {
        auto const patience = std::make_shared<asio::cancellation_signal>();
        bool const cancels = time().chance(25);
        if (cancels)
            time().in(time().between(0ms, 40ms),
                      [patience] { patience->emit(asio::cancellation_type::terminal); });
        auto token = asio::bind_cancellation_slot(patience->slot(), asio::use_awaitable);
        result<popped> const answer = co_await std::move(pop)(token);
        told(key, answer, cancels);
    }
    block_time some_time() { return block_time{std::chrono::milliseconds{20 + time().pick(400)}}; }

    asio::awaitable<void> pops_at_once() {
        while (!stopped_) {
            std::string const key = queue(any_tag());
            co_await pops(key, db_.with(time().between(50ms, 1500ms)).blpop(key, some_time()));
            co_await here_.sleep(time().between(0ms, 20ms));
        }
    }
    asio::awaitable<void> pops_on_leases() {
        while (!stopped_) {
            std::string const key = queue(any_tag());
            auto asking = db_.with(time().between(50ms, 1500ms)).lease(key);
            result<lease> mine = co_await std::move(asking);
            for (std::size_t left = 1 + time().pick(5); mine && left != 0; --left) {
                // Some let the lease go while it waits.
                if (left == 1 && time().chance(30)) {
                    mine->blpop(key, some_time())(
                        [this, key](result<popped> const& answer) { told(key, answer, false); });
                    break;
                }
                co_await pops(key, mine->blpop(key, some_time()));
                found_.lost += mine->alive() ? 0u : 1u;
                if (!mine->alive()) break;
            }
            if (how_ == holders::hoarding && mine && time().chance(20)) hoard_.push_back(std::move(*mine));
            co_await here_.sleep(time().between(0ms, 20ms));
        }
    }
    /// Replaces a value by what it was read as, and more.
    asio::awaitable<void> swaps_on_leases() {
        while (!stopped_) {
            std::string const key = value(any_tag());
            auto asking = db_.with(time().between(50ms, 1500ms)).lease(key);
            result<lease> mine = co_await std::move(asking);
            for (std::size_t left = 1 + time().pick(4); mine && mine->alive() && left != 0; --left)
                co_await swaps(key, *mine);
            // Whoever has this connection next must not have what it remembers: it is closed.
            if (mine && time().chance(20)) mine->watch(key)(asio::detached);
            if (mine && time().chance(5)) mine->command<umbel::reply>("MULTI")(asio::detached);
            mine = fail(errc::cancelled, delivery::not_sent);
            co_await here_.sleep(time().between(0ms, 40ms));
        }
    }
    asio::awaitable<void> swaps(std::string const& key, lease const& mine) {
        if (how_ != holders::blind) {
            auto watching = mine.watch(key);
            if (!co_await std::move(watching)) co_return;
        }
        auto reading = mine.get(key);
        result<std::optional<std::string>> const before = co_await std::move(reading);
        if (!before) co_return;
        std::string const seen = *before ? (*before)->substr(0, (*before)->find('<')) : std::string{};
        if (time().chance(50)) co_await here_.sleep(time().between(0ms, 10ms));
        std::string const token = "t" + std::to_string(++number_);
        std::string const next = token + "<" + seen;
        swaps_[token];
        auto changing = mine.transaction(umbel::cmd.set(key, next), umbel::cmd.get(key));
        auto const done = co_await std::move(changing);
        swap& each = swaps_[token];
        each.told = true;
        each.done = done && *done;
        each.unknown = !done && done.error().may_have_executed();
        if (each.done && (!std::get<1>(**done) || *std::get<1>(**done) != next))
            complain(token + " read something else in its own transaction");
        ++(each.done ? found_.swapped : each.unknown ? found_.doubtful : found_.refused);
        if (time().chance(80)) {
            auto ending = mine.unwatch();
            co_await std::move(ending);
        }
    }

    holders const how_;
    engine::random_source random_;
    simulation::queue_book queues_;
    std::map<std::string, swap> swaps_;
    std::map<std::string, std::string> latest_;  ///< By key: what was written last.
    lease_verdict found_;
    std::vector<lease> hoard_;
    stage here_;
    umbel::client db_;
    simulation::fault_plan faults_;
    std::uint64_t number_ = 0;
    unsigned users_ = 0;
    bool stopped_ = false;
};

}  // namespace umbel::test
