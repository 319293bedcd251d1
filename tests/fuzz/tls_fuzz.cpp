// tls_fuzz: the record path of TLS. The input is a script for both ends of one connection and for what is
// between them: what the server says (records, new keys, another handshake, the end), how the bytes are cut,
// altered, added to or lost on their way, how much the client reads, writes and gets rid of at a time. The
// client never hears what was not said, never claims what it has not sent, and never spins.
#include <support/tls_server.hpp>

#include <umbel/net/tls_encryption.hpp>

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>

namespace {

using umbel::encrypted_channel;
using progress = encrypted_channel::progress;
using umbel::net::tls_encryption;
using umbel::test::scripted_stream;
using umbel::test::tls_server;

void expect(bool condition, char const* what) {
    if (condition) return;
    std::fprintf(stderr, "%s\n", what);
    std::abort();
}

/// What lives as long as the process: certificates cost more than connections.
struct world {
    certificates::authority trusted;
    certificates::identity own = trusted.issue();
    tls_server servers[2] = {tls_server{{.identity = own, .version = TLS1_3_VERSION}},
                             tls_server{{.identity = own, .version = TLS1_2_VERSION}}};
    tls_encryption client{{.ca_pem = trusted.certificate()}};
};
world& all() {
    static world made;
    return made;
}

/// Bytes that tell where they stand.
std::string letters(std::size_t from, std::size_t count) {
    std::string made(count, '\0');
    for (std::size_t at = 0; at < count; ++at) made[at] = static_cast<char>((from + at) * 31 % 251);
    return made;
}

/// One connection under a script.
class run {
public:
    run(tls_server& server, bool opened) : server_{server} {
        server_.begin();
        channel_ = all().client.open("127.0.0.1", 7000, wire_);
        expect(channel_ != nullptr, "no channel");
        for (int turn = 0; opened && turn < 6 && !open_; ++turn) step(10, 255), step(3, 255);
        expect(!opened || open_, "the handshake has failed");
    }

    void step(unsigned what, std::size_t much) {
        switch (what % 13) {
            case 0: return say(much * 97);
            case 1: return renew();
            case 2: return server_acts([&] { server_.say_close(wire_); }), end_said();
            case 3: return read(much * much + 1);
            case 4: return alter(much);
            case 5: return add(much);
            case 6: wire_.ended = true; return;
            case 7: return write(much * 301);
            case 8: wire_.room = much * 100; return;
            case 9: return flush();
            case 10: return turn();
            case 11: wire_.bytes_at_a_time = much + 1; return;
            case 12: return lose(much);
        }
    }

    /// Everything may go now: nothing that was taken is left behind.
    void finish() {
        wire_.room = std::size_t{1} << 30;
        wire_.bytes_at_a_time = std::size_t{1} << 30;
        for (int again = 0; again < 4; ++again) step(9, 0), turn(), read(1 << 16);
        if (!open_ || disturbed_ || over_) return;
        expect(server_.heard() == written_, "bytes that were taken have not arrived");
        expect(heard_ == said_, "bytes that were said have not been read");
    }

private:
    template <class Act>
    void server_acts(Act act) {
        try {
            act();
        } catch (std::runtime_error const&) {
            // It has ended, or has not begun.
        }
    }
    void end_said() { over_ = true; }
    void say(std::size_t count) {
        if (server_.shakes_hands() || over_) return;
        std::string const more = letters(said_.size(), count);
        server_acts([&] {
            server_.say(wire_, more);
            said_ += more;
        });
    }
    void renew() {
        if (server_.shakes_hands() || over_) return;
        bool const newest = &server_ == &all().servers[0];
        server_acts([&] { newest ? server_.renew_keys(wire_) : server_.ask_to_renegotiate(wire_); });
        // A server that was refused another handshake may end.
        if (!newest) disturbed_ = true;
    }
    void turn() {
        server_acts([&] { server_.turn(wire_); });
        expect(written_.starts_with(server_.heard()), "the server has heard what was not written");
    }
    void alter(std::size_t at) {
        if (wire_.to_client.empty()) return;
        disturbed_ = true;
        char& letter = wire_.to_client[at * at % wire_.to_client.size()];
        letter = static_cast<char>(letter ^ (1 << at % 8));
    }
    void add(std::size_t count) {
        disturbed_ = true;
        wire_.to_client.insert(count % (wire_.to_client.size() + 1), letters(count, count % 40 + 1));
    }
    void lose(std::size_t count) {
        if (wire_.to_client.empty()) return;
        disturbed_ = true;
        wire_.to_client.erase(0, count % wire_.to_client.size() + 1);
    }

    void read(std::size_t room) {
        channel_->readable();
        unsigned const before = wire_.receives;
        if (!open_) {
            progress const step = channel_->shake_hands();
            if (step == progress::done) open_ = true;
            if (step != progress::done)
                expect(!channel_->has_unread() || step != progress::wants_read, "unread");
            check(step);
        } else {
            std::string into(room, '\0');
            std::size_t count = 0;
            progress const step = channel_->read(into, count);
            expect(count <= room && (step == progress::done) == (count != 0), "a count that cannot be");
            heard_.append(into, 0, count);
            expect(said_.starts_with(heard_), "the client has heard what was not said");
            check(step);
        }
        expect(wire_.receives - before <= umbel::net::tls_wire::receives_max, "one step receives too often");
    }
    void write(std::size_t count) {
        if (!open_) return;
        std::string const more = letters(written_.size(), count);
        std::span<char const> const whole{more};
        std::span<char const> const pieces[]{whole.first(count / 3), whole.subspan(count / 3)};
        std::size_t taken = 0;
        progress const step = channel_->write(pieces, taken);
        expect(taken <= count, "more was taken than there is");
        written_.append(more, 0, taken);
        check(step);
    }
    void flush() {
        progress const step = channel_->flush();
        expect(step == progress::failed || (step == progress::done) == !channel_->has_unsent(),
               "a rest that cannot be");
        if (step == progress::failed) check(step);
    }
    void check(progress step) {
        if (failed_) expect(step == progress::failed || step == progress::ended, "it has ended, and goes on");
        if (step != progress::failed && step != progress::ended) return;
        failed_ = over_ = true;
        expect(!channel_->failure().empty(), "it has ended without a word");
    }

    tls_server& server_;
    scripted_stream wire_;
    std::unique_ptr<encrypted_channel> channel_;
    std::string said_, heard_, written_;
    bool open_ = false;
    bool disturbed_ = false;  ///< Somebody between has had a hand in it.
    bool failed_ = false;
    bool over_ = false;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
    if (size == 0) return 0;
    run here{all().servers[data[0] & 1], (data[0] & 2) == 0};
    for (std::size_t at = 1; at + 1 < size && at < 400; at += 2) here.step(data[at], data[at + 1]);
    here.finish();
    return 0;
}
