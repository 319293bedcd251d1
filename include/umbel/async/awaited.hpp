// awaited.hpp: which handler co_await makes of an operation in asio::awaitable<>, so that it may be compiled
// once. It knows Asio by what a coroutine's promise tells.
#pragma once

#include <umbel/async/operation.hpp>

#include <asio/awaitable.hpp>

#include <coroutine>
#include <utility>

namespace umbel::async {

/// What `co_await` turns an operation into in asio::awaitable<>.
template <class Value>
using awaited =
    decltype(std::declval<std::coroutine_traits<asio::awaitable<void>>::promise_type&>().await_transform(
        std::declval<operation<Value>>()));

/// The handler that it makes, which Asio names nowhere else. Where it should not be told, a plain function
/// stands in: then each source file compiles its own.
template <class Value>
struct handler_of_await {
    using type = void (*)(result<Value>);
};
template <class Value>
    requires requires { typename awaited<Value>::handler_type; }
struct handler_of_await<Value> {
    using type = typename awaited<Value>::handler_type;
};

}  // namespace umbel::async
