// Tests of command/family.hpp: what a family hands to whoever submits its commands.
#include <umbel/command/family.hpp>

#include "recorder.hpp"

#include <catch2/catch_test_macros.hpp>

#include <cstdint>
#include <string>
#include <vector>

using umbel::cluster::command_flags;
using umbel::command::command_spec;
using umbel::command::run;
using umbel::command::word_list;

// Not anonymous: a class of a header derives from it.
namespace samples {

constexpr command_spec keyed{"STRLEN", command_flags::read_only};
constexpr command_spec listed{"COPY", command_flags::none};

template <class Self>
class sample_commands {
public:
    auto key_only() const { return run<std::int64_t>(*this, keyed, umbel::key{"k"}); }
    auto words() const { return run<bool>(*this, listed, umbel::key{"k"}, "a", 1); }
    auto list() const { return run<bool>(*this, listed, word_list{umbel::key{"k"}, "b"}); }
    auto list_with_flags() const {
        return run<bool>(*this, listed, word_list{umbel::key{"k"}}, umbel::command::idempotent_if(true));
    }
    auto refused() const { return run<bool>(*this, listed, word_list{}.add_each(std::vector<int>{})); }
};

}  // namespace samples

namespace {
constexpr umbel::test::recorder<samples::sample_commands> db;
}  // namespace

TEST_CASE("a family hands on words, flags, the type of the reply, and a refusal", "[family]") {
    CHECK(db.key_only().words == "STRLEN k");
    CHECK(db.key_only().flags == command_flags::read_only);
    CHECK(db.words().words == "COPY k a 1");
    CHECK(db.words().flags == command_flags::none);
    CHECK(db.list().words == "COPY k b");
    CHECK(db.list().flags == command_flags::none);
    CHECK(db.list_with_flags().flags == command_flags::idempotent);
    CHECK(db.refused().refusal.starts_with("an empty range"));
    STATIC_CHECK(umbel::test::replies<std::int64_t, decltype(db.key_only())>());
    STATIC_CHECK(umbel::command::idempotent_if(false) == command_flags::none);
}
