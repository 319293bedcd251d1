// Tests of command/vector_set_types.hpp: the shapes of replies to vector set commands in RESP2 and RESP3, as
// modules/vector-sets/vset.c of Redis 8 writes them.
#include <umbel/command/vector_set_types.hpp>

#include "decoded.hpp"

#include <catch2/catch_test_macros.hpp>

#include <list>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using umbel::alike_elements;
using umbel::raw_vector;
using umbel::vector_set_info;
using umbel::test::decoded;

TEST_CASE("a vector is a range of numbers or a blob, and never a text", "[vector_sets]") {
    using umbel::command::vector_values;
    STATIC_CHECK((vector_values<std::vector<float>> && vector_values<std::list<double>> &&
                  vector_values<std::vector<int>> && vector_values<umbel::fp32_blob>));
    STATIC_CHECK_FALSE(
        (vector_values<std::string> || vector_values<char[5]> || vector_values<std::vector<std::string>>));
}

TEST_CASE("scores of similar elements come as a map, or flat", "[vector_sets]") {
    using scores = std::vector<std::pair<std::string, double>>;
    scores const expected{{"a", 1}, {"b", 0.75}};
    CHECK(decoded<scores>("*4\r\n$1\r\na\r\n$1\r\n1\r\n$1\r\nb\r\n$4\r\n0.75\r\n") == expected);
    CHECK(decoded<scores>("%2\r\n$1\r\na\r\n,1\r\n$1\r\nb\r\n,0.75\r\n") == expected);
    CHECK(decoded<scores>("*0\r\n") == scores{});
}

TEST_CASE("attributes of similar elements come as a map of pairs, or flat, and may be missing",
          "[vector_sets]") {
    alike_elements<> const expected{{{"a", 1, "{}"}, {"b", 0.75, std::nullopt}}};
    CHECK(decoded<alike_elements<>>("*6\r\n$1\r\na\r\n$1\r\n1\r\n$2\r\n{}\r\n"
                                    "$1\r\nb\r\n$4\r\n0.75\r\n$-1\r\n") == expected);
    CHECK(decoded<alike_elements<>>("%2\r\n$1\r\na\r\n*2\r\n,1\r\n$2\r\n{}\r\n"
                                    "$1\r\nb\r\n*2\r\n,0.75\r\n_\r\n") == expected);
    CHECK(decoded<alike_elements<>>("*0\r\n") == alike_elements<>{});
    CHECK(decoded<alike_elements<int>>("*3\r\n$1\r\na\r\n$1\r\n1\r\n$2\r\n17\r\n") ==
          alike_elements<int>{{{"a", 1, 17}}});
    CHECK(decoded<alike_elements<>>("*2\r\n$1\r\na\r\n$1\r\n1\r\n").error() == umbel::errc::unexpected_type);
    CHECK(decoded<alike_elements<>>("%1\r\n$1\r\na\r\n,1\r\n").error() == umbel::errc::unexpected_type);
    CHECK(expected.size() == 2);
    CHECK(expected.begin()->element == "a");
    CHECK_FALSE(expected.empty());
}

TEST_CASE("vectors come as numbers or texts, and null is a missing element", "[vector_sets]") {
    using vector = std::optional<std::vector<float>>;
    CHECK(decoded<vector>("*2\r\n$3\r\n0.5\r\n$2\r\n-1\r\n").value() == vector{{0.5F, -1}});
    CHECK(decoded<vector>("*2\r\n,0.5\r\n,-1\r\n").value() == vector{{0.5F, -1}});
    CHECK(decoded<vector>("$-1\r\n").value() == vector{});
    CHECK(decoded<vector>("_\r\n").value() == vector{});
}

TEST_CASE("a raw vector has a range only where it is quantized to bytes", "[vector_sets]") {
    auto const plain = decoded<raw_vector>("*3\r\n+f32\r\n$4\r\nabcd\r\n$3\r\n1.5\r\n");
    REQUIRE(plain);
    CHECK(plain->quantization == "f32");
    CHECK(plain->data.view() == "abcd");
    CHECK(plain->norm == 1.5);
    CHECK_FALSE(plain->range);
    auto const quantized = decoded<raw_vector>("*4\r\n+int8\r\n$2\r\nab\r\n,1.5\r\n,0.25\r\n");
    REQUIRE(quantized);
    CHECK(quantized->range == 0.25);
    CHECK(decoded<std::optional<raw_vector>>("_\r\n")->has_value() == false);
}

TEST_CASE("links come layer by layer, with scores as maps or flat", "[vector_sets]") {
    using layers = std::optional<std::vector<std::vector<std::pair<std::string, double>>>>;
    layers const expected{{{{"a", 0.5}}, {{"a", 0.5}, {"b", 0.25}}}};
    CHECK(decoded<layers>("*2\r\n*2\r\n$1\r\na\r\n$3\r\n0.5\r\n"
                          "*4\r\n$1\r\na\r\n$3\r\n0.5\r\n$1\r\nb\r\n$4\r\n0.25\r\n")
              .value() == expected);
    CHECK(decoded<layers>("*2\r\n%1\r\n$1\r\na\r\n,0.5\r\n%2\r\n$1\r\na\r\n,0.5\r\n$1\r\nb\r\n,0.25\r\n")
              .value() == expected);
    CHECK(decoded<layers>("_\r\n").value() == layers{});
}

TEST_CASE("VINFO is read with fields less and more, and null is a missing key", "[vector_sets]") {
    std::string const fields =
        "+quant-type\r\n+int8\r\n+hnsw-m\r\n:16\r\n+vector-dim\r\n:3\r\n+size\r\n:2\r\n+max-level\r\n:1\r\n";
    vector_set_info expected{"int8", 3, 2, 16, 1, std::nullopt, std::nullopt};
    CHECK(decoded<std::optional<vector_set_info>>("*10\r\n" + fields).value() == std::optional{expected});
    expected.input_dimension = 0;
    expected.attributes_count = 5;
    CHECK(decoded<vector_set_info>("%8\r\n" + fields +
                                   "+projection-input-dim\r\n:0\r\n+attributes-count\r\n:5\r\n"
                                   "+vset-uid\r\n:7\r\n") == expected);
    CHECK(decoded<std::optional<vector_set_info>>("*-1\r\n").value() == std::optional<vector_set_info>{});
}

TEST_CASE("odd replies to vector set commands give an error or a value", "[vector_sets]") {
    using umbel::test::survives_odd_replies;
    CHECK(survives_odd_replies<alike_elements<>>() > 0);
    CHECK(survives_odd_replies<raw_vector>() == 0);
    CHECK(survives_odd_replies<vector_set_info>() == 0);
    CHECK(survives_odd_replies<std::optional<std::vector<float>>>() > 0);
}
