// Tests of command/command_info.hpp and command/learned_command.hpp: what servers say of their commands, as
// bytes of RESP2 and RESP3, against what they route; and what hostile answers come to.
#include <umbel/command/command_info.hpp>
#include <umbel/command/keys_of.hpp>
#include <umbel/resp/reader.hpp>

#include "../../support/json.hpp"
#include "decoded.hpp"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <cstring>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

using namespace umbel::command;
using support::json;

namespace {

std::unique_ptr<learned_command> read(std::string_view bytes, std::string_view name) {
    umbel::resp::reader reader;
    auto const room = reader.space(bytes.size());
    REQUIRE(room.size() >= bytes.size());
    std::memcpy(room.data(), bytes.data(), bytes.size());
    reader.commit(bytes.size());
    umbel::resp::view reply;
    REQUIRE(reader.next(reply) == umbel::resp::reader::status::ready);
    return read_command_info(reply, name);
}
/// The keys of a command, "k1 k2"; "-" where it has none, "?" where they cannot be found.
std::string keys(learned_command const& learned, std::vector<std::string_view> const& argv) {
    auto const found = keys_of(learned.row(argv), argv);
    if (!found) return "?";
    std::string text;
    for (std::size_t nth = 0; nth < found->size(); ++nth)
        text.append(text.empty() ? "" : " ").append(argv[(*found)[nth]]);
    return text.empty() ? "-" : text;
}

// Replies as trees, so that they can be rendered and damaged.
struct tree {
    char kind;  ///< '$', '+', ':', '*', '%', '~', or 'r': bytes as they are.
    std::string text{};
    std::vector<tree> children{};

    std::string bytes() const {
        std::string out;
        if (kind == 'r') return text;
        if (kind == ':' || kind == '+') return std::string{kind} + text + "\r\n";
        if (kind == '$') return "$" + std::to_string(text.size()) + "\r\n" + text + "\r\n";
        std::size_t const count = kind == '%' ? children.size() / 2 : children.size();
        out = std::string{kind} + std::to_string(count) + "\r\n";
        for (tree const& child : children) out += child.bytes();
        return out;
    }
    void each(std::function<void(tree&)> const& visit) {
        visit(*this);
        for (tree& child : children) child.each(visit);
    }
};
tree bulk(std::string text) { return {'$', std::move(text)}; }
tree number(std::int64_t value) { return {':', std::to_string(value)}; }
tree texts_of(json const& list, char kind) {
    tree made{kind};
    for (json const& item : list.items()) made.children.push_back({'+', item.string()});
    return made;
}
/// A map of texts, numbers and maps, as each protocol sends it.
tree map_of(json const& from, bool resp3) {
    tree made{resp3 ? '%' : '*'};
    for (char const* const name :
         {"flags", "notes", "begin_search", "find_keys", "type", "spec", "index", "keyword", "startfrom",
          "lastkey", "keystep", "limit", "keynumidx", "firstkey"}) {
        json const& value = from[name];
        if (value.is_null()) continue;
        std::string_view const what{name};
        made.children.push_back(bulk(name));
        if (what == "flags")
            made.children.push_back(texts_of(value, resp3 ? '~' : '*'));
        else if (what == "notes" || what == "type" || what == "keyword")
            made.children.push_back(bulk(value.string()));
        else if (value.is_object())
            made.children.push_back(map_of(value, resp3));
        else
            made.children.push_back(number(value.number()));
    }
    return made;
}
tree description(json const& row, bool resp3) {
    char const set = resp3 ? '~' : '*';
    tree specs{'*'};
    for (json const& spec : row["key_specs"].items()) specs.children.push_back(map_of(spec, resp3));
    tree tips{'*'};
    for (json const& tip : row["tips"].items()) tips.children.push_back(bulk(tip.string()));
    tree made{'*'};
    auto const at = [&](char const* name) { return number(row[name].number()); };
    made.children = {bulk(row["name"].string()),
                     at("arity"),
                     texts_of(row["flags"], set),
                     at("first_key"),
                     at("last_key"),
                     at("step"),
                     texts_of(row["acl"], set),
                     std::move(tips),
                     std::move(specs),
                     {'*'}};
    return made;
}
tree reply(json const& row, bool resp3) {
    tree made{'*'};
    made.children.push_back(description(row, resp3));
    return made;
}
std::vector<json> lines(std::string const& file) {
    return support::json_lines(UMBEL_TEST_DATA_DIR "/command/data/" + file);
}
std::string argument_in(json const& from) {
    if (!from.is_object()) return from.string();
    std::string const& digits = from["hex"].string();
    std::string bytes;
    for (std::size_t i = 0; i < digits.size(); i += 2)
        bytes += static_cast<char>(std::stoi(digits.substr(i, 2), nullptr, 16));
    return bytes;
}
std::vector<std::string> arguments_in(json const& from) {
    std::vector<std::string> found;
    for (json const& item : from.items()) found.push_back(argument_in(item));
    return found;
}
std::string lower(std::string text) {
    for (char& letter : text)
        if (letter >= 'A' && letter <= 'Z') letter = static_cast<char>(letter + 32);
    return text;
}

}  // namespace

TEST_CASE("a module's command is read from RESP2", "[command_info]") {
    auto const got = read(
        "*1\r\n*10\r\n$9\r\nJSON.MGET\r\n:-3\r\n*2\r\n+readonly\r\n+module\r\n:1\r\n:-2\r\n:1\r\n*0\r\n"
        "*1\r\n$26\r\nrequest_policy:multi_shard\r\n"
        "*1\r\n*6\r\n$5\r\nflags\r\n*1\r\n+RO\r\n"
        "$12\r\nbegin_search\r\n*4\r\n$4\r\ntype\r\n$5\r\nindex\r\n$4\r\nspec\r\n*2\r\n$5\r\nindex\r\n:1\r\n"
        "$9\r\nfind_keys\r\n*4\r\n$4\r\ntype\r\n$5\r\nrange\r\n$4\r\nspec\r\n"
        "*6\r\n$7\r\nlastkey\r\n:-2\r\n$7\r\nkeystep\r\n:1\r\n$5\r\nlimit\r\n:0\r\n*0\r\n",
        "json.mget");
    REQUIRE(got);
    CHECK(got->name == "json.mget");
    CHECK(got->arity == -3);
    CHECK(got->read_only());
    CHECK(got->idempotent());
    CHECK(got->has(command_flag::learned));
    CHECK(got->request == request_policy::multi_shard);
    CHECK(got->response == response_policy::none);
    CHECK(got->keys.search == key_search::range);
    CHECK(keys(*got, {"JSON.MGET", "a", "b", "$"}) == "a b");
}

TEST_CASE("a module's command is read from RESP3, with keys in two places", "[command_info]") {
    auto const got = read(
        "*1\r\n*10\r\n$9\r\nCMS.MERGE\r\n:-1\r\n~1\r\n+write\r\n:1\r\n:1\r\n:1\r\n~0\r\n*0\r\n"
        "*2\r\n"
        "%3\r\n$5\r\nflags\r\n~1\r\n+OW\r\n"
        "$12\r\nbegin_search\r\n%2\r\n$4\r\ntype\r\n$5\r\nindex\r\n$4\r\nspec\r\n%1\r\n$5\r\nindex\r\n:1\r\n"
        "$9\r\nfind_keys\r\n%2\r\n$4\r\ntype\r\n$5\r\nrange\r\n$4\r\nspec\r\n"
        "%3\r\n$7\r\nlastkey\r\n:0\r\n$7\r\nkeystep\r\n:1\r\n$5\r\nlimit\r\n:0\r\n"
        "%3\r\n$5\r\nflags\r\n~1\r\n+RO\r\n"
        "$12\r\nbegin_search\r\n%2\r\n$4\r\ntype\r\n$7\r\nkeyword\r\n$4\r\nspec\r\n"
        "%2\r\n$7\r\nkeyword\r\n$4\r\nFROM\r\n$9\r\nstartfrom\r\n:2\r\n"
        "$9\r\nfind_keys\r\n%2\r\n$4\r\ntype\r\n$6\r\nkeynum\r\n$4\r\nspec\r\n"
        "%3\r\n$9\r\nkeynumidx\r\n:0\r\n$8\r\nfirstkey\r\n:1\r\n$7\r\nkeystep\r\n:1\r\n*0\r\n",
        "CMS.MERGE");
    REQUIRE(got);
    CHECK_FALSE(got->read_only());
    CHECK_FALSE(got->idempotent());
    CHECK(got->keys.search == key_search::specified);
    CHECK(keys(*got, {"CMS.MERGE", "to", "from", "2", "a", "b", "WEIGHTS"}) == "to a b");
    CHECK(keys(*got, {"CMS.MERGE", "to", "x", "FROM", "1", "a"}) == "to a");
    CHECK(keys(*got, {"CMS.MERGE", "to"}) == "to");
    CHECK(keys(*got, {"CMS.MERGE"}) == "-");
    CHECK(keys(*got, {"CMS.MERGE", "to", "FROM", "3", "a", "b"}) == "?");
    CHECK(keys(*got, {"CMS.MERGE", "to", "FROM", "99999999999999999999", "a"}) == "?");
    CHECK(keys(*got, {"CMS.MERGE", "to", "FROM", "x", "a"}) == "?");
}

TEST_CASE("an answer of a server before Redis 7 has no specifications", "[command_info]") {
    auto const got = read("*1\r\n*6\r\n$6\r\nbf.add\r\n:-1\r\n*1\r\n+write\r\n:1\r\n:1\r\n:1\r\n", "BF.ADD");
    REQUIRE(got);
    CHECK(keys(*got, {"BF.ADD", "k", "v"}) == "k");
    auto const none = read("*1\r\n*6\r\n$4\r\nx.ls\r\n:-1\r\n*0\r\n:0\r\n:0\r\n:0\r\n", "x.ls");
    REQUIRE(none);
    CHECK(keys(*none, {"x.ls", "k"}) == "-");
    // It has keys that it does not tell: the first argument is taken for one.
    auto const moved =
        read("*1\r\n*6\r\n$4\r\nx.mv\r\n:-1\r\n*1\r\n+movablekeys\r\n:0\r\n:0\r\n:0\r\n", "x.mv");
    REQUIRE(moved);
    CHECK(keys(*moved, {"x.mv", "k", "l"}) == "k");
    CHECK(keys(*moved, {"x.mv"}) == "-");
}

TEST_CASE("subcommands have rows of their own, and unknown ones none", "[command_info]") {
    auto const got = read(
        "*1\r\n*10\r\n$1\r\nx\r\n:-2\r\n*0\r\n:0\r\n:0\r\n:0\r\n*0\r\n*0\r\n*0\r\n*3\r\n"
        "*6\r\n$5\r\nx|get\r\n:3\r\n*1\r\n+readonly\r\n:2\r\n:2\r\n:1\r\n"
        "*6\r\n$5\r\nx|set\r\n:-3\r\n*1\r\n+write\r\n:2\r\n:2\r\n:1\r\n"
        "*6\r\n$5\r\ny|set\r\n:-3\r\n*1\r\n+write\r\n:1\r\n:1\r\n:1\r\n",
        "X");
    REQUIRE(got);
    CHECK(got->subcommands.size() == 2);
    CHECK(keys(*got, {"X", "GET", "k"}) == "k");
    std::vector<std::string_view> const get{"x", "Get", "k"};
    REQUIRE(got->row(get));
    CHECK(got->row(get)->read_only());
    std::vector<std::string_view> const unknown{"x", "other", "k"};
    CHECK(got->row(unknown) == nullptr);
    std::vector<std::string_view> const bare{"x"};
    CHECK(got->row(bare) == got.get());
}

TEST_CASE("where fewer words are given than keys need, none behind them is read", "[command_info]") {
    auto const index = [](int at, int last) {
        return "*4\r\n$12\r\nbegin_search\r\n*4\r\n$4\r\ntype\r\n$5\r\nindex\r\n$4\r\nspec\r\n"
               "*2\r\n$5\r\nindex\r\n:" +
               std::to_string(at) +
               "\r\n$9\r\nfind_keys\r\n*4\r\n$4\r\ntype\r\n$5\r\nrange\r\n$4\r\nspec\r\n"
               "*6\r\n$7\r\nlastkey\r\n:" +
               std::to_string(last) + "\r\n$7\r\nkeystep\r\n:1\r\n$5\r\nlimit\r\n:0\r\n";
    };
    auto const counted = [](int at) {
        return "*4\r\n$12\r\nbegin_search\r\n*4\r\n$4\r\ntype\r\n$5\r\nindex\r\n$4\r\nspec\r\n"
               "*2\r\n$5\r\nindex\r\n:" +
               std::to_string(at) +
               "\r\n$9\r\nfind_keys\r\n*4\r\n$4\r\ntype\r\n$6\r\nkeynum\r\n$4\r\nspec\r\n"
               "*6\r\n$9\r\nkeynumidx\r\n:0\r\n$8\r\nfirstkey\r\n:1\r\n$7\r\nkeystep\r\n:1\r\n";
    };
    auto const row = [](int arity, std::string const& numbers, std::vector<std::string> const& specs) {
        std::string text = "*1\r\n*10\r\n$1\r\nx\r\n:" + std::to_string(arity) + "\r\n*1\r\n+write\r\n" +
                           numbers + "*0\r\n*0\r\n*" + std::to_string(specs.size()) + "\r\n";
        for (std::string const& spec : specs) text += spec;
        return text + "*0\r\n";
    };
    std::string const none = ":0\r\n:0\r\n:0\r\n";
    std::vector<std::string> replies;
    for (int const arity : {-1, 1, -2, 2, -3, 0}) {
        replies.push_back(row(arity, ":1\r\n:1\r\n:1\r\n", {}));
        replies.push_back(row(arity, ":3\r\n:3\r\n:1\r\n", {}));
        replies.push_back(row(arity, none, {index(1, 0)}));
        replies.push_back(row(arity, none, {index(4, 0)}));
        replies.push_back(row(arity, none, {index(2, 1)}));
        replies.push_back(row(arity, none, {index(1, -1)}));
        replies.push_back(row(arity, none, {counted(1)}));
        replies.push_back(row(arity, none, {counted(3)}));
        replies.push_back(row(arity, none, {index(1, 0), counted(2)}));
        replies.push_back(row(arity, none, {index(5, 0), counted(1)}));
        replies.push_back(row(arity, none, {index(99, 0), counted(1)}));
    }
    // All that stands behind the words that are given is there, and would be taken for a number or a key.
    std::vector<std::string_view> words(128, "1");
    words[0] = "x";
    for (std::string const& bytes : replies) {
        CAPTURE(bytes);
        auto const got = read(bytes, "x");
        REQUIRE(got);
        for (std::size_t count = 1; count < 8; ++count) {
            CAPTURE(count);
            argv_view const argv = argv_view{words}.first(count);
            auto const found = keys_of(got->row(argv), argv);
            auto const routed = route_of(got->row(argv), argv);
            if (!found) {
                CHECK_FALSE(routed);
                continue;
            }
            REQUIRE(routed);
            CHECK(routed->slot.has_value() == !found->empty());
            for (std::size_t nth = 0; nth < found->size(); ++nth)
                CHECK(((*found)[nth] >= 1 && (*found)[nth] < count));
        }
    }
    // Where the arity promises the key, it is found without a look at the words.
    CHECK(read(row(-2, none, {index(1, 0)}), "x")->keys.search == key_search::range);
    CHECK(read(row(4, none, {index(1, 0), counted(2)}), "x")->keys.search == key_search::counted);
}

TEST_CASE("a row says where the server may not have told of all keys", "[command_info]") {
    std::string const first =
        "*6\r\n$5\r\nflags\r\n*1\r\n+RW\r\n"
        "$12\r\nbegin_search\r\n*4\r\n$4\r\ntype\r\n$5\r\nindex\r\n$4\r\nspec\r\n*2\r\n$5\r\nindex\r\n:1\r\n"
        "$9\r\nfind_keys\r\n*4\r\n$4\r\ntype\r\n$5\r\nrange\r\n$4\r\nspec\r\n"
        "*6\r\n$7\r\nlastkey\r\n:-1\r\n$7\r\nkeystep\r\n:1\r\n$5\r\nlimit\r\n:0\r\n";
    std::string incomplete = first;
    incomplete.replace(incomplete.find("*1\r\n+RW"), 7, "*2\r\n+RW\r\n+incomplete");
    std::string const unknown =
        "*4\r\n$12\r\nbegin_search\r\n*4\r\n$4\r\ntype\r\n$7\r\nunknown\r\n$4\r\nspec\r\n*0\r\n"
        "$9\r\nfind_keys\r\n*4\r\n$4\r\ntype\r\n$7\r\nunknown\r\n$4\r\nspec\r\n*0\r\n";
    auto const row = [](std::string const& flag, std::string const& numbers,
                        std::vector<std::string> const& specs) {
        std::string text = "*1\r\n*10\r\n$1\r\nx\r\n:-2\r\n*1\r\n+" + flag + "\r\n" + numbers +
                           "*0\r\n*1\r\n$26\r\nrequest_policy:multi_shard\r\n*" +
                           std::to_string(specs.size()) + "\r\n";
        for (std::string const& spec : specs) text += spec;
        return read(text + "*0\r\n", "x");
    };
    std::string const none = ":0\r\n:0\r\n:0\r\n";
    std::string const one = ":1\r\n:1\r\n:1\r\n";
    auto const whole = row("write", none, {first});
    CHECK_FALSE(whole->has(command_flag::untold_keys));
    CHECK(whole->keys.search == key_search::range);
    for (auto const& made : {row("write", none, {incomplete}), row("write", none, {first, unknown}),
                             row("write", none, {unknown, first}), row("movablekeys", none, {first})}) {
        CHECK(made->has(command_flag::untold_keys));
        // It is not split: that takes the table's form.
        CHECK(made->keys.search == key_search::specified);
        CHECK(keys(*made, {"x", "a", "b"}) == "a b");
    }
    for (auto const& made : {row("write", none, {unknown}), row("movablekeys", none, {}),
                             row("movablekeys", one, {}), row("write", ":1\r\n:0\r\n:1\r\n", {})}) {
        CHECK(made->has(command_flag::untold_keys));
        CHECK(keys(*made, {"x", "a", "b"}) == "a");
    }
    CHECK_FALSE(row("write", one, {})->has(command_flag::untold_keys));
    CHECK_FALSE(row("write", none, {})->has(command_flag::untold_keys));
}

TEST_CASE("what blocks needs a lease, and what says that it reads and writes writes", "[command_info]") {
    auto const got = read(
        "*1\r\n*6\r\n$1\r\nx\r\n:-1\r\n*3\r\n+readonly\r\n+write\r\n+blocking\r\n:1\r\n:1\r\n:1\r\n", "x");
    REQUIRE(got);
    CHECK_FALSE(got->read_only());
    CHECK(got->leased());
    CHECK_FALSE(got->scripted());
}

TEST_CASE("what is no description of the command is no answer", "[command_info]") {
    for (std::string_view const bytes :
         {"*1\r\n*-1\r\n", "*1\r\n$-1\r\n", "*1\r\n_\r\n", "*0\r\n", "_\r\n", "+OK\r\n", ":1\r\n",
          "*1\r\n*0\r\n", "*1\r\n*3\r\n$1\r\nx\r\n:1\r\n*0\r\n",
          "*1\r\n*6\r\n:1\r\n:1\r\n*0\r\n:0\r\n:0\r\n:0\r\n",
          "*1\r\n*6\r\n$1\r\ny\r\n:-1\r\n*0\r\n:0\r\n:0\r\n:0\r\n",
          "*1\r\n*6\r\n$1\r\nx\r\n$1\r\nz\r\n*0\r\n:0\r\n:0\r\n:0\r\n"}) {
        CAPTURE(bytes);
        CHECK(read(bytes, "x") == nullptr);
    }
    for (std::string_view const bytes : umbel::test::odd_replies) CHECK(read(bytes, "x") == nullptr);
}

TEST_CASE("whatever stands in an answer, keys are arguments, and nothing is read beyond them",
          "[command_info]") {
    std::vector<std::vector<std::string_view>> const argvs{{"x"},
                                                           {"x", "1"},
                                                           {"x", "FROM", "2"},
                                                           {"x", "a", "FROM", "3", "b", "c", "d"},
                                                           {"x", "FROM", "FROM", "FROM", "9"}};
    json const row = json::parse(
        R"({"name": "x", "arity": -1, "flags": ["write"], "first_key": 1, "last_key": 1, "step": 1, "acl": ["@a"],
            "tips": ["request_policy:multi_shard"], "key_specs": [
            {"flags": ["RW"], "begin_search": {"type": "keyword", "spec": {"keyword": "FROM", "startfrom": 1}},
             "find_keys": {"type": "keynum", "spec": {"keynumidx": 0, "firstkey": 1, "keystep": 1}}},
            {"flags": ["RW"], "begin_search": {"type": "index", "spec": {"index": 1}},
             "find_keys": {"type": "range", "spec": {"lastkey": -1, "keystep": 1, "limit": 2}}}]})");
    std::vector<std::string> parts{":-9223372036854775808\r\n",
                                   ":1000000\r\n",
                                   ":-1000000\r\n",
                                   ":127\r\n",
                                   ":-128\r\n",
                                   ":255\r\n",
                                   "$4\r\nFROM\r\n"};
    for (std::string_view const odd : umbel::test::odd_replies) parts.emplace_back(odd);
    for (bool const resp3 : {false, true}) {
        std::size_t nodes = 0;
        tree whole = reply(row, resp3);
        whole.each([&](tree&) { ++nodes; });
        CHECK(nodes > 50);
        for (std::size_t nth = 0; nth < nodes; ++nth) {
            for (std::string const& part : parts) {
                tree damaged = whole;
                std::size_t at = 0;
                damaged.each([&](tree& node) {
                    if (at++ == nth) node = tree{'r', part};
                });
                auto const got = read(damaged.bytes(), "x");
                if (!got) continue;
                for (auto const& argv : argvs) {
                    auto const found = keys_of(got->row(argv), argv);
                    if (!found) continue;
                    for (std::size_t key = 0; key < found->size(); ++key)
                        REQUIRE(((*found)[key] >= 1 && (*found)[key] < argv.size()));
                }
            }
        }
    }
}

TEST_CASE("what real servers say of their commands leads to the keys that they route by", "[command_info]") {
    // SORT and MIGRATE say that they cannot say; GEORADIUS has keys in three places; after a NOACK of the
    // group's own name only XREADGROUP's own parser knows better.
    std::set<std::string> const exceptions{"sort", "sort_ro", "migrate", "georadius", "georadiusbymember"};
    for (auto const& [commands, samples] : {std::pair{"commands_redis8.jsonl", "command_keys_redis8.jsonl"},
                                            std::pair{"commands_valkey9.jsonl", "command_keys_valkey9.jsonl"},
                                            std::pair{"commands_redis7.jsonl", "command_keys.jsonl"}}) {
        std::map<std::string, std::unique_ptr<learned_command>> learned;
        for (json const& row : lines(commands)) {
            std::string const name = lower(row["name"].string());
            CAPTURE(name);
            auto two = read(reply(row, false).bytes(), name);
            auto three = read(reply(row, true).bytes(), name);
            REQUIRE(two);
            REQUIRE(three);
            CHECK(two->flags == three->flags);
            CHECK(two->keys.search == three->keys.search);
            std::size_t const bar = name.find('|');
            auto const* const known =
                find_command(name.substr(0, bar), bar == name.npos ? "" : name.substr(bar + 1));
            if (known && !known->is_container()) {
                CHECK(two->write() == known->write());
                CHECK(two->read_only() == known->read_only());
                CHECK(int{two->arity} == row["arity"].number());
            }
            learned.emplace(name, std::move(three));
        }
        std::size_t compared = 0;
        for (json const& line : lines(samples)) {
            if (!line["getkeys_error"].is_null()) continue;
            std::vector<std::string> const words = arguments_in(line["argv"]);
            std::string const name = lower(words[0]);
            auto found = learned.find(name);
            if (words.size() > 1)
                if (auto const sub = learned.find(name + "|" + lower(words[1])); sub != learned.end())
                    found = sub;
            if (found == learned.end() || exceptions.contains(name)) continue;
            std::vector<std::string_view> const argv{words.begin(), words.end()};
            std::vector<std::string> expected = arguments_in(line["keys"]);
            std::sort(expected.begin(), expected.end());
            ++compared;
            CAPTURE(name, line["argv"].items().size());
            auto const positions = keys_of(found->second.get(), argv);
            if (!positions) {
                // A script with fewer keys than it says: Redis 8 answers with no key.
                CHECK(expected.empty());
                continue;
            }
            std::vector<std::string> told;
            for (std::size_t nth = 0; !positions->channels && nth < positions->size(); ++nth)
                told.emplace_back(argv[(*positions)[nth]]);
            std::sort(told.begin(), told.end());
            CHECK(told == expected);
        }
        CHECK(compared > 300);
    }
}
