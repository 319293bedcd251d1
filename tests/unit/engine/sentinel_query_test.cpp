#include <umbel/engine/sentinel_query.hpp>

#include "support/script_values.hpp"
#include "unit/cluster/read_reply.hpp"

#include <catch2/catch_test_macros.hpp>

#include <chrono>
#include <string>
#include <vector>

using namespace umbel;
using namespace std::chrono_literals;
using engine::sentinel_call;
using engine::sentinel_query;
using umbel::test::bulk;
using umbel::test::read_reply;
using umbel::test::wire;

namespace {

/// A sentinel that is asked, call by call.
struct asked_sentinel {
    std::vector<engine::call*> settled;
    sentinel_query query{{this, [](void* self, engine::call& call) {
                              static_cast<asked_sentinel*>(self)->settled.push_back(&call);
                          }}};
    std::vector<engine::call*> calls;

    asked_sentinel() {
        engine::call_list out;
        query.start({3, engine::link_mode::primary}, "10.1.0.1", "mymaster", 1s, out);
        while (engine::call* const call = out.pop()) calls.push_back(call);
    }
    /// Answers all of it, and returns what has come of it.
    result<cluster::sentinel_view> answered(std::vector<std::string> const& replies) {
        for (std::size_t at = 0; at < calls.size(); ++at) {
            read_reply const reply{replies[at]};
            calls[at]->kind->decode(*calls[at], reply);
            calls[at]->kind->complete(*calls[at]);
            CHECK(sentinel_call::from(*settled.back())->whole == &query);
            CHECK(query.settled() == (at + 1 == calls.size()));
        }
        return query.take();
    }
};
std::string server(std::string const& host, std::string const& epoch = "0") {
    return "*6\r\n" + bulk("ip") + bulk(host) + bulk("port") + bulk("6379") + bulk("config-epoch") +
           bulk(epoch);
}

}  // namespace

TEST_CASE("a sentinel is asked for the primary, the replicas, the other sentinels and its id",
          "[sentinel-query]") {
    asked_sentinel asked;
    REQUIRE(asked.calls.size() == 4);
    std::string bytes;
    for (engine::call const* const call : asked.calls) bytes.append(call->bytes, call->size);
    CHECK(bytes == wire("SENTINEL MASTER mymaster") + wire("SENTINEL REPLICAS mymaster") +
                       wire("SENTINEL SENTINELS mymaster") + wire("SENTINEL MYID"));
    auto const told = asked.answered(
        {server("10.0.0.1", "7"), "*1\r\n" + server("10.0.0.2"), "*1\r\n" + server("10.1.0.2"), bulk("abc")});
    REQUIRE(told);
    CHECK(told->primary == cluster::endpoint{"10.0.0.1", 6379});
    CHECK(told->config_epoch == 7);
    CHECK(told->replicas == std::vector<cluster::endpoint>{{"10.0.0.2", 6379}});
    CHECK(told->sentinels == std::vector<cluster::endpoint>{{"10.1.0.2", 6379}});
    CHECK(told->id == "abc");
    CHECK_FALSE(asked.query.running());
}

TEST_CASE("an old sentinel that knows neither REPLICAS nor MYID names the primary all the same",
          "[sentinel-query]") {
    std::string const unknown = "-ERR Unknown sentinel subcommand\r\n";
    auto const told = asked_sentinel{}.answered({server("10.0.0.1"), unknown, unknown, unknown});
    REQUIRE(told);
    CHECK(told->primary.host == "10.0.0.1");
    CHECK(told->replicas.empty());
}

TEST_CASE("what a sentinel refuses is told with what to do about it", "[sentinel-query]") {
    auto const refused = [](std::string const& line) {
        return asked_sentinel{}.answered({line, line, line, line}).error();
    };
    error const no_name = refused("-ERR No such master with that name\r\n");
    CHECK(no_name == errc::bad_argument);
    CHECK(no_name.message() ==
          "ERR No such master with that name (options.sentinel_primary is \"mymaster\")");
    error const no_sentinel =
        refused("-ERR unknown command 'SENTINEL', with args beginning with: 'MASTER' \r\n");
    CHECK(no_sentinel == errc::bad_argument);
    CHECK(no_sentinel.message().find("it is no sentinel") != std::string_view::npos);
    CHECK(refused("-NOAUTH Authentication required.\r\n") == errc::no_auth);
    CHECK(refused("-NOPERM no\r\n") == errc::no_permission);
    CHECK(refused("+OK\r\n") == errc::protocol_error);
}
