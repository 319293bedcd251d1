// Tests of the watch over one member of a multi_client: what it notes, what it hands on, and what it lets the
// member's policy say.
#include <umbel/client/member_watch.hpp>

#include <catch2/catch_test_macros.hpp>

#include <memory>

using umbel::delivery;
using umbel::errc;
using umbel::calling::member_watch;
using umbel::calling::standby_policy;
using umbel::cluster::attempt;
using step = umbel::cluster::verdict::step;

namespace {

struct counting_listener final : umbel::calling::trouble_listener {
    int troubles = 0;
    void in_trouble() noexcept override { ++troubles; }
};
struct counting_observer final : umbel::observer {
    int seen = 0;
    void connected(umbel::engine::node_connected const&) override { ++seen; }
    void connect_failed(umbel::engine::node_connect_failed const&) override { ++seen; }
    void disconnected(umbel::engine::node_disconnected const&) override { ++seen; }
    void reauthenticated(umbel::engine::node_reauthenticated const&) override { ++seen; }
    void credentials_failed(umbel::engine::credentials_failed const&) override { ++seen; }
    void topology_changed(umbel::engine::topology_changed const&) override { ++seen; }
    void refreshed(umbel::engine::refresh_ended const&) override { ++seen; }
    void redirected(umbel::engine::call_redirected const&) override { ++seen; }
    void retried(umbel::engine::call_retried const&) override { ++seen; }
    void maintenance(umbel::engine::maintenance_announced const&) override { ++seen; }
    void slow(umbel::engine::call_slow const&) override { ++seen; }
};

attempt fault_of(errc code) {
    attempt made;
    made.fault = code;
    made.delivery = delivery::not_sent;
    made.redirects_max = 16;
    return made;
}

}  // namespace

TEST_CASE("on standby nothing is tried again, and a redirect is followed all the same", "[member_watch]") {
    auto const listener = std::make_shared<counting_listener>();
    member_watch watch{listener, {}, nullptr};
    umbel::cluster::policy const policy{standby_policy{&watch}};
    for (errc const code : {errc::connect_failed, errc::connection_lost, errc::loading, errc::cluster_down}) {
        CHECK(policy(fault_of(code)).next != step::fail);
        watch.on_standby = true;
        CHECK(policy(fault_of(code)).next == step::fail);
        watch.on_standby = false;
    }
    watch.on_standby = true;
    CHECK(policy(fault_of(errc::moved)).next == step::follow);
    CHECK(policy(fault_of(errc::ask)).next == step::ask);
}

TEST_CASE("trouble is told once until somebody has looked", "[member_watch]") {
    auto const listener = std::make_shared<counting_listener>();
    member_watch watch{listener, {}, nullptr};
    for (int i = 0; i < 3; ++i) watch.connect_failed({});
    watch.disconnected({.node = {}, .why = errc::connection_lost, .message = {}});
    CHECK(listener->troubles == 1);
    watch.troubled = false;
    watch.disconnected({.node = {}, .why = errc::connection_lost, .message = {}});
    CHECK(listener->troubles == 2);
}

TEST_CASE("a connection that the client closes itself is no trouble", "[member_watch]") {
    auto const listener = std::make_shared<counting_listener>();
    member_watch watch{listener, {}, nullptr};
    watch.disconnected({.node = {}, .why = errc::cancelled, .message = {}});
    watch.connected({});
    CHECK(listener->troubles == 0);
}

TEST_CASE("the user's observer sees everything", "[member_watch]") {
    auto const listener = std::make_shared<counting_listener>();
    auto const user = std::make_shared<counting_observer>();
    member_watch watch{listener, {}, user};
    watch.connected({});
    watch.connect_failed({});
    watch.disconnected({});
    watch.reauthenticated({});
    watch.credentials_failed({});
    watch.topology_changed({});
    watch.refreshed({});
    watch.redirected({});
    watch.retried({});
    watch.maintenance({});
    watch.slow({});
    CHECK(user->seen == 11);
}
