// parser_fuzz.cpp: whatever bytes come, the reader gives the same replies and the same fault however they are
// split, skipping finds the same as reading, and what was kept stays what it was. The first byte of an input
// seeds the splits, the second chooses the bounds.
#include <umbel/resp/decode.hpp>
#include <umbel/resp/reader.hpp>
#include <umbel/resp/reply.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

namespace {

using umbel::resp::reader;
using umbel::resp::view;

[[noreturn]] void differ(char const* what) {
    std::fprintf(stderr, "parser_fuzz: %s\n", what);
    std::abort();
}

/// How the bytes of one run are cut: all at once, one by one, or as a seed has it.
struct splitter {
    std::uint32_t state;
    std::size_t next() {
        if (state <= 1) return state == 0 ? SIZE_MAX : 1;
        state = state * 1664525u + 1013904223u;
        return (state >> 24) % 7 == 0 ? 1 + (state >> 20) : 1 + (state >> 28);
    }
};

/// What a run saw: each reply's value in words, and how it ended.
struct story {
    std::vector<std::string> replies;
    std::vector<std::string> pushes;
    std::string end;
    friend bool operator==(story const&, story const&) = default;
};

/// Every accessor is tried; decoding must not fault whatever the shape.
std::string in_words(view value) {
    std::string text{name_of(value.kind())};
    text += value.is_streamed() ? " streamed " : " ";
    umbel::resp::describe(value, text);
    text += value.verbatim_format();
    using umbel::decode;
    text += decode<std::vector<std::string>>(value) ? 'v' : '-';
    text += decode<std::map<std::string, umbel::bytes>>(value) ? 'm' : '-';
    text += decode<std::vector<std::pair<umbel::reply, double>>>(value) ? 'p' : '-';
    text += decode<std::tuple<std::optional<std::int32_t>, bool>>(value) ? 't' : '-';
    return text;
}

enum class mode : std::uint8_t { read, skip, change };

/// Runs the bytes through a reader. `change` calls next() first and goes over to skip() as soon as more is
/// needed.
story run(std::string_view bytes, std::uint32_t seed, umbel::resp::limits bounds, mode how) {
    auto const budget = std::make_shared<umbel::resp::pin_budget>(4096);
    auto owned = std::make_unique<reader>(
        budget,
        umbel::resp::reader_options{.limits = bounds, .chunk_bytes_first = 512, .chunk_bytes_max = 2048});
    reader& under_test = *owned;
    splitter cut{seed};
    std::vector<std::pair<umbel::reply, std::string>> kept;
    story seen;
    bool skipping = how == mode::skip;
    for (;;) {
        view out;
        auto const status = skipping ? under_test.skip(out) : under_test.next(out);
        if (status == reader::status::fault) {
            seen.end = under_test.fault().message();
            break;
        }
        if (status == reader::status::need_more) {
            if (how == mode::change && !under_test.at_boundary()) skipping = true;
            if (bytes.empty()) {
                seen.end = under_test.at_boundary() ? "boundary" : "open";
                break;
            }
            auto const room = under_test.space();
            if (room.empty()) differ("space() was empty");
            std::size_t const count = std::min({cut.next(), room.size(), bytes.size()});
            std::memcpy(room.data(), bytes.data(), count);
            under_test.commit(count);
            bytes.remove_prefix(count);
            continue;
        }
        bool const shown = status == reader::status::push || !skipping;
        if (!shown) {
            seen.replies.emplace_back();
        } else if (status == reader::status::push || out.is_push()) {
            seen.pushes.push_back(in_words(out));
        } else {
            seen.replies.push_back(in_words(out));
        }
        if (shown && kept.size() < 16) kept.emplace_back(umbel::reply{out}, in_words(out));
        if (status == reader::status::ready) skipping = how == mode::skip;
    }
    owned.reset();
    for (auto const& [value, words] : kept) {
        if (in_words(value) != words) differ("a kept reply changed");
        umbel::reply const again{value.root()};
        if (again.to_string() != value.to_string()) differ("a copy of a kept reply differs");
    }
    kept.clear();
    if (budget->pinned() != 0) differ("pins were lost");
    return seen;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
    if (size < 2) return 0;
    std::uint32_t const seed = data[0] + 2u;
    umbel::resp::limits bounds{.elements_max = 1 << 16, .reply_bytes_max = 1 << 20};
    if (data[1] % 2 == 1)
        bounds = {.depth_max = 3,
                  .elements_max = 9,
                  .line_bytes_max = 64,
                  .reply_bytes_max = std::uint64_t{data[1]} + 20};
    std::string_view const bytes{reinterpret_cast<char const*>(data) + 2, size - 2};

    story const whole = run(bytes, 0, bounds, mode::read);
    if (run(bytes, 1, bounds, mode::read) != whole) differ("byte by byte differs from whole");
    if (run(bytes, seed, bounds, mode::read) != whole) differ("split differs from whole");
    for (mode const how : {mode::skip, mode::change}) {
        for (std::uint32_t const split : {0u, 1u, seed}) {
            story const skipped = run(bytes, split, bounds, how);
            if (skipped.end != whole.end) differ("skipping ends otherwise than reading");
            if (skipped.replies.size() != whole.replies.size())
                differ("skipping passes another number of replies");
            if (skipped.pushes != whole.pushes) differ("skipping shows other push frames");
        }
    }
    return 0;
}
