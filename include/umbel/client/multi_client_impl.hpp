// multi_client_impl.hpp: behind multi_client.hpp: the members of a client of several deployments.
#pragma once

#include <umbel/client/make_backend_impl.hpp>
#include <umbel/client/multi_core.hpp>
#include <umbel/client/multi_members.hpp>
#include <umbel/client/open_site_impl.hpp>

#include <memory>
#include <utility>

namespace umbel::calling {

template <class>
std::shared_ptr<multi_core> make_members(member_maker const& make, multi_options const& chosen,
                                         cluster::policy const& policy,
                                         std::shared_ptr<multi_observer> watching) {
    // Clients that were made before something has thrown hold the rest in a ring.
    struct undo {
        std::shared_ptr<multi_members> made;
        ~undo() {
            if (made) made->shut_down();
        }
    } unless_done{std::make_shared<multi_members>(chosen, std::move(watching))};
    unless_done.made->begin(make, policy);
    return std::exchange(unless_done.made, nullptr);
}

}  // namespace umbel::calling
