// large_value.cpp: what a GET of 1 MiB and of 64 MiB costs over a socket, beside a receive into fresh memory
// of its size and hiredis. The server is a process of its own that sends canned bytes. Rounds alternate; CPU
// time of the client's thread, ratios within a round. Lines:
// "large_value,<MiB>,<contender>,<what>,<min>,<median>,<max>". Usage: large_value [--rounds N] [--csv FILE]
#include <support/rounds.hpp>
#include <support/traffic.hpp>

#include <support/large_responder.hpp>

#include <umbel.hpp>

#include <asio.hpp>
#if defined(UMBEL_WITH_HIREDIS)
#include <hiredis/hiredis.h>
#endif

#include <cstdio>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace {

using namespace bench;
using umbel::test::large_responder;

/// The floor: a blocking socket, the header read first, the rest straight into fresh memory.
class fresh_memory {
public:
    explicit fresh_memory(address const& where) : socket_{connect_to(where)} {}
    void get(std::size_t bytes) {
        std::string const command = encode({"GET", large_responder::key(bytes)});
        if (::send(socket_, command.data(), command.size(), MSG_NOSIGNAL) < 0) die("fresh memory", "send");
        char lead = 0;
        while (lead != '\n') take(&lead, 1);
        std::unique_ptr<char[]> const value{new char[bytes + 2]};
        take(value.get(), bytes + 2);
        if (value[bytes - 1] != large_responder::byte_at(bytes - 1)) die("fresh memory", "another value");
    }

private:
    void take(char* to, std::size_t left) {
        while (left != 0) {
            ssize_t const count = ::recv(socket_, to, left, 0);
            if (count <= 0) die("fresh memory", "the server closed the connection");
            to += count;
            left -= static_cast<std::size_t>(count);
        }
    }
    int const socket_;
};

class with_umbel {
public:
    explicit with_umbel(std::string seed) : seed_{std::move(seed)} {}
    void get(std::size_t bytes) {
        bool good = false;
        bool over = false;
        db_.get<umbel::bytes>(large_responder::key(bytes))(
            [&](umbel::result<std::optional<umbel::bytes>> got) {
                good = got && *got && (*got)->size() == bytes &&
                       (*got)->view().back() == large_responder::byte_at(bytes - 1);
                over = true;
            });
        io_.restart();
        while (!over) io_.run_one();
        if (!good) die("umbel", "another value");
    }

private:
    static umbel::options chosen(std::string const& seed) {
        umbel::options made{.seeds = {seed}};
        made.protocol = umbel::protocol::resp2;
        made.handshake = umbel::handshake::minimal;
        made.deployment = umbel::deployment::standalone;
        made.deadline = std::chrono::minutes{1};
        return made;
    }
    std::string const seed_;
    asio::io_context io_{1};
    umbel::client db_{io_.get_executor(), chosen(seed_)};
};

#if defined(UMBEL_WITH_HIREDIS)
class with_hiredis {
public:
    explicit with_hiredis(address const& where) : context_{redisConnect(where.host.c_str(), where.port)} {
        if (!context_ || context_->err) die("hiredis", "cannot connect");
    }
    void get(std::size_t bytes) {
        auto* const got =
            static_cast<redisReply*>(redisCommand(context_, "GET %s", large_responder::key(bytes).c_str()));
        if (!got || got->len != bytes || got->str[bytes - 1] != large_responder::byte_at(bytes - 1))
            die("hiredis", "another value");
        freeReplyObject(got);
    }

private:
    redisContext* const context_;
};
#endif

struct entry {
    char const* name;
    std::function<void(std::size_t)> get;
};

void print(settings const& chosen, std::size_t mebibytes, char const* who, char const* what,
           std::vector<double> samples) {
    spread const seen = spread::of(std::move(samples));
    std::printf("| %zu | %s | %s | %.3f | %.3f | %.3f |\n", mebibytes, who, what, seen.min, seen.median,
                seen.max);
    chosen.row("large_value,%zu,%s,%s,%.4f,%.4f,%.4f\n", mebibytes, who, what, seen.min, seen.median,
               seen.max);
}

}  // namespace

int main(int count, char** words) {
    settings chosen;
    chosen.rounds = 9;
    if (!chosen.read(count - 1, words + 1)) return 2;
    // One connection is served at a time: each contender has a server of its own.
    large_responder servers[3];
    fresh_memory floor{address::parse(servers[0].address())};
    with_umbel ours{servers[1].address()};
    std::vector<entry> all{{"fresh memory", [&](std::size_t bytes) { floor.get(bytes); }},
                           {"umbel", [&](std::size_t bytes) { ours.get(bytes); }}};
#if defined(UMBEL_WITH_HIREDIS)
    with_hiredis peer{address::parse(servers[2].address())};
    all.push_back({"hiredis", [&](std::size_t bytes) { peer.get(bytes); }});
#endif
    std::printf(
        "GET of a large value, CPU of the client's thread\n\n| MiB | contender | what | min | median | max "
        "|\n|---|---|---|---|---|---|\n");
    for (std::size_t const mebibytes : {std::size_t{1}, std::size_t{64}}) {
        std::size_t const bytes = mebibytes << 20;
        unsigned const times = mebibytes == 1 ? 32 : 1;
        std::vector<std::vector<double>> cost(all.size()), ratio(all.size());
        for (unsigned round = 0; round <= chosen.rounds; ++round) {
            std::vector<double> now(all.size());
            for (std::size_t turn = 0; turn < all.size(); ++turn) {
                std::size_t const who = (turn + round) % all.size();
                std::int64_t const before = thread_cpu_ns();
                for (unsigned i = 0; i < times; ++i) all[who].get(bytes);
                now[who] = static_cast<double>(thread_cpu_ns() - before) / times;
            }
            if (round == 0) continue;  // Connects, and warms up.
            for (std::size_t who = 0; who < all.size(); ++who) {
                cost[who].push_back(now[who] / 1e6);
                ratio[who].push_back(now[who] / now[0]);
            }
        }
        for (std::size_t who = 0; who < all.size(); ++who) {
            print(chosen, mebibytes, all[who].name, "ms", cost[who]);
            if (who != 0) print(chosen, mebibytes, all[who].name, "ratio to fresh memory", ratio[who]);
        }
    }
    return 0;
}
