// Tests of client/for_each.hpp, and of what hands elements on (engine/other_replies.hpp): the elements of a
// large reply one by one, in bounded memory; stops, cancellations and losses in its middle.
#include <umbel/client/for_each.hpp>
#include <umbel/client/sync_client.hpp>

#include "at_home.hpp"
#include "two_nodes.hpp"

#include <catch2/generators/catch_generators.hpp>

#include <asio/bind_cancellation_slot.hpp>
#include <asio/cancellation_signal.hpp>

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using at_home::code_of;
using at_home::delivery_of;
using namespace std::chrono_literals;
using scripted::words;
using strings = std::vector<std::string>;
using told = umbel::result<umbel::elements_given>;

namespace {

/// A server that answers every command with keys with this.
struct answering {
    scripted::answer reply;
    at_home::backend here;

    explicit answering(scripted::answer with)
        : reply{std::move(with)}, here{[this](words const& said) -> std::optional<scripted::answer> {
              if (said[0] == "CLUSTER" || said[0] == "GET" || said[0] == "SET") return std::nullopt;
              return reply;
          }} {}
    template <class Function>
    told pairs(Function function) {
        return here.wait(here.db->for_each(umbel::cmd.hgetall("k"), std::move(function)));
    }
    template <class Function>
    told elements(Function function) {
        return here.wait(here.db->for_each(umbel::cmd.smembers("k"), std::move(function)));
    }
    /// The connection is in step: another command gets its own reply.
    bool in_step() {
        return here.wait(here.db->set("x", "y")).has_value() &&
               at_home::shown(here.wait(here.db->get("x"))) == "y";
    }
};

std::string bulks(int count, std::string const& front = "e") {
    std::string text;
    for (int at = 0; at < count; ++at) text += scripted::bulk(front + std::to_string(at));
    return text;
}

}  // namespace

TEST_CASE("the elements of an array, a set or a map are given one by one", "[for_each]") {
    strings seen;
    auto const add = [&seen](std::string_view text) { seen.emplace_back(text); };
    for (char const* const reply :
         {"*3\r\n$1\r\na\r\n$1\r\nb\r\n+c\r\n", "~3\r\n$1\r\na\r\n$1\r\nb\r\n$1\r\nc\r\n",
          "|1\r\n+x\r\n+y\r\n*3\r\n+a\r\n+b\r\n+c\r\n", "*?\r\n+a\r\n+b\r\n+c\r\n.\r\n",
          "*3\r\n|1\r\n+x\r\n+y\r\n+a\r\n+b\r\n$?\r\n;1\r\nc\r\n;0\r\n"}) {
        answering c{reply};
        seen.clear();
        CHECK(c.elements(add) == umbel::elements_given{3, true});
        CHECK(seen == strings{"a", "b", "c"});
        CHECK(c.in_step());
    }
    answering empty{"*0\r\n"};
    CHECK(empty.elements(add) == umbel::elements_given{0, true});
    answering none{"$-1\r\n"};
    CHECK(none.elements(add) == umbel::elements_given{0, true});
    CHECK(seen.size() == 3);
}

TEST_CASE("pairs come from maps, from flat arrays and from arrays of two", "[for_each]") {
    for (char const* const reply : {"%2\r\n$1\r\na\r\n$1\r\n1\r\n$1\r\nb\r\n$1\r\n2\r\n",
                                    "*4\r\n$1\r\na\r\n$1\r\n1\r\n$1\r\nb\r\n$1\r\n2\r\n",
                                    "*2\r\n*2\r\n$1\r\na\r\n,1\r\n*2\r\n$1\r\nb\r\n,2\r\n"}) {
        answering c{reply};
        std::string seen;
        CHECK(c.pairs([&seen](std::string_view name, double value) {
            seen.append(name).append("=").append(std::to_string(static_cast<int>(value))).append(" ");
        }) == umbel::elements_given{2, true});
        CHECK(seen == "a=1 b=2 ");
    }
    answering odd{"*3\r\n+a\r\n+b\r\n+c\r\n"};
    told const wrong = odd.pairs([](std::string const&, std::string_view) {});
    CHECK(code_of(wrong) == "unexpected_type");
    CHECK(wrong.error().elements_given() == 1);
    CHECK(odd.in_step());
}

TEST_CASE("elements are read as what the function takes, aggregates within the reply as a whole",
          "[for_each]") {
    answering c{"*2\r\n*3\r\n:1\r\n:2\r\n:3\r\n*1\r\n:4\r\n"};
    std::int64_t sum = 0;
    CHECK(c.elements([&sum](std::vector<std::int64_t> const& some) {
        for (std::int64_t const each : some) sum += each;
    }));
    CHECK(sum == 10);
    std::size_t children = 0;
    CHECK(
        c.elements([&children](umbel::resp::view const& element) { children += element.children_count(); }));
    CHECK(children == 4);
    told const wrong = c.elements([](std::string_view) {});
    CHECK(code_of(wrong) == "unexpected_type");
    CHECK(delivery_of(wrong) == "executed");
    CHECK(c.in_step());
}

TEST_CASE("a function that wants no more ends the operation, and the rest is passed over", "[for_each]") {
    answering c{"*1000\r\n" + bulks(1000)};
    strings seen;
    CHECK(c.elements([&seen](std::string_view text) {
        seen.emplace_back(text);
        return seen.size() < 3;
    }) == umbel::elements_given{3, false});
    CHECK(seen == strings{"e0", "e1", "e2"});
    CHECK(c.in_step());
}

TEST_CASE("the operation ends as soon as no more is wanted, before the rest has come", "[for_each]") {
    scripted::answer part{"*3\r\n+a\r\n"};
    answering c{part};
    int given = 0;
    CHECK(c.elements([&given](std::string_view) { return ++given > 1; }) == umbel::elements_given{1, false});
}

TEST_CASE("a function that throws ends the operation, not the client", "[for_each]") {
    answering c{"*3\r\n" + bulks(3)};
    int given = 0;
    told const thrown = c.elements([&given](std::string_view) {
        if (++given == 2) throw 7;
    });
    CHECK(code_of(thrown) == "bad_argument");
    CHECK(delivery_of(thrown) == "executed");
    CHECK(thrown.error().elements_given() == 1);
    CHECK(thrown.error().to_string().ends_with("(after 1 elements)"));
    CHECK(c.in_step());
}

TEST_CASE("a reply that is no aggregate, and an error", "[for_each]") {
    answering c{"$3\r\nabc\r\n"};
    auto const none = [](std::string_view) { FAIL("nothing is given"); };
    CHECK(code_of(c.elements(none)) == "unexpected_type");
    c.reply = scripted::answer{"-WRONGTYPE Operation against a key holding the wrong kind of value\r\n"};
    CHECK(code_of(c.elements(none)) == "wrong_type");
    c.reply = scripted::answer{"*-1\r\n"};
    CHECK(c.elements(none) == umbel::elements_given{0, true});
    CHECK(c.in_step());
}

TEST_CASE("malformed replies break the connection, and what was given is told", "[for_each]") {
    for (char const* const reply : {"*2\r\n+a\r\n?\r\n", "*2\r\n+a\r\n.\r\n", "*2\r\n+a\r\n$x\r\n"}) {
        answering c{reply};
        told const broken = c.elements([](std::string_view) {});
        CHECK(code_of(broken) == "protocol_error");
        CHECK(delivery_of(broken) == "executed");
        CHECK(broken.error().elements_given() == 1);
        CHECK(c.in_step());
    }
    for (char const* const reply : {"*x\r\n", "*1", "%9999999999999999999\r\n", "*1\n"}) {
        answering c{scripted::answer::cut(reply, std::string_view{reply}.size())};
        CHECK_FALSE(
            c.here.wait(c.here.db->with(300ms).for_each(umbel::cmd.smembers("k"), [](std::string_view) {})));
    }
}

TEST_CASE("a connection that is lost before the first element is not noticed, one that is lost later is",
          "[for_each]") {
    std::string const whole = "*3\r\n" + bulks(3);
    for (std::size_t cut = 0; cut < whole.size(); ++cut) {
        int sent = 0;
        at_home::backend here{[&](words const& said) -> std::optional<scripted::answer> {
            if (said[0] != "SMEMBERS") return std::nullopt;
            return sent++ == 0 ? scripted::answer::cut(whole, cut) : scripted::answer{whole};
        }};
        std::uint64_t given = 0;
        told const end =
            here.wait(here.db->for_each(umbel::cmd.smembers("k"), [&](std::string_view) { ++given; }));
        INFO("cut after " << cut);
        if (end) {
            CHECK(cut < 4);
            CHECK(*end == umbel::elements_given{3, true});
            CHECK(given == 3);
            CHECK(sent == 2);
        } else {
            CHECK(cut >= 4);
            CHECK(code_of(end) == "connection_lost");
            CHECK(delivery_of(end) == "executed");
            CHECK(end.error().elements_given() == given);
            CHECK(given == (cut - 4) / 8);
            CHECK(sent == 1);
        }
    }
}

TEST_CASE("redirects are followed before the first element", "[for_each]") {
    strings seen;
    auto const add = [&seen](std::string_view text) { seen.emplace_back(text); };
    for (bool const asks : {false, true}) {
        at_home::two_nodes here;
        here.high_says = [&](words const& said) -> std::optional<scripted::answer> {
            if (said[0] != "SMEMBERS") return std::nullopt;
            return at_home::fault(asks ? "ASK" : "MOVED", 12182, here.low);
        };
        here.low_says = [&](words const& said) -> std::optional<scripted::answer> {
            if (said[0] == "ASKING") return scripted::answer{"+OK\r\n"};
            if (said[0] != "SMEMBERS") return std::nullopt;
            return scripted::answer{"*2\r\n+a\r\n+b\r\n"};
        };
        seen.clear();
        CHECK(here.wait(here.db->for_each(umbel::cmd.smembers("foo"), add)) ==
              umbel::elements_given{2, true});
        CHECK(seen == strings{"a", "b"});
        CHECK(here.low.count("ASKING") == (asks ? 1 : 0));
    }
}

TEST_CASE("a script is brought to a node that lacks it, and a prefix stands in front of keys", "[for_each]") {
    at_home::backend here{[](words const& said) -> std::optional<scripted::answer> {
        if (said[0] == "EVALSHA") return "-NOSCRIPT No matching script. Please use EVAL.\r\n";
        if (said[0] == "EVAL") return "*1\r\n" + scripted::bulk(said[3]);
        return std::nullopt;
    }};
    static umbel::script const listing{"return redis.call('SMEMBERS', KEYS[1])"};
    strings seen;
    auto const add = [&seen](std::string_view text) { seen.emplace_back(text); };
    CHECK(here.wait(here.db->for_each(umbel::cmd.run<strings>(listing, umbel::key{"k"}), add)) ==
          umbel::elements_given{1, true});
    CHECK(here.wait(here.db->prefixed("p:").for_each(umbel::cmd.run<strings>(listing, umbel::key{"k"}),
                                                     add)) == umbel::elements_given{1, true});
    CHECK(seen == strings{"k", "p:k"});
}

TEST_CASE("what may not be sent is refused, and the function is never called", "[for_each]") {
    answering c{"*1\r\n+a\r\n"};
    auto const none = [](std::string_view) { FAIL("nothing is given"); };
    std::vector<std::string_view> const subscribe{"SUBSCRIBE", "x"};
    CHECK(code_of(c.here.wait(c.here.db->for_each(umbel::cmd.execute(subscribe), none))) == "needs_lease");
    at_home::two_nodes cluster;
    CHECK(code_of(cluster.wait(cluster.db->for_each(umbel::cmd.keys("*"), none))) == "bad_argument");
}

TEST_CASE("a cancellation and a deadline in the middle end the operation, and the connection stays in step",
          "[for_each]") {
    bool const by_deadline = GENERATE(false, true);
    std::string const rest = "+b\r\n+c\r\n";
    answering c{scripted::answer{"*3\r\n+a\r\n"}};
    asio::cancellation_signal signal;
    std::optional<told> end;
    std::uint64_t given = 0;
    auto const within = by_deadline ? 50ms : std::chrono::milliseconds{20'000};
    c.here.db->with(within).for_each(umbel::cmd.smembers("k"), [&](std::string_view) { ++given; })(
        asio::bind_cancellation_slot(signal.slot(), [&](told value) { end.emplace(std::move(value)); }));
    CHECK(c.here.until([&] { return given == 1; }));
    if (!by_deadline) signal.emit(asio::cancellation_type::terminal);
    CHECK(c.here.until([&] { return end.has_value(); }));
    CHECK(code_of(*end) == (by_deadline ? "deadline_exceeded" : "cancelled"));
    CHECK(delivery_of(*end) == "executed");
    CHECK(end->error().elements_given() == 1);
    // The rest of its reply comes, and belongs to nobody.
    c.reply = scripted::answer{rest + "*1\r\n+z\r\n"};
    strings seen;
    CHECK(c.elements([&seen](std::string_view text) { seen.emplace_back(text); }) ==
          umbel::elements_given{1, true});
    CHECK(seen == strings{"z"});
    CHECK(given == 1);
}

TEST_CASE("a function may cancel its own operation, and begin others", "[for_each]") {
    answering c{"*3\r\n" + bulks(3)};
    asio::cancellation_signal signal;
    std::optional<told> end;
    int given = 0, others = 0;
    c.here.db->for_each(umbel::cmd.smembers("k"), [&](std::string_view) {
        ++given;
        c.here.db->set("x", "y")([&](auto done) { others += done.has_value() ? 1 : 0; });
        if (given == 2) signal.emit(asio::cancellation_type::terminal);
    })(asio::bind_cancellation_slot(signal.slot(), [&](told value) { end.emplace(std::move(value)); }));
    CHECK(c.here.until([&] { return end.has_value() && others >= 2; }));
    if (*end)
        CHECK(given == 3);
    else
        CHECK(code_of(*end) == "cancelled");
    CHECK(c.in_step());
}

TEST_CASE("the function lives until the operation has ended, also where nothing was sent", "[for_each]") {
    answering c{"*1\r\n+a\r\n"};
    auto const owned = std::make_shared<int>(0);
    auto const counted = [owned](std::string_view) { ++*owned; };
    {
        auto const dropped = c.here.db->for_each(umbel::cmd.smembers("k"), counted);
        CHECK(owned.use_count() == 3);
    }
    CHECK(owned.use_count() == 2);
    CHECK(c.elements(counted));
    CHECK(*owned == 1);
    CHECK(owned.use_count() == 2);
    CHECK(code_of(c.here.wait(c.here.db->with(0ms).for_each(umbel::cmd.smembers("k"), counted))) ==
          "deadline_exceeded");
    CHECK(code_of(c.here.wait(
              c.here.db->for_each(umbel::cmd.lrange(std::string(600, 'k'), 0, -1), counted))) == "none");
    auto late = c.here.db->for_each(umbel::cmd.smembers("k"), counted);
    c.here.db.reset();
    CHECK(code_of(c.here.wait(std::move(late))) == "cancelled");
    CHECK(owned.use_count() == 2);
}

TEST_CASE("a million elements leave nothing behind in memory", "[for_each]") {
    constexpr int count = 1'000'000;
    answering c{"*" + std::to_string(count) + "\r\n" + bulks(count)};
    umbel::options const chosen = at_home::plain(c.here.seed);
    CHECK(chosen.reply_bytes_max > 0);
    std::uint64_t bytes = 0;
    told const end = c.here.wait(
        c.here.db->with(umbel::no_deadline)
            .for_each(umbel::cmd.smembers("k"), [&bytes](std::string_view text) { bytes += text.size(); }));
    CHECK(end == umbel::elements_given{count, true});
    CHECK(bytes > 6'000'000);
    CHECK(c.in_step());
}

TEST_CASE("without coroutines elements are waited for", "[for_each]") {
    auto const function = [](std::string_view) {};
    STATIC_REQUIRE(std::is_same_v<decltype(std::declval<umbel::sync_client&>().for_each(
                                      umbel::cmd.smembers("k"), function)),
                                  told>);
}
