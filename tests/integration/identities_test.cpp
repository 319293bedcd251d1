// Users of real servers whose passwords change, providers that fail, and what a user may not do.
#include "support/session.hpp"

#include <asio/bind_executor.hpp>

#include <atomic>
#include <mutex>
#include <stdexcept>

using namespace umbel;
using namespace umbel::test;

namespace {

void on_every_node(real_cluster const& servers, std::vector<std::string> const& words) {
    for (auto const& node : servers.nodes()) servers.talk(node).must(words);
}

/// Counts what it is told of AUTH. Threading: any.
struct renewals : observer {
    std::atomic<unsigned> accepted{0};
    std::atomic<unsigned> refused{0};
    std::atomic<unsigned> failures{0};
    void reauthenticated(engine::node_reauthenticated const& told) override {
        ++(told.accepted ? accepted : refused);
    }
    void credentials_failed(engine::credentials_failed const&) override { ++failures; }
};

/// Reads and writes keys of every node until it is told to stop.
class steady_load {
public:
    steady_load(session& s, std::string const& suffix) : session_{s}, keys_{keys_everywhere(suffix, 256)} {
        write_all(s, keys_);
        s.on_its_thread([this] {
            for (std::string const& key : keys_) next(key, 0);
        });
    }
    steady_load(steady_load const&) = delete;
    /// Waits for the commands under way. Returns what failed.
    std::vector<std::string> stop() {
        stopping_ = true;
        std::promise<void> done;
        session_.on_its_thread([&] {
            idle_ = &done;
            if (running_ == 0) done.set_value();
        });
        REQUIRE(done.get_future().wait_for(patience) == std::future_status::ready);
        return failures_;
    }
    std::size_t finished() const noexcept { return finished_; }
    /// Waits until so many more commands have finished.
    void pass(std::size_t more) const {
        std::size_t const wanted = finished_ + more;
        REQUIRE(eventually([&] { return finished_ >= wanted; }));
    }

private:
    void next(std::string const& key, unsigned round) {
        ++running_;
        auto const ended = [this, &key, round](auto const& told) {
            --running_;
            ++finished_;
            if (!told) failures_.push_back(told.error().to_string());
            if (!stopping_) return next(key, round + 1);
            if (running_ == 0 && idle_) idle_->set_value();
        };
        if (round % 2 == 0)
            session_.db().get(key)(asio::bind_executor(session_.executor(), ended));
        else
            session_.db().set(key, "=" + key)(asio::bind_executor(session_.executor(), ended));
    }

    session& session_;
    std::vector<std::string> const keys_;
    std::atomic<bool> stopping_{false};
    std::atomic<std::size_t> finished_{0};
    std::size_t running_ = 0;
    std::promise<void>* idle_ = nullptr;
    std::vector<std::string> failures_;
};

}  // namespace

TEST_CASE("a password is changed under load: two hold for a while, then the old one is removed",
          "[identities]") {
    auto& servers = real_cluster::shared();
    std::string const seed = servers.address("n1");
    on_every_node(servers, {"ACL", "SETUSER", "rotating", "reset", "on", ">old", "~*", "&*", "+@all"});
    auto const told = std::make_shared<renewals>();
    session s{options{.seeds = {seed}, .username = "rotating", .password = "old"}, {}, told};
    steady_load load{s, ":rotating"};
    load.pass(2000);
    for (int round = 0; round < 5; ++round) {
        std::string const before = round == 0 ? "old" : "new" + std::to_string(round - 1);
        std::string const after = "new" + std::to_string(round);
        on_every_node(servers, {"ACL", "SETUSER", "rotating", ">" + after});
        unsigned const accepted = told->accepted;
        s.db().reauthenticate(credentials{"rotating", after});
        // The three primaries have a connection each that serves.
        REQUIRE(eventually([&] { return told->accepted >= accepted + 3; }));
        on_every_node(servers, {"ACL", "SETUSER", "rotating", "<" + before});
        load.pass(2000);
    }
    auto const failures = load.stop();
    CHECK(failures.empty());
    CHECK(told->refused == 0);
    CHECK(s.counted().disconnects == 0);
    // New connections say the new password.
    on_every_node(servers, {"CLIENT", "KILL", "USER", "rotating"});
    read_all(s, s.db(), keys_everywhere(":rotating", 256));
    on_every_node(servers, {"ACL", "DELUSER", "rotating"});
}

TEST_CASE("tokens that expire under load are replaced, whatever the provider does in between",
          "[identities]") {
    auto& servers = real_cluster::shared();
    std::string const seed = servers.address("n1");
    on_every_node(servers, {"ACL", "SETUSER", "token", "reset", "on", "~*", "&*", "+@all"});
    std::atomic<int> asked{0};
    auto const told = std::make_shared<renewals>();
    options chosen{.seeds = {seed}};
    chosen.credential_provider = [&](credential_completion done) {
        // Whoever asks runs the client's thread: the servers are told from another one.
        std::thread{[&servers, number = ++asked, done = std::move(done)] {
            if (number % 4 == 2) return done(fail(errc::no_credentials, delivery::not_sent, "sealed"));
            if (number % 4 == 3) return;  // Never.
            std::string const token = "token " + std::to_string(number);
            on_every_node(servers, {"ACL", "SETUSER", "token", ">" + token});
            done(credentials{"token", token, std::chrono::seconds{20}});
        }}.detach();
    };
    session s{chosen, {}, told};
    steady_load load{s, ":token"};
    load.pass(1000);
    for (int round = 0; round < 4; ++round) {
        s.db().reauthenticate();
        load.pass(1000);
    }
    REQUIRE(eventually([&] { return told->accepted >= 3; }));
    CHECK(load.stop().empty());
    CHECK(told->failures >= 1);
    on_every_node(servers, {"ACL", "DELUSER", "token"});
}

TEST_CASE("a connection of a command that blocks is not lent again once the password has changed",
          "[identities]") {
    auto& servers = real_cluster::shared();
    std::string const seed = servers.address("n1");
    on_every_node(servers, {"ACL", "SETUSER", "waiting", "reset", "on", ">old", "~*", "&*", "+@all"});
    auto const told = std::make_shared<renewals>();
    session s{options{.seeds = {seed}, .username = "waiting", .password = "old"}, {}, told};
    std::string const key = real_cluster::key_in(16000) + ":waiting";
    auto const nothing_comes = [&] {
        auto const popped = s(s.db().blpop(key, 100ms));
        REQUIRE(popped.has_value());
        CHECK_FALSE(popped->has_value());
    };
    nothing_comes();
    // A wait goes on while the password changes under it.
    auto const waits = s.begin(s.db().blpop(key, 40s));
    on_every_node(servers, {"ACL", "SETUSER", "waiting", ">new"});
    s.db().reauthenticate(credentials{"waiting", "new"});
    REQUIRE(eventually([&] { return told->accepted >= 1; }));
    on_every_node(servers, {"ACL", "SETUSER", "waiting", "<old"});
    auto const before = s.counted().connects;  // The wait is over in a moment, and its connection, too.
    REQUIRE(s(s.db().rpush(key, "here")));
    auto const popped = std::move(s.finish(waits).front());
    REQUIRE(popped);
    CHECK(popped->has_value());
    nothing_comes();
    CHECK(s.counted().connects > before);
    on_every_node(servers, {"ACL", "DELUSER", "waiting"});
}

TEST_CASE("a provider that throws, hangs or talks nonsense costs its time, and the next attempt works",
          "[identities]") {
    auto& servers = real_cluster::shared();
    std::string const seed = servers.address("n1");
    on_every_node(servers, {"ACL", "SETUSER", "late", "reset", "on", ">word", "~*", "&*", "+@all"});
    std::atomic<int> asked{0};
    options chosen{.seeds = {seed}};
    chosen.connect_timeout = std::chrono::milliseconds{200};
    chosen.deadline = std::chrono::seconds{50};
    chosen.credential_provider = [&](credential_completion const& done) {
        switch (++asked) {
            case 1: throw std::runtime_error{"no route"};
            case 2: return;
            case 3: return done(credentials{"late", ""});
            case 4: return done(credentials{"late", "wrong", std::chrono::hours{1}});
            default: break;
        }
        done(credentials{"late", "word", std::chrono::hours{1}});
        done(credentials{"late", "wrong"});
    };
    session s{chosen};
    // A password that no server takes is told at once; all else is waited for.
    result<ok> ready = s(s.db().ready());
    if (!ready) {
        CHECK(ready.error() == errc::wrong_password);
        ready = s(s.db().ready());
    }
    REQUIRE(ready);
    CHECK(asked == 5);
    auto const keys = keys_everywhere(":late", 256);
    write_all(s, keys);
    read_all(s, s.db(), keys);
    CHECK(asked == 5);
    on_every_node(servers, {"ACL", "DELUSER", "late"});
}

TEST_CASE("NOPERM and WRONGPASS are errors of their own, and name the node", "[identities]") {
    auto& servers = real_cluster::shared();
    std::string const seed = servers.address("n1");
    on_every_node(servers, {"ACL", "SETUSER", "reader", "reset", "on", ">word", "~*", "&*", "+@all", "-set"});
    {
        session s{options{.seeds = {seed}, .username = "reader", .password = "word"}};
        std::string const key = real_cluster::key_in(16000);
        auto const refused = s(s.db().set(key, "v"));
        REQUIRE_FALSE(refused);
        CHECK(refused.error() == errc::no_permission);
        CHECK(refused.error().delivery() == delivery::not_executed);
        CHECK(refused.error().node() == s.owner_of(16000));
        CHECK(s(s.db().get(key)).has_value());
    }
    session s{options{.seeds = {seed}, .username = "reader", .password = "another"}};
    auto const refused = s(s.db().get("k"));
    REQUIRE_FALSE(refused);
    CHECK(refused.error() == errc::wrong_password);
    CHECK(refused.error().node() == seed);
    CHECK(refused.error().delivery() == delivery::not_sent);
    on_every_node(servers, {"ACL", "DELUSER", "reader"});
}

TEST_CASE("set-up commands hold on every connection of a real cluster", "[identities]") {
    auto& servers = real_cluster::shared();
    std::string const seed = servers.address("n1");
    options chosen{.seeds = {seed}};
    chosen.client_name = "set-up";
    chosen.setup_commands = {{"CLIENT NO-EVICT on"}, {"CLIENT CAPA redirect", true}};
    session s{chosen};
    s.warm_up();
    unsigned found = 0;
    for (auto const& node : servers.nodes()) {
        std::string const all = servers.talk(node).must({"CLIENT", "LIST"}).text;
        for (std::size_t at = all.find(" name=set-up "); at != std::string::npos;
             at = all.find(" name=set-up ", at + 1)) {
            std::size_t const flags = all.find(" flags=", at);
            std::string const shown = all.substr(flags, all.find(' ', flags + 1) - flags);
            CHECK(shown.find('e') != std::string::npos);  // Excluded from eviction.
            ++found;
        }
    }
    CHECK(found >= 3);
    chosen.setup_commands = {{"CLIENT NO-SUCH-THING on"}};
    session refused{chosen};
    auto const told = refused(refused.db().get("k"));
    REQUIRE_FALSE(told);
    CHECK(told.error() == errc::server_error);
    CHECK(told.error().node() == seed);
    CHECK(told.error().message().find("CLIENT NO-SUCH-THING on") != std::string_view::npos);
}
