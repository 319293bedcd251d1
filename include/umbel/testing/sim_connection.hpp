// sim_connection.hpp: the port of engine::session over a simulated stream: how it connects, reads, writes and
// knows the time. It decides nothing.
#pragma once

#include <umbel/engine/session.hpp>
#include <umbel/testing/network.hpp>

#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace umbel::testing {

/// What a connection asks of its driver.
class sim_connection_owner {
public:
    virtual void report(engine::event&& happened) = 0;
    virtual void park(engine::call& call) noexcept = 0;
    virtual void slowed(std::vector<engine::call_slow>&&) {}
    /// Completes a call whose result is stored.
    virtual void complete(engine::call& call) { call.kind->complete(call); }
    /// True when calls may complete where their replies are read.
    virtual bool completes_at_once() const noexcept { return true; }

protected:
    ~sim_connection_owner() = default;
};

/// One connection of the simulated client.
class sim_connection final : public engine::session<sim_connection>,
                             public engine::quiet_session_port,
                             public stream_owner {
public:
    sim_connection(timeline& time, network& net, sim_connection_owner& owner, engine::link_id id,
                   engine::pipeline_options const& pipeline, engine::link_options const& link)
        : session{id, pipeline, link, nullptr}, time_{time}, net_{net}, owner_{owner} {}

    /// Takes a call. False: too many wait already.
    bool submit(engine::call& call) {
        if (try_fast(call)) return true;
        take(call, time_.now());
        if (!in_turn()) settle_up();
        return true;
    }

    /// A fault put in on purpose, to see that it is caught: the place of a cancelled call in the order of
    /// replies is lost.
    bool forget_tombstones = false;

    void cancel(engine::cancel_token& token) {
        if (token.owner.load() != engine::cancel_token::of(id())) return;
        engine::call& call = *token.target;
        bool const first_written =
            forget_tombstones && link().pipe().awaits_reply(call) &&
            call.queue_position == link().pipe().counters().commands - link().pipe().in_flight();
        session::cancel(token);
        if (first_written) forge_reply();
    }

    // ---- The port -------------------------------------------------------------------------------

    struct turn_surroundings {
        explicit turn_surroundings(sim_connection& connection) noexcept : time{connection.time_} {}
        instant now() const noexcept { return time.now(); }
        timeline& time;
    };
    instant clock() const noexcept { return time_.now(); }
    void connect_stream(engine::open_link const& opening) {
        stream_ = net_.connect(opening.where, *this, epoch());
    }
    void end_stream(engine::parting how) noexcept {
        if (stream_) how == engine::parting::abort ? stream_->abort() : stream_->close();
        stream_.reset();
    }
    bool read_stream(std::span<char> room) noexcept {
        room_ = room;
        stream_->wait_readable();
        return true;
    }
    bool await_writable() noexcept {
        stream_->wait_writable();
        return true;
    }
    std::size_t write_stream(std::span<engine::write_piece const> pieces, engine::write_outcome& how) {
        stream::outcome outcome{};
        std::size_t const count = stream_->write_some(pieces, outcome);
        switch (outcome) {
            case stream::outcome::good: how = engine::write_outcome::wrote; break;
            case stream::outcome::would_block: how = engine::write_outcome::blocked; break;
            case stream::outcome::ended: how = engine::write_outcome::failed; break;
        }
        return count;
    }
    std::string write_failure() noexcept { return engine::text_of("Connection reset by peer"); }
    bool post_turn() noexcept {
        time_.soon([this] { scheduled_turn(); });
        return true;
    }
    bool arm(instant due) noexcept {
        armed_ = due;
        time_.at(due, [this, due] {
            if (armed_ != due) return;
            armed_ = engine::never;
            timer_due();
        });
        return true;
    }
    bool completes_at_once() const noexcept { return owner_.completes_at_once(); }
    void complete(engine::call& call) { owner_.complete(call); }
    void report(engine::event&& happened) { owner_.report(std::move(happened)); }
    void park(engine::call& call) noexcept { owner_.park(call); }
    void slowed(std::vector<engine::call_slow>&& all) { owner_.slowed(std::move(all)); }

    // ---- stream_owner ---------------------------------------------------------------------------

    void stream_connected(std::uint32_t epoch, connect_outcome how) override {
        switch (how) {
            case connect_outcome::good: return on_open(epoch);
            case connect_outcome::refused:
                return on_open_failed(epoch, errc::connect_failed, "Connection refused");
            case connect_outcome::tls_failed:
                return on_open_failed(epoch, errc::tls_failed, "the certificate does not show this name");
        }
    }
    void stream_readable(std::uint32_t epoch) override {
        if (epoch != this->epoch() || !stream_) return;
        stream::outcome how{};
        std::size_t const count = stream_->read_some(forget_tombstones ? link().space() : room_, how);
        switch (how) {
            case stream::outcome::would_block: return stream_->wait_readable();
            case stream::outcome::ended: return on_end(epoch, "the node closed the connection");
            case stream::outcome::good: return on_bytes(epoch, count);
        }
    }
    void stream_writable(std::uint32_t epoch) override { on_writable(epoch); }

private:
    void forge_reply() {
        if (!link().pipe().stream().reader().at_boundary()) return;
        constexpr std::string_view forged = "+forgotten\r\n";
        std::copy(forged.begin(), forged.end(), link().space().begin());
        link().arrived(forged.size(), time_.now());
    }

    timeline& time_;
    network& net_;
    sim_connection_owner& owner_;
    std::shared_ptr<stream> stream_;
    std::span<char> room_;
    instant armed_ = engine::never;
};

static_assert(engine::session_port<sim_connection>);

}  // namespace umbel::testing
