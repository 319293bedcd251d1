// completion_batch.hpp: settled calls whose handlers run on another asio::io_context, gathered during a turn
// and posted many at a time. It knows calls by their kind only.
#pragma once

#include <umbel/async/asio.hpp>
#include <umbel/async/try_alloc.hpp>
#include <umbel/engine/call.hpp>

#include UMBEL_ASIO_HEADER(io_context.hpp)
#include UMBEL_ASIO_HEADER(post.hpp)

#include <array>
#include <optional>
#include <type_traits>
#include <utility>

namespace umbel::async {

/// A work guard of an io_context, without the type erasure that other executors need.
using io_work_guard = std::decay_t<decltype(asio::require(
    std::declval<asio::io_context::executor_type const&>(), asio::execution::outstanding_work.tracked))>;

/// A posted message with calls for one io_context. Calls are dropped if the context ends before the message
/// runs.
class posted_completions {
public:
    /// Posts the calls. False if there is no memory for a message; the calls are still the caller's then.
    static bool send(asio::io_context& context, engine::call* const first) noexcept {
        return retry_alloc([&] { asio::post(context.get_executor(), posted_completions{context, first}); });
    }

    posted_completions(posted_completions&& other) noexcept
        : where_{other.where_}, first_{std::exchange(other.first_, nullptr)} {}
    ~posted_completions() {
        if (!within_try_alloc) drop(first_);
    }

    /// Completes the calls in their order. If a handler throws, the remaining calls are posted again; without
    /// memory for that they are dropped.
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
            if (mine.next) engine::fetch(*mine.next);  // The call is in another thread's cache.
            call->kind->complete(*call);
        }
    }

private:
    posted_completions(asio::io_context& context, engine::call* first) noexcept
        : where_{&context}, first_{first} {}
    static void drop(engine::call* next) noexcept {
        while (engine::call* const call = next) {
            next = std::exchange(call->next, nullptr);
            call->kind->drop(*call);
        }
    }

    asio::io_context* where_;
    engine::call* first_;
};

/// Gathers settled calls by the io_context of their handlers, and posts them there in their order.
/// Threading: a connection's owner.
class completion_batch {
public:
    /// The most contexts that are gathered for at a time.
    static constexpr unsigned places_max = 8;
    /// A batch of this size is posted at once, so that the other thread has work while this one goes on.
    static constexpr unsigned together_max = 64;

    bool empty() const noexcept { return used_ == 0; }

    /// Adds a call. False if all places are taken and cannot be emptied for lack of memory.
    bool add(asio::io_context::executor_type const& executor, engine::call& call) noexcept {
        place* const here = place_for(executor);
        if (!here) return false;
        here->calls.push(call);
        if (++here->count >= together_max) send(*here);
        return true;
    }
    /// Posts every batch. Batches that find no memory stay.
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
    /// Moves every call to `out`, for the end of an executor.
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
        /// Keeps the context busy until the batch is posted: its thread may have completed earlier batches
        /// already.
        std::optional<io_work_guard> work;
        engine::call_list calls;
        unsigned count = 0;
    };

    place* place_for(asio::io_context::executor_type const& executor) noexcept {
        asio::io_context* const context = &executor.context();
        if (recent_ < used_ && places_[recent_].where == context) return &places_[recent_];
        for (recent_ = 0; recent_ != used_; ++recent_)
            if (places_[recent_].where == context) return &places_[recent_];
        if (used_ == places_max) send_all();
        if (used_ == places_max) return nullptr;
        recent_ = used_++;
        places_[recent_].where = context;
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
