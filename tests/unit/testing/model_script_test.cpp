#include <umbel/testing/model_script.hpp>

#include <umbel/testing/model_cluster.hpp>
#include <umbel/testing/sim_client.hpp>

#include <catch2/catch_test_macros.hpp>

#include <optional>
#include <string>

using namespace umbel;
using namespace umbel::testing;
using namespace std::chrono_literals;

namespace {

model_script echoing() {
    return {"return ARGV[1]", [](script_input const& in) {
                return model_outcome{wire::bulk(in.arguments.empty() ? in.keys[0] : in.arguments[0]), {}};
            }};
}

}  // namespace

TEST_CASE("a model node knows a script by its SHA1 once it has been sent its text", "[model]") {
    model_script const known[]{echoing()};
    std::string const sha1{command::sha1{known[0].text}.digits()};
    model_script_cache cached;
    model_store store;
    auto const run = [&](model_words const& words) {
        return run_script(known, cached, store, words, engine::instant{0}).reply;
    };
    CHECK(run({"EVALSHA", sha1, "0", "x"}) == "-NOSCRIPT No matching script. Please use EVAL.\r\n");
    CHECK(run({"EVAL", "return 1", "0"}) == "-ERR the model does not know this script\r\n");
    CHECK(run({"EVAL", known[0].text, "1", "k", "x"}) == "$1\r\nx\r\n");
    CHECK(run({"EVALSHA", sha1, "1", "k"}) == "$1\r\nk\r\n");
    cached.clear();
    CHECK(run({"EVALSHA", sha1, "0", "x"}).starts_with("-NOSCRIPT"));
}

TEST_CASE("a simulated client brings a script to each node that has forgotten it", "[model]") {
    timeline time{1};
    model_options servers;
    servers.scripts.push_back(echoing());
    model_cluster cluster{time, {1, 0}, servers};
    sim_client db{time, cluster.net(), {.seeds = {"10.0.0.1:6379"}}, 1};
    auto const run = [&] {
        std::optional<result<reply>> told;
        db.run(echoing().text, "k", [&](result<reply> answer) { told.emplace(std::move(answer)); });
        time.run_while_not([&] { return told.has_value(); }, 20s);
        REQUIRE(told.has_value());
        INFO((told->has_value() ? std::string{} : told->error().to_string()));
        REQUIRE(told->has_value());
        CHECK((*told)->text() == "k");
    };
    run();
    run();
    CHECK(cluster[0].counted("evalsha") == 2);
    CHECK(cluster[0].counted("eval") == 1);
    cluster.crash(0);
    cluster.restart(0);
    time.run_for(1s);
    run();
    CHECK(cluster[0].counted("eval") == 2);
}
