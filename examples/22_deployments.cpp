// 22_deployments.cpp: two deployments behind one client: the heavier one serves, and when it is down the
// other. Usage: example_22_deployments [host:port of the first] [host:port of the second] [seconds]
#include <umbel/client.hpp>
#include <umbel/client/multi_client.hpp>

#include <asio.hpp>

#include <cstdlib>
#include <iostream>
#include <memory>
#include <string>

using namespace std::chrono_literals;

// [deployments]
struct tell_switches final : umbel::multi_observer {
    void switched(umbel::member_switched const& happened) override {
        std::cout << happened.to << " serves instead of " << happened.from << ' ' << happened.cause << '\n';
    }
};

umbel::multi_options two_regions(std::string east, std::string west) {
    umbel::multi_options options;
    options.members = {{"east", {.seeds = {east}}, 2}, {"west", {.seeds = {west}}, 1}};
    options.grace = 30s;  // So long the first one must be well before it serves again.
    return options;
}

// Every command that was not executed goes on by the member that serves now; what is left says so.
asio::awaitable<void> count_visits(umbel::multi_client& db, int seconds) {
    asio::steady_timer pause{co_await asio::this_coro::executor};
    for (int i = 0; i < seconds; ++i) {
        auto const visits = co_await db.incr("visits");
        if (visits)
            std::cout << "visit " << *visits << '\n';
        else if (visits.error().may_have_executed())
            std::cout << "perhaps counted: " << visits.error().to_string() << '\n';
        else
            std::cout << "not counted: " << visits.error().to_string() << '\n';
        pause.expires_after(1s);
        co_await pause.async_wait(asio::use_awaitable);
    }
}
// [deployments]

asio::awaitable<void> run(umbel::multi_client& db, int seconds) {
    co_await count_visits(db, seconds);
    for (umbel::member_snapshot const& each : db.members())
        std::cout << each.name << (each.active ? " serves" : " stands by") << '\n';
    if (auto const done = db.switch_to("west"); !done) std::cout << done.error().to_string() << '\n';
    // Scans, leases and recipes stay with one member.
    auto const size = co_await db.active().dbsize();
    if (size) std::cout << *size << " keys\n";
    co_await db.close();
}

int main(int argc, char** argv) {
    asio::io_context io;
    umbel::multi_client db{
        io.get_executor(),
        two_regions(argc > 1 ? argv[1] : "127.0.0.1:6379", argc > 2 ? argv[2] : "127.0.0.1:6380"),
        {},
        std::make_shared<tell_switches>()};
    asio::co_spawn(io, run(db, argc > 3 ? std::atoi(argv[3]) : 5), [&](std::exception_ptr) { io.stop(); });
    io.run();
}
