// quickstart.cpp: the story of a cluster client, told on a real cluster: topology from one replica, slots, MOVED, ASK, replica
// reads, a failover. Started by quickstart.sh, which passes the address of one replica and the script that disturbs the cluster.
#include <umbel/client.hpp>

#include <asio.hpp>

#include <array>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <future>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace {

using namespace std::chrono_literals;
using std::chrono::steady_clock;
template <class Value = void>
using task = asio::awaitable<Value>;

// ---- What the reader sees ---------------------------------------------------------------------------------------------------

bool failed = false;

void step(int number, std::string_view what) { std::printf("\n%d. %.*s\n", number, static_cast<int>(what.size()), what.data()); }

template <class... Values>
void say(char const* format, Values... values) {
    std::printf("   ");
    if constexpr (sizeof...(Values) == 0) {
        std::fputs(format, stdout);
    } else {
        std::printf(format, values...);
    }
    std::printf("\n");
    std::fflush(stdout);
}

/// Ends the story when something is not as told.
void expect(bool true_so_far, char const* what) {
    if (true_so_far) return;
    say("NOT AS TOLD: %s", what);
    failed = true;
}
template <class Value>
bool good(umbel::result<Value> const& got, char const* what) {
    if (!got) say("%s: %s", what, got.error().to_string().c_str());
    expect(got.has_value(), what);
    return got.has_value();
}

// ---- The cluster behind the client's back -------------------------------------------------------------------------------------

/// One node, spoken to directly.
struct direct {
    umbel::client db;
    direct(asio::any_io_executor executor, std::string const& address)
        : db{std::move(executor), {.seeds = {address}, .deployment = umbel::deployment::standalone}} {}

    task<std::string> say(std::vector<std::string> words) {
        auto told = co_await db.execute(words);
        co_return told ? told->to_string() : "error: " + told.error().to_string();
    }
};

/// Runs the cluster script beside the event loop.
task<> disturb(std::string command) {
    char const* const script = std::getenv("UMBEL_CLUSTER_SCRIPT");
    char const* const folder = std::getenv("UMBEL_CLUSTER_DIR");
    if (!script || !folder) {
        expect(false, "UMBEL_CLUSTER_SCRIPT and UMBEL_CLUSTER_DIR are set");
        co_return;
    }
    std::string const line = std::string{"'"} + script + "' node --dir '" + folder + "' " + command + " >/dev/null";
    auto done = std::async(std::launch::async, [line] { return std::system(line.c_str()); });
    asio::steady_timer pause{co_await asio::this_coro::executor};
    while (done.wait_for(0s) != std::future_status::ready) {
        pause.expires_after(5ms);
        co_await pause.async_wait(asio::use_awaitable);
    }
    expect(done.get() == 0, "the cluster script did what it was told");
}

/// The client's table, in the words of this story.
struct map_of_cluster {
    umbel::cluster::topology topology;

    umbel::cluster::node_info const& owner(std::uint16_t slot) const { return topology.nodes[topology.owner(umbel::cluster::slot{slot})]; }
    /// A primary that does not own `slot`.
    umbel::cluster::node_info const& other(std::uint16_t slot) const {
        for (auto const& shard : topology.shards)
            if (shard.primary != topology.none && topology.nodes[shard.primary].address != owner(slot).address) return topology.nodes[shard.primary];
        return owner(slot);
    }
    std::string name_in_script(umbel::cluster::node_info const& node) const {
        std::string command = std::string{"awk '$2 == "} + std::to_string(node.address.port) + " { print $1 }' '" + std::getenv("UMBEL_CLUSTER_DIR") + "/nodes'";
        std::string name;
        if (FILE* const pipe = ::popen(command.c_str(), "r")) {
            char line[64] = {};
            if (std::fgets(line, sizeof line, pipe)) name = line;
            ::pclose(pipe);
        }
        while (!name.empty() && name.back() == '\n') name.pop_back();
        return name;
    }
};

task<map_of_cluster> look(umbel::client& db) {
    auto told = co_await db.topology();
    co_return map_of_cluster{good(told, "topology") ? *told : umbel::cluster::topology{}};
}
task<umbel::statistics> count(umbel::client& db) {
    auto told = co_await db.statistics();
    co_return good(told, "statistics") ? *told : umbel::statistics{};
}

// ---- The story ----------------------------------------------------------------------------------------------------------------

task<> find_topology(umbel::client& db, std::string const& seed) {
    step(1, "The client is given one address, and that of a replica");
    say("seed: %s", seed.c_str());
    if (!good(co_await db.ready(), "ready")) co_return;
    map_of_cluster const seen = co_await look(db);
    for (auto const& shard : seen.topology.shards) {
        auto const& primary = seen.topology.nodes[shard.primary];
        std::string line = "slots " + std::to_string(shard.ranges.front().first.value()) + "-" + std::to_string(shard.ranges.back().last.value()) +
                           "  primary " + primary.address.to_string() + "  replicas";
        for (auto const replica : shard.replicas) line += " " + seen.topology.nodes[replica].address.to_string();
        say("%s", line.c_str());
    }
    expect(seen.topology.covered_slots() == 16384, "all 16384 slots have an owner");
}

task<> compute_slots(umbel::client& db) {
    step(2, "The slot of a key is computed here, and the server agrees");
    std::array<std::string, 3> const keys{"user:1", "{user:1}:cart", "cart:{user:1}"};
    for (std::string const& key : keys) {
        std::int64_t const here = umbel::cluster::slot_of(key).value();
        auto there = co_await db.command<std::int64_t>("CLUSTER", "KEYSLOT", key);
        if (!good(there, "CLUSTER KEYSLOT")) co_return;
        say("%-16s here %5lld   CLUSTER KEYSLOT %5lld", key.c_str(), static_cast<long long>(here), static_cast<long long>(*there));
        expect(here == *there, "both slots are the same");
    }
}

task<> use_fresh_table(umbel::client& db) {
    step(3, "With a fresh table nothing is redirected: 600 keys over all slots, written and read");
    auto const before = co_await count(db);
    std::map<std::string, std::string> pairs;
    for (int i = 0; i < 600; ++i) pairs["key:" + std::to_string(i)] = "value:" + std::to_string(i);
    if (!good(co_await db.mset(pairs), "MSET")) co_return;
    std::vector<std::string> keys;
    for (auto const& [key, value] : pairs) keys.push_back(key);
    auto values = co_await db.mget(keys);
    if (!good(values, "MGET")) co_return;
    std::size_t right = 0;
    for (std::size_t i = 0; i < keys.size(); ++i) right += (*values)[i] == pairs[keys[i]] ? 1u : 0u;
    auto const after = co_await count(db);
    say("%zu of 600 values came back right, in %llu commands, with %llu redirects", right,
        static_cast<unsigned long long>(after.commands - before.commands), static_cast<unsigned long long>(after.moved + after.asked));
    expect(right == 600 && after.moved + after.asked == 0, "600 values without a redirect");
}

/// Hands a slot over while the client knows nothing of it.
task<> hand_over(std::uint16_t slot, umbel::cluster::node_info from, umbel::cluster::node_info to) {
    auto const executor = co_await asio::this_coro::executor;
    direct source{executor, from.address.to_string()};
    direct target{executor, to.address.to_string()};
    std::string const number = std::to_string(slot);
    std::vector<std::string> words{"CLUSTER", "SETSLOT", number, "NODE", to.id};
    for (int i = 0; i < 2; ++i) {
        std::string const told = co_await (i == 0 ? target : source).say(words);
        if (told.find("OK") == std::string::npos) say("%s", told.c_str());
        expect(told.find("OK") != std::string::npos, "CLUSTER SETSLOT … NODE");
    }
}

task<> follow_moved(umbel::client& db, umbel::client& literal) {
    step(4, "A slot changes hands behind the client's back: MOVED is followed, and the table learns");
    std::string const key = "{moved}:1";
    std::uint16_t const slot = umbel::cluster::slot_of(key).value();
    map_of_cluster const before = co_await look(db);
    auto const from = before.owner(slot);
    auto const to = before.other(slot);
    co_await hand_over(slot, from, to);
    say("slot %u went from %s to %s; the client still believes the old owner", slot, from.address.to_string().c_str(), to.address.to_string().c_str());

    auto raw = co_await literal.get(key);
    if (raw) {
        expect(false, "a policy that follows nothing shows the MOVED");
    } else {
        say("shown raw, by a policy that follows nothing: \"%s\" (slot %d, node %s)", std::string{raw.error().message()}.c_str(),
            raw.error().slot(), std::string{raw.error().node()}.c_str());
        expect(raw.error() == umbel::errc::moved && raw.error().slot() == slot, "the raw error names the slot");
    }

    auto const stale = co_await count(db);
    good(co_await db.set(key, "found"), "SET over a stale table");
    auto const followed = co_await count(db);
    good(co_await db.get(key), "GET over the mended table");
    auto const mended = co_await count(db);
    say("SET succeeded with %llu MOVED followed; the next GET met %llu", static_cast<unsigned long long>(followed.moved - stale.moved),
        static_cast<unsigned long long>(mended.moved - followed.moved));
    expect(followed.moved - stale.moved == 1 && mended.moved == followed.moved, "one MOVED, then none");
}

task<> move_key(direct& source, umbel::cluster::node_info const& to, std::string key) {
    std::vector<std::string> words{"MIGRATE", to.address.host, std::to_string(to.address.port), key, "0", "5000"};
    std::string const told = co_await source.say(words);
    if (told.find("OK") == std::string::npos) say("MIGRATE %s: %s", key.c_str(), told.c_str());
    expect(told.find("OK") != std::string::npos, "MIGRATE moved the key");
}

task<> obey_ask(umbel::client& db) {
    step(5, "A slot is half-way between two nodes: ASK is obeyed, and the table learns nothing");
    std::uint16_t const slot = umbel::cluster::slot_of("{ask}").value();
    map_of_cluster const before = co_await look(db);
    auto const from = before.owner(slot);
    auto const to = before.other(slot);
    for (int i = 0; i < 4; ++i) good(co_await db.set("{ask}:" + std::to_string(i), i), "SET");
    auto const executor = co_await asio::this_coro::executor;
    direct source{executor, from.address.to_string()};
    direct target{executor, to.address.to_string()};
    std::string const number = std::to_string(slot);
    std::vector<std::string> importing{"CLUSTER", "SETSLOT", number, "IMPORTING", from.id};
    std::vector<std::string> migrating{"CLUSTER", "SETSLOT", number, "MIGRATING", to.id};
    co_await target.say(importing);
    co_await source.say(migrating);
    for (int i = 0; i < 2; ++i) co_await move_key(source, to, "{ask}:" + std::to_string(i));
    auto const half_way = co_await count(db);
    for (int i = 0; i < 4; ++i) {
        auto got = co_await db.get<std::int64_t>("{ask}:" + std::to_string(i));
        expect(got && *got == i, "every key is found, wherever it is");
    }
    auto const asked = co_await count(db);
    say("4 keys read from slot %u, 2 of them gone ahead to %s: %llu ASK, %llu MOVED", slot, to.address.to_string().c_str(),
        static_cast<unsigned long long>(asked.asked - half_way.asked), static_cast<unsigned long long>(asked.moved - half_way.moved));
    expect(asked.asked - half_way.asked == 2, "two keys were asked for elsewhere");
    for (int i = 2; i < 4; ++i) co_await move_key(source, to, "{ask}:" + std::to_string(i));
    co_await hand_over(slot, from, to);
}

task<> read_from_replica(umbel::client& db) {
    step(6, "A read is served by a replica");
    asio::steady_timer pause{co_await asio::this_coro::executor};
    for (int tries = 0; tries < 100; ++tries) {
        auto got = co_await db.with(umbel::read_from::replica).get("key:1");
        if (!good(got, "GET from a replica")) co_return;
        if (*got) break;
        pause.expires_after(20ms);  // Replication is asynchronous.
        co_await pause.async_wait(asio::use_awaitable);
    }
    auto nodes = co_await db.nodes();
    if (!good(nodes, "nodes")) co_return;
    for (auto const& node : *nodes)
        if (node.replica_link.replies > 0) say("GET key:1 was answered by the replica %s", node.address.c_str());
}

task<> survive_failover(umbel::client& db) {
    step(7, "A primary is killed while commands go on");
    std::string const key = "{failover}:n";
    map_of_cluster const before = co_await look(db);
    auto const victim = before.owner(umbel::cluster::slot_of(key).value());
    std::string const name = before.name_in_script(victim);
    asio::steady_timer pause{co_await asio::this_coro::executor};
    std::int64_t acknowledged = 0;
    std::int64_t unknown = 0;
    for (int i = 0; i < 100; ++i) acknowledged += (co_await db.incr(key)) ? 1 : 0;
    co_await disturb("kill9 " + name);
    auto const killed = steady_clock::now();
    say("%s is dead; INCR goes on", victim.address.to_string().c_str());
    auto next_sign = killed;
    for (bool flowing = false; !flowing && steady_clock::now() - killed < 60s;) {
        auto got = co_await db.with(500ms).incr(key);
        flowing = got.has_value();
        acknowledged += got ? 1 : 0;
        if (!got && got.error().may_have_executed()) ++unknown;
        if (!flowing && steady_clock::now() >= next_sign) {
            say("  %4.1f s: %s", std::chrono::duration<double>(steady_clock::now() - killed).count(), std::string{umbel::name_of(got.error().code())}.c_str());
            next_sign = steady_clock::now() + 500ms;
        }
    }
    double const took = std::chrono::duration<double>(steady_clock::now() - killed).count();
    map_of_cluster const after = co_await look(db);
    say("writes flow again after %.2f s, to %s", took, after.owner(umbel::cluster::slot_of(key).value()).address.to_string().c_str());
    auto final_value = co_await db.get<std::int64_t>(key);
    if (!good(final_value, "GET after the failover")) co_return;
    say("INCR acknowledged %lld times, unknown %lld times; the counter says %lld", static_cast<long long>(acknowledged),
        static_cast<long long>(unknown), static_cast<long long>(final_value->value_or(0)));
    expect(final_value->value_or(0) <= acknowledged + unknown, "nothing was executed twice");
}

task<> tell_counters(umbel::client& db) {
    step(8, "What the client counted");
    auto const all = co_await count(db);
    auto const number = [](std::uint64_t value) { return static_cast<unsigned long long>(value); };
    say("commands %llu, MOVED followed %llu, ASK obeyed %llu, retried %llu", number(all.commands), number(all.moved), number(all.asked), number(all.retried));
    say("topology refreshes %llu (%llu queries, %llu changes), connections opened %llu, lost or refused %llu", number(all.refreshes),
        number(all.topology_queries), number(all.topology_changes), number(all.connects), number(all.disconnects));
}

task<> tell(umbel::client& db, umbel::client& literal, std::string seed) {
    co_await find_topology(db, seed);
    if (failed) co_return;
    good(co_await literal.ready(), "ready");
    co_await compute_slots(db);
    co_await use_fresh_table(db);
    co_await follow_moved(db, literal);
    co_await obey_ask(db);
    co_await read_from_replica(db);
    co_await survive_failover(db);
    co_await tell_counters(db);
    good(co_await db.close(), "close");
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 2) {
        std::fprintf(stderr, "usage: quickstart HOST:PORT (run examples/quickstart.sh)\n");
        return 2;
    }
    std::string const seed = argv[1];
    asio::io_context io;
    umbel::client db{io.get_executor(), {.seeds = {seed}}};
    umbel::client literal{io.get_executor(), {.seeds = {seed}}, umbel::cluster::surface_redirects{}};
    asio::co_spawn(io, tell(db, literal, seed), [&](std::exception_ptr problem) {
        failed = failed || problem != nullptr;
        io.stop();
    });
    io.run();
    std::printf("\n%s\n", failed ? "Something was not as told." : "Done.");
    return failed ? 1 : 0;
}
