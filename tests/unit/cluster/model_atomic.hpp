// model_atomic.hpp: an atomic for model checking one writer against one reader under the C++ memory model's
// release and acquire.
//
// The writer runs first and leaves in every atomic the history of its stores. Then the reader runs again and
// again, until every load has returned every store that the memory model lets it return: none older than what
// the same atomic returned before (coherence), and none that was replaced before a store the reader has
// acquired (happens-before). This contains every interleaving of the two, and the reorderings that weaker
// machines add.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace umbel::test {

class explorer {
public:
    static explorer& current() {
        static explorer one;
        return one;
    }

    /// From here on the writer stores; `acquire_counts` = false makes every load relaxed, for a control that
    /// must fail.
    void start_writing(bool acquire_counts = true) {
        *this = explorer{};
        acquire_counts_ = acquire_counts;
    }
    /// The reader may still see everything that is stored from here on as not yet there.
    void reader_starts_here() { start_ = clock_; }

    /// Calls `read` once for each way its loads can go. Returns how many there were.
    template <class Read>
    std::size_t explore(Read read) {
        reading_ = true;
        std::size_t runs = 0;
        do {
            acquired_ = start_;
            depth_ = 0;
            ++run_;
            ++runs;
            read();
        } while (next_path());
        reading_ = false;
        return runs;
    }

    bool reading() const { return reading_; }
    std::uint64_t tick() { return ++clock_; }
    std::uint64_t run() const { return run_; }
    std::uint64_t acquired() const { return acquired_; }
    void acquire(std::uint64_t time) {
        if (acquire_counts_ && time > acquired_) acquired_ = time;
    }
    std::size_t choose(std::size_t count) {
        if (count == 1) return 0;
        if (depth_ == path_.size()) path_.push_back({count, 0});
        return path_[depth_++].taken;
    }

private:
    struct choice {
        std::size_t count;
        std::size_t taken;
    };

    bool next_path() {
        while (!path_.empty() && path_.back().taken + 1 == path_.back().count) path_.pop_back();
        if (path_.empty()) return false;
        ++path_.back().taken;
        return true;
    }

    bool reading_ = false;
    bool acquire_counts_ = true;
    std::uint64_t clock_ = 0;
    std::uint64_t start_ = 0;
    std::uint64_t acquired_ = 0;
    std::uint64_t run_ = 0;
    std::size_t depth_ = 0;
    std::vector<choice> path_;
};

template <class Value>
class model_atomic {
public:
    void store(Value value, std::memory_order order) {
        history_.push_back({explorer::current().tick(), value, order == std::memory_order_release});
    }

    Value load(std::memory_order order) const {
        explorer& all = explorer::current();
        if (!all.reading()) return history_.back().value;
        if (run_ != all.run()) {
            run_ = all.run();
            oldest_ = 0;
        }
        while (oldest_ + 1 < history_.size() && history_[oldest_ + 1].time <= all.acquired()) ++oldest_;
        oldest_ += all.choose(history_.size() - oldest_);
        stored const& seen = history_[oldest_];
        if (order == std::memory_order_acquire && seen.released) all.acquire(seen.time);
        return seen.value;
    }

private:
    struct stored {
        std::uint64_t time;
        Value value;
        bool released;
    };
    std::vector<stored> history_{{0, Value{}, false}};
    mutable std::uint64_t run_ = 0;
    mutable std::size_t oldest_ = 0;  // The oldest store that this run may still see.
};

}  // namespace umbel::test
