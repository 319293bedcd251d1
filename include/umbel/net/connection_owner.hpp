// connection_owner.hpp: what a connection asks of its driver.
// It knows neither of the two.
#pragma once

#include <umbel/engine/call.hpp>
#include <umbel/engine/cancel_share.hpp>
#include <umbel/engine/event.hpp>
#include <umbel/engine/notice.hpp>
#include <umbel/net/transport.hpp>

#include <asio/any_io_executor.hpp>

#include <memory>
#include <vector>

namespace umbel::net {

/// What a connection asks of its driver.
/// Threading: called by whoever owns the connection at that time, on any thread.
class connection_owner {
public:
    /// Tells the control plane what happened. A loss comes before the calls that were lost with it.
    virtual void report(engine::event&& happened) = 0;
    /// Takes a call that has come before its connection was opened.
    virtual void park(engine::call& call) noexcept = 0;
    virtual void slowed(std::vector<engine::call_slow>&&) {}
    /// A cancellation has not found its call here.
    virtual void cancel_elsewhere(engine::cancel_share) {}
    /// The connection has done what shut() asks for.
    virtual void has_shut() noexcept {}
    virtual std::shared_ptr<void> keep_alive() = 0;
    virtual std::shared_ptr<transport> make_transport(asio::any_io_executor const& executor,
                                                      transport_owner& owner, std::uint32_t epoch) = 0;

protected:
    ~connection_owner() = default;
};

}  // namespace umbel::net
