// loops.hpp: the execution contexts that run a client. Each is a loop, and has connections of its own to every node that is asked from it: so what a
// coroutine asks comes back where the coroutine runs, and nothing crosses from one thread to another.
// It knows executors; connections and calls it does not know.
#pragma once

#include <umbel/config.hpp>

#include <asio/any_io_executor.hpp>
#include <asio/io_context.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace umbel::net {

/// The io_context that an executor runs on by itself, in no strand; null for any other.
/// Out of line: g++ 12, where it sees an executor of another kind being made, warns of what would not be read.
UMBEL_NEVER_INLINE inline asio::io_context* io_of(asio::any_io_executor const& executor) noexcept {
    auto const* const plain = executor.target<asio::io_context::executor_type>();
    return plain ? &plain->context() : nullptr;
}

/// The loops of one client, by number.
/// Threading: set once, read by every thread.
class loops {
public:
    /// Contexts that have connections of their own; handlers on others come back from one of these.
    static constexpr unsigned loops_max = 64;

    loops() noexcept = default;
    /// Executors of one context share a loop, whose connections are spread over them; with `together` all do. Precondition: at least one executor.
    explicit loops(std::vector<asio::any_io_executor> const& executors, bool together = false) {
        only_ = &context_of(executors.front());
        for (asio::any_io_executor const& executor : executors) {
            asio::execution_context& context = context_of(executor);
            if (&context != only_) only_ = nullptr;
            auto here = together && !all_.empty() ? all_.begin() : find(context);
            if (here == all_.end()) {
                if (all_.size() == loops_max) continue;
                here = all_.insert(here, {&context, nullptr, {}});
            }
            if (here->context == &context && !here->io) here->io = net::io_of(executor);
            here->executors.push_back(executor);
        }
    }

    /// The context of all executors; null where there are several, or none any more.
    asio::execution_context const* only() const noexcept { return only_; }
    unsigned size() const noexcept { return static_cast<unsigned>(all_.size()); }
    bool several() const noexcept { return all_.size() > 1; }
    /// The loop's io_context; null where it is of another kind, or known by strands only.
    asio::io_context* io_of(std::uint8_t loop) const noexcept { return all_[loop].io; }
    /// Where the loop's connection to a node runs.
    asio::any_io_executor const& executor_for(std::uint8_t loop, std::uint16_t node) const noexcept {
        auto const& those = all_[loop].executors;
        return those[node % those.size()];
    }

    /// A loop, and whether it is the very context that was asked for.
    struct found {
        std::uint8_t loop;
        bool own;
    };
    /// The loop of a context; for a foreign one always the same, so that what is begun there keeps its order. Precondition: there is a loop.
    found loop_of(asio::execution_context const& context) const noexcept {
        auto const here = std::find_if(all_.begin(), all_.end(), [&](one_loop const& one) { return one.context == &context; });
        if (here != all_.end()) return {static_cast<std::uint8_t>(here - all_.begin()), true};
        return {any_of(&context), false};
    }
    /// Some loop for who knows no context, by where something of his stands; always the same one.
    std::uint8_t any_of(void const* where) const noexcept {
        return static_cast<std::uint8_t>((reinterpret_cast<std::uintptr_t>(where) * 0x9e3779b97f4a7c15ull >> 32) % size());
    }

private:
    struct one_loop {
        asio::execution_context const* context;
        asio::io_context* io;
        std::vector<asio::any_io_executor> executors;
    };

    static asio::execution_context& context_of(asio::any_io_executor const& executor) noexcept {
        return asio::query(executor, asio::execution::context);
    }
    std::vector<one_loop>::iterator find(asio::execution_context const& context) noexcept {
        return std::find_if(all_.begin(), all_.end(), [&](one_loop const& one) { return one.context == &context; });
    }

    asio::execution_context const* only_ = nullptr;
    std::vector<one_loop> all_;
};

}  // namespace umbel::net
