// traffic.hpp: the keys and values of a benchmark, their encoded commands, and which node serves which key.
// Everything is prepared before the clock runs. It knows MOVED, to find a key's node, and nothing else of a
// cluster.
#pragma once

#include <support/contender.hpp>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <cstdint>
#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace bench {

struct address {
    std::string host;
    std::uint16_t port = 0;
    friend bool operator==(address const&, address const&) = default;
    std::string text() const { return host + ":" + std::to_string(port); }
    static address parse(std::string_view text) {
        auto const colon = text.rfind(':');
        address made;
        if (colon == std::string_view::npos) die("address", "host:port, please");
        made.host = std::string{text.substr(0, colon)};
        std::from_chars(text.data() + colon + 1, text.data() + text.size(), made.port);
        return made;
    }
};

/// A blocking TCP connection; the benchmarks that want another mode switch it over.
inline int connect_to(address const& where) {
    int const made = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(where.port);
    if (::inet_pton(AF_INET, where.host.c_str(), &to.sin_addr) != 1)
        die(where.text(), "an IPv4 address, please");
    if (::connect(made, reinterpret_cast<sockaddr const*>(&to), sizeof to) != 0)
        die(where.text(), "no server listens there");
    int const yes = 1;
    ::setsockopt(made, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    return made;
}

inline std::string encode(std::initializer_list<std::string_view> words) {
    std::string made = "*" + std::to_string(words.size()) + "\r\n";
    for (auto const word : words)
        made.append("$").append(std::to_string(word.size())).append("\r\n").append(word).append("\r\n");
    return made;
}

/// One encoded command and the number of the node that serves it.
struct planned {
    std::uint32_t at = 0;
    std::uint32_t size = 0;
    std::uint16_t node = 0;
};

/// Keys over all slots in a fixed random order, one value for all of them, and every GET and SET in encoded
/// form.
class traffic {
public:
    static constexpr std::size_t keys_max = 4096;
    static constexpr std::size_t key_bytes = 16;
    /// Of all values together: large ones have fewer keys.
    static constexpr std::size_t bytes_max = std::size_t{64} << 20;

    traffic(address const& seed, std::size_t value_bytes)
        : keys{std::bit_floor(std::clamp<std::size_t>(bytes_max / value_bytes, 1, keys_max))},
          value_(value_bytes, 'v') {
        std::mt19937 random{7};
        for (std::size_t i = 0; i < keys; ++i) {
            std::string const digits = std::to_string(random() % 1'000'000'000);
            std::string const name = "user:" + std::string(key_bytes - 5 - digits.size(), '0') + digits;
            std::copy(name.begin(), name.end(), keys_[i].begin());
        }
        plan(gets_, get_wire_, [](std::string_view key) { return encode({"GET", key}); });
        plan(sets_, set_wire_, [this](std::string_view key) { return encode({"SET", key, value_}); });
        nodes_.push_back(seed);
        fill();
    }

    std::size_t const keys;  ///< A power of two: a division in between would be seen.

    std::string_view key(std::size_t index) const noexcept {
        return {keys_[index & (keys - 1)].data(), key_bytes};
    }
    std::string const& value() const noexcept { return value_; }
    std::vector<address> const& nodes() const noexcept { return nodes_; }

    planned const& command(command_kind which, std::size_t index) const noexcept {
        return (which == command_kind::get ? gets_ : sets_)[index & (keys - 1)];
    }
    char const* wire(command_kind which) const noexcept {
        return (which == command_kind::get ? get_wire_ : set_wire_).data();
    }
    /// What a good reply looks like: all of them have one size.
    std::size_t reply_bytes(command_kind which) const noexcept {
        return which == command_kind::set ? 5
                                          : 1 + std::to_string(value_.size()).size() + 2 + value_.size() + 2;
    }

private:
    template <class Encode>
    void plan(std::vector<planned>& list, std::string& wire, Encode encoded) {
        for (std::size_t i = 0; i < keys; ++i) {
            std::string const text = encoded(key(i));
            list.push_back(
                {static_cast<std::uint32_t>(wire.size()), static_cast<std::uint32_t>(text.size()), 0});
            wire += text;
        }
    }

    /// Writes every key once, following MOVED, and learns by that which node serves it.
    void fill() {
        std::vector<int> sockets{connect_to(nodes_[0])};
        for (std::size_t i = 0; i < keys; ++i) {
            std::string const text{set_wire_.data() + sets_[i].at, sets_[i].size};
            std::size_t node = i == 0 ? 0 : sets_[i - 1].node;
            std::string answer = ask(sockets[node], text);
            if (answer.starts_with("-MOVED ")) {
                address const named = address::parse(std::string_view{answer}.substr(answer.rfind(' ') + 1));
                node =
                    static_cast<std::size_t>(std::find(nodes_.begin(), nodes_.end(), named) - nodes_.begin());
                if (node == nodes_.size()) {
                    nodes_.push_back(named);
                    sockets.push_back(connect_to(named));
                }
                answer = ask(sockets[node], text);
            }
            if (answer != "+OK") die(nodes_[node].text(), answer);
            gets_[i].node = sets_[i].node = static_cast<std::uint16_t>(node);
        }
        for (int const one : sockets) ::close(one);
    }
    static std::string ask(int socket, std::string const& bytes) {
        std::string answer;
        char letter = 0;
        for (std::size_t sent = 0; sent < bytes.size();) {
            ssize_t const count = ::send(socket, bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
            if (count <= 0) die("fill", "the server closed the connection");
            sent += static_cast<std::size_t>(count);
        }
        while (::recv(socket, &letter, 1, 0) == 1 && letter != '\n') answer += letter;
        if (!answer.empty()) answer.pop_back();
        return answer;
    }

    std::string value_;
    std::array<std::array<char, key_bytes>, keys_max> keys_{};
    std::vector<planned> gets_, sets_;
    std::string get_wire_, set_wire_;
    std::vector<address> nodes_;
};

}  // namespace bench
