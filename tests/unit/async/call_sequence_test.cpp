// Tests of async/call_sequence.hpp: what goes on when a timer rings at any moment, or the client goes.
#include "inert_backend.hpp"

#include <umbel/async/call_sequence.hpp>
#include <umbel/async/compiled_boundary.hpp>

#include <catch2/catch_test_macros.hpp>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>

using at_home::inert_backend;
using umbel::errc;
using umbel::async::client_handle;
using umbel::async::client_handles;
using umbel::async::pooled_call;
using umbel::async::result_slot;
using namespace std::chrono_literals;
namespace pool = umbel::async::pool;

namespace {

/// Does what the test says, and tells what it came to.
class scripted_sequence final : public umbel::async::call_sequence {
public:
    std::function<void(scripted_sequence&)> next;

    explicit scripted_sequence(pooled_call& whole) : call_sequence{whole} {}
    using call_sequence::complete;
    using call_sequence::pause;
    void send(pooled_call& call) { send_next<scripted_sequence, int, &scripted_sequence::told>(call); }

private:
    friend class umbel::async::call_sequence;
    void choose() override { next(*this); }
    void told(umbel::result<int>&&) { complete(); }
};

/// An operation of a client, whose handler is this.
struct operation {
    asio::io_context io{1};
    std::shared_ptr<inert_backend> backend = std::make_shared<inert_backend>(io);
    client_handle& where = client_handles::acquire(*backend, umbel::async::compiled_boundary);
    std::uint32_t const generation = where.generation;
    pooled_call* whole = take();
    scripted_sequence* sequence = nullptr;
    std::string outcome{};

    operation() {
        auto made = std::make_unique<scripted_sequence>(*whole);
        sequence = made.get();
        whole->group = std::move(made);
        static umbel::engine::call_kind const kind{
            .decode = [](umbel::engine::call&, umbel::resp::view const&) noexcept {},
            .fail = [](umbel::engine::call& call,
                       umbel::error&& why) noexcept { of(call).outcome = why.to_string(); },
            .complete = [](umbel::engine::call& call) { of(call).end("completed"); },
            .drop = [](umbel::engine::call& call) noexcept { of(call).end("dropped"); }};
        whole->kind = &kind;
        ::new (static_cast<void*>(whole->handler_space)) operation* {this};
    }
    operation(operation const&) = delete;
    operation& operator=(operation const&) = delete;
    ~operation() {
        if (whole) pool::recycle(whole);
        client_handles::release(where, generation);
    }
    pooled_call* take() const {
        pooled_call* const call = pool::take(where);
        call->generation = generation;
        return call;
    }
    void run() {
        whole->group->start(*backend);
        backend->complete_all();
    }

private:
    static operation& of(umbel::engine::call& call) noexcept {
        return **std::launder(reinterpret_cast<operation**>(static_cast<pooled_call&>(call).handler_space));
    }
    void end(char const* how) {
        if (outcome.empty()) outcome = how;
        pool::recycle(std::exchange(whole, nullptr));
    }
};

}  // namespace

TEST_CASE("a pause may be over, and the operation with it, before it has begun", "[call_sequence]") {
    operation here;
    // A second thread is faster than the one that pauses.
    here.backend->timer_armed = [](umbel::engine::duration, std::function<void()> const& then) { then(); };
    int turns = 0;
    here.sequence->next = [&](scripted_sequence& self) {
        CHECK(here.backend->timers == 0);
        if (++turns == 3)
            self.complete();
        else
            static_cast<void>(self.pause(-1ns));
    };
    here.run();
    CHECK(turns == 3);
    CHECK(here.outcome == "completed");
    CHECK(here.backend->timers == 0);
}

TEST_CASE("a pause that is begun from a timer that rang early keeps its own timer", "[call_sequence]") {
    operation here;
    std::function<void()> second;
    here.backend->timer_armed = [&](umbel::engine::duration span, std::function<void()> then) {
        if (span == 1ns) return then();
        second = std::move(then);
    };
    int turns = 0;
    here.sequence->next = [&](scripted_sequence& self) {
        ++turns;
        if (turns < 3)
            static_cast<void>(self.pause(turns * 1ns));
        else
            self.complete();
    };
    here.run();
    CHECK(turns == 2);
    CHECK(here.backend->timers == 1);
    REQUIRE(second);
    std::exchange(second, nullptr)();
    here.backend->complete_all();
    CHECK(turns == 3);
    CHECK(here.outcome == "completed");
}

TEST_CASE("a sequence whose client goes while it encodes fails, and sends nothing", "[call_sequence]") {
    operation here;
    here.sequence->next = [&](scripted_sequence& self) {
        pooled_call* const part = here.take();
        part->launch = umbel::async::launch_kind::direct;
        client_handles::release(here.where, here.generation);
        self.send(*part);
    };
    here.run();
    CHECK(here.outcome.find("the client is gone") != std::string::npos);
    CHECK(here.backend->started.empty());
}
