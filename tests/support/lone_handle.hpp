// lone_handle.hpp: calls that belong to no client, for tests of what is done with calls.
#pragma once

#include <umbel/async/compiled_boundary.hpp>

namespace support {

/// A handle without a client, whose calls find the code behind the boundary all the same.
inline umbel::async::client_handle& lone_handle() {
    static umbel::async::client_handle handle{.code = &umbel::async::compiled_boundary};
    return handle;
}
inline umbel::async::pooled_call* take_lone_call() { return umbel::async::pool::take(lone_handle()); }

}  // namespace support
