// connection_owner.hpp: what a connection needs of its driver, as an interface.
#pragma once

#include <umbel/async/asio.hpp>
#include <umbel/engine/call.hpp>
#include <umbel/engine/cancel_share.hpp>
#include <umbel/engine/event.hpp>
#include <umbel/engine/notice.hpp>
#include <umbel/net/transport.hpp>

#include UMBEL_ASIO_HEADER(any_io_executor.hpp)

#include <memory>
#include <vector>

namespace umbel::net {

/// What a connection needs of its driver.
/// Threading: called by the owner of the connection, on any thread.
class connection_owner {
public:
    /// Tells the control plane what happened. A loss is reported before the calls that were lost with it.
    virtual void report(engine::event&& happened) = 0;
    /// Takes back a call that came before the connection was opened.
    virtual void park(engine::call& call) noexcept = 0;
    virtual void slowed(std::vector<engine::call_slow>&&) {}
    /// Takes back a cancellation whose call is not on this connection any more.
    virtual void cancel_elsewhere(engine::cancel_share) {}
    /// The connection has shut down.
    virtual void has_shut() noexcept {}
    virtual std::shared_ptr<void> keep_alive() = 0;
    virtual std::shared_ptr<transport> make_transport(asio::any_io_executor const& executor,
                                                      transport_owner& owner, std::uint32_t epoch,
                                                      engine::open_link const& opening) = 0;

protected:
    ~connection_owner() = default;
};

}  // namespace umbel::net
