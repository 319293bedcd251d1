// view_machine.hpp: runs a few threads of a few atomic operations in every way that the C++ memory model
// allows, save reads of what is written later in time ("load buffering"): every interleaving, and for each
// operation every value that it may read and every place in the modification order that it may take.
//
// Operations take effect in the order of the program; so of two writes of one thread the second is never seen
// alone by somebody who overwrites the first one later. Nothing is known of sequentially consistent
// operations and of fences.
//
// Each thread has a view: the latest message it knows of, for each location. A load may read that message or
// any later one; an acquire takes over the view that a release left with it. A store may go to any place
// behind what its thread knows, save between a read-modify-write and what that has read. A thread's state is
// what its operations returned: to go one step on, its function runs again from the beginning, is given the
// results so far, and is left by longjmp at its next operation; so it may hold nothing that has a destructor.
// Rule: C++20, [intro.races]; the view machine of Kang et al., "A promising semantics for relaxed-memory
// concurrency", without promises.
#pragma once

#include <array>
#include <atomic>
#include <csetjmp>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <unordered_set>
#include <utility>
#include <vector>

namespace umbel::test {

class view_machine {
public:
    using value = std::uint64_t;
    static constexpr std::size_t locations_max = 6;
    using body = std::function<void()>;

    enum class operation : unsigned char { load, store, exchange, compare_exchange, fetch_or, touch, fail };
    struct request {
        operation what{};
        std::size_t location = 0;
        value operand = 0, expected = 0;
        std::memory_order order{}, on_failure{};
    };

    static view_machine& current() {
        static view_machine one;
        return one;
    }

    /// What was found: how many states there are, and in how many ways it ended badly.
    struct outcome {
        std::size_t states = 0, ends = 0, bad_ends = 0, races = 0, failures = 0;
        bool good() const { return ends != 0 && bad_ends == 0 && races == 0 && failures == 0; }
    };

    /// Explores all. `ended_well` is asked of the latest values at each end.
    outcome explore(std::vector<body> threads, std::vector<value> initial,
                    std::function<bool(std::array<value, locations_max> const&)> ended_well) {
        threads_ = std::move(threads);
        found_ = {};
        seen_.clear();
        state first;
        first.threads.resize(threads_.size());
        for (std::size_t at = 0; at != locations_max; ++at) {
            first.order[at].push_back(first.messages.size());
            first.messages.push_back({at < initial.size() ? initial[at] : 0, {}, false});
        }
        for (std::size_t at = 0; at != locations_max; ++at) {
            for (auto& thread_here : first.threads) thread_here.view[at] = at;
            for (auto& one : first.messages) one.left[at] = at;
        }
        std::vector<state> todo{std::move(first)};
        while (!todo.empty()) {
            state const now = std::move(todo.back());
            todo.pop_back();
            ++found_.states;
            bool ended = true;
            for (std::size_t who = 0; who != threads_.size(); ++who) {
                request next;
                if (!next_of(now, who, next)) continue;
                ended = false;
                step(now, who, next, [&](state&& after) {
                    if (seen_.insert(after.key()).second) todo.push_back(std::move(after));
                });
            }
            if (!ended) continue;
            ++found_.ends;
            std::array<value, locations_max> latest{};
            for (std::size_t at = 0; at != locations_max; ++at)
                latest[at] = now.messages[now.order[at].back()].value;
            if (!ended_well(latest)) ++found_.bad_ends;
        }
        return found_;
    }

    /// Atomics get their locations in the order in which they are made.
    void number_from(std::size_t location) { location_ = location; }
    std::size_t next_location() { return location_++; }

    /// How many operations the running thread has performed.
    std::size_t operations() const { return at_; }
    /// Called by the atomics: what the operation returned in this run.
    value perform(request const& wanted) {
        if (at_ < results_->size()) return (*results_)[at_++];
        *wanted_ = wanted;
        std::longjmp(leave_, 1);
    }

private:
    struct message {
        view_machine::value value = 0;
        std::array<std::size_t, locations_max> left{};  // The view that a reader may acquire.
        bool attached = false;                          // A read-modify-write, of the message in front of it.
    };
    struct thread {
        std::vector<view_machine::value> results;
        std::array<std::size_t, locations_max> view{};
    };
    struct state {
        std::vector<thread> threads;
        std::vector<message> messages;
        std::array<std::vector<std::size_t>, locations_max> order;

        std::size_t place(std::size_t location, std::size_t which) const {
            auto const& all = order[location];
            for (std::size_t at = 0;; ++at)
                if (all[at] == which) return at;
        }
        void join(std::array<std::size_t, locations_max>& into,
                  std::array<std::size_t, locations_max> const& from) const {
            for (std::size_t at = 0; at != locations_max; ++at)
                if (place(at, into[at]) < place(at, from[at])) into[at] = from[at];
        }
        /// The same for states that differ only in the numbers of their messages.
        std::string key() const {
            std::vector<std::size_t> number(messages.size());
            for (auto const& all : order)
                for (std::size_t at = 0; at != all.size(); ++at) number[all[at]] = at;
            std::string text;
            auto const add = [&text](std::size_t one) {
                do text += static_cast<char>(one & 0x7f);
                while ((one >>= 7) != 0);
                text += static_cast<char>(0x80);
            };
            for (auto const& thread : threads) {
                add(thread.results.size());
                for (auto const result : thread.results) add(static_cast<std::size_t>(result));
                for (auto const known : thread.view) add(number[known]);
            }
            for (auto const& all : order) {
                add(all.size());
                for (std::size_t const which : all) {
                    add(static_cast<std::size_t>(messages[which].value));
                    add(messages[which].attached);
                    for (auto const known : messages[which].left) add(number[known]);
                }
            }
            return text;
        }
    };

    static bool acquires(std::memory_order order) {
        return order == std::memory_order_acquire || order == std::memory_order_acq_rel;
    }
    static bool releases(std::memory_order order) {
        return order == std::memory_order_release || order == std::memory_order_acq_rel;
    }

    /// Runs a thread up to its next operation. False: it has ended.
    bool next_of(state const& now, std::size_t who, request& next) {
        results_ = &now.threads[who].results;
        wanted_ = &next;
        at_ = 0;
        if (setjmp(leave_) != 0) return true;
        threads_[who]();
        return false;
    }

    template <class Then>
    void step(state const& now, std::size_t who, request const& wanted, Then then) {
        if (wanted.what == operation::fail) {
            ++found_.failures;
            return;
        }
        std::size_t const at = wanted.location;
        auto const& all = now.order[at];
        std::size_t const known = now.place(at, now.threads[who].view[at]);
        if (wanted.what == operation::touch && known + 1 != all.size())
            ++found_.races;  // Somebody touched it, and nothing says that this is over.
        for (std::size_t from = wanted.what == operation::touch ? all.size() - 1 : known; from != all.size();
             ++from) {
            value const there = now.messages[all[from]].value;
            bool const room = from + 1 == all.size() || !now.messages[all[from + 1]].attached;
            bool const fails = wanted.what == operation::compare_exchange && there != wanted.expected;
            bool const writes = wanted.what != operation::load && !fails;
            if (writes && !room) continue;
            state after = now;
            thread& mine = after.threads[who];
            bool const reads = wanted.what != operation::store && wanted.what != operation::touch;
            if (reads) {
                if (from > known) mine.view[at] = all[from];
                if (acquires(fails ? wanted.on_failure : wanted.order))
                    after.join(mine.view, after.messages[all[from]].left);
            }
            if (writes) {
                std::size_t const fresh = after.messages.size();
                message one;
                one.value = wanted.what == operation::fetch_or ? there | wanted.operand : wanted.operand;
                one.attached = reads;
                after.messages.push_back(one);
                after.order[at].insert(after.order[at].begin() + static_cast<std::ptrdiff_t>(from) + 1,
                                       fresh);
                mine.view[at] = fresh;
                auto& left = after.messages[fresh].left;
                for (std::size_t other = 0; other != locations_max; ++other)
                    left[other] = other;  // The first messages: nothing is known by them.
                if (reads) left = after.messages[all[from]].left;
                left[at] = fresh;
                if (releases(wanted.order)) after.join(left, mine.view);
            }
            mine.results.push_back(reads ? there : 0);
            then(std::move(after));
        }
    }

    std::size_t location_ = 0;
    std::vector<body> threads_;
    std::unordered_set<std::string> seen_;
    outcome found_;
    std::vector<value> const* results_ = nullptr;
    request* wanted_ = nullptr;
    std::size_t at_ = 0;
    std::jmp_buf leave_{};
};

/// An atomic whose operations the machine performs.
template <class Value>
class view_atomic {
public:
    explicit view_atomic(Value) : location_{view_machine::current().next_location()} {}

    Value load(std::memory_order order) const {
        return ask({view_machine::operation::load, location_, 0, 0, order, order});
    }
    void store(Value value, std::memory_order order) {
        ask({view_machine::operation::store, location_, value, 0, order, order});
    }
    Value exchange(Value value, std::memory_order order) {
        return ask({view_machine::operation::exchange, location_, value, 0, order, order});
    }
    Value fetch_or(Value value, std::memory_order order) {
        return ask({view_machine::operation::fetch_or, location_, value, 0, order, order});
    }
    bool compare_exchange_strong(Value& expected, Value value, std::memory_order order,
                                 std::memory_order on_failure) {
        Value const seen =
            ask({view_machine::operation::compare_exchange, location_, value, expected, order, on_failure});
        return std::exchange(expected, seen) == seen;
    }

private:
    static Value ask(view_machine::request const& wanted) {
        return static_cast<Value>(view_machine::current().perform(wanted));
    }
    std::size_t location_;
};

}  // namespace umbel::test
