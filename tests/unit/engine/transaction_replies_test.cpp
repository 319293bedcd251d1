#include <umbel/engine/transaction_replies_impl.hpp>

#include "support/every_step.hpp"
#include "support/pipeline_hands.hpp"
#include "support/script_commands.hpp"

using namespace umbel;
using namespace umbel::test;

namespace {

constexpr std::string_view two = "SET foo 1 ; INCR foo";
constexpr call_options whole{.transaction = true};
constexpr std::string_view moved = "MOVED 12182 10.0.0.2:6379";

/// A pipeline with one transaction under way, and a PING behind it.
struct underway : hands {
    started transaction;
    started after;

    explicit underway(call_options const& options = whole, bool asking = false)
        : transaction{start_one(options, asking)}, after{start("PING")} {
        CHECK(written() == (asking ? wire("ASKING") : std::string{}) + wire_transaction(two) + wire("PING"));
    }
    started start_one(call_options const& options, bool asking) {
        scripted_call& call = calls.emplace_back(two, options);
        call.form.asking = asking;
        pipe.accept(call, now);
        return started{call};
    }
    engine::retry_state const& retry() const { return *transaction.call().retry; }
};

}  // namespace

TEST_CASE("a transaction is one write, and EXEC's reply is its own", "[transaction]") {
    underway h;
    h.receive("+OK\r\n+QUEUED\r\n+QUEUED\r\n");
    CHECK_FALSE(h.transaction.done());
    h.receive("*2\r\n+OK\r\n:2\r\n+PONG\r\n");
    CHECK(h.transaction.value() == "OK 2");
    CHECK(h.after.value() == "PONG");
    CHECK(h.pipe.idle());
    CHECK(h.pipe.counters().replies == 2);
}

TEST_CASE("ASKING goes in front of MULTI once", "[transaction]") {
    underway h{whole, true};
    h.receive("+OK\r\n+OK\r\n+QUEUED\r\n+QUEUED\r\n*2\r\n+OK\r\n:2\r\n+PONG\r\n");
    CHECK(h.transaction.value() == "OK 2");
    CHECK(h.after.value() == "PONG");
}

TEST_CASE("the replies to a transaction may be split at any byte", "[transaction]") {
    std::string const replies =
        "+OK\r\n+QUEUED\r\n>2\r\n+note\r\n+x\r\n+QUEUED\r\n*2\r\n+OK\r\n:2\r\n+PONG\r\n";
    for (std::size_t at = 0; at <= replies.size(); ++at) {
        underway h;
        h.receive(replies.substr(0, at));
        h.receive(replies.substr(at));
        CHECK(h.transaction.value() == "OK 2");
        CHECK(h.after.value() == "PONG");
    }
}

TEST_CASE("what is left of a transaction's replies is skipped when it ends early", "[transaction]") {
    std::string const replies = "+OK\r\n+QUEUED\r\n-ERR x\r\n-EXECABORT Transaction discarded\r\n+PONG\r\n";
    for (std::size_t at = 0; at < replies.size() - 7; ++at) {
        underway h;
        h.receive(replies.substr(0, at));
        h.cancel(h.transaction);
        CHECK(outcome(h.transaction) == failed{errc::cancelled, delivery::unknown});
        h.receive(replies.substr(at));
        CHECK(h.after.value() == "PONG");
    }
}

TEST_CASE("an error inside EXEC's reply belongs to its command, and the transaction has run",
          "[transaction]") {
    underway h;
    h.receive("+OK\r\n+QUEUED\r\n+QUEUED\r\n*2\r\n+OK\r\n-WRONGTYPE x\r\n+PONG\r\n");
    CHECK(h.transaction.value() == "OK WRONGTYPE x");
}

TEST_CASE("a command that is refused ends the whole transaction, and is named", "[transaction]") {
    underway h;
    h.receive(
        "+OK\r\n+QUEUED\r\n-OOM command not allowed\r\n-EXECABORT Transaction discarded because of "
        "previous errors.\r\n+PONG\r\n");
    CHECK(outcome(h.transaction) == failed{errc::exec_aborted, delivery::not_executed});
    CHECK(h.transaction.why().message() ==
          "EXECABORT Transaction discarded because of previous errors. (command 2 of the transaction: OOM "
          "command not allowed)");
    CHECK(h.after.value() == "PONG");
}

TEST_CASE("of several refused commands the first is the reason", "[transaction]") {
    underway h;
    h.receive("+OK\r\n-" + std::string{moved} +
              "\r\n-ERR unknown command\r\n-EXECABORT Transaction discarded because of previous "
              "errors.\r\n+PONG\r\n");
    CHECK(h.returned == std::vector<std::string>{std::string{two}});
    CHECK(h.retry().fault == errc::moved);
    CHECK(h.retry().reported == errc::exec_aborted);
    CHECK(h.retry().host == "10.0.0.2");
    CHECK(h.retry().port == 6379);
    CHECK(h.retry().slot == 12182);
    CHECK(h.retry().delivery == delivery::not_executed);
}

TEST_CASE("a redirect that EXEC itself is told moves the transaction", "[transaction]") {
    // cluster.c: EXEC is redirected like any command, without EXECABORT.
    underway h;
    h.receive("+OK\r\n+QUEUED\r\n+QUEUED\r\n-ASK 12182 10.0.0.3:6379\r\n+PONG\r\n");
    CHECK(h.retry().fault == errc::ask);
    CHECK(h.retry().verdict.next == cluster::verdict::step::ask);
    CHECK(h.retry().host == "10.0.0.3");
}

TEST_CASE("what EXEC is refused for is judged", "[transaction]") {
    underway h;
    h.receive(
        "+OK\r\n+QUEUED\r\n+QUEUED\r\n-EXECABORT Transaction discarded because of: LOADING Redis is "
        "loading the dataset in memory\r\n+PONG\r\n");
    CHECK(h.retry().fault == errc::loading);
    CHECK(h.retry().delivery == delivery::not_executed);
}

TEST_CASE("a transaction that is sent again forgets what it has met before", "[transaction]") {
    underway h;
    h.receive("+OK\r\n-" + std::string{moved} + "\r\n-" + std::string{moved} +
              "\r\n-EXECABORT Transaction discarded because of previous errors.\r\n+PONG\r\n");
    scripted_call& call = h.transaction.call();
    call.form.asking = 1;
    h.pipe.accept(call, h.now);
    CHECK(h.written() == wire("ASKING") + wire_transaction(two));
    h.receive("+OK\r\n+OK\r\n+QUEUED\r\n+QUEUED\r\n*2\r\n+OK\r\n:2\r\n");
    CHECK(h.transaction.value() == "OK 2");
}

TEST_CASE("EXEC's null is an error, and nothing was executed, unless keys were watched", "[transaction]") {
    for (std::string const null : {"*-1\r\n", "_\r\n"}) {
        underway h;
        h.receive("+OK\r\n+QUEUED\r\n+QUEUED\r\n" + null + "+PONG\r\n");
        CHECK(outcome(h.transaction) == failed{errc::exec_aborted, delivery::not_executed});
        CHECK(h.after.value() == "PONG");
        underway watching{{.transaction = true, .watches = true}};
        watching.receive("+OK\r\n+QUEUED\r\n+QUEUED\r\n" + null + "+PONG\r\n");
        CHECK(watching.transaction.value() == "(nil)");
    }
}

TEST_CASE("where MULTI is refused the commands have run one by one, and the error says so", "[transaction]") {
    std::string_view const no_permission =
        "-NOPERM this user has no permissions to run the 'multi' command\r\n";
    SECTION("some have run") {
        underway h;
        h.receive(std::string{no_permission} + "+OK\r\n:2\r\n-ERR EXEC without MULTI\r\n+PONG\r\n");
        CHECK(outcome(h.transaction) == failed{errc::no_permission, delivery::unknown});
        CHECK(h.transaction.why().message() ==
              "ERR EXEC without MULTI (MULTI was refused: NOPERM this user has no permissions to run the "
              "'multi' command)");
        CHECK(h.after.value() == "PONG");
    }
    SECTION("one may have run: its error proves nothing") {
        underway h;
        h.receive(std::string{no_permission} + "-ERR x\r\n-NOPERM y\r\n-ERR EXEC without MULTI\r\n+PONG\r\n");
        CHECK(outcome(h.transaction) == failed{errc::no_permission, delivery::unknown});
    }
    SECTION("none has run") {
        underway h;
        h.receive(
            "-NOAUTH Authentication required.\r\n-NOAUTH Authentication required.\r\n-NOAUTH "
            "Authentication required.\r\n-NOAUTH Authentication required.\r\n+PONG\r\n");
        CHECK(outcome(h.transaction) == failed{errc::no_auth, delivery::not_executed});
    }
    SECTION("a peer that answers EXEC all the same is not believed") {
        underway h;
        h.receive("+QUEUED\r\n+QUEUED\r\n+QUEUED\r\n*2\r\n+OK\r\n:2\r\n+PONG\r\n");
        CHECK(outcome(h.transaction) == failed{errc::server_error, delivery::unknown});
        CHECK(h.after.value() == "PONG");
    }
}

TEST_CASE("a transaction that is lost has not run where MULTI was taken and EXEC has not left",
          "[transaction]") {
    std::string const bytes = wire_transaction(two);
    for (std::size_t at = 0; at <= bytes.size(); ++at) {
        hands h;
        auto transaction = h.start(two, whole);
        CHECK(h.written(at) == bytes.substr(0, at));
        if (at > 16) h.receive("+OK\r\n");
        h.lose();
        bool const unknown = at == bytes.size() || (at > 0 && at <= 16);
        CHECK(h.returned.size() == (unknown ? 0 : 1));
        if (unknown)
            CHECK(outcome(transaction) == failed{errc::connection_lost, delivery::unknown});
        else
            CHECK(transaction.call().retry->delivery == delivery::not_sent);
    }
}

TEST_CASE("a transaction that is lost may have run one by one unless MULTI was taken", "[transaction]") {
    std::string const bytes = wire_transaction(two);
    for (std::string_view const replies :
         {"", "-NOPERM no multi\r\n", "-NOPERM no multi\r\n+OK\r\n", "-NOPERM no multi\r\n+OK\r\n:2\r\n"})
        for (std::size_t at = 1; at < bytes.size(); ++at) {
            hands h;
            auto transaction = h.start(two, whole);
            h.written(at);
            h.receive(replies);
            h.lose();
            CHECK(h.returned.empty());
            CHECK(outcome(transaction) == failed{errc::connection_lost, delivery::unknown});
        }
}

TEST_CASE("a lost transaction of which each command was refused has not run", "[transaction]") {
    hands h;
    auto transaction = h.start(two, whole);
    h.written(wire_transaction(two).size() - 1);
    h.receive("-NOAUTH x\r\n-NOAUTH x\r\n-NOAUTH x\r\n");
    h.lose();
    CHECK(h.returned.size() == 1);
    CHECK(transaction.call().retry->delivery == delivery::not_executed);
}

TEST_CASE("what is known of a lost transaction is known of its present attempt", "[transaction]") {
    underway h;
    h.receive("+OK\r\n-" + std::string{moved} + "\r\n-" + std::string{moved} +
              "\r\n-EXECABORT Transaction discarded because of previous errors.\r\n+PONG\r\n");
    h.pipe.accept(h.transaction.call(), h.now);
    h.written(40);
    h.lose();
    CHECK(outcome(h.transaction) == failed{errc::connection_lost, delivery::unknown});
}

TEST_CASE("a transaction that only reads is sent again where its connection was lost", "[transaction]") {
    hands h;
    h.start("GET foo ; GET foo", {.flags = cluster::command_flags::read_only, .transaction = true});
    h.written();
    h.lose();
    CHECK(h.returned.size() == 1);
}

TEST_CASE("the first replies to a transaction may come while the rest of it is sent", "[transaction]") {
    hands h;
    std::string const large = "SET foo " + std::string(200'000, 'x') + " ; INCR foo";
    auto transaction = h.start(large, whole);
    std::string const first = h.written(100'000);
    h.receive("+OK\r\n");
    CHECK_FALSE(transaction.done());
    CHECK(first + h.written() == wire_transaction(large));
    h.receive("+QUEUED\r\n+QUEUED\r\n*2\r\n+OK\r\n-WRONGTYPE x\r\n");
    CHECK(transaction.good());
}

TEST_CASE("EXEC's reply before EXEC has left breaks the protocol", "[transaction]") {
    hands h;
    h.start("SET foo " + std::string(200'000, 'x'), whole);
    h.written(100'000);
    CHECK(h.receive("+OK\r\n+QUEUED\r\n*1\r\n+OK\r\n") == broken);
}

TEST_CASE("memory that runs out for EXEC's reply leaves the transaction executed", "[transaction]") {
    underway h;
    h.receive("+OK\r\n+QUEUED\r\n");
    SECTION("before EXEC's reply nothing is known") {
        REQUIRE(h.pipe.fail_arriving_no_memory());
        h.collect();
        CHECK(outcome(h.transaction) == failed{errc::no_memory, delivery::unknown});
        h.receive("+QUEUED\r\n*2\r\n+OK\r\n:2\r\n+PONG\r\n");
    }
    SECTION("in EXEC's reply") {
        h.receive("+QUEUED\r\n*2\r\n");
        REQUIRE(h.pipe.fail_arriving_no_memory());
        h.collect();
        CHECK(outcome(h.transaction) == failed{errc::no_memory, delivery::executed});
        h.receive("+OK\r\n:2\r\n+PONG\r\n");
    }
    CHECK(h.after.value() == "PONG");
}

TEST_CASE("what the server has said before it closes the connection is told", "[transaction]") {
    SECTION("a line that ends a connection is the reason, and proves that nothing was executed") {
        for (std::string_view const line :
             {"ERR max number of clients reached", "ERR Protocol error: invalid bulk length",
              "DENIED Redis is running in protected mode because …"})
            for (bool const queued : {false, true}) {
                underway h;
                if (queued) h.receive("+OK\r\n+QUEUED\r\n");
                h.receive("-" + std::string{line} + "\r\n");
                h.lose();
                CHECK(outcome(h.transaction) == failed{errc::server_error, delivery::not_executed});
                CHECK(h.transaction.why().message() ==
                      "gone (" +
                          std::string{queued ? "command 2 of the transaction: " : "MULTI was refused: "} +
                          std::string{line} + ")");
            }
    }
    SECTION("another is told with the loss") {
        underway h;
        h.receive("-NOPERM no multi\r\n+OK\r\n");
        h.lose();
        CHECK(outcome(h.transaction) == failed{errc::connection_lost, delivery::unknown});
        CHECK(h.transaction.why().message() == "gone (MULTI was refused: NOPERM no multi)");
    }
}
