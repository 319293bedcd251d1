// Tokens that expire, in virtual time, while nodes fail and whoever gives them fails, too.
#include "scene.hpp"

#include <catch2/catch_test_macros.hpp>

#include <map>
#include <memory>

using namespace simulation;
using umbel::credential_completion;
using umbel::credentials;

namespace {

/// Gives tokens, and knows which of them open a server. Some questions are answered at once, others late,
/// with an error, or never.
struct vault {
    timeline* time = nullptr;
    duration life = 2s;
    bool tells_time = true;
    unsigned wrong_percent = 0;
    unsigned asked = 0;
    unsigned turned_away = 0;
    std::map<std::string, instant> tokens;

    bool opens(std::string const& token, instant now) {
        auto const known = tokens.find(token);
        bool const good = known != tokens.end() && now < known->second;
        turned_away += good ? 0u : 1u;
        return good;
    }
    void answer(credential_completion const& done) {
        std::string const token = "token " + std::to_string(tokens.size() + 1);
        tokens[token] = time->now() + life;
        done(credentials{"app", token,
                         tells_time ? std::optional<std::chrono::nanoseconds>{life} : std::nullopt});
    }
    void get(credential_completion done) {
        ++asked;
        if (time->chance(wrong_percent)) {
            if (time->chance(30)) return;
            if (time->chance(50)) throw std::runtime_error{"no route to the vault"};
            return done(umbel::fail(errc::no_credentials, delivery::not_sent, "the vault is sealed"));
        }
        time->in(time->between(0ms, 20ms), [this, done = std::move(done)] { answer(done); });
    }
};

/// A cluster that a vault guards, and a client that asks the vault.
struct guarded {
    std::shared_ptr<vault> keys = std::make_shared<vault>();
    scene on;
    std::map<std::string, unsigned> told;
    unsigned pending = 0;
    std::vector<std::string> read_keys;

    explicit guarded(std::uint64_t seed, umbel::cluster::policy policy = {})
        : on{asking(*keys), {3, 1}, seed, policy, guarded_by(*keys)} {}

    static umbel::options asking(vault& keys) {
        umbel::options chosen;
        chosen.credential_provider = [&keys](credential_completion done) { keys.get(std::move(done)); };
        chosen.connect_timeout = 200ms;
        chosen.deadline = 4s;
        return chosen;
    }
    static model_options guarded_by(vault& keys) {
        model_options servers;
        servers.lets_in = [&keys](std::string const& said, instant now) { return keys.opens(said, now); };
        return servers;
    }
    /// Waits for the first topology, and picks a key of each primary.
    void start() {
        keys->time = &on.time;
        on.ready();
        for (node_number node = 0; node < 3; ++node) read_keys.push_back(on.key_of(node));
    }
    /// Reads a key of every node, every so often, for a while.
    void read_for(duration span, duration every = 5ms) {
        instant const end = on.time.now() + span;
        while (on.time.now() < end) {
            for (std::string const& key : read_keys) read(key);
            on.time.run_for(every);
        }
    }
    void read(std::string const& key) {
        ++pending;
        on.db.call({"GET", key}, [this](umbel::result<umbel::reply> answer) {
            --pending;
            ++told[answer ? "good" : std::string{umbel::name_of(answer.error().code())}];
        });
    }
};

}  // namespace

TEST_CASE("tokens are replaced before they expire, and no command notices", "[simulation]") {
    for (std::uint64_t seed = 1; seed <= 5; ++seed) {
        INFO("seed " << seed);
        guarded here{seed};
        here.start();
        here.read_for(20s);
        here.on.time.run_for(5s);
        CHECK(here.pending == 0);
        CHECK(here.told["good"] > 10000);
        CHECK(here.told.size() == 1);
        CHECK(here.keys->turned_away == 0);
        CHECK(here.keys->asked >= 12);
        CHECK(here.keys->asked <= 25);
    }
}

TEST_CASE("a client whose tokens expired while all nodes were down comes back by itself", "[simulation]") {
    for (std::uint64_t seed = 1; seed <= 5; ++seed) {
        INFO("seed " << seed);
        guarded here{seed};
        here.start();
        here.read_for(1s);
        for (node_number node = 0; node < 6; ++node) here.on.cluster.crash(node);
        here.read_for(7s, 50ms);
        for (node_number node = 0; node < 6; ++node) here.on.cluster.restart(node);
        here.on.time.run_for(6s);
        CHECK(here.pending == 0);
        here.told.clear();
        here.read_for(3s);
        here.on.time.run_for(5s);
        CHECK(here.told["good"] > 1000);
        CHECK(here.told.size() == 1);
    }
}

TEST_CASE("nobody is turned away for good by a vault that fails, while nodes fail, too", "[simulation]") {
    for (std::uint64_t seed = 1; seed <= 10; ++seed) {
        INFO("seed " << seed);
        guarded here{seed};
        here.start();
        here.keys->wrong_percent = 60;
        for (int round = 0; round < 6; ++round) {
            node_number const node = static_cast<node_number>(here.on.time.pick(6));
            here.on.cluster.crash(node);
            here.read_for(2s, 20ms);
            here.on.cluster.restart(node);
            here.on.cluster.reset_connections(static_cast<node_number>(here.on.time.pick(6)));
            here.read_for(1s, 20ms);
        }
        here.keys->wrong_percent = 0;
        here.on.time.run_for(8s);
        CHECK(here.pending == 0);
        CHECK(here.told["wrong_password"] == 0);
        // A vault that is asked this often is asked by connections, not by commands.
        CHECK(here.keys->asked < 2000);
        here.told.clear();
        here.read_for(4s);
        here.on.time.run_for(5s);
        CHECK(here.told["good"] > 1000);
        CHECK(here.told.size() == 1);
    }
}

TEST_CASE("the model really shuts out who says an old token: a negative control", "[simulation]") {
    guarded here{1, umbel::cluster::surface_redirects{}};
    here.keys->tells_time = false;
    here.start();
    here.read_for(5s);
    here.on.time.run_for(5s);
    CHECK(here.told["no_auth"] > 0);
    CHECK(here.keys->turned_away > 0);
}

TEST_CASE("where nobody tells how long a token holds, NOAUTH has connections made anew", "[simulation]") {
    for (std::uint64_t seed = 1; seed <= 5; ++seed) {
        INFO("seed " << seed);
        guarded here{seed};
        here.keys->tells_time = false;
        here.start();
        here.read_for(15s);
        here.on.time.run_for(5s);
        CHECK(here.pending == 0);
        CHECK(here.keys->turned_away > 0);
        CHECK(here.told["good"] > 8000);
        CHECK(here.told.size() == 1);
    }
}
