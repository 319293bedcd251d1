#include <umbel/engine/remedies.hpp>

#include "support/pipeline_hands.hpp"

#include <list>
#include <memory>
#include <string>
#include <vector>

using namespace umbel;
using namespace umbel::test;

namespace {

constexpr std::string_view missing = "-ERR Function not found\r\n";

/// What is brought; the libraries that are under way live here.
struct shelf {
    std::string text;
    std::list<scripted_call> sent{};
};

bool bring(engine::call&, void const* subject, engine::call*& first) noexcept {
    auto& from = *static_cast<shelf*>(const_cast<void*>(subject));
    scripted_call& library = from.sent.emplace_back("LOAD " + from.text, call_options{});
    library.issued_by = engine::issuer::engine;
    first = &library;
    return true;
}

/// FCALL of a function whose library stands on a shelf.
struct fcall {
    scripted_call call{"FCALL f", {.flags = cluster::command_flags::scripted}};
    std::string memory;

    fcall(hands& h, shelf& from) {
        memory.assign(engine::remedy_bytes, '\0');
        engine::put_remedy(memory.data(), {&bring, &from});
        memory += call.encoded;
        call.bytes = memory.data() + engine::remedy_bytes;
        call.has_remedy = true;
        h.pipe.accept(call, h.now);
    }
    started told() { return started{call}; }
};

std::string times(std::string_view text, int count) {
    std::string all;
    for (int i = 0; i < count; ++i) all += text;
    return all;
}

}  // namespace

TEST_CASE("what many calls lack at once is brought once, and all of them go behind it", "[remedies]") {
    shelf library{"l"};
    hands h;
    std::list<fcall> calls;
    for (int i = 0; i < 500; ++i) calls.emplace_back(h, library);
    h.written();
    h.receive(times(missing, 500), 1000);
    CHECK(h.written() == wire("LOAD l") + times(wire("FCALL f"), 500));
    h.receive("$1\r\nl\r\n" + times(":1\r\n", 500), 1000);
    for (fcall& one : calls) CHECK(one.told().value() == "1");
    CHECK(h.pipe.idle());
}

TEST_CASE("what is brought in vain is not brought again for a while", "[remedies]") {
    shelf library{"l"};
    hands h;
    fcall before{h, library};
    h.written();
    h.receive(missing);
    fcall behind{h, library};
    h.written();
    h.receive("-ERR bad library\r\n" + times(missing, 2));
    CHECK(outcome(before.told()) == failed{errc::server_error, delivery::not_executed});
    CHECK(outcome(behind.told()) == failed{errc::server_error, delivery::not_executed});
    fcall soon{h, library};
    h.written();
    h.receive(missing);
    CHECK(outcome(soon.told()) == failed{errc::server_error, delivery::not_executed});
    SECTION("until a second has passed: the node may have forgotten it since") { h.now += 1s; }
    SECTION("unless there is a new connection") { h.lose(); }
    fcall later{h, library};
    h.written();
    h.receive(missing);
    CHECK(h.written() == wire("LOAD l") + wire("FCALL f"));
    h.receive("$1\r\nl\r\n:1\r\n");
    CHECK(later.told().value() == "1");
}

TEST_CASE("what has helped is brought again as soon as the node has forgotten it", "[remedies]") {
    shelf library{"l"};
    hands h;
    for (int round = 0; round < 3; ++round) {
        fcall again{h, library};
        h.written();
        h.receive(missing);
        CHECK(h.written() == wire("LOAD l") + wire("FCALL f"));
        h.receive("$1\r\nl\r\n:1\r\n");
        CHECK(again.told().value() == "1");
    }
}

TEST_CASE("a connection brings only so many things at the same time", "[remedies]") {
    std::list<shelf> shelves;
    hands h;
    std::list<fcall> calls;
    std::size_t const count = engine::remedies::subjects_max + 1;
    for (std::size_t i = 0; i < count; ++i) calls.emplace_back(h, shelves.emplace_back(shelf{"l"}));
    h.written();
    h.receive(times(missing, static_cast<int>(count)), 1000);
    CHECK(outcome(calls.back().told()) == failed{errc::server_error, delivery::not_executed});
    CHECK(shelves.back().sent.front().completions == 1);
    CHECK_FALSE(calls.front().told().done());
    h.written();
    h.receive(times("+OK\r\n:1\r\n", static_cast<int>(count - 1)), 1000);
    CHECK(calls.front().told().value() == "1");
    fcall again{h, shelves.back()};
    h.written();
    h.receive(missing);
    CHECK(h.written() == wire("LOAD l") + wire("FCALL f"));
    h.receive("+OK\r\n:1\r\n");
    CHECK(again.told().value() == "1");
}

TEST_CASE("where there is no room for what is missing the call is overloaded, not refused", "[remedies]") {
    shelf library{std::string(2000, 'x')};
    hands h{{.queued_bytes_max = 3000}};
    fcall one{h, library};
    h.written();
    h.start("SET foo " + std::string(2000, 'y'));
    h.receive(missing);
    CHECK(outcome(one.told()) == failed{errc::overloaded, delivery::not_executed});
    CHECK(library.sent.front().completions == 1);
}

TEST_CASE("what is brought counts from now, not from the beginning of time", "[remedies]") {
    shelf library{"l"};
    hands h;
    fcall one{h, library};
    h.written();
    h.receive(missing);
    CHECK(library.sent.front().accepted == h.now);
    h.written();
    h.receive("$1\r\nl\r\n:1\r\n");
    CHECK(one.told().value() == "1");
}
