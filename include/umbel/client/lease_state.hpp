// lease_state.hpp: a lease as the commands on it find it. It knows no command.
#pragma once

#include <umbel/async/held_lease.hpp>
#include <umbel/client/make_operation.hpp>

#include <chrono>
#include <utility>

namespace umbel::calling {

/// What the commands on a lease are made from. A deadline by with() bounds the wait for the lease and each
/// command on it, but not the time of those that block.
struct lease_state final : async::held_lease {
    explicit lease_state(calling::site const& from) : site{from} {
        site.options.lease = this;
        site.options.hedge = std::chrono::nanoseconds::max();
        site.options.deadline_given = false;
        site.options.reads = umbel::read_from::primary;
    }
    calling::site site;

private:
    ~lease_state() override = default;
};

}  // namespace umbel::calling
