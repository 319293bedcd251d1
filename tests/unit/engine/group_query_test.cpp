#include <umbel/engine/group_query.hpp>

#include "support/script_values.hpp"
#include "unit/cluster/read_reply.hpp"

#include <catch2/catch_test_macros.hpp>

#include <chrono>
#include <string>

using namespace umbel;
using namespace std::chrono_literals;
using engine::group_query;
using umbel::test::bulk;
using umbel::test::read_reply;
using umbel::test::wire;

namespace {

/// A question, and what its port is told.
struct asked_role {
    engine::call* settled = nullptr;
    group_query query{
        {this, [](void* self, engine::call& call) { static_cast<asked_role*>(self)->settled = &call; }}};

    asked_role() { query.start({7, engine::link_mode::replica}, "10.0.0.1", 1s); }
    result<cluster::role_reply> answered(std::string const& bytes) {
        read_reply const reply{bytes};
        query.kind->decode(query, reply);
        query.kind->complete(query);
        CHECK(group_query::from(*settled) == &query);
        return query.take();
    }
};

}  // namespace

TEST_CASE("a server is asked by ROLE, on the link that was chosen", "[group-query]") {
    asked_role asked;
    CHECK(std::string_view{asked.query.bytes, asked.query.size} == wire("ROLE"));
    CHECK(asked.query.is_internal());
    CHECK(asked.query.running());
    CHECK(asked.query.asked() == 7);
    CHECK(asked.query.link.mode == engine::link_mode::replica);
    auto const told = asked.answered("*3\r\n" + bulk("slave") + bulk("") + ":6380\r\n");
    REQUIRE(told);
    // Who tells no host is where who was asked is.
    CHECK(told->primary == cluster::endpoint{"10.0.0.1", 6380});
    CHECK_FALSE(asked.query.running());
}

TEST_CASE("what is no role is an error that says why", "[group-query]") {
    CHECK(asked_role{}.answered("-NOPERM no\r\n").error() == errc::no_permission);
    CHECK(asked_role{}.answered("-ERR unknown command 'ROLE'\r\n").error().message() ==
          "ERR unknown command 'ROLE'");
    CHECK(asked_role{}.answered("+OK\r\n").error() == errc::protocol_error);
    asked_role lost;
    lost.query.kind->fail(lost.query, error{errc::connect_failed, delivery::not_sent, "Connection refused"});
    lost.query.kind->complete(lost.query);
    CHECK(lost.query.take().error() == errc::connect_failed);
    asked_role silent;
    CHECK(silent.query.take().error() == errc::connection_lost);
}

TEST_CASE("a question can be asked again", "[group-query]") {
    asked_role asked;
    REQUIRE(asked.answered("*3\r\n" + bulk("master") + ":1\r\n*0\r\n"));
    asked.query.start({8, engine::link_mode::primary}, "10.0.0.2", 1s);
    CHECK(asked.query.running());
    CHECK(asked.query.asked() == 8);
    CHECK(asked.answered("-LOADING Redis is loading the dataset in memory\r\n").error() == errc::loading);
}
