// contexts.hpp: the execution contexts that run a client. Each context has connections of its own to every
// node that is asked from it, so that a reply arrives on the context of the coroutine that asked, and nothing
// crosses between threads. It knows executors; it knows neither connections nor calls.
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

/// The io_context of an executor that is an io_context's own; null for any other, also for a strand. Out of
/// line: inlined, g++ 12 warns of an uninitialised read that cannot happen.
UMBEL_NEVER_INLINE inline asio::io_context* io_of(asio::any_io_executor const& executor) noexcept {
    auto const* const plain = executor.target<asio::io_context::executor_type>();
    return plain ? &plain->context() : nullptr;
}

/// The io_context of an executor, also through a strand; null if there is none.
UMBEL_NEVER_INLINE inline asio::io_context* io_beneath(asio::any_io_executor const& executor) noexcept {
    if (auto const* const strand = executor.target<asio::strand<asio::io_context::executor_type>>())
        return &strand->get_inner_executor().context();
    if (auto const* const strand = executor.target<asio::strand<asio::any_io_executor>>())
        return io_of(strand->get_inner_executor());
    return io_of(executor);
}

/// The contexts of one client, by index.
/// Threading: set once, read by every thread.
class contexts {
public:
    /// The most contexts with connections of their own. Handlers on further contexts use the connections of
    /// one of these.
    static constexpr unsigned contexts_max = 64;

    contexts() noexcept = default;
    /// Several executors of one context are one entry; its connections are spread over them. Precondition: at
    /// least one executor.
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

    /// The context if there is exactly one; else null.
    asio::execution_context const* only() const noexcept { return only_; }
    unsigned size() const noexcept { return static_cast<unsigned>(all_.size()); }
    bool several() const noexcept { return all_.size() > 1; }
    /// The io_context of an entry; null if the context is of another kind.
    asio::io_context* io_of(std::uint8_t context_index) const noexcept { return all_[context_index].io; }
    /// The executor of the connection that a context has to a node.
    asio::any_io_executor const& executor_for(std::uint8_t context_index, std::uint16_t node) const noexcept {
        auto const& those = all_[context_index].executors;
        return those[node % those.size()];
    }

    static constexpr unsigned none = 0xff;
    /// The index of a context; none for a foreign one.
    unsigned index_of(asio::execution_context const* context) const noexcept {
        auto const here = std::find_if(all_.begin(), all_.end(),
                                       [&](context_entry const& known) { return known.context == context; });
        return here == all_.end() ? none : static_cast<unsigned>(here - all_.begin());
    }
    /// The index of the context that this thread runs, if that can be told; else none. Asks `likely` first.
    unsigned running_here(unsigned likely) const noexcept {
        auto const runs_here = [](asio::io_context* io) {
            return io && io->get_executor().running_in_this_thread();
        };
        if (likely != none && runs_here(all_[likely].io)) return likely;
        auto const here = std::find_if(all_.begin(), all_.end(),
                                       [&](context_entry const& context) { return runs_here(context.io); });
        return here == all_.end() ? none : static_cast<unsigned>(here - all_.begin());
    }
    /// Maps an address to a context by hashing it: the same caller always gets the same context.
    /// Precondition: size() > 0.
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
