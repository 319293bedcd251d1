#include <umbel/command/keys_of.hpp>

#include "../../support/json.hpp"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

using namespace umbel::command;
using support::json;
using umbel::delivery;
using umbel::errc;

namespace {

/// An argv that owns its bytes.
class words {
public:
    words(std::initializer_list<std::string> from) : owned_{from} { look(); }
    explicit words(std::vector<std::string> from) : owned_{std::move(from)} { look(); }
    words(words const&) = delete;
    words& operator=(words const&) = delete;

    operator argv_view() const { return views_; }
    std::string_view operator[](std::size_t i) const { return views_[i]; }

private:
    void look() { views_.assign(owned_.begin(), owned_.end()); }

    std::vector<std::string> owned_;
    std::vector<std::string_view> views_;
};

using strings = std::vector<std::string>;

/// The keys that `argv` has, in the order of keys_of().
strings keys_in(words const& argv) {
    auto const found = keys_of(argv);
    REQUIRE(found);
    strings keys;
    for (std::size_t nth = 0; nth < found->size(); ++nth) keys.emplace_back(argv[(*found)[nth]]);
    return keys;
}

int slot_in(words const& argv) {
    auto const found = route_of(argv);
    REQUIRE(found);
    return found->slot ? found->slot->value() : -1;
}

bool is_keyless(words const& argv) {
    auto const found = route_of(argv);
    return found && found->keyless && !found->slot;
}

/// The message of the error that `argv` meets with; its code must be `code`.
std::string complaint(words const& argv, errc code = errc::bad_argument) {
    auto const found = route_of(argv);
    REQUIRE_FALSE(found);
    CHECK(found.error().code() == code);
    CHECK(found.error().delivery() == delivery::not_sent);
    return std::string{found.error().message()};
}

/// An argument of the data: a string, or {"hex": "00ff"} where it is not text.
std::string argument_in(json const& from) {
    if (!from.is_object()) return from.string();
    std::string const& digits = from["hex"].string();
    std::string bytes;
    for (std::size_t i = 0; i < digits.size(); i += 2)
        bytes += static_cast<char>(std::stoi(digits.substr(i, 2), nullptr, 16));
    return bytes;
}

strings arguments_in(json const& from) {
    strings found;
    for (json const& item : from.items()) found.push_back(argument_in(item));
    return found;
}

/// Commands whose published key specification, which COMMAND GETKEYS goes by, names other keys than the
/// server's own routing takes: GEORADIUS has one place for STORE and STOREDIST in routing and two in the
/// specification; MIGRATE with KEYS and nothing behind has no key in routing; XREAD and XREADGROUP skip the
/// values of options in routing and not in the specification.
bool routes_unlike_its_specification(std::string_view name) {
    for (std::string_view const text : {"georadius", "georadiusbymember", "migrate", "xread", "xreadgroup"})
        if (equal_ignoring_case(name, text)) return true;
    return false;
}

/// Valkey 9.1 finds the keys of MSETEX when asked by COMMAND GETKEYS, yet not when it routes: any node
/// executes it, whoever owns its keys. Values that no GET finds again help nobody, so umbel goes by the keys.
bool is_routed_by_nothing(std::string_view name) { return equal_ignoring_case(name, "msetex"); }

/// COMMAND GETKEYS names no key of these, and a node routes them all the same: PFMERGE with a destination
/// only, and CLUSTERSCAN, whose cursor is hashed and no key.
bool is_routed_without_keys(std::string_view name) {
    return equal_ignoring_case(name, "pfmerge") || equal_ignoring_case(name, "clusterscan");
}

/// Holds keys_of() against what COMMAND GETKEYS answered.
void check_keys(json const& line, words const& argv) {
    auto const found = keys_of(argv);
    strings expected = arguments_in(line["keys"]);
    if (!found) {
        CHECK(found.error().code() == errc::bad_argument);
        // A script with fewer keys than it says: Redis 8 answers with no key rather than an error.
        bool const script = expected.empty() && find_command(argv)->scripted();
        CHECK((script || !line["getkeys_error"].is_null() || line["route"].string() == "ERR"));
        return;
    }
    if (found->unknown || found->channels) {
        CHECK(expected.empty());
        return;
    }
    if (!line["getkeys_error"].is_null()) {
        bool const routed = !line["route"].is_null() && line["route"].string().starts_with("MOVED");
        CHECK((found->empty() || routed || is_routed_without_keys(argv[0])));
        return;
    }
    strings mine = keys_in(argv);
    std::sort(mine.begin(), mine.end());
    std::sort(expected.begin(), expected.end());
    if (mine == expected) return;
    CHECK(routes_unlike_its_specification(argv[0]));
    bool const refused = !line["route"].is_null() && line["route"].string() == "ERR";
    CHECK((refused || std::includes(expected.begin(), expected.end(), mine.begin(), mine.end())));
}

/// Holds route_of() against what a node that owns nothing answered.
void check_route(json const& line, words const& argv) {
    auto const found = route_of(argv);
    std::string const said = line["route"].is_null() ? std::string{} : line["route"].string();
    if (said.starts_with("MOVED ")) {
        REQUIRE(found);
        REQUIRE(found->slot);
        CHECK(found->slot->value() == std::stoi(said.substr(6)));
        CHECK_FALSE(found->keyless);
    } else if (said == "CROSSSLOT") {
        REQUIRE_FALSE(found);
        CHECK(found.error() == errc::cross_slot);
        CHECK(found.error().delivery() == delivery::not_sent);
    } else if (said == "LOCAL" && is_routed_by_nothing(argv[0])) {
        CHECK((!found || found->slot->value() == line["slot"].number()));
    } else if (said == "LOCAL") {
        REQUIRE(found);
        CHECK(found->keyless);
    } else if (!found) {
        CHECK((found.error() == errc::bad_argument || found.error() == errc::cross_slot));
    } else if (said.empty() && !line["slot"].is_null()) {
        REQUIRE(found->slot);
        CHECK(found->slot->value() == line["slot"].number());
    } else if (said.empty() && line["keys"].items().empty()) {
        CHECK((!found->slot || is_routed_without_keys(argv[0])));
    }
}

void check_lines(std::string const& name, std::size_t least) {
    auto const lines = support::json_lines(UMBEL_TEST_DATA_DIR "/command/data/" + name);
    CHECK(lines.size() >= least);
    for (std::size_t number = 0; number < lines.size(); ++number) {
        words const argv{arguments_in(lines[number]["argv"])};
        INFO(name << " line " << number + 1 << ": " << argv[0]);
        check_keys(lines[number], argv);
        check_route(lines[number], argv);
    }
}

}  // namespace

TEST_CASE("keys and routes are those that a real Redis 7 found", "[keys_of]") {
    check_lines("command_keys.jsonl", 800);
}

TEST_CASE("keys and routes are those that real servers found in random and crooked argvs", "[keys_of]") {
    check_lines("command_keys_more.jsonl", 500);
}

TEST_CASE("keys and routes are those that a real Redis 8 found", "[keys_of]") {
    check_lines("command_keys_redis8.jsonl", 600);
}

TEST_CASE("keys and routes are those that a real Valkey 9 found", "[keys_of]") {
    check_lines("command_keys_valkey9.jsonl", 590);
}

TEST_CASE("slots of shard channels are found like those of keys, though they are no keys", "[keys_of]") {
    auto const found = keys_of(words{"SSUBSCRIBE", "news{1}", "more{1}"});
    REQUIRE(found);
    CHECK(found->channels);
    CHECK(found->size() == 2);
    CHECK(slot_in({"SPUBLISH", "ch", "GET"}) == umbel::cluster::slot_of("ch").value());
    CHECK(slot_in({"ssubscribe", "a"}) == 15495);
    CHECK(is_keyless({"SUNSUBSCRIBE"}));
    CHECK(is_keyless({"PUBLISH", "ch", "m"}));
    CHECK(is_keyless({"SUBSCRIBE", "a", "b"}));
    CHECK(complaint({"SSUBSCRIBE", "a", "b"}, errc::cross_slot) ==
          R"("SSUBSCRIBE": channel "a" is in slot 15495 and "b" in slot 3300; one command needs one slot)");
}

TEST_CASE("scripts and functions have as many keys as they say", "[keys_of]") {
    for (std::string const name : {"EVAL", "EVALSHA", "EVAL_RO", "EVALSHA_RO", "FCALL", "FCALL_RO"}) {
        CHECK(keys_in({name, "s", "2", "{a}1", "{a}2", "x"}) == strings{"{a}1", "{a}2"});
        CHECK(is_keyless({name, "s", "0", "x"}));
        CHECK(is_keyless({name, "s", "0"}));
        CHECK(keys_in({name, "s", "01", "a", "b"}) == strings{"a"});
        CHECK(keys_in({name, "s", "+1", "a", "b"}) == strings{"a"});
    }
}

TEST_CASE("a number of keys that cannot be is refused, and the message shows it", "[keys_of]") {
    CHECK(complaint({"eval", "s", "x", "a"}) ==
          R"("eval": the number of keys "x" is not a number above zero)");
    CHECK(complaint({"EVAL", "s", "-1", "a"}) ==
          R"("EVAL": the number of keys "-1" is not a number above zero)");
    CHECK(complaint({"EVAL", "s", "", "a"}) == R"("EVAL": the number of keys "" is not a number above zero)");
    CHECK(complaint({"EVAL", "s", "2", "a"}) ==
          R"("EVAL": the number of keys "2" is larger than the number of arguments behind it)");
    CHECK(complaint({"FCALL", "f", "1"}).find("larger") != std::string::npos);
    CHECK(complaint({"EVAL", "s", "18446744073709551617", "a"}).find("larger") != std::string::npos);
    CHECK(complaint({"EVAL", "s", "4294967297", "a"}).find("larger") != std::string::npos);
    CHECK(complaint({"ZUNION", "0", "a"}) == R"("ZUNION": the number of keys "0" must be above zero)");
    CHECK(complaint({"ZUNIONSTORE", "d", "3", "a", "b"}).find("larger") != std::string::npos);
}

TEST_CASE("sorted set and list commands with a number of keys stop where it says", "[keys_of]") {
    CHECK(keys_in({"ZUNIONSTORE", "{a}d", "2", "{a}1", "{a}2", "WEIGHTS", "1", "2"}) ==
          strings{"{a}d", "{a}1", "{a}2"});
    CHECK(keys_in({"zinter", "1", "a", "WITHSCORES"}) == strings{"a"});
    CHECK(keys_in({"SINTERCARD", "2", "{a}1", "{a}2", "LIMIT", "3"}) == strings{"{a}1", "{a}2"});
    CHECK(keys_in({"LMPOP", "1", "a", "LEFT"}) == strings{"a"});
    CHECK(keys_in({"BLMPOP", "0", "1", "a", "LEFT"}) == strings{"a"});
    CHECK(keys_in({"BZMPOP", "1", "2", "{a}1", "{a}2", "MIN"}) == strings{"{a}1", "{a}2"});
}

TEST_CASE("MSETEX has values between its keys, as many as it says", "[keys_of]") {
    CHECK(keys_in({"MSETEX", "2", "{a}1", "v", "{a}2", "w", "EX", "10"}) == strings{"{a}1", "{a}2"});
    CHECK(keys_in({"msetex", "1", "a", "b", "NX"}) == strings{"a"});
    CHECK(complaint({"MSETEX", "2", "a", "v", "b"}) ==
          R"("MSETEX": the number of keys "2" is larger than the number of arguments behind it)");
    CHECK(complaint({"MSETEX", "2", "a", "v", "b", "w"}, errc::cross_slot).find("one slot") !=
          std::string::npos);
    CHECK(complaint({"MSETEX", "0", "a", "v"}).find("above zero") != std::string::npos);
}

TEST_CASE("STREAMS is an option only where an option can stand", "[keys_of]") {
    CHECK(keys_in({"XREAD", "STREAMS", "STREAMS", "STREAMS", "0", "0"}) == strings{"STREAMS", "STREAMS"});
    CHECK(keys_in({"XREADGROUP", "GROUP", "STREAMS", "STREAMS", "COUNT", "1", "NOACK", "streams", "k",
                   ">"}) == strings{"k"});
    CHECK(keys_in({"XREAD", "BLOCK", "0", "STREAMS", "{a}1", "{a}2", "0", "0"}) == strings{"{a}1", "{a}2"});
    CHECK(keys_in({"XREAD", "SOMETHING-NEW", "5", "STREAMS", "k", "0"}) == strings{"k"});
    CHECK(complaint({"XREAD", "COUNT", "1", "k"}) == R"("XREAD" names no stream behind STREAMS)");
    CHECK(complaint({"XREAD", "COUNT", "1", "STREAMS"}) == R"("XREAD" names no stream behind STREAMS)");
}

TEST_CASE("SORT has a source and the last STORE's destination, patterns are no keys", "[keys_of]") {
    CHECK(keys_in({"SORT", "k", "BY", "w*", "GET", "o*", "GET", "STORE", "STORE", "d"}) == strings{"k", "d"});
    CHECK(keys_in({"SORT", "k", "STORE", "{k}1", "store", "{k}2"}) == strings{"k", "{k}2"});
    CHECK(keys_in({"SORT", "k", "LIMIT", "0", "STORE"}) == strings{"k"});
    CHECK(keys_in({"SORT", "k", "STORE"}) == strings{"k"});
    CHECK(keys_in({"SORT_RO", "k", "BY", "w*", "GET", "STORE"}) == strings{"k"});
}

TEST_CASE("the last STORE or STOREDIST of GEORADIUS wins", "[keys_of]") {
    CHECK(keys_in({"GEORADIUS", "k", "1", "2", "3", "km", "STORE", "other", "STOREDIST", "{k}d"}) ==
          strings{"k", "{k}d"});
    CHECK(slot_in({"GEORADIUS", "k", "1", "2", "3", "km", "STORE", "other", "STOREDIST", "{k}d"}) == 7629);
    CHECK(keys_in({"GEORADIUSBYMEMBER", "k", "STORE", "3", "km", "STORE", "STORE"}) == strings{"k", "STORE"});
    CHECK(keys_in({"GEORADIUS_RO", "k", "1", "2", "3", "km"}) == strings{"k"});
}

TEST_CASE("MIGRATE has one key, or those behind KEYS where it is empty", "[keys_of]") {
    CHECK(keys_in({"MIGRATE", "h", "6379", "keys", "0", "100"}) == strings{"keys"});
    CHECK(keys_in({"MIGRATE", "h", "6379", "", "0", "100", "COPY", "KEYS", "{a}1", "{a}2"}) ==
          strings{"{a}1", "{a}2"});
    CHECK(keys_in({"MIGRATE", "h", "6379", "", "0", "100", "AUTH2", "KEYS", "KEYS", "KEYS", "a"}) ==
          strings{"a"});
    CHECK(keys_in({"MIGRATE", "h", "6379", "", "0", "100"}) == strings{""});
    CHECK(complaint({"MIGRATE", "h", "6379", "k", "0", "100", "KEYS", "a"}) ==
          R"("MIGRATE": beside KEYS the key argument must be empty, it is "k")");
}

TEST_CASE("options that look like keys and keys that look like options are told apart by their place",
          "[keys_of]") {
    CHECK(keys_in({"SET", "GET", "NX", "GET"}) == strings{"GET"});
    CHECK(keys_in({"MSET", "{a}1", "x", "{a}2", "y"}) == strings{"{a}1", "{a}2"});
    CHECK(keys_in({"BITOP", "AND", "{a}d", "{a}1", "{a}2"}) == strings{"{a}d", "{a}1", "{a}2"});
    CHECK(keys_in({"BLPOP", "{a}1", "{a}2", "0"}) == strings{"{a}1", "{a}2"});
    CHECK(keys_in({"COPY", "{a}1", "{a}2", "DB", "1", "REPLACE"}) == strings{"{a}1", "{a}2"});
    CHECK(keys_in({"LCS", "{a}1", "{a}2", "IDX"}) == strings{"{a}1", "{a}2"});
    CHECK(keys_in({"OBJECT", "freq", "k"}) == strings{"k"});
    CHECK(keys_in({"memory", "USAGE", "k", "SAMPLES", "5"}) == strings{"k"});
    CHECK(keys_in({"XINFO", "STREAM", "k", "FULL"}) == strings{"k"});
    CHECK(keys_in({"XGROUP", "CREATE", "k", "g", "$"}) == strings{"k"});
    CHECK(keys_in({"HIMPORT", "SET", "k", "fields", "v"}) == strings{"k"});
    CHECK(keys_in({"LMOVEM", "{a}1", "{a}2", "LEFT", "RIGHT"}) == strings{"{a}1", "{a}2"});
    CHECK(keys_in({"VSIM", "k", "ELE", "a"}) == strings{"k"});
    CHECK(keys_in({"SUNIONCARD", "1", "a", "LIMIT", "1"}) == strings{"a"});
    CHECK(is_keyless({"CLUSTER", "KEYSLOT", "k"}));
    CHECK(is_keyless({"OBJECT", "HELP"}));
    CHECK(is_keyless({"COMMAND"}));
}

TEST_CASE("keys in different slots are refused before anything is sent, and two of them are named",
          "[keys_of]") {
    CHECK(complaint({"MGET", "a", "{a}2", "b", "c"}, errc::cross_slot) ==
          R"("MGET": key "a" is in slot 15495 and "b" in slot 3300; one command needs one slot)");
    CHECK(
        complaint({"MGET", "a", std::string{"b\0\"\xff", 4}}, errc::cross_slot).find(R"("b\x00\x22\xff")") !=
        std::string::npos);
    CHECK(complaint({"MGET", "a", std::string(1000, 'b')}, errc::cross_slot).size() < 200);
}

TEST_CASE("an argv that no command takes is refused with a message that says why", "[keys_of]") {
    CHECK(complaint({}) == "the argv is empty, it has no command");
    CHECK(complaint({"GET"}) == R"("GET" takes 2 arguments, the name included; 1 given)");
    CHECK(complaint({"get", "a", "b"}) == R"("get" takes 2 arguments, the name included; 3 given)");
    CHECK(complaint({"MGET"}) == R"("MGET" takes at least 2 arguments, the name included; 1 given)");
    CHECK(complaint({"OBJECT", "FREQ"}) ==
          R"("OBJECT" "FREQ" takes 3 arguments, the name included; 2 given)");
    CHECK(complaint({"OBJECT"}) == R"("OBJECT" takes at least 2 arguments, the name included; 1 given)");
}

TEST_CASE("an unknown command is left open, unless the caller takes its first argument for a key",
          "[keys_of]") {
    words const argv{"FT.SEARCH", "index", "*"};
    auto const open = keys_of(argv);
    REQUIRE(open);
    CHECK(open->unknown);
    CHECK(open->empty());
    auto const nowhere = route_of(argv);
    REQUIRE(nowhere);
    CHECK_FALSE(nowhere->slot);
    CHECK_FALSE(nowhere->keyless);
    CHECK(nowhere->traits == nullptr);

    auto const assumed = route_of(argv, unknown_command::first_argument_is_key);
    REQUIRE(assumed);
    CHECK(assumed->slot == umbel::cluster::slot_of("index"));
    auto const alone = route_of(words{"FT._LIST"}, unknown_command::first_argument_is_key);
    REQUIRE(alone);
    CHECK_FALSE(alone->slot);

    CHECK(keys_of(words{"CLIENT", "SOMETHING-NEW"})->unknown);
    CHECK(keys_of(words{"OBJECT", ""})->unknown);
    CHECK(keys_of(words{""})->unknown);
}

TEST_CASE("a hundred thousand keys take no more room than one", "[keys_of]") {
    std::vector<std::string> many(100'001, "{a}k");
    many[0] = "DEL";
    words const argv{std::move(many)};
    auto const found = keys_of(argv);
    REQUIRE(found);
    CHECK(found->size() == 100'000);
    CHECK((*found)[99'999] == 100'000);
    CHECK(slot_in(argv) == 15495);
}
