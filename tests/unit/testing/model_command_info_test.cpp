// model_command_info_test: what a model node tells of its commands is what the library reads of real servers.
#include <umbel/command/command_info.hpp>
#include <umbel/resp/reader.hpp>
#include <umbel/testing/model_command_info.hpp>

#include <catch2/catch_test_macros.hpp>

#include <cstring>
#include <memory>
#include <string>

using namespace umbel::testing;

namespace {

std::unique_ptr<umbel::command::learned_command> learned(std::string const& name, bool resp3) {
    std::string const bytes = command_info_reply({"COMMAND", "INFO", name}, resp3);
    umbel::resp::reader reader;
    auto const room = reader.space(bytes.size());
    REQUIRE(room.size() >= bytes.size());
    std::memcpy(room.data(), bytes.data(), bytes.size());
    reader.commit(bytes.size());
    umbel::resp::view told;
    REQUIRE(reader.next(told) == umbel::resp::reader::status::ready);
    return umbel::command::read_command_info(told, name);
}

}  // namespace

TEST_CASE("a client learns from a model node where keys stand", "[model]") {
    for (bool const resp3 : {false, true}) {
        auto const push = learned("model.push", resp3);
        REQUIRE(push);
        CHECK(push->write());
        CHECK_FALSE(push->read_only());
        CHECK(push->arity == 4);
        auto const length = learned("model.length", resp3);
        REQUIRE(length);
        CHECK(length->read_only());
        auto const exists = learned("model.exists", resp3);
        REQUIRE(exists);
        CHECK(exists->request == umbel::command::request_policy::multi_shard);
        CHECK(exists->response == umbel::command::response_policy::agg_sum);
        CHECK_FALSE(learned("model.nothing", resp3));
    }
    CHECK(command_info_reply({"COMMAND", "INFO", "x", "get"}, false).starts_with("*2\r\n*-1\r\n*10\r\n"));
    CHECK(command_info_reply({"COMMAND", "COUNT"}, false).starts_with("-ERR "));
}
