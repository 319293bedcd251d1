// completion_batch.hpp: settled calls whose handlers run on another asio::io_context, gathered while a
// connection is served: many go by one message. It knows calls by their kind only.
#pragma once

#include <umbel/async/try_alloc.hpp>
#include <umbel/engine/call.hpp>

#include <asio/io_context.hpp>
#include <asio/post.hpp>

#include <array>
#include <optional>
#include <type_traits>
#include <utility>

namespace umbel::async {

/// What keeps an io_context busy, without the type erasure that other executors need.
using io_work_guard = std::decay_t<decltype(asio::require(
    std::declval<asio::io_context::executor_type const&>(), asio::execution::outstanding_work.tracked))>;

/// Calls on their way to one io_context, in a chain. Those that never arrive, because it goes away, are
/// dropped.
class posted_completions {
public:
    /// False when there is no memory for a message: then the calls are where they were.
    static bool send(asio::io_context& where, engine::call* const first) noexcept {
        return retry_alloc([&] { asio::post(where.get_executor(), posted_completions{where, first}); });
    }

    posted_completions(posted_completions&& other) noexcept
        : where_{other.where_}, first_{std::exchange(other.first_, nullptr)} {}
    ~posted_completions() {
        if (!within_try_alloc) drop(first_);
    }

    /// Completes them in their order. When a handler throws, the others follow in a message of their own,
    /// behind those that stand there already; where there is no memory for it, their handlers are destroyed
    /// uncalled.
    void operator()() {
        struct round {
            asio::io_context& where;
            engine::call* next;
            ~round() {
                if (next && !send(where, next)) drop(next);
            }
        } mine{*where_, std::exchange(first_, nullptr)};
        while (engine::call* const call = mine.next) {
            mine.next = std::exchange(call->next, nullptr);
            if (mine.next) engine::fetch(*mine.next);  // Another thread's cache has it.
            call->kind->complete(*call);
        }
    }

private:
    posted_completions(asio::io_context& where, engine::call* first) noexcept
        : where_{&where}, first_{first} {}
    static void drop(engine::call* next) noexcept {
        while (engine::call* const call = next) {
            next = std::exchange(call->next, nullptr);
            call->kind->drop(*call);
        }
    }

    asio::io_context* where_;
    engine::call* first_;
};

/// Gathers settled calls by the io_context of their handlers, and sends them there in their order.
/// Threading: a connection's owner.
class completion_batch {
public:
    /// Contexts told apart at a time.
    static constexpr unsigned places_max = 8;
    /// Calls that go at once: the other thread is to have something to do while this one goes on.
    static constexpr unsigned together_max = 64;

    bool empty() const noexcept { return used_ == 0; }

    /// False when there is no place, for want of memory to send others away.
    bool add(asio::io_context::executor_type const& executor, engine::call& call) noexcept {
        place* const here = place_for(executor);
        if (!here) return false;
        here->calls.push(call);
        if (++here->count >= together_max) send(*here);
        return true;
    }
    /// Sends everything away. What there is no memory for stays.
    void send_all() noexcept {
        if (empty()) return;
        unsigned kept = 0;
        for (unsigned i = 0; i != used_; ++i) {
            if (send(places_[i])) {
                places_[i].work.reset();
            } else if (unsigned const to = kept++; to != i) {
                places_[to] = std::move(places_[i]);
                places_[i] = {};
            }
        }
        used_ = kept;
        recent_ = 0;
    }
    /// Moves every call out: for the end of the executor.
    void surrender(engine::call_list& out) noexcept {
        for (place& here : places_) {
            out.splice(std::move(here.calls));
            here = {};
        }
        used_ = recent_ = 0;
    }

private:
    struct place {
        asio::io_context* where = nullptr;
        /// Holds the context until everything is on its way: its thread may be done with what came early.
        std::optional<io_work_guard> work;
        engine::call_list calls;
        unsigned count = 0;
    };

    place* place_for(asio::io_context::executor_type const& executor) noexcept {
        asio::io_context* const where = &executor.context();
        if (recent_ < used_ && places_[recent_].where == where) return &places_[recent_];
        for (recent_ = 0; recent_ != used_; ++recent_)
            if (places_[recent_].where == where) return &places_[recent_];
        if (used_ == places_max) send_all();
        if (used_ == places_max) return nullptr;
        recent_ = used_++;
        places_[recent_].where = where;
        places_[recent_].work.emplace(asio::require(executor, asio::execution::outstanding_work.tracked));
        return &places_[recent_];
    }
    static bool send(place& here) noexcept {
        engine::call* const first = here.calls.front();
        if (first && !posted_completions::send(*here.where, first)) return false;
        static_cast<void>(std::exchange(here.calls, {}));
        here.count = 0;
        return true;
    }

    std::array<place, places_max> places_{};
    unsigned used_ = 0;
    unsigned recent_ = 0;
};

}  // namespace umbel::async
