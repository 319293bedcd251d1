// group_search.hpp: finds the primary of a replication group and its replicas: asks servers what they are,
// and those that they name. It publishes nothing, and decides neither when that is done nor who is asked
// first.
#pragma once

#include <umbel/cluster/standalone_topology.hpp>
#include <umbel/engine/control_state.hpp>
#include <umbel/engine/group_query.hpp>
#include <umbel/engine/refresh_answers.hpp>

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace umbel::engine {

/// What has come of a question about a replication group.
struct group_finding {
    enum class outcome : std::uint8_t {
        waits,    ///< Answers are missing.
        found,    ///< `group` is led by a server that calls itself the primary.
        refused,  ///< The server tells nothing of groups.
        failed,   ///< `why`; `group` may hold a replica, which can be read from where there is nothing else.
    };
    outcome is = outcome::waits;
    std::uint16_t node = link_id::no_node;  ///< Who has answered.
    std::optional<cluster::topology> group{};
    std::optional<error> why{};
};

/// The questions of one refresh. A primary is believed by its own word only: who says that it is a replica
/// has the server asked that it names, and so on.
class group_search {
public:
    /// Servers that one refresh asks at most; so many may stand in a chain of replicas.
    static constexpr std::size_t asked_max = 8;

    group_search(control_state& shared, query_port port, call_list& questions)
        : shared_{shared}, questions_{questions} {
        for (auto& place : queries_) place = std::make_unique<group_query>(port);
    }

    /// A refresh begins.
    void begin() noexcept { asked_.clear(), named_.clear(); }
    bool any_running() const noexcept {
        return std::any_of(queries_.begin(), queries_.end(),
                           [](auto const& query) { return query->running(); });
    }

    /// True for a node that this refresh has asked, and is still asking.
    bool has_asked(std::uint16_t number) const noexcept {
        return std::find(asked_.begin(), asked_.end(), number) != asked_.end();
    }
    bool is_asking(std::uint16_t number) const noexcept {
        return std::any_of(queries_.begin(), queries_.end(), [number](auto const& query) {
            return query->running() && query->asked() == number;
        });
    }

    /// Asks a node what it is, unless this refresh has done so.
    group_finding ask(std::uint16_t number) {
        if (has_asked(number)) return {};
        auto const free = std::find_if(queries_.begin(), queries_.end(),
                                       [](auto const& query) { return !query->running(); });
        if (asked_.size() == asked_max || free == queries_.end())
            return failed(number, "it is asked for no further server: the chain of replicas is too long");
        asked_.push_back(number);
        node const& peer = shared_.nodes[number];
        (*free)->start({number, peer.question_mode()}, peer.address.host, shared_.options.refresh_timeout);
        questions_.push(**free);
        return {};
    }

    /// A question has been answered.
    group_finding take(group_query& query, instant now) {
        using role = cluster::role_reply::role;
        std::uint16_t const number = query.asked();
        result<cluster::role_reply> told = query.take();
        if (!has_asked(number)) return {};  // It is the answer to an earlier refresh.
        if (!told) return unanswered(number, told.error());
        switch (told->is) {
            case role::primary: {
                for (cluster::endpoint& replica : told->replicas)
                    replica = shared_.options.addresses(std::move(replica));
                return {group_finding::outcome::found,
                        number,
                        cluster::group_topology(shared_.nodes[number].address, std::move(told->replicas)),
                        {}};
            }
            case role::replica: return follow(number, std::move(told->primary), now);
            case role::sentinel: break;
        }
        return failed(number, "it is a sentinel, and no server of data: write redis-sentinel://host#name");
    }

private:
    group_finding failed(std::uint16_t number, std::string const& why,
                         errc code = errc::no_reachable_node) const {
        return {group_finding::outcome::failed, number, {}, error{code, delivery::not_sent, why}};
    }
    /// A server that answers, but not this question, is served as it is: an old one, a proxy, or one that
    /// refuses this user the command. What sentinels or a replica name may be dead, or not the primary any
    /// more; what the user names is taken for alive where nothing else is known.
    group_finding unanswered(std::uint16_t number, error const& why) const {
        bool const by_sentinels = !shared_.options.sentinels.primary_name.empty();
        bool const named = std::find(named_.begin(), named_.end(), number) != named_.end();
        bool const lost = by_sentinels
                              ? origin_of(why.code()) != origin::server
                              : !is_refusal(why) && (named || shared_.routes.known() != known_as::nothing);
        return {lost ? group_finding::outcome::failed : group_finding::outcome::refused, number, {}, why};
    }
    /// True of a reply that time does not mend.
    static bool is_refusal(error const& why) noexcept {
        bool const replied = why.delivery() == delivery::not_executed || why.delivery() == delivery::executed;
        return replied && (origin_of(why.code()) == origin::protocol || why == errc::server_error ||
                           why == errc::no_permission);
    }
    group_finding follow(std::uint16_t number, std::optional<cluster::endpoint> named, instant now) {
        node const& peer = shared_.nodes[number];
        cluster::topology alone = cluster::group_topology(std::nullopt, {peer.address});
        if (!named) {
            group_finding unnamed = failed(number, "it is a replica, and names no primary");
            unnamed.group = std::move(alone);
            return unnamed;
        }
        cluster::endpoint const primary = shared_.options.addresses(std::move(*named));
        std::uint16_t const next = shared_.nodes.obtain(primary, now);
        group_finding answer = failed(number, "it is a replica of " + primary.to_string());
        answer.group = std::move(alone);
        if (next == link_id::no_node) return answer;
        bool const known = has_asked(next);
        if (!known) named_.push_back(next);
        group_finding const asked = ask(next);
        // The replica is kept all the same: who it names may not answer.
        if (!known && asked.is == group_finding::outcome::waits) answer.is = group_finding::outcome::waits;
        return answer;
    }

    control_state& shared_;
    call_list& questions_;
    std::array<std::unique_ptr<group_query>, 4> queries_;
    std::vector<std::uint16_t> asked_;  ///< By the running refresh.
    std::vector<std::uint16_t> named_;  ///< Of those the ones that a replica has named.
};

}  // namespace umbel::engine
