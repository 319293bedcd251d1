// umbel-cli against a real cluster, at a terminal and at pipes.
#include "integration/support/cluster.hpp"
#include "pseudo_terminal.hpp"

#include <catch2/catch_test_macros.hpp>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

using namespace umbel::test;

namespace {

std::string port_of(std::string const& node) { return std::to_string(real_cluster::shared().at(node).port); }
std::string line_to(std::string const& words) { return UMBEL_CLI " -p " + port_of("n1") + ' ' + words; }

/// umbel-cli at a terminal, behind its first prompt. Without colours there are no hints.
struct cli_at_terminal : pseudo_terminal {
    explicit cli_at_terminal(std::string const& setting = "NO_COLOR=1",
                             std::string const& history = "/dev/null")
        : pseudo_terminal{
              {"/usr/bin/env", setting, "UMBELCLI_HISTFILE=" + history, UMBEL_CLI, "-p", port_of("n1")}} {
        await("> ");
    }
    /// Types a line and gives what stands between it and the next prompt.
    std::string obey(std::string const& line) {
        type(line + '\n');
        std::string const told = await("\n" + prompt());
        std::size_t const from = told.find('\n') + 1;
        return told.substr(from, told.rfind("\n" + prompt()) - from + 1);
    }
    static std::string prompt() { return "127.0.0.1:" + port_of("n1") + "> "; }
};

}  // namespace

TEST_CASE("replies of RESP3 are laid out at a terminal", "[cli]") {
    cli_at_terminal cli;
    CHECK(cli.obey("hset {cli}h name ada age 36") == "(integer) 2\n");
    CHECK(cli.obey("hgetall {cli}h") == "name: \"ada\"\nage:  \"36\"\n");
    CHECK(cli.obey("zadd {cli}z 1.5 a") == "(integer) 1\n");
    CHECK(cli.obey("zscore {cli}z a") == "(double) 1.5\n");
    CHECK(cli.obey("sadd {cli}s a") == "(integer) 1\n");
    CHECK(cli.obey("smembers {cli}s") == "~ \"a\"\n");
    CHECK(cli.obey(R"(set {cli}b "\x00\xff\n")") == "OK\n");
    CHECK(cli.obey("get {cli}b") == "\"\\x00\\xff\\n\"\n");
    CHECK(cli.obey("get {cli}none") == "(nil)\n");
}

TEST_CASE("errors of the server and of the library stand among the replies", "[cli]") {
    cli_at_terminal cli;
    cli.obey("hset {cli}e f v");
    CHECK(cli.obey("incr {cli}e").starts_with("(error) WRONGTYPE "));
    CHECK(cli.obey("blpop {cli}e 0").find("needs_lease (not_sent)") != std::string::npos);
    CHECK(cli.obey("subscribe news").find("needs_lease (not_sent)") != std::string::npos);
    CHECK(cli.obey("msetnx {a} 1 {b} 2").starts_with("(error) cross_slot (not_sent)"));
    CHECK(cli.obey("get \"open").starts_with("Invalid argument(s)"));
}

TEST_CASE("Tab completes commands and subcommands, and lists them where there are several", "[cli]") {
    cli_at_terminal cli;
    cli.type("hgeta\t{cli}completed\n");
    CHECK(cli.await("(empty map)\n").find("hgetall {cli}completed") != std::string::npos);
    cli.type("cluster keys\t{cli}\n");
    CHECK(cli.await("(integer) ").find("cluster keyslot {cli}") != std::string::npos);
    cli.type("zrangeby\t");
    cli.await("zrangebyscore");
    cli.type("\x03");
    cli.await(cli.prompt());
    cli.type("\x03");
    CHECK(cli.exit_status() == 0);
}

TEST_CASE("the arguments of a command are hinted at behind the cursor", "[cli]") {
    cli_at_terminal cli{"UMBELCLI_AUTH="};
    cli.type("rename");
    cli.await_exactly(" key newkey");
    cli.type(" a");
    cli.type(" ");
    cli.await_exactly("\x1b[2mnewkey\x1b[0m");
    cli.type("\x03");
    cli.await(cli.prompt());
    cli.type("\x04");
    CHECK(cli.exit_status() == 0);
}

TEST_CASE("a redirect leaves its trail in front of the reply", "[cli]") {
    auto& servers = real_cluster::shared();
    std::uint16_t const slot = 2000;
    real_cluster::node const from = servers.owner_of(slot);
    real_cluster::node to;
    for (auto const& server : servers.now("primary"))
        if (server.port != from.port) to = server;
    cli_at_terminal cli;
    servers.begin_migration(slot, from, to);
    std::string const told = cli.obey("get " + real_cluster::key_in(slot) + "trail");
    servers.migrate_rest(slot, from, to);
    servers.end_migration(slot, from, to);
    INFO(told);
    CHECK(told.starts_with("-> ask from " + from.address() + " to " + to.address() + " ("));
    CHECK(told.ends_with(" ms)\n(nil)\n"));
}

TEST_CASE("commands that concern every node are sent to all of them", "[cli]") {
    cli_at_terminal cli;
    std::string const sha = "59b6ab2fbe0ee4b25733de0f62e6cda4899ef8e9";
    CHECK(cli.obey("script load 'return 7'") == '"' + sha + "\"\n");
    for (auto const& primary : real_cluster::shared().now("primary")) {
        wire asked = real_cluster::shared().talk(primary);
        CHECK(asked.must({"SCRIPT", "EXISTS", sha}).items.front().number() == 1);
    }
    CHECK(cli.obey("flushall") == "OK\n");
    for (char const* const tag : {"{a}", "{b}", "{c}", "{d}"})
        CHECK(cli.obey(std::string{"set "} + tag + " 1") == "OK\n");
    CHECK(cli.obey("dbsize") == "(integer) 4\n");
    CHECK(cli.obey("scan 0").starts_with("(error) bad_argument (not_sent)"));
}

TEST_CASE("Ctrl-C cancels the command that runs, and the next line is served", "[cli]") {
    auto& servers = real_cluster::shared();
    std::string const key = real_cluster::key_in(12000) + "paused";
    wire owner = servers.talk(servers.owner_of(12000));
    auto const waiting = [&] {
        return owner.must({"INFO", "clients"}).text.find("blocked_clients:0") == std::string::npos;
    };
    cli_at_terminal cli;
    owner.must({"CLIENT", "PAUSE", "100000", "WRITE"});
    cli.type("incr " + key + "\n");
    bool const began = eventually(waiting);
    cli.type("\x03");
    std::string const told = cli.await("\n" + cli.prompt());
    owner.must({"CLIENT", "UNPAUSE"});
    CHECK(began);
    CHECK(told.find("(error) cancelled (unknown)") != std::string::npos);
    CHECK(cli.obey("echo on") == "\"on\"\n");
}

TEST_CASE("lines go into a file of history, secrets do not", "[cli]") {
    std::string const file =
        (std::filesystem::temp_directory_path() / "umbel-cli-history.").string() + std::to_string(::getpid());
    {
        cli_at_terminal cli{"NO_COLOR=1", file};
        cli.obey("get {cli}remembered");
        cli.obey("auth secret");
        cli.type("exit\n");
        CHECK(cli.exit_status() == 0);
    }
    {
        cli_at_terminal cli{"NO_COLOR=1", file};
        cli.type("\x1b[A\x1b[A\n");  // What was typed before "exit".
        cli.await("(nil)\n");
    }
    std::ostringstream kept;
    kept << std::ifstream{file}.rdbuf();
    CHECK(kept.str().find("remembered") != std::string::npos);
    CHECK(kept.str().find("secret") == std::string::npos);
    CHECK((std::filesystem::status(file).permissions() & std::filesystem::perms::others_read) ==
          std::filesystem::perms::none);
    std::filesystem::remove(file);
}

TEST_CASE("a command in the line prints its reply raw into a pipe, and its errors beside it", "[cli]") {
    CHECK(run_line(line_to("set {cli}raw 'a b'")).output == "OK\n");
    auto const got = run_line(line_to("get {cli}raw"));
    CHECK(got.output == "a b\n");
    CHECK(got.status == 0);
    CHECK(run_line(line_to("--no-raw get {cli}raw")).output == "\"a b\"\n");
    auto const wrong = run_line(line_to("incr {cli}raw 2>/dev/null"));
    CHECK(wrong.output.empty());
    CHECK(wrong.status == 1);
    CHECK(run_line(line_to("incr {cli}raw 2>&1")).output.starts_with("ERR value is not an integer"));
    CHECK(run_line(line_to("blpop k 0 2>&1")).output.starts_with("needs_lease (not_sent)"));
}

TEST_CASE("lines from a pipe are obeyed one after the other", "[cli]") {
    auto const good = run_line("printf 'set {cli}p \"x y\"\\nget {cli}p\\n' | " + line_to(""));
    CHECK(good.output == "OK\nx y\n");
    CHECK(good.status == 0);
    CHECK(run_line("printf 'incr {cli}p\\nget {cli}p\\n' | " + line_to("2>/dev/null")).status == 1);
}

TEST_CASE("what cannot be right is said before anything is sent", "[cli]") {
    CHECK(run_line(UMBEL_CLI " --help").output.starts_with("usage: umbel-cli"));
    CHECK(run_line(UMBEL_CLI " --nonsense 2>/dev/null").status == 2);
    CHECK(run_line(UMBEL_CLI " -p 2>&1").output ==
          "umbel-cli: -p needs a value; umbel-cli --help tells more\n");
    CHECK(run_line(UMBEL_CLI " -p 70000 2>/dev/null").status == 2);
    auto const nobody = run_line(UMBEL_CLI " -p 1 --timeout 1 get k 2>&1");
    CHECK(nobody.status == 1);
    CHECK(nobody.output.starts_with("Could not connect: "));
}

TEST_CASE("a server that stands alone, with a password, is served too", "[cli]") {
    real_cluster lone{{.primaries = 1, .replicas = 0, .standalone = true, .password = "sesame"}};
    std::string const port = std::to_string(lone.nodes().front().port);
    CHECK(run_line("UMBELCLI_AUTH=sesame " UMBEL_CLI " -p " + port + " -n 2 set k v").output == "OK\n");
    CHECK(run_line(UMBEL_CLI " -u redis://:sesame@127.0.0.1:" + port + "/2 get k").output == "v\n");
    CHECK(run_line(UMBEL_CLI " -p " + port + " -a wrong get k 2>/dev/null").status == 1);
}
