// scan_step.hpp: how one page of a scan comes about: which node is asked next, what is done with its answer,
// and what is waited for. The rules of what is proven stand in scan_progress.hpp. It is compiled with the
// client, behind calling::encoding.
#pragma once

#include <umbel/client/encode_transaction.hpp>
#include <umbel/client/scan_state.hpp>
#include <umbel/cluster/topology_parse_nodes.hpp>
#include <umbel/command/scan.hpp>
#include <umbel/command/server.hpp>
#include <umbel/command/server_admin.hpp>
#include <umbel/engine/led_shards.hpp>

#include <algorithm>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

namespace umbel::calling {

/// One next(): asks nodes, one after the other, until there is a page, or an end.
class scan_step final : public scan_turn {
public:
    using page = std::vector<std::string>;

    scan_step(async::pooled_call& whole, std::shared_ptr<scan_state> state) noexcept
        : scan_turn{whole, state}, state_{std::move(state)} {}

private:
    friend class async::call_sequence;
    using page_reply =
        std::tuple<result<command::scan_page<std::string>>, result<std::string>, result<std::string>>;

    /// A primary, and the slots that this client takes for its own.
    struct target {
        std::string node;
        slot_set slots;
    };

    scan_progress& progress() noexcept { return state_->progress; }

    void end() {
        progress().done = true;
        fail(error{errc::end_of_range, delivery::executed, "the scan has told all keys"});
    }

    // ---- What comes next ------------------------------------------------------------------------

    void choose() override {
        if (!looked_)
            return ask([](async::backend& there, async::pooled_call& call) {
                static_cast<scan_step&>(of_whole(call)).look(there);
            });
        if (progress().pass || begin_pass()) return ask_page();
        if (progress().alone) return end();
        answers_.clear();
        asked_ = 0;
        ask_nodes();
    }
    /// In a turn of the control plane, which knows the primaries.
    void look(async::backend& there) {
        or_fail([&] {
            targets_.clear();
            for (engine::led_shard const& shard : there.leaders()) {
                if (shard.name.empty()) continue;
                target& primary = targets_.emplace_back(target{shard.name, {}});
                for (cluster::slot_range const& range : shard.ranges)
                    for (std::size_t at = range.first.value(); at <= range.last.value(); ++at)
                        primary.slots.set(at);
            }
            progress().alone = there.standalone();
            looked_ = true;
            std::optional<scan_pass>& pass = progress().pass;
            bool const gone = pass && std::none_of(targets_.begin(), targets_.end(),
                                                   [&](target const& one) { return one.node == pass->node; });
            if (gone) pass.reset();
            choose();
        });
    }
    /// Picks a primary of this round that has slots which are not proven.
    bool begin_pass() {
        std::vector<std::string>& visited = progress().visited;
        for (target const& primary : targets_) {
            bool const wanted = progress().alone || (primary.slots & ~progress().proven).any();
            bool const seen = std::find(visited.begin(), visited.end(), primary.node) != visited.end();
            if (!wanted || seen) continue;
            visited.push_back(primary.node);
            progress().pass.emplace(scan_pass{.node = primary.node});
            return true;
        }
        return false;
    }
    /// Waits, and looks who is there then.
    void wait(engine::duration span) {
        std::shared_ptr<async::backend> const there = where();
        if (there && there->now() >= whole().deadline) {
            if (fault_ && fault_->code() == errc::slot_uncovered) return fail(*fault_);
            std::string why = "the deadline passed";
            if (fault_) why.append("; the latest fault was: ").append(fault_->message());
            return fail(error{errc::deadline_exceeded, delivery::not_executed, why});
        }
        looked_ = false;
        if (there) there->want_refresh();
        pause(span);
    }

    // ---- Pages ----------------------------------------------------------------------------------

    /// Has a call go to a node, once.
    async::pooled_call& to(async::pooled_call& call, std::string const& node, value_kind const& value) {
        aim(call, engine::destination{.node = node, .once = true}, value);
        return call;
    }
    /// SCAN, CLUSTER NODES and INFO in one transaction: what a node says of itself is of the moment of its
    /// page.
    void ask_page() {
        scan_pass const& pass = *progress().pass;
        command::word_list words{std::string_view{pass.cursor}};
        if (!state_->match.empty()) words.add("MATCH", std::string_view{state_->match});
        words.add("COUNT", state_->count);
        if (!state_->type.empty()) words.add("TYPE", std::string_view{state_->type});
        command::argument const sections[]{command::argument{"server"}, command::argument{"replication"}};
        using cluster::command_flags;
        encoded_command scan{command::specs::scan, words.words(), command_flags::read_only, {}};
        encoded_command nodes{command::specs::cluster_nodes, {}, command_flags::read_only, {}};
        encoded_command info{command::specs::info, sections, command_flags::read_only, {}};
        encoded_command* const all[]{&scan, &nodes, &info};
        for (encoded_command* const command : all) command->send_to_one_node();
        send_next<scan_step, page_reply, &scan_step::on_page>(
            to(make_transaction(state_->where, all, false, kind_of<page_reply>), pass.node,
               kind_of<page_reply>));
    }
    void on_page(result<page_reply>&& told) {
        if (!told) return failed(told.error());
        auto& [found, nodes, info] = *told;
        if (!found) return failed(found.error());
        result<scan_testimony> const said = testimony(nodes, info);
        if (!said) return failed(said.error());
        page keys = wanted(std::move(found->items));
        scan_pass next = *progress().pass;
        bool const ended = next.page(*said, std::move(found->cursor));
        bool const hopeless =
            !progress().alone && !ended && !next.process.empty() && (next.kept & ~progress().proven).none();
        progress().finished.reserve(progress().finished.size() + 1);
        bool const told_some = !keys.empty();
        if (told_some) async::result_slot<page>::put(whole(), [&] { return result<page>{std::move(keys)}; });
        // From here on nothing throws: what is told now has been seen.
        if (ended && !progress().alone) progress().finished.push_back(std::move(next));
        if (ended || hopeless)
            progress().pass.reset();
        else
            *progress().pass = std::move(next);
        fault_.reset();
        if (!told_some) return go_on();
        complete();
    }
    result<scan_testimony> testimony(result<std::string> const& nodes, result<std::string> const& info) {
        if (!info) return tl::unexpected<error>{info.error()};
        scan_testimony said;
        said.process = process_of(*info);
        if (said.process.empty())
            return umbel::fail(errc::unexpected_type, delivery::executed, "INFO names no run_id");
        if (progress().alone) return said;
        if (!nodes) return tl::unexpected<error>{nodes.error()};
        result<cluster::topology> const view = read(*nodes);
        if (!view) return tl::unexpected<error>{view.error()};
        if (view->self != cluster::topology::none) said.id = view->nodes[view->self].id;
        said.whole = whole_slots(*view);
        return said;
    }
    /// Addresses do not matter here: nodes are named by their ids.
    static result<cluster::topology> read(std::string_view nodes) {
        return cluster::parse_cluster_nodes(nodes, {.queried_host = "127.0.0.1"});
    }
    /// The keys of slots that are not proven, without the prefix.
    page wanted(page&& keys) {
        std::size_t kept = 0;
        for (std::string& key : keys) {
            if (!progress().wants(cluster::slot_of(key).value()) || !key.starts_with(state_->prefix))
                continue;
            key.erase(0, state_->prefix.size());
            if (&keys[kept] != &key) keys[kept] = std::move(key);
            ++kept;
        }
        keys.resize(kept);
        return std::move(keys);
    }

    // ---- The end of a round ---------------------------------------------------------------------

    /// Asks the primaries, one after the other, whom they take for the owners.
    void ask_nodes() {
        if (asked_ == targets_.size()) return end_round();
        send_next<scan_step, std::string, &scan_step::on_nodes>(
            to(make(state_->where, command::specs::cluster_nodes, {}, cluster::command_flags::none, {},
                    kind_of<std::string>),
               targets_[asked_].node, kind_of<std::string>));
    }
    void on_nodes(result<std::string>&& told) {
        ++asked_;
        if (!told && ends_scan(told.error())) return fail(std::move(told.error()));
        if (!told) fault_.emplace(std::move(told.error()));
        if (told) {
            if (result<cluster::topology> view = read(*told)) answers_.push_back(std::move(*view));
        }
        ask_nodes();
    }
    void end_round() {
        // A few may be cut off and know nothing of what the others have decided.
        if (answers_.size() < targets_.size() / 2 + 1) return wait(retry_pause);
        slot_set const before = progress().proven;
        bool const done = progress().end_round(answers_, state_->skip_uncovered);
        answers_.clear();
        if (done) return end();
        if ((progress().proven | progress().unserved).all())
            fault_.emplace(errc::slot_uncovered, delivery::not_executed,
                           "no node serves slots " + text_of(progress().unserved) +
                               "; all others are scanned (key_scan_options::skip_uncovered)");
        state_->idle_rounds = progress().proven == before ? state_->idle_rounds + 1 : 0;
        wait(retry_pause * (1 << std::min(state_->idle_rounds, 5u)));
    }

    // ---- Faults ---------------------------------------------------------------------------------

    /// A node could not be asked. What passes is waited out.
    void failed(error why) {
        if (ends_scan(why)) return fail(std::move(why));
        fault_.emplace(std::move(why));
        wait(retry_pause);
    }
    static bool ends_scan(error const& why) noexcept {
        switch (origin_of(why.code())) {
            case origin::caller:
            case origin::limit: return true;
            case origin::transport:
            case origin::cluster: return false;
            case origin::protocol: return why.code() == errc::unexpected_type;
            case origin::server:
                // A server that loads refuses the page's commands, and the transaction with them.
                return why.code() != errc::exec_aborted && why.code() != errc::busy_script;
        }
        return true;
    }

    static constexpr engine::duration retry_pause = std::chrono::milliseconds{25};

    std::shared_ptr<scan_state> const state_;
    std::vector<target> targets_;
    std::vector<cluster::topology> answers_;
    std::size_t asked_ = 0;  ///< Targets that were asked at the end of this round.
    std::optional<error> fault_;
    bool looked_ = false;
};

/// Behind key_scan::next().
inline async::pooled_call& next_page(std::shared_ptr<scan_state> const& state, value_kind const& value) {
    async::pooled_call& call = value.obtain(*state->where.owner);
    prepare(call, state->where, cluster::command_flags::none);
    auto const fail = [&](error why) -> async::pooled_call& {
        state->note(why);
        return refuse(call, value, std::move(why));
    };
    if (state->where.wrong) return fail(error{*state->where.wrong});
    if (state->wrong) return fail(error{*state->wrong});
    if (state->progress.done)
        return refuse(call, value,
                      error{errc::end_of_range, delivery::not_sent, "the scan has told all keys"});
    call.group.reset(new (std::nothrow) scan_step{call, state});
    if (!call.group) return fail(error{errc::no_memory, delivery::not_sent});
    state->note(scan_turns::never_begun());
    call.launch = async::launch_kind::group;
    return call;
}

inline constexpr scan_code compiled_scan{
    .begin = &begin_scan,
    .next = &next_page,
    .cursor = [](scan_state const& state) { return write_progress(state.progress, state.filters); },
    .done = [](scan_state const& state) noexcept { return state.progress.done; },
    .failure = [](scan_state const& state) { return state.failure; },
    .rounds = [](scan_state const& state) noexcept { return state.progress.rounds; }};

}  // namespace umbel::calling
