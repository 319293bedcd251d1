// How the engine's own questions begin.
#include <umbel/engine/query_port.hpp>

#include <catch2/catch_test_macros.hpp>

#include <chrono>
#include <string>

using namespace umbel;
using namespace std::chrono_literals;

TEST_CASE("a question is the engine's own, reads, concerns no slot and has not begun, also when asked again",
          "[query]") {
    static constexpr engine::call_kind kind{};
    std::string const words = "*1\r\n$4\r\nROLE\r\n";
    engine::call asked;
    for (int time = 0; time < 2; ++time) {
        engine::make_question(asked, kind, words, 250ms);
        CHECK(asked.kind == &kind);
        CHECK(std::string(asked.bytes, asked.size) == words);
        CHECK(asked.is_internal());
        CHECK(asked.flags == cluster::command_flags::read_only);
        CHECK(asked.slot == cluster::slot_target::any());
        CHECK(asked.timeout == engine::duration{250ms});
        CHECK_FALSE(asked.has_begun());
        CHECK(asked.at == engine::call::stage::fresh);
        // As a call that has been sent and answered.
        asked.accepted = engine::instant{1};
        asked.at = engine::call::stage::done;
    }
}
