// orphan_executor.hpp: where handlers without an executor of their own run when the client has gone: on
// Asio's system pool. It is one type in the place of four: any_io_executor compiles a table of functions for
// each type that it may come to hold, and asio::system_executor turns into another one with each property.
#pragma once

#include <umbel/async/asio.hpp>

#include UMBEL_ASIO_EXECUTION_HEADER(blocking.hpp)
#include UMBEL_ASIO_EXECUTION_HEADER(context.hpp)
#include UMBEL_ASIO_HEADER(execution_context.hpp)
#include UMBEL_ASIO_HEADER(system_executor.hpp)

#include <utility>

namespace umbel::async {

/// As asio::system_executor: dispatch() runs a handler there and then, post() on a thread of the system's
/// pool.
class orphan_executor {
public:
    orphan_executor require(asio::execution::blocking_t::possibly_t) const noexcept { return {}; }
    orphan_executor require(asio::execution::blocking_t::never_t) const noexcept {
        orphan_executor other;
        other.posts_ = true;
        return other;
    }
    asio::execution::blocking_t query(asio::execution::blocking_t) const noexcept {
        if (posts_) return asio::execution::blocking.never;
        return asio::execution::blocking.possibly;
    }
    asio::execution_context& query(asio::execution::context_t) const noexcept {
        return asio::query(asio::system_executor{}, asio::execution::context);
    }
    template <class Function>
    void execute(Function&& function) const {
        if (!posts_) return std::forward<Function>(function)();
        asio::require(asio::system_executor{}, asio::execution::blocking.never)
            .execute(std::forward<Function>(function));
    }
    friend bool operator==(orphan_executor const&, orphan_executor const&) noexcept = default;

private:
    bool posts_ = false;
};

}  // namespace umbel::async
