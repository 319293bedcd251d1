// scripted_server.hpp: a server of a few lines for tests of the client: it answers what its script says, and
// notes every command. It knows no umbel header: what it reads and writes is judged by its own few rules.
#pragma once

#include <asio/buffer.hpp>
#include <asio/executor_work_guard.hpp>
#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/post.hpp>

#include <charconv>
#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace scripted {

using words = std::vector<std::string>;

inline std::string bulk(std::string_view text) {
    return "$" + std::to_string(text.size()) + "\r\n" + std::string{text} + "\r\n";
}
inline std::string integer(long long number) { return ":" + std::to_string(number) + "\r\n"; }
inline std::string const missing = "$-1\r\n";
inline std::string const ok = "+OK\r\n";

/// What the server does about one command.
struct answer {
    std::string bytes{};  ///< Sent as they are; nothing means silence.
    bool held = false;    ///< Kept, with all that follows on the connection, until release().
    std::optional<std::size_t> cut_after = {};  ///< Closes the connection when so many of the bytes are sent.

    answer(std::string said) : bytes{std::move(said)} {}
    answer(char const* said) : bytes{said} {}
    static answer hold(std::string said) {
        answer made{std::move(said)};
        made.held = true;
        return made;
    }
    static answer cut(std::string said, std::size_t after) {
        answer made{std::move(said)};
        made.cut_after = after;
        return made;
    }
    static answer cut() { return cut({}, 0); }
};

/// Where a server listens; port 0 is any free one.
struct place {
    char const* host = "127.0.0.1";
    unsigned short port = 0;
};

/// One server, by default on a free loopback port. Without a script of its own for a command it is a small
/// store without cluster mode. Threading: every member from any thread; the script runs on the server's
/// thread.
class server {
public:
    using script = std::function<std::optional<answer>(words const&)>;

    /// Runs on a thread of its own.
    explicit server(script says = {})
        : own_{std::make_unique<asio::io_context>(1)}, io_{*own_}, says_{std::move(says)}, acceptor_{io_} {
        open();
        thread_ = std::thread{[this] { io_.run(); }};
    }
    /// Runs on the test's own thread, whenever `shared` runs.
    explicit server(asio::io_context& shared, script says = {}, place at = {})
        : io_{shared}, says_{std::move(says)}, at_{at}, acceptor_{io_} {
        open();
    }
    server(server const&) = delete;
    server& operator=(server const&) = delete;
    ~server() {
        if (own_) own_->stop();
        if (thread_.joinable()) thread_.join();
        *alive_ = false;
        close_all();
    }

    std::string address() const { return std::string{at_.host} + ":" + std::to_string(port_); }
    unsigned short port() const { return port_; }

    /// Every command that arrived, in order, the topology's among them.
    std::vector<words> seen() const {
        std::lock_guard const guard{mutex_};
        return seen_;
    }
    /// How often a command of this name arrived.
    std::size_t count(std::string_view name) const {
        std::lock_guard const guard{mutex_};
        auto const found = counts_.find(name);
        return found == counts_.end() ? 0 : found->second;
    }
    /// Connections accepted since the beginning.
    std::size_t accepted() const {
        std::lock_guard const guard{mutex_};
        return accepted_;
    }

    /// Sends what was held back.
    void release() {
        asio::post(io_, [this, alive = alive_] {
            if (!*alive) return;
            for (auto const& visitor : sessions_) visitor->release();
        });
    }
    /// Sends bytes that nobody has asked for.
    void push(std::string bytes) {
        asio::post(io_, [this, alive = alive_, bytes = std::move(bytes)] {
            if (!*alive) return;
            for (auto const& visitor : sessions_) visitor->send(answer{bytes});
        });
    }
    /// Closes every connection; new ones are welcome.
    void cut() {
        asio::post(io_, [this, alive = alive_] {
            if (*alive) close_all();
        });
    }
    /// Stops reading, so that the client's writes pile up; or goes on.
    void freeze(bool frozen) {
        asio::post(io_, [this, alive = alive_, frozen] {
            if (!*alive) return;
            frozen_ = frozen;
            if (frozen) return;
            for (auto const& visitor : sessions_) visitor->read();
        });
    }

private:
    struct session : std::enable_shared_from_this<session> {
        session(server& owner, asio::ip::tcp::socket accepted)
            : backend{owner}, alive{owner.alive_}, socket{std::move(accepted)} {}

        void read() {
            if (reading) return;
            reading = true;
            socket.async_read_some(asio::buffer(room),
                                   [self = shared_from_this()](asio::error_code problem, std::size_t count) {
                                       self->reading = false;
                                       if (problem || !*self->alive) return;
                                       self->pending.append(self->room, count);
                                       self->consume();
                                       if (!self->backend.frozen_) self->read();
                                   });
        }

        void consume() {
            std::size_t at = 0;
            std::size_t begin = 0;
            words command;
            std::string out;
            while (parse(at, command)) {
                begin = at;
                answer said = backend.respond(command);
                if (holding || said.held) {
                    holding = true;
                    later.push_back(std::move(said));
                } else if (said.cut_after) {
                    write(std::move(out));
                    return send(std::move(said));
                } else {
                    out += said.bytes;
                }
            }
            pending.erase(0, begin);
            write(std::move(out));
        }

        bool number(std::size_t& at, char kind, std::size_t& value) const {
            std::size_t const end = pending.find("\r\n", at);
            if (end == std::string::npos || pending[at] != kind) return false;
            std::from_chars(pending.data() + at + 1, pending.data() + end, value);
            at = end + 2;
            return true;
        }
        bool parse(std::size_t& at, words& into) const {
            into.clear();
            if (at >= pending.size()) return false;
            std::size_t there = at;
            std::size_t count = 0;
            if (!number(there, '*', count)) return false;
            for (std::size_t i = 0; i < count; ++i) {
                std::size_t size = 0;
                if (there >= pending.size() || !number(there, '$', size) || pending.size() < there + size + 2)
                    return false;
                into.push_back(pending.substr(there, size));
                there += size + 2;
            }
            at = there;
            return true;
        }

        void send(answer said) {
            if (!said.cut_after) return write(std::move(said.bytes));
            said.bytes.resize(std::min(said.bytes.size(), *said.cut_after));
            write(std::move(said.bytes));
            asio::error_code ignored;
            socket.shutdown(asio::ip::tcp::socket::shutdown_both, ignored);
            socket.close(ignored);
        }
        void release() {
            holding = false;
            for (answer& one : std::exchange(later, {})) send(std::move(one));
        }
        void write(std::string bytes) {
            if (bytes.empty() || !socket.is_open()) return;
            if (writing || !unsent.empty()) {
                unsent += bytes;
                return;
            }
            asio::error_code problem;
            socket.non_blocking(true, problem);
            std::size_t const count = socket.write_some(asio::buffer(bytes), problem);
            if (count == bytes.size()) return;
            unsent = bytes.substr(count);
            go_on_writing();
        }
        void go_on_writing() {
            writing = true;
            going = std::exchange(unsent, {});
            socket.async_write_some(asio::buffer(going),
                                    [self = shared_from_this()](asio::error_code problem, std::size_t count) {
                                        self->writing = false;
                                        if (problem) return;
                                        self->unsent.insert(0, self->going, count);
                                        if (!self->unsent.empty()) self->go_on_writing();
                                    });
        }

        server& backend;
        std::shared_ptr<bool> alive;
        asio::ip::tcp::socket socket;
        char room[65536];
        std::string pending;
        std::string unsent;
        std::string going;
        bool reading = false;
        bool writing = false;
        bool holding = false;
        std::vector<answer> later;
    };

    void open() {
        acceptor_.open(asio::ip::tcp::v4());
        acceptor_.set_option(asio::ip::tcp::acceptor::reuse_address{true});
        acceptor_.bind({asio::ip::make_address_v4(at_.host), at_.port});
        acceptor_.listen();
        port_ = acceptor_.local_endpoint().port();
        accept();
    }
    void accept() {
        acceptor_.async_accept(
            [this, alive = alive_](asio::error_code problem, asio::ip::tcp::socket socket) {
                if (problem || !*alive) return;
                {
                    std::lock_guard const guard{mutex_};
                    ++accepted_;
                }
                asio::error_code ignored;
                socket.set_option(asio::ip::tcp::no_delay{true}, ignored);
                std::erase_if(sessions_, [](auto const& one) { return !one->socket.is_open(); });
                sessions_.push_back(std::make_shared<session>(*this, std::move(socket)));
                sessions_.back()->read();
                accept();
            });
    }
    void close_all() {
        asio::error_code ignored;
        for (auto const& visitor : sessions_) visitor->socket.close(ignored);
        sessions_.clear();
    }

    answer respond(words const& command) {
        if (command.empty()) return answer::cut();
        {
            std::lock_guard const guard{mutex_};
            ++counts_[command[0]];
            if (seen_.size() < 4096) seen_.push_back(command);
        }
        if (says_)
            if (auto said = says_(command)) return std::move(*said);
        return serve(command);
    }

    /// The store: what a server without cluster mode says to a few commands.
    answer serve(words const& command) {
        std::string const& name = command[0];
        auto const stored = [&](std::string const& key) {
            auto const found = store_.find(key);
            return found == store_.end() ? missing : bulk(found->second);
        };
        if (name == "CLUSTER") return "-ERR This instance has cluster support disabled\r\n";
        if (name == "PING") return command.size() > 1 ? bulk(command[1]) : "+PONG\r\n";
        if (name == "GET") return stored(command[1]);
        if (name == "SET") return store_[command[1]] = command[2], ok;
        if (name == "INCR") {
            std::string& value = store_[command[1]];
            value = std::to_string((value.empty() ? 0 : std::stoll(value)) + 1);
            return ":" + value + "\r\n";
        }
        if (name == "MGET") {
            std::string all = "*" + std::to_string(command.size() - 1) + "\r\n";
            for (std::size_t i = 1; i < command.size(); ++i) all += stored(command[i]);
            return all;
        }
        if (name == "MSET") {
            for (std::size_t i = 1; i + 1 < command.size(); i += 2) store_[command[i]] = command[i + 1];
            return ok;
        }
        if (name == "DEL" || name == "EXISTS") {
            long long there = 0;
            for (std::size_t i = 1; i < command.size(); ++i)
                there += static_cast<long long>(name == "DEL" ? store_.erase(command[i])
                                                              : store_.count(command[i]));
            return integer(there);
        }
        return "-ERR unknown command '" + name + "'\r\n";
    }

    std::unique_ptr<asio::io_context> own_;
    asio::io_context& io_;
    script says_;
    place at_{};
    asio::ip::tcp::acceptor acceptor_;
    unsigned short port_ = 0;
    std::shared_ptr<bool> const alive_ = std::make_shared<bool>(true);
    std::vector<std::shared_ptr<session>> sessions_;
    bool frozen_ = false;
    std::map<std::string, std::string> store_;
    mutable std::mutex mutex_;
    std::vector<words> seen_;
    std::map<std::string, std::size_t, std::less<>> counts_;
    std::size_t accepted_ = 0;
    std::thread thread_;
};

}  // namespace scripted
