// Tests of net::tls_gather: which bytes share a record, and which are encrypted where they stand.
#include <umbel/net/tls_gather.hpp>

#include <catch2/catch_test_macros.hpp>

#include <string>
#include <vector>

using umbel::net::tls_gather;

namespace {

/// The sizes of the records that pieces of these sizes become, with '*' behind those that are not copied.
std::string cut(std::vector<std::size_t> const& sizes, std::size_t taken_at_a_time = 1 << 20) {
    std::vector<std::string> texts;
    std::string all, seen, shown;
    for (std::size_t const size : sizes)
        all += texts.emplace_back(size, static_cast<char>('a' + texts.size()));
    std::vector<std::span<char const>> const pieces{texts.begin(), texts.end()};
    std::vector<char> joined;
    tls_gather records{pieces, joined};
    while (!records.done()) {
        auto const record = records.next();
        CHECK(record.size() <= tls_gather::record_bytes_max);
        CHECK(records.is_last(record) == (seen.size() + record.size() == all.size()));
        std::size_t const part = std::min(record.size(), taken_at_a_time);
        seen.append(record.data(), part);
        bool const copied = record.data() == joined.data();
        shown += (shown.empty() ? "" : " ") + std::to_string(part) + (copied ? "" : "*");
        records.taken(part);
    }
    CHECK(seen == all);
    return shown;
}

}  // namespace

TEST_CASE("pieces become records", "[tls]") {
    CHECK(cut({}).empty());
    CHECK(cut({0, 0}).empty());
    CHECK(cut({5}) == "5*");
    CHECK(cut({5, 0, 7}) == "12");
    CHECK(cut({0, 5, 0}) == "5*");
    CHECK(cut({16384}) == "16384*");
    CHECK(cut({16385}) == "16384* 1*");
    CHECK(cut({40, 16384, 2}) == "40 16384* 2*");
    CHECK(cut({40, 50000, 2, 30}) == "40 16384* 16384* 16384* 880");
    CHECK(cut({10000, 10000, 10000}) == "16384 13616");
    CHECK(cut({1, 2, 3, 4}, 2).size() > 4);
    for (std::size_t at_a_time : {1u, 3u, 1000u, 16384u}) cut({0, 7, 20000, 0, 3, 16384, 1, 0}, at_a_time);
}
