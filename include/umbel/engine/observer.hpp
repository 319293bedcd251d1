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
    virtual void topology_changed(struct topology_changed const&) {}
    /// A refresh of the topology has ended, whatever it brought.
    virtual void refreshed(refresh_ended const&) {}
    virtual void redirected(call_redirected const&) {}
    virtual void retried(call_retried const&) {}
    /// Only where options::slow_after is set.
    virtual void slow(call_slow const&) {}

    void notice(node_connected const& what) { connected(what); }
    void notice(node_connect_failed const& what) { connect_failed(what); }
    void notice(node_disconnected const& what) { disconnected(what); }
    void notice(struct topology_changed const& what) { topology_changed(what); }
    void notice(refresh_ended const& what) { refreshed(what); }
    void notice(call_redirected const& what) { redirected(what); }
    void notice(call_retried const& what) { retried(what); }
    void notice(call_slow const& what) { slow(what); }
};

}  // namespace umbel::engine

namespace umbel {
using engine::observer;
}  // namespace umbel
