// Tests of the client of several deployments, on virtual time: two model clusters, of which one fails, hangs
// or comes back, and the book of what each of them has executed.
#include "two_deployments.hpp"

#include <umbel/client/each_client.hpp>
#include <umbel/client/key_scan.hpp>
#include <umbel/client/lease.hpp>

#include <asio/bind_cancellation_slot.hpp>
#include <asio/bind_executor.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/detached.hpp>

#include <algorithm>
#include <future>

using at_home::two_deployments;
using namespace std::chrono_literals;
using umbel::delivery;
using umbel::errc;
using umbel::member_health;

namespace {

/// One write, told apart from all others by what it writes.
struct numbered_write {
    std::string token;
    std::optional<umbel::result<umbel::set_outcome>> answer;
};

/// Users of a multi_client who write all the time.
struct multi_writers {
    two_deployments& d;
    std::vector<std::unique_ptr<numbered_write>> all{};
    bool stopped = false;

    void begin(int users, umbel::testing::duration pause) {
        for (int user = 0; user < users; ++user) go_on(user, pause);
    }
    void go_on(int user, umbel::testing::duration pause) {
        if (stopped) return;
        numbered_write& next = *all.emplace_back(std::make_unique<numbered_write>());
        next.token = "w" + std::to_string(all.size());
        d.db->set("k" + std::to_string(user),
                  next.token)([this, &next, user, pause](umbel::result<umbel::set_outcome> got) {
            next.answer.emplace(std::move(got));
            d.here.time().in(pause, [this, user, pause] { go_on(user, pause); });
        });
    }
    /// Every answer against the books of both members.
    struct verdict {
        int acknowledged = 0, refused = 0, unknown = 0, wrong = 0, on_both = 0;
    };
    verdict judge() const {
        verdict made;
        for (auto const& each : all) {
            auto const found = d.executed.find(each->token);
            auto const [east, west] = found == d.executed.end() ? std::pair{0, 0} : found->second;
            made.on_both += east != 0 && west != 0;
            if (!each->answer) {
                ++made.wrong;
            } else if (*each->answer) {
                ++made.acknowledged;
                made.wrong += east + west != 1;
            } else if (each->answer->error().may_have_executed()) {
                ++made.unknown;
                made.wrong += east + west > 1;
            } else {
                ++made.refused;
                made.wrong += east + west != 0;
            }
        }
        return made;
    }
};

}  // namespace

TEST_CASE("commands go to the heaviest member", "[multi_client]") {
    two_deployments d;
    REQUIRE(d.wait(d.db->ready()));
    REQUIRE(d.wait(d.db->set("k", "v1")));
    CHECK(d.executed["v1"] == std::pair{1, 0});
    CHECK(d.wait(d.db->get("k")).value() == "v1");
    CHECK(d.active() == "east");
    REQUIRE(d.wait(d.db->with(1s).set("k", "v2")));
    REQUIRE(d.wait(d.db->prefixed("app:").set("k", "v3")));
    CHECK(d.wait(d.db->get("app:k")).value() == "v3");
    CHECK(d.executed["v2"] == std::pair{1, 0});
    CHECK(d.told->switches.empty());
}

TEST_CASE("when the active member dies its callers notice no more than that it takes longer",
          "[multi_client]") {
    two_deployments d;
    REQUIRE(d.wait(d.db->ready()));
    two_deployments::crash(d.east());
    d.here.run_for(1ms);
    // Nobody knows yet, and this command waits for a connection.
    auto const told = d.wait(d.db->set("k", "late"));
    REQUIRE(told);
    CHECK(d.executed["late"] == std::pair{0, 1});
    CHECK(d.active() == "west");
    CHECK(d.told->switches == std::vector<std::string>{"east west"});
    CHECK_FALSE(d.told->causes.front().empty());
    CHECK(d.of("east").health == member_health::down);
    CHECK(d.of("east").breaker == umbel::engine::circuit_breaker::state::open);
    CHECK_FALSE(d.of("east").last_failure.empty());
}

TEST_CASE("a member that was dead from the start delays commands, and loses none", "[multi_client]") {
    two_deployments d;
    two_deployments::crash(d.east());
    auto const told = d.wait(d.db->set("k", "first"));
    REQUIRE(told);
    CHECK(d.executed["first"] == std::pair{0, 1});
    REQUIRE(d.wait(d.db->ready()));
}

TEST_CASE("a wait for the topology goes on by the next member", "[multi_client]") {
    two_deployments d;
    two_deployments::crash(d.east());
    CHECK(d.wait(d.db->ready()));
    CHECK(d.active() == "west");
}

TEST_CASE("the trail tells the nodes of both members", "[multi_client]") {
    two_deployments d;
    REQUIRE(d.wait(d.db->ready()));
    two_deployments::crash(d.east());
    two_deployments::crash(d.west());
    d.here.run_for(1ms);
    auto const told = d.wait(d.db->with(1500ms).set("k", "nowhere"));
    REQUIRE_FALSE(told);
    CHECK_FALSE(told.error().may_have_executed());
    CHECK_FALSE(told.error().trail().empty());
    CHECK(d.executed.count("nowhere") == 0);
}

TEST_CASE("the first member serves again after its grace time", "[multi_client]") {
    two_deployments d;
    REQUIRE(d.wait(d.db->ready()));
    two_deployments::crash(d.east());
    d.here.run_for(1s);
    REQUIRE(d.active() == "west");
    two_deployments::restart(d.east());
    d.here.run_for(500ms);
    CHECK(d.active() == "west");
    d.here.run_for(3s);
    CHECK(d.active() == "east");
    REQUIRE(d.wait(d.db->set("k", "back")));
    CHECK(d.executed["back"] == std::pair{1, 0});
    CHECK(d.told->switches == std::vector<std::string>{"east west", "west east"});
}

TEST_CASE("a write that left for a member which hangs fails as unknown, and runs nowhere else",
          "[multi_client]") {
    two_deployments d;
    REQUIRE(d.wait(d.db->set("k", "before")));
    for (umbel::testing::node_number i = 0; i < 2; ++i) d.east().freeze(i);
    std::optional<umbel::result<umbel::set_outcome>> write;
    std::optional<umbel::result<std::optional<std::string>>> read;
    d.db->set("k", "lost")([&](auto got) { write = std::move(got); });
    d.db->get("k")([&](auto got) { read = std::move(got); });
    d.here.run_for(4s);
    REQUIRE(write);
    REQUIRE_FALSE(*write);
    CHECK(write->error().delivery() == delivery::unknown);
    CHECK(d.executed["lost"].second == 0);
    // The read was sent, too, and reads may go on elsewhere.
    REQUIRE(read);
    REQUIRE(*read);
    CHECK(d.active() == "west");
    for (umbel::testing::node_number i = 0; i < 2; ++i) d.east().unfreeze(i);
    d.here.run_for(3s);
    CHECK(d.executed["lost"].second == 0);
}

TEST_CASE("a read whose outcome is unknown stays where it was when that is asked for", "[multi_client]") {
    umbel::multi_options chosen = two_deployments::hurried();
    chosen.move_reads = false;
    two_deployments d{1, chosen};
    REQUIRE(d.wait(d.db->set("k", "before")));
    for (umbel::testing::node_number i = 0; i < 2; ++i) d.east().freeze(i);
    auto const told = d.wait(d.db->get("k"));
    REQUIRE_FALSE(told);
    CHECK(told.error().delivery() == delivery::unknown);
}

TEST_CASE("a switch by hand sticks until the weights count again", "[multi_client]") {
    two_deployments d;
    REQUIRE(d.wait(d.db->ready()));
    d.here.run_for(200ms);
    REQUIRE(d.db->switch_to("west"));
    REQUIRE(d.wait(d.db->set("k", "by hand")));
    CHECK(d.executed["by hand"] == std::pair{0, 1});
    d.here.run_for(30s);
    CHECK(d.active() == "west");
    CHECK(d.of("west").by_hand);
    d.db->choose_by_weight();
    d.here.run_for(200ms);
    CHECK(d.active() == "east");
    CHECK_FALSE(d.of("west").by_hand);
}

TEST_CASE("a switch by hand says what is wrong with its member", "[multi_client]") {
    two_deployments d;
    two_deployments::crash(d.west());
    d.here.run_for(2s);
    auto const unknown = d.db->switch_to("north");
    REQUIRE_FALSE(unknown);
    CHECK(unknown.error() == errc::bad_argument);
    CHECK(unknown.error().message().find("north") != std::string_view::npos);
    auto const down = d.db->switch_to("west");
    REQUIRE_FALSE(down);
    CHECK(down.error() == errc::no_reachable_node);
    CHECK(down.error().message().find("west is down: ") != std::string_view::npos);
    CHECK(d.active() == "east");
}

TEST_CASE("while every member is down a command waits for its deadline, and its error names all of them",
          "[multi_client]") {
    two_deployments d;
    REQUIRE(d.wait(d.db->ready()));
    two_deployments::crash(d.east());
    two_deployments::crash(d.west());
    d.here.run_for(3s);
    auto const before = d.here.time().now();
    auto const told = d.wait(d.db->with(1s).set("k", "v"));
    REQUIRE_FALSE(told);
    CHECK(d.here.time().now() - before >= 1s);
    CAPTURE(told.error().to_string());
    CHECK(told.error().delivery() == delivery::not_sent);
    std::string const message{told.error().message()};
    CHECK(message.find("every member is down: east: ") == 0);
    CHECK(message.find("; west: ") != std::string::npos);
    // One that comes back in time serves what waits.
    std::optional<umbel::result<umbel::set_outcome>> waiting;
    d.db->set("k", "saved")([&](auto got) { waiting = std::move(got); });
    d.here.run_for(100ms);
    two_deployments::restart(d.west());
    d.here.run_for(2500ms);
    REQUIRE(waiting);
    CHECK(*waiting);
    CHECK(d.executed["saved"] == std::pair{0, 1});
}

TEST_CASE("where that is asked for, commands fail at once while every member is down", "[multi_client]") {
    umbel::multi_options chosen = two_deployments::hurried();
    chosen.fail_at_once = true;
    two_deployments d{1, chosen};
    REQUIRE(d.wait(d.db->ready()));
    std::optional<umbel::result<umbel::set_outcome>> waiting;
    two_deployments::crash(d.east());
    two_deployments::crash(d.west());
    d.here.run_for(1ms);
    auto const before = d.here.time().now();
    d.db->set("k", "waits")([&](auto got) { waiting = std::move(got); });
    REQUIRE(d.here.run_while_not([&] { return waiting.has_value(); }, 3s));
    CHECK(d.here.time().now() - before < 2s);
    CHECK_FALSE(*waiting);
    d.here.run_for(2s);
    auto const later = d.here.time().now();
    auto const told = d.wait(d.db->set("k", "v"));
    REQUIRE_FALSE(told);
    CHECK(d.here.time().now() - later < 250ms);
    CHECK(std::string{told.error().message()}.find("every member is down: east: ") == 0);
    two_deployments::restart(d.east());
    d.here.run_for(2s);
    CHECK(d.wait(d.db->set("k", "again")));
}

TEST_CASE("batches, transactions and scans stay with the member where they were called", "[multi_client]") {
    two_deployments d;
    REQUIRE(d.wait(d.db->ready()));
    d.here.run_for(300ms);
    auto held = d.db->transaction(umbel::cmd.set("k", "t1"), umbel::cmd.get("k"));
    auto words = d.db->command<std::string>("SET", umbel::key("k"), "t2");
    auto moves = d.db->set("k", "t3");
    umbel::batch many;
    auto const set = many.add(umbel::cmd.set("k", "t4"));
    auto sent = d.db->batch(std::move(many));
    REQUIRE(d.db->switch_to("west"));
    CHECK(d.wait(std::move(held)));
    CHECK(d.wait(std::move(words)));
    CHECK(d.wait(std::move(moves)));
    bool done = false;
    std::move(sent)([&](umbel::answers told) { done = told[set].has_value(); });
    d.here.run_for(100ms);
    CHECK(done);
    CHECK(d.executed["t2"] == std::pair{1, 0});
    CHECK(d.executed["t3"] == std::pair{0, 1});
    CHECK(d.executed["t4"] == std::pair{1, 0});
    auto const lent = d.wait(d.db->lease("k"));
    REQUIRE(lent);
    REQUIRE(d.db->switch_to("east"));
    CHECK(d.wait(lent->set("k", "leased")));
    CHECK(d.executed["leased"] == std::pair{0, 1});
}

TEST_CASE("a command that has gone on by another member can be cancelled there", "[multi_client]") {
    two_deployments d;
    REQUIRE(d.wait(d.db->ready()));
    d.here.run_for(300ms);
    two_deployments::crash(d.east());
    for (umbel::testing::node_number i = 0; i < 2; ++i) d.west().cut_from_clients(i, true);
    d.here.run_for(1ms);
    for (int round = 0; round < 40; ++round) {
        asio::cancellation_signal signal;
        std::optional<umbel::result<umbel::set_outcome>> answer;
        d.db->set("k", "c" + std::to_string(round))(asio::bind_cancellation_slot(
            signal.slot(), [&](umbel::result<umbel::set_outcome> got) { answer = std::move(got); }));
        d.here.run_for(round * 15ms);
        if (answer) continue;
        signal.emit(asio::cancellation_type::all);
        d.here.run_for(1ms);
        REQUIRE(answer);
        CHECK(answer->error() == errc::cancelled);
        if (round == 20)
            for (umbel::testing::node_number i = 0; i < 2; ++i) d.west().cut_from_clients(i, false);
    }
}

TEST_CASE("when a multi_client goes, what is pending is cancelled, and what begins later, too",
          "[multi_client]") {
    two_deployments d;
    std::optional<umbel::result<umbel::set_outcome>> pending, later;
    two_deployments::crash(d.east());
    d.db->set("k", "v")([&](auto got) { pending = std::move(got); });
    d.here.run_for(5ms);
    auto unbegun = d.db->set("k", "w");
    auto const scoped = d.db->with(1s);
    d.db.reset();
    d.here.run_for(5ms);
    REQUIRE(pending);
    CHECK(pending->error() == errc::cancelled);
    // The client's executor has gone with it.
    auto const noting = [&] {
        return asio::bind_executor(d.here.executor(),
                                   [&](umbel::result<umbel::set_outcome> got) { later = std::move(got); });
    };
    std::move(unbegun)(noting());
    d.here.run_for(5ms);
    REQUIRE(later);
    CHECK(later->error() == errc::cancelled);
    later.reset();
    scoped.set("k", "x")(noting());
    d.here.run_for(5ms);
    REQUIRE(later);
    CHECK(later->error() == errc::cancelled);
}

TEST_CASE("close() closes every member once what is under way has ended", "[multi_client]") {
    two_deployments d;
    REQUIRE(d.wait(d.db->ready()));
    std::optional<umbel::result<umbel::set_outcome>> under_way;
    d.db->set("k", "last")([&](auto got) { under_way = std::move(got); });
    CHECK(d.wait(d.db->close()));
    REQUIRE(under_way);
    CHECK(*under_way);
    auto const late = d.wait(d.db->set("k", "late"));
    REQUIRE_FALSE(late);
    CHECK(late.error() == errc::cancelled);
    auto const switched = d.db->switch_to("west");
    REQUIRE_FALSE(switched);
    CHECK(switched.error() == errc::cancelled);
    CHECK(d.wait(d.db->close()).error() == errc::cancelled);
}

TEST_CASE("a multi_client may outlive the context of its executor", "[multi_client]") {
    std::optional<asio::io_context> io{std::in_place};
    umbel::multi_options chosen = two_deployments::hurried();
    chosen.members = {{"east", two_deployments::quick(), 2}, {"west", two_deployments::quick(), 1}};
    for (umbel::multi_member& each : chosen.members) each.options.seeds = {"127.0.0.1:1"};
    auto const told = std::make_shared<at_home::told_switches>();
    umbel::multi_client db{io->get_executor(), chosen, {}, told};
    std::promise<errc> after;
    bool called = false;
    db.set("k", "v")([&called](auto const&) { called = true; });
    io->run_for(100ms);
    db.set("k", "w")([&called](auto const&) { called = true; });
    io.reset();
    CHECK_FALSE(called);
    CHECK(db.members().size() == 2);
    static_cast<void>(db.switch_to("west"));
    db.set("k", "x")([&after](umbel::result<umbel::set_outcome> const& got) {
        after.set_value(got ? errc::server_error : got.error().code());
    });
    auto answered = after.get_future();
    REQUIRE(answered.wait_for(10s) == std::future_status::ready);
    CHECK(answered.get() == errc::cancelled);
}

TEST_CASE("a watcher may throw, and switch by hand while it is told", "[multi_client]") {
    struct meddling final : umbel::multi_observer {
        umbel::multi_client* db = nullptr;
        int seen = 0;
        void switched(umbel::member_switched const& happened) override {
            ++seen;
            if (db && happened.to == "west") CHECK(db->switch_to("east"));
            throw seen;
        }
    };
    auto const watching = std::make_shared<meddling>();
    two_deployments d;
    umbel::multi_options chosen = two_deployments::hurried();
    chosen.members = {{"east", two_deployments::quick(), 2}, {"west", two_deployments::quick(), 1}};
    umbel::multi_client db{
        [&](umbel::options const& member, umbel::cluster::policy const& policy,
            std::shared_ptr<umbel::observer> told) { return d.here.client(member, policy, std::move(told)); },
        chosen, umbel::cluster::policy{}, watching};
    watching->db = &db;
    d.here.run_for(500ms);
    CHECK(db.switch_to("west"));
    CHECK(watching->seen == 2);
    CHECK(db.members()[0].active);
}

TEST_CASE("a health check of one's own decides", "[multi_client]") {
    bool east_lags = false;
    int throws_left = 0;
    umbel::multi_options chosen = two_deployments::hurried();
    chosen.check = [&](umbel::client const& member, umbel::health_answer answer) {
        if (throws_left > 0) throw --throws_left;
        member.get("lag")([&, answer](umbel::result<std::optional<std::string>> got) {
            if (!got) return answer(umbel::fail(got.error()));
            if (east_lags) return answer(umbel::fail(errc::server_error, delivery::executed, "it lags"));
            answer({});
            answer({});  // Once too often: not heard.
        });
    };
    two_deployments d{1, chosen};
    d.here.run_for(500ms);
    CHECK(d.of("east").health == member_health::up);
    throws_left = 1;
    d.here.run_for(500ms);
    CHECK(d.of("east").health == member_health::up);
    east_lags = true;
    d.here.run_for(1s);
    CHECK(d.of("east").health == member_health::down);
    CHECK(d.of("east").last_failure.find("it lags") != std::string::npos);
    CHECK(d.wait(d.db->set("k", "v")));
}

TEST_CASE("a member that loses connections is checked soon, whatever else is decided meanwhile",
          "[multi_client]") {
    struct hasty final : umbel::observer {
        umbel::multi_client* db = nullptr;
        int losses = 0;
        void disconnected(umbel::engine::node_disconnected const&) override {
            ++losses;
            if (db) db->choose_by_weight();
        }
    };
    auto const watching = std::make_shared<hasty>();
    int checks_of_east = 0;
    umbel::multi_options chosen = two_deployments::hurried();
    chosen.check_interval = 10s;
    chosen.members = {{"east", two_deployments::quick(), 2, watching}, {"west", two_deployments::quick(), 1}};
    for (umbel::multi_member& each : chosen.members) each.options.client_name = each.name;
    umbel::client const* east = nullptr;
    chosen.check = [&](umbel::client const& member, umbel::health_answer const& answer) {
        checks_of_east += &member == east;
        answer({});
    };
    two_deployments d{1, chosen};
    east = d.db->member("east");
    d.here.run_for(1s);
    watching->db = &*d.db;
    two_deployments::crash(d.east());
    d.here.run_for(100ms);
    CHECK(watching->losses != 0);
    CHECK(checks_of_east != 0);
    watching->db = nullptr;
}

TEST_CASE("options that cannot be are told by name", "[multi_client]") {
    auto const told = [](void (*spoil)(umbel::multi_options&)) {
        umbel::multi_options chosen = two_deployments::hurried();
        chosen.members = {{"east", two_deployments::quick(), 2}, {"west", two_deployments::quick(), 1}};
        for (umbel::multi_member& each : chosen.members) each.options.client_name = each.name;
        spoil(chosen);
        asio::io_context io;
        for (umbel::multi_member& each : chosen.members) each.options.seeds = {"127.0.0.1:1"};
        umbel::multi_client db{io.get_executor(), chosen};
        std::optional<umbel::result<umbel::set_outcome>> answer;
        std::optional<umbel::result<umbel::ok>> closed;
        db.set("k", "v")([&](auto got) { answer = std::move(got); });
        db.close()([&](auto got) { closed = std::move(got); });
        io.run_for(1s);
        REQUIRE(answer);
        REQUIRE_FALSE(*answer);
        CHECK(answer->error() == errc::bad_argument);
        CHECK(closed.value().error() == errc::bad_argument);
        CHECK(db.switch_to("east").error() == errc::cancelled);
        return std::string{answer->error().message()};
    };
    using options = umbel::multi_options;
    CHECK(told([](options& o) { o.members.clear(); }).find("members: at least one") != std::string::npos);
    CHECK(told([](options& o) { o.members[1].name = "east"; }).find("the name east") != std::string::npos);
    CHECK(told([](options& o) { o.members[1].name = ""; }).find("no name") != std::string::npos);
    CHECK(told([](options& o) { o.members[1].weight = 0; }).find("west: the weight") != std::string::npos);
    CHECK(told([](options& o) { o.check_interval = 0ms; }).find("check_interval") != std::string::npos);
    CHECK(told([](options& o) { o.check_pause = -1ms; }).find("check_pause") != std::string::npos);
    CHECK(told([](options& o) { o.check_pause = 1h; }).find("check_pause") != std::string::npos);
    CHECK(told([](options& o) { o.check_timeout = 0ms; }).find("check_timeout") != std::string::npos);
    CHECK(told([](options& o) { o.failures_max = 0; }).find("failures_max") != std::string::npos);
    CHECK(told([](options& o) { o.failures_max = 65; }).find("failures_max") != std::string::npos);
    CHECK(told([](options& o) { o.successes_min = 0; }).find("successes_min") != std::string::npos);
    CHECK(told([](options& o) { o.failure_window = 0ms; }).find("failure_window") != std::string::npos);
    CHECK(told([](options& o) { o.failure_window = 100ms; }).find("failure_window") != std::string::npos);
    CHECK(told([](options& o) { o.grace = -1ms; }).find("grace") != std::string::npos);
    CHECK(told([](options& o) { o.grace_max = 1ms; }).find("grace_max") != std::string::npos);
    CHECK(told([](options& o) { o.moves_max = 17; }).find("moves_max") != std::string::npos);
    CHECK(told([](options& o) {
              o.members[1].options.connect_timeout = -1ms;
          }).find("west: options.connect_timeout") != std::string::npos);
    CHECK(told([](options& o) {
              for (int i = 0; i < 15; ++i) o.members.push_back({"m" + std::to_string(i), {}, 1});
          }).find("more than 16") != std::string::npos);
}

TEST_CASE("the audit convicts writes that are lost, doubled, on both members, or were said not to have run",
          "[multi_client]") {
    using umbel::set_outcome;
    two_deployments d;
    multi_writers users{d};
    auto const add = [&](std::string token, umbel::result<set_outcome> answer, std::pair<int, int> ran) {
        auto& made = *users.all.emplace_back(std::make_unique<numbered_write>());
        made.token = token;
        made.answer.emplace(std::move(answer));
        d.executed[token] = ran;
    };
    auto const failed = [](delivery what) { return umbel::fail(errc::connection_lost, what); };
    add("good", set_outcome::written, {0, 1});
    add("unknown", failed(delivery::unknown), {1, 0});
    add("refused", failed(delivery::not_sent), {0, 0});
    CHECK(users.judge().wrong == 0);
    CHECK(users.judge().on_both == 0);
    add("lost", set_outcome::written, {0, 0});
    add("doubled", set_outcome::written, {2, 0});
    add("ran all the same", failed(delivery::not_executed), {1, 0});
    CHECK(users.judge().wrong == 3);
    add("on both", failed(delivery::unknown), {1, 1});
    CHECK(users.judge().wrong == 4);
    CHECK(users.judge().on_both == 1);
}

TEST_CASE("whatever befalls both members, each write runs where its answer says, and never on both",
          "[multi_client]") {
    std::uint64_t const seeds = 60;
    int acknowledged = 0, refused = 0, unknown = 0, switches = 0;
    for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
        CAPTURE(seed);
        two_deployments d{seed};
        multi_writers users{d};
        users.begin(6, 7ms);
        umbel::testing::timeline& time = d.here.time();
        for (int i = 0; i < 12; ++i) {
            auto const when = time.between(50ms, 6s);
            auto const span = time.between(50ms, 1500ms);
            auto& victim = time.chance(60) ? d.east() : d.west();
            auto const node = static_cast<umbel::testing::node_number>(time.pick(2));
            switch (time.pick(5)) {
                case 0:
                    time.in(when, [&] { two_deployments::crash(victim); });
                    time.in(when + span, [&] { two_deployments::restart(victim); });
                    break;
                case 1:
                    time.in(when, [&victim, node] { victim.freeze(node); });
                    time.in(when + span, [&victim, node] { victim.unfreeze(node); });
                    break;
                case 2:
                    time.in(when, [&victim, node] { victim.cut_from_clients(node, true); });
                    time.in(when + span, [&victim, node] { victim.cut_from_clients(node, false); });
                    break;
                case 3: time.in(when, [&victim, node] { victim.reset_connections(node); }); break;
                case 4:
                    time.in(when, [&d, to = time.chance(50)] {
                        static_cast<void>(d.db->switch_to(to ? "west" : "east"));
                    });
                    time.in(when + span, [&d] { d.db->choose_by_weight(); });
                    break;
                default: break;
            }
        }
        d.here.run_for(8s);
        users.stopped = true;
        for (auto* const each : {&d.east(), &d.west()}) each->heal();
        d.here.run_for(5s);
        auto const told = users.judge();
        CHECK(told.wrong == 0);
        CHECK(told.on_both == 0);
        acknowledged += told.acknowledged;
        refused += told.refused;
        unknown += told.unknown;
        switches += static_cast<int>(d.told->switches.size());
    }
    CAPTURE(acknowledged, refused, unknown, switches);
    CHECK(acknowledged > 10'000);
    CHECK(unknown > 0);
    CHECK(switches > 100);
    WARN("writes acknowledged " << acknowledged << ", refused " << refused << ", unknown " << unknown
                                << "; switches " << switches);
}
