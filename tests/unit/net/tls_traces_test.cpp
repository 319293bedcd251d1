// A channel of TLS where memory runs out while it is made; and what it leaves in memory that it gives back.
#include <support/tls_server.hpp>

#include <umbel/net/tls_encryption.hpp>

#include <catch2/catch_test_macros.hpp>

#include <malloc.h>

#include <cstdlib>
#include <new>
#include <span>
#include <string>
#include <string_view>
#include <utility>

// g++ 12 takes these operators for mismatched where it inlines one of them.
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wmismatched-new-delete"
#endif

namespace {

thread_local long allowed = -1;  // Allocations until one fails; negative: none does.
thread_local bool ran_out = false;
// What is looked for in memory that is given back; empty: nothing is.
thread_local std::string_view marked{};
thread_local unsigned traces = 0;

void* allocate(std::size_t size) {
    if (allowed >= 0 && allowed-- == 0) {
        ran_out = true;
        return nullptr;
    }
    return std::malloc(size);
}
void give_back(void* memory) noexcept {
    if (memory && !marked.empty()) {
        std::string_view const text{static_cast<char const*>(memory), ::malloc_usable_size(memory)};
        if (text.find(marked) != std::string_view::npos) ++traces;
    }
    std::free(memory);
}

}  // namespace

void* operator new(std::size_t size) {
    if (void* const memory = allocate(size)) return memory;
    throw std::bad_alloc{};
}
void* operator new(std::size_t size, std::nothrow_t const&) noexcept { return allocate(size); }
void operator delete(void* memory) noexcept { give_back(memory); }
void operator delete(void* memory, std::size_t) noexcept { give_back(memory); }

namespace {

using umbel::encrypted_channel;
using umbel::test::scripted_stream;
using umbel::test::tls_server;
using progress = encrypted_channel::progress;

progress shake_hands(encrypted_channel& channel, tls_server& server, scripted_stream& wire) {
    progress step = progress::wants_read;
    for (int turns = 0; turns < 20 && step == progress::wants_read; ++turns) {
        channel.readable();
        step = channel.shake_hands();
        server.turn(wire);
    }
    return step;
}

}  // namespace

TEST_CASE("a channel that finds no memory is none, whichever allocation fails", "[tls]") {
    certificates::authority trusted;
    umbel::net::tls_encryption security{{.ca_pem = trusted.certificate()}};
    // Longer than any text that needs no allocation.
    std::string const host = "a-node-with-a-long-name-in-a-cluster.example.com";
    bool made = false;
    for (long at = 0; !made; ++at) {
        REQUIRE(at < 100);
        scripted_stream wire;
        ran_out = false;
        allowed = at;
        auto const channel = security.open(host, 7000, wire);
        allowed = -1;
        made = !ran_out;
        CHECK((channel != nullptr) == made);
    }
}

TEST_CASE("a password that was written leaves no trace in memory that a channel gives back", "[tls]") {
    certificates::authority trusted;
    umbel::net::tls_encryption security{{.ca_pem = trusted.certificate()}};
    tls_server server{{.identity = trusted.issue()}};
    scripted_stream wire;
    auto channel = security.open("127.0.0.1", 7000, wire);
    REQUIRE(channel);
    REQUIRE(shake_hands(*channel, server, wire) == progress::done);
    std::string const password = "a password that is longer than any short text";
    std::string const pieces[]{"*2\r\n$4\r\nAUTH\r\n$45\r\n", password, "\r\n"};
    std::span<char const> const gathered[]{pieces[0], pieces[1], pieces[2]};
    std::size_t count = 0;
    REQUIRE(channel->write(gathered, count) == progress::done);
    server.turn(wire);
    CHECK(server.heard() == pieces[0] + password + pieces[2]);
    traces = 0;
    marked = password;
    channel.reset();
    marked = {};
    CHECK(traces == 0);
}

TEST_CASE("a short passphrase leaves no trace in the options that were moved from", "[tls]") {
    certificates::authority trusted;
    certificates::identity const own = trusted.issue();
    std::string const passphrase = "hunter2!";  // As short as texts that stand inside of their string.
    umbel::tls_options given{.ca_pem = trusted.certificate(), .certificate_pem = own.certificate};
    given.key_pem = certificates::locked(own.key, passphrase);
    given.key_passphrase = passphrase;
    traces = 0;
    // The first byte of a text that was moved is overwritten by its end.
    marked = std::string_view{passphrase}.substr(1);
    std::string_view const left{reinterpret_cast<char const*>(&given), sizeof given};
    REQUIRE(left.find(marked) != std::string_view::npos);
    {
        umbel::net::tls_encryption security{std::move(given)};
        CHECK(left.find(marked) == std::string_view::npos);
        CHECK(security.check());
        umbel::tls_options again{.ca_pem = trusted.certificate(), .certificate_pem = own.certificate};
        again.key_pem = certificates::locked(own.key, passphrase);
        again.key_passphrase = passphrase;
        CHECK(security.reload(again));
        CHECK(security.reload());
    }
    marked = {};
    CHECK(traces == 0);
}
