// Tests of client/learning_call.hpp and client/by_tips.hpp at moments that a real client passes in an
// instant: a command is learned while it is encoded, and a wait begins. With a backend that sends nothing.
#include "../async/inert_backend.hpp"

#include <umbel/client.hpp>
#include <umbel/client/bare_command.hpp>
#include <umbel/client/learned_commands.hpp>
#include <umbel/client/open_site.hpp>

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using at_home::inert_backend;
using umbel::async::launch_kind;
using umbel::async::pooled_call;
using umbel::calling::kind_of;
using umbel::calling::learned_commands;
using umbel::command::command_flag;
using umbel::command::key_search;
using umbel::command::learned_command;
using namespace std::chrono_literals;

namespace {

using words = std::vector<std::string_view>;

/// Somebody else who waits for a name.
struct other_learner final : umbel::calling::learner {
    std::shared_ptr<learned_commands::ticket> place = std::make_shared<learned_commands::ticket>();
    other_learner() { place->who = this; }
    void wake(umbel::calling::wakeup) override {}
};

/// A client, and what it has learned.
struct client_at_rest {
    asio::io_context io{1};
    std::shared_ptr<inert_backend> backend = std::make_shared<inert_backend>(io);
    learned_commands& book =
        static_cast<learned_commands&>(backend->attach(std::make_unique<learned_commands>()));
    umbel::calling::site site = umbel::calling::open_site({backend, std::nullopt}, umbel::options{});

    client_at_rest() = default;
    client_at_rest(client_at_rest const&) = delete;
    client_at_rest& operator=(client_at_rest const&) = delete;
    ~client_at_rest() { site.owner->code->release_handle(*site.owner, site.generation); }

    void learn(std::unique_ptr<learned_command const> row) {
        std::string const name{row->name};
        other_learner const other;
        auto const [admitted, question] = book.wait(name, other.place, umbel::engine::instant{1});
        REQUIRE(question);
        book.leave(*other.place);
        book.settle(*question, std::move(row), umbel::engine::instant{2});
    }
    /// Another thread learns it as soon as this one has seen that nothing is known.
    void learn_meanwhile(std::unique_ptr<learned_command const> row) {
        auto const kept = std::make_shared<std::unique_ptr<learned_command const>>(std::move(row));
        backend->asked_for_time = [this, kept] {
            if (*kept) learn(std::move(*kept));
        };
    }
};
struct recycled {
    void operator()(pooled_call* call) const { kind_of<std::string>.result.recycle(*call); }
};
using made_call = std::unique_ptr<pooled_call, recycled>;

made_call make(umbel::calling::site const& from, words const& all, std::span<bool const> marked = {}) {
    return made_call{&from.code->make_words_for_all(from, all, marked, kind_of<std::string>)};
}
std::string_view bytes(pooled_call const& call) { return {call.bytes, call.size}; }
bool contains(pooled_call const& call, std::string_view text) {
    return bytes(call).find(text) != std::string_view::npos;
}
std::unique_ptr<learned_command> row(std::string_view name, int first, int last, int step = 1) {
    auto made = std::make_unique<learned_command>(name);
    made->flags = command_flag::learned;
    made->keys = {.search = key_search::range,
                  .first = static_cast<std::uint8_t>(first),
                  .last = static_cast<std::int8_t>(last),
                  .step = static_cast<std::uint8_t>(step)};
    return made;
}

}  // namespace

TEST_CASE("a command that is learned while it is encoded goes by what was learned", "[learning]") {
    client_at_rest here;
    auto told = row("x.do", 2, 2);
    told->arity = 3;
    told->flags = told->flags | command_flag::read_only;
    here.learn_meanwhile(std::move(told));
    made_call const call = make(here.site, {"x.do", "foo", "bar"});
    CHECK(call->launch == launch_kind::direct);
    CHECK(call->slot.slot().value() == 5061);
    CHECK(has(call->flags, umbel::cluster::command_flags::read_only));
}

TEST_CASE(
    "a command that is learned while it is encoded has the prefix in front of all its keys, and is split",
    "[learning]") {
    client_at_rest here;
    auto told = row("x.mset", 1, -1, 2);
    told->request = umbel::command::request_policy::multi_shard;
    told->response = umbel::command::response_policy::all_succeeded;
    here.learn_meanwhile(std::move(told));
    umbel::calling::site app = here.site;
    app.add_prefix("app:");
    made_call const call = make(app, {"x.mset", "foo", "1", "bar", "2"});
    CHECK(contains(*call, "app:foo"));
    CHECK(contains(*call, "app:bar"));
    CHECK(call->launch != launch_kind::ready);
    CHECK(call->launch != launch_kind::direct);
}

TEST_CASE("where a server may not have told of all keys, a prefix needs marked keys", "[learning]") {
    client_at_rest here;
    auto told = row("x.do", 1, 1);
    told->arity = -3;
    told->flags = told->flags | command_flag::untold_keys;
    here.learn(std::move(told));
    CHECK(make(here.site, {"x.do", "foo", "bar"})->slot.slot().value() == 12182);

    umbel::calling::site app = here.site;
    app.add_prefix("app:");
    made_call const bare = make(app, {"x.do", "foo", "bar"});
    REQUIRE(bare->launch == launch_kind::ready);
    auto const& refused = umbel::async::result_slot<std::string>::get(*bare);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code() == umbel::errc::bad_argument);
    CHECK(refused.error().delivery() == umbel::delivery::not_sent);
    CHECK(refused.error().message().find("x.do") == 0);

    std::array<bool, 3> const marks{false, true, true};
    made_call const marked = make(app, {"x.do", "{a}1", "{a}2"}, marks);
    CHECK(contains(*marked, "app:{a}1"));
    CHECK(contains(*marked, "app:{a}2"));
    CHECK(marked->launch == launch_kind::direct);

    auto in_batch = umbel::cmd.command<std::string>("x.do", "foo", "bar");
    auto const checked = app.code->check_bare(in_batch, app);
    REQUIRE_FALSE(checked);
    CHECK(checked.error().code() == umbel::errc::bad_argument);
    auto plain = umbel::cmd.command<std::string>("x.do", "foo", "bar");
    CHECK(here.site.code->check_bare(plain, here.site));
}

TEST_CASE("a batch goes on with what is left of its time, and past many names at once", "[learning]") {
    client_at_rest here;
    umbel::engine::instant now{1};
    std::vector<std::uintptr_t> depths;
    here.backend->asked_for_time = [&] {
        here.backend->time = now;
        depths.push_back(reinterpret_cast<std::uintptr_t>(__builtin_frame_address(0)));
    };
    umbel::calling::site limited = here.site;
    limited.options.deadline = 1s;
    umbel::scoped_client const db{limited};
    other_learner const waiting;
    auto const asking = here.book.wait("x.0", waiting.place, now);
    REQUIRE(asking.second);
    umbel::batch filled;
    constexpr std::size_t names = 400;
    for (std::size_t nth = 0; nth < names; ++nth)
        static_cast<void>(filled.add(umbel::cmd.command<std::string>("x." + std::to_string(nth), "foo")));
    db.batch(std::move(filled))([](umbel::answers) {});
    here.io.poll();
    REQUIRE(here.backend->started.empty());
    for (std::size_t nth = 1; nth < names; ++nth) {
        std::string const name = "x." + std::to_string(nth);
        here.learn(row(name, 1, 1));
    }
    now = umbel::engine::instant{1} + 300ms;
    depths.clear();
    here.book.settle(*asking.second, nullptr, now + 1min);
    REQUIRE(here.backend->started.size() == names);
    auto const [lowest, highest] = std::minmax_element(depths.begin(), depths.end());
    CHECK(depths.size() >= names - 1);
    CHECK(*highest - *lowest < 16384);
    for (umbel::engine::call* const call : here.backend->started)
        CHECK(static_cast<pooled_call*>(call)->timeout == 700ms);
    for (umbel::engine::call* const call : here.backend->started) call->kind->drop(*call);
}

TEST_CASE("whoever waits for an answer has a timer of its own, with a deadline or without", "[learning]") {
    client_at_rest here;
    std::vector<umbel::engine::duration> armed;
    std::vector<std::function<void()>> timers;
    here.backend->timer_armed = [&](umbel::engine::duration span, std::function<void()> then) {
        armed.push_back(span);
        timers.push_back(std::move(then));
    };
    // Somebody else asks, and its context stands still.
    other_learner const first;
    auto const asking = here.book.wait("x.do", first.place, umbel::engine::instant{1});
    REQUIRE(asking.second);
    for (auto const deadline : {0ns, 1'000'000'000ns, 3'000'000'000ns, 60'000'000'000ns}) {
        umbel::calling::site limited = here.site;
        limited.options.deadline = deadline;
        pooled_call& call =
            limited.code->make_words_for_all(limited, words{"x.do", "foo"}, {}, kind_of<std::string>);
        REQUIRE(call.launch == launch_kind::group);
        static umbel::engine::call_kind const kind{
            .decode = [](umbel::engine::call&, umbel::resp::view const&) noexcept {},
            .fail = [](umbel::engine::call&, umbel::error&&) noexcept {},
            .complete = [](umbel::engine::call& done) { recycled{}(static_cast<pooled_call*>(&done)); },
            .drop = [](umbel::engine::call& done) noexcept { recycled{}(static_cast<pooled_call*>(&done)); }};
        call.kind = &kind;
        call.group->start(*here.backend);
    }
    using span = umbel::engine::duration;
    CHECK(armed == std::vector<span>{5s, 500ms, 1500ms, 5s});
    CHECK(here.backend->timers == 4);
    for (auto const& ring : timers) ring();
    // Each is sent by the guess.
    CHECK(here.backend->started.size() == 4);
    CHECK(here.backend->timers == 0);
    for (umbel::engine::call* const call : here.backend->started) call->kind->drop(*call);
    here.book.settle(*asking.second, nullptr, umbel::engine::instant{2});
}
