#include <umbel/engine/refresh_answers.hpp>

#include <catch2/catch_test_macros.hpp>

#include <string>

using namespace umbel;
using namespace umbel::engine;

namespace {

topology_view view_of(std::uint16_t node, std::uint16_t last_slot) {
    topology_view view;
    view.node = node;
    view.topology.nodes.resize(1);
    view.topology.shards.resize(1);
    view.topology.shards[0].primary = 0;
    view.topology.shards[0].ranges.push_back({cluster::slot{0}, cluster::slot{last_slot}});
    return view;
}

error const refused{errc::connect_failed, delivery::not_sent, "refused"};
error const denied{errc::wrong_password, delivery::not_executed, "WRONGPASS"};

}  // namespace

TEST_CASE("of views with holes the fullest is kept", "[answers]") {
    refresh_answers answers;
    answers.keep_partial(view_of(1, 100));
    answers.keep_partial(view_of(2, 200));
    answers.keep_partial(view_of(3, 150));
    auto const fullest = answers.take_partial();
    REQUIRE(fullest);
    CHECK(fullest->node == 2);
    CHECK_FALSE(answers.take_partial());
}

TEST_CASE("a new refresh forgets views and errors, but not what was said before", "[answers]") {
    refresh_answers answers;
    answers.keep_partial(view_of(1, 100));
    answers.keep_foreign(view_of(2, 100));
    answers.keep_failure("10.0.0.1:6379", denied);
    answers.begin();
    CHECK_FALSE(answers.take_partial());
    CHECK_FALSE(answers.take_foreign());
    CHECK(answers.text().empty());
    CHECK(answers.complaints().text.find("WRONGPASS") != std::string::npos);
    CHECK(answers.complaints().replied == errc::wrong_password);
    answers.keep_failure("10.0.0.2:6379", refused);
    CHECK(answers.complaints().text.find("WRONGPASS") == std::string::npos);
}

TEST_CASE("an error is permanent while every node has refused for good", "[answers]") {
    refresh_answers answers;
    CHECK(answers.permanent_error() == nullptr);
    answers.keep_failure("10.0.0.1:6379", denied);
    REQUIRE(answers.permanent_error());
    CHECK(answers.permanent_error()->code() == errc::wrong_password);
    CHECK(answers.permanent_error()->node() == "10.0.0.1:6379");
    answers.keep_failure("10.0.0.2:6379", refused);
    CHECK(answers.permanent_error() == nullptr);
}

TEST_CASE("a node with which no TLS can be agreed upon has refused for good", "[answers]") {
    refresh_answers answers;
    answers.keep_failure("10.0.0.1:6379", {errc::tls_failed, delivery::not_sent, "certificate has expired"});
    REQUIRE(answers.permanent_error());
    CHECK(answers.permanent_error()->code() == errc::tls_failed);
    CHECK(answers.complaints().replied == errc::tls_failed);
}

TEST_CASE("the quoted complaints are bounded", "[answers]") {
    refresh_answers answers;
    for (int node = 0; node < 1000; ++node)
        answers.keep_failure("node-" + std::to_string(node) + ":6379", refused);
    CHECK(answers.text().size() < refresh_answers::complaints_bytes_max + 100);
    CHECK(answers.text().starts_with("node-0:6379: connect_failed, refused; node-1:6379"));
}
