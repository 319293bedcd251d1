// batch_run.hpp: a batch as an operation: how it is to be sent, and what it completes with in place of one
// result. How its commands are sent stands behind the boundary, in batch_run_impl.hpp.
//
// Order within a slot. Commands of one slot begin in their order, which is the order of one connection. From
// the moment when a command is known to be sent again, later ones of its slot do not begin until it has
// settled. The engine asks hold() before it sends a command again: where an earlier command of its slot has
// not settled, the batch keeps it until that one has. So only what had left together with a refused command
// may run before it. In strict order a command begins when all earlier ones of its slot have settled.
#pragma once

#include <umbel/async/batch_list.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>

namespace umbel::async {

/// How a batch is to be sent.
struct batch_manner {
    static constexpr std::size_t window_by_default = 1024;

    std::size_t window = window_by_default;  ///< So many commands are under way at most.
    bool strict = false;  ///< A command waits until all earlier ones of its slot have settled.
    std::function<void(std::size_t settled, std::size_t all)> progress{};
};

}  // namespace umbel::async
