// connection_owner.hpp: what a connection tells its driver, and what time it is while it does so.
// It knows neither of the two.
#pragma once

#include <umbel/engine/action.hpp>
#include <umbel/engine/call.hpp>
#include <umbel/engine/notice.hpp>
#include <umbel/net/transport.hpp>

#include <asio/any_io_executor.hpp>

#include <chrono>
#include <memory>
#include <string>
#include <vector>

namespace umbel::net {

/// The engine's clock: nothing left of net/ reads one.
inline engine::instant read_clock() noexcept { return std::chrono::steady_clock::now().time_since_epoch(); }

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

/// The connection that this thread is serving right now, if any.
struct turn {
    connection const* of = nullptr;
    engine::instant now{0};
};
inline constinit thread_local turn current_turn{};
/// The time of the present turn; outside of one, the clock's.
inline engine::instant turn_time() noexcept { return current_turn.of ? current_turn.now : read_clock(); }

}  // namespace umbel::net
