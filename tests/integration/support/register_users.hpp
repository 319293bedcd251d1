// register_users.hpp: one writer and some readers for each of a few keys, without pause, and the book of what
// they were told. They know nothing of what is done to the cluster meanwhile.
#pragma once

#include "drill.hpp"

#include "support/register_history.hpp"

#include <charconv>

namespace umbel::test {

/// Each key has one writer, who waits long and writes again as soon as he was told anything, and readers
/// beside him, who do not wait: three deadlines that pass in silence are what makes a client give a
/// connection up early.
class register_users {
public:
    register_users(session& s, std::vector<std::string> keys, unsigned readers = 1)
        : session_{s}, patient_{s.db().with(20s)}, impatient_{s.db().with(100ms)} {
        for (std::string& key : keys) {
            std::uint32_t const number = book_.key(key);
            keys_.push_back({std::move(key), number});
        }
        running_ = keys_.size() * (1 + readers);
        session_.on_its_thread([&] {
            for (one_key& key : keys_) {
                asio::co_spawn(session_.executor(), write(key), asio::detached);
                for (unsigned i = 0; i < readers; ++i)
                    asio::co_spawn(session_.executor(), read(key), asio::detached);
            }
        });
    }
    register_users(register_users const&) = delete;
    ~register_users() { stop(); }

    void stop() {
        stopping_ = true;
        if (!eventually([&] { return running_ == 0; }, 90s)) {
            std::fprintf(stderr, "register_users: they never finished\n");
            std::abort();
        }
    }
    /// True as soon as so many more writes were acknowledged.
    bool go_on(std::uint64_t count) {
        std::uint64_t const goal = acknowledged_ + count;
        return eventually([&] { return acknowledged_ >= goal; }, 60s);
    }

    /// Stops, asks the server itself what each key holds, and judges. Precondition: `owner` owns the keys.
    sentence reckon(wire owner) {
        stop();
        for (one_key const& key : keys_) {
            wire_value const held = owner.must({"GET", key.name});
            book_.ends_as(key.number, held.null ? register_history::absent : value_of(held.text),
                          steady_now());
        }
        return book_.check();
    }

    static register_history::value value_of(std::string_view text) {
        register_history::value number = 0;
        std::from_chars(text.data(), text.data() + text.size(), number);
        return number;
    }

private:
    struct one_key {
        std::string name;
        std::uint32_t number;
        register_history::value latest = 0;
    };

    asio::awaitable<void> rest(std::chrono::milliseconds pause) {
        asio::steady_timer timer{session_.executor(), pause};
        co_await timer.async_wait(asio::as_tuple(asio::use_awaitable));
    }
    asio::awaitable<void> write(one_key& key) {
        while (!stopping_) {
            std::size_t const number = book_.begin_write(key.number, ++key.latest, steady_now());
            auto set = patient_.set(key.name, std::to_string(key.latest));
            umbel::result<umbel::set_outcome> const told = co_await std::move(set);
            if (told)
                book_.acknowledge(number, steady_now());
            else
                book_.fail(number, told.error().delivery(), steady_now());
            if (told) ++acknowledged_;
            co_await rest(25ms);
        }
        --running_;
    }
    asio::awaitable<void> read(one_key& key) {
        while (!stopping_) {
            std::size_t const number = book_.begin_read(key.number, steady_now());
            auto get = impatient_.get(key.name);
            umbel::result<std::optional<std::string>> const told = co_await std::move(get);
            if (told)
                book_.answer(number, *told ? value_of(**told) : register_history::absent, steady_now());
            else
                book_.fail(number, told.error().delivery(), steady_now());
            co_await rest(5ms);
        }
        --running_;
    }

    session& session_;
    umbel::scoped_client patient_;
    umbel::scoped_client impatient_;
    register_history book_;
    std::deque<one_key> keys_;
    std::atomic<std::uint64_t> acknowledged_{0};
    std::atomic<bool> stopping_{false};
    std::atomic<std::size_t> running_{0};
};

}  // namespace umbel::test
