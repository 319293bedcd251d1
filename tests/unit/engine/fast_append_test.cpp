// Tests of the lane, alone and inside a pipeline: commands that pass by it meet the same bounds, and leave
// the same bytes, as those that do not.
#include <umbel/engine/pipeline.hpp>

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/generators/catch_generators_range.hpp>

#include <algorithm>
#include <deque>
#include <random>
#include <string>

using namespace std::chrono_literals;
using umbel::delivery;
using umbel::errc;
using umbel::engine::call;
using umbel::engine::instant;
using umbel::engine::pipeline;

namespace {

/// A call without a token, as most are: the lane is for these.
struct plain_call : call {
    explicit plain_call(std::string bytes_of_it) : text{std::move(bytes_of_it)} {
        kind = &noting;
        bytes = text.data();
        size = static_cast<std::uint32_t>(text.size());
    }
    static plain_call& self(call& call) { return static_cast<plain_call&>(call); }
    static void decode(call& call, umbel::resp::view const& reply) noexcept {
        self(call).told = reply.text();
    }
    static void fail(call& call, umbel::error&& why) noexcept {
        self(call).why = why.code();
        self(call).delivered = why.delivery();
    }
    static void complete(call& call) { ++self(call).completions; }
    static void drop(call&) noexcept {}
    static constexpr umbel::engine::call_kind noting{
        .decode = &decode, .fail = &fail, .complete = &complete, .drop = &drop};

    std::string const text;
    std::string told;
    errc why{};
    delivery delivered = delivery::executed;
    int completions = 0;
};

/// A pipeline, what was sent by it, and what its bounds should be at any time.
struct model {
    model(std::uint32_t seed, umbel::engine::pipeline_options const& options)
        : dice{seed}, bounds{options}, pipe{options, nullptr} {}
    ~model() { pipe.fail_all(errc::cancelled), collect(); }
    model(model const&) = delete;
    model& operator=(model const&) = delete;

    std::size_t roll(std::size_t sides) {
        return std::uniform_int_distribution<std::size_t>{0, sides - 1}(dice);
    }
    void collect() {
        while (call* const call = pipe.finished().pop()) call->kind->complete(*call);
        REQUIRE(pipe.returned().empty());
    }
    /// One command larger than the bound passes by itself, and takes nothing from the others.
    bool room_for(plain_call const& fresh) const {
        std::size_t ordinary = 0, oversized = 0;
        for (plain_call const& one : calls)
            if (one.at == call::stage::piped && !pipe.awaits_reply(one))
                (one.size > bounds.queued_bytes_max ? oversized : ordinary) += one.size;
        if (pipe.in_flight() >= bounds.in_flight_max) return false;
        return fresh.size > bounds.queued_bytes_max ? oversized == 0
                                                    : ordinary + fresh.size <= bounds.queued_bytes_max;
    }
    void accept() {
        std::size_t const length = roll(50) == 0 ? 1 + roll(6000) : 1 + roll(60);
        plain_call& one = calls.emplace_back(std::string(length, static_cast<char>('a' + calls.size() % 26)));
        one.form.asking = roll(40) == 0;
        // Most have one deadline with their neighbours, as where all come from one client; some have none.
        if (roll(6) != 0) one.timeout = std::chrono::milliseconds{roll(4) == 0 ? 1 + roll(100) : 50};
        bool const room = room_for(one);
        pipe.accept(one, now);
        collect();
        REQUIRE((one.why == errc::overloaded) == !room);
        REQUIRE(one.completions == (room ? 0 : 1));
    }
    void write(std::size_t at_most) {
        for (auto pieces = pipe.gather(); !pieces.empty() && at_most != 0; pieces = pipe.gather()) {
            std::size_t const part = std::min(pieces[0].size, at_most);
            wire.append(pieces[0].data, part);
            pipe.wrote(part);
            at_most -= part;
        }
    }
    void reply() {
        // One for each command of which the server has all bytes, in their order; who was given up meanwhile
        // has one, too.
        std::string all;
        for (; replied != calls.size(); ++replied) {
            plain_call const& one = calls[replied];
            if (one.delivered == delivery::not_sent) continue;
            if (one.at == call::stage::piped && !pipe.awaits_reply(one)) break;
            if (wire.size() < end_on_wire(replied)) break;
            all += one.form.asking ? "+OK\r\n+" : "+";
            all += std::to_string(replied) + "\r\n";
        }
        while (!all.empty()) {
            auto const room = pipe.space();
            std::size_t const part = std::min(room.size(), all.size());
            std::copy_n(all.data(), part, room.data());
            pipe.arrived(part);
            all.erase(0, part);
            while (pipe.settle(7, now) == pipeline::progress::more) collect();
            collect();
        }
    }
    void cancel() {
        if (calls.empty()) return;
        plain_call& one = calls[calls.size() - 1 - roll(std::min<std::size_t>(calls.size(), 30))];
        if (one.at == call::stage::piped) pipe.cancel(one);
        collect();
    }
    /// Deadlines are met, never early, and late by less than a tick of the wheel.
    void expire() {
        pipe.expire(now);
        collect();
        bool early = false, late = false;
        for (plain_call const& one : calls) {
            early = early || (one.why == errc::deadline_exceeded && one.deadline > now);
            late = late || (one.at == call::stage::piped && one.deadline != umbel::engine::never &&
                            one.deadline + 9ms <= now);
        }
        REQUIRE_FALSE(early);
        REQUIRE_FALSE(late);
    }
    void lose() {
        pipe.lose(errc::connection_lost, "gone", now);
        while (call* const call = pipe.finished().pop()) call->kind->complete(*call);
        while (call* const call = pipe.returned().pop()) ++plain_call::self(*call).completions;
        REQUIRE(pipe.idle());
        for (plain_call const& one : calls) {
            REQUIRE(one.completions == 1);
            if (one.why != errc::overloaded) ++accepted_before;
        }
        calls.clear();
        wire.clear();
        replied = summed = sum = 0;
    }
    std::string sent(plain_call const& one) const {
        return (one.form.asking ? "*1\r\n$6\r\nASKING\r\n" : "") + one.text;
    }
    std::size_t end_on_wire(std::size_t of) {
        for (; summed <= of; ++summed)
            if (calls[summed].delivered != delivery::not_sent) sum += sent(calls[summed]).size();
        return sum;
    }

    std::mt19937 dice;
    umbel::engine::pipeline_options const bounds;
    pipeline pipe;
    std::deque<plain_call> calls;
    std::string wire;
    instant now{1000s};
    std::size_t replied = 0, summed = 0, sum = 0;
    std::uint64_t accepted_before = 0;
};

}  // namespace

TEST_CASE("a lane admits what fits and is ordinary, and nothing while it is closed", "[lane]") {
    umbel::engine::fast_append fast_append;
    std::string room(128, '-');
    plain_call four{"1234"}, ten{"0123456789"}, eleven{"0123456789x"};
    CHECK_FALSE(fast_append.is_open());
    CHECK_FALSE(fast_append.admits(four, 0));
    fast_append.open(room.data(), 10, 100, 7);
    CHECK(fast_append.is_open());
    CHECK(fast_append.admits(four, 6));
    CHECK_FALSE(fast_append.admits(four, 7));
    CHECK(fast_append.admits(ten, 0));
    CHECK_FALSE(fast_append.admits(eleven, 0));
    umbel::engine::cancel_token token;
    four.token = &token;
    CHECK_FALSE(fast_append.admits(four, 0));
    four.token = nullptr;
    four.form.asking = true;
    CHECK_FALSE(fast_append.admits(four, 0));
    four.form.asking = false;
    umbel::engine::borrowed_piece const piece{};
    four.borrowed = &piece;
    CHECK_FALSE(fast_append.admits(four, 0));
    four.borrowed = nullptr;
    fast_append.enter(four);
    CHECK(four.stream_end == 104);
    CHECK_FALSE(fast_append.admits(ten, 0));
    fast_append.enter(four);
    CHECK(four.stream_end == 108);
    CHECK(fast_append.close() == 8);
    CHECK(room.substr(0, 8) == "12341234");
    CHECK_FALSE(fast_append.admits(four, 0));
    std::string large(umbel::engine::fast_append::command_bytes_max + 1, 'x');
    plain_call one{large};
    fast_append.open(large.data(), large.size(), 0, 7);
    CHECK_FALSE(fast_append.admits(one, 0));
}

TEST_CASE(
    "whatever passes by the lane, bounds are met to the byte, and the wire holds every command once, in "
    "order",
    "[lane]") {
    auto const seed = GENERATE(range(1u, 201u));
    umbel::engine::pipeline_options options;
    options.in_flight_max = 1 + seed * 37 % 300;
    options.queued_bytes_max = 20 + seed * 7919 % (seed % 2 == 0 ? 3000 : 100000);
    model on{seed, options};
    for (int step = 0; step != 400; ++step) {
        switch (on.roll(13)) {
            default: on.accept(); break;
            case 7: on.write(SIZE_MAX); break;
            case 8: on.write(on.roll(3000)); break;
            case 9: on.reply(); break;
            case 10: on.cancel(); break;
            case 12:
                if (on.roll(20) == 0) on.lose();
                break;
            case 11:
                on.now += std::chrono::milliseconds{on.roll(40)};
                on.expire();
                break;
        }
    }
    on.write(SIZE_MAX);
    on.reply();
    CHECK(on.pipe.idle());
    std::string expected;
    for (std::size_t i = 0; i != on.calls.size(); ++i) {
        plain_call const& one = on.calls[i];
        CHECK(one.completions == 1);
        if (one.why == errc{}) CHECK(one.told == std::to_string(i));
        if (one.delivered != delivery::not_sent) expected += on.sent(one);
    }
    CHECK(on.wire == expected);
    std::uint64_t const accepted = static_cast<std::uint64_t>(std::count_if(
        on.calls.begin(), on.calls.end(), [](plain_call const& one) { return one.why != errc::overloaded; }));
    CHECK(on.pipe.counters().commands == on.accepted_before + accepted);
}
