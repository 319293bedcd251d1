#include <umbel/engine/auth_call.hpp>

#include "unit/cluster/read_reply.hpp"

#include <catch2/catch_test_macros.hpp>

#include <memory>
#include <string>

using namespace umbel;
using namespace umbel::engine;
using umbel::test::read_reply;

namespace {

call* last = nullptr;
query_port const port{nullptr, [](void*, call& settled) { last = &settled; }};

std::string wire_of(call const& call) {
    std::string text{call.bytes, call.size};
    return text.insert(call.borrowed->at, call.borrowed->data, call.borrowed->size);
}

}  // namespace

TEST_CASE("AUTH has the user's name where there is one, and any bytes in the password", "[auth_call]") {
    auth_call said;
    said.prepare({3, link_mode::replica}, 7, std::make_shared<credentials const>("", "a\r\nb"), 1, port);
    CHECK(wire_of(said) == "*2\r\n$4\r\nAUTH\r\n$4\r\na\r\nb\r\n");
    CHECK(said.wire_size() == wire_of(said).size());
    CHECK(said.link == link_id{3, link_mode::replica});
    CHECK(said.generation == 7);
    said.end();
    said.prepare({3, link_mode::replica}, 8, std::make_shared<credentials const>("ada", "word"), 2, port);
    CHECK(wire_of(said) == "*3\r\n$4\r\nAUTH\r\n$3\r\nada\r\n$4\r\nword\r\n");
}

TEST_CASE("its answer is accepted, refused, or none", "[auth_call]") {
    auth_call said;
    said.prepare({}, 1, std::make_shared<credentials const>("", "word"), 1, port);
    CHECK(said.under_way);
    said.kind->decode(said, read_reply{"+OK\r\n"});
    CHECK(said.how == auth_call::outcome::accepted);
    said.kind->complete(said);
    CHECK(last == &said);
    CHECK(auth_call::from(*last) == &said);
    said.end();
    CHECK_FALSE(said.under_way);

    said.prepare({}, 1, std::make_shared<credentials const>("", "word"), 1, port);
    CHECK(said.how == auth_call::outcome::none);
    said.kind->fail(said, error{errc::connection_lost, delivery::unknown});
    CHECK(said.how == auth_call::outcome::none);
    said.kind->decode(said, read_reply{"-WRONGPASS word is wrong\r\n"});
    CHECK(said.how == auth_call::outcome::refused);
    CHECK(said.message == auth_refusal("WRONGPASS word is wrong"));

    call other;
    static constexpr call_kind none{};
    other.kind = &none;
    CHECK(auth_call::from(other) == nullptr);
}
