// observer.hpp: hooks for whoever wants to watch a client. Nothing is reported, and nothing is paid, when
// nobody does.
#pragma once

#include <umbel/engine/notice.hpp>

namespace umbel::engine {

/// What a watcher may want to know. Override what is of interest.
/// Threading: called one at a time, on a thread that runs one of the client's executors. Do not block. What
/// is thrown is lost. Lifetime: must outlive the client's last completion; a std::shared_ptr is kept by the
/// client.
class observer {
public:
    virtual ~observer() = default;
    virtual void connected(node_connected const&) {}
    virtual void connect_failed(node_connect_failed const&) {}
    /// Once for each connection that connected() told of, also for one that the client closes itself.
    virtual void disconnected(node_disconnected const&) {}
    virtual void reauthenticated(node_reauthenticated const&) {}
    virtual void credentials_failed(struct credentials_failed const&) {}
    virtual void topology_changed(struct topology_changed const&) {}
    /// A refresh of the topology has ended, whatever it brought.
    virtual void refreshed(refresh_ended const&) {}
    virtual void redirected(call_redirected const&) {}
    virtual void retried(call_retried const&) {}
    /// A server has announced maintenance, or that it is over: once for each connection that it tells.
    virtual void maintenance(maintenance_announced const&) {}
    /// Only where options::slow_after is set.
    virtual void slow(call_slow const&) {}

    void notice(node_connected const& value) { connected(value); }
    void notice(node_connect_failed const& value) { connect_failed(value); }
    void notice(node_disconnected const& value) { disconnected(value); }
    void notice(node_reauthenticated const& value) { reauthenticated(value); }
    void notice(struct credentials_failed const& value) { credentials_failed(value); }
    void notice(struct topology_changed const& value) { topology_changed(value); }
    void notice(refresh_ended const& value) { refreshed(value); }
    void notice(call_redirected const& value) { redirected(value); }
    void notice(call_retried const& value) { retried(value); }
    void notice(maintenance_announced const& value) { maintenance(value); }
    void notice(call_slow const& value) { slow(value); }
};

}  // namespace umbel::engine

namespace umbel {
using engine::observer;
}  // namespace umbel
