// Tests of net::tls_wire: what OpenSSL receives and sends by it, without any TLS.
#include <support/tls_server.hpp>

#include <umbel/net/tls_wire.hpp>

#include <catch2/catch_test_macros.hpp>

#include <cerrno>
#include <string>

using umbel::byte_stream;
using umbel::net::tls_context_ptr;
using umbel::net::tls_stream_ptr;
using umbel::net::tls_wire;

namespace {

struct bench {
    umbel::test::scripted_stream stream;
    tls_wire wire{stream};
    tls_context_ptr context{SSL_CTX_new(TLS_client_method())};
    tls_stream_ptr raw{SSL_new(context.get())};
    BIO* bio = nullptr;

    bench() {
        REQUIRE(wire.attach(*raw));
        bio = SSL_get_rbio(raw.get());
        wire.begin_step();
    }
    bench(bench const&) = delete;
    int receive(std::size_t room) {
        std::string into(room, '\0');
        return BIO_read(bio, into.data(), static_cast<int>(room));
    }
    int send(std::string const& bytes) {
        return BIO_write(bio, bytes.data(), static_cast<int>(bytes.size()));
    }
};

}  // namespace

TEST_CASE("a short receive is the last until the stream is readable again", "[tls]") {
    bench here;
    here.stream.to_client = "abcdef";
    CHECK(here.receive(4) == 4);
    CHECK_FALSE(here.wire.drained());
    CHECK(here.receive(4) == 2);
    CHECK(here.wire.drained());
    here.stream.to_client = "more";
    CHECK(here.receive(4) == -1);
    CHECK(BIO_should_read(here.bio));
    CHECK(here.stream.receives == 2);
    here.wire.readable();
    CHECK(here.receive(4) == 4);
}

TEST_CASE("a step receives so often, and pauses then", "[tls]") {
    bench here;
    here.stream.to_client = std::string(1000, 'x');
    unsigned received = 0;
    while (here.receive(1) == 1) ++received;
    CHECK(received == tls_wire::receives_max);
    CHECK(here.wire.paused());
    CHECK_FALSE(here.wire.drained());
    here.wire.begin_step();
    CHECK(here.receive(1) == 1);
}

TEST_CASE("the end of the stream, and its failure, stay", "[tls]") {
    bench here;
    here.stream.ended = true;
    CHECK(here.receive(4) == 0);
    CHECK(here.wire.at_end());
    CHECK(BIO_eof(here.bio));
    bench broken;
    broken.stream.broken = EPIPE;
    CHECK(broken.receive(4) == -1);
    CHECK_FALSE(BIO_should_retry(broken.bio));
    CHECK(broken.wire.system_error() == EPIPE);
    CHECK(broken.send("x") == -1);
    CHECK((broken.wire.flush() == byte_stream::outcome::failed));
}

TEST_CASE("what is sent is collected, or leaves with what was", "[tls]") {
    bench here;
    CHECK(here.send("one ") == 4);
    CHECK(here.stream.sends == 0);
    here.wire.collect(false);
    CHECK(here.send("two") == 3);
    CHECK(here.stream.sends == 1);
    CHECK(here.stream.to_server == "one two");
    here.stream.room = 2;
    CHECK(here.send("three") == 5);
    CHECK(here.wire.has_unsent());
    CHECK((here.wire.flush() == byte_stream::outcome::blocked));
    here.stream.room = 100;
    CHECK((here.wire.flush() == byte_stream::outcome::moved));
    CHECK(here.stream.to_server == "one twothree");
}

TEST_CASE("what is kept has a bound, and room is found again", "[tls]") {
    bench here;
    here.stream.room = 0;
    std::string all;
    while (here.wire.has_room()) {
        std::string const record(tls_wire::record_room, static_cast<char>('a' + all.size() % 26));
        REQUIRE(here.send(record) == static_cast<int>(record.size()));
        all += record;
    }
    CHECK(here.send(std::string(tls_wire::record_room, 'z')) == -1);
    CHECK(BIO_should_write(here.bio));
    // From here on the bytes are moved to the front now and then.
    for (int again = 0; again < 40; ++again) {
        here.stream.room = 5000;
        here.wire.flush();
        std::string const more(5000, static_cast<char>('A' + again % 26));
        if (here.send(more) > 0) all += more;
    }
    here.stream.room = 1 << 30;
    CHECK((here.wire.flush() == byte_stream::outcome::moved));
    CHECK(here.stream.to_server == all);
}
