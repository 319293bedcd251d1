// Tests of net::loops: which executors make a loop, and which loop a context belongs to.
#include <umbel/async/contexts_impl.hpp>

#include <catch2/catch_test_macros.hpp>

#include <asio/post.hpp>
#include <asio/strand.hpp>
#include <asio/system_executor.hpp>
#include <asio/thread_pool.hpp>

#include <memory>
#include <vector>

using umbel::async::contexts;

TEST_CASE(
    "each context is a context; executors of one context share it, and its connections are spread over them",
    "[contexts]") {
    asio::io_context a{1};
    asio::io_context b{1};
    asio::any_io_executor const on_strand = asio::make_strand(b);
    contexts const all{{a.get_executor(), on_strand, b.get_executor()}};
    CHECK(all.size() == 2);
    CHECK(all.several());
    CHECK(all.only() == nullptr);
    CHECK(all.executor_for(0, 0) == asio::any_io_executor{a.get_executor()});
    CHECK(all.executor_for(0, 7) == asio::any_io_executor{a.get_executor()});
    CHECK(all.executor_for(1, 0) == on_strand);
    CHECK(all.executors() ==
          std::vector<asio::any_io_executor>{a.get_executor(), on_strand, b.get_executor()});
    CHECK(contexts{}.executors().empty());
    CHECK(all.executor_for(1, 1) == asio::any_io_executor{b.get_executor()});
    CHECK(all.io_of(0) == &a);
    CHECK(all.io_of(1) == &b);
    CHECK(all.index_of(&a) == 0);
    CHECK(all.index_of(&b) == 1);
}

TEST_CASE("executors of one context are one entry", "[contexts]") {
    asio::io_context a{1};
    contexts const all{{a.get_executor(), asio::make_strand(a)}};
    CHECK(all.size() == 1);
    CHECK_FALSE(all.several());
    CHECK(all.only() == &a);
}

TEST_CASE("what belongs to no context of the client gets one, always the same", "[contexts]") {
    asio::io_context a{1};
    asio::io_context b{1};
    contexts const all{{a.get_executor(), b.get_executor()}};
    std::vector<std::unique_ptr<asio::io_context>> others;
    bool seen[2] = {};
    for (int i = 0; i < 64; ++i) {
        auto const& other = *others.emplace_back(std::make_unique<asio::io_context>(1));
        CHECK(all.index_of(&other) == contexts::none);
        std::uint8_t const here = all.any_of(&other);
        REQUIRE(here < 2);
        CHECK(all.any_of(&other) == here);
        seen[here] = true;
    }
    CHECK((seen[0] && seen[1]));
}

TEST_CASE("further contexts get no entry of their own", "[contexts]") {
    std::vector<std::unique_ptr<asio::io_context>> owners;
    std::vector<asio::any_io_executor> executors;
    for (unsigned i = 0; i < contexts::contexts_max + 5; ++i) {
        owners.push_back(std::make_unique<asio::io_context>(1));
        executors.push_back(owners.back()->get_executor());
    }
    contexts const all{executors};
    CHECK(all.size() == contexts::contexts_max);
    CHECK(all.index_of(owners[contexts::contexts_max - 1].get()) == contexts::contexts_max - 1);
    CHECK(all.index_of(owners[contexts::contexts_max].get()) == contexts::none);
    CHECK(all.any_of(owners[contexts::contexts_max].get()) < contexts::contexts_max);
}

TEST_CASE("a context is found by the thread that runs it", "[contexts]") {
    asio::io_context a{1};
    asio::io_context b{1};
    contexts const all{{a.get_executor(), asio::make_strand(b)}};
    CHECK(all.running_here(0) == contexts::none);
    unsigned told = contexts::none;
    asio::post(b, [&] { told = all.running_here(0); });
    b.run();
    CHECK(told == 1);
}

TEST_CASE("only an io_context's own executor tells of one; beneath a strand it is found, too", "[contexts]") {
    asio::io_context a{1};
    asio::thread_pool pool{1};
    CHECK(umbel::async::io_of(a.get_executor()) == &a);
    CHECK(umbel::async::io_of(asio::make_strand(a)) == nullptr);
    CHECK(umbel::async::io_of(pool.get_executor()) == nullptr);
    CHECK(umbel::async::io_of(asio::system_executor{}) == nullptr);
    CHECK(umbel::async::io_beneath(asio::make_strand(a)) == &a);
    CHECK(umbel::async::io_beneath(asio::make_strand(asio::any_io_executor{a.get_executor()})) == &a);
    contexts const all{{asio::make_strand(a), pool.get_executor()}};
    CHECK(all.size() == 2);
    CHECK(all.io_of(0) == &a);
    CHECK(all.io_of(1) == nullptr);
    pool.join();
}
