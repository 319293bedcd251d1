// contexts.hpp: the execution contexts that run a client. Each context has connections of its own to every
// node that is asked from it, so that a reply arrives on the context of the coroutine that asked, and nothing
// crosses between threads. It knows executors; it knows neither connections nor calls. Which executor belongs
// to which context is found out in contexts_impl.hpp, which only the code behind operations needs.
#pragma once

#include <umbel/async/asio.hpp>
#include <umbel/config.hpp>

#include UMBEL_ASIO_HEADER(any_io_executor.hpp)
#include UMBEL_ASIO_HEADER(io_context.hpp)

#include <cstddef>
#include <cstdint>
#include <vector>

namespace umbel::async {

/// The io_context of an executor that is an io_context's own; null for any other, also for a strand.
asio::io_context* io_of(asio::any_io_executor const& executor) noexcept;
/// The io_context of an executor, also through a strand; null if there is none.
asio::io_context* io_beneath(asio::any_io_executor const& executor) noexcept;

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
    explicit contexts(std::vector<asio::any_io_executor> const& executors);

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

    /// All executors, those of one context side by side.
    std::vector<asio::any_io_executor> executors() const;

    static constexpr unsigned none = 0xff;
    /// The index of a context; none for a foreign one.
    unsigned index_of(asio::execution_context const* context) const noexcept;
    /// The index of the context that this thread runs, if that can be told; else none. Asks `likely` first.
    unsigned running_here(unsigned likely) const noexcept;
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

    static asio::execution_context& context_of(asio::any_io_executor const& executor) noexcept;

    asio::execution_context const* only_ = nullptr;
    std::vector<context_entry> all_;
};

}  // namespace umbel::async
