// The reports of umbel-cli on a real cluster: --latency, --stat and --bigkeys.
#include "integration/support/cluster.hpp"
#include "pseudo_terminal.hpp"

#include <catch2/catch_test_macros.hpp>

#include <cstdint>
#include <string>
#include <vector>

using namespace umbel::test;

namespace {

std::string port_of(std::string const& node) { return std::to_string(real_cluster::shared().at(node).port); }
std::size_t count_of(std::string const& text, std::string const& part) {
    std::size_t count = 0;
    for (auto at = text.find(part); at != text.npos; at = text.find(part, at + 1)) ++count;
    return count;
}

/// Keys of every type on all shards; the biggest of each type is named so.
void plant() {
    auto& servers = real_cluster::shared();
    for (auto const& primary : servers.now("primary")) servers.talk(primary).must({"FLUSHALL"});
    for (int number = 0; number < 300; ++number) {
        auto const slot = static_cast<std::uint16_t>(number * 54);
        servers.talk(servers.owner_of(slot)).must({"SET", real_cluster::key_in(slot) + "small", "v"});
    }
    auto const add = [&](std::uint16_t slot, std::string const& name, std::vector<std::string> words) {
        words.insert(words.begin() + 1, real_cluster::key_in(slot) + name);
        servers.talk(servers.owner_of(slot)).must(words);
    };
    add(100, "big-string", {"SET", std::string(5000, 'x')});
    add(6000, "list", {"RPUSH", "1"});
    add(12000, "big-list", {"RPUSH", "1", "2", "3"});
    add(16000, "big-set", {"SADD", "1", "2", "3", "4"});
    add(9000, "big-hash", {"HSET", "1", "a", "2", "b"});
    add(3000, "big-zset", {"ZADD", "1", "a", "2", "b", "3", "c", "4", "d", "5", "e"});
    add(7000, "big-stream", {"XADD", "*", "f", "v"});
}

}  // namespace

TEST_CASE("--latency measures every node, once where nobody watches", "[cli]") {
    auto const told = run_line(UMBEL_CLI " -p " + port_of("n2") + " --latency -i 0.3");
    CHECK(told.status == 0);
    CHECK(count_of(told.output, " primary ") == 3);
    CHECK(count_of(told.output, " replica ") == 3);
    for (auto const& member : real_cluster::shared().nodes())
        CHECK(told.output.find(member.address() + " ") != std::string::npos);
    CHECK(told.output.find("does not answer") == std::string::npos);
}

TEST_CASE("--latency is drawn again and again at a terminal, until Ctrl-C", "[cli]") {
    pseudo_terminal cli{{UMBEL_CLI, "-p", port_of("n1"), "--latency", "-i", "0.1"}};
    cli.await_exactly("\x1b[7A");  // Back over a head and six nodes.
    cli.await_exactly("\x1b[7A");
    cli.type("\x03");
    CHECK(cli.exit_status() == 0);
}

TEST_CASE("--stat sums the primaries, row by row, until Ctrl-C", "[cli]") {
    auto& servers = real_cluster::shared();
    for (auto const& primary : servers.now("primary")) servers.talk(primary).must({"FLUSHALL"});
    for (int const number : {10, 8000, 16000}) {
        auto const slot = static_cast<std::uint16_t>(number);
        servers.talk(servers.owner_of(slot)).must({"SET", real_cluster::key_in(slot) + "stat", "v"});
    }
    pseudo_terminal cli{
        {"/usr/bin/env", "NO_COLOR=1", UMBEL_CLI, "-p", port_of("n1"), "--stat", "-i", "0.1"}};
    cli.await("keys ");
    std::string const rows = cli.await("\n3 ") + cli.await("\n3 ");
    INFO(rows);
    CHECK(count_of(rows, " 3\n") >= 1);  // Three primaries.
    cli.type("\x03");
    CHECK(cli.exit_status() == 0);
}

TEST_CASE("--bigkeys finds the biggest key of each type, wherever it is", "[cli]") {
    plant();
    auto const told = run_line(UMBEL_CLI " -p " + port_of("n3") + " --bigkeys");
    INFO(told.output);
    CHECK(told.status == 0);
    CHECK(told.output.starts_with("307 keys, "));
    auto const found = [&](std::string const& type, std::uint16_t slot, std::string const& size) {
        std::string const line = "biggest " + type + std::string(10 - type.size(), ' ') + '"' +
                                 real_cluster::key_in(slot) + "big-" + type + "\"  " + size + '\n';
        return told.output.find(line) != std::string::npos;
    };
    CHECK(found("string", 100, "5,000 bytes"));
    CHECK(found("list", 12000, "3 elements"));
    CHECK(found("set", 16000, "4 members"));
    CHECK(found("hash", 9000, "2 fields"));
    CHECK(found("zset", 3000, "5 members"));
    CHECK(found("stream", 7000, "1 entries"));
}

TEST_CASE("--bigkeys shows how far it is at a terminal", "[cli]") {
    plant();
    pseudo_terminal cli{{"/usr/bin/env", "NO_COLOR=1", UMBEL_CLI, "-p", port_of("n1"), "--bigkeys"}};
    // On a busy machine both come at once.
    CHECK(cli.await("biggest stream").find(" of 307 keys") != std::string::npos);
    CHECK(cli.exit_status() == 0);
}
