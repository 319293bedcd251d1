// Notices in a stream of replies: at every boundary where a server may push one, and split at every byte; no
// reply is lost, and none goes to another command.
#include <umbel/engine/maintenance.hpp>

#include "support/notices.hpp"
#include "support/script.hpp"

#include <string>
#include <vector>

using namespace umbel;
using namespace umbel::test;
namespace says = umbel::test::notices;

namespace {

struct exchange {
    char const* command;
    std::string reply;
    std::string value;
};
std::vector<exchange> exchanges() {
    return {{"GET foo", bulk("bar"), "bar"},
            {"INCR foo", ":7\r\n", "7"},
            {"LRANGE foo 0 -1", "*2\r\n" + bulk("x") + bulk("MOVING"), "x MOVING"},
            {"GET foo", "$-1\r\n", "(nil)"},
            {"SET foo x", "+OK\r\n", "OK"}};
}
script_options hears_notices() {
    script_options chosen;
    chosen.pipeline.maintenance = {.listens = true, .timeout = 10s, .usual_timeout = 5s, .window_max = 60s};
    return chosen;
}
std::vector<std::string> all_notices() {
    return {says::moving(1, 30, "10.0.0.9:7000"),
            says::moving(1, 30, ""),
            says::migrating(1, 10),
            says::migrated(1),
            says::failing_over(1, 10),
            says::failed_over(1),
            says::slots_migrating(1, "12182"),
            says::slots_migrated(1, a, b, "1-5,12182"),
            says::push("MOVING", {says::number(1)}),
            says::push("SMIGRATED", {says::text("x"), says::list({})})};
}
/// Sends all commands, lets the stream arrive in two pieces, and says whether each has its own reply.
void check(std::string const& notice, std::size_t boundary, std::size_t split, bool cancels) {
    script s{hears_notices()};
    std::vector<exchange> const all = exchanges();
    std::vector<started> calls;
    for (exchange const& next : all) calls.push_back(s.start(next.command));
    while (!(s.next() == nothing)) {
    }
    if (cancels) s.cancel(calls[1]);
    std::string stream;
    for (std::size_t at = 0; at <= all.size(); ++at) {
        if (at == boundary) stream += notice;
        if (at < all.size()) stream += all[at].reply;
    }
    s.connects_by_itself(false);
    s.receive(a, stream.substr(0, split));
    if (s.connected(a)) s.receive(a, stream.substr(split));
    for (std::size_t at = 0; at < all.size(); ++at) {
        INFO(notice << " before reply " << boundary << ", split at " << split);
        if (cancels && at == 1) continue;
        CHECK(calls[at].value() == all[at].value);
    }
}

}  // namespace

TEST_CASE("a notice between two replies, split at every byte, loses no reply and crosses none",
          "[maintenance]") {
    std::size_t length = 0;
    for (exchange const& next : exchanges()) length += next.reply.size();
    for (std::string const& notice : all_notices())
        for (std::size_t boundary = 0; boundary <= exchanges().size(); ++boundary)
            for (std::size_t split = 0; split <= length + notice.size(); ++split)
                check(notice, boundary, split, split % 2 == 0);
}

TEST_CASE("notices byte by byte between replies that are passed over", "[maintenance]") {
    for (std::string const& notice : all_notices()) {
        script s{hears_notices()};
        s.connects_by_itself(false);
        auto first = s.start("GET foo");
        auto second = s.start("GET foo");
        while (!(s.next() == nothing)) {
        }
        s.cancel(first);
        s.trickle(a, notice + bulk("1") + notice);
        s.trickle(a, bulk("2"));
        CHECK(second.value() == "2");
    }
}
