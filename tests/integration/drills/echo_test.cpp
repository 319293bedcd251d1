// Something between client and node keeps what a connection has sent, and delivers it after the client has
// given the connection up, aborted it and gone on: what no reset can prevent. Which writes may be undone
// then, and which may not.
#include "integration/support/cutter.hpp"

#include "support/register_history.hpp"

using namespace umbel;
using namespace umbel::test;

namespace {

/// One client behind proxies that keep what is under way, one register, and the book of what was told.
struct kept_back {
    proxied_cluster& proxies = proxied_cluster::shared();
    real_cluster& servers = real_cluster::shared();
    real_cluster::node node = servers.owner_of(700);
    std::string const key;
    std::string const seed = proxies.address(servers.owner_of(7000));
    session s;
    register_history book;
    std::uint32_t const number = book.key(key);

    kept_back(std::string const& name, retry_unknown chosen)
        : key{real_cluster::key_in(700) + ":" + name}, s{impatient(seed, chosen)} {
        s.warm_up();
    }
    ~kept_back() { proxies.release(node); }
    static umbel::options impatient(std::string const& seed, retry_unknown chosen) {
        umbel::options made = cutter::quiet(seed);
        made.retry_unknown = chosen;
        made.probe_after = std::chrono::milliseconds{100};
        made.probe_timeout = std::chrono::milliseconds{200};
        return made;
    }

    /// Says what the writer was told.
    umbel::result<set_outcome> write(unsigned value) {
        std::size_t const operation = book.begin_write(number, value, steady_now());
        auto told = s(s.db().set(key, std::to_string(value)));
        if (told)
            book.acknowledge(operation, steady_now());
        else
            book.fail(operation, told.error().delivery(), steady_now());
        return told;
    }
    std::string read() {
        std::size_t const operation = book.begin_read(number, steady_now());
        auto const told = s(s.db().get(key));
        REQUIRE(told);
        book.answer(operation, std::stoull(told->value_or("0")), steady_now());
        return told->value_or("nothing");
    }
    /// What was kept reaches the node: the value there is that of an older write then.
    void deliver(std::string const& expected) {
        proxies.release(node);
        REQUIRE(eventually([&] { return servers.talk(node).must({"GET", key}).text == expected; }));
    }
};

}  // namespace

TEST_CASE("by default what comes late is a write that was never acknowledged", "[drill]") {
    kept_back here{"echo:reads", retry_unknown::reads};
    REQUIRE(here.write(1));
    here.proxies.detain(here.node);
    auto const lost = here.write(2);
    REQUIRE_FALSE(lost);
    CHECK(lost.error() == errc::connection_lost);
    CHECK(lost.error().delivery() == delivery::unknown);
    CHECK(here.write(3));
    CHECK(here.read() == "3");
    // It may run yet: that is what `unknown` says.
    here.deliver("2");
    CHECK(here.read() == "2");
    auto const found = here.book.check();
    figure("echo, reads: %s", found.to_string().c_str());
    INFO(found.to_string());
    CHECK(found.clean());
    CHECK(found.unknown == 1);
}

TEST_CASE("with idempotent an acknowledged write comes again, undoes a newer one, and the checker convicts",
          "[drill]") {
    kept_back here{"echo:idempotent", retry_unknown::idempotent};
    REQUIRE(here.write(1));
    here.proxies.detain(here.node);
    CHECK(here.write(2));
    CHECK(here.write(3));
    CHECK(here.read() == "3");
    here.deliver("2");
    CHECK(here.read() == "2");
    auto const found = here.book.check();
    figure("echo, idempotent: %s", found.to_string().c_str());
    INFO(found.to_string());
    CHECK(found.acknowledged == 5);
    CHECK(found[guilt::not_linearizable] == 1);
}
