// group.hpp: several calls that answer one operation: they begin side by side, and their results are joined
// when the last has settled. It counts parts and does not know what they mean.
#pragma once

#include <umbel/async/operation.hpp>

#include <atomic>
#include <span>
#include <vector>

namespace umbel::async {

/// A group of calls with one type of result. `Join` makes the result of the whole from the results of the
/// parts, which come in the order in which they were added. Threading: parts settle on any thread; the thread
/// that settles the last part completes the whole.
template <class Value, class Part, class Join>
class typed_group final : public call_group {
public:
    typed_group(pooled_call& whole, Join join) noexcept : whole_{whole}, join_{std::move(join)} {}
    typed_group(typed_group const&) = delete;
    typed_group& operator=(typed_group const&) = delete;
    ~typed_group() override {
        for (pooled_call* const part : parts_) recycle(*part);
    }

    /// Takes over an encoded call. Errors: throws std::bad_alloc; the call is still the caller's then.
    void add(pooled_call& part) {
        parts_.push_back(&part);
        ::new (static_cast<void*>(part.handler_space)) typed_group* {this};
        static constexpr engine::call_kind kind{.decode = &result_slot<Part>::decode,
                                                .fail = &result_slot<Part>::fail,
                                                .complete = &typed_group::complete,
                                                .drop = &typed_group::drop};
        part.kind = &kind;
    }

    void start(backend& backend) override {
        UMBEL_TRY {
            if (whole_.token) share_token(backend, *static_cast<shared_token*>(whole_.token));
        }
        UMBEL_CATCH(...) {
            result_slot<Value>::fail(whole_, error{errc::no_memory, delivery::not_sent});
            return backend.complete_later(whole_);
        }
        // Counts one more than there are parts, so that the group survives until the loop has ended.
        pending_.store(parts_.size() + 1, std::memory_order_relaxed);
        for (pooled_call* const part : parts_) {
            part->link.context = whole_.link.context;
            backend.start(*part);
        }
        if (pending_.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
        if (dropped_.load(std::memory_order_relaxed)) return whole_.kind->drop(whole_);
        join();
        backend.complete_later(whole_);
    }

private:
    static typed_group& of(engine::call& part) noexcept {
        return **std::launder(reinterpret_cast<typed_group**>(static_cast<pooled_call&>(part).handler_space));
    }
    static void complete(engine::call& part) {
        typed_group& self = of(part);
        if (self.pending_.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
        if (self.dropped_.load(std::memory_order_relaxed)) return self.whole_.kind->drop(self.whole_);
        self.join();
        self.whole_.kind->complete(self.whole_);
    }
    static void drop(engine::call& part) noexcept {
        typed_group& self = of(part);
        self.dropped_.store(true, std::memory_order_relaxed);
        if (self.pending_.fetch_sub(1, std::memory_order_acq_rel) == 1) self.whole_.kind->drop(self.whole_);
    }
    static void recycle(pooled_call& part) noexcept {
        result_slot<Part>::clear(part);
        if (part.token) release_token(part);
        pool::recycle(&part);
    }

    void join() noexcept {
        UMBEL_TRY {
            std::vector<result<Part>> told;
            told.reserve(parts_.size());
            for (pooled_call* const part : parts_) told.push_back(std::move(result_slot<Part>::get(*part)));
            result_slot<Value>::put(whole_, [&] { return join_(told); });
        }
        UMBEL_CATCH(...) {
            result_slot<Value>::fail(whole_, error{errc::no_memory, delivery::unknown});
        }
    }

    void share_token(backend& backend, shared_token& whole) {
        whole.parts.reserve(parts_.size());
        for (pooled_call* const part : parts_) {
            auto* const token = new shared_token;
            token->backend = backend.weak_from_this();
            token->target = part;
            part->token = token;
            whole.parts.push_back(token);
        }
    }

    pooled_call& whole_;
    Join join_;
    std::vector<pooled_call*> parts_;
    std::atomic<std::size_t> pending_{0};
    std::atomic<bool> dropped_{false};
};

}  // namespace umbel::async
