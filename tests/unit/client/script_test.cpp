// Tests of scripts and functions that a client brings to the nodes by itself (client/encode_loaded.hpp).
#include "two_nodes.hpp"

#include <algorithm>
#include <set>
#include <tuple>
#include <vector>

using at_home::code_of;
using at_home::delivery_of;
using at_home::fault;
using at_home::two_nodes;
using scripted::words;
using umbel::cmd;
using umbel::key;

namespace {

constexpr umbel::script add{"return redis.call('INCRBY', KEYS[1], ARGV[1])"};
constexpr umbel::function_library counters{"#!lua name=counters\n-- …"};

/// A node with scripts and libraries of its own, none at first.
struct loading {
    std::set<std::string> known{};
    bool takes_libraries = true;

    std::optional<scripted::answer> operator()(words const& said) {
        std::string const& name = said[0];
        if (name == "EVALSHA" || name == "EVALSHA_RO") {
            if (!known.contains(said[1])) return "-NOSCRIPT No matching script. Please use EVAL.\r\n";
            return scripted::integer(static_cast<long long>(said.size()));
        }
        if (name == "EVAL" || name == "EVAL_RO") {
            known.insert(std::string{umbel::script{said[1]}.sha1()});
            return scripted::integer(static_cast<long long>(said.size()));
        }
        if (name == "FUNCTION") {
            if (!takes_libraries) return "-ERR Error compiling function\r\n";
            known.insert("add");
            return "$8\r\ncounters\r\n";
        }
        if (name == "FCALL" || name == "FCALL_RO") {
            if (!known.contains(said[1])) return "-ERR Function not found\r\n";
            return scripted::integer(static_cast<long long>(said.size()));
        }
        return std::nullopt;
    }
};

struct loaded_nodes : two_nodes {
    loading low_has, high_has;
    loaded_nodes() {
        low_says = [this](words const& said) { return low_has(said); };
        high_says = [this](words const& said) { return high_has(said); };
    }
    std::vector<words> latest(std::size_t count) const {
        auto const seen = high.seen();
        return {seen.end() - static_cast<std::ptrdiff_t>(count), seen.end()};
    }
};

}  // namespace

TEST_CASE("a script goes by its SHA1, and by its text where the node lacks it", "[scripts]") {
    loaded_nodes here;
    std::string const sha1{add.sha1()}, text{add.text()};
    CHECK(here.wait(here.db->run<std::int64_t>(add, key("foo"), 5)).value() == 5);
    CHECK(here.latest(2) ==
          std::vector<words>{{"EVALSHA", sha1, "1", "foo", "5"}, {"EVAL", text, "1", "foo", "5"}});
    CHECK(here.wait(here.db->run<std::int64_t>(add, key("foo"), 6)).value() == 5);
    CHECK(here.latest(1) == std::vector<words>{{"EVALSHA", sha1, "1", "foo", "6"}});
    CHECK(here.high.count("EVAL") == 1);
    // The other node learns it by itself.
    CHECK(here.wait(here.db->run<std::int64_t>(add, key("bar"), 5)).value() == 5);
    CHECK(here.low.count("EVAL") == 1);
    // A node that forgets it learns it again.
    here.high_has.known.clear();
    CHECK(here.wait(here.db->run<std::int64_t>(add, key("foo"), 5)).value() == 5);
    CHECK(here.high.count("EVAL") == 2);
}

TEST_CASE("a script that only reads goes as one", "[scripts]") {
    loaded_nodes here;
    std::vector<std::string> const keys{"{foo}a", "{foo}b"}, arguments{"x"};
    CHECK(here.wait(here.db->run_ro<std::int64_t>(add, keys, arguments)).value() == 6);
    CHECK(here.latest(2) ==
          std::vector<words>{{"EVALSHA_RO", std::string{add.sha1()}, "2", "{foo}a", "{foo}b", "x"},
                             {"EVAL_RO", std::string{add.text()}, "2", "{foo}a", "{foo}b", "x"}});
}

TEST_CASE("long and lent arguments of a script reach its second form", "[scripts]") {
    loaded_nodes here;
    std::string const large(5000, 'x'), larger(70'000, 'y');
    CHECK(here.wait(here.db->run<std::int64_t>(add, key("foo"), umbel::borrow(large), "z",
                                               umbel::borrow(larger)))
              .value() == 7);
    CHECK(here.latest(1) ==
          std::vector<words>{{"EVAL", std::string{add.text()}, "1", "foo", large, "z", larger}});
}

TEST_CASE("a redirected script is brought to the node that serves it", "[scripts]") {
    loaded_nodes here;
    here.high_says = [&](words const& said) -> std::optional<scripted::answer> {
        if (said[0] == "EVALSHA") return fault("ASK", 12182, here.low);
        return std::nullopt;
    };
    CHECK(here.wait(here.db->run<std::int64_t>(add, key("foo"), 5)).value() == 5);
    CHECK(here.low.count("ASKING") == 2);
    CHECK(here.low.count("EVAL") == 1);
}

TEST_CASE("what is wrong with a script is said before anything is sent", "[scripts]") {
    loaded_nodes here;
    auto const done = here.wait(here.db->run(add, key("foo"), key("bar")));
    CHECK(code_of(done) == "cross_slot");
    std::string const long_text(2'000, ' ');
    umbel::script const too_long{long_text};
    umbel::options chosen = at_home::plain(here.seed);
    chosen.argument_bytes_max = 1'000;
    umbel::client small{here.io.get_executor(), chosen};
    auto const refused = here.wait(small.run(too_long, key("foo")));
    CHECK(code_of(refused) == "bad_argument");
    CHECK(delivery_of(refused) == "not_sent");
    CHECK(here.high.count("EVALSHA") == 0);
}

TEST_CASE("a batch brings scripts and libraries to the nodes that lack them, too", "[scripts]") {
    loaded_nodes here;
    std::string const large(500, 'x');
    for (int round = 0; round < 2; ++round) {
        std::optional<std::tuple<umbel::result<std::int64_t>, umbel::result<std::int64_t>,
                                 umbel::result<std::int64_t>, umbel::result<umbel::reply>>>
            told;
        here.db->batch(cmd.run<std::int64_t>(add, key("foo"), 5),
                       cmd.run<std::int64_t>(counters.function("add"), key("foo"), "x", large),
                       cmd.run<std::int64_t>(add, key("bar"), 5), cmd.run(add, key("foo"), key("bar")))(
            asio::bind_executor(here.io, [&](auto all) { told.emplace(std::move(all)); }));
        REQUIRE(at_home::until(here.io, [&] { return told.has_value(); }));
        CHECK(std::get<0>(*told).value() == 5);
        CHECK(std::get<1>(*told).value() == 6);
        CHECK(std::get<2>(*told).value() == 5);
        CHECK(code_of(std::get<3>(*told)) == "cross_slot");
        CHECK(here.high.count("EVAL") == 1);
        CHECK(here.low.count("EVAL") == 1);
        CHECK(here.high.count("FUNCTION") == 1);
    }
}

TEST_CASE("scripts of a client with a prefix find their keys", "[scripts]") {
    loaded_nodes here;
    auto const app = here.db->prefixed("{foo}:");
    CHECK(here.wait(app.run<std::int64_t>(add, key("n"), 5)).value() == 5);
    CHECK(here.latest(1) == std::vector<words>{{"EVAL", std::string{add.text()}, "1", "{foo}:n", "5"}});
}

TEST_CASE("a transaction has scripts by their text", "[scripts]") {
    two_nodes here;
    bool refused = false;
    here.high_says = [&](words const& said) -> std::optional<scripted::answer> {
        if (said[0] == "MULTI") return scripted::ok;
        if (said[0] == "EVAL") return "+QUEUED\r\n";
        if (said[0] == "EVAL_RO") {
            refused = true;
            return "-OOM refused\r\n";
        }
        if (said[0] == "EXEC")
            return std::exchange(refused, false) ? "-EXECABORT Transaction discarded\r\n" : "*1\r\n:5\r\n";
        return std::nullopt;
    };
    std::string const large(5000, 'x');
    auto const done =
        here.wait(here.db->transaction(cmd.run<std::int64_t>(add, key("foo"), umbel::borrow(large), "z")));
    REQUIRE(done);
    CHECK(std::get<0>(*done).value() == 5);
    auto const seen = here.high.seen();
    CHECK(std::find(seen.begin(), seen.end(),
                    words{"EVAL", std::string{add.text()}, "1", "foo", large, "z"}) != seen.end());
    auto const prefixed =
        here.wait(here.db->prefixed("{foo}").transaction(cmd.run_ro<std::int64_t>(add, key("n"))));
    CHECK(code_of(prefixed) == "exec_aborted");
    auto const again = here.high.seen();
    CHECK(std::find(again.begin(), again.end(), words{"EVAL_RO", std::string{add.text()}, "1", "{foo}n"}) !=
          again.end());
}

TEST_CASE("a library is loaded where its function is missing", "[scripts]") {
    loaded_nodes here;
    CHECK(here.wait(here.db->run<std::int64_t>(counters.function("add"), key("foo"), 5)).value() == 5);
    words const call{"FCALL", "add", "1", "foo", "5"};
    CHECK(here.latest(3) ==
          std::vector<words>{call, {"FUNCTION", "LOAD", std::string{counters.text()}}, call});
    CHECK(here.wait(here.db->run_ro<std::int64_t>(counters.function("add"), key("foo"))).value() == 4);
    CHECK(here.high.count("FUNCTION") == 1);
}

TEST_CASE("a library of the same name is replaced only where that is wanted", "[scripts]") {
    static constexpr umbel::function_library ours{counters.text(), umbel::if_library_exists::replace};
    loaded_nodes here;
    CHECK(here.wait(here.db->run<std::int64_t>(ours.function("add"), key("foo"), 5)).value() == 5);
    words const call{"FCALL", "add", "1", "foo", "5"};
    CHECK(here.latest(3) ==
          std::vector<words>{call, {"FUNCTION", "LOAD", "REPLACE", std::string{counters.text()}}, call});
}

TEST_CASE("a thousand calls that lack a library load it once", "[scripts]") {
    loaded_nodes here;
    unsigned done = 0, good = 0;
    for (int i = 0; i < 1000; ++i)
        here.db->run<std::int64_t>(counters.function("add"), key("foo"), 5)(
            asio::bind_executor(here.io, [&](umbel::result<std::int64_t> const& told) {
                ++done;
                good += told ? 1u : 0u;
            }));
    REQUIRE(at_home::until(here.io, [&] { return done == 1000; }));
    CHECK(good == 1000);
    CHECK(here.high.count("FUNCTION") == 1);
}

TEST_CASE("a library that cannot be loaded, or lacks the function, is said after one attempt", "[scripts]") {
    loaded_nodes here;
    here.high_has.takes_libraries = false;
    auto const done = here.wait(here.db->run<std::int64_t>(counters.function("add"), key("foo"), 5));
    CHECK(code_of(done) == "server_error");
    CHECK(delivery_of(done) == "not_executed");
    CHECK(here.high.count("FUNCTION") == 1);
    // The connection goes on as before.
    CHECK(here.wait(here.db->run<std::int64_t>(add, key("foo"), 5)).value() == 5);
}

TEST_CASE("a function that is asked on another node loads its library there, and ASKING stays in place",
          "[scripts]") {
    loaded_nodes here;
    here.high_says = [&](words const& said) -> std::optional<scripted::answer> {
        if (said[0] == "FCALL") return fault("ASK", 12182, here.low);
        return std::nullopt;
    };
    CHECK(here.wait(here.db->run<std::int64_t>(counters.function("add"), key("foo"), 5)).value() == 5);
    auto const seen = here.low.seen();
    std::vector<words> const last(seen.end() - 5, seen.end());
    words const call{"FCALL", "add", "1", "foo", "5"};
    CHECK(last ==
          std::vector<words>{
              {"ASKING"}, call, {"FUNCTION", "LOAD", std::string{counters.text()}}, {"ASKING"}, call});
}
