// connection_owner.hpp: what a connection tells its driver.
// It knows neither of the two.
#pragma once

#include <umbel/engine/action.hpp>
#include <umbel/engine/call.hpp>
#include <umbel/engine/notice.hpp>
#include <umbel/net/transport.hpp>

#include <asio/any_io_executor.hpp>

#include <memory>
#include <string>
#include <vector>

namespace umbel::net {

class connection;

/// What a connection tells its driver. All may be called from the connection's strand.
class connection_owner {
public:
    virtual void opened(connection& which) = 0;
    /// Comes before the calls that were lost with it.
    virtual void lost(connection& which, errc why, std::string message) = 0;
    virtual void closed(connection& which) = 0;
    /// Commands wait on it and it is silent: perhaps others know more.
    virtual void doubted(connection& which) = 0;
    virtual void diverted(engine::call_list&& calls) = 0;
    virtual void stranded(engine::call_list&& calls) = 0;
    virtual void stranded(engine::call& one) noexcept = 0;
    virtual void slowed(std::vector<engine::call_slow>&&) {}
    virtual std::shared_ptr<void> keeper() = 0;
    virtual std::shared_ptr<transport> make_transport(asio::any_io_executor const& strand, transport_owner& owner, std::uint32_t epoch) = 0;

protected:
    ~connection_owner() = default;
};

}  // namespace umbel::net
