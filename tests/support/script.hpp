// script.hpp: a client's engine and links driven by hand, on explicit virtual time: what goes out is compared, what comes in is said.
// It knows no server: a test plays all of them. It does what a driver does and nothing more.
#pragma once

#include <umbel/engine/engine.hpp>
#include <umbel/engine/link.hpp>

#include "support/script_setting.hpp"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace umbel::test {

using namespace std::chrono_literals;

/// Called with true before the engine is entered and with false afterwards: for tests that let memory run out in there.
inline void (*engine_watch)(bool inside) = [](bool) {};
struct watched {
    watched() { engine_watch(true); }
    watched(watched const&) = delete;
    watched& operator=(watched const&) = delete;
    ~watched() { engine_watch(false); }
};

class script {
public:
    /// One end of one connection.
    struct peer {
        peer(engine::pipeline_options const& pipeline, engine::link_options const& timing, engine::link_id number)
            : link{pipeline, timing, nullptr}, id{number} {}

        engine::link link;
        engine::link_id id;
        std::uint32_t generation = 0;
        std::string address;
        bool dialling = false;
        bool connected = false;
        bool draining = false;
        std::size_t takes = SIZE_MAX;  ///< Bytes the kernel takes before it blocks.
        unsigned connections = 0;
    };

    explicit script(script_options options = {}) : options_{std::move(options)}, engine_{options_.engine, {this, &script::settled}, {this, &script::requests}} {
        engine_.start(now_);
        carry_out();
        if (!options_.boots) return;
        run();
        REQUIRE(next() == sent{a, "CLUSTER SLOTS"});
        receive(a, usual_layout());
    }
    script(script const&) = delete;
    script& operator=(script const&) = delete;
    /// Ends the client: whatever is still pending completes, and everything has completed exactly once.
    ~script() {
        engine_.close(now_);
        carry_out();
        for (auto& [key, one] : peers_) {
            one->link.pipe().dismiss(errc::cancelled);
            deliver(*one);
        }
        run();
        for (auto const& one : calls_) {
            INFO(one->command);
            CHECK(one->answers == 1);
            CHECK(one->completions == 1);
        }
    }

    // ---- What a user does ---------------------------------------------------------------------------------------------

    started start(std::string_view command, call_options const& options = {}) {
        scripted_call& one = *calls_.emplace_back(std::make_unique<scripted_call>(command, options));
        return submit(one);
    }
    /// As net does it: routed by the table, straight onto a link that has one, else stranded in the engine.
    started submit(scripted_call& one) {
        engine::link_id const to = engine_.routes().route(one, turn_++);
        one.table_version = engine_.routes().version();
        peer* const there = to ? find(to) : nullptr;
        if (there) one.link = to;
        there ? take(*there, one) : strand(one);
        if (there) serve(*there);
        run();
        return started{one};
    }
    void cancel(started const& which) {
        engine::cancel_token& token = which.call().cancellation;
        token.wanted = true;
        std::uint32_t const owner = token.owner;
        if (owner == engine::cancel_token::engine) {
            engine_.cancel(*token.target);
            carry_out();
        } else if (owner != engine::cancel_token::nobody) {
            for (auto& [key, one] : peers_)
                if (engine::cancel_token::of(one->id) == owner) one->link.pipe().cancel(*token.target), serve(*one);
        }
        run();
    }

    // ---- What the network does ------------------------------------------------------------------------------------------

    /// The oldest gathered write not yet looked at; `nothing` when there is none.
    sent next() {
        if (written_.empty()) return nothing;
        sent first = std::move(written_.front());
        written_.pop_front();
        return first;
    }
    /// Bytes arrive, as one piece.
    void receive(std::string_view node, std::string_view bytes) {
        peer& one = at(node);
        INFO(node);
        REQUIRE(one.connected);
        while (!bytes.empty() && one.connected) {
            auto const room = one.link.space();
            std::size_t const part = std::min(room.size(), bytes.size());
            std::copy_n(bytes.data(), part, room.data());
            one.link.arrived(part, now_);
            bytes.remove_prefix(part);
            serve(one);
        }
        run();
    }
    /// Bytes arrive one by one.
    void trickle(std::string_view node, std::string_view bytes) {
        for (char const byte : bytes) receive(node, std::string_view{&byte, 1});
    }
    bool dials(std::string_view node) { return exists(node) && at(node).dialling; }
    bool connected(std::string_view node) { return exists(node) && at(node).connected; }
    void connect(std::string_view node) {
        peer& one = at(node);
        REQUIRE(one.dialling);
        accept(one);
        run();
    }
    void refuse(std::string_view node) {
        REQUIRE(at(node).dialling);
        lose(at(node), errc::connect_failed, "Connection refused");
        run();
    }
    void cut(std::string_view node) {
        REQUIRE(at(node).connected);
        lose(at(node), errc::connection_lost, "the node closed the connection");
        run();
    }
    /// From now on the kernel takes only `bytes` more of what is written to this node.
    void block(std::string_view node, std::size_t bytes) { at(node).takes = bytes; }
    void unblock(std::string_view node) {
        at(node).takes = SIZE_MAX;
        serve(at(node));
        run();
    }
    void connects_by_itself(bool whether) { options_.connects_by_itself = whether; }

    /// Lets time go by; whatever falls due happens in order. A client that spins fails the test.
    void pass(engine::duration span) {
        engine::instant const until = now_ + span;
        for (unsigned steps = 0; due() <= until; ++steps) {
            REQUIRE(steps < 10000);
            now_ = std::max(now_, due());
            ++ticks_;
            {
                watched const inside;
                engine_.tick(now_);
            }
            carry_out();
            for (auto& [key, one] : peers_) {
                if (one->link.next_due() > now_) continue;
                if (!one->link.tick(now_)) lose(*one, one->link.why(), one->link.message());
                if (one->link.doubts()) events_.push_back(engine::refresh_wanted{one->id});
                serve(*one);
            }
            run();
        }
        now_ = until;
    }

    /// Reports an event as a driver might.
    void happens(engine::event&& what) {
        events_.push_back(std::move(what));
        run();
    }

    /// Lets time go by until something is due, at most 50 ms.
    void doze() { pass(std::clamp(due() - now_, engine::duration{1ms}, engine::duration{50ms})); }

    // ---- What can be looked at --------------------------------------------------------------------------------------------

    engine::engine& core() noexcept { return engine_; }
    cluster::slot_table const& table() const noexcept { return engine_.routes().table(); }
    std::uint16_t number(std::string_view node) const { return engine_.nodes().find(*cluster::endpoint::parse(node, 6379)); }
    /// The address of the primary that the table names for a slot; empty when it names none.
    std::string owner(unsigned slot) const {
        std::uint16_t const found = table().primary_of(cluster::slot{static_cast<std::uint16_t>(slot)});
        return found == cluster::no_node ? std::string{} : engine_.nodes()[found].name;
    }
    engine::link& link(std::string_view node) { return at(node).link; }
    engine::pipeline& pipe(std::string_view node) { return at(node).link.pipe(); }
    engine::handshake_plan const& plan(std::string_view node) { return plans_[std::string{node}]; }
    engine::instant now() const noexcept { return now_; }
    unsigned ticks() const noexcept { return ticks_; }
    std::vector<engine::action> const& notices() const noexcept { return notices_; }
    unsigned connection(std::string_view node) { return at(node).connections; }
    std::size_t takes(std::string_view node) { return at(node).takes; }
    /// Addresses that are being dialled.
    std::vector<std::string> dialling() {
        std::vector<std::string> all;
        for (auto& [key, one] : peers_)
            if (one->dialling) all.push_back(one->address);
        return all;
    }
    /// Attempts to connect so far.
    unsigned dialled() const noexcept { return dialled_; }

private:
    static void settled(void* self, engine::call& one) { static_cast<script*>(self)->events_.push_back(engine::query_settled{&one}); }
    static std::uint64_t requests(void* self) {
        std::uint64_t all = 0;
        for (auto& [key, one] : static_cast<script*>(self)->peers_) all += one->link.pipe().counters().requests();
        return all;
    }
    static unsigned key_of(engine::link_id id) noexcept { return engine::cancel_token::of(id); }

    peer* find(engine::link_id id) {
        auto const found = peers_.find(key_of(id));
        return found == peers_.end() ? nullptr : found->second.get();
    }
    peer* seek(std::string_view node) {
        for (auto& [key, one] : peers_)
            if (one->address == node) return one.get();
        return nullptr;
    }
    bool exists(std::string_view node) { return seek(node) != nullptr; }
    peer& at(std::string_view node) {
        INFO("no connection was ever opened to " << node);
        REQUIRE(exists(node));
        return *seek(node);
    }
    engine::instant due() {
        engine::instant soonest = engine_.next_due();
        for (auto& [key, one] : peers_) soonest = std::min(soonest, one->link.next_due());
        return soonest;
    }

    void strand(engine::call& one) {
        engine::calls_stranded event;
        event.calls.push(one);
        events_.push_back(std::move(event));
    }
    void take(peer& there, engine::call& one) {
        if (there.link.now_is() == engine::link::state::idle) return strand(one);
        there.link.accept(one, now_);
    }

    /// Lets the engine hear what has happened until all is quiet.
    void run() {
        for (unsigned rounds = 0; !events_.empty(); ++rounds) {
            REQUIRE(rounds < 100000);
            engine::event first = std::move(events_.front());
            events_.pop_front();
            {
                watched const inside;
                engine_.handle(std::move(first), now_);
            }
            carry_out();
        }
    }
    void carry_out() {
        for (engine::action& what : std::exchange(engine_.actions(), {})) {
            if (auto* const opens = std::get_if<engine::open_link>(&what)) open(*opens);
            else if (auto* const closes = std::get_if<engine::close_link>(&what)) close(*closes);
            else notices_.push_back(std::move(what));
        }
        std::vector<peer*> called;
        while (engine::call* const one = engine_.outgoing().pop()) {
            peer* const there = find(one->link);
            if (std::find(called.begin(), called.end(), there) == called.end()) called.push_back(there);
            take(*there, *one);
        }
        for (peer* const there : called) serve(*there);
        while (engine::call* const one = engine_.finished().pop()) one->kind->complete(*one);
    }
    void open(engine::open_link& what) {
        auto& place = peers_[key_of(what.link)];
        engine::link_options timing = options_.link;
        timing.meter = engine_.routes().meter_of(what.link.node);
        if (!place) place = std::make_unique<peer>(options_.pipeline, timing, what.link);
        peer& one = *place;
        one.address = what.where.to_string() + (what.link.mode == engine::link_mode::replica ? "/replica" : "");
        if (what.link.loop != 0) one.address += "#" + std::to_string(what.link.loop);
        one.generation = what.generation;
        one.draining = false;
        one.dialling = true;
        plans_[one.address] = what.plan;
        ++dialled_;
        one.link.connecting(std::move(what.plan), what.where.to_string(), what.link, now_, what.kind);
        if (options_.connects_by_itself) accept(one);
    }
    void close(engine::close_link const& what) {
        peer* const one = find(what.link);
        if (!one || one->generation != what.generation) return;
        one->draining = true;
        serve(*one);
    }
    void accept(peer& one) {
        one.dialling = false;
        one.connected = true;
        ++one.connections;
        one.link.connected(now_);
        if (one.link.now_is() == engine::link::state::ready) opened(one);
        serve(one);
    }
    void opened(peer& one) {
        auto const& greeting = one.link.greeting();
        events_.push_back(engine::link_opened{one.id, one.generation, greeting.node_id(), greeting.zone()});
    }
    void lose(peer& one, errc why, std::string message) {
        one.dialling = one.connected = false;
        one.takes = SIZE_MAX;
        one.link.lost(why, message, now_);
        events_.push_back(engine::link_lost{one.id, one.generation, why, std::move(message), one.link.silent()});
        deliver(one);
    }

    /// The work of one turn, as a connection does it: settle, hand on, write.
    void serve(peer& one) {
        for (unsigned turns = 0;; ++turns) {
            REQUIRE(turns < 100000);
            engine::link::progress const seen = one.link.settle(4, now_);
            if (seen == engine::link::progress::opened) opened(one);
            if (seen == engine::link::progress::broken) {
                lose(one, one.link.why(), one.link.message());
                break;
            }
            deliver(one);
            if (seen == engine::link::progress::drained) break;
        }
        flush(one);
        deliver(one);
        if (one.draining && one.link.pipe().idle()) finish_draining(one);
    }
    void deliver(peer& one) {
        if (!one.link.pipe().diverted().empty()) events_.push_back(engine::calls_diverted{std::move(one.link.pipe().diverted())});
        while (engine::call* const call = one.link.pipe().finished().pop()) call->kind->complete(*call);
    }
    void flush(peer& one) {
        while (one.connected && one.link.wants_write()) {
            auto const pieces = one.link.gather();
            if (pieces.empty() || one.takes == 0) return;
            sent made;
            made.to = one.address;
            made.connection = one.connections;
            for (auto const& piece : pieces) made.bytes.append(piece.data, piece.size);
            made.bytes.resize(std::min(made.bytes.size(), one.takes));
            if (one.takes != SIZE_MAX) one.takes -= made.bytes.size();
            one.link.wrote(made.bytes.size());
            written_.push_back(std::move(made));
        }
    }
    void finish_draining(peer& one) {
        one.draining = one.connected = one.dialling = false;
        one.link.pipe().lose(errc::connection_lost, {}, now_);
        one.link.forget();
        events_.push_back(engine::link_closed{one.id, one.generation});
    }

    script_options options_;
    engine::instant now_{1000s};
    engine::engine engine_;
    std::map<unsigned, std::unique_ptr<peer>> peers_;
    std::map<std::string, engine::handshake_plan> plans_;
    std::deque<engine::event> events_;
    std::deque<sent> written_;
    std::vector<std::unique_ptr<scripted_call>> calls_;
    std::vector<engine::action> notices_;
    std::uint32_t turn_ = 0;
    unsigned ticks_ = 0;
    unsigned dialled_ = 0;
};

}  // namespace umbel::test
