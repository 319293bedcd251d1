// Tests of client/learned_commands.hpp: what is known, who waits, and that readers need no lock. How a client
// asks is tested in learning_call_test.cpp.
#include <umbel/client/learned_commands.hpp>

#include <catch2/catch_test_macros.hpp>

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

using umbel::calling::learned_commands;
using umbel::calling::learner;
using umbel::calling::wakeup;
using umbel::command::learned_command;
using admission = learned_commands::admission;
using namespace std::chrono_literals;

namespace {

struct waiting final : learner {
    std::vector<wakeup> woken;
    std::shared_ptr<learned_commands::ticket> place = std::make_shared<learned_commands::ticket>();
    waiting() { place->who = this; }
    void wake(wakeup why) override { woken.push_back(why); }
};

umbel::command::command_traits const* find(learned_commands const& book, std::string_view name) {
    std::array<std::string_view, 2> const argv{name, "k"};
    return book.find(argv);
}

}  // namespace

TEST_CASE("a name that nobody answers for is asked for less and less often", "[learned_commands]") {
    learned_commands book;
    waiting const first;
    auto const asked = book.wait("x.do", first.place, umbel::engine::instant{1}).second;
    REQUIRE(asked);
    std::vector<umbel::engine::duration> pauses;
    for (int nth = 0; nth < 8; ++nth) pauses.push_back(asked->longer_pause(1min));
    CHECK(pauses == std::vector<umbel::engine::duration>{1s, 2s, 4s, 8s, 16s, 32s, 60s, 60s});
    book.settle(*asked, nullptr, umbel::engine::instant{2});
}

TEST_CASE("the first who wants a name asks, others wait for the answer, and later ones find it",
          "[learned]") {
    learned_commands book;
    CHECK(find(book, "x.do") == nullptr);
    CHECK(book.may_ask("x.do", 0s));
    waiting first, second, third;
    auto const asked = book.wait("x.do", first.place, 0s);
    REQUIRE(asked.first == admission::asks);
    CHECK(asked.second->name() == "x.do");
    CHECK(book.wait("X.DO", second.place, 0s).first == admission::waits);
    CHECK(book.may_ask("x.do", 0s));
    CHECK(first.woken.empty());
    book.settle(*asked.second, std::make_unique<learned_command>("x.do"), 60s);
    CHECK(first.woken == std::vector{wakeup::answered});
    CHECK(second.woken == std::vector{wakeup::answered});
    REQUIRE(find(book, "X.Do"));
    CHECK(find(book, "x.do")->name == "x.do");
    CHECK_FALSE(book.may_ask("x.do", 1h));
    CHECK(book.wait("x.do", third.place, 1h).first == admission::goes_on);
    CHECK(find(book, "") == nullptr);
}

TEST_CASE("what no server knows is asked again after a while", "[learned]") {
    learned_commands book;
    waiting first, second;
    auto const asked = book.wait("x.do", first.place, 5s);
    REQUIRE(asked.second);
    book.settle(*asked.second, nullptr, 65s);
    CHECK(first.woken == std::vector{wakeup::answered});
    CHECK(find(book, "x.do") == nullptr);
    CHECK_FALSE(book.may_ask("x.do", 64s));
    CHECK(book.wait("x.do", second.place, 64s).first == admission::goes_on);
    CHECK(book.may_ask("x.do", 65s));
    CHECK(book.wait("x.do", second.place, 65s).first == admission::asks);
}

TEST_CASE("what is forgotten is asked for again, less and less often, and a row lives on", "[learned]") {
    learned_commands book;
    auto const learn = [&](umbel::engine::instant now, bool reads) {
        waiting const who;
        auto const asked = book.wait("x.do", who.place, now);
        REQUIRE(asked.first == admission::asks);
        auto told = std::make_unique<learned_command>("x.do");
        if (reads) told->flags = umbel::command::command_flag::read_only;
        book.settle(*asked.second, std::move(told), now + 1min);
        return find(book, "x.do");
    };
    book.forget("x.do", 0s);  // Nothing is known of it.
    auto const* const first = learn(1s, false);
    REQUIRE(first);
    book.forget("X.DO", 10s);
    CHECK(find(book, "x.do") == nullptr);
    CHECK(book.may_ask("x.do", 10s));
    CHECK(learn(10s, false) == first);  // It says the same.
    book.forget("x.do", 11s - 1ns);     // Too soon.
    CHECK(find(book, "x.do") == first);
    book.forget("x.do", 11s);
    auto const* const second = learn(11s, true);
    CHECK(second != first);
    CHECK(second->read_only());
    CHECK_FALSE(first->read_only());
    book.forget("x.do", 13s - 1ns);
    CHECK(find(book, "x.do") == second);
    book.forget("x.do", 13s);
    CHECK(learn(13s, false) == first);
    std::vector<umbel::engine::duration> pauses;
    umbel::engine::instant now = 13s;
    for (int nth = 0; nth < 6; ++nth) {
        umbel::engine::instant const before = now;
        while (find(book, "x.do")) book.forget("x.do", now += 1s);
        pauses.push_back(now - before);
        learn(now, false);
    }
    CHECK(pauses == std::vector<umbel::engine::duration>{4s, 8s, 16s, 32s, 60s, 60s});
}

TEST_CASE("so many different descriptions of a command are kept, and the last one holds", "[learned]") {
    learned_commands book;
    umbel::engine::instant now{0};
    for (std::size_t nth = 1; nth <= learned_commands::versions_max + 2; ++nth) {
        waiting const who;
        auto const asked = book.wait("x.do", who.place, now += 1h);
        if (asked.second) {
            auto told = std::make_unique<learned_command>("x.do");
            told->arity = static_cast<std::int8_t>(nth);
            book.settle(*asked.second, std::move(told), now);
        }
        book.forget("x.do", now);
        CHECK((find(book, "x.do") == nullptr) == (nth < learned_commands::versions_max));
    }
    CHECK(find(book, "x.do")->arity == std::int8_t{learned_commands::versions_max});
}

TEST_CASE("who leaves is not woken, and is woken once whatever happens", "[learned]") {
    learned_commands book;
    waiting first, second, third;
    umbel::async::shared_token* const token = new umbel::async::shared_token;
    third.place->token = token;
    auto const asked = book.wait("x.do", first.place, 0s);
    static_cast<void>(book.wait("x.do", second.place, 0s));
    static_cast<void>(book.wait("x.do", third.place, 0s));
    CHECK(book.leave(*second.place) == &second);
    CHECK(book.leave(*second.place) == nullptr);
    book.cancel_wanted(*token);
    book.cancel_wanted(*token);
    CHECK(third.woken == std::vector{wakeup::cancelled});
    book.drop(*asked.second);
    CHECK(first.woken == std::vector{wakeup::dropped});
    CHECK(second.woken.empty());
    CHECK(third.woken.size() == 1);
    waiting apart;
    CHECK(book.leave(*apart.place) == &apart);
    // Who has left before it could wait does not.
    CHECK(book.wait("x.do", apart.place, 0s).first == admission::goes_on);
    token->release();
    token->release();
}

TEST_CASE("so many wait at a time, of all names together, and others go on", "[learned]") {
    learned_commands book{3};
    waiting first, second, third, late;
    auto const asked = book.wait("x.do", first.place, 0s);
    REQUIRE(asked.first == admission::asks);
    CHECK(book.wait("x.do", second.place, 0s).first == admission::waits);
    auto const other = book.wait("x.other", third.place, 0s);
    CHECK(other.first == admission::asks);
    CHECK(book.wait("x.do", late.place, 0s).first == admission::goes_on);
    CHECK(book.wait("x.third", late.place, 0s).first == admission::goes_on);
    CHECK(book.leave(*second.place) == &second);
    CHECK(book.wait("x.do", late.place, 0s).first == admission::waits);
    book.settle(*asked.second, nullptr, 0s);
    CHECK(first.woken.size() == 1);
    CHECK(late.woken.size() == 1);
    CHECK(second.woken.empty());
    waiting fourth, fifth;
    CHECK(book.wait("x.do", fourth.place, 0s).first == admission::asks);
    CHECK(book.wait("x.third", fifth.place, 0s).first == admission::asks);
    book.settle(*other.second, nullptr, 0s);
    CHECK(third.woken.size() == 1);
}

TEST_CASE("who is woken may leave or cancel others that are woken with it", "[learned]") {
    struct meddler final : learner {
        std::function<void()> then;
        std::shared_ptr<learned_commands::ticket> place = std::make_shared<learned_commands::ticket>();
        void wake(wakeup) override { then(); }
    };
    learned_commands book;
    meddler first;
    first.place->who = &first;
    waiting second, third;
    auto* const token = new umbel::async::shared_token;
    third.place->token = token;
    first.then = [&] {
        CHECK(book.leave(*second.place) == &second);
        book.cancel_wanted(*token);
    };
    auto const asked = book.wait("x.do", first.place, 0s);
    static_cast<void>(book.wait("x.do", second.place, 0s));
    static_cast<void>(book.wait("x.do", third.place, 0s));
    book.settle(*asked.second, nullptr, 0s);
    CHECK(second.woken.empty());
    CHECK(third.woken == std::vector{wakeup::answered});
    token->release();
    token->release();
}

TEST_CASE("so many names and no more are kept, and no long ones", "[learned]") {
    learned_commands book;
    std::vector<std::unique_ptr<waiting>> all;
    for (std::size_t nth = 0; nth < learned_commands::names_max; ++nth) {
        std::string const name = "x." + std::to_string(nth);
        REQUIRE(book.may_ask(name, 0s));
        auto const asked = book.wait(name, all.emplace_back(std::make_unique<waiting>())->place, 0s);
        REQUIRE(asked.second);
        book.settle(*asked.second, std::make_unique<learned_command>(name), 0s);
    }
    CHECK_FALSE(book.may_ask("x.more", 0s));
    waiting late;
    CHECK(book.wait("x.more", late.place, 0s).first == admission::goes_on);
    CHECK(find(book, "x.17")->name == "x.17");
    CHECK_FALSE(learned_commands{}.may_ask(std::string(65, 'x'), 0s));
    CHECK_FALSE(learned_commands{}.may_ask("", 0s));
}

TEST_CASE("readers see whole rows while others are learned", "[learned]") {
    learned_commands book;
    std::atomic<bool> done{false};
    std::atomic<std::size_t> wrong{0};
    std::vector<std::thread> readers;
    for (int nth = 0; nth < 2; ++nth)
        readers.emplace_back([&] {
            while (!done.load()) {
                for (int which = 0; which < 300; ++which) {
                    std::string const name = "x." + std::to_string(which);
                    auto const* const row = find(book, name);
                    if (row && (row->name != name || row->arity != -3)) ++wrong;
                }
            }
        });
    for (int which = 0; which < 300; ++which) {
        waiting asking;
        auto const asked = book.wait("x." + std::to_string(which), asking.place, 0s);
        auto made = std::make_unique<learned_command>("x." + std::to_string(which));
        made->arity = -3;
        book.settle(*asked.second, std::move(made), 0s);
    }
    done.store(true);
    for (std::thread& reader : readers) reader.join();
    CHECK(wrong.load() == 0);
    CHECK(find(book, "x.299"));
}
