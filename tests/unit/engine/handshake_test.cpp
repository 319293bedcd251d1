#include <umbel/engine/handshake.hpp>

#include "support/script_values.hpp"
#include "unit/cluster/read_reply.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace umbel;
using namespace umbel::engine;
using umbel::test::bulk;
using umbel::test::read_reply;
using umbel::test::wire;
using step = umbel::engine::handshake::step;

namespace {

handshake_plan minimal() {
    handshake_plan plan;
    plan.protocol = protocol::resp2;
    plan.extent = umbel::handshake::minimal;
    return plan;
}
std::shared_ptr<credentials const> said(char const* user, char const* password) {
    return std::make_shared<credentials const>(user, password);
}
step answer(umbel::engine::handshake& greeting, std::string const& bytes) {
    read_reply const reply{bytes};
    return greeting.reply(reply);
}
std::string const library =
    wire("CLIENT SETINFO LIB-NAME umbel") + wire("CLIENT SETINFO LIB-VER " UMBEL_VERSION);
std::string const no_hello = "-ERR unknown command `HELLO`, with args beginning with: `3`, \r\n";

}  // namespace

TEST_CASE("a minimal handshake in RESP2 says nothing", "[handshake]") {
    umbel::engine::handshake greeting;
    handshake_plan plan = minimal();
    plan.ask_identity = true;
    plan.client_name = "me";
    CHECK(greeting.begin(plan) == step::done);
    CHECK(greeting.outgoing().empty());
}

TEST_CASE("a minimal handshake says what is due, and no more", "[handshake]") {
    umbel::engine::handshake greeting;
    handshake_plan plan = minimal();
    SECTION("a password") {
        plan.identity = said("", "secret");
        CHECK(greeting.begin(plan) == step::send);
        CHECK(greeting.outgoing() == wire("AUTH secret"));
    }
    SECTION("a user") {
        plan.identity = said("ada", "secret");
        CHECK(greeting.begin(plan) == step::send);
        CHECK(greeting.outgoing() == wire("AUTH ada secret"));
    }
    SECTION("a database") {
        plan.database = 3;
        CHECK(greeting.begin(plan) == step::send);
        CHECK(greeting.outgoing() == wire("SELECT 3"));
    }
    SECTION("replica reads") {
        plan.read_only = true;
        CHECK(greeting.begin(plan) == step::send);
        CHECK(greeting.outgoing() == wire("READONLY"));
    }
    CHECK(answer(greeting, "+OK\r\n") == step::done);
}

TEST_CASE("a full handshake is one write: HELLO 3 with everything, who we are, and who you are",
          "[handshake]") {
    umbel::engine::handshake greeting;
    handshake_plan plan;
    plan.identity = said("", "secret");
    plan.client_name = "me";
    plan.read_only = true;
    plan.ask_identity = true;
    CHECK(greeting.begin(plan) == step::send);
    CHECK(greeting.outgoing() ==
          wire("HELLO 3 AUTH default secret SETNAME me") + library + wire("READONLY") + wire("CLUSTER MYID"));
    CHECK(answer(greeting, "%2\r\n+server\r\n+valkey\r\n+availability_zone\r\n+eu-1\r\n") == step::waiting);
    CHECK(answer(greeting, "+OK\r\n") == step::waiting);
    CHECK(answer(greeting, "+OK\r\n") == step::waiting);
    CHECK(answer(greeting, "+OK\r\n") == step::waiting);
    CHECK(answer(greeting, bulk("07c37df")) == step::done);
    CHECK(greeting.zone() == "eu-1");
    CHECK(greeting.node_id() == "07c37df");
}

TEST_CASE("a server without HELLO is spoken to in RESP2, in a second write", "[handshake]") {
    for (std::string const& refusal : {no_hello, std::string{"-NOPROTO unsupported protocol version\r\n"}}) {
        umbel::engine::handshake greeting;
        handshake_plan plan;
        plan.identity = said("", "secret");
        plan.client_name = "me";
        greeting.begin(plan);
        CHECK(answer(greeting, refusal) == step::waiting);
        CHECK(answer(greeting, "-NOAUTH Authentication required.\r\n") == step::waiting);
        CHECK(answer(greeting, "-NOAUTH Authentication required.\r\n") == step::send);
        CHECK(greeting.outgoing() == wire("AUTH secret") + wire("CLIENT SETNAME me") + library);
        for (int reply = 0; reply < 3; ++reply) CHECK(answer(greeting, "+OK\r\n") == step::waiting);
        CHECK(answer(greeting, "+OK\r\n") == step::done);
    }
}

TEST_CASE("a server that has no room for a connection is told of, and not spoken to in RESP2",
          "[handshake]") {
    for (char const* line :
         {"ERR max number of clients reached", "DENIED Redis is running in protected mode"}) {
        umbel::engine::handshake greeting;
        handshake_plan plan;
        plan.identity = said("", "secret");
        greeting.begin(plan);
        CHECK(answer(greeting, "-" + std::string{line} + "\r\n") == step::failed);
        CHECK(greeting.failure() == errc::server_error);
        CHECK(greeting.failure().message() == line);
    }
}

TEST_CASE("where RESP3 is demanded, a server without it is refused", "[handshake]") {
    umbel::engine::handshake greeting;
    handshake_plan plan = minimal();
    plan.protocol = protocol::resp3;
    CHECK(greeting.begin(plan) == step::send);
    CHECK(greeting.outgoing() == wire("HELLO 3"));
    CHECK(answer(greeting, "-NOPROTO unsupported protocol version\r\n") == step::failed);
    CHECK(greeting.failure() == errc::no_protocol);
    CHECK(greeting.failure().delivery() == delivery::not_sent);
}

TEST_CASE("wrong credentials fail, also where there is no HELLO", "[handshake]") {
    std::string const wrong = "-WRONGPASS invalid username-password pair or user is disabled.\r\n";
    umbel::engine::handshake greeting;
    handshake_plan plan;
    plan.identity = said("", "wrong");
    greeting.begin(plan);
    SECTION("by HELLO") {
        CHECK(answer(greeting, wrong) == step::failed);
        CHECK(greeting.failure() == errc::wrong_password);
        CHECK(greeting.failure().message() == wrong.substr(1, wrong.size() - 3));
    }
    SECTION("by AUTH") {
        answer(greeting, no_hello);
        answer(greeting, "-NOAUTH Authentication required.\r\n");
        CHECK(answer(greeting, "-NOAUTH Authentication required.\r\n") == step::send);
        CHECK(answer(greeting, wrong) == step::failed);
        CHECK(greeting.failure() == errc::wrong_password);
    }
    SECTION("missing") {
        CHECK((answer(greeting, "-NOAUTH HELLO must be called with the client already authenticated\r\n") ==
               step::failed));
    }
}

TEST_CASE("nothing of a token is shown that a server repeats in part", "[handshake]") {
    std::string token;
    for (int i = 0; i < 1100; ++i) token += static_cast<char>('a' + i * 7 % 26);
    umbel::engine::handshake greeting;
    handshake_plan plan;
    plan.protocol = protocol::resp3;
    plan.identity = std::make_shared<credentials const>("app", token);
    greeting.begin(plan);
    CHECK(answer(greeting, "-ERR unknown command `HELLO`, with args beginning with: `3`, `AUTH`, `app`, `" +
                               token.substr(0, 107) + "`, \r\n") == step::failed);
    CHECK(greeting.failure() == errc::server_error);
    CHECK(greeting.failure().message() ==
          "ERR unknown command (what else the server says is not shown: it may repeat the password)");
}

TEST_CASE("a set-up command that names a key is refused, and sends no command elsewhere", "[handshake]") {
    struct {
        char const* line;
        errc code;
    } const lines[] = {
        {"-MOVED 12182 127.0.0.1:1\r\n", errc::server_error},
        {"-ASK 1 127.0.0.1:1\r\n", errc::server_error},
        {"-TRYAGAIN Multiple keys\r\n", errc::server_error},
        {"-CLUSTERDOWN x\r\n", errc::server_error},
        {"-READONLY x\r\n", errc::server_error},
        {"-LOADING x\r\n", errc::loading},
        {"-MASTERDOWN x\r\n", errc::master_down},
        {"-NOAUTH x\r\n", errc::no_auth},
    };
    for (auto const& refusal : lines) {
        CAPTURE(refusal.line);
        umbel::engine::handshake greeting;
        handshake_plan plan = minimal();
        plan.setup = std::make_shared<std::vector<setup_words> const>(
            std::vector<setup_words>{{"GET foo", {"GET", "foo"}, false}});
        greeting.begin(plan);
        CHECK(answer(greeting, refusal.line) == step::failed);
        CHECK(greeting.failure() == refusal.code);
    }
}

TEST_CASE("what an old server does not know of us is no failure", "[handshake]") {
    umbel::engine::handshake greeting;
    handshake_plan plan;
    plan.ask_identity = true;
    greeting.begin(plan);
    CHECK(answer(greeting, "%1\r\n+proto\r\n:3\r\n") == step::waiting);
    CHECK(answer(greeting, "-ERR unknown subcommand\r\n") == step::waiting);
    CHECK(answer(greeting, "-ERR unknown subcommand\r\n") == step::waiting);
    CHECK(answer(greeting, "-ERR This instance has cluster support disabled\r\n") == step::done);
    CHECK(greeting.node_id().empty());
}

TEST_CASE("a refused SELECT or READONLY is a failure", "[handshake]") {
    umbel::engine::handshake greeting;
    handshake_plan plan = minimal();
    SECTION("SELECT") { plan.database = 99; }
    SECTION("READONLY") { plan.read_only = true; }
    greeting.begin(plan);
    CHECK(answer(greeting, "-ERR DB index is out of range\r\n") == step::failed);
    CHECK(greeting.failure() == errc::server_error);
}

TEST_CASE("a refused SELECT says what a cluster has, where the server may be one", "[handshake]") {
    umbel::engine::handshake greeting;
    handshake_plan plan = minimal();
    plan.database = 3;
    greeting.begin(plan);
    CHECK(answer(greeting, "-ERR SELECT is not allowed in cluster mode\r\n") == step::failed);
    CHECK(greeting.failure() == errc::server_error);
    CHECK(greeting.failure().message() ==
          "ERR SELECT is not allowed in cluster mode (options.database is 3; a cluster has database 0 only "
          "before Valkey 9, and from then on as many as its cluster-databases says)");
    plan.protocol = protocol::resp3;
    greeting.begin(plan);
    CHECK(answer(greeting, "%1\r\n+mode\r\n+standalone\r\n") == step::waiting);
    CHECK(answer(greeting, "-ERR DB index is out of range\r\n") == step::failed);
    CHECK(greeting.failure().message() == "ERR DB index is out of range (options.database is 3)");
}

TEST_CASE("a reply beyond the handshake is a protocol error, and a new beginning forgets it", "[handshake]") {
    umbel::engine::handshake greeting;
    handshake_plan plan = minimal();
    plan.identity = said("", "secret");
    greeting.begin(plan);
    CHECK(answer(greeting, "+OK\r\n") == step::done);
    CHECK(answer(greeting, "+OK\r\n") == step::failed);
    CHECK(greeting.failure() == errc::protocol_error);
    CHECK(greeting.begin(plan) == step::send);
    CHECK(answer(greeting, "+OK\r\n") == step::done);
}

TEST_CASE("the user's own commands stand behind the client's, and one that is refused is named",
          "[handshake]") {
    umbel::engine::handshake greeting;
    handshake_plan plan = minimal();
    plan.identity = said("", "secret");
    plan.read_only = true;
    plan.setup = std::make_shared<std::vector<setup_words> const>(std::vector<setup_words>{
        {"CLIENT NO-EVICT on", {"CLIENT", "NO-EVICT", "on"}, false}, {"PING x", {"PING", "x"}, true}});
    CHECK(greeting.begin(plan) == step::send);
    CHECK(greeting.outgoing() ==
          wire("AUTH secret") + wire("CLIENT NO-EVICT on") + wire("PING x") + wire("READONLY"));
    CHECK(answer(greeting, "+OK\r\n") == step::waiting);
    SECTION("the optional one") {
        CHECK(answer(greeting, "+OK\r\n") == step::waiting);
        CHECK(answer(greeting, "-ERR no secret pings\r\n") == step::waiting);
        CHECK(answer(greeting, "+OK\r\n") == step::done);
    }
    SECTION("the other") {
        CHECK(answer(greeting, "-NOPERM no secret for you\r\n") == step::failed);
        CHECK(greeting.failure() == errc::no_permission);
        CHECK(greeting.failure().message() ==
              "options.setup_commands: CLIENT NO-EVICT on: NOPERM no *** for you");
    }
}

TEST_CASE("what was said is forgotten once it is written", "[handshake]") {
    umbel::engine::handshake greeting;
    handshake_plan plan = minimal();
    plan.identity = said("", "secret");
    std::weak_ptr<credentials const> const seen = plan.identity;
    greeting.begin(plan);
    plan.identity.reset();
    CHECK_FALSE(greeting.outgoing().empty());
    greeting.wrote_all();
    CHECK(greeting.outgoing().empty());
    CHECK_FALSE(seen.expired());
    CHECK(answer(greeting, "+OK\r\n") == step::done);
    CHECK(seen.expired());
}

TEST_CASE("what was said is forgotten when the connection ends before it is answered, or written",
          "[handshake]") {
    umbel::engine::handshake greeting;
    handshake_plan plan = minimal();
    plan.identity = said("", "secret");
    std::weak_ptr<credentials const> const seen = plan.identity;
    greeting.begin(plan);
    plan.identity.reset();
    greeting.forget();
    CHECK(greeting.outgoing().empty());
    CHECK(seen.expired());
}

TEST_CASE("a greeting tells whether the server has said anything to HELLO", "[handshake]") {
    umbel::engine::handshake greeting;
    handshake_plan plan;
    greeting.begin(plan);
    CHECK(greeting.awaits_hello());
    answer(greeting, no_hello);
    CHECK_FALSE(greeting.awaits_hello());
    greeting.begin(minimal());
    CHECK_FALSE(greeting.awaits_hello());
}

TEST_CASE("a server that may be one of a group is asked to redirect, and may refuse that", "[handshake]") {
    umbel::engine::handshake greeting;
    handshake_plan plan;
    plan.protocol = protocol::resp2;
    plan.be_redirected = true;
    plan.in_group = true;
    plan.read_only = true;
    CHECK(greeting.begin(plan) == step::send);
    CHECK(greeting.outgoing() == library + wire("CLIENT CAPA redirect") + wire("READONLY"));
    for (int reply = 0; reply < 3; ++reply)
        CHECK(answer(greeting, "-ERR unknown subcommand\r\n") == step::waiting);
    CHECK(answer(greeting, "-ERR This instance has cluster support disabled\r\n") == step::done);
    plan.extent = umbel::handshake::minimal;
    CHECK(greeting.begin(plan) == step::done);
    CHECK(greeting.outgoing().empty());
}

TEST_CASE("READONLY that a node of a cluster refuses ends the handshake", "[handshake]") {
    umbel::engine::handshake greeting;
    handshake_plan plan = minimal();
    plan.read_only = true;
    CHECK(greeting.begin(plan) == step::send);
    CHECK(answer(greeting, "-ERR This instance has cluster support disabled\r\n") == step::failed);
}

TEST_CASE("no replica takes the connection of a primary: by HELLO, or by ROLE where RESP2 is spoken",
          "[handshake]") {
    umbel::engine::handshake greeting;
    handshake_plan plan;
    plan.of_primary = true;
    SECTION("HELLO of a replica") {
        greeting.begin(plan);
        CHECK(greeting.outgoing() == wire("HELLO 3") + library);
        CHECK(answer(greeting, "%1\r\n+role\r\n+replica\r\n") == step::failed);
    }
    SECTION("HELLO of a replica on another connection") {
        plan.of_primary = false;
        greeting.begin(plan);
        CHECK(answer(greeting, "%1\r\n+role\r\n+replica\r\n") == step::waiting);
        return;
    }
    SECTION("HELLO of a primary") {
        greeting.begin(plan);
        CHECK(answer(greeting, "%1\r\n+role\r\n+master\r\n") == step::waiting);
        return;
    }
    SECTION("ROLE of a replica") {
        plan.protocol = protocol::resp2;
        greeting.begin(plan);
        CHECK(greeting.outgoing() == library + wire("ROLE"));
        answer(greeting, "+OK\r\n");
        answer(greeting, "+OK\r\n");
        CHECK(answer(greeting, "*2\r\n+slave\r\n+10.0.0.1\r\n") == step::failed);
    }
    SECTION("ROLE where HELLO is not known") {
        greeting.begin(plan);
        answer(greeting, no_hello);
        answer(greeting, "+OK\r\n");
        CHECK(answer(greeting, "+OK\r\n") == step::send);
        CHECK(greeting.outgoing() == library + wire("ROLE"));
        answer(greeting, "+OK\r\n");
        answer(greeting, "+OK\r\n");
        CHECK(answer(greeting, "*2\r\n+slave\r\n+10.0.0.1\r\n") == step::failed);
    }
    CHECK(greeting.failure() == errc::read_only);
    CHECK(greeting.failure().message() == "the node is a replica by now");
}

TEST_CASE("notices of maintenance are asked for last, in the same write, and a refusal is none of ours",
          "[handshake][maintenance]") {
    std::string const ask = wire("CLIENT MAINT_NOTIFICATIONS ON");
    for (char const* const reply :
         {"+OK\r\n", "-ERR unknown subcommand 'MAINT_NOTIFICATIONS'. Try CLIENT HELP.\r\n",
          "-NOPERM User default has no permissions\r\n", "-LOADING Redis is loading\r\n", "$-1\r\n",
          "*0\r\n"}) {
        umbel::engine::handshake greeting;
        handshake_plan plan;
        plan.ask_notices = plan.ask_client = true;
        CHECK(greeting.begin(plan) == step::send);
        CHECK(greeting.outgoing() == wire("HELLO 3") + library + wire("CLIENT ID") + ask);
        CHECK(answer(greeting, "*0\r\n") == step::waiting);
        CHECK(answer(greeting, "+OK\r\n") == step::waiting);
        CHECK(answer(greeting, "+OK\r\n") == step::waiting);
        CHECK_FALSE(greeting.awaits_notices());
        CHECK(answer(greeting, ":7\r\n") == step::waiting);
        CHECK(greeting.awaits_notices());
        CHECK(answer(greeting, reply) == step::done);
        CHECK_FALSE(greeting.awaits_notices());
        CHECK(greeting.client_id() == 7);
    }
}

TEST_CASE("where addresses would not fit a certificate, none is asked for", "[handshake][maintenance]") {
    umbel::engine::handshake greeting;
    handshake_plan plan;
    plan.ask_notices = plan.same_name = true;
    CHECK(greeting.begin(plan) == step::send);
    CHECK(greeting.outgoing() ==
          wire("HELLO 3") + library + wire("CLIENT MAINT_NOTIFICATIONS ON moving-endpoint-type none"));
}

TEST_CASE("RESP2 is never asked for notices", "[handshake][maintenance]") {
    umbel::engine::handshake greeting;
    handshake_plan plan = minimal();
    plan.ask_notices = true;
    CHECK(greeting.begin(plan) == step::done);
    handshake_plan automatic;
    automatic.ask_notices = true;
    CHECK(greeting.begin(automatic) == step::send);
    CHECK(answer(greeting, no_hello) == step::waiting);
    CHECK(answer(greeting, "-ERR\r\n") == step::waiting);
    CHECK(answer(greeting, "-ERR\r\n") == step::waiting);
    CHECK(answer(greeting, "-ERR\r\n") == step::send);
    CHECK(greeting.outgoing() == library);
    handshake_plan third = minimal();
    third.protocol = protocol::resp3;
    third.ask_notices = true;
    CHECK(greeting.begin(third) == step::send);
    CHECK(greeting.outgoing() == wire("HELLO 3") + wire("CLIENT MAINT_NOTIFICATIONS ON"));
}
