// stream.hpp: one byte stream on virtual time between a client and a listener: latency, splits, cuts,
// silence, and bytes that arrive after their sender has closed. It knows no protocol: bytes go in at one end
// and come out at the other, or not.
#pragma once

#include <umbel/cluster/endpoint.hpp>
#include <umbel/engine/outbox.hpp>
#include <umbel/testing/timeline.hpp>

#include <algorithm>
#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace umbel::testing {

/// How the network treats bytes. Probabilities in percent.
struct network_options {
    duration latency_min = 50us;
    duration latency_max = 400us;
    unsigned split_percent = 10;  ///< A piece of bytes arrives in parts.
    unsigned cut_percent = 0;  ///< A new connection will be cut at some byte, in one direction or the other.
    std::size_t cut_within_bytes = 4000;  ///< That byte's largest number.
    unsigned spike_percent = 0;           ///< A piece of bytes arrives late.
    duration spike_max = 800ms;
    unsigned lost_connect_percent = 0;      ///< A connection attempt meets silence.
    unsigned tls_failure_percent = 0;       ///< A connection is accepted, and TLS cannot be agreed upon.
    std::size_t window_bytes = 256 * 1024;  ///< What the sender may have under way, unread by the other side.
    /// Bytes under way when the client closes, or when a silence ends, arrive late: TCP sends lost bytes
    /// again, after ever longer pauses.
    unsigned late_percent = 0;
    duration late_max = 600ms;  ///< So late at the most.
    bool resets_drop =
        true;  ///< False: what the client has aborted arrives all the same, as when a middlebox holds it.
};

/// How an attempt to connect ends.
enum class connect_outcome : std::uint8_t { good, refused, tls_failed };

/// What the client's end of a stream is told. Every notice carries the epoch that connect() was given.
class stream_owner {
public:
    virtual void stream_connected(std::uint32_t epoch, connect_outcome how) = 0;
    virtual void stream_readable(std::uint32_t epoch) = 0;
    virtual void stream_writable(std::uint32_t epoch) = 0;

protected:
    ~stream_owner() = default;
};

class stream;

/// A server's end of the network: takes streams, and the bytes that arrive on them.
class listener {
public:
    enum class answer : std::uint8_t { accepts, refuses, silent };
    virtual answer knocked() = 0;
    virtual void accepted(std::shared_ptr<stream> const& from) = 0;
    /// Bytes are waiting in from->unread(), or the stream has ended.
    virtual void arrived(std::shared_ptr<stream> const& from) = 0;
    /// True while nothing gets through between the clients and this listener, in either direction.
    virtual bool unreachable() const = 0;
    /// How much longer than others it takes to answer.
    virtual duration slowness() const { return duration{0}; }

protected:
    ~listener() = default;
};

/// One byte stream. The client's functions mirror a non-blocking socket.
class stream : public std::enable_shared_from_this<stream> {
public:
    enum class outcome : std::uint8_t { good, would_block, ended };

    stream(timeline& time, network_options const& options, listener& to, stream_owner& owner,
           std::uint32_t epoch, std::uint64_t number, std::uint64_t& late_bytes)
        : time_{time},
          options_{options},
          server_{to},
          owner_{&owner},
          epoch_{epoch},
          number_{number},
          late_bytes_{late_bytes} {
        if (time_.chance(options_.cut_percent)) {
            std::uint64_t const at = time_.random().below(options_.cut_within_bytes);
            (time_.chance(50) ? up_ : down_).cut_at = at;
        }
    }

    std::uint64_t number() const noexcept { return number_; }
    bool ended() const noexcept { return ended_; }

    /// Ends the stream when byte `at` of the given direction, counted from its beginning, would pass.
    void cut_upstream_at(std::uint64_t at) noexcept { up_.cut_at = at; }
    void cut_downstream_at(std::uint64_t at) noexcept { down_.cut_at = at; }

    /// Bytes that have passed so far.
    std::uint64_t upstream_bytes() const noexcept { return up_.passed; }
    std::uint64_t downstream_bytes() const noexcept { return down_.passed; }
    void spare() noexcept {
        up_.cut_at.reset();
        down_.cut_at.reset();
    }

    // ---- The client's end -----------------------------------------------------------------------

    std::size_t write_some(std::span<engine::write_piece const> pieces, outcome& how) {
        if (reset_seen_) return how = outcome::ended, 0;
        std::size_t const used = up_.under_way + unread_.size();
        std::size_t room = options_.window_bytes > used ? options_.window_bytes - used : 0;
        if (room == 0) return how = outcome::would_block, 0;
        std::string bytes;
        for (engine::write_piece const& offered : pieces) {
            std::size_t const part = std::min(room, offered.size);
            bytes.append(offered.data, part);
            room -= part;
            if (room == 0) break;
        }
        how = outcome::good;
        std::size_t const count = bytes.size();
        enqueue(up_, std::move(bytes), true);
        return count;
    }
    std::size_t read_some(std::span<char> into, outcome& how) {
        if (received_.empty()) return how = reset_seen_ ? outcome::ended : outcome::would_block, 0;
        std::size_t const count = std::min(into.size(), received_.size());
        std::copy_n(received_.begin(), count, into.begin());
        received_.erase(0, count);
        return how = outcome::good, count;
    }
    void wait_readable() {
        awaits_read_ = true;
        wake_reader();
    }
    void wait_writable() {
        awaits_write_ = true;
        wake_writer();
    }
    /// The client hangs up: the server hears of it when all bytes have arrived.
    void close() {
        owner_ = nullptr;
        if (ended_) return;
        delay_rest(up_, true);
        up_.fin = true;
        schedule(up_, true, engine::after(time_.now(), latency()));
    }
    /// The client resets the stream: what has not arrived is dropped. What the server has and did not read
    /// yet stays with it. Rule: RFC 9293, "Half-Open Connections and Other Anomalies"; Linux hands out what
    /// was received before it reports the reset.
    void abort() {
        if (!options_.resets_drop) return close();
        owner_ = nullptr;
        up_.pieces.clear();
        up_.under_way = 0;
        // A reset is sent once: a server that it does not reach never hears of it.
        if (ended_ || server_.unreachable()) return;
        up_.fin = true;
        up_.last_due = time_.now();
        schedule(up_, true, engine::after(time_.now(), latency()));
    }

    // ---- The server's end -----------------------------------------------------------------------

    /// What has arrived and was not taken yet.
    std::string& unread() noexcept { return unread_; }
    /// The server has taken bytes: the client may send more.
    void consumed() { wake_writer(); }
    void send(std::string_view bytes) {
        if (ended_ || bytes.empty()) return;
        enqueue(down_, std::string{bytes}, false);
    }
    /// The server is gone or closes: the client hears of it behind the bytes under way, or at once in place
    /// of them.
    void end(bool drop_replies) {
        if (ended_) return;
        ended_ = true;
        if (drop_replies) down_.pieces.clear();
        down_.fin = true;
        schedule(down_, false, engine::after(time_.now(), latency()));
    }

    /// The silence between client and server is over: what stands in the way goes on.
    void resume() {
        delay_rest(up_, true);
        delay_rest(down_, false);
        pump(up_, true);
        pump(down_, false);
    }
    listener& server() const noexcept { return server_; }
    void connected(connect_outcome how) {
        if (owner_) owner_->stream_connected(epoch_, how);
    }
    bool abandoned() const noexcept { return owner_ == nullptr; }

private:
    struct piece {
        instant due;
        std::string bytes;
    };
    struct direction {
        std::deque<piece> pieces;
        std::size_t under_way = 0;
        instant last_due{0};
        std::uint64_t passed = 0;
        std::optional<std::uint64_t> cut_at;
        bool fin = false;
        bool fin_told = false;
    };

    duration latency() { return time_.between(options_.latency_min, options_.latency_max); }

    void enqueue(direction& way, std::string bytes, bool up) {
        way.under_way += bytes.size();
        instant due = std::max(way.last_due, engine::after(time_.now(), latency()));
        if (!up) due = std::max(due, engine::after(time_.now(), server_.slowness()));
        if (time_.chance(options_.spike_percent))
            due = engine::after(due, time_.between(0ms, options_.spike_max));
        while (bytes.size() > 1 && time_.chance(options_.split_percent)) {
            std::size_t const part = 1 + time_.pick(bytes.size() - 1);
            way.pieces.push_back({due, bytes.substr(0, part)});
            bytes.erase(0, part);
            schedule(way, up, due);
            due = engine::after(due, time_.between(0us, options_.latency_max));
        }
        way.last_due = due;
        way.pieces.push_back({due, std::move(bytes)});
        schedule(way, up, due);
    }
    void schedule(direction& way, bool up, instant when) {
        way.last_due = std::max(way.last_due, when);
        time_.at(way.last_due, [keep = shared_from_this(), &way, up] { keep->pump(way, up); });
    }

    void delay_rest(direction& way, bool up) {
        if (way.pieces.empty() || options_.late_percent == 0 || !time_.chance(options_.late_percent)) return;
        instant const earliest = engine::after(time_.now(), time_.between(0ms, options_.late_max));
        for (piece& late : way.pieces) late.due = std::max(late.due, earliest);
        schedule(way, up, earliest);
    }

    void pump(direction& way, bool up) {
        if (server_.unreachable()) return;  // resume() comes when it is over.
        bool moved = false;
        while (!way.pieces.empty() && way.pieces.front().due <= time_.now()) {
            piece first = std::move(way.pieces.front());
            way.pieces.pop_front();
            way.under_way -= first.bytes.size();
            std::uint64_t const from = way.passed;
            way.passed += first.bytes.size();
            bool const cut = way.cut_at && way.passed > *way.cut_at;
            if (cut) first.bytes.resize(static_cast<std::size_t>(*way.cut_at - std::min(from, *way.cut_at)));
            deliver(std::move(first.bytes), up);
            moved = true;
            if (cut) return break_off(up);
        }
        if (way.pieces.empty() && way.fin && !way.fin_told && way.last_due <= time_.now()) {
            way.fin_told = true;
            if (up)
                ended_ = true;
            else
                reset_seen_ = true;
            moved = true;
        }
        if (moved) up ? server_.arrived(shared_from_this()) : wake_reader();
    }
    void deliver(std::string bytes, bool up) {
        if (up) {
            if (ended_) return;
            unread_.append(bytes);
            if (!owner_) late_bytes_ += bytes.size();
        } else {
            received_.append(bytes);
        }
    }

    /// The stream breaks: the server takes what has arrived, the client sees a reset, with or without the
    /// replies under way. Behind replies that were cut short comes nothing more: a stream has no holes.
    void break_off(bool up) {
        time_.note([&] { return "stream " + std::to_string(number_) + " is cut"; });
        server_.arrived(shared_from_this());
        up_.pieces.clear();
        up_.under_way = 0;
        bool const drop_replies = time_.chance(50);
        end(drop_replies || !up);
        wake_reader();
        server_.arrived(shared_from_this());
    }

    void wake_reader() {
        if (!awaits_read_ || !owner_ || (received_.empty() && !reset_seen_)) return;
        awaits_read_ = false;
        time_.soon([keep = shared_from_this()] {
            if (keep->owner_) keep->owner_->stream_readable(keep->epoch_);
        });
    }
    void wake_writer() {
        bool const room = up_.under_way + unread_.size() < options_.window_bytes;
        if (!awaits_write_ || !owner_ || !(room || reset_seen_)) return;
        awaits_write_ = false;
        time_.soon([keep = shared_from_this()] {
            if (keep->owner_) keep->owner_->stream_writable(keep->epoch_);
        });
    }

    timeline& time_;
    network_options const& options_;
    listener& server_;
    stream_owner* owner_;
    std::uint32_t const epoch_;
    std::uint64_t const number_;
    std::uint64_t& late_bytes_;
    direction up_;
    direction down_;
    std::string unread_;
    std::string received_;
    bool awaits_read_ = false;
    bool awaits_write_ = false;
    bool ended_ = false;       ///< For the server.
    bool reset_seen_ = false;  ///< For the client, behind what it has received.
};

}  // namespace umbel::testing
