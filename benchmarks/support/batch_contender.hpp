// batch_contender.hpp: umbel's batches as their users use them: one coroutine fills a batch of GETs, awaits
// it, looks at every value, and fills the next.
#pragma once

#include <support/traffic.hpp>

#include <umbel.hpp>

#include <asio.hpp>

#include <chrono>
#include <optional>
#include <string>
#include <vector>

namespace bench {

class batch_contender final : public contender {
public:
    explicit batch_contender(traffic const& what)
        : contender{"umbel, batches"}, traffic_{what}, seed_{what.nodes()[0].text()} {
        // The first commands find the topology and connect to every node.
        asio::co_spawn(io_, touch(), asio::detached);
        io_.run();
    }

    void run(job const& what, measured& out) override {
        meter count{what, out};
        asio::co_spawn(io_, read(what.outstanding, count), asio::detached);
        io_.restart();
        io_.run();
    }

private:
    using text = std::optional<std::string>;

    static umbel::options chosen(std::string const& seed) {
        umbel::options made{.seeds = {seed}};
        made.deadline = std::chrono::minutes{1};  // Room for a profiler that slows everything down.
        return made;
    }

    asio::awaitable<void> touch() {
        umbel::batch all;
        for (std::size_t i = 0; i < traffic_.keys; ++i) all.add(umbel::cmd.get(traffic_.key(i)));
        auto const told = co_await db_.batch(std::move(all));
        if (told.failed() != 0) die(name(), told.first_error()->message());
        io_.stop();
    }
    asio::awaitable<void> read(std::size_t most, meter& count) {
        std::vector<umbel::result<text>> values(most);
        for (;;) {
            std::int64_t const since = count.sample();
            umbel::batch b;
            while (b.size() < most && count.take())
                b.add(umbel::cmd.get(traffic_.key(sequence_++)), values[b.size()]);
            std::size_t const size = b.size();
            if (size == 0) break;
            static_cast<void>(co_await db_.batch(std::move(b)));
            for (std::size_t i = 0; i < size; ++i) check(values[i]);
            count.sampled(since);
            count.done(size);
        }
        io_.stop();
    }

    void check(umbel::result<text> const& got) const {
        if (!got) [[unlikely]]
            die(name(), got.error().message());
        if (!*got || (*got)->size() != traffic_.value().size()) [[unlikely]]
            die(name(), "a value is missing or has another size");
    }

    traffic const& traffic_;
    std::string const seed_;
    asio::io_context io_{1};
    umbel::client db_{io_.get_executor(), chosen(seed_)};
    std::size_t sequence_ = 0;
};

}  // namespace bench
