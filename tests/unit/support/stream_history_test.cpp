// The checker of streams must acquit what can be true and convict what cannot.
#include "support/stream_history.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace umbel::test;
using umbel::delivery;

namespace {

void acquitted(stream_history const& book) {
    auto const found = book.check();
    INFO(found.to_string());
    CHECK(found.clean());
    CHECK(found.texts.empty());
}
/// Convicted of this and of nothing else.
void convicted(stream_history const& book, stream_guilt of) {
    auto const found = book.check();
    INFO(found.to_string());
    for (stream_guilt const what : all_stream_guilt) CHECK((found[what] != 0) == (what == of));
    CHECK_FALSE(found.texts.empty());
}

/// An entry that was added at 100, and is there in the end.
struct added {
    stream_history book;
    stream_history::token const it = book.begin();
    added() {
        book.acknowledge(it, 100);
        book.ends_with(it, true);
    }
};

}  // namespace

TEST_CASE("an entry may be given once, and again", "[stream_history]") {
    added a;
    a.book.give(a.it);
    acquitted(a.book);
    a.book.give(a.it);
    acquitted(a.book);
    CHECK(a.book.check().again == 1);
    CHECK(a.book.check().given == 2);
    CHECK(a.book.check().acknowledged == 1);
}

TEST_CASE("an entry that is there must have been given, before it is acknowledged for good",
          "[stream_history]") {
    added a;
    convicted(a.book, stream_guilt::swallowed);
    stream_history late;
    auto const it = late.begin();
    late.acknowledge(it, 100);
    late.ends_with(it, false);
    convicted(late, stream_guilt::unseen);
}

TEST_CASE("what was acknowledged is there, unless a failover may have lost it", "[stream_history]") {
    stream_history book;
    book.acknowledge(book.begin(), 100);
    book.may_lose(101, 200);
    convicted(book, stream_guilt::vanished);
    book.may_lose(100, 100);
    acquitted(book);
    CHECK(book.check().forgiven == 1);
}

TEST_CASE("what is unknown may be there or not, but where it is, it is given", "[stream_history]") {
    stream_history book;
    auto const first = book.begin(), second = book.begin(), third = book.begin();
    for (auto const each : {first, second, third}) book.fail(each, delivery::unknown);
    book.ends_with(second, true);
    book.give(second);
    acquitted(book);
    CHECK(book.check().unknown == 3);
    book.ends_with(third, true);
    convicted(book, stream_guilt::swallowed);
}

TEST_CASE("what was not executed is nowhere", "[stream_history]") {
    for (bool const given : {false, true}) {
        stream_history book;
        auto const it = book.begin();
        book.fail(it, given ? delivery::not_sent : delivery::not_executed);
        acquitted(book);
        book.give(it);
        if (!given) book.ends_with(it, true);
        convicted(book, stream_guilt::invented);
    }
    stream_history book;
    book.give(7);
    convicted(book, stream_guilt::invented);
}

TEST_CASE("what was sent once is there once, and every command is settled", "[stream_history]") {
    added a;
    a.book.give(a.it);
    a.book.ends_with(a.it, true);
    convicted(a.book, stream_guilt::doubled);
    stream_history book;
    book.begin();
    convicted(book, stream_guilt::hung);
}
