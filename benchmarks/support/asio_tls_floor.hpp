// asio_tls_floor.hpp: what TLS on Asio costs at least, as one writes it with what Asio offers: the loop of
// asio_floor.hpp over an asio::ssl::stream.
#pragma once

#include <support/asio_floor.hpp>

#include <asio/ssl.hpp>

#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace bench {

/// One encrypted connection: while one write is under way, the next is collected.
class asio_tls_link final : public asio_ring<asio_tls_link> {
public:
    asio_tls_link(asio::io_context& io, address const& where, asio::ssl::context& context)
        : stream_{io, context} {
        stream_.next_layer().connect({asio::ip::make_address(where.host), where.port});
        stream_.next_layer().set_option(asio::ip::tcp::no_delay{true});
        stream_.set_verify_mode(asio::ssl::verify_peer);
        stream_.handshake(asio::ssl::stream_base::client);
        in_.resize(1 << 16);
    }
    asio_tls_link(asio_tls_link const&) = delete;
    asio_tls_link& operator=(asio_tls_link const&) = delete;

    void start(std::size_t const& reply_bytes) {
        asio::co_spawn(stream_.get_executor(), read(reply_bytes), asio::detached);
    }
    void stop() { stream_.next_layer().close(); }

    void append(char const* bytes, std::size_t size) {
        next_.insert(next_.end(), bytes, bytes + size);
        if (in_turn_ || scheduled_) return;
        scheduled_ = true;
        asio::post(stream_.get_executor(), [this] {
            scheduled_ = false;
            flush();
        });
    }

private:
    asio::awaitable<void> read(std::size_t const& reply_bytes) {
        for (;;) {
            auto const [problem, got] =
                co_await stream_.async_read_some(asio::buffer(in_), asio::as_tuple(asio::deferred));
            if (problem) co_return;
            in_turn_ = true;
            resume(got, reply_bytes);
            in_turn_ = false;
            flush();
        }
    }
    void flush() {
        if (writing_ || next_.empty()) return;
        writing_ = true;
        std::swap(next_, out_);
        asio::async_write(stream_, asio::buffer(out_), [this](asio::error_code problem, std::size_t) {
            if (problem) return;
            writing_ = false;
            out_.clear();
            flush();
        });
    }

    asio::ssl::stream<asio::ip::tcp::socket> stream_;
    std::vector<char> in_, out_, next_;
    bool in_turn_ = false, scheduled_ = false, writing_ = false;
};

class asio_tls_floor final : public asio_contender<asio_tls_link> {
public:
    /// `where` is the TLS port of the one node that the traffic goes to.
    asio_tls_floor(traffic const& what, address const& where, std::string const& authority,
                   asio_command command)
        : asio_contender{command == asio_command::operation ? "Asio and OpenSSL, no coroutine a command"
                                                            : "Asio and OpenSSL",
                         what, command},
          context_{asio::ssl::context::tls_client} {
        context_.load_verify_file(authority);
        add(std::make_unique<asio_tls_link>(io(), where, context_));
    }

private:
    asio::ssl::context context_;
};

}  // namespace bench
