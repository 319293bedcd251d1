// sim_connection.hpp: drives one engine::link over one simulated stream, as net/connection.hpp does over a socket.
// It does what the link says and reports what happened; it knows no redirect, no retry and no reply type.
#pragma once

#include <umbel/engine/action.hpp>
#include <umbel/engine/link.hpp>
#include <umbel/testing/network.hpp>

#include <exception>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace umbel::testing {

class sim_connection;

/// What a connection tells its driver.
class sim_connection_owner {
public:
    virtual void opened(sim_connection& which) = 0;
    /// Comes before the calls that were lost with it.
    virtual void lost(sim_connection& which, errc why, std::string message) = 0;
    virtual void closed(sim_connection& which) = 0;
    /// Commands wait and the node is silent.
    virtual void doubted(sim_connection& which) = 0;
    virtual void diverted(engine::call_list&& calls) = 0;
    virtual void stranded(engine::call& one) = 0;
    virtual void slowed(std::vector<engine::call_slow>&&) {}
    /// Completes a call whose result is stored.
    virtual void complete(engine::call& one) { one.kind->complete(one); }
    /// True when calls may complete where their replies are read.
    virtual bool completes_at_once() const { return true; }

protected:
    ~sim_connection_owner() = default;
};

/// One connection of the simulated client. Lives as long as its driver; connects again and again.
class sim_connection final : public stream_owner {
public:
    static constexpr unsigned batch = 32;

    sim_connection(timeline& time, network& net, sim_connection_owner& owner, engine::link_id id, engine::pipeline_options const& pipeline,
                   engine::link_options const& link)
        : time_{time}, net_{net}, owner_{owner}, id_{id}, link_{pipeline, link, nullptr} {}

    engine::link_id id() const noexcept { return id_; }
    std::uint32_t generation() const noexcept { return generation_; }
    engine::link& link() noexcept { return link_; }
    std::size_t in_flight() const noexcept { return link_.pipe().in_flight(); }
    engine::pipeline_counters const& counters() const noexcept { return link_.pipe().counters(); }
    engine::latency_record const* latency() const noexcept { return link_.pipe().latency(); }

    void submit(engine::call& one) {
        if (link_.now_is() == engine::link::state::idle || closed_) return owner_.stranded(one);
        link_.accept(one, time_.now());
        if (!in_turn_) schedule();
    }
    /// Gives up the call behind `token`, if it is still here.
    void cancel(engine::cancel_token& token) {
        if (token.owner.load() != engine::cancel_token::of(id_)) return;
        engine::call& one = *token.target;
        bool const first_written = forget_tombstones && link_.pipe().awaits_reply(one) &&
                                   one.position == link_.pipe().counters().commands - link_.pipe().in_flight();
        link_.pipe().cancel(one);
        if (first_written) forge_reply();
        schedule();
    }

    void open(engine::open_link&& what) {
        if (closed_) return;
        generation_ = what.generation;
        draining_ = false;
        link_.connecting(std::move(what.plan), what.where.to_string(), id_, time_.now(), what.kind);
        stream_ = net_.connect(what.where, *this, ++epoch_);
        arm_timer();
    }
    /// No new calls will come: closes as soon as nothing is in flight.
    void drain(std::uint32_t generation) {
        if (generation != generation_) return;
        draining_ = true;
        schedule();
    }
    /// Ends everything at once: every call completes with errc::cancelled.
    void shut() {
        if (closed_) return;
        closed_ = true;
        hang_up();
        link_.pipe().dismiss(errc::cancelled);
        schedule();
    }
    /// Ends everything at once: every call is destroyed, and nobody is told.
    void abandon() noexcept {
        closed_ = true;
        hang_up();
        engine::call_list all;
        link_.pipe().surrender(all);
        all.splice(std::move(link_.pipe().finished()));
        all.splice(std::move(link_.pipe().diverted()));
        while (engine::call* const one = all.pop()) one->kind->drop(*one);
    }

    /// A fault put in on purpose, to see that it is caught: the place of a cancelled call in the order of replies is lost.
    bool forget_tombstones = false;

    // ---- stream_owner ---------------------------------------------------------------------------------------------------------

    void on_connected(std::uint32_t epoch, bool good) override {
        if (epoch != epoch_ || !stream_) return;
        turn const now{*this};
        if (!good) return lose(errc::connect_failed, "Connection refused");
        link_.connected(time_.now());
        if (link_.now_is() == engine::link::state::ready) owner_.opened(*this);
        read_on();
        serve();
    }
    void on_readable(std::uint32_t epoch) override {
        if (epoch != epoch_ || !stream_) return;
        reading_ = false;
        turn const now{*this};
        if (receive()) serve();
        read_on();
    }
    void on_writable(std::uint32_t epoch) override {
        if (epoch != epoch_ || !stream_) return;
        write_blocked_ = false;
        turn const now{*this};
        serve();
    }

private:
    struct turn {
        explicit turn(sim_connection& whose) noexcept : self{whose} { self.in_turn_ = true; }
        turn(turn const&) = delete;
        turn& operator=(turn const&) = delete;
        ~turn() {
            self.in_turn_ = false;
            // A handler has thrown: what it has kept the turn from doing is done in another.
            if (std::uncaught_exceptions() > thrown_before) self.schedule();
        }
        sim_connection& self;
        int const thrown_before = std::uncaught_exceptions();
    };

    void schedule() {
        if (!scheduled_ && !in_turn_) schedule_more();
    }
    void schedule_more() {
        scheduled_ = true;
        time_.soon([this] {
            scheduled_ = false;
            turn const now{*this};
            serve();
            read_on();
        });
    }

    /// Waits for the next bytes, unless it waits for them already.
    void read_on() {
        if (!stream_ || reading_ || closed_ || link_.now_is() == engine::link::state::connecting) return;
        reading_ = true;
        stream_->wait_readable();
    }
    /// One non-blocking receive. False: the connection has ended.
    bool receive() {
        stream::outcome how{};
        std::size_t const count = stream_->read_some(link_.space(), how);
        switch (how) {
            case stream::outcome::would_block: return true;
            case stream::outcome::ended: return lose(errc::connection_lost, "the node closed the connection"), false;
            case stream::outcome::good: link_.arrived(count, time_.now()); return true;
        }
        return true;
    }

    void serve() {
        for (bool again = true; again;) {
            using completing = engine::pipeline::completing;
            std::uint32_t const before = epoch_;
            engine::link::progress const next = owner_.completes_at_once() ? link_.settle<completing::at_once>(batch, time_.now())
                                                                           : link_.settle<completing::by_list>(batch, time_.now());
            if (epoch_ != before) continue;
            if (next == engine::link::progress::opened) owner_.opened(*this);
            if (next == engine::link::progress::broken) {
                lose(link_.why(), link_.message());
                break;
            }
            deliver();
            again = next != engine::link::progress::drained;
        }
        flush();
        deliver();
        if (draining_) finish_draining();
        // Handlers of the last delivery may have submitted calls, which came into this turn behind its write.
        if (restless() && !scheduled_) schedule_more();
        arm_timer();
    }
    bool restless() noexcept {
        bool const listed = !link_.pipe().finished().empty() || !link_.pipe().diverted().empty();
        return listed || (stream_ && !write_blocked_ && link_.wants_write());
    }
    /// Completes finished calls and hands on diverted ones. A handler may do anything, also throw: then the rest follows in a turn of its own.
    void deliver() {
        if (!link_.pipe().diverted().empty()) owner_.diverted(std::move(link_.pipe().diverted()));
        while (engine::call* const one = link_.pipe().finished().pop()) owner_.complete(*one);
        if (!link_.pipe().slow().empty()) owner_.slowed(std::exchange(link_.pipe().slow(), {}));
    }
    void flush() {
        while (stream_ && !write_blocked_ && link_.wants_write()) {
            auto const pieces = link_.gather();
            if (pieces.empty()) return;
            stream::outcome how{};
            std::size_t const count = stream_->write_some(pieces, how);
            switch (how) {
                case stream::outcome::good: link_.wrote(count); break;
                case stream::outcome::would_block:
                    write_blocked_ = true;
                    stream_->wait_writable();
                    return;
                case stream::outcome::ended: return lose(errc::connection_lost, "Connection reset by peer");
            }
        }
    }

    void hang_up() {
        if (stream_) stream_->close();
        stream_.reset();
        ++epoch_;
        write_blocked_ = false;
        reading_ = false;
    }
    void lose(errc why, std::string message) {
        hang_up();
        link_.lost(why, message, time_.now());
        if (!closed_) owner_.lost(*this, why, std::move(message));
        deliver();
    }
    void finish_draining() {
        if (!link_.pipe().idle() || closed_) return;
        draining_ = false;
        hang_up();
        link_.pipe().lose(errc::connection_lost, {}, time_.now());
        link_.forget();
        owner_.closed(*this);
    }
    void arm_timer() {
        instant const due = closed_ ? engine::never : link_.next_due();
        if (due >= armed_for_) return;
        armed_for_ = due;
        time_.at(due, [this, due] {
            if (armed_for_ != due) return;
            turn const now{*this};
            armed_for_ = engine::never;
            if (closed_) return;
            if (!link_.tick(time_.now())) lose(link_.why(), link_.message());
            if (link_.doubts()) owner_.doubted(*this);
            serve();
        });
    }
    void forge_reply() {
        if (!link_.pipe().reader().at_boundary()) return;
        constexpr std::string_view forged = "+forgotten\r\n";
        std::copy(forged.begin(), forged.end(), link_.space().begin());
        link_.arrived(forged.size(), time_.now());
    }

    timeline& time_;
    network& net_;
    sim_connection_owner& owner_;
    engine::link_id const id_;
    engine::link link_;
    std::shared_ptr<stream> stream_;
    std::uint32_t epoch_ = 0;
    std::uint32_t generation_ = 0;
    bool in_turn_ = false;
    bool scheduled_ = false;
    bool write_blocked_ = false;
    bool reading_ = false;  ///< Waits for bytes.
    bool draining_ = false;
    bool closed_ = false;
    instant armed_for_ = engine::never;
};

}  // namespace umbel::testing
