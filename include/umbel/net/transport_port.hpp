// transport_port.hpp: the part of a session's port that is its stream: one transport at a time.
// It knows no session and no thread.
#pragma once

#include <umbel/async/asio.hpp>
#include <umbel/async/try_alloc.hpp>
#include <umbel/engine/parting.hpp>
#include <umbel/engine/session_port.hpp>
#include <umbel/net/transport.hpp>

#include <memory>
#include <span>
#include <string>
#include <utility>

namespace umbel::net {

/// Writes to, reads from and ends the present transport; engine::session_port says what each must do.
/// Threading: called by the connection's owner.
class transport_port {
public:
    void end_stream(engine::parting how) noexcept {
        if (transport_) how == engine::parting::abort ? transport_->abort() : transport_->close();
        transport_.reset();
    }
    bool read_stream(std::span<char> room) noexcept {
        return async::retry_alloc([&] { transport_->read(room); });
    }
    std::size_t bytes_waiting() noexcept { return transport_->bytes_waiting(); }
    bool await_writable() noexcept {
        return async::retry_alloc([&] { transport_->wait_writable(); });
    }
    std::size_t write_stream(std::span<engine::write_piece const> pieces, engine::write_outcome& how) {
        write_problem_.clear();
        std::size_t const count = transport_->write_some(pieces, write_problem_);
        how = outcome_of(write_problem_);
        return count;
    }
    std::string write_failure() noexcept { return transport_->words_of(write_problem_); }

    std::string explained(std::string const& silence) const noexcept {
        std::string words;
        static_cast<void>(async::try_alloc([&] {
            words = silence;
            if (transport_) words += transport_->waits_for();
        }));
        return words;
    }

protected:
    ~transport_port() = default;

    std::shared_ptr<transport> transport_;

private:
    async::error_code write_problem_;
};

}  // namespace umbel::net
