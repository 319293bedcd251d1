// model_node.hpp: one server as its clients see it: connections and their state, redirections, refusals,
// commands. What it believes of the cluster comes from its view; how that changes is the bus's business
// (model_bus.hpp).
#pragma once

#include <umbel/testing/ledger.hpp>
#include <umbel/testing/model_blocked.hpp>
#include <umbel/testing/model_command_info.hpp>
#include <umbel/testing/model_request.hpp>
#include <umbel/testing/model_routing.hpp>
#include <umbel/testing/model_scan.hpp>
#include <umbel/testing/model_session.hpp>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <map>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

namespace umbel::testing {

/// One server.
class model_node final : public listener {
public:
    enum class state : std::uint8_t { running, frozen, crashed };

    /// What a command that changed keys is reported to.
    using on_change = std::function<void(model_node&, std::vector<std::string> const&)>;

    model_node(timeline& on, model_options const& configured, ledger& noted_in, node_number number)
        : time{on}, options{configured}, book{noted_in} {
        view.self = number;
        view.style = configured.style;
    }

    timeline& time;
    model_options const& options;
    ledger& book;
    model_view view;
    model_store store;
    state is = state::running;
    bool foreign = false;  ///< Another server, not of this cluster.
    bool cut_from_clients = false;
    bool paused = false;      ///< A manual failover holds its clients back.
    bool holds_back = false;  ///< The end of a move of slots at one instant holds its clients back.
    bool held = false;        ///< Maintenance behind its connections does.
    bool loading = false;
    unsigned process = 0;        ///< Grows with each start.
    duration slow{0};            ///< Its replies take at least so long.
    instant cut_off_at{0};       ///< When it last saw no majority.
    unsigned junk_next = 0;      ///< So many of the next replies come behind junk.
    unsigned refuse_next = 0;    ///< So many of the next commands are refused with `refusal`.
    std::string refusal;         ///< Empty: MOVED to this node.
    bool forbids_info = false;   ///< Its users may not ask COMMAND INFO.
    bool forbids_multi = false;  ///< Its users may not say MULTI; the commands behind it run one by one.
    model_script_cache cached_scripts;
    on_change changed;

    // Replication and election, kept by the bus.
    bool link_up = false;
    bool syncing = false;
    std::uint64_t sync_number = 0;
    std::uint64_t repl_sent = 0;
    std::uint64_t repl_applied = 0;
    bool may_know_more = false;  ///< It has been a primary since it last took a copy.
    bool forced = false;
    instant election_at = engine::never;
    std::uint64_t election_epoch = 0;
    unsigned votes = 0;
    std::uint64_t last_vote_epoch = 0;
    std::map<node_number, instant> voted_at;
    std::map<node_number, std::tuple<std::uint64_t, std::uint64_t, std::uint64_t>> heard_claims;
    std::vector<std::function<void()>> bus_backlog;

    node_number number() const noexcept { return view.self; }
    bool primary() const { return view.me().primary; }

    /// Rule: redis-server cluster.c, clusterUpdateState().
    bool cluster_ok() {
        if (!view.sees_majority()) {
            cut_off_at = time.now();
            return false;
        }
        if (!view.covered()) return false;
        return !primary() || time.now() - cut_off_at >= options.rejoin_delay;
    }

    // ---- listener -------------------------------------------------------------------------------

    /// For a process that is frozen the kernel accepts.
    answer knocked() override { return is == state::crashed ? answer::refuses : answer::accepts; }
    void accepted(std::shared_ptr<stream> const& from) override {
        session& opened = sessions_[from->number()];
        opened.wire = from;
        opened.authenticated = options.password.empty() && !options.lets_in;
    }
    void arrived(std::shared_ptr<stream> const& from) override {
        if (is == state::running) serve(from->number());
    }
    bool unreachable() const override { return cut_from_clients; }
    duration slowness() const override { return slow; }

    /// Serves whatever waits: after a thaw, a pause or an end of loading.
    void serve_all() {
        std::vector<std::uint64_t> numbers;
        for (auto const& [number, unused] : sessions_) numbers.push_back(number);
        for (std::uint64_t const number : numbers) serve(number);
    }
    /// Ends all connections, or those up to this one.
    void hang_up_all(bool drop_replies, std::uint64_t last = UINT64_MAX) {
        for (auto at = sessions_.begin(); at != sessions_.end() && at->first <= last;) {
            at->second.wire->end(drop_replies);
            if (blocked_.holds(at->first)) blocked_.take(at->first);
            at = sessions_.erase(at);
        }
    }
    /// Calls `take(model_session&)` for each connection, the oldest first.
    template <class Take>
    void each_session(Take&& take) {
        for (auto& [number, open] : sessions_) take(open);
    }
    std::size_t session_count() const noexcept { return sessions_.size(); }
    std::size_t blocked_count() const noexcept { return blocked_.all().size(); }
    /// Commands that reached execution or a redirect, by name in lower case.
    std::uint64_t counted(std::string_view name) const {
        auto const at = counters_.find(name);
        return at == counters_.end() ? 0 : at->second;
    }

private:
    using session = model_session;

    void serve(std::uint64_t number) {
        auto const at = sessions_.find(number);
        if (at == sessions_.end()) return;
        session& served = at->second;
        std::string out;
        // A server that runs reads what has come, also half a command and also while its clients are paused.
        bool const took = !served.wire->unread().empty();
        served.bytes.append(std::exchange(served.wire->unread(), {}));
        std::string& bytes = served.bytes;
        std::size_t from = 0;
        bool nonsense = false;
        model_words words;
        while (!paused && !holds_back && !held && is == state::running && !blocked_.holds(number)) {
            auto const found = request_reader::take(bytes, from, words);
            if (found == request_reader::found::command) {
                if (junk_next != 0 && --junk_next == 0) out += std::string{"\x01junk\x00\r\n", 8};
                out += answer_to(served, words);
                continue;
            }
            nonsense = found == request_reader::found::nonsense;
            break;
        }
        bytes.erase(0, from);
        std::shared_ptr<stream> const wire = served.wire;
        wire->send(out);
        if (nonsense) wire->send(wire::error("ERR Protocol error: expected '$'"));
        if (nonsense) wire->end(false);
        if (took) wire->consumed();
        if (wire->ended() || nonsense) {
            if (blocked_.holds(number)) blocked_.take(number);
            sessions_.erase(number);
        }
        serve_blocked();
    }

    // ---- Clients that wait ----------------------------------------------------------------------

    void block(session const& from, model_call const& call, bool asking) {
        blocked_.add({from.wire->number(), call, waits_until(call, time.now()), asking});
        watch_blocked(from.wire->number());
    }
    /// What a client waits for may have come.
    void serve_blocked() {
        if (is != state::running || !primary() || paused || holds_back || held) return;
        while (std::uint64_t const number = blocked_.servable(store)) {
            blocked_client const waiting = blocked_.take(number);
            session& served = sessions_.at(number);
            std::vector<std::string> written;
            if (served.wire->ended() && sessions_.erase(number) != 0) continue;
            unblock(number, end_of_wait(served, waiting, written));
            if (!written.empty()) note_writes(written);
        }
    }
    /// Rule: redis-server 7.0 t_stream.c and blocked.c, unblockDeletedStreamReadgroupClients(); since 7.2 the
    /// command runs again, redirections included.
    std::string end_of_wait(session const& from, blocked_client const& waiting,
                            std::vector<std::string>& written) {
        model_keys keys;
        keys.add(*waiting.call.which, waiting.call.words);
        bool const gone = waiting.call.which->name == "xreadgroup" && keys.missing_in(store) != 0;
        if (gone && !options.runs_waits_again) return wire::error(stream_is_gone);
        std::string const line = gone ? redirection(from, keys, waiting.asking) : std::string{};
        return line.empty() ? run(from, *waiting.call.which, waiting.call.words, written) : wire::error(line);
    }
    /// The wait of a client is over: it gets its reply, and what stands behind.
    void unblock(std::uint64_t number, std::string const& reply) {
        sessions_.at(number).wire->send(reply);
        time.soon([this, number] { serve(number); });
    }
    /// Looks after one client that waits, from time to time. Rule: redis-server 7 blocked.c,
    /// disconnectAllBlockedClients(); cluster.c, clusterRedirectBlockedClientIfNeeded(); timeout.c.
    void watch_blocked(std::uint64_t number) {
        time.in(std::chrono::milliseconds{20}, [this, number] {
            serve_blocked();  // A key may have come, or gone, without a command.
            if (!blocked_.holds(number)) return;
            if (is != state::running) return watch_blocked(number);
            auto const at = std::find_if(blocked_.all().begin(), blocked_.all().end(),
                                         [number](auto const& one) { return one.session == number; });
            session& waiting = sessions_.at(number);
            if (!primary()) {
                blocked_.take(number);
                waiting.wire->send(wire::error(became_replica));
                waiting.wire->end(false);
                return void(sessions_.erase(number));
            }
            model_keys keys;
            keys.add(*at->call.which, at->call.words);
            std::string const line = redirection(waiting, keys, at->asking);
            bool const over = at->until <= time.now();
            if (!over && (line.empty() || line.starts_with("ASK") || line.starts_with("TRYAGAIN")))
                return watch_blocked(number);
            blocked_.take(number);
            unblock(number, over ? nothing_came(waiting) : wire::error(line));
        });
    }
    /// CLIENT UNBLOCK of a client that waits here.
    bool end_wait(std::uint64_t number) {
        if (!blocked_.holds(number)) return false;
        blocked_.take(number);
        return unblock(number, nothing_came(sessions_.at(number))), true;
    }

    std::string answer_to(session& from, model_words const& words) {
        std::string text = reply_to(from, words);
        time.note([&] {
            std::string line =
                "node " + std::to_string(number()) + " #" + std::to_string(from.wire->number()) + "  ";
            for (std::string const& word : words) line += word.substr(0, 40) + ' ';
            line += "-> " + text.substr(0, 60);
            for (char& letter : line)
                if (letter == '\r' || letter == '\n') letter = '|';
            return line;
        });
        return text;
    }

    std::string reply_to(session& from, model_words const& words) {
        std::string name = words[0];
        for (char& letter : name)
            letter = letter >= 'A' && letter <= 'Z' ? static_cast<char>(letter + 32) : letter;
        // ASKING holds for one command, or until EXEC. Rule: redis-server 7 networking.c, resetClient().
        bool const asking = from.asking;
        if (!from.transaction.open && name != "multi") from.asking = false;
        ++counters_[name];
        if (name == "hello") return greet(from, words, options, primary(), time.now());
        if (name == "auth") return authenticate(from, words.back(), options, time.now());
        if (!is_let_in(from, options, time.now())) return wire::error("NOAUTH Authentication required.");
        if (name == "asking") return from.asking = true, wire::simple("OK");
        if (name == "readonly" || name == "readwrite")
            return from.readonly = name == "readonly", wire::simple("OK");
        if (name == "client") return client(from, words);
        if (name == "cluster" && !from.transaction.open)
            return tell_of_cluster(from, words, options, view, time.now());
        if (name == "select") return wire::simple("OK");
        if (name == "command" && forbids_info)
            return wire::error("NOPERM User default has no permissions to run the 'command|info' command");
        if (name == "command") return command_info_reply(words, from.resp3);
        if (name == "multi" && forbids_multi)
            return wire::error("NOPERM User default has no permissions to run the 'multi' command");
        if (name == "multi") return from.transaction.open = true, wire::simple("OK");
        if (name == "discard" && from.transaction.open) return from.transaction.take(), wire::simple("OK");
        if (name == "exec") return execute_queued(from, std::exchange(from.asking, false));
        std::string reply = data(from, words, asking);
        if (from.transaction.open && reply.front() == '-') from.transaction.flagged = true;
        return reply;
    }

    std::string client(session& from, model_words const& words) {
        if (words.size() > 1 && same_word(words[1], "id"))
            return wire::integer(static_cast<std::int64_t>(from.wire->number()));
        if (words.size() > 2 && same_word(words[1], "unblock"))
            return wire::integer(end_wait(std::strtoull(words[2].c_str(), nullptr, 10)) ? 1 : 0);
        return set_client(from, words, options);
    }

    std::string data(session& from, model_words const& words, bool asking) {
        model_command const* const which = find_model_command(words[0]);
        if (!which) return wire::error("ERR unknown command '" + words[0] + "', with args beginning with: ");
        bool const fits = which->arity < 0 ? static_cast<int>(words.size()) >= -which->arity
                                           : static_cast<int>(words.size()) == which->arity;
        if (!fits)
            return wire::error("ERR wrong number of arguments for '" + std::string{which->name} +
                               "' command");
        model_keys keys;
        keys.add(*which, words);
        if (std::string const line = redirection(from, keys, asking); !line.empty()) return wire::error(line);
        if (!keys.names.empty() && refuse_next != 0) {
            --refuse_next;
            return wire::error(refusal.empty() ? moved_to_itself(from, keys) : refusal);
        }
        if (std::string const line = unfit(keys); !line.empty()) return wire::error(line);
        if (from.transaction.open) {
            if (which->name == "watch") return wire::error("ERR Command not allowed inside a transaction");
            from.transaction.queued.push_back({which, words});
            return wire::simple("QUEUED");
        }
        if (which->name == "watch") from.transaction.watch(keys.names, store);
        if (which->name == "unwatch") from.transaction.watched.clear();
        std::vector<std::string> written;
        std::string reply = run(from, *which, words, written);
        if (!written.empty()) note_writes(written);
        if (reply.empty()) block(from, {which, words}, asking);
        return reply;
    }
    /// EXEC. Rule: redis-server 7 server.c, processCommand(), and multi.c, execCommand(): a redirect first,
    /// then a refusal of what is queued, then an error met before.
    std::string execute_queued(session& from, bool asking) {
        if (!from.transaction.open) return wire::error("ERR EXEC without MULTI");
        model_transaction const whole = from.transaction.take();
        model_keys keys;
        for (model_call const& call : whole.queued) keys.add(*call.which, call.words);
        if (std::string const line = redirection(from, keys, asking); !line.empty()) return wire::error(line);
        if (std::string const line = unfit(keys); !line.empty())
            return wire::error("EXECABORT Transaction discarded because of: " + line);
        if (whole.flagged) return wire::error("EXECABORT Transaction discarded because of previous errors.");
        if (whole.has_changed(store)) return nothing_came(from);
        std::string reply = wire::array(whole.queued.size());
        std::vector<std::string> written;
        for (model_call const& call : whole.queued) {
            std::string const told = run(from, *call.which, call.words, written, true);
            reply += told.empty() ? nothing_came(from) : told;
        }
        if (!written.empty()) note_writes(written);
        return reply;
    }
    /// The error line of a node that is not fit to serve these keys; empty where it is.
    std::string unfit(model_keys const& keys) const {
        bool const copies = !primary();
        if (copies && keys.write) return "READONLY You can't write against a read only replica.";
        if (copies && !link_up && !options.serves_stale && !keys.stale)
            return "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.";
        if (loading && !keys.stale) return "LOADING Redis is loading the dataset in memory";
        return {};
    }
    std::string run(session const& from, model_command const& which, model_words const& words,
                    std::vector<std::string>& written, bool queued = false) {
        if (primary())
            for (std::size_t const at : keys_in(which, words))
                book.turned_to(words[at], history_of(store, words[at]), time.now());
        if (which.name == "cluster") return tell_of_cluster(from, words, options, view, time.now());
        if (which.name == "info")
            return info_reply({number(), process}, {view.my_primary(), sync_number}, from.resp3);
        if (which.name.ends_with("scan"))
            return scan_reply(store, words, process * 1000u + static_cast<unsigned>(number()));
        model_outcome made = which.name.starts_with("eval")
                                 ? run_script(options.scripts, cached_scripts, store, words, time.now())
                             : which.name.starts_with("x")
                                 ? stream_executor{store, from.resp3, time.now()}.run(which, words)
                                 : model_executor{store, from.resp3}.run(which, words);
        if (made.reply.empty()) return {};  // It must wait, and nothing has happened.
        written.insert(written.end(), made.changed.begin(), made.changed.end());
        book.executed({time.now(), number(), which.write, primary(), from.readonly, foreign, words,
                       made.reply, queued});
        return std::move(made.reply);
    }

    void note_writes(std::vector<std::string> const& keys) {
        may_know_more = true;
        for (std::string const& key : keys) {
            if (auto const at = store.find(key); at != store.end())
                at->second.history = book.wrote(time.now(), at->second.history);
            else
                book.deleted(key);
            book.left(key, history_of(store, key));
        }
        if (changed) changed(*this, keys);
    }

    std::string redirection(session const& from, model_keys const& keys, bool asking) {
        return redirection_line(view, store, from, keys, asking, [this] { return cluster_ok(); });
    }

    /// As one name before several servers makes it look.
    std::string moved_to_itself(session const& from, model_keys const& keys) const {
        return "MOVED " + std::to_string(keys.slot) + ' ' +
               topology_words{view, from.resp3}.target(view.self);
    }

    std::map<std::uint64_t, session> sessions_;
    blocked_clients blocked_;
    std::map<std::string, std::uint64_t, std::less<>> counters_;
};

}  // namespace umbel::testing
