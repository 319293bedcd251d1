// refresh_answers.hpp: what the nodes that one refresh asks have answered: the fullest view, a view of
// another cluster, and why the others did not help. It asks nobody and believes nobody.
#pragma once

#include <umbel/cluster/standalone_topology.hpp>
#include <umbel/engine/node.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace umbel::engine {

/// A topology as one node tells it.
struct topology_view {
    cluster::topology topology;
    std::uint64_t asked_at = 0;  ///< How much redirects had taught by then; see cluster::slot_patches.
    std::uint16_t node = link_id::no_node;  ///< The node that answered.
};

/// Why no topology is known, as far as the nodes that were asked have said it.
struct refresh_complaints {
    std::string text;             ///< What each node said.
    std::optional<errc> replied;  ///< The latest that came from a server that answered.
};

/// True for a topology in which nothing is missing that may come back soon.
inline bool is_well(cluster::topology const& view) noexcept {
    for (cluster::node_info const& node : view.nodes)
        if (!cluster::is_routable(node.health)) return false;
    return !cluster::lacks_primary(view);
}

/// The answers of the running refresh, and the complaints of the one before.
class refresh_answers {
public:
    /// Beyond this size of the text no further node is quoted.
    static constexpr std::size_t complaints_bytes_max = 600;

    /// A refresh begins.
    void begin() noexcept {
        fullest_.reset();
        foreign_.reset();
        only_refusals_ = true;
        if (!complaints_.text.empty()) earlier_complaints_ = std::exchange(complaints_, {});
    }

    /// A node has told a topology with holes. Full coverage is preferred: others are asked before it is
    /// believed.
    void keep_partial(topology_view&& view) {
        if (!fullest_ || fullest_->topology.covered_slots() < view.topology.covered_slots())
            fullest_ = std::move(view);
    }
    /// A node at a known address has told the topology of a cluster that shares no known node.
    void keep_foreign(topology_view&& view) { foreign_ = std::move(view); }

    /// `node` has not helped, for this reason.
    void keep_failure(std::string const& node, error const& why) {
        bool answered = true;
        switch (origin_of(why.code())) {
            case origin::caller:
            case origin::server: break;
            case origin::limit:
            case origin::transport:
                if (why.code() == errc::tls_failed) break;
                answered = why.code() == errc::no_reachable_node;
                [[fallthrough]];
            case origin::protocol:
            case origin::cluster: only_refusals_ = false; break;
        }
        if (answered) complaints_.replied = why.code();
        quote(node, why);
        last_error_ = why.from(node);
    }

    /// The same of a node of the table. A question that waits for a connection says nothing of why there is
    /// none: the attempt before does.
    void keep_failure(node const& peer, error const& why) {
        link_status const& link = peer.link(link_mode::primary);
        bool const waited = why == errc::deadline_exceeded && link.state != link_state::up;
        keep_failure(peer.name, waited && !link.last_message.empty()
                                    ? error{why.code(), why.delivery(), link.last_message}
                                    : why);
    }

    /// Takes the fullest view with holes, if any.
    std::optional<topology_view> take_partial() noexcept { return std::exchange(fullest_, std::nullopt); }
    /// Takes the view of another cluster, if any.
    std::optional<topology_view> take_foreign() noexcept { return std::exchange(foreign_, std::nullopt); }

    /// A topology has been learned.
    void forget_error() noexcept { last_error_.reset(); }
    /// The latest error, where every failure of the running refresh was a refusal that time does not mend,
    /// for example a wrong password; else null.
    error const* permanent_error() const noexcept {
        return only_refusals_ && last_error_ ? &*last_error_ : nullptr;
    }
    /// Of the running refresh, or the latest.
    std::string const& text() const noexcept { return complaints_.text; }
    /// The latest complaints that say anything.
    refresh_complaints const& complaints() const noexcept {
        return complaints_.text.empty() ? earlier_complaints_ : complaints_;
    }

private:
    void quote(std::string const& node, error const& why) noexcept {
        if (complaints_.text.size() >= complaints_bytes_max) return;
        UMBEL_TRY {
            std::string said = node + ": ";
            said += name_of(why.code());
            if (why.message() != name_of(why.code())) said.append(", ").append(why.message());
            complaints_.text.append(complaints_.text.empty() ? "" : "; ").append(said);
        }
        UMBEL_CATCH(...) {
            // The caller's error then explains less.
        }
    }

    std::optional<topology_view> fullest_;
    std::optional<topology_view> foreign_;
    std::optional<error> last_error_;
    refresh_complaints complaints_;
    refresh_complaints earlier_complaints_;
    bool only_refusals_ = true;
};

}  // namespace umbel::engine
