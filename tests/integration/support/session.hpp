// session.hpp: a client on a thread of its own, asked from the test's thread one operation after the other.
#pragma once

#include "cluster.hpp"
#include "contexts.hpp"

#include <umbel/client.hpp>

#define CATCH_CONFIG_ENABLE_OPTIONAL_STRINGMAKER
#include <catch2/catch_test_macros.hpp>
#include <catch2/catch_tostring.hpp>

#include <asio/executor_work_guard.hpp>
#include <asio/io_context.hpp>
#include <asio/post.hpp>

#include <atomic>
#include <cstdio>
#include <functional>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace Catch {

template <class Value>
struct StringMaker<umbel::result<Value>> {
    static std::string convert(umbel::result<Value> const& value) {
        return value ? StringMaker<Value>::convert(*value) : "error: " + value.error().to_string();
    }
};
template <>
struct StringMaker<umbel::error> {
    static std::string convert(umbel::error const& value) { return value.to_string(); }
};
template <>
struct StringMaker<umbel::errc> {
    static std::string convert(umbel::errc value) { return std::string{umbel::name_of(value)}; }
};

}  // namespace Catch

namespace umbel::test {

/// No operation takes longer than its deadline; an operation that does has been lost, and the test with it.
inline constexpr auto patience = 60s;

class session {
public:
    /// `threads`: on so many contexts the client runs; a callback without an executor of its own runs on any
    /// of them.
    explicit session(umbel::options const& options, umbel::cluster::policy const& policy = {},
                     std::shared_ptr<umbel::observer> watching = nullptr, unsigned threads = 1)
        : busy_{io_.get_executor()},
          others_{threads - 1, patience},
          client_{std::in_place, others_.with(io_.get_executor()), options, policy, std::move(watching)},
          ended_{done_.get_future()},
          thread_{[this] {
              io_.run();
              done_.set_value();
          }} {}
    explicit session(std::string const& seed) : session{umbel::options{.seeds = {seed}}} {}
    session(session const&) = delete;

    /// The client leaves nothing behind: once it is gone its thread has nothing to do.
    ~session() {
        client_.reset();
        busy_.reset();
        others_.release();
        if (ended_.wait_for(patience) != std::future_status::ready) {
            std::fprintf(stderr, "session: the client is gone, and its executor is still busy\n");
            std::abort();
        }
        thread_.join();
    }

    umbel::client& db() noexcept { return *client_; }
    asio::any_io_executor executor() { return io_.get_executor(); }
    /// Contexts of the client; 0 is that of executor().
    std::size_t contexts() const noexcept { return others_.size() + 1; }
    asio::any_io_executor executor_of(std::size_t context) {
        return context == 0 ? executor() : others_.executor(context - 1);
    }

    /// Begins an operation and waits for what it yields.
    template <class Value>
    umbel::result<Value> operator()(umbel::operation<Value> what) {
        return std::move(all(one_of(std::move(what))).front());
    }

    /// Begins all operations in one turn of the client's thread, and waits for all of them.
    template <class Value>
    std::vector<umbel::result<Value>> all(std::vector<umbel::operation<Value>> what) {
        return finish(begin(std::move(what)));
    }

    /// Operations under way.
    template <class Value>
    struct started {
        std::vector<std::optional<umbel::result<Value>>> results;
        std::atomic<std::size_t> left{0};
        std::promise<void> settled;
        std::future<void> waits = settled.get_future();
    };

    /// Begins all operations in one turn of the client's thread.
    template <class Value>
    std::shared_ptr<started<Value>> begin(std::vector<umbel::operation<Value>> what) {
        auto const under_way = std::make_shared<started<Value>>();
        under_way->results.resize(what.size());
        under_way->left = what.size();
        if (what.empty()) under_way->settled.set_value();
        asio::post(io_, [under_way, what = std::move(what)]() mutable {
            for (std::size_t at = 0; at < what.size(); ++at) {
                std::move(what[at])([under_way, at](umbel::result<Value> told) {
                    under_way->results[at].emplace(std::move(told));
                    if (--under_way->left == 0) under_way->settled.set_value();
                });
            }
        });
        return under_way;
    }
    template <class Value>
    std::vector<umbel::result<Value>> finish(std::shared_ptr<started<Value>> const& under_way) {
        if (under_way->waits.wait_for(patience) != std::future_status::ready)
            FAIL(under_way->left << " of " << under_way->results.size() << " operations never completed");
        std::vector<umbel::result<Value>> told;
        for (auto& result : under_way->results) told.push_back(std::move(*result));
        return told;
    }
    template <class Value>
    std::shared_ptr<started<Value>> begin(umbel::operation<Value> what) {
        return begin(one_of(std::move(what)));
    }

    /// Runs a task on the client's thread, and waits for it.
    void on_its_thread(std::function<void()> task) {
        std::promise<void> ready;
        asio::post(io_, [&] {
            task();
            ready.set_value();
        });
        ready.get_future().wait();
    }

    umbel::statistics counted() { return (*this)(client_->statistics()).value(); }
    umbel::cluster::topology topology() { return (*this)(client_->topology()).value(); }
    /// "host:port" of the primary that the client's topology names for a slot; empty when it names none.
    std::string owner_of(std::uint16_t slot) {
        auto const known = topology();
        auto const found = known.owner(umbel::cluster::slot{slot});
        return found == known.none ? std::string{} : known.nodes[found].address.to_string();
    }
    umbel::node_snapshot node(std::string const& address) {
        auto all = (*this)(client_->nodes());
        for (umbel::node_snapshot& node : *all)
            if (node.address == address) return std::move(node);
        return {};
    }

    /// Connects to every primary, so that what follows meets no first time.
    void warm_up() {
        std::vector<umbel::operation<std::optional<std::string>>> reads;
        for (unsigned slot = 0; slot < umbel::cluster::slot_count; slot += 64)
            reads.push_back(client_->get(real_cluster::key_in(static_cast<std::uint16_t>(slot))));
        for (auto const& one : all(std::move(reads))) REQUIRE(one.has_value());
    }

private:
    template <class Value>
    static std::vector<umbel::operation<Value>> one_of(umbel::operation<Value> what) {
        std::vector<umbel::operation<Value>> list;
        list.push_back(std::move(what));
        return list;
    }

    asio::io_context io_{1};
    asio::executor_work_guard<asio::io_context::executor_type> busy_;
    test::contexts others_;
    std::optional<umbel::client> client_;
    std::promise<void> done_;
    std::future<void> ended_;
    std::thread thread_;
};

/// Some hundred keys spread evenly over all slots.
inline std::vector<std::string> keys_everywhere(std::string const& suffix, unsigned step = 48) {
    std::vector<std::string> keys;
    for (unsigned slot = 0; slot < umbel::cluster::slot_count; slot += step)
        keys.push_back(real_cluster::key_in(static_cast<std::uint16_t>(slot)) + suffix);
    return keys;
}

/// SET of every key to itself with "=" in front.
inline void write_all(session& s, std::vector<std::string> const& keys) {
    std::vector<umbel::operation<umbel::set_outcome>> writes;
    for (std::string const& key : keys) writes.push_back(s.db().set(key, "=" + key));
    for (auto const& write : s.all(std::move(writes))) REQUIRE(write == umbel::set_outcome::written);
}
template <class Client>
void read_all(session& s, Client const& db, std::vector<std::string> const& keys) {
    std::vector<umbel::operation<std::optional<std::string>>> reads;
    for (std::string const& key : keys) reads.push_back(db.get(key));
    auto const values = s.all(std::move(reads));
    for (std::size_t at = 0; at < keys.size(); ++at) REQUIRE(values[at] == "=" + keys[at]);
}

}  // namespace umbel::test
