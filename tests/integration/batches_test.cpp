// Batches on a real cluster: any slots, while slots move: each command answered once, in order within a slot.
#include "support/session.hpp"

#include <asio/use_future.hpp>

#include <map>
#include <string>
#include <thread>
#include <vector>

using namespace umbel;
using namespace umbel::test;

namespace {

/// Sends a batch and waits for it.
answers send(session& s, batch filled) { return s.db().batch(std::move(filled))(asio::use_future).get(); }

/// Numbers pushed onto lists, and those of them that were told to be there.
struct lists {
    std::vector<std::string> names;
    std::map<std::string, std::vector<std::string>> pushed;
    std::vector<std::string> errors;
    int number = 0;

    /// A batch of so many, in turn.
    void push(session& s, std::size_t count, bool strict) {
        std::vector<result<std::int64_t>> told(count);
        std::vector<std::pair<std::string, std::string>> what;
        batch filled;
        if (strict) filled.in_strict_order();
        filled.window(64);
        for (std::size_t i = 0; i < count; ++i) {
            what.emplace_back(names[i % names.size()], std::to_string(number++));
            filled.add(cmd.rpush(what.back().first, what.back().second), told[i]);
        }
        send(s, std::move(filled));
        for (std::size_t i = 0; i < count; ++i) {
            if (told[i])
                pushed[what[i].first].push_back(what[i].second);
            else
                errors.push_back(told[i].error().to_string());
        }
    }
};

}  // namespace

TEST_CASE("a batch goes to all nodes, and each command has its own result", "[batches]") {
    auto& servers = real_cluster::shared();
    for (auto const version : {protocol::resp2, protocol::resp3}) {
        session s{options{.seeds = {servers.address("n1")}, .protocol = version}};
        std::string const tail = ":batch" + std::to_string(static_cast<int>(version));
        batch filled;
        std::vector<batched<std::int64_t>> counts;
        auto const all = keys_everywhere(tail, 256);
        for (auto const& name : all) counts.push_back(filled.add(cmd.incr(name)));
        auto const wrong = filled.add(cmd.lpush(all[0], "x"));
        auto const hash = filled.add(cmd.hset("{h}" + tail, "f", "v"));
        auto const fields = filled.add(cmd.hgetall("{h}" + tail));
        auto told = send(s, std::move(filled));
        for (auto const& named : counts) CHECK(told[named].value() == 1);
        CHECK(told[wrong].error() == errc::wrong_type);
        CHECK(told[hash].value() == 1);
        CHECK(told[fields]->at("f") == "v");
        CHECK(told.failed() == 1);
        auto [first, none] = s.db().batch(cmd.get(all[0]), cmd.get("{none}" + tail))(asio::use_future).get();
        CHECK(first.value() == "1");
        CHECK(none.value() == std::nullopt);
    }
}

TEST_CASE("while slots move, batches lose nothing, double nothing, and keep their order", "[batches]") {
    auto& servers = real_cluster::shared();
    std::uint16_t const slot = 4000;
    auto const from = servers.owner_of(slot);
    real_cluster::node to;
    for (auto const& server : servers.now("primary"))
        if (server.port != from.port) to = server;
    // On a busy machine a node is silent for long, and a push whose connection is given up is not repeated.
    umbel::options patient;
    patient.seeds = {servers.address("n1")};
    patient.probe_timeout = patient.deadline = 30s;
    for (bool const strict : {true, false}) {
        session s{patient};
        lists work;
        std::string const kind = strict ? ":strict" : ":ordered";
        for (int i = 0; i < 4; ++i)
            work.names.push_back(real_cluster::key_in(slot) + kind + std::to_string(i));
        work.names.push_back("{elsewhere}" + kind);
        std::atomic<bool> over{false};
        std::thread mover{[&] {
            for (int round = 0; round < 2; ++round) {
                servers.move_slot(slot, from, to);
                servers.move_slot(slot, to, from);
            }
            over = true;
        }};
        for (int batches = 0; !over || batches < 20; ++batches) work.push(s, 200, strict);
        mover.join();
        CHECK(work.errors == std::vector<std::string>{});
        CHECK(s.counted().moved + s.counted().asked > 0);
        for (auto const& name : work.names) {
            auto const held = s(s.db().lrange(name, 0, -1));
            REQUIRE(held);
            CHECK(*held == work.pushed[name]);
        }
    }
}
