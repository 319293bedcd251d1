// wire.hpp: one blocking conversation with one server, on a plain socket and with a reader of its own: what
// the tests hold umbel against. It shares no code with umbel and knows nothing of clusters.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <initializer_list>
#include <map>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace umbel::test {

/// A reply in RESP2.
struct wire_value {
    char kind = '$';  ///< '+', '-', ':', '$' or '*'.
    bool null = false;
    std::string text;
    std::vector<wire_value> items;

    bool is_error() const noexcept { return kind == '-'; }
    long long number() const { return std::strtoll(text.c_str(), nullptr, 10); }
};

/// One connection. Everything that goes wrong with it is an exception: the test has failed then.
class wire {
public:
    explicit wire(std::uint16_t port, std::string const& host = "127.0.0.1")
        : socket_{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)} {
        timeval const patience{.tv_sec = 20, .tv_usec = 0};
        int const yes = 1;
        ::setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
        ::setsockopt(socket_, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
        ::setsockopt(socket_, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
        sockaddr_in where{};
        where.sin_family = AF_INET;
        where.sin_port = htons(port);
        where.sin_addr.s_addr = ::inet_addr(host.c_str());
        if (::connect(socket_, reinterpret_cast<sockaddr const*>(&where), sizeof where) != 0) {
            ::close(socket_);
            throw std::runtime_error{"wire: no connection to " + host + " port " + std::to_string(port)};
        }
    }
    wire(wire&& other) noexcept
        : socket_{std::exchange(other.socket_, -1)}, unread_{std::move(other.unread_)} {}
    ~wire() {
        if (socket_ >= 0) ::close(socket_);
    }

    /// Sends one command and waits for its reply.
    wire_value ask(std::vector<std::string> const& words) {
        send(bytes_of(words));
        return read();
    }
    /// Sends several commands in one write, and waits for all of their replies: a server executes them in one
    /// turn, and sends nothing to anybody meanwhile.
    std::vector<wire_value> ask_at_once(std::vector<std::vector<std::string>> const& commands) {
        std::string out;
        for (auto const& words : commands) out += bytes_of(words);
        send(out);
        std::vector<wire_value> replies;
        for (std::size_t at = 0; at < commands.size(); ++at) replies.push_back(read());
        return replies;
    }
    /// The same, for a command that must not fail.
    wire_value must(std::vector<std::string> const& words) {
        wire_value reply = ask(words);
        if (reply.is_error()) throw std::runtime_error{"wire: " + words.front() + " answered " + reply.text};
        return reply;
    }
    /// Waits for what the server says next of its own accord, as in MONITOR.
    wire_value next() { return read(); }

private:
    static std::string bytes_of(std::vector<std::string> const& words) {
        std::string out = "*" + std::to_string(words.size()) + "\r\n";
        for (std::string const& word : words)
            out += "$" + std::to_string(word.size()) + "\r\n" + word + "\r\n";
        return out;
    }
    void send(std::string const& out) {
        for (std::size_t sent = 0; sent < out.size();) {
            auto const count = ::send(socket_, out.data() + sent, out.size() - sent, MSG_NOSIGNAL);
            if (count <= 0) throw std::runtime_error{"wire: cannot send"};
            sent += static_cast<std::size_t>(count);
        }
    }
    void receive() {
        char buffer[65536];
        auto const count = ::recv(socket_, buffer, sizeof buffer, 0);
        if (count <= 0) throw std::runtime_error{"wire: the server closed the connection or kept silent"};
        unread_.append(buffer, static_cast<std::size_t>(count));
    }
    std::string take(std::size_t size) {
        while (unread_.size() < size) receive();
        std::string taken = unread_.substr(0, size);
        unread_.erase(0, size);
        return taken;
    }
    std::string line() {
        std::size_t end = 0;
        while ((end = unread_.find("\r\n")) == std::string::npos) receive();
        std::string taken = take(end + 2);
        taken.resize(end);
        return taken;
    }
    wire_value read() {
        std::string const head = line();
        wire_value made;
        made.kind = head.at(0);
        made.text = head.substr(1);
        if (made.kind != '$' && made.kind != '*') return made;
        long long const count = made.number();
        made.text.clear();
        made.null = count < 0;
        if (made.null) return made;
        if (made.kind == '*') {
            for (long long i = 0; i < count; ++i) made.items.push_back(read());
            return made;
        }
        made.text = take(static_cast<std::size_t>(count) + 2);
        made.text.resize(static_cast<std::size_t>(count));
        return made;
    }

    int socket_;
    std::string unread_;
};

/// A port of loopback where nobody listens as long as this object lives.
class dead_port {
public:
    dead_port() : socket_{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)} {
        sockaddr_in where{};
        where.sin_family = AF_INET;
        where.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof where;
        if (::bind(socket_, reinterpret_cast<sockaddr const*>(&where), size) != 0 ||
            ::getsockname(socket_, reinterpret_cast<sockaddr*>(&where), &size) != 0)
            throw std::runtime_error{"dead_port: no port"};
        port_ = ntohs(where.sin_port);
    }
    dead_port(dead_port const&) = delete;
    ~dead_port() { ::close(socket_); }
    std::string address() const { return "127.0.0.1:" + std::to_string(port_); }

private:
    int socket_;
    std::uint16_t port_ = 0;
};

}  // namespace umbel::test
