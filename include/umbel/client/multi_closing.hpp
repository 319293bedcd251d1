// multi_closing.hpp: the clients of all members are closed, and one operation completes when the last one is.
#pragma once

#include <umbel/client/client.hpp>

#include <atomic>
#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

namespace umbel::calling {

/// Closes clients side by side. Lifetime: the operation's call. Threading: they close on any thread.
class multi_closing final : public async::call_group {
public:
    using clients = std::vector<std::shared_ptr<client>>;

    /// `begin`: gives the clients when the operation begins.
    multi_closing(async::pooled_call& whole, std::function<clients()> begin)
        : whole_{whole}, begin_{std::move(begin)} {}

    void start(async::backend& backend) override {
        where_ = backend.shared_from_this();
        clients all;
        if (!async::try_alloc([&] { all = begin_(); })) met(error{errc::no_memory, delivery::not_sent});
        pending_.store(all.size() + 1, std::memory_order_relaxed);
        for (std::shared_ptr<client> const& each : all)
            static_cast<void>(async::try_alloc([&] {
                part told{*this};  // Says so where it is destroyed.
                each->close()(std::move(told));
            }));
        ended();
    }

private:
    /// The handler of one close().
    class part {
    public:
        explicit part(multi_closing& whole) noexcept : whole_{&whole} {}
        part(part&& other) noexcept : whole_{std::exchange(other.whole_, nullptr)} {}
        part& operator=(part&&) = delete;
        ~part() {
            if (whole_) whole_->lost();
        }
        void operator()(result<ok> told) {
            multi_closing& whole = *std::exchange(whole_, nullptr);
            if (!told) whole.met(told.error());
            whole.ended();
        }

    private:
        multi_closing* whole_;
    };

    void met(error const& why) {
        std::lock_guard const guard{mutex_};
        if (!met_) met_ = why;
    }
    /// A handler was destroyed uncalled: its executor goes away, or there was no memory.
    void lost() {
        met(error{errc::cancelled, delivery::not_sent, "the client is gone"});
        ended();
    }
    void ended() {
        if (pending_.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
        if (met_)
            async::result_slot<ok>::fail(whole_, std::move(*met_));
        else
            async::result_slot<ok>::put(whole_, [] { return result<ok>{ok{}}; });
        std::shared_ptr<async::backend> const where = std::move(where_);
        where->complete_later(whole_);
    }

    async::pooled_call& whole_;
    std::function<clients()> begin_;
    std::shared_ptr<async::backend> where_;
    std::mutex mutex_;
    std::optional<error> met_;
    std::atomic<std::size_t> pending_{0};
};

/// The operation that closes what `begin` gives. Errors: throws std::bad_alloc.
inline operation<ok> close_all(site const& shared, std::function<multi_closing::clients()> begin) {
    async::pooled_call& call = obtain<ok>(shared);
    prepare(call, shared, cluster::command_flags::none);
    if (shared.wrong) return refused<ok>(call, *shared.wrong);
    UMBEL_TRY { call.group = std::make_unique<multi_closing>(call, std::move(begin)); }
    UMBEL_CATCH(...) {
        return refused<ok>(call, error{errc::no_memory, delivery::not_sent});
    }
    call.launch = async::launch_kind::group;
    return operation<ok>{call};
}

}  // namespace umbel::calling
