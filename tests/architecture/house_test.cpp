// house_test: the walls of the house: namespace = directory, width of lines, length of functions and classes,
// no circle of includes, a test for each header that has logic.
#include "house.hpp"
#include "layers.hpp"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

using namespace architecture;

namespace {

std::filesystem::path const root{UMBEL_SOURCE_DIR};
std::filesystem::path const include_root = root / "include" / "umbel";

constexpr std::size_t columns_max = 110;
constexpr std::size_t function_lines_max = 70;
constexpr std::size_t class_lines_max = 400;

std::vector<std::string> headers() {
    auto const found = files_below(include_root, ".hpp");
    REQUIRE(found.size() > 100);
    return found;
}

std::string directory_of(std::string const& header) {
    auto const slash = header.find('/');
    return slash == std::string::npos ? "" : header.substr(0, slash);
}

/// Headers that define names in `umbel` itself. Others define in the namespace of their directory, and give
/// users the name by a using-declaration.
std::set<std::string> const& headers_of_users() {
    static std::set<std::string> const names{
        // Users specialise from_reply<T>, fields_of<T> and to_argument<T> in `umbel`, where a
        // using-declaration would not let them.
        "resp/from_reply.hpp", "resp/decode_scalars.hpp", "resp/decode_containers.hpp",
        "resp/decode_fields.hpp", "command/to_argument.hpp"};
    return names;
}

/// True when a block holds using-declarations and namespace aliases only.
bool only_gives_names(std::vector<std::string> const& lines, source_block const& block) {
    for (std::size_t line = block.first + 1; line < block.last; ++line)
        if (std::string const& said = lines[line - 1];
            !said.empty() && !said.starts_with("using ") && !said.starts_with("#") &&
            !said.starts_with("UMBEL_LINK_ONLY_IF_ALIKE") && !said.starts_with("namespace asio = "))
            return false;
    return true;
}

/// Headers without a test file of their own name, and the file that tests them.
std::map<std::string, std::string> const& tested_by() {
    static std::string const client = "tests/unit/client/";
    static std::string const simulation = "tests/simulation/";
    static std::map<std::string, std::string> const names{
        {"async/backend.hpp", "tests/unit/async/client_handle_test.cpp"},
        {"async/batch_list.hpp", client + "batch_test.cpp"},
        {"async/batch_run.hpp", client + "batch_test.cpp"},
        {"async/batch_seats.hpp", client + "batch_test.cpp"},
        {"client/cmd.hpp", client + "bare_command_test.cpp"},
        {"async/call_sequence.hpp", client + "key_scan_test.cpp"},
        {"async/fan_out.hpp", client + "each_client_test.cpp"},
        {"async/held_lease.hpp", client + "lease_test.cpp"},
        {"async/hedge.hpp", client + "hedge_test.cpp"},
        {"async/operation.hpp", client + "forms_of_use_test.cpp"},
        {"async/runtime_backend.hpp", client + "client_test.cpp"},
        {"client/blocking_call.hpp", client + "lease_test.cpp"},
        {"client/consumer_state.hpp", client + "consumer_test.cpp"},
        {"client/consumer_step.hpp", client + "consumer_test.cpp"},
        {"client/learning_wait.hpp", client + "learning_call_test.cpp"},
        {"client/lease_state.hpp", client + "lease_test.cpp"},
        {"client/for_each_commands.hpp", client + "for_each_test.cpp"},
        {"client/encode_call.hpp", client + "make_operation_test.cpp"},
        {"client/encode_loaded.hpp", client + "script_test.cpp"},
        {"client/evalsha_command.hpp", client + "script_test.cpp"},
        {"client/encode_transaction.hpp", client + "transaction_test.cpp"},
        {"client/scoped_client.hpp", client + "client_test.cpp"},
        {"client/lock_keeper.hpp", client + "lock_test.cpp"},
        {"client/wait_list.hpp", client + "cache_aside_test.cpp"},
        {"client/make_backend.hpp", client + "client_test.cpp"},
        {"client/open_site.hpp", client + "client_test.cpp"},
        {"async/call_move.hpp", client + "multi_client_test.cpp"},
        {"client/multi_closing.hpp", client + "multi_client_test.cpp"},
        {"client/multi_core.hpp", client + "multi_client_test.cpp"},
        {"client/multi_members.hpp", client + "multi_client_test.cpp"},
        {"client/waits_order.hpp", client + "multi_client_test.cpp"},
        {"client/scan_state.hpp", client + "key_scan_test.cpp"},
        {"client/scan_step.hpp", client + "key_scan_test.cpp"},
        {"client/scan_turn.hpp", client + "key_scan_test.cpp"},
        {"client/element_scan_commands.hpp", client + "element_scan_test.cpp"},
        {"client/element_scan_state.hpp", client + "element_scan_test.cpp"},
        {"client/whole_cluster.hpp", client + "node_client_test.cpp"},
        {"client/submitter.hpp", client + "client_test.cpp"},
        {"cluster/shards_by_slot.hpp", "tests/unit/cluster/topology_test.cpp"},
        {"cluster/standalone_topology.hpp", "tests/unit/cluster/topology_test.cpp"},
        {"command/server_admin.hpp", "tests/unit/command/server_test.cpp"},
        {"config.hpp", "tests/architecture/house_test.cpp"},  // Macros, and the end of a process.
        {"engine/blocked_waits.hpp", "tests/unit/engine/lease_pool_test.cpp"},
        {"engine/early_endings.hpp", "tests/unit/engine/pipeline_test.cpp"},
        {"engine/other_replies.hpp", client + "for_each_test.cpp"},
        {"engine/call_endings.hpp", "tests/unit/engine/dispatcher_test.cpp"},
        {"engine/lease_slot.hpp", "tests/unit/engine/lease_pool_test.cpp"},
        {"engine/write_out.hpp", "tests/unit/net/connection_test.cpp"},
        {"engine/options_check.hpp", "tests/unit/net/settings_test.cpp"},
        {"engine/runtime.hpp", simulation + "cluster_test.cpp"},
        {"engine/session.hpp", "tests/unit/net/connection_test.cpp"},
        {"engine/session_news.hpp", "tests/unit/engine/maintenance_test.cpp"},
        {"engine/settings.hpp", "tests/unit/net/settings_test.cpp"},
        {"engine/snapshot_of.hpp", client + "observing_test.cpp"},
        {"net/driver.hpp", client + "client_test.cpp"},
        {"net/make_backend.hpp", client + "client_test.cpp"},
        {"net/shutdown.hpp", client + "lifetime_test.cpp"},
        {"net/tls_credentials.hpp", "tests/unit/net/tls_context_test.cpp"},
        {"net/tls_encryption.hpp", "tests/unit/net/tls_channel_test.cpp"},
        {"net/tls_failure.hpp", "tests/unit/net/tls_channel_test.cpp"},
        {"net/tls_notes.hpp", "tests/unit/net/tls_channel_test.cpp"},
        {"net/tls_peer.hpp", "tests/unit/net/tls_channel_test.cpp"},
        {"net/tls_sessions.hpp", "tests/unit/net/tls_channel_test.cpp"},
        {"net/stream_loss.hpp", "tests/unit/net/connection_test.cpp"},
        {"net/transport_port.hpp", "tests/unit/net/connection_test.cpp"},
        // The model is held against real servers by what simulation and integration both say of failovers.
        {"testing/model_bus.hpp", simulation + "failover_test.cpp"},
        {"testing/model_cluster.hpp", simulation + "failover_test.cpp"},
        {"testing/model_maintenance.hpp", simulation + "maintenance_test.cpp"},
        {"testing/model_members.hpp", simulation + "failover_test.cpp"},
        {"testing/model_node.hpp", simulation + "redirects_test.cpp"},
        {"testing/model_replication.hpp", simulation + "reads_test.cpp"},
        {"testing/model_resharding.hpp", simulation + "redirects_test.cpp"},
        {"testing/model_routing.hpp", simulation + "redirects_test.cpp"},
        {"testing/model_session.hpp", simulation + "redirects_test.cpp"},
        {"testing/model_topology_reply.hpp", simulation + "refreshes_test.cpp"},
        {"testing/model_view.hpp", simulation + "failover_test.cpp"},
        {"testing/service/sim_backend.hpp", "tests/unit/testing/service/stage_test.cpp"},
        {"testing/sim_connection.hpp", "tests/unit/testing/sim_client_test.cpp"},
        {"testing/sim_driver.hpp", "tests/unit/testing/sim_client_test.cpp"},
        {"testing/stream.hpp", "tests/unit/testing/network_test.cpp"},
    };
    return names;
}

bool has_logic(std::vector<source_block> const& blocks) {
    for (source_block const& block : blocks)
        if (block.sort == source_block::sort::function && block.lines() > 4) return true;
    return false;
}

}  // namespace

TEST_CASE("a header's namespace is its directory", "[house]") {
    for (std::string const& header : headers()) {
        std::string const directory = directory_of(header);
        std::string const text = read_file(include_root / header);
        std::vector<std::string> const lines = lines_of(text);
        for (source_block const& block : block_reader{text}.blocks()) {
            if (block.sort != source_block::sort::name_space || block.depth != 0) continue;
            std::string const own = directory.empty() ? "umbel" : "umbel::" + directory;
            bool const is_own = block.name == own || block.name.starts_with(own + "::");
            bool const is_users =
                block.name == "umbel" && (headers_of_users().contains(header) || directory == "client" ||
                                          only_gives_names(lines, block));
            bool const is_base = directory.empty() && block.name.starts_with("umbel");
            bool const is_client = directory == "client" && block.name.starts_with("umbel::calling");
            if (!is_own && !is_users && !is_base && !is_client)
                FAIL_CHECK(header << ":" << block.first << " opens " << block.name);
        }
    }
}

TEST_CASE("no line of a header is wider than the house allows", "[house]") {
    std::size_t widest = 0;
    for (std::string const& header : headers()) {
        std::size_t number = 0;
        for (std::string const& line : lines_of(read_file(include_root / header))) {
            ++number;
            widest = std::max(widest, width_of(line));
            if (width_of(line) > columns_max)
                FAIL_CHECK(header << ":" << number << " has " << width_of(line) << " columns");
        }
    }
    CHECK(widest > 100);  // Something was measured.
}

TEST_CASE("no function is longer than the house allows", "[house]") {
    std::size_t functions = 0;
    for (std::string const& header : headers()) {
        for (source_block const& block : block_reader{read_file(include_root / header)}.blocks()) {
            if (block.sort != source_block::sort::function) continue;
            ++functions;
            if (block.lines() > function_lines_max)
                FAIL_CHECK(header << ":" << block.first << " " << block.name << "() has " << block.lines()
                                  << " lines");
        }
    }
    CHECK(functions > 1500);
}

TEST_CASE("no class is longer than the house allows, over all its files", "[house]") {
    std::map<std::string, std::size_t> lines;
    for (std::string const& header : headers())
        add_class_lines(directory_of(header), block_reader{read_file(include_root / header)}.blocks(), lines);
    CHECK(lines.size() > 200);
    for (auto const& [name, count] : lines) {
        if (count > class_lines_max) FAIL_CHECK(name << " has " << count << " lines");
    }
}

TEST_CASE("headers do not include each other in a circle", "[house]") {
    std::map<std::string, std::set<std::string>> includes;
    for (std::string const& header : headers())
        includes[header] = own_includes(read_file(include_root / header));
    std::string circle;
    for (std::string const& header : include_circle(includes)) circle += header + " > ";
    CHECK(circle == "");
}

TEST_CASE("every header that has logic has a test", "[house]") {
    for (std::string const& header : headers()) {
        if (!has_logic(block_reader{read_file(include_root / header)}.blocks())) continue;
        std::string const stem = without_impl(header).substr(0, without_impl(header).size() - 4);
        auto const other = tested_by().find(without_impl(header));
        std::string const test =
            other == tested_by().end() ? "tests/unit/" + stem + "_test.cpp" : other->second;
        if (!std::filesystem::exists(root / test)) FAIL_CHECK(header << " is tested by " << test);
    }
}

TEST_CASE("the measures catch what passes the walls", "[house]") {
    auto const blocks_of = [](std::string const& text) { return block_reader{text}.blocks(); };
    auto const find = [](std::vector<source_block> const& blocks, std::string_view name) {
        for (source_block const& block : blocks)
            if (block.name == name) return block.lines();
        return std::size_t{0};
    };
    auto const blocks = blocks_of(
        "namespace umbel::resp {\n"
        "class parser : base {\n"
        "    parser(int a) : a_{a}, b_{\n"
        "        2} {\n"
        "    }\n"
        "    bool take() {\n"
        "        if (a_) {\n"
        "        }\n"
        "    }\n"
        "};\n"
        "inline void parser::run() {\n"
        "}\n"
        "#define OPEN {\n"
        "}\n");
    CHECK(find(blocks, "umbel::resp") == 14);
    CHECK(find(blocks, "parser") == 3);  // The constructor ends first.
    CHECK(find(blocks, "take") == 4);
    CHECK(find(blocks, "parser::run") == 2);
    std::map<std::string, std::size_t> lines;
    add_class_lines("resp", blocks, lines);
    CHECK(lines["resp::parser"] == 9 + 2);
    CHECK(width_of("äß→") == 3);
    CHECK(include_circle({{"a.hpp", {"b.hpp"}}, {"b.hpp", {"c.hpp"}}, {"c.hpp", {"b.hpp"}}}).size() == 3);
    CHECK(include_circle({{"a.hpp", {"a_impl.hpp"}}, {"a_impl.hpp", {"a.hpp"}}}).empty());
}
