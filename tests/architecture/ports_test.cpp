// ports_test: what a connection and a client do stands once, in engine/session.hpp and engine/runtime.hpp;
// their ports hold no logic.
#include "ports.hpp"

#include <catch2/catch_test_macros.hpp>

#include <filesystem>
#include <set>
#include <string>
#include <vector>

using namespace architecture;

namespace {

std::filesystem::path const root{UMBEL_SOURCE_DIR};

std::set<std::string> logic() {
    std::set<std::string> names;
    for (char const* const header : {"session", "runtime"}) {
        auto const found =
            functions_in(read_file(root / "include/umbel/engine" / (std::string{header} + ".hpp")));
        for (auto const& [name, count] : found) names.insert(name);
    }
    for (char const* const asked_of_ports : {"park", "report", "complete", "bytes_waiting"})
        names.erase(asked_of_ports);
    return names;
}

struct port {
    char const* file;
    std::set<std::string> forwards;
};

}  // namespace

TEST_CASE("what a connection and a client do stands once: no port defines it again, or looks into it",
          "[ports]") {
    std::set<std::string> const functions = logic();
    REQUIRE(functions.size() > 60);
    for (char const* const known : {"serve", "deliver", "flush", "hang_up", "lose", "look_around", "happened",
                                    "carry_out", "take_parked", "check_idle"})
        CHECK(functions.contains(known));
    // Those that forward add a thread's ownership, or another signature, and nothing else.
    std::vector<port> const ports{
        {"include/umbel/net/connection.hpp", {"try_fast", "in_flight", "shut", "abandon", "on_writable"}},
        {"include/umbel/net/connection_impl.hpp", {"on_writable", "on_notice_lost"}},
        {"include/umbel/net/driver.hpp", {"start_up", "abandon", "park"}},
        {"include/umbel/net/driver_impl.hpp", {}},
        {"include/umbel/testing/sim_connection.hpp", {"cancel", "on_writable"}},
        {"include/umbel/testing/sim_driver.hpp", {"abandon", "park"}},
        {"include/umbel/testing/service/sim_backend.hpp", {"abandon"}},
    };
    for (port const& one : ports) {
        std::string const text = read_file(root / one.file);
        REQUIRE_FALSE(text.empty());
        for (std::string const& wrong : judge_port(text, functions, one.forwards))
            FAIL_CHECK(one.file << ' ' << wrong);
    }
}

TEST_CASE("a port that has grown logic is found", "[ports]") {
    std::set<std::string> const functions = logic();
    CHECK(judge_port("struct port {\n    void flush() {\n        write();\n    }\n};\n", functions, {}) ==
          std::vector<std::string>{"defines flush(), as session or runtime does"});
    CHECK(judge_port("inline void port::carry_out() noexcept {\n}\n", functions, {}).size() == 1);
    CHECK(judge_port("bool port::mine() {\n    return link_.phase() == engine::connection_phase::idle;\n}\n",
                     functions, {}) == std::vector<std::string>{"looks at connection_phase"});
    CHECK(judge_port("void flush() {\n}\n", functions, {"flush"}).empty());
    CHECK(judge_port("void pass_on() {\n    session::flush();\n    if (late) lose();\n}\n", functions, {})
              .empty());
}
