// layers_test: holds every header of include/umbel against the table of allowed edges, and shows that the
// judge does catch offenders.
#include "layers.hpp"

#include <catch2/catch_test_macros.hpp>

#include <filesystem>
#include <string>
#include <vector>

using namespace architecture;

namespace {

std::filesystem::path const include_root = std::filesystem::path{UMBEL_SOURCE_DIR} / "include" / "umbel";

// Every sample must be caught, for the reason named.
void check_caught(std::string const& path, std::string const& text, std::string const& reason) {
    auto const found = judge_header(path, text);
    INFO(path << ": " << text);
    REQUIRE(found.size() == 1);
    CHECK(found.front().why == reason);
    CHECK(found.front().where == path + ":1");
}

}  // namespace

TEST_CASE("every header includes only what stands to its left", "[architecture]") {
    auto const headers = files_below(include_root, ".hpp");
    REQUIRE(headers.size() > 10);
    std::vector<violation> found;
    for (auto const& header : headers) {
        for (auto& one : judge_header(header, read_file(include_root / header)))
            found.push_back(std::move(one));
    }
    INFO(describe(found));
    CHECK(found.empty());
}

TEST_CASE("every header stays within the walls of the house style", "[architecture]") {
    std::vector<violation> found;
    for (auto const& header : files_below(include_root, ".hpp")) {
        for (auto& one : judge_shape(header, read_file(include_root / header)))
            found.push_back(std::move(one));
    }
    INFO(describe(found));
    CHECK(found.empty());
}

TEST_CASE("the judge catches an include to the right", "[architecture]") {
    check_caught("resp/type.hpp", "#include <umbel/cluster/slot.hpp>\n", "resp must not know cluster");
    check_caught("error.hpp", "#include <umbel/resp/type.hpp>\n", "base must not know resp");
    check_caught("cluster/slot.hpp", "#  include <umbel/engine/call.hpp>\n", "cluster must not know engine");
    check_caught("command/strings.hpp", "#include <umbel/engine/call.hpp>\n", "command must not know engine");
    check_caught("engine/call.hpp", "#include <umbel/command/key.hpp>\n", "engine must not know command");
    check_caught("engine/call.hpp", "#include <umbel/net/driver.hpp>\n", "engine must not know net");
    check_caught("net/driver.hpp", "#include <umbel/command/key.hpp>\n", "net must not know command");
    check_caught("async/backend.hpp", "#include <umbel/net/driver.hpp>\n", "async must not know net");
    check_caught("net/driver.hpp", "#include <umbel/client/client.hpp>\n", "net must not know client");
    check_caught("testing/network.hpp", "#include <umbel/client/client.hpp>\n",
                 "testing must not know client");
    check_caught("client/client.hpp", "#include <umbel/testing/service/stage.hpp>\n",
                 "client must not know testing/service");
    check_caught("resp/type.hpp", "#include \"view.hpp\"\n", "own headers are included as <umbel/…>");
    check_caught("client/client.hpp", "#include <umbel.hpp>\n",
                 "the umbrella is for users; a header includes what it needs");
}

TEST_CASE("the judge catches OpenSSL where a client comes without it", "[architecture]") {
    for (char const* const path : {"net/transport.hpp", "client/client.hpp", "encryption.hpp", "umbel.hpp"})
        check_caught(path, "#include <openssl/ssl.h>\n",
                     "OpenSSL is needed by tls.hpp and net/tls_*.hpp only");
    CHECK(judge_header("net/tls_channel.hpp", "#include <openssl/ssl.h>\n").empty());
    CHECK(judge_header("tls.hpp", "#include <openssl/ssl.h>\n").empty());
}

TEST_CASE("the judge lets leftward includes pass", "[architecture]") {
    CHECK(judge_header("resp/type.hpp",
                       "#include <umbel/error.hpp>\n#include <umbel/resp/view.hpp>\n#include <vector>\n")
              .empty());
    CHECK(judge_header("net/driver.hpp",
                       "#include <umbel/engine/call.hpp>\n#include UMBEL_ASIO_HEADER(post.hpp)\n")
              .empty());
    CHECK(judge_header("client/client.hpp",
                       "#include <umbel/net/driver.hpp>\n#include <umbel/command/key.hpp>\n")
              .empty());
    CHECK(judge_header("testing/model.hpp",
                       "#include <umbel/engine/engine.hpp>\n#include <umbel/command/key.hpp>\n")
              .empty());
}

TEST_CASE("the judge catches Asio, clocks, chance and threads in the core", "[architecture]") {
    std::string const asio = "Asio is named only in async, net and client";
    check_caught("cluster/slot.hpp", "#include UMBEL_ASIO_HEADER(awaitable.hpp)\n", asio);
    check_caught("engine/call.hpp", "using executor = asio::any_io_executor;\n", asio);
    check_caught("testing/model.hpp", "asio::io_context io;\n", asio);
    check_caught("engine/call.hpp", "auto const now = std::chrono::steady_clock::now();\n",
                 "time comes in as an argument; no clock is read here");
    check_caught("engine/call.hpp", "std::random_device device;\n", "randomness comes in as a seed");
    check_caught("resp/type.hpp", "#include <mutex>\n", "no threads and no locks here");
    check_caught("command/key.hpp", "#include <thread>\n", "no threads and no locks here");
    check_caught("net/driver.hpp", "using asio::detail::bind_handler;\n",
                 "names from asio::detail are Asio's own business");
    check_caught("net/driver.hpp", "#include UMBEL_ASIO_HEADER(detail/config.hpp)\n",
                 "names from asio::detail are Asio's own business");
    check_caught("net/driver.hpp", "using namespace asio;\n",
                 "a header opens no namespace for its includers");
    check_caught("somewhere/new.hpp", "", "the folder stands for no layer of the table");
}

TEST_CASE("the judge catches a header that knows the Asio or the expected chosen", "[architecture]") {
    std::string const header = "Asio's headers are included by UMBEL_ASIO_HEADER";
    check_caught("engine/call.hpp", "#include <asio.hpp>\n", header);
    check_caught("net/driver.hpp", "#include <asio/ip/tcp.hpp>\n", header);
    std::string const boost = "Boost is named by async/asio.hpp only";
    check_caught("client/client.hpp", "#include <boost/asio.hpp>\n", boost);
    check_caught("net/driver.hpp", "boost::system::error_code problem;\n", boost);
    check_caught("net/driver.hpp", "asio::error_code problem;\n",
                 "Boost.Asio has no error_code of its own: async::error_code");
    std::string const expected = "inside umbel, tl:: names the chosen expected; error.hpp knows which";
    check_caught("resp/type.hpp", "#include <tl/expected.hpp>\n", expected);
    check_caught("client/client.hpp", "std::expected<int, error> count;\n", expected);
    check_caught("client/client.hpp", "return ::tl::unexpected{why};\n", expected);
    CHECK(judge_header("client/client.hpp", "return tl::unexpected{why};\n").empty());
    CHECK(judge_header("error.hpp", "using std::expected;\n").empty());
}

TEST_CASE("the judge reads code, not comments and not text", "[architecture]") {
    CHECK(judge_header("engine/call.hpp", "// asio::io_context is not named here\n").empty());
    CHECK(judge_header("engine/call.hpp",
                       "/* #include <umbel/net/driver.hpp>\n asio::post */ int x = 16'384;\n")
              .empty());
    CHECK(judge_header("engine/call.hpp",
                       "char const* text = \"asio::post \\\" asio::post\"; char quote = '\"';\n")
              .empty());
    CHECK(judge_header("engine/call.hpp", "auto text = R\"x(asio::post \" )x\";\n").empty());
    CHECK(judge_header("engine/call.hpp", "char quote = '\"'; asio::post();  // \"\n").size() == 1);
}

TEST_CASE("the judge catches a header out of shape", "[architecture]") {
    std::string const good = "// what it is for\n#pragma once\n";
    CHECK(judge_shape("resp/type.hpp", good).empty());
    CHECK(judge_shape("resp/type.hpp", "#pragma once\n").size() == 1);
    CHECK(judge_shape("resp/type.hpp", "// what it is for\n").size() == 1);
    CHECK(judge_shape("resp/type.hpp", good + "// TO"
                                              "DO later\n")
              .size() == 1);
    CHECK(judge_shape("resp/type.hpp", good + std::string(399, '\n')).size() == 1);
    CHECK(judge_shape("resp/type.hpp", good + std::string(398, '\n')).empty());
    CHECK(judge_shape("command/command_table_data.hpp", good + std::string(500, '\n')).empty());
}
