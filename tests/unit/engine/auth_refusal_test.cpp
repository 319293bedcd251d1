#include <umbel/engine/auth_refusal.hpp>

#include <catch2/catch_test_macros.hpp>

#include <string>

using umbel::engine::auth_refusal;

namespace {

std::string const remark = " (what else the server says is not shown: it may repeat the password)";

}  // namespace

TEST_CASE("what servers say in their own words is shown whole", "[auth_refusal]") {
    for (std::string_view const known : umbel::engine::auth_refusals) CHECK(auth_refusal(known) == known);
    CHECK(auth_refusal("NOPERM") == "NOPERM");
}

TEST_CASE("what may repeat the password is not shown, however it is cut or spelled", "[auth_refusal]") {
    std::string token;
    for (int i = 0; i < 1100; ++i) token += static_cast<char>('a' + i * 7 % 26);
    CHECK(auth_refusal("ERR unknown command 'AUTH', with args beginning with: '" + token.substr(0, 128)) ==
          "ERR unknown command" + remark);
    CHECK(auth_refusal("ERR cannot do AUTH a  b") == "ERR" + remark);
    CHECK(auth_refusal("WRONGPASS a\\r\\nb is wrong") == "WRONGPASS" + remark);
    CHECK(auth_refusal(token) == "ERR" + remark);
    CHECK(auth_refusal("MOVED 1 hunter2:1") == "MOVED" + remark);
    CHECK(auth_refusal("") == "ERR" + remark);
}
