// script.hpp: a client's engine and links driven by hand, on explicit virtual time: what goes out is
// compared, what comes in is said. It knows no server: a test plays all of them. Its connections are ports of
// engine::session.
#pragma once

#include <umbel/engine/engine.hpp>
#include <umbel/engine/session.hpp>

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

/// Called with true before the engine is entered and with false afterwards: for tests that let memory run out
/// in there.
inline void (*engine_watch)(bool inside) = [](bool) {};
struct watched {
    watched() { engine_watch(true); }
    watched(watched const&) = delete;
    watched& operator=(watched const&) = delete;
    ~watched() { engine_watch(false); }
};

class script {
public:
    /// One end of one connection: the port of its session.
    struct peer final : engine::session<peer> {
        peer(script& of, engine::pipeline_options const& pipeline, engine::link_options const& timing,
             engine::link_id number)
            : session{number, pipeline, timing, nullptr}, backend{of} {}

        script& backend;
        std::string address;
        bool dialling = false;
        bool connected = false;
        std::size_t takes = SIZE_MAX;  ///< Bytes the kernel takes before it blocks.
        unsigned connections = 0;
        std::optional<engine::parting> parted;  ///< How its latest stream that is over has ended.
        std::span<char> room;
        engine::instant armed_for = engine::never;  ///< Its timer.

        struct turn_surroundings {
            explicit turn_surroundings(peer& whose) noexcept : backend{whose.backend} {}
            engine::instant now() const noexcept { return backend.now_; }
            script& backend;
        };
        engine::instant clock() const noexcept { return backend.now_; }
        void connect_stream(engine::open_link const&) {}
        void end_stream(engine::parting how) noexcept {
            parted = how;
            dialling = connected = false;
            takes = SIZE_MAX;
        }
        bool read_stream(std::span<char> into) noexcept {
            room = into;
            return true;
        }
        bool await_writable() noexcept { return true; }
        std::size_t write_stream(std::span<engine::write_piece const> pieces, engine::write_outcome& how) {
            return backend.write(*this, pieces, how);
        }
        std::string write_failure() noexcept { return {}; }
        std::string explained(std::string const& silence) noexcept { return silence; }
        bool post_turn() noexcept { return backend.turns_.push_back(this), true; }
        bool arm(engine::instant due) noexcept { return armed_for = due, true; }
        void ring_if_due() {
            if (armed_for > backend.now_) return;
            armed_for = engine::never;
            timer_due();
        }
        bool completes_at_once() const noexcept { return false; }
        void take_submitted() noexcept {}
        void complete(engine::call& call) { call.kind->complete(call); }
        void between_batches() noexcept {}
        void before_write() noexcept {}
        void turn_served() noexcept {}
        void report(engine::event&& happened) { backend.events_.push_back(std::move(happened)); }
        void park(engine::call& call) noexcept { backend.park(call); }
        void slowed(std::vector<engine::call_slow>&&) {}
    };

    explicit script(script_options options = {})
        : options_{std::move(options)},
          engine_{options_.engine, {this, &script::settled}, {this, &script::requests}} {
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
        for (auto& [key, one] : peers_) one->shut({});
        run();
        for (auto const& call : calls_) {
            INFO(call->command);
            CHECK(call->answers == 1);
            CHECK(call->completions == 1);
        }
    }

    // ---- What a user does -----------------------------------------------------------------------

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
        there && !one.leased ? take(*there, one) : park(one);
        run();
        return started{one};
    }
    /// A call on a lease that the test holds.
    started start_on(engine::link_id lease, std::string_view command, call_options const& options = {}) {
        scripted_call& one = *calls_.emplace_back(std::make_unique<scripted_call>(command, options));
        one.leased = false;
        one.bound = true;
        one.link = lease;
        take(*find(lease), one);
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
                if (engine::cancel_token::of(one->id()) == owner) one->cancel(token);
        }
        run();
    }

    // ---- What the network does ------------------------------------------------------------------

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
            REQUIRE_FALSE(one.room.empty());
            std::size_t const part = std::min(one.room.size(), bytes.size());
            std::copy_n(bytes.data(), part, one.room.data());
            one.room = {};
            bytes.remove_prefix(part);
            one.on_bytes(one.epoch(), part);
            take_turns();
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
        at(node).on_open_failed(at(node).epoch(), errc::connect_failed, "Connection refused");
        run();
    }
    void cut(std::string_view node) {
        REQUIRE(at(node).connected);
        at(node).on_end(at(node).epoch(), "the node closed the connection");
        run();
    }
    /// From now on the kernel takes only `bytes` more of what is written to this node.
    void block(std::string_view node, std::size_t bytes) { at(node).takes = bytes; }
    void unblock(std::string_view node) {
        at(node).takes = SIZE_MAX;
        at(node).on_writable(at(node).epoch());
        run();
    }
    void connects_by_itself(bool whether) { options_.connects_by_itself = whether; }

    /// Lets time go by; whatever falls due happens in order. A client that spins fails the test.
    void pass(engine::duration span) {
        engine::instant const until = now_ + span;
        for (unsigned steps = 0; due() <= until; ++steps) {
            REQUIRE(steps < 10000);
            now_ = std::max(now_, due());
            ticks_ += engine_.next_due() <= now_;
            {
                watched const inside;
                engine_.tick(now_);
            }
            carry_out();
            for (auto& [key, one] : peers_) one->ring_if_due();
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

    // ---- What can be looked at ------------------------------------------------------------------

    engine::engine& core() noexcept { return engine_; }
    cluster::slot_table const& table() const noexcept { return engine_.routes().table(); }
    std::uint16_t number(std::string_view node) const {
        return engine_.nodes().find(*cluster::endpoint::parse(node, 6379));
    }
    /// The address of the primary that the table names for a slot; empty when it names none.
    std::string owner(unsigned slot) const {
        std::uint16_t const found = table().primary_of(cluster::slot{static_cast<std::uint16_t>(slot)});
        return found == cluster::no_node ? std::string{} : engine_.nodes()[found].name;
    }
    engine::link& link(std::string_view node) { return at(node).link(); }
    engine::pipeline& pipe(std::string_view node) { return at(node).link().pipe(); }
    engine::handshake_plan const& plan(std::string_view node) { return plans_[std::string{node}]; }
    engine::instant now() const noexcept { return now_; }
    unsigned ticks() const noexcept { return ticks_; }
    std::vector<engine::action> const& notices() const noexcept { return notices_; }
    unsigned connection(std::string_view node) { return at(node).connections; }
    std::optional<engine::parting> parted(std::string_view node) { return at(node).parted; }
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
    static void settled(void* self, engine::call& call) {
        static_cast<script*>(self)->events_.push_back(engine::query_settled{&call});
    }
    static std::uint64_t requests(void* self) {
        std::uint64_t all = 0;
        for (auto& [key, one] : static_cast<script*>(self)->peers_) all += one->counters().requests();
        return all;
    }
    static unsigned key_of(engine::link_id id) noexcept { return engine::cancel_token::of(id); }

    peer* find(engine::link_id id) {
        auto const found = peers_.find(key_of(id));
        return found == peers_.end() ? nullptr : found->second.get();
    }
    /// Of several with one address, of which the others are over, the one that is not.
    peer* seek(std::string_view node) {
        peer* found = nullptr;
        for (auto& [key, one] : peers_)
            if (one->address == node && (!found || one->connected || one->dialling)) found = one.get();
        return found;
    }
    bool exists(std::string_view node) { return seek(node) != nullptr; }
    peer& at(std::string_view node) {
        INFO("no connection was ever opened to " << node);
        REQUIRE(exists(node));
        return *seek(node);
    }
    engine::instant due() {
        engine::instant soonest = engine_.next_due();
        for (auto& [key, one] : peers_) soonest = std::min(soonest, one->armed_for);
        return soonest;
    }

    void park(engine::call& call) {
        engine::calls_parked event;
        event.calls.push(call);
        events_.push_back(std::move(event));
    }
    void take(peer& there, engine::call& call) {
        if (there.try_fast(call)) return;
        there.take(call, now_);
        if (!there.in_turn()) there.settle_up();
    }
    /// Lets sessions have the turns that they have asked for.
    void take_turns() {
        for (unsigned rounds = 0; !turns_.empty(); ++rounds) {
            REQUIRE(rounds < 100000);
            peer* const next = turns_.front();
            turns_.pop_front();
            next->scheduled_turn();
        }
    }

    /// Lets the engine hear what has happened until all is quiet.
    void run() {
        take_turns();
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
            if (auto* const opens = std::get_if<engine::open_link>(&what))
                open(*opens);
            else if (auto* const closes = std::get_if<engine::close_link>(&what))
                close(*closes);
            else if (auto* const told = std::get_if<engine::wait_told>(&what))
                find(told->link)->wait_told(*told);
            else if (auto* const turn = std::get_if<engine::connect_now>(&what))
                find(turn->link)->connect_now(*turn);
            else if (auto* const given = std::get_if<engine::credentials_given>(&what))
                find(given->link)->take_credentials(std::move(*given));
            else
                notices_.push_back(std::move(what));
        }
        while (engine::call* const call = engine_.outgoing().pop()) take(*find(call->link), *call);
        take_turns();
        while (engine::call* const call = engine_.finished().pop()) call->kind->complete(*call);
    }
    void open(engine::open_link& what) {
        auto& place = peers_[key_of(what.link)];
        engine::link_options timing = options_.link;
        timing.meter = engine_.routes().meter_of(what.link.node);
        engine::pipeline_options pipeline = options_.pipeline;
        pipeline.judging.client = &engine_.routes().facts();
        timing.unblock_timeout = options_.engine.unblock_timeout;
        if (!place) place = std::make_unique<peer>(*this, pipeline, timing, what.link);
        peer& one = *place;
        one.address =
            what.where.to_string() + (what.link.mode == engine::link_mode::replica ? "/replica" : "");
        if (engine::is_leased(what.link.mode))
            one.address += "/lease" + std::to_string(engine::lease_number(what.link.mode));
        if (what.link.context != 0) one.address += "#" + std::to_string(what.link.context);
        // A node that is handed over at its own address has a second connection there.
        auto const taken = [&](auto const& other) {
            return other.second.get() != &one && other.second->address == one.address &&
                   (other.second->connected || other.second->dialling);
        };
        if (std::any_of(peers_.begin(), peers_.end(), taken)) one.address += "+";
        plans_[one.address] = what.plan;
        ++dialled_;
        one.open(std::move(what));
        one.dialling = true;
        if (options_.connects_by_itself) accept(one);
    }
    void close(engine::close_link const& what) {
        if (peer* const one = find(what.link)) one->drain(what);
    }
    void accept(peer& one) {
        one.dialling = false;
        one.connected = true;
        ++one.connections;
        one.on_open(one.epoch());
    }
    std::size_t write(peer& one, std::span<engine::write_piece const> pieces, engine::write_outcome& how) {
        how = one.takes == 0 ? engine::write_outcome::blocked : engine::write_outcome::wrote;
        if (one.takes == 0) return 0;
        sent made;
        made.to = one.address;
        made.connection = one.connections;
        for (auto const& piece : pieces) made.bytes.append(piece.data, piece.size);
        made.bytes.resize(std::min(made.bytes.size(), one.takes));
        if (one.takes != SIZE_MAX) one.takes -= made.bytes.size();
        std::size_t const count = made.bytes.size();
        written_.push_back(std::move(made));
        return count;
    }

    script_options options_;
    engine::instant now_{1000s};
    engine::engine engine_;
    std::map<unsigned, std::unique_ptr<peer>> peers_;
    std::map<std::string, engine::handshake_plan> plans_;
    std::deque<engine::event> events_;
    std::deque<peer*> turns_;  ///< That sessions have asked for.
    std::deque<sent> written_;
    std::vector<std::unique_ptr<scripted_call>> calls_;
    std::vector<engine::action> notices_;
    std::uint32_t turn_ = 0;
    unsigned ticks_ = 0;
    unsigned dialled_ = 0;
};

}  // namespace umbel::test
