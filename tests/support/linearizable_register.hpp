// linearizable_register.hpp: whether one register explains what its readers and writers saw. Pure: it knows
// operations and times, no client.
//
// The search is that of Wing and Gong ("Testing and verifying concurrent objects", 1993), with the memory of
// configurations that Lowe added ("Testing for linearizability", 2017) and that Porcupine and Knossos use:
// take any operation that nothing unfinished precedes, see whether the register allows it, go on, and come
// back when nothing fits. As each value is written once, four things are known without a search:
// - A write whose outcome is unknown and whose value nobody has read need not have happened.
// - A read that the present value allows is taken at once: it changes nothing, and waiting never helps it.
// - Before its value is overwritten every read of that value must have been taken.
// - A write that nobody has read may be taken directly before any other write: nobody can tell.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

namespace umbel::test {

/// A read or a write of one register that took effect, or may have.
struct register_operation {
    static constexpr std::int64_t open = std::numeric_limits<std::int64_t>::max();

    bool write = false;
    std::uint64_t value = 0;  ///< Written or read; 0 is what is there before the first write.
    std::int64_t begun = 0;
    std::int64_t ended = open;  ///< `open`: a write whose outcome is unknown. It takes effect at any time
                                ///< after its beginning, or never.
    std::size_t number = 0;     ///< The caller's name for it.
};

/// What the search found.
struct register_verdict {
    enum class kind : std::uint8_t { linearizable, not_linearizable, undecided };
    kind is = kind::linearizable;
    /// Where the best attempt came to an end: the operation that had to be next, and the one that had written
    /// what stood there.
    std::optional<std::size_t> stuck{};
    std::optional<std::size_t> behind{};
    std::size_t configurations = 0;
};

/// One search over one register.
/// Precondition: no two writes have one value, none writes 0, every read is of a value that is written, or of
/// 0. Cost: at most `configurations_max` places at which the search had a choice; beyond that it is
/// undecided.
class register_search {
public:
    explicit register_search(std::vector<register_operation> operations,
                             std::size_t configurations_max = 200'000)
        : operations_{std::move(operations)}, configurations_max_{configurations_max} {
        drop_what_never_happened();
        std::sort(operations_.begin(), operations_.end(),
                  [](auto const& left, auto const& right) { return left.begun < right.begun; });
        link();
    }

    register_verdict run() {
        for (;;) {
            take_reads();
            if (next_[head()] == head()) return {register_verdict::kind::linearizable, {}, {}, seen_.size()};
            note_progress();
            bool const fresh = reads_[state_] == 0 && seen_.insert(configuration()).second;
            if (seen_.size() > configurations_max_)
                return {register_verdict::kind::undecided, stuck_, behind_, seen_.size()};
            if (fresh) open_choices();
            if (!choose()) return {register_verdict::kind::not_linearizable, stuck_, behind_, seen_.size()};
        }
    }

private:
    using index = std::uint32_t;

    /// A place at which there was a choice: which write comes next, or only those that nobody has read.
    struct crossroads {
        std::vector<index> writes;
        std::vector<index> unread;
        std::size_t tried = 0;
        std::size_t taken = 0;  ///< Length of taken_ before.
        index state = 0;
        index frontier = 0;
    };

    index head() const noexcept { return static_cast<index>(operations_.size()); }
    // What stands in the register is named by the write that has left it there, or so:
    index nothing_written() const noexcept { return head(); }
    index value_unread() const noexcept { return head() + 1; }  ///< By some write that nobody has read.

    void drop_what_never_happened() {
        std::unordered_set<std::uint64_t> read;
        for (auto const& operation : operations_)
            if (!operation.write) read.insert(operation.value);
        std::erase_if(operations_, [&](auto const& one) {
            return one.write && one.ended == register_operation::open && !read.contains(one.value);
        });
    }
    void link() {
        std::size_t const count = operations_.size();
        next_.resize(count + 1);
        previous_.resize(count + 1);
        for (std::size_t at = 0; at <= count; ++at) {
            next_[at] = static_cast<index>(at == count ? 0 : at + 1);
            previous_[at] = static_cast<index>(at == 0 ? count : at - 1);
        }
        std::unordered_map<std::uint64_t, index> writers;
        for (std::size_t at = 0; at < count; ++at)
            if (operations_[at].write) writers.emplace(operations_[at].value, static_cast<index>(at));
        reads_.assign(count + 2, 0);
        writer_.assign(count, nothing_written());
        state_ = nothing_written();
        for (std::size_t at = 0; at < count; ++at) {
            if (operations_[at].write) continue;
            if (auto const found = writers.find(operations_[at].value); found != writers.end())
                writer_[at] = found->second;
            ++reads_[writer_[at]];
        }
        live_ = reads_;
    }

    // ---- Taking and giving back
    // ---------------------------------------------------------------------------------------------

    void take(index at) {
        next_[previous_[at]] = next_[at];
        previous_[next_[at]] = previous_[at];
        taken_.push_back(at);
        frontier_ = std::max(frontier_, at + 1);
        if (!operations_[at].write) --reads_[writer_[at]];
    }
    void recycle(std::size_t down_to) {
        while (taken_.size() > down_to) {
            index const at = taken_.back();
            taken_.pop_back();
            next_[previous_[at]] = previous_[next_[at]] = at;
            if (!operations_[at].write) ++reads_[writer_[at]];
        }
    }

    /// Calls `see(operation)` for those that may come next: nothing that is left ended before they began.
    template <class See>
    void each_next(See see) const {
        std::int64_t end = register_operation::open;
        for (index at = next_[head()]; at != head() && operations_[at].begun <= end; at = next_[at])
            end = std::min(end, operations_[at].ended);
        for (index at = next_[head()]; at != head() && operations_[at].begun <= end;) {
            index const here = at;
            at = next_[at];
            see(here);
        }
    }
    void take_reads() {
        for (bool more = true; more;) {
            more = false;
            each_next([&](index at) {
                if (operations_[at].write || writer_[at] != state_) return;
                take(at);
                more = true;
            });
        }
    }

    // ---- Choices
    // ---------------------------------------------------------------------------------------------

    /// What is left to do, and from where: the same again leads to nothing new.
    std::string configuration() const {
        std::string made;
        auto const put = [&made](index number) {
            made.append(reinterpret_cast<char const*>(&number), sizeof number);
        };
        put(state_);
        put(frontier_);
        for (index at = next_[head()]; at != head() && at < frontier_; at = next_[at]) put(at);
        return made;
    }
    void open_choices() {
        crossroads made;
        made.taken = taken_.size();
        made.state = state_;
        made.frontier = frontier_;
        each_next([&](index at) {
            if (operations_[at].write) (live_[at] != 0 ? made.writes : made.unread).push_back(at);
        });
        choices_.push_back(std::move(made));
    }
    /// Takes the next choice of the latest crossroads that has one.
    bool choose() {
        for (; !choices_.empty(); choices_.pop_back()) {
            crossroads& here = choices_.back();
            std::size_t const last = here.writes.size() + (here.unread.empty() ? 0u : 1u);
            if (here.tried == last) continue;
            recycle(here.taken);
            frontier_ = here.frontier;
            for (index const one : here.unread) take(one);
            state_ = value_unread();
            if (here.tried < here.writes.size()) take(state_ = here.writes[here.tried]);
            ++here.tried;
            return true;
        }
        return false;
    }
    void note_progress() {
        if (stuck_ && taken_.size() <= farthest_) return;
        farthest_ = taken_.size();
        index first = next_[head()];
        for (index at = first; at != head(); at = next_[at])
            if (operations_[at].ended < operations_[first].ended) first = at;
        stuck_ = operations_[first].number;
        behind_.reset();
        if (state_ < head()) behind_ = operations_[state_].number;
    }

    std::vector<register_operation> operations_;
    std::size_t const configurations_max_;
    std::vector<index> next_, previous_;  ///< A ring of what is left, in the order of beginning.
    std::vector<index> writer_;           ///< Of what each read has read.
    std::vector<std::uint32_t> reads_;    ///< Reads left of what each write has written.
    std::vector<std::uint32_t> live_;     ///< The same in the beginning.
    std::vector<index> taken_;
    std::vector<crossroads> choices_;
    std::unordered_set<std::string> seen_;
    index state_ = 0;
    index frontier_ = 0;
    std::size_t farthest_ = 0;
    std::optional<std::size_t> stuck_;
    std::optional<std::size_t> behind_;
};

}  // namespace umbel::test
