// tls_sessions.hpp: sessions that nodes have given, by address, so that the next connection to a node opens
// with less work. It knows no connection and no socket.
#pragma once

#include <umbel/config.hpp>
#include <umbel/net/tls_handles.hpp>

#include <cstddef>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace umbel::net {

/// Keeps sessions. Threading: any; the lock is taken where a connection opens, and nowhere else.
class tls_sessions {
public:
    static constexpr std::size_t nodes_max = 1024;
    static constexpr std::size_t sessions_max = 2;  ///< Of one node: as many as servers give at a time.

    /// Keeps a session for the node. Without memory it is dropped.
    void keep(std::string_view node, tls_session_ptr session) noexcept {
        UMBEL_TRY {
            std::lock_guard const guard{mutex_};
            std::string name{node};
            if (nodes_.size() >= nodes_max && !nodes_.contains(name)) nodes_.erase(nodes_.begin());
            std::vector<tls_session_ptr>& kept = nodes_[std::move(name)];
            kept.reserve(sessions_max);
            if (kept.size() == sessions_max) kept.erase(kept.begin());
            kept.push_back(std::move(session));
        }
        UMBEL_CATCH(...) {
            // The next handshake is a full one.
        }
    }

    /// The latest session of the node; null where there is none. A session of TLS 1.3 is given out once.
    /// Rule: RFC 8446, "Client Tracking Prevention".
    tls_session_ptr take(std::string_view node) {
        std::lock_guard const guard{mutex_};
        auto const found = nodes_.find(std::string{node});
        if (found == nodes_.end()) return {};
        std::vector<tls_session_ptr>& kept = found->second;
        tls_session_ptr latest = std::move(kept.back());
        kept.pop_back();
        bool const again =
            is_valid(*latest) && SSL_SESSION_get_protocol_version(latest.get()) < TLS1_3_VERSION;
        if (again && SSL_SESSION_up_ref(latest.get()) == 1) kept.emplace_back(latest.get());
        if (kept.empty()) nodes_.erase(found);
        if (!is_valid(*latest)) latest.reset();
        return latest;
    }

    std::size_t nodes() const {
        std::lock_guard const guard{mutex_};
        return nodes_.size();
    }

private:
    /// A session speaks for the certificate that was verified when it began: it ends with that.
    static bool is_valid(SSL_SESSION& session) noexcept {
        X509* const peer = SSL_SESSION_get0_peer(&session);
        return !peer || X509_cmp_current_time(X509_get0_notAfter(peer)) > 0;
    }

    mutable std::mutex mutex_;
    std::unordered_map<std::string, std::vector<tls_session_ptr>> nodes_;
};

}  // namespace umbel::net
