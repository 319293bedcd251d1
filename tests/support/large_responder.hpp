// large_responder.hpp: a server in a process of its own that answers GET with as many bytes as the key says,
// and takes SET of any size, with no more than a buffer of 64 KiB: what the client's process touches is the
// client's. It knows no umbel header.
#pragma once

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

namespace umbel::test {

/// One connection after another, in the child.
class large_responder {
public:
    /// "value:<bytes>" is the key of a value of that many bytes; its n-th byte is 'a' + n % 16.
    static std::string key(std::size_t bytes) { return "value:" + std::to_string(bytes); }
    static char byte_at(std::size_t index) { return static_cast<char>('a' + index % 16); }

    large_responder() {
        int const listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        sockaddr_in here{};
        here.sin_family = AF_INET;
        here.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof here;
        if (::bind(listener, reinterpret_cast<sockaddr*>(&here), size) != 0 || ::listen(listener, 8) != 0)
            std::abort();
        ::getsockname(listener, reinterpret_cast<sockaddr*>(&here), &size);
        port_ = ntohs(here.sin_port);
        child_ = ::fork();
        if (child_ < 0) std::abort();
        if (child_ == 0) {
            ::prctl(PR_SET_PDEATHSIG, SIGKILL);
            for (;;) serve(::accept(listener, nullptr, nullptr));
        }
        ::close(listener);
    }
    large_responder(large_responder const&) = delete;
    large_responder& operator=(large_responder const&) = delete;
    ~large_responder() {
        ::kill(child_, SIGKILL);
        ::waitpid(child_, nullptr, 0);
    }

    std::string address() const { return "127.0.0.1:" + std::to_string(port_); }
    std::uint16_t port() const { return port_; }

private:
    struct peer {
        int socket;
        std::size_t at = 0, have = 0;
        char buffer[64 * 1024] = {};

        bool fill() {
            ssize_t const count = ::recv(socket, buffer, sizeof buffer, 0);
            at = 0;
            have = count > 0 ? static_cast<std::size_t>(count) : 0;
            return count > 0;
        }
        bool number(char lead, std::size_t& value) {
            std::string line;
            for (;; ++at) {
                if (at == have && !fill()) return false;
                if (buffer[at] == '\n') break;
                line += buffer[at];
            }
            ++at;
            if (line.size() < 3 || line.front() != lead) return false;
            value = std::strtoull(line.c_str() + 1, nullptr, 10);
            return true;
        }
        /// The first bytes of an argument; the rest is passed over.
        bool argument(std::string& start) {
            std::size_t length = 0;
            if (!number('$', length)) return false;
            start.clear();
            for (std::size_t left = length + 2; left != 0;) {
                if (at == have && !fill()) return false;
                std::size_t const part = std::min(left, have - at);
                std::size_t const text = left > 2 ? std::min(part, left - 2) : 0;
                start.append(buffer + at,
                             std::min<std::size_t>(text, start.size() < 64 ? 64 - start.size() : 0));
                at += part;
                left -= part;
            }
            return true;
        }
        bool send(std::string_view bytes) const {
            while (!bytes.empty()) {
                ssize_t const count = ::send(socket, bytes.data(), bytes.size(), MSG_NOSIGNAL);
                if (count <= 0) return false;
                bytes.remove_prefix(static_cast<std::size_t>(count));
            }
            return true;
        }
        bool send_value(std::size_t bytes) const {
            std::string piece(64 * 1024, ' ');
            for (std::size_t i = 0; i < piece.size(); ++i) piece[i] = byte_at(i);
            if (!send("$" + std::to_string(bytes) + "\r\n")) return false;
            for (; bytes > piece.size(); bytes -= piece.size()) {
                if (!send(piece)) return false;
            }
            return send(std::string_view{piece}.substr(0, bytes)) && send("\r\n");
        }
    };

    static void serve(int socket) {
        int const yes = 1;
        ::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
        static peer one{};
        one.socket = socket;
        one.at = one.have = 0;
        std::vector<std::string> words;
        for (std::size_t count = 0; one.number('*', count);) {
            words.resize(count);
            bool whole = true;
            for (auto& word : words) whole = whole && one.argument(word);
            if (!whole || words.empty()) break;
            bool good = true;
            if (words[0] == "GET" && words.size() == 2) {
                good = one.send_value(
                    std::strtoull(words[1].c_str() + std::min<std::size_t>(6, words[1].size()), nullptr, 10));
            } else {
                good = one.send(words[0] == "SET" ? "+OK\r\n" : "-ERR unknown command\r\n");
            }
            if (!good) break;
        }
        ::close(socket);
    }

    std::uint16_t port_ = 0;
    pid_t child_ = -1;
};

}  // namespace umbel::test
