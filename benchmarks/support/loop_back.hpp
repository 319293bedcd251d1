// loop_back.hpp: a umbel client whose only connection ends in this process: every GET is answered at once
// with one fixed value. So what umbel does in user space can be counted without a kernel in between. It knows
// one command and one reply.
#pragma once

#include <umbel.hpp>

#include <asio.hpp>

#include <algorithm>
#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace bench {

/// Called around everything that stands in for socket and kernel, so that it can be left out of a count.
struct outside {
    static inline void (*leave)() = [] {};
    static inline void (*enter)() = [] {};
    outside() noexcept { leave(); }
    outside(outside const&) = delete;
    outside& operator=(outside const&) = delete;
    ~outside() { enter(); }
};

/// Answers GETs of keys with one length by `value`, everything else by `other`: by default an error, as an
/// old server without cluster mode would.
class loop_transport final : public umbel::net::transport {
public:
    loop_transport(asio::any_io_executor executor, umbel::net::transport_owner& owner, std::uint32_t epoch,
                   std::string_view value, std::string_view other = "-ERR unknown command\r\n")
        : transport{epoch},
          executor_{std::move(executor)},
          owner_{owner},
          reply_{"$" + std::to_string(value.size()) + "\r\n" + std::string{value} + "\r\n"},
          other_{other} {}

    void connect(umbel::cluster::endpoint const&) override {
        asio::post(executor_, [this, self = shared_from_this(), keep = owner_.keep_alive()] {
            owner_.on_connected(*this, {}, true);
        });
    }
    void read(std::span<char> into) override {
        outside const here;
        into_ = into;
        tell();
    }
    void wait_writable() override {
        asio::post(executor_, [this, self = shared_from_this(), keep = owner_.keep_alive()] {
            owner_.on_writable(*this, {});
        });
    }

    std::size_t write_some(std::span<umbel::engine::write_piece const> pieces,
                           asio::error_code& problem) override {
        outside const here;
        problem = {};
        std::size_t total = 0;
        for (auto const& piece : pieces) {
            std::string_view const text{piece.data, piece.size};
            total += text.size();
            if (text.starts_with("*2\r\n$3\r\nGET\r\n")) {
                std::size_t const one = text.find('*', 1);
                due_ += one == std::string_view::npos ? 1 : text.size() / one;
            } else {
                auto const commands = std::count(text.begin(), text.end(), '*');
                for (auto i = commands; i > 0; --i) others_ += other_;
            }
        }
        tell();
        return total;
    }
    void close() noexcept override { closed_ = true; }
    void abort() noexcept override { closed_ = true; }

private:
    void tell() {
        if (into_.empty() || closed_ || posted_ || (due_ == 0 && others_.empty())) return;
        posted_ = true;
        asio::post(executor_, [this, self = shared_from_this(), keep = owner_.keep_alive()] {
            std::size_t const count = fill();
            owner_.on_read(*this, {}, count);
        });
    }
    std::size_t fill() {
        outside const here;
        std::span<char> const into = std::exchange(into_, {});
        posted_ = false;
        std::size_t done = std::min(others_.size(), into.size());
        std::copy_n(others_.begin(), done, into.begin());
        others_.erase(0, done);
        for (; others_.empty() && due_ != 0 && into.size() - done >= reply_.size();
             --due_, done += reply_.size())
            std::memcpy(into.data() + done, reply_.data(), reply_.size());
        return done;
    }

    asio::any_io_executor const executor_;
    umbel::net::transport_owner& owner_;
    std::string const reply_;
    std::string const other_;
    std::string others_;
    std::size_t due_ = 0;
    std::span<char> into_;
    bool posted_ = false, closed_ = false;
};

/// The typed commands over such a connection.
class loop_client : public umbel::commands<loop_client> {
public:
    loop_client(asio::io_context& io, std::string_view value,
                umbel::options::milliseconds deadline = umbel::options{}.deadline)
        : loop_client{{io.get_executor()}, alone(deadline), value, "-ERR unknown command\r\n"} {}

    /// A client of the options given; `other` answers what is no GET.
    loop_client(std::vector<asio::any_io_executor> executors, umbel::options const& chosen,
                std::string_view value, std::string_view other) {
        auto settled = umbel::net::settings_of(chosen, {}, nullptr);
        UMBEL_ASSERT(settled.has_value());
        settled->make_transport = [value, other](asio::any_io_executor const& executor,
                                                 umbel::net::transport_owner& owner, std::uint32_t epoch,
                                                 umbel::engine::open_link const&) {
            return std::make_shared<loop_transport>(executor, owner, epoch, value, other);
        };
        driver_ = std::make_shared<umbel::net::driver>(std::move(executors), std::move(*settled));
        where_ = umbel::calling::open_site<>({driver_, {}}, chosen);
        driver_->start_up();
    }
    loop_client(loop_client const&) = delete;
    loop_client& operator=(loop_client const&) = delete;
    ~loop_client() { driver_->abandon(); }

    template <class Value>
    umbel::operation<Value> submit(umbel::command::invocation<Value> const& what) const {
        return umbel::calling::submit<Value>(where_, what);
    }
    template <class Value>
    umbel::operation<Value> submit(umbel::command::key_invocation<Value> const& what) const {
        return umbel::calling::submit<Value>(where_, what);
    }
    umbel::calling::site const& site() const noexcept { return where_; }
    umbel::net::driver& driver() const noexcept { return *driver_; }

private:
    static umbel::options alone(umbel::options::milliseconds deadline) {
        umbel::options chosen{.seeds = {"127.0.0.1:1"}, .deadline = deadline};
        chosen.protocol = umbel::protocol::resp2;
        chosen.handshake = umbel::handshake::minimal;
        chosen.deployment = umbel::deployment::standalone;
        return chosen;
    }

    std::shared_ptr<umbel::net::driver> driver_;
    umbel::calling::site where_;
};

}  // namespace bench
