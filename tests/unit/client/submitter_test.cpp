// Tests of client/submitter.hpp and of client::command: which words any command becomes, and which are keys.
#include <umbel/client/scoped_client.hpp>

#include <catch2/catch_test_macros.hpp>

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

using namespace std::chrono_literals;

namespace {

enum class color { red = 3 };

struct document {
    int number = 0;
};
struct user {
    std::string name;
    std::optional<int> age;
    static constexpr auto umbel_fields =
        std::tuple{umbel::field("name", &user::name), umbel::field("age", &user::age)};
};

/// Takes commands to nowhere, and shows their words, keys with an @ in front.
class words_recorder : public umbel::one_slot_commands<words_recorder> {
public:
    template <umbel::decodable Value>
    std::string submit(std::span<std::string_view const> words, std::span<bool const> keys) const {
        if (!keys.empty() && keys.size() != words.size()) return "as many marks as words";
        std::string line;
        for (std::size_t i = 0; i < words.size(); ++i)
            line.append(i == 0 ? "" : " ").append(!keys.empty() && keys[i] ? "@" : "").append(words[i]);
        return line;
    }
    template <umbel::decodable Value>
    std::string submit(umbel::command::invocation<Value> const& command) const {
        return command.refusal ? command.refusal.message : "";
    }
};
constexpr words_recorder db;

}  // namespace

template <>
struct umbel::to_argument<document> {
    static std::string from(document const& value) {
        return "{\"number\": " + std::to_string(value.number) +
               ", \"text\": \"longer than any small string\"}";
    }
};

TEST_CASE("client::command takes words of any kind, and knows which are marked as keys", "[command]") {
    CHECK(db.command<int>("PING") == "PING");
    CHECK(db.command<int>("INCRBY", umbel::key("n"), 5) == "INCRBY @n 5");
    CHECK(db.command<int>("INCRBY", "n", 5) == "INCRBY n 5");
    CHECK(db.command<int>("SET", umbel::key("k"), color::red) == "SET @k 3");
    CHECK(db.command<int>("SET", umbel::key("k"), true) == "SET @k 1");
    CHECK(db.command<int>("SET", umbel::key("k"), document{5}) ==
          "SET @k {\"number\": 5, \"text\": \"longer than any small string\"}");
    CHECK(db.command<int>("PEXPIRE", umbel::key("k"), umbel::in_milliseconds(30s)) == "PEXPIRE @k 30000");
}

TEST_CASE("client::command takes ranges, optionals and structs", "[command]") {
    std::vector<std::string> const many(50, "x");
    std::optional<int> const none;
    CHECK(db.command<int>("SADD", umbel::key("s"), std::vector{1, 2}) == "SADD @s 1 2");
    CHECK(db.command<int>("SADD", umbel::key("s"), many).size() == 7 + 2 * 50);
    CHECK(db.command<int>("DEL", std::vector{umbel::key("a"), umbel::key("b")}) == "DEL @a @b");
    CHECK(db.command<int>("X", none, std::optional{5}, std::vector<std::string>{}) == "X 5");
    CHECK(db.command<int>("HSET", umbel::key("h"), std::map<std::string, document>{{"f", {7}}}) ==
          "HSET @h f {\"number\": 7, \"text\": \"longer than any small string\"}");
    CHECK(db.command<int>("HSET", umbel::key("h"), user{"ada", 36}) == "HSET @h name ada age 36");
    CHECK(db.command<int>("HSET", umbel::key("h"), user{"ada", {}}) == "HSET @h name ada");
}
