// disturbed_cluster.hpp: a model cluster whose slots move and whose nodes fail while a client scans, and who
// judges what the scan has seen: for the tests of the promises of scans.
#pragma once

#include <umbel/client.hpp>
#include <umbel/testing/service/stage.hpp>

#include <algorithm>
#include <cstdlib>
#include <functional>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace disturbed {

using namespace umbel::testing;
using namespace std::chrono_literals;

/// What is to be seen: a key, or a member of a set.
struct watched {
    std::string key;
    std::string member{};
    std::string const& name() const noexcept { return member.empty() ? key : member; }
};

/// One cluster that is disturbed, and what its clients could reach at every moment.
class disturbed_cluster {
public:
    disturbed_cluster(std::uint64_t seed, std::vector<watched> const& lasting)
        : here_{{.primaries = 3, .replicas_each = 1}, seed, {}, {}}, db_{here_.client()}, watched_{lasting} {
        here_.cluster().key_pace = 4ms;
        here_.time().run_for(50ms);
        here_.run(write());
        here_.time().run_for(100ms);
        here_.time().after_every_step([this] { look(); });
    }

    stage& here() noexcept { return here_; }
    umbel::client& db() noexcept { return db_; }

    /// Disturbs the cluster for a while, and heals it then.
    void disturb(duration span) {
        instant const until = here_.time().now() + span;
        plan(until);
        here_.time().at(until, [this] { here_.cluster().heal(); });
    }
    /// What was reached at every moment since begin().
    void begin() { interrupted_.clear(), watching_ = true; }
    std::vector<std::string> missed(std::set<std::string> const& seen) {
        watching_ = false;
        std::vector<std::string> lost;
        for (watched const& item : watched_)
            if (!interrupted_.contains(item.name()) && !seen.contains(item.name()))
                lost.push_back(item.name());
        return lost;
    }
    std::size_t lasting() const noexcept { return watched_.size() - interrupted_.size(); }

private:
    asio::awaitable<void> write() {
        for (watched const& item : watched_)
            if (item.member.empty())
                static_cast<void>(co_await db_.set(item.key, "1"));
            else
                static_cast<void>(co_await db_.sadd(item.key, item.member));
    }
    static bool has(model_store const& store, watched const& item) {
        auto const held = store.find(item.key);
        if (held == store.end() || item.member.empty()) return held != store.end();
        auto const& members = held->second.items;
        return std::find(members.begin(), members.end(), item.member) != members.end();
    }
    /// It is reached at the owner of its slot, or where the slot is on its way to; while the owner is down
    /// it is where the owner's replica has it, which takes over or waits for it.
    bool reached(watched const& item) {
        model_cluster& cluster = here_.cluster();
        std::uint16_t const slot = umbel::cluster::slot_of(item.key).value();
        node_number const owner = cluster.truth(slot);
        if (owner == nobody) return false;
        model_node& node = cluster[owner];
        if (has(node.store, item)) return true;
        auto const leaving = node.view.migrating.find(slot);
        return leaving != node.view.migrating.end() && has(cluster[leaving->second].store, item);
    }
    /// True of a member where some node takes itself for the owner and has it not: whoever reads the key
    /// there is told so. A scan of all keys finds out such nodes, a scan of one key is a read.
    bool denied(watched const& item) {
        if (item.member.empty()) return false;
        std::uint16_t const slot = umbel::cluster::slot_of(item.key).value();
        for (node_number which = 0; which < 6; ++which) {
            model_node const& node = here_.cluster()[which];
            bool const claims = node.is == model_node::state::running && node.primary() &&
                                node.view.owner_of(slot) == which && !node.view.migrating.contains(slot);
            if (claims && !has(node.store, item)) return true;
        }
        return false;
    }
    void look() {
        if (!watching_) return;
        for (watched const& item : watched_)
            if (!interrupted_.contains(item.name()) && (!reached(item) || denied(item)))
                interrupted_.insert(item.name());
    }
    void plan(instant until) {
        timeline& time = here_.time();
        if (time.now() >= until) return;
        model_cluster& cluster = here_.cluster();
        auto const some_node = [&] { return static_cast<node_number>(time.pick(6)); };
        switch (time.pick(12)) {
            case 0: cluster.crash(some_node()); break;
            case 1: cluster.restart(some_node()); break;
            case 2: cluster.fail_over(some_node(), time.chance(30)); break;
            case 3: cluster.freeze(some_node()); break;
            case 4: cluster.unfreeze(some_node()); break;
            case 5: cluster.reset_connections(some_node()); break;
            case 6: cluster.partition(some_node(), time.chance(40) ? 1 : 0); break;
            case 7:
                for (node_number which = 0; which < 6; ++which) {
                    cluster.restart(which);
                    cluster.unfreeze(which);
                    cluster.partition(which, 0);
                }
                break;
            default:
                for (int moves = 0; moves < 4; ++moves)
                    cluster.move_slot(
                        umbel::cluster::slot_of(watched_[time.pick(watched_.size())].key).value(),
                        some_node());
        }
        time.in(time.between(1ms, 40ms), [this, until] { plan(until); });
    }

    stage here_;
    umbel::client db_;
    std::vector<watched> watched_;
    std::set<std::string> interrupted_;
    bool watching_ = false;
};

using scanning = asio::awaitable<bool> (*)(disturbed_cluster&, std::set<std::string>&, unsigned&);

struct verdict_of_seeds {
    unsigned convicted = 0;
    unsigned unfinished = 0;
    unsigned rounds = 0;  ///< Or beginnings anew.
    std::size_t lasting = 0;
    std::string first;  ///< What was missed first, and by which seed.
};

inline unsigned seeds_wanted(unsigned otherwise) {
    char const* const text = std::getenv("UMBEL_SCAN_SEEDS");
    return text ? static_cast<unsigned>(std::atoi(text)) : otherwise;
}
inline std::uint64_t first_seed() {
    char const* const text = std::getenv("UMBEL_SCAN_FIRST");
    return text ? std::strtoull(text, nullptr, 10) : 1;
}

inline verdict_of_seeds try_seeds(unsigned count, std::vector<watched> const& lasting, scanning how) {
    verdict_of_seeds found;
    for (std::uint64_t seed = first_seed(); seed < first_seed() + count; ++seed) {
        disturbed_cluster at{seed, lasting};
        std::set<std::string> seen;
        unsigned rounds = 0;
        at.begin();
        at.disturb(400ms);
        auto const ended = at.here().run(how(at, seen, rounds), 200s);
        std::vector<std::string> const lost = at.missed(seen);
        found.rounds += rounds;
        found.lasting += at.lasting();
        if (!ended || !*ended) ++found.unfinished;
        if (ended && *ended && !lost.empty()) {
            ++found.convicted;
            if (found.first.empty()) found.first = "seed " + std::to_string(seed) + " missed " + lost.front();
        }
    }
    return found;
}

}  // namespace disturbed
