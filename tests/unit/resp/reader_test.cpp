// Tests of resp::reader: replies in order, faults, skipping. What it does with memory stands in
// reader_memory_test.cpp.
#include <umbel/resp/reader.hpp>
#include <umbel/resp/reply.hpp>

#include "corpus.hpp"
#include "feeding.hpp"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

using feeding::bulk;
using feeding::receive;
using feeding::repeated;
using umbel::resp::reader;
using umbel::resp::reader_options;
using umbel::resp::view;
using status = umbel::resp::reader::status;

namespace {

std::string in_words(view value) {
    std::string text{name_of(value.kind())};
    text += ' ';
    umbel::resp::describe(value, text);
    return text;
}

/// Reads all of `text` in pieces of `piece` bytes; returns the replies in words and how it ended.
std::vector<std::string> read_all(std::string_view text, std::size_t piece, reader_options options = {}) {
    reader under_test{nullptr, options};
    std::vector<std::string> seen;
    for (;;) {
        view out;
        switch (under_test.next(out)) {
            case status::ready: seen.push_back(in_words(out)); break;
            case status::need_more:
                if (text.empty()) return seen;
                text = text.substr(std::min(piece, text.size()) -
                                   receive(under_test, text.substr(0, piece)).size());
                break;
            case status::fault: seen.emplace_back(under_test.fault().message()); return seen;
            case status::push: seen.emplace_back("push"); break;
        }
    }
}

/// All good replies behind one another.
std::string all_good() {
    std::string text;
    for (std::string const& words : corpus::good) text += words;
    return text;
}

reader_options const small{.chunk_bytes_first = 512, .chunk_bytes_max = 1024};

}  // namespace

TEST_CASE("replies come out in order whatever the pieces and the chunks are", "[reader]") {
    std::string const text = all_good() + bulk(std::string(5000, 'v')) + all_good() + "*50\r\n" +
                             repeated(bulk(std::string(100, 'e')), 50) + all_good();
    auto const whole = read_all(text, text.size());
    CHECK(whole.size() == corpus::good.size() * 3 + 2);
    for (std::size_t const piece : std::vector<std::size_t>{1, 2, 3, 5, 16, 100, 511, 512, 513, 4000}) {
        CHECK(read_all(text, piece) == whole);
        CHECK(read_all(text, piece, small) == whole);
    }
}

TEST_CASE("a fault comes after the good replies in front of it and stays", "[reader]") {
    for (auto const& [wrong, kind, offset] : corpus::bad) {
        INFO(corpus::shown(wrong));
        auto const whole = read_all("+OK\r\n" + wrong + "\r\n", SIZE_MAX);
        REQUIRE(whole.size() == 2);
        CHECK(whole[1] ==
              to_error(umbel::resp::fault{kind, offset < wrong.size() ? wrong[offset] : '\r', offset})
                  .message());
        CHECK(read_all("+OK\r\n" + wrong + "\r\n", 1) == whole);
    }
    reader under_test;
    view out;
    receive(under_test, "$3\r\nfooXX+OK\r\n");
    CHECK(under_test.next(out) == status::fault);
    receive(under_test, "+OK\r\n");
    CHECK(under_test.next(out) == status::fault);
    CHECK(under_test.skip(out) == status::fault);
    CHECK_FALSE(under_test.at_boundary());
    under_test.reset();
    receive(under_test, "+OK\r\n");
    CHECK(under_test.next(out) == status::ready);
}

TEST_CASE("nothing of a further reply has arrived only between replies", "[reader]") {
    reader under_test;
    view out;
    CHECK(under_test.at_boundary());
    receive(under_test, "$3\r\nfo");
    CHECK_FALSE(under_test.at_boundary());
    CHECK(under_test.next(out) == status::need_more);
    CHECK_FALSE(under_test.at_boundary());
    receive(under_test, "o\r\n");
    CHECK(under_test.next(out) == status::ready);
    CHECK(under_test.at_boundary());
    receive(under_test, "$3\r\nfoo");
    CHECK(under_test.skip(out) == status::need_more);
    CHECK(under_test.available() == 0);
    CHECK_FALSE(under_test.at_boundary());
}

TEST_CASE("skipping passes exactly one reply, from its start or from its middle, at any split", "[reader]") {
    for (std::string const& bytes : corpus::good) {
        if (bytes.front() == '>' || bytes.find("+pushed") != std::string::npos) continue;
        INFO(corpus::shown(bytes));
        std::string const text = bytes + ":77\r\n";
        for (std::size_t begun = 0; begun != bytes.size(); ++begun) {
            for (std::size_t const piece : {std::size_t{1}, std::size_t{4}, text.size()}) {
                reader under_test{nullptr, small};
                view out;
                if (begun != 0) {
                    receive(under_test, std::string_view{text}.substr(0, begun));
                    REQUIRE(under_test.next(out) == status::need_more);
                }
                std::size_t fed = begun;
                status result = under_test.skip(out);
                while (result == status::need_more && fed != text.size()) {
                    std::string_view const next = std::string_view{text}.substr(fed, piece);
                    receive(under_test, next);
                    fed += next.size();
                    result = under_test.skip(out);
                }
                REQUIRE(result == status::ready);
                if (fed != text.size()) receive(under_test, std::string_view{text}.substr(fed));
                REQUIRE(under_test.next(out) == status::ready);
                CHECK(out.integer() == 77);
            }
        }
    }
}

TEST_CASE("push frames met while skipping are shown and not counted", "[reader]") {
    std::string const text =
        ">2\r\n+invalidate\r\n*1\r\n$3\r\nfoo\r\n|1\r\n+a\r\n+b\r\n>1\r\n+second\r\n$5\r\nvalue\r\n+OK\r\n";
    for (std::size_t cut = 0; cut != text.size(); ++cut) {
        for (bool const begun : {false, true}) {
            reader under_test;
            view out;
            std::vector<std::string> pushes;
            auto const skip = [&] {
                status result = under_test.skip(out);
                for (; result == status::push; result = under_test.skip(out)) {
                    CHECK(out.is_push());
                    pushes.push_back(in_words(out));
                }
                return result;
            };
            if (cut != 0) receive(under_test, std::string_view{text}.substr(0, cut));
            // next() may have begun on the first push frame before the caller gave up.
            if (begun && cut < 28) REQUIRE(under_test.next(out) == status::need_more);
            status result = skip();
            if (result == status::need_more) {
                receive(under_test, std::string_view{text}.substr(cut));
                result = skip();
            } else {
                receive(under_test, std::string_view{text}.substr(cut));
            }
            CHECK(result == status::ready);
            CHECK(pushes == std::vector<std::string>{"push 1) invalidate\n2) 1) \"foo\"", "push 1) second"});
            REQUIRE(under_test.next(out) == status::ready);
            CHECK(out.text() == "OK");
        }
    }
}

TEST_CASE("a skipped string is never buffered", "[reader]") {
    reader under_test;
    view out;
    receive(under_test, "$100000000\r\n");
    CHECK(under_test.skip(out) == status::need_more);
    std::string const zeros(1 << 20, '0');
    for (std::size_t left = 100'000'000; left != 0;) {
        CHECK(under_test.space().size() <= 64 * 1024);
        std::size_t const most = std::min(left, zeros.size());
        left -= most - receive(under_test, std::string_view{zeros}.substr(0, most)).size();
        REQUIRE(under_test.skip(out) == status::need_more);
        CHECK(under_test.available() == 0);
    }
    receive(under_test, "\r\n+OK\r\n");
    CHECK(under_test.skip(out) == status::ready);
    CHECK(under_test.next(out) == status::ready);
}

TEST_CASE("a push frame is delivered by next as a reply of its kind", "[reader]") {
    reader under_test;
    view out;
    receive(under_test, ">1\r\n+a\r\n+OK\r\n");
    REQUIRE(under_test.next(out) == status::ready);
    CHECK(out.is_push());
    REQUIRE(under_test.next(out) == status::ready);
    CHECK_FALSE(out.is_push());
}

TEST_CASE("the first step of next takes short values only, and the second all that it leaves", "[reader]") {
    reader under_test;
    view out;
    for (std::string const value :
         {"$3\r\nfoo\r\n", "$0\r\n\r\n+OK\r\n", ":77\r\n", "+OK\r\n", "$-1\r\n", "_\r\n+OK\r\n"}) {
        INFO(corpus::shown(value));
        under_test.reset();
        receive(under_test, value);
        view const* const plain = under_test.next_plain();
        REQUIRE(plain != nullptr);
        CHECK_FALSE(plain->is_error());
        CHECK_FALSE(plain->is_push());
        CHECK(plain->source() != nullptr);
    }
    for (std::string const value :
         {"-ERR no\r\n", ">1\r\n+a\r\n", "*1\r\n$3\r\nfoo\r\n", "!3\r\nERR\r\n", "+QUEUED\r\n"}) {
        INFO(corpus::shown(value));
        under_test.reset();
        receive(under_test, value);
        CHECK(under_test.next_plain() == nullptr);
        CHECK(under_test.available() == value.size());
        CHECK(under_test.next_other(out) == status::ready);
        CHECK(under_test.available() == 0);
    }
}

TEST_CASE("in the middle of a reply its elements are not taken for replies", "[reader]") {
    std::string const text = "*2\r\n$3\r\nfoo\r\n$3\r\nbar\r\n";
    for (std::size_t cut = 1; cut != text.size(); ++cut) {
        reader under_test;
        view out;
        receive(under_test, text.substr(0, cut));
        CHECK(under_test.next_plain() == nullptr);
        CHECK(under_test.next_other(out) == status::need_more);
        receive(under_test, text.substr(cut) + "+OK\r\n");
        CHECK(under_test.next_plain() == nullptr);
        REQUIRE(under_test.next_other(out) == status::ready);
        CHECK(out.size() == 2);
        REQUIRE(under_test.next_plain() != nullptr);
        // Skipping ends in the same way.
        under_test.reset();
        receive(under_test, text.substr(0, cut));
        CHECK(under_test.skip(out) == status::need_more);
        receive(under_test, text.substr(cut) + "$3\r\nbaz\r\n");
        CHECK(under_test.next_plain() == nullptr);
        REQUIRE(under_test.skip(out) == status::ready);
        view const* const plain = under_test.next_plain();
        REQUIRE(plain != nullptr);
        CHECK(plain->text() == "baz");
    }
}

TEST_CASE("the bound on a reply holds for short replies, too", "[reader]") {
    auto const bounded = [](std::uint64_t most) {
        return reader_options{.limits = {.reply_bytes_max = most}};
    };
    for (std::size_t const length : {std::size_t{1}, std::size_t{16}, std::size_t{200}, std::size_t{9999}}) {
        std::string const text = bulk(std::string(length, 'v'));
        for (std::uint64_t const most : {text.size() - 1, text.size(), text.size() + 1}) {
            reader under_test{nullptr, bounded(most)};
            view out;
            std::string const both = text + "+OK\r\n";
            std::string_view left = both;
            status last = status::need_more;
            while (!left.empty() && last == status::need_more) {
                left = receive(under_test, left);
                last = under_test.next(out);
            }
            if (most < text.size()) {
                CHECK(last == status::fault);
                continue;
            }
            REQUIRE(last == status::ready);
            CHECK(out.text().size() == length);
        }
    }
}

namespace {

/// Reads all of `text` element by element, in pieces of `piece` bytes. Each reply ends with "end", or is
/// there as one behind "as one".
std::vector<std::string> read_elements(std::string_view text, std::size_t piece) {
    using element = reader::element;
    reader under_test{nullptr, small};
    std::vector<std::string> seen;
    for (;;) {
        view out;
        switch (under_test.next_element(out)) {
            case element::ready: seen.push_back(in_words(out)); break;
            case element::end: seen.emplace_back("end"); break;
            case element::none: seen.push_back("as one: " + in_words(out)); break;
            case element::need_more:
                if (text.empty()) return seen;
                text = text.substr(std::min(piece, text.size()) -
                                   receive(under_test, text.substr(0, piece)).size());
                break;
            case element::fault: seen.emplace_back(under_test.fault().message()); return seen;
        }
    }
}

}  // namespace

TEST_CASE("elements come one by one whatever the pieces are, and aggregates among them whole", "[reader]") {
    std::string const text = "*2\r\n+a\r\n*2\r\n:1\r\n:2\r\n" + std::string{"%1\r\n+k\r\n"} +
                             bulk(std::string(3000, 'v')) + "~0\r\n" + "+x\r\n" + "*-1\r\n" +
                             "*?\r\n+s\r\n.\r\n" + "|1\r\n+a\r\n+b\r\n*1\r\n+c\r\n" + "*1\r\n:7\r\n";
    auto const whole = read_elements(text, text.size());
    REQUIRE(whole.size() == 13);
    CHECK(whole[2] == "end");
    CHECK(whole[6] == "end");
    CHECK(whole[7].starts_with("as one: "));
    CHECK(whole[12] == "end");
    for (std::size_t const piece : std::vector<std::size_t>{1, 2, 3, 5, 16, 511, 512, 513})
        CHECK(read_elements(text, piece) == whole);
}

TEST_CASE("what is wrong with elements, or with what should have some, is a fault", "[reader]") {
    for (char const* const wrong : {"*x\r\n", "*1x\r\n", "*\r\n", "*1\n+a\r\n", "*1\r+a\r\n", "*1\r\n?\r\n",
                                    "%99999999999999999999\r\n", "*1\r\n.\r\n"})
        for (std::size_t const piece : {std::size_t{1}, std::size_t{100}}) {
            INFO(wrong);
            auto const seen = read_elements(wrong, piece);
            REQUIRE(seen.size() == 1);
            CHECK(seen[0].starts_with("malformed reply"));
        }
}

TEST_CASE("the rest of a reply whose elements were taken is skipped", "[reader]") {
    using element = reader::element;
    std::string const text = "*3\r\n+a\r\n*2\r\n+b\r\n" + bulk(std::string(900, 'c')) + "+d\r\n";
    for (std::size_t const piece : std::vector<std::size_t>{1, 3, 100, 2000})
        for (int taken = 0; taken <= 3; ++taken) {
            reader under_test{nullptr, small};
            std::string_view rest = text;
            auto const more = [&] {
                rest = rest.substr(std::min(piece, rest.size()) -
                                   receive(under_test, rest.substr(0, piece)).size());
            };
            view out;
            for (int at = 0; at < taken;) {
                element const got = under_test.next_element(out);
                REQUIRE(got != element::fault);
                if (got == element::ready) ++at;
                if (got == element::need_more) more();
            }
            status skipped = under_test.skip(out);
            for (; skipped == status::need_more && !rest.empty(); skipped = under_test.skip(out)) more();
            CHECK(skipped == status::ready);
            CHECK_FALSE(under_test.in_elements());
            CHECK(under_test.at_boundary());
            receive(under_test, ":5\r\n");
            REQUIRE(under_test.next(out) == status::ready);
            CHECK(out.integer() == 5);
        }
}

TEST_CASE("a million elements take the memory of a few, and a large one that of itself", "[reader]") {
    constexpr std::size_t count = 1'000'000;
    constexpr std::size_t usual = 64 * 1024;
    reader under_test;
    view out;
    receive(under_test, "*1000001\r\n");
    std::size_t given = 0, most = 0, at_large = 0;
    std::string const some = repeated(bulk("element"), 100);
    auto const take_all = [&] {
        while (under_test.next_element(out) == reader::element::ready) {
            ++given;
            if (out.text().size() > usual)
                at_large = out.source()->capacity();
            else
                most = std::max(most, out.source()->capacity());
        }
    };
    for (std::size_t part = 0; part < count / 100; ++part) {
        std::string_view rest = some;
        while (!rest.empty()) rest = receive(under_test, rest), take_all();
        if (part != 5000) continue;
        std::string const large = bulk(std::string(200'000, 'x'));
        for (rest = large; !rest.empty(); take_all()) rest = receive(under_test, rest);
    }
    CHECK(given == count + 1);
    CHECK(under_test.next_element(out) == reader::element::need_more);
    CHECK_FALSE(under_test.in_elements());
    CHECK(at_large < 500'000);
    // The chunk of the large one serves a few of its neighbours.
    CHECK(most < 500'000);
    receive(under_test, "+x\r\n");
    REQUIRE(under_test.next(out) == status::ready);
    CHECK(out.source()->capacity() <= usual);
}
