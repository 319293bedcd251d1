// Tests of client/options_from_url.hpp, and of clients whose seeds are URLs.
#include <umbel/client.hpp>

#include <catch2/catch_test_macros.hpp>

#include <asio/io_context.hpp>

#include <chrono>
#include <optional>
#include <string>
#include <utility>

using namespace std::chrono_literals;

namespace {

/// What the first command of a client with this seed fails with.
std::string refusal_of(std::string const& seed) {
    asio::io_context io{1};
    umbel::client const db{io.get_executor(), {.seeds = {seed}}};
    std::string said = "nothing";
    db.get("k")([&said](umbel::result<std::optional<std::string>> told) {
        if (!told)
            said =
                std::string{umbel::name_of(told.error().code())} + ": " + std::string{told.error().message()};
    });
    io.run();
    return said;
}

}  // namespace

TEST_CASE("options come out of a URL, and a client is made of them", "[url]") {
    auto chosen = umbel::options_from_url("redis://:secret@127.0.0.1:1/2?deadline=150ms&read_from=replica");
    REQUIRE(chosen);
    CHECK(chosen->password == "secret");
    CHECK(chosen->database == 2);
    chosen->waiting_max = 7;
    asio::io_context io{1};
    umbel::client const db{io.get_executor(), *chosen};
    CHECK_FALSE(db.site().unusable);
    CHECK((db.site().options.deadline == 150ms));
    CHECK((db.site().options.reads == umbel::read_from::replica));
    CHECK(db.site().waiting_max == 7);
}

TEST_CASE("a URL among the seeds sets what commands go by", "[url]") {
    asio::io_context io{1};
    umbel::client const db{
        io.get_executor(),
        {.seeds = {"127.0.0.1:1", "redis://127.0.0.1:1?deadline=150ms&argument_bytes_max=2mb"},
         .deadline = 9s}};
    CHECK((db.site().options.deadline == 150ms));
    CHECK(db.site().argument_bytes_max == std::uint64_t{2} << 20);
}

TEST_CASE("a client whose URL is bad says so by every command", "[url]") {
    CHECK(refusal_of("redis://h?deadline=0") ==
          "bad_argument: options.seeds[0]: options.deadline must be positive, or umbel::no_deadline");
    CHECK(refusal_of("redis://h?nothing=0") ==
          "bad_argument: options.seeds[0]: URL, character 11: parameter nothing: unknown; a parameter is "
          "called as its option is");
    CHECK(refusal_of("rediss://h").find("include <umbel/tls.hpp> and set options.tls") != std::string::npos);
    CHECK(refusal_of("rediss-sentinel://h/m").find("include <umbel/tls.hpp> and set options.tls") !=
          std::string::npos);
}
