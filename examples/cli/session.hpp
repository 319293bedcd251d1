// session.hpp: a client on a thread of its own, for a program that waits for one piece of work at a time, and
// where Ctrl-C cancels it. It knows no command.
#pragma once

#include <umbel/client.hpp>

#include <asio.hpp>

#include <csignal>
#include <exception>
#include <future>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>

namespace cli {

/// Remembers where the last redirect led: a trail names the nodes that were left.
class signpost : public umbel::observer {
public:
    void redirected(umbel::engine::call_redirected const& seen) override {
        std::lock_guard const guard{mutex_};
        to_ = seen.to;
    }
    std::string last() {
        std::lock_guard const guard{mutex_};
        return to_;
    }

private:
    std::mutex mutex_;
    std::string to_;
};

/// True when Ctrl-C was pressed. What is awaited then ends with errc::cancelled, and what is awaited later
/// does not: a loop has to ask. Precondition: the coroutine has called throw_if_cancelled(false).
inline asio::awaitable<bool> interrupted() {
    asio::cancellation_state const state = co_await asio::this_coro::cancellation_state;
    co_return state.cancelled() != asio::cancellation_type::none;
}

/// Threading: run() by one thread, which is none of the client's.
class session {
public:
    explicit session(umbel::options const& chosen)
        : client_{io_.get_executor(), chosen, {}, seen_}, thread_{[this] { io_.run(); }} {
        await_interrupt();
    }
    session(session const&) = delete;
    ~session() {
        io_.stop();
        thread_.join();
    }

    umbel::client& client() noexcept { return client_; }
    std::string last_redirect() const { return seen_->last(); }

    /// Runs `work` to its end and gives what it returns. Ctrl-C cancels it: what it awaits ends with
    /// errc::cancelled, and it may go on from there. Errors: throws what it throws.
    template <class Value>
    Value run(asio::awaitable<Value> work) {
        std::promise<Value> done;
        std::future<Value> value = done.get_future();
        auto finish = [done = std::move(done)](std::exception_ptr wrong, Value result) mutable {
            if (wrong)
                done.set_exception(wrong);
            else
                done.set_value(std::move(result));
        };
        // The client's thread alone touches the cancellation.
        asio::post(io_, [this, finish = std::move(finish), work = std::move(work)]() mutable {
            asio::co_spawn(io_, std::move(work),
                           asio::bind_cancellation_slot(stop_.slot(), std::move(finish)));
        });
        return value.get();
    }

private:
    void await_interrupt() {
        interrupts_.async_wait([this](std::error_code wrong, int) {
            if (wrong) return;
            stop_.emit(asio::cancellation_type::terminal);
            await_interrupt();
        });
    }

    asio::io_context io_{1};
    asio::signal_set interrupts_{io_, SIGINT};
    asio::cancellation_signal stop_;
    std::shared_ptr<signpost> seen_ = std::make_shared<signpost>();
    umbel::client client_;
    std::thread thread_;
};

}  // namespace cli
