// Tests of client/consumer_progress.hpp: what a consumer reads next, and what it takes for given.
#include <umbel/client/consumer_progress.hpp>

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include <initializer_list>
#include <string>
#include <vector>

using namespace std::chrono_literals;
using umbel::calling::consumer_action;
using umbel::calling::consumer_move;
using umbel::calling::consumer_news;
using umbel::calling::consumer_progress;

namespace {

constexpr auto never = umbel::engine::never;

consumer_news of(std::initializer_list<char const*> ids, char const* position = "", bool last = false) {
    consumer_news news;
    for (char const* const id : ids) news.given.emplace(id, false);
    news.position = position;
    news.last = last;
    return news;
}

/// A consumer on a clock of the test's own.
struct consumer {
    consumer_progress progress{{.count = 10, .unacknowledged_max = 4, .claim_idle = 60s}};
    umbel::engine::instant now = 1000s;

    consumer_move next(umbel::engine::instant until = never) { return progress.next(now, until); }
    consumer_action action() { return next().action; }
    void accept(consumer_move const& move, consumer_news&& news) {
        progress.accept(move, std::move(news), now);
    }
    /// Nothing pends for it, and nobody leaves anything behind.
    void settle() {
        for (auto const action : {consumer_action::read_pending, consumer_action::claim}) {
            consumer_move const move = next();
            REQUIRE(move.action == action);
            accept(move, of({}, "0-0", true));
        }
    }
    /// The next command once it has settled, one by which the server delivers: a claim, or a read of fresh
    /// entries.
    consumer_move delivers(bool claims) {
        settle();
        if (claims) now += 60s;
        consumer_move const move = next();
        REQUIRE(move.action == (claims ? consumer_action::claim : consumer_action::read_fresh));
        return move;
    }
};

}  // namespace

TEST_CASE("what pends comes first, then what others have left, then what is fresh", "[consumer]") {
    consumer c;
    consumer_move move = c.next();
    CHECK(move.action == consumer_action::read_pending);
    CHECK(move.count == 4);
    CHECK(c.progress.pending_after() == "0");
    c.accept(move, of({"1-1", "1-2"}, "1-2"));
    move = c.next();
    CHECK(move.action == consumer_action::read_pending);
    CHECK(move.count == 2);
    CHECK(c.progress.pending_after() == "1-2");
    c.accept(move, of({}, "", true));
    move = c.next();
    CHECK(move.action == consumer_action::claim);
    CHECK(c.progress.claim_cursor() == "0-0");
    c.accept(move, of({"0-7"}, "0-9"));
    move = c.next();
    CHECK(move.action == consumer_action::claim);
    CHECK(c.progress.claim_cursor() == "0-9");
    c.accept(move, of({}, "0-0", true));
    move = c.next(c.now + 3s);
    CHECK(move.action == consumer_action::read_fresh);
    CHECK(move.count == 1);
    CHECK(move.wait == 3s);
    CHECK(c.progress.out_count() == 3);
}

TEST_CASE("the server waits as long as nothing else is due", "[consumer]") {
    consumer c;
    c.settle();
    consumer_move move = c.next();
    CHECK(move.wait == 5s);
    c.accept(move, {});
    c.now += 58s;
    move = c.next();
    CHECK(move.wait == 2s);
    c.accept(move, {});
    c.now += 2s;
    move = c.next();
    CHECK(move.action == consumer_action::claim);
    c.accept(move, of({}, "0-0", true));
    move = c.next();
    consumer_news full = of({"2-1"});
    full.full = true;
    c.accept(move, std::move(full));
    move = c.next();
    CHECK(move.action == consumer_action::read_fresh);
    CHECK(move.wait == 0s);
    c.accept(move, {});
    CHECK(c.next().wait == 5s);
}

TEST_CASE("no more is out than may be", "[consumer]") {
    consumer c;
    c.settle();
    c.accept(c.next(), of({"1-1", "1-2", "1-3", "1-4"}));
    CHECK(c.action() == consumer_action::wait_for_room);
    c.progress.retire("1-3");
    c.progress.retire("1-3");
    c.progress.retire("nobody's");
    CHECK(c.progress.out_count() == 3);
    CHECK_FALSE(c.progress.is_out("1-3"));
    CHECK(c.next().count == 1);
}

TEST_CASE("a read whose reply is lost is followed by what pends, from the beginning", "[consumer]") {
    consumer c;
    consumer_move const move = c.delivers(GENERATE(false, true));
    SECTION("by an error") { c.progress.lost(move, true, c.now); }
    SECTION("because nobody waits for it any more") { c.progress.abandoned(); }
    for (int again = 0; again < 2; ++again) {
        consumer_move const list = c.next();
        CHECK(list.action == consumer_action::read_pending);
        CHECK(c.progress.pending_after() == "0");
        c.progress.lost(list, true, c.now);  // It is read until its end was seen.
    }
}

TEST_CASE("a read that was sent again is followed by what pends, too", "[consumer]") {
    consumer c;
    consumer_move const move = c.delivers(GENERATE(false, true));
    consumer_news news = of({"1-2"}, "0-0", true);
    news.repeated = true;
    c.accept(move, std::move(news));
    CHECK(c.progress.is_out("1-2"));
    consumer_move const list = c.next();
    CHECK(list.action == consumer_action::read_pending);
    CHECK(c.progress.pending_after() == "0");
    c.accept(list, of({"1-1"}, "1-1"));
    c.accept(c.next(), of({}, "", true));
    CHECK(c.next().wait <= 1s);  // A late execution may take more.
}

TEST_CASE("a read that was certainly not executed is made again", "[consumer]") {
    consumer c;
    c.settle();
    consumer_move const move = c.next();
    c.progress.lost(move, false, c.now);
    CHECK(c.action() == consumer_action::read_fresh);
}

TEST_CASE("what pends is read again until a lost read cannot take anything any more", "[consumer]") {
    consumer c;
    c.settle();
    consumer_move const lost = c.next();
    REQUIRE(lost.wait == 5s);
    c.progress.lost(lost, true, c.now);
    int lists = 0;
    auto const began = c.now;
    for (;;) {
        consumer_move const move = c.next();
        if (move.action == consumer_action::read_pending) {
            ++lists;
            c.accept(move, of({}, "", true));
            continue;
        }
        REQUIRE(move.action == consumer_action::read_fresh);
        if (move.wait == 5s) break;
        CHECK(move.wait == 1s);
        c.now += move.wait;
        c.accept(move, {});
    }
    CHECK(lists == 11);
    CHECK(c.now - began == 10s);
}

TEST_CASE("what is out is no news, nor what was acknowledged while a list was read", "[consumer]") {
    consumer c;
    c.settle();
    c.accept(c.next(), of({"1-1", "1-2"}));
    c.progress.lost(c.next(), true, c.now);
    consumer_move const list = c.next();
    c.progress.retire("1-1");
    CHECK(c.progress.out_count() == 1);
    CHECK_FALSE(c.progress.is_out("1-1"));
    CHECK(c.progress.is_known("1-1"));  // The list is of the time before.
    CHECK(c.progress.is_known("1-2"));
    CHECK_FALSE(c.progress.is_known("1-3"));
    c.accept(list, of({"1-3"}, "1-3"));
    CHECK_FALSE(c.progress.is_known("1-1"));
    CHECK(c.progress.out_count() == 2);
}

TEST_CASE("an entry that comes anew counts once", "[consumer]") {
    consumer c;
    c.settle();
    c.accept(c.next(), of({"1-1", "1-2"}));
    consumer_move const move = c.next();
    c.progress.retire("1-2");
    c.accept(move, of({"1-1", "1-2", "1-3"}));
    CHECK(c.progress.out_count() == 3);
    for (char const* const id : {"1-1", "1-2", "1-3"}) CHECK(c.progress.is_out(id));
}

TEST_CASE("all is given again", "[consumer]") {
    consumer c;
    c.settle();
    c.accept(c.next(), of({"1-1"}));
    SECTION("between two reads") {
        c.progress.give_all_again();
        CHECK(c.progress.out_count() == 0);
    }
    SECTION("while a read is under way, but not what that brings") {
        consumer_move const move = c.next();
        c.progress.give_all_again();
        CHECK(c.progress.out_count() == 1);
        c.accept(move, of({"1-2"}));
        CHECK(c.progress.out_count() == 1);
        CHECK(c.progress.is_out("1-2"));
    }
    SECTION("while a read is under way whose reply is lost") {
        consumer_move const move = c.next();
        c.progress.give_all_again();
        c.progress.lost(move, true, c.now);
        CHECK(c.progress.out_count() == 0);
    }
    CHECK_FALSE(c.progress.is_known("1-1"));
    CHECK(c.action() == consumer_action::read_pending);
    CHECK(c.progress.pending_after() == "0");
}

TEST_CASE("all is given again from the beginning, also while what pends is read", "[consumer]") {
    consumer c;
    consumer_move const move = c.next();
    c.progress.give_all_again();
    c.accept(move, of({"1-2"}, "1-2"));
    CHECK(c.action() == consumer_action::read_pending);
    CHECK(c.progress.pending_after() == "0");
}

TEST_CASE("deleted entries are acknowledged before anything is read", "[consumer]") {
    consumer c;
    consumer_news news = of({}, "1-1");
    news.deleted.insert("1-1");
    c.accept(c.next(), std::move(news));
    CHECK(c.action() == consumer_action::forget_deleted);
    CHECK(c.action() == consumer_action::forget_deleted);
    CHECK(c.progress.deleted().count("1-1") == 1);
    c.progress.forgot_deleted();
    CHECK(c.action() == consumer_action::read_pending);
    CHECK(c.progress.out_count() == 0);
}

TEST_CASE("a group that is missing is made first", "[consumer]") {
    consumer c;
    c.progress.lost(c.next(), false, c.now);
    CHECK_FALSE(c.progress.miss_group());
    CHECK(c.action() == consumer_action::make_group);
    CHECK_FALSE(c.progress.knew_group());
    c.progress.made_group();
    CHECK(c.progress.knew_group());
    c.settle();
    c.progress.lost(c.next(), false, c.now);
    CHECK(c.progress.miss_group());
}

TEST_CASE("nothing is claimed where that is not wanted", "[consumer]") {
    consumer_progress progress{{.count = 10, .unacknowledged_max = 4, .claim_idle = 0s}};
    consumer_move const list = progress.next(0s, never);
    progress.accept(list, of({}, "", true), 0s);
    CHECK(progress.next(0s, never).wait == 5s);
}
