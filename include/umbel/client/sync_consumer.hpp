// sync_consumer.hpp: a consumer of a group for a client that waits. It knows no command.
#pragma once

#include <umbel/client/consumer.hpp>
#include <umbel/client/sync_client.hpp>

#include <cstdint>
#include <utility>

namespace umbel {

/// A consumer whose pages are waited for: `umbel::sync_consumer worker{db, {.stream = "orders", …}}; while
/// (auto page = worker.next()) …`. Promise, Errors, Lifetime and Threading: as of consumer. Cancellation:
/// none: with consumer_options::wait next() comes back.
template <decodable Fields = stream_fields>
class sync_consumer : public calling::waiting_over<consumer<Fields>> {
public:
    using page = consumer_page<Fields>;

    /// `db`: an umbel::sync_client or what its with() and prefixed() give.
    template <class Db>
    sync_consumer(Db const& db, consumer_options const& options)
        : calling::waiting_over<consumer<Fields>>{consumer<Fields>{db.async(), options}, db.thread()} {}

    /// As consumer::next().
    result<page> next() const {
        return wait([this] { return this->async().next(); });
    }
    /// As consumer::ack().
    template <class Done>
    result<std::int64_t> ack(Done const& done) const {
        return wait([&] { return this->async().ack(done); });
    }
    /// Each as the function of the same name of consumer.
    template <class Undone>
    void leave(Undone const& undone) const {
        this->async().leave(undone);
    }
    void redeliver() const { this->async().redeliver(); }
    std::size_t unacknowledged() const { return this->async().unacknowledged(); }

private:
    template <class Make>
    auto wait(Make&& make) const {
        UMBEL_ASSERT(this->thread() != calling::own_thread::current());
        return calling::wait_for(std::forward<Make>(make));
    }
};

}  // namespace umbel
