// 05_simulation.cpp: a service of your own against a whole cluster in one process, on virtual time: a primary dies, and a test takes milliseconds.
#include <umbel/testing/service/stage.hpp>

#include <functional>
#include <iostream>
#include <string>

// [service]
/// The service: it takes an umbel::client, and a way to sleep.
using sleeping = std::function<asio::awaitable<void>(std::chrono::nanoseconds)>;

asio::awaitable<int> count_visits(umbel::client& db, sleeping sleep, int visits) {
    int doubtful = 0;
    for (int i = 0; i < visits; ++i) {
        auto const hits = co_await db.incr("visits");
        if (!hits && hits.error().may_have_executed()) ++doubtful;  // Not repeated: it could be counted twice.
        co_await sleep(std::chrono::milliseconds{10});
    }
    co_return doubtful;
}
// [service]

// [test]
/// The test: three primaries, three replicas, and whoever owns the key dies after 200 ms. The same seed gives the same run.
bool counts_nobody_twice(std::uint64_t seed) {
    umbel::testing::stage here{{.primaries = 3, .replicas_each = 1}, seed};
    umbel::client db = here.client();
    auto const owner = here.cluster().truth(umbel::cluster::slot_of("visits").value());
    here.time().in(std::chrono::milliseconds{200}, [&] { here.cluster().crash(owner); });

    auto const doubtful = here.run(count_visits(db, [&](auto span) { return here.sleep(span); }, 1000));
    auto const last = here.run(db.get<std::int64_t>("visits")(asio::use_awaitable));
    return doubtful && *doubtful <= 1 && last && *last && **last <= 1000;  // Replication is asynchronous: a failover may have lost the latest.
}
// [test]

int main() {
    int good = 0;
    for (std::uint64_t seed = 1; seed <= 100; ++seed) good += counts_nobody_twice(seed);
    std::cout << good << " of 100 days with a dead primary went well\n";
    return good == 100 ? 0 : 1;
}
