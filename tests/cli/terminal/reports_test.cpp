// The reports of umbel-cli on a real cluster: --latency and --stat.
#include "integration/support/cluster.hpp"
#include "pseudo_terminal.hpp"

#include <catch2/catch_test_macros.hpp>

#include <string>

using namespace umbel::test;

namespace {

std::string port_of(std::string const& node) { return std::to_string(real_cluster::shared().at(node).port); }
std::size_t count_of(std::string const& text, std::string const& part) {
    std::size_t count = 0;
    for (auto at = text.find(part); at != text.npos; at = text.find(part, at + 1)) ++count;
    return count;
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
