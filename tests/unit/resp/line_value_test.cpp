// Tests of resp/line_value.hpp: which value a line spells, and what is wrong with one that spells none.
#include <umbel/resp/line_value.hpp>

#include <catch2/catch_test_macros.hpp>

#include <string_view>

using namespace umbel::resp;

namespace {

struct outcome {
    fault_kind wrong = fault_kind::none;
    node value{};

    friend bool operator==(outcome const&, outcome const&) = default;
};

outcome read(type kind, std::string_view line) {
    outcome found;
    found.wrong = read_line_value(kind, line, 1, found.value);
    return found;
}

}  // namespace

TEST_CASE("texts and big numbers stay where they stand", "[line_value]") {
    CHECK(read(type::simple_string, "OK").value == node::text(type::simple_string, 1, 2));
    CHECK(read(type::error, "").value == node::text(type::error, 1, 0));
    CHECK(read(type::big_number, "-123").value == node::text(type::big_number, 1, 4));
}

TEST_CASE("numbers, booleans and nulls are values", "[line_value]") {
    CHECK(read(type::integer, "-42").value.integer() == -42);
    CHECK(read(type::real, "-inf").value.real() < 0);
    CHECK(read(type::boolean, "t").value == node::scalar(type::boolean, 1));
    CHECK(read(type::boolean, "f").value == node::scalar(type::boolean, 0));
    CHECK(read(type::null, "").value == node::scalar(type::null, 0));
}

TEST_CASE("a line that spells no value of its kind is told by that kind", "[line_value]") {
    CHECK(read(type::integer, "4 2").wrong == fault_kind::not_an_integer);
    CHECK(read(type::real, "one").wrong == fault_kind::not_a_real);
    CHECK(read(type::boolean, "true").wrong == fault_kind::not_a_boolean);
    CHECK(read(type::null, "0").wrong == fault_kind::null_not_empty);
    CHECK(read(type::big_number, "1.5").wrong == fault_kind::not_a_big_number);
}
