// bigkeys.hpp: `umbel-cli --bigkeys`: the biggest keys of a whole cluster, by client::scan() and by batches
// of TYPE, STRLEN and their like, page by page. A key that moves to another node meanwhile may count twice.
#pragma once

#include "palette.hpp"
#include "session.hpp"
#include "settings.hpp"
#include "tally.hpp"

#include <umbel/client.hpp>
#include <umbel/client/batch.hpp>
#include <umbel/client/cmd.hpp>
#include <umbel/client/key_scan.hpp>

#include <unistd.h>
#include <asio.hpp>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace cli {

/// Threading: all of it on the client's thread.
class bigkeys {
public:
    static constexpr unsigned pages_between_rests = 100;

    bigkeys(umbel::client& db, settings const& chosen, palette const& colours)
        : db_{db}, rest_{chosen.interval.value_or(std::chrono::milliseconds{0})}, colours_{colours} {}

    /// Looks at all keys, or at those before Ctrl-C. Gives the exit status.
    asio::awaitable<int> run() {
        // Ctrl-C ends the scan, and not by an exception.
        co_await asio::this_coro::throw_if_cancelled(false);
        auto const all = co_await db_.command<std::int64_t>("DBSIZE");
        if (all) expected_ = static_cast<std::uint64_t>(*all);
        auto scan = db_.scan();
        for (unsigned pages = 1;; ++pages) {
            auto const page = co_await scan.next();
            if (!page) break;
            co_await look_at(*page);
            draw();
            if (pages % pages_between_rests == 0 && rest_.count() != 0) co_await rest();
            if (co_await interrupted()) break;
        }
        clear();
        std::string const summary = tally_.summary(colours_);
        std::fwrite(summary.data(), 1, summary.size(), stdout);
        if (scan.done()) co_return 0;
        auto const why = scan.failure();
        std::fprintf(stderr, "not all keys were seen: %s\n", why ? why->to_string().c_str() : "interrupted");
        co_return 1;
    }

private:
    /// Asks for the types of all keys of a page side by side, then for their sizes.
    asio::awaitable<void> look_at(std::vector<std::string> const& keys) {
        umbel::batch types;
        std::vector<umbel::batched<std::string>> asked;
        for (std::string const& key : keys)
            asked.push_back(types.add(umbel::cmd.command<std::string>("TYPE", umbel::key(key))));
        umbel::answers told = co_await db_.batch(std::move(types));

        umbel::batch sizes;
        std::vector<pending> measured;
        for (std::size_t i = 0; i < keys.size(); ++i) {
            umbel::result<std::string> const& type = told[asked[i]];
            if (!type) {
                tally_.add_failed();
            } else if (measure const* const how = measure_of(*type)) {
                measured.push_back({how, &keys[i], sizes.add(size_of(*how, keys[i]))});
            } else if (*type != "none") {  // That key is gone.
                tally_.add_unmeasured(keys[i]);
            }
        }
        umbel::answers found = co_await db_.batch(std::move(sizes));
        for (pending const& each : measured) count(each, found[each.size]);
    }

    /// A key whose size was asked for.
    struct pending {
        measure const* how;
        std::string const* key;
        umbel::batched<std::int64_t> size;
    };
    static umbel::bare_command<std::int64_t> size_of(measure const& how, std::string const& key) {
        return umbel::cmd.command<std::int64_t>(how.command, umbel::key(key));
    }
    void count(pending const& of, umbel::result<std::int64_t> const& size) {
        if (!size) return tally_.add_failed();
        bool const biggest = tally_.add(*of.how, *of.key, static_cast<std::uint64_t>(*size));
        if (!biggest || !live_) return;
        clear();
        std::fprintf(stderr, "biggest %s so far: %s with %s %s\n", std::string{of.how->type}.c_str(),
                     quoted(*of.key).c_str(), grouped(static_cast<std::uint64_t>(*size)).c_str(),
                     std::string{of.how->unit}.c_str());
    }

    asio::awaitable<void> rest() const {
        asio::steady_timer timer{co_await asio::this_coro::executor, rest_};
        co_await timer.async_wait(asio::as_tuple(asio::use_awaitable));
    }

    // ---- Progress, on the standard error where that is a terminal --------------------------------

    void draw() {
        auto const now = std::chrono::steady_clock::now();
        if (!live_ || now - drawn_ < std::chrono::milliseconds{50}) return;
        drawn_ = now;
        std::fprintf(stderr, "\r%s\x1b[K", progress_bar(tally_.seen(), expected_, 30).c_str());
    }
    void clear() const {
        if (live_) std::fputs("\r\x1b[K", stderr);
    }

    umbel::client& db_;
    std::chrono::milliseconds rest_;
    palette const& colours_;
    tally tally_;
    std::uint64_t expected_ = 0;
    bool live_ = ::isatty(STDERR_FILENO) != 0;
    std::chrono::steady_clock::time_point drawn_{};
};

inline asio::awaitable<int> find_bigkeys(umbel::client& db, settings const& chosen, palette const& colours) {
    bigkeys search{db, chosen, colours};
    co_return co_await search.run();
}

}  // namespace cli
