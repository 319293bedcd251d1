// Tests of net::stream_transport over loopback and a Unix socket: connect, refuse, read, write, close; each
// told once, never inside the call.
#include <umbel/net/transport.hpp>

#include <catch2/catch_test_macros.hpp>

#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/local/stream_protocol.hpp>
#include <asio/read.hpp>
#include <asio/write.hpp>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

using namespace std::chrono_literals;
using umbel::cluster::endpoint;
using umbel::engine::write_piece;
using umbel::net::silence_limits;
using umbel::net::stream_transport;

namespace {

struct ear final : umbel::net::transport_owner {
    void on_connected(umbel::net::transport& from, asio::error_code problem, bool resolved) override {
        heard.push_back(problem ? resolved ? "refused" : "unresolved" : "connected");
        if (!problem && !reads_into.empty()) from.read(reads_into);
    }
    void on_read(umbel::net::transport&, asio::error_code problem, std::size_t count) override {
        heard.push_back(problem ? "ended" : "read " + std::to_string(count));
    }
    void on_writable(umbel::net::transport&, asio::error_code problem) override {
        heard.push_back(problem ? "broken" : "writable");
    }
    void on_notice_lost(umbel::net::transport&, bool) noexcept override {}
    void on_step(umbel::net::transport& from) override { from.proceed(); }
    std::shared_ptr<void> keep_alive() override { return std::make_shared<int>(0); }
    std::vector<std::string> heard;
    std::span<char> reads_into;  ///< As soon as it is connected; empty: it does not.
};

std::shared_ptr<umbel::net::name_lookup> lookup_on(asio::io_context& io) {
    return std::make_shared<umbel::net::name_lookup>(
        io.get_executor(), std::make_unique<umbel::net::system_resolver>(io.get_executor()),
        std::make_shared<umbel::net::address_book>());
}

struct line {
    asio::io_context io{1};
    asio::ip::tcp::acceptor acceptor{io, {asio::ip::make_address_v4("127.0.0.1"), 0}};
    ear owner;
    silence_limits const silence{1000ms, 15s, 5s, 3};
    std::shared_ptr<stream_transport> wire =
        std::make_shared<stream_transport>(io.get_executor(), owner, 1, silence, 2000ms, lookup_on(io));
    asio::ip::tcp::socket peer{io};

    ~line() { wire->close(); }
    std::uint16_t port() const { return acceptor.local_endpoint().port(); }
    bool heard(std::size_t count) {
        auto const give_up = std::chrono::steady_clock::now() + 20s;
        while (owner.heard.size() < count && std::chrono::steady_clock::now() < give_up) {
            io.restart();
            io.run_one_for(20ms);
        }
        return owner.heard.size() == count;
    }
    void connect() {
        wire->connect(endpoint{"127.0.0.1", port()});
        acceptor.accept(peer);
        REQUIRE(heard(1));
        REQUIRE(owner.heard[0] == "connected");
        owner.heard.clear();
    }
};

}  // namespace

TEST_CASE("a transport connects, writes gathered pieces and reads what comes", "[transport]") {
    line here;
    here.connect();
    write_piece const pieces[]{{"one ", 4}, {"two ", 4}, {"three", 5}};
    asio::error_code problem;
    CHECK(here.wire->write_some(pieces, problem) == 13);
    CHECK_FALSE(problem);
    std::string got(13, '\0');
    asio::read(here.peer, asio::buffer(got));
    CHECK(got == "one two three");
    char room[16] = {};
    here.wire->read(room);
    here.io.poll();
    CHECK(here.owner.heard.empty());
    asio::write(here.peer, asio::buffer("pong", 4));
    REQUIRE(here.heard(1));
    CHECK(here.owner.heard[0] == "read 4");
    CHECK(std::string(room, 4) == "pong");
    here.wire->read(room);
    here.peer.close();
    REQUIRE(here.heard(2));
    CHECK(here.owner.heard[1] == "ended");
}

TEST_CASE("a peer that closes before it has said anything may expect TLS, and the words say so",
          "[transport]") {
    line here;
    CHECK(here.wire->words_of(asio::error::connection_refused) == "Connection refused");
    here.connect();
    std::string const hint = " before it had replied; it may expect TLS (rediss://, options.tls)";
    CHECK(here.wire->words_of(asio::error::eof) == "the node closed the connection" + hint);
    CHECK(here.wire->words_of(asio::error::connection_reset) == "Connection reset by peer" + hint);
    asio::write(here.peer, asio::buffer("+", 1));
    char room[16];
    here.wire->read(room);
    REQUIRE(here.heard(1));
    CHECK(here.wire->words_of(asio::error::eof) == "the node closed the connection");
}

TEST_CASE("a full socket says would_block, and tells when there is room again", "[transport]") {
    line here;
    here.connect();
    std::string const much(1 << 20, 'x');
    write_piece const piece[]{{much.data(), much.size()}};
    asio::error_code problem;
    std::size_t sent = 0;
    while (!problem) sent += here.wire->write_some(piece, problem);
    CHECK(problem == asio::error::would_block);
    here.wire->wait_writable();
    here.io.poll();
    CHECK(here.owner.heard.empty());
    std::string drain(sent, '\0');
    asio::read(here.peer, asio::buffer(drain));
    REQUIRE(here.heard(1));
    CHECK(here.owner.heard[0] == "writable");
}

TEST_CASE("an address that never answers leaves time for the next one of the same name", "[transport]") {
    line here;
    // A listener whose queue is full answers nobody: the kernel drops what comes.
    asio::ip::tcp::acceptor deaf{here.io};
    deaf.open(asio::ip::tcp::v4());
    deaf.bind({asio::ip::make_address_v4("127.0.0.1"), 0});
    deaf.listen(0);
    std::vector<asio::ip::tcp::socket> crowd;
    unsigned let_in = 0;
    for (int at = 0; at < 8; ++at) {
        crowd.emplace_back(here.io).async_connect(
            deaf.local_endpoint(), [&](asio::error_code problem) { let_in += problem ? 0 : 1; });
        here.io.restart();
        here.io.poll();
    }
    auto const wire = std::make_shared<stream_transport>(here.io.get_executor(), here.owner, 1,
                                                         silence_limits{}, 400ms, lookup_on(here.io));
    wire->connect({deaf.local_endpoint(),
                   asio::ip::tcp::endpoint{asio::ip::make_address_v4("127.0.0.1"), here.port()}});
    REQUIRE(here.heard(1));
    REQUIRE(let_in < 8);
    CHECK(here.owner.heard[0] == "connected");
    here.acceptor.non_blocking(true);
    asio::error_code nobody;
    here.acceptor.accept(here.peer, nobody);
    CHECK_FALSE(nobody);
    for (auto& one : crowd) one.close();
    wire->close();
}

TEST_CASE("an address that answers when its time has just passed keeps the connection", "[transport]") {
    line here;
    char room[16];
    here.owner.reads_into = room;
    // No time at all: the timer is ready together with the connection, and its handler comes second.
    auto const wire = std::make_shared<stream_transport>(here.io.get_executor(), here.owner, 1,
                                                         silence_limits{}, 0ms, lookup_on(here.io));
    asio::ip::tcp::endpoint const address{asio::ip::make_address_v4("127.0.0.1"), here.port()};
    wire->connect({address, address});
    here.acceptor.accept(here.peer);
    REQUIRE(here.heard(1));
    here.io.restart();
    here.io.poll();
    CHECK(here.owner.heard == std::vector<std::string>{"connected"});
    wire->close();
}

TEST_CASE("a refused connection is told later, not inside connect", "[transport]") {
    line here;
    std::uint16_t const port = here.port();
    here.acceptor.close();
    here.wire->connect(endpoint{"127.0.0.1", port});
    CHECK(here.owner.heard.empty());
    REQUIRE(here.heard(1));
    CHECK(here.owner.heard[0] == "refused");
}

TEST_CASE("a name that has no address is told apart from a refusal", "[transport]") {
    line here;
    here.wire->connect(
        endpoint{std::string(300, 'x'), 6379});  // Longer than any name may be: nobody is asked.
    CHECK(here.owner.heard.empty());
    REQUIRE(here.heard(1));
    CHECK(here.owner.heard[0] == "unresolved");
}

TEST_CASE("a name is resolved, and each of its addresses is tried", "[transport]") {
    line here;
    here.wire->connect(endpoint{"localhost", here.port()});
    REQUIRE(here.heard(1));
    CHECK(here.owner.heard[0] == "connected");
}

TEST_CASE("a path is a Unix socket; a missing one is refused", "[transport]") {
    asio::io_context io{1};
    std::string const path =
        (std::filesystem::temp_directory_path() / ("umbel-transport-" + std::to_string(::getpid()))).string();
    ::unlink(path.c_str());
    ear owner;
    auto const missing = std::make_shared<stream_transport>(io.get_executor(), owner, 1, silence_limits{},
                                                            2000ms, lookup_on(io));
    auto const where = endpoint::parse("unix:" + path, 6379);
    REQUIRE(where);
    REQUIRE(where->is_unix());
    missing->connect(*where);
    CHECK(owner.heard.empty());
    io.run();
    CHECK(owner.heard == std::vector<std::string>{"refused"});
    asio::local::stream_protocol::acceptor acceptor{io, asio::local::stream_protocol::endpoint{path}};
    auto const wire = std::make_shared<stream_transport>(io.get_executor(), owner, 2, silence_limits{},
                                                         2000ms, lookup_on(io));
    wire->connect(*where);
    io.restart();
    io.run();
    ::unlink(path.c_str());
    CHECK(owner.heard.back() == "connected");
    wire->close();
}

TEST_CASE("a path that is too long for a Unix socket is refused, not thrown", "[transport]") {
    line here;
    here.wire->connect(endpoint{"/" + std::string(500, 'x'), 0});
    CHECK(here.owner.heard.empty());
    REQUIRE(here.heard(1));
    CHECK(here.owner.heard[0] == "refused");
}

TEST_CASE("after close nothing good is told any more", "[transport]") {
    line here;
    here.connect();
    char room[16];
    here.wire->read(room);
    here.wire->close();
    here.io.restart();
    here.io.run();
    for (std::string const& text : here.owner.heard) CHECK(text == "ended");
    line early;
    early.wire->connect(endpoint{"127.0.0.1", early.port()});
    early.wire->close();
    early.io.restart();
    early.io.run();
    for (std::string const& text : early.owner.heard) CHECK(text == "refused");
}

namespace {

/// What the peer reads until the stream ends: how many bytes, and how it ends.
std::pair<std::size_t, asio::error_code> read_to_end(asio::ip::tcp::socket& peer) {
    std::vector<char> room(1 << 20);
    std::size_t sum = 0;
    for (;;) {
        asio::error_code problem;
        sum += peer.read_some(asio::buffer(room), problem);
        if (problem) return {sum, problem};
    }
}
/// Writes until the kernel takes no more; returns how much it took.
std::size_t fill(stream_transport& wire) {
    std::string const bytes(1 << 20, 'x');
    write_piece const piece{bytes.data(), bytes.size()};
    std::size_t sum = 0;
    for (asio::error_code problem; !problem;) sum += wire.write_some({&piece, 1}, problem);
    return sum;
}

}  // namespace

TEST_CASE("after close the peer gets all that was written, and then the end", "[transport]") {
    line here;
    here.connect();
    std::size_t const written = fill(*here.wire);
    here.wire->close();
    auto const [read, how] = read_to_end(here.peer);
    CHECK(read == written);
    CHECK(how == asio::error::eof);
}

TEST_CASE("after abort the peer gets a reset, and nothing more of what it had not taken", "[transport]") {
    line here;
    here.connect();
    std::size_t const written = fill(*here.wire);
    here.wire->abort();
    auto const [read, how] = read_to_end(here.peer);
    CHECK(read < written);
    CHECK(how == asio::error::connection_reset);
}

TEST_CASE("a transport that has not begun, is connecting, or has ended can be aborted", "[transport]") {
    line idle;
    idle.wire->abort();
    line early;
    early.wire->connect(endpoint{"127.0.0.1", early.port()});
    early.wire->abort();
    early.wire->abort();
    early.io.restart();
    early.io.run();
    for (std::string const& text : early.owner.heard) CHECK(text == "refused");
}

#if defined(__linux__)
TEST_CASE("a silent peer ends a connection after the times that were given", "[transport]") {
    line here;
    here.connect();
    // The transport's end of the connection, found among this process's sockets by its peer.
    unsigned found = 0;
    for (int handle = 0; handle < 1024; ++handle) {
        sockaddr_in peer{};
        socklen_t size = sizeof peer;
        bool const named = ::getpeername(handle, reinterpret_cast<sockaddr*>(&peer), &size) == 0;
        if (!named || peer.sin_family != AF_INET || ntohs(peer.sin_port) != here.port()) continue;
        auto const told = [handle](int level, int option) {
            int value = -1;
            socklen_t width = sizeof value;
            REQUIRE(::getsockopt(handle, level, option, &value, &width) == 0);
            return value;
        };
        CHECK(told(SOL_SOCKET, SO_KEEPALIVE) == 1);
        CHECK(told(IPPROTO_TCP, TCP_USER_TIMEOUT) == 1000);
        CHECK(told(IPPROTO_TCP, TCP_KEEPIDLE) == 15);
        CHECK(told(IPPROTO_TCP, TCP_KEEPINTVL) == 5);
        CHECK(told(IPPROTO_TCP, TCP_KEEPCNT) == 3);
        ++found;
    }
    CHECK(found == 1);
}
#endif
