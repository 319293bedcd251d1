#include <umbel/engine/authenticator.hpp>

#include "unit/cluster/read_reply.hpp"
#include "unit/engine/control_plane.hpp"

#include <catch2/catch_test_macros.hpp>

#include <memory>
#include <string>
#include <vector>

using namespace umbel;
using namespace umbel::engine;
using namespace std::chrono_literals;
using umbel::test::control_plane;
using umbel::test::read_reply;

namespace {

engine_options with_password() {
    engine_options options = control_plane::usual();
    options.plan.identity = std::make_shared<credentials const>("app", "one");
    options.observed = true;
    return options;
}
engine_options that_asks() {
    engine_options options = control_plane::usual();
    options.asks_credentials = true;
    options.observed = true;
    return options;
}

struct plane : control_plane {
    authenticator identities;
    std::vector<auth_call*> settled;

    explicit plane(engine_options options = with_password())
        : control_plane{std::move(options)}, identities{shared, links, {this, [](void*, call&) {}}} {}

    template <class Action>
    std::vector<Action> taken() {
        std::vector<Action> found;
        for (action& next : shared.actions)
            if (auto* const wanted = std::get_if<Action>(&next)) found.push_back(std::move(*wanted));
        return found;
    }
    void told(std::uint32_t question, char const* password, instant now = begin) {
        credentials_told answer{question, std::make_shared<credentials const>("app", password), std::nullopt};
        identities.on(answer, now);
    }
    link_status& status(std::uint16_t number) { return node(number).link(link_mode::primary); }
};

std::string bytes_of(call const& call) {
    REQUIRE(call.borrowed);
    std::string text{call.bytes, call.size};
    return text.insert(call.borrowed->at, call.borrowed->data, call.borrowed->size);
}
void answer(call& call, std::string const& bytes) { call.kind->decode(call, read_reply{bytes}); }

}  // namespace

TEST_CASE("new credentials are said by a call of its own on each connection that serves", "[authenticator]") {
    plane p;
    std::uint16_t const first = p.add("10.0.0.1"), second = p.add("10.0.0.2");
    p.open(first);
    p.shared.nodes[second];
    CHECK(p.status(first).identity == 1);
    p.told(0, "two");
    call* const said = p.identities.questions().pop();
    REQUIRE(said);
    CHECK(p.identities.questions().empty());
    CHECK(said->link == link_id{first, link_mode::primary});
    CHECK(said->is_internal());
    CHECK(said->bound);
    CHECK(said->form.tied);
    CHECK(bytes_of(*said) == "*3\r\n$4\r\nAUTH\r\n$3\r\napp\r\n$3\r\ntwo\r\n");
    // The password itself is written from where it stands.
    CHECK(std::string_view{said->bytes, said->size}.find("two") == std::string_view::npos);

    answer(*said, "+OK\r\n");
    REQUIRE(auth_call::from(*said));
    p.identities.settled(*auth_call::from(*said));
    CHECK(p.status(first).identity == 2);
    auto const notices = p.taken<node_reauthenticated>();
    REQUIRE(notices.size() == 1);
    CHECK(notices[0].accepted);
    CHECK(notices[0].node == "10.0.0.1:6379");
}

TEST_CASE("what comes while an AUTH is under way is said behind it", "[authenticator]") {
    plane p;
    p.open(p.add("10.0.0.1"));
    p.told(0, "two");
    call* const said = p.identities.questions().pop();
    p.told(0, "three");
    CHECK(p.identities.questions().empty());
    answer(*said, "+OK\r\n");
    p.identities.settled(*auth_call::from(*said));
    call* const again = p.identities.questions().pop();
    REQUIRE(again);
    CHECK(bytes_of(*again).ends_with("three\r\n"));
}

TEST_CASE("a refused AUTH has the connection replaced, and what may repeat the password is not shown",
          "[authenticator]") {
    plane p;
    std::uint16_t const node = p.add("10.0.0.1");
    p.open(node);
    p.told(0, "two");
    call* const said = p.identities.questions().pop();
    answer(*said, "-WRONGPASS not 'two'\r\n");
    p.shared.actions.clear();
    p.identities.settled(*auth_call::from(*said));
    CHECK(p.status(node).state == link_state::closing);
    auto const closings = p.taken<close_link>();
    REQUIRE(closings.size() == 1);
    CHECK(closings[0].holds_back);
    auto const notices = p.taken<node_reauthenticated>();
    REQUIRE(notices.size() == 1);
    CHECK_FALSE(notices[0].accepted);
    CHECK(notices[0].message == auth_refusal("WRONGPASS not 'two'"));
}

TEST_CASE("an AUTH whose connection ended says nothing of the next one", "[authenticator]") {
    plane p;
    std::uint16_t const node = p.add("10.0.0.1");
    p.open(node);
    p.told(0, "two");
    call* const said = p.identities.questions().pop();
    p.lose(node, control_plane::begin, link_loss::served);
    p.open(node, control_plane::begin + 5s);
    CHECK(p.status(node).identity == 2);
    p.shared.actions.clear();
    said->kind->fail(*said, error{errc::connection_lost, delivery::unknown});
    p.identities.settled(*auth_call::from(*said));
    CHECK(p.shared.actions.empty());
    CHECK(p.status(node).state == link_state::up);
}

TEST_CASE("connections wait for one question, and get its answer", "[authenticator]") {
    plane p{that_asks()};
    std::uint16_t const first = p.add("10.0.0.1"), second = p.add("10.0.0.2");
    p.links.open({first, link_mode::primary}, control_plane::begin);
    p.links.open({second, link_mode::primary}, control_plane::begin);
    CHECK(p.taken<ask_credentials>().size() == 1);
    auto const openings = p.taken<open_link>();
    REQUIRE(openings.size() == 2);
    CHECK(openings[0].plan.awaits_identity);
    p.shared.actions.clear();
    p.told(1, "one");
    auto const given = p.taken<credentials_given>();
    REQUIRE(given.size() == 2);
    CHECK(given[0].link.node == first);
    CHECK(given[1].link.node == second);
    CHECK(given[0].generation == p.status(first).generation);
    CHECK(given[0].identity->password.view() == "one");
    CHECK(p.status(second).identity == 1);
}

TEST_CASE("a failed question is told to the connections that wait, and to the observer", "[authenticator]") {
    plane p{that_asks()};
    std::uint16_t const node = p.add("10.0.0.1");
    p.links.open({node, link_mode::primary}, control_plane::begin);
    p.shared.actions.clear();
    credentials_told answer{1, nullptr, error{errc::no_credentials, delivery::not_sent, "sealed"}};
    p.identities.on(answer, control_plane::begin);
    auto const given = p.taken<credentials_given>();
    REQUIRE(given.size() == 1);
    CHECK(given[0].identity == nullptr);
    CHECK(given[0].why == "the credential provider: sealed");
    CHECK(p.taken<credentials_failed>().size() == 1);

    // The node is not at fault.
    for (int i = 0; i < 10; ++i) {
        link_lost lost{{node, link_mode::primary},
                       p.status(node).generation,
                       errc::no_credentials,
                       "the credential provider: sealed",
                       link_loss::refused};
        p.links.on(lost, control_plane::begin);
        p.links.open({node, link_mode::primary}, control_plane::begin);
    }
    CHECK_FALSE(p.node(node).breaker.refuses());
}

TEST_CASE("NOAUTH has a connection replaced, no more often than one connects", "[authenticator]") {
    plane p;
    std::uint16_t const node = p.add("10.0.0.1");
    link_id const link{node, link_mode::primary};
    instant const now = control_plane::begin;
    p.open(node);
    p.shared.actions.clear();
    p.identities.shut_out(link, now);
    CHECK(p.taken<close_link>().size() == 1);
    p.identities.shut_out(link, now);  // It is closing.
    CHECK(p.taken<close_link>().size() == 1);
    link_closed closed{link, p.status(node).generation};
    p.links.on(closed, now);
    p.open(node, now);
    p.shared.actions.clear();
    p.identities.shut_out(link, now + 10ms);
    CHECK(p.shared.actions.empty());
    p.identities.shut_out(link, now + 2s);
    CHECK(p.taken<close_link>().size() == 1);
}

TEST_CASE("only a NOAUTH that the server says itself replaces a connection", "[authenticator]") {
    plane p;
    std::uint16_t const node = p.add("10.0.0.1");
    p.open(node);
    p.shared.actions.clear();
    call returned;
    retry_state& retry = *returned.make_retry_state();
    retry.from = {node, link_mode::primary};
    retry.fault = errc::no_auth;
    retry.attempt_delivery = delivery::unknown;  // A script's own words.
    call_list all;
    all.push(returned);
    p.identities.look_at(all, control_plane::begin);
    CHECK(p.taken<close_link>().empty());
    retry.attempt_delivery = delivery::not_executed;
    p.identities.look_at(all, control_plane::begin);
    CHECK(p.taken<close_link>().size() == 1);
    all.pop();
}

TEST_CASE("an unusable push is told to the observer, and fails no connection that waits", "[authenticator]") {
    plane p{that_asks()};
    std::uint16_t const node = p.add("10.0.0.1");
    p.links.open({node, link_mode::primary}, control_plane::begin);
    p.shared.actions.clear();
    p.told(0, "");
    CHECK(p.taken<credentials_failed>().size() == 1);
    CHECK(p.taken<credentials_given>().empty());
    p.told(1, "one");
    CHECK(p.taken<credentials_given>().size() == 1);
}

TEST_CASE("a rotation is asked for when time allows", "[authenticator]") {
    plane p{that_asks()};
    credentials_told wish{0, nullptr, std::nullopt};
    p.identities.on(wish, control_plane::begin);
    CHECK(p.taken<ask_credentials>().empty());
    CHECK(p.identities.next_due() <= control_plane::begin);
    p.identities.advance(control_plane::begin);
    p.identities.advance(control_plane::begin);
    CHECK(p.taken<ask_credentials>().size() == 1);
}

TEST_CASE("without credentials NOAUTH replaces nothing", "[authenticator]") {
    plane p{control_plane::usual()};
    std::uint16_t const node = p.add("10.0.0.1");
    p.open(node);
    p.shared.actions.clear();
    p.identities.shut_out({node, link_mode::primary}, control_plane::begin);
    CHECK(p.shared.actions.empty());
    CHECK_FALSE(p.shared.routes.facts().has_credentials.load());
    p.told(0, "first");
    CHECK(p.shared.routes.facts().has_credentials.load());
    p.identities.shut_out({node, link_mode::primary}, control_plane::begin);
    CHECK(p.taken<close_link>().size() == 1);
}
