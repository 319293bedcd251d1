// umbel_contender.hpp: umbel as its users use it: coroutines that await typed commands, or callbacks.
#pragma once

#include <support/traffic.hpp>

#include <umbel.hpp>

#include <asio.hpp>

#include <chrono>
#include <optional>
#include <string>

namespace bench {

/// How a command's completion comes back.
enum class form : std::uint8_t {
    coroutine,
    callback,
    rounds,  ///< As many coroutines as are outstanding, one GET each; when all have ended, as many again.
};

/// `Value` is what a GET is read into: std::string copies, umbel::bytes pins.
template <class Value>
class umbel_contender final : public contender {
public:
    umbel_contender(std::string name, traffic const& what, form how = form::coroutine)
        : umbel_contender{std::move(name), what, {.seeds = {what.nodes()[0].text()}}, how} {}
    umbel_contender(std::string name, traffic const& what, umbel::options const& options,
                    form how = form::coroutine)
        : contender{std::move(name)}, traffic_{what}, how_{how}, db_{io_.get_executor(), patient(options)} {
        // The first commands find the topology and connect to every node.
        for (std::size_t i = 0; i < what.keys; ++i) asio::co_spawn(io_, touch(i), asio::detached);
        busy_ = what.keys;
        io_.run();
    }

    void run(job const& what, measured& out) override {
        meter count{what, out};
        if (how_ == form::rounds) {
            asio::post(io_, [this, &what, &count] { begin_round(what, count); });
            io_.restart();
            io_.run();
            return;
        }
        busy_ = what.outstanding;
        for (unsigned i = 0; i < what.outstanding; ++i) {
            if (how_ == form::callback) {
                asio::post(io_, [this, &what, &count] { next(what.kind, count); });
            } else if (what.kind == command_kind::get) {
                asio::co_spawn(io_, read(count), asio::detached);
            } else {
                asio::co_spawn(io_, write(count), asio::detached);
            }
        }
        io_.restart();
        io_.run();
    }

private:
    static umbel::options patient(umbel::options made) {
        made.deadline = std::chrono::minutes{1};  // Room for a profiler that slows everything down.
        return made;
    }

    asio::awaitable<void> touch(std::size_t index) {
        auto const got = co_await db_.template get<Value>(traffic_.key(index));
        check(got);
        if (--busy_ == 0) io_.stop();
    }
    asio::awaitable<void> read(meter& count) {
        while (count.take()) {
            std::int64_t const since = count.sample();
            auto const got = co_await db_.template get<Value>(traffic_.key(sequence_++));
            check(got);
            count.sampled(since);
            count.done();
        }
        if (--busy_ == 0) io_.stop();
    }
    void begin_round(job const& what, meter& count) {
        while (busy_ < what.outstanding && count.take()) ++busy_;
        if (busy_ == 0) return io_.stop();
        for (std::size_t left = busy_; left != 0; --left)
            asio::co_spawn(io_, read_once(what, count), asio::detached);
    }
    asio::awaitable<void> read_once(job const& what, meter& count) {
        auto const got = co_await db_.template get<Value>(traffic_.key(sequence_++));
        check(got);
        count.done();
        if (--busy_ == 0) begin_round(what, count);
    }
    asio::awaitable<void> write(meter& count) {
        while (count.take()) {
            std::int64_t const since = count.sample();
            auto const done = co_await db_.set(traffic_.key(sequence_++), traffic_.value());
            if (!done) [[unlikely]]
                die(name(), done.error().message());
            count.sampled(since);
            count.done();
        }
        if (--busy_ == 0) io_.stop();
    }

    void next(command_kind which, meter& count) {
        if (!count.take()) {
            if (--busy_ == 0) io_.stop();
            return;
        }
        std::int64_t const since = count.sample();
        if (which == command_kind::get) {
            db_.template get<Value>(traffic_.key(sequence_++))(
                [this, &count, since](umbel::result<std::optional<Value>> got) {
                    check(got);
                    again(command_kind::get, count, since);
                });
        } else {
            db_.set(traffic_.key(sequence_++),
                    traffic_.value())([this, &count, since](umbel::result<umbel::set_outcome> done) {
                if (!done) [[unlikely]]
                    die(name(), done.error().message());
                again(command_kind::set, count, since);
            });
        }
    }
    void again(command_kind which, meter& count, std::int64_t since) {
        count.sampled(since);
        count.done();
        next(which, count);
    }

    void check(umbel::result<std::optional<Value>> const& got) const {
        if (!got) [[unlikely]]
            die(name(), got.error().message());
        if (!*got || (*got)->size() != traffic_.value().size()) [[unlikely]]
            die(name(), "a value is missing or has another size");
    }

    traffic const& traffic_;
    form const how_;
    asio::io_context io_{1};
    umbel::client db_;
    std::size_t sequence_ = 0;
    std::size_t busy_ = 0;
};

}  // namespace bench
