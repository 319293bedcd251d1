// link.hpp: the life of one connection around its pipeline: connect, greet, serve, probe, lose.
// It knows no socket and no clock; it does not decide when to connect, nor where calls go afterwards.
#pragma once

#include <umbel/engine/breaker.hpp>
#include <umbel/engine/greeting_memory.hpp>
#include <umbel/engine/handshake.hpp>
#include <umbel/engine/link_options.hpp>
#include <umbel/engine/link_state.hpp>
#include <umbel/engine/parting.hpp>
#include <umbel/engine/pipeline.hpp>
#include <umbel/engine/silence.hpp>
#include <umbel/engine/try_alloc.hpp>

#include <array>
#include <optional>
#include <span>
#include <string>

namespace umbel::engine {

/// What a connection is at: connecting, handshaking, ready or down, and whether its node is silent. A session
/// holds a link, a link holds the pipeline. Precondition of all: called by one owner at a time.
class link {
public:
    link(pipeline_options const& pipeline, link_options const& options,
         std::shared_ptr<resp::pin_budget> budget)
        : pipe_{pipeline, std::move(budget)}, options_{options} {}

    connection_phase phase() const noexcept { return phase_; }
    bool is_handshaking() const noexcept { return phase_ == connection_phase::handshaking; }
    /// True when it is neither connected nor on its way.
    bool unopened() const noexcept {
        return phase_ == connection_phase::idle || phase_ == connection_phase::down;
    }
    /// True while its transport is on its way, or its handshake.
    bool is_connecting() const noexcept { return opening() && !waits_turn_; }
    pipeline& pipe() noexcept { return pipe_; }
    pipeline const& pipe() const noexcept { return pipe_; }
    class handshake const& handshake() const noexcept { return handshake_; }
    duration unblock_timeout() const noexcept { return options_.unblock_timeout; }

    /// Takes a call. It waits in the queue unless the link is down, or probes a node that has failed many
    /// times; then it comes out judged, as not sent.
    UMBEL_ALWAYS_INLINE void accept(call& call, instant now) noexcept {
        if (phase_ != connection_phase::ready) [[unlikely]]
            return accept_unready(call, now);
        if (pipe_.idle()) silence_.wait_from(now);
        pipe_.accept(call, now);
    }

    /// As accept(), for an ordinary call that others stand before in the write that is being collected.
    /// False: accept() must look at it.
    UMBEL_ALWAYS_INLINE bool try_fast(call& call, instant now) noexcept {
        return phase_ == connection_phase::ready && pipe_.try_fast(call, now);
    }

    /// A connection attempt has begun. Behind a probe only the engine's own calls wait.
    void connecting(handshake_plan plan, std::string node, link_id id, instant now,
                    attempt_kind kind = attempt_kind::usual, bool waits = false) {
        kind_ = kind;
        waits_turn_ = waits;
        silent_ = false;
        silence_.begin(now);
        plan_ = std::move(plan);
        greeting_.adapt(plan_);
        pipe_.serve(std::move(node), id);
        if (phase_ == connection_phase::down) pipe_.start_slowly();
        phase_ = connection_phase::connecting;
    }

    /// The turn has come for which connecting() was to wait: its time begins. False: it does not wait.
    bool take_turn(instant now) noexcept {
        if (!std::exchange(waits_turn_, false) || phase_ != connection_phase::connecting) return false;
        silence_.begin(now);
        return true;
    }
    /// The transport is connected; the handshake goes out with the next gather(), or when credentials have
    /// come that are waited for.
    void connected(instant now) {
        phase_ = connection_phase::handshaking;
        silence_.note_progress(now);
        if (!plan_.awaits_identity) proceed(handshake_.begin(plan_), now);
    }
    /// The credentials that connecting() was to wait for.
    void identify(std::shared_ptr<credentials const> given, instant now) {
        if (!opening() || !plan_.awaits_identity) return;
        plan_.identity = std::move(given);
        plan_.awaits_identity = false;
        if (phase_ == connection_phase::handshaking) proceed(handshake_.begin(plan_), now);
    }

    /// How the stream of a connection that is not wanted any more must end; to be asked before lost().
    /// Commands without a reply are told as unknown, and their callers go on: what the node has not got of
    /// them by then must not reach it later.
    parting parts_by() const noexcept {
        bool const awaits_nothing = pipe_.idle() || pipe_.holds_back_all();
        return phase_ == connection_phase::ready && awaits_nothing ? parting::close : parting::abort;
    }

    /// The connection has ended, or never came to be: every call in it is judged.
    void lost(errc why, std::string message, instant now) {
        down_because_ = why;
        down_message_ = std::move(message);
        bool const was_open = phase_ == connection_phase::ready;
        bool const greeted = phase_ == connection_phase::handshaking && !plan_.awaits_identity;
        bool const closed = greeted && why == errc::connection_lost;
        greeting_.ended({.served = was_open,
                         .closed_on_hello = closed && handshake_.awaits_hello(),
                         .ended_on_notices = greeted && handshake_.awaits_notices()});
        forget_identity();
        loss_ = loss_now();
        if (kind_ == attempt_kind::last && !was_open) kind_ = attempt_kind::probe;
        phase_ = connection_phase::down;
        // The cause belongs to those that never left, too: they were refused by a node that cannot be
        // reached.
        bool const by_peer = was_open && !silent_ && why == errc::connection_lost && !down_message_.empty();
        pipe_.lose(was_open && why == errc::connect_failed ? errc::connection_lost : why, down_message_, now,
                   by_peer);
    }

    /// True when a connection that is to be closed keeps nobody: nothing is in flight, or nothing can have
    /// been sent yet. Late replies keep no lease: they may stand behind a wait that never ends.
    bool drained(bool is_lease = false) const noexcept {
        return pipe_.idle() || opening() || (is_lease ? pipe_.awaits_nobody() : pipe_.holds_back_all());
    }
    /// Commands that are not written yet, and those to come, are not sent any more.
    void hold_back() noexcept {
        if (phase_ == connection_phase::ready) pipe_.hold_back();
    }
    /// Back to the beginning: the connection was told to close, and has drained. What still waited for it to
    /// open is judged as not sent.
    void retire(instant now) noexcept {
        UMBEL_ASSERT(drained() || drained(true));
        bool const was_open = phase_ == connection_phase::ready;
        greeting_.ended({.served = was_open});
        pipe_.lose(errc::connection_lost,
                   was_open ? "the connection was given up before the command was sent"
                            : "the connection was given up before it was open",
                   now);
        forget_identity();
        phase_ = connection_phase::idle;
    }

    // ---- Writing --------------------------------------------------------------------------------

    bool wants_write() const noexcept {
        return unsent_.size != 0 || (phase_ == connection_phase::ready && pipe_.wants_write());
    }
    std::span<write_piece const> gather() noexcept {
        if (unsent_.size != 0) return {&unsent_, 1};
        return phase_ == connection_phase::ready ? pipe_.gather() : std::span<write_piece const>{};
    }
    void wrote(std::size_t count) noexcept {
        if (unsent_.size != 0) {
            unsent_.data += count;
            unsent_.size -= count;
            if (unsent_.size == 0) handshake_.wrote_all();
        } else {
            silence_.note_write(pipe_.wrote(count));
        }
    }

    // ---- Reading --------------------------------------------------------------------------------

    std::span<char> space(std::size_t waiting = 0) { return pipe_.space(waiting); }
    /// The same; empty where memory has run out.
    std::span<char> try_space(std::size_t waiting) noexcept {
        std::span<char> room;
        static_cast<void>(try_alloc([&] { room = pipe_.space(waiting); }));
        return room;
    }
    void arrived(std::size_t count, instant now) {
        if (options_.meter.on()) [[unlikely]]
            measure(now);
        silence_.hear(now);
        pipe_.arrived(count);
    }

    enum class progress : std::uint8_t {
        drained,  ///< Wait for more bytes.
        more,     ///< The bound was reached; look at the lists, then call again.
        opened,   ///< The handshake ended well; tell the engine, then call again.
        broken,   ///< Close the connection and report lost(why(), message()).
    };

    template <pipeline::completing How = pipeline::completing::by_list>
    UMBEL_ALWAYS_INLINE progress settle(unsigned at_most, instant now) {
        if (phase_ != connection_phase::ready) [[unlikely]]
            return settle_handshake(now);
        switch (pipe_.settle<How>(at_most, now)) {
            case pipeline::progress::drained: return progress::drained;
            case pipeline::progress::more: return progress::more;
            case pipeline::progress::broken: break;
        }
        return broken(errc::protocol_error, std::string{pipe_.fault()});
    }

    /// space() or settle() has thrown std::bad_alloc. True: one command has been told so, and its reply will
    /// be passed over; settle again.
    bool fail_arriving_no_memory() noexcept {
        return phase_ == connection_phase::ready && pipe_.fail_arriving_no_memory();
    }
    progress out_of_memory() noexcept {
        if (fail_arriving_no_memory()) return progress::more;
        why_ = errc::connection_lost;
        message_.clear();
        return progress::broken;
    }

    /// After the loss of a connection: how far it had come.
    link_loss loss() const noexcept { return loss_; }

    /// After progress::broken, or when tick() returned false: what to report.
    errc why() const noexcept { return why_; }
    std::string const& message() const noexcept { return message_; }

    // ---- Time -----------------------------------------------------------------------------------

    /// When tick() should be called next.
    instant next_due() noexcept { return std::min(pipe_.next_expiry(), silence_.next_due(seen())); }

    /// After tick(): true, once, when commands wait, or a connection is being opened, and the node has been
    /// silent for a while. A frozen node resets nothing, so the others must be asked whether it was replaced:
    /// report refresh_wanted with this link.
    bool doubts() noexcept { return silence_.take_doubt(); }

    /// Lets time pass. `due` is when this was to be called. False: the connection counts as dead; close it
    /// and report lost(why(), message()).
    bool tick(instant now, instant due) {
        silence_.did_not_run(now - due, now);
        pipe_.expire(now);
        if (!pipe_.fault().empty()) return report_dead(errc::connection_lost, std::string{pipe_.fault()});
        switch (silence_.look(seen(), now, [this] { return pipe_.excuse(); })) {
            case silence::sign::none: return true;
            case silence::sign::not_connected:
                if (plan_.awaits_identity && phase_ == connection_phase::handshaking)
                    return report_dead(errc::no_credentials,
                                       "the credential provider has given no answer "
                                       "within the connect timeout");
                return report_dead(errc::connect_failed, "no connection within the connect timeout");
            case silence::sign::late: return fall_silent("the node was silent while deadlines passed");
            case silence::sign::unanswered: return fall_silent("the node did not answer a PING");
            case silence::sign::ping_due: break;
        }
        probe(now);
        return true;
    }

private:
    void forget_identity() noexcept {
        plan_.identity.reset();
        handshake_.forget();
        unsent_ = {};
    }
    bool opening() const noexcept {
        return phase_ == connection_phase::connecting || phase_ == connection_phase::handshaking;
    }
    silence::view seen() noexcept {
        return {.opening = is_connecting(),
                .ready = phase_ == connection_phase::ready && !plan_.subscribes,
                .idle = pipe_.idle(),
                .many_timeouts = pipe_.silent_timeouts() >= options_.silent_timeouts_max,
                .relaxed_until = pipe_.stream().maintenance().relaxed_until()};
    }
    link_loss loss_now() const noexcept {
        if (phase_ != connection_phase::ready) return link_loss::refused;
        if (silent_) return link_loss::silent;
        if (replies() != replies_before_) return link_loss::served;
        return pipe_.idle() ? link_loss::unused : link_loss::unanswered;
    }
    /// Replies of all connections so far, late ones included.
    std::uint64_t replies() const noexcept { return pipe_.counters().replies + pipe_.counters().late; }

    progress settle_handshake(instant now) {
        if (phase_ != connection_phase::handshaking || plan_.awaits_identity) return progress::drained;
        resp::view answer;
        switch (pipe_.stream().reader().next(answer)) {
            case resp::reader::status::ready: break;
            case resp::reader::status::push:
            case resp::reader::status::need_more: return progress::drained;
            case resp::reader::status::fault:
                return broken(errc::protocol_error, std::string{pipe_.stream().reader().fault().message()});
        }
        if (answer.kind() == resp::type::push) return pipe_.note_push(answer), progress::more;
        proceed(handshake_.reply(answer), now);
        if (phase_ == connection_phase::ready) return progress::opened;
        return why_ == errc{} ? progress::more : progress::broken;
    }

    void proceed(umbel::engine::handshake::step next, instant now) {
        why_ = errc{};
        switch (next) {
            case umbel::engine::handshake::step::waiting: return;
            case umbel::engine::handshake::step::send:
                unsent_ = {handshake_.outgoing().data(), handshake_.outgoing().size()};
                return;
            case umbel::engine::handshake::step::done:
                phase_ = connection_phase::ready;
                ready_at_ = now;
                silence_.note_progress(now);
                replies_before_ = replies();
                kind_ = attempt_kind::usual;
                plan_.identity.reset();
                return;
            case umbel::engine::handshake::step::failed:
                broken(handshake_.failure().code(), std::string{handshake_.failure().message()});
                return;
        }
    }

    progress broken(errc why, std::string message) {
        why_ = why;
        message_ = std::move(message);
        return progress::broken;
    }
    bool report_dead(errc why, std::string message) {
        broken(why, std::move(message));
        return false;
    }

    /// Bytes have come: the oldest command of a user's has waited for them since it was taken, or since the
    /// connection was made.
    UMBEL_NEVER_INLINE void measure(instant now) const noexcept {
        call const* const oldest = pipe_.oldest_awaited();
        if (phase_ == connection_phase::ready && oldest && !oldest->is_internal() && oldest->tries() == 0)
            options_.meter.note(now - std::max(oldest->accepted, ready_at_));
    }

    bool fall_silent(std::string message) {
        silent_ = true;
        return report_dead(errc::connection_lost, std::move(message));
    }

    UMBEL_NEVER_INLINE void accept_unready(call& call, instant now) noexcept {
        if (kind_ == attempt_kind::probe && !call.is_internal() && phase_ != connection_phase::idle) {
            call.begin(now);
            call.at = call::stage::done;
            return pipe_.fail_or_return_unsent(call, down_because_, down_message_, now);
        }
        if (pipe_.idle()) silence_.wait_from(now);
        pipe_.accept(call, now);
        if (phase_ == connection_phase::down) pipe_.lose(down_because_, down_message_, now);
    }

    /// Queues the link's own PING. No handler awaits it; any byte that arrives shows that the node is there,
    /// and its own reply that replies come in the order of the commands.
    void probe(instant now) {
        if (ping_.at == call::stage::done) {
            // The last PING has been answered, and still stands on a list behind a handler that runs the
            // executor itself: the node has been heard.
            silence_.note_progress(now);
            return;
        }
        silence_.ping(now);
        if (ping_.at == call::stage::piped) return;
        // The silence before the PING is no sign: from here on a command waits.
        if (pipe_.idle()) silence_.wait_from(now);
        ping_.prepare();
        pipe_.accept(ping_, now);
        ping_.await_echo();
    }

    pipeline pipe_;
    link_options options_;
    silence silence_{options_};
    connection_phase phase_ = connection_phase::idle;
    handshake_plan plan_;
    class handshake handshake_;
    greeting_memory greeting_;
    write_piece unsent_{};
    std::uint64_t replies_before_ = 0;  ///< The connection before this one had so many, all counted.
    instant ready_at_{0};
    attempt_kind kind_ = attempt_kind::usual;  ///< Of the present connection attempt, or the latest.
    bool silent_ = false;
    bool waits_turn_ = false;  ///< It is not connected yet: others are.
    link_loss loss_ = link_loss::refused;
    errc down_because_ = errc::connect_failed;
    std::string down_message_;
    errc why_{};
    std::string message_;
    probe_call ping_;
};

}  // namespace umbel::engine
