// A thousand nodes and one client, in virtual time: at the beginning, when all connections end at one moment,
// and when all nodes are down for a while, the client opens a bounded number at one time, at spread moments,
// and is connected to all of them soon.
#include "scene.hpp"

#include <umbel/testing/model_request.hpp>

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <map>
#include <set>

using namespace simulation;

namespace {

constexpr int crowd_size = 1000;
/// Bytes are on their way for at most 0.4 ms.
constexpr duration greeting_takes = 3ms;

struct crowd_of_nodes;

/// A server without a cluster: it greets, tells everybody's slots and knows no key.
struct paper_node final : listener {
    crowd_of_nodes& all;
    int number;
    bool down = false;
    std::map<std::uint64_t, std::shared_ptr<stream>> greeting{};  ///< Not let in yet.
    std::map<std::uint64_t, std::shared_ptr<stream>> open{};

    paper_node(crowd_of_nodes& of, int at) : all{of}, number{at} {}
    answer knocked() override { return down ? answer::refuses : answer::accepts; }
    void accepted(std::shared_ptr<stream> const& from) override;
    void arrived(std::shared_ptr<stream> const& from) override;
    bool unreachable() const override { return false; }
    void hang_up();
};

struct crowd_of_nodes {
    timeline time;
    network net;
    std::vector<std::unique_ptr<paper_node>> servers;
    std::string slots;
    std::unique_ptr<sim_client> db;
    std::size_t greeting = 0;  ///< Handshakes that the servers have under way.
    std::size_t greeting_max = 0;
    std::size_t connecting_max = 0;  ///< As the client sees it.
    std::set<int> connected;
    std::map<std::int64_t, unsigned> begun;  ///< Attempts by millisecond.
    std::uint64_t attempts = 0;
    unsigned good = 0;
    unsigned failed = 0;

    crowd_of_nodes(std::uint64_t seed, std::uint32_t connects_max) : time{seed}, net{time, wires} {
        slots = "*" + std::to_string(crowd_size) + "\r\n";
        for (int at = 0; at < crowd_size; ++at) {
            servers.push_back(std::make_unique<paper_node>(*this, at));
            net.listen({host_of(at), 6379}, *servers.back());
            int const from = 16384 * at / crowd_size, to = 16384 * (at + 1) / crowd_size - 1;
            std::string const host = host_of(at);
            slots += "*3\r\n:" + std::to_string(from) + "\r\n:" + std::to_string(to) + "\r\n*2\r\n$" +
                     std::to_string(host.size()) + "\r\n" + host + "\r\n:6379\r\n";
        }
        db = std::make_unique<sim_client>(time, net, asking(connects_max), seed);
        time.after_every_step([this] { look(); });
    }
    static std::string host_of(int at) {
        return "10.0." + std::to_string(at / 250) + "." + std::to_string(at % 250 + 1);
    }
    static umbel::options asking(std::uint32_t connects_max) {
        umbel::options chosen;
        chosen.seeds = {"10.0.0.1:6379"};
        chosen.password = umbel::secret{"x"};
        chosen.protocol = umbel::protocol::resp2;
        chosen.handshake = umbel::handshake::minimal;
        chosen.topology_source = umbel::topology_source::slots;
        chosen.connects_max = connects_max;
        chosen.deadline = 20s;
        return chosen;
    }
    void look() {
        std::size_t connecting = 0;
        for (auto const& session : db->runtime().sessions())
            connecting += session->link().is_connecting() ? 1u : 0u;
        connecting_max = std::max(connecting_max, connecting);
        for (; attempts < net.connects(); ++attempts) ++begun[time.now() / 1ms];
    }
    void ask_all() {
        for (int at = 0; at < crowd_size; ++at)
            db->call({"GET", key_of(at)},
                     [this](umbel::result<umbel::reply> told) { ++(told ? good : failed); });
    }
    static std::string const& key_of(int at) {
        static std::vector<std::string> const keys = [] {
            std::vector<std::string> found(crowd_size);
            int missing = crowd_size;
            for (int i = 0; missing != 0; ++i) {
                std::string key = "k" + std::to_string(i);
                // The node whose range the slot stands in.
                int node = umbel::cluster::slot_of(key).value() * crowd_size / 16384;
                while (16384 * (node + 1) / crowd_size - 1 < umbel::cluster::slot_of(key).value()) ++node;
                if (!found[static_cast<std::size_t>(node)].empty()) continue;
                found[static_cast<std::size_t>(node)] = key;
                --missing;
            }
            return found;
        }();
        return keys[static_cast<std::size_t>(at)];
    }
    /// How long it takes until the client is connected to all.
    duration until_all(duration most) {
        instant const begin = time.now();
        time.run_while_not([&] { return connected.size() == crowd_size; }, most);
        return time.now() - begin;
    }
    void forget() {
        greeting_max = connecting_max = 0;
        begun.clear();
    }
    /// Attempts in the fullest millisecond.
    unsigned fullest() const {
        unsigned most = 0;
        for (auto const& [when, count] : begun) most = std::max(most, count);
        return most;
    }

    static constexpr network_options wires{};
};

void paper_node::accepted(std::shared_ptr<stream> const& from) {
    greeting[from->number()] = from;
    all.greeting_max = std::max(all.greeting_max, ++all.greeting);
}
void paper_node::arrived(std::shared_ptr<stream> const& from) {
    std::string& bytes = from->unread();
    std::size_t at = 0;
    model_words words;
    while (request_reader::take(bytes, at, words) == request_reader::found::command) {
        if (words.front() == "AUTH") {
            all.time.in(greeting_takes, [this, from] {
                if (greeting.erase(from->number()) == 0) return;
                --all.greeting;
                open[from->number()] = from;
                all.connected.insert(number);
                from->send("+OK\r\n");
            });
        } else {
            from->send(words.front() == "CLUSTER" ? std::string_view{all.slots} : "$-1\r\n");
        }
    }
    bytes.erase(0, at);
    from->consumed();
}
void paper_node::hang_up() {
    all.greeting -= greeting.size();
    for (auto* const set : {&greeting, &open}) {
        for (auto const& [unused, wire] : *set) wire->end(true);
        set->clear();
    }
    all.connected.erase(number);
}

}  // namespace

TEST_CASE(
    "a thousand nodes do not meet a thousand handshakes: not at the beginning, and not when all connections "
    "end at one moment",
    "[simulation]") {
    for (std::uint64_t seed = 1; seed <= 3; ++seed) {
        INFO("seed " << seed);
        crowd_of_nodes here{seed, 64};
        here.ask_all();
        duration const at_first = here.until_all(10s);
        here.time.run_for(100ms);
        CHECK(here.good == crowd_size);
        CHECK(here.failed == 0);
        CHECK(here.connecting_max == 64);
        CHECK(here.greeting_max <= 64);
        // 1000 / 64 rounds of 3 ms and of four times 0.4 ms at most, and the first topology.
        CHECK(at_first < 150ms);

        here.forget();
        for (auto const& server : here.servers) server->hang_up();
        here.time.run_for(1ms);  // What is sent before the loss is known draws on the retry budget.
        here.ask_all();
        duration const again = here.until_all(10s);
        here.time.run_for(1s);
        CHECK(here.good == 2 * crowd_size);
        CHECK(here.failed == 0);
        CHECK(here.connecting_max == 64);
        CHECK(here.greeting_max <= 64);
        CHECK(again < 200ms);
    }
}

TEST_CASE("a thousand nodes that were down are connected to again soon, at spread moments", "[simulation]") {
    for (std::uint64_t seed = 1; seed <= 3; ++seed) {
        INFO("seed " << seed);
        crowd_of_nodes here{seed, 64};
        here.ask_all();
        here.until_all(10s);
        here.forget();
        for (auto const& server : here.servers) server->down = true, server->hang_up();
        here.time.run_for(5s);
        std::uint64_t tries = 0;
        for (auto const& [unused, count] : here.begun) tries += count;
        // 20 ms doubled up to 1 s, of which half to all is waited: at most fifteen tries in 5 s.
        CHECK(tries < 15 * crowd_size);
        here.forget();
        for (auto const& server : here.servers) server->down = false;
        duration const back = here.until_all(10s);
        INFO("back after " << back.count() << " ns, fullest millisecond " << here.fullest());
        CHECK(back < 1200ms);
        CHECK(here.greeting_max <= 64);
        CHECK(here.connecting_max <= 64);
        // Jitter: half a second at least lies between the first and the last, and no moment has them all.
        CHECK(here.begun.size() > 300);
        CHECK(here.fullest() < crowd_size / 20);
    }
}

TEST_CASE("without a bound a thousand nodes meet a thousand handshakes: a negative control", "[simulation]") {
    crowd_of_nodes here{1, 100'000};
    here.ask_all();
    here.until_all(10s);
    here.time.run_for(100ms);
    CHECK(here.connecting_max > crowd_size / 2);
    CHECK(here.greeting_max > crowd_size / 2);
}
