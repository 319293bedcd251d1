// Tests of net::secure_transport over loopback: it connects when the peer is verified, reads and writes what
// does not fit into the socket at once, and leaves nothing behind.
#include <support/tls_server.hpp>

#include <umbel/net/secure_transport.hpp>
#include <umbel/tls.hpp>

#include <catch2/catch_test_macros.hpp>

#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/post.hpp>
#include <asio/read.hpp>
#include <asio/write.hpp>

#include <array>
#include <chrono>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using namespace std::chrono_literals;
using umbel::cluster::endpoint;
using umbel::engine::write_piece;
using umbel::net::secure_transport;

namespace {

struct ear final : umbel::net::transport_owner {
    void on_connected(umbel::net::transport& from, asio::error_code problem, bool) override {
        heard.push_back(problem ? "refused: " + from.words_of(problem) : "connected");
    }
    void on_read(umbel::net::transport& from, asio::error_code problem, std::size_t count) override {
        heard.push_back(problem ? "ended: " + from.words_of(problem) : "read " + std::to_string(count));
        after_read();
    }
    void on_writable(umbel::net::transport&, asio::error_code problem) override {
        heard.push_back(problem ? "broken" : "writable");
    }
    void on_notice_lost(umbel::net::transport&, bool) noexcept override {}
    /// As a connection does: who finds it owned leaves a note, and the owner goes round.
    void on_step(umbel::net::transport& from) override {
        ++steps;
        noted = true;
        if (std::exchange(owned, true)) return;
        while (std::exchange(noted, false)) from.proceed();
        owned = false;
    }
    std::shared_ptr<void> keep_alive() override { return std::make_shared<int>(0); }
    std::vector<std::string> heard;
    unsigned steps = 0;
    bool owned = false;
    bool noted = false;
    std::function<void()> after_read = [] {};
};

certificates::authority& trusted() {
    static certificates::authority made;
    return made;
}

/// A channel that is open at once and encrypts nothing.
struct open_channel final : umbel::encrypted_channel {
    bool& closed;
    std::string none;

    explicit open_channel(bool& told) : closed{told} {}
    void readable() noexcept override {}
    progress shake_hands() override { return progress::done; }
    progress read(std::span<char>, std::size_t&) override { return progress::wants_read; }
    bool has_unread() const noexcept override { return false; }
    progress write(pieces, std::size_t&) override { return progress::wants_write; }
    bool has_unsent() const noexcept override { return false; }
    progress flush() noexcept override { return progress::done; }
    void close() noexcept override { closed = true; }
    std::string const& failure() const noexcept override { return none; }
    bool refused() const noexcept override { return false; }
};
struct open_encryption final : umbel::encryption {
    bool closed = false;
    umbel::result<void> check() const override { return {}; }
    umbel::result<void> reload() override { return {}; }
    std::unique_ptr<umbel::encrypted_channel> open(std::string_view, std::uint16_t,
                                                   umbel::byte_stream&) noexcept override {
        return std::make_unique<open_channel>(closed);
    }
};

/// A name that has these addresses.
struct fixed_resolver final : umbel::net::name_resolver {
    asio::io_context& io;
    umbel::net::address_list addresses;
    fixed_resolver(asio::io_context& context, umbel::net::address_list found)
        : io{context}, addresses{std::move(found)} {}
    void resolve(std::string const&, handler done) override {
        asio::post(io, [done = std::move(done), found = addresses] { done({}, found); });
    }
    void give_up() noexcept override {}
};

/// A transport, and a server at the other end of its socket that moves when the test says so.
struct line {
    asio::io_context io{1};
    asio::ip::tcp::acceptor acceptor{io, {asio::ip::make_address_v4("127.0.0.1"), 0}};
    ear owner;
    std::shared_ptr<umbel::encryption> security;
    std::shared_ptr<secure_transport> wire;
    asio::ip::tcp::socket peer{io};
    umbel::test::tls_server server;
    umbel::test::scripted_stream between;

    explicit line(umbel::tls_options chosen = {.ca_pem = trusted().certificate()})
        : line{umbel::tls(std::move(chosen))} {}
    explicit line(std::shared_ptr<umbel::encryption> made, umbel::net::address_list addresses = {},
                  std::chrono::milliseconds connect_timeout = 2000ms)
        : security{std::move(made)}, server{{.identity = trusted().issue()}} {
        auto const executor = io.get_executor();
        auto lookup = std::make_shared<umbel::net::name_lookup>(
            executor, std::make_unique<fixed_resolver>(io, std::move(addresses)),
            std::make_shared<umbel::net::address_book>());
        wire = std::make_shared<secure_transport>(executor, owner, 1, umbel::net::silence_limits{},
                                                  connect_timeout, std::move(lookup), security);
    }
    ~line() { wire->close(); }

    /// Lets both ends go on until the owner has heard so much, or `enough` says so.
    template <class Enough>
    bool until(Enough enough) {
        auto const give_up = std::chrono::steady_clock::now() + 20s;
        while (!enough() && std::chrono::steady_clock::now() < give_up) {
            io.restart();
            io.run_one_for(1ms);
            if (peer.is_open()) serve();
        }
        return enough();
    }
    bool heard(std::size_t count) {
        return until([&] { return owner.heard.size() >= count; }) && owner.heard.size() == count;
    }
    /// The server reads what has come, and its answers go out.
    void serve() {
        std::array<char, 65536> room;
        asio::error_code how;
        peer.non_blocking(true);
        std::size_t const count = reads ? peer.read_some(asio::buffer(room), how) : 0;
        between.to_server.append(room.data(), how ? 0 : count);
        server.turn(between);
        std::size_t const sent = peer.write_some(asio::buffer(between.to_client), how);
        between.to_client.erase(0, how ? 0 : sent);
    }
    void connect() {
        wire->connect(endpoint{"127.0.0.1", acceptor.local_endpoint().port()});
        acceptor.accept(peer);
        REQUIRE(heard(1));
        REQUIRE(owner.heard[0] == "connected");
        owner.heard.clear();
    }
    std::size_t write(std::string const& text) {
        write_piece const piece{text.data(), text.size()};
        problem.clear();
        return wire->write_some({&piece, 1}, problem);
    }
    /// Writes until the transport takes no more, to a server that does not read. Returns how much it took.
    std::size_t fill() {
        reads = false;
        std::string const piece(50'000, 'x');
        std::size_t taken = 0;
        do taken += write(piece);
        while (!problem);
        return taken;
    }
    asio::error_code problem;  ///< Of the latest write().
    bool reads = true;
};

}  // namespace

TEST_CASE("a secure transport connects, writes gathered pieces and reads what comes", "[tls]") {
    line here;
    here.connect();
    CHECK(here.wire->waits_for().empty());
    write_piece const pieces[]{{"one ", 4}, {"two ", 4}, {"three", 5}};
    asio::error_code problem;
    CHECK(here.wire->write_some(pieces, problem) == 13);
    CHECK(here.until([&] { return here.server.heard() == "one two three"; }));
    char room[16] = {};
    here.wire->read(room);
    here.until([&] { return true; });
    CHECK(here.owner.heard.empty());
    here.server.say(here.between, "pong");
    REQUIRE(here.heard(1));
    CHECK(here.owner.heard[0] == "read 4");
    CHECK(std::string(room, 4) == "pong");
    here.wire->read(room);
    here.server.say_close(here.between);
    REQUIRE(here.heard(2));
    CHECK(here.owner.heard[1] == "ended: the node ended the TLS stream (close_notify)");
}

TEST_CASE("what has arrived is read in small pieces, although the socket has no more", "[tls]") {
    line here;
    here.connect();
    here.server.say(here.between, "0123456789");
    std::string all;
    char room[3];
    while (all.size() < 10) {
        here.owner.heard.clear();
        here.wire->read(room);
        CHECK(here.owner.heard.empty());  // Never inside the call.
        REQUIRE(here.heard(1));
        all.append(room, static_cast<std::size_t>(here.owner.heard[0].back() - '0'));
    }
    CHECK(all == "0123456789");
}

TEST_CASE("each reply costs one notice, also after bytes have come while the last ones were read", "[tls]") {
    line here;
    here.connect();
    char room[16];
    bool races = false;
    auto const step_once = [&] {
        unsigned const before = here.owner.steps;
        CHECK(here.until([&] { return here.owner.steps != before; }));
    };
    here.owner.after_read = [&] {
        here.wire->read(room);
        if (!std::exchange(races, false)) return;
        here.server.say(here.between, "y");
        step_once();  // It is noted while the connection is owned.
    };
    here.wire->read(room);
    here.until([&] { return true; });
    for (std::size_t round = 0; round < 4; ++round) {
        races = round != 0;
        here.owner.heard.clear();
        here.server.say(here.between, "z");
        REQUIRE(here.heard(races ? 2 : 1));
        here.io.restart();
        here.io.poll();
        here.owner.heard.clear();
        here.owner.steps = 0;
        for (unsigned at = 1; at <= 20; ++at) {
            here.server.say(here.between, "z");
            REQUIRE(here.heard(at));
            here.io.restart();
            here.io.poll();
        }
        CHECK(here.owner.steps == 20);
    }
}

TEST_CASE("what the socket does not take is sent later, although nobody writes any more", "[tls]") {
    line here;
    here.connect();
    std::size_t const sent = here.fill();
    CHECK(here.problem == asio::error::would_block);
    CHECK(here.owner.heard.empty());
    here.reads = true;
    // Nothing is asked for: the transport itself sends what it has taken.
    CHECK(here.until([&] { return here.server.heard().size() == sent; }));
    CHECK(here.owner.heard.empty());
}

TEST_CASE("who waits to write is told when there is room again", "[tls]") {
    line here;
    here.connect();
    std::size_t sent = here.fill();
    here.wire->wait_writable();
    here.io.restart();
    here.io.poll();
    CHECK(here.owner.heard.empty());
    here.reads = true;
    REQUIRE(here.heard(1));
    CHECK(here.owner.heard[0] == "writable");
    sent += here.write("end");
    CHECK_FALSE(here.problem);
    CHECK(here.until([&] { return here.server.heard().size() == sent; }));
    CHECK(here.server.heard().ends_with("xend"));
}

TEST_CASE("a peer that does not verify is refused, and gets nothing", "[tls]") {
    line here{{.ca_pem = certificates::authority{"a stranger"}.certificate()}};
    here.wire->connect(endpoint{"127.0.0.1", here.acceptor.local_endpoint().port()});
    here.acceptor.accept(here.peer);
    REQUIRE(here.heard(1));
    CHECK(here.owner.heard[0].starts_with(
        "refused: certificate verify failed: unable to get local issuer certificate"));
    CHECK(here.wire->refused_by_tls());
    CHECK(here.server.heard().empty());
}

TEST_CASE("a peer that is silent, or speaks something else, is told by what it was asked", "[tls]") {
    line silent;
    silent.wire->connect(endpoint{"127.0.0.1", silent.acceptor.local_endpoint().port()});
    silent.until([&] { return !silent.wire->waits_for().empty(); });
    CHECK(silent.wire->waits_for() == ": the TLS handshake is not answered; perhaps the node speaks no TLS");
    CHECK(silent.owner.heard.empty());
    line other;
    other.wire->connect(endpoint{"127.0.0.1", other.acceptor.local_endpoint().port()});
    asio::ip::tcp::socket plain{other.io};
    other.acceptor.accept(plain);
    asio::write(plain, asio::buffer("-ERR unknown command\r\n", 22));
    REQUIRE(other.heard(1));
    CHECK(other.owner.heard[0].starts_with("refused: the server does not speak TLS"));
    line refused;
    auto const port = refused.acceptor.local_endpoint().port();
    refused.acceptor.close();
    refused.wire->connect(endpoint{"127.0.0.1", port});
    REQUIRE(refused.heard(1));
    CHECK(refused.owner.heard[0] == "refused: Connection refused");
    CHECK_FALSE(refused.wire->refused_by_tls());
}

namespace {

/// A name with two addresses; nothing good stands at the first one.
struct fork_in_the_road : line {
    asio::ip::tcp::acceptor first{io,
                                  {asio::ip::make_address_v4("127.0.0.2"), acceptor.local_endpoint().port()}};
    asio::ip::tcp::socket wrong{io};

    explicit fork_in_the_road(std::chrono::milliseconds connect_timeout = 20s)
        : line{umbel::tls({.ca_pem = trusted().certificate()}),
               {asio::ip::make_address("127.0.0.2"), asio::ip::make_address("127.0.0.1")},
               connect_timeout} {
        wire->connect(endpoint{"localhost", acceptor.local_endpoint().port()});
        io.restart();
        while (!wrong.is_open() && io.run_one_for(1s) != 0) {
            asio::error_code how;
            first.non_blocking(true);
            first.accept(wrong, how);
        }
        REQUIRE(wrong.is_open());
    }
    /// The second address is tried, and serves.
    void serves() {
        acceptor.non_blocking(true);
        asio::error_code how;
        REQUIRE(until([&] {
            if (!peer.is_open()) acceptor.accept(peer, how);
            return peer.is_open();
        }));
        REQUIRE(heard(1));
        CHECK(owner.heard[0] == "connected");
        CHECK_FALSE(wire->refused_by_tls());
        CHECK(write("GET k\r\n") == 7);
        CHECK(until([&] { return server.heard() == "GET k\r\n"; }));
    }
};

}  // namespace

TEST_CASE("where TLS fails with one address of a name the next one is tried", "[tls]") {
    {
        fork_in_the_road plain;
        asio::write(plain.wrong, asio::buffer("-ERR unknown command\r\n", 22));
        plain.serves();
    }
    {
        fork_in_the_road closing;
        closing.wrong.close();
        closing.serves();
    }
    {
        fork_in_the_road stranger;
        umbel::test::tls_server other{{.identity = certificates::authority{"a stranger"}.issue()}};
        umbel::test::scripted_stream between;
        stranger.wrong.non_blocking(true);
        asio::error_code how;
        std::array<char, 4096> room;
        while (!how || how == asio::error::would_block) {
            std::size_t const count = stranger.wrong.read_some(asio::buffer(room), how);
            between.to_server.append(room.data(), how ? 0 : count);
            other.turn(between);
            asio::error_code ignored;
            stranger.wrong.write_some(asio::buffer(between.to_client), ignored);
            between.to_client.clear();
            stranger.io.restart();
            stranger.io.run_one_for(1ms);
        }
        stranger.serves();
        CHECK(other.heard().empty());
    }
}

TEST_CASE("an address that accepts and says nothing leaves time for the next one", "[tls]") {
    fork_in_the_road silent{400ms};
    silent.serves();
}

TEST_CASE("where TLS fails with every address both reasons are told", "[tls]") {
    fork_in_the_road here;
    here.acceptor.close();
    asio::write(here.wrong, asio::buffer("-ERR unknown command\r\n", 22));
    REQUIRE(here.heard(1));
    CHECK(
        here.owner.heard[0].starts_with("refused: Connection refused (before, at another address of this "
                                        "name: the server does not speak TLS"));
}

TEST_CASE("close says so to the peer, abort does not", "[tls]") {
    line here;
    here.connect();
    here.wire->close();
    CHECK(here.until([&] { return here.server.was_told_of_close(); }));
    line harsh;
    harsh.connect();
    harsh.wire->abort();
    std::array<char, 16> room;
    asio::error_code how;
    harsh.peer.non_blocking(false);
    while (!how) static_cast<void>(harsh.peer.read_some(asio::buffer(room), how));
    CHECK(how == asio::error::connection_reset);
    CHECK_FALSE(harsh.server.was_told_of_close());
    // The channel is asked to say so where it may, and only there.
    for (bool const gently : {true, false}) {
        auto const security = std::make_shared<open_encryption>();
        line told{security};
        told.connect();
        gently ? told.wire->close() : told.wire->abort();
        CHECK(security->closed == gently);
    }
}
