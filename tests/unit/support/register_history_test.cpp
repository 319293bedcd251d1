// The register checker must acquit what one order explains and convict what none does; held against every
// order there is, too.
#include "support/register_history.hpp"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <numeric>
#include <random>
#include <string>
#include <vector>

using namespace umbel::test;
using umbel::delivery;

namespace {

/// One register, written and read by steps: each takes ten units of time.
struct book {
    register_history kept;
    std::uint32_t key = kept.key("k");
    register_history::instant now = 0;

    std::size_t begin_write(std::uint64_t value) { return kept.begin_write(key, value, now += 10); }
    std::size_t begin_read() { return kept.begin_read(key, now += 10); }
    void acknowledge(std::size_t number) { kept.acknowledge(number, now += 10); }
    void answer(std::size_t number, std::uint64_t value) { kept.answer(number, value, now += 10); }
    void fail(std::size_t number, delivery delivered) { kept.fail(number, delivered, now += 10); }

    void wrote(std::uint64_t value) { acknowledge(begin_write(value)); }
    void read(std::uint64_t value) { answer(begin_read(), value); }
    void failed_write(std::uint64_t value, delivery delivered) { fail(begin_write(value), delivered); }
    sentence judged() const { return kept.check(); }
};

void acquitted(sentence const& found) {
    INFO(found.to_string());
    CHECK(found.clean());
    CHECK(found.texts.empty());
}
void convicted(sentence const& found, guilt of) {
    INFO(found.to_string());
    for (guilt const what : all_guilt) {
        INFO(name_of(what));
        CHECK((found[what] != 0) == (what == of));
    }
    CHECK_FALSE(found.texts.empty());
}

}  // namespace

TEST_CASE("reads that get what was written last are acquitted", "[register]") {
    book b;
    b.read(0);
    b.wrote(1);
    b.read(1);
    b.wrote(2);
    b.read(2);
    b.read(2);
    acquitted(b.judged());
}

TEST_CASE("the echo of an acknowledged write that undoes a newer one is convicted", "[register]") {
    book b;
    b.wrote(1);
    b.wrote(2);
    b.read(2);
    b.read(1);
    convicted(b.judged(), guilt::not_linearizable);
    CHECK(b.judged().texts[0].find("read of 1") != std::string::npos);
    CHECK(b.judged().texts[0].find("overwritten by write of 2") != std::string::npos);
}

TEST_CASE("an acknowledged write that nobody ever reads is missed where the value before it is read",
          "[register]") {
    book b;
    b.wrote(1);
    b.wrote(2);
    b.read(1);
    convicted(b.judged(), guilt::not_linearizable);
}

TEST_CASE("an empty register after an acknowledged write is convicted", "[register]") {
    book b;
    b.wrote(1);
    b.read(0);
    convicted(b.judged(), guilt::not_linearizable);
}

TEST_CASE("an unknown write may never happen, or at any later time, but once only", "[register]") {
    book never;
    never.wrote(1);
    never.failed_write(2, delivery::unknown);
    never.read(1);
    acquitted(never.judged());

    book late;
    late.wrote(1);
    late.failed_write(2, delivery::unknown);
    late.read(1);
    late.wrote(3);
    late.read(3);
    late.read(2);
    acquitted(late.judged());

    book twice = late;
    twice.wrote(4);
    twice.read(4);
    twice.read(2);
    convicted(twice.judged(), guilt::not_linearizable);
}

TEST_CASE("while a write is under way both values may be read, but not the old one after the new",
          "[register]") {
    book b;
    b.wrote(1);
    std::size_t const write = b.begin_write(2);
    b.read(1);
    b.read(2);
    book gone_back = b;
    b.acknowledge(write);
    acquitted(b.judged());
    gone_back.read(1);
    gone_back.acknowledge(write);
    convicted(gone_back.judged(), guilt::not_linearizable);
}

TEST_CASE(
    "a write that ran twice with another between is convicted, although its caller was told once, and late",
    "[register]") {
    book b;
    std::size_t const repeated = b.begin_write(1);
    b.read(1);
    b.wrote(2);
    b.read(2);
    b.read(1);
    b.acknowledge(repeated);
    convicted(b.judged(), guilt::not_linearizable);
}

TEST_CASE("a write said not to have run that is read is convicted of that", "[register]") {
    for (delivery const told : {delivery::not_sent, delivery::not_executed}) {
        book b;
        b.wrote(1);
        b.failed_write(2, told);
        b.read(1);
        acquitted(b.judged());
        b.read(2);
        convicted(b.judged(), guilt::denied_effect);
    }
}

TEST_CASE("a value that nobody has written, or only later, is convicted as somebody else's", "[register]") {
    book b;
    b.wrote(1);
    b.read(7);
    convicted(b.judged(), guilt::crossed);
    b.wrote(7);
    convicted(b.judged(), guilt::crossed);
}

TEST_CASE("an operation that was never settled, or twice, is convicted", "[register]") {
    book hung;
    hung.begin_write(1);
    convicted(hung.judged(), guilt::hung);
    book twice;
    std::size_t const number = twice.begin_write(1);
    twice.acknowledge(number);
    twice.acknowledge(number);
    convicted(twice.judged(), guilt::crossed);
}

TEST_CASE("what comes after the servers have parted is not judged, and what came before is", "[register]") {
    book b;
    b.wrote(1);
    b.wrote(2);
    std::size_t const astride = b.begin_read();
    b.kept.judged_until(b.key, b.now + 5);
    b.answer(astride, 1);
    b.read(1);
    acquitted(b.judged());

    book guilty;
    guilty.wrote(1);
    guilty.wrote(2);
    guilty.read(1);
    guilty.kept.judged_until(guilty.key, guilty.now + 5);
    guilty.read(1);
    convicted(guilty.judged(), guilt::not_linearizable);
}

TEST_CASE("each key is judged by itself", "[register]") {
    register_history kept;
    std::uint32_t const one = kept.key("one");
    std::uint32_t const two = kept.key("two");
    kept.acknowledge(kept.begin_write(one, 1, 10), 20);
    kept.acknowledge(kept.begin_write(two, 1, 30), 40);
    kept.ends_as(one, 1, 50);
    kept.ends_as(two, 0, 60);
    sentence const found = kept.check();
    CHECK(found[guilt::not_linearizable] == 1);
    CHECK(found.texts[0].find("two") != std::string::npos);
}

TEST_CASE("a search that reaches its bound decides nothing, and says so", "[register]") {
    book b;
    for (std::uint64_t value = 1; value <= 20; ++value) {
        b.wrote(value);
        b.read(value);
    }
    acquitted(b.judged());
    convicted(b.kept.check(10), guilt::undecided);
}

// ---- Against every order there is
// -----------------------------------------------------------------------------------------------

namespace {

/// Tries all orders of all subsets that hold what must have happened.
bool explained_by_some_order(std::vector<register_operation> const& all) {
    std::vector<std::size_t> unknown;
    for (std::size_t i = 0; i < all.size(); ++i)
        if (all[i].ended == register_operation::open) unknown.push_back(i);
    for (unsigned chosen = 0; chosen < (1u << unknown.size()); ++chosen) {
        std::vector<std::size_t> order;
        for (std::size_t i = 0; i < all.size(); ++i) {
            auto const at = std::find(unknown.begin(), unknown.end(), i);
            if (at == unknown.end() || ((chosen >> (at - unknown.begin())) & 1u) != 0) order.push_back(i);
        }
        do {
            std::uint64_t held = 0;
            bool good = true;
            for (std::size_t i = 0; i < order.size() && good; ++i) {
                auto const& one = all[order[i]];
                for (std::size_t j = 0; j < i; ++j) good = good && all[order[j]].begun <= one.ended;
                if (one.write)
                    held = one.value;
                else
                    good = good && held == one.value;
            }
            if (good) return true;
        } while (std::next_permutation(order.begin(), order.end()));
    }
    return false;
}

std::vector<register_operation> any_history(std::mt19937& random) {
    auto const below = [&](unsigned limit) { return static_cast<unsigned>(random() % limit); };
    std::vector<register_operation> made;
    unsigned const writes = 1 + below(4);
    unsigned const reads = 1 + below(3);
    unsigned const span = 4 + below(12);
    for (unsigned i = 0; i < writes + reads; ++i) {
        register_operation one;
        one.write = i < writes;
        one.value = one.write ? i + 1 : below(writes + 1);
        one.begun = below(span);
        one.ended = one.write && below(4) == 0 ? register_operation::open : one.begun + 1 + below(6);
        one.number = i;
        made.push_back(one);
    }
    return made;
}

}  // namespace

TEST_CASE("the search says the same as trying every order, for thousands of small histories", "[register]") {
    std::mt19937 random{20261129};
    unsigned good = 0, bad = 0;
    for (int i = 0; i < 6000; ++i) {
        auto const history = any_history(random);
        bool const expected = explained_by_some_order(history);
        register_verdict const said = register_search{history}.run();
        INFO("history " << i);
        REQUIRE(said.is ==
                (expected ? register_verdict::kind::linearizable : register_verdict::kind::not_linearizable));
        ++(expected ? good : bad);
    }
    CHECK(good > 1000);
    CHECK(bad > 1000);
}

TEST_CASE("a long history of many callers is judged within its bounds", "[register]") {
    // A real register, asked by twenty callers at a time; every third write's outcome is unknown to its
    // caller.
    std::mt19937 random{7};
    register_history kept;
    std::uint32_t const key = kept.key("k");
    std::vector<std::pair<std::size_t, std::uint64_t>>
        under_way;  // The operation, and what it writes; 0: it reads.
    std::uint64_t held = 0, latest = 0;
    register_history::instant now = 0;
    for (int i = 0; i < 20000; ++i) {
        now += 10;
        if (under_way.size() < 20) {
            bool const writes = random() % 2 == 0;
            std::size_t const number =
                writes ? kept.begin_write(key, ++latest, now) : kept.begin_read(key, now);
            under_way.emplace_back(number, writes ? latest : 0);
        }
        if (random() % 2 == 0) continue;
        std::size_t const which = random() % under_way.size();
        auto const [number, value] = under_way[which];
        under_way.erase(under_way.begin() + static_cast<std::ptrdiff_t>(which));
        bool const unknown = value != 0 && value % 3 == 0;
        if (value != 0 && !(unknown && random() % 2 == 0)) held = value;
        if (value == 0)
            kept.answer(number, held, now);
        else if (unknown)
            kept.fail(number, delivery::unknown, now);
        else
            kept.acknowledge(number, now);
    }
    for (auto const& [number, value] : under_way)
        value == 0 ? kept.answer(number, held, ++now) : kept.fail(number, delivery::unknown, ++now);
    acquitted(kept.check());
    kept.answer(kept.begin_read(key, now + 100), 1, now + 110);
    convicted(kept.check(), guilt::not_linearizable);
}
