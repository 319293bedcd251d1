// scenario.hpp: one whole run from one seed: what cluster, what client, what users, what faults; and its
// verdict.
#pragma once

#include "checker.hpp"
#include "faults.hpp"
#include "transaction_users.hpp"
#include "workload.hpp"

#include <memory>
#include <sstream>
#include <string>
#include <vector>

namespace simulation {

/// Everything that is drawn from the seed before the run begins.
struct plan {
    cluster_shape shape;
    model_options servers;
    network_options wires;
    umbel::options client;
    std::string first_seed;
    std::string second_seed;
    workload_options users;
    transaction_options transactions;
    allowances allowed;
    umbel::cluster::policy policy{};
    unsigned faults = 0;
    duration troubled = 2s;
    bool fails_fast = false;
    bool zones = false;            ///< Nodes stand in two availability zones.
    unsigned contexts = 1;         ///< Of the client.
    unsigned flaps = 0;            ///< Cables that are pulled and put in again.
    unsigned forbids = 0;          ///< Nodes that refuse MULTI for a while.
    unsigned forgets = 0;          ///< So often all nodes forget their scripts.
    unsigned at_once = 0;          ///< So often a node's busy slots move at one instant.
    unsigned tls_failures = 0;     ///< So often connects fail for a while after they were accepted.
    unsigned moves_to_itself = 0;  ///< So often a node says MOVED and names itself.
    unsigned maintenance = 0;      ///< So often something is done by plan, and announced.
    bool forget_tombstones = false;
    bool forgive_losses = true;

    std::string describe() const {
        std::ostringstream out;
        out << shape.primaries << " primaries with " << shape.replicas_each << " replicas, " << users.users
            << " users, " << transactions.users << " with transactions, " << faults << " faults, resp"
            << (client.protocol == umbel::protocol::resp2 ? 2 : 3) << ", source "
            << static_cast<int>(client.topology_source) << ", style " << static_cast<int>(servers.style)
            << (allowed.junk ? ", junk" : "") << (allowed.refusals ? ", refusals" : "")
            << (allowed.small_bounds ? ", small bounds" : "") << (allowed.surfaced ? ", surfaced" : "")
            << (allowed.foreign ? ", foreign" : "")
            << (client.handshake == umbel::handshake::minimal ? ", minimal handshake" : "")
            << ", retry_unknown " << static_cast<int>(client.retry_unknown) << ", breaker "
            << client.breaker_failures << (fails_fast ? ", fail_fast" : "") << ", budget "
            << client.retry_budget_percent << "% and " << client.retry_budget_floor
            << (zones ? ", zones" : "") << ", " << contexts << " loops, " << flaps << " flaps, late "
            << wires.late_percent << "%, " << forbids << " times no MULTI, " << users.script_percent
            << "% scripts, " << at_once << " moves at once, " << tls_failures << " times no TLS, "
            << moves_to_itself << " times MOVED to itself, slow start " << client.slow_start << ", "
            << maintenance << " times maintenance" << (wires.resets_drop ? "" : ", resets drop nothing");
        return out.str();
    }
};

inline void draw_cluster(random_source& random, plan& made) {
    auto const ms = [&](unsigned least, unsigned most) {
        return duration{std::chrono::milliseconds{least + random.below(most - least + 1)}};
    };
    made.shape = {1 + static_cast<int>(random.below(4)), static_cast<int>(random.below(3))};
    if (random.below(3) == 0) made.shape = {3, 1};
    made.servers.node_timeout = ms(200, 500);
    made.servers.heartbeat = ms(50, 100);
    made.servers.replication_lag_max = ms(1, 80);
    made.servers.style = static_cast<endpoint_style>(random.below(4) % 3);
    made.servers.one_host = random.below(4) == 0;
    made.servers.knows_hello = random.below(8) != 0;
    made.servers.knows_shards = random.below(6) != 0;
    made.servers.knows_setinfo = random.below(2) != 0;
    made.servers.serves_stale = random.below(3) != 0;
    if (random.below(6) == 0) made.servers.password = "secret";
    made.wires.latency_max = ms(1, 3);
    made.wires.split_percent = static_cast<unsigned>(random.below(60));
    if (random.below(4) == 0) made.wires.spike_percent = 2;
    if (random.below(4) == 0) made.wires.cut_percent = 20;
    if (random.below(4) == 0) made.wires.window_bytes = 2000 + random.below(20000);
}

inline void draw_client(random_source& random, plan& made) {
    using std::chrono::milliseconds;
    auto const ms = [&](unsigned least, unsigned most) {
        return milliseconds{least + random.below(most - least + 1)};
    };
    umbel::options& client = made.client;
    client.password = made.servers.password;
    client.nodes_max = 64;
    client.protocol = made.servers.knows_hello && random.below(5) == 0 ? umbel::protocol::resp3
                      : random.below(4) == 0                           ? umbel::protocol::resp2
                                                                       : umbel::protocol::automatic;
    std::uint64_t const source = random.below(6);
    client.topology_source = source < 3                  ? umbel::topology_source::automatic
                             : source == 3               ? umbel::topology_source::nodes
                             : source == 4               ? umbel::topology_source::slots
                             : made.servers.knows_shards ? umbel::topology_source::shards
                                                         : umbel::topology_source::automatic;
    if (made.servers.style != endpoint_style::ip && client.topology_source == umbel::topology_source::nodes)
        client.topology_source = umbel::topology_source::slots;
    client.connect_timeout = ms(100, 400);
    client.reconnect_delay = ms(5, 20);
    client.reconnect_delay_max = ms(50, 200);
    client.retry_delay = ms(2, 5);
    client.retry_delay_max = ms(20, 100);
    client.refresh_timeout = ms(50, 300);
    client.refresh_interval_min = ms(10, 100);
    client.refresh_interval = ms(500, 1000);
    client.probe_after = ms(100, 300);
    client.probe_timeout = ms(100, 300);
    client.redirects_max = static_cast<std::uint16_t>(5 + random.below(12));
    if (random.below(8) == 0) {
        made.allowed.small_bounds = true;
        client.in_flight_max = static_cast<std::uint32_t>(4 + random.below(30));
        client.waiting_max = static_cast<std::uint32_t>(4 + random.below(30));
        client.queued_bytes_max = 4000 + random.below(30000);
    }
}

/// What plans did not have from the beginning. Drawn apart, so that the seeds which found something before
/// still draw what they drew.
inline void draw_more(random_source random, plan& made) {
    static constexpr umbel::retry_unknown repeats[] = {
        umbel::retry_unknown::idempotent, umbel::retry_unknown::idempotent, umbel::retry_unknown::never,
        umbel::retry_unknown::always};
    static constexpr std::uint32_t breakers[] = {5, 0, 1, 2};
    static constexpr std::uint32_t percents[] = {10, 0, 1, 100};
    static constexpr std::uint32_t floors[] = {10, 0, 1, 1000};
    umbel::options& client = made.client;
    client.retry_unknown = repeats[random.below(4)];
    made.allowed.repeats = client.retry_unknown == umbel::retry_unknown::always;
    made.allowed.undoes = client.retry_unknown == umbel::retry_unknown::idempotent;
    client.breaker_failures = breakers[random.below(4)];
    client.retry_budget_percent = percents[random.below(4)];
    client.retry_budget_floor = floors[random.below(4)];
    made.fails_fast = random.below(6) == 0 && !made.allowed.surfaced;
    if (made.fails_fast) made.policy = umbel::cluster::fail_fast{};
    made.users.read_modes = 5;
    made.zones = random.below(2) == 0;
    if (random.below(2) == 0) client.availability_zone = "north";
    if (random.below(4) != 0) return;
    made.faults += static_cast<unsigned>(4 + random.below(10));
    made.troubled += 1500ms;
}

/// The same, of what came later still.
inline void draw_latest(random_source random, plan& made) {
    static constexpr unsigned contexts[] = {1, 1, 2, 3};
    made.contexts = contexts[random.below(4)];
}

/// The same, of what came last: SET is repeated only where the user wants it, and bytes may come late.
inline void draw_late(random_source random, plan& made) {
    using umbel::retry_unknown;
    if (made.client.retry_unknown == retry_unknown::idempotent && random.below(4) != 0) {
        made.client.retry_unknown = retry_unknown::reads;
        made.allowed.undoes = false;
    }
    if (random.below(2) == 0) return;
    made.wires.late_percent = static_cast<unsigned>(20 + random.below(80));
    made.wires.late_max = std::chrono::milliseconds{100 + random.below(900)};
    made.wires.resets_drop = random.below(3) != 0;
    made.allowed.echoes = !made.wires.resets_drop;
    made.flaps = static_cast<unsigned>(random.below(4));
}

/// The same, of what came after that: users that send transactions.
inline void draw_transactions(random_source random, plan& made) {
    static constexpr unsigned users[] = {0, 1, 2, 4};
    made.transactions.users = users[random.below(4)];
    made.transactions.pairs = 1 + random.below(4);
    made.transactions.repeats = made.allowed.repeats;
}

/// The same, of what came after that: nodes that refuse MULTI, and transactions that are sent in parts.
inline void draw_forbidding(random_source random, plan& made) {
    made.transactions.large_percent = random.below(2) == 0 ? 0u : static_cast<unsigned>(random.below(40));
    if (random.below(3) != 0 || made.transactions.users == 0) return;
    made.forbids = static_cast<unsigned>(1 + random.below(4));
    made.transactions.halves = true;
}

/// The same, of what came after that: INCR as a script, and nodes that forget it.
inline void draw_scripts(random_source random, plan& made) {
    if (random.below(2) == 0) return;
    made.users.script_percent = static_cast<unsigned>(10 + random.below(90));
    made.forgets = static_cast<unsigned>(random.below(20));
    made.servers.scripts.push_back(counting_script());
}

/// The same, of what came after that: slots that move at one instant.
inline void draw_moves_at_once(random_source random, plan& made) {
    if (random.below(2) != 0) made.at_once = static_cast<unsigned>(1 + random.below(12));
}

/// The same, of what came after that: TLS that is not agreed upon, MOVED to the node that sends it, and how
/// slowly a node is given commands that comes back.
inline void draw_connecting(random_source random, plan& made) {
    static constexpr std::uint32_t slow_starts[] = {64, 0, 1, 3};
    made.client.slow_start = slow_starts[random.below(4)];
    if (random.below(3) == 0) made.tls_failures = static_cast<unsigned>(1 + random.below(6));
    made.allowed.no_tls = made.tls_failures != 0;
    if (random.below(3) == 0) made.moves_to_itself = static_cast<unsigned>(1 + random.below(6));
}

/// The same, of what came after that: planned maintenance. Whose servers do none is not to ask for notices.
inline void draw_maintenance(random_source random, plan& made) {
    if (random.below(2) == 0) return;
    made.maintenance = static_cast<unsigned>(1 + random.below(6));
    made.servers.announces = random.below(4) != 0;
    made.client.maintenance_notices = umbel::maintenance_notices::automatic;
    if (random.below(2) == 0) made.client.maintenance_timeout = std::chrono::milliseconds{random.below(400)};
}

/// How much of a plan is drawn.
enum class draws { early, context_entry, punctual, connected, all };

/// The plan of a seed.
inline plan draw(std::uint64_t seed, draws what = draws::all) {
    random_source random{seed * 0x9e3779b97f4a7c15ull + 17};
    plan made;
    made.client.maintenance_notices = umbel::maintenance_notices::off;
    draw_cluster(random, made);
    draw_client(random, made);
    made.allowed.junk = random.below(6) == 0;
    made.allowed.refusals = random.below(5) == 0;
    made.allowed.foreign = random.below(10) == 0 && made.servers.style == endpoint_style::ip;
    made.users.users = static_cast<unsigned>(2 + random.below(6));
    made.users.keys = 4 + random.below(10);
    made.users.think_max = std::chrono::milliseconds{2 + random.below(40)};
    made.users.cancel_percent = static_cast<unsigned>(random.below(12));
    made.users.burst_percent = static_cast<unsigned>(random.below(6));
    made.faults = static_cast<unsigned>(random.below(9));
    made.troubled = std::chrono::milliseconds{800 + random.below(1500)};
    if (random.below(20) == 0) {
        made.policy = umbel::cluster::surface_redirects{};
        made.allowed.surfaced = true;
    }
    // What a password or a minimal handshake leaves out is drawn last, so that it changes nothing else.
    if (random.below(12) == 0 && made.servers.style == endpoint_style::ip && made.servers.password.empty()) {
        made.client.handshake = umbel::handshake::minimal;
        if (made.client.topology_source == umbel::topology_source::automatic)
            made.client.topology_source = umbel::topology_source::slots;
        made.client.protocol = umbel::protocol::resp2;
    }
    if (what == draws::early) made.client.retry_unknown = umbel::retry_unknown::idempotent;
    made.allowed.undoes = what == draws::early;
    if (what != draws::early) draw_more(random_source{seed * 0x9e3779b97f4a7c15ull + 29}, made);
    bool const late = what == draws::connected || what == draws::all;
    if (what == draws::punctual || late) draw_latest(random_source{seed * 0x9e3779b97f4a7c15ull + 43}, made);
    if (late) draw_late(random_source{seed * 0x9e3779b97f4a7c15ull + 71}, made);
    if (late) draw_transactions(random_source{seed * 0x9e3779b97f4a7c15ull + 97}, made);
    if (late) draw_forbidding(random_source{seed * 0x9e3779b97f4a7c15ull + 131}, made);
    if (late) draw_scripts(random_source{seed * 0x9e3779b97f4a7c15ull + 157}, made);
    if (late) draw_moves_at_once(random_source{seed * 0x9e3779b97f4a7c15ull + 181}, made);
    if (what == draws::all) draw_connecting(random_source{seed * 0x9e3779b97f4a7c15ull + 223}, made);
    if (what == draws::all) draw_maintenance(random_source{seed * 0x9e3779b97f4a7c15ull + 211}, made);
    return made;
}

/// What became of a run.
struct outcome {
    std::vector<std::string> failures;
    std::vector<std::string> lines;
    std::uint64_t issued = 0;
    std::uint64_t acknowledged = 0;
    std::uint64_t failed = 0;
    std::uint64_t transactions = 0;  ///< Acknowledged.
    std::uint64_t steps = 0;
    std::uint64_t promotions = 0;
    std::uint64_t moved = 0;
    std::uint64_t asked = 0;
    std::uint64_t hand_overs = 0;
    std::uint64_t forgiven = 0;   ///< Acknowledged writes that the model has lost.
    std::uint64_t registers = 0;  ///< Keys that were judged as registers.
    std::map<std::string, unsigned> codes;
};

/// One run.
class scenario {
public:
    scenario(std::uint64_t seed, plan drawn, std::size_t lines_kept = 0)
        : plan_{std::move(drawn)}, time_{seed}, seed_{seed} {
        time_.trace(lines_kept);
    }

    outcome run() {
        model_cluster cluster{time_, plan_.shape, plan_.servers, plan_.wires};
        std::string const seeds[] = {
            cluster.where(static_cast<node_number>(time_.pick(cluster.size()))).to_string(),
            cluster.where(static_cast<node_number>(time_.pick(cluster.size()))).to_string()};
        plan_.client.seeds = umbel::seed_list{std::span<std::string const>{seeds}};
        checker judge{time_, cluster, plan_.allowed};
        sim_client db{time_, cluster.net(), plan_.client, seed_, plan_.policy, plan_.contexts};
        db.runtime().forget_tombstones = plan_.forget_tombstones;
        judge.watch_asks(db);
        time_.after_every_step([&] { judge.step(db); });
        workload users{time_, db, judge, seen_, plan_.users};
        transaction_users others{time_, cluster, db, judge, plan_.transactions};
        fault_plan faults{time_, cluster, users.slots()};
        faults.sends_junk = plan_.allowed.junk;
        faults.refuses = plan_.allowed.refusals;
        faults.squats = plan_.allowed.foreign;
        for (std::size_t i = 0; plan_.zones && i < cluster.size(); ++i)
            cluster.set_zone(static_cast<node_number>(i), i % 2 == 0 ? "north" : "south");

        users.start();
        others.start();
        faults.schedule(plan_.faults, plan_.troubled);
        faults.schedule_flaps(plan_.flaps, plan_.troubled);
        faults.schedule_forbidding(plan_.forbids, plan_.troubled);
        faults.schedule_forgetting(plan_.forgets, plan_.troubled);
        faults.schedule_moves_at_once(plan_.at_once, plan_.troubled);
        faults.schedule_tls_failures(plan_.tls_failures, plan_.troubled);
        faults.schedule_moves_to_itself(plan_.moves_to_itself, plan_.troubled);
        faults.schedule_maintenance(plan_.maintenance, plan_.troubled);
        time_.run_for(plan_.troubled);
        faults.stop();
        heal(cluster, db, judge, users, others);
        close(cluster, db, judge);
        others.conclude();
        if (cluster.settled()) sentence(cluster, judge);
        outcome made = told(cluster, db, judge, users);
        made.transactions = others.acknowledged();
        return made;
    }

private:
    /// Everything is mended: the cluster comes together, then the client must serve everything and know the
    /// truth.
    void heal(model_cluster& cluster, sim_client& db, checker& judge, workload& users,
              transaction_users& others) {
        time_.note([] { return "-------- every fault is over"; });
        if (!time_.run_while_not([&] { return cluster.settled(); }, 8s))
            return judge.fail("the model cluster did not come together again: " + cluster.unsettled());
        time_.note([] { return "-------- the cluster is well"; });
        // Time for reconnects, probes and one refresh of its own; the users go on meanwhile.
        time_.run_for(2500ms);
        users.stop();
        others.stop();
        if (!cluster.settled())
            return judge.fail("the model cluster fell apart again: " + cluster.unsettled());
        if (!time_.run_while_not([&] { return db.pending() == 0; }, 3s))
            return judge.fail(std::to_string(db.pending()) + " calls are still pending:" + judge.pending());
        judge.faulty = false;
        if (plan_.client.handshake == umbel::handshake::full) judge.check_table(db);
        if (!plan_.allowed.surfaced && !plan_.allowed.small_bounds) {
            // Where a wire is slow, a large value takes most of a second, and whatever is behind it waits.
            users.all_kinds(3s);
            others.all_kinds(3s);
            time_.run_for(1100ms);
            time_.run_while_not([&] { return db.pending() == 0; }, 2s);
            if (plan_.client.handshake == umbel::handshake::full) judge.check_table(db);
        }
    }
    void close(model_cluster& cluster, sim_client& db, checker& judge) {
        // What is given up is aborted. Only what a user closes may still arrive.
        std::uint64_t const late = cluster.net().late_bytes();
        if (late != 0 && !plan_.allowed.echoes)
            judge.fail("echo: " + std::to_string(late) +
                       " bytes reached nodes on connections that were given up");
        judge.closing = true;
        db.end();
        time_.run_for(10ms);
        if (db.pending() != 0) judge.fail(std::to_string(db.pending()) + " calls outlive the client's end");
        judge.conclude(db);
    }
    void sentence(model_cluster& cluster, checker& judge) {
        auto const found = seen_.judged(cluster, plan_.forgive_losses);
        forgiven_ = found.forgiven;
        if (plan_.allowed.repeats)
            return;  // Then a write may run twice, and no history says whether that was allowed.
        for (std::string const& text : found.texts) judge.fail("history: " + text);
        if (plan_.allowed.undoes) return;
        auto const said = seen_.judged_registers(cluster);
        registers_ = seen_.registers();
        for (std::string const& text : said.texts) judge.fail("registers: " + text);
    }
    outcome told(model_cluster& cluster, sim_client& db, checker& judge, workload& users) {
        outcome made;
        made.failures = judge.failures();
        made.lines.assign(time_.lines().begin(), time_.lines().end());
        made.issued = users.issued();
        made.acknowledged = judge.acknowledged();
        made.failed = judge.failed();
        made.steps = time_.steps();
        made.promotions = cluster.promotions();
        made.moved = db.counters().moved;
        made.asked = db.counters().asked;
        made.hand_overs = db.counters().hand_overs;
        made.forgiven = forgiven_;
        made.registers = registers_;
        made.codes = judge.codes();
        return made;
    }

    plan plan_;
    timeline time_;
    witness seen_{time_};
    std::uint64_t forgiven_ = 0;
    std::size_t registers_ = 0;
    std::uint64_t seed_;
};

}  // namespace simulation
