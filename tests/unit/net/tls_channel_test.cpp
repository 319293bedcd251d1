// Tests of net::tls_channel against a server of OpenSSL, over a stream that a script moves: what crosses in
// how many pieces, what is kept, what each failure is called.
#include <support/tls_server.hpp>

#include <umbel/net/tls_encryption.hpp>

#include <catch2/catch_test_macros.hpp>

#include <array>
#include <cerrno>
#include <string>
#include <vector>

using umbel::encrypted_channel;
using umbel::tls_options;
using umbel::test::scripted_stream;
using umbel::test::server_wish;
using umbel::test::tls_server;
using progress = encrypted_channel::progress;

namespace {

certificates::authority& trusted() {
    static certificates::authority made;
    return made;
}
tls_options trusting() { return {.ca_pem = trusted().certificate()}; }

/// A client and a server, and what is between them.
struct line {
    explicit line(server_wish wanted = {.identity = trusted().issue()}, tls_options chosen = trusting(),
                  std::string const& host = "127.0.0.1")
        : server{wanted}, client{std::move(chosen)}, host_{host} {
        connect();
    }
    void connect() {
        wire = {};
        channel = client.open(host_, 7000, wire);
        REQUIRE(channel);
    }

    /// Both ends go on until the client is done, or can do no more.
    progress shake_hands() {
        progress step = progress::wants_read;
        for (int turns = 0; turns < 20 && step == progress::wants_read; ++turns) {
            channel->readable();
            step = channel->shake_hands();
            server.turn(wire);
        }
        return step;
    }
    void open() {
        REQUIRE(shake_hands() == progress::done);
        server.turn(wire);
        CHECK_FALSE(server.shakes_hands());
    }
    /// Reads until there is no more.
    std::string read(std::size_t room_bytes = 65536) {
        std::string all, room(room_bytes, '\0');
        channel->readable();
        for (;;) {
            std::size_t count = 0;
            last = channel->read(room, count);
            all.append(room, 0, count);
            if (last != progress::done && last != progress::wants_turn) return all;
            CHECK((last == progress::wants_turn || count != 0));
        }
    }
    std::size_t write(std::vector<std::string> const& texts) {
        std::vector<std::span<char const>> pieces{texts.begin(), texts.end()};
        std::size_t count = 0;
        last = channel->write(pieces, count);
        return count;
    }

    scripted_stream wire;
    tls_server server;
    umbel::net::tls_encryption client;
    std::unique_ptr<encrypted_channel> channel;
    progress last = progress::done;

private:
    std::string host_;
};

std::string letters(std::size_t count) {
    std::string made(count, '\0');
    for (std::size_t at = 0; at < count; ++at) made[at] = static_cast<char>('a' + at % 23);
    return made;
}

/// What a handshake fails by that must fail.
std::string failed(line& here) {
    progress step = here.shake_hands();
    if (step == progress::done) {
        here.server.turn(here.wire);
        here.read();
        step = here.last;
    }
    CHECK(step == progress::failed);
    CHECK(here.channel->refused());
    return here.channel->failure();
}

bool contains(std::string const& text, std::string_view part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("a channel shakes hands, and bytes go both ways", "[tls]") {
    for (int const version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
        line here{{.identity = trusted().issue(), .version = version}};
        here.open();
        CHECK(here.write({"PING\r\n"}) == 6);
        here.server.turn(here.wire);
        CHECK(here.server.heard() == "PING\r\n");
        here.server.say(here.wire, "+PONG\r\n");
        CHECK(here.read() == "+PONG\r\n");
        CHECK(here.last == progress::wants_read);
    }
}

TEST_CASE("a handshake and what follows may be cut into any pieces", "[tls]") {
    for (std::size_t const at_a_time : {1u, 2u, 3u, 5u, 7u, 64u, 1000u}) {
        CAPTURE(at_a_time);
        line here;
        progress step = progress::wants_read;
        for (int turns = 0; turns < 20000 && step != progress::done; ++turns) {
            here.wire.bytes_at_a_time = at_a_time;
            here.channel->readable();
            step = here.channel->shake_hands();
            REQUIRE((step == progress::done || step == progress::wants_read || step == progress::wants_turn));
            here.server.turn(here.wire);
        }
        REQUIRE(step == progress::done);
        std::string const said = letters(40000);
        here.server.say(here.wire, said);
        std::string heard;
        while (heard.size() < said.size()) {
            std::string const more = here.read(900);
            REQUIRE((!more.empty() || !here.wire.to_client.empty()));
            heard += more;
        }
        CHECK(heard == said);
    }
}

TEST_CASE("plain bytes are left in the channel when the reader has no more room, and it says so", "[tls]") {
    line here;
    here.open();
    here.read();  // The tickets.
    here.server.say(here.wire, letters(100));
    here.channel->readable();
    std::array<char, 30> room{};
    std::string heard;
    std::size_t count = 0;
    while (here.channel->read(room, count) == progress::done) {
        heard.append(room.data(), count);
        CHECK(here.channel->has_unread() == (heard.size() < 100 && count == room.size()));
        if (!here.channel->has_unread()) break;
    }
    CHECK(heard == letters(100));
}

TEST_CASE("a receive that gave less than it could is not repeated before there is more", "[tls]") {
    line here;
    here.open();
    here.read();
    here.server.say(here.wire, "+OK\r\n");
    here.wire.receives = 0;
    CHECK(here.read() == "+OK\r\n");
    CHECK(here.wire.receives == 1);
}

TEST_CASE("half a record is waited for in silence", "[tls]") {
    line here;
    here.open();
    here.read();
    here.server.say(here.wire, letters(300));
    std::string rest = here.wire.to_client.substr(150);
    here.wire.to_client.resize(150);
    CHECK(here.read().empty());
    CHECK(here.last == progress::wants_read);
    CHECK_FALSE(here.channel->has_unread());
    here.wire.to_client = std::move(rest);
    CHECK(here.read() == letters(300));
}

TEST_CASE("all records of one write leave by one send, small pieces joined, large ones where they stand",
          "[tls]") {
    line here;
    here.open();
    here.wire.sends = 0;
    std::vector<std::string> small;
    std::string all;
    for (int at = 0; at < 60; ++at) all += small.emplace_back(letters(700));
    CHECK(here.write(small) == all.size());
    CHECK(here.wire.sends == 1);
    std::string const large = letters(100'000);
    CHECK(here.write({"head\r\n", large.substr(0, 90'000), "tail\r\n"}) == 90'012);
    CHECK(here.wire.sends == 2);
    here.server.turn(here.wire);
    CHECK(here.server.heard() == all + "head\r\n" + large.substr(0, 90'000) + "tail\r\n");
}

TEST_CASE("a write larger than what is kept is taken in parts, each whole", "[tls]") {
    line here;
    here.open();
    std::string const much = letters(1 << 20);
    std::size_t sent = 0;
    while (sent < much.size()) {
        std::size_t const count = here.write({much.substr(sent)});
        REQUIRE(here.last == progress::done);
        REQUIRE(count != 0);
        sent += count;
    }
    here.server.turn(here.wire);
    CHECK(here.server.heard() == much);
}

TEST_CASE("what the stream does not take is kept, and goes first", "[tls]") {
    for (std::size_t const step : {1u, 7u, 4096u, 30000u}) {
        CAPTURE(step);
        line here;
        here.open();
        here.wire.room = 0;
        std::string const much = letters(70'000);
        std::size_t taken = here.write({much});
        CHECK(taken != 0);
        CHECK(here.channel->has_unsent());
        CHECK(here.write({much.substr(taken)}) == 0);
        CHECK(here.last == progress::wants_write);
        while (taken < much.size() || here.channel->has_unsent()) {
            here.wire.room = step == 1 ? 97 : step;
            if (here.channel->flush() != progress::done) continue;
            if (taken < much.size()) taken += here.write({much.substr(taken)});
        }
        here.server.turn(here.wire);
        CHECK(here.server.heard() == much);
    }
}

TEST_CASE("keys that the server renews are renewed, and nobody hears of it", "[tls]") {
    line here{{.identity = trusted().issue(), .version = TLS1_3_VERSION}};
    here.open();
    here.read();
    for (int again = 0; again < 3; ++again) {
        here.server.renew_keys(here.wire);
        CHECK(here.read().empty());
        CHECK(here.last == progress::wants_read);
        here.server.say(here.wire, "+OK\r\n");
        CHECK(here.read() == "+OK\r\n");
        // The answer to the server's wish goes out at the latest with the next bytes, which it understands.
        CHECK(here.write({"PING\r\n"}) == 6);
        here.server.turn(here.wire);
    }
    CHECK(here.server.heard() == "PING\r\nPING\r\nPING\r\n");
}

TEST_CASE("a read that must answer before it goes on says that there is more", "[tls]") {
    line here{{.identity = trusted().issue(), .version = TLS1_3_VERSION, .tickets = 0}};
    here.open();
    here.wire.room = 0;
    CHECK(here.write({letters(400'000)}) != 0);
    here.server.say(here.wire, "first ");
    // As many answers as nobody has room for.
    for (int at = 0; at < 200; ++at) here.server.renew_keys(here.wire);
    here.server.say(here.wire, "second");
    std::array<char, 64> room{};
    std::size_t count = 0;
    here.channel->readable();
    CHECK(here.channel->read(room, count) == progress::done);
    REQUIRE(std::string_view{room.data(), count} == "first ");
    CHECK(here.channel->has_unread());
    here.wire.room = std::size_t{1} << 30;
    CHECK(here.channel->flush() == progress::done);
    CHECK(here.read() == "second");
}

TEST_CASE("a peer that sends records without a byte for the reader does not hold the thread", "[tls]") {
    line here{{.identity = trusted().issue(), .version = TLS1_3_VERSION}};
    here.open();
    here.read();
    for (int at = 0; at < 2000; ++at) here.server.renew_keys(here.wire);
    here.wire.bytes_at_a_time = 64;
    here.channel->readable();
    here.wire.receives = 0;
    std::array<char, 64> room{};
    std::size_t count = 0;
    // The receives are whole where the room that OpenSSL offers is as small: it offers more, so each is
    // short.
    progress const step = here.channel->read(room, count);
    CHECK((step == progress::wants_turn || step == progress::wants_read));
    CHECK(here.wire.receives <= umbel::net::tls_wire::receives_max);
}

TEST_CASE("a server of TLS 1.2 that wants another handshake is refused, and the stream goes on", "[tls]") {
    line here{{.identity = trusted().issue(), .version = TLS1_2_VERSION}};
    here.open();
    here.server.ask_to_renegotiate(here.wire);
    CHECK(here.read().empty());
    CHECK(here.last == progress::wants_read);
    CHECK_FALSE(here.wire.to_server.empty());  // The refusal.
    CHECK(here.write({"PING\r\n"}) == 6);
}

TEST_CASE("the end of a stream is told apart: by close_notify, without it, by a reset", "[tls]") {
    std::array<char, 64> room{};
    std::size_t count = 0;
    {
        line here;
        here.open();
        here.server.say(here.wire, "$5\r\nhal");
        here.server.say_close(here.wire);
        CHECK(here.read() == "$5\r\nhal");
        CHECK(here.last == progress::ended);
        CHECK(here.channel->failure() == "the node ended the TLS stream (close_notify)");
        CHECK_FALSE(here.channel->refused());
        CHECK(here.channel->read(room, count) == progress::ended);
        CHECK(here.write({"x"}) == 0);
        CHECK(here.last == progress::ended);
    }
    {
        line here;
        here.open();
        here.server.say(here.wire, "$5\r\nhal");
        here.wire.ended = true;
        CHECK(here.read() == "$5\r\nhal");
        CHECK(here.last == progress::wants_read);
        CHECK(here.read().empty());
        CHECK(here.last == progress::failed);
        CHECK(contains(here.channel->failure(), "without an end of the TLS stream"));
        CHECK_FALSE(here.channel->refused());
    }
    {
        line here;
        here.open();
        here.wire.broken = ECONNRESET;
        CHECK(here.read().empty());
        CHECK(here.last == progress::failed);
        CHECK(contains(here.channel->failure(), "reset"));
    }
}

TEST_CASE("bytes that were altered on their way end the stream", "[tls]") {
    line here;
    here.open();
    here.read();
    here.server.say(here.wire, letters(100));
    here.wire.to_client[50] = static_cast<char>(here.wire.to_client[50] ^ 1);
    CHECK(here.read().empty());
    CHECK(here.last == progress::failed);
    CHECK(contains(here.channel->failure(), "the TLS stream broke"));
    CHECK(contains(here.channel->failure(), "bad record mac"));
}

TEST_CASE("close tells the peer, where there is room", "[tls]") {
    line here;
    here.open();
    here.channel->close();
    here.server.turn(here.wire);
    CHECK(here.server.was_told_of_close());
    line full;
    full.open();
    full.wire.room = 0;
    full.channel->close();
    CHECK(full.wire.to_server.empty());
    line unopened;
    unopened.channel->close();
    CHECK(unopened.wire.to_server.empty());
}

TEST_CASE("each certificate that does not verify is refused by name, before a byte is sent", "[tls]") {
    using namespace std::chrono_literals;
    certificates::authority stranger{"a stranger"};
    struct {
        certificates::identity shown;
        std::string host;
        std::string told;
    } const all[] = {
        {stranger.issue(), "127.0.0.1", "unable to get local issuer certificate"},
        {trusted().issue({.from = -7200s, .until = -3600s}), "127.0.0.1", "certificate has expired"},
        {trusted().issue({.from = 3600s}), "127.0.0.1", "certificate is not yet valid"},
        {trusted().issue(), "10.9.9.9", "the certificate is of 127.0.0.1, localhost, not of 10.9.9.9"},
        {trusted().issue(), "db.example", "hostname mismatch"},
        {trusted().issue(), "::1", "IP address mismatch"},
        {trusted().issue({.subject = "localhost", .names = "DNS:other.example"}), "localhost",
         "of other.example, not of localhost"},
    };
    for (auto const& wrong : all) {
        CAPTURE(wrong.told);
        line here{{.identity = wrong.shown}, trusting(), wrong.host};
        std::string const told = failed(here);
        CHECK(contains(told, "certificate verify failed: "));
        CHECK(contains(told, wrong.told));
        CHECK(here.write({"AUTH secret\r\n"}) == 0);
        CHECK(here.server.heard().empty());
    }
}

TEST_CASE("a name with a dot before it stands for no others, and what is no name for no channel", "[tls]") {
    line here{{.identity = trusted().issue({.names = "DNS:a.example"})}, trusting(), ".example"};
    CHECK(contains(failed(here), "hostname mismatch"));
    line named{{.identity = trusted().issue({.names = "DNS:a.example"})}, trusting(), "a.example"};
    named.open();
    for (std::string const& host : {std::string{}, std::string{"."}, std::string(300, 'x')}) {
        CAPTURE(host);
        umbel::net::tls_encryption client{trusting()};
        scripted_stream wire;
        CHECK(client.open(host, 7000, wire) == nullptr);
        CHECK(ERR_peek_error() == 0);
    }
}

TEST_CASE("what a certificate says of itself is told in few letters that a log can bear", "[tls]") {
    std::string const lots(60'000, 'A');
    line large{{.identity = trusted().issue({.names = "DNS:" + lots})}};
    std::string told = failed(large);
    CHECK(told.size() < 1024);
    CHECK(contains(told, "the certificate is of " + lots.substr(0, 255) + ", not of 127.0.0.1"));
    line rude{{.identity = trusted().issue(
                   {.subject = "x\n\x1b[31mevil", .names = "", .until = std::chrono::seconds{-60}})}};
    told = failed(rude);
    CHECK(told.find('\n') == std::string::npos);
    CHECK(told.find('\x1b') == std::string::npos);
}

TEST_CASE("an alert that says nothing of the other end's TLS does not last", "[tls]") {
    // Records of TLS: an alert (21), fatal (2).
    struct {
        char alert;
        bool lasts;
    } const all[]{{80, false}, {50, false}, {10, false}, {40, true}, {71, true}, {70, true}, {48, true}};
    for (auto const& said : all) {
        CAPTURE(int{said.alert});
        line here;
        here.wire.to_client = std::string{"\x15\x03\x03\0\x02\x02", 6} + said.alert;
        here.channel->readable();
        CHECK(here.channel->shake_hands() == progress::failed);
        CHECK(here.channel->refused() == said.lasts);
    }
}

TEST_CASE("a server that shows no certificate is refused, though OpenSSL verifies nobody", "[tls]") {
    // The options never offer such a cipher: here it is forced on both ends.
    constexpr char const* anonymous = "aNULL:@SECLEVEL=0";
    for (bool const verifies : {true, false}) {
        tls_options chosen = trusting();
        chosen.version_max = umbel::tls_version::tls_1_2;
        if (!verifies) chosen.verify = umbel::tls_verification::insecure_none;
        auto const context = umbel::net::tls_context::make(chosen);
        REQUIRE(context);
        REQUIRE(SSL_CTX_set_cipher_list(&(*context)->raw(), anonymous) == 1);
        tls_server server{{.identity = trusted().issue(), .version = TLS1_2_VERSION, .ciphers = anonymous}};
        scripted_stream wire;
        auto const channel = umbel::net::tls_channel::make(*context, "127.0.0.1", 7000, wire,
                                                           std::make_shared<umbel::net::tls_counters>());
        REQUIRE(channel);
        progress step = progress::wants_read;
        for (int turns = 0; turns < 20 && step == progress::wants_read; ++turns) {
            channel->readable();
            step = channel->shake_hands();
            server.turn(wire);
        }
        CHECK_FALSE(server.shakes_hands());
        CHECK(step == (verifies ? progress::failed : progress::done));
        CHECK(channel->refused() == verifies);
        std::string const secret = "AUTH secret\r\n";
        std::span<char const> const piece{secret};
        std::size_t count = 0;
        CHECK(channel->write({&piece, 1}, count) == step);
        if (!verifies) continue;
        CHECK(channel->failure() == "certificate verify failed: the server has shown none");
        server.turn(wire);
        CHECK(server.heard().empty());
    }
}

TEST_CASE("whom a certificate must name can be changed, loudly", "[tls]") {
    tls_options any_name = trusting();
    any_name.verify = umbel::tls_verification::any_name;
    line named_otherwise{{.identity = trusted().issue()}, any_name, "10.9.9.9"};
    named_otherwise.open();
    line nobody{{.identity = certificates::authority{}.issue()},
                {.verify = umbel::tls_verification::insecure_none},
                "10.9.9.9"};
    nobody.open();
    tls_options one_name = trusting();
    one_name.server_name = "localhost";
    line shared{{.identity = trusted().issue()}, one_name, "10.9.9.9"};
    shared.open();
    CHECK(shared.server.name_told() == "localhost");
    line dotted{{.identity = trusted().issue()}, trusting(), "localhost."};
    dotted.open();
    CHECK(dotted.server.name_told() == "localhost");
    line by_address;
    by_address.open();
    CHECK(by_address.server.name_told().empty());
}

TEST_CASE("a server that asks for a client certificate gets it, or says what is missing", "[tls]") {
    for (int const version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
        CAPTURE(version);
        server_wish const strict{
            .identity = trusted().issue(), .asks_for = trusted().certificate(), .version = version};
        certificates::identity const own = trusted().issue({.subject = "client", .names = ""});
        tls_options known = trusting();
        known.certificate_pem = own.certificate;
        known.key_pem = certificates::locked(own.key, "secret");
        known.key_passphrase = "secret";
        line good{strict, known};
        good.open();
        line missing{strict};
        CHECK(contains(failed(missing), "the server requires a client certificate"));
        certificates::identity const other = certificates::authority{"a stranger"}.issue();
        tls_options unknown = trusting();
        unknown.certificate_pem = other.certificate;
        unknown.key_pem = other.key;
        line refused{strict, unknown};
        CHECK(contains(failed(refused), "the server does not accept the client certificate"));
    }
}

TEST_CASE("a server that speaks no TLS, or another version of it, is told by name", "[tls]") {
    for (std::string const said :
         {"-ERR unknown command\r\n", "HTTP/1.1 400 Bad Request\r\n", "+PONG\r\n", ":1\r\n$3\r\n"}) {
        line here;
        here.wire.to_client = said;
        here.channel->readable();
        CHECK(here.channel->shake_hands() == progress::failed);
        CHECK(contains(here.channel->failure(), "the server does not speak TLS"));
        CHECK(here.channel->refused());
    }
    tls_options newest = trusting();
    newest.version_min = umbel::tls_version::tls_1_3;
    line old{{.identity = trusted().issue(), .version = TLS1_2_VERSION}, newest};
    CHECK(contains(failed(old), "none of the TLS versions"));
    line silent;
    silent.wire.ended = true;
    CHECK(silent.shake_hands() == progress::failed);
    CHECK(contains(silent.channel->failure(), "closed the connection during the TLS handshake"));
    CHECK_FALSE(silent.channel->refused());
}

TEST_CASE("the next connection to a node goes on with the session of the one before", "[tls]") {
    for (int const version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
        CAPTURE(version);
        line here{{.identity = trusted().issue(), .version = version}};
        here.open();
        here.read();  // The tickets.
        for (int again = 1; again < 4; ++again) {
            here.server.begin();
            here.connect();
            here.open();
            here.read();
            CHECK(here.client.resumed() == static_cast<unsigned>(again));
        }
        CHECK(here.client.handshakes() == 4);
        // What was read anew begins anew.
        REQUIRE(here.client.reload());
        here.server.begin();
        here.connect();
        here.open();
        CHECK(here.client.resumed() == 3);
    }
    tls_options never = trusting();
    never.reuse_sessions = false;
    line here{{.identity = trusted().issue()}, never};
    here.open();
    here.read();
    here.server.begin();
    here.connect();
    here.open();
    CHECK(here.client.resumed() == 0);
}
