// engine.hpp: the control plane of a client: events and the time go in, actions and calls come out.
// It knows no socket, no clock, no thread and no reply type; the data plane (pipeline, router) goes past it.
#pragma once

#include <umbel/cluster/address_map.hpp>
#include <umbel/cluster/slot_patches.hpp>
#include <umbel/engine/action.hpp>
#include <umbel/engine/event.hpp>
#include <umbel/engine/judge.hpp>
#include <umbel/engine/node.hpp>
#include <umbel/engine/query.hpp>
#include <umbel/engine/refresher.hpp>
#include <umbel/engine/retry_budget.hpp>
#include <umbel/engine/router.hpp>
#include <umbel/engine/waiting_calls.hpp>

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace umbel::engine {

/// What the engine must be told once. Owns its texts.
struct engine_options {
    std::vector<cluster::endpoint> seeds;
    cluster::address_map addresses;
    handshake_plan plan;
    umbel::topology_source source = umbel::topology_source::automatic;
    umbel::deployment deployment = umbel::deployment::automatic;
    judge_options judging;
    refresher_options refreshing;
    retry_budget_options budget;
    duration refresh_timeout = std::chrono::seconds{1};
    duration reconnect_delay = std::chrono::milliseconds{20};
    duration reconnect_delay_max = std::chrono::seconds{1};
    std::string zone;                                              ///< The client's availability zone.
    std::vector<std::pair<cluster::endpoint, std::string>> zones;  ///< Of nodes whose servers do not tell it.
    unsigned breaker_failures = 5;  ///< In a row, before a node's circuit breaker opens; 0: never.
    std::uint32_t waiting_max = 131072;
    std::uint16_t nodes_max = 2048;
    unsigned contexts = 1;     ///< Of the client; each has connections of its own.
    bool observed = false;  ///< Somebody listens: report what only an observer wants to know.
    std::uint64_t seed = 1;
};

/// Counters of the control plane.
struct engine_counters {
    std::uint64_t refreshes = 0;         ///< Refreshes begun.
    std::uint64_t topology_queries = 0;  ///< Nodes asked.
    std::uint64_t topology_changes = 0;
    std::uint64_t moved = 0;
    std::uint64_t asked = 0;
    std::uint64_t retried = 0;
    std::uint64_t retries_denied = 0;  ///< Calls that failed because the way budget was empty.
    std::uint64_t connects = 0;        ///< Connections opened.
    std::uint64_t disconnects = 0;     ///< Connections lost, or refused.
    std::uint64_t breakers_opened = 0;
};

/// The control plane. After each handle(), tick() or close() the driver carries out actions() in order, then
/// submits every call of outgoing() to the link it names, then completes every call of finished(). Threading:
/// one owner at a time, except routes(), whose reading functions are for everybody.
class engine {
public:
    engine(engine_options options, query_port port, traffic_port traffic = {});
    engine(engine const&) = delete;
    engine& operator=(engine const&) = delete;

    /// Begins the search for a topology.
    void start(instant now);
    void handle(event&& happened, instant now) noexcept;
    void tick(instant now) noexcept;
    /// Gives up every waiting call with errc::cancelled. Nothing is submitted afterwards.
    void close(instant now) noexcept;
    /// Ends the calls of an event for which there was no memory, with errc::no_memory.
    void unheard(event& happened) noexcept { spare(happened); }
    /// Gives up one call that waits here. Precondition: it does.
    void cancel(call& call) noexcept;

    /// When tick() should be called next.
    instant next_due() const noexcept;

    std::vector<action>& actions() noexcept { return actions_; }
    call_list& outgoing() noexcept { return outgoing_; }
    call_list& finished() noexcept { return finished_; }

    router& routes() noexcept { return router_; }
    router const& routes() const noexcept { return router_; }
    cluster::topology const& topology() const noexcept { return topology_; }
    node_table const& nodes() const noexcept { return nodes_; }
    engine_counters const& counters() const noexcept { return counters_; }
    std::size_t waiting() const noexcept { return waiting_.size(); }
    bool closed() const noexcept { return closed_; }

private:
    /// Refreshes in which only strangers answered, before they are believed.
    static constexpr unsigned rebuilt_after_failures = 2;
    /// Of the text that says what each node answered, beyond which no further node is quoted.
    static constexpr std::size_t answers_bytes_max = 600;

    void on(link_opened& seen, instant now);
    void on(link_lost& seen, instant now);
    void on(link_closed& seen, instant now);
    void on(calls_returned& seen, instant now);
    void on(calls_parked& seen, instant now);
    void on(query_settled& seen, instant now);
    void on(refresh_wanted& seen, instant now);

    // Calls: where they go next.
    void go_on(call& call, instant now);
    bool may_go_on(call const& call, instant now);
    void resume(call& call, instant now);
    void earn(instant now);
    void follow(call& call, instant now);
    void learn(retry_state const& retry, std::uint16_t to);
    void reroute(call& call, std::uint16_t avoid, instant now);
    void place(call& call, link_id to, instant now);
    void arrived(call& call);
    void wait(call& call, waits_for what, instant due, instant now);
    void unreachable(call& call, link_id to, errc why, std::string_view message, instant now);
    void expire(call& call);
    void finish(call& call, errc why, delivery delivered, std::string_view message,
                std::string_view node = {}) noexcept;
    void pass_time(instant now);
    std::uint16_t named_by(retry_state const& retry, instant now);

    // Links.
    void open(link_id link, instant now);
    void shut(link_id link, instant now);
    void shut_all(std::uint16_t number, link_mode mode, instant now);
    void call_off_attempts(cluster::topology const& told, std::vector<std::uint16_t> const& numbers,
                           instant now);
    void reopen_due(instant now);
    bool knows_another(std::uint16_t number) const noexcept;

    // How nodes stand.
    void note_closed(node const& peer, link_status& closed, link_mode mode, std::string_view why) noexcept;
    void note_loss(node& peer, link_status const& lost, bool was_up, instant now);
    void avoid_until(std::uint16_t number, instant now);
    void publish_health(std::uint16_t number, instant now);
    void health_due(instant now);
    void note_zone(std::uint16_t number, std::string const& zone, instant now);
    std::string_view zone_of(node const& node) const noexcept;

    // Topology.
    struct view {
        cluster::topology told;
        std::uint64_t asked_at = 0;  ///< What redirects had taught by then; see cluster::slot_patches.
        std::uint16_t by = link_id::no_node;  ///< Who told it.
    };
    void begin_refresh(instant now);
    void ask_candidates(instant now);
    void send(query& asked, instant now);
    void refused(query& query, error const& why, instant now);
    bool is_sure_member(query const& query) const noexcept;
    std::vector<std::uint16_t> candidates(instant now);
    void answered(query& query, instant now);
    void quote(std::uint16_t number, error const& why) noexcept;
    void not_helped(std::uint16_t number, error why, instant now);
    void conclude(instant now);
    void adopt(view seen, instant now);
    void settle_members(cluster::topology const& told, std::vector<std::uint16_t> const& numbers,
                        instant now);
    void close_strangers(instant now);
    void release(bool changed, instant now);

    // Memory: whoever is being moved on when it runs out ends with errc::no_memory; nobody is forgotten.
    template <class Step>
    void guarded(call& call, Step&& step) noexcept;
    void spare(call& call) noexcept;
    void spare(event& unheard) noexcept;

    /// Tells the observer what `make()` returns, where somebody listens.
    template <class Make>
    void observe(Make&& make) noexcept;

    engine_options options_;
    random_source random_;
    router router_;
    node_table nodes_;
    waiting_calls waiting_;
    refresher refresher_;
    traffic_port traffic_;
    retry_budget budget_;
    std::array<std::unique_ptr<query>, 4> queries_;
    cluster::topology topology_;
    cluster::slot_patches patches_;
    std::uint16_t teller_ = link_id::no_node;  ///< Who has sent the latest MOVED.
    std::optional<view>
        foreign_;  ///< A full view that shares no known node: a cluster built anew at the same addresses.
    std::optional<view> best_;  ///< The fullest view of the running refresh, while others may be fuller.
    std::optional<error> last_error_;  ///< Why the latest candidate did not help.
    /// What the candidates of a refresh said who did not help.
    struct hearsay {
        std::string text;
        std::optional<errc> replied;  ///< The latest that came from a server that answered.
    };
    hearsay heard_;         ///< In the present refresh, or the latest …
    hearsay heard_before_;  ///< … and in one before, where somebody said anything.
    bool only_refusals_ =
        true;  ///< Every failure of the running refresh was a refusal that time does not mend.
    topology_source begins_with_ =
        topology_source::shards;   ///< The first command that is not known to be refused.
    bool epochs_refused_ = false;  ///< This user may not call CLUSTER NODES.
    instant refresh_begun_at_{0};
    unsigned refresh_queries_ = 0;
    bool closed_ = false;
    std::uint32_t turn_ = 0;
    instant sweep_at_{0};
    instant health_due_at_ = never;
    std::vector<action> actions_;
    call_list outgoing_;
    call_list finished_;
    engine_counters counters_;
};

}  // namespace umbel::engine

#include <umbel/engine/engine_calls.hpp>
#include <umbel/engine/engine_links.hpp>
#include <umbel/engine/engine_memory.hpp>
#include <umbel/engine/engine_health.hpp>
#include <umbel/engine/engine_topology.hpp>
