// contexts_impl.hpp: which execution context an executor belongs to, and which of a client's runs here.
#pragma once

#include <umbel/async/asio.hpp>
#include <umbel/async/contexts.hpp>

#include UMBEL_ASIO_HEADER(any_io_executor.hpp)
#include UMBEL_ASIO_HEADER(io_context.hpp)
#include UMBEL_ASIO_HEADER(strand.hpp)

#include <algorithm>
#include <vector>

namespace umbel::async {

// Out of line: inlined, g++ 12 warns of an uninitialised read that cannot happen.
UMBEL_NEVER_INLINE inline asio::io_context* io_of(asio::any_io_executor const& executor) noexcept {
    auto const* const plain = executor.target<asio::io_context::executor_type>();
    return plain ? &plain->context() : nullptr;
}

UMBEL_NEVER_INLINE inline asio::io_context* io_beneath(asio::any_io_executor const& executor) noexcept {
    if (auto const* const strand = executor.target<asio::strand<asio::io_context::executor_type>>())
        return &strand->get_inner_executor().context();
    if (auto const* const strand = executor.target<asio::strand<asio::any_io_executor>>())
        return io_of(strand->get_inner_executor());
    return io_of(executor);
}

inline asio::execution_context& contexts::context_of(asio::any_io_executor const& executor) noexcept {
    return asio::query(executor, asio::execution::context);
}

inline contexts::contexts(std::vector<asio::any_io_executor> const& executors) {
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

inline std::vector<asio::any_io_executor> contexts::executors() const {
    std::vector<asio::any_io_executor> all;
    for (context_entry const& here : all_)
        all.insert(all.end(), here.executors.begin(), here.executors.end());
    return all;
}

inline unsigned contexts::index_of(asio::execution_context const* context) const noexcept {
    auto const here = std::find_if(all_.begin(), all_.end(),
                                   [&](context_entry const& known) { return known.context == context; });
    return here == all_.end() ? none : static_cast<unsigned>(here - all_.begin());
}

inline unsigned contexts::running_here(unsigned likely) const noexcept {
    auto const runs_here = [](asio::io_context* io) {
        return io && io->get_executor().running_in_this_thread();
    };
    if (likely != none && runs_here(all_[likely].io)) return likely;
    auto const here = std::find_if(all_.begin(), all_.end(),
                                   [&](context_entry const& context) { return runs_here(context.io); });
    return here == all_.end() ? none : static_cast<unsigned>(here - all_.begin());
}

}  // namespace umbel::async
