// Memory runs out once, at every allocation that a client's thread makes while a primary fails and its
// replica takes over.
#include "at_home.hpp"
#include "heap.hpp"

#include <umbel/client/consumer.hpp>

#include <asio/bind_cancellation_slot.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/steady_timer.hpp>

#include <array>
#include <atomic>
#include <cstdlib>
#include <new>
#include <set>
#include <vector>

// g++ 12 takes these operators for mismatched where it inlines one of them, and Asio's own of coroutine
// frames as well.
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wmismatched-new-delete"
#endif

using at_home::code_of;
using at_home::shown;
using namespace std::chrono_literals;
using scripted::words;

namespace {

constinit thread_local bool inside = false;
constinit thread_local long allowed = -1;  // Allocations until one fails; negative: none does.
constinit thread_local bool ran_out = false;

bool refused() {
    if (!inside || allowed < 0 || allowed-- > 0) return false;
    ran_out = true;
    return true;
}
void* allocate(std::size_t size) { return refused() ? nullptr : std::malloc(size); }
/// By aligned_alloc, which this program has taught to refuse (see heap.hpp), unless a sanitizer has its own.
void* allocate(std::size_t size, std::align_val_t alignment) {
    auto const unit = static_cast<std::size_t>(alignment);
    return std::aligned_alloc(unit, (size + unit - 1) / unit * unit);
}

/// The library's own code runs: its allocations count.
struct watched {
    bool const before = std::exchange(inside, true);
    watched() = default;
    watched(watched const&) = delete;
    watched& operator=(watched const&) = delete;
    ~watched() { inside = before; }
};
struct unwatched {
    bool const before = std::exchange(inside, false);
    unwatched() = default;
    unwatched(unwatched const&) = delete;
    unwatched& operator=(unwatched const&) = delete;
    ~unwatched() { inside = before; }
};

}  // namespace

void* operator new(std::size_t size) {
    if (void* const memory = allocate(size)) return memory;
    throw std::bad_alloc{};
}
void* operator new(std::size_t size, std::nothrow_t const&) noexcept { return allocate(size); }
void* operator new(std::size_t size, std::align_val_t alignment) {
    if (void* const memory = allocate(size, alignment)) return memory;
    throw std::bad_alloc{};
}
void* operator new(std::size_t size, std::align_val_t alignment, std::nothrow_t const&) noexcept {
    return allocate(size, alignment);
}
// A sanitizer's own forms for arrays would not come here.
void* operator new[](std::size_t size) { return operator new(size); }
void* operator new[](std::size_t size, std::nothrow_t const&) noexcept { return allocate(size); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::nothrow_t const&) noexcept { std::free(memory); }
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::nothrow_t const&) noexcept { std::free(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { std::free(memory); }

namespace {

/// A primary and its replica, each on a thread of its own; either may have all slots.
struct shard {
    std::atomic<bool> failed_over{false};
    std::atomic<scripted::server*> all[2] = {nullptr, nullptr};
    scripted::server first{[this](words const& said) { return says(said); }};
    scripted::server second{[this](words const& said) { return says(said); }};
    shard() {
        all[0] = &first;
        all[1] = &second;
    }
    std::optional<scripted::answer> says(words const& said) const {
        if (said[0] != "CLUSTER") return std::nullopt;
        auto const node = [](scripted::server const& server) {
            return "*2\r\n" + scripted::bulk("127.0.0.1") + scripted::integer(server.port());
        };
        bool const swapped = failed_over;
        return "*1\r\n*4\r\n" + scripted::integer(0) + scripted::integer(16383) +
               node(*all[swapped ? 1 : 0].load()) + node(*all[swapped ? 0 : 1].load());
    }
};

struct tally {
    int begun = 0;
    int told = 0;
    int thrown = 0;
};

/// Begins a command; what it is told is counted.
template <class Begin>
void begin(tally& all, Begin&& command) {
    ++all.begun;
    auto const counts = [&all, times = 0](auto const&) mutable {
        unwatched const test_code;
        CHECK(++times == 1);
        ++all.told;
    };
    try {
        watched const library;
        command(counts);
    } catch (std::bad_alloc const&) {
        ++all.thrown;
    }
}

/// Runs until `done()`; Asio throws where it has no memory to hand an operation on. Returns how often, or -1
/// when it takes absurdly long.
template <class Done>
int run_until(asio::io_context& io, Done&& done) {
    int thrown = 0;
    auto const give_up = std::chrono::steady_clock::now() + 30s;
    while (!done()) {
        if (std::chrono::steady_clock::now() > give_up) return -1;
        if (io.stopped()) io.restart();
        try {
            watched const library;
            io.run_one_for(5ms);
        } catch (std::bad_alloc const&) {
            ++thrown;
        }
    }
    return thrown;
}

/// Takes the blocks that Asio keeps for later, so that it has to ask for others.
struct thirst {
    std::vector<std::unique_ptr<asio::steady_timer>> waiting;
    explicit thirst(asio::io_context& io) {
        for (int i = 0; i < 12; ++i) {
            waiting.push_back(std::make_unique<asio::steady_timer>(io, std::chrono::hours{1}));
            waiting.back()->async_wait([room = std::array<char, 200>{}](auto) { static_cast<void>(room); });
        }
    }
};

/// The `nth` allocation fails.
void a_failover(long nth, int& thrown) {
    shard servers;
    std::string const seed = servers.first.address();
    asio::io_context io{1};
    umbel::options chosen = at_home::plain(seed);
    chosen.deployment = umbel::deployment::cluster;
    chosen.deadline = 400ms;
    std::optional<umbel::client> db{std::in_place, io.get_executor(), chosen};
    REQUIRE(shown(at_home::wait(io, db->incr("n"))) == "1");

    std::string const long_key(500, 'k');
    tally all;
    asio::cancellation_signal stop, stop_batch;
    umbel::batch filled;
    for (int i = 0; i < 5; ++i) filled.add(umbel::cmd.incr("n"));
    filled.add(umbel::cmd.get(long_key));
    filled.window(3);
    thirst const asio_has_nothing{io};
    heap_refuses = &refused;
    allowed = nth;
    begin(all, [&](auto then) { db->incr("n")(then); });
    begin(all, [&](auto then) { db->get("n")(then); });
    servers.failed_over = true;
    servers.first.cut();
    begin(all, [&](auto then) { db->set("n", "1")(then); });
    begin(all, [&](auto then) { db->mget("a", "b", "n")(then); });
    begin(all, [&](auto then) { db->with(umbel::read_from::replica).get("n")(then); });
    begin(all, [&](auto then) { db->get(long_key)(asio::bind_cancellation_slot(stop.slot(), then)); });
    begin(all, [&](auto then) { db->nodes()(then); });
    begin(all, [&](auto then) { db->with(umbel::read_from::any, umbel::hedge_after{1ms}).get("n")(then); });
    begin(all, [&](auto then) { db->batch(umbel::cmd.incr("n"), umbel::cmd.strlen("n"))(then); });
    begin(all, [&](auto then) {
        db->batch(std::move(filled))(asio::bind_cancellation_slot(stop_batch.slot(), then));
    });
    // Others follow while those are under way.
    for (int i = 0; i < 10; ++i) {
        run_until(io, [i, more = 0]() mutable { return ++more > 2 + i; });
        begin(all, [&](auto then) { db->get("n")(then); });
    }
    int const turns = run_until(io, [&] { return all.told + all.thrown >= all.begun; });
    REQUIRE(turns >= 0);
    thrown += all.thrown;
    allowed = -1;
    heap_refuses = nullptr;
    CHECK(all.told + all.thrown == all.begun);

    // It is as good as ever.
    std::string told;
    for (int i = 0; i < 50 && told != "written"; ++i) told = shown(at_home::wait(io, db->set("n", "2")));
    CHECK(told == "written");
    db.reset();
    at_home::settle(io);
}

}  // namespace

TEST_CASE("when memory runs out once in a failover, every command is told something, and the client goes on",
          "[memory]") {
    long failures = 0;
    int thrown = 0;
    for (long nth = 0; nth < 10000; ++nth) {
        INFO("allocation " << nth);
        ran_out = false;
        a_failover(nth, thrown);
        if (!ran_out) break;
        ++failures;
    }
    CHECK(failures > 50);  // So many there are to fail.
    CHECK(thrown == 0);
}

TEST_CASE("without memory for its arguments a command is told no_memory, and is not sent", "[memory]") {
    asio::io_context io{1};
    umbel::client db{io.get_executor(), at_home::plain("127.0.0.1:1")};
    std::vector<int> const many(100, 7);
    auto const listed = [&] { return db.rpush("n", many); };
    auto const given = [&] { return db.command<std::int64_t>("RPUSH", umbel::key("n"), many); };
    auto const fails_everywhere = [&](auto const& make) {
        static_cast<void>(make());  // So that a call stands ready.
        int failures = 0;
        for (long nth = 0; nth < 100; ++nth) {
            ran_out = false;
            std::optional<umbel::operation<std::int64_t>> made;
            {
                watched const library;
                allowed = nth;
                made.emplace(make());
                allowed = -1;
            }
            if (!ran_out) break;
            ++failures;
            auto const told = at_home::wait(io, std::move(*made));
            CHECK(code_of(told) == "no_memory");
            CHECK(at_home::delivery_of(told) == "not_sent");
        }
        return failures;
    };
    CHECK(fails_everywhere(listed) > 1);  // The list, and the command's bytes.
    CHECK(fails_everywhere(given) > 3);   // The list, words and marks of them, and the bytes.
}

namespace {

/// A server with a group of one consumer: three entries, and those that pend.
struct group_of_one {
    int delivered = 0;
    std::set<std::string> pending;
    scripted::server server{[this](words const& said) { return says(said); }};

    std::optional<scripted::answer> says(words const& said) {
        std::vector<std::string> told;
        if (said[0] == "XACK") {
            long long count = 0;
            for (std::size_t at = 3; at < said.size(); ++at)
                count += static_cast<long long>(pending.erase(said[at]));
            return scripted::integer(count);
        }
        if (said[0] != "XREADGROUP") return std::nullopt;
        if (said.back() != ">") {
            for (std::string const& id : pending)
                if (id > said.back()) told.push_back(id);
        } else if (delivered < 3) {
            told.push_back("1-" + std::to_string(++delivered));
            pending.insert(told.back());
        } else {
            return "*-1\r\n";
        }
        std::string text = "*1\r\n*2\r\n$1\r\ns\r\n*" + std::to_string(told.size()) + "\r\n";
        for (std::string const& id : told)
            text += "*2\r\n" + scripted::bulk(id) + "*2\r\n$1\r\nf\r\n$1\r\nv\r\n";
        return text;
    }
};

/// Begins an operation, and runs until it has told something; nothing where it could not be made.
template <class Value, class Make>
std::optional<umbel::result<Value>> told_by(asio::io_context& io, Make&& make) {
    std::optional<umbel::result<Value>> told;
    tally all;
    begin(all, [&](auto counts) {
        make()([&told, counts](umbel::result<Value> value) mutable {
            unwatched const test_code;
            counts(value);
            told.emplace(std::move(value));
        });
    });
    REQUIRE(run_until(io, [&] { return all.told + all.thrown == 1; }) >= 0);
    return told;
}

/// The `nth` allocation fails. Gives what was given to the caller.
std::set<std::string> a_consumer(long nth) {
    group_of_one group;
    asio::io_context io{1};
    umbel::client db{io.get_executor(), at_home::plain(group.server.address())};
    REQUIRE(at_home::wait(io, db.ready()));
    umbel::consumer const worker{db,
                                 {.stream = "s", .group = "g", .name = "me", .claim_idle = 0ms, .wait = 1s}};
    std::set<std::string> given;
    thirst const asio_has_nothing{io};
    heap_refuses = &refused;
    allowed = nth;
    for (int round = 0; round < 20 && given.size() < 3; ++round) {
        auto const page = told_by<umbel::consumer_page<>>(io, [&] { return worker.next(); });
        if (!page || !*page) continue;
        for (auto const& entry : **page) given.insert(entry.id);
        for (int again = 0; again < 3; ++again) {
            auto const acked = told_by<std::int64_t>(io, [&] { return worker.ack(**page); });
            if (acked && *acked) break;
        }
    }
    allowed = -1;
    heap_refuses = nullptr;
    CHECK(worker.unacknowledged() == 0);
    CHECK(group.server.count("XACK") >= 3);
    return given;
}

}  // namespace

TEST_CASE("when memory runs out once under a consumer, no entry is lost", "[memory]") {
    long failures = 0;
    for (long nth = 0; nth < 10000; ++nth) {
        INFO("allocation " << nth);
        ran_out = false;
        CHECK(a_consumer(nth) == std::set<std::string>{"1-1", "1-2", "1-3"});
        if (!ran_out) break;
        ++failures;
    }
    CHECK(failures > 30);  // So many there are to fail.
}
