// Tests of resp::parser: every kind, every split, every bound.
#include <umbel/resp/parser.hpp>
#include <umbel/resp/view.hpp>

#include "corpus.hpp"

#include <catch2/catch_test_macros.hpp>

#include <cmath>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

using umbel::resp::fault;
using umbel::resp::fault_kind;
using umbel::resp::limits;
using umbel::resp::node;
using umbel::resp::parser;
using umbel::resp::type;
using umbel::resp::view;
using status = umbel::resp::parser::status;

namespace {

/// What became of some bytes: status, tape, the texts on it, bytes used, fault.
struct outcome {
    status result{};
    std::vector<node> nodes;
    std::vector<std::string> texts;
    std::size_t used = 0;
    fault wrong;

    friend bool operator==(outcome const&, outcome const&) = default;
};

outcome gather(parser const& from, status result, std::string const& bytes) {
    outcome made{result, {}, {}, 0, from.fault()};
    if (result != status::complete) return made;
    made.used = from.consumed();
    for (node const& at : from.nodes()) {
        made.nodes.push_back(at);
        if (umbel::resp::is_text(at.kind)) made.texts.emplace_back(bytes.substr(at.offset(), at.length()));
    }
    return made;
}

/// Feeds the bytes up to each of `cuts` in turn, then all of them, moving them to fresh memory each time.
outcome feed(std::string const& bytes, std::vector<std::size_t> const& cuts, limits bounds = {}) {
    parser under_test{bounds};
    std::string arrived;
    status result = status::need_more;
    auto const upto = [&](std::size_t count) {
        arrived.append(bytes, arrived.size(), count - arrived.size());
        arrived = std::string{arrived.begin(), arrived.end()};
        result = under_test.parse({arrived.data(), arrived.size()});
        return result != status::need_more;
    };
    for (std::size_t const cut : cuts) {
        if (upto(cut)) return gather(under_test, result, arrived);
    }
    upto(bytes.size());
    return gather(under_test, result, arrived);
}

std::vector<std::size_t> every_byte(std::string const& bytes) {
    std::vector<std::size_t> cuts;
    for (std::size_t at = 0; at != bytes.size(); ++at) cuts.push_back(at);
    return cuts;
}

outcome drop(std::string const& bytes, std::size_t piece, limits bounds = {}) {
    parser under_test{bounds};
    std::string arrived;
    std::size_t fed = 0, used = 0;
    status result = status::need_more;
    while (result == status::need_more && fed != bytes.size()) {
        std::size_t const count = std::min(piece, bytes.size() - fed);
        arrived.append(bytes, fed, count);
        fed += count;
        result = under_test.drop({arrived.data(), arrived.size()});
        std::size_t const gone = under_test.forget();
        arrived.erase(0, gone);
        used += gone;
    }
    return {result, {}, {}, result == status::complete ? used : 0, under_test.fault()};
}

std::string repeated(std::string_view piece, std::size_t times) {
    std::string text;
    for (; times != 0; --times) text += piece;
    return text;
}

}  // namespace

TEST_CASE("every good reply is one reply, whole, byte by byte and split at every position", "[parser]") {
    for (std::string const& bytes : corpus::good) {
        INFO(corpus::shown(bytes));
        outcome const whole = feed(bytes, {});
        CHECK(whole.result == status::complete);
        CHECK(whole.used == bytes.size());
        CHECK(feed(bytes, every_byte(bytes)) == whole);
        for (std::size_t cut = 0; cut <= bytes.size(); ++cut) CHECK(feed(bytes, {cut}) == whole);
    }
}

TEST_CASE("what follows a reply does not change it", "[parser]") {
    for (std::string const& bytes : corpus::good) {
        for (std::string const& behind :
             {std::string{"+OK\r\n"}, std::string{"garbage"}, std::string(40, '\n')}) {
            INFO(corpus::shown(bytes));
            CHECK(feed(bytes + behind, {}) == feed(bytes, {}));
        }
    }
}

TEST_CASE("every bad reply is the same fault at the same byte however it is split", "[parser]") {
    for (auto const& [bytes, kind, offset] : corpus::bad) {
        INFO(corpus::shown(bytes));
        outcome const whole = feed(bytes, {});
        CHECK(whole.result == status::fault);
        CHECK(whole.wrong.kind == kind);
        CHECK(whole.wrong.offset == offset);
        CHECK(feed(bytes, every_byte(bytes)) == whole);
        for (std::size_t cut = 0; cut <= bytes.size(); ++cut) CHECK(feed(bytes, {cut}) == whole);
        CHECK(feed(bytes + "\r\n+OK\r\n", {}).wrong == whole.wrong);
    }
}

TEST_CASE("dropping a reply reads the same bytes and finds the same faults as keeping it", "[parser]") {
    for (std::size_t const piece :
         {std::size_t{1}, std::size_t{2}, std::size_t{3}, std::size_t{7}, std::size_t{1000}}) {
        for (std::string const& bytes : corpus::good) {
            INFO(corpus::shown(bytes));
            outcome const kept = feed(bytes, {});
            bool const pushed =
                view{kept.nodes.data(), bytes.data()}.is_push() || bytes.find("+pushed") != std::string::npos;
            outcome const dropped = drop(bytes, piece);
            CHECK(dropped.result == (pushed ? status::push : status::complete));
            if (!pushed) CHECK(dropped.used == bytes.size());
        }
        for (auto const& [bytes, kind, offset] : corpus::bad) {
            if (bytes.front() == '>') continue;
            INFO(corpus::shown(bytes));
            CHECK(drop(bytes, piece).wrong == feed(bytes, {}).wrong);
        }
    }
}

TEST_CASE("a fault names what is wrong and at which byte", "[parser]") {
    std::string bytes = "$3\r\nfooXX+OK\r\n";
    parser under_test;
    REQUIRE(under_test.parse({bytes.data(), bytes.size()}) == status::fault);
    umbel::error const wrong = to_error(under_test.fault());
    CHECK(wrong.code() == umbel::errc::protocol_error);
    CHECK(wrong.delivery() == umbel::delivery::unknown);
    CHECK(wrong.message() ==
          "malformed reply: CR LF is missing behind a string of announced length (byte 7, 0x58 'X')");
    CHECK((under_test.parse({bytes.data(), bytes.size()}) == status::fault));
}

TEST_CASE("the tape lists values in the order of arrival with spans over their elements", "[parser]") {
    std::string bytes = "*3\r\n:7\r\n%1\r\n+k\r\n$3\r\nfoo\r\n_\r\n";
    parser under_test;
    REQUIRE(under_test.parse({bytes.data(), bytes.size()}) == status::complete);
    auto const nodes = under_test.nodes();
    REQUIRE(nodes.size() == 6);
    CHECK(nodes[0] == node{type::array, 0, 0, 6, std::uint64_t{3} << 32});
    CHECK(nodes[1] == node::scalar(type::integer, 7));
    CHECK(nodes[2] == node{type::map, 0, 0, 3, std::uint64_t{2} << 32});
    CHECK(nodes[3] == node::text(type::simple_string, 13, 1));
    CHECK(nodes[4] == node::text(type::bulk_string, 20, 3));
    CHECK(nodes[5] == node::scalar(type::null, 0));
}

TEST_CASE("numbers have the value they spell", "[parser]") {
    auto const real = [](std::string bytes) { return feed(bytes, {}).nodes.at(0).real(); };
    CHECK(feed(":-9223372036854775808\r\n", {}).nodes.at(0).integer() == INT64_MIN);
    CHECK(feed(":+123456789012345678\r\n", {}).nodes.at(0).integer() == 123456789012345678);
    CHECK(feed("*2\r\n:-42\r\n:-999999999999999999\r\n", {}).nodes.at(2).integer() == -999999999999999999);
    CHECK(real(",3.25\r\n") == 3.25);
    CHECK(real(",+1.5e3\r\n") == 1500.0);
    CHECK(real(",-inf\r\n") == -INFINITY);
    CHECK(std::isnan(real(",nan\r\n")));
    CHECK(real(",4.9e-324\r\n") > 0);
}

TEST_CASE("a streamed string is one text, its parts joined in place", "[parser]") {
    std::string const bytes = "$?\r\n;4\r\nHell\r\n;5\r\no wor\r\n;2\r\nld\r\n;0\r\n";
    outcome const whole = feed(bytes, {});
    REQUIRE(whole.nodes.size() == 1);
    CHECK(whole.nodes[0].is_streamed());
    CHECK(whole.texts == std::vector<std::string>{"Hello world"});
}

TEST_CASE("a streamed aggregate is counted when it ends", "[parser]") {
    outcome const whole = feed("*?\r\n:1\r\n%?\r\n+a\r\n+b\r\n.\r\n~?\r\n.\r\n.\r\n", {});
    REQUIRE(whole.nodes.size() == 6);
    CHECK(whole.nodes[0].length() == 3);
    CHECK(whole.nodes[0].span == 6);
    CHECK(whole.nodes[2].length() == 2);
    CHECK(whole.nodes[5].length() == 0);
    CHECK(whole.nodes[5].is_streamed());
}

TEST_CASE("attributes stay on the tape and count as no value", "[parser]") {
    std::string bytes = "|1\r\n+a\r\n:1\r\n*2\r\n|1\r\n+b\r\n:2\r\n+c\r\n+d\r\n";
    parser under_test;
    REQUIRE(under_test.parse({bytes.data(), bytes.size()}) == status::complete);
    CHECK(under_test.nodes().size() == 9);
    view const root{under_test.root(), bytes.data()};
    CHECK(root.kind() == type::array);
    CHECK(root.size() == 2);
    CHECK(root.child(0).text() == "c");
    CHECK(root.child(1).text() == "d");
}

TEST_CASE("a push frame is told apart before it is whole", "[parser]") {
    std::string bytes = ">2\r\n+message\r\n";
    parser under_test;
    CHECK_FALSE(under_test.in_push());
    CHECK((under_test.parse({bytes.data(), bytes.size()}) == status::need_more));
    CHECK(under_test.in_push());
}

TEST_CASE("the bytes wanted for a string are known as soon as its length is", "[parser]") {
    std::string bytes = "*2\r\n+x\r\n$100000\r\n";
    parser under_test;
    CHECK(under_test.wanted() == 0);
    CHECK((under_test.parse({bytes.data(), bytes.size()}) == status::need_more));
    CHECK(under_test.wanted() == bytes.size() + 100000 + 2);
    CHECK(under_test.in_aggregate());
}

TEST_CASE("announced elements claim no room on the tape", "[parser]") {
    std::string bytes = "*16000000\r\n" + repeated(":1\r\n", 100);
    parser under_test;
    CHECK((under_test.parse({bytes.data(), bytes.size()}) == status::need_more));
    CHECK(under_test.nodes().size() == 101);
}

TEST_CASE("nesting a million deep is a fault at the first level too many", "[parser]") {
    for (std::string_view const level : {"*1\r\n", "*?\r\n", "%1\r\n", "|1\r\n", "~1\r\n", ">1\r\n"}) {
        std::string const bytes = repeated(level, 1'000'000);
        outcome const whole = feed(bytes, {});
        CHECK(whole.result == status::fault);
        CHECK(whole.wrong.kind == fault_kind::too_deep);
        CHECK(whole.wrong.offset == 128 * level.size());
    }
    CHECK(feed(repeated("*1\r\n", 128) + "+x\r\n", {}).result == status::complete);
    CHECK(feed(repeated("*1\r\n", 128) + "*0\r\n", {}).wrong.kind == fault_kind::too_deep);
}

TEST_CASE("a line may be as long as its bound and no longer", "[parser]") {
    limits const bounds{.line_bytes_max = 100};
    for (char const lead : {'+', '-', '('}) {
        std::string const longest = lead + std::string(100, '7') + "\r\n";
        CHECK(feed(longest, every_byte(longest), bounds).result == status::complete);
        std::string const longer = lead + std::string(101, '7') + "\r\n";
        outcome const whole = feed(longer, {}, bounds);
        CHECK(whole.wrong.kind == fault_kind::line_too_long);
        CHECK(whole.wrong.offset == 101);
        CHECK(feed(longer, every_byte(longer), bounds) == whole);
        CHECK(feed(lead + std::string(101, '7'), {}, bounds) == whole);
    }
}

TEST_CASE("a reply may be as long as its bound and no longer", "[parser]") {
    for (std::string const& bytes : corpus::good) {
        INFO(corpus::shown(bytes));
        limits const enough{.reply_bytes_max = bytes.size()};
        CHECK(feed(bytes, {}, enough) == feed(bytes, {}));
        for (std::size_t bound = 1; bound < bytes.size(); ++bound) {
            limits const scarce{.reply_bytes_max = bound};
            outcome const whole = feed(bytes, {}, scarce);
            CHECK(whole.result == status::fault);
            CHECK(whole.wrong.kind == fault_kind::reply_too_long);
            CHECK(feed(bytes, every_byte(bytes), scarce) == whole);
            if (whole.result == status::fault && drop(bytes, 1).result != status::push)
                CHECK(drop(bytes, 1, scarce).wrong == whole.wrong);
        }
    }
}

TEST_CASE("a reply may have as many values as its bound and no more", "[parser]") {
    for (std::string const& bytes : corpus::good) {
        INFO(corpus::shown(bytes));
        std::size_t const values = feed(bytes, {}).nodes.size();
        CHECK(feed(bytes, {}, {.elements_max = static_cast<std::uint32_t>(values)}) == feed(bytes, {}));
        for (std::uint32_t bound = 1; bound < values; ++bound) {
            outcome const whole = feed(bytes, {}, {.elements_max = bound});
            CHECK(whole.wrong.kind == fault_kind::too_many_elements);
            CHECK(feed(bytes, every_byte(bytes), {.elements_max = bound}) == whole);
        }
    }
}

TEST_CASE("a large array is read piece by piece without looking at a byte twice", "[parser]") {
    std::string bytes = "*100000\r\n" + repeated("$16\r\n0123456789abcdef\r\n", 100'000);
    outcome const whole = feed(bytes, {});
    CHECK(whole.result == status::complete);
    CHECK(whole.nodes.size() == 100'001);
    parser under_test;
    // Bytes that were consumed are wiped before the next call: looking at them again would be a fault.
    std::string wiped = bytes;
    status result = status::need_more;
    for (std::size_t fed = 1000; result == status::need_more; fed = std::min(fed + 1000, bytes.size())) {
        result = under_test.parse({wiped.data(), fed});
        std::fill_n(wiped.begin(), under_test.consumed(), 'x');
    }
    CHECK(result == status::complete);
    CHECK(under_test.nodes().size() == 100'001);
}
