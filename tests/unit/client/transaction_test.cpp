// Tests of transactions, against two scripted nodes that share the slots and queue between MULTI and EXEC.
#include "two_nodes.hpp"

#include <tuple>
#include <vector>

using at_home::code_of;
using at_home::delivery_of;
using at_home::fault;
using at_home::shown;
using at_home::two_nodes;
using scripted::words;
using umbel::cmd;
using umbel::delivery;
using umbel::errc;
using umbel::result;
using text = std::optional<std::string>;

static_assert(umbel::same_slot("{u}a", "{u}b") && !umbel::same_slot("a", "b"));

namespace {

/// Answers as a server does that takes transactions: what `queued` and `exec` say, by default that all is
/// well.
struct queueing {
    std::string multi = "+OK\r\n";
    std::map<std::string, std::string> queued{};  ///< By the command's name.
    std::string exec = "*0\r\n";
    bool open = false;

    std::optional<scripted::answer> operator()(words const& said) {
        if (said[0] == "MULTI") {
            open = true;
            return scripted::answer{multi};
        }
        if (said[0] == "EXEC") {
            open = false;
            return scripted::answer{exec};
        }
        if (!open) return std::nullopt;
        auto const found = queued.find(said[0]);
        return scripted::answer{found == queued.end() ? "+QUEUED\r\n" : found->second};
    }
};

scripted::server::script by(queueing& says) {
    return [&says](words const& said) { return says(said); };
}

}  // namespace

TEST_CASE("a transaction gives one typed result for each of its commands", "[transaction]") {
    two_nodes here;
    queueing says{.exec = "*3\r\n$1\r\nx\r\n:7\r\n+OK\r\n"};
    here.high_says = by(says);
    auto const done =
        here.wait(here.db->transaction(cmd.get("{foo}a"), cmd.incr("{foo}b"), cmd.set("foo", "1")));
    STATIC_CHECK(std::is_same_v<
                 decltype(done),
                 result<std::tuple<result<text>, result<std::int64_t>, result<umbel::set_outcome>>> const>);
    REQUIRE(done);
    auto const& [get, incr, set] = *done;
    CHECK(get.value() == "x");
    CHECK(incr.value() == 7);
    CHECK(set.has_value());
    auto const seen = here.high.seen();
    std::vector<words> const last(seen.end() - 5, seen.end());
    CHECK(last == std::vector<words>{
                      {"MULTI"}, {"GET", "{foo}a"}, {"INCR", "{foo}b"}, {"SET", "foo", "1"}, {"EXEC"}});
    // The connection goes on as before.
    CHECK(shown(here.wait(here.db->set("foo", "2"))) == "written");
}

TEST_CASE("an error inside EXEC is that command's alone, with its code, and the command has run",
          "[transaction]") {
    two_nodes here;
    queueing says{.exec = "*2\r\n-WRONGTYPE not a number\r\n$1\r\nx\r\n"};
    here.high_says = by(says);
    auto const done = here.wait(here.db->transaction(cmd.incr("foo"), cmd.get("foo")));
    REQUIRE(done);
    CHECK(code_of(std::get<0>(*done)) == "wrong_type");
    CHECK(delivery_of(std::get<0>(*done)) == "executed");
    CHECK(std::get<1>(*done).value() == "x");
}

TEST_CASE("commands whose number is known at run time only make a transaction, too", "[transaction]") {
    two_nodes here;
    queueing says{.exec = "*2\r\n:1\r\n:2\r\n"};
    here.high_says = by(says);
    std::vector<umbel::bare_command<std::int64_t>> commands;
    commands.push_back(cmd.incr("foo"));
    commands.push_back(cmd.incrby("{foo}b", 2));
    auto const done = here.wait(here.db->transaction(std::move(commands)));
    REQUIRE(done);
    REQUIRE(done->size() == 2);
    CHECK((*done)[0].value() == 1);
    CHECK((*done)[1].value() == 2);
    auto const none = here.wait(here.db->transaction(std::vector<umbel::bare_command<std::int64_t>>{}));
    CHECK(code_of(none) == "bad_argument");
    CHECK(delivery_of(none) == "not_sent");
}

TEST_CASE("keys of several slots are refused before anything is sent, and two are named", "[transaction]") {
    two_nodes here;
    auto const done = here.wait(here.db->transaction(cmd.ping(), cmd.set("foo", "bar"), cmd.get("bar")));
    CHECK(code_of(done) == "cross_slot");
    CHECK(delivery_of(done) == "not_sent");
    CHECK(done.error().message() ==
          "the keys \"foo\" (slot 12182) and \"bar\" (slot 5061) lie in different slots; a hash tag would "
          "join them");
    CHECK(here.low.count("MULTI") + here.high.count("MULTI") == 0);
}

TEST_CASE("what may not stand in a transaction is refused, and named", "[transaction]") {
    two_nodes here;
    auto const refused = [&](auto&& command) {
        auto const done = here.wait(here.db->transaction(cmd.get("foo"), std::move(command)));
        CHECK(delivery_of(done) == "not_sent");
        CHECK(done.error().message().starts_with("command 2 of the transaction: "));
        return code_of(done);
    };
    CHECK(refused(cmd.command<umbel::ok>("WATCH", "foo")) == "needs_lease");
    CHECK(refused(cmd.command<umbel::ok>("MULTI")) == "needs_lease");
    CHECK(refused(cmd.command<umbel::reply>("BLPOP", "foo", 0)) == "needs_lease");
    CHECK(refused(cmd.command<umbel::reply>("SUBSCRIBE", "foo")) == "needs_lease");
    CHECK(refused(cmd.command<umbel::reply>("GET")) == "bad_argument");
    CHECK(refused(cmd.hdel("foo", std::vector<std::string>{})) == "bad_argument");
    CHECK(here.low.count("MULTI") + here.high.count("MULTI") == 0);
}

TEST_CASE("the command that the server has refused is named", "[transaction]") {
    two_nodes here;
    queueing says{.queued = {{"INCR", "-OOM command not allowed\r\n"}},
                  .exec = "-EXECABORT Transaction discarded because of previous errors.\r\n"};
    here.high_says = by(says);
    auto const done = here.wait(here.db->transaction(cmd.get("foo"), cmd.incr("foo")));
    CHECK(code_of(done) == "exec_aborted");
    CHECK(delivery_of(done) == "not_executed");
    CHECK(done.error().message().ends_with("(command 2 of the transaction: OOM command not allowed)"));
}

TEST_CASE("a redirect moves the whole transaction", "[transaction]") {
    two_nodes here;
    auto const expect = [&](char const* word, std::size_t asked) {
        queueing away{.queued = {{"INCR", fault(word, 12182, here.low)}},
                      .exec = "-EXECABORT Transaction discarded because of previous errors.\r\n"};
        queueing there{.exec = "*2\r\n:1\r\n:2\r\n"};
        here.high_says = by(away);
        here.low_says = by(there);
        auto const done = here.wait(here.db->transaction(cmd.incr("foo"), cmd.incr("foo")));
        REQUIRE(done);
        CHECK(std::get<1>(*done).value() == 2);
        CHECK(here.low.count("ASKING") == asked);
    };
    SECTION("ASK") { expect("ASK", 1); }
    SECTION("MOVED") { expect("MOVED", 0); }
}

TEST_CASE("where MULTI is refused nothing is called done", "[transaction]") {
    two_nodes here;
    queueing says{.multi = "-NOPERM no permissions to run the 'multi' command\r\n",
                  .queued = {{"INCR", ":1\r\n"}},
                  .exec = "-ERR EXEC without MULTI\r\n"};
    here.high_says = by(says);
    auto const done = here.wait(here.db->transaction(cmd.incr("foo"), cmd.incr("foo")));
    CHECK(code_of(done) == "no_permission");
    CHECK(delivery_of(done) == "unknown");
    CHECK(here.high.count("INCR") == 2);
}

TEST_CASE("a transaction is sent again only if it just reads", "[transaction]") {
    two_nodes here;
    bool cut = false;
    here.high_says = [&](words const& said) -> std::optional<scripted::answer> {
        if (said[0] == "MULTI") return scripted::ok;
        if (said[0] == "GET" || said[0] == "INCR") return "+QUEUED\r\n";
        if (said[0] != "EXEC") return std::nullopt;
        if (!std::exchange(cut, true)) return scripted::answer::cut();
        return "*1\r\n$1\r\n7\r\n";
    };
    SECTION("reads") {
        auto const done = here.wait(here.db->transaction(cmd.get("foo")));
        REQUIRE(done);
        CHECK(std::get<0>(*done).value() == "7");
        CHECK(here.high.count("EXEC") == 2);
    }
    SECTION("a write among them") {
        auto const done = here.wait(here.db->transaction(cmd.incr("foo")));
        CHECK(code_of(done) == "connection_lost");
        CHECK(delivery_of(done) == "unknown");
        CHECK(here.high.count("EXEC") == 1);
    }
}

TEST_CASE("arguments lent to a transaction are sent from where they stand, however many", "[transaction]") {
    for (std::size_t const each : {1u, 20u}) {
        two_nodes here;
        queueing says{.exec = "*2\r\n:1\r\n:1\r\n"};
        here.high_says = by(says);
        std::vector<std::string> large;
        for (std::size_t i = 0; i < 2 * each; ++i)
            large.push_back(std::string(5000 + i, static_cast<char>('a' + i % 26)));
        auto const push = [&](std::size_t from) {
            std::vector<umbel::borrowed> lent;
            for (std::size_t i = from; i < from + each; ++i) lent.push_back(umbel::borrow(large[i]));
            return cmd.rpush("foo", lent);
        };
        auto const done = here.wait(here.db->transaction(push(0), push(each)));
        REQUIRE(done);
        auto const seen = here.high.seen();
        words sent;
        for (words const& said : seen)
            if (said[0] == "RPUSH") sent.insert(sent.end(), said.begin() + 2, said.end());
        CHECK(sent == large);
    }
}

TEST_CASE("a transaction of commands without a key goes to any node", "[transaction]") {
    two_nodes here;
    queueing high{.exec = "*1\r\n+PONG\r\n"}, low = high;
    here.high_says = by(high);
    here.low_says = by(low);
    auto const done = here.wait(here.db->transaction(cmd.ping()));
    REQUIRE(done);
    CHECK(std::get<0>(*done).has_value());
}

TEST_CASE("a stand-alone server takes a transaction of any keys", "[transaction]") {
    asio::io_context io{1};
    queueing says{.exec = "*2\r\n:1\r\n:1\r\n"};
    scripted::server alone{io, by(says)};
    umbel::client db{io.get_executor(), at_home::plain(alone.address())};
    auto const done = at_home::wait(io, db.transaction(cmd.incr("foo"), cmd.incr("bar")));
    CHECK(done.has_value());
}

TEST_CASE("a transaction that is not begun sends nothing, and one of a client that has gone is cancelled",
          "[transaction]") {
    two_nodes here;
    {
        auto const dropped = here.db->transaction(cmd.incr("foo"));
    }
    auto orphan = here.db->transaction(cmd.incr("foo"));
    here.db.reset();
    auto const done = here.wait(std::move(orphan));
    CHECK(code_of(done) == "cancelled");
    CHECK(delivery_of(done) == "not_sent");
    CHECK(here.high.count("MULTI") == 0);
}

TEST_CASE("a transaction is repeated as idempotent only if it is a single command, or only reads",
          "[transaction]") {
    two_nodes here{[](umbel::options& chosen) { chosen.retry_unknown = umbel::retry_unknown::idempotent; }};
    unsigned left = 0;  // EXECs that get an answer.
    here.high_says = [&](words const& said) -> std::optional<scripted::answer> {
        if (said[0] == "MULTI") return scripted::ok;
        if (said[0] == "EXEC") {
            if (left++ == 0) return scripted::answer::cut();
            return scripted::answer{"*1\r\n+OK\r\n"};
        }
        if (said[0] == "GET" || said[0] == "SET") return scripted::answer{"+QUEUED\r\n"};
        return std::nullopt;
    };
    SECTION("a command that leaves the same state twice in a row") {
        CHECK(here.wait(here.db->transaction(cmd.set("foo", "new"))).has_value());
        CHECK(left == 2);
    }
    SECTION("two of them: what the first reads the second may have written") {
        auto const done = here.wait(here.db->transaction(cmd.get("foo"), cmd.set("foo", "new")));
        CHECK(code_of(done) == "connection_lost");
        CHECK(delivery_of(done) == "unknown");
        CHECK(left == 1);
    }
    SECTION("commands that only read") {
        static_cast<void>(here.wait(here.db->transaction(cmd.get("foo"), cmd.get("{foo}a"))));
        CHECK(left == 2);
    }
}
