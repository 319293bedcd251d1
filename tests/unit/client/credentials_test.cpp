// Who a client says it is: providers that answer at once, later, wrongly or never, passwords that change
// under way, servers that do not let it in any more, and set-up commands.
#include "at_home.hpp"

#include <asio/post.hpp>

#include <atomic>
#include <deque>
#include <functional>
#include <memory>
#include <set>
#include <stdexcept>
#include <thread>
#include <vector>

using at_home::code_of;
using at_home::shown;
using scripted::words;
using umbel::credential_completion;
using umbel::credentials;
using umbel::errc;
using namespace std::chrono_literals;

namespace {

/// Writes down what it is told of credentials.
struct diary : umbel::observer {
    std::vector<umbel::engine::node_reauthenticated> renewed;
    std::vector<std::string> failures;
    std::vector<std::string> refused;
    void reauthenticated(umbel::engine::node_reauthenticated const& told) override {
        renewed.push_back(told);
    }
    void credentials_failed(umbel::engine::credentials_failed const& told) override {
        failures.push_back(told.message);
    }
    void connect_failed(umbel::engine::node_connect_failed const& told) override {
        refused.push_back(std::string{umbel::name_of(told.why)} + ": " + told.message);
    }
};

/// A server that lets in who says one of its passwords, and a client that asks a provider of the test's.
struct guarded {
    asio::io_context io{1};
    std::set<std::string> passwords{"one"};
    std::function<std::optional<scripted::answer>(words const&)> says;
    scripted::server server{io, [this](words const& said) { return answer_to(said); }};
    std::shared_ptr<diary> watching = std::make_shared<diary>();
    umbel::options chosen = at_home::plain(server.address());
    std::vector<credential_completion> questions;
    std::optional<umbel::client> db;

    std::optional<scripted::answer> answer_to(words const& said) {
        if (says)
            if (auto special = says(said)) return special;
        if (said[0] != "AUTH") return std::nullopt;
        said_.push_back(said.back());
        if (passwords.contains(said.back())) return scripted::ok;
        return "-WRONGPASS invalid username-password pair or user is disabled.\r\n";
    }
    void ask(umbel::credential_provider provider) { chosen.credential_provider = std::move(provider); }
    /// Keeps every question.
    void ask_and_keep() {
        ask([this](credential_completion done) { questions.push_back(std::move(done)); });
    }
    void connect() { db.emplace(io.get_executor(), chosen, umbel::cluster::policy{}, watching); }
    template <class Value>
    auto wait(umbel::operation<Value> what) {
        return at_home::wait(io, std::move(what));
    }
    template <class Done>
    bool until(Done&& done) {
        return at_home::until(io, std::forward<Done>(done));
    }
    /// The passwords that were said, in order.
    std::vector<std::string> const& said() const { return said_; }

private:
    std::vector<std::string> said_;
};

}  // namespace

TEST_CASE("a provider that answers at once is asked once, and its answer comes before the first command",
          "[credentials]") {
    guarded here;
    int asked = 0;
    here.ask([&](credential_completion const& done) {
        ++asked;
        done(credentials{"app", "one", 1h});
    });
    here.connect();
    CHECK(shown(here.wait(here.db->incr("n"))) == "1");
    CHECK(asked == 1);
    CHECK(here.server.seen()[0] == words{"AUTH", "app", "one"});
    here.server.cut();
    CHECK(here.until([&] { return here.server.accepted() == 2; }));
    CHECK(shown(here.wait(here.db->incr("n"))) == "2");
    CHECK(asked == 1);
    CHECK(here.said() == std::vector<std::string>{"one", "one"});
}

TEST_CASE("a provider is told which node's connection waits, and of no node where none waits",
          "[credentials]") {
    guarded here;
    std::vector<std::string> nodes;
    here.ask([&](umbel::credential_question what, credential_completion const& done) {
        nodes.emplace_back(what.node);
        done(credentials{"app", "one", 1h});
    });
    here.connect();
    CHECK(shown(here.wait(here.db->incr("n"))) == "1");
    here.db->reauthenticate();
    CHECK(here.until([&] { return nodes.size() == 2; }));
    CHECK(nodes == std::vector<std::string>{here.server.address(), ""});
}

TEST_CASE("a provider may answer later, on another thread, and is asked anew where it names no time",
          "[credentials]") {
    guarded here;
    here.chosen.connect_timeout = 20s;
    here.ask_and_keep();
    here.connect();
    std::string first;
    here.db->incr("n")([&](auto value) { first = shown(value); });
    CHECK(here.until([&] { return here.questions.size() == 1 && here.server.accepted() == 1; }));
    at_home::settle(here.io);
    CHECK(here.server.seen().empty());
    std::thread{[&] { here.questions[0](credentials{"", "one"}); }}.join();
    CHECK(here.until([&] { return !first.empty(); }));
    CHECK(first == "1");
    CHECK(here.server.seen()[0] == words{"AUTH", "one"});
    here.questions[0](credentials{"", "two"});  // A second answer does nothing.
    CHECK(shown(here.wait(here.db->incr("n"))) == "2");
    CHECK(here.said() == std::vector<std::string>{"one"});
}

TEST_CASE("what a provider does wrong is an error on the commands concerned, and the next attempt works",
          "[credentials]") {
    struct {
        char const* name;
        umbel::credential_provider provider;
    } const all[] = {
        {"throws", [](credential_completion const&) { throw std::runtime_error{"no route to the vault"}; }},
        {"fails",
         [](credential_completion const& done) {
             done(umbel::fail(errc::no_credentials, umbel::delivery::not_sent, "no route to the vault"));
         }},
        {"empty", [](credential_completion const& done) { done(credentials{"app", ""}); }},
        {"expired", [](credential_completion const& done) { done(credentials{"app", "one", -1s}); }},
        {"never", [](credential_completion const&) {}},
    };
    for (auto const& wrong : all) {
        CAPTURE(wrong.name);
        guarded here;
        here.chosen.connect_timeout = 40ms;
        bool well = false;
        here.ask([&](credential_completion done) {
            if (well) return done(credentials{"app", "one"});
            wrong.provider(std::move(done));
        });
        here.connect();
        auto const told = here.wait(here.db->with(300ms).get("k"));
        REQUIRE_FALSE(told);
        CHECK(told.error().delivery() == umbel::delivery::not_sent);
        CHECK(std::string{told.error().message()}.find("credential provider") != std::string::npos);
        CHECK(here.server.seen().empty());
        REQUIRE_FALSE(here.watching->refused.empty());
        CHECK(here.watching->refused[0].starts_with("no_credentials: the credential provider"));
        well = true;
        CHECK(shown(here.wait(here.db->incr("n"))) == "1");
    }
}

TEST_CASE("a token is replaced before it expires, between two commands", "[credentials]") {
    guarded here;
    int asked = 0;
    here.passwords = {"token 1", "token 2", "token 3"};
    here.ask([&](credential_completion const& done) {
        ++asked;
        // The third is for good.
        done(credentials{"", "token " + std::to_string(asked),
                         asked < 3 ? std::optional<std::chrono::nanoseconds>{200ms} : 1h});
    });
    here.connect();
    std::int64_t count = 0;
    while (here.watching->renewed.size() < 2) REQUIRE(here.wait(here.db->incr("n")) == ++count);
    CHECK(here.said() == std::vector<std::string>{"token 1", "token 2", "token 3"});
    CHECK(here.server.accepted() == 1);
    CHECK(here.watching->renewed[0].accepted);
    CHECK(here.watching->renewed[0].node == here.server.address());
}

TEST_CASE("a password changes between two commands of many, and no reply is mixed up", "[credentials]") {
    for (bool const pushed : {true, false}) {
        guarded here;
        std::string current = "one";
        if (pushed)
            here.chosen.password = "one";
        else
            here.ask([&](credential_completion const& done) { done(credentials{"app", current}); });
        here.connect();
        REQUIRE(shown(here.wait(here.db->incr("n"))) == "1");
        here.passwords.insert("two");
        current = "two";
        std::vector<std::int64_t> replies;
        auto const begin_many = [&] {
            for (int i = 0; i < 500; ++i)
                here.db->incr("n")([&](auto value) { replies.push_back(value.value_or(-1)); });
        };
        begin_many();
        pushed ? here.db->reauthenticate(credentials{"", "two"}) : here.db->reauthenticate();
        for (std::size_t wanted = 500; here.watching->renewed.empty(); wanted += 500) {
            REQUIRE(here.until([&] { return replies.size() == wanted; }));
            if (here.watching->renewed.empty()) begin_many();
        }
        CHECK(here.watching->renewed[0].accepted);
        here.passwords.erase("one");
        begin_many();
        REQUIRE(here.until(
            [&] { return replies.size() % 500 == 0 && here.server.count("INCR") == replies.size() + 1; }));
        for (std::size_t i = 0; i < replies.size(); ++i)
            REQUIRE(replies[i] == static_cast<std::int64_t>(i) + 2);
        CHECK(here.said() == std::vector<std::string>{"one", "two"});
        CHECK(here.server.accepted() == 1);
        here.server.cut();
        CHECK(here.wait(here.db->get("other")).has_value());
        CHECK(here.said().back() == "two");
    }
}

TEST_CASE("a refused AUTH closes the connection when it has drained, and is told", "[credentials]") {
    guarded here;
    here.chosen.password = "one";
    here.connect();
    REQUIRE(shown(here.wait(here.db->incr("n"))) == "1");
    here.db->reauthenticate(credentials{"", "wrong"});
    int asked = 0;
    std::vector<std::string> told;
    // Commands keep coming: the connection drains all the same.
    while (told.empty() || told.back() != "wrong_password") {
        REQUIRE(asked < 100000);
        for (int i = 0; i < 10; ++i, ++asked)
            here.db->incr("n")([&](auto value) { told.push_back(code_of(value)); });
        REQUIRE(here.until([&] { return told.size() == static_cast<std::size_t>(asked); }));
    }
    REQUIRE(here.watching->renewed.size() == 1);
    CHECK_FALSE(here.watching->renewed[0].accepted);
    CHECK(here.watching->renewed[0].message.starts_with("WRONGPASS"));
    auto const refused = here.wait(here.db->get("k"));
    CHECK(code_of(refused) == "wrong_password");
    CHECK(refused.error().node() == here.server.address());
    CHECK(refused.error().message().starts_with("WRONGPASS"));
    here.db->reauthenticate(credentials{"", "one"});
    std::string last;
    while (last != "nil") last = shown(here.wait(here.db->get("k")));
}

TEST_CASE("a server that says NOAUTH on a connection that serves is connected to anew", "[credentials]") {
    guarded here;
    here.chosen.password = "one";
    std::size_t shut_out = 0;
    here.says = [&](words const& said) -> std::optional<scripted::answer> {
        if (said[0] != "AUTH" && said[0] != "CLUSTER" && here.server.accepted() <= shut_out)
            return "-NOAUTH Authentication required.\r\n";
        return std::nullopt;
    };
    here.connect();
    REQUIRE(shown(here.wait(here.db->incr("n"))) == "1");
    shut_out = 1;
    std::vector<std::string> told;
    for (int i = 0; i < 100; ++i) here.db->incr("n")([&](auto value) { told.push_back(shown(value)); });
    REQUIRE(here.until([&] { return told.size() == 100; }));
    CHECK(std::set<std::string>(told.begin(), told.end()).size() == 100);
    CHECK_FALSE(std::set<std::string>(told.begin(), told.end()).contains("no_auth"));
    CHECK(here.server.accepted() == 2);

    shut_out = 1000000;
    for (int i = 0; i < 5; ++i) {
        auto const refused = here.wait(here.db->get("k"));
        CHECK(code_of(refused) == "no_auth");
        CHECK(refused.error().node() == here.server.address());
        CHECK(refused.error().delivery() == umbel::delivery::not_executed);
    }
    CHECK(here.server.count("GET") <= 15);
}

TEST_CASE("without a password NOAUTH is told at once", "[credentials]") {
    guarded here;
    here.says = [&](words const& said) -> std::optional<scripted::answer> {
        if (said[0] == "GET") return "-NOAUTH Authentication required.\r\n";
        return std::nullopt;
    };
    here.connect();
    CHECK(code_of(here.wait(here.db->get("k"))) == "no_auth");
    CHECK(here.server.count("GET") == 1);
    CHECK(here.server.accepted() == 1);
}

TEST_CASE("set-up commands go out with the handshake, and a refused one is named", "[credentials]") {
    guarded here;
    here.chosen.password = "one";
    here.chosen.deadline = 5s;
    here.chosen.setup_commands = {{"CLIENT NO-EVICT on"}, {"CLIENT CAPA redirect", true}};
    bool knows = true;
    here.says = [&](words const& said) -> std::optional<scripted::answer> {
        if (said[0] != "CLIENT") return std::nullopt;
        if (said[1] == "NO-EVICT" && knows) return scripted::ok;
        return "-ERR unknown subcommand '" + said[1] + "'. Try CLIENT HELP.\r\n";
    };
    here.connect();
    CHECK(shown(here.wait(here.db->incr("n"))) == "1");
    auto const seen = here.server.seen();
    REQUIRE(seen.size() >= 3);
    CHECK(seen[0] == words{"AUTH", "one"});
    CHECK(seen[1] == words{"CLIENT", "NO-EVICT", "on"});
    CHECK(seen[2] == words{"CLIENT", "CAPA", "redirect"});

    knows = false;
    here.connect();
    auto const refused = here.wait(here.db->get("k"));
    CHECK(code_of(refused) == "server_error");
    CHECK(refused.error().node() == here.server.address());
    CHECK(refused.error().message() ==
          "options.setup_commands: CLIENT NO-EVICT on: ERR unknown subcommand "
          "'NO-EVICT'. Try CLIENT HELP.");
}

TEST_CASE("servers and proxies that do not know HELLO are served", "[credentials]") {
    auto const usual = [](guarded& here) {
        here.chosen.protocol = umbel::protocol::automatic;
        here.chosen.handshake = umbel::handshake::full;
        here.chosen.password = "one";
        here.chosen.setup_commands = {{"CLIENT NO-EVICT on"}};
    };
    SECTION("it closes the connection") {
        guarded here;
        usual(here);
        here.says = [](words const& said) -> std::optional<scripted::answer> {
            if (said[0] == "HELLO" || (said[0] == "CLIENT" && said[1] == "SETINFO"))
                return scripted::answer::cut();
            if (said[0] == "CLIENT") return scripted::ok;
            return std::nullopt;
        };
        here.connect();
        CHECK(shown(here.wait(here.db->incr("n"))) == "1");
        CHECK(here.server.count("HELLO") == 2);
        CHECK(here.server.count("CLIENT") == 1);
        CHECK(here.said() == std::vector<std::string>{"one"});
    }
    SECTION("it says an error, and repeats what it was sent") {
        guarded here;
        usual(here);
        here.says = [](words const& said) -> std::optional<scripted::answer> {
            if (said[0] == "HELLO")
                return "-ERR unknown command 'HELLO', with args beginning with: '3' 'AUTH' 'default' '" +
                       said[3] + "'\r\n";
            if (said[0] == "CLIENT") return scripted::ok;
            return std::nullopt;
        };
        here.connect();
        CHECK(shown(here.wait(here.db->incr("n"))) == "1");
        CHECK(here.said() == std::vector<std::string>{"one"});
        CHECK(here.server.accepted() == 1);
    }
    SECTION("it greets in RESP2") {
        guarded here;
        usual(here);
        here.says = [](words const& said) -> std::optional<scripted::answer> {
            if (said[0] == "HELLO") return "*4\r\n$6\r\nserver\r\n$5\r\nproxy\r\n$5\r\nproto\r\n:2\r\n";
            if (said[0] == "CLIENT") return scripted::ok;
            return std::nullopt;
        };
        here.connect();
        CHECK(shown(here.wait(here.db->incr("n"))) == "1");
        CHECK(here.server.accepted() == 1);
    }
}

TEST_CASE("a server that repeats the password in its error is shown without it", "[credentials]") {
    guarded here;
    here.chosen.password = "open-sesame";
    here.says = [](words const& said) -> std::optional<scripted::answer> {
        if (said[0] == "AUTH") return "-ERR cannot do AUTH '" + said.back() + "' here\r\n";
        return std::nullopt;
    };
    here.connect();
    auto const refused = here.wait(here.db->get("k"));
    CHECK(code_of(refused) == "server_error");
    CHECK(refused.error().message() ==
          "ERR (what else the server says is not shown: it may repeat the password)");
}

TEST_CASE("a client may end while an answer is due", "[credentials]") {
    credential_completion kept;
    {
        guarded here;
        here.ask([&](credential_completion done) { kept = std::move(done); });
        here.connect();
        std::string told;
        here.db->get("k")([&](auto value) { told = code_of(value); });
        CHECK(here.until([&] { return static_cast<bool>(kept); }));
        here.db.reset();
        CHECK(here.until([&] { return !told.empty(); }));
        CHECK(told == "cancelled");
    }
    kept(credentials{"", "late"});
}

TEST_CASE("a client that ends while a thread of the provider's answers does not end on that thread",
          "[credentials]") {
    /// An observer ends with the client that it watches.
    struct mourner : umbel::observer {
        std::atomic<std::thread::id>& ended_on;
        explicit mourner(std::atomic<std::thread::id>& told) : ended_on{told} {}
        ~mourner() override { ended_on = std::this_thread::get_id(); }
    };
    for (int round = 0; round < 200; ++round) {
        std::atomic<std::thread::id> ended_on;
        {
            asio::io_context io{1};
            credential_completion kept;
            std::atomic<bool> go{false};
            umbel::options chosen = at_home::plain("127.0.0.1:1");
            chosen.credential_provider = [&](credential_completion done) { kept = std::move(done); };
            std::optional<umbel::client> db{std::in_place, io.get_executor(), chosen,
                                            umbel::cluster::policy{}, std::make_shared<mourner>(ended_on)};
            REQUIRE(at_home::until(io, [&] { return static_cast<bool>(kept); }));
            std::thread giver{[&] {
                while (!go) std::this_thread::yield();
                kept(credentials{"", "late"});
            }};
            go = true;
            db.reset();
            for (int turns = round % 10; turns != 0; --turns) io.poll();
            giver.join();
        }
        REQUIRE(ended_on.load() == std::this_thread::get_id());
    }
}

TEST_CASE("bad options are told by name", "[credentials]") {
    guarded here;
    SECTION("a provider beside a password") {
        here.ask_and_keep();
        here.chosen.password = "one";
    }
    SECTION("a command that breaks the client") { here.chosen.setup_commands = {{"SUBSCRIBE news"}}; }
    here.connect();
    auto const told = here.wait(here.db->get("k"));
    CHECK(code_of(told) == "bad_argument");
    CHECK(told.error().message().starts_with("options."));
}
