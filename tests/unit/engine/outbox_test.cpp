#include <umbel/engine/outbox.hpp>

#include <catch2/catch_test_macros.hpp>

#include <string>

using namespace umbel::engine;

namespace {

struct one_call : call {
    std::string text;
    borrowed_piece lent{};
    explicit one_call(std::string command) : text{std::move(command)} {
        bytes = text.data();
        size = static_cast<std::uint32_t>(text.size());
    }
    /// Lends `data` behind the first `at` own bytes.
    one_call(std::string command, std::uint32_t at_byte, std::string const& data)
        : one_call{std::move(command)} {
        lent = {at_byte, 1, data.data(), data.size()};
        borrowed = &lent;
    }
};

std::string text_of(outbox const& box) {
    std::string all;
    for (write_piece const& piece : box.pieces()) all.append(piece.data, piece.size);
    return all;
}
/// The kernel takes bytes in portions; returns what it got.
std::string drain(outbox& box, std::size_t portion) {
    std::string all;
    while (!box.drained()) {
        std::string const waiting = text_of(box);
        std::size_t const part = std::min(portion, waiting.size());
        all += waiting.substr(0, part);
        box.wrote(part);
    }
    return all;
}

}  // namespace

TEST_CASE("small neighbours become one contiguous piece", "[outbox]") {
    outbox box;
    one_call first{"*1\r\n$4\r\nPING\r\n"};
    one_call second{"*2\r\n$3\r\nGET\r\n$3\r\nfoo\r\n"};
    REQUIRE(box.begin());
    box.add(first);
    box.add(second);
    REQUIRE(box.pieces().size() == 1);
    CHECK(text_of(box) == first.text + second.text);
    CHECK(first.stream_end == 14);
    CHECK(second.stream_end == 36);
}

TEST_CASE("ASKING and its command are contiguous in one piece", "[outbox]") {
    outbox box;
    one_call get{"*2\r\n$3\r\nGET\r\n$3\r\nfoo\r\n"};
    get.form.asking = true;
    REQUIRE(box.begin());
    box.add(get);
    REQUIRE(box.pieces().size() == 1);
    CHECK(text_of(box) == "*1\r\n$6\r\nASKING\r\n*2\r\n$3\r\nGET\r\n$3\r\nfoo\r\n");
    CHECK(get.stream_end == 16 + 22);
}

TEST_CASE("a call is held until the kernel has its last byte", "[outbox]") {
    outbox box;
    one_call first{"*1\r\n$4\r\nPING\r\n"};
    one_call second{"*1\r\n$4\r\nPONG\r\n"};
    REQUIRE(box.begin());
    box.add(first);
    box.add(second);
    for (std::size_t taken = 1; taken <= 28; ++taken) {
        box.wrote(1);
        CHECK(box.kernel_bytes() == taken);
        CHECK(box.holds(first) == (taken < 14));
        CHECK(box.holds(second) == (taken < 28));
    }
    CHECK(box.drained());
}

TEST_CASE("a borrowed argument goes out from where it stands, in its place", "[outbox]") {
    std::string const value(100, 'v');
    one_call set{"*3\r\n$3\r\nSET\r\n$3\r\nfoo\r\n$100\r\n\r\n", 28, value};
    for (std::size_t portion = 1; portion < 140; ++portion) {
        outbox box;
        REQUIRE(box.begin());
        box.add(set);
        REQUIRE(box.pieces().size() == 3);
        CHECK(box.pieces()[1].data == value.data());
        CHECK(drain(box, portion) == "*3\r\n$3\r\nSET\r\n$3\r\nfoo\r\n$100\r\n" + value + "\r\n");
        CHECK(set.stream_end == 130);
        CHECK(box.kernel_bytes() == 130);
    }
}

TEST_CASE("a large command goes out from its own memory", "[outbox]") {
    outbox box;
    one_call small{"*1\r\n$4\r\nPING\r\n"};
    one_call large{std::string(outbox::copied_bytes_max + 1, 'x')};
    REQUIRE(box.begin());
    box.add(small);
    box.add(large);
    REQUIRE(box.pieces().size() == 2);
    CHECK(box.pieces()[1].data == large.bytes);
    CHECK(drain(box, 1000) == small.text + large.text);
}

TEST_CASE("what an adopted call has not written yet survives the call, wherever it was interrupted",
          "[outbox]") {
    std::string const intact(100, 'v');
    std::string const head = "*3\r\n$3\r\nSET\r\n$3\r\nfoo\r\n$100\r\n";
    for (std::size_t taken = 0; taken < 130; ++taken) {
        outbox box;
        std::string value = intact;
        std::string received;
        {
            one_call before{"*1\r\n$4\r\nPING\r\n"};
            one_call set{head + "\r\n", 28, value};
            REQUIRE(box.begin());
            box.add(set);
            box.add(before);
            received = text_of(box).substr(0, taken);
            box.wrote(taken);
            REQUIRE(box.holds(set));
            REQUIRE(box.adopt(set));
        }
        value.assign(value.size(), '!');
        received += drain(box, 7);
        CHECK(received == head + intact + "\r\n*1\r\n$4\r\nPING\r\n");
    }
}

TEST_CASE("adopting two calls that borrow the same memory keeps both whole", "[outbox]") {
    outbox box;
    std::string value(10, 'v');
    std::string expected;
    {
        one_call first{"$10\r\n\r\n", 5, value};
        one_call second{"$10\r\n\r\n", 5, value};
        REQUIRE(box.begin());
        box.add(first);
        box.add(second);
        expected = text_of(box);
        REQUIRE(box.adopt(first));
        REQUIRE(box.adopt(second));
    }
    value.assign(10, '!');
    CHECK(drain(box, 3) == expected);
}

TEST_CASE("a write takes no more than it has room for; the first call always fits", "[outbox]") {
    outbox box;
    one_call chunk{std::string(4000, 'x')};
    REQUIRE(box.begin());
    unsigned count = 0;
    for (; box.fits(chunk); ++count) box.add(chunk);
    CHECK(count == (outbox::buffer_bytes - outbox::asking.size()) / 4000);
    CHECK(box.seal() == std::size_t{count} * 4000);
    box.wrote(std::size_t{count} * 4000);
    REQUIRE(box.drained());
    REQUIRE(box.begin());
    one_call huge{std::string(outbox::buffer_bytes * 2, 'y')};
    CHECK(box.fits(huge));
    unsigned large = 0;
    for (; box.fits(huge); ++large) box.add(huge);
    CHECK(large > 50);
    CHECK(large <= outbox::pieces_max);
}

TEST_CASE("as many borrowed pieces as a command may have fit into one write", "[outbox]") {
    std::string const value = "v";
    std::array<borrowed_piece, 24> pieces;
    std::string text = "*25\r\n$4\r\nMSET\r\n";
    std::string expected = text;
    for (auto& piece : pieces) {
        text += "$1\r\n";
        piece = {static_cast<std::uint32_t>(text.size()), 24, value.data(), 1};
        text += "\r\n";
        expected += "$1\r\nv\r\n";
    }
    one_call mset{text};
    mset.borrowed = pieces.data();
    outbox box;
    REQUIRE(box.begin());
    unsigned count = 0;
    for (; box.fits(mset); ++count) box.add(mset);
    CHECK(count == 1);
    CHECK(mset.stream_end == expected.size());
    CHECK(drain(box, 5) == expected);
}

TEST_CASE("a small command is staged while the next write is collected, any other waits for the write",
          "[outbox]") {
    outbox box;
    one_call small{"*1\r\n$4\r\nPING\r\n"};
    one_call large{std::string(outbox::copied_bytes_max + 1, 'x')};
    one_call asked{"*1\r\n$4\r\nPING\r\n"};
    asked.form.asking = true;
    CHECK_FALSE(box.takes(small));
    REQUIRE(box.begin());
    CHECK(box.staging());
    CHECK(box.takes(small));
    box.stage(small);
    CHECK_FALSE(box.backlog());
    CHECK_FALSE(box.takes(large));
    CHECK_FALSE(box.takes(asked));
    CHECK(text_of(box) == small.text);
    CHECK(box.seal() == small.text.size());
    CHECK(box.backlog());
    CHECK_FALSE(box.takes(small));
    box.wrote(small.text.size() - 1);
    CHECK(box.backlog());
    CHECK_FALSE(box.takes(small));
    box.wrote(1);
    CHECK_FALSE(box.backlog());
    REQUIRE(box.begin());
    box.stage(small);
    CHECK(small.stream_end == 2 * small.text.size());
}

TEST_CASE("staging ends where the buffer does", "[outbox]") {
    outbox box;
    one_call chunk{std::string(4000, 'x')};
    unsigned count = 0;
    REQUIRE(box.begin());
    for (; box.takes(chunk); ++count) box.stage(chunk);
    CHECK(count == outbox::buffer_bytes / 4000);
    CHECK(text_of(box) == std::string(count * std::size_t{4000}, 'x'));
}

TEST_CASE("what was staged may be forgotten and added again, as if it had never been there", "[outbox]") {
    outbox box;
    one_call first{"*1\r\n$4\r\nPING\r\n"};
    one_call second{"*2\r\n$3\r\nGET\r\n$3\r\nfoo\r\n"};
    REQUIRE(box.begin());
    box.stage(first);
    CHECK(box.seal() == first.text.size());
    CHECK(drain(box, 5) == first.text);
    REQUIRE(box.begin());
    box.stage(first);
    box.stage(second);
    box.unstage();
    CHECK(box.pieces().empty());
    CHECK(box.staging());
    box.add(second);
    CHECK(text_of(box) == second.text);
    CHECK(second.stream_end == first.text.size() + second.text.size());
    CHECK(box.seal() == second.text.size());
}

TEST_CASE("after a reset the stream begins anew", "[outbox]") {
    outbox box;
    one_call ping{"*1\r\n$4\r\nPING\r\n"};
    REQUIRE(box.begin());
    box.add(ping);
    box.wrote(5);
    box.reset();
    CHECK(box.drained());
    CHECK(box.kernel_bytes() == 0);
    REQUIRE(box.begin());
    box.add(ping);
    CHECK(ping.stream_end == 14);
    CHECK(text_of(box) == ping.text);
}
