// bare_core: all of umbel but Asio, compiled with -fno-exceptions and -fno-rtti, at work: a reply parsed and
// decoded, a command encoded, slots routed, and a client against a cluster on virtual time.
// compile.sh gives "core.hpp", which includes every header of umbel::core.
#include "core.hpp"

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#if defined(__cpp_exceptions) || defined(__cpp_rtti)
#error this program is meant for -fno-exceptions -fno-rtti
#endif

namespace {

using namespace std::chrono_literals;

void check(bool good, char const* what) {
    if (good) return;
    std::fprintf(stderr, "bare_core: wrong: %s\n", what);
    std::exit(1);
}

void parses_and_decodes() {
    umbel::resp::reader reader;
    std::string_view const bytes = "%2\r\n$1\r\na\r\n:1\r\n$1\r\nb\r\n:2\r\n-ERR no\r\n";
    auto const room = reader.space();
    check(room.size() >= bytes.size(), "room for a reply");
    bytes.copy(room.data(), bytes.size());
    reader.commit(bytes.size());
    umbel::resp::view map;
    check(reader.next(map) == umbel::resp::reader::status::ready, "a map is parsed");
    auto const values = umbel::from_reply<std::map<std::string, int>>::from(map);
    check(values && values->size() == 2 && values->at("b") == 2, "a map is decoded");
    check(!umbel::from_reply<std::int64_t>::from(map), "a map is no number");
}

void encodes() {
    std::vector<char> room(256);
    static constexpr umbel::command::command_spec incrby{"INCRBY", umbel::cluster::command_flags::none};
    umbel::command::argument const words[] = {umbel::key{"{user}:1"}, 5};
    auto const encoded =
        umbel::command::encode(room.data(), incrby, words, [](std::size_t, std::string_view) {});
    std::string_view const text{room.data(), static_cast<std::size_t>(encoded.end - room.data())};
    check(text == "*3\r\n$6\r\nINCRBY\r\n$8\r\n{user}:1\r\n$1\r\n5\r\n", "a command is encoded");
    check(encoded.slot.number() == umbel::cluster::slot_of("user").value(), "its slot is found");
}

void routes() {
    std::string_view const words[] = {"SORT", "list", "BY", "w_*", "STORE", "{list}x"};
    auto const route = umbel::command::route_of(words);
    check(route && route->slot == umbel::cluster::slot_of("list"), "a command is routed");
    std::string_view const across[] = {"RENAME", "a", "b"};
    auto const refused = umbel::command::route_of(across);
    check(!refused && refused.error() == umbel::errc::cross_slot, "two slots are refused");
}

/// The whole runtime: connections, pipelines, redirects and a failover.
void serves() {
    umbel::testing::timeline time{7};
    umbel::testing::model_cluster cluster{time, {.primaries = 3, .replicas_each = 1}};
    umbel::testing::sim_client db{time, cluster.net(), {.seeds = {"10.0.0.1:6379"}}, 7};
    int answers = 0;
    for (int round = 0; round < 300; ++round) {
        std::string const name = "key:" + std::to_string(round);
        db.call({"SET", name, "value"},
                [&](umbel::result<umbel::reply> answer) { answers += answer ? 1 : 0; });
        db.call({"GET", name}, [&](umbel::result<umbel::reply> answer) {
            answers += answer && answer->text() == "value" ? 1 : 0;
        });
    }
    time.run_for(1s);
    check(answers == 600, "commands are answered");
    bool refused = false;
    db.call({"BLPOP", "list", "0"}, [&](umbel::result<umbel::reply> answer) {
        refused = !answer && answer.error() == umbel::errc::needs_lease;
    });
    time.run_for(1s);
    check(refused, "a blocking command is refused");
    db.end();
    time.run_for(1s);
}

}  // namespace

int main() {
    parses_and_decodes();
    encodes();
    routes();
    serves();
    std::puts("bare_core: parsed, encoded, routed and served");
}
