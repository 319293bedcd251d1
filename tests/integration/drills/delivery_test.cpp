// The connection is cut at every byte of a command and of its reply in turn, by a proxy between client and node: what the caller is told
// agrees with what the server has done. A client that repeats what it does not know about is convicted.
#include "integration/support/drill.hpp"
#include "integration/support/proxied.hpp"

using namespace umbel;
using namespace umbel::test;

namespace {

/// Repeats everything that was lost with its connection, whether it ran or not.
struct reckless {
    cluster::verdict operator()(cluster::attempt const& seen) const noexcept {
        if (seen.fault == errc::connection_lost && seen.retries < 8) return cluster::verdict::after_refresh(seen.delay);
        return cluster::follow_redirects{}(seen);
    }
};

std::string on_the_wire(std::vector<std::string> const& words) {
    std::string bytes = "*" + std::to_string(words.size()) + "\r\n";
    for (std::string const& word : words) bytes += "$" + std::to_string(word.size()) + "\r\n" + word + "\r\n";
    return bytes;
}

/// A client behind proxies, quiet but for the commands of the test, and the book of what it was told.
struct cutter {
    proxied_cluster& proxies = proxied_cluster::shared();
    real_cluster& servers = real_cluster::shared();
    real_cluster::node node = servers.owner_of(700);
    std::string seed;
    session s;
    history book;
    std::uint32_t counter = 0;
    std::uint32_t list = 0;

    explicit cutter(std::string const& name, cluster::policy const& policy = {})
        : seed{proxies.address(servers.owner_of(7000))}, s{quiet(seed), policy},
          counter{book.key(real_cluster::key_in(700) + ":" + name + ":n", history::kind::incr)},
          list{book.key(real_cluster::key_in(700) + ":" + name + ":l", history::kind::push)} {
        s.warm_up();
    }
    static options quiet(std::string const& seed) {
        options made;
        made.seeds = {seed};
        made.probe_after = std::chrono::milliseconds{0};
        made.refresh_interval = std::chrono::milliseconds{0};
        made.reconnect_delay = std::chrono::milliseconds{1};
        made.reconnect_delay_max = std::chrono::milliseconds{5};
        made.deadline = std::chrono::milliseconds{20000};
        return made;
    }

    std::vector<std::string> words(std::uint32_t key, std::size_t number) const {
        if (key == counter) return {"INCR", book.name(key)};
        return {"RPUSH", book.name(key), book.token(number)};
    }
    operation<std::int64_t> call(std::uint32_t key, std::size_t number) {
        if (key == counter) return s.db().incr(book.name(key));
        return s.db().command<std::int64_t>("RPUSH", umbel::key(book.name(key)), book.token(number));
    }
    /// Sends some commands in one write, the connection being cut at a byte of one of them; says what became of that one.
    std::string cut(std::uint32_t key, std::size_t ahead, std::size_t behind, ambush trap) {
        std::vector<std::size_t> numbers;
        std::vector<operation<std::int64_t>> calls;
        for (std::size_t i = 0; i <= ahead + behind; ++i) {
            // Only one command bears the bytes that the ambush waits for: the others go to the other key.
            std::uint32_t const to = i == ahead ? key : (key == counter ? list : counter);
            numbers.push_back(book.begin(0, to, steady_now()));
            calls.push_back(call(to, numbers.back()));
        }
        trap.command = on_the_wire(words(key, numbers[ahead]));
        proxies.lay(node, trap);
        auto const told = s.all(std::move(calls));
        for (std::size_t i = 0; i < told.size(); ++i) {
            if (told[i]) book.acknowledge(numbers[i], *told[i], steady_now());
            else book.fail(numbers[i], told[i].error().delivery(), steady_now());
            if (!told[i]) CHECK(told[i].error() == errc::connection_lost);
        }
        return told[ahead] ? "acknowledged" : std::string{name_of(told[ahead].error().delivery())};
    }
    /// Bytes of the next command for this key.
    std::size_t size(std::uint32_t key) const {
        if (key == counter) return on_the_wire({"INCR", book.name(key)}).size();
        return on_the_wire({"RPUSH", book.name(key), book.name(key) + "#" + std::to_string(book.operations().size())}).size();
    }
    sentence reckon() {
        read_final_state(servers, book);
        return book.check();
    }
};

constexpr std::array sides{ambush::side::request, ambush::side::reply};
constexpr std::array manners{ambush::manner::reset, ambush::manner::end};

}  // namespace

TEST_CASE("cut at every byte of request and reply: the count is between acknowledged and acknowledged plus unknown", "[drill]") {
    cutter c{"cut"};
    std::map<std::string, int> outcomes;
    auto const sprung = c.proxies.at(c.node).sprung();
    std::uint64_t laid = 0;
    for (int round = 0; round < short_or_long(1, 10); ++round) {
        for (std::uint32_t const key : {c.counter, c.list}) {
            for (auto const how : manners) {
                for (std::size_t at = 0; at <= c.size(key); ++at, ++laid) {
                    auto const told = c.cut(key, 0, 0, {.where = ambush::side::request, .at = at, .how = how});
                    ++outcomes["request cut: " + told];
                    CHECK(told != "acknowledged");
                }
                for (std::size_t at = 0; at <= 4; ++at, ++laid)
                    ++outcomes["reply cut: " + c.cut(key, 0, 0, {.where = ambush::side::reply, .at = at, .how = how})];
            }
        }
    }
    // Behind a reply that came whole the next command may meet the very cut that was meant for the one before.
    auto const whole = static_cast<std::uint64_t>(outcomes["reply cut: acknowledged"]);
    CHECK(c.proxies.at(c.node).sprung() - sprung + whole >= laid);
    auto const found = c.reckon();
    figure("delivery: %llu cuts: %s", static_cast<unsigned long long>(laid), found.to_string().c_str());
    for (auto const& [what, times] : outcomes) figure("delivery: %d %s", times, what.c_str());
    INFO(found.to_string());
    CHECK(found.clean());
    CHECK(found.forgiven == 0);
    CHECK(found.unknown > 0);
}

TEST_CASE("cut in the midst of commands that share a write: those ahead and those behind are told the truth, too", "[drill]") {
    cutter c{"shared"};
    for (int round = 0; round < short_or_long(1, 10); ++round) {
        for (std::uint32_t const key : {c.counter, c.list}) {
            for (auto const where : sides) {
                for (auto const how : manners) {
                    std::size_t const last = where == ambush::side::request ? c.size(key) : 20;
                    for (std::size_t at = 0; at <= last; at += short_or_long(3u, 1u)) c.cut(key, 3, 3, {.where = where, .at = at, .how = how});
                }
            }
        }
    }
    auto const found = c.reckon();
    figure("delivery in company: %s", found.to_string().c_str());
    INFO(found.to_string());
    CHECK(found.clean());
    CHECK(found.forgiven == 0);
    CHECK(found.unknown > 0);
}

TEST_CASE("a client that repeats what may have run is convicted", "[drill]") {
    cutter c{"reckless", reckless{}};
    for (std::uint32_t const key : {c.counter, c.list})
        for (std::size_t at = 0; at < 3; ++at) CHECK(c.cut(key, 0, 0, {.where = ambush::side::reply, .at = at}) == "acknowledged");
    auto const found = c.reckon();
    INFO(found.to_string());
    CHECK(found[guilt::doubled] >= 4);
    CHECK(found[guilt::lost] == 0);
}
