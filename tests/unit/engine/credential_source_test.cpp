#include <umbel/engine/credential_source.hpp>

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <atomic>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

using namespace umbel;
using namespace umbel::engine;

namespace {

/// What a client would be.
struct client {
    std::shared_ptr<int> life = std::make_shared<int>(0);
    int woken = 0;
    std::shared_ptr<void> keep_alive() const noexcept { return life; }
    static void wake_from_outside(client& self, std::shared_ptr<void>&& alive) noexcept {
        ++self.woken;
        self.given = std::move(alive);
    }
    std::shared_ptr<void> given;
};
std::vector<credentials_told> taken(credential_source& source) {
    std::vector<credentials_told> all;
    source.take([&](credentials_told&& told) { all.push_back(std::move(told)); });
    return all;
}

}  // namespace

TEST_CASE("an answer that comes at once is taken later, and the client is woken", "[credentials]") {
    client here;
    credential_source source{[](credential_completion const& done) { done(credentials{"app", "one"}); }};
    source.ask({3, {}}, here);
    CHECK(here.woken == 1);
    auto const all = taken(source);
    REQUIRE(all.size() == 1);
    CHECK(all[0].question == 3);
    CHECK(all[0].given->password.view() == "one");
    CHECK(taken(source).empty());
}

TEST_CASE("the first answer counts", "[credentials]") {
    client here;
    std::vector<credential_completion> kept;
    credential_source source{[&](credential_completion done) { kept.push_back(std::move(done)); }};
    source.ask({1, {}}, here);
    source.ask({2, {}}, here);
    kept[1](credentials{"", "two"});
    kept[0](fail(errc::no_credentials, delivery::not_sent, "sealed"));
    kept[0](credentials{"", "again"});
    auto const copy = kept[1];
    copy(credentials{"", "again"});
    CHECK(here.woken == 2);
    auto const all = taken(source);
    REQUIRE(all.size() == 2);
    CHECK(all[0].question == 1);
    CHECK(all[0].why->message() == "sealed");
    CHECK(all[1].question == 2);
}

TEST_CASE("what a provider throws is an answer, unless it has given one", "[credentials]") {
    client here;
    bool answers = false;
    bool other = false;
    credential_source source{[&](credential_completion const& done) {
        if (answers) done(credentials{"", "one"});
        if (other) throw 7;
        throw std::runtime_error{"no network"};
    }};
    source.ask({1, {}}, here);
    auto const first = taken(source);
    REQUIRE(first.size() == 1);
    CHECK(first[0].why->message() == "no network");
    other = true;
    source.ask({2, {}}, here);
    answers = true;
    source.ask({3, {}}, here);
    auto const all = taken(source);
    REQUIRE(all.size() == 2);
    CHECK(all[0].why.has_value());
    CHECK(all[1].given->password.view() == "one");
}

TEST_CASE("a provider hears which node's connection waits, where it wants to know", "[credentials]") {
    client here;
    std::vector<std::string> nodes;
    credential_source source{[&](credential_question const& what, credential_completion const& done) {
        nodes.emplace_back(what.node);
        done(credentials{"", "one"});
    }};
    source.ask({1, "10.0.0.1:6379"}, here);
    source.ask({2, {}}, here);
    CHECK(nodes == std::vector<std::string>{"10.0.0.1:6379", ""});
    CHECK(here.woken == 2);
}

TEST_CASE("what comes between two turns takes no more room than what can matter", "[credentials]") {
    credential_source source{{}};
    for (int i = 0; i < 1000; ++i) {
        source.push(std::make_shared<credentials const>("", std::to_string(i)));
        source.push(nullptr);
    }
    auto const all = taken(source);
    REQUIRE(all.size() == 2);
    CHECK(all[0].given->password.view() == "999");
    CHECK(all[1].given == nullptr);
}

TEST_CASE("an answer comes to nothing where the client has gone or closed", "[credentials]") {
    auto here = std::make_unique<client>();
    credential_completion kept;
    auto source =
        std::make_unique<credential_source>([&](credential_completion done) { kept = std::move(done); });
    SECTION("closed") {
        source->ask({1, {}}, *here);
        source->close();
        kept(credentials{"", "late"});
        CHECK(here->woken == 0);
        CHECK(taken(*source).empty());
    }
    SECTION("gone") {
        source->ask({1, {}}, *here);
        here.reset();
        kept(credentials{"", "late"});
        CHECK(taken(*source).empty());
    }
    SECTION("with its source") {
        source->ask({1, {}}, *here);
        source.reset();
        kept(credentials{"", "late"});
        CHECK(here->woken == 0);
    }
}

TEST_CASE("what nobody asked for is taken like an answer", "[credentials]") {
    credential_source source{{}};
    source.push(std::make_shared<credentials const>("", "pushed"));
    source.push(nullptr);
    auto const all = taken(source);
    REQUIRE(all.size() == 2);
    CHECK(all[0].question == 0);
    CHECK(all[0].given->password.view() == "pushed");
    CHECK(all[1].given == nullptr);
    CHECK_FALSE(all[1].why);
}

TEST_CASE("who answers hands on what has kept the client alive, and keeps none of it", "[credentials]") {
    client here;
    credential_source source{[](credential_completion const& done) { done(credentials{"", "one"}); }};
    source.ask({1, {}}, here);
    CHECK(here.given == here.life);
    CHECK(here.life.use_count() == 2);
}

TEST_CASE("a missing provider is an answer, too", "[credentials]") {
    client here;
    credential_source source{{}};
    source.ask({1, {}}, here);
    auto const all = taken(source);
    REQUIRE(all.size() == 1);
    CHECK(all[0].why.has_value());
}

TEST_CASE("answers may come from many threads while others are taken: the latest is taken", "[credentials]") {
    credential_inbox inbox;
    std::atomic<std::uint32_t> number{0};
    std::vector<std::thread> threads;
    for (int at = 0; at < 4; ++at)
        threads.emplace_back([&] {
            for (std::uint32_t own = ++number; own <= 2000; own = ++number)
                inbox.push({own, std::make_shared<credentials const>("", "x"), {}});
        });
    std::uint32_t latest = 0;
    auto const take = [&] {
        inbox.take([&](credentials_told&& told) { latest = std::max(latest, told.question); });
    };
    for (int i = 0; i < 200; ++i) take();
    for (auto& thread : threads) thread.join();
    take();
    CHECK(latest == 2000);
}
