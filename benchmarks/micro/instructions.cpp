// instructions.cpp: one GET in phases, to be counted by callgrind: see instructions.sh. Run alone it only
// checks that it works.
#include <support/loop_back.hpp>

#if __has_include(<valgrind/callgrind.h>)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wold-style-cast"
#pragma GCC diagnostic ignored "-Wconversion"
#include <valgrind/callgrind.h>
#define BENCH_TOGGLE CALLGRIND_TOGGLE_COLLECT
#define BENCH_ZERO CALLGRIND_ZERO_STATS
#define BENCH_DUMP(name) CALLGRIND_DUMP_STATS_AT(name)
#else
#define BENCH_TOGGLE
#define BENCH_ZERO
#define BENCH_DUMP(name) static_cast<void>(name)
#endif

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>

namespace {

using umbel::result;
using value_type = std::optional<std::string>;

constexpr unsigned rounds = 100;
constexpr unsigned at_a_time = 100;
constexpr std::string_view value = "vvvvvvvvvvvvvvvv";
std::uint64_t answered = 0;

/// What the optimizer must not know when it compiles the phases.
std::string_view key = "user:00000000042";

void toggle() { BENCH_TOGGLE; }

/// Runs `work`, which does something rounds × at_a_time times, once to warm up and once under the counter.
template <class Work>
void phase(char const* name, Work work) {
    work();
    BENCH_ZERO;
    bench::outside::leave = bench::outside::enter = &toggle;
    toggle();
    work();
    toggle();
    bench::outside::leave = bench::outside::enter = [] {};
    BENCH_DUMP(name);
}

template <class Value>
void keep(Value& one) {
    asm volatile("" : : "g"(&one) : "memory");
}

void take(result<value_type> const& got) {
    if (!got || !*got || **got != value) std::abort();
    ++answered;
}
void take_bytes(result<std::optional<umbel::bytes>> const& got) {
    if (!got || !*got || (*got)->size() != value.size()) std::abort();
    ++answered;
}

asio::awaitable<void> read(bench::loop_client& db, unsigned& left) {
    for (unsigned i = 0; i < rounds; ++i) take(co_await db.get(key));
    --left;
}
asio::awaitable<void> read_bytes(bench::loop_client& db, unsigned& left) {
    for (unsigned i = 0; i < rounds; ++i) take_bytes(co_await db.get<umbel::bytes>(key));
    --left;
}
void call_back(bench::loop_client& db, unsigned more) {
    db.get<umbel::bytes>(key)([&db, more](result<std::optional<umbel::bytes>> got) {
        take_bytes(got);
        if (more > 1) call_back(db, more - 1);
    });
}

/// Spawning is left out of the count: every coroutine starts with the first turn of the loop, under the
/// counter, once in `rounds`.
template <class Spawn>
void whole(asio::io_context& io, char const* name, Spawn spawn) {
    phase(name, [&] {
        std::uint64_t const wanted = answered + std::uint64_t{rounds} * at_a_time;
        {
            bench::outside const here;
            for (unsigned i = 0; i < at_a_time; ++i) spawn();
        }
        while (answered < wanted) io.run_one();
    });
}

void parse_and_decode() {
    std::string wire;
    for (unsigned i = 0; i < at_a_time; ++i) wire += "$16\r\n" + std::string{value} + "\r\n";
    umbel::resp::reader reader;
    auto const receive = [&] {
        bench::outside const here;
        auto const room = reader.space();
        std::memcpy(room.data(), wire.data(), wire.size());
        reader.commit(wire.size());
    };
    phase("parse", [&] {
        for (unsigned round = 0; round < rounds; ++round) {
            receive();
            umbel::resp::view reply;
            while (reader.next(reply) == umbel::resp::reader::status::ready) keep(reply);
        }
    });
    receive();
    umbel::resp::view reply;
    if (reader.next(reply) != umbel::resp::reader::status::ready) std::abort();
    phase("decode std::string", [&] {
        for (unsigned i = 0; i < rounds * at_a_time; ++i) {
            auto got = umbel::from_reply<value_type>::from(reply);
            keep(got);
        }
    });
    phase("decode umbel::bytes", [&] {
        for (unsigned i = 0; i < rounds * at_a_time; ++i) {
            auto got = umbel::from_reply<std::optional<umbel::bytes>>::from(reply);
            keep(got);
        }
    });
}

/// A value whose decoding switches the counter on: the coroutine that gets it switches it off.
struct marked {
    std::size_t size = 0;
};
bool marking = false;

}  // namespace

template <>
struct umbel::from_reply<marked> {
    static umbel::result<marked> from(umbel::resp::view const& reply) {
        marked const got{reply.text().size()};
        if (marking) toggle();
        return got;
    }
};

namespace {

asio::awaitable<void> read_marked(bench::loop_client& db, unsigned& left) {
    for (unsigned i = 0; i < rounds * at_a_time; ++i) {
        auto const got = co_await db.get<marked>(key);
        if (marking) toggle();
        if (!got || !*got || (*got)->size != value.size()) std::abort();
    }
    --left;
}

/// From the decoded value to the statement behind co_await, one command at a time.
void resume(asio::io_context& io, bench::loop_client& db) {
    for (bool const counted : {false, true}) {
        unsigned left = 1;
        asio::co_spawn(io, read_marked(db, left), asio::detached);
        BENCH_ZERO;
        marking = counted;
        while (left != 0) io.run_one();
        marking = false;
    }
    BENCH_DUMP("resume");
}

}  // namespace

int main() {
    keep(key);
    asio::io_context io{1};
    bench::loop_client db{io, value};
    unsigned left = 1;
    asio::co_spawn(io, read(db, left), asio::detached);
    while (left != 0) io.run_one();

    phase("encode", [&] {
        for (unsigned i = 0; i < rounds * at_a_time; ++i) {
            auto waiting =
                db.get(key);  // Taken from the pool, encoded, slot found; then dropped and recycled.
            keep(waiting);
        }
    });
    phase("encode SET", [&] {
        for (unsigned i = 0; i < rounds * at_a_time; ++i) {
            auto waiting = db.set(key, value);
            keep(waiting);
        }
    });
    phase("slot", [&] {
        for (unsigned i = 0; i < rounds * at_a_time; ++i) {
            auto found = umbel::cluster::slot_of(key);
            keep(found);
        }
    });
    phase("route", [&] {
        umbel::engine::call call;
        call.slot = umbel::cluster::slot_of(key);
        for (unsigned i = 0; i < rounds * at_a_time; ++i) {
            umbel::engine::router const& routes = db.driver().routes();
            auto found =
                umbel::engine::router::is_plain(call) ? routes.route_plain(call) : routes.route(call, i);
            keep(found);
        }
    });
    parse_and_decode();
    resume(io, db);
    {
        bench::loop_client timeless{io, value, umbel::no_deadline};
        call_back(timeless, 1);
        for (std::uint64_t const before = answered; answered == before;) io.run_one();
        whole(io, "GET umbel::bytes, callback, no deadline",
              [&] { asio::post(io, [&] { call_back(timeless, rounds); }); });
    }
    whole(io, "GET umbel::bytes, callback", [&] { asio::post(io, [&] { call_back(db, rounds); }); });
    whole(io, "GET umbel::bytes, coroutine",
          [&] { asio::co_spawn(io, read_bytes(db, left), asio::detached); });
    whole(io, "GET std::string, coroutine", [&] { asio::co_spawn(io, read(db, left), asio::detached); });
    std::printf("%llu GETs answered\n", static_cast<unsigned long long>(answered));
    return 0;
}
