// tls_channel.hpp: one TLS connection over OpenSSL, driven by bytes: ciphertext to and from a byte stream,
// plain bytes to and from the memory of others. It knows no socket and no Asio.
#pragma once

#include <umbel/encryption.hpp>
#include <umbel/net/tls_context.hpp>
#include <umbel/net/tls_failure.hpp>
#include <umbel/net/tls_gather.hpp>
#include <umbel/net/tls_peer.hpp>
#include <umbel/net/tls_wire.hpp>

#include <algorithm>
#include <atomic>
#include <climits>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace umbel::net {

/// How many handshakes have succeeded, and how many of these went on with a session that the node had given.
struct tls_counters {
    std::atomic<std::uint64_t> handshakes{0};
    std::atomic<std::uint64_t> resumed{0};
};

/// A channel as a client's end of TLS.
///
/// Reading: OpenSSL receives as much as its buffer holds, and decrypts each record straight into the memory
/// of the reader. Writing: small pieces are joined to records, large ones are encrypted where they stand; the
/// records of one write leave together, and what the stream does not take is kept, and goes first the next
/// time. Other records (session tickets, KeyUpdate) are dealt with while reading, and nobody hears of them.
class tls_channel final : public encrypted_channel {
public:
    /// `context` lives as long as the channel. Precondition: `raw` is a stream of it.
    tls_channel(std::shared_ptr<tls_context> context, tls_stream_ptr raw, tls_peer peer, byte_stream& beneath,
                std::shared_ptr<tls_counters> counters)
        : context_{std::move(context)},
          peer_{std::move(peer)},
          notes_{context_->sessions(), peer_.address()},
          counters_{std::move(counters)},
          wire_{beneath},
          raw_{std::move(raw)} {}

    tls_channel(tls_channel const&) = delete;
    tls_channel& operator=(tls_channel const&) = delete;
    /// OpenSSL would take the end of a stream without close_notify for a reason not to use its session again.
    /// Rule: RFC 5246, "Closure Alerts": it is none.
    ~tls_channel() override {
        if (open_) SSL_set_shutdown(raw_.get(), SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
        // A password may have stood in a record that was joined.
        OPENSSL_cleanse(joined_.data(), joined_.size());
    }

    /// Null where memory has run out, or the host is no name. Lifetime: `beneath` must outlive the channel.
    static std::unique_ptr<tls_channel> make(std::shared_ptr<tls_context> context, std::string_view host,
                                             std::uint16_t port, byte_stream& beneath,
                                             std::shared_ptr<tls_counters> counters) noexcept {
        // OpenSSL's queue of errors is the thread's: others must not find what was told here.
        struct cleared {
            ~cleared() { ERR_clear_error(); }
        } const afterwards;
        UMBEL_TRY {
            tls_stream_ptr raw{SSL_new(&context->raw())};
            if (!raw) return {};
            tls_peer peer{host, port, context->server_name()};
            auto made = std::make_unique<tls_channel>(std::move(context), std::move(raw), std::move(peer),
                                                      beneath, std::move(counters));
            return made->begin() ? std::move(made) : nullptr;
        }
        UMBEL_CATCH(...) {
            return {};
        }
    }

    // ---- encrypted_channel ----------------------------------------------------------------------

    void readable() noexcept override { wire_.readable(); }

    progress shake_hands() override {
        if (over_ != progress::done) return over_;
        wire_.begin_step();
        ERR_clear_error();
        int const told = SSL_do_handshake(raw_.get());
        progress const step = told == 1 ? progress::done : outcome_of(told);
        progress const flushed = flush();
        if (step != progress::done) return step;
        if (flushed == progress::failed) return flushed;
        if (!knows_whom_it_must()) {
            tls_signs signs = signs_of(0);
            signs.anonymous = true;
            end(progress::failed, std::move(signs));
            return over_;
        }
        open_ = true;
        wire_.trim();
        unread_ = SSL_has_pending(raw_.get()) == 1;
        counters_->handshakes.fetch_add(1, std::memory_order_relaxed);
        if (SSL_session_reused(raw_.get()) == 1) counters_->resumed.fetch_add(1, std::memory_order_relaxed);
        return progress::done;
    }

    progress read(std::span<char> room, std::size_t& count) override {
        count = 0;
        if (over_ != progress::done) return over_;
        wire_.begin_step();
        progress step = progress::done;
        while (step == progress::done && count != room.size()) {
            // Nothing is left here, and the stream has no more: OpenSSL need not be asked to find that out.
            if (count != 0 && wire_.drained() && SSL_has_pending(raw_.get()) == 0) break;
            ERR_clear_error();
            int const told = SSL_read(raw_.get(), room.data() + count, int_of(room.size() - count));
            if (told > 0)
                count += static_cast<std::size_t>(told);
            else
                step = outcome_of(told);
        }
        unread_ = step == progress::wants_turn || step == progress::wants_write || over_ != progress::done ||
                  (step == progress::done && SSL_has_pending(raw_.get()) == 1);
        if (wire_.has_unsent()) static_cast<void>(flush());
        return count != 0 ? progress::done : step;
    }
    bool has_unread() const noexcept override { return unread_; }

    progress write(pieces plain, std::size_t& count) override {
        count = 0;
        if (over_ != progress::done) return over_;
        if (wire_.has_unsent())
            if (progress const before = flush(); before != progress::done) return before;
        tls_gather records{plain, joined_};
        while (!records.done() && wire_.has_room()) {
            std::span<char const> const record = records.next();
            // The last record goes out with all that were collected before.
            wire_.collect(!records.is_last(record) && wire_.has_room_for_two());
            ERR_clear_error();
            int const told = SSL_write(raw_.get(), record.data(), int_of(record.size()));
            if (told <= 0) {
                progress const step = outcome_of(told);
                if (count == 0) return step;
                break;  // The next call meets it again.
            }
            count += static_cast<std::size_t>(told);
            records.taken(static_cast<std::size_t>(told));
        }
        wire_.collect(true);
        return progress::done;
    }

    bool has_unsent() const noexcept override { return wire_.has_unsent(); }
    progress flush() noexcept override {
        switch (wire_.flush()) {
            case byte_stream::outcome::moved: return progress::done;
            case byte_stream::outcome::blocked: return progress::wants_write;
            case byte_stream::outcome::ended:
            case byte_stream::outcome::failed: break;
        }
        if (over_ == progress::done) end(progress::failed, signs_of(0));
        return progress::failed;
    }

    void close() noexcept override {
        if (!open_ || over_ != progress::done) return;
        ERR_clear_error();
        static_cast<void>(SSL_shutdown(raw_.get()));
        ERR_clear_error();
        static_cast<void>(wire_.flush());
        over_ = progress::failed;
    }

    std::string const& failure() const noexcept override { return failure_.text; }
    bool refused() const noexcept override { return failure_.refused; }

    /// The TLS version that both have agreed upon, as "TLSv1.3".
    std::string_view version() const noexcept { return SSL_get_version(raw_.get()); }

private:
    static int int_of(std::size_t size) noexcept {
        return static_cast<int>(std::min<std::size_t>(size, INT_MAX));
    }

    /// OpenSSL asks a server for no certificate where the cipher that both agreed upon wants none.
    bool knows_whom_it_must() const noexcept {
        return context_->verification() == tls_verification::insecure_none ||
               SSL_get0_peer_certificate(raw_.get()) != nullptr;
    }

    /// Prepares the handshake; false where OpenSSL's memory has run out.
    bool begin() {
        SSL& raw = *raw_;
        tls_verification const wanted = context_->verification();
        if (!wire_.attach(raw) || !notes_.attach(raw, wanted != tls_verification::insecure_none))
            return false;
        if (!peer_.name(raw) || (wanted == tls_verification::full && !peer_.expect(raw))) return false;
        SSL_set_connect_state(&raw);
        if (!context_->reuses_sessions()) return true;
        if (tls_session_ptr const session = context_->sessions().take(peer_.address()))
            SSL_set_session(&raw, session.get());
        return true;
    }

    /// What a call of OpenSSL means that has not succeeded.
    progress outcome_of(int told) noexcept {
        int const why = SSL_get_error(raw_.get(), told);
        if (why == SSL_ERROR_WANT_READ) return wire_.paused() ? progress::wants_turn : progress::wants_read;
        if (why == SSL_ERROR_WANT_WRITE) return progress::wants_write;
        if (why == SSL_ERROR_ZERO_RETURN) {
            end(progress::ended, {});
            return over_;
        }
        end(progress::failed, signs_of(ERR_peek_error()));
        ERR_clear_error();
        return over_;
    }
    tls_signs signs_of(unsigned long queued) const noexcept {
        tls_signs signs;
        signs.opening = !open_;
        signs.ended = wire_.at_end();
        signs.system_error = wire_.system_error();
        signs.verified = SSL_get_verify_mode(raw_.get()) == SSL_VERIFY_NONE
                             ? X509_V_OK
                             : SSL_get_verify_result(raw_.get());
        signs.queued = queued;
        signs.asked_for_identity = notes_.asked_for_identity;
        return signs;
    }
    void end(progress how, tls_signs signs) noexcept {
        over_ = how;
        unread_ = true;
        UMBEL_TRY {
            if (how == progress::ended) {
                failure_.text = "the node ended the TLS stream (close_notify)";
                return;
            }
            signs.certificate = notes_.certificate;
            signs.expected = peer_.expected();
            failure_ = tell_failure(signs);
        }
        UMBEL_CATCH(...) {
            // The code of the error says what matters.
        }
    }

    std::shared_ptr<tls_context> context_;
    tls_peer peer_;
    tls_notes notes_;
    std::shared_ptr<tls_counters> counters_;
    tls_wire wire_;
    tls_stream_ptr raw_;
    std::vector<char> joined_;
    tls_failure failure_;
    progress over_ = progress::done;  ///< Otherwise how it has ended.
    bool open_ = false;
    bool unread_ = false;
};

}  // namespace umbel::net
