// Tests of umbel::reply: a whole tree that is kept, pinned or copied, and shown to people.
#include <umbel/resp/parser.hpp>
#include <umbel/resp/reply.hpp>

#include "corpus.hpp"

#include <catch2/catch_test_macros.hpp>

#include <cstring>
#include <memory>
#include <string>
#include <utility>

using umbel::reply;
using namespace umbel::resp;

namespace {

/// Parses `bytes` and keeps the reply; the bytes are wiped before it is handed out.
reply kept(std::string bytes) {
    parser reading;
    REQUIRE(reading.parse({bytes.data(), bytes.size()}) == parser::status::complete);
    reply made{view{reading.root(), bytes.data()}};
    bytes.assign(bytes.size(), '#');
    return made;
}

}  // namespace

TEST_CASE("a kept reply equals the one it was made from and its copies", "[reply]") {
    for (std::string bytes : corpus::good) {
        INFO(corpus::shown(bytes));
        reply const first = kept(bytes), second = kept(bytes);
        reply const copy = first;
        CHECK(first == second);
        CHECK(copy.to_string() == second.to_string());
        reply const moved = std::move(second);
        CHECK(moved == first);
    }
    CHECK(reply{}.is_null());
    CHECK_FALSE(kept("+a\r\n") == kept("+b\r\n"));
}

TEST_CASE("a reply answers as the view of its root does", "[reply]") {
    reply const value = kept("%2\r\n+name\r\n$3\r\nada\r\n+tags\r\n~2\r\n:1\r\n,2.5\r\n");
    CHECK(value.kind() == type::map);
    CHECK(value.size() == 2);
    CHECK(value[1].text() == "ada");
    CHECK(value[3].child(1).real() == 2.5);
    std::string keys;
    for (auto const [key, mapped] : value.pairs()) keys += key.text();
    CHECK(keys == "nametags");
    CHECK(kept(":5\r\n").integer() == 5);
    CHECK(kept("#t\r\n").boolean() == true);
    CHECK(kept("-ERR\r\n").is_error());
}

TEST_CASE("an element can be kept without the rest of its reply", "[reply]") {
    std::string bytes = "*3\r\n$3\r\nfoo\r\n*2\r\n$3\r\nbar\r\n:7\r\n$3\r\nbaz\r\n";
    parser reading;
    REQUIRE(reading.parse({bytes.data(), bytes.size()}) == parser::status::complete);
    reply const element{view{reading.root(), bytes.data()}.child(1)};
    bytes.assign(bytes.size(), '#');
    CHECK(element.to_string() == "1) \"bar\"\n2) (integer) 7");
}

TEST_CASE("a large reply is pinned where it was received, while the budget allows it", "[reply]") {
    auto const budget = std::make_shared<pin_budget>(1500);
    chunk_ref owner{chunk::create(1000, budget)};
    std::string const bytes = "*2\r\n$200\r\n" + std::string(200, 'v') + "\r\n:1\r\n";
    std::memcpy(owner->data(), bytes.data(), bytes.size());
    parser reading;
    REQUIRE(reading.parse({owner->data(), bytes.size()}) == parser::status::complete);
    view const root{reading.root(), owner->data(), owner.get()};
    {
        reply const pinned{root};
        CHECK((pinned[0].text().data() == root.child(0).text().data()));
        CHECK(budget->pinned() == 1000);
        umbel::bytes const part = keep(pinned[0].text(), pinned.root().source());
        CHECK((part.data() == pinned[0].text().data()));
    }
    CHECK(budget->pinned() == 0);
    REQUIRE(budget->try_charge(1000));
    reply const copied{root};
    CHECK((copied[0].text().data() != root.child(0).text().data()));
    CHECK(copied[0].text() == std::string(200, 'v'));
    owner = {};
    CHECK(copied[0].text() == std::string(200, 'v'));
}

TEST_CASE("small values are copied out of a mostly dead chunk", "[reply]") {
    auto const budget = std::make_shared<pin_budget>(1'000'000);
    chunk_ref const owner{chunk::create(1000, budget)};
    std::memset(owner->data(), 'x', 1000);
    CHECK((keep({owner->data(), 124}, owner.get()).data() != owner->data()));
    CHECK((keep({owner->data(), 125}, owner.get()).data() == owner->data()));
    CHECK((keep({owner->data(), 125}, nullptr).data() != owner->data()));
}

TEST_CASE("a reply is shown as redis-cli shows it", "[reply]") {
    CHECK(kept("+OK\r\n").to_string() == "OK");
    CHECK(kept("-ERR no\r\n").to_string() == "(error) ERR no");
    CHECK(kept(":5\r\n").to_string() == "(integer) 5");
    CHECK(kept("$-1\r\n").to_string() == "(nil)");
    CHECK(kept("#f\r\n").to_string() == "(false)");
    CHECK(kept(",1.5\r\n").to_string() == "(double) 1.5");
    CHECK(kept("*0\r\n").to_string() == "(empty array)");
    CHECK(kept("$7\r\na\"\\\n\x01\xff\t\r\n").to_string() == "\"a\\\"\\\\\\n\\x01\\xff\\t\"");
    CHECK(kept("=8\r\ntxt:some\r\n").to_string() == "some");
    CHECK(kept("*2\r\n*2\r\n:1\r\n:2\r\n+x\r\n").to_string() == "1) 1) (integer) 1\n   2) (integer) 2\n2) x");
    CHECK(kept("%2\r\n+a\r\n:1\r\n+b\r\n*1\r\n:2\r\n").to_string() ==
          "1# a => (integer) 1\n2# b => 1) (integer) 2");
    std::string ten = "*10\r\n";
    for (int i = 0; i != 10; ++i) ten += "+v\r\n";
    CHECK(kept(ten).to_string().substr(0, 12) == " 1) v\n 2) v\n");
}
