// workload.hpp: simulated users: commands whose replies can be told apart, at random times, with deadlines
// and cancellations. It judges nothing; the checker does, and the judge of the witness.
#pragma once

#include "checker.hpp"
#include "witness.hpp"

#include <optional>
#include <set>
#include <string>
#include <vector>

namespace simulation {

/// INCR as a script.
inline constexpr std::string_view counting = "return redis.call('incr', KEYS[1])";
inline model_script counting_script() {
    return {std::string{counting}, [](script_input const& in) {
                return model_executor{in.store, false}.run(*find_model_command("incr"),
                                                           {"INCR", in.keys.front()});
            }};
}

/// How the users behave.
struct workload_options {
    unsigned users = 5;
    std::size_t keys = 12;
    duration think_max = 20ms;
    unsigned cancel_percent = 5;
    unsigned burst_percent = 3;
    std::size_t burst_max = 60;
    duration deadline_min = 20ms;
    duration deadline_max = 2000ms;
    unsigned no_deadline_percent = 1;
    unsigned replica_percent = 20;  ///< Of the reads that may go to replicas.
    std::size_t read_modes = 3;     ///< How many of the modes in any_mode() they know.
    unsigned large_percent = 2;
    unsigned script_percent = 0;  ///< Of the INCRs that go as a script, by its SHA1.
    bool bare_scripts = false;    ///< As a control: nobody sends a script's text where it is missing.
    /// Nobody sets a key while an earlier write of it is not known to have run, or not to have: such a key is
    /// only read from then on.
    bool one_writer = false;
};

/// Users that call one after another until they are told to stop.
class workload {
public:
    workload(timeline& time, sim_client& db, checker& judge, witness& seen, workload_options options)
        : time_{time}, db_{db}, judge_{judge}, witness_{seen}, options_{options} {}

    void start() {
        for (unsigned i = 0; i < options_.users; ++i) later();
    }
    void stop() noexcept { stopped_ = true; }
    std::uint64_t issued() const noexcept { return number_; }

    /// One command of every kind on every key, which must succeed; `then` runs when all are done.
    void all_kinds(duration deadline) {
        fixed_deadline_ = deadline;
        for (std::size_t key = 0; key < options_.keys; ++key)
            for (int what = 0; what < 9; ++what) issue(static_cast<kind>(what), key, false);
        fixed_deadline_ = {};
    }
    /// The slots in which the users' keys stand.
    std::vector<std::uint16_t> slots() const {
        std::vector<std::uint16_t> found;
        for (std::size_t key = 0; key < options_.keys; ++key)
            found.push_back(umbel::cluster::slot_of(tag(key)).value());
        return found;
    }

private:
    using kind = call_record::kind;

    void later() {
        time_.in(time_.between(0ms, options_.think_max), [this] {
            if (stopped_) return;
            std::size_t const count =
                time_.chance(options_.burst_percent) ? 2 + time_.pick(options_.burst_max) : 1;
            for (std::size_t i = 1; i < count; ++i) issue_any(false);
            issue_any(true);
        });
    }
    void issue_any(bool goes_on) {
        static constexpr kind often[] = {kind::echo, kind::set,  kind::set,    kind::get,
                                         kind::get,  kind::get,  kind::push,   kind::push,
                                         kind::incr, kind::incr, kind::incr,   kind::mset,
                                         kind::mget, kind::mget, kind::append, kind::range};
        kind const what = time_.chance(1) ? kind::refused : often[time_.pick(std::size(often))];
        issue(what, time_.pick(options_.keys), goes_on);
    }

    /// Keys "{a:n}…" are read from primaries only, "{b:n}…" from anywhere.
    static std::string tag(std::size_t key) {
        return (key % 2 == 0 ? "{a:" : "{b:") + std::to_string(key) + "}";
    }

    void issue(kind what, std::size_t which, bool goes_on) {
        std::uint64_t const number = ++number_;
        call_record record;
        record.key = tag(which);
        std::optional<std::size_t> written;
        if (options_.one_writer) what = what_one_writer_may(what, which);
        record.what = what;
        std::vector<std::string> const words = words_of(record, number, written);
        record.deadline = umbel::engine::never;
        sim_call_options wanted;
        duration deadline = fixed_deadline_;
        if (deadline == duration{0})
            deadline = time_.between(options_.deadline_min,
                                     time_.chance(30) ? options_.deadline_max / 10 : options_.deadline_max);
        if (fixed_deadline_ == duration{0} && time_.chance(options_.no_deadline_percent))
            deadline = duration{0};
        wanted.deadline = deadline;
        wanted.context = static_cast<unsigned>(number);
        if (deadline != duration{0}) record.deadline = umbel::engine::after(time_.now(), deadline);
        if (which % 2 == 1 && time_.chance(options_.replica_percent)) wanted.reads = any_mode();
        record.replica_only = wanted.reads == umbel::read_from::replica;
        if (!record.id.empty()) judge_.identify(record.id, number);
        time_.note([&] {
            std::string line =
                "call " + std::to_string(number) + " begins, reads " +
                std::to_string(static_cast<int>(wanted.reads.value_or(umbel::read_from::primary))) + ", " +
                std::to_string(deadline.count() / 1000000) + " ms: ";
            for (std::string const& word : words) line += word.substr(0, 40) + ' ';
            return line;
        });
        std::vector<std::size_t> const parts = registers_of(record, number, !wanted.reads);
        judge_.begun(number, std::move(record));
        std::vector<std::string_view> const views(words.begin(), words.end());
        auto const told = [this, number, what, which, goes_on, written,
                           parts](umbel::result<umbel::reply> answer) {
            judge_.ended(number, answer);
            if (written) witness_.ended(*written, answer);
            tell_registers(what, which, parts, answer);
            if (goes_on) later();
        };
        bool const scripted =
            what == kind::incr && options_.script_percent != 0 && time_.chance(options_.script_percent);
        auto const call = scripted ? send_script(words[1], told, wanted)
                                   : db_.call(std::span<std::string_view const>{views}, told, wanted);
        if (fixed_deadline_ == duration{0} && time_.chance(options_.cancel_percent))
            time_.in(time_.chance(30) ? duration{0} : time_.between(0us, 3ms), [this, call, number] {
                time_.note([&] { return "call " + std::to_string(number) + " is cancelled"; });
                judge_.cancel_asked(number);
                db_.cancel(call);
            });
    }
    call_number send_script(std::string_view key, sim_client::callback told, sim_call_options const& wanted) {
        if (!options_.bare_scripts) return db_.run(counting, key, std::move(told), wanted);
        umbel::command::sha1 const sha1{counting};
        return db_.call({"EVALSHA", sha1.digits(), "1", key}, std::move(told), wanted);
    }

    // ---- Keys as registers: what SET and MSET leave, and what GET and MGET find at primaries
    // -------------------------------------

    std::vector<std::size_t> registers_of(call_record const& one, std::uint64_t number, bool of_primary) {
        switch (one.what) {
            case kind::set: return {witness_.begin_write(one.key, number)};
            case kind::mset:
                return {witness_.begin_write(one.key + "x", number),
                        witness_.begin_write(one.key + "y", number)};
            case kind::get:
                return of_primary ? std::vector{witness_.begin_read(one.key)} : std::vector<std::size_t>{};
            case kind::mget:
                return of_primary ? std::vector{witness_.begin_read(one.key + "x"),
                                                witness_.begin_read(one.key + "y")}
                                  : std::vector<std::size_t>{};
            case kind::echo:
            case kind::push:
            case kind::append:
            case kind::incr:
            case kind::range:
            case kind::refused: return {};
        }
        return {};
    }
    void tell_registers(kind what, std::size_t which, std::vector<std::size_t> const& parts,
                        umbel::result<umbel::reply> const& answer) {
        bool const writes = what == kind::set || what == kind::mset;
        // Another command's reply; the checker says so.
        umbel::resp::view const told = answer ? umbel::resp::view{*answer} : umbel::resp::view{};
        if (what == kind::mget && answer && (!told.is_aggregate() || told.size() != parts.size())) return;
        for (std::size_t i = 0; i < parts.size(); ++i) {
            if (writes)
                witness_.wrote(parts[i], answer);
            else if (!answer)
                witness_.not_read(parts[i], answer.error());
            else
                witness_.was_read(parts[i], what == kind::mget ? (*answer)[i] : umbel::resp::view{*answer});
        }
        if (writes && (answer || !answer.error().may_have_executed())) being_written_.erase({what, which});
    }
    kind what_one_writer_may(kind what, std::size_t which) {
        if (what != kind::set && what != kind::mset) return what;
        if (being_written_.insert({what, which}).second) return what;
        return what == kind::set ? kind::get : kind::mget;
    }

    umbel::read_from any_mode() {
        static constexpr umbel::read_from modes[] = {
            umbel::read_from::replica, umbel::read_from::prefer_replica, umbel::read_from::any,
            umbel::read_from::lowest_latency, umbel::read_from::same_zone};
        return modes[time_.pick(options_.read_modes)];
    }

    std::vector<std::string> words_of(call_record& one, std::uint64_t number,
                                      std::optional<std::size_t>& written) {
        std::string const id = std::to_string(number);
        std::string const padding =
            time_.chance(options_.large_percent) ? std::string(1000 + time_.pick(20000), 'x') : std::string{};
        switch (one.what) {
            case kind::echo: one.id = "echo#" + id + padding; return {"ECHO", one.id};
            case kind::set: one.key += "text"; return {"SET", one.key, one.key + "#" + id + padding};
            case kind::get: one.key += "text"; return {"GET", one.key};
            case kind::push:
                one.key += "list";
                written = witness_.begin(one.key, history::kind::push);
                one.id = witness_.token(*written);
                return {"RPUSH", one.key, one.id};
            case kind::append:
                one.key += "append";
                one.id = one.key + "#" + id;
                return {"APPEND", one.key, one.id};
            case kind::incr:
                one.key += "count";
                written = witness_.begin(one.key, history::kind::incr);
                return {"INCR", one.key};
            case kind::mset:
                return {"MSET", one.key + "x", one.key + "x#" + id, one.key + "y", one.key + "y#" + id};
            case kind::mget: return {"MGET", one.key + "x", one.key + "y"};
            case kind::range: one.key += "list"; return {"LRANGE", one.key, "0", "-1"};
            case kind::refused: break;
        }
        static std::vector<std::vector<std::string>> const refused{
            {"MGET", "one", "two"}, {"SUBSCRIBE", "news"}, {"GET"}, {"BLPOP", "q", "0"}};
        return refused[time_.pick(refused.size())];
    }

    timeline& time_;
    sim_client& db_;
    checker& judge_;
    witness& witness_;
    workload_options options_;
    duration fixed_deadline_{};
    std::uint64_t number_ = 0;
    std::set<std::pair<kind, std::size_t>> being_written_;
    bool stopped_ = false;
};

}  // namespace simulation
