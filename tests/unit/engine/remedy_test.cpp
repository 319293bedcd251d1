#include <umbel/engine/remedy.hpp>

#include "support/pipeline_hands.hpp"

using namespace umbel;
using namespace umbel::test;

namespace {

constexpr std::string_view no_script = "-NOSCRIPT No matching script. Please use EVAL.\r\n";
constexpr call_options scripted{.flags = cluster::command_flags::scripted};

/// A call with a remedy; `apply` may do with it what it likes.
struct remedied {
    scripted_call call;
    std::string memory;

    explicit remedied(decltype(engine::remedy::apply) apply, void const* subject = nullptr,
                      call_options const& options = scripted)
        : call{"EVALSHA x", options} {
        memory.assign(engine::remedy_bytes, '\0');
        engine::put_remedy(memory.data(), {apply, subject});
        memory += call.encoded;
        call.bytes = memory.data() + engine::remedy_bytes;
        call.has_remedy = true;
    }
    started begin(hands& h) {
        h.pipe.accept(call, h.now);
        return started{call};
    }
};

bool say_eval(engine::call& base, void const*, engine::call*&) noexcept {
    auto& call = static_cast<scripted_call&>(base);
    call.encoded = wire("EVAL text");
    call.bytes = call.encoded.data();
    call.size = static_cast<std::uint32_t>(call.encoded.size());
    call.has_remedy = false;
    return true;
}
bool load(engine::call&, void const* subject, engine::call*& first) noexcept {
    first = static_cast<scripted_call*>(const_cast<void*>(subject));
    return true;
}
bool say_again(engine::call&, void const*, engine::call*&) noexcept { return true; }
bool helpless(engine::call&, void const*, engine::call*&) noexcept { return false; }

}  // namespace

TEST_CASE("a call that names what the node lacks goes there once more, in other words", "[remedy]") {
    hands h;
    remedied one{&say_eval};
    auto eval = one.begin(h);
    auto after = h.start("PING");
    h.written();
    h.receive(std::string{no_script} + "+PONG\r\n");
    CHECK_FALSE(eval.done());
    CHECK(after.value() == "PONG");
    CHECK(h.returned.empty());
    CHECK(h.written() == wire("EVAL text"));
    SECTION("and gets its reply") {
        h.receive(":1\r\n");
        CHECK(eval.value() == "1");
    }
    SECTION("or an error, which is told") {
        h.receive(no_script);
        CHECK(outcome(eval) == failed{errc::no_script, delivery::not_executed});
    }
    SECTION("or is lost") {
        h.lose();
        CHECK(outcome(eval) == failed{errc::connection_lost, delivery::unknown});
    }
    SECTION("or is cancelled, and its late reply skipped") {
        h.cancel(eval);
        h.receive(":1\r\n");
        CHECK(h.pipe.idle());
    }
}

TEST_CASE("ASKING goes in front of the second attempt, too", "[remedy]") {
    hands h;
    remedied one{&say_eval};
    one.call.form.asking = 1;
    auto eval = one.begin(h);
    h.written();
    h.receive("+OK\r\n" + std::string{no_script});
    CHECK(h.written() == wire("ASKING") + wire("EVAL text"));
    h.receive("+OK\r\n:1\r\n");
    CHECK(eval.value() == "1");
}

TEST_CASE("what was missing may go out first; nobody waits for its reply", "[remedy]") {
    hands h;
    scripted_call library{"FUNCTION LOAD", {}};
    library.issued_by = engine::issuer::engine;
    remedied one{&load, &library};
    auto fcall = one.begin(h);
    h.written();
    h.receive("-ERR Function not found\r\n");
    CHECK(h.written() == wire("FUNCTION LOAD") + wire("EVALSHA x"));
    SECTION("it has helped") {
        h.receive("$1\r\nl\r\n:1\r\n");
        CHECK(fcall.value() == "1");
    }
    SECTION("it has not, and on one connection it is not tried again") {
        h.receive("-ERR bad library\r\n-ERR Function not found\r\n");
        CHECK(outcome(fcall) == failed{errc::server_error, delivery::not_executed});
        CHECK(fcall.why().message() == "ERR Function not found");
    }
    CHECK(started{library}.done());
    CHECK(h.pipe.idle());
}

TEST_CASE("a remedy is tried once on each connection", "[remedy]") {
    hands h;
    remedied one{&say_again};
    auto eval = one.begin(h);
    h.written(5);
    h.lose();
    for (int connection = 0; connection < 2; ++connection) {
        h.pipe.accept(one.call, h.now);
        h.written();
        h.receive(no_script);
        CHECK(h.returned.size() == 1 + static_cast<std::size_t>(connection));
        CHECK(h.written(5) == wire("EVALSHA x").substr(0, 5));
        h.lose();
    }
    h.pipe.accept(one.call, h.now);
    h.written();
    h.receive(no_script);
    h.written();
    h.receive(no_script);
    CHECK(outcome(eval) == failed{errc::no_script, delivery::not_executed});
}

TEST_CASE("a call that was refused once is not told as never sent", "[remedy]") {
    hands h;
    remedied one{&say_eval};
    auto eval = one.begin(h);
    h.written();
    SECTION("where it is cancelled on its way") { one.call.cancellation.wanted = true; }
    SECTION("or has waited too long there") {}
    one.call.token = &one.call.cancellation;
    h.receive(no_script);
    if (!eval.done()) h.cancel(eval);
    CHECK(outcome(eval) == failed{errc::cancelled, delivery::not_executed});
}

TEST_CASE("an error that a script has raised itself proves nothing, so it is not run again", "[remedy]") {
    hands h;
    remedied one{&say_eval};
    auto eval = one.begin(h);
    h.written();
    h.receive("-NOSCRIPT says my script\r\n");
    CHECK(outcome(eval) == failed{errc::no_script, delivery::unknown});
}

TEST_CASE("a remedy that finds no memory leaves the error as it is", "[remedy]") {
    hands h;
    remedied one{&helpless};
    auto eval = one.begin(h);
    h.written();
    h.receive(no_script);
    CHECK(outcome(eval) == failed{errc::no_script, delivery::not_executed});
}
