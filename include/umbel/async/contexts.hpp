// contexts.hpp: the execution contexts that run a client. Each is a loop, and has connections of its own to
// every node that is asked from it: so what a coroutine asks comes back where the coroutine runs, and nothing
// crosses from one thread to another. It knows executors; connections and calls it does not know.
#pragma once

#include <umbel/config.hpp>

#include <asio/any_io_executor.hpp>
#include <asio/io_context.hpp>
#include <asio/strand.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace umbel::async {

/// The io_context that an executor runs on by itself, in no strand; null for any other.
/// Out of line: g++ 12, where it sees an executor of another kind being made, warns of what would not be
/// read.
UMBEL_NEVER_INLINE inline asio::io_context* io_of(asio::any_io_executor const& executor) noexcept {
    auto const* const plain = executor.target<asio::io_context::executor_type>();
    return plain ? &plain->context() : nullptr;
}

/// The same, also for an executor in a strand.
UMBEL_NEVER_INLINE inline asio::io_context* io_beneath(asio::any_io_executor const& executor) noexcept {
    if (auto const* const strand = executor.target<asio::strand<asio::io_context::executor_type>>())
        return &strand->get_inner_executor().context();
    if (auto const* const strand = executor.target<asio::strand<asio::any_io_executor>>())
        return io_of(strand->get_inner_executor());
    return io_of(executor);
}

/// The loops of one client, by number.
/// Threading: set once, read by every thread.
class contexts {
public:
    /// Contexts that have connections of their own; handlers on others come back from one of these.
    static constexpr unsigned contexts_max = 64;

    contexts() noexcept = default;
    /// Executors of one context share a loop, whose connections are spread over them. Precondition: at least
    /// one executor.
    explicit contexts(std::vector<asio::any_io_executor> const& executors) {
        only_ = &context_of(executors.front());
        for (asio::any_io_executor const& executor : executors) {
            asio::execution_context& context = context_of(executor);
            if (&context != only_) only_ = nullptr;
            unsigned const known = index_of(&context);
            if (known == none && all_.size() == contexts_max) continue;
            context_entry& here =
                known == none ? all_.emplace_back(context_entry{&context, nullptr, {}}) : all_[known];
            if (!here.io) here.io = io_beneath(executor);
            here.executors.push_back(executor);
        }
    }

    /// The context of all executors; null where there are several, or none any more.
    asio::execution_context const* only() const noexcept { return only_; }
    unsigned size() const noexcept { return static_cast<unsigned>(all_.size()); }
    bool several() const noexcept { return all_.size() > 1; }
    /// The loop's io_context; null where its context is of another kind.
    asio::io_context* io_of(std::uint8_t context_index) const noexcept { return all_[context_index].io; }
    /// Where the loop's connection to a node runs.
    asio::any_io_executor const& executor_for(std::uint8_t context_index, std::uint16_t node) const noexcept {
        auto const& those = all_[context_index].executors;
        return those[node % those.size()];
    }

    static constexpr unsigned none = 0xff;
    /// The loop that a context is; none for a foreign one.
    unsigned index_of(asio::execution_context const* context) const noexcept {
        auto const here = std::find_if(all_.begin(), all_.end(),
                                       [&](context_entry const& known) { return known.context == context; });
        return here == all_.end() ? none : static_cast<unsigned>(here - all_.begin());
    }
    /// The loop that this thread runs at the moment, where that can be told; `likely` is asked first.
    unsigned running_here(unsigned likely) const noexcept {
        auto const runs_here = [](asio::io_context* io) {
            return io && io->get_executor().running_in_this_thread();
        };
        if (likely != none && runs_here(all_[likely].io)) return likely;
        auto const here = std::find_if(all_.begin(), all_.end(),
                                       [&](context_entry const& context) { return runs_here(context.io); });
        return here == all_.end() ? none : static_cast<unsigned>(here - all_.begin());
    }
    /// Some loop for what has none of its own, by where something of it stands; always the same one.
    /// Precondition: there is a loop.
    std::uint8_t any_of(void const* where) const noexcept {
        return static_cast<std::uint8_t>(
            (reinterpret_cast<std::uintptr_t>(where) * 0x9e3779b97f4a7c15ull >> 32) % size());
    }

private:
    struct context_entry {
        asio::execution_context const* context;
        asio::io_context* io;
        std::vector<asio::any_io_executor> executors;
    };

    static asio::execution_context& context_of(asio::any_io_executor const& executor) noexcept {
        return asio::query(executor, asio::execution::context);
    }

    asio::execution_context const* only_ = nullptr;
    std::vector<context_entry> all_;
};

}  // namespace umbel::async
