// parser_bench.cpp: nanoseconds per reply of umbel's reader, of a plain scanner that only yields views, and
// of hiredis' reader with its reply objects, over several kinds of traffic. Rounds are paired: in each round
// every contender reads the same bytes, in an order that turns, and ratios are taken within the round. Large
// values stand beside a plain receive into fresh memory. Usage: parser_bench [rounds] [milliseconds per
// measurement] [only traffic whose name has this in it]
#include <umbel/resp/reader.hpp>
#include <umbel/resp/reply.hpp>

#if defined(UMBEL_WITH_HIREDIS)
#include <hiredis/hiredis.h>
#endif

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace {

using umbel::resp::reader;
using umbel::resp::view;

std::uint64_t sink = 0;  // Keeps the compiler from dropping work whose result nobody reads.

[[noreturn]] void give_up(char const* what) {
    std::fprintf(stderr, "parser_bench: %s\n", what);
    std::exit(1);
}

/// One kind of traffic: `bytes` hold `replies` replies and are delivered in pieces of the given lengths, in
/// turn.
struct corpus {
    std::string name;
    std::string bytes;
    std::size_t replies = 0;
    std::vector<std::size_t> pieces;
};

/// What a socket would do: copies the next piece into the space offered.
class source {
public:
    explicit source(corpus const& from) : from_{from} {}
    bool empty() const { return at_ == from_.bytes.size(); }
    std::size_t receive(char* to, std::size_t room) {
        std::size_t const piece = from_.pieces[turn_++ % from_.pieces.size()];
        std::size_t const count = std::min({piece, room, from_.bytes.size() - at_});
        std::memcpy(to, from_.bytes.data() + at_, count);
        at_ += count;
        return count;
    }

private:
    corpus const& from_;
    std::size_t at_ = 0;
    std::size_t turn_ = 0;
};

/// Every value in the order of arrival, as the scanner yields them: the tape is that order.
std::uint64_t in_order(view const& value) {
    std::uint64_t sum = 0;
    auto const* const end = value.tape() + value.tape()->span;
    for (auto const* at = value.tape(); at != end; ++at)
        sum += umbel::resp::is_text(at->kind) ? at->length() : at->value;
    return sum;
}

/// Every value by way of its parent, as decoders do.
std::uint64_t as_tree(view const& value) {
    std::uint64_t sum = value.is_text() ? value.text().size() : value.tape()->value;
    if (value.is_aggregate()) {
        for (view const child : value.children()) sum += as_tree(child);
    }
    return sum;
}

/// Reads a corpus through umbel's reader; every value of every reply is looked at once.
class umbel_contender {
public:
    explicit umbel_contender(std::uint64_t (*touch)(view const&)) : touch_{touch} {}

    std::size_t pass(corpus const& traffic) {
        return touch_ == &as_tree ? read<&as_tree>(traffic) : read<&in_order>(traffic);
    }

private:
    template <std::uint64_t (*Touch)(view const&)>
    std::size_t read(corpus const& traffic) {
        source from{traffic};
        std::size_t replies = 0;
        view out;
        while (!from.empty()) {
            auto const room = reader_.space();
            reader_.commit(from.receive(room.data(), room.size()));
            auto status = reader_.next(out);
            for (; status == reader::status::ready; status = reader_.next(out)) {
                sink += Touch(out);
                ++replies;
            }
            if (status == reader::status::fault) give_up("umbel found a fault");
        }
        return replies;
    }

    reader reader_;
    std::uint64_t (*const touch_)(view const&);
};

/// The floor: a scanner without bounds, checks or state that steps over replies which are whole, yielding
/// views. What is not whole it scans anew when more has come. It knows `+ - : $ * % , # _` only.
class scanner_contender {
public:
    std::size_t pass(corpus const& traffic) {
        source from{traffic};
        std::size_t replies = 0, have = 0, head = 0;
        while (!from.empty()) {
            if (head != 0) {
                std::memmove(buffer_.data(), buffer_.data() + head, have - head);
                have -= head;
                head = 0;
            }
            if (have == buffer_.size()) buffer_.resize(buffer_.size() * 2);
            have += from.receive(buffer_.data() + have, buffer_.size() - have);
            for (;;) {
                char const* const at = buffer_.data() + head;
                char const* const next = scan(at, buffer_.data() + have);
                if (!next) break;
                head += static_cast<std::size_t>(next - at);
                ++replies;
            }
        }
        return replies;
    }

private:
    static char const* scan(char const* at, char const* end) {
        for (std::uint64_t wanted = 1; wanted != 0; --wanted) {
            if (at == end) return nullptr;
            char const lead = *at++;
            std::int64_t number = 0;
            bool negative = false;
            char const* const line = at;
            if (lead == '+' || lead == '-' || lead == ',' || lead == '#' || lead == '_') {
                at = static_cast<char const*>(std::memchr(at, '\r', static_cast<std::size_t>(end - at)));
                if (!at) return nullptr;
                sink += static_cast<std::uint64_t>(at - line);
            } else {
                if (at != end && *at == '-') negative = true, ++at;
                for (; at != end && *at != '\r'; ++at) number = number * 10 + (*at - '0');
                if (at == end) return nullptr;
            }
            if (end - at < 2) return nullptr;
            at += 2;
            if (lead == '$' && !negative) {
                if (end - at < number + 2) return nullptr;
                sink += static_cast<std::uint64_t>(number);
                at += number + 2;
            } else if (lead == '*') {
                wanted += static_cast<std::uint64_t>(number);
            } else if (lead == '%') {
                wanted += 2 * static_cast<std::uint64_t>(number);
            } else {
                sink += static_cast<std::uint64_t>(number);
            }
        }
        return at;
    }

    std::vector<char> buffer_ = std::vector<char>(64 * 1024);
};

/// The floor of a large value: its length is known, it is received into fresh memory of that size, and given
/// back.
class fresh_memory_contender {
public:
    std::size_t pass(corpus const& traffic) {
        source from{traffic};
        std::size_t const header = traffic.bytes.find('\n') + 1;
        std::size_t const one = traffic.bytes.size() / traffic.replies;
        std::size_t replies = 0;
        for (; !from.empty(); ++replies) {
            std::unique_ptr<char[]> const value{new char[one]};
            for (std::size_t have = 0; have != one;) have += from.receive(value.get() + have, one - have);
            sink += static_cast<std::uint64_t>(value[header]);
        }
        return replies;
    }
};

#if defined(UMBEL_WITH_HIREDIS)
/// hiredis as its users use it: bytes received into a buffer of 16 KiB and fed, a tree of objects for each
/// reply, freed after use.
class hiredis_contender {
public:
    hiredis_contender() : reader_{redisReaderCreate()} {}
    ~hiredis_contender() { redisReaderFree(reader_); }
    hiredis_contender(hiredis_contender const&) = delete;
    hiredis_contender& operator=(hiredis_contender const&) = delete;

    std::size_t pass(corpus const& traffic) {
        source from{traffic};
        std::size_t replies = 0;
        while (!from.empty()) {
            std::size_t const count = from.receive(buffer_, sizeof buffer_);
            redisReaderFeed(reader_, buffer_, count);
            for (;;) {
                void* reply = nullptr;
                if (redisReaderGetReply(reader_, &reply) != REDIS_OK) give_up("hiredis found a fault");
                if (!reply) break;
                sink += touch(static_cast<redisReply*>(reply));
                freeReplyObject(reply);
                ++replies;
            }
        }
        return replies;
    }

private:
    static std::uint64_t touch(redisReply const* value) {
        std::uint64_t sum =
            value->type == REDIS_REPLY_INTEGER ? static_cast<std::uint64_t>(value->integer) : value->len;
        for (std::size_t i = 0; i != value->elements; ++i) sum += touch(value->element[i]);
        return sum;
    }

    redisReader* reader_;
    char buffer_[16 * 1024];
};
#endif

std::string repeated(std::string_view piece, std::size_t times) {
    std::string text;
    text.reserve(piece.size() * times);
    for (; times != 0; --times) text += piece;
    return text;
}

std::string bulk(std::size_t length) {
    return "$" + std::to_string(length) + "\r\n" + std::string(length, 'v') + "\r\n";
}

std::vector<corpus> corpora() {
    std::vector<std::size_t> const whole{16 * 1024};
    std::vector<std::size_t> fragments;
    std::uint32_t state = 1;
    for (int i = 0; i != 997; ++i) {
        state = state * 1664525 + 1013904223;
        fragments.push_back(1 + (state >> 26));
    }
    std::string mixed;
    for (std::size_t i = 0; i != 250; ++i)
        mixed += bulk(i * 7 % 40) + ":" + std::to_string(i * i * i) + "\r\n+OK\r\n$-1\r\n";
    std::string const hundred = "*100\r\n" + repeated(bulk(16), 100);
    std::string const nested =
        "*10\r\n" +
        repeated("*2\r\n$15\r\n1700000000000-0\r\n*4\r\n$5\r\nfield\r\n$5\r\nvalue\r\n$1\r\nn\r\n:42\r\n",
                 10);
    std::string const maps =
        "%4\r\n+name\r\n$3\r\nada\r\n+score\r\n,3.25\r\n+live\r\n#t\r\n+tags\r\n%2\r\n$1\r\na\r\n:1\r\n$"
        "1\r\nb\r\n:2\r\n";
    return {
        {"+OK", repeated("+OK\r\n", 10000), 10000, whole},
        {"-MOVED", repeated("-MOVED 3999 127.0.0.1:6381\r\n", 10000), 10000, whole},
        {"integers", repeated(":1234\r\n:7\r\n:1700000000\r\n:0\r\n", 2500), 10000, whole},
        {"bulk 16 B", repeated(bulk(16), 10000), 10000, whole},
        {"bulk 1 KiB", repeated(bulk(1024), 1000), 1000, whole},
        {"mixed small", repeated(mixed, 10), 10000, whole},
        {"array of 100 x 16 B", repeated(hundred, 100), 100, whole},
        {"nested arrays", repeated(nested, 200), 200, whole},
        {"nested maps (RESP3)", repeated(maps, 1000), 1000, whole},
        {"bulk 16 B in 1-64 B pieces", repeated(bulk(16), 2000), 2000, fragments},
        {"array in 1-64 B pieces", repeated(hundred, 10), 10, fragments},
        {"bulk 64 KiB", repeated(bulk(64 * 1024), 100), 100, {64 * 1024}},
        {"bulk 64 MiB", bulk(64 * 1024 * 1024), 1, {64 * 1024}},
    };
}

struct contender {
    std::string name;
    std::function<std::size_t(corpus const&)> pass;
    bool (*takes)(corpus const&) = [](corpus const&) { return true; };
};

bool is_resp2(corpus const& traffic) { return traffic.name.find("RESP3") == std::string::npos; }
bool is_large(corpus const& traffic) { return traffic.bytes.size() / traffic.replies > 1024 * 1024; }

/// Runs passes for at least `budget`; returns nanoseconds of processor time per reply, which other programs
/// on the machine hardly disturb.
double measure(contender const& who, corpus const& traffic, std::chrono::nanoseconds budget) {
    std::size_t replies = 0;
    std::clock_t const start = std::clock();
    double spent = 0;
    do {
        replies += who.pass(traffic);
        spent = static_cast<double>(std::clock() - start) * (1e9 / CLOCKS_PER_SEC);
    } while (spent < static_cast<double>(budget.count()));
    if (replies % traffic.replies != 0) give_up("a contender lost replies");
    return spent / static_cast<double>(replies);
}

struct spread {
    double min, median, max;
};

spread spread_of(std::vector<double> values) {
    std::sort(values.begin(), values.end());
    return {values.front(), values[values.size() / 2], values.back()};
}

}  // namespace

int main(int argc, char** argv) {
    int const rounds = argc > 1 ? std::atoi(argv[1]) : 11;
    std::chrono::milliseconds const budget{argc > 2 ? std::atoi(argv[2]) : 20};
    if (rounds < 1 || budget.count() < 1)
        give_up("usage: parser_bench [rounds] [milliseconds per measurement]");

    std::vector<contender> contenders;
    auto const ours = std::make_shared<umbel_contender>(&in_order);
    contenders.push_back({"umbel", [ours](corpus const& traffic) { return ours->pass(traffic); }});
    auto const walked = std::make_shared<umbel_contender>(&as_tree);
    contenders.push_back(
        {"umbel, as a tree", [walked](corpus const& traffic) { return walked->pass(traffic); }});
    auto const floor = std::make_shared<scanner_contender>();
    contenders.push_back({"scanner", [floor](corpus const& traffic) { return floor->pass(traffic); }});
    auto const fresh = std::make_shared<fresh_memory_contender>();
    contenders.push_back(
        {"fresh memory", [fresh](corpus const& traffic) { return fresh->pass(traffic); }, &is_large});
#if defined(UMBEL_WITH_HIREDIS)
    auto const hiredis = std::make_shared<hiredis_contender>();
    contenders.push_back(
        {"hiredis", [hiredis](corpus const& traffic) { return hiredis->pass(traffic); }, &is_resp2});
#endif

    std::printf(
        "| corpus | contender | ns per reply, median (min, max) | ratio to umbel, median (min, max) "
        "|\n|---|---|---|---|\n");
    for (corpus const& traffic : corpora()) {
        if (argc > 3 && traffic.name.find(argv[3]) == std::string::npos) continue;
        std::vector<std::vector<double>> times(contenders.size());
        for (int round = 0; round != rounds; ++round) {
            for (std::size_t turn = 0; turn != contenders.size(); ++turn) {
                std::size_t const who = (turn + static_cast<std::size_t>(round)) % contenders.size();
                if (!contenders[who].takes(traffic)) continue;
                times[who].push_back(measure(contenders[who], traffic, budget));
            }
        }
        for (std::size_t who = 0; who != contenders.size(); ++who) {
            if (times[who].empty()) continue;
            std::vector<double> ratios;
            for (std::size_t round = 0; round != times[who].size(); ++round)
                ratios.push_back(times[who][round] / times[0][round]);
            spread const time = spread_of(times[who]), ratio = spread_of(ratios);
            std::printf("| %s | %s | %.1f (%.1f, %.1f) | %.2f (%.2f, %.2f) |\n", traffic.name.c_str(),
                        contenders[who].name.c_str(), time.median, time.min, time.max, ratio.median,
                        ratio.min, ratio.max);
            std::fflush(stdout);
            std::fprintf(stderr,
                         "{\"benchmark\":\"parser\",\"corpus\":\"%s\",\"contender\":\"%s\",\"ns_per_reply\":["
                         "%.3f,%.3f,%.3f],"
                         "\"ratio_to_umbel\":[%.4f,%.4f,%.4f]}\n",
                         traffic.name.c_str(), contenders[who].name.c_str(), time.min, time.median, time.max,
                         ratio.min, ratio.median, ratio.max);
        }
    }
    return sink == 42 ? 2 : 0;
}
