// stream_run.hpp: one run of producers of some streams and consumers of a group of each over a model cluster,
// on virtual time, from a seed: what befalls the cluster, who dies when, and the books that are kept. The
// judge of the drills on real clusters (support/stream_history.hpp) reads the books.
#pragma once

#include "simulation/faults.hpp"
#include "support/stream_history.hpp"
#include "unit/testing/service/under_faults.hpp"

#include <umbel/client/consumer.hpp>
#include <umbel/testing/service/stage.hpp>

#include <asio/detached.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace umbel::test {

using namespace umbel::testing;
using namespace std::chrono_literals;

/// Who reads the streams: sound consumers, or those of which the judge must find what they lose.
enum class readers {
    sound,
    acknowledging_first,  ///< They acknowledge a page before they hand it out, and die in between.
    forgetful,  ///< Never again do they read what pends for them: they have forgotten what a lost reply took.
};

/// What one seed has shown.
struct stream_verdict {
    stream_sentence found;
    std::vector<std::string> faults;
    std::uint64_t claimed = 0;  ///< Entries that came by a claim,
    std::uint64_t pending = 0;  ///< or from the consumer's own list.
    std::uint64_t deleted = 0;
    std::uint64_t deaths = 0;
    std::uint64_t promotions = 0;
};

/// What is drawn from the seed before the run begins.
struct stream_plan {
    bool claims = true;  ///< Without it, and without deaths, only what is owed brings a lost reply's entries.
    bool deaths = true;
    consumer_options reads{};
    duration wait{};
    model_options servers{};
    network_options wires{};
    unsigned faults = 0;
    unsigned flaps = 0;

    stream_plan(std::uint64_t seed, readers how) {
        engine::random_source random{seed * 0x9e3779b97f4a7c15ull + 7};
        auto const chance = [&](unsigned percent) { return random.below(100) < percent; };
        auto const ms = [&](unsigned least, unsigned most) {
            return std::chrono::milliseconds{least + random.below(most - least + 1)};
        };
        claims = chance(50) && how != readers::forgetful;
        deaths = how == readers::acknowledging_first || (chance(60) && how == readers::sound);
        reads.count = 1 + random.below(16);
        reads.unacknowledged_max = 48;
        reads.claim_idle = claims ? ms(200, 900) : 0ms;
        wait = chance(50) ? ms(50, 300) : ms(500, 7000);
        servers.node_timeout = ms(200, 500);
        servers.replication_lag_max = ms(1, 60);
        servers.knows_hello = !chance(10);
        servers.runs_waits_again = chance(50);
        wires.split_percent = static_cast<unsigned>(random.below(60));
        if (chance(40)) wires.cut_percent = 20;
        if (chance(25)) wires.spike_percent = 2;
        if (chance(50)) {
            wires.late_percent = static_cast<unsigned>(20 + random.below(80));
            wires.late_max = ms(100, 1000);
            wires.resets_drop = chance(60);
        }
        faults = static_cast<unsigned>(3 + random.below(8));
        flaps = static_cast<unsigned>(random.below(3));
    }
};

/// One run. Threading: one thread.
class stream_run {
public:
    stream_run(std::uint64_t seed, readers how, std::size_t lines_kept = 0)
        : how_{how},
          plan_{seed, how},
          here_{{.primaries = 3, .replicas_each = 1}, seed, plan_.servers, plan_.wires},
          db_{here_.client(hurried())},
          faults_{here_.time(), here_.cluster(), slots_of_tags(streams)} {
        here_.time().trace(lines_kept);
        for (int at = 0; at < streams; ++at) {
            places_.emplace_back();
            places_.back().key = tag_of(at) + "orders";
        }
        for (node_number at = 0; at < static_cast<node_number>(here_.cluster().size()); ++at)
            addresses_.push_back(here_.cluster().where(at).to_string());
        here_.cluster().book().watch([this](execution const& what) { executed(what); });
        faults_.refuses = faults_.sends_junk = seed % 4 == 0;
    }

    stream_verdict judge() {
        for (place& here : places_) {
            for (int at = 0; at < 2; ++at) begin(produces(here));
            for (int at = 0; at < 3; ++at)
                begin(how_ == readers::forgetful ? reads_plainly(here, at) : consumes(here, at));
        }
        faults_.schedule(plan_.faults, troubled);
        faults_.schedule_flaps(plan_.flaps, troubled);
        here_.run_for(troubled);
        adding_ = false;
        faults_.stop();
        here_.time().note([] { return "-------- every fault is over"; });
        if (!here_.run_while_not([this] { return here_.cluster().settled(); }, 20s))
            complain("the model cluster did not come together again: " + here_.cluster().unsettled());
        if (!here_.run_while_not([this] { return producers_ == 0; }, 30s)) complain("an XADD never ended");
        here_.run_for(2s);  // What nobody waits for any more arrives, too.
        // Who is to die has done so; who is given nothing in this time never will be.
        calm_ = true;
        static_cast<void>(here_.run_while_not([this] { return all_is_given(); }, 40s));
        reading_ = false;
        if (!here_.run_while_not([this] { return users_ == 0; }, 30s)) complain("users never finished");
        for (place& here : places_) reckon(here);
        found_.promotions = here_.cluster().promotions();
        return std::move(found_);
    }
    std::deque<std::string> const& lines() { return here_.time().lines(); }

private:
    static constexpr int streams = 2;
    static constexpr duration troubled = 2500ms;

    struct place {
        std::string key;
        stream_history book;
        std::set<std::size_t> given;  ///< Tokens.
    };

    void complain(std::string what) { found_.faults.push_back(std::move(what)); }
    void begin(asio::awaitable<void> user) {
        ++users_;
        asio::co_spawn(here_.executor(), std::move(user), [this](std::exception_ptr thrown) {
            --users_;
            if (thrown) complain("a user ended by an exception");
        });
    }
    timeline& time() noexcept { return here_.time(); }

    // ---- The books ------------------------------------------------------------------------------

    void executed(execution const& what) {
        if (what.words[0] == "XADD" && what.reply.front() == '$') added_[what.words[4]] = what.when;
        // Some replies with entries are lost on their way.
        bool const takes = what.words[0] == "XREADGROUP" || what.words[0] == "XAUTOCLAIM";
        if (takes && what.reply.find('#') != what.reply.npos && adding_ && time().chance(3))
            time().soon([this, node = what.node] { here_.cluster().reset_connections(node); });
    }
    static std::string text_of(place const& here, std::size_t token) {
        return here.key + "#" + std::to_string(token);
    }
    void give(place& here, std::string const& id, stream_fields const& fields) {
        if (fields.size() != 1 || fields.front().first != "t")
            return complain("an entry of odd fields " + id);
        std::string const& text = fields.front().second;
        if (text == "deleted soon") return;
        if (!text.starts_with(here.key + "#")) return complain(here.key + " got somebody else's " + text);
        std::size_t const token = std::stoull(text.substr(here.key.size() + 1));
        here.book.give(token);
        here.given.insert(token);
    }
    model_stream const* stream_of(place const& here) {
        node_number const owner = here_.cluster().truth(cluster::slot_of(here.key).value());
        if (owner == nobody) return nullptr;
        auto const& store = here_.cluster()[owner].store;
        auto const held = store.find(here.key);
        return held == store.end() ? nullptr : held->second.stream.get();
    }
    bool all_is_given() {
        for (place const& here : places_) {
            model_stream const* const held = stream_of(here);
            if (!held || held->entries.empty()) continue;
            model_group const* const group = held->find_group("g");
            if (!group || (plan_.claims && !group->pending.empty())) return false;
            for (auto const& [id, fields] : held->entries)
                if (fields->at(1) != "deleted soon" && !here.given.contains(token_in(here, *fields)))
                    return false;
        }
        return true;
    }
    static std::size_t token_in(place const& here, model_words const& fields) {
        return std::stoull(fields.at(1).substr(here.key.size() + 1));
    }
    void reckon(place& here) {
        model_stream const* const held = stream_of(here);
        model_group const* const group = held ? held->find_group("g") : nullptr;
        for (auto const& [id, fields] : held ? held->entries : decltype(held->entries){}) {
            if (fields->at(1) == "deleted soon") continue;
            bool const settled = group && id <= group->delivered && !group->pending.contains(id);
            here.book.ends_with(token_in(here, *fields), settled);
        }
        if (plan_.claims && group && !group->pending.empty() && how_ == readers::sound)
            complain(std::to_string(group->pending.size()) + " entries of " + here.key + " pend in the end");
        auto const losses = here_.cluster().book().losses().find(here.key);
        if (losses != here_.cluster().book().losses().end())
            for (model_loss const& lost : losses->second)
                here.book.may_lose(lost.from.count(), lost.until.count());
        stream_sentence const said = here.book.check();
        for (std::size_t at = 0; at < said.counts.size(); ++at) found_.found.counts[at] += said.counts[at];
        for (std::string const& text : said.texts) found_.found.texts.push_back(here.key + ": " + text);
        found_.found.acknowledged += said.acknowledged, found_.found.unknown += said.unknown;
        found_.found.forgiven += said.forgiven, found_.found.given += said.given;
        found_.found.again += said.again;
    }

    // ---- Users ----------------------------------------------------------------------------------

    asio::awaitable<void> produces(place& here) {
        ++producers_;
        while (adding_) {
            std::size_t const token = here.book.begin();
            std::string const text = text_of(here, token);
            auto adding = db_.with(time().between(100ms, 3000ms)).xadd(here.key, "t", text);
            result<std::string> const told = co_await std::move(adding);
            if (told && !added_.contains(text)) complain("acknowledged, and never executed: " + text);
            // The ledger tells losses by the time of execution.
            if (told)
                here.book.acknowledge(token, added_[text].count());
            else
                here.book.fail(token, told.error().delivery());
            if (time().chance(5)) co_await adds_and_deletes(here.key);
            co_await here_.sleep(time().between(0ms, 40ms));
        }
        --producers_;
    }
    asio::awaitable<void> adds_and_deletes(std::string const& key) {
        auto adding = db_.with(1s).xadd(key, "t", "deleted soon");
        result<std::string> const id = co_await std::move(adding);
        if (!id) co_return;
        co_await here_.sleep(time().between(0ms, 30ms));
        auto deleting = db_.with(1s).xdel(key, *id);
        co_await std::move(deleting);
    }
    umbel::options own_options() {
        umbel::options chosen = hurried();
        chosen.seeds = seed_list{addresses_};
        return chosen;
    }
    /// One consumer, again and again, each time in a process of its own.
    asio::awaitable<void> consumes(place& here, int me) {
        std::string const name = "c" + std::to_string(me);
        while (reading_) {
            std::optional<umbel::client> own{here_.client(own_options())};
            consumer_options options = plan_.reads;
            options.stream = here.key;
            options.group = "g";
            options.name = name;
            options.wait = plan_.wait;
            consumer<> const worker{*own, options};
            bool alive = true;
            for (std::size_t left = 1 + time().pick(12); alive && reading_; left -= left != 0 ? 1u : 0u) {
                alive = left != 0 || !plan_.deaths || calm_;
                co_await handles_page(here, worker, !alive);
            }
            // Some die in the midst of a read.
            if (reading_ && time().chance(50)) {
                worker.next()(asio::detached);
                co_await here_.sleep(time().between(0ms, 60ms));
            }
            ++found_.deaths;
        }
    }
    asio::awaitable<void> handles_page(place& here, consumer<> const& worker, bool dies) {
        auto reading = worker.next();
        result<consumer_page<>> page = co_await std::move(reading);
        if (!page) {
            bool const passes = page.error() == errc::deadline_exceeded ||
                                (faults_.sends_junk && page.error() == errc::protocol_error);
            if (!passes) complain("a consumer was told " + page.error().to_string());
            co_await here_.sleep(10ms);
            co_return;
        }
        if (page->size() > plan_.reads.count || !page->unreadable.empty()) complain("a page of another's");
        if (page->source == entry_source::claimed) found_.claimed += page->size();
        if (page->source == entry_source::pending) found_.pending += page->size();
        found_.deleted += page->deleted.size();
        if (how_ == readers::acknowledging_first) co_await acknowledges(worker, *page, page->size());
        // Who loses a page asks for it again; who cannot handle it leaves it to others.
        if (!dies && time().chance(3)) co_return worker.redeliver();
        if (!dies && plan_.claims && time().chance(3)) co_return worker.leave(*page);
        std::size_t const handled = dies ? time().pick(page->size() + 1) : page->size();
        for (std::size_t at = 0; at < handled; ++at)
            give(here, page->entries[at].id, page->entries[at].fields);
        if (how_ == readers::acknowledging_first) co_return;
        co_await acknowledges(worker, *page, dies ? time().pick(handled + 1) : handled);
    }
    asio::awaitable<void> acknowledges(consumer<> const& worker, consumer_page<> const& page,
                                       std::size_t count) {
        std::vector<std::string> ids;
        for (std::size_t at = 0; at < count; ++at) ids.push_back(page.entries[at].id);
        while (!ids.empty() && reading_) {
            auto acking = worker.ack(ids);
            result<std::int64_t> const told = co_await std::move(acking);
            if (told) co_return;
            if (told.error() != errc::deadline_exceeded) complain("ack: " + told.error().to_string());
            co_await here_.sleep(10ms);
        }
    }

    /// A consumer as it is written in haste.
    asio::awaitable<void> reads_plainly(place& here, int me) {
        std::string const name = "c" + std::to_string(me);
        umbel::client const own = here_.client(own_options());
        scoped_client const db = own.with(5s);
        while (reading_) {
            auto reading = db.xreadgroup_block("g", name, here.key, command::stream_ids::undelivered, 200ms,
                                               {.count = plan_.reads.count});
            result<stream_batch<delivered_entry<>>> const told = co_await std::move(reading);
            if (!told && cluster::lacks_group(told.error().message())) {
                auto making =
                    db.xgroup_create(here.key, "g", command::stream_ids::start, {.make_stream = true});
                co_await std::move(making);
            }
            if (!told) co_await here_.sleep(10ms);
            std::vector<std::string> ids;
            if (told)
                for (auto const& [stream, entries] : told->streams)
                    for (auto const& each : entries) {
                        if (each.fields) give(here, each.id, *each.fields);
                        ids.push_back(each.id);
                    }
            while (!ids.empty() && reading_) {
                auto acking = db.xack(here.key, "g", ids);
                if (co_await std::move(acking)) break;
                co_await here_.sleep(10ms);
            }
        }
    }

    readers const how_;
    stream_plan const plan_;
    std::deque<place> places_;
    std::vector<std::string> addresses_;
    std::map<std::string, engine::instant> added_;  ///< By text: when it was executed last.
    stream_verdict found_;
    stage here_;
    umbel::client db_;
    simulation::fault_plan faults_;
    unsigned users_ = 0;
    unsigned producers_ = 0;  ///< Of these.
    bool adding_ = true;
    bool reading_ = true;
    bool calm_ = false;  ///< Nobody dies any more.
};

}  // namespace umbel::test
