// checker.hpp: holds what callers were told against what the model's nodes have executed, after every step
// and at the end. It issues nothing and breaks nothing.
#pragma once

#include <umbel/testing/model_cluster.hpp>
#include <umbel/testing/sim_client.hpp>

#include <functional>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace simulation {

using namespace umbel::testing;
using umbel::delivery;
using umbel::errc;

/// What one call is, as its caller knows it.
struct call_record {
    enum class kind { echo, set, get, push, append, incr, mset, mget, range, refused };
    kind what{};
    std::string key;
    std::string id;  ///< Comes back in the reply, or stands in the value.
    instant deadline = umbel::engine::never;
    bool cancel_asked = false;
    bool replica_only = false;  ///< There may be no replica to serve it.
    unsigned completions = 0;
};

/// What may go wrong in this run without being a mistake.
struct allowances {
    bool junk = false;          ///< Servers send junk: errc::protocol_error.
    bool refusals = false;      ///< Servers refuse for reasons of their own.
    bool small_bounds = false;  ///< errc::overloaded
    bool surfaced = false;      ///< A policy that shows redirects.
    bool foreign = false;       ///< Another server took part.
    bool empty_budget = false;  ///< As a control: the client is judged as if it might not repeat anything.
    bool repeats = false;       ///< The user wants everything repeated: a write may run twice.
    bool echoes = false;  ///< Resets drop nothing: bytes arrive on connections that the client has given up.
    bool undoes = false;  ///< The user wants SET and its like repeated: a newer one may be undone.
    bool no_tls = false;  ///< TLS is not agreed upon for a while: errc::tls_failed.
};

/// The checks.
class checker {
public:
    /// Deadlines are coarse: two ticks of the wheel and the timer behind them.
    static constexpr duration slack = 40ms;
    /// Calls of the engine itself come beside the bound of a connection.
    static constexpr std::size_t own_calls_max = 6;

    checker(timeline& time, model_cluster& cluster, allowances allowed)
        : time_{time}, cluster_{cluster}, allowed_{allowed} {
        cluster_.book().watch([this](execution const& what) { executed(what); });
    }

    /// Has another judge told of every execution, too.
    void also_tell(std::function<void(execution const&)> other) { other_ = std::move(other); }

    std::vector<std::string> const& failures() const noexcept { return failures_; }
    void fail(std::string what) {
        if (failures_.size() < 20) failures_.push_back(std::move(what));
        time_.note([&] { return "VIOLATION " + failures_.back(); });
    }

    // ---- Calls ----------------------------------------------------------------------------------

    void begun(std::uint64_t number, call_record record) {
        if (record.deadline != umbel::engine::never) due_.insert({record.deadline, number});
        calls_.emplace(number, std::move(record));
    }
    void cancel_asked(std::uint64_t number) {
        call_record& one = calls_.at(number);
        if (one.completions != 0) return;
        one.cancel_asked = true;
        due_.erase({one.deadline, number});
        // A cancellation takes no time.
        due_.insert({time_.now() - slack + 1ms, number});
        cancels_[number] = time_.now() - slack + 1ms;
    }
    void ended(std::uint64_t number, umbel::result<umbel::reply> const& answer) {
        call_record& one = calls_.at(number);
        if (++one.completions != 1) return fail("call " + std::to_string(number) + " completed twice");
        due_.erase({one.deadline, number});
        if (auto const at = cancels_.find(number); at != cancels_.end()) due_.erase({at->second, number});
        if (answer)
            good(number, one, *answer);
        else
            bad(number, one, answer.error());
    }

    /// After every step.
    void step(sim_client& db) {
        if (!due_.empty() && due_.begin()->first + slack < time_.now()) {
            fail("call " + name(due_.begin()->second) + " is not done after its deadline or cancellation");
            due_.erase(due_.begin());
        }
        if (++steps_ % 16 != 0) return;
        auto const& settings = db.runtime().chosen();
        for (auto const& session : db.runtime().sessions())
            if (session->link().pipe().in_flight() > settings.pipeline.in_flight_max + own_calls_max)
                fail("more in flight than the bound allows");
        if (db.control().waiting() > settings.engine.waiting_max) fail("more waiting than the bound allows");
    }

    // ---- The end --------------------------------------------------------------------------------

    void conclude(sim_client& db) {
        for (auto const& [number, one] : calls_)
            if (one.completions != 1)
                fail("call " + name(number) + " completed " + std::to_string(one.completions) + " times");
        if (db.redirects_seen() > db.runtime().chosen().engine.judging.redirects_max)
            fail("a call followed more redirects than the bound allows");
        check_budget(db);
        for (auto const& [key, seen] : counters_) check_counter(key, seen);
        for (auto const& [id, count] : executions_) check_final(id);
    }

    /// The slot table says what is true of the cluster.
    void check_table(sim_client& db) {
        std::size_t wrong = 0;
        std::string first;
        for (std::uint16_t slot = 0; slot < umbel::cluster::slot_count; ++slot) {
            auto const told = db.owner_of(umbel::cluster::slot{slot});
            auto const truth = cluster_.truth(slot);
            auto const& peer = cluster_[truth].view.me();
            bool const named = cluster_.options().style == endpoint_style::hostname;
            umbel::cluster::endpoint const where{named ? peer.hostname : peer.where.host, peer.where.port};
            if (told == where) continue;
            if (wrong++ == 0)
                first = std::to_string(slot) + " goes to " + (told ? told->to_string() : "nobody") +
                        ", not to " + where.to_string();
        }
        if (wrong != 0)
            fail("the slot table is wrong for " + std::to_string(wrong) + " slots: slot " + first);
    }

    /// An ASK must not change the entry of its slot.
    void watch_asks(sim_client& db) {
        db.runtime().on_returned = [this, &db](umbel::engine::call_list const* calls) {
            auto const& table = db.control().routes().table();
            if (!calls) {
                if (asked_version_ == db.control().routes().version() &&
                    asked_refreshes_ == db.counters().topology_changes)
                    for (auto const& [slot, owner] : asked_)
                        if (table.primary_of(umbel::cluster::slot{slot}) != owner)
                            fail("an ASK has changed the owner of slot " + std::to_string(slot));
                asked_.clear();
                return;
            }
            std::set<std::uint16_t> moved;
            for (umbel::engine::call const* call = calls->front(); call; call = call->next) {
                if (!call->retry || call->retry->slot < 0) continue;
                auto const slot = static_cast<std::uint16_t>(call->retry->slot);
                if (call->retry->fault == errc::ask)
                    asked_[slot] = table.primary_of(umbel::cluster::slot{slot});
                if (call->retry->fault == errc::moved) moved.insert(slot);
            }
            // A MOVED may move its whole shard: then nothing is proven by what changes.
            if (!moved.empty()) asked_.clear();
            asked_version_ = db.control().routes().version();
            asked_refreshes_ = db.counters().topology_changes;
        };
    }

    /// The calls that are not done, for people.
    std::string pending() const {
        std::string text;
        for (auto const& [number, one] : calls_)
            if (one.completions == 0) text += " " + name(number);
        return text;
    }
    std::uint64_t acknowledged() const noexcept { return acknowledged_; }
    std::uint64_t failed() const noexcept { return failed_; }
    std::map<std::string, unsigned> const& codes() const noexcept { return codes_; }

private:
    struct counter {
        std::uint64_t executed = 0;
        std::uint64_t acknowledged = 0;
        std::uint64_t unknown = 0;
    };
    struct trace_of_id {
        unsigned count = 0;
        std::set<std::string> replies;
    };

    std::string name(std::uint64_t number) const {
        call_record const& one = calls_.at(number);
        return std::to_string(number) + " (" + one.key + " " + one.id.substr(0, 24) + ")";
    }

    static bool is_script(execution const& what) { return what.words[0].starts_with("EVAL"); }
    static std::string const& key_of(execution const& what) { return what.words[is_script(what) ? 3 : 1]; }
    void executed(execution const& what) {
        if (other_) other_(what);
        bool const of_transaction = what.words.size() > 1 && what.words[1].find("tx-") != std::string::npos;
        bool const lacked = is_script(what) && what.reply.front() == '-';
        if (what.words[0] != "PING" && !of_transaction && !lacked) ++executed_;
        if (what.write && what.readonly_link) fail("a write was executed on a link that has sent READONLY");
        if (what.readonly_link && what.words.size() > 1 && what.words[1].find("{a:") == 0)
            fail("a read meant for the primary was served on a link that has sent READONLY: " +
                 what.words[1]);
        if (what.foreign && what.words.size() > 1)
            cluster_.book().lost_key(key_of(what), what.when, what.when, "another cluster's server took it");
        std::string const& command_spec = what.words[0];
        if (command_spec == "INCR" || (is_script(what) && !lacked)) ++counters_[key_of(what)].executed;
        if ((command_spec == "RPUSH" && !of_transaction) || command_spec == "APPEND") {
            trace_of_id& seen = executions_[what.words[2]];
            ++seen.count;
            seen.replies.insert(what.reply.substr(1, what.reply.size() - 3));
            auto const owner = by_id_.find(what.words[2]);
            if (owner != by_id_.end() && seen.count > 1 && !allowed_.repeats)
                fail("call " + name(owner->second) + " was executed " + std::to_string(seen.count) +
                     " times");
        }
    }

public:
    /// Lets executions be named by the call that caused them.
    void identify(std::string const& id, std::uint64_t number) { by_id_[id] = number; }

private:
    void good(std::uint64_t number, call_record const& one, umbel::reply const& answer) {
        ++acknowledged_;
        using kind = call_record::kind;
        auto const crossed = [&] {
            fail("call " + name(number) + " got somebody else's reply: " + answer.to_string().substr(0, 80));
        };
        switch (one.what) {
            case kind::echo:
                if (answer.text() != one.id) crossed();
                return;
            case kind::set:
            case kind::mset:
                if (answer.text() != "OK") crossed();
                return;
            case kind::get:
                if (!answer.is_null() && !is_value_of(one.key, answer.text())) crossed();
                return;
            case kind::push:
            case kind::append: {
                auto const seen = executions_.find(one.id);
                if (seen == executions_.end())
                    return fail("call " + name(number) + " was acknowledged and never executed");
                if (!answer.integer() || !seen->second.replies.contains(std::to_string(*answer.integer())))
                    crossed();
                return;
            }
            case kind::incr:
                ++counters_[one.key].acknowledged;
                if (!answer.integer() || *answer.integer() <= 0) crossed();
                return;
            case kind::mget: return check_mget(one, answer, crossed);
            case kind::range: return check_range(number, one, answer);
            case kind::refused: return fail("call " + name(number) + " should have been refused");
        }
    }
    template <class Crossed>
    void check_mget(call_record const& one, umbel::reply const& answer, Crossed crossed) {
        if (!answer.is_aggregate() || answer.children_count() != 2) return crossed();
        for (std::size_t i = 0; i < 2; ++i)
            if (!answer[i].is_null() && !is_value_of(one.key + (i == 0 ? "x" : "y"), answer[i].text()))
                return crossed();
    }
    void check_range(std::uint64_t number, call_record const& one, umbel::reply const& answer) {
        if (!answer.is_aggregate()) return fail("call " + name(number) + " got no list");
        std::set<std::string> seen;
        for (umbel::resp::view const item : answer.children()) {
            std::string const id{item.text()};
            if (id.find(one.key + "#") != 0)
                fail("call " + name(number) + " got somebody else's list: " + id);
            if (!seen.insert(id).second && !allowed_.repeats)
                fail("list " + one.key + " holds " + id + " twice");
        }
    }
    static bool is_value_of(std::string const& key, std::string_view text) {
        return text.starts_with(key + "#");
    }

    void bad(std::uint64_t number, call_record const& one, umbel::error const& why) {
        ++failed_;
        ++codes_[std::string{umbel::name_of(why.code())}];
        time_.note([&] { return "call " + name(number) + " failed: " + why.to_string(); });
        if (one.what == call_record::kind::incr && why.may_have_executed()) ++counters_[one.key].unknown;
        if (one.what == call_record::kind::push || one.what == call_record::kind::append) {
            bool const ran = executions_.contains(one.id);
            if (ran && !why.may_have_executed())
                fail("call " + name(number) + " was executed and is said not to be: " + why.to_string());
            if (!why.may_have_executed()) void_ids_[one.id] = number;
        }
        if (!is_allowed(one, why)) fail("call " + name(number) + " failed with " + why.to_string());
    }
    bool is_allowed(call_record const& one, umbel::error const& why) const {
        if (one.what == call_record::kind::refused)
            return why.delivery() == delivery::not_sent && origin_of(why.code()) == umbel::origin::caller;
        switch (why.code()) {
            case errc::deadline_exceeded:
            case errc::no_reachable_node: return one.deadline <= time_.now();
            case errc::cancelled: return one.cancel_asked || closing;
            case errc::overloaded: return allowed_.small_bounds;
            case errc::protocol_error: return allowed_.junk;
            case errc::moved:
            case errc::ask: return allowed_.surfaced;
            case errc::connection_lost:
            case errc::connect_failed:
            case errc::cluster_down:
            case errc::loading:
            case errc::try_again:
            case errc::master_down:
            case errc::read_only: return faulty;
            case errc::slot_uncovered: return faulty || one.replica_only;
            case errc::too_many_redirects: return faulty;
            case errc::tls_failed: return faulty && allowed_.no_tls;
            case errc::server_error:
            case errc::out_of_memory:
            case errc::misconfigured:
            case errc::busy_script:
            case errc::no_replicas: return allowed_.refusals;
            default: return false;
        }
    }

    /// What ran more often than it was asked for was repeated, and drew on the budget: a share of the
    /// commands, and so many a second.
    void check_budget(sim_client& db) {
        umbel::engine::retry_budget_options budget = db.runtime().chosen().engine.budget;
        if (allowed_.empty_budget) budget = {.percent = 0, .floor_per_second = 0};
        auto const seconds = static_cast<std::uint64_t>((time_.now() - began_ + budget.window) / 1s) + 1;
        // The client's own questions earn, too.
        std::uint64_t const requests =
            calls_.size() + 4 * (db.counters().topology_queries + db.counters().connects);
        std::uint64_t const most =
            calls_.size() + requests * budget.percent / 100 + seconds * budget.floor_per_second;
        if (executed_ > most)
            fail(std::to_string(executed_) + " executions of " + std::to_string(calls_.size()) +
                 " calls: the budget allows " + std::to_string(most));
    }
    void check_counter(std::string const& key, counter const& one) {
        if (one.executed < one.acknowledged)
            fail(key + ": " + std::to_string(one.acknowledged) + " acknowledged, only " +
                 std::to_string(one.executed) + " executed");
        if (one.executed > one.acknowledged + one.unknown && !allowed_.repeats)
            fail(key + ": executed " + std::to_string(one.executed) + " times, acknowledged " +
                 std::to_string(one.acknowledged) + ", unknown " + std::to_string(one.unknown));
        auto const slot = umbel::cluster::slot_of(key).value();
        if (cluster_.book().may_be_lost(key) || cluster_.truth(slot) == nobody) return;
        auto const& store = cluster_[cluster_.truth(slot)].store;
        auto const at = store.find(key);
        std::string const held = at == store.end() ? "0" : at->second.text;
        if (held != std::to_string(one.executed))
            fail(key + ": the value is " + held + ", executed were " + std::to_string(one.executed));
    }
    void check_final(std::string const& id) {
        if (auto const at = void_ids_.find(id); at != void_ids_.end())
            fail("call " + name(at->second) + " had an effect and is said not to be executed");
    }

    timeline& time_;
    model_cluster& cluster_;
    allowances allowed_;
    std::map<std::uint64_t, call_record> calls_;
    std::set<std::pair<instant, std::uint64_t>> due_;
    std::map<std::uint64_t, instant> cancels_;
    std::map<std::string, trace_of_id> executions_;
    std::map<std::string, std::uint64_t> by_id_;
    std::map<std::string, std::uint64_t> void_ids_;
    std::map<std::string, counter> counters_;
    std::map<std::uint16_t, std::uint16_t> asked_;
    std::uint32_t asked_version_ = 0;
    std::uint64_t asked_refreshes_ = 0;
    std::uint64_t steps_ = 0;
    std::uint64_t executed_ = 0;
    instant const began_ = time_.now();
    std::uint64_t acknowledged_ = 0;
    std::uint64_t failed_ = 0;
    std::map<std::string, unsigned> codes_;
    std::vector<std::string> failures_;
    std::function<void(execution const&)> other_;

public:
    bool closing = false;  ///< The client is being closed.
    bool faulty = true;    ///< Something is broken at present, or was a moment ago.
};

}  // namespace simulation
