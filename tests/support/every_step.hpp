// every_step.hpp: one scripted scenario played again and again, each time with one thing going wrong at one
// place: a step that fails, a call cancelled, a piece split, a connection cut at one byte of a request or a
// reply. It knows what must be true whatever happens.
#pragma once

#include "support/script.hpp"

#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace umbel::test {

/// What a node answers to a command, once; afterwards, and to everything else, it answers as a good server
/// would.
struct rule {
    std::string node;
    std::string command;
    std::string reply;
};

struct scenario_call {
    std::string command;
    std::string value;  ///< What a good server answers.
    call_options options{};
};

struct scenario {
    std::vector<scenario_call> calls;
    std::vector<rule> rules{};
    std::string layout = usual_layout();
    script_options options{};
    std::size_t stride = 1;  ///< Between the bytes at which things go wrong.
    std::function<void(script&)> afterwards = [](script&) {};
};

/// The one thing that goes wrong in one performance.
struct mishap {
    enum class kind : std::uint8_t {
        none,
        fail,
        freeze,
        cancel,
        split,
        trickle,
        cut_reply,
        cut_request,
        cancel_in_request
    };
    kind what = kind::none;
    std::size_t at = 0;  ///< The step, or the byte.
    std::size_t call = 0;
    std::string node{};

    std::string to_string() const {
        static constexpr char const* names[] = {
            "nothing",           "fail step",           "freeze at step",
            "cancel at step",    "split at reply byte", "trickle",
            "cut at reply byte", "cut at request byte", "cancel at request byte"};
        return std::string{names[static_cast<std::size_t>(what)]} + " " + std::to_string(at) + ", call " +
               std::to_string(call) + " " + node;
    }
};

/// Plays a scenario once, all servers included.
class performance {
public:
    performance(scenario const& play, mishap const& wrong)
        : play_{play}, wrong_{wrong}, rules_{play.rules}, script_{options_of(play)} {
        arm();
        for (auto const& call : play.calls) {
            lent_.push_back(std::make_unique<std::string>(call.options.lent));
            call_options options = call.options;
            if (!lent_.back()->empty()) options.lent = *lent_.back();
            if (options.timeout == engine::duration{}) options.timeout = 3s;
            calls_.push_back(script_.start(call.command, options));
        }
    }

    void run() {
        engine::instant const end = script_.now() + 6s;
        while (script_.now() < end && !all_done()) {
            arm();
            fire();
            hear();
            if (!connect_one() && !deliver_one()) script_.doze();
        }
        check();
    }

    std::size_t steps() const noexcept { return steps_; }
    std::size_t reply_bytes() const noexcept { return reply_bytes_; }
    std::map<std::string, std::size_t> const& request_bytes() const noexcept { return request_bytes_; }
    bool all_good() const {
        return std::all_of(calls_.begin(), calls_.end(), [](started const& one) { return one.good(); });
    }

private:
    struct server {
        unsigned connection = 0;
        std::string unread{};
        std::string replies{};
        bool queues = false;   ///< MULTI has come.
        bool flagged = false;  ///< A command was refused since.
        std::string queued{};  ///< Its commands, as the scenario writes them.
    };
    using kind = mishap::kind;

    static script_options options_of(scenario const& play) {
        script_options options = play.options;
        options.connects_by_itself = options.boots;
        return options;
    }

    bool all_done() const {
        return std::all_of(calls_.begin(), calls_.end(), [](started const& one) { return one.done(); });
    }
    bool happens(kind what, std::size_t at) const { return wrong_.what == what && wrong_.at == at; }

    /// The kernel stops taking bytes where the mishap says so, from the connection on.
    void arm() {
        script_.connects_by_itself(false);
        bool const wanted = wrong_.what == kind::cut_request || wrong_.what == kind::cancel_in_request;
        if (!wanted || armed_) return;
        if (script_.connected(wrong_.node) || script_.dials(wrong_.node)) {
            std::size_t const taken = request_bytes_[wrong_.node];
            if (wrong_.at >= taken) script_.block(wrong_.node, wrong_.at - taken);
            armed_ = true;
        }
    }
    /// The kernel has taken so many bytes and no more.
    void fire() {
        if (fired_ || !armed_ || !script_.connected(wrong_.node) || script_.takes(wrong_.node) != 0) return;
        fired_ = true;
        if (wrong_.what == kind::cut_request) return script_.cut(wrong_.node);
        give_up(wrong_.call);
        script_.unblock(wrong_.node);
    }

    void give_up(std::size_t which) {
        script_.cancel(calls_[which]);
        // The lender may do with its memory what it likes as soon as the call has completed.
        if (calls_[which].done()) lent_[which]->assign(lent_[which]->size(), '!');
    }

    /// Servers read what was written and lay their replies ready.
    void hear() {
        for (sent seen = script_.next(); !(seen == nothing); seen = script_.next()) {
            server& peer = servers_[seen.to];
            if (peer.connection != seen.connection) peer = server{.connection = seen.connection};
            peer.unread += seen.bytes;
            request_bytes_[seen.to] += seen.bytes.size();
            for (std::string command = take_command(peer.unread); !command.empty();
                 command = take_command(peer.unread))
                peer.replies += answer_of(peer, seen.to, command);
        }
    }
    static std::string take_command(std::string& unread) {
        std::size_t at = unread.find("\r\n");
        if (at == std::string::npos) return {};
        std::string words;
        std::size_t const count = std::stoul(unread.substr(1, at - 1));
        at += 2;
        for (std::size_t word = 0; word < count; ++word) {
            std::size_t const line = unread.find("\r\n", at);
            if (line == std::string::npos) return {};
            std::size_t const size = std::stoul(unread.substr(at + 1, line - at - 1));
            if (unread.size() < line + 2 + size + 2) return {};
            words += (word == 0 ? "" : " ") + unread.substr(line + 2, size);
            at = line + 2 + size + 2;
        }
        unread.erase(0, at);
        return words;
    }
    /// A server that queues between MULTI and EXEC; rules may name a queued command, or what EXEC runs.
    std::string answer_of(server& peer, std::string const& node, std::string const& command) {
        if (command == "MULTI") {
            peer.queues = true;
            return "+OK\r\n";
        }
        if (!peer.queues) return answer(node, command);
        if (command != "EXEC") {
            peer.queued += (peer.queued.empty() ? "" : " ; ") + command;
            auto const refused = rule_for(node, command);
            if (refused == rules_.end()) return "+QUEUED\r\n";
            peer.flagged = true;
            std::string reply = refused->reply;
            rules_.erase(refused);
            return reply;
        }
        std::string const whole = std::exchange(peer.queued, {});
        peer.queues = false;
        if (!std::exchange(peer.flagged, false)) return answer(node, whole);
        ++received_[whole];
        return "-EXECABORT Transaction discarded because of previous errors.\r\n";
    }
    std::vector<rule>::iterator rule_for(std::string const& node, std::string const& command) {
        return std::find_if(rules_.begin(), rules_.end(),
                            [&](rule const& one) { return one.node == node && one.command == command; });
    }
    std::string answer(std::string const& node, std::string const& command) {
        ++received_[command];
        auto const special = rule_for(node, command);
        if (special != rules_.end()) {
            std::string reply = special->reply;
            rules_.erase(special);
            if (reply.front() != '-') ++executed_[command];
            return reply;
        }
        if (command == "CLUSTER SLOTS") return play_.layout;
        if (command == "PING") return "+PONG\r\n";
        for (auto const& call : play_.calls) {
            if (text_of(call) != command) continue;
            ++executed_[command];
            if (!call.options.transaction) return bulk(call.value);
            auto const values = words_of(call.value);
            std::string reply = "*" + std::to_string(values.size()) + "\r\n";
            for (std::string const& value : values) reply += bulk(value);
            return reply;
        }
        CHECK((command == "ASKING" || command == "READONLY" || command.starts_with("AUTH ")));
        return "+OK\r\n";
    }
    static std::string text_of(scenario_call const& one) {
        return one.options.lent.empty() ? one.command : one.command + " " + std::string{one.options.lent};
    }

    bool begin_step() {
        std::size_t const step = steps_++;
        if (happens(kind::cancel, step)) give_up(wrong_.call);
        return happens(kind::fail, step);
    }
    bool connect_one() {
        auto const waiting = script_.dialling();
        if (waiting.empty()) return false;
        std::string const& node = waiting.front();
        bool const fails = begin_step();
        if (!script_.dials(node)) return true;
        fails ? script_.refuse(node) : script_.connect(node);
        return true;
    }
    bool deliver_one() {
        for (auto& [node, one] : servers_) {
            bool const there = script_.connected(node) && script_.connection(node) == one.connection;
            if (!there) one.replies.clear();
            if (one.replies.empty() || node == frozen_) continue;
            bool const fails = begin_step();
            if (!script_.connected(node)) return true;
            if (happens(kind::freeze, steps_ - 1)) frozen_ = node;
            if (node == frozen_) return true;
            std::string const bytes = std::exchange(one.replies, {});
            fails ? script_.cut(node) : deliver(node, bytes);
            return true;
        }
        return false;
    }
    void deliver(std::string const& node, std::string const& bytes) {
        std::size_t const begin = reply_bytes_;
        reply_bytes_ += bytes.size();
        if (wrong_.what == kind::trickle) return script_.trickle(node, bytes);
        bool const here = wrong_.at >= begin && wrong_.at < reply_bytes_;
        bool const cuts = wrong_.what == kind::cut_reply;
        if (!here || !(cuts || wrong_.what == kind::split)) return script_.receive(node, bytes);
        std::size_t const part = wrong_.at - begin;
        script_.receive(node, std::string_view{bytes}.substr(0, part));
        if (!script_.connected(node)) return;
        if (cuts) return script_.cut(node);
        script_.pass(1ms);
        if (script_.connected(node)) script_.receive(node, std::string_view{bytes}.substr(part));
    }

    void check() {
        INFO(wrong_.to_string());
        for (std::size_t at = 0; at < calls_.size(); ++at) check(play_.calls[at], calls_[at]);
        // Nobody was ever sent bytes that its lender had taken back.
        for (auto const& [command, times] : received_) CHECK(command.find('!') == std::string::npos);
        if (wrong_.what == kind::none || wrong_.what == kind::split || wrong_.what == kind::trickle)
            CHECK(all_good());
        play_.afterwards(script_);
    }
    void check(scenario_call const& told, started const& one) {
        std::string const command = text_of(told);
        INFO(command << " -> " << one.value());
        CHECK(one.done());
        if (one.good()) {
            CHECK(one.value() == told.value);
            CHECK(executed_[command] >= 1);
        } else {
            switch (one.delivered()) {
                case delivery::not_sent: CHECK(received_[command] == 0); break;
                case delivery::not_executed: CHECK(executed_[command] == 0); break;
                case delivery::executed: CHECK(executed_[command] != 0); break;
                case delivery::unknown: break;
            }
        }
        cluster::attempt const lost{.delivery = delivery::unknown,
                                    .flags = one.call().flags,
                                    .unknown = play_.options.engine.judging.unknown};
        if (!lost.may_repeat()) CHECK(executed_[command] <= 1);
    }

    scenario const& play_;
    mishap const wrong_;
    std::vector<rule> rules_;
    std::vector<std::unique_ptr<std::string>> lent_;
    script script_;
    std::vector<started> calls_;
    std::map<std::string, server> servers_;
    std::map<std::string, std::size_t> request_bytes_;
    std::map<std::string, unsigned> received_;
    std::map<std::string, unsigned> executed_;
    std::string frozen_;
    std::size_t steps_ = 0;
    std::size_t reply_bytes_ = 0;
    bool armed_ = false;
    bool fired_ = false;
};

/// Plays a scenario undisturbed, then once with every mishap at every place. Returns the number of
/// performances.
inline std::size_t play_every_step(scenario const& play) {
    using kind = mishap::kind;
    std::size_t played = 0;
    auto const perform = [&](mishap const& wrong) {
        performance one{play, wrong};
        one.run();
        ++played;
        return std::tuple{one.steps(), one.reply_bytes(), one.request_bytes()};
    };
    auto const [steps, reply_bytes, request_bytes] = perform({});
    perform({.what = kind::trickle});
    for (std::size_t step = 0; step < steps; ++step) {
        perform({.what = kind::fail, .at = step});
        perform({.what = kind::freeze, .at = step});
        for (std::size_t call = 0; call < play.calls.size(); ++call)
            perform({.what = kind::cancel, .at = step, .call = call});
    }
    for (std::size_t byte = 0; byte < reply_bytes; byte += play.stride) {
        perform({.what = kind::split, .at = byte});
        perform({.what = kind::cut_reply, .at = byte});
    }
    for (auto const& [node, bytes] : request_bytes) {
        for (std::size_t byte = 0; byte <= bytes; byte += play.stride) {
            perform({.what = kind::cut_request, .at = byte, .node = node});
            for (std::size_t call = 0; call < play.calls.size(); ++call)
                perform({.what = kind::cancel_in_request, .at = byte, .call = call, .node = node});
        }
    }
    return played;
}

}  // namespace umbel::test
